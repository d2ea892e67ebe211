//! What all plots share: the paper, the colours, the letters.

use std::error::Error;

use plotters::coord::Shift;
use plotters::element::{Rectangle, Text};
use plotters::prelude::{
    Cartesian2d, Color as _, DrawingArea, IntoDrawingArea as _, IntoFont as _, RGBColor, SVGBackend, ShapeStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoTextStyle as _, TextStyle};

use crate::report::plot::axis::Axis;
use crate::report::text::{plain, shorten};

pub(super) type Paper<'b> = DrawingArea<SVGBackend<'b>, Shift>;
pub(super) type Axes = Cartesian2d<Axis, Axis>;
/// A plot in a string has no device that could fail; what is left are mistakes of ours.
pub(super) type Drawn = Result<(), Box<dyn Error>>;

// The palette of M. Okabe and K. Ito, "Color Universal Design", 2002: told apart by the colour-blind too.
pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// Not data: marks, frames, second thoughts.
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(super) const PALE: RGBColor = RGBColor(238, 238, 238);
const GRID: RGBColor = RGBColor(224, 224, 224);
pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Without yellow, which is too pale for a thin line on white.
const STRATEGIES: [RGBColor; 6] = [BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY_BLUE];

/// The colour of a strategy: black for `stay`, which is the first.
pub(super) fn strategy_colour(index: usize) -> RGBColor {
    match index {
        0 => BLACK,
        _ => STRATEGIES[(index - 1) % STRATEGIES.len()],
    }
}

/// From here on colours repeat, and lines are dashed.
pub(super) fn repeats(index: usize) -> bool {
    index > STRATEGIES.len()
}

pub(super) const TEXT: i32 = 12;
pub(super) const SMALL: i32 = 11;
pub(super) const TITLE: i32 = 16;

/// Draws on white paper of this size and gives the SVG; `title` is for readers who hear it.
pub(super) fn draw(size: (u32, u32), title: &str, plot: impl FnOnce(&Paper) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let paper = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = paper.fill(&WHITE).map_err(Into::into).and_then(|()| plot(&paper));
        drawn.and_then(|()| paper.present().map_err(Into::into)).expect("memory takes every stroke inside the paper");
    }
    let spoken = plain(title).replace('&', "&amp;").replace('<', "&lt;");
    svg.replacen(">\n", &format!(">\n<title>{spoken}</title>\n"), 1)
}

/// Where a text hangs: left, middle or right of the point it is given, always centred in height.
pub(super) fn letters(size: i32, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    // The library divides font sizes by 1.24 on their way into an SVG.
    let style = ("sans-serif", f64::from(size) * 1.24).into_font().color(&colour).into_text_style(&(0, 0));
    style.pos(Pos::new(side, VPos::Center))
}

pub(super) fn write(paper: &Paper, text: &str, at: (i32, i32), style: TextStyle<'static>) -> Drawn {
    Ok(paper.draw(&Text::new(plain(text), at, style))?)
}

/// A name that may be of any length, cut to what a plot has room for.
pub(super) fn name(text: &str) -> String {
    shorten(text, 28)
}

/// What a colour means.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) colour: RGBColor,
    pub(super) text: &'static str,
}

/// The shaded beginning of every time axis.
pub(super) const WARM_UP: Key = Key { colour: PALE, text: "warm-up, not measured" };

/// A row of keys, from the left.
pub(super) fn legend(paper: &Paper, keys: &[Key], (mut left, y): (i32, i32)) -> Drawn {
    for key in keys {
        paper.draw(&Rectangle::new([(left, y - 5), (left + 18, y + 5)], key.colour.filled()))?;
        write(paper, key.text, (left + 24, y), letters(TEXT, BLACK, HPos::Left))?;
        left += 24 + super::labels::text_width(key.text, TEXT) + 18;
    }
    Ok(())
}

/// The thin lines behind the data, and the frame.
pub(super) fn grid_style() -> ShapeStyle {
    GRID.stroke_width(1)
}

pub(super) fn frame_style() -> ShapeStyle {
    GREY.stroke_width(1)
}
