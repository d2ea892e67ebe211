//! What a run does to each objective, where there is more to say than the first table does: several objectives, a window
//! of the calendar, or a budget that was partly spent before.

use crate::measure::forecast::{Forecast, SloForecast, StrategyForecast};
use crate::report::number::{availability, duration, figure, percent};
use crate::report::table::{GAP, rows};
use crate::report::text::{shorten, width as width_of, wrap};

const NONE: &str = "–";
const NAME_MAX: usize = 24;

/// The objectives in words, and a row for each strategy.
pub(super) fn table(forecast: &Forecast, width: usize) -> Option<String> {
    let slos = &forecast.strategies.first()?.slos;
    let is_plain = |slo: &SloForecast| slo.spent <= 0.0 && slo.elapsed_s.is_none();
    if slos.len() < 2 && slos.iter().all(is_plain) {
        return None;
    }
    let means = if forecast.replications() > 1 { ", means of all replications" } else { "" };
    let words: Vec<String> = slos.iter().map(in_words).collect();
    let head = format!("Error budgets{means}. {}", words.join("; "));
    let names = forecast.strategies.iter().map(|strategy| width_of(&strategy.name)).max().unwrap_or(0).min(NAME_MAX);
    let columns = Column::all(slos);
    let mut left = width.saturating_sub(names.max("strategy".len()));
    let fitting: Vec<&Column> = columns
        .iter()
        .take_while(|column| {
            let fits = column.width() + GAP <= left;
            left = left.saturating_sub(column.width() + GAP);
            fits
        })
        .collect();
    let more = if fitting.len() < columns.len() { "\nMore columns are in slos.csv." } else { "" };
    Some(format!("{}\n\n{}{more}", wrap(&head, width, 0).join("\n"), cells(forecast, &fitting, names)))
}

fn cells(forecast: &Forecast, columns: &[&Column], names: usize) -> String {
    let head = std::iter::once("strategy".to_owned()).chain(columns.iter().map(|column| column.head.clone()));
    let row = |strategy: &StrategyForecast| {
        let cell = |column: &&Column| {
            let value = strategy.slos.get(column.place).and_then(column.value);
            value.map_or_else(|| NONE.to_owned(), column.write)
        };
        std::iter::once(shorten(&strategy.name, names)).chain(columns.iter().map(cell)).collect()
    };
    rows(head.collect(), forecast.strategies.iter().map(row).collect(), 1)
}

/// `fast: 99 % within 300 ms over 28 d, in time slices`.
fn in_words(slo: &SloForecast) -> String {
    let within = slo.within_s.map_or_else(String::new, |limit| format!(" within {} ms", figure(1e3 * limit)));
    let window = match slo.elapsed_s {
        None => format!("over {}", days(slo.window_s)),
        Some(elapsed) => format!("in {} of the calendar ({} were over)", days(slo.window_s), days(elapsed)),
    };
    let slices = if slo.counted == "time-slices" { ", in time slices" } else { "" };
    let spent = if slo.spent > 0.0 { format!(", {} % spent before", percent(slo.spent)) } else { String::new() };
    format!("{}: {} %{within} {window}{slices}{spent}", slo.name, availability(slo.objective))
}

fn days(seconds: f64) -> String {
    if seconds % 86_400.0 == 0.0 { format!("{} d", seconds / 86_400.0) } else { duration(seconds) }
}

/// One number of one objective.
struct Column {
    place: usize,
    head: String,
    value: fn(&SloForecast) -> Option<f64>,
    write: fn(f64) -> String,
}

impl Column {
    /// What matters most first, of each objective: what does not fit is left out at the end.
    fn all(slos: &[SloForecast]) -> Vec<Column> {
        type Kind = (&'static str, fn(&SloForecast) -> bool, fn(&SloForecast) -> Option<f64>, fn(f64) -> String);
        let burnt: [Kind; 2] = [
            ("burnt %", |_| true, |slo| slo.budget.burnt, percent),
            ("± 95 %", |slo| !slo.samples.is_empty(), |slo| slo.burnt_spread().map(|it| it.interval.half()), percent),
        ];
        let others: [Kind; 3] = [
            ("alerts", |_| true, |slo| Some(slo.budget.alerts), figure),
            ("left %", |slo| slo.spent > 0.0 || slo.elapsed_s.is_some(), |slo| slo.budget.left, percent),
            ("burn borne", |slo| slo.elapsed_s.is_some(), |slo| slo.budget.bearable_burn_rate, figure),
        ];
        let of = |place: usize, (what, is_shown, value, write): Kind| {
            let head = format!("{}\n{what}", shorten(&slos[place].name, NAME_MAX));
            is_shown(&slos[place]).then_some(Column { place, head, value, write })
        };
        let places = 0..slos.len();
        let first = places.clone().flat_map(|place| burnt.map(|kind| of(place, kind)));
        let then = others.into_iter().flat_map(|kind| places.clone().map(move |place| of(place, kind)));
        first.chain(then).flatten().collect()
    }

    fn width(&self) -> usize {
        self.head.lines().map(width_of).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn one_plain_objective_needs_no_table() {
        assert_eq!(table(&fixture::checkout(), 80), None);
    }

    #[test]
    fn several_objectives_have_their_columns() {
        insta::assert_snapshot!(table(&fixture::promised(), 80).expect("there are several"));
    }

    #[test]
    fn replications_bring_means_and_how_well_they_are_known() {
        insta::assert_snapshot!(table(&fixture::repeat(fixture::promised()), 100).expect("there are several"));
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for forecast in [fixture::promised(), fixture::repeat(fixture::promised())] {
            for width in 40..130 {
                let text = table(&forecast, width).expect("there are several");
                assert!(text.lines().all(|line| width_of(line) <= width), "{width}:\n{text}");
            }
        }
    }
}
