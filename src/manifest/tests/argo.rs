//! Argo Rollouts.

use super::*;
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{
    Background, BlueGreen, Condition, Hold, Measure, Relation, Routing, Scale, Split, Surge, Tolerance,
};

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: shop }\n";

fn rollout(strategy: &str) -> String {
    format!("{HEAD}spec: {{ replicas: 5, strategy: {{ {strategy} }} }}\n")
}

fn template(metric: &str) -> String {
    format!(
        "---\napiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {{ name: good }}\nspec: {{ metrics: [ {{ {metric} }} ] }}\n"
    )
}

const SUCCESS: &str = "name: success-rate, interval: 1m, count: 3, successCondition: 'result[0] >= 0.95', provider: { prometheus: { query: 'rate(x[5m])' } }";

fn held(seconds: u64) -> Hold {
    Hold::For(secs(seconds))
}

#[test]
fn a_canary_without_steps_is_a_rolling_update() {
    let quarter = Amount::Percent(25.0);
    assert_eq!(pace(one(&rollout("canary: {}"))), Pace::Surge(Surge::new(quarter, quarter)));
    let given = one(&rollout("canary: { maxSurge: 1, maxUnavailable: 0 }"));
    assert_eq!(pace(given), Pace::Surge(Surge::new(Amount::Count(1), Amount::Count(0))));
}

#[test]
fn weights_and_pauses_become_steps() {
    let steps = "[ {pause: {}}, {setWeight: 20}, {pause: {duration: 90}}, {setWeight: 50}, {pause: {duration: 10m}}, {pause: {duration: 5s}} ]";
    let canary = canary(one(&rollout(&format!("canary: {{ steps: {steps} }}"))));
    let expected = [(0.0, Hold::UntilPromoted), (20.0, held(90)), (50.0, held(600)), (50.0, held(5))];
    assert_eq!(walk(&canary.steps), expected);
    let quarter = Amount::Percent(25.0);
    assert_eq!(canary.routing, Routing::Instances(Surge::new(quarter, quarter)));
    assert_eq!((canary.keep_old, canary.keep_new, canary.aborts_at_deadline), (Span::ZERO, Some(Span::ZERO), false));
}

#[test]
fn a_router_brings_its_own_defaults() {
    let routed = "trafficRouting: { nginx: { stableIngress: shop }, maxTrafficWeight: 1000 }";
    let text = rollout(&format!(
        "canary: {{ {routed}, minPodsPerReplicaSet: 2, maxSurge: 1, steps: [ {{setWeight: 200}} ] }}"
    ));
    let manifest = one(&text);
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["spec.strategy.canary.maxSurge"]);
    let canary = canary(manifest);
    assert_eq!(walk(&canary.steps), [(20.0, held(0))]);
    assert_eq!((canary.routing, canary.least), (Routing::Traffic, 2));
    assert_eq!((canary.keep_old, canary.keep_new), (secs(30), Some(secs(30))));
}

#[test]
fn an_explicit_zero_keeps_the_aborted_instances_for_ever() {
    let text = "canary: { trafficRouting: { istio: {} }, abortScaleDownDelaySeconds: 0, dynamicStableScale: true, steps: [ {setWeight: 5} ] }";
    let canary = canary(one(&rollout(text)));
    assert_eq!((canary.keep_new, canary.dynamic_stable), (None, true));
}

#[test]
fn a_scale_of_its_own_lasts_until_the_next() {
    let steps = "[ {setCanaryScale: {weight: 25}}, {setWeight: 5}, {setCanaryScale: {replicas: 3}}, {pause: {duration: 1}}, {setCanaryScale: {matchTrafficWeight: true}}, {setWeight: 50} ]";
    let canary = canary(one(&rollout(&format!("canary: {{ trafficRouting: {{ smi: {{}} }}, steps: {steps} }}"))));
    let scales: Vec<(f64, Scale)> = canary.steps.iter().map(|step| (step.share.value(), step.scale)).collect();
    let own = Scale::Own;
    assert_eq!(scales, [(0.05, own(Amount::Percent(25.0))), (0.05, own(Amount::Count(3))), (0.5, Scale::MatchShare)]);
    assert_eq!(canary.steps[1].hold, held(1));
}

#[test]
fn a_scale_without_a_router_has_no_effect_and_is_listed() {
    let manifest = one(&rollout("canary: { steps: [ {setCanaryScale: {replicas: 3}}, {setWeight: 20} ] }"));
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["spec.strategy.canary.steps.0.setCanaryScale"]);
    let canary = canary(manifest);
    assert_eq!(canary.steps.len(), 1);
    assert_eq!(canary.steps[0].scale, Scale::MatchShare);
}

#[test]
fn a_header_route_sends_those_who_match() {
    let steps =
        "[ {setHeaderRoute: {name: beta, match: [ {headerName: x-beta, headerValue: {exact: y}} ]}}, {setWeight: 10} ]";
    let routed =
        format!("canary: {{ trafficRouting: {{ istio: {{}}, managedRoutes: [ {{name: beta}} ] }}, steps: {steps} }}");
    assert_eq!(canary(one(&rollout(&routed))).split, Split::Header(Share::new(0.05).expect("a share")));
}

#[test]
fn an_analysis_step_waits_for_its_template() {
    let steps = "[ {setWeight: 20}, {analysis: {templates: [ {templateName: good} ]}}, {pause: {duration: 30}} ]";
    let text = rollout(&format!("canary: {{ steps: {steps} }}")) + &template(SUCCESS);
    let canary = canary(one(&text));
    assert_eq!(walk(&canary.steps), [(20.0, held(0)), (20.0, held(30))]);
    let analysis = canary.steps[0].analysis.as_ref().expect("the first step has an analysis");
    let check = &analysis.checks[0];
    assert_eq!((check.interval, check.count, check.window), (Some(secs(60)), Some(3), secs(300)));
    assert_eq!(check.tolerance, Tolerance { failures: Some(0), inconclusive: 0, errors: 4, successes: 0 });
    assert_eq!(check.success, Some(Condition { relation: Relation::AtLeast, value: 0.95 }));
    assert_eq!(check.measure, Measure::Availability);
}

#[test]
fn the_background_starts_at_the_step_that_the_manifest_names() {
    let text = "canary: { analysis: {templates: [ {templateName: good} ], startingStep: 2}, steps: [ {setWeight: 20}, {pause: {duration: 1m}}, {setWeight: 40}, {pause: {}} ] }";
    let Some(Background { from_step, analysis }) = canary(one(&(rollout(text) + &template(SUCCESS)))).background else {
        panic!("there is a background analysis");
    };
    assert_eq!((from_step, names(&analysis.checks)), (1, vec!["success-rate"]));
}

#[test]
fn arguments_are_filled_in_and_dry_metrics_are_marked() {
    let metric = "name: latency, interval: '{{args.every}}', failureLimit: '{{args.limit}}', successCondition: 'result <= {{args.most}}', provider: { web: { url: x } }";
    let text = rollout(
        "blueGreen: { activeService: a, prePromotionAnalysis: { templates: [ {templateName: good} ], args: [ {name: most, value: '250'}, {name: every, value: 20s} ], dryRun: [ {metricName: latency} ] } }",
    ) + &template(metric)
        .replace("spec: {", "spec: { args: [ {name: limit, value: '-1'}, {name: most, value: '1'} ],")
        .replace("failureLimit", "consecutiveSuccessLimit: 2, failureLimit");
    let Strategy::BlueGreen(BlueGreen { before: Some(analysis), .. }) = one(&text).strategy else {
        panic!("there is an analysis before the promotion");
    };
    let check = &analysis.checks[0];
    assert_eq!(check.measure, Measure::Slow { above: Span::from_millis(250) });
    assert_eq!(check.success, Some(Condition { relation: Relation::AtMost, value: 0.01 }));
    assert_eq!((check.interval, check.tolerance.failures, check.dry_run), (Some(secs(20)), None, true));
}

#[test]
fn metrics_and_templates_that_nobody_maps_are_listed() {
    let metric = SUCCESS.replace("success-rate", "apdex");
    let text =
        rollout("canary: { steps: [ {analysis: {templates: [ {templateName: good}, {templateName: gone} ]}} ] }");
    let manifest = one(&(text + &template(&metric)));
    assert_eq!(
        unused(&manifest, Fate::NotSimulated),
        ["spec.strategy.canary.steps.0.analysis.templates.1", "AnalysisTemplate/good.spec.metrics.0"]
    );
    assert!(matches!(pace(manifest), Pace::Surge(_)), "nothing is left of its steps");
}

#[test]
fn blue_green_has_the_defaults_of_argo() {
    let manifest = one(&rollout("blueGreen: { activeService: a, previewService: b }"));
    let expected = BlueGreen {
        preview: None,
        promotion: held(0),
        before: None,
        after: None,
        bake: secs(30),
        gate: None,
        keep_new: Some(secs(30)),
        aborts_at_deadline: false,
    };
    assert_eq!(manifest.strategy, Strategy::BlueGreen(expected));
}

#[test]
fn blue_green_waits_for_a_person_or_for_time() {
    let promotion = |fields: &str| match one(&rollout(&format!("blueGreen: {{ activeService: a, {fields} }}"))).strategy
    {
        Strategy::BlueGreen(blue_green) => (blue_green.promotion, blue_green.preview),
        other => panic!("expected blue-green, found {other:?}"),
    };
    assert_eq!(promotion("autoPromotionSeconds: 10"), (held(10), None));
    assert_eq!(promotion("autoPromotionEnabled: false, autoPromotionSeconds: 10"), (Hold::UntilPromoted, None));
    assert_eq!(promotion("previewReplicaCount: 3"), (held(0), Some(3)));
}

#[test]
fn what_argo_rejects_is_rejected() {
    let cases = [
        ("canary: {}, blueGreen: { activeService: a }", "blueGreen beside canary"),
        ("", "neither canary nor blueGreen"),
        ("canary: { maxSurge: 0, maxUnavailable: 0% }", "zero for both"),
        ("canary: { steps: [ {setWeight: 101} ] }", "expected a whole number from 0 to 100"),
        ("canary: { steps: [ {setWeight: -1} ] }", "expected a whole number from 0 to 100"),
        ("canary: { steps: [ {setWeight: 1, pause: {}} ] }", "found setWeight beside pause"),
        ("canary: { steps: [ {} ] }", "found none, expected one of"),
        ("canary: { steps: [ {pause: {duration: soon}} ] }", "expected a length of time"),
        ("canary: { scaleDownDelaySeconds: 5 }", "scaleDownDelaySeconds without trafficRouting"),
        ("canary: { dynamicStableScale: true }", "dynamicStableScale without trafficRouting"),
        (
            "canary: { trafficRouting: { istio: {} }, dynamicStableScale: true, scaleDownDelaySeconds: 5, steps: [ {setWeight: 5} ] }",
            "beside scaleDownDelaySeconds",
        ),
        ("canary: { trafficRouting: { istio: {}, maxTrafficWeight: 1000 } }", "which alone support it"),
        ("blueGreen: { activeService: a, previewService: a }", "the same service"),
    ];
    for (strategy, part) in cases {
        refused(&rollout(strategy), part);
    }
}

#[test]
fn what_argo_rejects_in_a_metric_is_rejected() {
    let one_step = rollout("canary: { steps: [ {analysis: {templates: [ {templateName: good} ]}} ] }");
    let base = "name: success-rate, successCondition: 'result >= 0.9', provider: { web: {} }";
    let cases = [
        ("count: 3", "without an interval"),
        ("interval: 1m, count: 2, failureLimit: 3", "expected at least failureLimit + consecutiveSuccessLimit, 3"),
        ("interval: 1m, count: 2, inconclusiveLimit: 3", "expected at least inconclusiveLimit, 3"),
        ("interval: 1m, failureLimit: -1", "expected one of the two to end the analysis"),
        ("interval: 1m, failureLimit: -2", "expected a whole number of at least -1"),
        ("interval: sometimes", "expected a length of time"),
        ("consecutiveErrorLimit: -1", "expected a whole number of at least 0"),
    ];
    for (fields, part) in cases {
        refused(&(one_step.clone() + &template(&format!("{base}, {fields}"))), part);
    }
    refused(&(one_step.clone() + &template("name: success-rate")), "found no provider");
    let percent = base.replace("0.9", "90");
    refused(&(one_step + &template(&percent)), "availability-percent");
}
