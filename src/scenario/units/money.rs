//! Money with its currency: `0.02 USD`, `0.10 USD/h`.

use schemars::{Schema, json_schema};

use super::Decimal;
use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

const CURRENCY_LETTERS_MAX: usize = 8;
const MONEY_MAX: f64 = 1e12;

/// The short name of a currency, as written.
pub(in crate::scenario) type Currency = String;

/// An amount of money.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct Money {
    pub amount: f64,
    pub currency: Currency,
}

/// Money for every hour.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct HourlyPrice(pub Money);

impl Money {
    fn parse_text(text: &str) -> Option<Money> {
        let (number, rest) = Decimal::split(text.trim())?;
        let currency = rest.trim();
        let letters = currency.chars().count();
        let named = currency.bytes().all(|letter| letter.is_ascii_alphabetic());
        if !named || letters == 0 || letters > CURRENCY_LETTERS_MAX {
            return None;
        }
        Some(Money { amount: number.value().filter(|amount| *amount <= MONEY_MAX)?, currency: currency.to_owned() })
    }
}

impl Leaf for Money {
    fn expected() -> String {
        "an amount of money such as 0.02 USD".to_owned()
    }

    fn fallback() -> Money {
        Money { amount: 0.0, currency: Currency::new() }
    }

    fn parse(scalar: &Scalar) -> Result<Money, Advice> {
        Money::parse_text(&scalar.text).ok_or_else(Advice::none)
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(format!("{} {}", self.amount, self.currency))
    }

    fn schema() -> Schema {
        let pattern = format!("^ *{} *[A-Za-z]{{1,8}} *$", Decimal::PATTERN);
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

impl Leaf for HourlyPrice {
    fn expected() -> String {
        "a price per hour such as 0.10 USD/h".to_owned()
    }

    fn fallback() -> HourlyPrice {
        HourlyPrice(Money::fallback())
    }

    fn parse(scalar: &Scalar) -> Result<HourlyPrice, Advice> {
        let (money, unit) = scalar.text.rsplit_once('/').ok_or_else(Advice::none)?;
        if unit.trim() != "h" {
            return Err(Advice::none());
        }
        Money::parse_text(money).map(HourlyPrice).ok_or_else(Advice::none)
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(format!("{} {}/h", self.0.amount, self.0.currency))
    }

    fn schema() -> Schema {
        let pattern = format!("^ *{} *[A-Za-z]{{1,8}} */ *h *$", Decimal::PATTERN);
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

leaf!(Money);
leaf!(HourlyPrice);
