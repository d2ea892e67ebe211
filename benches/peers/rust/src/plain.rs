//! What everybody writes first: the standard library's heap, floating-point time, one loop. It forecasts nothing and
//! measures nothing but the mean, so it is a bound rather than a peer.

use crate::{RATE, Workload};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// An event: an arrival, or the end of a service at a station.
struct Event {
    at: f64,
    station: Option<usize>,
    sent: f64,
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Event) -> Ordering {
        other.at.total_cmp(&self.at)
    }
}

#[derive(Default)]
struct Station {
    busy: usize,
    queue: VecDeque<f64>,
}

pub fn mean_response(workload: Workload, requests: u64) -> f64 {
    let mut luck = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut draw = move || -> f64 { Exp1.sample(&mut luck) };
    let mut stations: Vec<Station> = (0..workload.stations).map(|_| Station::default()).collect();
    let mut events = BinaryHeap::from([Event { at: draw() / RATE, station: None, sent: 0.0 }]);
    let (mut arrived, mut sum) = (0, 0.0);
    while let Some(Event { at, station, sent }) = events.pop() {
        match station {
            None => {
                let place = choose(workload, &stations, arrived);
                arrived += 1;
                let station = &mut stations[place];
                if station.busy < workload.slots {
                    station.busy += 1;
                    events.push(Event { at: at + draw(), station: Some(place), sent: at });
                } else {
                    station.queue.push_back(at);
                }
                if arrived < requests {
                    events.push(Event { at: at + draw() / RATE, station: None, sent: 0.0 });
                }
            }
            Some(place) => {
                sum += at - sent;
                match stations[place].queue.pop_front() {
                    Some(sent) => events.push(Event { at: at + draw(), station: Some(place), sent }),
                    None => stations[place].busy -= 1,
                }
            }
        }
    }
    sum / requests as f64
}

fn choose(workload: Workload, stations: &[Station], arrived: u64) -> usize {
    if !workload.shortest {
        return arrived as usize % workload.stations;
    }
    let load = |place: &usize| stations[*place].busy + stations[*place].queue.len();
    (0..workload.stations).min_by_key(load).expect("there are stations")
}
