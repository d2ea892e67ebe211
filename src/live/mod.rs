//! Wall-clock time: real HTTP traffic through the same core that the simulator drives.
//!
//! Forwarding HTTP is Pingora's work; which instance a request goes to, and whether it is tried again, is the core's
//! (`gateway.rs`). Around the proxies, on loopback: instances that behave as the scenario's versions (`upstream.rs`), an
//! open-loop load generator (`load.rs`), endpoints and health checks (`news.rs`), and the controller (`helm.rs`). What
//! happens reaches the same meter (`books.rs`). `outside` puts a real nginx or HAProxy in the place of our proxies. [`refusals()`] says what of a scenario this cannot do.

mod books;
mod clock;
mod gateway;
mod helm;
mod load;
mod news;
mod outside;
pub mod proxy;
mod refusals;
mod run;
mod site;
mod upstream;

pub use outside::Program;
pub use refusals::refusals;
pub use run::{Measured, run, run_against};
