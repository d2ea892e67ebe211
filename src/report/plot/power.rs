//! `characteristic.svg` and `harm.svg`: what a judge catches, and what it costs until then.

use plotters::chart::ChartBuilder;
use plotters::element::PathElement;
use plotters::prelude::Color as _;
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;

use crate::report::plot::axis::Axis;
use crate::report::plot::canvas::{BLACK, BLUE, Drawn, GREY, Paper, SMALL, TEXT, VERMILION, draw, letters, write};
use crate::report::plot::panel::{AXIS, MARGIN, SIDE, WIDTH, heading, mesh};

const HEIGHT: i32 = 480;
const HEAD: i32 = 70;
const TICKS: i32 = 24;
const FOOT: i32 = 30;

/// Probability to be condemned against the true error rate, both in per cent, with marks at the healthy and the bad rate.
pub fn characteristic(points: &[(f64, f64)], marks: (f64, f64), judge: &str) -> String {
    let title = format!("Probability that the canary is condemned, by its true error rate: {judge}");
    let units = ("true error rate of the new version, %", "condemned, %");
    chart(&title, units, points, Axis::amount(100.0), &[(marks.0, "healthy"), (marks.1, "bad")])
}

/// Bad requests on the canary until it is condemned against its share of the traffic in per cent.
pub fn harm(points: &[(f64, f64)], judge: &str) -> String {
    let title = format!("Bad requests until the bad version is condemned, by the canary's share: {judge}");
    let largest = points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    chart(&title, ("canary's share of the traffic, %", "bad requests, mean"), points, Axis::amount(largest), &[])
}

fn chart(title: &str, (x, y): (&str, &str), points: &[(f64, f64)], amounts: Axis, marks: &[(f64, &str)]) -> String {
    draw((WIDTH as u32, HEIGHT as u32), title, |paper| {
        heading(paper, title, &[])?;
        let across = Axis::amount(points.iter().map(|(x, _)| *x).fold(0.0, f64::max));
        let area = paper.clone().shrink((0, HEAD), (WIDTH, HEIGHT - HEAD - FOOT));
        let mut chart = ChartBuilder::on(&area)
            .margin_left(MARGIN)
            .margin_right(SIDE)
            .y_label_area_size(AXIS)
            .x_label_area_size(TICKS)
            .build_cartesian_2d(across, amounts)?;
        mesh(&mut chart, y)?;
        chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))?;
        let rows = chart.plotting_area().get_pixel_range().1;
        for (at, name) in marks {
            mark(paper, chart.plotting_area().map_coordinate(&(*at, 0.0)).0, (rows.start, rows.end), name)?;
        }
        write(paper, x, (WIDTH / 2, HEIGHT - 14), letters(TEXT, BLACK, HPos::Center))
    })
}

fn mark(paper: &Paper, x: i32, (top, bottom): (i32, i32), name: &str) -> Drawn {
    let colour = if name == "bad" { VERMILION } else { GREY };
    paper.draw(&PathElement::new(vec![(x, top), (x, bottom)], colour.stroke_width(1)))?;
    write(paper, name, (x + 4, top - 8), letters(SMALL, colour, HPos::Left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_name_their_axes_and_marks() {
        let svg = characteristic(&[(0.0, 0.0), (1.0, 80.0), (2.0, 99.0)], (0.1, 1.0), "Fisher's exact test");
        for text in ["true error rate of the new version, %", "condemned, %", "healthy", "bad"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(
            harm(&[], "z").contains("canary's share of the traffic, %") || harm(&[], "z").contains("canary&apos;s")
        );
    }
}
