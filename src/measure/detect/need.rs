//! The requests that a judge needs to catch a defect with a given probability.

use super::replay::at_the_end;
use super::{Case, Check, Checks, chances};
use crate::core::judge::proportions::{Demand, canary_needed};
use crate::core::judge::{Count, GroupSequential, Judge, Seen, Sprt, binomial};

/// What is asked for, and how fast requests come.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Probability to condemn a healthy version; for judges that do not have it in their rule, a limit.
    pub alpha: f64,
    /// Probability to condemn the bad one.
    pub power: f64,
    /// Requests of the canary in a second.
    pub canary_rate: f64,
    /// Requests of the control for each of the canary.
    pub ratio: f64,
    /// Between two points of a metric, for a judge that wants points.
    pub interval_s: f64,
}

/// What it takes.
#[derive(Clone, Debug)]
pub struct Need {
    /// Requests of the canary.
    pub canary: u64,
    /// Requests of the control meanwhile; 0 where nobody looks at them.
    pub control: u64,
    /// The looks at them.
    pub checks: Checks,
}

/// More requests than this are not looked for.
const REQUESTS_MAX: u64 = 1_000_000_000;
/// Enumerations get slow beyond this.
const ENUMERATED_MAX: u64 = 50_000_000;
const POINTS_MAX: usize = 512;

/// `None`: no number of requests is enough.
pub fn need(case: &Case, wanted: &Wanted) -> Option<Need> {
    let canary = match case.judge {
        Judge::Sprt(test) => return Some(sequential(&test, wanted)),
        Judge::Looks(test) => return Some(planned(case, &test, wanted)),
        Judge::MannWhitney(_) => return points(case, wanted),
        Judge::Z(_) => by_formula(case, wanted, wanted.alpha),
        Judge::Threshold(limit) => above_a_limit(case, wanted, limit.value())?,
        Judge::Fisher(_) | Judge::Anytime(_) => {
            smallest(by_formula(case, wanted, wanted.alpha), |n| is_caught(case, wanted, n))?
        }
        Judge::Relative(factor) if factor * case.baseline >= case.bad => return None,
        Judge::Relative(_) => smallest(by_formula(case, wanted, wanted.alpha), |n| {
            is_caught(case, wanted, n) && chances(case, wanted.both(n), case.baseline).fail <= wanted.alpha
        })?,
    };
    Some(wanted.one_look(case, canary.max(case.floor)))
}

impl Wanted {
    fn both(&self, canary: u64) -> (u64, u64) {
        (canary, (canary as f64 * self.ratio).round() as u64)
    }

    fn check(&self, at: u64, canary: u64) -> Check {
        Check { at_s: at as f64 / self.canary_rate, canary, control: self.both(canary).1 }
    }

    fn one_look(&self, case: &Case, canary: u64) -> Need {
        let check = self.check(canary, canary);
        let control = if case.judge.needs_control() { check.control } else { 0 };
        Need { canary, control, checks: Checks::one(check.at_s, canary, check.control) }
    }
}

fn by_formula(case: &Case, wanted: &Wanted, alpha: f64) -> u64 {
    let demand = Demand { baseline: case.baseline, bad: case.bad, alpha, power: wanted.power };
    canary_needed(demand, wanted.ratio).ceil() as u64
}

fn is_caught(case: &Case, wanted: &Wanted, canary: u64) -> bool {
    chances(case, wanted.both(canary), case.bad).fail >= wanted.power
}

/// About the smallest number for which `enough` holds: power has the teeth of a saw, so that a few numbers below one that
/// is enough may not be, and some below those may be again. From the guess up or down, then down tooth by tooth.
fn smallest(guess: u64, enough: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = guess.max(1);
    while !enough(high) {
        high = high.saturating_mul(2);
        if high > ENUMERATED_MAX {
            return None;
        }
    }
    let mut low = 0;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    let tooth = (high / 4).clamp(1, 64);
    while let Some(lower) = (high.saturating_sub(tooth)..high).find(|n| *n > 0 && enough(*n)) {
        high = lower;
    }
    Some(high)
}

/// A limit of the rate: between two multiples of 1/limit the same number of failures is too many, so that power and false
/// alarm grow with the requests there; the first stretch with enough power that keeps its false alarm has the answer.
fn above_a_limit(case: &Case, wanted: &Wanted, limit: f64) -> Option<u64> {
    const FAILURES_MAX: u64 = 100_000;
    let caught = |n: u64, failures: u64| binomial::at_least(failures, n, case.bad) >= wanted.power;
    for failures in 1..=FAILURES_MAX {
        let last = if limit > 0.0 { last_tolerating(limit, failures) } else { REQUESTS_MAX };
        let first = if failures == 1 { 1 } else { last_tolerating(limit, failures - 1) + 1 };
        if first > REQUESTS_MAX || first > last || !caught(last, failures) {
            if limit <= 0.0 {
                return None;
            }
            continue;
        }
        let (mut low, mut high) = (first - 1, last);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if caught(middle, failures) { high = middle } else { low = middle }
        }
        if binomial::at_least(failures, high, case.baseline) <= wanted.alpha {
            return Some(high);
        }
        if limit <= 0.0 || case.bad <= limit {
            return None;
        }
    }
    None
}

/// The most requests of which `failures` are above `limit`.
fn last_tolerating(limit: f64, failures: u64) -> u64 {
    let is_above = |n: u64| failures as f64 > limit * n as f64;
    let mut n = ((failures as f64 / limit) as u64).clamp(1, REQUESTS_MAX);
    while n > 1 && !is_above(n) {
        n -= 1;
    }
    while n < REQUESTS_MAX && is_above(n + 1) {
        n += 1;
    }
    n
}

/// Wald's test looks after every request; a healthy version needs his mean number of them. Very long tests are looked at
/// in steps.
fn sequential(test: &Sprt, wanted: &Wanted) -> Need {
    const LOOKS_MAX: f64 = 20_000.0;
    let (healthy, bad) = test.mean_requests();
    let most = 30.0 * healthy.max(bad);
    let step = (most / LOOKS_MAX).ceil().max(1.0) as u64;
    let looks = (most / step as f64).ceil() as u64;
    let list = (1..=looks).map(|look| wanted.check(look * step, step)).collect();
    Need {
        canary: healthy.ceil() as u64,
        control: 0,
        checks: Checks { list, limit: 0, window: 1, holds: false, until_decided: true, after: 0 },
    }
}

/// The requests of a single look, as many times more as planned looks cost.
fn planned(case: &Case, test: &GroupSequential, wanted: &Wanted) -> Need {
    let demand = Demand { baseline: case.baseline, bad: case.bad, alpha: test.alpha, power: wanted.power };
    let once = canary_needed(demand, wanted.ratio);
    let looks = u64::from(test.looks);
    let each = (once * test.inflation(wanted.power) / looks as f64).ceil().max(1.0) as u64;
    let list = (1..=looks).map(|look| wanted.check(look * each, each)).collect();
    let (canary, control) = wanted.both(each * looks);
    Need { canary, control, checks: Checks { list, limit: 0, window: 1, holds: false, until_decided: false, after: 0 } }
}

/// Points of the metric, one for each interval, with one verdict at the end.
fn points(case: &Case, wanted: &Wanted) -> Option<Need> {
    let each = (wanted.canary_rate * wanted.interval_s).round().max(1.0) as u64;
    let check = wanted.check(each, each);
    let enough = |points: usize| at_the_end(case, check, points, case.bad) >= wanted.power;
    let mut high = 4;
    while !enough(high) {
        high *= 2;
        if high > POINTS_MAX {
            return None;
        }
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    let (canary, control) = wanted.both(each * high as u64);
    let list = vec![Check { at_s: canary as f64 / wanted.canary_rate, canary: each, control: check.control }; high];
    Some(Need {
        canary,
        control,
        checks: Checks { list, limit: 0, window: usize::MAX, holds: false, until_decided: false, after: 0 },
    })
}

/// Whether the judge could condemn any canary of so many requests in one check, if all of them failed.
pub fn can_fail(judge: &Judge, canary: u64, control: u64) -> bool {
    let seen =
        Seen { canary: Count::new(canary, canary), control: Count::new(0, control), look: 1, points: (&[], &[]) };
    judge.judge(&seen, 1).is_fail()
}
