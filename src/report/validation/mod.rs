//! `rollcast validate`: what was simulated beside what was measured, metric by metric.

mod json;
mod text;
mod tolerance;

#[cfg(test)]
mod tests;

pub use json::json;
pub use text::text;
pub use tolerance::{Asked, COMPARED, INSTANCE_SHARE, PHASES_APART, Tolerance, Tolerances};

use crate::measure::claim::Finding;
use crate::measure::forecast::Phase;
use crate::measure::metric::Metrics;
use crate::measure::stats::{Interval, mean};
use tolerance::place;

/// What one arm showed in one repetition.
#[derive(Clone, Debug, Default)]
pub struct Arm {
    /// The numbers.
    pub metrics: Metrics,
    /// What the controller announced.
    pub phases: Vec<Phase>,
    /// By instance: attempts that it took.
    pub taken: Vec<u64>,
}

/// One repetition of both arms, with the same luck.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    /// Virtual time.
    pub simulated: Arm,
    /// Real traffic.
    pub live: Arm,
}

/// One metric of one strategy, over all repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The strategy.
    pub strategy: String,
    /// The metric.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Which instance it is about, where it is about one.
    pub instance: Option<usize>,
    /// Mean of what was simulated.
    pub simulated: f64,
    /// Mean of what was measured.
    pub live: f64,
    /// Of the differences live − simulated, each of the same repetition; `None` with one repetition.
    pub difference: Option<Interval>,
    /// The largest difference that is tolerated.
    pub tolerated: f64,
}

impl Line {
    /// The mean difference, live − simulated.
    pub fn gap(&self) -> f64 {
        self.live - self.simulated
    }

    /// Whether the difference is tolerated. One that is beyond it, but whose interval is not, may be chance: it is open.
    pub fn finding(&self) -> Finding {
        let beyond = |interval: Interval| interval.low > self.tolerated || interval.high < -self.tolerated;
        match self.difference {
            _ if self.gap().abs() <= self.tolerated => Finding::Holds,
            Some(interval) if !beyond(interval) => Finding::Open,
            Some(_) | None => Finding::Fails,
        }
    }
}

/// The phases of one strategy, over all repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The strategy.
    pub strategy: String,
    /// Of the first repetition.
    pub simulated: Vec<String>,
    /// Likewise.
    pub live: Vec<String>,
    /// Repetitions in which both arms had the same phases in the same order, and all of them.
    pub same: (usize, usize),
    /// How far two phases were apart at most.
    pub apart_s: f64,
    /// How far they may be.
    pub tolerated_s: f64,
}

impl Course {
    /// Whether the order differs, or a moment by too much.
    pub fn exceeds(&self) -> bool {
        self.same.0 < self.same.1 || self.apart_s > self.tolerated_s
    }
}

/// What a validation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Metric by metric, strategy by strategy.
    pub lines: Vec<Line>,
    /// One for each strategy that announced anything.
    pub courses: Vec<Course>,
}

impl Findings {
    /// Whether the forecast holds.
    pub fn finding(&self) -> Finding {
        let is = |finding| self.lines.iter().any(|line| line.finding() == finding);
        match (is(Finding::Fails) || self.courses.iter().any(Course::exceeds), is(Finding::Open)) {
            (true, _) => Finding::Fails,
            (false, true) => Finding::Open,
            (false, false) => Finding::Holds,
        }
    }

    /// Adds what both arms showed under `strategy`; metrics of `without` cannot be compared.
    pub fn add(&mut self, strategy: &str, pairs: &[Pair], tolerances: &Tolerances, without: &[&str]) {
        let compared = COMPARED.iter().map(|(name, _)| *name).filter(|name| !without.contains(name));
        self.lines.extend(compared.filter_map(|name| metric(strategy, name, pairs, tolerances)));
        self.lines.extend(shares(strategy, pairs, tolerances));
        self.courses.extend(course(strategy, pairs, tolerances));
    }
}

fn metric(strategy: &str, name: &'static str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Line> {
    let place = place(name)?;
    let value = |arm: &Arm| arm.metrics.values()[place];
    let values: Vec<(f64, f64)> =
        pairs.iter().filter_map(|pair| Some((value(&pair.simulated)?, value(&pair.live)?))).collect();
    line(strategy, (name, Metrics::CATALOGUE[place].unit), None, &values, tolerances)
}

fn line(
    strategy: &str,
    (metric, unit): (&'static str, &'static str),
    instance: Option<usize>,
    values: &[(f64, f64)],
    tolerances: &Tolerances,
) -> Option<Line> {
    let simulated = mean(&values.iter().map(|(simulated, _)| *simulated).collect::<Vec<_>>())?;
    let live = mean(&values.iter().map(|(_, live)| *live).collect::<Vec<_>>())?;
    let differences: Vec<f64> = values.iter().map(|(simulated, live)| live - simulated).collect();
    Some(Line {
        strategy: strategy.to_owned(),
        metric,
        unit,
        instance,
        simulated,
        live,
        difference: Interval::of(&differences),
        tolerated: tolerances.of(metric, simulated, live, values.len()),
    })
}

/// The share of the instance that is furthest from its forecast.
fn shares(strategy: &str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Line> {
    let count = pairs.iter().map(|pair| pair.simulated.taken.len().max(pair.live.taken.len())).max()?;
    let share = |arm: &Arm, instance: usize| {
        let all: u64 = arm.taken.iter().sum();
        let own = arm.taken.get(instance).copied().unwrap_or(0);
        if all == 0 { 0.0 } else { 100.0 * own as f64 / all as f64 }
    };
    let lines = (0..count).filter_map(|instance| {
        let both = |pair: &Pair| (share(&pair.simulated, instance), share(&pair.live, instance));
        let values: Vec<(f64, f64)> = pairs.iter().map(both).collect();
        line(strategy, (INSTANCE_SHARE, "%"), Some(instance), &values, tolerances)
    });
    lines.max_by(|one, other| {
        let fails = |line: &Line| line.finding() == Finding::Fails;
        fails(one).cmp(&fails(other)).then(one.gap().abs().total_cmp(&other.gap().abs()))
    })
}

fn course(strategy: &str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Course> {
    let names = |arm: &Arm| arm.phases.iter().map(|phase| phase.phase.clone()).collect::<Vec<_>>();
    let first = pairs.first().filter(|pair| !(pair.simulated.phases.is_empty() && pair.live.phases.is_empty()))?;
    let same: Vec<&Pair> = pairs.iter().filter(|pair| names(&pair.simulated) == names(&pair.live)).collect();
    let gaps = same.iter().flat_map(|pair| {
        let both = pair.simulated.phases.iter().zip(&pair.live.phases);
        both.map(|(simulated, live)| (simulated.at_s - live.at_s).abs())
    });
    Some(Course {
        strategy: strategy.to_owned(),
        simulated: names(&first.simulated),
        live: names(&first.live),
        apart_s: gaps.fold(0.0, f64::max),
        same: (same.len(), pairs.len()),
        tolerated_s: tolerances.of(PHASES_APART, 0.0, 0.0, 1),
    })
}
