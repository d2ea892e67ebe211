//! Days of the calendar, and windows that begin and end with it.

use jiff::civil::{Date, Weekday};
use jiff::{Span as DateSpan, Unit};
use schemars::{Schema, json_schema};

use super::Lasting;
use crate::core::time::Span;
use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

/// A day, as in `2026-02-12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Day(pub Date);

impl Leaf for Day {
    fn expected() -> String {
        "a day such as 2026-02-12".to_owned()
    }

    fn fallback() -> Day {
        Day(Date::constant(2026, 1, 1))
    }

    fn parse(scalar: &Scalar) -> Result<Day, Advice> {
        let text = scalar.text.trim();
        // The library also reads times, and drops them.
        let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        text.parse().ok().filter(|_| is_plain).map(Day).ok_or_else(Advice::none)
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.0.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^ *[0-9]{4}-[0-9]{2}-[0-9]{2} *$" })
    }
}

leaf!(Day);

/// The window of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Window {
    /// It always ends now.
    Rolling(Span),
    /// It begins and ends with the calendar.
    Calendar(Period),
}

/// A part of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Period {
    pub const ALL: [(&'static str, Period); 5] = [
        ("day", Period::Day),
        ("week", Period::Week),
        ("month", Period::Month),
        ("quarter", Period::Quarter),
        ("year", Period::Year),
    ];

    /// The first day of the one that holds `day`, and the first day of the next; `None` at the end of all calendars.
    fn around(self, day: Date) -> Option<(Date, Date)> {
        let days = |days: i64| DateSpan::new().days(days);
        let (first, lasts) = match self {
            Period::Day => (day, days(1)),
            Period::Week => (day.checked_sub(days(day.weekday().since(Weekday::Monday).into())).ok()?, days(7)),
            Period::Month => (day.first_of_month(), DateSpan::new().months(1)),
            Period::Quarter => {
                let into = i64::from((day.month() - 1) % 3);
                (day.first_of_month().checked_sub(DateSpan::new().months(into)).ok()?, DateSpan::new().months(3))
            }
            Period::Year => (day.first_of_year(), DateSpan::new().years(1)),
        };
        Some((first, first.checked_add(lasts).ok()?))
    }

    /// Its length where it holds `day`, and how much of it is over when that day begins.
    pub fn length_and_elapsed(self, Day(day): Day) -> Option<(Span, Span)> {
        let (first, next) = self.around(day)?;
        let between = |from: Date, to: Date| {
            let days = from.until((Unit::Day, to)).ok()?.get_days();
            Some(Span::from_secs(u64::try_from(days).ok()? * 86_400))
        };
        Some((between(first, next)?, between(first, day)?))
    }
}

impl Leaf for Window {
    fn expected() -> String {
        let words: Vec<&str> = Period::ALL.iter().map(|(word, _)| *word).collect();
        format!("{}, or one of: {}", Lasting::expected(), words.join(", "))
    }

    fn fallback() -> Window {
        Window::Rolling(Span::from_secs(30 * 86_400))
    }

    fn parse(scalar: &Scalar) -> Result<Window, Advice> {
        let word = Period::ALL.iter().find(|(word, _)| *word == scalar.text.trim());
        match word {
            Some((_, period)) => Ok(Window::Calendar(*period)),
            None => Lasting::parse(scalar).map(|lasting| Window::Rolling(lasting.0)),
        }
    }

    fn scalar(&self) -> Scalar {
        match self {
            Window::Rolling(span) => span.scalar(),
            Window::Calendar(period) => {
                let (word, _) = Period::ALL.iter().find(|(_, known)| known == period).expect("it is one of all");
                Scalar::plain(*word)
            }
        }
    }

    fn schema() -> Schema {
        let words: Vec<&str> = Period::ALL.iter().map(|(word, _)| *word).collect();
        let lasting = Lasting::schema();
        json_schema!({ "anyOf": [lasting, { "enum": words }] })
    }
}

leaf!(Window);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_the_length_of_the_calendar() {
        let cases = [
            ("2026-02-12", Period::Month, 28, 11),
            ("2028-02-29", Period::Month, 29, 28),
            ("2026-12-31", Period::Month, 31, 30),
            ("2026-02-12", Period::Week, 7, 3),
            ("2026-02-12", Period::Quarter, 90, 42),
            ("2026-12-31", Period::Quarter, 92, 91),
            ("2028-12-31", Period::Year, 366, 365),
            ("2026-02-12", Period::Day, 1, 0),
        ];
        for (day, period, length, elapsed) in cases {
            let day = Day(day.parse().expect("a day"));
            let expected = Some((Span::from_secs(length * 86_400), Span::from_secs(elapsed * 86_400)));
            assert_eq!(period.length_and_elapsed(day), expected, "{day:?} {period:?}");
        }
    }

    #[test]
    fn days_and_windows_are_read_and_written() {
        let day = |text: &str| Day::parse(&Scalar::plain(text)).map(|day| day.scalar().text);
        assert_eq!(day("2026-02-12"), Ok("2026-02-12".to_owned()));
        for wrong in ["2026-02-30", "12.2.2026", "2026-2-1", "2026-02-12T10:00:00", "today"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
        let window = |text: &str| Window::parse(&Scalar::plain(text)).map(|window| window.scalar().text);
        assert_eq!(window("month"), Ok("month".to_owned()));
        assert_eq!(window("4w"), window("28d"));
        assert!(window("0s").is_err() && window("fortnight").is_err());
    }
}
