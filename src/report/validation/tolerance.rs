//! How far a forecast and real traffic may be apart.

use crate::measure::metric::Metrics;

/// Requests that an instance took, in per cent of all.
pub const INSTANCE_SHARE: &str = "instance_share";
/// How far phases of the same name are apart.
pub const PHASES_APART: &str = "phases_apart_s";

/// The 97.5 % quantile of the normal law.
const Z: f64 = 1.959_964;

/// A difference that is tolerated: the largest of its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of the simulated value.
    pub share: f64,
    /// In the unit of the metric.
    pub absolute: f64,
    /// As much as two counts of independent events would differ by chance, in 19 of 20 cases.
    pub counted: bool,
}

/// The metrics that are compared, with what is tolerated: the proof that this project owes, not what it happens to reach.
pub const COMPARED: [(&str, Tolerance); 11] = [
    ("requests", within(0.02, 5.0)),
    ("failed_requests", counted(2.0)),
    ("availability", within(0.0, 0.005)),
    ("latency_ms_p50", within(0.10, 1.0)),
    ("latency_ms_p95", within(0.10, 1.0)),
    ("latency_ms_p99", within(0.10, 1.0)),
    ("latency_ms_mean", within(0.10, 1.0)),
    ("retries", counted(5.0)),
    ("exposed_requests", Tolerance { share: 0.05, absolute: 5.0, counted: true }),
    ("rollout_s", within(0.05, 0.5)),
    ("peak_instances", within(0.0, 1.0)),
];

/// Of a share per instance: a percentage point.
const SHARE: Tolerance = within(0.0, 1.0);

const fn within(share: f64, absolute: f64) -> Tolerance {
    Tolerance { share, absolute, counted: false }
}

const fn counted(absolute: f64) -> Tolerance {
    Tolerance { share: 0.0, absolute, counted: true }
}

impl Tolerance {
    /// The largest difference between these two that is tolerated.
    pub fn of(self, simulated: f64, live: f64) -> f64 {
        let chance = if self.counted { Z * (simulated.abs() + live.abs()).sqrt() } else { 0.0 };
        (self.share * simulated.abs()).max(self.absolute).max(chance)
    }
}

/// What is asked for on the command line: a factor for all, or another tolerance of one metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Multiplies what is tolerated of every metric.
    Factor(f64),
    /// Of the metric of this name.
    Of(&'static str, Tolerance),
}

impl Asked {
    /// Reads `2`, `latency_ms_p99=25%` or `latency_ms_p99=3`, which is in the unit of the metric.
    ///
    /// # Errors
    /// What is allowed.
    pub fn parse(text: &str) -> Result<Asked, String> {
        let Some((name, value)) = text.split_once('=') else {
            let factor = text.parse().ok().filter(|factor| (1.0..=1_000.0).contains(factor)).map(Asked::Factor);
            return factor.ok_or_else(|| "expected a factor from 1 to 1000, or METRIC=TOLERANCE".to_owned());
        };
        let name = names().find(|known| *known == name).ok_or_else(|| {
            let all: Vec<&str> = names().collect();
            format!("found the metric '{name}', expected one of: {}", all.join(", "))
        })?;
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| (0.0..=1e9).contains(number));
        let tolerance = match value.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| within(percent / 100.0, 0.0)),
            None => number(value).map(|absolute| within(0.0, absolute)),
        };
        let expected =
            || "expected a percentage of the simulated value, or a number in the metric's own unit".to_owned();
        Ok(Asked::Of(name, tolerance.ok_or_else(expected)?))
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    COMPARED.iter().map(|(name, _)| *name).chain([INSTANCE_SHARE, PHASES_APART])
}

/// What is tolerated in one validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerances {
    factor: f64,
    asked: Vec<(&'static str, Tolerance)>,
    /// Between two looks at what goes on: probes or scrapes.
    look_s: f64,
}

impl Tolerances {
    /// What is asked for, over what holds unless it is; `look_s`: the longest interval between two probes or scrapes.
    pub fn new(asked: &[Asked], look_s: f64) -> Tolerances {
        let factors = asked.iter().filter_map(|asked| match asked {
            Asked::Factor(factor) => Some(*factor),
            Asked::Of(..) => None,
        });
        let of = asked.iter().filter_map(|asked| match asked {
            Asked::Of(name, tolerance) => Some((*name, *tolerance)),
            Asked::Factor(_) => None,
        });
        Tolerances { factor: factors.fold(1.0, f64::max), asked: of.collect(), look_s }
    }

    /// The largest difference of that metric that is tolerated.
    pub fn of(&self, name: &str, simulated: f64, live: f64) -> f64 {
        let asked = self.asked.iter().rev().find(|(asked, _)| *asked == name).map(|(_, tolerance)| *tolerance);
        let usual = COMPARED.iter().find(|(known, _)| *known == name).map(|(_, tolerance)| *tolerance);
        let tolerance = asked.or(usual).unwrap_or(match name {
            PHASES_APART => within(0.0, self.look_s),
            _ => SHARE,
        });
        self.factor * tolerance.of(simulated, live)
    }
}

/// The place of a metric in the catalogue.
pub(super) fn place(name: &str) -> Option<usize> {
    Metrics::CATALOGUE.iter().position(|info| info.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_the_largest_of_its_parts() {
        assert_eq!(within(0.1, 1.0).of(5.0, 9.0), 1.0);
        assert_eq!(within(0.1, 1.0).of(50.0, 9.0), 5.0);
        assert!((counted(2.0).of(50.0, 50.0) - 19.6).abs() < 0.01);
        assert_eq!(counted(2.0).of(0.0, 0.0), 2.0);
    }

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        assert_eq!(Asked::parse("2"), Ok(Asked::Factor(2.0)));
        assert_eq!(Asked::parse("latency_ms_p99=25%"), Ok(Asked::Of("latency_ms_p99", within(0.25, 0.0))));
        assert_eq!(Asked::parse("instance_share=3"), Ok(Asked::Of(INSTANCE_SHARE, within(0.0, 3.0))));
        for wrong in ["0", "x", "latency=3", "retries=", "retries=-1", "retries=5%%"] {
            assert!(Asked::parse(wrong).is_err(), "{wrong}");
        }
        let tolerances = Tolerances::new(&[Asked::Factor(2.0), Asked::Of("requests", within(0.0, 7.0))], 0.25);
        assert_eq!(tolerances.of("requests", 1_000.0, 1_000.0), 14.0);
        assert_eq!(tolerances.of(PHASES_APART, 0.0, 0.0), 0.5);
        assert_eq!(tolerances.of(INSTANCE_SHARE, 25.0, 25.0), 2.0);
    }
}
