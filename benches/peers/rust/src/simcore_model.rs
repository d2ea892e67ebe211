//! dslab's simcore: components that send each other events.

use crate::{RATE, Workload};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

#[derive(Clone, Serialize)]
struct Arrival {}

#[derive(Clone, Serialize)]
struct Request {
    sent: f64,
}

#[derive(Clone, Serialize)]
struct Served {
    sent: f64,
}

/// In flight at each station, as the balancer and the stations share it.
type Loads = Rc<RefCell<Vec<usize>>>;

struct Source {
    workload: Workload,
    left: u64,
    sent: usize,
    stations: Vec<Id>,
    loads: Loads,
    luck: Xoshiro256PlusPlus,
    context: SimulationContext,
}

impl Source {
    fn choose(&self) -> usize {
        if !self.workload.shortest {
            return self.sent % self.stations.len();
        }
        let loads = self.loads.borrow();
        (0..loads.len()).min_by_key(|&place| loads[place]).expect("there are stations")
    }
}

impl EventHandler for Source {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Arrival {} => {
                let place = self.choose();
                self.sent += 1;
                self.loads.borrow_mut()[place] += 1;
                self.context.emit_now(Request { sent: self.context.time() }, self.stations[place]);
                self.left -= 1;
                if self.left > 0 {
                    let gap: f64 = Exp1.sample(&mut self.luck);
                    self.context.emit_self(Arrival {}, gap / RATE);
                }
            }
        })
    }
}

struct Station {
    place: usize,
    free: usize,
    queue: VecDeque<f64>,
    sum: f64,
    loads: Loads,
    luck: Xoshiro256PlusPlus,
    context: SimulationContext,
}

impl Station {
    fn serve(&mut self, sent: f64) {
        let work: f64 = Exp1.sample(&mut self.luck);
        self.context.emit_self(Served { sent }, work);
    }
}

impl EventHandler for Station {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Request { sent } => {
                if self.free > 0 {
                    self.free -= 1;
                    self.serve(sent);
                } else {
                    self.queue.push_back(sent);
                }
            }
            Served { sent } => {
                self.sum += self.context.time() - sent;
                self.loads.borrow_mut()[self.place] -= 1;
                match self.queue.pop_front() {
                    Some(next) => self.serve(next),
                    None => self.free += 1,
                }
            }
        })
    }
}

pub fn mean_response(workload: Workload, requests: u64) -> f64 {
    let mut simulation = Simulation::new(1);
    let loads: Loads = Rc::new(RefCell::new(vec![0; workload.stations]));
    let (mut ids, mut stations) = (Vec::new(), Vec::new());
    for place in 0..workload.stations {
        let name = format!("station {place}");
        let station = Rc::new(RefCell::new(Station {
            place,
            free: workload.slots,
            queue: VecDeque::new(),
            sum: 0.0,
            loads: Rc::clone(&loads),
            luck: Xoshiro256PlusPlus::seed_from_u64(place as u64 + 2),
            context: simulation.create_context(name.as_str()),
        }));
        ids.push(simulation.add_handler(name, station.clone()));
        stations.push(station);
    }
    let context = simulation.create_context("source");
    let luck = Xoshiro256PlusPlus::seed_from_u64(1);
    let source = Source { workload, left: requests, sent: 0, stations: ids, loads, luck, context };
    source.context.emit_self(Arrival {}, 0.0);
    simulation.add_handler("source", Rc::new(RefCell::new(source)));
    simulation.step_until_no_events();
    stations.iter().map(|station| station.borrow().sum).sum::<f64>() / requests as f64
}
