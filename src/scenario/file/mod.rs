//! The scenario file as declarations: keys, kinds of values, and the words of the JSON Schema.
//!
//! This is the only place that knows a default. Those that hang on another value are constants here, which `resolve`
//! fills in.

pub(super) mod balancer;
mod manifest;
mod preset;
mod proxies;
mod service;
mod slo;
mod strategy;
mod target;
mod traffic;
mod trial;

use super::entry::{Entry, Keyword, Named, table};
use super::units::{Lasting, Name, Whole};
use crate::core::time::Span;

pub(super) use manifest::Manifest;
pub(super) use preset::spread;
pub(super) use proxies::{Affinity, Backups, Initial, Layer, Limits, Preset, Proxies, WhenUnhealthy};
pub(super) use service::{
    Branch, Discipline, Fleet, Kind, Law, LawOrSpan, LawTable, Readiness, Releases, UnlimitedWord, Version,
};
pub(super) use slo::{Alerts, Further, Method, Slo, TimeSlice, WINDOW};
pub(super) use strategy::{
    BlueGreen, Canary, ControlName, Gate, GateOrNone, JudgeName, Recreate, Rolling, Split, Step, Strategies, Strategy,
};
pub(super) use target::{Act, Event, Fault, Resize, Rollout, Telemetry};
pub(super) use traffic::{
    Arrivals, Backoff, Budget, Closed, Failure, Network, Open, Retries, Stage, Target, Trace, Traffic,
};
pub(super) use trial::{AbSplit, AbTest, Combined, FeatureFlag, HoldOrManual, Promotion, Shadow, ShareStep};

/// Users behind open-loop traffic.
pub(super) const USERS: Whole<1, USERS_MAX> = Whole::of(10_000);

/// What the simulator can tell apart.
const USERS_MAX: u64 = 100_000_000;

/// How long a gate goes on watching after a recreate or rolling strategy; without a gate there is nothing to wait for.
pub(super) const BAKE: Span = Span::from_secs(120);

/// What prices are in where there are none.
pub(super) const CURRENCY: &str = "USD";

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
        /// Length of the whole run, warm-up included; at most 14 days.
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
        /// What releases are like, where every replication is to deploy another one; without it all deploy the same.
        releases: Option<Releases> = None,
        /// The strategies to compare.
        strategies: Strategies = Strategies(Vec::new()),
        /// What breaks by itself.
        faults: Vec<Fault> = Vec::new(),
        /// New sizes of the fleet, whether or not anything is rolled out.
        scale: Vec<Resize> = Vec::new(),
        /// What somebody does to the proxies.
        events: Vec<Event> = Vec::new(),
        /// How metrics reach a gate.
        telemetry: Telemetry = Entry::fallback(),
    }
}
