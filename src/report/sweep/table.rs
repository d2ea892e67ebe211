//! The answer of a sweep: who is best where, and a short table.

use comfy_table::{Cell as Field, CellAlignment, ContentArrangement, Table};

use super::{Cell, Sweep};
use crate::measure::metric::Metrics;
use crate::report::number::{figure, percent};
use crate::report::table::STYLE;
use crate::report::text::{self, plain, wrap};

/// Longer tables are in `sweep.csv`.
const ROWS_MAX: usize = 24;
const GAP: u16 = 2;
/// Letters of a path or value.
const PATH: usize = 18;
/// Means that differ by less than this share of themselves are the same: they come from one sum in another order.
const ROUNDING: f64 = 1e-9;
const NONE: &str = "–";

/// Everything that is to be read at once, ending in a newline. Sentences keep to `width`; columns that do not fit are left out,
/// and that is said.
pub fn terminal(sweep: &Sweep, width: usize) -> String {
    let width = width.max(40);
    let strategies = sweep.strategies();
    let (table, shown) = fitting(sweep, &strategies, width);
    let mut lines = wrap(&answer(sweep, &strategies), width, 0);
    lines.push(String::new());
    lines.extend(wrap(&head(sweep), width, 0));
    lines.push(table.trim_fmt());
    let left = strategies.len() - shown;
    let hidden = sweep.cells.len().saturating_sub(ROWS_MAX);
    let rest = [(hidden, "cells"), (left, "strategies")].into_iter().filter(|(count, _)| *count > 0);
    let rest: Vec<String> = rest.map(|(count, what)| format!("{count} more {what}")).collect();
    if !rest.is_empty() {
        lines.extend(wrap(&format!("… {}, in sweep.csv", rest.join(" and ")), width, 0));
    }
    lines.join("\n") + "\n"
}

/// "Of 15 cells, the least `budget_burnt`: canary in 14, blue-green in 1 (by means; a tie counts for each)."
fn answer(sweep: &Sweep, strategies: &[&str]) -> String {
    let metric = &sweep.definition.metric;
    let mut wins: Vec<(&str, usize)> = strategies.iter().skip(1).map(|name| (*name, 0)).collect();
    for cell in &sweep.cells {
        let values: Vec<_> = wins.iter().map(|(name, _)| sweep.number(cell, name, metric)).collect();
        let Some(best) = values.iter().copied().flatten().min_by(f64::total_cmp) else { continue };
        for ((_, count), value) in wins.iter_mut().zip(values) {
            *count += usize::from(value.is_some_and(|value| value - best <= ROUNDING * best.abs()));
        }
    }
    wins.retain(|(_, count)| *count > 0);
    wins.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let cells = format!("Of {} cells", sweep.cells.len());
    let won: Vec<String> = wins.iter().map(|(name, count)| format!("{} in {count}", plain(name))).collect();
    match won.is_empty() {
        true => format!("{cells}, none compares strategies."),
        false => format!("{cells}, the least {metric}: {} (by means; a tie counts for each).", won.join(", ")),
    }
}

fn head(sweep: &Sweep) -> String {
    let info = Metrics::place(&sweep.definition.metric).map(|place| Metrics::CATALOGUE[place]);
    let (what, unit) = info.map_or(("", ""), |info| (info.what, if is_share(sweep) { "%" } else { info.unit }));
    let intervals =
        if has_bounds(sweep) { ", ± half of the 95 % interval (where it fits; all are in sweep.csv)" } else { "" };
    format!("{} [{unit}]: {what}; replications: {}{intervals}", sweep.definition.metric, sweep.definition.replications)
}

fn is_share(sweep: &Sweep) -> bool {
    Metrics::place(&sweep.definition.metric).is_some_and(|place| Metrics::CATALOGUE[place].unit == "share")
}

fn has_bounds(sweep: &Sweep) -> bool {
    sweep.column(&format!("{}_low", sweep.definition.metric)).is_some()
}

/// The table with as much as fits, and how many strategies it shows: half-widths go before strategies do.
fn fitting(sweep: &Sweep, strategies: &[&str], width: usize) -> (Table, usize) {
    let fits = |table: &Table| table.trim_fmt().lines().all(|line| text::width(line) <= width);
    let whole = table(sweep, strategies, true);
    if fits(&whole) {
        return (whole, strategies.len());
    }
    let fewer = (1..=strategies.len()).rev().map(|shown| (table(sweep, &strategies[..shown], false), shown));
    let fewer: Vec<_> = fewer.collect();
    let fitting = fewer.iter().position(|(table, _)| fits(table)).unwrap_or(fewer.len().saturating_sub(1));
    fewer.into_iter().nth(fitting).unwrap_or((whole, 0))
}

fn table(sweep: &Sweep, strategies: &[&str], bounds: bool) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    let heads = sweep.definition.axes.iter().map(|axis| short(&axis.path));
    table.set_header(heads.chain(strategies.iter().map(|name| plain(name))).collect::<Vec<_>>());
    for cell in sweep.cells.iter().take(ROWS_MAX) {
        let values =
            sweep.definition.values(cell.cell).into_iter().map(|(_, value)| text::shorten(&plain(value), PATH));
        let numbers = strategies.iter().map(|name| number(sweep, cell, name, bounds));
        table.add_row(values.chain(numbers).map(Field::new).collect::<Vec<_>>());
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { GAP }, 0));
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The end of a path tells more than its beginning.
fn short(path: &str) -> String {
    let length = path.chars().count();
    if length <= PATH {
        plain(path)
    } else {
        format!("…{}", plain(&path.chars().skip(length + 1 - PATH).collect::<String>()))
    }
}

fn number(sweep: &Sweep, cell: &Cell, strategy: &str, bounds: bool) -> String {
    let write = if is_share(sweep) { percent } else { figure };
    let metric = &sweep.definition.metric;
    let Some(value) = sweep.number(cell, strategy, metric) else { return NONE.to_owned() };
    let [low, high] = ["low", "high"].map(|bound| sweep.number(cell, strategy, &format!("{metric}_{bound}")));
    match low.zip(high).filter(|_| bounds) {
        Some((low, high)) => format!("{} ±{}", write(value), write((high - low) / 2.0)),
        None => write(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::tests::example;

    #[test]
    fn the_answer_and_a_short_table() {
        let sweep = example(&[("fleet.size", &["6", "7"]), ("strategies.canary.steps[0].share", &["1%", "5%"])], None);
        insta::assert_snapshot!(terminal(&sweep, 80));
        insta::assert_snapshot!(terminal(&sweep, 120));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let values: Vec<String> = (0..40).map(|value| value.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let said = terminal(&example(&[("fleet.size", &values)], None), 40);
        assert!(said.contains("… 16 more cells and "), "{said}");
        assert!(said.lines().all(|line| text::width(line) <= 40), "{said}");
    }
}
