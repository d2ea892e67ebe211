//! The service: its fleet, its versions, and the laws of their durations.

use crate::core::time::Span;
use crate::scenario::entry::{Entry, Keyword, Or, OrWord, choice, table, words};
use crate::scenario::file::NoneWord;
use crate::scenario::units::{
    Above, AtLeast, Every, Factor, FileName, HourlyPrice, Lasting, Name, Percent, TimeUnit, Whole,
};

/// `queue: unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct UnlimitedWord;

impl Keyword for UnlimitedWord {
    const WORD: &'static str = "unlimited";
}

table! {
    /// The instances of the service.
    pub struct Fleet {
        /// Instances wanted.
        size: Whole<1, 100_000>,
        /// Requests one instance works on at once.
        slots: Whole<1, 1_000_000>,
        /// In which order an instance works on its requests.
        discipline: Discipline = Discipline::Fifo,
        /// Requests one instance keeps waiting beyond those it works on.
        queue: OrWord<Whole<0, 1_000_000_000>, UnlimitedWord> = OrWord::absent(),
        /// From launch to the first answer; without a readiness probe, to ready.
        boot: LawOrSpan = Or::Leaf(Span::ZERO),
        /// How the platform finds out that an instance is ready, or no longer; at once unless given.
        readiness: Option<Readiness> = None,
        /// When an instance that crashed starts again.
        restart: Restart = Entry::fallback(),
        /// Instances that may exist at once, terminating ones included; launches beyond wait.
        quota: Option<Whole<1, 1_000_000>> = None,
        /// From ready to available: how long it must have been ready before a controller counts it.
        min_ready: Span = Span::ZERO,
        /// A new instance is slow at first.
        warm_up: WarmUp = Entry::fallback(),
        /// How an instance ends.
        shutdown: Shutdown = Entry::fallback(),
        /// Share of the instances that are backups, spread evenly over the order of launch; below 100%.
        backups: Percent = Percent::of(0.0),
        /// What an existing instance costs.
        price: Option<HourlyPrice> = None,
    }
}

table! {
    /// A readiness probe, as of a Kubernetes container. It asks on a grid: after the initial delay, then every period.
    pub struct Readiness {
        /// From the start of the instance to the first probe.
        initial_delay: Span = Span::ZERO,
        /// Between two probes.
        period: Every<1_000> = Every(Span::from_secs(10)),
        /// How long a probe waits for an instance that hangs.
        timeout: Every<1> = Every(Span::from_secs(1)),
        /// Probes in a row that must succeed.
        successes: Whole<1, 1_000> = Whole::of(1),
        /// Probes in a row that must fail before a ready instance counts as unready.
        failures: Whole<1, 1_000> = Whole::of(3),
    }
}

table! {
    /// The back-off of an instance that crashes: it starts again after a pause that doubles with every crash.
    pub struct Restart {
        /// The first pause.
        first: Every<1_000> = Every(Span::from_secs(10)),
        /// The longest.
        max: Every<1_000> = Every(Span::from_secs(300)),
        /// An instance that ran for so long before it crashed starts again with the first pause.
        reset: Lasting = Lasting(Span::from_secs(600)),
    }
}

words! {
    /// In which order an instance works on its requests.
    pub enum Discipline {
        /// Each has a slot for itself; those beyond wait in the order of arrival.
        "fifo" => Fifo,
        /// On all of them at once, as fast as the slots allow.
        "processor-sharing" => ProcessorSharing,
    }
}

table! {
    /// Service times are multiplied by slowdown at first, falling in a straight line to 1.
    pub struct WarmUp {
        /// How long.
        r#for: Span = Span::ZERO,
        /// Factor at the start.
        slowdown: AtLeast<1, 1_000> = AtLeast(1.0),
    }
}

table! {
    /// How an instance ends.
    pub struct Shutdown {
        /// How long it goes on accepting requests after the shutdown began; at most drain.
        delay: Span = Span::ZERO,
        /// Grace period, delay included: what is in flight at its end is cut.
        drain: Span = Span::from_secs(30),
    }
}

table! {
    /// How a version behaves.
    pub struct Version {
        /// Another version, whose values hold for everything not given here.
        like: Option<Name> = None,
        /// How long a request takes, without waiting; must be given here or by the version this one is like.
        service: Option<LawOrSpan> = None,
        /// Share of requests answered with an error, or a table; 0% unless given.
        errors: Option<Or<Percent, Errors>> = None,
        /// Good answers take so many times as long as the law of service says; ×1 unless given.
        latency: Option<Factor> = None,
        /// Errors that grow as an instance gets older, beside the others; none unless given.
        leak: Option<OrWord<Leak, NoneWord>> = None,
        /// Errors of busy instances, beside the others; none unless given.
        under_load: Option<OrWord<UnderLoad, NoneWord>> = None,
        /// Share of the users whose every request fails, always the same ones; 0% unless given.
        cohort: Option<Percent> = None,
        /// Chance that an instance never becomes ready, but crashes whenever it has booted; 0% unless given.
        fails_to_start: Option<Percent> = None,
        /// When ready instances crash; never unless given.
        crashes: Option<OrWord<Crashes, NoneWord>> = None,
        /// 0, which holds unless given, is the first choice of a proxy; backups are one below their version.
        priority: Option<Whole<0, 2>> = None,
    }
}

table! {
    /// Ready instances crash, each for itself, and start again.
    pub struct Crashes {
        /// How long an instance is ready before it crashes.
        after: LawOrSpan,
    }
}

table! {
    /// Errors that grow in a straight line from none, when an instance becomes ready.
    pub struct Leak {
        /// Share of requests answered with an error in the end.
        errors: Percent,
        /// How long after it became ready.
        over: Lasting,
    }
}

table! {
    /// Errors of an instance that has many of its slots busy.
    pub struct UnderLoad {
        /// Share of requests answered with an error there.
        errors: Percent,
        /// Above this share of busy slots; a request's own slot counts.
        above: Percent,
    }
}

table! {
    /// What releases are like: every replication deploys a good or a bad one, the same for every strategy.
    pub struct Releases {
        /// How many are bad. A good one is the version of rollout.to as it is.
        bad: Percent,
        /// How many there are in a week.
        per_week: Above<0>,
        /// What bad ones are like.
        kinds: Vec<Kind>,
    }
}

table! {
    /// A way in which a release is bad: what is given here replaces what the version of rollout.to says.
    pub struct Kind {
        /// What the reports call it; after what it changes unless given.
        name: Option<Name> = None,
        /// How often, against the other kinds.
        weight: Above<0> = Above(1.0),
        /// How long a request takes, without waiting.
        service: Option<LawOrSpan> = None,
        /// Good answers take so many times as long.
        latency: Option<Factor> = None,
        /// Share of requests answered with an error, or a table.
        errors: Option<Or<Percent, Errors>> = None,
        /// Errors that grow as an instance gets older.
        leak: Option<OrWord<Leak, NoneWord>> = None,
        /// Errors of busy instances.
        under_load: Option<OrWord<UnderLoad, NoneWord>> = None,
        /// Share of the users whose every request fails.
        cohort: Option<Percent> = None,
        /// Chance that an instance never becomes ready.
        fails_to_start: Option<Percent> = None,
        /// When ready instances crash.
        crashes: Option<OrWord<Crashes, NoneWord>> = None,
    }
}

table! {
    /// Errors of a version.
    pub struct Errors {
        /// Share of requests answered with an error.
        rate: Percent,
        /// How long an error takes; as long as a good answer unless given.
        latency: Option<Span> = None,
        /// An instance answers without errors until it has been ready this long.
        after: Span = Span::ZERO,
    }
}

/// A fixed time, or a law.
pub(in crate::scenario) type LawOrSpan = Or<Span, Law>;

choice! {
    /// A law of durations.
    pub enum Law {
        /// Every value of a range is as likely. As a listing delay from 0s to the TTL it models DNS.
        "uniform" => Uniform(Uniform),
        /// Without memory: as likely to end now as at any other moment.
        "exponential" => Exponential(Exponential),
        /// Most are short, some are long: the usual shape of service times.
        "lognormal" => Lognormal(Lognormal),
        /// Between fixed (large shape) and very uneven (shape below 1).
        "gamma" => Gamma(Gamma),
        /// A sum of exponential stages.
        "erlang" => Erlang(Erlang),
        /// A heavy tail.
        "pareto" => Pareto(Pareto),
        /// One exponential law or another.
        "hyper-exponential" => HyperExponential(HyperExponential),
        /// Measured values from a column of a CSV file.
        "empirical" => Empirical(LawTable),
        /// Grows with the size of the request, which a trace gives.
        "per-size" => PerSize(PerSize),
    }
}

table! {
    /// Every value between min and max is as likely.
    ///
    /// As `network.listing-delay` with a minimum of 0s it models the caches of a DNS tier: they filled at different moments,
    /// so that at any moment the rest of their TTL is uniform between 0 and the TTL. Of many proxies a share of 1 − t / TTL
    /// still sends to an address t after it was removed.
    pub struct Uniform {
        /// The shortest value.
        min: Span,
        /// The longest value; above the shortest. For DNS: the TTL.
        max: Lasting,
    }
}

table! {
    /// An exponential law.
    pub struct Exponential {
        /// Mean.
        mean: Lasting,
    }
}

table! {
    /// A log-normal law.
    pub struct Lognormal {
        /// Half of the values are below.
        median: Lasting,
        /// 99 of 100 values are below; above the median.
        p99: Lasting,
    }
}

table! {
    /// A gamma law.
    pub struct Gamma {
        /// Mean.
        mean: Lasting,
        /// 1 is the exponential law.
        shape: Above<0>,
    }
}

table! {
    /// An Erlang law.
    pub struct Erlang {
        /// Mean of the whole.
        mean: Lasting,
        /// How many stages.
        stages: Whole<1, 10_000>,
    }
}

table! {
    /// A Pareto law.
    pub struct Pareto {
        /// The shortest value.
        min: Lasting,
        /// The smaller, the heavier the tail.
        shape: Above<1>,
    }
}

table! {
    /// A mixture of exponential laws.
    pub struct HyperExponential {
        /// Their shares sum to 100%.
        branches: Vec<Branch>,
    }
}

table! {
    /// One law of a mixture.
    pub struct Branch {
        /// How often this one is drawn.
        share: Percent,
        /// Its mean.
        mean: Lasting,
    }
}

table! {
    /// Measured values from a column of a CSV file, drawn with equal chance.
    pub struct LawTable {
        /// Path of the file, from the folder of the scenario.
        file: FileName,
        /// The column with the values.
        column: FileName,
        /// What the values count.
        unit: TimeUnit = TimeUnit::Milliseconds,
    }
}

table! {
    /// Base plus each times the size of the request.
    pub struct PerSize {
        /// Whatever the size.
        base: Span,
        /// For a size of 1.
        each: Span,
    }
}
