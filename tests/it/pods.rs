//! Instances as pods: probes, quota, crash loops, and people who scale.

use crate::lab::{forecast, metrics, phase_at, run, strategy, value};
use rollcast::core::rollout::{BreakerThreshold, Ecs, Pace, Rolling, Strategy, TaskBreaker};
use rollcast::core::time::Span;
use rollcast::measure::forecast::{Ending, Forecast, Instances, StrategyForecast};

/// Two instances of v1 without traffic to speak of, and a v2; `fleet` and `more` are the rest of the scenario.
fn service(fleet: &str, v2: &str, more: &str) -> String {
    format!(
        "name: pods\nhorizon: 30m\n\
         traffic: {{ open: {{ stages: [ {{ rate: 10/s, for: 30m }} ] }} }}\n\
         fleet: {{ size: 2, slots: 8, shutdown: {{ drain: 0s }}, {fleet} }}\n\
         versions: {{ v1: {{ service: 5ms }}, v2: {{ like: v1{v2} }} }}\n\
         rollout: {{ at: 60s, from: v1, to: v2 }}\n{more}"
    )
}

const ROLLING: &str = "strategies: { rolling: { surge: 1, unavailable: 0 } }\n";
const RECREATE: &str = "strategies: { recreate: {} }\n";

fn note<'a>(forecast: &'a Forecast, id: &str) -> Option<&'a str> {
    forecast.notes.iter().find(|note| note.id == id).map(|note| note.text.as_str())
}

/// Seconds at whose end the row has another `part` than the row before.
fn changes(strategy: &StrategyForecast, part: impl Fn(Instances) -> u32) -> Vec<(usize, u32)> {
    let counts: Vec<u32> = strategy.timeline.iter().map(|row| part(row.new)).collect();
    let pairs = counts.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[0] != pair[1]).map(|(second, pair)| (second + 1, pair[1])).collect()
}

#[test]
fn an_instance_is_ready_at_the_first_probe_after_its_boot() {
    // It answers after 7 s; the probes ask after 5 s, 15 s, 25 s.
    for (probe, expected) in [
        ("", 7),
        (", readiness: { initial-delay: 5s }", 15),
        (", readiness: { initial-delay: 5s, successes: 3 }", 35),
        (", readiness: { initial-delay: 20s }", 20),
        (", readiness: { period: 1s }", 7),
    ] {
        let forecast = forecast(&service(&format!("boot: 7s{probe}"), "", RECREATE));
        let recreate = strategy(&forecast, "recreate");
        assert_eq!(recreate.ending, Ending::Promoted);
        let started = phase_at(recreate, "starting");
        assert_eq!(phase_at(recreate, "promoted") - started, f64::from(expected), "{probe}");
        assert_eq!(changes(recreate, |new| new.ready), [(60 + expected as usize, 2)], "{probe}");
    }
}

#[test]
fn a_silent_death_is_found_by_the_last_probe_that_must_fail() {
    // Instances of the start are probed at a random phase: the third failure lies 20 to 30 s after the death, and its
    // time-out a second later.
    let kill = "faults: [ { kill: { at: 100s, silent: true, restart: never } } ]\n";
    let bad = |fleet: &str| {
        let yaml = service(fleet, "", &format!("{RECREATE}{kill}")).replace("at: 60s", "at: 1700s");
        let forecast = forecast(&yaml);
        forecast.strategies[0].timeline.iter().rposition(|row| row.bad > 0).expect("a dead instance fails requests")
    };
    let last = bad("readiness: {}");
    assert!((120..=131).contains(&last), "the last failure is in second {last}");
    assert_eq!(bad("readiness: { period: 1s, failures: 1, timeout: 10ms }"), 100);
    assert!(bad("boot: 0s") > 1_790, "without a probe nobody finds out");
}

#[test]
fn a_quota_of_the_size_blocks_a_surge() {
    let forecast_with = |quota: &str| forecast(&service(&format!("boot: 10s{quota}"), "", ROLLING));
    let blocked = forecast_with(", quota: 2");
    let rolling = strategy(&blocked, "rolling");
    assert_eq!(rolling.ending, Ending::Unfinished);
    assert_eq!(phase_at(rolling, "stuck"), 660.0, "ten minutes without progress");
    assert_eq!(value(rolling.metrics.peak_instances), 2.0, "a pending instance does not exist");
    assert_eq!(value(rolling.metrics.extra_cost), 0.0, "and costs nothing");
    let text = note(&blocked, "quota-reached").expect("there is a note");
    assert_eq!(text, "rolling: 1 launch had to wait for the quota of 2 instances, of which 1 still waited at the end");
    let free = forecast_with(", quota: 3");
    assert_eq!(strategy(&free, "rolling").ending, Ending::Promoted);
    assert_eq!(note(&free, "quota-reached"), None);
}

#[test]
fn launches_beyond_the_quota_begin_when_others_are_gone() {
    // Both surges are ordered at once, but there is room for one; terminating instances count, here for 20 s.
    let fleet = "boot: 10s, quota: 3, shutdown: { delay: 20s, drain: 20s }";
    let yaml = service(fleet, "", "strategies: { rolling: { surge: 2, unavailable: 0 } }\n");
    let forecast = forecast(&yaml.replace("shutdown: { drain: 0s }, ", ""));
    let rolling = strategy(&forecast, "rolling");
    assert_eq!(rolling.ending, Ending::Promoted);
    // The first is ready at 70 s and lets an old one go, which is gone at 90 s.
    assert_eq!(changes(rolling, |new| new.ready), [(70, 1), (100, 2)]);
    assert_eq!(value(rolling.metrics.peak_instances), 3.0);
    assert!(note(&forecast, "quota-reached").is_some());
}

#[test]
fn a_pending_instance_that_is_drained_was_never_there() {
    // The gate of nothing: the progress deadline rolls a canary back whose instance never begins.
    let more = "strategies: { canary: { steps: [ { share: 50%, hold: 1m } ] } }\n";
    let forecast = forecast(&service("boot: 10s, quota: 2", "", more));
    let canary = strategy(&forecast, "canary");
    assert_eq!(canary.ending, Ending::RolledBack);
    assert_eq!(value(canary.metrics.peak_instances), 2.0);
    assert_eq!(value(canary.metrics.extra_cost), 0.0);
}

#[test]
fn a_crash_loop_backs_off_and_exists_all_the_while() {
    let forecast = forecast(&service("boot: 5s", ", fails-to-start: 100%", ROLLING));
    let rolling = strategy(&forecast, "rolling");
    assert_eq!(rolling.ending, Ending::Unfinished);
    assert!(changes(rolling, |new| new.ready).is_empty(), "it never becomes ready");
    assert_eq!(changes(rolling, |new| new.booting), [(60, 1)]);
    assert_eq!(value(rolling.metrics.failed_requests), 0.0, "the old instances go on");
}

#[test]
fn a_ready_instance_that_crashes_starts_again_after_ten_seconds_and_then_later() {
    // Ready at 67 s, and then it crashes 20 s after each time it became ready: the pauses are 10, 20, 40 s, and the boot
    // takes 7 s.
    let fleet = "boot: 7s, quota: 4";
    let forecast = forecast(&service(fleet, ", crashes: { after: 20s }", RECREATE));
    let recreate = strategy(&forecast, "recreate");
    let changes = changes(recreate, |new| new.ready);
    let expected = [(67, 2), (87, 0), (104, 2), (124, 0), (151, 2), (171, 0), (218, 2), (238, 0), (325, 2)];
    assert_eq!(changes[..9], expected);
    assert!(value(recreate.metrics.outage_s) > 100.0);
    // The pause grows to five minutes and no further.
    let rest: Vec<usize> = changes[9..].windows(2).filter(|pair| pair[0].1 == 0).map(|p| p[1].0 - p[0].0).collect();
    assert_eq!(rest[..3], [167, 307, 307], "160 s, 300 s and 300 s, and 7 s to boot");
}

#[test]
fn whoever_ran_for_long_begins_with_the_first_pause() {
    let fleet = "boot: 7s, restart: { first: 10s, max: 5m, reset: 2m }";
    let forecast = forecast(&service(fleet, ", crashes: { after: 2m }", RECREATE));
    let changes = changes(strategy(&forecast, "recreate"), |new| new.ready);
    let down: Vec<usize> = changes.windows(2).filter(|pair| pair[0].1 == 0).map(|p| p[1].0 - p[0].0).collect();
    assert!(down.len() > 5 && down.iter().all(|&seconds| seconds == 17), "{down:?}");
}

#[test]
fn instances_of_the_start_do_not_all_crash_at_once() {
    let yaml = service("boot: 1s", "", RECREATE)
        .replace("v1: { service: 5ms }", "v1: { service: 5ms, crashes: { after: 20m } }")
        .replace("size: 2", "size: 20")
        .replace("at: 60s", "at: 1700s");
    let forecast = forecast(&yaml);
    let least = forecast.strategies[0].timeline.iter().map(|row| row.old.ready).min();
    assert!(least.is_some_and(|least| (16..20).contains(&least)), "{least:?} of 20 were left");
    assert!(value(metrics(&forecast, "stay").outage_s) == 0.0);
}

#[test]
fn crashes_open_the_circuit_breaker_of_ecs() {
    let yaml = service("boot: 5s", ", fails-to-start: 100%", ROLLING);
    for (rollback, ending) in [(true, Ending::RolledBack), (false, Ending::Failed)] {
        let breaker = Some(TaskBreaker { threshold: BreakerThreshold::Count(3), resets: false, rollback });
        let pace = Pace::Ecs(Ecs { minimum: 100.0, maximum: 200.0, breaker });
        let ecs = run(&yaml, &Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO }));
        assert_eq!(ecs.ending, ending, "{:?}", ecs.phases);
        // Two tasks crash at 65 s; ten seconds later they start again, and crash at 80 s.
        let phase = if rollback { "rolling back" } else { "failed" };
        assert_eq!(phase_at(&ecs, phase), 80.0);
        assert_eq!(value(ecs.metrics.failed_requests), 0.0);
    }
}
