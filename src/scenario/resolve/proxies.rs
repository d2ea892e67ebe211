//! Proxies: how they balance, what they think of instances, and when they try again.

use super::balancer::rule;
use super::inherit::find;
use crate::core::proxy::{
    self as core, AllOut, Breaker, Checks, Ejection, Limits, Passive, Policy, Retries, RetryOn, Rule, Spill, Sticky,
};
use crate::scenario::check::Check;
use crate::scenario::entry::{Or, OrWord};
use crate::scenario::file::{
    self, Affinity, Backoff, Backups, Budget, Failure, File, Initial, Layer, Preset, Target, WhenUnhealthy,
};
use crate::scenario::plan;
use crate::scenario::units::Percent;
use crate::yaml::tree::KeyPath;

/// Every user's affinity is remembered.
const STICKY_USERS_MAX: u32 = 10_000_000;

pub(super) fn proxies(file: &File, check: &mut Check<'_>) -> plan::Proxies {
    let proxies = &file.proxies;
    check_layer(file, check);
    let balancer = rule(&proxies.balancer, &KeyPath::from(["proxies", "balancer"]), check);
    plan::Proxies {
        layer: layer(proxies.layer),
        count: u16::try_from(proxies.count.small()).unwrap_or(u16::MAX),
        policy: Policy {
            weights: weights(file, &balancer, check),
            balancer,
            checks: checks(file),
            passive: passive(file),
            breaker: breaker(file, check),
            ejection: ejection(file, check),
            all_out: all_out(&proxies.when_unhealthy),
            spill: spill(proxies.backups),
            limits: limits(&proxies.limits),
            sticky: sticky(file, check),
            retries: retries(file, check),
        },
        timeout: proxies.timeout.0.map(|timeout| timeout.0),
        queue_timeout: proxies.limits.queue_timeout.0.map(|timeout| timeout.0),
        preset: proxies.preset.map(preset),
    }
}

const fn layer(layer: Layer) -> plan::Layer {
    match layer {
        Layer::L7 => plan::Layer::L7,
        Layer::L4 => plan::Layer::L4,
        Layer::DirectReturn => plan::Layer::DirectReturn,
    }
}

/// What a balancer of connections cannot have, since it sees no requests, or not even how a connection ends.
fn check_layer(file: &File, check: &mut Check<'_>) {
    let (proxies, retries) = (&file.proxies, &file.traffic.retries);
    let at = KeyPath::from(["proxies"]);
    let again = KeyPath::from(["traffic", "retries"]);
    let blind = proxies.layer == Layer::DirectReturn;
    let (connection, answer) =
        ("a balancer of connections sees no requests", "answers go past a balancer with direct return");
    let cases = [
        (retries.attempts.get() > 0, again.key("attempts"), connection),
        (retries.try_timeout.0.is_some(), again.key("try-timeout"), connection),
        (retries.hedge_after.0.is_some(), again.key("hedge-after"), connection),
        (proxies.limits.queue.0.is_none_or(|queue| queue.get() > 0), at.key("limits").key("queue"), connection),
        (proxies.timeout.0.is_some(), at.key("timeout"), connection),
        (cookies(file), at.key("stickiness"), connection),
        (blind && goes_by_answers(file), at.key("balancer"), answer),
        (blind && proxies.passive.0.is_some(), at.key("passive"), answer),
        (blind && proxies.breaker.0.is_some(), at.key("breaker"), answer),
        (blind && proxies.ejection.0.is_some(), at.key("ejection"), answer),
    ];
    if proxies.layer == Layer::L7 {
        return;
    }
    if file.traffic.connections.0.is_none() {
        let text = "found a balancer of connections, expected traffic.connections to say how long they stay open";
        check.complain(&[&at.key("layer"), &KeyPath::from(["traffic", "connections"])], text);
    }
    for (given, path, reason) in cases {
        if given {
            let text = format!("found a value, expected none with this layer, since {reason}");
            check.complain(&[&path, &at.key("layer")], text);
        }
    }
}

/// Whether the balancer goes by latencies or by what answers report.
fn goes_by_answers(file: &File) -> bool {
    const WORDS: [&str; 7] = [
        "nginx-least-time",
        "traefik-least-time",
        "peak-ewma",
        "finagle-peak-ewma",
        "prequal",
        "grpc-weighted-round-robin",
        "envoy-client-side-weighted-round-robin",
    ];
    let (word, _) = file.proxies.balancer.parts();
    WORDS.contains(&word)
}

fn cookies(file: &File) -> bool {
    file.proxies.stickiness.0.as_ref().is_some_and(|stickiness| stickiness.by == Affinity::Cookie)
}

/// By version; refused where the balancer knows none.
fn weights(file: &File, rule: &Rule, check: &mut Check<'_>) -> Vec<u32> {
    let at = KeyPath::from(["proxies", "weights"]);
    let mut weights = vec![1; file.versions.0.len()];
    let (word, _) = file.proxies.balancer.parts();
    let weightless = !rule.is_weighted() || word.starts_with("alb-");
    if !file.proxies.weights.0.is_empty() && weightless {
        let text = format!("found weights, but the balancer {word} knows none");
        check.complain(&[&at, &KeyPath::from(["proxies", "balancer"])], text);
    }
    for (version, weight) in &file.proxies.weights.0 {
        if let Some(index) = find(file, version, &at.key(version), check) {
            weights[index] = weight.small();
        }
    }
    weights
}

const fn preset(preset: Preset) -> plan::Preset {
    match preset {
        Preset::Nginx => plan::Preset::Nginx,
        Preset::Haproxy => plan::Preset::Haproxy,
        Preset::Envoy => plan::Preset::Envoy,
        Preset::Alb => plan::Preset::Alb,
        Preset::Linkerd => plan::Preset::Linkerd,
        Preset::Grpc => plan::Preset::Grpc,
    }
}

fn checks(file: &File) -> Option<Checks> {
    let health = file.proxies.health.0.as_ref()?;
    Some(Checks {
        interval: health.interval.0,
        fast_interval: health.fast_interval.unwrap_or(health.interval).0,
        down_interval: health.down_interval.unwrap_or(health.interval).0,
        timeout: health.timeout.0,
        rise: health.rise.small(),
        fall: health.fall.small(),
        initial: match health.initial {
            Initial::FullyUp => core::Initial::FullyUp,
            Initial::Up => core::Initial::Up,
            Initial::Down => core::Initial::Down,
            Initial::FullyDown => core::Initial::FullyDown,
        },
    })
}

fn passive(file: &File) -> Option<Passive> {
    let passive = file.proxies.passive.0.as_ref()?;
    Some(Passive { max_fails: passive.max_fails.small(), fail_timeout: passive.fail_timeout.0 })
}

fn breaker(file: &File, check: &mut Check<'_>) -> Option<Breaker> {
    let breaker = file.proxies.breaker.0.as_ref()?;
    let (penalty, penalty_max) = (breaker.penalty.0, breaker.penalty_max.0);
    if penalty_max < penalty {
        let at = KeyPath::from(["proxies", "breaker"]);
        let text = format!("found {penalty_max}, expected at least the penalty of {penalty}");
        check.complain(&[&at.key("penalty-max"), &at.key("penalty")], text);
    }
    Some(Breaker { failures: breaker.failures.small(), penalty, penalty_max, jitter: breaker.jitter.share() })
}

fn ejection(file: &File, check: &mut Check<'_>) -> Option<Ejection> {
    let ejection = file.proxies.ejection.0.as_ref()?;
    let (base, max) = (ejection.base.0, ejection.max.0);
    if max < base {
        let at = KeyPath::from(["proxies", "ejection"]);
        let text = format!("found {max}, expected at least the base of {base}");
        check.complain(&[&at.key("max"), &at.key("base")], text);
    }
    Some(Ejection {
        consecutive_errors: ejection.consecutive_errors.0.map(|limit| limit.small()),
        consecutive_gateway: ejection.consecutive_gateway.0.map(|limit| limit.small()),
        success_rate: ejection.success_rate.0.as_ref().map(|rule| core::SuccessRate {
            hosts: rule.hosts.small(),
            requests: rule.requests.small(),
            factor: rule.factor.0,
        }),
        failure_share: ejection.failure_share.0.as_ref().map(|rule| core::FailureShare {
            threshold: rule.threshold.share(),
            hosts: rule.hosts.small(),
            requests: rule.requests.small(),
            above_only: rule.above_only,
        }),
        interval: ejection.interval.0,
        base,
        max,
        share: ejection.share.share(),
    })
}

fn all_out(when: &WhenUnhealthy) -> AllOut {
    match when {
        WhenUnhealthy::Refuse(_) => AllOut::Refuse,
        WhenUnhealthy::Open(_) => AllOut::Open,
        WhenUnhealthy::Panic(panic) => AllOut::Panic { below: panic.below.share(), fail: panic.fail },
    }
}

const fn spill(backups: Backups) -> Spill {
    match backups {
        Backups::All => Spill::Strict { first_only: false },
        Backups::First => Spill::Strict { first_only: true },
        Backups::Overflow => Spill::Overflow,
    }
}

fn limits(limits: &file::Limits) -> Limits {
    Limits {
        per_instance: limits.per_instance.0.map_or(u32::MAX, |limit| limit.small()),
        requests: limits.requests.0.map_or(u32::MAX, |limit| limit.small()),
        queue: limits.queue.0.map_or(u32::MAX, |limit| limit.small()),
    }
}

fn sticky(file: &File, check: &mut Check<'_>) -> Option<Sticky> {
    let stickiness = file.proxies.stickiness.0.as_ref()?;
    if let Some(users) = file.traffic.users.filter(|users| users.small() > STICKY_USERS_MAX) {
        let text = format!("found {} users, expected at most {STICKY_USERS_MAX} with stickiness", users.get());
        check.complain(&[&KeyPath::from(["traffic", "users"]), &KeyPath::from(["proxies", "stickiness"])], text);
    }
    Some(Sticky {
        by: match stickiness.by {
            Affinity::Cookie => core::Affinity::Cookie,
            Affinity::Source => core::Affinity::Source,
        },
        lifetime: stickiness.lifetime.0.map(|lifetime| lifetime.0),
        through_drain: stickiness.through_drain,
    })
}

fn retries(file: &File, check: &mut Check<'_>) -> Retries {
    let retries = &file.traffic.retries;
    check_retries(file, check);
    let on = |failure| retries.on.contains(&failure);
    Retries {
        attempts: u8::try_from(retries.attempts.small()).unwrap_or(u8::MAX),
        budget: budget(&retries.budget),
        on: RetryOn {
            refused: on(Failure::Refused),
            reset: on(Failure::Reset),
            error: on(Failure::Error),
            timeout: on(Failure::Timeout),
        },
        target: match retries.target {
            Target::Other => core::Target::Other,
            Target::Any => core::Target::Any,
            Target::Same => core::Target::Same { redispatch: retries.redispatch },
        },
        backoff: match &retries.backoff {
            Backoff::Off(_) => core::Backoff::None,
            Backoff::Fixed(fixed) => core::Backoff::Fixed(fixed.wait.0),
            Backoff::Jittered(jittered) => core::Backoff::Jittered { base: jittered.base.0, cap: jittered.max.0 },
        },
        try_timeout: retries.try_timeout.0.map(|timeout| timeout.0),
        hedge_after: retries.hedge_after.0.map(|after| after.0),
    }
}

fn check_retries(file: &File, check: &mut Check<'_>) {
    let retries = &file.traffic.retries;
    let at = KeyPath::from(["traffic", "retries"]);
    if retries.on.is_empty() && retries.attempts.get() > 0 {
        let text = "found an empty list, expected at least one of: refused, reset, error, timeout";
        check.complain(&[&at.key("on")], text);
    }
    if retries.on.contains(&Failure::Timeout) && retries.try_timeout.0.is_none() && retries.attempts.get() > 0 {
        let text = "found timeout, expected a try-timeout beside it, since no attempt times out without one";
        check.complain(&[&at.key("on"), &at.key("try-timeout")], text);
    }
    if retries.redispatch && retries.target != Target::Same {
        let text = "found true, expected the target same, since a retry goes elsewhere anyway";
        check.complain(&[&at.key("redispatch"), &at.key("target")], text);
    }
    if let (Some(hedge), Some(timeout)) = (retries.hedge_after.0, retries.try_timeout.0)
        && hedge.0 >= timeout.0
    {
        let text = format!("found {}, expected less than the try-timeout of {}", hedge.0, timeout.0);
        check.complain(&[&at.key("hedge-after"), &at.key("try-timeout")], text);
    }
}

fn budget(budget: &Or<OrWord<Percent, file::NoneWord>, Budget>) -> core::Budget {
    /// Envoy's, which holds where only a share is given.
    const FLOOR: u32 = 3;
    match budget {
        Or::Leaf(share) => match share.0 {
            None => core::Budget::Unlimited,
            Some(share) => core::Budget::Active { share: share.share(), floor: FLOOR },
        },
        Or::Table(Budget::Active(active)) => {
            core::Budget::Active { share: active.share.share(), floor: active.floor.small() }
        }
        Or::Table(Budget::AtOnce(most)) => core::Budget::AtOnce(most.retries.small()),
        Or::Table(Budget::Deposits(deposits)) => core::Budget::Deposits {
            share: deposits.share.share(),
            lasts: deposits.lasts.0,
            per_second: deposits.per_second.small(),
        },
        Or::Table(Budget::Tokens(tokens)) => {
            core::Budget::Tokens { max: tokens.max.small(), ratio_thousandths: (tokens.ratio.0 * 1_000.0) as u32 }
        }
    }
}
