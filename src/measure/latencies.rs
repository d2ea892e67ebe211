//! Latencies as they are counted while a run goes on: their sum, and one increment for each in the cells of an HDR histogram
//! of three significant digits, which [`Latencies::histogram`] makes of them.

use crate::core::time::Span;
use hdrhistogram::Histogram;

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

    /// Those of all of `parts`, in microseconds; what is shorter than one counts as one.
    pub fn histogram(parts: &[&Latencies]) -> Histogram<u64> {
        let longest = parts.iter().map(|part| part.counts.len()).max().unwrap_or_default();
        let bound = lowest_of(longest).clamp(2, MAX_US);
        let mut histogram = Histogram::new_with_bounds(1, bound, 3).expect("the bounds are in order");
        for part in parts {
            for (cell, &count) in part.counts.iter().enumerate() {
                if count > 0 {
                    histogram.record_n(lowest_of(cell).max(1), count).expect("a cell lies within the bounds");
                }
            }
        }
        histogram
    }

    /// The mean of all of `parts` in milliseconds, to the nanosecond; `None`: there are none.
    pub fn mean_ms(parts: &[&Latencies]) -> Option<f64> {
        let count: u64 = parts.iter().flat_map(|part| &part.counts).sum();
        let sum_ns: u128 = parts.iter().map(|part| part.sum_ns).sum();
        (count > 0).then(|| sum_ns as f64 / count as f64 / 1e6)
    }
}

/// The number of the cell of `us` microseconds.
#[inline(always)]
const fn cell(us: u64) -> usize {
    let doublings = (u64::BITS - SINGLE_BITS) - (us | (2 * HALF - 1)).leading_zeros();
    (doublings as u64 * HALF + (us >> doublings)) as usize
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_the_histogram_itself(latencies in prop::collection::vec((0_u64..50, 0_u32..48), 1..200)) {
            let nanos = latencies.into_iter().map(|(number, doublings)| (number << doublings).min(1_000 * MAX_US));
            let latencies: Vec<Span> = nanos.map(Span::from_nanos).collect();
            let mut direct = Histogram::<u64>::new_with_bounds(1, MAX_US, 3).expect("bounds");
            let mut counted = [Latencies::default(), Latencies::default()];
            for (number, latency) in latencies.iter().enumerate() {
                direct.saturating_record((latency.nanos() / 1_000).max(1));
                counted[number % 2].record(*latency);
            }
            let both = Latencies::histogram(&[&counted[0], &counted[1]]);
            // Their 23,552 counts are not for reading.
            prop_assert!(both == direct);
        }
    }
}
