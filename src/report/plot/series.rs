//! From one row per second to the points of a line.

use crate::measure::forecast::Second;
use crate::report::plot::window::Window;

/// A line of more points than this looks the same on a screen and takes longer to draw and to load.
const MOST_POINTS: usize = 600;

/// Seconds since the start of the run, and a value.
pub(super) type Points = Vec<(f64, f64)>;

/// The mean of every bucket of seconds: for amounts that are there all the time.
pub(super) fn means(timeline: &[Second], window: Window, value: impl Fn(&Second) -> f64) -> Points {
    bucketed(window.cut(timeline), value, |bucket| bucket.iter().sum::<f64>() / bucket.len() as f64)
}

/// The largest of every bucket of seconds: for failures, whose single bad second must stay visible.
pub(super) fn peaks(timeline: &[Second], window: Window, value: impl Fn(&Second) -> f64) -> Points {
    bucketed(window.cut(timeline), value, |bucket| bucket.iter().copied().fold(0.0, f64::max))
}

/// Stairs of the means: for what stands at the end of each second until something happens to it.
pub(super) fn levels(timeline: &[Second], window: Window, value: impl Fn(&Second) -> f64) -> Points {
    let means = means(timeline, window, value);
    let half = means.first().map_or(0.0, |(middle, _)| middle - window.cut(timeline).0);
    // A level is known at the end of its second, one later than the second begins; before the first, nothing else is known.
    let first = means.first().map(|(_, level)| (window.low, *level));
    let stairs =
        means.iter().flat_map(|(middle, level)| [(middle - half + 1.0, *level), (middle + half + 1.0, *level)]);
    first.into_iter().chain(stairs.map(|(at, level)| (at.min(window.high), level))).collect()
}

fn bucketed(
    (first, timeline): (f64, &[Second]),
    value: impl Fn(&Second) -> f64,
    fold: impl Fn(&[f64]) -> f64,
) -> Points {
    let values: Vec<_> =
        timeline.iter().map(|second| Some(value(second)).filter(|v| v.is_finite()).unwrap_or(0.0)).collect();
    let size = values.len().div_ceil(MOST_POINTS).max(1);
    let middle = size as f64 / 2.0;
    let buckets = values.chunks(size).enumerate();
    buckets.map(|(at, bucket)| (first + (at * size) as f64 + middle, fold(bucket))).collect()
}

/// Keeps the last point of every bucket: for sums, which only ever grow.
pub(super) fn thinned(points: Points) -> Points {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    points.chunks(size).filter_map(|bucket| bucket.last().copied()).collect()
}

/// The largest value of a line, 0 for an empty one.
pub(super) fn largest<'p>(points: impl IntoIterator<Item = &'p (f64, f64)>) -> f64 {
    points.into_iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Window = Window { low: 0.0, high: 1e6 };

    #[test]
    fn six_hours_become_a_few_hundred_points_and_keep_their_worst_second() {
        let mut timeline = vec![Second { good: 100, ..Second::default() }; 21_600];
        timeline[12_345].bad = 77;
        let bad = peaks(&timeline, ALL, |second| f64::from(second.bad));
        let good = means(&timeline, ALL, |second| f64::from(second.good));
        assert_eq!((bad.len(), good.len()), (600, 600));
        assert_eq!(largest(&bad), 77.0);
        assert!(good.iter().all(|(_, value)| *value == 100.0));
    }

    #[test]
    fn a_level_changes_at_the_end_of_the_second_that_tells_it() {
        let timeline = [1, 1, 2].map(|queued| Second { queued, ..Second::default() });
        let window = Window { low: 0.0, high: 3.0 };
        let stairs = levels(&timeline, window, |second| f64::from(second.queued));
        assert_eq!(stairs, [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 1.0), (3.0, 1.0), (3.0, 2.0), (3.0, 2.0)]);
    }

    #[test]
    fn a_short_run_keeps_every_second() {
        let timeline = vec![Second::default(); 90];
        assert_eq!(means(&timeline, ALL, |_| f64::NAN), (0..90).map(|at| (at as f64 + 0.5, 0.0)).collect::<Points>());
        assert!(means(&[], ALL, |_| 1.0).is_empty());
    }
}
