//! Laws of durations.

use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::entry::Or;
use crate::scenario::file::{Branch, Law, LawOrSpan};
use crate::scenario::plan;
use crate::scenario::trace;
use crate::yaml::tree::KeyPath;

/// How far the shares of a mixture may be from 100% in sum, for binary rounding.
const SUM_TOLERANCE_PERCENT: f64 = 1e-6;

/// Whether requests have a size that a law may use, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    Known,
    /// The trace names no column for it, or there is no trace.
    Unknown,
    /// The law is not about requests.
    NoRequest,
}

pub(super) fn law(law: &LawOrSpan, sizes: Sizes, at: &KeyPath, check: &mut Check<'_>) -> plan::Law {
    let law = match law {
        Or::Leaf(span) => return plan::Law::Constant(*span),
        Or::Table(law) => law,
    };
    match law {
        Law::Uniform(law) => {
            let (min, max) = (law.min, law.max.0);
            check_range(min, max, &at.key("uniform"), check);
            plan::Law::Uniform { min, max }
        }
        Law::Exponential(law) => plan::Law::Exponential { mean: law.mean.0 },
        Law::Lognormal(law) => {
            let (median, p99) = (law.median.0, law.p99.0);
            check_order(median, p99, &at.key("lognormal"), check);
            plan::Law::LogNormal { median, p99 }
        }
        Law::Gamma(law) => plan::Law::Gamma { mean: law.mean.0, shape: law.shape.0 },
        Law::Erlang(law) => plan::Law::Gamma { mean: law.mean.0, shape: f64::from(law.stages.small()) },
        Law::Pareto(law) => plan::Law::Pareto { min: law.min.0, shape: law.shape.0 },
        Law::HyperExponential(law) => mixture(&law.branches, &at.key("hyper-exponential").key("branches"), check),
        Law::Empirical(law) => plan::Law::Empirical(trace::durations(law, &at.key("empirical"), check)),
        Law::PerSize(law) => {
            check_sizes(sizes, &at.key("per-size"), check);
            plan::Law::PerSize { base: law.base, each: law.each }
        }
    }
}

fn check_range(min: Span, max: Span, at: &KeyPath, check: &mut Check<'_>) {
    if max <= min {
        let text = format!("found {max}, expected a time above the minimum of {min}");
        check.complain(&[&at.key("max"), &at.key("min")], text);
    }
}

fn check_order(median: Span, p99: Span, at: &KeyPath, check: &mut Check<'_>) {
    if p99 <= median {
        let text = format!("found {p99}, expected a time above the median of {median}");
        check.complain(&[&at.key("p99"), &at.key("median")], text);
    }
}

fn mixture(branches: &[Branch], at: &KeyPath, check: &mut Check<'_>) -> plan::Law {
    let sum: f64 = branches.iter().map(|branch| branch.share.value()).sum();
    if (sum - 100.0).abs() > SUM_TOLERANCE_PERCENT {
        let text = format!("found shares that sum to {sum}%, expected 100%");
        check.complain(&[at], text);
    }
    let branches = branches.iter().map(|branch| plan::Branch { share: branch.share.share(), mean: branch.mean.0 });
    plan::Law::HyperExponential(branches.collect())
}

fn check_sizes(sizes: Sizes, at: &KeyPath, check: &mut Check<'_>) {
    let size = KeyPath::from(["traffic", "trace", "size"]);
    match sizes {
        Sizes::Known => {}
        Sizes::Unknown => {
            let text = "found a law per size, expected traffic.trace.size to name the column with the size";
            check.complain(&[at, &size], text);
        }
        Sizes::NoRequest => {
            let text = "found a law per size, expected another, since there is no request here";
            check.complain(&[at], text);
        }
    }
}
