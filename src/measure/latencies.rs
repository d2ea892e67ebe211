//! Latencies as they are counted while a run goes on: their sum, and one increment for each in the cells of an HDR histogram
//! of three significant digits (Tene). Short runs spent more time on the histogram than on themselves.

use crate::core::time::Span;

/// Latencies are counted in microseconds, up to an hour.
const MAX_US: u64 = 3_600_000_000;
/// Up to here each microsecond has a cell of its own; above, cells double in width with every power of two.
const SINGLE_BITS: u32 = 11;
const HALF: u64 = 1 << (SINGLE_BITS - 1);

/// How many latencies fell into each cell, up to the last that was needed: short runs touch little memory.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    counts: Vec<u64>,
    sum_ns: u128,
}

impl Latencies {
    /// Counts one; what is longer than an hour counts as that.
    #[inline(always)]
    pub fn record(&mut self, latency: Span) {
        self.sum_ns += u128::from(latency.nanos());
        let cell = cell((latency.nanos() / 1_000).min(MAX_US));
        match self.counts.get_mut(cell) {
            Some(count) => *count += 1,
            None => self.record_beyond(cell),
        }
    }

    #[inline(never)]
    fn record_beyond(&mut self, cell: usize) {
        self.counts.resize(cell.next_multiple_of(HALF as usize) + 1, 0);
        self.counts[cell] += 1;
    }

    /// What so large `shares` of the latencies of all of `parts` do not exceed, in milliseconds and to three digits; the shares
    /// ascend. What is shorter than a microsecond counts as one. `None`: there are none.
    pub fn quantiles_ms<const N: usize>(parts: &[&Latencies], shares: [f64; N]) -> Option<[f64; N]> {
        let counts = together(parts);
        let total: u64 = counts.iter().sum();
        let (mut cell, mut seen) = (0, *counts.first()?);
        let quantile = |share: f64| {
            let wanted = ((share * total as f64).ceil() as u64).max(1);
            while seen < wanted {
                cell += 1;
                seen += counts[cell];
            }
            (lowest_of(cell + 1) - 1).max(1) as f64 / 1e3
        };
        (total > 0).then(|| shares.map(quantile))
    }

    /// The mean of all of `parts` in milliseconds, to the nanosecond; `None`: there are none.
    pub fn mean_ms(parts: &[&Latencies]) -> Option<f64> {
        let count: u64 = parts.iter().flat_map(|part| &part.counts).sum();
        let sum_ns: u128 = parts.iter().map(|part| part.sum_ns).sum();
        (count > 0).then(|| sum_ns as f64 / count as f64 / 1e6)
    }
}

/// The counts of all of `parts`, cell by cell.
fn together(parts: &[&Latencies]) -> Vec<u64> {
    let longest = parts.iter().map(|part| part.counts.len()).max().unwrap_or_default();
    let mut counts = vec![0; longest];
    for part in parts {
        for (sum, count) in counts.iter_mut().zip(&part.counts) {
            *sum += count;
        }
    }
    counts
}

/// The number of the cell of `us` microseconds. Above the first cells, the exponent and the first digits of a floating-point
/// number count just like that; to look for the first bit of an integer takes many processors longer.
#[inline(always)]
fn cell(us: u64) -> usize {
    const DIGITS: u32 = f64::MANTISSA_DIGITS - SINGLE_BITS;
    const FIRST: u64 = ((HALF as f64).to_bits() >> DIGITS) - HALF;
    let of_large = ((us as i64 as f64).to_bits() >> DIGITS).wrapping_sub(FIRST);
    (if us < HALF { us } else { of_large }) as usize
}

/// The fewest microseconds of a cell.
const fn lowest_of(cell: usize) -> u64 {
    let cell = cell as u64;
    let doublings = (cell / HALF).saturating_sub(1);
    (cell - doublings * HALF) << doublings
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    /// The histogram itself counts microseconds, at least one.
    fn direct(latencies: &[Span]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, MAX_US, 3).expect("bounds");
        latencies.iter().for_each(|latency| histogram.saturating_record((latency.nanos() / 1_000).max(1)));
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_histogram_itself(
            latencies in prop::collection::vec((0_u64..50, 0_u32..48), 1..200),
            mut shares in prop::array::uniform4(0.0_f64..=1.0),
        ) {
            shares.sort_by(f64::total_cmp);
            shares[0] = shares[0].max(1e-9);
            let nanos = latencies.into_iter().map(|(number, doublings)| (number << doublings).min(1_000 * MAX_US));
            let latencies: Vec<Span> = nanos.map(Span::from_nanos).collect();
            let mut counted = [Latencies::default(), Latencies::default()];
            latencies.iter().enumerate().for_each(|(number, &latency)| counted[number % 2].record(latency));
            let parts = [&counted[0], &counted[1]];
            let direct = direct(&latencies);
            let expected = shares.map(|share| direct.value_at_quantile(share.max(1e-9)) as f64 / 1e3);
            prop_assert_eq!(Latencies::quantiles_ms(&parts, shares), Some(expected));
            let mean = latencies.iter().map(|latency| latency.seconds() * 1e3).sum::<f64>() / latencies.len() as f64;
            let found = Latencies::mean_ms(&parts).expect("there are some");
            prop_assert!((found - mean).abs() <= 1e-9 * mean, "{} instead of {}", found, mean);
        }
    }

    #[test]
    fn of_no_latencies_there_are_no_quantiles() {
        let none = Latencies::default();
        assert_eq!((Latencies::quantiles_ms(&[&none], [0.5]), Latencies::mean_ms(&[&none])), (None, None));
    }
}
