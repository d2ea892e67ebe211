use proptest::prelude::*;

use super::*;
use crate::core::amount::{Amount, Rate};
use crate::core::time::Span;
use crate::scenario::entry::{Advice, Leaf};
use crate::yaml::tree::Scalar;

fn read<T: Leaf>(text: &str) -> Result<T, Advice> {
    T::parse(&Scalar::plain(text))
}

fn nanos_of(text: &str) -> Option<u64> {
    read::<Span>(text).ok().map(Span::nanos)
}

#[test]
fn times_are_exact_sums_of_counts_with_units() {
    let cases = [
        ("0", 0),
        ("0s", 0),
        ("0.0", 0),
        ("18ms", 18_000_000),
        ("1.5h", 5_400_000_000_000),
        ("2m30s", 150_000_000_000),
        ("2m 30s", 150_000_000_000),
        ("0.3s", 300_000_000),
        ("20 s", 20_000_000_000),
        ("7us", 7_000),
        ("7µs", 7_000),
        ("1w", 604_800_000_000_000),
        ("36525d", SPAN_NANOS_MAX),
        ("0.0000000000000000000000000001s", 0),
    ];
    for (text, nanos) in cases {
        assert_eq!(nanos_of(text), Some(nanos), "{text}");
    }
}

#[test]
fn times_without_meaning_are_refused() {
    let cases = [
        "",
        "s",
        "20",
        "-5s",
        "+5s",
        "5.s",
        ".5s",
        "1e3s",
        "nan",
        "inf",
        "20sec",
        "20S",
        "5s,",
        "0 5s",
        "36526d",
        "99999999999999999999999999s",
        "1_000s",
        "5 5",
        "5s5",
    ];
    for text in cases {
        assert_eq!(nanos_of(text), None, "{text}");
    }
}

#[test]
fn a_time_without_unit_gets_advice() {
    let advice = |text| read::<Span>(text).expect_err("it has no unit");
    assert_eq!(advice("20"), Advice::from("write a unit, e.g. 20s"));
    assert_eq!(advice("5 minutes"), Advice::from("the units are ns, us, ms, s, m, h, d and w"));
    assert_eq!(advice("200000d"), Advice::from("it must not exceed 100 years"));
}

#[test]
fn times_with_a_floor_hold_it() {
    assert!(read::<Lasting>("0s").is_err());
    assert!(read::<Lasting>("1ns").is_ok());
    assert!(read::<Every<10>>("9ms").is_err());
    assert!(read::<Every<10>>("10ms").is_ok());
    for (text, good) in [("1s", true), ("2m", true), ("1500ms", false), ("0s", false)] {
        assert_eq!(read::<WholeSeconds>(text).is_ok(), good, "{text}");
    }
}

#[test]
fn rates_are_per_second() {
    let cases = [
        ("400/s", Some(400.0)),
        ("24000/m", Some(400.0)),
        ("9/h", Some(0.0025)),
        ("86400/d", Some(1.0)),
        ("0.5 / s", Some(0.5)),
        ("0/s", Some(0.0)),
        ("10000000/s", Some(10_000_000.0)),
        ("10000001/s", None),
        ("400", None),
        ("400 rps", None),
        ("-1/s", None),
        ("inf/s", None),
        ("/s", None),
        ("4/w", None),
    ];
    for (text, per_second) in cases {
        let rate = read::<Rate>(text).ok().map(Rate::per_second);
        assert_eq!(rate, per_second, "{text}");
    }
}

#[test]
fn shares_are_percentages_up_to_all() {
    for (text, percent) in [("0%", 0.0), ("2.5%", 2.5), ("100%", 100.0), ("99.9 %", 99.9)] {
        assert_eq!(read::<Percent>(text).ok().map(Percent::value), Some(percent), "{text}");
    }
    for text in ["101%", "100.1%", "-1%", "0.5", "5", "%", "five%", "nan%", "5%%", ""] {
        assert!(read::<Percent>(text).is_err(), "{text}");
    }
    let advice = read::<Percent>("0.05").expect_err("it has no percent sign");
    assert_eq!(advice, Advice::from("write a percent sign, e.g. 2.5%"));
}

#[test]
fn amounts_are_counts_or_percentages_that_may_exceed_all() {
    let cases = [
        ("2", Some(Amount::Count(2))),
        ("0", Some(Amount::Count(0))),
        ("25%", Some(Amount::Percent(25.0))),
        ("150%", Some(Amount::Percent(150.0))),
        ("1001%", None),
        ("100001", None),
        ("2.5", None),
        ("-1", None),
        ("+1", None),
    ];
    for (text, amount) in cases {
        assert_eq!(read::<Amount>(text).ok(), amount, "{text}");
    }
}

#[test]
fn whole_numbers_hold_their_range() {
    type Small = Whole<1, 10>;
    for (text, good) in
        [("1", true), ("10", true), ("0", false), ("11", false), ("+5", false), ("5.0", false), ("ten", false)]
    {
        assert_eq!(read::<Small>(text).is_ok(), good, "{text}");
    }
    let quoted = Scalar { text: "5".to_owned(), quoted: true };
    assert_eq!(Small::parse(&quoted), Err(Advice::from("write it without quotes")));
    let seed = read::<Whole<0, { u64::MAX }>>("18446744073709551615");
    assert_eq!(seed.map(Whole::get), Ok(u64::MAX));
    assert!(read::<Whole<0, { u64::MAX }>>("18446744073709551616").is_err());
}

#[test]
fn numbers_hold_their_range() {
    for (text, good) in
        [("0.5", true), ("2e3", true), ("0", false), ("-1", false), ("inf", false), ("NaN", false), ("1e16", false)]
    {
        assert_eq!(read::<Above<0>>(text).is_ok(), good, "{text}");
    }
    for (text, good) in [("1", true), ("1.5", true), ("0.9", false), ("5", true), ("5.1", false)] {
        assert_eq!(read::<AtLeast<1, 5>>(text).is_ok(), good, "{text}");
    }
}

#[test]
fn money_has_a_currency() {
    let money = read::<Money>("0.02 USD").expect("it is money");
    assert_eq!((money.amount, money.currency.as_str()), (0.02, "USD"));
    let price = read::<HourlyPrice>("0.10 USD/h").expect("it is a price");
    assert_eq!((price.0.amount, price.0.currency.as_str()), (0.1, "USD"));
    for text in ["0.02", "USD", "-1 USD", "1 US$", "1 USD/h"] {
        assert!(read::<Money>(text).is_err(), "{text}");
    }
    for text in ["0.10 USD", "0.10/h", "0.10 USD/m", "0.10 USD/"] {
        assert!(read::<HourlyPrice>(text).is_err(), "{text}");
    }
}

#[test]
fn names_fit_in_a_path() {
    for text in ["checkout", "v1.2", "1998", "a-b_c", "결제"] {
        assert!(read::<Name>(text).is_ok(), "{text}");
    }
    let long = "x".repeat(65);
    for text in ["", ".", "..", "-x", "a/b", "a b", "a\\b", "a:b", long.as_str()] {
        assert!(read::<Name>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(nanos in 0..=SPAN_NANOS_MAX, value in 0.0..1e7_f64, percent in 0.0..=100.0_f64) {
        let span = Span::from_nanos(nanos);
        prop_assert_eq!(Span::parse(&span.scalar()), Ok(span));
        let rate = Rate::new(value).expect("the value is finite");
        prop_assert_eq!(Rate::parse(&rate.scalar()), Ok(rate));
        let share = Percent::of(percent);
        prop_assert_eq!(Percent::parse(&share.scalar()), Ok(share));
        prop_assert_eq!(Amount::parse(&Amount::Percent(percent).scalar()), Ok(Amount::Percent(percent)));
        let money = Money { amount: value, currency: "USD".to_owned() };
        prop_assert_eq!(Money::parse(&money.scalar()), Ok(money.clone()));
        let price = HourlyPrice(money);
        prop_assert_eq!(HourlyPrice::parse(&price.scalar()), Ok(price));
        prop_assert_eq!(Above::<0>::parse(&Above::<0>(value + 1e-300).scalar()), Ok(Above(value + 1e-300)));
    }

    #[test]
    fn no_text_makes_a_leaf_panic(text in any::<String>(), quoted in any::<bool>()) {
        let scalar = Scalar { text, quoted };
        let _ = Span::parse(&scalar);
        let _ = Rate::parse(&scalar);
        let _ = Percent::parse(&scalar);
        let _ = Amount::parse(&scalar);
        let _ = HourlyPrice::parse(&scalar);
        let _ = Name::parse(&scalar);
        let _ = Whole::<0, 5>::parse(&scalar);
        let _ = Above::<0>::parse(&scalar);
    }

    #[test]
    fn nothing_that_looks_like_a_time_makes_it_panic(text in "([0-9]{0,40}(\\.[0-9]{0,40})? ?(ns|us|s|w|)){0,3}") {
        let _ = Span::parse(&Scalar::plain(text));
    }
}
