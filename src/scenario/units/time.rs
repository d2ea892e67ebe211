//! Lengths of time: `18ms`, `1.5h`, `2m30s`.

use schemars::{Schema, json_schema};

use super::Decimal;
use crate::core::time::Span;
use crate::scenario::entry::{Advice, Leaf, leaf, words};
use crate::yaml::tree::Scalar;

/// A hundred years: longer than any run, and sums of a few still fit in 64 bits of nanoseconds.
pub(in crate::scenario) const SPAN_NANOS_MAX: u64 = 36_525 * 86_400 * 1_000_000_000;

const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

words! {
    /// What the numbers of a column count.
    pub enum TimeUnit {
        /// Nanoseconds.
        "ns" => Nanoseconds,
        /// Microseconds.
        "us" => Microseconds,
        /// Milliseconds.
        "ms" => Milliseconds,
        /// Seconds.
        "s" => Seconds,
        /// Minutes.
        "m" => Minutes,
        /// Hours.
        "h" => Hours,
    }
}

/// A time above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Lasting(pub Span);

/// A time between two repetitions: long enough that a run has a bounded number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Every<const MILLIS_MIN: u64>(pub Span);

/// A time above zero without fractions of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct WholeSeconds(pub Span);

/// A decimal count of `unit` as nanoseconds; `None` beyond a hundred years.
pub(in crate::scenario) fn nanos(count: Decimal<'_>, unit: TimeUnit) -> Option<u64> {
    let size = size_of(unit.scalar().text.as_str())?;
    count.times(size).filter(|nanos| *nanos <= SPAN_NANOS_MAX)
}

fn size_of(unit: &str) -> Option<u64> {
    UNITS.iter().find(|(known, _)| *known == unit).map(|(_, size)| *size)
}

/// Reads one or more counts with their units, such as `2m30s`; a lone zero needs none.
fn parse_span(text: &str) -> Result<Span, Advice> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Advice::none());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (count, after) = Decimal::split(rest).ok_or_else(Advice::none)?;
        let after = after.trim_start();
        let letters = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if unit.is_empty() && count.is_zero() && total == 0 && after.is_empty() {
            return Ok(Span::ZERO);
        }
        let size = size_of(unit).ok_or_else(|| advise_unit(unit, text))?;
        total = count
            .times(size)
            .and_then(|nanos| nanos.checked_add(total))
            .filter(|nanos| *nanos <= SPAN_NANOS_MAX)
            .ok_or("it must not exceed 100 years")?;
        rest = after.trim_start();
    }
    Ok(Span::from_nanos(total))
}

fn advise_unit(unit: &str, text: &str) -> Advice {
    if unit.is_empty() {
        return Advice(Some(format!("write a unit, e.g. {}s", text.trim())));
    }
    Advice::from("the units are ns, us, ms, s, m, h, d and w")
}

fn pattern() -> String {
    let units = UNITS.map(|(unit, _)| unit).join("|");
    format!("^ *({} *({units}) *)+$", Decimal::PATTERN)
}

impl Leaf for Span {
    fn expected() -> String {
        "a time such as 18ms, 20s or 1.5h".to_owned()
    }

    fn fallback() -> Self {
        Span::ZERO
    }

    fn parse(scalar: &Scalar) -> Result<Span, Advice> {
        parse_span(&scalar.text)
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.to_string())
    }

    fn schema() -> Schema {
        let time = json_schema!({ "type": "string", "pattern": pattern() });
        json_schema!({ "anyOf": [time, { "const": 0 }] })
    }
}

impl Leaf for Lasting {
    fn expected() -> String {
        "a time above zero such as 18ms, 20s or 1.5h".to_owned()
    }

    fn fallback() -> Self {
        Lasting(Span::from_secs(1))
    }

    fn parse(scalar: &Scalar) -> Result<Lasting, Advice> {
        let span = parse_span(&scalar.text)?;
        if span.is_zero() { Err(Advice::none()) } else { Ok(Lasting(span)) }
    }

    fn scalar(&self) -> Scalar {
        self.0.scalar()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": pattern() })
    }
}

impl<const MILLIS_MIN: u64> Leaf for Every<MILLIS_MIN> {
    fn expected() -> String {
        format!("a time from {}", Span::from_millis(MILLIS_MIN))
    }

    fn fallback() -> Self {
        Every(Span::from_millis(MILLIS_MIN))
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        let span = parse_span(&scalar.text)?;
        if span < Span::from_millis(MILLIS_MIN) {
            return Err(Advice::none());
        }
        Ok(Every(span))
    }

    fn scalar(&self) -> Scalar {
        self.0.scalar()
    }

    fn schema() -> Schema {
        Lasting::schema()
    }
}

impl Leaf for WholeSeconds {
    fn expected() -> String {
        "a whole number of seconds such as 1s or 2m".to_owned()
    }

    fn fallback() -> Self {
        WholeSeconds(Span::from_secs(1))
    }

    fn parse(scalar: &Scalar) -> Result<WholeSeconds, Advice> {
        let span = parse_span(&scalar.text)?;
        if span.is_zero() || !span.nanos().is_multiple_of(1_000_000_000) {
            return Err(Advice::none());
        }
        Ok(WholeSeconds(span))
    }

    fn scalar(&self) -> Scalar {
        self.0.scalar()
    }

    fn schema() -> Schema {
        Lasting::schema()
    }
}

leaf!(Span);
leaf!(Lasting);
leaf!([const MILLIS_MIN: u64] Every<MILLIS_MIN>);
leaf!(WholeSeconds);
