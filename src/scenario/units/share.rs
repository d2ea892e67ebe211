//! Shares in percent, and amounts of instances.

use schemars::{Schema, json_schema};

use super::Decimal;
use crate::core::amount::{Amount, Share};
use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

const AMOUNT_COUNT_MAX: u32 = 100_000;
const AMOUNT_PERCENT_MAX: f64 = 1_000.0;

/// A share in percent as written, 0 to 100: what is written back is then what was read.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(in crate::scenario) struct Percent(f64);

impl Percent {
    /// A default.
    pub const fn of(percent: f64) -> Percent {
        assert!(percent >= 0.0 && percent <= 100.0, "a default lies in its range");
        Percent(percent)
    }

    pub fn value(self) -> f64 {
        self.0
    }

    pub fn share(self) -> Share {
        // Moving the point in the text gives the nearest binary share; a division would add a last digit to 99.9 %.
        let share = format!("{}e-2", self.0).parse().expect("a number with an exponent is a number");
        Share::new(share).expect("a percentage from 0 to 100 is a share")
    }
}

/// The number in front of a percent sign.
fn percent(text: &str) -> Option<f64> {
    let (number, rest) = Decimal::split(text.trim())?;
    if rest.trim_start() == "%" { number.value() } else { None }
}

fn pattern() -> String {
    format!("^ *{} *% *$", Decimal::PATTERN)
}

impl Leaf for Percent {
    fn expected() -> String {
        "a percentage from 0% to 100%".to_owned()
    }

    fn fallback() -> Percent {
        Percent(0.0)
    }

    fn parse(scalar: &Scalar) -> Result<Percent, Advice> {
        match percent(&scalar.text) {
            Some(value) if value <= 100.0 => Ok(Percent(value)),
            Some(_) => Err(Advice::none()),
            None if scalar.text.trim().parse::<f64>().is_ok() => Err(Advice::from("write a percent sign, e.g. 2.5%")),
            None => Err(Advice::none()),
        }
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(format!("{}%", self.0))
    }

    fn schema() -> Schema {
        let pattern = r"^ *0*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) *% *$";
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

impl Leaf for Amount {
    fn expected() -> String {
        format!("a number of instances from 0 to {AMOUNT_COUNT_MAX} or a percentage from 0% to {AMOUNT_PERCENT_MAX}%")
    }

    fn fallback() -> Amount {
        Amount::Count(0)
    }

    fn parse(scalar: &Scalar) -> Result<Amount, Advice> {
        if let Some(value) = percent(&scalar.text).filter(|value| *value <= AMOUNT_PERCENT_MAX) {
            return Ok(Amount::Percent(value));
        }
        let digits = scalar.text.bytes().all(|letter| letter.is_ascii_digit());
        match scalar.text.parse::<u32>() {
            Ok(count) if digits && !scalar.quoted && count <= AMOUNT_COUNT_MAX => Ok(Amount::Count(count)),
            _ => Err(Advice::none()),
        }
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(match self {
            Amount::Count(count) => count.to_string(),
            Amount::Percent(percent) => format!("{percent}%"),
        })
    }

    fn schema() -> Schema {
        let count = json_schema!({ "type": "integer", "minimum": 0, "maximum": AMOUNT_COUNT_MAX });
        let percent = json_schema!({ "type": "string", "pattern": pattern() });
        json_schema!({ "anyOf": [count, percent] })
    }
}

leaf!(Percent);
leaf!(Amount);
