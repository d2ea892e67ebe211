//! Measurements of a new version and how they are counted, as in an Argo `AnalysisRun` (`analysis/analysis.go`).

use crate::core::time::Span;

/// What is measured, and how often.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// Each of them must succeed.
    pub checks: Vec<Check>,
}

impl Analysis {
    /// The latency above which an attempt counts as slow, if a check asks for that; the first one counts.
    pub fn slow_above(&self) -> Option<Span> {
        self.checks.iter().find_map(|check| match check.measure {
            Measure::Slow { above } => Some(above),
            Measure::Availability | Measure::ErrorRate => None,
        })
    }
}

/// One metric of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// As the manifest calls it.
    pub name: String,
    /// What of the new version is measured.
    pub measure: Measure,
    /// How far back a measurement looks.
    pub window: Span,
    /// A measurement is good when this holds.
    pub success: Option<Condition>,
    /// A measurement is bad when this holds, whatever `success` says.
    pub failure: Option<Condition>,
    /// From the start of the run to the first measurement.
    pub initial_delay: Span,
    /// Between two measurements; `None`: there is one.
    pub interval: Option<Span>,
    /// Measurements that make the run succeed; `None`: one without an interval, else it runs as long as it is let.
    pub count: Option<u32>,
    /// How many bad ones it takes.
    pub tolerance: Tolerance,
    /// Measured, but without effect.
    pub dry_run: bool,
}

impl Check {
    /// One measurement of the last `window`, which is good when `success` holds.
    pub fn new(name: impl Into<String>, measure: Measure, window: Span, success: Option<Condition>) -> Check {
        Check {
            name: name.into(),
            measure,
            window,
            success,
            failure: None,
            initial_delay: Span::ZERO,
            interval: None,
            count: None,
            tolerance: Tolerance::default(),
            dry_run: false,
        }
    }
}

/// What of the new version is measured over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Share of attempts that did not fail, 0 to 1.
    Availability,
    /// Share of attempts that failed, 0 to 1.
    ErrorRate,
    /// Share of attempts that took longer than this, 0 to 1: the 99th percentile is at most `above` exactly when the
    /// share is at most 1 %.
    Slow {
        /// Latency of an attempt, as its proxy sees it.
        above: Span,
    },
}

/// A comparison of the measured value with a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// How they must compare.
    pub relation: Relation,
    /// On the right-hand side.
    pub value: f64,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Other,
}

/// How many measurements of a kind a run bears: one more ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Bad ones; `None`: any number (Argo's −1).
    pub failures: Option<u32>,
    /// Neither good nor bad.
    pub inconclusive: u32,
    /// Measurements in a row that gave no value.
    pub errors: u32,
    /// Good ones in a row that make the run succeed early; 0: off.
    pub successes: u32,
}

impl Default for Tolerance {
    /// Argo's defaults.
    fn default() -> Tolerance {
        Tolerance { failures: Some(0), inconclusive: 0, errors: 4, successes: 0 }
    }
}
