//! Balancers and weights in scenarios.

use super::{edited, good, problems};
use crate::core::proxy::{ColdStart, Rule, SlowStart};
use crate::core::time::Span;
use crate::scenario::{balancer, balancers};
use std::path::Path;

const HERE: &str = "{ least-connections: {} }";

#[test]
fn every_balancer_can_be_named_and_is_written_as_it_was_read() {
    for name in balancers() {
        let text = if *name == "first" { "{ first: { max-connections: 8 } }" } else { name };
        let loaded = good(&edited(HERE, text));
        let again = good(&loaded.run_yaml(Path::new("")));
        assert_eq!(loaded.scenario, again.scenario, "{name}");
    }
}

#[test]
fn aliases_stand_for_the_same_rule() {
    let rule = |name: &str| balancer(name, "test").expect("it is one");
    assert_eq!(rule("least-connections"), rule("nginx-least-connections"));
    assert_eq!(rule("weighted-round-robin"), rule("nginx-round-robin"));
    assert_eq!(rule("maglev"), rule("envoy-maglev"));
    assert_eq!(rule("pingora-ketama"), rule("ketama"));
    assert_eq!(rule("peak-ewma").cold_start(), ColdStart::FixedPrior);
}

#[test]
fn options_reach_the_rule() {
    let slow = balancer("envoy-least-request: { slow-start: { window: 60s, aggression: 2 } }", "test");
    let Ok(Rule::EnvoyLeastRequest(options)) = slow else { panic!("it is a least request") };
    let expected = SlowStart::Envoy { window: Span::from_secs(60), aggression: 2.0, min_weight: 0.1 };
    assert_eq!(options.slow_start, Some(expected));
    let slow = balancer("haproxy-least-connections: { slow-start: 30s }", "test");
    assert_eq!(slow.ok(), Some(Rule::HaproxyLeastConnections(Some(SlowStart::Haproxy(Span::from_secs(30))))));
}

#[test]
fn what_a_system_cannot_is_refused_with_the_reason() {
    let cases = [
        ("{ nginx-round-robin: { slow-start: 30s } }", "commercial build"),
        ("{ haproxy-static-rr: { slow-start: 30s } }", "map is fixed"),
        ("{ envoy-maglev: { slow-start: 30s } }", "Envoy has none for ring hash, maglev and random"),
        ("{ alb-least-outstanding: { slow-start: 30s } }", "cannot have it with least outstanding"),
        ("{ alb-round-robin: { slow-start: 10s } }", "from 30s to 15m"),
        ("first", "max-connections"),
        ("{ envoy-maglev: { table-size: 65536 } }", "expected a prime"),
        ("{ haproxy-hash: { hash-balance-factor: 150 } }", "type: consistent alone"),
        ("{ haproxy-hash: { type: consistent, hash-balance-factor: 90 } }", "a percentage from 101"),
        ("{ envoy-ring-hash: { minimum-ring-size: 9, maximum-ring-size: 8 } }", "at most the maximum of 8"),
        ("nginx-least-conections", "did you mean 'nginx-least-connections'?"),
    ];
    for (text, reason) in cases {
        let found = problems(&edited(HERE, text));
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].contains(reason), "{text}: no {reason:?} in {found:?}");
    }
}

#[test]
fn weights_go_by_version_and_only_where_they_mean_something() {
    let loaded = good(&edited(HERE, "nginx-round-robin, weights: { v1: 5 }"));
    assert_eq!(loaded.scenario.proxies.policy.weights, [5, 1]);
    let found = problems(&edited(HERE, "round-robin, weights: { v1: 5 }"));
    assert!(found[0].contains("the balancer round-robin knows none"), "{found:?}");
    let found = problems(&edited(HERE, "nginx-round-robin, weights: { v9: 5 }"));
    assert!(found[0].contains("expected one of the versions"), "{found:?}");
}
