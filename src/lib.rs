//! rollcast forecasts a rollout: it replays a deployment strategy against a model of *your* service and says what the
//! users, the error budget, the servers and the bill will feel.
//!
//! The rooms, and who may import whom (held by `tests/house.rs`):
//!
//! - [`core`]: the scheduler. Balancers, health, retries and rollout controllers; no clock, no I/O, no threads.
//! - [`manifest`]: the files of other controllers, to and from our strategies.
//! - [`scenario`]: from a YAML file to a checked plan, or to every problem in it at once.
//! - [`sim`]: virtual time. Clients, instances, versions, the network, and the event loop that drives the core.
//! - `live` (a feature): wall-clock time. Real HTTP through the same core.
//! - [`measure`]: facts in, numbers out.
//! - [`plan`]: what a controller is going to do, and what in a manifest is likely not meant.
//! - [`report`]: pure writers from numbers to bytes; one file touches the disk.
//! - [`cli`]: one file per verb.

#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::doc_markdown)]

pub mod cli;
pub mod core;
#[cfg(feature = "live")]
pub mod live;
pub mod manifest;
pub mod measure;
pub mod plan;
pub mod report;
pub mod scenario;
pub mod sim;
pub(crate) mod yaml;
