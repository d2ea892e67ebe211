//! Random replays of the checks, where they cannot be enumerated: the same judge on counts that are drawn.

use super::{Case, Check, Checks, Method, Odds, Toll};
use crate::core::draw::{Seed, Stream};
use crate::core::judge::{Count, Judge, Seen, Verdict};
use rand_distr::{Binomial, Distribution};
use rayon::prelude::*;

/// Replays of one case: a probability near a half is known to ± 0.7 points.
const TRIALS: u32 = 20_000;
/// Of a judge that sorts all pairs of points, or looks for the ends of two intervals.
const TRIALS_OF_SLOW: u32 = 2_000;

pub(super) fn replay(case: &Case, checks: &Checks, rate: f64) -> (Odds, Method) {
    let is_slow = matches!(case.judge, Judge::MannWhitney(_) | Judge::Anytime(_));
    let trials = if is_slow { TRIALS_OF_SLOW } else { TRIALS };
    let seed = Seed(rate.to_bits());
    let runs: Vec<Run> =
        (0..trials).into_par_iter().map(|trial| run(case, checks, rate, seed.stream("detect", trial.into()))).collect();
    let part = 1.0 / f64::from(trials);
    let mut toll = Toll::default();
    let (mut open, mut others) = (0.0, 0.0);
    for Run { end, at_s, requests } in runs {
        match end {
            End::Condemned => toll.condemn(part, at_s, requests),
            End::Passed => others += part * requests as f64,
            End::Open => {
                open += part;
                others += part * requests as f64;
            }
        }
    }
    (toll.close(open, others), Method::Replay(trials))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Condemned,
    Passed,
    Open,
}

struct Run {
    end: End,
    at_s: f64,
    requests: u64,
}

fn run(case: &Case, checks: &Checks, rate: f64, mut stream: Stream) -> Run {
    let mut seen: Vec<(Count, Count)> = Vec::with_capacity(checks.list.len());
    let mut run = Run { end: End::Open, at_s: 0.0, requests: 0 };
    // A sequential verdict is final: it has its errors in it already.
    let is_final = case.judge.counts_from_the_start();
    let tolerated = if is_final { 0 } else { checks.limit };
    let (mut failed, mut index, mut before_s) = (0, 0, 0.0);
    while let Some(check) = checks.list.get(index) {
        let mut draw = |trials, rate| Count::new(hits(&mut stream, trials, rate), trials);
        let (canary, control) = (draw(check.canary, rate), draw(check.control, case.baseline));
        let (canary_before, control_before) = seen.last().copied().unwrap_or_default();
        seen.push((canary_before.plus(canary), control_before.plus(control)));
        run.at_s += check.at_s - before_s;
        let is_over = run.end == End::Passed && matches!(case.judge, Judge::Sprt(_));
        // Points that come at the same time are judged together.
        let goes_on = checks.list.get(index + 1).is_some_and(|next| next.at_s <= check.at_s);
        let verdict = (!is_over && !goes_on).then(|| verdict(case, checks, &seen));
        run.requests += check.canary;
        let is_held = checks.holds && !is_final && verdict.is_some_and(|verdict| verdict.is_fail());
        match verdict {
            Some(Verdict::Fail(_)) => failed += 1,
            Some(Verdict::Pass(_)) => run.end = End::Passed,
            Some(Verdict::Inconclusive(_)) => run.end = End::Open,
            None => {}
        }
        if checks.until_decided && run.end == End::Passed {
            return run;
        }
        if failed > tolerated {
            return Run { end: End::Condemned, ..run };
        }
        // The next check of the same share begins where this one ended.
        before_s = if is_held { check.at_s - lasting(checks, index) } else { check.at_s };
        index += usize::from(!is_held);
    }
    run.requests += checks.after;
    run
}

/// Of the interval before a check.
fn lasting(checks: &Checks, index: usize) -> f64 {
    let before = index.checked_sub(1).map_or(0.0, |before| checks.list[before].at_s);
    checks.list[index].at_s - before
}

fn hits(stream: &mut Stream, trials: u64, rate: f64) -> u64 {
    Binomial::new(trials, rate).expect("a rate is a share").sample(stream)
}

/// Of counts so far, at each check.
fn verdict(case: &Case, checks: &Checks, so_far: &[(Count, Count)]) -> Verdict {
    let by_points = matches!(case.judge, Judge::MannWhitney(_));
    let looks_back = if case.judge.counts_from_the_start() { usize::MAX } else { checks.window };
    let first = so_far.len().saturating_sub(looks_back);
    let (canary, control) = since(so_far, so_far.len() - 1, first.checked_sub(1));
    let each = (first..so_far.len()).filter(|_| by_points).map(|index| since(so_far, index, index.checked_sub(1)));
    let rate = |count: Count| count.rate().unwrap_or(f64::NAN);
    let (new, old): (Vec<f64>, Vec<f64>) = each.map(|(canary, control)| (rate(canary), rate(control))).unzip();
    let look = Seen { canary, control, look: so_far.len() as u32, points: (&new, &old) };
    case.judge.judge(&look, case.floor)
}

/// What was counted up to check `index` and after check `before`.
fn since(so_far: &[(Count, Count)], index: usize, before: Option<usize>) -> (Count, Count) {
    let (canary, control) = so_far[index];
    let (canary_before, control_before) = before.map(|before| so_far[before]).unwrap_or_default();
    (canary.minus(canary_before), control.minus(control_before))
}

/// A single verdict after `points` checks of this size: the probability to condemn, by replay.
pub(super) fn at_the_end(case: &Case, check: Check, points: usize, rate: f64) -> f64 {
    let checks = Checks {
        list: vec![check; points],
        limit: 0,
        window: usize::MAX,
        holds: false,
        until_decided: false,
        after: 0,
    };
    let seed = Seed(rate.to_bits() ^ points as u64);
    let fails = |trial: u32| {
        let mut stream = seed.stream("detect", trial.into());
        let mut draw = |trials, rate| Count::new(hits(&mut stream, trials, rate), trials);
        let mut so_far = (Count::default(), Count::default());
        let seen: Vec<_> = (0..points)
            .map(|_| {
                so_far.0 = so_far.0.plus(draw(check.canary, rate));
                so_far.1 = so_far.1.plus(draw(check.control, case.baseline));
                so_far
            })
            .collect();
        verdict(case, &checks, &seen).is_fail()
    };
    let failed = (0..TRIALS_OF_SLOW).into_par_iter().filter(|trial| fails(*trial)).count();
    failed as f64 / f64::from(TRIALS_OF_SLOW)
}
