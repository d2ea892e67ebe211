//! The scheduler: which instance gets a request, and what a rollout does next.
//!
//! It has no clock, no I/O, no threads, no globals. `now` is an argument, chance is a named stream, and whoever drives
//! it (the simulator, in virtual time) carries out its orders.

pub mod alert;
pub mod amount;
pub mod draw;
pub mod fleet;
pub mod ids;
pub mod journal;
pub mod judge;
pub mod promise;
pub mod proxy;
pub mod rollout;
pub mod slo;
pub mod time;
