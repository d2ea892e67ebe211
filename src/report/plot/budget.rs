//! `budget.svg`: how the error budget goes, strategy against strategy.

use plotters::chart::ChartBuilder;
use plotters::prelude::Color as _;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::text_anchor::HPos;

use crate::measure::forecast::{Forecast, StrategyForecast};
use crate::report::number::{availability, figure, known};
use crate::report::plot::axis::{Axis, decade};
use crate::report::plot::canvas::{
    BLACK, Drawn, GREY, Paper, TEXT, WARM_UP, draw, letters, name, repeats, strategy_colour, write,
};
use crate::report::plot::labels;
use crate::report::plot::panel::{AXIS, Chart, Inside, MARGIN, SIDE, WIDTH, heading, mesh, time_unit};
use crate::report::plot::series::{Points, thinned};
use crate::report::plot::window::Window;

const HEIGHT: i32 = 576;
const HEAD: i32 = 80;
const TICKS: i32 = 24;
const FOOT: i32 = 30;
/// Right of the chart: a name and a number per line.
const LABELS: i32 = 290;
/// From this ratio between the largest and the smallest loss on, a linear axis would show one line and a floor.
const LOGARITHMIC_FROM: f64 = 30.0;
/// Decades below the largest loss that are worth paper.
const MOST_DECADES: f64 = 1e6;

const UNIT: &str = "% of the error budget";
const NONE: &str = "not measured";

/// One line per strategy, over time.
pub fn budget(forecast: &Forecast) -> String {
    let lines: Vec<_> = forecast.strategies.iter().map(|strategy| cumulative(forecast, strategy)).collect();
    let scale = Scale::of(&lines);
    let scale_name = if scale.logarithmic { ", log scale" } else { "" };
    let title = format!(
        "{}: {}-day error budget burnt, objective {} % (seed {}{scale_name})",
        forecast.scenario,
        figure(forecast.window_days),
        availability(forecast.objective),
        forecast.seed
    );
    draw((WIDTH as u32, HEIGHT as u32), &title, |paper| {
        heading(paper, &title, &[WARM_UP])?;
        chart(paper, forecast, &scale, &lines)?;
        write(
            paper,
            time_unit(Window::whole(forecast)),
            ((WIDTH - LABELS + SIDE) / 2, HEIGHT - 14),
            letters(TEXT, BLACK, HPos::Center),
        )
    })
}

/// Per cent of the budget burnt up to each second of the measured time. It ends at the number that the table shows, since the
/// budget is in the forecast only as that share.
fn cumulative(forecast: &Forecast, strategy: &StrategyForecast) -> Points {
    let Some(burnt) = known(strategy.metrics.budget_burnt) else { return Points::new() };
    let mut sum = 0.0;
    let measured = strategy.timeline.iter().enumerate().filter(|(at, _)| *at as f64 >= forecast.warm_up_s);
    let sums: Points = measured
        .map(|(at, second)| {
            sum += f64::from(second.bad);
            (at as f64 + 1.0, sum)
        })
        .collect();
    let per_request = if sum > 0.0 { burnt * 100.0 / sum } else { 0.0 };
    thinned(sums).into_iter().map(|(at, sum)| (at, sum * per_request)).collect()
}

/// The vertical axis, linear or logarithmic.
struct Scale {
    axis: Axis,
    logarithmic: bool,
}

impl Scale {
    fn of(lines: &[Points]) -> Self {
        let ends = lines.iter().filter_map(|line| line.last()).map(|(_, burnt)| *burnt).filter(|burnt| *burnt > 0.0);
        let (smallest, largest) = ends.fold((f64::INFINITY, 0.0), |(low, high), end| (end.min(low), end.max(high)));
        let logarithmic = largest / smallest > LOGARITHMIC_FROM;
        let axis = match logarithmic {
            // A line must be seen to rise to its end: a decade of its own below it.
            true => Axis::decades((smallest / 10.0).max(largest / MOST_DECADES), largest),
            false => Axis::amount(largest),
        };
        Scale { axis, logarithmic }
    }

    /// Where a value is on the axis; on a logarithmic one nothing is at its foot.
    fn place(&self, burnt: f64) -> f64 {
        if self.logarithmic { decade(burnt).max(self.axis.low) } else { burnt }
    }
}

fn chart(paper: &Paper, forecast: &Forecast, scale: &Scale, lines: &[Points]) -> Drawn {
    let time = Axis::time(Window::whole(forecast));
    let area = paper.clone().shrink((0, HEAD), (WIDTH - LABELS, HEIGHT - HEAD - FOOT));
    let mut chart = ChartBuilder::on(&area)
        .margin_left(MARGIN)
        .y_label_area_size(AXIS)
        .x_label_area_size(TICKS)
        .build_cartesian_2d(time.clone(), scale.axis.clone())?;
    let inside = Inside::of(&chart, &time);
    inside.warm_up(paper, forecast)?;
    mesh(&mut chart, UNIT)?;
    for (index, points) in lines.iter().enumerate() {
        line(&mut chart, index, points.iter().map(|(at, burnt)| (*at, scale.place(*burnt))).collect())?;
    }
    inside.deploy(paper, forecast)?;
    ends(paper, &chart, inside, forecast, scale, lines)
}

fn line(chart: &mut Chart, index: usize, points: Points) -> Drawn {
    let style = strategy_colour(index).stroke_width(2);
    if repeats(index) {
        chart.draw_series(DashedLineSeries::new(points, 8, 5, style))?;
    } else {
        chart.draw_series(LineSeries::new(points, style))?;
    }
    Ok(())
}

/// Names every line at its end, in its colour.
fn ends(paper: &Paper, chart: &Chart, inside: Inside, forecast: &Forecast, scale: &Scale, lines: &[Points]) -> Drawn {
    let finals: Vec<_> = lines.iter().map(|line| line.last().map_or(0.0, |(_, burnt)| *burnt)).collect();
    let pixel = |burnt: f64| chart.plotting_area().map_coordinate(&(scale.axis.low, scale.place(burnt))).1;
    let wanted: Vec<_> = finals.iter().map(|burnt| pixel(*burnt)).collect();
    let heights = labels::stacked(&wanted, TEXT + 4, inside.top, inside.bottom);
    for (index, strategy) in forecast.strategies.iter().enumerate() {
        let burnt = known(strategy.metrics.budget_burnt)
            .map_or(NONE.to_owned(), |share| format!("{} %", figure(share * 100.0)));
        let text = format!("{}: {burnt}", name(&strategy.name));
        let (from, to) = ((inside.right + 2, wanted[index]), (inside.right + 18, heights[index]));
        paper.draw(&plotters::element::PathElement::new(vec![from, to], GREY.stroke_width(1)))?;
        write(paper, &text, (inside.right + 22, heights[index]), letters(TEXT, strategy_colour(index), HPos::Left))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_line_ends_at_the_number_of_the_table() {
        let forecast = fixture::checkout();
        for strategy in &forecast.strategies {
            let (at, end) = *cumulative(&forecast, strategy).last().expect("the run has seconds");
            let burnt = strategy.metrics.budget_burnt.expect("the fixture has traffic") * 100.0;
            assert!((end - burnt).abs() < 1e-12 && at == forecast.horizon_s, "{}: {at} {end}", strategy.name);
        }
    }

    #[test]
    fn losses_far_apart_get_decades_and_close_ones_do_not() {
        assert!(Scale::of(&[vec![(1.0, 0.01)], vec![(1.0, 10.0)]]).logarithmic);
        assert!(!Scale::of(&[vec![(1.0, 1.0)], vec![(1.0, 10.0)], vec![(1.0, 0.0)], vec![]]).logarithmic);
        assert!(!Scale::of(&[]).logarithmic);
    }
}
