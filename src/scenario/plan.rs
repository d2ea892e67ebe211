//! A scenario that has been checked: every reference resolved, every file read, every default filled in.
//!
//! Whoever holds a [`Scenario`] may rely on what the comments here promise.

use crate::core::amount::{Rate, Share};
use crate::core::draw::{Seed, unit};
use crate::core::ids::VersionId;
use crate::core::promise::{Good, Promise};
use crate::core::proxy::Policy;
use crate::core::rollout::Strategy;
use crate::core::time::{Moment, Span};
use crate::manifest::Manifest;
use rand::Rng;

/// Everything a run needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Names the output folder: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Where all chance comes from.
    pub seed: Seed,
    /// Simulated but not measured; shorter than `horizon`.
    pub warm_up: Span,
    /// Length of the whole run, warm-up included.
    pub horizon: Span,
    /// Who sends requests, and when.
    pub traffic: Traffic,
    /// Delays between proxies and instances.
    pub network: Network,
    /// What stands between the clients and the instances.
    pub proxies: Proxies,
    /// The instances of the service.
    pub fleet: Fleet,
    /// At least one, in the order of the file; [`VersionId`] is the index.
    pub versions: Vec<Version>,
    /// The version that runs before any rollout.
    pub running: VersionId,
    /// What was promised to the users.
    pub slo: Slo,
    /// `None`: only `stay` is run.
    pub rollout: Option<Rollout>,
    /// `None`: every replication deploys the version of the rollout as it is. Only with a rollout.
    pub releases: Option<Releases>,
    /// In the order of the file; empty without a rollout.
    pub strategies: Vec<Named>,
    /// What people do to the rollout, in order of time.
    pub people: Vec<Deed>,
    /// In order of time.
    pub sizes: Vec<Resize>,
    /// In order of time.
    pub faults: Vec<Fault>,
    /// In order of time.
    pub reloads: Vec<Reload>,
    /// How metrics reach a gate.
    pub telemetry: Telemetry,
}

/// Who sends requests, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Where requests come from.
    pub source: Source,
    /// How long a client waits for the final answer; `None`: for ever.
    pub timeout: Option<Span>,
    /// Distinct users behind the requests; at least 1.
    pub users: u32,
    /// `None`: every request comes over a connection of its own.
    pub connections: Option<Connections>,
}

/// Connections that stay open between requests: one for each user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connections {
    /// Closed when so old; `None`: never.
    pub age: Option<Span>,
    /// An age varies by up to this share of itself.
    pub jitter: Share,
    /// Closed when unused for so long; `None`: never.
    pub idle: Option<Span>,
    /// Closed after so many requests; `None`: never.
    pub requests: Option<u32>,
}

/// What a proxy balances, and what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Requests; it sees every answer.
    L7,
    /// Connections; it sees whether they break.
    L4,
    /// Connections, whose answers go past it (direct server return).
    DirectReturn,
}

/// Where requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A rate that changes over time, whatever the service does; nothing arrives after the last segment.
    Open {
        /// How the gaps between requests vary.
        spacing: Spacing,
        /// One after the other from the start of the run.
        segments: Vec<Segment>,
    },
    /// Requests at given times, in order.
    Requests(Vec<Request>),
    /// `Traffic::users` users who each send, wait for the answer, think, and send again.
    Closed {
        /// From an answer to the next request.
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
    /// How long.
    pub lasts: Span,
    /// The rate at the start.
    pub from: Rate,
    /// The rate at the end.
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

/// Delays between proxies and instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// One way between a proxy and an instance.
    pub delay: Span,
    /// From a change of the endpoints or weights to the moment a proxy acts on it: drawn for each change and proxy, but
    /// changes reach a proxy in their order.
    pub listing_delay: Law,
}

/// What stands between the clients and the instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxies {
    /// At least 1; each request comes to one of them by chance.
    pub count: u16,
    /// What they balance. Without `Traffic::connections` every request is a connection.
    pub layer: Layer,
    /// How each of them treats the instances.
    pub policy: Policy,
    /// How long a proxy waits for the final answer, retries included; `None`: as long as the client does.
    pub timeout: Option<Span>,
    /// How long a request waits at a proxy for a place; `None`: as long as the client does.
    pub queue_timeout: Option<Span>,
    /// The system whose defaults were asked for.
    pub preset: Option<Preset>,
}

/// A system whose defaults a proxy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// nginx, open source.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
    /// The application load balancer of AWS.
    Alb,
    /// linkerd2-proxy.
    Linkerd,
    /// A gRPC client.
    Grpc,
}

/// The instances of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Instances wanted; at least 1.
    pub size: u32,
    /// Requests one instance works on at once; at least 1.
    pub slots: u32,
    /// In which order an instance works on its requests.
    pub discipline: Discipline,
    /// Requests one instance keeps waiting; `None`: without limit.
    pub queue: Option<u32>,
    /// From launch to the first answer.
    pub boot: Law,
    /// `None`: the platform knows at once that an instance answers.
    pub readiness: Option<Readiness>,
    /// When an instance that crashed starts again.
    pub restart: Restart,
    /// Instances that may exist at once, terminating ones included; not below `size`. `None`: any number.
    pub quota: Option<u32>,
    /// From ready to available: how long an instance must have been ready before a controller counts it.
    pub min_ready: Span,
    /// A new instance is slow at first.
    pub warm_up: WarmUp,
    /// How an instance ends.
    pub shutdown: Shutdown,
    /// Of the instances: those that are backups, evenly spread over the order of launch.
    pub backups: Share,
    /// Per existing instance; zero if not given.
    pub price: Price,
}

/// A readiness probe: it asks `initial_delay` after the start of an instance, then every `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// From the start of the instance to the first probe.
    pub initial_delay: Span,
    /// Between two probes; at least a second.
    pub period: Span,
    /// How long a probe waits for an instance that hangs.
    pub timeout: Span,
    /// Probes in a row that must succeed; at least 1.
    pub successes: u32,
    /// Probes in a row that must fail before a ready instance counts as unready; at least 1.
    pub failures: u32,
}

/// The back-off of an instance that crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The pause after the first crash, at least a second; it doubles with every further one.
    pub first: Span,
    /// The longest pause; not below `first`.
    pub max: Span,
    /// Whoever ran for so long before a crash begins with the first pause.
    pub reset: Span,
}

/// In which order an instance works on its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// Each has a slot for itself; those beyond wait in the order of arrival.
    Fifo,
    /// On all of them at once, as fast as the slots allow; `queue` limits how many there may be beyond the slots.
    ProcessorSharing,
}

/// Service times are multiplied by `slowdown` when an instance becomes ready, falling in a straight line to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// How long.
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

/// What an existing instance costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Per instance and hour.
    pub per_hour: f64,
    /// As written in the scenario, e.g. `USD`.
    pub currency: String,
}

/// How a version behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Unique.
    pub name: String,
    /// How long an attempt takes, without waiting.
    pub service: Law,
    /// What good answers take is multiplied by this; above 0.
    pub slowdown: f64,
    /// The attempts it fails.
    pub errors: Errors,
    /// Chance that an instance of this version never becomes ready, but crashes whenever it has booted.
    pub fails_to_start: Share,
    /// From ready to the next crash; `None`: never.
    pub crashes_after: Option<Law>,
    /// 0 is the first choice of a proxy; backups of the fleet are one below their version's priority.
    pub priority: u8,
}

/// The attempts that a version fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Share of attempts answered with an error, whoever asks and however loaded the instance is.
    pub rate: Share,
    /// A further share, which grows as an instance gets older; `None`: none.
    pub leak: Option<Leak>,
    /// A further share at an instance under load; `None`: none.
    pub under_load: Option<UnderLoad>,
    /// Share of the users whose every attempt fails, always the same ones.
    pub cohort: Share,
    /// Service time of an error; `None`: as long as a good answer.
    pub latency: Option<Span>,
    /// An instance answers without errors until it has been ready this long.
    pub after: Span,
}

/// Errors that grow in a straight line from none, when an instance becomes ready, to `rate` after `over`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leak {
    /// Share of attempts answered with an error from then on.
    pub rate: Share,
    /// Above zero.
    pub over: Span,
}

/// Errors of an instance of whose slots more than `above` are busy, the attempt's own included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnderLoad {
    /// Share of attempts answered with an error.
    pub rate: Share,
    /// Of the slots.
    pub above: Share,
}

/// What releases are like, where the scenario describes many instead of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Releases {
    /// How many of them are bad.
    pub bad: Share,
    /// How many there are in a week; above zero.
    pub per_week: f64,
    /// What bad ones are like; at least one, weights above zero.
    pub kinds: Vec<Kind>,
}

/// A way in which a release is bad.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Unique; not `good`.
    pub name: String,
    /// How often, against the others.
    pub weight: f64,
    /// What is deployed then instead of the version of the rollout, under its name.
    pub version: Version,
}

/// A law of positive durations.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Always the same; may be zero.
    Constant(Span),
    /// Everything between `min` and `max`, which is above it, is as likely.
    Uniform {
        /// The shortest value; may be zero.
        min: Span,
        /// The longest value.
        max: Span,
    },
    /// Without memory.
    Exponential {
        /// Above zero.
        mean: Span,
    },
    /// `p99` above `median`.
    LogNormal {
        /// Half of the values are below.
        median: Span,
        /// 99 of 100 values are below.
        p99: Span,
    },
    /// `shape` above 0; an Erlang law where it is whole.
    Gamma {
        /// Above zero.
        mean: Span,
        /// 1 is the exponential law.
        shape: f64,
    },
    /// `shape` above 1, so that the mean exists.
    Pareto {
        /// The shortest value.
        min: Span,
        /// The smaller, the heavier the tail.
        shape: f64,
    },
    /// One exponential or another; shares sum to 1.
    HyperExponential(Vec<Branch>),
    /// Measured values, drawn with equal chance; not empty.
    Empirical(Vec<Span>),
    /// `base` plus `each` times the request's size.
    PerSize {
        /// Whatever the size.
        base: Span,
        /// For a size of 1.
        each: Span,
    },
}

/// One law of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Branch {
    /// How often it is drawn.
    pub share: Share,
    /// Of this exponential law.
    pub mean: Span,
}

/// What was promised to the users.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// At least one; the first is about good answers, and the metrics are about it.
    pub promises: Vec<Promise>,
    /// What of an imported file had no effect, in words.
    pub left_out: Vec<String>,
    /// What one bad request costs, in the currency of the fleet's price.
    pub bad_request_price: f64,
    /// When the service counts as down.
    pub downtime: Downtime,
}

impl Slo {
    /// The promise that the metrics, the plots and the budget of a gate are about.
    pub fn first(&self) -> &Promise {
        &self.promises[0]
    }

    /// Every time within which some promise wants an answer.
    pub fn limits(&self) -> impl Iterator<Item = Span> {
        self.promises.iter().filter_map(|promise| match promise.good {
            Good::Answered => None,
            Good::Within(limit) => Some(limit),
        })
    }
}

/// A slice is down when fewer than `share` of its user requests were good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Downtime {
    /// A whole number of seconds.
    pub slice: Span,
    /// Of good user requests.
    pub share: Share,
}

/// The deployment to forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollout {
    /// Not before the end of the warm-up, and before the horizon.
    pub at: Moment,
    /// The version that runs before.
    pub from: VersionId,
    /// The version that is deployed; another than `from`.
    pub to: VersionId,
    /// No progress for this long: reported, and rolled back by blue-green, canary and any strategy with a gate.
    pub progress_deadline: Span,
    /// How long somebody takes to promote a rollout that waits for a person; `None`: nobody does.
    pub promote_after: Option<Span>,
}

/// A person does something to the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When; from the deploy command on, and before the horizon.
    pub at: Moment,
    /// What.
    pub act: Act,
}

/// What a person does to a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Lets it go on where it waits for a person.
    Promote,
    /// Gives it up.
    Abort,
    /// Stops it where it is.
    Pause,
    /// Lets a paused one go on.
    Resume,
}

/// Somebody, or an autoscaler, wants another size of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    /// When; before the horizon.
    pub at: Moment,
    /// Instances wanted from then on; at least 1.
    pub size: u32,
}

/// A strategy and what the scenario calls it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Unique, and not `stay`.
    pub name: String,
    /// What to do.
    pub strategy: Strategy,
    /// The manifest that says so, if one does; of what it says of the instances, the fleet has its own.
    pub manifest: Option<Manifest>,
}

/// Something that goes wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When; before the horizon.
    pub at: Moment,
    /// How many instances die at once, those that have run longest first.
    pub kill: u32,
    /// Whether the platform fails to notice: the endpoints keep the dead instance, and only health checks or failed
    /// requests tell a proxy. Otherwise its removal is published at once.
    pub silent: bool,
    /// When the dead instance begins to boot again; `None`: never.
    pub restart: Option<Span>,
}

/// New workers take over from a proxy's old ones, and know nothing but the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When; before the horizon.
    pub at: Moment,
    /// Which proxy, counted from 0; `None`: all of them.
    pub proxy: Option<u16>,
}

/// How metrics reach a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Telemetry {
    /// Time between two samples.
    pub scrape: Span,
    /// From a sample to the moment it can be queried.
    pub delay: Span,
    /// The rules of a gate are evaluated so often, counted from the start of the run; zero: as soon as a sample is there.
    pub evaluate: Span,
    /// Share of the samples that are lost.
    pub lost: Share,
}

impl Telemetry {
    /// Whether the sample of this moment is lost: its luck belongs to the moment, and is the same for every strategy.
    pub fn is_lost(&self, seed: Seed, at: Moment) -> bool {
        self.lost > Share::NONE && unit(seed.stream("scrape", at.nanos()).next_u64()) < self.lost.value()
    }

    /// When a gate sees a sample that was taken at `at`: at the first evaluation after it can be queried.
    pub fn seen(&self, at: Moment) -> Moment {
        let there = at + self.delay;
        let every = self.evaluate.nanos();
        if every == 0 { there } else { Moment::from_nanos(there.nanos().div_ceil(every) * every) }
    }
}
