//! Flagger canaries.

use super::*;
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{Condition, Flagger, Measure, Relation, Surge};

const HEAD: &str = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: { name: shop }\n";

fn text(spec: &str) -> String {
    format!("{HEAD}spec: {{ targetRef: {{ apiVersion: apps/v1, kind: Deployment, name: shop }}, {spec} }}\n")
}

fn flagger(spec: &str) -> Flagger {
    match one(&text(spec)).strategy {
        Strategy::Flagger(flagger) => flagger,
        other => panic!("expected a walk of Flagger, found {other:?}"),
    }
}

#[test]
fn an_empty_analysis_has_the_defaults_of_flagger() {
    let walk = flagger("analysis: {}");
    assert_eq!((walk.interval, walk.threshold, walk.max_weight), (secs(60), 1, 100));
    assert_eq!((walk.step_weight, walk.iterations, walk.matches, walk.mirror), (0, 0, None, None));
    assert_eq!((walk.primary_ready, walk.canary_ready, walk.skip_analysis), (100, 100, false));
    let quarter = Amount::Percent(25.0);
    assert_eq!(walk.primary, Surge::new(quarter, quarter));
    assert_eq!(one(&text("analysis: {}")).pod.progress_deadline, Some(secs(600)));
}

#[test]
fn intervals_and_thresholds_are_clamped() {
    assert_eq!(flagger("analysis: { interval: 5s, threshold: 0 }").interval, secs(10));
    assert_eq!(flagger("analysis: { interval: often, threshold: -3 }").threshold, 1);
    assert_eq!(flagger("analysis: { interval: often }").interval, secs(60));
}

#[test]
fn steps_are_kept_as_they_are_even_if_they_overshoot() {
    let walk = flagger("analysis: { stepWeight: 20, maxWeight: 50 }");
    assert_eq!((walk.step_weight, walk.max_weight), (20, 50));
    let walk = flagger("analysis: { stepWeights: [1, 2, 10, 200], maxWeight: 50 }");
    assert_eq!((walk.step_weights, walk.max_weight), (vec![1, 2, 10, 100], 100));
    let walk = flagger("analysis: { stepWeights: [1, 2, 10, 80] }");
    assert_eq!((walk.step_weights, walk.max_weight), (vec![1, 2, 10, 80], 80));
}

#[test]
fn the_kubernetes_provider_knows_nothing_but_iterations() {
    let spec =
        "provider: kubernetes, analysis: { stepWeight: 10, maxWeight: 50, mirror: true, match: [ {headers: {}} ] }";
    let manifest = one(&text(spec));
    let listed = unused(&manifest, Fate::NotSimulated);
    assert_eq!(
        listed,
        ["spec.analysis.match", "spec.analysis.maxWeight", "spec.analysis.mirror", "spec.analysis.stepWeight"]
    );
    let walk = flagger(spec);
    assert_eq!((walk.iterations, walk.matches, walk.mirror), (10, None, None));
    assert_eq!(flagger("provider: kubernetes, analysis: { iterations: 3 }").iterations, 3);
}

#[test]
fn match_rules_and_mirrors_become_shares() {
    let walk = flagger("analysis: { iterations: 10, mirror: true, mirrorWeight: 50, match: [ {headers: {}} ] }");
    assert_eq!(walk.matches, Share::new(0.05));
    assert_eq!(walk.mirror, Share::new(0.5));
    assert_eq!(flagger("analysis: { mirror: true }").mirror, Share::new(1.0));
}

#[test]
fn built_in_metrics_are_known_and_others_by_the_mapping() {
    let metrics = "[ {name: request-success-rate, thresholdRange: {min: 99}, interval: 30s}, {name: request-duration, thresholdRange: {max: 500}}, {name: error-rate, templateRef: {name: x}, thresholdRange: {min: 0, max: 0.05}}, {name: queue, thresholdRange: {max: 5}} ]";
    let spec = format!("analysis: {{ metrics: {metrics} }}");
    assert_eq!(unused(&one(&text(&spec)), Fate::NotSimulated), ["spec.analysis.metrics.3"]);
    let checks = flagger(&spec).checks.checks;
    let at_least = |value| Some(Condition { relation: Relation::AtLeast, value });
    let at_most = |value| Some(Condition { relation: Relation::AtMost, value });
    let found: Vec<_> = checks.iter().map(|check| (check.measure, check.success, check.window)).collect();
    assert_eq!(
        found,
        [
            (Measure::Availability, at_least(0.99), secs(30)),
            (Measure::Slow { above: Span::from_millis(500) }, at_most(0.01), secs(60)),
            (Measure::ErrorRate, at_least(0.0), secs(60)),
            (Measure::ErrorRate, at_most(0.05), secs(60)),
        ]
    );
}

#[test]
fn the_older_threshold_still_counts() {
    let checks = flagger("analysis: { metrics: [ {name: request-success-rate, threshold: 95}, {name: request-duration, threshold: 250} ] }").checks.checks;
    assert_eq!(checks[0].success, Some(Condition { relation: Relation::AtLeast, value: 0.95 }));
    assert_eq!(checks[1].measure, Measure::Slow { above: Span::from_millis(250) });
}

#[test]
fn the_watched_deployment_tells_of_the_instances() {
    let deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\nspec: { replicas: 8, minReadySeconds: 3, strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } } }\n";
    let manifest = one(&(text("progressDeadlineSeconds: 60, analysis: {}") + deployment));
    assert_eq!((manifest.pod.replicas, manifest.pod.min_ready), (Some(8), Some(secs(3))));
    assert_eq!(manifest.pod.progress_deadline, Some(secs(60)));
    assert!(line(&manifest, "Deployment/shop.spec.replicas").is_some(), "{:?}", manifest.lines);
    let Strategy::Flagger(walk) = manifest.strategy else { panic!("expected a walk of Flagger") };
    assert_eq!(walk.primary, Surge::new(Amount::Count(2), Amount::Count(0)));
}

#[test]
fn what_flagger_rejects_is_rejected() {
    refused(&text("skipAnalysis: true"), "found no analysis");
    refused(&text("analysis: { stepWeight: 101 }"), "expected a whole number from 0 to 100");
    refused(&format!("{HEAD}spec: {{ analysis: {{}} }}"), "found no targetRef");
    refused(&text("analysis: { metrics: [ {name: request-duration, interval: x} ] }"), "expected a length of time");
}
