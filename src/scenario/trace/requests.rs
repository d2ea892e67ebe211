//! Traces of requests: one row for each.

use super::sheet::{Row, Sheet};
use super::stamp::{EXPECTED, Reading, Stamps};
use crate::core::time::{Moment, Span};
use crate::scenario::check::Check;
use crate::scenario::file::Trace;
use crate::scenario::plan::{Request, Source};
use crate::scenario::units::Decimal;
use crate::yaml::tree::KeyPath;

/// Sizes beyond this are slips of the pen.
const SIZE_MAX: f64 = 1e12;

/// The traffic, and how long the trace lasts.
pub(super) fn read(
    sheet: &mut Sheet,
    timestamp: usize,
    trace: &Trace,
    horizon: Span,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> (Source, Span) {
    let size = trace.size.as_ref().and_then(|size| sheet.named_column(size, &at.key("size"), check));
    let mut stamps = Stamps::default();
    let mut last = 0;
    let mut requests = Vec::new();
    while let Some(row) = sheet.next(check) {
        let size = size_of(&row, size, sheet, check);
        match stamps.read(row.field(timestamp)) {
            Reading::Unreadable => sheet.refuse(&row, timestamp, EXPECTED, check),
            Reading::After(nanos) if nanos >= last => {
                last = nanos;
                let at = arrival(nanos, trace).filter(|at| at.since(Moment::START) < horizon);
                requests.extend(at.map(|at| Request { at, size }));
            }
            Reading::After(_) | Reading::Before => {
                let expected = "a time not before the one in the row before";
                sheet.refuse(&row, timestamp, expected, check);
            }
        }
    }
    let lasts = scaled(last, trace.scale.0);
    (Source::Requests(requests), lasts)
}

/// When a request of the trace comes in the run; `None` for what is skipped at the start.
fn arrival(nanos: u64, trace: &Trace) -> Option<Moment> {
    let since_first = scaled(nanos, trace.scale.0);
    let since_start = since_first.nanos().checked_sub(trace.start.nanos())?;
    Some(Moment::from_nanos(since_start))
}

/// Twice the rate is half the time.
fn scaled(nanos: u64, scale: f64) -> Span {
    Span::from_nanos(nanos).scaled(1.0 / scale)
}

fn size_of(row: &Row, column: Option<usize>, sheet: &mut Sheet, check: &mut Check<'_>) -> f64 {
    let Some(column) = column else { return 1.0 };
    let size = match Decimal::split(row.field(column)) {
        Some((size, "")) => size.value().filter(|size| *size <= SIZE_MAX),
        _ => None,
    };
    size.unwrap_or_else(|| {
        sheet.refuse(row, column, "a number from 0 to 1000000000000", check);
        1.0
    })
}
