//! `sweep.svg`: lines over one axis, or a heat map for each strategy over two.

use plotters::element::{Circle, PathElement, Rectangle};
use plotters::prelude::{Color as _, RGBColor};
use plotters::style::text_anchor::HPos;

use crate::report::number::{figure, percent};
use crate::report::plot::canvas::{
    BLACK, BLUE, Drawn, GREY, Paper, SMALL, TEXT, WHITE, draw, frame_style, grid_style, letters, name, repeats,
    strategy_colour, write,
};
use crate::report::plot::panel::heading;
use crate::report::sweep::{Cell, Sweep};

const WIDTH: i32 = 960;
const LEFT: i32 = 90;
const RIGHT: i32 = 190;
const TOP: i32 = 64;
const FOOT: i32 = 64;
/// Height of the lines' chart.
const LINES: i32 = 420;
/// Height of a row of a heat map.
const ROW: i32 = 26;
/// Between two heat maps.
const BETWEEN: i32 = 60;
const TICKS: i32 = 5;
/// More labels than this below an axis would run into each other.
const LABELS_MAX: usize = 20;

/// `None` with three axes or more: a plane has no room for them.
pub fn sweep(sweep: &Sweep) -> Option<String> {
    match sweep.definition.axes.len() {
        1 => Some(lines(sweep)),
        2 => Some(maps(sweep)),
        _ => None,
    }
}

fn title(sweep: &Sweep) -> String {
    format!("{}: {} (seed {})", sweep.definition.scenario, unit(sweep), sweep.definition.seed)
}

fn is_share(sweep: &Sweep) -> bool {
    crate::measure::metric::Metrics::CATALOGUE
        .iter()
        .any(|info| info.name == sweep.definition.metric && info.unit == "share")
}

fn unit(sweep: &Sweep) -> String {
    let info = crate::measure::metric::Metrics::CATALOGUE.iter().find(|info| info.name == sweep.definition.metric);
    let unit = info.map_or("", |info| if info.unit == "share" { "%" } else { info.unit });
    format!("{}, {unit}", sweep.definition.metric)
}

fn written(sweep: &Sweep, value: f64) -> String {
    if is_share(sweep) { percent(value) } else { figure(value) }
}

/// The value with its bounds, where there are any.
fn value(sweep: &Sweep, cell: &Cell, strategy: &str) -> Option<[f64; 3]> {
    let metric = &sweep.definition.metric;
    let mean = sweep.number(cell, strategy, metric)?;
    let [low, high] = ["low", "high"].map(|bound| sweep.number(cell, strategy, &format!("{metric}_{bound}")));
    Some([low.unwrap_or(mean), mean, high.unwrap_or(mean)])
}

/// The largest value of all, for the scale; above zero.
fn largest(sweep: &Sweep) -> f64 {
    let strategies = sweep.strategies();
    let all = sweep.cells.iter().flat_map(|cell| strategies.iter().filter_map(|name| value(sweep, cell, name)));
    let largest = all.map(|[_, _, high]| high).fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

/// One line for each strategy, with bars for the intervals.
fn lines(sweep: &Sweep) -> String {
    let (axis, top) = (&sweep.definition.axes[0], largest(sweep));
    let steps = axis.values.len().max(2) as i32 - 1;
    let spot = |cell: u64, value: f64| {
        let x = LEFT + 20 + (WIDTH - LEFT - RIGHT - 40) * cell as i32 / steps;
        (x, TOP + LINES - (value.max(0.0) / top * f64::from(LINES - 10)) as i32)
    };
    draw((WIDTH as u32, (TOP + LINES + FOOT) as u32), &title(sweep), |paper| {
        heading(paper, &title(sweep), &[])?;
        for tick in 0..=TICKS {
            let (value, x) = (top * f64::from(tick) / f64::from(TICKS), LEFT);
            let (_, y) = spot(0, value);
            paper.draw(&PathElement::new(vec![(x, y), (WIDTH - RIGHT, y)], grid_style()))?;
            write(paper, &written(sweep, value), (x - 8, y), letters(SMALL, BLACK, HPos::Right))?;
        }
        paper.draw(&Rectangle::new([(LEFT, TOP), (WIDTH - RIGHT, TOP + LINES)], frame_style()))?;
        let every = axis.values.len().div_ceil(LABELS_MAX);
        for (cell, label) in (0..).zip(&axis.values).step_by(every) {
            let at = (spot(cell, 0.0).0, TOP + LINES + 16);
            write(paper, &name(label), at, letters(SMALL, BLACK, HPos::Center))?;
        }
        let below = ((LEFT + WIDTH - RIGHT) / 2, TOP + LINES + 42);
        write(paper, &axis.path, below, letters(TEXT, BLACK, HPos::Center))?;
        for (index, strategy) in sweep.strategies().iter().enumerate() {
            line(paper, sweep, index, strategy, &spot)?;
        }
        Ok(())
    })
}

fn line(paper: &Paper, sweep: &Sweep, index: usize, strategy: &str, spot: &impl Fn(u64, f64) -> (i32, i32)) -> Drawn {
    let colour = strategy_colour(index);
    let known = sweep.cells.iter().filter_map(|cell| Some((cell.cell, value(sweep, cell, strategy)?)));
    let known: Vec<_> = known.collect();
    for (cell, [low, mean, high]) in &known {
        paper.draw(&PathElement::new(vec![spot(*cell, *low), spot(*cell, *high)], colour.stroke_width(1)))?;
        let style = if repeats(index) { colour.stroke_width(1) } else { colour.filled() };
        paper.draw(&Circle::new(spot(*cell, *mean), 3, style))?;
    }
    paper.draw(&PathElement::new(
        known.iter().map(|(cell, [_, mean, _])| spot(*cell, *mean)).collect::<Vec<_>>(),
        colour.stroke_width(2),
    ))?;
    let y = TOP + 12 + 20 * index as i32;
    paper.draw(&Rectangle::new([(WIDTH - RIGHT + 14, y - 5), (WIDTH - RIGHT + 32, y + 5)], colour.filled()))?;
    write(paper, &name(strategy), (WIDTH - RIGHT + 38, y), letters(TEXT, BLACK, HPos::Left))
}

/// One map for each strategy, all on the same scale: white is nothing, blue the largest value of all.
fn maps(sweep: &Sweep) -> String {
    let (down, across) = (&sweep.definition.axes[0], &sweep.definition.axes[1]);
    let strategies = sweep.strategies();
    let each = ROW * down.values.len() as i32 + BETWEEN;
    let height = TOP + each * strategies.len() as i32 + FOOT;
    let top = largest(sweep);
    draw((WIDTH as u32, height as u32), &title(sweep), |paper| {
        heading(paper, &title(sweep), &[])?;
        for (index, strategy) in strategies.iter().enumerate() {
            let y = TOP + each * index as i32;
            let head = format!("{} (down: {}, across: {})", name(strategy), down.path, across.path);
            write(paper, &head, (LEFT, y), letters(TEXT, BLACK, HPos::Left))?;
            map(paper, sweep, strategy, y + 16, top)?;
        }
        let scale = format!("white: 0, blue: {}", written(sweep, top));
        write(paper, &scale, (LEFT, height - FOOT / 2), letters(TEXT, GREY, HPos::Left))
    })
}

fn map(paper: &Paper, sweep: &Sweep, strategy: &str, top: i32, largest: f64) -> Drawn {
    let (down, across) = (&sweep.definition.axes[0].values, &sweep.definition.axes[1].values);
    let width = (WIDTH - LEFT - 20) / across.len() as i32;
    for (row, label) in down.iter().enumerate() {
        let y = top + ROW * row as i32 + ROW / 2;
        write(paper, &name(label), (LEFT - 8, y), letters(SMALL, BLACK, HPos::Right))?;
    }
    for cell in &sweep.cells {
        let (row, column) = (cell.cell / across.len() as u64, cell.cell % across.len() as u64);
        let (x, y) = (LEFT + width * column as i32, top + ROW * row as i32);
        let Some([_, mean, _]) = value(sweep, cell, strategy) else { continue };
        let share = (mean / largest).clamp(0.0, 1.0);
        let colour = RGBColor(fade(BLUE.0, share), fade(BLUE.1, share), fade(BLUE.2, share));
        paper.draw(&Rectangle::new([(x, y), (x + width, y + ROW)], colour.filled()))?;
        paper.draw(&Rectangle::new([(x, y), (x + width, y + ROW)], grid_style()))?;
        let ink = if share > 0.5 { WHITE } else { BLACK };
        if width >= 44 {
            write(paper, &written(sweep, mean), (x + width / 2, y + ROW / 2), letters(SMALL, ink, HPos::Center))?;
        }
    }
    let every = across.len().div_ceil(LABELS_MAX);
    for (column, label) in across.iter().enumerate().step_by(every) {
        let at = (LEFT + width * column as i32 + width / 2, top + ROW * down.len() as i32 + 12);
        write(paper, &name(label), at, letters(SMALL, BLACK, HPos::Center))?;
    }
    Ok(())
}

/// From white to `full`.
fn fade(full: u8, share: f64) -> u8 {
    (255.0 - (255.0 - f64::from(full)) * share) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::tests::example;

    #[test]
    fn one_axis_gives_lines_two_give_maps_three_give_none() {
        let sizes: &[&str] = &["6", "7", "8"];
        let shares: &[&str] = &["1%", "<5%>"];
        for axes in [&[("fleet.size", sizes)][..], &[("fleet.size", sizes), ("share", shares)], &[("one", &sizes[..1])]]
        {
            let svg = sweep(&example(axes, None)).expect("a plane holds them");
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
            assert!(!svg.contains("NaN") && !svg.contains("<5%>"));
        }
        assert!(sweep(&example(&[("a", shares), ("b", shares), ("c", shares)], None)).is_none());
    }
}
