//! Rates: `400/s`, `24000/m`.

use schemars::{Schema, json_schema};

use super::Decimal;
use crate::core::amount::Rate;
use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

/// Above this, even a minute of traffic is more than anyone wants to simulate.
const PER_SECOND_MAX: f64 = 10_000_000.0;

const SECONDS: [(&str, f64); 4] = [("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

impl Leaf for Rate {
    fn expected() -> String {
        "a rate such as 400/s, 24000/m or 9/h, up to 10 million per second".to_owned()
    }

    fn fallback() -> Rate {
        Rate::default()
    }

    fn parse(scalar: &Scalar) -> Result<Rate, Advice> {
        let (number, rest) = Decimal::split(scalar.text.trim()).ok_or_else(Advice::none)?;
        let unit = rest.trim_start();
        if unit.is_empty() {
            let advice = format!("write a unit, e.g. {}/s", scalar.text.trim());
            return Err(Advice(Some(advice)));
        }
        let seconds = unit
            .strip_prefix('/')
            .and_then(|unit| SECONDS.iter().find(|(known, _)| *known == unit.trim_start()))
            .map(|(_, seconds)| *seconds)
            .ok_or_else(|| Advice::from("the units are /s, /m, /h and /d"))?;
        number
            .value()
            .map(|value| value / seconds)
            .filter(|per_second| *per_second <= PER_SECOND_MAX)
            .and_then(Rate::new)
            .ok_or_else(Advice::none)
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(format!("{}/s", self.per_second()))
    }

    fn schema() -> Schema {
        let pattern = format!("^ *{} */ *[smhd] *$", Decimal::PATTERN);
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

leaf!(Rate);
