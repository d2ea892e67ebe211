//! Facts in, numbers out. Fed by the driver, whichever it is; knows no clock and no engine.

pub mod forecast;
pub mod metric;
