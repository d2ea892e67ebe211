//! Draws from the laws of durations.

use crate::core::draw::{Stream, below, unit};
use crate::core::time::Span;
use crate::scenario::normal::Normal;
use crate::scenario::plan::{Branch, Law};
use crate::scenario::power::two_to;
use rand::Rng;
use rand_distr::{Distribution, Exp1, Gamma};

/// The 99th percentile of the standard normal law.
const Z99: f64 = 2.326_347_874_040_841;
/// A draw is cut here, at 26 days: longer than any run.
pub const LONGEST_NS: f64 = (1_u64 << LONGEST_BITS) as f64;
const LONGEST_BITS: u32 = 51;

/// A law made ready to be drawn from. Its tag is a byte of its own: one that is hidden in a law takes longer to read.
#[derive(Clone, Debug)]
#[repr(u8)]
pub enum Sampler {
    /// Always the same, in nanoseconds.
    Constant(u64),
    /// Minimum and width of the range in nanoseconds.
    Uniform {
        /// Smallest value.
        min: f64,
        /// From there to the largest.
        width: f64,
    },
    /// Mean in nanoseconds.
    Exponential(f64),
    /// Logarithm to base 2 of the median in nanoseconds, and its standard deviation.
    LogNormal {
        /// Where it all comes from.
        normal: &'static Normal,
        /// log2(median).
        mu: f64,
        /// log2(p99 / median) / z99.
        sigma: f64,
    },
    /// In nanoseconds.
    Gamma(Gamma<f64>),
    /// Minimum in nanoseconds, and −1 / shape.
    Pareto {
        /// Smallest value.
        min: f64,
        /// Exponent of a uniform draw.
        power: f64,
    },
    /// Cumulative share and mean in nanoseconds of each branch.
    HyperExponential(Vec<(f64, f64)>),
    /// In nanoseconds.
    Empirical(Vec<u64>),
    /// In nanoseconds.
    PerSize {
        /// For any request.
        base: f64,
        /// For each unit of its size.
        each: f64,
    },
}

impl Sampler {
    /// Makes `law`, which the scenario has checked, ready.
    pub fn new(law: &Law) -> Sampler {
        let ns = |span: Span| span.nanos() as f64;
        match law {
            Law::Constant(span) => Sampler::Constant(span.nanos()),
            Law::Uniform { min, max } => Sampler::Uniform { min: ns(*min), width: ns(*max) - ns(*min) },
            Law::Exponential { mean } => Sampler::Exponential(ns(*mean)),
            Law::LogNormal { median, p99 } => {
                let sigma = (ns(*p99) / ns(*median)).log2() / Z99;
                Sampler::LogNormal { normal: Normal::standard(), mu: ns(*median).log2(), sigma }
            }
            Law::Gamma { mean, shape } => {
                let gamma = Gamma::new(*shape, ns(*mean) / shape);
                Sampler::Gamma(gamma.expect("a checked scenario has a positive mean and shape"))
            }
            Law::Pareto { min, shape } => Sampler::Pareto { min: ns(*min), power: -1.0 / shape },
            Law::HyperExponential(branches) => Sampler::HyperExponential(cumulated(branches)),
            Law::Empirical(values) => Sampler::Empirical(values.iter().map(|value| value.nanos()).collect()),
            Law::PerSize { base, each } => Sampler::PerSize { base: ns(*base), each: ns(*each) },
        }
    }

    /// One draw in nanoseconds.
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        self.draw_for(stream, || 1.0)
    }

    /// The same, for a request of this size.
    #[inline(always)]
    pub fn draw_for(&self, stream: &mut Stream, size: impl FnOnce() -> f64) -> u64 {
        let value = match self {
            Sampler::Constant(nanos) => return *nanos,
            Sampler::Empirical(values) => return values[below(stream.next_u64(), values.len() as u32) as usize],
            Sampler::Uniform { min, width } => min + width * unit(stream.next_u64()),
            Sampler::Exponential(mean) => mean * exponential(stream),
            Sampler::LogNormal { normal, mu, sigma } => {
                // Beyond these lies less than a nanosecond, or more than the longest.
                return to_nanos(two_to((mu + sigma * normal.draw(stream)).clamp(-1.0, f64::from(LONGEST_BITS))));
            }
            Sampler::Gamma(gamma) => gamma.sample(stream),
            // 1 − u lies in (0, 1], so that the power is finite.
            Sampler::Pareto { min, power } => min * (1.0 - unit(stream.next_u64())).powf(*power),
            Sampler::HyperExponential(branches) => branch(branches, unit(stream.next_u64())) * exponential(stream),
            Sampler::PerSize { base, each } => base + each * size(),
        };
        to_nanos(value.clamp(0.0, LONGEST_NS))
    }
}

/// A draw from the exponential law with mean 1.
#[inline]
pub fn exponential(stream: &mut Stream) -> f64 {
    Exp1.sample(stream)
}

/// The nearest whole number to one from 0 to [`LONGEST_NS`]. A conversion must also mind what lies beyond; added to 2^52, such a
/// number stands in the last digits.
#[inline(always)]
pub fn to_nanos(value: f64) -> u64 {
    const SHIFT: f64 = (1_u64 << (f64::MANTISSA_DIGITS - 1)) as f64;
    debug_assert!((0.0..=LONGEST_NS).contains(&value), "{value} is not a number of nanoseconds");
    (value + SHIFT).to_bits() - SHIFT.to_bits()
}

fn cumulated(branches: &[Branch]) -> Vec<(f64, f64)> {
    let mut sum = 0.0;
    branches
        .iter()
        .map(|branch| {
            sum += branch.share.value();
            (sum, branch.mean.nanos() as f64)
        })
        .collect()
}

fn branch(branches: &[(f64, f64)], draw: f64) -> f64 {
    let chosen = branches.iter().find(|&&(sum, _)| draw < sum);
    let (_, mean) = chosen.or(branches.last()).expect("a checked law has a branch");
    *mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;
    use crate::core::draw::Seed;

    const MS: Span = Span::from_millis(1);

    fn draws(law: &Law, count: usize) -> Vec<f64> {
        let mut stream = Seed(11).stream("law", 0);
        let sampler = Sampler::new(law);
        (0..count).map(|_| sampler.draw_for(&mut stream, || 3.0) as f64 / 1e6).collect()
    }

    /// Mean and standard deviation in milliseconds, from theory.
    #[test]
    fn means_and_deviations_are_those_of_theory() {
        let share = |value| Share::new(value).expect("a share");
        let branches =
            vec![Branch { share: share(0.9), mean: MS }, Branch { share: share(0.1), mean: Span::from_millis(11) }];
        let sigma = (5.0_f64).ln() / Z99;
        let log_mean = 10.0 * (sigma * sigma / 2.0).exp();
        let cases = [
            (Law::Constant(MS), 1.0, 0.0),
            (Law::Uniform { min: MS, max: Span::from_millis(13) }, 7.0, 12.0_f64.sqrt()),
            (Law::Exponential { mean: Span::from_millis(10) }, 10.0, 10.0),
            (Law::Gamma { mean: Span::from_millis(10), shape: 4.0 }, 10.0, 5.0),
            (
                Law::LogNormal { median: Span::from_millis(10), p99: Span::from_millis(50) },
                log_mean,
                log_mean * ((sigma * sigma).exp() - 1.0).sqrt(),
            ),
            (Law::Pareto { min: Span::from_millis(2), shape: 5.0 }, 2.5, 2.5 / 15.0_f64.sqrt()),
            (Law::HyperExponential(branches), 2.0, (2.0 * (0.9 + 12.1) - 4.0_f64).sqrt()),
            (Law::Empirical(vec![MS, Span::from_millis(3)]), 2.0, 1.0),
            (Law::PerSize { base: MS, each: Span::from_millis(2) }, 7.0, 0.0),
        ];
        for (law, mean, deviation) in cases {
            let draws = draws(&law, 200_000);
            let count = draws.len() as f64;
            let found = draws.iter().sum::<f64>() / count;
            let spread = (draws.iter().map(|draw| (draw - found).powi(2)).sum::<f64>() / count).sqrt();
            let margin = 4.0 * deviation / count.sqrt() + 1e-6;
            assert!((found - mean).abs() < margin, "{law:?}: mean {found} instead of {mean}");
            assert!((spread - deviation).abs() <= 0.05 * deviation + 1e-6, "{law:?}: deviation {spread}");
        }
    }

    #[test]
    fn a_log_normal_has_the_median_and_p99_it_was_given() {
        let mut draws = draws(&Law::LogNormal { median: Span::from_millis(18), p99: Span::from_millis(140) }, 200_000);
        draws.sort_by(f64::total_cmp);
        assert!((draws[100_000] - 18.0).abs() < 0.3, "median {}", draws[100_000]);
        assert!((draws[198_000] - 140.0).abs() < 4.0, "p99 {}", draws[198_000]);
    }
}
