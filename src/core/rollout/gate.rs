//! The automatic verdict: from samples of cumulative counters to pass, fail or inconclusive, with the evidence.

use crate::core::rollout::Gate;
use crate::core::time::Moment;
use std::collections::VecDeque;
use std::fmt;

/// Attempts counted since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that ended.
    pub attempts: u64,
    /// Of those, the ones that failed by the instance's fault.
    pub failed: u64,
    /// Of those, the ones that took longer than [`Strategy::slow_above`](super::Strategy::slow_above).
    pub slow: u64,
}

impl std::ops::Sub for Tally {
    type Output = Tally;

    fn sub(self, earlier: Tally) -> Tally {
        Tally {
            attempts: self.attempts - earlier.attempts,
            failed: self.failed - earlier.failed,
            slow: self.slow - earlier.slow,
        }
    }
}

/// One scrape: the counters of both versions as they stood at `at`. It may arrive later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the counters were read.
    pub at: Moment,
    /// What those of the new version showed; with a feature flag, those of the new code.
    pub new: Tally,
    /// What those of the old version showed.
    pub old: Tally,
}

/// What a gate says about the new version, and on what grounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Enough samples, and few enough failures.
    Pass(Evidence),
    /// Enough samples, and too many failures.
    Fail(Evidence),
    /// Too few samples to say.
    Inconclusive(Evidence),
}

/// The counts behind a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    window: Tally,
    gate: Gate,
}

impl fmt::Display for Evidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { attempts, failed, .. } = self.window;
        write!(out, "{failed} of {attempts} attempts failed in {}", self.gate.window)?;
        if attempts < u64::from(self.gate.samples) {
            return write!(out, ", {} are needed", self.gate.samples);
        }
        let rate = 100.0 * failed as f64 / attempts as f64;
        write!(out, " ({rate:.2} %, limit {} %)", percent(self.gate.error_rate.value()))
    }
}

/// A share in percent, to four significant digits and without trailing zeros.
pub(super) fn percent(share: f64) -> f64 {
    let percent = 100.0 * share;
    if percent == 0.0 {
        return 0.0;
    }
    let digits = 3 - percent.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits);
    (percent * scale).round() / scale
}

/// A gate and the samples it has seen.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    gate: Gate,
    /// In the order of `at`; the first may lie just before the window.
    samples: VecDeque<Sample>,
}

impl Watch {
    pub fn new(gate: Gate) -> Watch {
        Watch { gate, samples: VecDeque::new() }
    }

    /// Takes a sample in; one that is older than what was seen is of no use.
    pub fn observe(&mut self, sample: Sample) {
        if self.samples.back().is_some_and(|last| sample.at <= last.at) {
            return;
        }
        self.samples.push_back(sample);
        let start = sample.at.back(self.gate.window);
        while self.samples.len() > 1 && self.samples[1].at <= start {
            self.samples.pop_front();
        }
    }

    /// The verdict on the last window.
    pub fn verdict(&self) -> Verdict {
        let window = self.window();
        let evidence = Evidence { window, gate: self.gate };
        if window.attempts == 0 || window.attempts < u64::from(self.gate.samples) {
            Verdict::Inconclusive(evidence)
        } else if window.failed as f64 > self.gate.error_rate.value() * window.attempts as f64 {
            Verdict::Fail(evidence)
        } else {
            Verdict::Pass(evidence)
        }
    }

    fn window(&self) -> Tally {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => last.new - first.new,
            _ => Tally::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;
    use crate::core::time::Span;

    fn watch() -> Watch {
        let error_rate = Share::new(0.01).expect("a share");
        Watch::new(Gate { error_rate, samples: 100, window: Span::from_secs(60) })
    }

    fn sample(second: u64, attempts: u64, failed: u64) -> Sample {
        let new = Tally { attempts, failed, slow: 0 };
        Sample { at: Moment::START + Span::from_secs(second), new, old: Tally::default() }
    }

    #[test]
    fn percentages_show_four_significant_digits() {
        let cases =
            [(1.0 / 6.0, "16.67"), (0.05, "5"), (0.00125, "0.125"), (1.0, "100"), (0.0, "0"), (0.000_5, "0.05")];
        for (share, text) in cases {
            assert_eq!(percent(share).to_string(), text);
        }
    }

    #[test]
    fn nothing_seen_is_never_a_pass() {
        let mut watch = watch();
        assert!(matches!(watch.verdict(), Verdict::Inconclusive(_)));
        watch.observe(sample(5, 0, 0));
        watch.observe(sample(10, 99, 99));
        assert!(matches!(watch.verdict(), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_rate_above_the_limit_fails_and_at_the_limit_passes() {
        let mut watch = watch();
        watch.observe(sample(0, 0, 0));
        watch.observe(sample(5, 200, 2));
        assert!(matches!(watch.verdict(), Verdict::Pass(_)));
        watch.observe(sample(10, 201, 3));
        assert!(matches!(watch.verdict(), Verdict::Fail(_)));
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let mut watch = watch();
        for (second, attempts, failed) in
            [(0, 0, 0), (5, 1_000, 500), (35, 2_000, 500), (65, 3_000, 500), (95, 4_000, 500)]
        {
            watch.observe(sample(second, attempts, failed));
        }
        assert!(matches!(watch.verdict(), Verdict::Pass(_)));
    }

    #[test]
    fn repeated_and_late_samples_change_nothing() {
        let mut watch = watch();
        watch.observe(sample(0, 0, 0));
        watch.observe(sample(5, 200, 0));
        let before = watch.verdict();
        watch.observe(sample(5, 200, 0));
        watch.observe(sample(3, 150, 150));
        assert_eq!(watch.verdict(), before);
    }
}
