use super::*;
use crate::core::amount::Share;

fn flagger() -> Flagger {
    Flagger::sample()
}

const WELL: View = View { primary: Readiness::Ready, canary: Readiness::Ready, checks_pass: true };

/// Ticks under which all goes well: the weight after each, and how many it took to the end.
fn weights(flagger: &Flagger) -> Vec<u32> {
    let mut walk = Walk::START;
    let mut weights = Vec::new();
    while walk.phase == WalkPhase::Progressing && weights.len() < 1_000 {
        if walk.tick(flagger, WELL) != Act::Promote {
            weights.push(walk.weight);
        }
    }
    weights
}

#[test]
fn steps_may_overshoot_the_maximum() {
    assert_eq!(weights(&flagger()), [20, 40, 60]);
}

#[test]
fn step_weights_are_walked_and_the_last_is_capped() {
    let by = |step_weights: &[u32]| Flagger { step_weight: 0, step_weights: step_weights.to_vec(), ..flagger() };
    assert_eq!(weights(&by(&[1, 2, 10, 80])), [1, 2, 10, 80]);
    assert_eq!(weights(&by(&[1, 2, 10, 200])), [1, 2, 10, 100]);
}

#[test]
fn twenty_five_advances_of_two_percent() {
    assert_eq!(weights(&Flagger { step_weight: 2, ..flagger() }).len(), 25);
}

#[test]
fn without_a_step_it_never_advances() {
    assert_eq!(weights(&Flagger { step_weight: 0, ..flagger() }), vec![0; 1_000]);
}

#[test]
fn failed_checks_add_up_and_are_tested_at_the_start_of_a_tick() {
    let mut walk = Walk::START;
    let flagger = Flagger { threshold: 2, ..flagger() };
    let bad = View { checks_pass: false, ..WELL };
    let acts: Vec<Act> = [bad, bad, WELL, bad, WELL].into_iter().map(|view| walk.tick(&flagger, view)).collect();
    // The first tick has no traffic to check yet.
    assert_eq!(acts, [Act::Route, Act::Fail, Act::Route, Act::Fail, Act::RollBack]);
    assert_eq!((walk.weight, walk.phase), (0, WalkPhase::Failed));
}

#[test]
fn a_canary_that_is_not_ready_is_no_failed_check() {
    let mut walk = Walk::START;
    assert_eq!(walk.tick(&flagger(), View { canary: Readiness::Waiting, ..WELL }), Act::Wait);
    assert_eq!(walk.failed_checks, 0);
    assert_eq!(walk.tick(&flagger(), View { canary: Readiness::Late, ..WELL }), Act::RollBack);
}

#[test]
fn readiness_rounds_the_threshold_down() {
    assert_eq!(Readiness::of(4, 2, 50, false), Readiness::Ready);
    assert_eq!(Readiness::of(4, 1, 50, false), Readiness::Waiting);
    assert_eq!(Readiness::of(3, 1, 50, false), Readiness::Ready);
}

#[test]
fn mirroring_takes_one_tick_before_the_first_weight() {
    let mut walk = Walk::START;
    let flagger = Flagger { step_weight: 10, mirror: Share::new(1.0), ..flagger() };
    assert_eq!((walk.tick(&flagger, WELL), walk.weight, walk.mirrored), (Act::Route, 0, true));
    assert_eq!((walk.tick(&flagger, WELL), walk.weight, walk.mirrored), (Act::Route, 10, false));
}

#[test]
fn blue_green_iterates_switches_and_promotes() {
    let mut walk = Walk::START;
    let flagger = Flagger { step_weight: 0, iterations: 2, ..flagger() };
    let acts: Vec<(Act, u32)> = (0..4).map(|_| (walk.tick(&flagger, WELL), walk.weight)).collect();
    assert_eq!(acts, [(Act::Iterate, 0), (Act::Iterate, 0), (Act::Route, 100), (Act::Promote, 100)]);
    let mut walk = Walk::START;
    let kubernetes = Flagger { shifts: false, ..flagger };
    let acts: Vec<(Act, u32)> = (0..4).map(|_| (walk.tick(&kubernetes, WELL), walk.weight)).collect();
    assert_eq!(acts, [(Act::Iterate, 0), (Act::Iterate, 0), (Act::Iterate, 0), (Act::Promote, 0)]);
}

#[test]
fn an_a_b_test_routes_who_matches_at_once() {
    let mut walk = Walk::START;
    let flagger = Flagger { step_weight: 0, iterations: 2, matches: Share::new(0.05), ..flagger() };
    let acts: Vec<(Act, u32)> = (0..3).map(|_| (walk.tick(&flagger, WELL), walk.weight)).collect();
    assert_eq!(acts, [(Act::Route, 100), (Act::Iterate, 100), (Act::Promote, 100)]);
}

#[test]
fn the_promotion_returns_traffic_in_steps_and_a_broken_primary_gets_none() {
    let flagger = Flagger { step_weight_promotion: 40, ..flagger() };
    let mut walk = Walk { weight: 60, phase: WalkPhase::Promoting, ..Walk::START };
    let late = View { primary: Readiness::Waiting, ..WELL };
    assert_eq!((walk.tick(&flagger, late), walk.weight), (Act::Wait, 60));
    assert_eq!((walk.tick(&flagger, WELL), walk.weight), (Act::Route, 20));
    assert_eq!((walk.tick(&flagger, WELL), walk.weight), (Act::Route, 0));
    assert_eq!((walk.tick(&flagger, WELL), walk.phase), (Act::Finish, WalkPhase::Succeeded));
    let mut walk = Walk { weight: 60, phase: WalkPhase::Promoting, ..Walk::START };
    assert_eq!(walk.tick(&flagger, View { primary: Readiness::Late, ..WELL }), Act::Hold);
    assert_eq!((walk.weight, walk.phase), (100, WalkPhase::Failed));
}
