//! Prequal (Wydrowski et al., NSDI 2024): probes tell requests in flight and latency. An instance is hot when its requests
//! in flight lie above a quantile of those probed. If any is cold, the cold one with the lowest latency is picked, else the
//! one with the fewest in flight. Each pick sends a few probes to random instances; a small pool of answers is kept, the
//! oldest leaves first, and an answer that was used counts one request more.
//!
//! Here a probe is answered at once with the last report of the instance, or with what this proxy sees itself.
//! Cold start: nothing in flight and no latency yet, so that it looks fastest as soon as a probe finds it.

use super::rule::Prequal;
use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::Report;
use crate::core::proxy::pool::{End, Member};
use crate::core::time::Moment;
use std::collections::VecDeque;

/// One answered probe.
#[derive(Clone, Copy, Debug)]
struct Probe {
    place: u32,
    in_flight: u32,
    latency_s: f64,
}

/// What is known of one instance.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    reported: Option<u32>,
    latency_s: f64,
}

/// The pool of probes.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Probing {
    options: Prequal,
    known: Vec<Known>,
    probes: VecDeque<Probe>,
    loads: Vec<u32>,
}

impl Probing {
    pub fn new(options: Prequal) -> Probing {
        Probing { options, known: Vec::new(), probes: VecDeque::new(), loads: Vec::new() }
    }

    fn probe(&mut self, members: &[Member], turn: &mut Turn<'_>) {
        let place = turn.below(members.len());
        if !turn.eligible.admits(&members[place]) {
            return;
        }
        let Known { reported, latency_s } = self.known[place];
        let in_flight = reported.unwrap_or(0).max(members[place].active);
        if self.probes.len() == self.options.pool as usize {
            self.probes.pop_front();
        }
        self.probes.push_back(Probe { place: place as u32, in_flight, latency_s });
    }

    /// Above this many in flight an instance is hot.
    fn limit(&mut self) -> u32 {
        self.loads.clear();
        self.loads.extend(self.probes.iter().map(|probe| probe.in_flight));
        self.loads.sort_unstable();
        let rank = (self.options.hot_quantile * self.loads.len() as f64).ceil() as usize;
        self.loads[rank.clamp(1, self.loads.len()) - 1]
    }
}

impl Algorithm for Probing {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        for _ in 0..self.options.probes.min(members.len() as u32) {
            self.probe(members, turn);
        }
        self.probes.retain(|probe| turn.eligible.admits(&members[probe.place as usize]));
        if self.probes.is_empty() {
            let start = if members.is_empty() { return None } else { turn.below(members.len()) };
            return any_from(members, turn.eligible, start);
        }
        let limit = self.limit();
        let rank = |probe: &Probe| match probe.in_flight > limit {
            false => (0, probe.latency_s, probe.in_flight),
            true => (1, 0.0, probe.in_flight),
        };
        let less = |a: &Probe, b: &Probe| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal);
        let best = self.probes.iter_mut().min_by(|a, b| less(a, b))?;
        best.in_flight += 1;
        Some(best.place as usize)
    }

    fn minds(&self) -> Minds {
        Minds::Endings
    }

    fn change(&mut self, _: &mut [Member], change: Change, _: Moment) {
        match change {
            Change::Joined(_) => self.known.push(Known::default()),
            Change::Left(place) => {
                self.known.remove(place);
                self.probes.clear();
            }
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
    }

    fn learn(&mut self, _: &mut [Member], place: usize, end: End) {
        let known = &mut self.known[place];
        let sample = end.latency.seconds();
        known.latency_s = if known.latency_s == 0.0 { sample } else { 0.9 * known.latency_s + 0.1 * sample };
    }

    fn report(&mut self, _: &mut [Member], place: usize, report: &Report, _: Moment) {
        self.known[place] = Known { reported: Some(report.in_flight), latency_s: report.latency_s };
    }

    fn show(&self, _: &[Member], place: usize, _: Moment) -> Shown {
        Shown { estimate_ms: Some(self.known[place].latency_s * 1e3), ..Shown::default() }
    }
}
