//! What releases come to under a strategy when some of them are bad: which it caught, what they cost, a release and a
//! year, and the measures of DORA (change fail rate, failed deployment recovery time; dora.dev, 2024).

use crate::measure::forecast::{Ending, Forecast, Releases, Sample, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::stats::{Interval, mean};

const DAYS_PER_YEAR: f64 = 365.25;
const WEEKS_PER_YEAR: f64 = DAYS_PER_YEAR / 7.0;

/// How a strategy dealt with releases of which some were bad.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// Bad releases that it rolled back, gave up or got stuck on while the old version still served.
    pub caught: u32,
    /// Bad releases that it rolled back or gave up only when nothing but the new version served.
    pub late: u32,
    /// Bad releases that it promoted.
    pub missed: u32,
    /// Bad releases that were still under way when the run ended.
    pub open: u32,
    /// Good releases that it rolled back, gave up or got stuck on.
    pub false_alarms: u32,
    /// Good releases.
    pub good: u32,
    /// Share of the releases that somebody or something had to mend: caught, late, missed, or good and not promoted.
    pub change_fail_rate: f64,
    /// From the first new instance listed to none, of those that were rolled back, in seconds; `None`: none was.
    pub recovery_s: Option<f64>,
    /// What a release costs beyond `stay`, in the order of [`COSTS`].
    pub costs: Vec<Cost>,
}

/// What one release costs on average, and all of a year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The metric.
    pub name: &'static str,
    /// A release, beyond `stay`; `None` if it was not measured.
    pub per_release: Option<f64>,
    /// The bounds of that mean at 95 %; `None` with fewer than two releases.
    pub interval: Option<Interval>,
    /// A year's releases; of a share of the error budget, the share of a year's budget.
    pub per_year: Option<f64>,
}

/// The metrics that are counted a release and a year.
pub const COSTS: [&str; 5] = ["downtime_s", "failed_requests", "budget_burnt", "harmed_users", "extra_cost"];

/// How one release went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Promoted,
    Stopped,
    StoppedLate,
    Open,
}

impl Outcome {
    fn of(sample: &Sample) -> Outcome {
        let stopped = match sample.metrics.full_exposure_s {
            Some(_) => Outcome::StoppedLate,
            None => Outcome::Stopped,
        };
        match sample.ending {
            Ending::NoRollout | Ending::Promoted | Ending::Concluded => Outcome::Promoted,
            Ending::RolledBack | Ending::Failed => stopped,
            Ending::Unfinished if sample.stuck => stopped,
            Ending::Unfinished => Outcome::Open,
        }
    }
}

impl Forecast {
    /// Releases in a year, where the replications drew them.
    pub fn releases_per_year(&self) -> Option<f64> {
        self.releases.as_ref().map(|releases| releases.per_week * WEEKS_PER_YEAR)
    }

    /// Takes stock of the releases that the replications drew; does nothing where they did not.
    pub fn assess(&mut self) {
        let (Some(releases), Some(per_year)) = (&self.releases, self.releases_per_year()) else { return };
        let Some((stay, strategies)) = self.strategies.split_first_mut() else { return };
        let stay = all(stay);
        let windows_per_year = DAYS_PER_YEAR / self.window_days;
        for strategy in strategies {
            let samples = all(strategy);
            // A year has as many budgets as windows.
            let year = |name| if name == "budget_burnt" { per_year / windows_per_year } else { per_year };
            let costs = COSTS.map(|name| Cost::of(name, &samples, &stay, year(name)));
            strategy.risk = Some(Risk { costs: costs.to_vec(), ..went(&samples, &releases.drawn) });
        }
    }
}

/// Every replication, if only the one.
fn all(strategy: &StrategyForecast) -> Vec<Sample> {
    if strategy.samples.is_empty() { vec![Sample::of(strategy)] } else { strategy.samples.clone() }
}

/// Releases by how they went.
fn went(samples: &[Sample], drawn: &[Option<usize>]) -> Risk {
    let count = |bad: bool, outcomes: &[Outcome]| {
        let these = samples.iter().zip(drawn).filter(|(_, kind)| kind.is_some() == bad);
        these.filter(|(sample, _)| outcomes.contains(&Outcome::of(sample))).count() as u32
    };
    let stopped = [Outcome::Stopped, Outcome::StoppedLate];
    let mut risk = Risk {
        caught: count(true, &stopped[..1]),
        late: count(true, &stopped[1..]),
        missed: count(true, &[Outcome::Promoted]),
        open: count(true, &[Outcome::Open]),
        false_alarms: count(false, &stopped),
        good: drawn.iter().filter(|kind| kind.is_none()).count() as u32,
        change_fail_rate: 0.0,
        recovery_s: mean(&samples.iter().filter_map(recovery).collect::<Vec<f64>>()),
        costs: Vec::new(),
    };
    risk.change_fail_rate = f64::from(risk.bad() + risk.false_alarms) / drawn.len().max(1) as f64;
    risk
}

fn recovery(sample: &Sample) -> Option<f64> {
    Some(sample.metrics.detect_s? + sample.metrics.rollback_s?)
}

impl Releases {
    /// The kind of the release that the replication with this number deployed; `good`: it was not bad.
    pub fn name(&self, replication: usize) -> &str {
        self.drawn.get(replication).copied().flatten().map_or("good", |kind| &self.kinds[kind])
    }
}

impl Risk {
    /// Bad releases.
    pub fn bad(&self) -> u32 {
        self.caught + self.late + self.missed + self.open
    }
}

impl Cost {
    /// Beyond `stay` in the same replication; of what `stay` has none of, all.
    fn of(name: &'static str, samples: &[Sample], stay: &[Sample], per_year: f64) -> Cost {
        let place = Metrics::place(name).expect("it is in the catalogue");
        let value = |sample: &Sample| sample.metrics.values()[place];
        let both = samples.iter().zip(stay);
        let each: Vec<f64> = both.filter_map(|(mine, its)| Some(value(mine)? - value(its).unwrap_or(0.0))).collect();
        let per_release = mean(&each);
        Cost { name, per_release, interval: Interval::of(&each), per_year: per_release.map(|it| it * per_year) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ending: Ending, bad_requests: f64, full_exposure_s: Option<f64>) -> Sample {
        let (detect_s, rollback_s) = match ending {
            Ending::RolledBack => (Some(30.0), Some(10.0)),
            _ => (None, None),
        };
        let failed_requests = Some(bad_requests);
        let metrics = Metrics { failed_requests, full_exposure_s, detect_s, rollback_s, ..Metrics::default() };
        Sample { ending, stuck: false, metrics, budgets: Vec::new() }
    }

    #[test]
    fn releases_are_told_apart_by_how_they_went() {
        let samples = [
            sample(Ending::RolledBack, 10.0, None),
            sample(Ending::RolledBack, 200.0, Some(50.0)),
            sample(Ending::Promoted, 900.0, Some(50.0)),
            sample(Ending::Unfinished, 0.0, None),
            Sample { stuck: true, ..sample(Ending::Unfinished, 0.0, None) },
            sample(Ending::Promoted, 0.0, Some(50.0)),
            sample(Ending::RolledBack, 1.0, None),
            sample(Ending::Unfinished, 0.0, None),
        ];
        let drawn = [Some(0), Some(1), Some(0), Some(0), Some(2), None, None, None];
        let risk = went(&samples, &drawn);
        assert_eq!((risk.caught, risk.late, risk.missed, risk.open), (2, 1, 1, 1));
        assert_eq!((risk.false_alarms, risk.good), (1, 3));
        assert_eq!((risk.change_fail_rate, risk.recovery_s), (6.0 / 8.0, Some(40.0)));
    }

    #[test]
    fn a_cost_is_beyond_stay_and_a_year_has_all_its_releases() {
        let samples = [sample(Ending::Promoted, 10.0, None), sample(Ending::Promoted, 30.0, None)];
        let stay = [sample(Ending::NoRollout, 8.0, None), sample(Ending::NoRollout, 6.0, None)];
        let cost = Cost::of("failed_requests", &samples, &stay, 500.0);
        assert_eq!((cost.per_release, cost.per_year), (Some(13.0), Some(6_500.0)));
        assert!(cost.interval.is_some_and(|it| it.low < 13.0 && it.high > 13.0));
        assert_eq!(Cost::of("cost", &samples, &stay, 500.0).per_release, None);
    }
}
