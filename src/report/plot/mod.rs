//! Plots as SVG: each a pure function from a forecast to the text of one file. The colours are safe for the colour-blind; text is
//! left to the fonts of the viewer, so that names of any script are shown.

mod axis;
mod budget;
mod canvas;
mod cost_loss;
mod instances;
mod labels;
mod panel;
mod power;
mod series;
mod sweep;
mod timeline;
mod window;

pub use budget::budget;
pub use cost_loss::cost_loss;
pub use instances::instances;
pub use power::{characteristic, harm};
pub use sweep::sweep;
pub use timeline::{rollout, timeline};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::forecast::Forecast;
    use crate::report::fixture;

    const ALL: [fn(&Forecast) -> String; 5] = [timeline, rollout, instances, budget, cost_loss];

    #[test]
    fn whatever_the_forecast_every_plot_is_drawn_and_closed() {
        let mut empty = fixture::stay_only();
        empty.strategies.clear();
        for forecast in [fixture::checkout(), fixture::stay_only(), fixture::unusual(), empty] {
            for plot in ALL {
                let svg = plot(&forecast);
                assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
                assert!(!svg.contains("NaN") && !svg.contains("inf,"), "a number that is none has no place on paper");
                assert!(!svg.contains('\u{1b}') && !svg.contains("<checkout>"), "names are text, not markup");
            }
        }
    }

    #[test]
    fn six_hours_are_not_much_larger_than_twenty_minutes() {
        let (short, long) = (timeline(&fixture::checkout()).len() / 5, timeline(&fixture::unusual()).len() / 8);
        assert!(long < short * 2, "{short} and {long} bytes per panel");
    }
}
