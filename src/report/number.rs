//! Numbers as people read them: as many digits as say something, and the unit where the caller asks for it.

/// A finite number, or nothing.
pub(super) fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// A whole number with thousands separators.
pub(super) fn count(value: f64) -> String {
    group(&format!("{:.0}", unsigned_zero(value.round())))
}

/// About three digits: `0.041`, `0.41`, `6.25`, `62.5`, `625`, `6,250`; no zeros at the end.
pub(super) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size > 0.0 => small_decimals(size),
        _ => 0,
    };
    trimmed(value, decimals)
}

/// A share in per cent, without the sign.
pub(super) fn percent(share: f64) -> String {
    figure(share * 100.0)
}

/// An availability in per cent, without the sign: two digits of what is missing, and never rounded up to 100.
pub(super) fn availability(share: f64) -> String {
    let missing = (1.0 - share) * 100.0;
    if missing <= 0.0 {
        return "100".to_owned();
    }
    let decimals = small_decimals(missing).clamp(1, 5);
    let unit = 10f64.powi(decimals as i32);
    // The last bits of binary rounding must not turn 99.95 into 99.949.
    trimmed((share * 100.0 * unit + 1e-6).floor() / unit, decimals)
}

/// How many times as much, in two digits: a ratio of two counts says no more.
pub(super) fn times(ratio: f64) -> String {
    if ratio < 10.0 {
        return trimmed(ratio, 1);
    }
    let unit = 10f64.powf(ratio.log10().floor() - 1.0);
    count((ratio / unit).round() * unit)
}

/// Money without its currency: cents, or two digits of what is less than a cent.
pub(super) fn money(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => count(value),
        size if size >= 0.01 => group(&format!("{value:.2}")),
        _ => figure(value),
    }
}

/// A point in time: `m:ss`, or `h:mm:ss` from one hour on.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A length of time in words: `0.4 s`, `35 s`, `6 min 40 s`, `2 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 59.5 {
        return format!("{} s", if seconds < 10.0 { figure(seconds) } else { count(seconds) });
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Decimals that show two digits of a number below 1, up to six.
fn small_decimals(size: f64) -> usize {
    (1.0 - size.log10().floor()).clamp(0.0, 6.0) as usize
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    group(if text == "-0" { "0" } else { text })
}

fn unsigned_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// Puts a comma between the thousands of a number that is already written out.
fn group(text: &str) -> String {
    let (sign, number) = text.strip_prefix('-').map_or(("", text), |number| ("-", number));
    let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + decimals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_about_three_digits_and_no_idle_zeros() {
        let written =
            [0.0, -0.0, 0.000_000_1, 0.0413, 0.999, 1.0, 6.254, 62.54, 99.96, 625.4, 1_234_567.0, -1500.0].map(figure);
        assert_eq!(written, ["0", "0", "0", "0.041", "1", "1", "6.25", "62.5", "100", "625", "1,234,567", "-1,500"]);
    }

    #[test]
    fn an_availability_is_never_rounded_up_to_perfect() {
        let written = [1.0, 0.999_999_999, 0.999_877, 0.9995, 0.9999, 0.98, 0.5, 0.0].map(availability);
        assert_eq!(written, ["100", "99.99999", "99.987", "99.95", "99.99", "98", "50", "0"]);
    }

    #[test]
    fn times_of_day_and_lengths_read_like_a_stopwatch() {
        assert_eq!([0.0, 59.6, 185.0, 3_599.0, 7_265.0].map(clock), ["0:00", "1:00", "3:05", "59:59", "2:01:05"]);
        let lengths = [0.42, 35.0, 60.0, 400.0, 7_200.0, 7_500.0].map(duration);
        assert_eq!(lengths, ["0.42 s", "35 s", "1 min", "6 min 40 s", "2 h", "2 h 5 min"]);
    }

    #[test]
    fn a_ratio_pretends_no_more_than_two_digits() {
        assert_eq!([1.04, 2.55, 9.96, 40.0, 149.7, 20_422.0].map(times), ["1", "2.5", "10", "40", "150", "20,000"]);
    }

    #[test]
    fn money_keeps_its_cents() {
        assert_eq!(
            [0.0, 0.0004, 0.02, 1.5, -999.999, 12_345.6].map(money),
            ["0", "0.0004", "0.02", "1.50", "-1,000.00", "12,346"]
        );
    }
}
