//! `rollcast budget` and `rollcast detect` as a user calls them: fields, refusals, files.

use crate::lab::scenarios;
use crate::program::{output, text};
use serde_json::Value;
use std::process::Output;

fn rollcast(arguments: &str) -> Output {
    output(&scenarios(), &arguments.split(' ').collect::<Vec<_>>())
}

fn answer(arguments: &str) -> Value {
    let run = rollcast(&format!("{arguments} --json"));
    assert!(run.status.success(), "{arguments}: {}", text(&run.stderr));
    serde_json::from_slice(&run.stdout).expect("it is JSON")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is a number in {value}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Exit code 2, nothing on the screen, and every one of `parts` among the reasons, each on a line of its own.
#[track_caller]
fn refused(arguments: &str, parts: &[&str]) {
    let run = rollcast(arguments);
    let reasons = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{arguments}: {reasons}");
    assert!(run.stdout.is_empty(), "{arguments}");
    assert!(reasons.lines().count() >= parts.len(), "{arguments}: {reasons}");
    for part in parts {
        assert!(reasons.contains(part), "{arguments}: no {part:?} in {reasons}");
    }
}

#[test]
fn budget_has_the_promised_fields_and_null_for_never() {
    let found = answer("budget --rate 1000/s --errors 20% --share 5% --for 30m");
    let mut expected =
        ["budget_min", "budget_requests", "failed_requests", "burnt", "burn_rate", "exhausted_s", "alerts"];
    expected.sort_unstable();
    let mut fields = keys(&found);
    fields.sort_unstable();
    assert_eq!(fields, expected);
    for alert in found["alerts"].as_array().expect("a list") {
        assert_eq!(keys(alert), ["clears_s", "error_ratio", "factor", "fires_s", "long_s", "short_s"]);
        for key in ["long_s", "short_s", "factor", "error_ratio"] {
            number(alert, key);
        }
        assert!(alert["fires_s"].is_null() && alert["clears_s"].is_null(), "{alert}");
    }
    assert!(answer("budget --rate 1/s --errors 0% --for 1m")["exhausted_s"].is_null());
}

#[test]
fn factors_scale_with_the_window_of_the_objective() {
    for (window, alerts, factors) in [
        ("7d", "google-30d", &[3.36, 1.4, 7.0 / 30.0][..]),
        ("30d", "sloth-30d", &[14.4, 6.0, 3.0, 1.0]),
        ("28d", "sloth-28d", &[13.44, 5.6, 2.8, 14.0 / 15.0]),
        ("90d", "google-30d", &[43.2, 18.0, 3.0]),
        ("28d", "pyrra", &[14.0, 7.0, 2.0, 1.0]),
        ("30d", "pyrra", &[14.0, 7.0, 2.0, 1.0]),
        ("28d", "pyrra-dynamic", &[14.0, 7.0, 2.0, 1.0]),
    ] {
        let found = answer(&format!(
            "budget --objective 99.999% --window {window} --rate 10/s --errors 100% --for 40d --alerts {alerts}"
        ));
        let alerts = found["alerts"].as_array().expect("a list");
        assert_eq!(alerts.len(), factors.len(), "{window}");
        for (alert, factor) in alerts.iter().zip(factors) {
            assert!((number(alert, "factor") / factor - 1.0).abs() < 1e-9, "{window}: {alert}, expected {factor}");
            assert!((number(alert, "error_ratio") / (factor * 1e-5) - 1.0).abs() < 1e-9, "{alert}");
            assert!(number(alert, "fires_s") < number(alert, "clears_s"), "{alert}");
        }
    }
}

#[test]
fn budget_tells_all_that_is_wrong_at_once() {
    refused(
        "budget --objective 105% --window 1d --rate 0/s --errors 120% --share -1% --for 0s",
        &["--objective: found 105%", "--window: found 1d", "--rate: found no traffic", "--errors", "--share", "--for"],
    );
    refused("budget --objective 99.9999999999999% --rate 1/s --errors 1% --for 1m", &["no budget to burn"]);
    refused("budget --objective 99.9 --rate 5 --errors x --for 1", &["percent sign", "--rate", "--errors", "--for"]);
}

const DETECT: &str = "detect --baseline 0.1% --bad 1% --share 5% --rate 100/s";

#[test]
fn detect_has_the_promised_fields_for_every_judge() {
    let fields = [
        "canary_requests",
        "control_requests",
        "expected_detection_s",
        "false_alarm",
        "harmed_requests",
        "inconclusive",
        "method",
        "power",
        "time_s",
    ];
    for judge in ["fisher", "z", "mann-whitney", "sprt", "pocock", "obrien-fleming", "confidence-sequence", "relative"]
    {
        let found = answer(&format!("{DETECT} --judge {judge}"));
        let mut names = keys(&found);
        names.sort_unstable();
        assert_eq!(names, fields);
        let canary = number(&found, "canary_requests");
        assert!((number(&found, "time_s") - canary / 5.0).abs() < 1e-9, "{judge}: {found}");
        assert!(number(&found, "power") > 0.75 && number(&found, "false_alarm") < 0.15, "{judge}: {found}");
        let method = if judge == "mann-whitney" { "replay" } else { "exact" };
        assert_eq!(found["method"], method, "{judge}");
    }
}

#[test]
fn detect_gives_the_worked_numbers() {
    let z = answer(&format!("{DETECT} --judge z"));
    assert_eq!((number(&z, "canary_requests"), number(&z, "control_requests")), (272.0, 5_168.0));
    let half = answer("detect --baseline 0.1% --bad 0.5% --share 5% --control baseline --rate 100/s --judge z");
    assert_eq!((number(&half, "canary_requests"), number(&half, "control_requests")), (2_311.0, 2_311.0));
    // Thirty requests in a window, a limit of 1 %: a healthy version is stopped so often.
    for (limit, expected) in [(0, 0.259_292_968), (1, 0.033_599_526), (2, 0.002_653_569)] {
        let found = answer(&format!(
            "detect --baseline 0.1% --bad 5% --share 5% --rate 10/s --judge threshold --steps 10 --interval 60s --limit {limit}"
        ));
        assert!((number(&found, "false_alarm") - expected).abs() < 1e-9, "{limit}: {found}");
    }
}

#[test]
fn detect_reads_steps_scenarios_and_manifests() {
    let steps = answer("detect --baseline 0.1% --bad 5% --rate 100/s --steps 5%:10m,25%:10m --judge sprt");
    assert!(number(&steps, "power") > 0.99);
    let gate = answer("detect --baseline 0.5% --bad 3% --rate 100/s --scenario quickstart.yaml --strategy canary");
    assert_eq!(gate["method"], "replay", "its windows overlap");
    let manifests = "../tests/manifests";
    let flagger = answer(&format!("detect {manifests}/flagger-canary.yaml --baseline 0.1% --bad 5% --rate 100/s"));
    assert!(number(&flagger, "power") > 0.99 && number(&flagger, "expected_detection_s") > 299.0, "{flagger}");
    let argo = format!("detect {manifests}/argo-canary.yaml --baseline 0.1% --bad 10% --rate 100/s");
    refused(&argo, &["--metric NAME=MEASURE"]);
    let argo = answer(&format!("{argo} --metric success-rate=availability --metric latency-p99=latency-p99-s"));
    assert!(number(&argo, "power") > 0.9, "{argo}");
}

#[test]
fn no_traffic_in_a_check_is_no_data_and_never_a_pass() {
    let found = answer("detect --baseline 0.1% --bad 5% --share 5% --rate 0.001/s --judge threshold --steps 3");
    assert_eq!((number(&found, "power"), number(&found, "inconclusive")), (0.0, 1.0));
    assert!(found["expected_detection_s"].is_null());
}

#[test]
fn detect_tells_all_that_is_wrong_at_once() {
    refused(
        "detect --baseline 2% --bad 1% --share 0% --rate 0/s --judge threshold --alpha 0% --power 100% --steps 0",
        &[
            "--alpha: found 0%",
            "--power: found 100%",
            "--bad: found 1%, expected more than --baseline, 2%",
            "--share: found 0%",
            "--rate: found no traffic",
            "--steps: found 0",
        ],
    );
    refused("detect --baseline 1% --bad 1% --rate 1/s", &["--bad: found 1%"]);
    refused("detect --baseline 1 --bad -2% --rate ten --alpha 110%", &["--baseline", "--bad", "--rate", "--alpha"]);
    refused(&format!("{DETECT} --judge oracle"), &["confidence-sequence"]);
    refused("detect --baseline 0% --bad 1% --rate 1/s --judge sprt", &["--baseline: found 0%"]);
    refused("detect --baseline 0.1% --bad 1% --share 100% --rate 1/s", &["--share: found 100%"]);
    refused(&format!("{DETECT} --steps 5%:1s,x"), &["'5%:1s'", "'x'"]);
    refused(&format!("{DETECT} --judge pocock --steps 1000"), &["--looks: found 1000 checks"]);
    refused("detect --baseline 0.1% --bad 5% --rate 100/s --scenario missing.yaml", &["missing.yaml"]);
    refused(
        "detect --baseline 0.1% --bad 5% --rate 100/s --scenario quickstart.yaml --strategy recreate",
        &["no canary beside a control"],
    );
}

#[test]
fn detect_takes_the_control_of_a_gate_unless_it_is_told_another() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("s.yaml");
    let scenario = |gate: &str| {
        let text = format!(
            "{{ name: x, horizon: 20m, traffic: {{ open: {{ stages: [ {{ rate: 10/s, for: 20m }} ] }} }}, fleet: {{ size: 6, slots: 9 }}, \
             versions: {{ v1: {{ service: 5ms }}, v2: {{ like: v1 }} }}, rollout: {{ at: 1m, from: v1, to: v2 }}, telemetry: {{ scrape: 60s }}, \
             strategies: {{ mine: {{ canary: {{ steps: [ {{ share: 12.5%, hold: 5m }}, {{ share: 50%, hold: 1m, instances: 2 }} ], gate: {{ {gate} }} }} }} }} }}"
        );
        std::fs::write(&file, text).expect("it is written");
    };
    let asked = "detect --baseline 1% --bad 5% --rate 100/s --scenario";
    let ask = |more: &str| answer(&format!("{asked} {} --strategy mine{more}", file.display()));
    let control = |found: &serde_json::Value| number(found, "control_requests") / number(found, "canary_requests");
    scenario("judge: fisher, window: 60s");
    let fleet = ask("");
    assert!((control(&fleet) - 7.0).abs() < 0.1, "{fleet}");
    let fresh = ask(" --control baseline");
    scenario("judge: fisher, window: 60s, control: baseline");
    assert_eq!([ask(""), ask(" --control fleet")], [fresh.clone(), fleet]);
    // One instance gets an eighth of the traffic, as each of the six and the other new one.
    assert!((control(&fresh) - 1.0).abs() < 0.01, "{fresh}");
    let said = rollcast(&format!("{asked} {} --strategy mine --width 200", file.display()));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains("The control is a fresh baseline of the canary's size, which gets what as many old"),
        "{said}"
    );
}

#[test]
fn detect_writes_its_plots() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = rollcast(&format!("{DETECT} --judge fisher --steps 5 --output {}", folder.path().display()));
    assert!(run.status.success(), "{}", text(&run.stderr));
    let names: Vec<String> = std::fs::read_dir(folder.path().join("detect"))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.iter().filter(|name| name.ends_with(".svg")).count(), 2, "{names:?}");
}

/// Every command in docs/judges.md, and what stands below it.
#[test]
fn the_page_on_judges_shows_what_the_program_prints() {
    let page = include_str!("../../docs/judges.md");
    let blocks: Vec<&str> = page.split("```text\n$ rollcast ").skip(1).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let (command, rest) = block.split_once('\n').expect("a command is a line");
        let shown = rest.split_once("\n```").expect("a block has an end").0;
        assert_eq!(text(&rollcast(command).stdout).trim_end(), shown, "{command}");
    }
}
