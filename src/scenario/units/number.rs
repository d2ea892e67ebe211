//! Bare numbers with a range.

use schemars::{Schema, json_schema};

use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

/// Factors, shapes and the like beyond this are slips of the pen.
const NUMBER_MAX: f64 = 1e15;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Whole<const MIN: u64, const MAX: u64>(u64);

/// A number above `MIN`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Above<const MIN: u32>(pub f64);

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct AtLeast<const MIN: u32, const MAX: u32>(pub f64);

/// What something is multiplied by: `×2`, `x2` or `2`; above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Factor(pub f64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// A default; refused when compiled if out of range.
    pub const fn of(value: u64) -> Self {
        assert!(value >= MIN && value <= MAX, "a default lies in its range");
        Whole(value)
    }

    pub fn get(self) -> u64 {
        self.0
    }

    /// As 32 bits, for ranges that fit.
    pub fn small(self) -> u32 {
        const { assert!(MAX <= u32::MAX as u64, "the range fits in 32 bits") };
        self.0 as u32
    }
}

impl<const MIN: u64, const MAX: u64> Leaf for Whole<MIN, MAX> {
    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn fallback() -> Self {
        Whole(MIN)
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        if scalar.quoted {
            return Err(Advice::from("write it without quotes"));
        }
        let digits = scalar.text.bytes().all(|letter| letter.is_ascii_digit());
        let value: u64 = scalar.text.parse().map_err(|_| Advice::none())?;
        if digits && (MIN..=MAX).contains(&value) {
            return Ok(Whole(value));
        }
        Err(Advice::none())
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.0.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl<const MIN: u32> Leaf for Above<MIN> {
    fn expected() -> String {
        format!("a number above {MIN}")
    }

    fn fallback() -> Self {
        Above(f64::from(MIN) + 1.0)
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        let value = number(scalar)?;
        if value > f64::from(MIN) { Ok(Above(value)) } else { Err(Advice::none()) }
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.0.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": MIN, "maximum": NUMBER_MAX })
    }
}

impl<const MIN: u32, const MAX: u32> Leaf for AtLeast<MIN, MAX> {
    fn expected() -> String {
        format!("a number from {MIN} to {MAX}")
    }

    fn fallback() -> Self {
        AtLeast(f64::from(MIN))
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        let value = number(scalar)?;
        if (f64::from(MIN)..=f64::from(MAX)).contains(&value) {
            return Ok(AtLeast(value));
        }
        Err(Advice::none())
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.0.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "number", "minimum": MIN, "maximum": MAX })
    }
}

impl Leaf for Factor {
    fn expected() -> String {
        "a factor above 0, such as ×2".to_owned()
    }

    fn fallback() -> Self {
        Factor(1.0)
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        let text = scalar.text.strip_prefix(['×', 'x']).unwrap_or(&scalar.text);
        let value = number(&Scalar::plain(text))?;
        if value > 0.0 { Ok(Factor(value)) } else { Err(Advice::none()) }
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(format!("×{}", self.0))
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["number", "string"], "pattern": "^[×x][0-9.eE+-]+$", "exclusiveMinimum": 0 })
    }
}

/// A number as YAML writes it, without names such as `inf`.
fn number(scalar: &Scalar) -> Result<f64, Advice> {
    if scalar.quoted {
        return Err(Advice::from("write it without quotes"));
    }
    let numeric = |letter: u8| letter.is_ascii_digit() || b".eE+-".contains(&letter);
    let value: f64 = scalar.text.parse().map_err(|_| Advice::none())?;
    if scalar.text.bytes().all(numeric) && value <= NUMBER_MAX {
        return Ok(value);
    }
    Err(Advice::none())
}

leaf!([const MIN: u64, const MAX: u64] Whole<MIN, MAX>);
leaf!([const MIN: u32] Above<MIN>);
leaf!(Factor);
leaf!([const MIN: u32, const MAX: u32] AtLeast<MIN, MAX>);
