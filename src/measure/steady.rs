//! When a simulation has settled: MSER-5 (White, 1997), which leaves out so much of the beginning that the mean of the
//! rest is known best.

use crate::measure::forecast::Second;
use crate::measure::stats::mean;

/// Values to a batch.
const BATCH: usize = 5;
/// Below this share of the mean, what the beginning does to it is not worth a word.
const SHIFT_MIN: f64 = 0.05;

/// How many values of `series` to leave out at its beginning: the multiple of 5 at which the squared deviations of the
/// means of 5 from their mean, over the square of how many are left, are least. At most half may be left out; `None`
/// where the least is there, or where there are fewer than 10 values, since then nothing has settled.
pub fn mser5(series: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = series.chunks_exact(BATCH).filter_map(mean).collect();
    let last = batches.len() / 2;
    if last == 0 {
        return None;
    }
    let criterion = |from: usize| {
        let rest = &batches[from..];
        let middle = mean(rest).unwrap_or(0.0);
        rest.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (rest.len() as f64).powi(2)
    };
    let least = (0..=last).map(|from| (from, criterion(from))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    (least.0 < last).then_some(least.0 * BATCH)
}

/// The second until which `timeline` has not settled, where that is later than `warm_up` seconds and matters: the mean
/// without it is higher by 5 % or more than the mean without the warm-up. A simulation begins empty, so that what has not
/// settled is too low; a beginning that is too high is a burst.
///
/// What has to settle is the number of requests in flight for each one a second, which by Little's law is the time that
/// they take: traffic may come and go, and the service be settled all the same.
pub fn unsettled_until(timeline: &[Second], warm_up: usize) -> Option<usize> {
    let busy: Vec<(usize, f64)> = (0..)
        .zip(timeline)
        .filter(|(_, second)| second.offered > 0)
        .map(|(at, second)| (at, f64::from(second.in_flight) / f64::from(second.offered)))
        .collect();
    let series: Vec<f64> = busy.iter().map(|(_, value)| *value).collect();
    let from = mser5(&series)?;
    let begins = busy.partition_point(|(at, _)| *at < warm_up);
    let (settled, given) = (mean(&series[from..])?, mean(series.get(begins..)?)?);
    let until = busy.get(from)?.0;
    (until > warm_up && settled - given >= SHIFT_MIN * settled).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value five times.
    fn batches(values: &[f64]) -> Vec<f64> {
        values.iter().flat_map(|value| [*value; BATCH]).collect()
    }

    #[test]
    fn the_least_criterion_worked_out_by_hand() {
        // Means of five: 10, 4, 1, 2, 1, 2, 1, 2. Left out 0: 64.875 / 64 = 1.0137; 1: 6.857 / 49 = 0.1399;
        // 2: 1.5 / 36 = 0.04167; 3: 1.2 / 25 = 0.048; 4: 1 / 16 = 0.0625.
        assert_eq!(mser5(&batches(&[10.0, 4.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0])), Some(10));
        // Within a batch only the mean counts: 0, 0, 0, 0, 50 is 10.
        let mut series = batches(&[0.0, 4.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        series[4] = 50.0;
        assert_eq!(mser5(&series), Some(10));
    }

    #[test]
    fn a_settled_series_keeps_all_of_it_and_a_ramp_never_settles() {
        assert_eq!(mser5(&batches(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])), Some(0));
        let ramp: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!((mser5(&ramp), mser5(&[1.0; 9]), mser5(&[])), (None, None, None));
    }

    #[test]
    fn a_warm_up_is_too_short_only_where_that_moves_the_mean() {
        let second = |in_flight| Second { offered: 10, in_flight, ..Second::default() };
        let begins_at =
            |begin| (0..100).map(|at| second(if at < 20 { begin } else { 50 + at % 2 })).collect::<Vec<_>>();
        assert_eq!(unsettled_until(&begins_at(1), 5), Some(20));
        assert_eq!(unsettled_until(&begins_at(1), 20), None);
        assert_eq!(unsettled_until(&begins_at(500), 5), None, "a burst is no empty beginning");
        let even: Vec<Second> = (0..1_000).map(|at| second(if at < 5 { 3 } else { 5 + at % 2 })).collect();
        assert_eq!(unsettled_until(&even, 0), None, "five seconds of a thousand");
    }
}
