//! The balancers, with the defaults of the systems they come from.

use super::NoneWord;
use crate::core::time::Span;
use crate::scenario::entry::{Entry, OrWord, choice, table, words};
use crate::scenario::units::{Above, AtLeast, Lasting, Percent, Whole};
use crate::yaml::problem::Problems;
use crate::yaml::tree::{KeyPath, Node};
use schemars::{Schema, SchemaGenerator};

/// A key that stands for something this balancer's system does not have: whoever gives it learns why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Lacking<const WHY: u8>;

/// What a system lacks and why; indexes of [`Lacking`].
const WHY: [&str; 7] = [
    "found slow-start, but nginx has none outside its commercial build",
    "found slow-start, but HAProxy ignores it with static-rr, whose map is fixed",
    "found slow-start, but Envoy has none for ring hash, maglev and random",
    "found slow-start, but an application load balancer cannot have it with least outstanding requests",
    "found slow-start, but this system has none",
    "found slow-start, but a hash sends a key where it belongs, however new that instance is",
    "found slow-start, but this rule belongs to no system that has it; envoy-round-robin and haproxy-round-robin do",
];

impl<const REASON: u8> Entry for Lacking<REASON> {
    fn expected() -> String {
        "nothing".to_owned()
    }

    fn fallback() -> Self {
        Lacking
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        problems.add(node.place, at, WHY[usize::from(REASON)]);
        Lacking
    }

    fn write(&self) -> Option<Node> {
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        false.into()
    }
}

macro_rules! bare {
    ($($(#[doc = $doc:literal])* $name:ident lacks $why:literal;)*) => {$(
        table! {
            $(#[doc = $doc])*
            pub struct $name {
                /// Not to be had.
                slow_start: Lacking<$why> = Lacking,
            }
        }
    )*};
}

bare! {
    /// Nothing to set.
    NginxPlain lacks 0;
    /// Nothing to set.
    StaticPlain lacks 1;
    /// Nothing to set.
    EnvoyPlain lacks 2;
    /// Nothing to set.
    AlbPlain lacks 3;
    /// Nothing to set.
    SystemPlain lacks 4;
    /// Nothing to set.
    HashPlain lacks 5;
    /// Nothing to set.
    RulePlain lacks 6;
}

choice! {
    /// How a proxy picks an instance. Names without a system are rules on which systems agree.
    pub enum Balancer {
        /// As nginx-least-connections.
        "least-connections" => LeastConnections(NginxPlain),
        /// As nginx-round-robin.
        "weighted-round-robin" => WeightedRoundRobin(NginxPlain),
        /// One after the other; no weights.
        "round-robin" => RoundRobin(RulePlain),
        /// By chance, weighted.
        "random" => Random(RulePlain),
        /// The least loaded of a few drawn; no weights.
        "two-choices" => TwoChoices(Choices),
        /// Of two drawn, the lower latency estimate times requests in flight: linkerd and tower; no weights.
        "peak-ewma" => PeakEwma(Ewma),
        /// Highest random weight of key and instance.
        "rendezvous" => Rendezvous(HashPlain),
        /// As envoy-maglev.
        "maglev" => Maglev(MaglevTable),
        /// The first instance with a free connection, as HAProxy's first; no weights.
        "first" => First(First),
        /// nginx's default: smooth weighted rotation.
        "nginx-round-robin" => NginxRoundRobin(NginxPlain),
        /// nginx's `least_conn`: fewest requests in flight from this proxy for the weight.
        "nginx-least-connections" => NginxLeastConnections(NginxPlain),
        /// nginx's `least_time` `last_byte`.
        "nginx-least-time" => NginxLeastTime(NginxPlain),
        /// nginx's random.
        "nginx-random" => NginxRandom(NginxPlain),
        /// nginx's random two `least_conn`.
        "nginx-random-two" => NginxRandomTwo(NginxPlain),
        /// nginx's `ip_hash`.
        "nginx-ip-hash" => NginxIpHash(NginxPlain),
        /// nginx's hash.
        "nginx-hash" => NginxHash(NginxPlain),
        /// nginx's hash with consistent.
        "ketama" => Ketama(NginxPlain),
        /// HAProxy's roundrobin.
        "haproxy-round-robin" => HaproxyRoundRobin(HaproxySlow),
        /// HAProxy's static-rr.
        "haproxy-static-rr" => HaproxyStaticRr(StaticPlain),
        /// HAProxy's leastconn.
        "haproxy-least-connections" => HaproxyLeastConnections(HaproxySlow),
        /// HAProxy's random.
        "haproxy-random" => HaproxyRandom(HaproxyRandom),
        /// HAProxy's uri, hdr, `url_param`, hash and source.
        "haproxy-hash" => HaproxyHash(HaproxyHash),
        /// Envoy's `ROUND_ROBIN`.
        "envoy-round-robin" => EnvoyRoundRobin(EnvoyRoundRobin),
        /// Envoy's `LEAST_REQUEST`.
        "envoy-least-request" => EnvoyLeastRequest(LeastRequest),
        /// Envoy's RANDOM; no weights.
        "envoy-random" => EnvoyRandom(EnvoyPlain),
        /// Envoy's `RING_HASH`.
        "envoy-ring-hash" => EnvoyRingHash(RingHash),
        /// Envoy's MAGLEV.
        "envoy-maglev" => EnvoyMaglev(MaglevTable),
        /// Envoy's client-side weighted round robin, by load reports; no configured weights.
        "envoy-client-side-weighted-round-robin" => EnvoyClientSideWeightedRoundRobin(LoadReports),
        /// gRPC's `weighted_round_robin`, by load reports; no configured weights.
        "grpc-weighted-round-robin" => GrpcWeightedRoundRobin(LoadReports),
        /// Pingora's `RoundRobin`, which is not smooth.
        "pingora-round-robin" => PingoraRoundRobin(SystemPlain),
        /// Pingora's `FNVHash`.
        "pingora-hash" => PingoraHash(SystemPlain),
        /// As ketama.
        "pingora-ketama" => PingoraKetama(SystemPlain),
        /// Traefik's wrr.
        "traefik-weighted-round-robin" => TraefikWeightedRoundRobin(SystemPlain),
        /// Traefik's p2c: two-choices.
        "traefik-two-choices" => TraefikTwoChoices(SystemPlain),
        /// Traefik's leasttime.
        "traefik-least-time" => TraefikLeastTime(SystemPlain),
        /// Traefik's hrw: rendezvous.
        "traefik-rendezvous" => TraefikRendezvous(SystemPlain),
        /// Finagle's p2c: the healthier of two, then the less loaded, with its panic mode; no weights.
        "finagle-two-choices" => FinagleTwoChoices(FinagleChoices),
        /// Finagle's `p2c_peak_ewma`, with one probe for a newcomer; no weights.
        "finagle-peak-ewma" => FinaglePeakEwma(FinagleEwma),
        /// Prequal: probes of requests in flight and latency; no weights.
        "prequal" => Prequal(Prequal),
        /// An application load balancer's `round_robin`; no weights.
        "alb-round-robin" => AlbRoundRobin(AlbSlow),
        /// An application load balancer's `least_outstanding_requests`; no weights.
        "alb-least-outstanding" => AlbLeastOutstanding(AlbPlain),
    }
}

table! {
    /// Power of a few choices.
    pub struct Choices {
        /// How many are drawn.
        draws: Whole<1, 100> = Whole::of(2),
        /// Whether one may be drawn twice, as in Envoy and gRPC.
        replacement: bool = false,
        /// Not to be had.
        slow_start: Lacking<6> = Lacking,
    }
}

table! {
    /// A latency estimate that jumps up at once and comes down slowly.
    pub struct Ewma {
        /// Latency that a newcomer is believed to have.
        default_rtt: Lasting = Lasting(Span::from_millis(30)),
        /// Time in which an old estimate loses 63% of its weight.
        decay: Lasting = Lasting(Span::from_secs(10)),
        /// Not to be had.
        slow_start: Lacking<4> = Lacking,
    }
}

table! {
    /// Power of two choices that draws again when both are unhealthy.
    pub struct FinagleChoices {
        /// Pairs that are drawn before an unhealthy instance gets the request.
        effort: Whole<1, 100> = Whole::of(2),
        /// Not to be had.
        slow_start: Lacking<4> = Lacking,
    }
}

table! {
    /// A latency estimate without a default.
    pub struct FinagleEwma {
        /// Time in which an old estimate loses 63% of its weight.
        decay: Lasting = Lasting(Span::from_secs(10)),
        /// Not to be had.
        slow_start: Lacking<4> = Lacking,
    }
}

table! {
    /// Packs requests on few instances.
    pub struct First {
        /// Requests in flight that one instance may have from one proxy; without a limit one would get all.
        max_connections: Whole<1, 1_000_000>,
    }
}

table! {
    /// HAProxy's slow start.
    pub struct HaproxySlow {
        /// How long a newcomer has less than its weight.
        slow_start: OrWord<Lasting, NoneWord> = OrWord::absent(),
    }
}

table! {
    /// HAProxy's random.
    pub struct HaproxyRandom {
        /// How many are drawn.
        draws: Whole<1, 100> = Whole::of(2),
    }
}

table! {
    /// HAProxy's hashes.
    pub struct HaproxyHash {
        /// How a hash leads to an instance.
        r#type: HashType = HashType::MapBased,
        /// How a key becomes a hash.
        function: HashFunction = HashFunction::Sdbm,
        /// Whether the hash is mixed once more; as HAProxy, only where it is consistent and no function is named.
        avalanche: Option<bool> = None,
        /// What is hashed.
        of: HashOf = HashOf::Key,
        /// hash-balance-factor: most load of one instance in percent of the mean; 0 is no bound, else above 100.
        hash_balance_factor: Whole<0, 65_535> = Whole::of(0),
        /// Not to be had.
        slow_start: Lacking<5> = Lacking,
    }
}

words! {
    /// How a hash leads to an instance.
    pub enum HashType {
        /// Modulo over a map of weights.
        "map-based" => MapBased,
        /// The nearest point on a ring.
        "consistent" => Consistent,
    }
}

words! {
    /// How a key becomes a hash.
    pub enum HashFunction {
        /// The default.
        "sdbm" => Sdbm,
        /// Bernstein's.
        "djb2" => Djb2,
        /// Tarreau's.
        "wt6" => Wt6,
        /// As in Ethernet.
        "crc32" => Crc32,
        /// The key is a number.
        "none" => None,
    }
}

words! {
    /// What is hashed.
    pub enum HashOf {
        /// The key of the request.
        "key" => Key,
        /// The address of the client.
        "source" => Source,
    }
}

table! {
    /// Envoy's rotation.
    pub struct EnvoyRoundRobin {
        /// Whether each new schedule starts anywhere, or at the first.
        random_start: bool = true,
        /// How newcomers are spared; not unless given.
        slow_start: Option<EnvoySlowStart> = None,
    }
}

table! {
    /// Envoy's least request.
    pub struct LeastRequest {
        /// How many are drawn where weights are equal.
        choice_count: Whole<2, 1_000> = Whole::of(2),
        /// How much active requests count where weights differ: weight / (active + 1)^bias.
        bias: AtLeast<0, 100> = AtLeast(1.0),
        /// Look at everyone where weights are equal, and draw among those who tie.
        full_scan: bool = false,
        /// How newcomers are spared; not unless given.
        slow_start: Option<EnvoySlowStart> = None,
    }
}

table! {
    /// Envoy's slow start: the weight is that share of the window that has passed, to the power of 1 / aggression.
    pub struct EnvoySlowStart {
        /// How long a newcomer has less than its weight.
        window: Lasting,
        /// 1 is a straight line, more is faster at first.
        aggression: Above<0> = Above(1.0),
        /// Never less than this share of the weight.
        min_weight: Percent = Percent::of(10.0),
    }
}

table! {
    /// Envoy's ring hash.
    pub struct RingHash {
        /// Points on the ring at least.
        minimum_ring_size: Whole<1, 8_388_608> = Whole::of(1_024),
        /// Points on the ring at most.
        maximum_ring_size: Whole<1, 8_388_608> = Whole::of(8_388_608),
        /// How names and numbers become points.
        hash_function: RingFunction = RingFunction::XxHash,
        /// Most load of one instance in percent of the mean; 0 is no bound, else from 100.
        hash_balance_factor: Whole<0, 65_535> = Whole::of(0),
        /// Not to be had.
        slow_start: Lacking<2> = Lacking,
    }
}

words! {
    /// How names and numbers become points.
    pub enum RingFunction {
        /// 64 bits of xxHash.
        "xx-hash" => XxHash,
        /// As the C++ library hashes strings.
        "murmur-hash-2" => MurmurHash2,
    }
}

table! {
    /// Envoy's maglev.
    pub struct MaglevTable {
        /// Slots; a prime.
        table_size: Whole<2, 5_000_011> = Whole::of(65_537),
        /// Most load of one instance in percent of the mean; 0 is no bound, else from 100.
        hash_balance_factor: Whole<0, 65_535> = Whole::of(0),
        /// Not to be had.
        slow_start: Lacking<2> = Lacking,
    }
}

table! {
    /// Weights from load reports.
    pub struct LoadReports {
        /// How much the share of errors adds to utilisation.
        error_utilization_penalty: AtLeast<0, 1_000> = AtLeast(1.0),
        /// Reports of a newcomer are not believed for this long.
        blackout_period: Span = Span::from_secs(10),
        /// A report is forgotten after this long.
        weight_expiration_period: Lasting = Lasting(Span::from_secs(180)),
        /// Between two looks at the reports; at least 100ms.
        weight_update_period: Lasting = Lasting(Span::from_secs(1)),
        /// Whether the schedule starts anywhere, or at the first.
        random_start: bool = true,
        /// Not to be had.
        slow_start: Lacking<4> = Lacking,
    }
}

table! {
    /// Prequal.
    pub struct Prequal {
        /// Above this quantile of requests in flight an instance is hot.
        hot_quantile: Percent = Percent::of(84.0),
        /// Probes remembered.
        pool: Whole<1, 1_000> = Whole::of(16),
        /// Probes for each request.
        probes: Whole<1, 100> = Whole::of(3),
        /// Not to be had.
        slow_start: Lacking<4> = Lacking,
    }
}

table! {
    /// An application load balancer's slow start.
    pub struct AlbSlow {
        /// How long a newcomer has less than its share; 30s to 900s.
        slow_start: OrWord<Lasting, NoneWord> = OrWord::absent(),
    }
}
