//! Which balancer, with its options; `docs/balancers.md` explains each.

use crate::core::time::{Moment, Span};

/// The rule that picks one of the listed instances. Where systems disagree, the variant names the system.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// One after the other.
    RoundRobin,
    /// By chance, weighted.
    Random,
    /// The least loaded of a few drawn.
    TwoChoices(Choices),
    /// Tower and linkerd: of two, the one with the lower latency estimate times attempts under way.
    PeakEwma(Ewma),
    /// Highest random weight of (key, instance).
    Rendezvous,
    /// HAProxy's `first`: the first with a free connection, of this many each.
    First(u32),
    /// nginx's default.
    NginxRoundRobin,
    /// nginx's `least_conn`.
    NginxLeastConnections,
    /// nginx's `least_time last_byte`.
    NginxLeastTime,
    /// nginx's `random`.
    NginxRandom,
    /// nginx's `random two least_conn`.
    NginxRandomTwo,
    /// nginx's `ip_hash`.
    NginxIpHash,
    /// nginx's `hash`.
    NginxHash,
    /// nginx's `hash … consistent`.
    Ketama,
    /// HAProxy's `roundrobin`; slow start lasts this long.
    HaproxyRoundRobin(Option<SlowStart>),
    /// HAProxy's `static-rr`.
    HaproxyStaticRr,
    /// HAProxy's `leastconn`.
    HaproxyLeastConnections(Option<SlowStart>),
    /// HAProxy's `random(draws)`.
    HaproxyRandom(u32),
    /// HAProxy's `source`, `uri`, `hash` and the like.
    HaproxyHash(HaproxyHash),
    /// Envoy's `ROUND_ROBIN`.
    EnvoyRoundRobin(EnvoyRoundRobin),
    /// Envoy's `LEAST_REQUEST`.
    EnvoyLeastRequest(LeastRequest),
    /// Envoy's `RANDOM`, which knows no weights.
    EnvoyRandom,
    /// Envoy's `RING_HASH`.
    EnvoyRingHash(Ring),
    /// Envoy's `MAGLEV`.
    EnvoyMaglev(Maglev),
    /// gRPC's `weighted_round_robin`.
    GrpcWeightedRoundRobin(Reported),
    /// Envoy's `client_side_weighted_round_robin`.
    EnvoyClientSideWeightedRoundRobin(Reported),
    /// Pingora's `RoundRobin`.
    PingoraRoundRobin,
    /// Pingora's `FNVHash`.
    PingoraHash,
    /// Traefik's `wrr`.
    TraefikWeightedRoundRobin,
    /// Traefik's `leasttime`.
    TraefikLeastTime,
    /// Finagle's `p2c`, which panics after this many pairs of unhealthy nodes; at least 1.
    FinagleTwoChoices(u32),
    /// Finagle's `p2c_peak_ewma`.
    FinaglePeakEwma(Ewma),
    /// Prequal: probes of load and latency, hot and cold.
    Prequal(Prequal),
    /// The rotation of an AWS application load balancer.
    AlbRoundRobin(Option<SlowStart>),
}

/// Options of [`Rule::TwoChoices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// How many are drawn; at least 1.
    pub draws: u32,
    /// Whether one may be drawn twice.
    pub replacement: bool,
}

/// Options of the peak EWMA rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ewma {
    /// Latency that a newcomer is believed to have.
    pub default_rtt: Span,
    /// Time in which an old estimate loses 1 - 1/e of its weight.
    pub decay: Span,
}

/// Options of [`Rule::EnvoyRoundRobin`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnvoyRoundRobin {
    /// Whether a new rotation starts anywhere, as in Envoy, or at the first.
    pub random_start: bool,
    /// How newcomers are spared.
    pub slow_start: Option<SlowStart>,
}

/// Options of [`Rule::EnvoyLeastRequest`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeastRequest {
    /// How many are drawn, with replacement, where weights are equal.
    pub choice_count: u32,
    /// How much active requests count where weights differ: weight / (active + 1)^bias.
    pub bias: f64,
    /// Look at everyone, and draw among those who tie.
    pub full_scan: bool,
    /// How newcomers are spared.
    pub slow_start: Option<SlowStart>,
}

/// Options of [`Rule::HaproxyHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HaproxyHash {
    /// `hash-type consistent` instead of `map-based`.
    pub consistent: bool,
    /// The hash function.
    pub function: HaproxyFunction,
    /// Whether the hash is mixed once more.
    pub avalanche: bool,
    /// `balance source`: hash the client's address instead of the key.
    pub source: bool,
    /// Bound on the load of one instance, in percent of the mean; 0 is none, else above 100.
    pub balance_factor: u32,
}

/// HAProxy's hash functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaproxyFunction {
    /// The default.
    Sdbm,
    /// Bernstein's.
    Djb2,
    /// Tarreau's.
    Wt6,
    /// As in Ethernet.
    Crc32,
    /// The key is a number.
    None,
}

/// Options of [`Rule::EnvoyRingHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Points on the ring at least.
    pub minimum: u64,
    /// Points on the ring at most.
    pub maximum: u64,
    /// Murmur 2 instead of xxHash.
    pub murmur: bool,
    /// Bound on the load of one instance, in percent of the mean; 0 is none.
    pub balance_factor: u32,
}

/// Options of [`Rule::EnvoyMaglev`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maglev {
    /// Slots; a prime.
    pub table_size: u32,
    /// Bound on the load of one instance, in percent of the mean; 0 is none.
    pub balance_factor: u32,
}

/// Options of the rules that weigh by what instances report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reported {
    /// How much the share of errors adds to utilisation.
    pub error_penalty: f64,
    /// Reports of a newcomer are not believed for this long.
    pub blackout: Span,
    /// A report is forgotten after this long.
    pub expiry: Span,
    /// Time between two looks at the reports.
    pub update: Span,
    /// Whether a new schedule starts anywhere.
    pub random_start: bool,
}

/// Options of [`Rule::Prequal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prequal {
    /// An instance is hot above this quantile of requests in flight among the probes.
    pub hot_quantile: f64,
    /// Probes remembered.
    pub pool: u32,
    /// Probes sent for each request.
    pub probes: u32,
}

/// How a balancer spares a newcomer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlowStart {
    /// HAProxy's `slowstart`: sixteenths of the weight, in steps of a second or a twentieth. Not at process start.
    Haproxy(Span),
    /// Envoy's `slow_start_config`.
    Envoy {
        /// How long.
        window: Span,
        /// The share of the weight is age/window to the power of its inverse.
        aggression: f64,
        /// Never less than this share of the weight.
        min_weight: f64,
    },
    /// An AWS application load balancer: in a straight line, and only while someone else is past its own.
    Alb(Span),
}

impl SlowStart {
    /// How long a newcomer is spared.
    pub fn lasts(&self) -> Span {
        match *self {
            SlowStart::Haproxy(lasts) | SlowStart::Alb(lasts) => lasts,
            SlowStart::Envoy { window, .. } => window,
        }
    }

    /// Whether one that came at `since` is still spared. Those of the very start are old.
    pub fn slows(&self, since: Moment, now: Moment) -> bool {
        since != Moment::START && now.since(since) < self.lasts()
    }

    /// The share of its weight that one of this age has.
    pub fn factor(&self, age: Span) -> f64 {
        if age >= self.lasts() {
            return 1.0;
        }
        match *self {
            SlowStart::Haproxy(_) => f64::from(self.sixteenths(age)) / 16.0,
            SlowStart::Alb(lasts) => age.seconds() / lasts.seconds(),
            // The code counts from one millisecond, the documentation says one second.
            SlowStart::Envoy { window, aggression, min_weight } => {
                let passed = age.max(Span::from_millis(1)).seconds() / window.seconds();
                passed.powf(1.0 / aggression).max(min_weight)
            }
        }
    }

    /// HAProxy's effective weight for a weight of one, by the whole seconds since it came
    /// (`server.c`, `server_recalc_eweight`), as far as its last step saw them.
    pub fn sixteenths(&self, age: Span) -> u32 {
        let lasts = self.lasts().whole_seconds().max(1);
        let step = Span::from_nanos((self.lasts().nanos() / 20).max(1_000_000_000));
        let seen = Span::from_nanos(age.nanos() / step.nanos() * step.nanos()).whole_seconds();
        if seen >= lasts { 16 } else { ((16 * seen + lasts) / lasts) as u32 }
    }

    /// The attempts that one of this age may have under way where others may have `limit`: HAProxy lets the limit grow
    /// too, by whole seconds and percent, from one (`queue.c`, `srv_dynamic_maxconn`).
    pub fn limit(&self, limit: u32, age: Span) -> u32 {
        match *self {
            SlowStart::Envoy { .. } | SlowStart::Alb(_) => limit,
            SlowStart::Haproxy(lasts) => {
                let percent = (100 * age.whole_seconds() / lasts.whole_seconds().max(1)).min(100);
                (u64::from(limit) * percent / 100).max(1) as u32
            }
        }
    }
}

/// What a brand-new idle instance gets at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdStart {
    /// Everything, until it is level with the others.
    EverythingUntilLevel,
    /// It looks fastest, so it gets most until its queue says otherwise.
    LooksFastest,
    /// Whatever comparison it is drawn for, it wins.
    WinsComparisons,
    /// One attempt at a time until it has answered.
    OneProbe,
    /// What a fixed latency deserves.
    FixedPrior,
    /// What the mean or median of the others gets.
    LikeTheOthers,
    /// Its share by weight.
    FairShare,
}

impl Rule {
    /// What a newcomer gets at first, without slow start.
    pub const fn cold_start(&self) -> ColdStart {
        match self {
            Rule::NginxLeastConnections
            | Rule::HaproxyLeastConnections(_)
            | Rule::TraefikLeastTime
            | Rule::EnvoyLeastRequest(LeastRequest { full_scan: true, .. }) => ColdStart::EverythingUntilLevel,
            Rule::NginxLeastTime | Rule::Prequal(_) => ColdStart::LooksFastest,
            Rule::TwoChoices(_)
            | Rule::FinagleTwoChoices(_)
            | Rule::NginxRandomTwo
            | Rule::HaproxyRandom(_)
            | Rule::EnvoyLeastRequest(_) => ColdStart::WinsComparisons,
            Rule::FinaglePeakEwma(_) => ColdStart::OneProbe,
            Rule::PeakEwma(_) => ColdStart::FixedPrior,
            Rule::GrpcWeightedRoundRobin(_) | Rule::EnvoyClientSideWeightedRoundRobin(_) => ColdStart::LikeTheOthers,
            Rule::RoundRobin
            | Rule::Random
            | Rule::Rendezvous
            | Rule::First(_)
            | Rule::NginxRoundRobin
            | Rule::NginxRandom
            | Rule::NginxIpHash
            | Rule::NginxHash
            | Rule::Ketama
            | Rule::HaproxyRoundRobin(_)
            | Rule::HaproxyStaticRr
            | Rule::HaproxyHash(_)
            | Rule::EnvoyRoundRobin(_)
            | Rule::EnvoyRandom
            | Rule::EnvoyRingHash(_)
            | Rule::EnvoyMaglev(_)
            | Rule::PingoraRoundRobin
            | Rule::PingoraHash
            | Rule::TraefikWeightedRoundRobin
            | Rule::AlbRoundRobin(_) => ColdStart::FairShare,
        }
    }

    /// Whether weights mean anything to it.
    pub const fn is_weighted(&self) -> bool {
        !matches!(
            self,
            Rule::RoundRobin
                | Rule::TwoChoices(_)
                | Rule::PeakEwma(_)
                | Rule::FinagleTwoChoices(_)
                | Rule::FinaglePeakEwma(_)
                | Rule::First(_)
                | Rule::EnvoyRandom
                | Rule::GrpcWeightedRoundRobin(_)
                | Rule::EnvoyClientSideWeightedRoundRobin(_)
                | Rule::Prequal(_)
                | Rule::AlbRoundRobin(_)
        )
    }

    /// Whether it goes by what instances report of their load.
    pub const fn wants_reports(&self) -> bool {
        matches!(self, Rule::GrpcWeightedRoundRobin(_) | Rule::EnvoyClientSideWeightedRoundRobin(_) | Rule::Prequal(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envoy(aggression: f64) -> SlowStart {
        SlowStart::Envoy { window: Span::from_secs(60), aggression, min_weight: 0.1 }
    }

    #[test]
    fn envoys_factors_follow_its_tests() {
        let cases = [(1.0, 3, 0.1), (1.0, 6, 0.1), (1.0, 10, 1.0 / 6.0), (1.0, 30, 0.5), (1.0, 40, 2.0 / 3.0)];
        let others = [(1.0, 60, 1.0), (0.5, 30, 0.25), (0.5, 45, 0.5625), (2.0, 6, 0.3162), (2.0, 15, 0.5)];
        for (aggression, second, factor) in cases.into_iter().chain(others).chain([(2.0, 30, 0.5_f64.sqrt())]) {
            let found = envoy(aggression).factor(Span::from_secs(second));
            assert!((found - factor).abs() < 5e-5, "aggression {aggression} after {second} s: {found}");
        }
    }

    #[test]
    fn haproxys_sixteenths_follow_its_formula() {
        let slow = SlowStart::Haproxy(Span::from_secs(60));
        let found = [0, 3_999, 6_000, 15_000, 30_000, 45_000, 57_000, 60_000]
            .map(|millis| slow.sixteenths(Span::from_millis(millis)));
        assert_eq!(found, [1, 1, 2, 5, 9, 13, 16, 16]);
    }
}
