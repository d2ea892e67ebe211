//! A scenario that has been checked: every reference resolved, every file read, every default filled in.
//!
//! Whoever holds a [`Scenario`] may rely on what the comments here promise.

use crate::core::amount::{Rate, Share};
use crate::core::draw::Seed;
use crate::core::ids::VersionId;
use crate::core::proxy::Policy;
use crate::core::rollout::Strategy;
use crate::core::slo::Objective;
use crate::core::time::{Moment, Span};

/// Everything a run needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Names the folder of results: letters, digits, `-`, `_` and `.` only.
    pub name: String,
    /// From which every random stream is named.
    pub seed: Seed,
    /// Simulated but not measured; shorter than `horizon`.
    pub warm_up: Span,
    /// Length of the whole run, warm-up included.
    pub horizon: Span,
    /// Who asks, how often and how patiently.
    pub traffic: Traffic,
    /// How long news take.
    pub network: Network,
    /// Who distributes requests.
    pub proxies: Proxies,
    /// Who serves them.
    pub fleet: Fleet,
    /// At least one, in the order of the file; [`VersionId`] is the index.
    pub versions: Vec<Version>,
    /// The version that runs before any rollout.
    pub running: VersionId,
    /// What was promised.
    pub slo: Slo,
    /// `None`: only `stay` is run.
    pub rollout: Option<Rollout>,
    /// In the order of the file; empty without a rollout.
    pub strategies: Vec<Named>,
    /// In order of time.
    pub faults: Vec<Fault>,
    /// What gates get to see.
    pub telemetry: Telemetry,
}

/// The clients of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Where requests come from.
    pub source: Source,
    /// How long a client waits for the final answer; `None`: for ever.
    pub timeout: Option<Span>,
    /// Distinct users behind the requests; at least 1.
    pub users: u32,
}

/// Where requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A rate that changes over time, whatever the service does; nothing arrives after the last segment.
    Open {
        /// How gaps vary.
        spacing: Spacing,
        /// One after the other from the start of the run.
        segments: Vec<Segment>,
    },
    /// Requests at given times, in order.
    Requests(Vec<Request>),
    /// `Traffic::users` users who each send, wait for the answer, think, and send again.
    Closed {
        /// From an answer to the next request of that user.
        think: Law,
    },
}

/// How the gaps between open-loop requests vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// A Poisson process, non-homogeneous where the rate changes.
    Poisson,
    /// Even gaps at the rate of the moment.
    Even,
}

/// A stretch of time in which the rate goes in a straight line; `lasts` is above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// How long it lasts.
    pub lasts: Span,
    /// Rate at its start.
    pub from: Rate,
    /// Rate at its end.
    pub to: Rate,
}

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it is sent.
    pub at: Moment,
    /// What [`Law::PerSize`] multiplies; 1 where the trace has no size.
    pub size: f64,
}

/// Delays between proxies, instances and controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One way between a proxy and an instance.
    pub delay: Span,
    /// From a change of the endpoints or weights to the moment a proxy acts on it.
    pub listing_delay: Span,
}

/// The load balancers; each has its own state.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxies {
    /// At least 1; each request comes to one of them by chance.
    pub count: u16,
    /// How each of them behaves.
    pub policy: Policy,
}

/// The instances of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Instances wanted; at least 1.
    pub size: u32,
    /// Requests one instance works on at once; at least 1.
    pub slots: u32,
    /// Requests one instance keeps waiting; `None`: without limit.
    pub queue: Option<u32>,
    /// From launch to ready.
    pub boot: Law,
    /// From ready to available: how long an instance must have been ready before a controller counts it.
    pub min_ready: Span,
    /// A new instance is slow at first.
    pub warm_up: WarmUp,
    /// How an instance ends.
    pub shutdown: Shutdown,
    /// Per existing instance; zero if not given.
    pub price: Price,
}

/// Service times are multiplied by `slowdown` when an instance becomes ready, falling in a straight line to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// How long an instance is slow.
    pub lasts: Span,
    /// At least 1.
    pub slowdown: f64,
}

/// How an instance ends. Its removal from the endpoints is published at the same moment as the shutdown begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long it goes on accepting after the shutdown began (a preStop sleep); not above `drain`.
    pub delay: Span,
    /// Grace period, `delay` included: what is still in flight at its end is cut.
    pub drain: Span,
}

/// What an instance costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Per instance and hour.
    pub per_hour: f64,
    /// As written in the scenario, e.g. `USD`.
    pub currency: String,
}

/// How instances of one version behave.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// As the scenario calls it.
    pub name: String,
    /// Service time of a good answer at a warm instance.
    pub service: Law,
    /// How often and how it fails.
    pub errors: Errors,
    /// Chance that an instance of this version never becomes ready.
    pub fails_to_start: Share,
}

/// Errors that a version answers with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Share of attempts answered with an error.
    pub rate: Share,
    /// Service time of an error; `None`: as long as a good answer.
    pub latency: Option<Span>,
    /// An instance answers without errors until it has been ready this long.
    pub after: Span,
}

/// A law of positive durations.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Always the same.
    Constant(Span),
    /// Memoryless.
    Exponential {
        /// Mean.
        mean: Span,
    },
    /// `p99` above `median`.
    LogNormal {
        /// Half of the draws lie below.
        median: Span,
        /// 99 % of the draws lie below.
        p99: Span,
    },
    /// `shape` above 0; an Erlang law where it is whole.
    Gamma {
        /// Mean.
        mean: Span,
        /// Mean² / variance.
        shape: f64,
    },
    /// `shape` above 1, so that the mean exists.
    Pareto {
        /// Smallest draw.
        min: Span,
        /// Exponent of the tail.
        shape: f64,
    },
    /// One exponential or another; shares sum to 1.
    HyperExponential(Vec<Branch>),
    /// Measured values, drawn with equal chance; not empty.
    Empirical(Vec<Span>),
    /// `base` plus `each` times the request's size.
    PerSize {
        /// For any request.
        base: Span,
        /// For each unit of its size.
        each: Span,
    },
}

/// One branch of a hyper-exponential law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Branch {
    /// How often a draw takes this branch.
    pub share: Share,
    /// Mean of the branch.
    pub mean: Span,
}

/// The promise, and what breaking it costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slo {
    /// Share of good requests over a window.
    pub objective: Objective,
    /// What one bad request costs, in the currency of the fleet's price.
    pub bad_request_price: f64,
    /// When the service counts as down.
    pub downtime: Downtime,
}

/// A slice is down when fewer than `share` of its user requests were good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Downtime {
    /// A whole number of seconds.
    pub slice: Span,
    /// Share of good requests below which a slice is down.
    pub share: Share,
}

/// The deploy command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollout {
    /// Not before the end of the warm-up, and before the horizon.
    pub at: Moment,
    /// The version that runs.
    pub from: VersionId,
    /// The version to bring out.
    pub to: VersionId,
    /// No progress for this long: reported, and rolled back by blue-green, canary and any strategy with a gate.
    pub progress_deadline: Span,
}

/// A strategy and what the scenario calls it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Unique, and not `stay`.
    pub name: String,
    /// What it does.
    pub strategy: Strategy,
}

/// Something that goes wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it strikes.
    pub at: Moment,
    /// How many instances die at once, those that have run longest first.
    pub kill: u32,
    /// Whether the platform fails to notice: the endpoints keep the dead instance, and only health checks or failed
    /// requests tell a proxy. Otherwise its removal is published at once.
    pub silent: bool,
    /// When the dead instance begins to boot again; `None`: never.
    pub restart: Option<Span>,
}

/// How metrics reach a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Time between two samples.
    pub scrape: Span,
    /// From a sample to the moment the gate sees it.
    pub delay: Span,
}
