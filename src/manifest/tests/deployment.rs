//! `apps/v1` Deployment.

use super::*;
use crate::core::amount::Amount;
use crate::core::rollout::Surge;

const HEAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\n";

fn deployment(spec: &str) -> Manifest {
    one(&format!("{HEAD}spec: {{ {spec} }}"))
}

fn surge(manifest: Manifest) -> Surge {
    match pace(manifest) {
        Pace::Surge(surge) => surge,
        other => panic!("expected surge and unavailable, found {other:?}"),
    }
}

#[test]
fn a_deployment_without_anything_has_the_defaults_of_kubernetes() {
    let manifest = deployment("template: { spec: { containers: [] } }");
    assert_eq!((manifest.kind, manifest.name.as_str()), (Kind::Deployment, "shop"));
    let pod = Pod {
        min_ready: Some(Span::ZERO),
        progress_deadline: Some(secs(600)),
        grace: Some(secs(30)),
        ..Pod::default()
    };
    assert_eq!(manifest.pod, pod);
    let quarter = Amount::Percent(25.0);
    assert_eq!(surge(manifest), Surge::new(quarter, quarter));
}

#[test]
fn surge_and_unavailable_are_counts_or_percentages() {
    let manifest = deployment("strategy: { rollingUpdate: { maxSurge: 150%, maxUnavailable: 2 } }");
    assert_eq!(surge(manifest), Surge::new(Amount::Percent(150.0), Amount::Count(2)));
    let waits = surge(deployment("podReplacementPolicy: TerminationComplete"));
    assert!(waits.waits_for_termination);
}

#[test]
fn recreate_has_no_gate() {
    let manifest = deployment("strategy: { type: Recreate }");
    assert!(matches!(manifest.strategy, Strategy::Recreate(recreate) if recreate.gate.is_none()));
}

#[test]
fn the_pod_template_tells_probe_grace_and_hook() {
    let text = format!(
        "{HEAD}spec:\n  replicas: 3\n  minReadySeconds: 10\n  template:\n    metadata: {{ labels: {{ a: b }} }}\n    spec:\n      terminationGracePeriodSeconds: 45\n      containers:\n        - name: web\n          image: web:2\n          lifecycle: {{ preStop: {{ exec: {{ command: [sh, -c, sleep 8] }} }} }}\n          readinessProbe: {{ httpGet: {{ path: / }}, periodSeconds: 5, successThreshold: 2 }}\n        - name: mesh\n          image: mesh:1\n          lifecycle: {{ preStop: {{ sleep: {{ seconds: 12 }} }} }}\n          readinesProbe: {{}}\n"
    );
    let manifest = one(&text);
    let probe = Probe { initial_delay: Span::ZERO, period: secs(5), timeout: secs(1), successes: 2, failures: 3 };
    let pod = Pod {
        replicas: Some(3),
        min_ready: Some(secs(10)),
        progress_deadline: Some(secs(600)),
        grace: Some(secs(45)),
        pre_stop: Some(secs(12)),
        readiness: Some(probe),
    };
    assert_eq!(manifest.pod, pod);
    assert_eq!(unused(&manifest, Fate::Unknown), ["spec.template.spec.containers.1.readinesProbe"]);
    assert_eq!(
        unused(&manifest, Fate::NotSimulated),
        [
            "spec.template.metadata",
            "spec.template.spec.containers.0.image",
            "spec.template.spec.containers.0.readinessProbe.httpGet",
            "spec.template.spec.containers.1.image",
        ]
    );
    assert_eq!(line(&manifest, "spec.replicas"), Some(5));
    assert_eq!(line(&manifest, "spec.template.spec.terminationGracePeriodSeconds"), Some(10));
}

#[test]
fn what_kubernetes_rejects_is_rejected() {
    let cases = [
        ("strategy: { rollingUpdate: { maxUnavailable: 101% } }", "found 101%, expected at most 100%"),
        ("strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 0% } }", "zero for both"),
        ("strategy: { type: Recreate, rollingUpdate: { maxSurge: 1 } }", "beside the type Recreate"),
        ("strategy: { type: Canary }", "expected one of: RollingUpdate, Recreate"),
        ("minReadySeconds: 60, progressDeadlineSeconds: 60", "found 60s, expected more than minReadySeconds, 60s"),
        ("replicas: \"3\"", "found '3', expected a whole number"),
        ("replicas: -1", "found '-1', expected a whole number"),
        ("strategy: { rollingUpdate: { maxSurge: \"1\" } }", "or a whole percentage"),
        ("strategy: { rollingUpdate: { maxSurge: 12.5% } }", "or a whole percentage"),
        ("paused: maybe", "expected true or false"),
        ("strategy: [1]", "found a list, expected a table"),
    ];
    for (spec, part) in cases {
        refused(&format!("{HEAD}spec: {{ {spec} }}"), part);
    }
}

#[test]
fn problems_name_the_line() {
    let text = format!("{HEAD}spec:\n  replicas: many\n  strategy:\n    rollingUpdate:\n      maxSurge: x\n");
    assert_eq!(wrong(&text).len(), 2);
    assert!(wrong(&text)[0].starts_with("5: spec.replicas: "), "{:?}", wrong(&text));
    assert!(wrong(&text)[1].starts_with("8: spec.strategy.rollingUpdate.maxSurge: "), "{:?}", wrong(&text));
}
