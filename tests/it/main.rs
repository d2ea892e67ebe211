//! The integration tests, as one binary: theory, laws, deploy arithmetic, the scenarios' promises, and the program.

mod balancers;
mod baseline;
mod calculators;
#[cfg(feature = "live")]
mod conformance;
mod controllers;
mod deploy;
mod detection;
mod journal;
mod judges;
mod lab;
mod laws;
#[cfg(feature = "live")]
mod live;
mod manifests;
mod plan;
mod pods;
mod program;
mod proxies;
#[cfg(all(feature = "live", unix))]
mod proxy;
mod real_balancers;
mod releases;
mod replications;
mod slos;
mod stories;
mod sweeps;
mod theory;
mod trials;
