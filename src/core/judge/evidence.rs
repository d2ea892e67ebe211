//! What a verdict rests on, and how a person reads it.

use super::count::Count;
use super::kayenta::Class;
use super::ranks::Shift;
use super::sprt::Walk;
use std::fmt;

/// The counts behind a verdict, and what the judge made of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Of the new version.
    pub canary: Count,
    /// Of what it was compared with; `None`: with nothing.
    pub control: Option<Count>,
    /// What was found.
    pub finding: Finding,
}

/// Threshold, statistic, probability or bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// Too few requests to say anything.
    TooFew {
        /// Of the canary; where it has as many, the control had none.
        needed: u64,
    },
    /// Too few points of a metric for the confidence that is wanted.
    FewPoints {
        /// Of the canary.
        new: usize,
        /// Of the control.
        old: usize,
        /// See [`Rules::confidence`](super::Rules::confidence).
        confidence: f64,
    },
    /// A rate against a number.
    Limit {
        /// The highest rate that passes.
        limit: f64,
    },
    /// A rate against a multiple of the control's.
    Relative {
        /// How many times.
        factor: f64,
        /// The highest rate that passes.
        limit: f64,
    },
    /// A test of no difference.
    Probability {
        /// Its name.
        test: &'static str,
        /// `None` where it has none, or is undefined.
        statistic: Option<f64>,
        /// Of a difference at least as large without any cause.
        p_value: f64,
        /// Below this it fails.
        alpha: f64,
    },
    /// Wald's walk.
    Walk(Walk),
    /// A planned look.
    Look {
        /// Which one.
        look: u32,
        /// Of how many.
        of: u32,
        /// The z of the difference; `None` without any failure.
        statistic: Option<f64>,
        /// From here on it fails.
        limit: f64,
    },
    /// Two confidence sequences.
    Intervals {
        /// Of the canary's rate.
        canary: (f64, f64),
        /// Of the control's.
        control: (f64, f64),
        /// Below this it passes.
        bad: f64,
    },
    /// Kayenta's class.
    Ranks {
        /// Which one.
        class: Class,
        /// `None` where no test was needed.
        shift: Option<Shift>,
        /// `None` where it is undefined.
        effect: Option<f64>,
        /// How many points canary and control had.
        points: (u64, u64),
        /// Part of the shift that is tolerated.
        tolerance: f64,
    },
}

/// A share in percent, to four significant digits and without trailing zeros.
pub fn percent(share: f64) -> f64 {
    let percent = 100.0 * share;
    if percent == 0.0 || !percent.is_finite() {
        return 0.0;
    }
    let digits = 3 - percent.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits);
    (percent * scale).round() / scale
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Finding::TooFew { needed } => write!(out, "{needed} are needed"),
            Finding::FewPoints { new, old, confidence } => {
                write!(out, "{new} points against {old} are too few for {} % confidence", percent(confidence))
            }
            Finding::Limit { limit } => write!(out, "limit {} %", percent(limit)),
            Finding::Relative { factor, limit } => write!(out, "limit {factor} times as many: {} %", percent(limit)),
            Finding::Probability { test, statistic, p_value, alpha } => {
                let of = statistic.map_or_else(String::new, |z| format!(" = {z:.3}"));
                write!(out, "{test}{of}, p = {p_value:.3e}, limit {alpha}")
            }
            Finding::Walk(Walk { ratio, reject, accept }) => {
                write!(out, "log likelihood ratio {ratio:.3}, bad from {reject:.3}, healthy down to {accept:.3}")
            }
            Finding::Look { look, of, statistic, limit } => {
                let z = statistic.unwrap_or(0.0);
                write!(out, "look {look} of {of}, z = {z:.3}, limit {limit:.3}")
            }
            Finding::Intervals { canary, control, bad } => {
                let of = |(low, high): (f64, f64)| format!("{} to {} %", percent(low), percent(high));
                write!(out, "at all times {} against {}, healthy below {} %", of(canary), of(control), percent(bad))
            }
            Finding::Ranks { class, shift, points, tolerance, .. } => ranks(out, class, shift, points, tolerance),
        }
    }
}

fn ranks(
    out: &mut fmt::Formatter<'_>,
    class: Class,
    shift: Option<Shift>,
    (new, old): (u64, u64),
    tolerance: f64,
) -> fmt::Result {
    let class = match class {
        Class::Pass => "no clear shift",
        Class::High => "high",
        Class::Low => "low",
        Class::Nodata => "no data",
        Class::NodataFail => "no data where there has to be",
    };
    write!(out, "{class}: {new} points against {old}")?;
    let Some(Shift { u, p_value, estimate, low, high }) = shift else { return Ok(()) };
    let allowed = tolerance * estimate.abs();
    write!(out, ", U = {u}, p = {p_value:.3e}, shift {estimate:.4} in {low:.4} to {high:.4}, tolerance ±{allowed:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_show_four_significant_digits() {
        let cases =
            [(1.0 / 6.0, "16.67"), (0.05, "5"), (0.00125, "0.125"), (1.0, "100"), (0.0, "0"), (0.000_5, "0.05")];
        for (share, text) in cases {
            assert_eq!(percent(share).to_string(), text);
        }
    }
}
