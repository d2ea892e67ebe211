//! Facts in, numbers out.
//!
//! A driver tells the [`meter::Meter`] what happens, in order of time; [`summary::summarise`] turns that into the metrics
//! of `docs/metrics.md`. Nothing here knows a clock or an engine.

pub mod batches;
pub mod budget;
pub mod burn;
pub mod claim;
mod counts;
pub mod detect;
mod drift;
pub mod forecast;
pub mod gauge;
mod latencies;
pub mod meter;
pub mod metric;
pub mod note;
pub mod replications;
pub mod risk;
mod slos;
pub mod stats;
pub mod steady;
pub mod summary;
pub mod users;
