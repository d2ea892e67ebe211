//! A fresh baseline as the control of a gate: what is counted of it, what it costs, why it exists, and what becomes of a
//! rollout where it does not come up.

use crate::lab::{forecast, phase_at, scenarios, story, strategy, value};
use rollcast::core::ids::{InstanceId, VersionId};
use rollcast::core::journal::{Answer, Question, Record, Replay};
use rollcast::core::judge::binomial::wilson;
use rollcast::core::proxy::Ending as How;
use rollcast::core::rollout::{Input, Order, Sample, Tally};
use rollcast::core::time::Moment;
use rollcast::measure::forecast::{Ending, StrategyForecast};
use rollcast::scenario::{load_with, parse, plan::Scenario};
use rollcast::sim;
use std::sync::{Arc, Mutex};

/// Five old instances and one new one; `fleet` and `strategy` are added to it, and `errors` are those of the new version.
fn small(fleet: &str, gate: &str, errors: &str, more: &str) -> String {
    format!(
        "name: small\nseed: 5\nhorizon: 4m\n\
         traffic: {{ open: {{ stages: [ {{ rate: 100/s, for: 4m }} ] }}, retries: {{ attempts: 1 }} }}\n\
         network: {{ delay: 1ms, listing-delay: 1s }}\nproxies: {{ count: 2 }}\n\
         fleet: {{ size: 5, slots: 20, boot: 10s, shutdown: {{ drain: 5s }}, price: 1 USD/h{fleet} }}\n\
         telemetry: {{ scrape: 5s }}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: 20ms }} }}, errors: 2% }}, v2: {{ like: v1, errors: {errors} }} }}\n\
         rollout: {{ at: 20s, from: v1, to: v2 }}\n\
         strategies: {{ canary: {{ steps: [ {{ share: 20%, hold: 40s }}, {{ share: 40%, hold: 40s }} ], keep-old: 10s, gate: {{ {gate} }} }} }}\n{more}"
    )
}

const COMPARED: &str = "judge: fisher, alpha: 0.01%, window: 10m, samples: 100, control: baseline";

/// A run, and every question to its core.
fn witnessed(yaml: &str) -> (StrategyForecast, Vec<Record>) {
    let loaded = parse(yaml, "test.yaml", &scenarios()).unwrap_or_else(|problems| panic!("{problems}\n{yaml}"));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let strategy = Some(&loaded.scenario.strategies[0].strategy);
    let witness = Arc::new(move |record| keeper.lock().expect("one thread").push(record));
    let run = sim::run_witnessed(&loaded.scenario, "canary", strategy, witness);
    let records = std::mem::take(&mut *kept.lock().expect("one thread"));
    let mut replay = Replay::new(sim::origin(&loaded.scenario, strategy));
    for record in &records {
        assert_eq!(replay.check(record), Ok(()), "{record:?}");
    }
    (run, records)
}

fn orders(records: &[Record]) -> impl Iterator<Item = (Moment, &Order)> {
    let orders = records.iter().filter_map(|record| match &record.answer {
        Answer::Orders(orders) => Some(orders.iter().map(|order| (record.at, order))),
        _ => None,
    });
    orders.flatten()
}

/// The instances of the baseline, and when each was launched.
fn baseline(records: &[Record]) -> Vec<(Moment, InstanceId)> {
    let launched = orders(records).filter_map(|(at, order)| match order {
        Order::Launch { instance, baseline: true, version } => {
            assert_eq!(*version, VersionId(0), "it is the old version");
            Some((at, *instance))
        }
        _ => None,
    });
    launched.collect()
}

fn samples(records: &[Record]) -> impl Iterator<Item = (usize, Sample)> {
    records.iter().enumerate().filter_map(|(place, record)| match record.question {
        Question::Handle { input: Input::Sample(sample) } => Some((place, sample)),
        _ => None,
    })
}

/// What ended on instances that are `meant`, among these records.
fn ended(records: &[Record], meant: impl Fn(InstanceId, VersionId) -> bool) -> Tally {
    let mut tally = Tally::default();
    for record in records {
        if let Question::Finish { pick, ending, .. } = record.question
            && meant(pick.instance, pick.version)
        {
            tally.attempts += 1;
            tally.failed += u64::from(ending != How::Served);
        }
    }
    tally
}

#[test]
fn a_gate_counts_what_the_instances_of_its_baseline_served() {
    let (run, records) = witnessed(&small("", COMPARED, "2%", ""));
    assert_eq!(run.ending, Ending::Promoted);
    let baseline: Vec<InstanceId> = baseline(&records).into_iter().map(|(_, instance)| instance).collect();
    assert_eq!(baseline.len(), 2, "one beside the first canary, one more beside the second");
    for (place, sample) in samples(&records) {
        let before = &records[..place];
        assert_eq!(sample.baseline, ended(before, |instance, _| baseline.contains(&instance)), "{:?}", sample.at);
        assert_eq!(sample.old, ended(before, |_, version| version == VersionId(0)), "it is a part of the old version");
    }
    let served = ended(&records, |instance, _| baseline.contains(&instance));
    // A sixth of 80 % for some 50 s, two sevenths of 60 % for 40 s: a thousand and some attempts.
    assert!((1_100..1_500).contains(&served.attempts) && served.failed > 10, "{served:?}");
}

/// "x of n attempts failed …, y of m of the baseline".
fn counts(reason: &str) -> [(u64, u64); 2] {
    let words: Vec<&str> = reason.split_whitespace().collect();
    let number = |text: &str| text.trim_matches([',', ':']).parse::<u64>().ok();
    let found: Vec<(u64, u64)> = words
        .windows(3)
        .filter(|three| three[1] == "of")
        .filter_map(|three| Some((number(three[0])?, number(three[2])?)))
        .collect();
    [found[0], found[1]]
}

#[test]
fn a_verdict_compares_with_the_baseline_from_when_it_serves_beside_the_canary() {
    // Those of the baseline come up seconds before or after the canary.
    for (seed, judge) in
        (1..=10).flat_map(|seed| [(seed, COMPARED), (seed, "judge: pocock, window: 15s, control: baseline")])
    {
        let yaml = small(", readiness: { period: 7s }", judge, "30%", "").replace("seed: 5", &format!("seed: {seed}"));
        let (run, records) = witnessed(&yaml.replace("boot: 10s", "boot: { uniform: { min: 5s, max: 25s } }"));
        let verdict = run.phases.iter().find(|phase| phase.phase == "rolling back").expect("30 % are found out");
        let at = |sample: &Sample| sample.at.seconds() <= verdict.at_s;
        let seen: Vec<Sample> = samples(&records).map(|(_, sample)| sample).filter(at).collect();
        let both = |sample: &&Sample| sample.new.attempts > 0 && sample.baseline.attempts > 0;
        let first = seen.iter().rev().find(|sample| !both(sample)).expect("there is a time before");
        let last = seen.last().expect("something was seen");
        let [canary, control] = counts(&verdict.reason);
        let of = |first: Tally, last: Tally| (last.failed - first.failed, last.attempts - first.attempts);
        assert_eq!(canary, of(first.new, last.new), "{}", verdict.reason);
        assert_eq!(control, of(first.baseline, last.baseline), "{}", verdict.reason);
        assert!(verdict.reason.contains("of the baseline"), "{}", verdict.reason);
    }
}

#[test]
fn the_baseline_is_paid_for_while_it_exists_and_is_gone_in_the_end() {
    let (fresh, records) = witnessed(&small("", COMPARED, "2%", ""));
    let (plain, _) = witnessed(&small("", &COMPARED.replace("baseline", "fleet"), "2%", ""));
    let steps = |run: &StrategyForecast| -> Vec<(String, f64)> {
        run.phases.iter().map(|phase| (phase.phase.clone(), phase.at_s)).collect()
    };
    assert_eq!(steps(&fresh), steps(&plain), "the same course");
    let stopped = |meant: InstanceId| {
        let drains =
            orders(&records).find(|(_, order)| matches!(order, Order::Drain { instance } if *instance == meant));
        drains.expect("it is stopped").0
    };
    let lives: f64 = baseline(&records).into_iter().map(|(at, id)| stopped(id).since(at).seconds()).sum();
    let extra_s = 3_600.0 * (value(fresh.metrics.instance_hours) - value(plain.metrics.instance_hours));
    // To the last answer, which comes well before the end of the grace period; hours are rounded.
    assert!((lives - 1e-6..=lives + 2.0 * 5.0).contains(&extra_s), "{extra_s} s more, in {lives} s of their lives");
    let promoted = phase_at(&fresh, "step 2/2") + 40.0;
    assert!(baseline(&records).iter().all(|(_, id)| stopped(*id).seconds() == promoted), "with the promotion");
    // When the last ones come, the baseline only finishes what it has.
    let peaks = [&fresh, &plain].map(|run| value(run.metrics.peak_instances));
    assert!((0.0..=2.0).contains(&(peaks[0] - peaks[1])), "{peaks:?}");
    let both = |row: &rollcast::measure::forecast::Second| row.old.ready > 5 && row.new.ready == 5;
    assert!(!fresh.timeline.iter().any(both), "no more old ones are ready beside the whole new fleet");
    let last = fresh.timeline.last().expect("it has seconds");
    assert_eq!([last.old.booting, last.old.ready, last.old.terminating, last.new.ready], [0, 0, 0, 5]);
}

fn is_held_without_data(run: &StrategyForecast) {
    assert_eq!(run.ending, Ending::Unfinished);
    let held = run.phases.last().expect("it was announced");
    assert_eq!(held.phase, "holding", "{:?}", run.phases);
    assert!(
        held.reason.starts_with("inconclusive: ")
            && held.reason.ends_with("0 of 0 of the baseline, so that there is nothing to compare with"),
        "{held:?}"
    );
}

#[test]
fn without_a_baseline_there_is_no_data_and_the_canary_stays_where_it_is() {
    let doomed = |errors: &str, more: &str| {
        small("", COMPARED, errors, more)
            .replace("errors: 2% }, v2", "errors: 2%, fails-to-start: 100% }, v2")
            .replace("like: v1,", "like: v1, fails-to-start: 0%,")
    };
    for errors in ["2%", "50%"] {
        is_held_without_data(&witnessed(&doomed(errors, "")).0);
    }
    let aborted = doomed("2%", "").replace("to: v2 }", "to: v2, people: [ { at: 150s, do: abort } ] }");
    let (run, _) = witnessed(&aborted);
    let last = run.timeline.last().expect("it has seconds");
    assert_eq!((run.ending, last.old.ready, last.old.booting, last.new.ready), (Ending::RolledBack, 5, 0, 0));
}

#[test]
fn a_quota_counts_the_baseline_after_the_canary() {
    let forecast = forecast(&small(", quota: 6", COMPARED, "2%", ""));
    let full = strategy(&forecast, "canary");
    is_held_without_data(full);
    assert_eq!(value(full.metrics.peak_instances), 6.0);
    let told = forecast.notes.iter().any(|note| note.id == "quota-reached" && note.text.contains("still waited"));
    assert!(told, "{:?}", forecast.notes);
    // Room for two fleets is enough for all steps: the baseline is gone when the last instances come.
    let roomy = crate::lab::forecast(&small(", quota: 10", COMPARED, "2%", ""));
    assert_eq!(strategy(&roomy, "canary").ending, Ending::Promoted, "{:?}", strategy(&roomy, "canary").phases);
}

#[test]
fn faults_that_kill_the_baseline_too_leave_the_fleet_as_large_as_it_was() {
    let faults = "faults: [ { kill: { at: 60s, instances: 7, restart: 5s } } ]\n";
    for (errors, ending) in [("2%", Ending::Promoted), ("40%", Ending::RolledBack)] {
        let (run, _) = witnessed(&small(
            "",
            "judge: relative, factor: 5, window: 30s, samples: 50, control: baseline",
            errors,
            faults,
        ));
        assert_eq!(run.ending, ending, "{:?}", run.phases);
        let last = run.timeline.last().expect("it has seconds");
        let (old, new) = (last.old.ready + last.old.booting, last.new.ready + last.new.booting);
        assert_eq!((old, new), if ending == Ending::Promoted { (0, 5) } else { (5, 0) });
    }
}

/// How often each strategy of the cold canary is condemned, of so many seeds.
fn condemned(overrides: &[(&str, &str)], seeds: u64) -> [u64; 2] {
    let path = scenarios().join("cold-canary.yaml");
    let overrides = [&[("horizon", "15m")], overrides].concat();
    let loaded = load_with(&path, &overrides).unwrap_or_else(|problems| panic!("{problems}"));
    let mut condemned = [0; 2];
    for seed in 1..=seeds {
        let scenario = Scenario { seed: rollcast::core::draw::Seed(seed), ..loaded.scenario.clone() };
        for (named, condemned) in scenario.strategies.iter().zip(&mut condemned) {
            let run = sim::run(&scenario, &named.name, Some(&named.strategy));
            *condemned += u64::from(run.ending == Ending::RolledBack);
        }
    }
    condemned
}

/// At 99.8 %: of healthy releases the warm fleet condemns nearly all, for their instances are cold, and a baseline that is as
/// cold hardly any; one that is slower by 60 % it condemns too.
#[test]
fn a_cold_canary_is_condemned_beside_the_fleet_and_not_beside_a_baseline() {
    const SEEDS: u64 = 30;
    let interval = |count| wilson(count, SEEDS, 0.998);
    let [fleet, baseline] = condemned(&[], SEEDS);
    println!("healthy and cold: {fleet} of {SEEDS} beside the fleet, {baseline} beside a baseline");
    assert!(interval(fleet).0 > 0.7 && interval(baseline).1 < 0.3, "{fleet} and {baseline} of {SEEDS}");
    let [fleet, baseline] = condemned(&[("versions.v2", "{ like: v1, latency: ×1.6 }")], SEEDS);
    println!("slow: {fleet} of {SEEDS} beside the fleet, {baseline} beside a baseline");
    assert!(interval(fleet).0 > 0.7 && interval(baseline).0 > 0.7, "{fleet} and {baseline} of {SEEDS}");
}

#[test]
fn the_scenario_of_the_cold_canary_keeps_its_promise() {
    let forecast = story("cold-canary", &[]);
    assert_eq!(strategy(&forecast, "against-the-fleet").ending, Ending::RolledBack);
    assert_eq!(strategy(&forecast, "against-a-baseline").ending, Ending::Promoted);
}

#[test]
fn an_uneven_load_is_told_where_slow_answers_are_compared() {
    let uneven = |gate: &str, share: &str| {
        let yaml = small("", gate, "2%", "").replace("{ share: 20%, hold: 40s }, { share: 40%, hold: 40s }", share);
        let notes = forecast(&yaml).notes;
        notes.into_iter().find(|note| note.id == "baseline-uneven").map(|note| note.text)
    };
    let slow = "judge: fisher, slower-than: 50ms, window: 20s, control: baseline";
    // One new instance beside five old ones and one of the baseline: even at a seventh.
    assert_eq!(uneven(slow, "{ share: 14.3%, hold: 20s }"), None);
    let told = uneven(slow, "{ share: 5%, hold: 20s }").expect("it has a third of that");
    assert!(told.contains("5 % of the traffic a new instance gets 0.32 times as much"), "{told}");
    assert_eq!(uneven(COMPARED, "{ share: 5%, hold: 20s }"), None, "errors are no matter of load");
    assert_eq!(uneven(&slow.replace("baseline", "fleet"), "{ share: 5%, hold: 20s }"), None);
}

/// The old version that is kept gets no traffic: the gate has compared at the steps, and nobody waits for more.
#[test]
fn an_old_fleet_that_is_kept_without_traffic_holds_nobody_up() {
    for control in ["fleet", "baseline"] {
        let gate = format!("judge: fisher, alpha: 0.01%, window: 20s, samples: 100, control: {control}");
        let yaml = small("", &gate, "2%", "").replace("keep-old: 10s", "keep-old: 60s");
        let (run, _) = witnessed(&yaml);
        assert_eq!(run.ending, Ending::Promoted, "{control}: {:?}", run.phases);
    }
}
