//! CSV files beside a scenario: traffic as somebody recorded it, and measured durations.
//!
//! A problem in such a file is reported with that file's name and line.

mod counts;
mod requests;
mod sheet;
mod stamp;

use super::check::Check;
use super::file::{LawTable, Trace};
use super::plan::Source;
use super::units::{Decimal, nanos};
use crate::core::time::Span;
use crate::yaml::tree::KeyPath;
use sheet::Sheet;

/// Reads the traffic of a trace. Time zero is where the run begins; nothing lies beyond `horizon`.
pub(super) fn traffic(trace: &Trace, horizon: Span, at: &KeyPath, check: &mut Check<'_>) -> Source {
    let nothing = Source::Requests(Vec::new());
    let Some(mut sheet) = Sheet::open(&trace.file, &at.key("file"), check) else {
        return nothing;
    };
    let columns = ["period", "count", "timestamp"].map(|name| sheet.column(name));
    let known = check.problems.len();
    let (source, lasts) = match columns {
        [Some(period), Some(count), _] => counts::read(&mut sheet, [period, count], trace, horizon, at, check),
        [_, None, Some(timestamp)] => requests::read(&mut sheet, timestamp, trace, horizon, at, check),
        _ => {
            sheet.refuse_header("either period and count, or timestamp", check);
            return nothing;
        }
    };
    sheet.close(check);
    if check.problems.len() == known && is_empty(&source) {
        let text = format!(
            "found no request in the {horizon} from {} on, expected at least one; the trace lasts {lasts}",
            trace.start
        );
        check.complain(&[at, &KeyPath::from(["horizon"])], text);
    }
    source
}

fn is_empty(source: &Source) -> bool {
    match source {
        Source::Open { segments, .. } => segments.iter().all(|segment| segment.from.per_second() == 0.0),
        Source::Requests(requests) => requests.is_empty(),
        Source::Closed { .. } => false,
    }
}

/// Reads the durations in a column.
pub(super) fn durations(law: &LawTable, at: &KeyPath, check: &mut Check<'_>) -> Vec<Span> {
    let Some(mut sheet) = Sheet::open(&law.file, &at.key("file"), check) else {
        return Vec::new();
    };
    let Some(column) = sheet.named_column(&law.column, &at.key("column"), check) else {
        return Vec::new();
    };
    let known = check.problems.len();
    let mut durations = Vec::new();
    while let Some(row) = sheet.next(check) {
        let nanos = match Decimal::split(row.field(column)) {
            Some((count, "")) => nanos(count, law.unit),
            _ => None,
        };
        match nanos {
            Some(nanos) => durations.push(Span::from_nanos(nanos)),
            None => sheet.refuse(&row, column, "a number of at most 100 years", check),
        }
    }
    sheet.close(check);
    if check.problems.len() == known && durations.iter().all(|duration| duration.is_zero()) {
        let text = "found no value above zero, expected at least one";
        check.complain(&[&at.key("column"), at], text);
    }
    durations
}
