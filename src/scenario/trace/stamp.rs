//! Points in time as traces write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::scenario::units::{Decimal, SPAN_NANOS_MAX};

/// How a trace writes its times; one trace uses one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// A decimal number of seconds.
    Seconds,
    /// A date and a time without a zone: only the distance between two of them counts.
    Civil,
    /// A date and a time with a zone or an offset.
    Zoned,
}

/// What a trace may write, for a problem.
pub(super) const EXPECTED: &str =
    "a time such as 1998-07-07 21:41:00 or 2023-11-16T18:17:03.98Z, or seconds, as in the row before";

/// Nanoseconds since an origin that is the same for all stamps of one clock.
fn read(text: &str) -> Option<(Clock, i128)> {
    if let Some((seconds, "")) = Decimal::split(text) {
        return Some((Clock::Seconds, i128::from(seconds.times(1_000_000_000)?)));
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some((Clock::Zoned, stamp.as_nanosecond()));
    }
    let civil: DateTime = text.parse().ok()?;
    let stamp = TimeZone::UTC.to_timestamp(civil).ok()?;
    Some((Clock::Civil, stamp.as_nanosecond()))
}

/// Reads the stamps of one column in order.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    first: Option<(Clock, i128)>,
}

/// A stamp in relation to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nanoseconds after the first; at most a hundred years.
    After(u64),
    /// Earlier than the first.
    Before,
    /// No stamp, one of another clock, or one too late.
    Unreadable,
}

impl Stamps {
    pub fn read(&mut self, text: &str) -> Reading {
        let Some((clock, nanos)) = read(text) else {
            return Reading::Unreadable;
        };
        let (first_clock, first) = *self.first.get_or_insert((clock, nanos));
        if clock != first_clock {
            return Reading::Unreadable;
        }
        if nanos < first {
            return Reading::Before;
        }
        match u64::try_from(nanos - first) {
            Ok(nanos) if nanos <= SPAN_NANOS_MAX => Reading::After(nanos),
            _ => Reading::Unreadable,
        }
    }
}
