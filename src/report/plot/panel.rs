//! One panel per strategy, one above the other, with the same axes: what differs between two panels differs between two strategies.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::element::{PathElement, Rectangle};
use plotters::prelude::{Color as _, SVGBackend};
use plotters::style::text_anchor::HPos;

use crate::measure::forecast::{Ending, Forecast, StrategyForecast};
use crate::report::plot::axis::Axis;
use crate::report::plot::canvas::{
    Axes, BLACK, Drawn, GREY, Key, PALE, Paper, SMALL, TEXT, TITLE, WARM_UP, WHITE, draw, frame_style, grid_style,
    legend, letters, name, write,
};
use crate::report::plot::labels;
use crate::report::plot::window::Window;
use crate::report::text::shorten;

pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Axes>;

/// What all panels of a plot share.
pub(super) struct Panels<'k> {
    pub(super) title: String,
    pub(super) keys: &'k [Key],
    /// The left axis.
    pub(super) amount: Axis,
    /// The part of the run on the time axis.
    pub(super) window: Window,
    /// Whether `plot` sets a second axis, on the right.
    pub(super) right_axis: bool,
}

pub(super) const WIDTH: i32 = 1_200;
const HEAD: i32 = 64;
const PANEL: i32 = 262;
const FOOT: i32 = 34;
/// Left of the charts, and right of them: a margin and the labels of the axis.
pub(super) const SIDE: i32 = MARGIN + AXIS;
pub(super) const MARGIN: i32 = 12;
pub(super) const AXIS: i32 = 68;

/// Below the head of a panel: the lanes of its phase labels, then the chart.
const LANES_TOP: i32 = 34;
const LANE: i32 = 13;
const LANES: usize = 4;
const CHART_TOP: i32 = LANES_TOP + LANE * LANES as i32 - 4;
const TICKS: i32 = 24;
/// Longer phase names are cut; they are whole in `phases.csv`.
const PHASE_NAME: usize = 22;

impl Panels<'_> {
    /// The whole plot; `plot` draws the grid and the data of one strategy.
    pub(super) fn draw(&self, forecast: &Forecast, plot: impl Fn(Chart, &StrategyForecast) -> Drawn) -> String {
        let count = forecast.strategies.len() as i32;
        let size = (WIDTH as u32, (HEAD + PANEL * count + FOOT) as u32);
        draw(size, &self.title, |paper| {
            let keys: Vec<_> = self.keys.iter().copied().chain([WARM_UP]).collect();
            heading(paper, &self.title, &keys)?;
            for (index, strategy) in forecast.strategies.iter().enumerate() {
                self.panel(paper, forecast, strategy, HEAD + PANEL * index as i32, &plot)?;
            }
            write(
                paper,
                time_unit(self.window),
                (WIDTH / 2, HEAD + PANEL * count + 12),
                letters(TEXT, BLACK, HPos::Center),
            )
        })
    }

    fn panel(
        &self,
        paper: &Paper,
        forecast: &Forecast,
        strategy: &StrategyForecast,
        top: i32,
        plot: impl Fn(Chart, &StrategyForecast) -> Drawn,
    ) -> Drawn {
        let time = Axis::time(self.window);
        let area = paper.clone().shrink((0, top + CHART_TOP), (WIDTH, PANEL - CHART_TOP));
        // A left axis alone would be labelled on both sides, if the right one had room for it.
        let right = if self.right_axis { AXIS } else { 0 };
        let chart = ChartBuilder::on(&area)
            .margin_left(MARGIN)
            .margin_right(SIDE - right)
            .y_label_area_size(AXIS)
            .right_y_label_area_size(right)
            .x_label_area_size(TICKS)
            .build_cartesian_2d(time.clone(), self.amount.clone())?;
        let inside = Inside::of(&chart, &time);
        inside.warm_up(paper, forecast)?;
        plot(chart, strategy)?;
        inside.phases(paper, forecast, strategy, top + LANES_TOP)?;
        write(paper, &panel_name(strategy), (SIDE, top + 16), letters(TEXT + 2, BLACK, HPos::Left))
    }
}

/// The title and the keys, at the top of a plot.
pub(super) fn heading(paper: &Paper, title: &str, keys: &[Key]) -> Drawn {
    write(paper, title, (SIDE, 20), letters(TITLE, BLACK, HPos::Left))?;
    legend(paper, keys, (SIDE, 46))
}

fn panel_name(strategy: &StrategyForecast) -> String {
    match strategy.ending {
        Ending::NoRollout => name(&strategy.name),
        ending => format!("{}: {}", name(&strategy.name), ending.label()),
    }
}

/// What the time axis counts.
pub(super) fn time_unit(window: Window) -> &'static str {
    if window.high < 3_600.0 {
        "time since the start of the run, m:ss"
    } else {
        "time since the start of the run, h:mm:ss"
    }
}

/// Grid, ticks and units of a chart.
pub(super) fn mesh(chart: &mut Chart, y_unit: &str) -> Drawn {
    chart
        .configure_mesh()
        .bold_line_style(grid_style())
        .axis_style(frame_style())
        .label_style(letters(SMALL, BLACK, HPos::Center))
        .axis_desc_style(letters(TEXT, BLACK, HPos::Center))
        .y_desc(y_unit)
        .draw()?;
    Ok(())
}

/// The rectangle of a chart on the paper, and where a time falls in it.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
    low: f64,
    span: f64,
}

impl Inside {
    pub(super) fn of(chart: &Chart, time: &Axis) -> Self {
        let (x, y) = chart.plotting_area().get_pixel_range();
        Inside { left: x.start, right: x.end, top: y.start, bottom: y.end, low: time.low, span: time.high - time.low }
    }

    fn x(&self, at_s: f64) -> i32 {
        let share = ((at_s - self.low) / self.span).clamp(0.0, 1.0);
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    /// Shades the time that is not measured.
    pub(super) fn warm_up(&self, paper: &Paper, forecast: &Forecast) -> Drawn {
        let corners = [(self.left, self.top), (self.x(forecast.warm_up_s), self.bottom)];
        paper.draw(&Rectangle::new(corners, PALE.filled()))?;
        Ok(())
    }

    /// A line through the chart for a moment.
    fn mark(&self, paper: &Paper, x: i32, label_y: i32, strength: f64) -> Drawn {
        let style = BLACK.mix(strength).stroke_width(1);
        paper.draw(&PathElement::new(vec![(x, label_y), (x, self.bottom)], style))?;
        Ok(())
    }

    /// A line and a label for the deploy command.
    pub(super) fn deploy(&self, paper: &Paper, forecast: &Forecast) -> Drawn {
        let Some(at_s) = forecast.rollout_at_s else { return Ok(()) };
        self.mark(paper, self.x(at_s), self.top - LANE, 0.8)?;
        write(paper, DEPLOY, (self.x(at_s) + 4, self.top - LANE + 3), letters(SMALL, GREY, HPos::Left))
    }

    /// A line for every phase, and its name where there is room: lines are never left out, names may be.
    fn phases(&self, paper: &Paper, forecast: &Forecast, strategy: &StrategyForecast, top: i32) -> Drawn {
        let moments = moments(forecast, strategy);
        let flags: Vec<_> = moments.iter().map(|(at_s, text)| self.flag(*at_s, text)).collect();
        let lanes = labels::lanes(&flags, LANES);
        let height = |lane: usize| top + LANE * lane as i32;
        for ((at_s, _), lane) in moments.iter().zip(&lanes) {
            self.mark(paper, self.x(*at_s), lane.map_or(self.top, height) - LANE / 2, 0.55)?;
        }
        // The names after all the lines, on white: a line from a higher lane must not run through them.
        for (((_, text), lane), (left, width)) in moments.iter().zip(lanes).zip(flags) {
            let Some(y) = lane.map(height) else { continue };
            let corners = [(left + 1, y - LANE / 2), (left + width - 2, y + LANE / 2)];
            paper.draw(&Rectangle::new(corners, WHITE.filled()))?;
            write(paper, text, (left + 4, y), letters(SMALL, BLACK, HPos::Left))?;
        }
        Ok(())
    }

    /// Left edge and width of a label that hangs at its line, drawn back from the right edge of the paper.
    fn flag(&self, at_s: f64, text: &str) -> (i32, i32) {
        let width = labels::text_width(text, SMALL) + 8;
        (self.x(at_s).min(WIDTH - width), width)
    }
}

const DEPLOY: &str = "deploy";

/// The phases of a strategy in the order of time; the deploy command is one, unless a phase of that moment stands for it.
fn moments(forecast: &Forecast, strategy: &StrategyForecast) -> Vec<(f64, String)> {
    let mut moments: Vec<_> =
        strategy.phases.iter().map(|phase| (phase.at_s, shorten(&phase.phase, PHASE_NAME))).collect();
    let told = |at_s: f64| moments.iter().any(|(other, _)| (other - at_s).abs() < 0.5);
    let untold = forecast.rollout_at_s.filter(|at_s| strategy.ending != Ending::NoRollout && !told(*at_s));
    moments.extend(untold.map(|at_s| (at_s, DEPLOY.to_owned())));
    moments.sort_by(|a, b| a.0.total_cmp(&b.0));
    moments
}
