//! `timeline.svg` and `rollout.svg`: what clients got, second by second, and how much was under way.

use plotters::prelude::Color as _;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::text_anchor::HPos;

use crate::measure::forecast::{Forecast, Second, StrategyForecast};
use crate::report::plot::axis::Axis;
use crate::report::plot::canvas::{BLACK, BLUE, Drawn, GREEN, Key, SMALL, TEXT, VERMILION, frame_style, letters};
use crate::report::plot::panel::{Chart, Panels, mesh};
use crate::report::plot::series::{largest, means, peaks};
use crate::report::plot::window::Window;

const KEYS: &[Key] = &[
    Key { colour: BLUE, text: "good, per second" },
    Key { colour: VERMILION, text: "bad, per second (the worst second of every point)" },
    Key { colour: GREEN, text: "requests in flight (right axis)" },
];
const UNIT: &str = "requests/s";
const SECOND_UNIT: &str = "in flight";

/// One panel per strategy: the whole run.
pub fn timeline(forecast: &Forecast) -> String {
    let title = format!("{}: answers to users (seed {})", forecast.scenario, forecast.seed);
    panels(forecast, title, Window::whole(forecast))
}

/// One panel per strategy: the rollout from near.
pub fn rollout(forecast: &Forecast) -> String {
    let title = format!("{}: answers to users around the rollout (seed {})", forecast.scenario, forecast.seed);
    panels(forecast, title, Window::rollout(forecast))
}

fn panels(forecast: &Forecast, title: String, window: Window) -> String {
    let answers =
        forecast.strategies.iter().flat_map(|s| [means(&s.timeline, window, good), peaks(&s.timeline, window, bad)]);
    let amount = Axis::amount(answers.map(|points| largest(&points)).fold(0.0, f64::max));
    let under_way = forecast.strategies.iter().map(|s| largest(&means(&s.timeline, window, in_flight)));
    let second = Axis::amount(under_way.fold(0.0, f64::max));
    let panels = Panels { title, keys: KEYS, amount, window, right_axis: true };
    panels.draw(forecast, |chart, strategy| lines(chart, strategy, window, &second))
}

fn good(second: &Second) -> f64 {
    second.good.into()
}

fn bad(second: &Second) -> f64 {
    second.bad.into()
}

fn in_flight(second: &Second) -> f64 {
    second.in_flight.into()
}

fn lines(chart: Chart, strategy: &StrategyForecast, window: Window, second: &Axis) -> Drawn {
    let mut chart = chart.set_secondary_coord(Axis::time(window), second.clone());
    mesh(&mut chart, UNIT)?;
    chart
        .configure_secondary_axes()
        .axis_style(frame_style())
        .label_style(letters(SMALL, BLACK, HPos::Center))
        .axis_desc_style(letters(TEXT, BLACK, HPos::Center))
        .y_desc(SECOND_UNIT)
        .draw()?;
    let timeline = &strategy.timeline;
    chart.draw_secondary_series(LineSeries::new(means(timeline, window, in_flight), GREEN.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(means(timeline, window, good), BLUE.stroke_width(2)))?;
    let failures = AreaSeries::new(peaks(timeline, window, bad), 0.0, VERMILION.mix(0.35));
    chart.draw_series(failures.border_style(VERMILION.stroke_width(2)))?;
    Ok(())
}
