//! One aligned table: a row per strategy, the units in the head, and as many columns as the width holds.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Row, Table, TableStyle};

use crate::measure::forecast::{Forecast, StrategyForecast};
use crate::measure::replications::Spread;
use crate::report::number::{self, known};
use crate::report::text;
use crate::report::verdict::Verdict;

/// The table without trailing spaces or a last newline. No line is wider than `width`, unless the two columns that are always there
/// are.
pub(super) fn table(forecast: &Forecast, verdict: &Verdict, width: usize, colour: bool) -> String {
    let repeated = forecast.replications() > 1;
    let columns: Vec<_> = COLUMNS.iter().filter(|column| repeated || !is_half_width(column)).collect();
    laid_out(forecast, verdict, &columns, width, colour)
}

/// The distribution over releases, where there were several: in each cell the median and the 95th percentile.
pub(super) fn releases(forecast: &Forecast, verdict: &Verdict, width: usize, colour: bool) -> Option<String> {
    let columns: Vec<_> = RELEASES.iter().collect();
    (forecast.replications() > 1).then(|| laid_out(forecast, verdict, &columns, width, colour))
}

/// Strategies of which there is nothing to say have no row.
pub(super) fn laid_out(
    forecast: &Forecast,
    verdict: &Verdict,
    columns: &[&'static Column],
    width: usize,
    colour: bool,
) -> String {
    let name_width = name_width(forecast, width);
    let columns = columns_that_fit(forecast, columns, width.saturating_sub(name_width));
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).set_header(head(forecast, &columns));
    // Whether there is a terminal is the caller's affair.
    if colour {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    let empty = |strategy: &StrategyForecast| columns.iter().all(|column| (column.cell)(strategy) == NONE);
    for strategy in forecast.strategies.iter().filter(|strategy| !empty(strategy)) {
        table.add_row(row(strategy, verdict, &columns, name_width));
    }
    align(&mut table, &columns);
    table.trim_fmt()
}

/// A table of any rows: the first `words` columns hold text, the others numbers.
pub(super) fn rows(head: Vec<String>, rows: Vec<Vec<String>>, words: usize) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty().set_header(head);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { GAP as u16 }, 0));
        column.set_cell_alignment(if index < words { CellAlignment::Left } else { CellAlignment::Right });
    }
    table.trim_fmt()
}

pub(super) const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Spaces between two columns.
pub(super) const GAP: usize = 2;

pub(super) struct Column {
    pub head: [&'static str; 2],
    /// The lower, the sooner it gets a place.
    pub rank: u8,
    pub cell: fn(&StrategyForecast) -> String,
}

/// In the order of the page; the first column, the name, is not among them.
const COLUMNS: &[Column] = &[
    Column { head: ["", OUTCOME], rank: 0, cell: outcome },
    Column { head: ["bad", "requests"], rank: 1, cell: bad_requests },
    Column { head: HALF_WIDTH, rank: 3, cell: |s| half_width(s, "failed_requests", number::figure) },
    Column { head: ["budget", "burnt %"], rank: 2, cell: |s| written(s.metrics.budget_burnt, number::percent) },
    Column { head: HALF_WIDTH, rank: 4, cell: |s| half_width(s, "budget_burnt", number::percent) },
    Column { head: ["good", "%"], rank: 12, cell: |s| written(s.metrics.availability, number::availability) },
    Column { head: ["down", "s"], rank: 5, cell: |s| written(s.metrics.downtime_s, number::figure) },
    Column { head: ["over-", "load s"], rank: 8, cell: |s| written(s.metrics.overload_s, number::figure) },
    Column {
        head: ["rollout", "p99 ms"],
        rank: 11,
        cell: |s| written(s.metrics.rollout_latency_ms_p99, number::figure),
    },
    Column { head: ["exposed", "users"], rank: 13, cell: |s| written(s.metrics.exposed_users, number::count) },
    Column { head: ["harmed", "users"], rank: 10, cell: |s| written(s.metrics.harmed_users, number::count) },
    Column { head: ["shed", "att."], rank: 15, cell: |s| written(s.metrics.shed_requests, number::count) },
    Column { head: ["", "retries"], rank: 16, cell: |s| written(s.metrics.retries, number::count) },
    Column { head: ["cut in", "flight"], rank: 14, cell: |s| written(s.metrics.dropped_in_flight, number::count) },
    Column { head: ["peak", "inst."], rank: 9, cell: |s| written(s.metrics.peak_instances, number::count) },
    Column { head: ["extra", CURRENCY], rank: 6, cell: |s| written(s.metrics.extra_cost, number::money) },
    Column { head: ["took", "m:ss"], rank: 7, cell: |s| written(s.metrics.rollout_s, number::clock) },
];

/// In each cell the median over releases, and what one in twenty exceeds.
const RELEASES: &[Column] = &[
    Column { head: ["bad", "requests"], rank: 0, cell: |s| quantiles(s, "failed_requests", number::figure) },
    Column { head: ["budget", "burnt %"], rank: 1, cell: |s| quantiles(s, "budget_burnt", number::percent) },
    Column { head: ["down", "s"], rank: 2, cell: |s| quantiles(s, "downtime_s", number::figure) },
    Column { head: ["took", "m:ss"], rank: 3, cell: |s| quantiles(s, "rollout_s", number::clock) },
];

/// Over the column of an interval's half-width, which follows that of the mean.
const HALF_WIDTH: [&str; 2] = ["±", "95 %"];
const OUTCOME: &str = "outcome";
const NAME: &str = "strategy";
/// Stands for the forecast's own currency in a head.
pub(super) const CURRENCY: &str = "currency";
const NONE: &str = "–";

pub(super) fn written(value: Option<f64>, write: fn(f64) -> String) -> String {
    known(value).map_or(NONE.to_owned(), write)
}

fn is_half_width(column: &Column) -> bool {
    column.head == HALF_WIDTH
}

/// How most replications ended, and how many where not all did.
fn outcome(strategy: &StrategyForecast) -> String {
    let (ending, share) = strategy.usual_ending();
    if share < 1.0 { format!("{} {} %", ending.label(), number::percent(share)) } else { ending.label().to_owned() }
}

/// A mean may lie between two numbers of requests.
fn bad_requests(strategy: &StrategyForecast) -> String {
    let write = if strategy.samples.is_empty() { number::count } else { number::figure };
    written(strategy.metrics.failed_requests, write)
}

fn half_width(strategy: &StrategyForecast, metric: &str, write: fn(f64) -> String) -> String {
    written(strategy.spread_of(metric).map(|spread| spread.interval.half()), write)
}

fn quantiles(strategy: &StrategyForecast, metric: &str, write: fn(f64) -> String) -> String {
    let both = |spread: Spread| format!("{} / {}", write(spread.median), write(spread.p95));
    strategy.spread_of(metric).map_or(NONE.to_owned(), both)
}

/// A quarter of the line at most: longer names take several lines, numbers never do.
fn name_width(forecast: &Forecast, width: usize) -> usize {
    let longest = forecast.strategies.iter().map(|strategy| text::width(&strategy.name)).max().unwrap_or(0);
    longest.min(width / 4).max(NAME.len())
}

fn columns_that_fit(forecast: &Forecast, columns: &[&'static Column], mut room: usize) -> Vec<&'static Column> {
    let mut by_rank = columns.to_vec();
    by_rank.sort_by_key(|column| column.rank);
    by_rank.retain(|column| {
        let needed = GAP + column_width(forecast, column);
        let fits = needed <= room || column.rank == 0;
        room = room.saturating_sub(if fits { needed } else { 0 });
        fits
    });
    let ranks: Vec<_> = by_rank.iter().map(|column| column.rank).collect();
    columns.iter().copied().filter(|column| ranks.contains(&column.rank)).collect()
}

fn column_width(forecast: &Forecast, column: &Column) -> usize {
    let cells = forecast.strategies.iter().map(|strategy| text::width(&(column.cell)(strategy)));
    let heads = column.head.iter().map(|line| text::width(&head_line(forecast, line)));
    cells.chain(heads).max().unwrap_or(0)
}

fn head(forecast: &Forecast, columns: &[&Column]) -> Row {
    let heads = columns.iter().map(|column| column.head.map(|line| head_line(forecast, line)).join("\n"));
    std::iter::once(format!("\n{NAME}")).chain(heads).map(Cell::new).collect::<Vec<_>>().into()
}

fn head_line(forecast: &Forecast, line: &str) -> String {
    if line == CURRENCY { text::shorten(&forecast.currency, CURRENCY.len()) } else { line.to_owned() }
}

fn row(strategy: &StrategyForecast, verdict: &Verdict, columns: &[&Column], name_width: usize) -> Row {
    let name = Cell::new(text::wrap(&strategy.name, name_width, 0).join("\n"));
    let name = match Some(&strategy.name) {
        name_is if name_is == verdict.best.as_ref() => name.fg(Color::Green).add_attribute(Attribute::Bold),
        name_is if name_is == verdict.worst.as_ref() => name.fg(Color::Red),
        _ => name,
    };
    let cells = columns.iter().map(|column| {
        let cell = Cell::new((column.cell)(strategy));
        if column.head[1] == OUTCOME && !strategy.usual_ending().0.is_finished() {
            cell.fg(Color::Yellow)
        } else {
            cell
        }
    });
    std::iter::once(name).chain(cells).collect::<Vec<_>>().into()
}

/// Words to the left, numbers to the right.
fn align(table: &mut Table, columns: &[&Column]) {
    for (index, column) in table.column_iter_mut().enumerate() {
        let words = index == 0 || columns[index - 1].head[1] == OUTCOME;
        column.set_padding((if index == 0 { 0 } else { GAP as u16 }, 0));
        column.set_cell_alignment(if words { CellAlignment::Left } else { CellAlignment::Right });
    }
}
