//! `rollcast proxy`: a real proxy and its rollout controller in front of back ends that exist already.
//!
//! Pingora listens, forwards and hands its listeners on; the core decides which instance gets a request, whether a failed
//! attempt is tried again, and what a rollout does next (`desk.rs`). Its hooks are in `gateway.rs`, what clients may not
//! do in `guard.rs` and `manners.rs`, health checks in `probe.rs`. `admin.rs` is where people steer and watch, `serve.rs`
//! where signals arrive. A configuration that is read again makes a new desk: requests under way end at the old one.

mod access;
mod admin;
mod client;
mod desk;
mod gateway;
mod guard;
mod manners;
mod metrics;
mod orders;
mod probe;
mod serve;
mod visit;

use crate::core::journal::Witness;
use crate::scenario::config::Config;
use std::io;

/// How the proxy learns of a new configuration, and who is told of every question to its core.
pub trait Keeper: Send + Sync {
    /// Reads the configuration again.
    ///
    /// # Errors
    /// All that is wrong with it, as text.
    fn read_again(&self) -> Result<Config, String>;

    /// Who is told what the core of a configuration is asked; `None`: nobody.
    ///
    /// # Errors
    /// A journal that cannot be written.
    fn witness(&self, config: &Config) -> Result<Option<Witness>, String>;
}

/// Serves until a signal ends it; `upgrade`: with the listeners of the process that runs already, which hands them over
/// when it gets SIGQUIT.
///
/// # Errors
/// An address where something else listens, a file that cannot be written, nobody who hands listeners over.
pub fn run(config: Config, keeper: Box<dyn Keeper>, upgrade: bool) -> io::Result<()> {
    // Every connection is a descriptor, and the usual limit of 1024 is for programs that use select(2).
    if let Err(error) = rlimit::increase_nofile_limit(u64::from(config.limits.connections) * 2 + 1_024) {
        tell(&format!("the limit of open files stays as it is: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve::serve(config, keeper, upgrade));
    runtime.shutdown_background();
    served
}

/// A line for whoever runs the proxy.
fn tell(what: &str) {
    eprintln!("rollcast: {what}");
}
