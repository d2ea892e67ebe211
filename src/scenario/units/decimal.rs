//! Decimal numbers in front of a unit.

/// A decimal number such as `2.5`, kept as digits so that times come out exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Decimal<'a> {
    whole: &'a str,
    /// Without the point; may be empty.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// As it stands in a JSON Schema pattern.
    pub const PATTERN: &'static str = r"[0-9]+(\.[0-9]+)?";

    /// Splits `text` into the decimal it begins with and the rest. No sign, no exponent.
    pub fn split(text: &'a str) -> Option<(Decimal<'a>, &'a str)> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = text.split_at(digits(text));
        if whole.is_empty() {
            return None;
        }
        let fraction = rest.strip_prefix('.').map_or(0, digits);
        if fraction == 0 {
            return Some((
                Decimal {
                    whole,
                    fraction: "",
                },
                rest,
            ));
        }
        let (fraction, rest) = rest[1..].split_at(fraction);
        Some((Decimal { whole, fraction }, rest))
    }

    /// The nearest binary number; `None` where it would be infinite.
    pub fn value(self) -> Option<f64> {
        let text = format!("{}.{}0", self.whole, self.fraction);
        text.parse::<f64>().ok().filter(|value| value.is_finite())
    }

    /// This many times `unit`, to the nearest whole number; `None` beyond `u64`.
    pub fn times(self, unit: u64) -> Option<u64> {
        /// Digits beyond these are less than a nanosecond of a week.
        const FRACTION_DIGITS_MAX: usize = 18;
        let whole: u64 = self.whole.parse().ok()?;
        let whole = u128::from(whole) * u128::from(unit);
        let fraction = &self.fraction[..self.fraction.len().min(FRACTION_DIGITS_MAX)];
        let scale = 10_u128.pow(fraction.len() as u32);
        let digits: u128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().ok()?
        };
        let rest = (digits * u128::from(unit) + scale / 2) / scale;
        u64::try_from(whole.checked_add(rest)?).ok()
    }

    /// Whether it is nothing but zeros.
    pub fn is_zero(self) -> bool {
        self.whole
            .bytes()
            .chain(self.fraction.bytes())
            .all(|digit| digit == b'0')
    }
}
