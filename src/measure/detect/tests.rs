use super::*;
use crate::core::amount::Share;
use crate::core::judge::kayenta::Direction;
use crate::core::judge::{Anytime, GroupSequential, Rules, Shape, Sides, Sprt};

fn share(value: f64) -> Share {
    Share::new(value).expect("a share")
}

fn case(judge: Judge, baseline: f64, bad: f64) -> Case {
    Case { judge, floor: 1, baseline, bad }
}

fn checks(number: u32, canary: u64, control: u64, limit: u32) -> Checks {
    let check = |k: u32| Check { at_s: 60.0 * f64::from(k), canary, control };
    Checks { list: (1..=number).map(check).collect(), limit, window: 1, holds: false, until_decided: false, after: 0 }
}

fn wanted(power: f64, part: f64) -> Wanted {
    Wanted { alpha: 0.05, power, canary_rate: 10.0 * part, ratio: (1.0 - part) / part, interval_s: 60.0 }
}

#[test]
fn a_healthy_version_with_little_traffic_is_aborted_by_argos_defaults() {
    let judge = Judge::Threshold(share(0.01));
    for (limit, expected) in [(0, 0.259_292_968), (1, 0.033_599_526), (2, 0.002_653_569)] {
        let (found, method) = odds(&case(judge, 0.001, 0.01), &checks(10, 30, 570, limit), 0.001);
        assert!((found.condemned - expected).abs() < 1e-9, "{limit}: {found:?}");
        assert_eq!(method, Method::Exact);
    }
    let (found, _) = odds(&case(judge, 0.005, 0.01), &checks(10, 30, 570, 0), 0.005);
    assert!((found.condemned - 0.777_707_800).abs() < 1e-9);
}

#[test]
fn requests_without_a_failure_that_prove_a_rate() {
    let judge = Judge::Threshold(Share::NONE);
    for (power, bad, expected) in
        [(0.95, 0.01, 299), (0.95, 0.001, 2_995), (0.95, 1e-4, 29_956), (0.99, 0.01, 459), (0.99, 0.001, 4_603)]
    {
        let found = need(&case(judge, 0.0, bad), &wanted(power, 0.05)).expect("it can be done");
        assert_eq!((found.canary, found.control), (expected, 0), "{power} {bad}");
    }
    let found = need(&case(judge, 0.0, 0.001), &wanted(0.95, 0.05)).expect("it can be done");
    assert!((found.checks.list[0].at_s - 5_990.0).abs() < 1e-9);
}

#[test]
fn requests_for_the_z_test_are_those_of_the_formula() {
    for (baseline, bad, equal, canary) in [
        (0.001, 0.01, 834, 272),
        (0.001, 0.005, 2_311, 872),
        (0.01, 0.011, 128_470, 66_662),
        (0.005, 0.01, 3_681, 1_711),
    ] {
        let case = case(Judge::Z(share(0.05)), baseline, bad);
        let half = need(&case, &wanted(0.8, 0.5)).expect("it can be done");
        assert_eq!((half.canary, half.control), (equal, equal));
        let twentieth = need(&case, &wanted(0.8, 0.05)).expect("it can be done");
        assert_eq!((twentieth.canary, twentieth.control), (canary, 19 * canary));
    }
}

#[test]
fn fishers_need_is_exact() {
    let case = case(Judge::Fisher(share(0.05)), 0.001, 0.01);
    let found = need(&case, &wanted(0.8, 0.05)).expect("it can be done");
    let caught = |n: u64| chances(&case, (n, 19 * n), 0.01).fail;
    assert!(caught(found.canary) >= 0.8 && caught(found.canary - 1) < 0.8, "{found:?}");
    assert!(chances(&case, (found.canary, found.control), 0.001).fail <= 0.05);
}

#[test]
fn a_limit_that_no_number_of_requests_tells_apart_has_no_need() {
    assert!(need(&case(Judge::Threshold(share(0.01)), 0.001, 0.009), &wanted(0.8, 0.05)).is_none());
    assert!(need(&case(Judge::Relative(2.0), 0.01, 0.02), &wanted(0.8, 0.05)).is_none());
    let found = need(&case(Judge::Threshold(share(0.01)), 0.001, 0.05), &wanted(0.8, 0.05)).expect("it can be done");
    let at = |rate| chances(&case(Judge::Threshold(share(0.01)), 0.001, 0.05), (found.canary, 0), rate).fail;
    assert!(at(0.05) >= 0.8 && at(0.001) <= 0.05, "{found:?}");
}

/// Enumeration and dynamic programming agree with the replay of the same judge.
#[test]
fn exact_and_replayed_agree() {
    let looks = Judge::Looks(GroupSequential::new(Shape::OBrienFleming, 5, 0.05, Sides::One));
    let sprt = Judge::Sprt(Sprt { baseline: 0.01, bad: 0.05, alpha: 0.05, beta: 0.2 });
    let judges = [
        Judge::Threshold(share(0.02)),
        Judge::Relative(3.0),
        Judge::Fisher(share(0.05)),
        Judge::Z(share(0.05)),
        sprt,
        looks,
        Judge::Anytime(Anytime { alpha: share(0.05), bad: share(0.05) }),
    ];
    for judge in judges {
        for rate in [0.01, 0.04] {
            let (case, checks) = (case(judge, 0.01, 0.05), checks(5, 60, 240, 1));
            let (exact, method) = odds(&case, &checks, rate);
            assert_eq!(method, Method::Exact);
            let (replayed, method) = replay::replay(&case, &checks, rate);
            let Method::Replay(trials) = method else { panic!("it is a replay") };
            for (a, b) in [(exact.condemned, replayed.condemned), (exact.inconclusive, replayed.inconclusive)] {
                let sigma = (a * (1.0 - a) / f64::from(trials)).sqrt();
                assert!((a - b).abs() < 4.0 * sigma + 1e-9, "{judge:?} at {rate}: {exact:?} {replayed:?}");
            }
            assert!((exact.requests / replayed.requests - 1.0).abs() < 0.02, "{judge:?}: {exact:?} {replayed:?}");
        }
    }
}

#[test]
fn walds_test_keeps_both_errors_and_needs_about_his_mean() {
    let test = Sprt { baseline: 0.001, bad: 0.01, alpha: 0.05, beta: 0.05 };
    let case = case(Judge::Sprt(test), 0.001, 0.01);
    let need = need(&case, &wanted(0.95, 0.05)).expect("it can be done");
    assert_eq!(need.canary, 394);
    let ((bad, _), (healthy, _)) = (odds(&case, &need.checks, 0.01), odds(&case, &need.checks, 0.001));
    assert!(bad.condemned > 0.93 && bad.inconclusive < 1e-6, "{bad:?}");
    assert!(healthy.condemned < 0.05 && healthy.inconclusive < 1e-6, "{healthy:?}");
}

#[test]
fn points_are_judged_once_they_are_all_there() {
    let rules = Rules { direction: Direction::Increase, ..Rules::default() };
    let case = case(Judge::MannWhitney(rules), 0.01, 0.05);
    let need = need(&case, &wanted(0.8, 0.05)).expect("it can be done");
    let ((bad, method), (healthy, _)) = (odds(&case, &need.checks, 0.05), odds(&case, &need.checks, 0.01));
    assert!(matches!(method, Method::Replay(_)) && need.checks.list.len() >= 5, "{need:?}");
    assert!(bad.condemned > 0.75 && healthy.condemned < 0.03, "{bad:?} {healthy:?}");
}

#[test]
fn nothing_is_condemned_without_traffic() {
    for judge in [Judge::Threshold(share(0.01)), Judge::Fisher(share(0.05))] {
        let (found, _) = odds(&case(judge, 0.001, 0.01), &checks(10, 0, 0, 0), 0.01);
        assert_eq!((found.condemned, found.inconclusive), (0.0, 1.0));
    }
}
