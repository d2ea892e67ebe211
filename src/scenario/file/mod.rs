//! The scenario file as declarations: keys, kinds of values, and the words of the JSON Schema.
//!
//! This is the only place that knows a default. Defaults that hang on another value are filled in by `complete`.

mod service;
mod strategy;
mod target;
mod traffic;

use super::entry::{Entry, Keyword, Named, table};
use super::units::{Lasting, Name, Whole};
use crate::core::time::Span;

pub(super) use service::{Branch, Errors, Fleet, Law, LawOrSpan, LawTable, Version};
pub(super) use strategy::{
    BlueGreen, Canary, GateOrNone, Recreate, Rolling, Split, Step, Strategies, Strategy,
};
pub(super) use target::{Fault, Rollout, Slo, Telemetry};
pub(super) use traffic::{
    Arrivals, Balancer, Closed, Failure, Network, Open, Proxies, Stage, Trace, Traffic,
};

/// `timeout: none`, `gate: none`, `budget: none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoneWord;

impl Keyword for NoneWord {
    const WORD: &'static str = "none";
}

table! {
    /// A rollout and the service it happens to: one rollcast scenario. Times carry a unit (18ms, 20s, 2m, 1.5h, 30d),
    /// shares a percent sign (2.5%), rates a slash (400/s).
    pub struct File {
        /// Names the scenario and its output folder.
        name: Name,
        /// Where all chance comes from: the same seed gives the same result.
        seed: Whole<0, { u64::MAX }> = Whole::of(1),
        /// Simulated at first but not measured.
        warm_up: Span = Span::ZERO,
        /// Length of the whole run, warm-up included; at most 100 days.
        horizon: Lasting,
        /// Who sends requests, and when.
        traffic: Traffic,
        /// Delays between proxies and instances.
        network: Network = Entry::fallback(),
        /// What stands between the clients and the instances.
        proxies: Proxies = Entry::fallback(),
        /// The instances of the service.
        fleet: Fleet,
        /// How each version behaves, by name.
        versions: Named<Version>,
        /// What was promised to the users.
        slo: Slo = Entry::fallback(),
        /// The deployment to forecast; without it only the running version is simulated.
        rollout: Option<Rollout> = None,
        /// The strategies to compare.
        strategies: Strategies = Strategies(Vec::new()),
        /// What breaks by itself.
        faults: Vec<Fault> = Vec::new(),
        /// How metrics reach a gate.
        telemetry: Telemetry = Entry::fallback(),
    }
}
