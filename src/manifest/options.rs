//! What only the user can know: which of our measurements stands behind a metric of the manifest.

use std::collections::BTreeMap;

use crate::core::amount::Share;
use crate::core::rollout::{Condition, Measure, Relation};
use crate::core::time::Span;

/// What a manifest leaves open.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// From the name of a metric in the manifest to what it measures; a metric that is not here is not simulated.
    pub metrics: BTreeMap<String, Metric>,
    /// Share of the users whose requests match where the manifest routes by headers or cookies.
    pub matches: Share,
}

impl Default for Options {
    /// No metric is known; 5 % of the users match.
    fn default() -> Options {
        Options { metrics: BTreeMap::new(), matches: Share::new(0.05).expect("a twentieth is a share") }
    }
}

/// What a metric of a manifest measures, and in which unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric(Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// `whole` is the value that stands for all: 1, or 100 where it is in percent.
    Availability {
        whole: f64,
    },
    ErrorRate {
        whole: f64,
    },
    /// `slower`: share of attempts that may be slower.
    Latency {
        slower: Share,
        unit: Span,
    },
}

impl Metric {
    /// The words that are understood, for messages.
    pub const EXPECTED: &'static str = "availability, availability-percent, error-rate, error-rate-percent, or a latency such as latency-p99-ms or latency-p99-s";

    /// Reads `availability`, `error-rate-percent`, `latency-p99-ms` and so on.
    pub fn parse(word: &str) -> Option<Metric> {
        let kind = match word {
            "availability" => Kind::Availability { whole: 1.0 },
            "availability-percent" => Kind::Availability { whole: 100.0 },
            "error-rate" => Kind::ErrorRate { whole: 1.0 },
            "error-rate-percent" => Kind::ErrorRate { whole: 100.0 },
            _ => {
                let (percentile, unit) = word.strip_prefix("latency-p")?.rsplit_once('-')?;
                let percentile: f64 = percentile.parse().ok().filter(|value| (0.0..100.0).contains(value))?;
                let unit = match unit {
                    "s" => Span::from_secs(1),
                    "ms" => Span::from_millis(1),
                    _ => return None,
                };
                Kind::Latency { slower: beyond(percentile), unit }
            }
        };
        Some(Metric(kind))
    }

    /// The built-in `request-success-rate` of Flagger.
    pub(super) const SUCCESS_PERCENT: Metric = Metric(Kind::Availability { whole: 100.0 });

    /// The built-in `request-duration` of Flagger: the 99th percentile in milliseconds.
    pub(super) fn duration_millis() -> Metric {
        Metric(Kind::Latency { slower: beyond(99.0), unit: Span::from_millis(1) })
    }

    /// What has to be measured so that `condition` on the manifest's value can be decided, and the condition on that;
    /// `None` if it cannot be.
    pub(super) fn translate(self, condition: Condition) -> Option<(Measure, Condition)> {
        let Condition { relation, value } = condition;
        match self.0 {
            Kind::Availability { whole } => {
                Some((Measure::Availability, Condition { relation, value: tidy(value / whole) }))
            }
            Kind::ErrorRate { whole } => Some((Measure::ErrorRate, Condition { relation, value: tidy(value / whole) })),
            Kind::Latency { slower, unit } => {
                // A percentile is at most a threshold exactly when few enough attempts are above the threshold.
                let relation = match relation {
                    Relation::Less | Relation::AtMost => Relation::AtMost,
                    Relation::More | Relation::AtLeast => Relation::More,
                    Relation::Equal | Relation::Other => return None,
                };
                let above = Span::from_seconds(unit.seconds() * value.max(0.0));
                Some((Measure::Slow { above }, Condition { relation, value: slower.value() }))
            }
        }
    }
}

/// The share above a percentile.
fn beyond(percentile: f64) -> Share {
    Share::new(tidy((100.0 - percentile) / 100.0)).unwrap_or(Share::NONE)
}

/// Takes the binary dust of a division off, so that 99.9 % is the same number as 0.999.
fn tidy(share: f64) -> f64 {
    const PLACES: f64 = 1e12;
    (share * PLACES).round() / PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(word: &str, relation: Relation, value: f64) -> Option<(Measure, Condition)> {
        Metric::parse(word).expect("the word is known").translate(Condition { relation, value })
    }

    #[test]
    fn a_percentile_becomes_a_share_of_slow_attempts() {
        let slow = |millis| Measure::Slow { above: Span::from_millis(millis) };
        let at_most = Condition { relation: Relation::AtMost, value: 0.01 };
        let more = Condition { relation: Relation::More, value: 0.001 };
        assert_eq!(translated("latency-p99-ms", Relation::Less, 500.0), Some((slow(500), at_most)));
        assert_eq!(translated("latency-p99-s", Relation::AtMost, 0.5), Some((slow(500), at_most)));
        assert_eq!(translated("latency-p99.9-s", Relation::AtLeast, 2.0), Some((slow(2_000), more)));
        assert_eq!(translated("latency-p50-ms", Relation::Equal, 1.0), None);
    }

    #[test]
    fn percent_become_shares_without_dust() {
        let condition = Condition { relation: Relation::AtLeast, value: 0.999 };
        assert_eq!(
            translated("availability-percent", Relation::AtLeast, 99.9),
            Some((Measure::Availability, condition))
        );
    }

    #[test]
    fn other_words_are_no_metrics() {
        for word in ["", "latency", "latency-p99", "latency-p100-ms", "latency-pxx-s", "success", "latency-p99-min"] {
            assert_eq!(Metric::parse(word), None, "{word}");
        }
    }
}
