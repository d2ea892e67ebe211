//! How well one long run knows a mean: batch means (Conway, 1963; Law and Carson, 1979). Values that follow each other
//! resemble each other, so that their spread says too little; the means of long batches hardly do.

use crate::measure::stats::{Interval, mean, variance};

/// With fewer batches there is no telling whether they still resemble each other.
const BATCHES_MIN: usize = 10;
/// With more, each would be shorter than it need be.
const BATCHES_MAX: usize = 32;

/// The mean of a series, from the means of its batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    /// The mean and its bounds.
    pub interval: Interval,
    /// How many batches there are.
    pub batches: usize,
    /// Values in each.
    pub length: usize,
}

impl BatchMeans {
    /// With as many batches, of equal length, as do not resemble their neighbours; the values left over at the beginning
    /// do not count. `None` where the series is too short for that, or follows a trend.
    pub fn of(series: &[f64]) -> Option<BatchMeans> {
        let mut batches = BATCHES_MAX;
        while batches >= BATCHES_MIN {
            let length = series.len() / batches;
            if length == 0 {
                return None;
            }
            let used = &series[series.len() - batches * length..];
            let means: Vec<f64> = used.chunks_exact(length).filter_map(mean).collect();
            if are_alike_by_chance(&means)? {
                return Some(BatchMeans { interval: Interval::of(&means)?, batches, length });
            }
            batches = batches * 3 / 4;
        }
        None
    }
}

/// Whether neighbours are not more alike than chance has it: von Neumann's ratio (1941) of the mean squared difference of
/// neighbours to the variance is 2 on average, with a variance of 4 (n − 2) / (n² − 1), if they are independent. The limit
/// leaves 5 % of those out.
fn are_alike_by_chance(means: &[f64]) -> Option<bool> {
    const Z95: f64 = 1.644_854;
    let count = means.len() as f64;
    let spread = variance(means)?;
    let steps = means.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>() / (count - 1.0);
    let limit = 2.0 - Z95 * (4.0 * (count - 2.0) / (count * count - 1.0)).sqrt();
    Some(spread == 0.0 || steps / spread >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::draw::Seed;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    /// A series that forgets slowly: each value is 0.9 times the one before, and news.
    fn slow(seed: u64, length: usize) -> Vec<f64> {
        let mut stream = Seed(seed).stream("slow", 0);
        let mut value = 0.0;
        let mut next = || {
            let news: f64 = stream.sample(StandardNormal);
            value = 0.9 * value + news;
            value
        };
        for _ in 0..100 {
            next();
        }
        (0..length).map(|_| next() + 50.0).collect()
    }

    #[test]
    fn nine_in_ten_intervals_and_more_hold_the_true_mean_though_neighbours_are_alike() {
        let found: Vec<Interval> =
            (0..400).filter_map(|seed| BatchMeans::of(&slow(seed, 3_000)).map(|means| means.interval)).collect();
        let hold = found.iter().filter(|interval| interval.low <= 50.0 && 50.0 <= interval.high).count();
        let naive = (0..400).map(|seed| Interval::of(&slow(seed, 3_000)).expect("there are many"));
        let naive = naive.filter(|interval| interval.low <= 50.0 && 50.0 <= interval.high).count();
        assert!(found.len() > 380, "only {} of 400 were long enough", found.len());
        let share = hold as f64 / found.len() as f64;
        assert!((0.90..=0.98).contains(&share), "{share} hold it");
        assert!(naive < 200, "{naive} of 400 would if neighbours were taken for independent");
    }

    #[test]
    fn independent_values_are_cut_into_as_many_batches_as_may_be() {
        let mut stream = Seed(3).stream("even", 0);
        let series: Vec<f64> = (0..330).map(|_| stream.random()).collect();
        let means = BatchMeans::of(&series).expect("it is long enough");
        assert_eq!((means.batches, means.length), (32, 10));
        let last = mean(&series[10..]).expect("there are some");
        assert!((means.interval.mean - last).abs() < 1e-12, "what is left over at the beginning does not count");
    }

    #[test]
    fn what_follows_a_trend_or_is_too_short_has_no_mean_to_be_known() {
        let ramp: Vec<f64> = (0..10_000).map(f64::from).collect();
        assert_eq!(BatchMeans::of(&ramp), None);
        assert_eq!(BatchMeans::of(&ramp[..9]), None);
        assert_eq!(BatchMeans::of(&[]), None);
    }

    #[test]
    fn what_never_changes_is_known_exactly() {
        let means = BatchMeans::of(&[7.0; 320]).expect("it is long enough");
        assert_eq!((means.interval.low, means.interval.high), (7.0, 7.0));
    }
}
