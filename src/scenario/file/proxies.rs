//! What stands between the clients and the instances.

use super::balancer::Balancer;
use super::traffic::Plain;
use super::{NoneWord, UnlimitedWord};
use crate::core::time::Span;
use crate::scenario::entry::{Entry, Named, OrWord, choice, table, words};
use crate::scenario::units::{Above, Every, Lasting, Percent, Whole};

table! {
    /// What stands between the clients and the instances.
    pub struct Proxies {
        /// The system whose defaults hold for balancer, health, ejection, limits and retries; what is given here or
        /// under traffic.retries holds instead.
        preset: Option<Preset> = None,
        /// How many, each blind to what the others do.
        count: Whole<1, 1_000> = Whole::of(1),
        /// What a proxy balances, and what it sees.
        layer: Layer = Layer::L7,
        /// How a proxy picks an instance.
        balancer: Balancer = Balancer::LeastConnections(Entry::fallback()),
        /// Weight of an instance by its version, for balancers with weights; 1 where none is given.
        weights: Named<Whole<1, 256>> = Named(Vec::new()),
        /// Active health checks; none unless given.
        health: OrWord<Health, NoneWord> = OrWord::absent(),
        /// Instances that fail requests are avoided for a while; off unless given.
        passive: OrWord<Passive, NoneWord> = OrWord::absent(),
        /// Instances that fail several requests in a row are left out for a growing while; off unless given.
        breaker: OrWord<Breaker, NoneWord> = OrWord::absent(),
        /// Instances that do worse than the others are left out for a while; off unless given.
        ejection: OrWord<Ejection, NoneWord> = OrWord::absent(),
        /// What happens when too few instances are healthy.
        when_unhealthy: WhenUnhealthy = WhenUnhealthy::Refuse(Plain {}),
        /// When backups and versions of a lower priority get requests.
        backups: Backups = Backups::All,
        /// How much may be under way at a proxy, and who waits.
        limits: Limits = Entry::fallback(),
        /// Users come back to the instance that they were sent to before; off unless given.
        stickiness: OrWord<Stickiness, NoneWord> = OrWord::absent(),
        /// How long a proxy waits for the final answer, retries included; none: as long as the client.
        timeout: OrWord<Lasting, NoneWord> = OrWord::absent(),
    }
}

words! {
    /// A system whose defaults a proxy has.
    pub enum Preset {
        /// nginx, open source.
        "nginx-like" => Nginx,
        /// HAProxy.
        "haproxy-like" => Haproxy,
        /// Envoy, with outlier detection.
        "envoy-like" => Envoy,
        /// The application load balancer of AWS.
        "alb-like" => Alb,
        /// linkerd2-proxy, with failure accrual.
        "linkerd-like" => Linkerd,
        /// A gRPC client, with outlier detection.
        "grpc-like" => Grpc,
    }
}

words! {
    /// What a proxy balances, and what it sees.
    pub enum Layer {
        /// Requests; it sees every answer.
        "l7" => L7,
        /// Connections, each of which stays with its instance; it sees whether they break.
        "l4" => L4,
        /// Connections, whose answers go past it (direct server return).
        "direct-return" => DirectReturn,
    }
}

table! {
    /// Active health checks.
    pub struct Health {
        /// Between two checks of an instance.
        interval: Every<10> = Every(Span::from_secs(2)),
        /// The same while an instance is on its way up or down; as interval unless given.
        fast_interval: Option<Every<10>> = None,
        /// The same while an instance is down; as interval unless given.
        down_interval: Option<Every<10>> = None,
        /// A check without an answer fails after this long.
        timeout: Lasting = Lasting(Span::from_secs(1)),
        /// Successes in a row that bring an instance back.
        rise: Whole<1, 1_000> = Whole::of(2),
        /// Failures in a row that take it out.
        fall: Whole<1, 1_000> = Whole::of(3),
        /// What an instance counts as before its first check.
        initial: Initial = Initial::FullyUp,
    }
}

words! {
    /// What an instance counts as before its first check.
    pub enum Initial {
        /// Up; it takes fall failures to change that.
        "fully-up" => FullyUp,
        /// Up, but the first check decides.
        "up" => Up,
        /// Down, but the first check decides.
        "down" => Down,
        /// Down; it takes rise successes to change that.
        "fully-down" => FullyDown,
    }
}

table! {
    /// Passive health, as nginx's `max_fails` and `fail_timeout`.
    pub struct Passive {
        /// Failures within fail-timeout that take an instance out.
        max_fails: Whole<1, 1_000_000> = Whole::of(1),
        /// For how long.
        fail_timeout: Lasting = Lasting(Span::from_secs(10)),
    }
}

table! {
    /// Failures in a row take an instance out; then a single request decides, as linkerd's failure accrual.
    pub struct Breaker {
        /// Failures in a row.
        failures: Whole<1, 1_000_000> = Whole::of(7),
        /// How long it stays out the first time; doubled each time the single request fails.
        penalty: Lasting = Lasting(Span::from_secs(1)),
        /// The longest penalty.
        penalty_max: Lasting = Lasting(Span::from_secs(60)),
        /// A penalty is lengthened by up to this share of itself.
        jitter: Percent = Percent::of(50.0),
    }
}

table! {
    /// Outlier detection, as Envoy's.
    pub struct Ejection {
        /// Failures of any kind in a row.
        consecutive_errors: OrWord<Whole<1, 1_000_000>, NoneWord> = OrWord::present(Whole::of(5)),
        /// Refusals, resets and time-outs in a row.
        consecutive_gateway: OrWord<Whole<1, 1_000_000>, NoneWord> = OrWord::absent(),
        /// A success rate far below that of the others.
        success_rate: OrWord<SuccessRate, NoneWord> = OrWord::present(Entry::fallback()),
        /// A large share of failures.
        failure_share: OrWord<FailureShare, NoneWord> = OrWord::absent(),
        /// Between two sweeps, in which rates are judged and instances come back.
        interval: Every<10> = Every(Span::from_secs(10)),
        /// How long an instance is out the first time; the n-th time n times as long.
        base: Lasting = Lasting(Span::from_secs(30)),
        /// The longest time.
        max: Lasting = Lasting(Span::from_secs(300)),
        /// Share of the instances that may be out at once; one always may.
        share: Percent = Percent::of(10.0),
    }
}

table! {
    /// A success rate far below the mean.
    pub struct SuccessRate {
        /// Instances with enough requests that a judgement needs.
        hosts: Whole<1, 100_000> = Whole::of(5),
        /// Requests between two sweeps that are enough.
        requests: Whole<1, 1_000_000> = Whole::of(100),
        /// Standard deviations below the mean.
        factor: Above<0> = Above(1.9),
    }
}

table! {
    /// A large share of failures.
    pub struct FailureShare {
        /// Of the requests between two sweeps.
        threshold: Percent = Percent::of(85.0),
        /// Instances with enough requests that a judgement needs.
        hosts: Whole<1, 100_000> = Whole::of(5),
        /// Requests between two sweeps that are enough.
        requests: Whole<1, 1_000_000> = Whole::of(50),
        /// Whether it takes more than the threshold, as in gRPC, or as much, as in Envoy.
        above_only: bool = false,
    }
}

choice! {
    /// What happens when too few instances are healthy.
    pub enum WhenUnhealthy {
        /// Unhealthy instances get nothing; with nobody left requests fail (nginx, HAProxy).
        "refuse" => Refuse(Plain),
        /// With nobody left everybody gets requests (ALB).
        "open" => Open(Plain),
        /// With too few left everybody gets requests (Envoy).
        "panic" => Panic(Panic),
    }
}

table! {
    /// Envoy's panic.
    pub struct Panic {
        /// Share of healthy instances below which it begins.
        below: Percent = Percent::of(50.0),
        /// Whether all requests fail then.
        fail: bool = false,
    }
}

words! {
    /// When backups get requests.
    pub enum Backups {
        /// All of them once all others are out (nginx).
        "all" => All,
        /// The first of them that is up once all others are out (HAProxy).
        "first" => First,
        /// As much as the others can no longer take (Envoy).
        "overflow" => Overflow,
    }
}

/// A number, or no limit.
type Limit = OrWord<Whole<1, 1_000_000_000>, UnlimitedWord>;

table! {
    /// How much may be under way at a proxy, and who waits.
    pub struct Limits {
        /// Requests that a proxy has on one instance at once.
        per_instance: Limit = OrWord::absent(),
        /// Requests that a proxy has under way at once.
        requests: Limit = OrWord::absent(),
        /// Requests that wait at a proxy for a place; beyond that they are refused.
        queue: OrWord<Whole<0, 1_000_000_000>, UnlimitedWord> = OrWord::present(Whole::of(0)),
        /// How long one waits; none: as long as the client.
        queue_timeout: OrWord<Lasting, NoneWord> = OrWord::absent(),
    }
}

table! {
    /// Users come back to the instance that they were sent to before.
    pub struct Stickiness {
        /// How they are recognised.
        by: Affinity = Affinity::Cookie,
        /// Forgotten when unused for so long; none: never.
        lifetime: OrWord<Lasting, NoneWord> = OrWord::absent(),
        /// Whether they still go to their instance while it shuts down, until it accepts nothing.
        through_drain: bool = false,
    }
}

words! {
    /// How a user is recognised.
    pub enum Affinity {
        /// The client shows a cookie, whichever proxy it comes to.
        "cookie" => Cookie,
        /// Each proxy has a table by client, which a reload loses.
        "source" | "user" => Source,
    }
}
