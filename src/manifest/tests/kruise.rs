//! `OpenKruise` Rollouts.

use super::*;
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{Hold, Routing, Scale, Split, Surge};

const HEAD: &str = "apiVersion: rollouts.kruise.io/v1beta1\nkind: Rollout\nmetadata: { name: shop }\n";

fn text(strategy: &str) -> String {
    format!(
        "{HEAD}spec: {{ workloadRef: {{ apiVersion: apps/v1, kind: Deployment, name: shop }}, strategy: {{ {strategy} }} }}\n"
    )
}

fn held(seconds: u64) -> Hold {
    Hold::For(secs(seconds))
}

const ROUTED: &str = "trafficRoutings: [ {service: shop, ingress: {name: shop}} ]";

#[test]
fn batches_keep_their_numbers_for_the_controller_to_round() {
    let steps = "steps: [ {replicas: 5, pause: {duration: 60}}, {replicas: 20%}, {replicas: 100%} ]";
    let canary = canary(one(&text(&format!("canary: {{ {steps} }}"))));
    let scales: Vec<Scale> = canary.steps.iter().map(|step| step.scale).collect();
    let own = Scale::Own;
    assert_eq!(scales, [own(Amount::Count(5)), own(Amount::Percent(20.0)), own(Amount::Percent(100.0))]);
    let holds: Vec<Hold> = canary.steps.iter().map(|step| step.hold).collect();
    assert_eq!(holds, [held(60), Hold::UntilPromoted, held(0)]);
    let quarter = Amount::Percent(25.0);
    assert_eq!(canary.routing, Routing::Batches { surge: Surge::new(quarter, quarter), traffic: false });
}

#[test]
fn the_workload_gives_size_and_limits() {
    let deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\nspec: { replicas: 10, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } }\n";
    let manifest = one(&(text("canary: { steps: [ {replicas: 5} ] }") + deployment));
    assert_eq!(manifest.pod.replicas, Some(10));
    let canary = canary(manifest);
    assert_eq!(walk(&canary.steps), [(50.0, Hold::UntilPromoted)]);
    let surge = Surge::new(Amount::Count(0), Amount::Count(1));
    assert_eq!(canary.routing, Routing::Batches { surge, traffic: false });
}

#[test]
fn a_clone_set_has_limits_of_its_own() {
    let canary =
        canary(one(&text("canary: { steps: [ {replicas: 1} ] }").replace("kind: Deployment", "kind: CloneSet")));
    let surge = Surge::new(Amount::Count(0), Amount::Percent(20.0));
    assert_eq!(canary.routing, Routing::Batches { surge, traffic: false });
}

#[test]
fn traffic_goes_by_its_own_share_and_matches_before_it() {
    let steps = "steps: [ {replicas: 1, matches: [ {headers: []} ]}, {replicas: 30%, traffic: 5%}, {replicas: 100%} ]";
    let canary = canary(one(&text(&format!("canary: {{ {ROUTED}, {steps} }}"))));
    let shares: Vec<f64> = canary.steps.iter().map(|step| step.share.value()).collect();
    assert_eq!(shares, [0.05, 0.05, 1.0]);
    assert_eq!(canary.split, Split::Header(Share::new(0.05).expect("a share")));
    assert!(matches!(canary.routing, Routing::Batches { traffic: true, .. }));
}

#[test]
fn an_extra_workload_leaves_the_old_one_whole() {
    let steps = "enableExtraWorkloadForCanary: true, steps: [ {replicas: 100%, traffic: 10%} ]";
    let extra = canary(one(&text(&format!("canary: {{ {ROUTED}, {steps} }}"))));
    assert_eq!((extra.routing, extra.steps[0].share.value()), (Routing::Traffic, 0.1));
    let alone = canary(one(&text("canary: { enableExtraWorkloadForCanary: true, steps: [ {replicas: 25%} ] }")));
    assert_eq!(alone.steps[0].share.value(), 0.2);
}

#[test]
fn blue_green_with_one_switch_is_blue_green() {
    let steps = "steps: [ {replicas: 100%, traffic: 0%, pause: {duration: 30}}, {replicas: 100%, traffic: 100%} ]";
    let Strategy::BlueGreen(blue_green) = one(&text(&format!("blueGreen: {{ {ROUTED}, {steps} }}"))).strategy else {
        panic!("expected blue-green");
    };
    assert_eq!((blue_green.promotion, blue_green.preview), (held(30), None));
    let slow =
        "steps: [ {replicas: 100%, traffic: 0%}, {replicas: 100%, traffic: 50%}, {replicas: 100%, traffic: 100%} ]";
    assert_eq!(canary(one(&text(&format!("blueGreen: {{ {ROUTED}, {slow} }}")))).routing, Routing::Traffic);
}

#[test]
fn what_kruise_rejects_is_rejected() {
    let many = "{replicas: 1},".repeat(51);
    let cases = [
        ("canary: { steps: [] }", "found no steps"),
        (&format!("canary: {{ steps: [ {many} ] }}"), "found 51 steps, expected at most 50"),
        ("canary: { steps: [ {replicas: 40%}, {replicas: 20%} ] }", "fewer replicas than in the step before"),
        ("canary: { steps: [ {replicas: 0} ] }", "expected a number above zero"),
        ("canary: { steps: [ {replicas: 101%} ] }", "expected a number above zero"),
        ("canary: { steps: [ {traffic: 5%} ] }", "expected a step with replicas"),
        ("canary: { steps: [ {replicas: 1, traffic: 0%} ] }", "a whole percentage from 1% to 100%"),
        ("canary: { steps: [ {replicas: 60%, traffic: 5%} ] }", "expected at most 50%"),
        ("canary: { steps: [ {replicas: 1} ] }, blueGreen: {}", "blueGreen beside canary"),
        ("paused: false", "neither canary nor blueGreen"),
    ];
    for (strategy, part) in cases {
        refused(&text(strategy), part);
    }
    refused(&text("canary: {}").replace("v1beta1", "v1alpha1"), "expected v1beta1");
}
