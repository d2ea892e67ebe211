//! `rollcast plan`, as a user meets it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

fn plan(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("rollcast").expect("the program was built");
    let output = command.arg("plan").args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("it ends by itself"), text(&output.stdout), text(&output.stderr))
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests").join(name).display().to_string()
}

fn json(arguments: &[&str]) -> Value {
    let (code, out, errors) = plan(&[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&out).expect("it is JSON")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the file is written");
    path.display().to_string()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\nspec:\n  replicas: 10\n  template: { spec: { containers: [ { name: a, image: b } ] } }\n";

#[test]
fn the_json_has_every_sync_with_its_counts() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = write(folder.path(), "deploy.yaml", DEPLOYMENT);
    let page = json(&[&file, "--boot", "10s", "--ready-in", "5s", "--drain", "5s"]);
    assert_eq!(page["schema"], "rollcast.plan/1");
    let specs: Vec<(u64, u64)> = page["syncs"].as_array().expect("a list").iter().map(spec).collect();
    let mut walk = specs.clone();
    walk.dedup();
    assert_eq!(walk, [(3, 10), (3, 8), (5, 8), (5, 3), (10, 3), (10, 0)]);
    assert_eq!(page["duration_s"], 30.0);
    assert_eq!(page["peak_instances"], 18);
    let last = page["syncs"].as_array().and_then(|syncs| syncs.last()).expect("it ends");
    for (key, value) in [("at_s", 35.0), ("weight", 100.0)] {
        assert_eq!(last[key], value, "{key}");
    }
    assert_eq!((&last["terminating"], &last["physical"]), (&Value::from(0), &Value::from(10)));
    assert_eq!(last["new"]["available"], 10);
    assert!(page["findings"].as_array().expect("a list").is_empty());
}

fn spec(sync: &Value) -> (u64, u64) {
    let of = |version: &str| sync[version]["spec"].as_u64().expect("a number");
    (of("new"), of("old"))
}

#[test]
fn findings_have_ids_and_lines_can_be_allowed_and_make_a_gate() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text =
        DEPLOYMENT.replace("replicas: 10", "replicas: 3\n  strategy: { rollingUpdate: { maxUnavailable: 25% } }");
    let file = write(folder.path(), "deploy.yaml", &text);
    let page = json(&[&file]);
    let finding = &page["findings"][0];
    assert_eq!((&finding["id"], &finding["line"]), (&Value::from("L5"), &Value::from(6)));
    assert!(json(&[&file, "--allow", "l5"])["findings"].as_array().expect("a list").is_empty());
    assert_eq!(plan(&[&file, "--strict"]).0, 3);
    assert_eq!(plan(&[&file, "--strict", "--allow", "L5"]).0, 0);
    let (code, out, _) = plan(&[&file, "--quota", "3"]);
    assert!(code == 0 && out.contains("never done: it gets stuck") && out.contains("L5"), "{out}");
}

#[test]
fn documents_in_different_files_refer_to_each_other() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: a }\nspec:\n  replicas: 4\n  strategy:\n    canary:\n      steps: [ { setWeight: 25 }, { analysis: { templates: [ { templateName: t } ] } } ]\n";
    let template = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: { name: t }\nspec: { metrics: [ { name: errors, interval: 1m, count: 3, failureLimit: 1, successCondition: 'result[0] < 0.01', provider: { prometheus: { query: q } } } ] }\n";
    let files = [write(folder.path(), "rollout.yaml", rollout), write(folder.path(), "template.yaml", template)];
    let page = json(&[
        &files[0],
        &files[1],
        "--metric",
        "errors=error-rate",
        "--boot",
        "0s",
        "--ready-in",
        "0s",
        "--drain",
        "0s",
    ]);
    assert_eq!(page["duration_s"], 120.0, "measured at 0, 60 and 120 s");
    let (code, _, errors) =
        plan(&[&files[0], &write(folder.path(), "bad.yaml", &template.replace("interval: 1m, ", ""))]);
    assert!(code == 2 && errors.contains("bad.yaml:4") && errors.contains("interval"), "{errors}");
}

#[test]
fn every_sample_has_a_plan_that_ends() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    for entry in std::fs::read_dir(folder).expect("the samples") {
        let name = entry.expect("a sample").file_name();
        let name = name.to_str().expect("a plain name");
        let (code, out, errors) = plan(&[&sample(name), "--width", "80"]);
        assert_eq!(code, 0, "{name}: {errors}");
        assert!(out.contains("done after"), "{name}: {out}");
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{name}: {out}");
    }
}

#[test]
fn a_manifest_on_a_service_gets_a_forecast_and_the_delay_it_needs() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = write(folder.path(), "deploy.yaml", DEPLOYMENT);
    let service = "name: svc\nhorizon: 5m\ntraffic: { open: { stages: [ { rate: 100/s, for: 5m } ] }, timeout: 2s }\nnetwork: { delay: 1ms, listing-delay: 3s }\nfleet: { size: 10, slots: 8, boot: 5s, shutdown: { drain: 10s } }\nversions: { v1: { service: 20ms }, v2: { like: v1 } }\nrollout: { at: 1m, from: v1, to: v2 }\nstrategies: { rolling: {} }\n";
    let service = write(folder.path(), "svc.yaml", service);
    let page = json(&[&file, "--service", &service]);
    let found = &page["service"];
    // A proxy hears of the end 3 s late, and what it sent until then travels for a millisecond.
    let delay = found["pre_stop_s"].as_f64().expect("it was found");
    assert!((3.0..=3.1).contains(&delay), "{delay}");
    assert_eq!((&found["loses_others"], &found["surge"]), (&Value::from(false), &Value::from(0)));
    assert_eq!(found["forecast"]["schema"], "rollcast.report/1");
    assert_eq!(found["forecast"]["strategies"][1]["name"], "a");
}

#[test]
fn what_is_no_manifest_is_refused_with_the_kinds_that_are() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for text in ["", "hello: world\n", "- 1\n", "apiVersion: v1\nkind: Service\nmetadata: { name: a }\n"] {
        let (code, out, errors) = plan(&[&write(folder.path(), "it.yaml", text)]);
        assert_eq!((code, out.as_str()), (2, ""), "{text}");
        assert!(errors.contains("Deployment") && errors.contains("it.yaml"), "{errors}");
    }
}
