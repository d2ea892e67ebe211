//! Addresses and sizes: `10.0.0.7:8080`, `64KiB`.

use std::net::SocketAddr;

use schemars::{Schema, json_schema};

use super::Decimal;
use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

/// An IP address with a port. Names are not looked up: what answers to one may change at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Address(pub SocketAddr);

/// An amount of memory above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Size(pub u64);

const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Larger sizes are slips of the pen.
const SIZE_MAX: u64 = 1 << 50;

impl Leaf for Address {
    fn expected() -> String {
        "an IP address with a port, e.g. 127.0.0.1:8080".to_owned()
    }

    fn fallback() -> Address {
        Address(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn parse(scalar: &Scalar) -> Result<Address, Advice> {
        match scalar.text.parse() {
            Ok(address) => Ok(Address(address)),
            Err(_) if scalar.text.starts_with("localhost:") => Err(Advice::from("write 127.0.0.1")),
            Err(_) if scalar.text.contains("://") => Err(Advice::from("write it without http://; TLS is out of scope")),
            Err(_) => Err(Advice::none()),
        }
    }

    fn scalar(&self) -> Scalar {
        Scalar { text: self.0.to_string(), quoted: true }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$" })
    }
}

impl Leaf for Size {
    fn expected() -> String {
        "a size such as 512B, 64KiB or 10MiB".to_owned()
    }

    fn fallback() -> Size {
        Size(1)
    }

    fn parse(scalar: &Scalar) -> Result<Size, Advice> {
        let (count, unit) = Decimal::split(scalar.text.trim()).ok_or_else(Advice::none)?;
        let unit = unit.trim_start();
        let Some((_, size)) = SIZES.iter().find(|(known, _)| *known == unit) else {
            return Err(Advice::from("the units are B, KiB, MiB and GiB"));
        };
        count.times(*size).filter(|size| (1..=SIZE_MAX).contains(size)).map(Size).ok_or_else(Advice::none)
    }

    fn scalar(&self) -> Scalar {
        let whole = SIZES.iter().rev().find(|(_, size)| self.0.is_multiple_of(*size));
        let (unit, size) = whole.expect("everything is a multiple of a byte");
        Scalar::plain(format!("{}{unit}", self.0 / size))
    }

    fn schema() -> Schema {
        let pattern = format!("^ *{} *(B|KiB|MiB|GiB) *$", Decimal::PATTERN);
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

leaf!(Address);
leaf!(Size);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_with_their_units() {
        for (text, size, again) in [("512B", 512, "512B"), ("64 KiB", 65_536, "64KiB"), ("1024KiB", 1 << 20, "1MiB")] {
            let read = Size::parse(&Scalar::plain(text)).expect("a size");
            assert_eq!((read.0, read.scalar().text.as_str()), (size, again));
        }
        for text in ["64", "0B", "10MB", "-1B", "KiB"] {
            assert!(Size::parse(&Scalar::plain(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_need_numbers_and_a_port() {
        assert!(Address::parse(&Scalar::plain("[::1]:80")).is_ok());
        for text in ["localhost:80", "10.0.0.1", "http://10.0.0.1:80", "10.0.0.1:70000"] {
            assert!(Address::parse(&Scalar::plain(text)).is_err(), "{text}");
        }
    }
}
