//! Objectives: several of them, windows of the calendar, and `OpenSLO` files.

use std::fs;

use super::{SAMPLE, good, problems};
use crate::core::promise::{Counted, Good};
use crate::core::time::Span;
use crate::scenario::{Loaded, parse};

const DAYS: u64 = 86_400;

const OPEN: &str = "\
apiVersion: openslo/v1
kind: SLO
metadata: { name: checkout, displayName: Checkout }
spec:
  service: checkout
  indicator: { metadata: { name: good }, spec: { ratioMetric: { counter: true, good: {}, total: {} } } }
  timeWindow: [ { duration: 4w, isRolling: true } ]
  budgetingMethod: Occurrences
  objectives: [ { target: 0.995 } ]
  alertPolicies: [ page ]
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: fast }
spec:
  indicator: { metadata: { name: slow }, spec: { thresholdMetric: {} } }
  timeWindow: [ { duration: 1M, isRolling: false, calendar: { startTime: 2026-01-01 00:00:00, timeZone: UTC } } ]
  budgetingMethod: Timeslices
  objectives:
    - { op: lte, value: 300, targetPercent: 99, timeSliceTarget: 0.9, timeSliceWindow: 5m }
";

/// The sample with another `slo`.
fn with(slo: &str) -> String {
    let rest: Vec<&str> = SAMPLE.lines().filter(|line| !line.starts_with("slo:")).collect();
    format!("{}\nslo: {slo}\n", rest.join("\n"))
}

#[test]
fn a_service_may_promise_several_things() {
    let text = with(
        "{ objective: 99.9%, today: 2026-02-12, window: month, spent: 40%, also: { fast: { objective: 99%, within: 300ms, \
         window: 28d, alerts: sloth-28d }, slices: { objective: 99.5%, method: time-slices } } }",
    );
    let slo = good(&text).scenario.slo;
    let names: Vec<&str> = slo.promises.iter().map(|promise| promise.name.as_str()).collect();
    assert_eq!(names, ["availability", "fast", "slices"]);
    let [first, fast, slices] = slo.promises.as_slice() else { panic!("there are three") };
    assert_eq!((first.objective.window, first.elapsed), (Span::from_secs(28 * DAYS), Some(Span::from_secs(11 * DAYS))));
    assert_eq!((fast.good, fast.elapsed), (Good::Within(Span::from_millis(300)), None));
    assert_eq!((slices.counted, slices.objective.window), (Counted::TimeSlices, Span::from_secs(30 * DAYS)));
    assert_eq!(slo.limits().collect::<Vec<_>>(), [Span::from_millis(300)]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases = [
        ("{ window: month }", "expected slo.today"),
        ("{ window: 2d }", "found 2d, expected at least 3d, over which an alert looks"),
        ("{ window: week, today: 2026-02-15, alerts: pyrra }", ""),
        ("{ also: { fast: { objective: 100%, within: 1s } } }", "found 100%"),
        ("{ also: { fast: { within: 1s } } }", "objective"),
        ("{ also: { availability: { objective: 99% } } }", "another objective has already"),
        ("{ latency: { fast: 300ms } }", "expected 'from'"),
        ("{ today: 2026-02-30 }", "expected a day such as"),
        ("{ window: fortnight }", "or one of: day, week, month, quarter, year"),
        ("{ from: none.yaml }", "cannot be read"),
    ];
    for (slo, part) in cases {
        let found = problems(&with(slo));
        assert_eq!(found.len(), usize::from(!part.is_empty()), "{slo}: {found:#?}");
        assert!(found.iter().all(|problem| problem.contains(part)), "{slo}: {found:#?}");
    }
}

fn beside(open: &str, slo: &str) -> Result<Loaded, Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    fs::write(folder.path().join("slo.yaml"), open).expect("the folder is ours");
    let read = parse(&with(slo), "good.yaml", folder.path());
    read.map_err(|problems| problems.iter().map(|problem| super::first_line(&problem.to_string())).collect())
}

#[test]
fn an_openslo_file_brings_its_objectives() {
    let slo = "{ from: slo.yaml, today: 2026-02-12, spent: 10%, latency: { fast: 300ms } }";
    let slo = beside(OPEN, slo).expect("both are good").scenario.slo;
    let [checkout, fast] = slo.promises.as_slice() else { panic!("there are two") };
    assert_eq!((checkout.name.as_str(), checkout.objective.objective.value()), ("checkout", 0.995));
    assert_eq!((checkout.objective.window, checkout.spent.value()), (Span::from_secs(28 * DAYS), 0.1));
    assert_eq!((fast.good, fast.counted), (Good::Within(Span::from_millis(300)), Counted::TimeSlices));
    assert_eq!((fast.objective.objective.value(), fast.objective.timeslice.length), (0.99, Span::from_secs(300)));
    assert_eq!((fast.objective.window, fast.elapsed), (Span::from_secs(28 * DAYS), Some(Span::from_secs(11 * DAYS))));
    let left_out = slo.left_out.join("\n");
    for part in ["checkout: ", "spec.alertPolicies", "metadata.displayName", "spec.indicator"] {
        assert!(left_out.contains(part), "{part}: {left_out}");
    }
}

#[test]
fn an_objective_by_threshold_needs_to_be_told_what_it_means() {
    let slo = beside(OPEN, "{ from: slo.yaml }").expect("what is not simulated is said").scenario.slo;
    assert_eq!(slo.promises.len(), 1);
    assert!(slo.left_out.join("\n").contains("fast: an objective by thresholdMetric"), "{:?}", slo.left_out);
}

#[test]
fn what_is_wrong_in_an_openslo_file_is_said_with_its_line() {
    let cases = [
        (
            "target: 0.995",
            "target: 1",
            "slo.yaml:9:27: spec.objectives.0.target: found '1', expected a number from 0 to below 1",
        ),
        ("target: 0.995", "target: 0.9, targetPercent: 90", "found target and targetPercent, expected one of them"),
        ("target: 0.995", "value: 1", "found neither target nor targetPercent"),
        ("target: 0.995", "target: 0.9, op: lte", "it belongs to a thresholdMetric"),
        ("duration: 4w, isRolling: true", "duration: 4 weeks, isRolling: true", "such as 30d"),
        (
            "timeWindow: [ { duration: 4w, isRolling: true } ]",
            "timeWindow: []",
            "found 0 windows, expected exactly one",
        ),
        ("budgetingMethod: Occurrences", "budgetingMethod: Often", "one of: Occurrences, Timeslices"),
        (
            "openslo/v1\nkind: SLO\nmetadata: { name: checkout",
            "openslo/v1alpha\nkind: SLO\nmetadata: { name: checkout",
            "expected openslo/v1",
        ),
        ("duration: 1M", "duration: 2M", "one of 1d, 1w, 1M, 1Q, 1Y"),
        (", timeSliceWindow: 5m", "", "expected one with budgetingMethod: Timeslices"),
        ("metadata: { name: fast }", "metadata: {}", "found no name"),
        (
            ", spec: { ratioMetric: { counter: true, good: {}, total: {} } }",
            ", spec: {}",
            "found neither of ratioMetric",
        ),
    ];
    for (old, new, part) in cases {
        assert!(OPEN.contains(old), "{old}");
        let found = beside(&OPEN.replacen(old, new, 1), "{ from: slo.yaml, today: 2026-02-12, latency: { fast: 1s } }");
        let found = found.expect_err(part);
        assert!(
            found.iter().any(|problem| problem.contains(part) && problem.contains("slo.yaml:")),
            "{part}: {found:#?}"
        );
    }
    let twice = OPEN.replace("target: 0.995", "target: 7").replace("duration: 1M", "duration: 1X");
    assert_eq!(beside(&twice, "{ from: slo.yaml }").expect_err("two things are wrong").len(), 2);
    assert!(beside("a: 1\n", "{ from: slo.yaml }").is_err() && beside("", "{ from: slo.yaml }").is_err());
}

#[test]
fn a_file_and_an_objective_of_its_own_exclude_each_other() {
    let found = beside(OPEN, "{ from: slo.yaml, objective: 99%, window: 30d, latency: { quick: 1s } }");
    let found = found.expect_err("three things are wrong");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[2].contains("expected one of the objectives in the file"), "{found:#?}");
}

#[test]
fn a_scenario_with_a_file_can_be_written_down_and_read_again() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    fs::write(folder.path().join("slo.yaml"), OPEN).expect("the folder is ours");
    let text = with("{ from: slo.yaml, today: 2026-02-12, also: { more: { objective: 90%, within: 1s } } }");
    let first = parse(&text, "good.yaml", folder.path()).expect("it is good");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("the folder is ours");
    let again = parse(&first.run_yaml(&inner), "run.yaml", &inner).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(again.scenario.slo, first.scenario.slo);
}
