//! `cost-loss.svg`: what a strategy costs more against what it loses more, one point each. Better is down and to the left.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement};
use plotters::prelude::Color as _;
use plotters::style::text_anchor::HPos;

use crate::measure::forecast::Forecast;
use crate::report::number::{figure, known};
use crate::report::plot::axis::{Axis, decade};
use crate::report::plot::canvas::{
    BLACK, Drawn, GREY, Paper, SMALL, TEXT, draw, letters, name, strategy_colour, write,
};
use crate::report::plot::labels::{self, Area};
use crate::report::plot::panel::{AXIS, Chart, MARGIN, SIDE, heading, mesh};

const WIDTH: i32 = 960;
const HEIGHT: i32 = 600;
const HEAD: i32 = 64;
const TICKS: i32 = 26;
const FOOT: i32 = 34;
const RIGHT: i32 = 40;
const DOT: i32 = 6;
/// See `budget.svg`: from this ratio on, the smaller losses would all be zero.
const LOGARITHMIC_FROM: f64 = 30.0;
/// A label farther from its point than this gets a line to it.
const NEAR: i32 = 26;

mod words {
    pub const BETTER: &str = "better: down and to the left";
    pub const NOTHING: &str = "nothing to compare";
}

/// One point per strategy, `stay` at the origin where the axis has one.
pub fn cost_loss(forecast: &Forecast) -> String {
    let title = format!("{}: extra cost against error budget lost (seed {})", forecast.scenario, forecast.seed);
    let points = points(forecast);
    let plane = Plane::of(&points);
    draw((WIDTH as u32, HEIGHT as u32), &title, |paper| {
        heading(paper, &title, &[])?;
        write(paper, words::BETTER, (SIDE, 46), letters(TEXT, GREY, HPos::Left))?;
        chart(paper, forecast, &plane, &points)?;
        write(paper, &x_unit(forecast, &plane), (WIDTH / 2, HEIGHT - 16), letters(TEXT, BLACK, HPos::Center))
    })
}

struct Point {
    index: usize,
    label: String,
    finished: bool,
    /// Per cent of the budget beyond `stay`.
    lost: f64,
    extra_cost: f64,
}

fn points(forecast: &Forecast) -> Vec<Point> {
    let stay = forecast.strategies.first().and_then(|stay| known(stay.metrics.budget_burnt)).unwrap_or(0.0);
    let found = forecast.strategies.iter().enumerate().filter_map(|(index, strategy)| {
        let extra_cost = if index == 0 { Some(0.0) } else { known(strategy.metrics.extra_cost) };
        let finished = strategy.ending.is_finished();
        let ending = if finished { String::new() } else { format!(" ({})", strategy.ending.label()) };
        let label = format!("{}{ending}", name(&strategy.name));
        let lost = (known(strategy.metrics.budget_burnt)? - stay) * 100.0;
        Some(Point { index, label, finished, lost, extra_cost: extra_cost? })
    });
    found.collect()
}

/// Both axes, and whether the horizontal one is logarithmic.
struct Plane {
    x: Axis,
    y: Axis,
    logarithmic: bool,
}

impl Plane {
    fn of(points: &[Point]) -> Self {
        let losses = points.iter().filter(|point| point.index > 0).map(|point| point.lost);
        let (smallest, largest) = extremes(losses);
        let (cheapest, dearest) = extremes(points.iter().map(|point| point.extra_cost));
        let logarithmic = smallest > 0.0 && largest / smallest > LOGARITHMIC_FROM;
        let x = if logarithmic { Axis::decades(smallest, largest) } else { Axis::amounts(smallest, largest) };
        Plane { x, y: Axis::amounts(cheapest, dearest), logarithmic }
    }

    /// `stay` loses nothing, and nothing has no place among decades.
    fn place(&self, point: &Point) -> Option<(f64, f64)> {
        match self.logarithmic {
            true => (point.lost > 0.0).then(|| (decade(point.lost), point.extra_cost)),
            false => Some((point.lost, point.extra_cost)),
        }
    }
}

/// Smallest and largest; infinite and reversed where there is none, which the axes take for zero.
fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn x_unit(forecast: &Forecast, plane: &Plane) -> String {
    let scale = if plane.logarithmic { ", log scale" } else { "" };
    format!("error budget burnt beyond stay, % of the {}-day budget{scale}", figure(forecast.window_days))
}

fn chart(paper: &Paper, forecast: &Forecast, plane: &Plane, points: &[Point]) -> Drawn {
    let area = paper.clone().shrink((0, HEAD), (WIDTH - RIGHT, HEIGHT - HEAD - FOOT));
    let mut chart = ChartBuilder::on(&area)
        .margin_left(MARGIN)
        .y_label_area_size(AXIS)
        .x_label_area_size(TICKS)
        .build_cartesian_2d(plane.x.clone(), plane.y.clone())?;
    let unit = format!("extra cost, {}", name(&forecast.currency));
    mesh(&mut chart, &unit)?;
    dots(paper, &chart, plane, points)
}

fn dots(paper: &Paper, chart: &Chart, plane: &Plane, points: &[Point]) -> Drawn {
    let (x, y) = chart.plotting_area().get_pixel_range();
    let frame = Area { left: x.start, top: y.start, width: x.end - x.start, height: y.end - y.start };
    let placed: Vec<_> = points.iter().filter_map(|point| Some((point, plane.place(point)?))).collect();
    if placed.len() < 2 && points.len() < 2 {
        write(
            paper,
            words::NOTHING,
            ((x.start + x.end) / 2, (y.start + y.end) / 2),
            letters(TEXT, GREY, HPos::Center),
        )?;
    }
    let spots: Vec<_> = placed.iter().map(|(_, place)| chart.plotting_area().map_coordinate(place)).collect();
    let sizes: Vec<_> = placed.iter().map(|(point, _)| (labels::text_width(&point.label, TEXT), TEXT + 4)).collect();
    for (((point, _), spot), area) in placed.iter().zip(&spots).zip(labels::around(&spots, &sizes, frame)) {
        dot(paper, point, *spot)?;
        area.map_or(Ok(()), |area| label(paper, point, *spot, area))?;
    }
    Ok(())
}

fn dot(paper: &Paper, point: &Point, spot: (i32, i32)) -> Drawn {
    let colour = strategy_colour(point.index);
    let style = if point.finished { colour.filled() } else { colour.stroke_width(2) };
    paper.draw(&Circle::new(spot, DOT, style))?;
    Ok(())
}

fn label(paper: &Paper, point: &Point, (x, y): (i32, i32), area: Area) -> Drawn {
    let nearest = (x.clamp(area.left, area.left + area.width), y.clamp(area.top, area.top + area.height));
    if (nearest.0 - x).abs().max((nearest.1 - y).abs()) > NEAR {
        paper.draw(&PathElement::new(vec![(x, y), nearest], GREY.mix(0.7).stroke_width(1)))?;
    }
    let middle = (area.left + area.width / 2, area.top + area.height / 2);
    write(paper, &point.label, middle, letters(TEXT.max(SMALL), strategy_colour(point.index), HPos::Center))
}
