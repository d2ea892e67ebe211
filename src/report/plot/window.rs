//! The part of a run that a plot shows.

use crate::measure::forecast::{Forecast, Second, StrategyForecast};
use crate::report::number::known;

/// From one moment of the run to another, in seconds since its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Window {
    /// All of it.
    pub(super) fn whole(forecast: &Forecast) -> Self {
        Window { low: 0.0, high: forecast.horizon_s }
    }

    /// From a little before the deploy command until a while after the last phase of the slowest strategy: a rollout of half a minute
    /// is a single line in a plot of an hour.
    pub(super) fn rollout(forecast: &Forecast) -> Self {
        let Some(deploy) = forecast.rollout_at_s else { return Window::whole(forecast) };
        let last = forecast.strategies.iter().filter_map(|strategy| end(strategy, deploy));
        let last = last.fold(deploy, f64::max).min(forecast.horizon_s);
        let (before, after) = ((last - deploy) / 4.0, (last - deploy) / 2.0);
        Window {
            low: (deploy - before.max(LEAST_BEFORE_S)).max(0.0),
            high: (last + after.max(LEAST_AFTER_S)).min(forecast.horizon_s),
        }
    }

    /// The seconds of a timeline that begin in the window, and when the first of them does.
    pub(super) fn cut(self, timeline: &[Second]) -> (f64, &[Second]) {
        let first = (self.low.max(0.0).floor() as usize).min(timeline.len());
        let end = (self.high.max(0.0).ceil() as usize).clamp(first, timeline.len());
        (first as f64, &timeline[first..end])
    }
}

/// The last thing that a rollout did.
fn end(strategy: &StrategyForecast, deploy: f64) -> Option<f64> {
    let phases = strategy.phases.iter().map(|phase| phase.at_s);
    let done = known(strategy.metrics.rollout_s).map(|length| deploy + length);
    phases.chain(done).reduce(f64::max)
}

/// What the service did before, to compare with.
const LEAST_BEFORE_S: f64 = 30.0;
/// Queues that a rollout filled need about this long to empty.
const LEAST_AFTER_S: f64 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_rollout_is_seen_from_before_it_until_after_its_last_phase() {
        let mut forecast = fixture::checkout();
        assert_eq!(Window::rollout(&forecast), Window { low: 128.75, high: 487.5 });
        forecast.horizon_s = 280.0;
        assert_eq!(Window::rollout(&forecast).high, 280.0, "and never beyond the run");
        assert_eq!(Window::rollout(&fixture::stay_only()), Window { low: 0.0, high: 1_200.0 });
    }

    #[test]
    fn a_cut_keeps_to_the_seconds_that_there_are() {
        let timeline = vec![Second::default(); 100];
        let cut = |low, high| {
            let (first, seconds) = Window { low, high }.cut(&timeline);
            (first, seconds.len())
        };
        assert_eq!([cut(0.0, 100.0), cut(90.0, 500.0), cut(200.0, 300.0)], [(0.0, 100), (90.0, 10), (100.0, 0)]);
    }
}
