//! Single values as a scenario writes them: `18ms`, `400/s`, `2.5%`, `0.10 USD/h`, `64KiB`.
//!
//! Numbers are decimal and never negative; not-a-number and infinity cannot be written.

mod date;
mod decimal;
mod money;
mod name;
mod net;
mod number;
mod rate;
mod share;
mod time;
mod truth;

pub(super) use date::{Day, Period, Window};
pub(super) use decimal::Decimal;
pub(super) use money::{HourlyPrice, Money};
pub(super) use name::{FileName, Name};
pub(super) use net::{Address, Size};
pub(super) use number::{Above, AtLeast, Factor, Whole};
pub(super) use share::Percent;
pub(super) use time::{Every, Lasting, SPAN_NANOS_MAX, TimeUnit, WholeSeconds, nanos};

#[cfg(test)]
mod tests;
