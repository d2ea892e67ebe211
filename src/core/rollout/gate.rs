//! The automatic verdict: from samples of cumulative counters to pass, fail or inconclusive, with the evidence.

use crate::core::rollout::Gate;
use crate::core::rollout::samples::{Samples, Tally};
use std::fmt;

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

/// The verdict of `gate` on its last window.
pub(super) fn judge(gate: Gate, samples: &Samples) -> Verdict {
    let window = samples.window(gate.window);
    let evidence = Evidence { window, gate };
    if window.attempts == 0 || window.attempts < u64::from(gate.samples) {
        Verdict::Inconclusive(evidence)
    } else if window.failed as f64 > gate.error_rate.value() * window.attempts as f64 {
        Verdict::Fail(evidence)
    } else {
        Verdict::Pass(evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;
    use crate::core::rollout::Sample;
    use crate::core::time::{Moment, Span};

    /// Samples at seconds, with attempts and failures so far.
    fn verdict(samples: &[(u64, u64, u64)]) -> Verdict {
        let error_rate = Share::new(0.01).expect("a share");
        let gate = Gate { error_rate, samples: 100, window: Span::from_secs(60) };
        let mut seen = Samples::new(gate.window);
        for &(second, attempts, failed) in samples {
            let new = Tally { attempts, failed, slow: 0 };
            seen.observe(Sample { at: Moment::START + Span::from_secs(second), new, old: Tally::default() });
        }
        judge(gate, &seen)
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
        assert!(matches!(verdict(&[]), Verdict::Inconclusive(_)));
        assert!(matches!(verdict(&[(5, 0, 0), (10, 99, 99)]), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_rate_above_the_limit_fails_and_at_the_limit_passes() {
        assert!(matches!(verdict(&[(0, 0, 0), (5, 200, 2)]), Verdict::Pass(_)));
        assert!(matches!(verdict(&[(0, 0, 0), (5, 200, 2), (10, 201, 3)]), Verdict::Fail(_)));
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let seen = [(0, 0, 0), (5, 1_000, 500), (35, 2_000, 500), (65, 3_000, 500), (95, 4_000, 500)];
        assert!(matches!(verdict(&seen), Verdict::Pass(_)));
    }

    #[test]
    fn repeated_and_late_samples_change_nothing() {
        let seen = [(0, 0, 0), (5, 200, 0)];
        assert_eq!(verdict(&[seen[0], seen[1], (5, 200, 0), (3, 150, 150)]), verdict(&seen));
    }
}
