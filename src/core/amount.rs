//! Quantities with their meaning in the type: a [`Share`] of a whole, a [`Rate`] per second, an [`Amount`] of instances.

use serde::{Deserialize, Serialize};
/// A share of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Share = Share(0.0);
    /// All of it.
    pub const ALL: Share = Share(1.0);

    /// `None` unless `value` lies in 0 to 1.
    pub fn new(value: f64) -> Option<Share> {
        (0.0..=1.0).contains(&value).then_some(Share(value))
    }

    /// The share as a number from 0 to 1.
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

impl TryFrom<f64> for Share {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Share, &'static str> {
        Share::new(value).ok_or("a share lies between 0 and 1")
    }
}

/// Events per second, finite and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `None` unless `per_second` is finite and not negative.
    pub fn new(per_second: f64) -> Option<Rate> {
        (per_second.is_finite() && per_second >= 0.0).then_some(Rate(per_second))
    }

    /// Events per second.
    pub const fn per_second(self) -> f64 {
        self.0
    }
}

/// A number of instances, given outright or as a percentage of the fleet (which may exceed 100 % for a surge).
///
/// Rounding belongs to whoever uses it: see [`Amount::round_up`] and [`Amount::round_down`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A number of instances.
    Count(u32),
    /// In percent, so that 25 means a quarter.
    Percent(f64),
}

impl Amount {
    /// Whether it is written as zero, before any rounding.
    pub fn is_literally_zero(self) -> bool {
        match self {
            Amount::Count(count) => count == 0,
            Amount::Percent(percent) => percent == 0.0,
        }
    }

    /// Instances it comes to for a fleet of `whole`; a fraction counts as one more.
    pub fn round_up(self, whole: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Percent(percent) => tidy(percent * f64::from(whole) / 100.0).ceil() as u32,
        }
    }

    /// Instances it comes to for a fleet of `whole`; a fraction is dropped.
    pub fn round_down(self, whole: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Percent(percent) => tidy(percent * f64::from(whole) / 100.0).floor() as u32,
        }
    }
}

/// Takes the last bits of binary rounding off a product that is whole in decimal, so that 28 % of 25 is 7 and not 8.
fn tidy(product: f64) -> f64 {
    let whole = product.round();
    if (product - whole).abs() < 1e-9 { whole } else { product }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_that_are_whole_in_decimal_do_not_round_up() {
        for percent in 0..=200 {
            for whole in 0..=200_u32 {
                let exact = percent * whole;
                let amount = Amount::Percent(f64::from(percent));
                assert_eq!(amount.round_up(whole), exact.div_ceil(100), "{percent}% of {whole}");
                assert_eq!(amount.round_down(whole), exact / 100, "{percent}% of {whole}");
            }
        }
    }
}
