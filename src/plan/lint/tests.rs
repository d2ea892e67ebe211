use super::*;
use crate::manifest::{self, Options};
use crate::plan::rehearse;

fn timing() -> Timing {
    Timing {
        boot: Span::from_secs(10),
        ready_in: Span::ZERO,
        drain: Span::from_secs(30),
        promote_after: Some(Span::ZERO),
        abort_at: None,
        scale: Vec::new(),
        quota: None,
    }
}

/// The ids of what is found in a manifest, with the line of the first.
fn found(text: &str, timing: &Timing, load: Load) -> (Vec<&'static str>, Option<u32>) {
    let metrics = [("success-rate".to_owned(), manifest::Metric::parse("availability").expect("a measure"))];
    let options = Options { metrics: metrics.into_iter().collect(), ..Options::default() };
    let manifests = manifest::read(text, "it.yaml", &options).unwrap_or_else(|problems| panic!("{problems}"));
    let manifest = &manifests[0];
    let size = manifest.pod.replicas.unwrap_or(1);
    let deadline = manifest.pod.progress_deadline.unwrap_or(Span::from_secs(600));
    let min_ready = manifest.pod.min_ready.unwrap_or(Span::ZERO);
    let rehearsal = rehearse(&manifest.strategy, size, min_ready, deadline, timing);
    let findings = lint(manifest, size, timing, &rehearsal, load);
    let line = findings.first().and_then(|finding| finding.line);
    (findings.into_iter().map(|finding| finding.id).collect(), line)
}

fn ids(text: &str) -> Vec<&'static str> {
    found(text, &timing(), Load::default()).0
}

fn deployment(spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: a }}\nspec:\n  {spec}\n  template: {{ spec: {{ containers: [ {{ name: a, image: b }} ] }} }}\n"
    )
}

fn rollout(replicas: u32, routing: &str, canary: &str) -> String {
    let routing = if routing.is_empty() { "" } else { "      trafficRouting: { nginx: { stableIngress: a } }\n" };
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{ name: a }}\nspec:\n  replicas: {replicas}\n  strategy:\n    canary:\n{routing}{canary}"
    )
}

fn flagger(analysis: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{ name: a }}\nspec:\n  targetRef: {{ kind: Deployment, name: a }}\n  analysis: {{ {analysis} }}\n"
    )
}

#[test]
fn a_plain_deployment_has_nothing_to_be_found() {
    assert_eq!(ids(&deployment("replicas: 10")), [""; 0]);
}

#[test]
fn much_traffic_on_few_instances_and_instances_beyond_the_fleet() {
    let much = "      steps: [ { setCanaryScale: { weight: 10 } }, { setWeight: 90 }, { pause: {} } ]\n";
    assert_eq!(ids(&rollout(10, "nginx", much)), ["L1"]);
    let many = "      steps: [ { setCanaryScale: { replicas: 15 } }, { setWeight: 90 }, { pause: {} } ]\n";
    assert_eq!(ids(&rollout(10, "nginx", many)), ["L2"]);
}

#[test]
fn a_scale_without_a_router_is_ignored() {
    let steps = "      steps: [ { setCanaryScale: { replicas: 5 } }, { setWeight: 50 }, { pause: {} } ]\n";
    assert_eq!(ids(&rollout(10, "", steps)), ["L3"]);
}

#[test]
fn so_few_instances_cannot_give_the_share() {
    assert_eq!(ids(&rollout(4, "", "      steps: [ { setWeight: 5 }, { pause: {} } ]\n")), ["L4"]);
    assert_eq!(ids(&rollout(10, "", "      steps: [ { setWeight: 20 }, { pause: {} } ]\n")), [""; 0]);
}

#[test]
fn nothing_may_be_missing_and_there_is_no_room() {
    assert_eq!(ids(&deployment("replicas: 3")), ["L5"]);
    assert_eq!(ids(&deployment("replicas: 4")), [""; 0]);
    let strict = deployment("replicas: 4\n  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }");
    assert_eq!(ids(&strict), [""; 0]);
    let full = Timing { quota: Some(4), ..timing() };
    assert_eq!(found(&strict, &full, Load::default()), (vec!["L5"], Some(6)));
}

#[test]
fn the_hook_takes_the_grace_period_and_the_waves_the_deadline() {
    let pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\nspec:\n  replicas: 10\n  minReadySeconds: 300\n  template:\n    spec:\n      terminationGracePeriodSeconds: 30\n      containers:\n      - { name: a, image: b, lifecycle: { preStop: { sleep: { seconds: 30 } } } }\n";
    assert_eq!(ids(pod), ["L6", "L7"]);
}

#[test]
fn a_single_bad_measurement_ends_it_and_so_few_requests_say_nothing() {
    let template = "---\napiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: { name: t }\nspec: { metrics: [ { name: success-rate, interval: 1m, count: 5, successCondition: 'result[0] >= 0.99', provider: { prometheus: { query: q } } } ] }\n";
    let steps = "      steps: [ { setWeight: 20 }, { analysis: { templates: [ { templateName: t } ] } } ]\n";
    let text = format!("{}{template}", rollout(10, "nginx", steps));
    assert_eq!(ids(&text), ["L8"]);
    let load = |rate| Load { rate: Rate::new(rate), ..Load::default() };
    assert_eq!(found(&text, &timing(), load(1.0)).0, ["L8", "L9"]);
    assert_eq!(found(&text, &timing(), load(100.0)).0, ["L8"]);
}

#[test]
fn the_budget_is_gone_before_the_threshold() {
    let text = flagger("interval: 10m, threshold: 20, stepWeight: 50, maxWeight: 50, stepWeightPromotion: 10");
    assert_eq!(ids(&text), ["L10"]);
}

#[test]
fn the_old_fleet_is_gone_before_anybody_knows() {
    let template = "---\napiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: { name: t }\nspec: { metrics: [ { name: success-rate, initialDelay: 2m, interval: 1m, count: 5, failureLimit: 1, successCondition: 'result[0] >= 0.99', provider: { prometheus: { query: q } } } ] }\n";
    let blue_green = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: a }\nspec:\n  replicas: 10\n  strategy:\n    blueGreen:\n      activeService: a\n      scaleDownDelaySeconds: 30\n      postPromotionAnalysis: { templates: [ { templateName: t } ] }\n";
    assert_eq!(found(&format!("{blue_green}{template}"), &timing(), Load::default()), (vec!["L11"], Some(9)));
}

#[test]
fn walks_that_overshoot_never_begin_or_end_at_once() {
    assert_eq!(ids(&flagger("threshold: 5, stepWeight: 20, maxWeight: 50, stepWeightPromotion: 10")), ["L12"]);
    assert_eq!(ids(&flagger("threshold: 5, stepWeightPromotion: 10")), ["L13"]);
    assert_eq!(ids(&flagger("threshold: 5, stepWeight: 10, maxWeight: 50")), ["L14"]);
}
