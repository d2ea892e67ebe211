//! Real HTTP through the core: what is refused, cut, slow or wrong is retried as the core says, and a fresh core gives the
//! same answers. Machines may be slow: nothing here depends on how fast anything is.

use assert_cmd::Command;
use rollcast::core::ids::InstanceId;
use rollcast::core::journal::{Answer, Question, Record, Replay};
use rollcast::core::proxy::{Ending, Next};
use rollcast::core::rollout::{Input, Order, Sample};
use rollcast::measure::metric::Metrics;
use rollcast::scenario::{Loaded, parse};
use rollcast::{live, sim};
use std::path::Path;
use std::sync::{Arc, Mutex};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn rollcast(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("rollcast").expect("the program is built");
    command.current_dir(ROOT).args(arguments).output().expect("it runs")
}

fn scenario(changes: &str) -> Loaded {
    with_strategy("rolling: { surge: 1, unavailable: 0 }", changes)
}

fn with_strategy(strategy: &str, changes: &str) -> Loaded {
    let text = format!(
        "
name: tiny
seed: 5
horizon: 3s
fleet: {{ size: 3, slots: 20, boot: 200ms, shutdown: {{ drain: 100ms }} }}
rollout: {{ at: 500ms, from: v1, to: v2 }}
strategies: {{ {strategy} }}
{changes}
"
    );
    parse(&text, "tiny.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The metrics of a live run under its only strategy, and its journal, which a fresh core has been asked again.
fn run(loaded: &Loaded) -> (Metrics, Vec<Record>) {
    let scenario = &loaded.scenario;
    assert_eq!(live::refusals(scenario), Vec::<String>::new());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let strategy = Some(&scenario.strategies[0].strategy);
    let witness = Arc::new(move |record| keeper.lock().expect("nobody panics with it").push(record));
    let measured = live::run(scenario, strategy, Some(witness)).expect("this machine has ports and threads");
    let records = std::mem::take(&mut *kept.lock().expect("nobody panics with it"));
    let mut replay = Replay::new(sim::origin(scenario, strategy));
    for record in &records {
        assert_eq!(replay.check(record), Ok(()), "{record:?}");
    }
    let mut forecast = sim::summary(scenario, vec![measured.meter.clone(), measured.meter], Vec::new());
    (forecast.strategies.remove(1).metrics, records)
}

/// How often attempts ended so, and how many of those were allowed a retry.
fn endings(records: &[Record], wanted: Ending) -> (usize, usize) {
    let nexts = records.iter().filter_map(|record| match (&record.question, &record.answer) {
        (Question::Finish { ending, .. }, Answer::Next(next)) if *ending == wanted => Some(*next),
        _ => None,
    });
    let nexts: Vec<Next> = nexts.collect();
    (nexts.len(), nexts.iter().filter(|next| **next != Next::Done).count())
}

#[test]
fn a_dead_upstream_is_retried_elsewhere() {
    let (metrics, records) = run(&scenario(
        "
traffic: { open: { stages: [ { rate: 100/s, for: 3s } ] }, timeout: 10s, retries: { attempts: 3 } }
network: { listing-delay: 400ms }
versions: { v1: { service: 2ms }, v2: { like: v1 } }
",
    ));
    let (refused, retried) = endings(&records, Ending::Refused);
    assert!(refused > 5, "stopped instances stay listed for a while: {refused}");
    assert!(retried > 5, "and what they refuse is tried again: {retried}");
    // The journal goes on for a moment after the horizon, the metrics do not.
    let counted = metrics.refused_by_stopping.expect("it was measured");
    assert!(counted > 0.0 && counted <= refused as f64, "{counted} of {refused}");
    assert_eq!(metrics.failed_requests, Some(0.0), "so that nobody notices");
}

#[test]
fn an_error_is_retried_and_a_second_one_is_the_answer() {
    let (metrics, records) = run(&scenario(
        "
traffic: { open: { stages: [ { rate: 100/s, for: 3s } ] }, timeout: 10s, retries: { attempts: 1, on: [ error ], backoff: { fixed: { wait: 5ms } } } }
versions: { v1: { service: 2ms, errors: 30% }, v2: { like: v1 } }
",
    ));
    let (errors, retried) = endings(&records, Ending::Error);
    assert!(retried > 30 && errors > retried, "{retried} of {errors}");
    let bad = metrics.failed_requests.expect("it was measured");
    let all = metrics.requests.expect("it was measured");
    assert!(bad > 0.0 && bad < 0.2 * all, "about 9 %: {bad} of {all}");
}

#[test]
fn what_outlasts_the_grace_period_is_cut_and_retried() {
    let (metrics, records) = run(&scenario(
        "
traffic: { open: { stages: [ { rate: 30/s, for: 3s } ] }, timeout: 10s, retries: { attempts: 1 } }
versions: { v1: { service: 300ms }, v2: { service: 5ms } }
",
    ));
    let (reset, retried) = endings(&records, Ending::Reset);
    assert!(reset > 0 && retried > 0, "{retried} of {reset}");
    let dropped = metrics.dropped_in_flight.expect("it was measured");
    assert!(dropped > 0.0 && dropped <= reset as f64, "{dropped} of {reset}");
}

/// The instances of a fresh baseline, and how many attempts ended there.
fn on_baseline(records: &[Record]) -> (Vec<InstanceId>, u64) {
    let orders = records.iter().filter_map(|record| match &record.answer {
        Answer::Orders(orders) => Some(orders),
        _ => None,
    });
    let launched = orders.flatten().filter_map(|order| match order {
        Order::Launch { instance, baseline: true, .. } => Some(*instance),
        _ => None,
    });
    let baseline: Vec<InstanceId> = launched.collect();
    let ended = records.iter().filter(|record| match &record.question {
        Question::Finish { pick, .. } => baseline.contains(&pick.instance),
        _ => false,
    });
    let ended = ended.count() as u64;
    (baseline, ended)
}

#[test]
fn a_fresh_baseline_serves_beside_the_canary_and_is_counted_apart() {
    let gate = "judge: fisher, window: 10s, samples: 1, control: baseline";
    let loaded = with_strategy(
        &format!("canary: {{ steps: [ {{ share: 30%, hold: 500ms }} ], keep-old: 100ms, gate: {{ {gate} }} }}"),
        "
traffic: { open: { stages: [ { rate: 200/s, for: 3s } ] }, timeout: 10s }
telemetry: { scrape: 100ms }
versions: { v1: { service: 2ms }, v2: { like: v1 } }
",
    );
    let (_, records) = run(&loaded);
    let (baseline, ended) = on_baseline(&records);
    assert_eq!(baseline.len(), 1);
    let samples = records.iter().filter_map(|record| match record.question {
        Question::Handle { input: Input::Sample(sample) } => Some(sample),
        _ => None,
    });
    let samples: Vec<Sample> = samples.collect();
    let counted = samples.iter().map(|sample| sample.baseline.attempts).max().expect("there are samples");
    assert!(counted > 0 && counted <= ended, "{counted} counted, {ended} ended");
    assert!(samples.iter().all(|sample| sample.baseline.attempts <= sample.old.attempts), "a part of the old version");
}

#[test]
fn an_attempt_that_takes_too_long_is_left() {
    let (_, records) = run(&scenario(
        "
traffic: { open: { stages: [ { rate: 50/s, for: 3s } ] }, timeout: 300ms, retries: { attempts: 1, on: [ timeout ], try-timeout: 100ms } }
versions: { v1: { service: 3s }, v2: { like: v1 } }
",
    ));
    let (timed_out, retried) = endings(&records, Ending::TimedOut);
    assert!(timed_out > 10 && retried > 10, "{retried} of {timed_out}");
    // Both attempts may be over in time, or the client may be gone first: on a slow machine this is not sure.
    assert_eq!(endings(&records, Ending::Served).0, 0);
}

#[test]
fn the_smoke_scenario_ends_in_time_and_its_journal_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("j.csv");
    let journal = journal.to_str().expect("its name is text");
    let run = rollcast(&["live", "scenarios/live-smoke.yaml", "--journal", journal, "--no-files"]);
    let (said, wrong) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{wrong}");
    assert_eq!(wrong, "", "nothing went wrong on the way");
    assert!(said.starts_with("live: real HTTP on this machine: 3 runs"), "{said}");
    assert!(said.contains("canary     rolled back") || said.contains("canary    rolled back"), "{said}");
    let replay = rollcast(&["replay", journal]);
    let said = String::from_utf8_lossy(&replay.stdout);
    assert_eq!(replay.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&replay.stderr));
    assert!(said.contains("answers, all identical") && !said.contains("damaged"), "{said}");
}

#[test]
fn what_only_virtual_time_can_do_is_refused_at_once_and_all_of_it() {
    let run = rollcast(&["live", "scenarios/new-search-ranking.yaml", "--no-files"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    for name in ["strategies.shadow", "strategies.feature-flag"] {
        assert!(said.contains(name), "{name} is missing in {said}");
    }
}
