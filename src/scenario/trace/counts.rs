//! Traces of counts: so many requests in each period.

use super::sheet::Sheet;
use super::stamp::{EXPECTED, Reading, Stamps};
use crate::core::amount::Rate;
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::file::Trace;
use crate::scenario::plan::{Segment, Source, Spacing};
use crate::scenario::units::Decimal;
use crate::yaml::tree::KeyPath;

/// The same limit as for rates in a scenario.
const PER_SECOND_MAX: f64 = 10_000_000.0;

/// One row: a period that begins at `at` nanoseconds after the first.
struct Count {
    at: u64,
    requests: f64,
    line: u32,
}

/// The traffic, and how long the trace lasts.
pub(super) fn read(
    sheet: &mut Sheet,
    columns: [usize; 2],
    trace: &Trace,
    horizon: Span,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> (Source, Span) {
    if trace.size.is_some() {
        let text = "found a size, expected none, since this trace has counts and not single requests";
        check.complain(&[&at.key("size")], text);
    }
    let counts = rows(sheet, columns, check);
    let Some(period) = period(&counts) else {
        let text = "found counts with fewer than two rows, expected two, which tell the length of a period";
        check.complain(&[&at.key("file")], text);
        return (Source::Requests(Vec::new()), Span::ZERO);
    };
    refuse_off_beat(&counts, period, sheet, check);
    check_peak(&counts, period, trace.scale.0, at, check);
    let lasts = Span::from_nanos(counts.last().map_or(0, |count| count.at) + period);
    let segments = segments(&counts, period, trace.scale.0);
    let source = Source::Open { spacing: Spacing::Poisson, segments: cut(&segments, trace.start, horizon) };
    (source, lasts)
}

/// The rows that can be read, in order.
fn rows(sheet: &mut Sheet, [period, count]: [usize; 2], check: &mut Check<'_>) -> Vec<Count> {
    let mut stamps = Stamps::default();
    let mut rows: Vec<Count> = Vec::new();
    let mut latest = None;
    while let Some(row) = sheet.next(check) {
        let requests = number(row.field(count));
        if requests.is_none() {
            sheet.refuse(&row, count, "a number of requests", check);
        }
        match stamps.read(row.field(period)) {
            Reading::Unreadable if requests.is_none() => {}
            Reading::Unreadable => sheet.refuse(&row, period, EXPECTED, check),
            Reading::After(at) if latest.is_none_or(|latest| at > latest) => {
                latest = Some(at);
                rows.extend(requests.map(|requests| Count { at, requests, line: row.line }));
            }
            Reading::After(_) | Reading::Before => {
                sheet.refuse(&row, period, "a time after the one in the row before", check);
            }
        }
    }
    rows
}

fn number(text: &str) -> Option<f64> {
    match Decimal::split(text) {
        Some((count, "")) => count.value(),
        _ => None,
    }
}

/// The shortest time between two rows; longer ones are gaps.
fn period(counts: &[Count]) -> Option<u64> {
    counts.windows(2).map(|pair| pair[1].at - pair[0].at).min()
}

fn refuse_off_beat(counts: &[Count], period: u64, sheet: &mut Sheet, check: &mut Check<'_>) {
    for pair in counts.windows(2) {
        let gap = pair[1].at - pair[0].at;
        if !gap.is_multiple_of(period) {
            let (gap, period) = (Span::from_nanos(gap), Span::from_nanos(period));
            let text = format!(
                "found a period {gap} after the one in the row before, expected a multiple of {period}, the shortest"
            );
            sheet.note(pair[1].line, 1, text, check);
        }
    }
}

fn check_peak(counts: &[Count], period: u64, scale: f64, at: &KeyPath, check: &mut Check<'_>) {
    let most = counts.iter().map(|count| count.requests).fold(0.0, f64::max);
    let peak = most * scale / Span::from_nanos(period).seconds();
    if peak > PER_SECOND_MAX {
        let text = format!("found a peak of {peak}/s, expected at most {PER_SECOND_MAX}/s");
        check.complain(&[&at.key("scale")], text);
    }
}

/// A rate for each period; what no row speaks of had no requests.
fn segments(counts: &[Count], period: u64, scale: f64) -> Vec<Segment> {
    let seconds = Span::from_nanos(period).seconds();
    let mut segments = Vec::with_capacity(counts.len());
    for (index, count) in counts.iter().enumerate() {
        let rate = Rate::new(count.requests * scale / seconds).unwrap_or_default();
        segments.push(steady(period, rate));
        let next = counts.get(index + 1).map_or(count.at + period, |next| next.at);
        let gap = next - count.at - period;
        if gap > 0 {
            segments.push(steady(gap, Rate::default()));
        }
    }
    segments
}

fn steady(nanos: u64, rate: Rate) -> Segment {
    Segment { lasts: Span::from_nanos(nanos), from: rate, to: rate }
}

/// The part from `start` on that lies before the horizon.
fn cut(segments: &[Segment], start: Span, horizon: Span) -> Vec<Segment> {
    let (mut skip, mut room) = (start, horizon);
    let mut kept = Vec::new();
    for segment in segments {
        let rest = segment.lasts - skip;
        skip = skip - segment.lasts;
        let lasts = rest.min(room);
        room = room - lasts;
        if !lasts.is_zero() {
            kept.push(Segment { lasts, ..*segment });
        }
    }
    kept
}
