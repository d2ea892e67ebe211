//! What several replications say that one cannot: how well a mean is known, and which of two strategies is better under
//! the same luck.

use crate::core::rollout::Phase;
use crate::measure::forecast::{BudgetUse, Ending, Forecast, Sample, SloForecast, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::stats::{Interval, mean, quantile};

/// By what two strategies are compared: bad requests are the budget burnt, in whole numbers.
pub const COMPARED: &str = "failed_requests";

/// The share of releases that are no worse than the high quantile.
const HIGH: f64 = 0.95;

/// A metric over the replications in which it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many they are.
    pub measured: usize,
    /// The mean with its interval.
    pub interval: Interval,
    /// Half of the releases are no worse.
    pub median: f64,
    /// 95 in 100 releases are no worse.
    pub p95: f64,
}

impl Spread {
    /// `None` of fewer than two.
    fn of(values: &[f64]) -> Option<Spread> {
        Some(Spread {
            measured: values.len(),
            interval: Interval::of(values)?,
            median: quantile(values, 0.5)?,
            p95: quantile(values, HIGH)?,
        })
    }
}

/// Two strategies under the same luck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Bad requests of the one minus those of the other in the same replication.
    pub difference: Interval,
    /// Share of the replications in which the one had fewer.
    pub won: f64,
    /// Share of the replications in which both had as many.
    pub tied: f64,
}

impl Forecast {
    /// How many replications it rests on.
    pub fn replications(&self) -> usize {
        self.strategies.first().map_or(1, |stay| stay.samples.len().max(1))
    }
}

impl Sample {
    /// What is kept of a run.
    pub fn of(run: &StrategyForecast) -> Sample {
        let stuck = Phase::Stuck.to_string();
        Sample {
            ending: run.ending,
            stuck: run.phases.iter().any(|phase| phase.phase == stuck),
            metrics: run.metrics.clone(),
            budgets: run.slos.iter().map(|slo| slo.budget).collect(),
        }
    }
}

impl StrategyForecast {
    /// Takes over all replications; metrics become means.
    pub fn fold(&mut self, samples: Vec<Sample>) {
        for (place, slo) in self.slos.iter_mut().enumerate() {
            slo.fold(samples.iter().filter_map(|sample| sample.budgets.get(place).copied()).collect());
        }
        self.samples = samples;
        self.metrics = Metrics::of(|place| mean(&self.measured(place)));
    }

    /// How most replications ended, the earliest among equals, and the share of them.
    pub fn usual_ending(&self) -> (Ending, f64) {
        let count = |ending| self.samples.iter().filter(|sample| sample.ending == ending).count();
        let usual = self.samples.iter().map(|sample| sample.ending).rev().max_by_key(|ending| count(*ending));
        usual.map_or((self.ending, 1.0), |ending| (ending, count(ending) as f64 / self.samples.len() as f64))
    }

    /// The metric at `place` of the catalogue; `None` where fewer than two replications measured it.
    pub fn spread(&self, place: usize) -> Option<Spread> {
        Spread::of(&self.measured(place))
    }

    /// The metric called `name`, as [`StrategyForecast::spread`] has it.
    pub fn spread_of(&self, name: &str) -> Option<Spread> {
        self.spread(Metrics::place(name)?)
    }

    /// The metric at `place` minus that of `other` in the same replication, where both measured it; `None` with fewer
    /// than two of those.
    pub fn difference(&self, other: &StrategyForecast, place: usize) -> Option<Interval> {
        Interval::of(&self.differences(other, place))
    }

    /// Against `other`, by bad requests.
    pub fn against(&self, other: &StrategyForecast) -> Option<Pair> {
        let differences = self.differences(other, Metrics::place(COMPARED)?);
        let share = |wanted: fn(&f64) -> bool| {
            differences.iter().filter(|value| wanted(value)).count() as f64 / differences.len() as f64
        };
        Some(Pair {
            difference: Interval::of(&differences)?,
            won: share(|value| *value < 0.0),
            tied: share(|value| *value == 0.0),
        })
    }

    fn measured(&self, place: usize) -> Vec<f64> {
        self.samples.iter().filter_map(|sample| sample.metrics.values()[place]).collect()
    }

    fn differences(&self, other: &StrategyForecast, place: usize) -> Vec<f64> {
        let both = self.samples.iter().zip(&other.samples);
        both.filter_map(|(mine, its)| Some(mine.metrics.values()[place]? - its.metrics.values()[place]?)).collect()
    }
}

impl SloForecast {
    /// Takes over all replications; numbers become means.
    fn fold(&mut self, samples: Vec<BudgetUse>) {
        let known =
            |number: fn(&BudgetUse) -> Option<f64>| mean(&samples.iter().filter_map(number).collect::<Vec<_>>());
        self.budget = BudgetUse {
            events: known(|budget| Some(budget.events)).unwrap_or_default(),
            bad: known(|budget| Some(budget.bad)).unwrap_or_default(),
            budget: known(|budget| Some(budget.budget)).unwrap_or_default(),
            burnt: known(|budget| budget.burnt),
            left: known(|budget| budget.left),
            bearable_burn_rate: known(|budget| budget.bearable_burn_rate),
            burn_rate_max: known(|budget| budget.burn_rate_max),
            alerts: known(|budget| Some(budget.alerts)).unwrap_or_default(),
            first_alert_s: known(|budget| budget.first_alert_s),
        };
        self.samples = samples;
    }

    /// How well the share of the budget that is burnt is known; `None` where fewer than two replications measured it.
    pub fn burnt_spread(&self) -> Option<Spread> {
        Spread::of(&self.samples.iter().filter_map(|budget| budget.burnt).collect::<Vec<_>>())
    }
}

/// How many replications to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Series {
    /// So many.
    Fixed(u32),
    /// Until a mean is known so well.
    Until(Precision),
}

/// A stopping rule. It is asked after 10 replications, 20, 40, and so on, so that the number of threads cannot matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Place of the metric in the catalogue.
    pub metric: usize,
    /// Half of the interval's width, as a share of the mean.
    pub relative: f64,
    /// No more than so many replications.
    pub max: u32,
}

impl Series {
    const FIRST: u32 = 10;

    /// How many replications there should be before the next look, when there are `so_far`; the same number when that
    /// is enough.
    pub fn next(&self, so_far: u32, samples: &[Vec<Sample>]) -> u32 {
        match self {
            Series::Fixed(count) => *count,
            Series::Until(precision) if so_far > 0 && precision.is_met(samples) => so_far,
            Series::Until(precision) => so_far.saturating_mul(2).max(Self::FIRST).min(precision.max),
        }
    }
}

impl Precision {
    /// Below this, in the unit of a metric that counts requests, an interval is narrow whatever the mean.
    const REQUESTS: f64 = 1.0;

    /// Whether every strategy's mean is known well enough; one that nothing measured is.
    pub fn is_met(&self, samples: &[Vec<Sample>]) -> bool {
        samples.iter().all(|strategy| {
            let values: Vec<f64> = strategy.iter().filter_map(|sample| sample.metrics.values()[self.metric]).collect();
            let floor = if Metrics::CATALOGUE[self.metric].unit == "requests" { Self::REQUESTS } else { 0.0 };
            let narrow = |interval: Interval| interval.half() <= (self.relative * interval.mean.abs()).max(floor);
            values.is_empty() || Interval::of(&values).is_some_and(narrow)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(bad: &[f64]) -> Vec<Sample> {
        let sample = |bad: &f64| Sample {
            stuck: false,
            budgets: Vec::new(),
            ending: if *bad > 50.0 { Ending::Promoted } else { Ending::RolledBack },
            metrics: Metrics {
                failed_requests: Some(*bad),
                detect_s: (*bad < 50.0).then_some(8.0),
                ..Metrics::default()
            },
        };
        bad.iter().map(sample).collect()
    }

    fn strategy(bad: &[f64]) -> StrategyForecast {
        let mut strategy = StrategyForecast {
            risk: None,
            name: "canary".to_owned(),
            ending: Ending::RolledBack,
            metrics: Metrics::default(),
            samples: Vec::new(),
            phases: Vec::new(),
            slos: Vec::new(),
            timeline: Vec::new(),
        };
        strategy.fold(samples(bad));
        strategy
    }

    #[test]
    fn means_are_over_the_replications_that_measured() {
        let folded = strategy(&[10.0, 20.0, 60.0]);
        assert_eq!((folded.metrics.failed_requests, folded.metrics.detect_s), (Some(30.0), Some(8.0)));
        assert_eq!(folded.spread_of("detect_s").map(|spread| spread.measured), Some(2));
        assert_eq!(folded.spread_of("rollout_s"), None);
        let spread = folded.spread_of(COMPARED).expect("three values");
        assert_eq!((spread.median, spread.p95), (20.0, 56.0));
        let (ending, share) = folded.usual_ending();
        assert_eq!((ending, (share * 3.0).round()), (Ending::RolledBack, 2.0));
    }

    #[test]
    fn what_is_kept_of_a_run_says_whether_it_was_stuck() {
        let mut run = strategy(&[10.0, 20.0]);
        assert!(!Sample::of(&run).stuck);
        let announced = crate::measure::forecast::Phase {
            at_s: 7.0,
            phase: Phase::Stuck.to_string(),
            reason: "its deadline has passed".to_owned(),
        };
        run.phases.push(announced);
        let sample = Sample::of(&run);
        assert_eq!((sample.stuck, sample.ending, sample.metrics), (true, run.ending, run.metrics));
    }

    #[test]
    fn pairs_meet_the_same_luck() {
        let (one, other) = (strategy(&[10.0, 1_000.0, 5.0, 7.0]), strategy(&[12.0, 1_002.0, 5.0, 9.0]));
        let pair = one.against(&other).expect("four pairs");
        assert_eq!((pair.won, pair.tied, pair.difference.mean), (0.75, 0.25, -1.5));
        // Differences −2, −2, 0, −2: variance 1, t(3) = 3.182446.
        assert!((pair.difference.half() - 3.182_446 / 2.0).abs() < 1e-6, "{pair:?}");
        assert_eq!(one.against(&strategy(&[1.0])), None);
    }

    #[test]
    fn the_rule_looks_after_ten_twenty_forty_and_stops_at_the_most() {
        let precision = |relative, max| {
            let metric = Metrics::place(COMPARED).expect("it is in the catalogue");
            Series::Until(Precision { metric, relative, max })
        };
        let wide = [samples(&[0.0, 100.0, 0.0, 100.0])];
        let steps: Vec<u32> =
            std::iter::successors(Some(0), |&so_far| Some(precision(0.05, 65).next(so_far, &wide))).take(7).collect();
        assert_eq!(steps, [0, 10, 20, 40, 65, 65, 65]);
        assert_eq!(precision(0.05, 65).next(10, &[samples(&[100.0, 101.0, 99.0]), samples(&[])]), 10);
        assert_eq!(precision(0.05, 65).next(10, &[samples(&[0.0, 0.1, 0.0])]), 10, "below one request");
        assert_eq!(Series::Fixed(3).next(0, &[]), 3);
    }
}
