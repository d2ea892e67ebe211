//! Virtual time: clients, instances, versions, the network, and the event loop that drives the core.
//!
//! The same binary, scenario and seed give the same numbers, whatever the number of threads. A request's luck travels
//! with the request: when it arrives, who sends it, how much work it is and whether it meets an error are drawn from
//! streams named by its number, so that every strategy faces the same traffic.

mod again;
mod agenda;
mod ahead;
mod client;
mod control;
mod deadline;
mod endpoints;
mod features;
mod flight;
mod heap;
mod key;
mod line;
mod link;
mod mirror;
mod notes;
mod pod;
mod replicate;
mod request;
mod server;
mod sharing;
mod usual;
mod watched;
mod wheel;
mod world;

pub use crate::scenario::{origin, runs};
pub use replicate::{Watch, forecast, measured, replicate, run, run_witnessed, summary};
