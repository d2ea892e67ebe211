//! One look at fixed numbers of requests, and a series of looks that share none.

use super::{Case, Checks, Odds, Toll};
use crate::core::judge::{Count, Judge, Seen, binomial};

/// What one look comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chances {
    /// The version is condemned.
    pub fail: f64,
    /// No verdict.
    pub inconclusive: f64,
}

/// Less than this is left out of an enumeration.
const DUST: f64 = 1e-15;

/// Of one look at `canary` requests that fail at `rate` and `control` requests that fail at the baseline, by enumeration of
/// the control's failures: for each of them there is a number of the canary's from which on the judge condemns it.
pub fn chances(case: &Case, (canary, control): (u64, u64), rate: f64) -> Chances {
    let says = |x: u64, y: u64| {
        let seen =
            Seen { canary: Count::new(x, canary), control: Count::new(y, control), look: u32::MAX, points: (&[], &[]) };
        case.judge.judge(&seen, case.floor)
    };
    let fails = |x: u64, y: u64| says(x, y).is_fail();
    let is_open = |x: u64, y: u64| !says(x, y).is_pass() && !says(x, y).is_fail();
    if canary < case.floor.max(1) || case.judge.needs_control() && control == 0 {
        return Chances { fail: 0.0, inconclusive: 1.0 };
    }
    let (first, last) = if case.judge.needs_control() { support(control, case.baseline) } else { (0, 0) };
    let mut chances = Chances::default();
    let mut bound = 0;
    for y in first..=last {
        let weight = if case.judge.needs_control() { binomial::probability(y, control, case.baseline) } else { 1.0 };
        bound = from_on(bound, canary, |x| fails(x, y));
        let fail = binomial::at_least(bound, canary, rate);
        chances.fail += weight * fail;
        if matches!(case.judge, Judge::Anytime(_) | Judge::Sprt(_)) {
            let open = from_on(0, bound, |x| is_open(x, y) || fails(x, y));
            chances.inconclusive += weight * (binomial::at_least(open, canary, rate) - fail).max(0.0);
        }
    }
    chances
}

/// The smallest number from `low` on for which `holds`, which it does for all larger ones; `most` + 1 if it does for none.
pub(super) fn from_on(low: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut width) = (low, 1);
    // The bound of the next row is near that of the last: steps that double, then halving.
    while low + width <= most && !holds(low + width - 1) {
        low += width;
        width *= 2;
    }
    let mut high = (low + width).min(most + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// All numbers of failures that matter.
pub(super) fn support(trials: u64, rate: f64) -> (u64, u64) {
    let mean = trials as f64 * rate;
    let reach = 9.0 * (mean * (1.0 - rate)).sqrt() + 20.0;
    let (mut low, mut high) = ((mean - reach).max(0.0) as u64, ((mean + reach) as u64).min(trials));
    while low < high && binomial::probability(low, trials, rate) < DUST && (low as f64) < mean {
        low += 1;
    }
    while high > low && binomial::probability(high, trials, rate) < DUST && (high as f64) > mean {
        high -= 1;
    }
    (low, high)
}

/// A series of looks with requests of their own: the state is how many checks have failed so far.
pub(super) fn series(case: &Case, checks: &Checks, rate: f64) -> Odds {
    let mut toll = Toll::default();
    let mut by_failed = vec![Paths::default(); checks.limit as usize + 1];
    by_failed[0].probability = 1.0;
    let mut open = 1.0;
    let mut known: Option<((u64, u64), Chances)> = None;
    let mut before_s = 0.0;
    for check in &checks.list {
        let size = (check.canary, check.control);
        let found = match known {
            Some((of, found)) if of == size => found,
            _ => chances(case, size, rate),
        };
        known = Some((size, found));
        let lasts_s = check.at_s - before_s;
        before_s = check.at_s;
        step(&mut by_failed, &mut toll, checks.holds, (check.canary as f64, lasts_s), found.fail);
        open = if found.fail < 1.0 { found.inconclusive / (1.0 - found.fail) } else { 0.0 };
    }
    let rest: f64 = by_failed.iter().map(|paths| paths.probability).sum();
    let requests: f64 = by_failed.iter().map(|paths| paths.requests).sum();
    toll.close(rest * open, requests)
}

/// All ways to a state: their probability, and the requests and time they took, weighted by it.
#[derive(Clone, Copy, Debug, Default)]
struct Paths {
    probability: f64,
    requests: f64,
    seconds: f64,
}

impl Paths {
    /// What goes on with this probability, after further requests and seconds.
    fn on(self, probability: f64, (requests, seconds): (f64, f64)) -> Paths {
        Paths {
            probability: probability * self.probability,
            requests: probability * (self.requests + requests * self.probability),
            seconds: probability * (self.seconds + seconds * self.probability),
        }
    }

    fn plus(self, other: Paths) -> Paths {
        Paths {
            probability: self.probability + other.probability,
            requests: self.requests + other.requests,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// One check. Where a failed one holds the canary, it is followed by another of the same share at once.
fn step(by_failed: &mut [Paths], toll: &mut Toll, holds: bool, takes: (f64, f64), fail: f64) {
    let mut from_below = Paths::default();
    for state in by_failed {
        let here = if holds { state.plus(from_below) } else { *state };
        let (failed, passed) = (here.on(fail, takes), here.on(1.0 - fail, takes));
        *state = if holds { passed } else { passed.plus(from_below) };
        from_below = failed;
    }
    toll.condemn_all(from_below.probability, from_below.seconds, from_below.requests);
}
