//! Lengths of time as Go writes them, which most controllers take over: `30s`, `5m`, `1h30m`, `1.5h`.

use std::fmt::Write as _;

use crate::core::time::Span;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The span that `text` stands for; `None` if Go would not read it, or if it is negative.
pub(super) fn parse(text: &str) -> Option<Span> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Span::ZERO);
    }
    let mut nanos = 0.0_f64;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let (_, size) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
        nanos += number * *size as f64;
        rest = &rest[letters..];
        parts += 1;
    }
    // Go refuses what does not fit its 63 bits.
    (parts > 0 && nanos < i64::MAX as f64).then(|| Span::from_nanos(nanos.round() as u64))
}

/// The span as Go reads it: days are hours, and every part is a whole number.
pub(super) fn go(span: Span) -> String {
    if span.is_zero() {
        return "0s".to_owned();
    }
    let mut rest = span.nanos();
    let mut text = String::new();
    for (unit, size) in [UNITS[7], UNITS[6], UNITS[5], UNITS[4], UNITS[1], UNITS[0]] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            write!(text, "{count}{unit}").expect("a string takes all that is written to it");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_go_reads_them() {
        let cases = [
            ("30s", Some(30_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("0", Some(0)),
            ("250ms", Some(250)),
            ("30", None),
            ("", None),
            ("-5s", None),
            ("5 m", None),
            ("1d", None),
            ("1..5s", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), millis.map(Span::from_millis), "{text}");
        }
    }

    #[test]
    fn every_span_comes_back_from_its_go_text() {
        for nanos in [0, 1, 1_000, 1_500_000_000, 5_400_000_000_000, 90_061_001_001_001] {
            let span = Span::from_nanos(nanos);
            assert_eq!(parse(&go(span)), Some(span), "{}", go(span));
        }
    }
}
