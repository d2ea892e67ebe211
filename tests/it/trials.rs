//! A/B test, shadow, feature flag and combined, and what people do to a rollout.

use crate::lab::{forecast, metrics, phase_at, run, strategy, value};
use rollcast::core::amount::{Amount, Share};
use rollcast::core::rollout::{
    Analysis, Canary, Check, Condition, Flagger, Hold, Measure, Relation, Scale, Step, Strategy, Surge,
};
use rollcast::core::time::Span;
use rollcast::measure::forecast::{Ending, Forecast, StrategyForecast};

const USERS: f64 = 1_000.0;
const RATE: f64 = 200.0;

/// Four instances of v1, of which 1 % of the attempts fail, and a v2; `rollout` and `strategies` go inside these tables.
fn service(v2: &str, rollout: &str, strategies: &str) -> String {
    format!(
        "name: trial\nwarm-up: 10s\nhorizon: 20m\n\
         traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 20m }} ] }}, timeout: 2s, retries: {{ attempts: 1 }}, users: {USERS} }}\n\
         network: {{ delay: 1ms, listing-delay: 1s }}\n\
         fleet: {{ size: 4, slots: 8, boot: 10s, price: 1 USD/h }}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: 20ms }} }}, errors: 1% }}, v2: {{ {v2} }} }}\n\
         rollout: {{ at: 60s, from: v1, to: v2{rollout} }}\n\
         telemetry: {{ scrape: 5s }}\n\
         strategies: {{ {strategies} }}\n"
    )
}

fn note<'a>(forecast: &'a Forecast, id: &str) -> Option<&'a str> {
    forecast.notes.iter().find(|note| note.id == id).map(|note| note.text.as_str())
}

fn reason<'a>(strategy: &'a StrategyForecast, phase: &str) -> &'a str {
    let found = strategy.phases.iter().find(|known| known.phase == phase);
    &found.unwrap_or_else(|| panic!("no phase {phase}: {:?}", strategy.phases)).reason
}

fn within(value: f64, expected: f64, tolerance: f64) -> bool {
    (value / expected - 1.0).abs() < tolerance
}

#[test]
fn a_shadow_costs_instances_and_no_user_feels_it() {
    let forecast = forecast(&service("like: v1, errors: 5%", "", "shadow: { for: 5m, gate: none }"));
    let shadow = strategy(&forecast, "shadow");
    let stay = metrics(&forecast, "stay");
    assert_eq!(shadow.ending, Ending::Concluded);
    assert!(reason(shadow, "concluded").contains("the new version is worse"), "{:?}", shadow.phases);
    let metrics = &shadow.metrics;
    for (one, other) in [
        (metrics.requests, stay.requests),
        (metrics.failed_requests, stay.failed_requests),
        (metrics.latency_ms_p50, stay.latency_ms_p50),
        (metrics.latency_ms_p999, stay.latency_ms_p999),
        (metrics.latency_ms_mean, stay.latency_ms_mean),
        (metrics.retries, stay.retries),
    ] {
        assert_eq!(one, other, "the same requests with the same luck");
    }
    assert_eq!([metrics.exposed_users, metrics.harmed_users, metrics.mixed_versions_s], [Some(0.0); 3]);
    assert!(within(value(metrics.mirrored), 300.0 * RATE, 0.02), "{:?}", metrics.mirrored);
    assert_eq!(value(metrics.peak_instances), 8.0);
    assert!(value(metrics.extra_cost) > 4.0 * 310.0 / 3_600.0, "four instances while they boot and for five minutes");
    let last = shadow.timeline.last().expect("the run has seconds");
    assert_eq!((last.old.ready, last.new.ready), (4, 0), "the new version is gone");
}

#[test]
fn the_gate_of_a_shadow_sees_the_copies() {
    let strategies = "shadow: { share: 50%, for: 5m, gate: { samples: 100 } }";
    let forecast = forecast(&service("like: v1, errors: 5%", "", strategies));
    let shadow = strategy(&forecast, "shadow");
    assert_eq!(shadow.ending, Ending::RolledBack);
    assert!(phase_at(shadow, "rolling back") < 100.0);
    assert_eq!([shadow.metrics.harmed_requests, shadow.metrics.exposed_users], [Some(0.0); 2]);
    assert_eq!(value(shadow.metrics.peak_instances), 6.0, "half of the fleet for half of the traffic");
}

#[test]
fn a_flag_starts_nothing_and_is_shown_to_its_share_of_the_users() {
    let strategies = "feature-flag: { steps: [ { share: 30%, hold: manual } ], gate: none }";
    let yaml = service("like: v1, errors: 10%, fails-to-start: 50%", "", strategies);
    let forecast = forecast(&yaml);
    let flag = strategy(&forecast, "feature-flag");
    assert_eq!(flag.ending, Ending::Unfinished);
    assert!(note(&forecast, "unfinished").is_some_and(|text| text.contains("waits for a person")));
    assert!(note(&forecast, "flag-instances").is_some());
    assert_eq!((value(flag.metrics.peak_instances), value(flag.metrics.extra_cost)), (4.0, 0.0));
    assert!(within(value(flag.metrics.exposed_users), 0.3 * USERS, 0.1), "{:?}", flag.metrics.exposed_users);
    assert!(flag.metrics.harmed_requests.is_some_and(|harmed| harmed > 100.0));
    assert_eq!(flag.timeline[300].weight, Some(0.3));
    assert_eq!(value(flag.metrics.version_flips), 0.0, "a user stays on one side");
}

#[test]
fn a_flag_that_is_bad_is_off_at_once_and_one_that_is_good_is_for_everybody() {
    let strategies = "feature-flag: {}";
    let bad = forecast(&service("like: v1, errors: 30%", "", strategies));
    let flag = strategy(&bad, "feature-flag");
    assert_eq!(flag.ending, Ending::RolledBack);
    assert_eq!(value(flag.metrics.rollback_s), 0.0, "no proxy has to learn of it");
    assert!(flag.metrics.detect_s.is_some_and(|detect| (5.0..=60.0).contains(&detect)), "{:?}", flag.metrics.detect_s);
    let good = forecast(&service("like: v1, errors: 0.1%", "", strategies));
    let flag = strategy(&good, "feature-flag");
    assert_eq!((flag.ending, value(flag.metrics.rollout_s)), (Ending::Promoted, 180.0));
    assert!(value(flag.metrics.exposed_users) > 0.99 * USERS);
    let failed = |name: &str| value(metrics(&good, name).failed_requests);
    assert!(failed("feature-flag") < 0.4 * failed("stay"), "most of the run is on the better code");
}

#[test]
fn an_ab_test_measures_a_difference_and_replaces_nothing() {
    let strategies = "ab-test: { for: 10m, gate: none }";
    let forecast = forecast(&service("like: v1, errors: 3%", "", strategies));
    let test = strategy(&forecast, "ab-test");
    assert_eq!(test.ending, Ending::Concluded);
    let found = reason(test, "concluded");
    assert!(found.contains("the new version is worse"), "{found}");
    assert!(within(value(test.metrics.exposed_users), USERS / 2.0, 0.1));
    assert_eq!(value(test.metrics.version_flips), 0.0);
    let last = test.timeline.last().expect("the run has seconds");
    assert_eq!((last.old.ready, last.new.ready), (4, 2), "both versions stay as they are");
    let words = rollcast::report::terminal(&forecast, 100, false);
    assert!(words.contains("v2 was tried and measured"), "{words}");
}

#[test]
fn only_who_carries_the_header_takes_part() {
    let strategies = "ab-test: { split: header, header: 10%, for: 10m, gate: none }";
    let forecast = forecast(&service("like: v1", "", strategies));
    let test = strategy(&forecast, "ab-test");
    assert!(within(value(test.metrics.exposed_users), 0.1 * USERS, 0.25), "{:?}", test.metrics.exposed_users);
    assert!(reason(test, "concluded").contains("no clear difference"));
    assert_eq!(value(test.metrics.peak_instances), 5.0);
}

#[test]
fn combined_is_a_canary_on_a_whole_second_fleet() {
    let strategies = "combined: { steps: [ { share: 10%, hold: 1m } ], bake: 3m }, canary: { steps: [ { share: 10%, hold: 1m } ], keep-old: 3m }";
    let forecast = forecast(&service("like: v1, errors: 0.1%", "", strategies));
    let combined = strategy(&forecast, "combined");
    assert_eq!(combined.ending, Ending::Promoted);
    assert_eq!(phase_at(combined, "step 1/1"), 70.0);
    assert_eq!(phase_at(combined, "switched"), 130.0, "the new fleet is complete already");
    assert_eq!(phase_at(combined, "promoted"), 310.0);
    assert_eq!(combined.timeline[100].new.ready, 4);
    let canary = strategy(&forecast, "canary");
    assert_eq!(canary.timeline[100].new.ready, 1);
    assert_eq!(phase_at(canary, "switched"), 140.0, "three more had to boot");
}

#[test]
fn somebody_promotes_a_while_after_the_rollout_began_to_wait() {
    let steps = "{ steps: [ { share: 10%, hold: manual }, { share: 50%, hold: manual } ], gate: none }";
    let strategies = format!("canary: {steps}");
    let forecast = forecast(&service("like: v1", ", promote-after: 2m", &strategies));
    let canary = strategy(&forecast, "canary");
    assert_eq!(canary.ending, Ending::Promoted);
    let waits: Vec<f64> =
        canary.phases.iter().filter(|phase| phase.phase == "waiting").map(|phase| phase.at_s).collect();
    assert_eq!(waits, [70.0, 200.0]);
    assert_eq!((phase_at(canary, "step 2/2"), phase_at(canary, "switched")), (200.0, 330.0));
    assert_eq!(note(&forecast, "nobody-waited"), None);
}

#[test]
fn blue_green_waits_with_a_preview_for_a_person_or_a_time() {
    let strategies = "manual: { blue-green: { preview: 1, promotion: manual, bake: 1m, gate: none } }, timed: { blue-green: { promotion: 3m, bake: 1m, gate: none } }";
    let forecast = forecast(&service("like: v1", ", people: [ { at: 5m, do: promote } ]", strategies));
    let manual = strategy(&forecast, "manual");
    assert_eq!((manual.timeline[200].new.ready, manual.ending), (1, Ending::Promoted));
    assert_eq!(phase_at(manual, "switched"), 310.0, "three more boot after the promotion");
    let timed = strategy(&forecast, "timed");
    assert_eq!((phase_at(timed, "switched"), timed.timeline[200].new.ready), (250.0, 4));
}

#[test]
fn a_gate_without_evidence_stops_neither_a_preview_nor_a_person() {
    let strategies = "timed: { blue-green: { promotion: 3m, bake: 1m, gate: { error-rate: 50% } } }, manual: { canary: { steps: [ { share: 10%, hold: manual } ], keep-old: 0s, gate: { samples: 1000000 } } }";
    let forecast = forecast(&service("like: v1", ", promote-after: 2m", strategies));
    assert_eq!(phase_at(strategy(&forecast, "timed"), "switched"), 250.0);
    let manual = strategy(&forecast, "manual");
    assert_eq!(phase_at(manual, "switched"), 200.0, "three more boot after the promotion");
    assert_eq!(phase_at(manual, "holding"), 200.0, "at the end there is no person");
}

#[test]
fn people_pause_resume_and_abort() {
    let strategies = "canary: { steps: [ { share: 10%, hold: 1m } ], gate: none }";
    let pause = ", people: [ { at: 90s, do: pause }, { at: 5m, do: resume }, { at: 10m, do: promote } ]";
    let paused = forecast(&service("like: v1", pause, strategies));
    let canary = strategy(&paused, "canary");
    assert_eq!((phase_at(canary, "paused"), canary.ending), (90.0, Ending::Promoted));
    assert!(phase_at(canary, "switched") >= 300.0);
    assert!(note(&paused, "nobody-waited").is_some());
    let left = forecast(&service("like: v1", ", people: [ { at: 90s, do: pause } ]", strategies));
    assert_eq!(strategy(&left, "canary").ending, Ending::Unfinished);
    assert!(note(&left, "unfinished").is_some_and(|text| text.contains("paused")));
    let aborted = forecast(&service("like: v1", ", people: [ { at: 90s, do: abort } ]", strategies));
    let canary = strategy(&aborted, "canary");
    assert_eq!((phase_at(canary, "rolling back"), canary.ending), (90.0, Ending::RolledBack));
}

#[test]
fn another_size_of_the_fleet_is_followed_with_and_without_a_rollout() {
    let yaml = service("like: v1", "", "rolling: { surge: 1, unavailable: 0 }, canary: { gate: none }");
    let scaled = forecast(&format!("{yaml}scale: [ {{ at: 100s, size: 7 }}, {{ at: 15m, size: 3 }} ]\n"));
    for strategy in &scaled.strategies {
        let ready = |second: usize| strategy.timeline[second].old.ready + strategy.timeline[second].new.ready;
        assert!(ready(50) == 4 && ready(890) == 7 && ready(1_150) == 3, "{}", strategy.name);
    }
    for name in ["rolling", "canary"] {
        assert_eq!(strategy(&scaled, name).ending, Ending::Promoted);
    }
    assert_eq!(scaled.strategies[0].timeline[112].old.ready, 7, "they boot for ten seconds");
}

/// One measurement of the last 30 s, good while the measured share is below `limit`.
fn measured(measure: Measure, limit: f64) -> Analysis {
    let success = Condition { relation: Relation::Less, value: limit };
    Analysis { checks: vec![Check::new("check", measure, Span::from_secs(30), Some(success))] }
}

#[test]
fn an_analysis_of_latency_finds_a_slow_version() {
    let ending = |v2: &str| {
        let slow = measured(Measure::Slow { above: Span::from_millis(200) }, 0.01);
        let share = Share::new(0.2).expect("a share");
        let hold = Hold::For(Span::from_secs(60));
        let steps = vec![Step { share, scale: Scale::MatchShare, hold, analysis: Some(slow) }];
        let canary = run(&service(v2, "", "canary: {}"), &Strategy::Canary(Canary::plain(steps, None, Span::ZERO)));
        canary.ending
    };
    assert_eq!(ending("like: v1"), Ending::Promoted, "e^-9.9 of the attempts take longer than 200 ms");
    let slow = "like: v1, service: { exponential: { mean: 60ms } }";
    assert_eq!(ending(slow), Ending::RolledBack, "e^-3.3 of them do");
}

#[test]
fn flagger_copies_requests_before_it_sends_any() {
    let flagger = Flagger {
        interval: Span::from_secs(60),
        threshold: 2,
        max_weight: 50,
        step_weight: 50,
        step_weights: Vec::new(),
        step_weight_promotion: 0,
        iterations: 0,
        matches: None,
        mirror: Some(Share::ALL),
        shifts: true,
        primary_ready: 100,
        canary_ready: 100,
        skip_analysis: false,
        checks: measured(Measure::ErrorRate, 0.05),
        primary: Surge::new(Amount::Percent(25.0), Amount::Percent(25.0)),
    };
    let flagger = Strategy::Flagger(flagger);
    let good = run(&service("like: v1", "", "canary: {}"), &flagger);
    assert_eq!(good.ending, Ending::Promoted, "{:?}", good.phases);
    assert!(within(value(good.metrics.mirrored), 60.0 * RATE, 0.1), "one tick: {:?}", good.metrics.mirrored);
    let bad = run(&service("like: v1, errors: 20%", "", "canary: {}"), &flagger);
    assert_eq!(bad.ending, Ending::RolledBack);
    assert_eq!([bad.metrics.exposed_users, bad.metrics.harmed_users], [Some(0.0); 2], "the copies were enough");
}
