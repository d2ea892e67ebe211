//! `instances.svg`: which instances exist, by version and state, stacked. The height is what is paid for.

use plotters::prelude::{Color as _, RGBColor};
use plotters::series::AreaSeries;

use crate::measure::forecast::{Forecast, Second, StrategyForecast};
use crate::report::plot::axis::Axis;
use crate::report::plot::canvas::{BLUE, Drawn, Key, ORANGE, SKY_BLUE, VERMILION, YELLOW};
use crate::report::plot::panel::{Chart, Panels, mesh};
use crate::report::plot::series::{largest, levels};
use crate::report::plot::window::Window;

/// A darker blue than the palette has, for the old version's third state.
const NIGHT_BLUE: RGBColor = RGBColor(0, 58, 96);

/// From the bottom of the stack to its top: the old version in blues, the new one in warm colours.
const KEYS: &[Key] = &[
    Key { colour: BLUE, text: "old, ready" },
    Key { colour: SKY_BLUE, text: "old, booting" },
    Key { colour: NIGHT_BLUE, text: "old, terminating" },
    Key { colour: VERMILION, text: "new, terminating" },
    Key { colour: YELLOW, text: "new, booting" },
    Key { colour: ORANGE, text: "new, ready" },
];
const UNIT: &str = "instances";

/// One panel per strategy, around the rollout: before it and after it nothing changes.
pub fn instances(forecast: &Forecast) -> String {
    let title =
        format!("{}: instances by version and state around the rollout (seed {})", forecast.scenario, forecast.seed);
    let window = Window::rollout(forecast);
    let peaks = forecast
        .strategies
        .iter()
        .map(|strategy| largest(&levels(&strategy.timeline, window, |s| up_to(s, KEYS.len()))));
    let amount = Axis::amount(peaks.fold(0.0, f64::max));
    Panels { title, keys: KEYS, amount, window, right_axis: false }
        .draw(forecast, |chart, strategy| stack(chart, strategy, window))
}

/// The whole stack first and what stands lower over it, so that every state shows its own share.
fn stack(mut chart: Chart, strategy: &StrategyForecast, window: Window) -> Drawn {
    mesh(&mut chart, UNIT)?;
    for (below, key) in KEYS.iter().enumerate().rev() {
        let points = levels(&strategy.timeline, window, |second| up_to(second, below + 1));
        if largest(&points) > 0.0 {
            chart.draw_series(AreaSeries::new(points, 0.0, key.colour.filled()))?;
        }
    }
    Ok(())
}

/// Instances in the lowest `states` states, in the order of the keys.
fn up_to(second: &Second, states: usize) -> f64 {
    let (old, new) = (second.old, second.new);
    let stack = [old.ready, old.booting, old.terminating, new.terminating, new.booting, new.ready];
    stack.iter().take(states).map(|count| f64::from(*count)).sum()
}
