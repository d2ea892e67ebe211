//! Latencies as they are counted while a run goes on: their sum, and one increment for each in the cells of an HDR histogram
//! of three significant digits (Tene). Short runs spent more time on the histogram than on themselves.

use crate::core::time::Span;
use std::ops::Range;

/// Latencies are counted in microseconds, up to an hour.
const MAX_US: u64 = 3_600_000_000;
/// Up to here each microsecond has a cell of its own; above, cells double in width with every power of two.
const SINGLE_BITS: u32 = 11;
const HALF: u64 = 1 << (SINGLE_BITS - 1);

/// So many neighbouring cells are passed over at once where a quantile cannot lie in them.
const BLOCK: usize = 64;

/// How many latencies fell into each cell, up to the last that was needed, in small numbers: short runs touch little memory.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    counts: Vec<u32>,
    /// A cell for every time that its count was full and began anew.
    full: Vec<usize>,
    sum_ns: u128,
}

impl Latencies {
    /// Counts one; what is longer than an hour counts as that.
    #[inline(always)]
    pub fn record(&mut self, latency: Span) {
        self.sum_ns += u128::from(latency.nanos());
        let us = latency.nanos() / 1_000;
        match self.counts.get_mut(cell(us)) {
            Some(count) if *count < u32::MAX => *count += 1,
            Some(_) | None => self.record_beyond(us),
        }
    }

    #[inline(never)]
    fn record_beyond(&mut self, us: u64) {
        let (last, cell) = (cell(MAX_US), cell(us.min(MAX_US)));
        match self.counts.get_mut(cell) {
            Some(count) if *count < u32::MAX => *count += 1,
            Some(count) => {
                *count = 1;
                self.full.push(cell);
            }
            None => {
                self.counts.resize(cell.next_multiple_of(HALF as usize).min(last) + 1, 0);
                self.counts[cell] = 1;
            }
        }
    }

    /// How many fell into these cells.
    fn count(&self, cells: Range<usize>) -> u64 {
        let end = cells.end.min(self.counts.len());
        let counted: u64 = self.counts[cells.start.min(end)..end].iter().map(|&count| u64::from(count)).sum();
        let full = self.full.iter().filter(|cell| cells.contains(cell)).count();
        counted + full as u64 * u64::from(u32::MAX)
    }

    /// What so large `shares` of the latencies of all of `parts` do not exceed, in milliseconds and to three digits; the shares
    /// ascend. What is shorter than a microsecond counts as one. `None`: there are none.
    pub fn quantiles_ms<const N: usize>(parts: &[&Latencies], shares: [f64; N]) -> Option<[f64; N]> {
        let count = |cells: Range<usize>| -> u64 { parts.iter().map(|part| part.count(cells.clone())).sum() };
        let total = count(0..usize::MAX);
        // Of the block that the search has come to: its first cell, how many lie before it, and how many in it.
        let (mut start, mut before, mut inside) = (0, 0, count(0..BLOCK));
        let quantile = |share: f64| {
            let wanted = ((share * total as f64).ceil() as u64).max(1);
            while before + inside < wanted {
                start += BLOCK;
                before += inside;
                inside = count(start..start + BLOCK);
            }
            let (mut cell, mut seen) = (start, before + count(start..start + 1));
            while seen < wanted {
                cell += 1;
                seen += count(cell..cell + 1);
            }
            (lowest_of(cell + 1) - 1).max(1) as f64 / 1e3
        };
        (total > 0).then(|| shares.map(quantile))
    }

    /// The mean of all of `parts` in milliseconds, to the nanosecond; `None`: there are none.
    pub fn mean_ms(parts: &[&Latencies]) -> Option<f64> {
        let count: u64 = parts.iter().map(|part| part.count(0..usize::MAX)).sum();
        let sum_ns: u128 = parts.iter().map(|part| part.sum_ns).sum();
        (count > 0).then(|| sum_ns as f64 / count as f64 / 1e6)
    }
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
    fn a_cell_counts_on_when_its_number_is_full() {
        let ms = Span::from_millis;
        let mut latencies = Latencies::default();
        (1..=2).for_each(|number| latencies.record(ms(number)));
        latencies.counts[cell(1_000)] = u32::MAX - 1;
        (0..3).for_each(|_| latencies.record(ms(1)));
        let ones = u64::from(u32::MAX) + 2;
        assert_eq!((latencies.count(0..usize::MAX), latencies.count(1_000..1_001)), (ones + 1, ones));
        let shares = [0.5, (ones as f64 + 0.5) / (ones as f64 + 1.0)];
        assert_eq!(Latencies::quantiles_ms(&[&latencies], shares), Some([1.0, 2.0]));
    }

    #[test]
    fn of_no_latencies_there_are_no_quantiles() {
        let none = Latencies::default();
        assert_eq!((Latencies::quantiles_ms(&[&none], [0.5]), Latencies::mean_ms(&[&none])), (None, None));
    }
}
