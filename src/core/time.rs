//! Time as integers: a [`Moment`] is nanoseconds since the start, a [`Span`] is a length in nanoseconds.
//!
//! The core never reads a clock: the caller hands `now` in, whether it is virtual or real.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A point in time: nanoseconds since the start of the run. 584 years fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(u64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(u64);

impl Moment {
    /// The start of the run.
    pub const START: Moment = Moment(0);
    /// Later than everything that can happen.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for reports only: arithmetic stays in integers.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// Whole seconds since the start, as a clock with one-second ticks shows them.
    pub const fn whole_seconds(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// The time from `earlier` to `self`; zero if `earlier` is in fact later.
    #[inline]
    pub const fn since(self, earlier: Moment) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `self` minus `span`, not before the start.
    pub const fn back(self, span: Span) -> Moment {
        Moment(self.0.saturating_sub(span.0))
    }
}

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Span {
        Span(nanos)
    }

    /// `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis * 1_000_000)
    }

    /// `seconds` seconds.
    pub const fn from_secs(seconds: u64) -> Span {
        Span(seconds * NANOS_PER_SECOND)
    }

    /// The nearest span to `seconds`; negative, not-a-number and too large values saturate.
    pub fn from_seconds(seconds: f64) -> Span {
        // Adding a half and cutting is what rounding means for what is not negative, without a call into the maths library.
        Span((seconds * NANOS_PER_SECOND as f64 + 0.5) as u64)
    }

    /// Nanoseconds in it.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Seconds in it, for reports and rates only.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// Whole seconds in it, rounded down.
    pub const fn whole_seconds(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// Milliseconds, for reports only.
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// So many times this long; no longer than the longest.
    pub const fn times(self, number: u64) -> Span {
        Span(self.0.saturating_mul(number))
    }

    /// `self` times `factor`, rounded to the nearest nanosecond.
    pub fn scaled(self, factor: f64) -> Span {
        Span((self.0 as f64 * factor + 0.5) as u64)
    }
}

impl Add<Span> for Moment {
    type Output = Moment;

    #[inline]
    fn add(self, span: Span) -> Moment {
        Moment(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Moment {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;

    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;

    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(out)
    }
}

/// Written as an operator would: `90s`, `2m`, `1.5h`, `18ms`; always something the scenario reader takes back.
impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 7] = [
            (86_400 * NANOS_PER_SECOND, "d"),
            (3_600 * NANOS_PER_SECOND, "h"),
            (60 * NANOS_PER_SECOND, "m"),
            (NANOS_PER_SECOND, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.0 == 0 {
            return out.write_str("0s");
        }
        let (size, unit) = UNITS
            .into_iter()
            .find(|(size, _)| self.0.is_multiple_of(*size))
            .expect("every count of nanoseconds is a multiple of one nanosecond");
        write!(out, "{}{unit}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_their_largest_whole_unit() {
        let cases = [
            (Span::ZERO, "0s"),
            (Span::from_secs(90), "90s"),
            (Span::from_secs(120), "2m"),
            (Span::from_millis(1_500), "1500ms"),
            (Span::from_secs(30 * 86_400), "30d"),
        ];
        for (span, text) in cases {
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn subtraction_stops_at_zero_and_addition_at_never() {
        assert_eq!(Moment::START.since(Moment::from_nanos(5)), Span::ZERO);
        assert_eq!(Moment::NEVER + Span::from_secs(1), Moment::NEVER);
    }
}
