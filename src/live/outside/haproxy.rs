//! HAProxy: what of a scenario its configuration can say, and how.

use super::{Endpoint, Endpoints, millis};
use crate::core::proxy::{Backoff, Initial, Policy, Rule, Target};
use crate::core::time::Span;
use crate::live::upstream::HEALTH;
use crate::scenario::plan::Scenario;
use std::fmt::Write as _;

/// HAProxy's own turn-around before it tries the same server again.
const TURN_AROUND: Span = Span::from_secs(1);

pub(super) fn refusals(policy: &Policy) -> Vec<String> {
    let retries = &policy.retries;
    let again = retries.attempts > 0;
    let waits = match retries.target {
        Target::Same { .. } => retries.backoff != Backoff::Fixed(TURN_AROUND),
        Target::Any => retries.backoff != Backoff::None,
        Target::Other => false,
    };
    let list = [
        (
            method(&policy.balancer).is_none(),
            "proxies.balancer: of HAProxy's own round robin, static-rr, leastconn, random",
        ),
        (policy.passive.is_some(), "proxies.passive"),
        (policy.checks.is_some_and(|checks| checks.initial != Initial::Up), "proxies.health.initial other than up"),
        (again && retries.target == Target::Other, "traffic.retries.target: other (HAProxy has same, and any)"),
        (again && waits, "traffic.retries.backoff: fixed with 1s for the target same, off for any"),
    ];
    list.iter().filter(|(has, _)| *has).map(|(_, name)| (*name).to_owned()).collect()
}

/// What stands behind `balance`; `None`: HAProxy has no such rule, or one with names that are not ours.
fn method(rule: &Rule) -> Option<String> {
    match rule {
        Rule::HaproxyRoundRobin(None) => Some("roundrobin".to_owned()),
        Rule::HaproxyStaticRr => Some("static-rr".to_owned()),
        Rule::HaproxyLeastConnections(None) => Some("leastconn".to_owned()),
        Rule::HaproxyRandom(draws) => Some(format!("random({draws})")),
        _ => None,
    }
}

pub(super) fn configuration(scenario: &Scenario, endpoints: &Endpoints) -> String {
    let policy = &scenario.proxies.policy;
    let mut text = "global\n  maxconn 8000\n  nbthread 1\n  hard-stop-after 30s\ndefaults\n  mode http\n".to_owned();
    text += "  timeout client 600s\n  timeout http-request 60s\n  timeout queue 60s\n  option http-server-close\n";
    let timeout = policy.retries.try_timeout.map_or(60_000, millis);
    let _ = writeln!(text, "  timeout connect {timeout}ms\n  timeout server {timeout}ms");
    text += &retries(policy);
    let _ = writeln!(text, "frontend clients\n  bind {} backlog 4096", endpoints.listen);
    if let Some(share) = endpoints.share {
        let parts = (share.value() * 10_000.0).round();
        let _ = writeln!(text, "  use_backend new if {{ rand(10000) lt {parts} }}");
    }
    text += "  default_backend old\n";
    for (name, side) in [("old", &endpoints.old), ("new", &endpoints.new)] {
        let _ = writeln!(text, "backend {name}\n  balance {}", method(&policy.balancer).unwrap_or_default());
        if let Some(checks) = policy.checks {
            let _ = writeln!(text, "  option httpchk GET {HEALTH}\n  timeout check {}ms", millis(checks.timeout));
        }
        side.iter().for_each(|endpoint| text += &server(endpoint, policy));
    }
    text
}

fn server(endpoint: &Endpoint, policy: &Policy) -> String {
    let Endpoint { instance, address, weight } = endpoint;
    let mut text = format!("  server s{} {address} weight {weight}", instance.0);
    if policy.limits.per_instance < u32::MAX {
        let _ = write!(text, " maxconn {}", policy.limits.per_instance);
    }
    if let Some(checks) = policy.checks {
        let _ = write!(
            text,
            " check inter {}ms fastinter {}ms downinter {}ms rise {} fall {}",
            millis(checks.interval),
            millis(checks.fast_interval),
            millis(checks.down_interval),
            checks.rise,
            checks.fall
        );
    }
    text + "\n"
}

fn retries(policy: &Policy) -> String {
    let retries = &policy.retries;
    let mut text = format!("  retries {}\n", retries.attempts);
    text += match retries.target {
        Target::Same { redispatch: true } => "  option redispatch\n",
        Target::Same { redispatch: false } => "  no option redispatch\n",
        Target::Any | Target::Other => "  option redispatch 1\n",
    };
    let on = retries.on;
    let mut words = Vec::new();
    words.extend(on.refused.then_some("conn-failure 503"));
    words.extend(on.reset.then_some("empty-response"));
    words.extend(on.error.then_some("500 502 504"));
    words.extend(on.timeout.then_some("response-timeout"));
    let words = if retries.attempts == 0 || words.is_empty() { "none".to_owned() } else { words.join(" ") };
    let _ = writeln!(text, "  retry-on {words}");
    text
}
