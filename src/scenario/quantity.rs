//! Single quantities as a scenario writes them, for those who read them from somewhere else: `99.9%`, `30d`, `1000/s`.

use super::entry::Leaf;
use super::units::Percent;
use crate::core::amount::{Rate, Share};
use crate::core::time::Span;
use crate::yaml::tree::Scalar;

/// A share in percent.
///
/// # Errors
/// What was found and what is allowed.
pub fn share(text: &str) -> Result<Share, String> {
    read::<Percent>(text).map(Percent::share)
}

/// A time.
///
/// # Errors
/// What was found and what is allowed.
pub fn span(text: &str) -> Result<Span, String> {
    read(text)
}

/// A rate.
///
/// # Errors
/// What was found and what is allowed.
pub fn rate(text: &str) -> Result<Rate, String> {
    read(text)
}

fn read<T: Leaf>(text: &str) -> Result<T, String> {
    T::parse(&Scalar::plain(text.to_owned())).map_err(|advice| match advice.0 {
        Some(advice) => format!("expected {}; {advice}", T::expected()),
        None => format!("expected {}", T::expected()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_in_a_scenario() {
        assert_eq!(share("2.5%").map(Share::value), Ok(0.025));
        assert_eq!(span("30d"), Ok(Span::from_secs(30 * 86_400)));
        assert_eq!(rate("60/m").map(Rate::per_second), Ok(1.0));
        for text in ["2.5", "101%", "-1%", "", "x"] {
            assert!(share(text).is_err(), "{text}");
        }
        assert!(span("30").is_err_and(|text| text.contains("write a unit")));
        assert!(rate("1000").is_err());
    }
}
