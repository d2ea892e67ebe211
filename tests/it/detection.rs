//! Canary power against the full engine, and the verdicts of gates against their judges on the same counts.

use crate::lab::scenarios;
use rollcast::core::draw::Seed;
use rollcast::core::judge::{Count, Judge, Seen};
use rollcast::core::rollout::Strategy;
use rollcast::measure::detect::{Case, Group, odds, watch};
use rollcast::measure::forecast::{Ending, StrategyForecast};
use rollcast::scenario::{parse, plan::Scenario};

const RATE: f64 = 50.0;
const BASELINE: f64 = 0.005;
const TRIALS: u64 = 250;

/// The canary's instance is there at 30 s, when a sample is taken: five more come while it has a fifth of the traffic.
fn scenario(gate: &str, errors: f64) -> Scenario {
    let yaml = format!(
        "name: power\nhorizon: 200s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 200s }} ] }} }}\n\
         fleet: {{ size: 5, slots: 50, boot: 1s }}\n\
         telemetry: {{ scrape: 30s }}\n\
         versions: {{ v1: {{ service: 5ms, errors: {}% }}, v2: {{ like: v1, errors: {}% }} }}\n\
         rollout: {{ at: 29s, from: v1, to: v2 }}\n\
         strategies: {{ canary: {{ steps: [ {{ share: 20%, hold: 155s }} ], gate: {{ {gate} }} }} }}\n",
        100.0 * BASELINE,
        100.0 * errors
    );
    parse(&yaml, "test.yaml", &scenarios()).unwrap_or_else(|problems| panic!("{problems}\n{yaml}")).scenario
}

fn canary(scenario: &Scenario) -> &Strategy {
    &scenario.strategies[0].strategy
}

/// What becomes of the rollout under each seed.
fn runs(scenario: &Scenario) -> impl Iterator<Item = StrategyForecast> {
    (1..=TRIALS).map(|seed| {
        let scenario = Scenario { seed: Seed(seed), ..scenario.clone() };
        rollcast::sim::run(&scenario, "canary", Some(canary(&scenario)))
    })
}

const GATES: [&str; 7] = [
    "judge: threshold, error-rate: 1.2%, window: 30s",
    "judge: relative, factor: 3, window: 30s, samples: 100",
    "judge: fisher, window: 30s, samples: 100",
    "judge: z, window: 30s, samples: 100",
    "judge: sprt, baseline: 0.5%, bad: 2%",
    "judge: pocock, looks: 5, window: 30s",
    "judge: confidence-sequence, bad: 2%",
];

#[test]
fn probabilities_are_those_of_the_engine() {
    GATES.into_iter().for_each(|gate| compare_with_the_engine(gate, (5, 300, 1_200)));
}

/// Samples come every 30 s, and looks once per window.
#[test]
fn so_they_are_of_planned_looks_that_take_several_samples_each() {
    compare_with_the_engine("judge: pocock, looks: 2, window: 60s", (2, 600, 2_400));
    compare_with_the_engine("judge: obrien-fleming, looks: 5, window: 45s, alpha: 2%", (3, 600, 2_400));
}

/// A fresh instance gets a sixth of what the old version gets, as each of the five others does.
#[test]
fn so_they_are_where_the_control_is_a_fresh_baseline() {
    for gate in [
        "judge: relative, factor: 3, window: 30s, samples: 100, control: baseline",
        "judge: fisher, window: 30s, samples: 100, control: baseline",
        "judge: pocock, looks: 5, window: 30s, control: baseline",
        "judge: confidence-sequence, bad: 2%, control: baseline",
    ] {
        compare_with_the_engine(gate, (5, 300, 200));
    }
}

/// Of 250 runs, at 99.9 %: the exact probability lies in the interval of what the engine did. Arrivals are a Poisson process
/// there, and even in the enumeration: two points for that. `looks`: how many, and what canary and control get by the first.
fn compare_with_the_engine(gate: &str, looks: (usize, u64, u64)) {
    for errors in [BASELINE, 0.02] {
        let scenario = scenario(gate, errors);
        let watched = watch(canary(&scenario), scenario.telemetry.scrape).expect("it has a gate");
        let checks = watched.checks(RATE, Group::of(watched.control, scenario.fleet.size));
        assert_eq!((checks.list.len(), checks.list[0].canary, checks.list[0].control), looks);
        let case = Case { judge: watched.judge, floor: watched.floor, baseline: BASELINE, bad: 0.02 };
        let (expected, _) = odds(&case, &checks, errors);
        let (mut condemned, mut detection_s) = (0.0, 0.0);
        for run in runs(&scenario) {
            condemned += f64::from(u8::from(run.ending == Ending::RolledBack)) / TRIALS as f64;
            detection_s += run.metrics.detect_s.unwrap_or(0.0) / TRIALS as f64;
        }
        let spread = (expected.condemned * (1.0 - expected.condemned) / TRIALS as f64).sqrt();
        let wide = 3.3 * spread + 0.02;
        println!("{gate} at {errors}: {expected:?}, the engine {condemned}, {detection_s} s");
        assert!((condemned - expected.condemned).abs() < wide, "{gate} at {errors}: {condemned} {expected:?}");
        if condemned > 0.5 {
            let (found, mean_s) = (detection_s / condemned, expected.detection_s.expect("some are condemned"));
            assert!((found / mean_s - 1.0).abs() < 0.15, "{gate}: {found} s, expected {mean_s} s");
        }
    }
}

/// "x of n attempts failed …, y of m of the old version".
fn counts(reason: &str) -> (Count, Option<Count>) {
    let words: Vec<&str> = reason.split_whitespace().collect();
    let mut found = words.windows(3).filter(|three| three[1] == "of").filter_map(|three| {
        let number = |text: &str| text.trim_matches(',').parse::<u64>().ok();
        Some(Count::new(number(three[0])?, number(three[2])?))
    });
    (found.next().expect("a verdict has its counts"), found.next())
}

#[test]
fn a_gate_says_what_its_judge_says_of_the_same_counts() {
    for gate in GATES {
        let scenario = scenario(gate, 0.05);
        let judge = watch(canary(&scenario), scenario.telemetry.scrape).expect("it has a gate").judge;
        let mut verdicts = 0;
        for run in runs(&scenario).take(20) {
            let Some(phase) = run.phases.iter().find(|phase| phase.phase == "rolling back") else { continue };
            let (canary, control) = counts(&phase.reason);
            assert_eq!(control.is_some(), judge.needs_control(), "{}", phase.reason);
            let look = (1 + ((phase.at_s - 60.0) / 30.0).round() as u32).min(5);
            let seen = Seen { canary, control: control.unwrap_or_default(), look, points: (&[], &[]) };
            let verdict = judge.judge(&seen, 1);
            assert!(verdict.is_fail(), "{gate}: {} but {verdict:?}", phase.reason);
            if !matches!(judge, Judge::Threshold(_)) {
                let finding = verdict.evidence().finding.to_string();
                assert!(phase.reason.ends_with(&finding), "{}: {finding}", phase.reason);
            }
            verdicts += 1;
        }
        assert!(verdicts >= 15, "{gate}: {verdicts} verdicts");
    }
}
