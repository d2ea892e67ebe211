use super::*;
use crate::core::amount::Amount;
use crate::core::judge::Judge;
use crate::core::rollout::{
    Analysis, BlueGreen, BreakerThreshold, Canary, Check, Control, Ecs, Flagger, Gate, Hold, Measure, Nomad, Pace,
    Rolling, Routing, Scale, Step, Surge, TaskBreaker,
};

use crate::plan::explain::explain;

fn timing() -> Timing {
    Timing {
        boot: Span::from_secs(10),
        ready_in: Span::from_secs(10),
        drain: Span::from_secs(30),
        promote_after: Some(Span::ZERO),
        abort_at: None,
        scale: Vec::new(),
        quota: None,
    }
}

fn run_with(strategy: &Strategy, size: u32, timing: &Timing) -> Rehearsal {
    rehearse(strategy, size, Span::ZERO, Span::from_secs(600), timing)
}

fn run(strategy: &Strategy, size: u32) -> Rehearsal {
    run_with(strategy, size, &timing())
}

fn surge(surge: f64, unavailable: f64) -> Surge {
    Surge::new(Amount::Percent(surge), Amount::Percent(unavailable))
}

fn rolling(pace: Pace) -> Strategy {
    Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO })
}

/// The changes of size, as `n3`, `o8`, with the second at which they were ordered.
fn walk(rehearsal: &Rehearsal) -> Vec<String> {
    let changes = rehearsal.rows.iter().flat_map(|row| row.orders.iter().map(move |order| (row.at, order)));
    let changes = changes.filter(|(_, order)| order.contains('→'));
    let short = |order: &str| format!("{}{}", &order[..1], order.rsplit(' ').next().unwrap_or(""));
    changes.map(|(at, order)| format!("{}@{}", short(order), at.seconds())).collect()
}

fn weights(rehearsal: &Rehearsal) -> Vec<(f64, f64)> {
    let mut weights: Vec<(f64, f64)> = Vec::new();
    for row in &rehearsal.rows {
        let weight = percent(row.weight);
        if weights.last().is_none_or(|&(_, last)| last != weight) {
            weights.push((row.at.seconds(), weight));
        }
    }
    weights
}

#[test]
fn ten_by_a_quarter_walks_as_kubernetes_and_exists_eighteen_fold() {
    let timing = Timing { drain: Span::from_secs(15), ..timing() };
    let rehearsal = run_with(&rolling(Pace::Surge(surge(25.0, 25.0))), 10, &timing);
    assert_eq!(walk(&rehearsal), ["n3@0", "o8@0", "n5@0", "o3@20", "n10@20", "o0@40"]);
    assert_eq!((rehearsal.peak, rehearsal.least_available), (18, 8));
    assert_eq!((rehearsal.duration, rehearsal.settled), (Some(Span::from_secs(40)), Span::from_secs(55)));
    assert_eq!(rehearsal.ending, Ending::Promoted);
}

#[test]
fn terminating_instances_hold_up_their_replacements_where_they_count() {
    let waits = Surge { waits_for_termination: true, ..surge(25.0, 25.0) };
    let rehearsal = run(&rolling(Pace::Surge(waits)), 10);
    assert_eq!(rehearsal.peak, 13);
    assert_eq!(rehearsal.ending, Ending::Promoted);
}

#[test]
fn a_quota_without_room_is_a_deadlock() {
    let full = Timing { quota: Some(3), ..timing() };
    let rehearsal = run_with(&rolling(Pace::Surge(surge(25.0, 25.0))), 3, &full);
    assert_eq!((rehearsal.ending, rehearsal.peak), (Ending::Stuck, 3));
    let roomy = Timing { quota: Some(4), ..timing() };
    let rehearsal = run_with(&rolling(Pace::Surge(surge(25.0, 25.0))), 3, &roomy);
    assert_eq!((rehearsal.ending, rehearsal.peak), (Ending::Promoted, 4));
}

#[test]
fn ecs_starts_first_and_stops_what_the_minimum_leaves() {
    let service = |minimum, maximum| rolling(Pace::Ecs(Ecs { minimum, maximum, breaker: None }));
    assert_eq!(walk(&run(&service(100.0, 200.0), 4)), ["n4@0", "o0@20"]);
    assert_eq!(walk(&run(&service(50.0, 100.0), 4)), ["o2@0", "n2@0", "o0@20", "n4@20"]);
    let stuck = run(&service(100.0, 125.0), 3);
    assert_eq!((stuck.ending, stuck.duration), (Ending::Stuck, None));
}

#[test]
fn nomad_dips_by_what_it_replaces() {
    let job = Nomad::new(4);
    let rehearsal = run(&rolling(Pace::Nomad(job)), 10);
    assert_eq!(walk(&rehearsal), ["n4@0", "o6@0", "n8@20", "o2@20", "n10@40", "o0@40"]);
    assert_eq!(rehearsal.least_available, 6);
    let job = Nomad { parallel: 1, canaries: 1, ..job };
    let rehearsal = run(&rolling(Pace::Nomad(job)), 3);
    assert_eq!(walk(&rehearsal), ["n1@0", "n2@20", "o1@20", "n3@40", "o0@40"]);
    assert_eq!(rehearsal.least_available, 2);
}

#[test]
fn half_of_nine_hosts_at_a_time() {
    let rehearsal = run(&rolling(Pace::Hosts(Amount::Percent(50.0))), 9);
    assert_eq!((rehearsal.least_available, rehearsal.peak, rehearsal.ending), (5, 9, Ending::Promoted));
}

fn share(percent: f64) -> Share {
    Share::new(percent / 100.0).expect("a share")
}

fn step(percent: f64, hold: u64) -> Step {
    Step::plain(share(percent), Span::from_secs(hold))
}

fn canary(steps: Vec<Step>) -> Canary {
    Canary::plain(steps, None, Span::from_secs(30))
}

#[test]
fn a_routed_canary_raises_its_weight_after_its_instances() {
    let rehearsal = run(&Strategy::Canary(canary(vec![step(20.0, 60), step(50.0, 60)])), 10);
    assert_eq!(walk(&rehearsal), ["n2@0", "n5@80", "n10@160", "o0@210"]);
    assert_eq!(weights(&rehearsal), [(0.0, 0.0), (20.0, 20.0), (100.0, 50.0), (180.0, 100.0)]);
    assert_eq!(rehearsal.peak, 20);
}

#[test]
fn a_baseline_grows_with_the_canary_and_goes_before_the_last_ones_are_launched() {
    let gate = Gate {
        judge: Judge::Fisher(share(5.0)),
        control: Control::Baseline,
        ..Gate::limit(Share::NONE, 1, Span::from_secs(60))
    };
    let steps = canary(vec![step(10.0, 60), step(40.0, 60)]);
    let strategy = Strategy::Canary(Canary { gate: Some(gate), ..steps });
    let rehearsal = run(&strategy, 10);
    assert_eq!(walk(&rehearsal), ["n1@0", "b1@0", "n4@80", "b4@80", "b0@160", "n10@160", "o0@210"]);
    assert_eq!((rehearsal.ending, rehearsal.peak), (Ending::Promoted, 24), "four of them go while six come");
    let said = explain(&strategy, 10);
    assert!(
        said.last().is_some_and(|line| line.starts_with("baseline: as many old instances as new ones")),
        "{said:?}"
    );
}

#[test]
fn a_dynamic_stable_shrinks_with_its_share_and_grows_back_first() {
    let dynamic = Canary { dynamic_stable: true, ..canary(vec![step(40.0, 60), step(80.0, 600)]) };
    let strategy = Strategy::Canary(dynamic);
    let rehearsal = run(&strategy, 10);
    assert_eq!(walk(&rehearsal), ["n4@0", "o6@20", "n8@80", "o2@100", "n10@700", "o0@720"]);
    let aborted = run_with(&strategy, 10, &Timing { abort_at: Some(Span::from_secs(200)), ..timing() });
    assert_eq!(aborted.ending, Ending::RolledBack);
    assert!(aborted.least_available >= 10, "{}", aborted.least_available);
    assert_eq!(weights(&aborted).last(), Some(&(240.0, 0.0)));
}

#[test]
fn a_canary_by_count_takes_the_nearest_numbers() {
    let routing = Routing::Instances(Surge::new(Amount::Count(1), Amount::Count(0)));
    let rehearsal = run(&Strategy::Canary(Canary { routing, ..canary(vec![step(25.0, 60)]) }), 10);
    let at_hold =
        rehearsal.rows.iter().find(|row| row.phases.iter().any(|(phase, _)| matches!(phase, Phase::Step(..))));
    let at_hold = at_hold.expect("it holds");
    assert_eq!((at_hold.new.spec, at_hold.old.spec), (3, 8));
    assert_eq!(rehearsal.ending, Ending::Promoted);
    assert!(rehearsal.rows.iter().all(|row| row.new.spec + row.old.spec <= 11));
    assert!(rehearsal.least_available >= 10);
}

#[test]
fn batches_stop_where_they_end_and_wait_for_somebody() {
    let routing = Routing::Batches { surge: surge(25.0, 25.0), traffic: false };
    let batch =
        |percent| Step { scale: Scale::Own(Amount::Percent(percent)), hold: Hold::UntilPromoted, ..step(percent, 0) };
    let strategy = Strategy::Canary(Canary { routing, ..canary(vec![batch(20.0), batch(50.0)]) });
    let patient = run_with(&strategy, 10, &Timing { promote_after: Some(Span::from_secs(600)), ..timing() });
    assert_eq!(patient.ending, Ending::Promoted);
    let nobody = run_with(&strategy, 10, &Timing { promote_after: None, ..timing() });
    assert_eq!(nobody.ending, Ending::Waiting);
    let last = nobody.rows.last().expect("it began");
    assert_eq!((last.new.spec, last.old.spec), (2, 8));
}

#[test]
fn a_preview_is_raised_to_the_whole_fleet_before_the_switch() {
    let blue_green = BlueGreen {
        preview: Some(3),
        promotion: Hold::For(Span::from_secs(10)),
        ..BlueGreen::plain(Span::from_secs(30), None)
    };
    let rehearsal = run(&Strategy::BlueGreen(blue_green), 5);
    assert_eq!(walk(&rehearsal), ["n3@0", "n5@30", "o0@80"]);
    assert_eq!(weights(&rehearsal), [(0.0, 0.0), (50.0, 100.0)]);
}

fn analysis(interval: u64, count: u32) -> Analysis {
    let once = Check::new("success-rate", Measure::Availability, Span::from_secs(60), None);
    let check = Check { interval: Some(Span::from_secs(interval)), count: Some(count), ..once };
    Analysis { checks: vec![check] }
}

#[test]
fn an_analysis_holds_a_step_until_its_last_measurement() {
    let analysed = Step { analysis: Some(analysis(60, 3)), ..step(20.0, 0) };
    let rehearsal = run(&Strategy::Canary(canary(vec![analysed])), 10);
    // Ready after 20 s, measured at 20, 80 and 140 s, the rest ready 20 s later, the old ones kept for 30 s.
    assert_eq!(walk(&rehearsal), ["n2@0", "n10@140", "o0@190"]);
}

fn flagger() -> Flagger {
    Flagger::sample()
}

#[test]
fn flagger_overshoots_promotes_and_rolls_a_second_time() {
    let rehearsal = run(&Strategy::Flagger(flagger()), 4);
    let shares: Vec<f64> = weights(&rehearsal).into_iter().map(|(_, share)| share).collect();
    assert_eq!(shares[..4], [0.0, 20.0, 40.0, 60.0]);
    assert_eq!(rehearsal.ending, Ending::Promoted);
    // Four of the canary, four of the primary, one more at its rolling update, and what terminates meanwhile.
    assert!(rehearsal.peak >= 9, "{}", rehearsal.peak);
    assert!(rehearsal.least_available >= 4);
    let last = rehearsal.rows.last().expect("it went on");
    assert_eq!((last.new.spec, last.new.available, last.old.spec, last.physical), (4, 4, 0, 4));
    // Detected at 0, three advances, the promotion, the return of the traffic, the end: ticks 1 to 6 at least.
    assert_eq!(rehearsal.duration, Some(Span::from_secs(360)));
}

#[test]
fn scaling_in_mid_rollout_is_spread_and_finished() {
    let scale = vec![(Span::from_secs(5), 20)];
    let rehearsal = run_with(&rolling(Pace::Surge(surge(25.0, 25.0))), 10, &Timing { scale, ..timing() });
    assert_eq!(rehearsal.ending, Ending::Promoted);
    let last = rehearsal.rows.last().expect("it went on");
    assert_eq!((last.new.available, last.old.spec), (20, 0));
}

#[test]
fn every_strategy_can_be_aborted_and_comes_back() {
    let steps = vec![step(20.0, 60), step(60.0, 60)];
    let by_count = Routing::Instances(surge(25.0, 25.0));
    let batches = Routing::Batches { surge: surge(25.0, 25.0), traffic: true };
    let breaker = TaskBreaker { threshold: BreakerThreshold::Bounded(50.0), resets: false, rollback: true };
    let strategies = [
        rolling(Pace::Surge(surge(25.0, 25.0))),
        rolling(Pace::Ecs(Ecs { minimum: 100.0, maximum: 150.0, breaker: Some(breaker) })),
        rolling(Pace::Nomad(Nomad { canaries: 1, auto_promote: true, auto_revert: true, ..Nomad::new(2) })),
        rolling(Pace::Hosts(Amount::Percent(50.0))),
        Strategy::BlueGreen(BlueGreen::plain(Span::from_secs(120), None)),
        Strategy::Canary(canary(steps.clone())),
        Strategy::Canary(Canary { dynamic_stable: true, ..canary(steps.clone()) }),
        Strategy::Canary(Canary { routing: by_count, ..canary(steps.clone()) }),
        Strategy::Canary(Canary { routing: batches, ..canary(steps) }),
        Strategy::Flagger(flagger()),
    ];
    for strategy in strategies {
        for second in [0, 1, 15, 20, 25, 45, 70, 100, 130] {
            let timing = Timing { abort_at: Some(Span::from_secs(second)), ..timing() };
            let rehearsal = run_with(&strategy, 8, &timing);
            let last = rehearsal.rows.last().expect("it began");
            match rehearsal.ending {
                Ending::RolledBack => {
                    assert_eq!((last.old.available, last.new.spec), (8, 0), "{strategy:?} aborted after {second} s");
                    assert_eq!(last.weight, Share::NONE);
                }
                Ending::Promoted => assert_eq!((last.new.available, last.old.spec), (8, 0)),
                other => panic!("{strategy:?} aborted after {second} s ended {other:?}"),
            }
        }
    }
}
