//! Peak EWMA: of two distinct members the one with the lower cost, which is the estimated latency times attempts under way
//! plus one; ties go to the first drawn. The estimate jumps up to a slow sample at once, and comes down as a moving
//! average (`tower/src/load/peak_ewma.rs`, Finagle's `PeakEwma`).
//!
//! Cold start: tower and linkerd believe a newcomer to have the default latency, so that a fleet slower than that herds
//! there and a faster one starves it. Finagle gives a newcomer one attempt, and a huge penalty until it has answered.

use super::rule::Ewma;
use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::pool::{End, Member};
use crate::core::time::{Moment, Span};

/// Finagle's cost of an attempt on someone who has not answered yet, in nanoseconds: more than any latency.
const PENALTY_NS: f64 = 9e15;

/// Estimates by place.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct PeakEwma {
    options: Ewma,
    finagle: bool,
    estimates: Vec<Estimate>,
    candidates: Vec<u32>,
}

/// A latency that fades.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    ns: f64,
    at: Moment,
}

impl Estimate {
    pub(super) fn new(rtt: Span, at: Moment) -> Estimate {
        Estimate { ns: rtt.nanos() as f64, at }
    }

    /// What is left of it; nothing was measured since, so it fades towards zero.
    #[inline]
    pub(super) fn read(&self, now: Moment, decay: Span) -> f64 {
        self.ns * left(now.since(self.at), decay)
    }

    pub(super) fn learn(&mut self, sample: Span, now: Moment, decay: Span) {
        let sample = sample.nanos() as f64;
        let old = left(now.since(self.at), decay);
        self.ns = if sample > self.ns { sample } else { self.ns * old + sample * (1.0 - old) };
        self.at = now;
    }
}

#[inline]
fn left(gap: Span, decay: Span) -> f64 {
    if gap.is_zero() { 1.0 } else { (-(gap.nanos() as f64) / decay.nanos() as f64).exp() }
}

impl PeakEwma {
    pub fn tower(options: Ewma) -> PeakEwma {
        PeakEwma { options, finagle: false, estimates: Vec::new(), candidates: Vec::new() }
    }

    pub fn finagle(options: Ewma) -> PeakEwma {
        PeakEwma { finagle: true, ..PeakEwma::tower(options) }
    }

    #[inline]
    fn cost(&self, members: &[Member], place: usize, now: Moment) -> f64 {
        let active = f64::from(members[place].active);
        let estimate = self.estimates[place].read(now, self.options.decay);
        if self.finagle && estimate == 0.0 && active > 0.0 { PENALTY_NS + active } else { estimate * (active + 1.0) }
    }

    /// Draws until `draw` gives someone eligible, each candidate at most once.
    fn draw(&mut self, drawn: &mut usize, members: &[Member], turn: &mut Turn<'_>) -> Option<usize> {
        while *drawn < self.candidates.len() {
            let at = *drawn + turn.below(self.candidates.len() - *drawn);
            self.candidates.swap(*drawn, at);
            let place = self.candidates[*drawn] as usize;
            *drawn += 1;
            if turn.eligible.admits(&members[place]) {
                return Some(place);
            }
        }
        None
    }
}

impl Algorithm for PeakEwma {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let mut drawn = 0;
        let Some(first) = self.draw(&mut drawn, members, turn) else { return any_from(members, turn.eligible, 0) };
        let Some(second) = self.draw(&mut drawn, members, turn) else { return Some(first) };
        let now = turn.eligible.now;
        Some(if self.cost(members, second, now) < self.cost(members, first, now) { second } else { first })
    }

    fn minds(&self) -> Minds {
        Minds::Endings
    }

    fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
        match change {
            Change::Joined(_) => {
                let rtt = if self.finagle { Span::ZERO } else { self.options.default_rtt };
                self.estimates.push(Estimate::new(rtt, now));
            }
            Change::Left(place) => _ = self.estimates.remove(place),
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
        self.candidates.clear();
        self.candidates.extend((0..).zip(members).filter(|(_, member)| member.in_play()).map(|(place, _)| place));
    }

    #[inline]
    fn learn(&mut self, _: &mut [Member], place: usize, end: End) {
        self.estimates[place].learn(end.latency, end.now, self.options.decay);
    }

    fn show(&self, _: &[Member], place: usize, now: Moment) -> Shown {
        let estimate = self.estimates[place].read(now, self.options.decay);
        Shown { estimate_ms: Some(estimate / 1e6), ..Shown::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_fade_as_towers_tests_say() {
        let read = |rtt_ms, decay_s, millis| {
            let estimate = Estimate::new(Span::from_millis(rtt_ms), Moment::START);
            estimate.read(Moment::START + Span::from_millis(millis), Span::from_secs(decay_s)) / 1e6
        };
        assert!((read(10, 1, 100) - 9.048).abs() < 5e-4);
        assert!((read(10, 1, 200) - 8.187).abs() < 5e-4);
        assert!((read(30, 10, 10_000) - 11.04).abs() < 5e-3);
        assert!((read(30, 10, 6_931) - 15.0).abs() < 5e-3);
    }

    #[test]
    fn a_slow_answer_counts_at_once_and_a_fast_one_slowly() {
        let decay = Span::from_secs(10);
        let mut estimate = Estimate::new(Span::from_millis(30), Moment::START);
        estimate.learn(Span::from_millis(500), Moment::START, decay);
        assert_eq!(estimate.ns, 5e8);
        let later = Moment::START + Span::from_secs(10);
        estimate.learn(Span::from_millis(100), later, decay);
        assert!((estimate.ns / 1e6 - (500.0 * 0.36788 + 100.0 * 0.63212)).abs() < 0.01);
    }
}
