//! Rollouts whose gate compares the canary with a fresh baseline: when that is there, how large it is, and what the rest of
//! the fleet does meanwhile.

use super::*;
use crate::core::judge::{Anytime, Judge};

/// Runs for an hour, in which the new version fails as `failing` says; how many instances of the baseline were wanted, and
/// from which second on. What is counted is what the second before brought.
fn watched(mut platform: Platform, failing: impl Fn(&Platform) -> f64) -> (Platform, Vec<(u64, u32)>) {
    let mut sizes = vec![(0, 0)];
    let (mut seen, mut baseline) = (Tally::default(), Tally::default());
    for second in 1..3_600 {
        let attempts = platform.share * platform.traffic.0;
        seen.attempts += attempts as u64;
        seen.failed += (attempts * failing(&platform)) as u64;
        baseline.attempts += (platform.traffic.0 * platform.share_of_baseline()) as u64;
        platform.until(at(second));
        if second % 5 == 0 {
            platform.tell(Input::Sample(Sample { at: at(second), new: seen, old: Tally::default(), baseline }));
        }
        let wanted = platform.controller.fleet().count_baseline(platform.now).spec;
        if sizes.last().is_none_or(|(_, last)| *last != wanted) {
            sizes.push((second, wanted));
        }
        assert!(platform.counts().0.available >= 10 || platform.share == 1.0, "the old fleet stays whole");
    }
    (platform, sizes)
}

fn judged_by(judge: Judge) -> Option<Gate> {
    Some(Gate { judge, control: Control::Baseline, samples: 100, ..gate().expect("it has one") })
}

fn canary() -> Strategy {
    let step = |percent| Step::plain(share(percent), Span::from_secs(60));
    let steps = vec![step(10.0), step(25.0), step(50.0)];
    Strategy::Canary(Canary::plain(steps, judged_by(Judge::Fisher(share(1.0))), Span::from_secs(30)))
}

fn platform(strategy: Strategy) -> Platform {
    let mut platform = Platform::new(10, strategy);
    platform.traffic.0 = 1_000.0;
    platform
}

fn nothing_is_left(platform: &Platform) {
    assert_eq!(platform.controller.fleet().count_baseline(platform.now), Counts::default());
}

#[test]
fn the_baseline_is_launched_with_the_canary_grows_with_it_and_goes_when_it_is_promoted() {
    let (platform, sizes) = watched(platform(canary()), |_| 0.0);
    let phases = platform.phases();
    let expected = [
        (10, "started"),
        (10, "starting"),
        (30, "step 1/3"),
        (110, "step 2/3"),
        (190, "step 3/3"),
        (270, "switched"),
        (300, "promoted"),
    ];
    assert_eq!(phases, expected, "in the same steps as without one");
    assert_eq!(sizes, [(0, 0), (10, 1), (90, 3), (170, 5), (250, 0)]);
    assert_eq!(platform.physical_max, 20, "of the others");
    nothing_is_left(&platform);
    platform.runs_only(NEW, 10);
}

#[test]
fn the_baseline_goes_with_the_verdict() {
    let (platform, sizes) = watched(platform(canary()), |_| 0.2);
    let phases = platform.phases();
    assert_eq!(phases[2..], [(30, "step 1/3"), (35, "rolling back"), (35, "rolled back")]);
    let (_, reason) = platform.reasons.iter().find(|(phase, _)| phase == "rolling back").expect("it was announced");
    assert!(reason.starts_with("100 of 500 attempts failed in 1m, 0 of 405 of the baseline"), "{reason}");
    assert_eq!(sizes, [(0, 0), (10, 1), (35, 0)]);
    nothing_is_left(&platform);
    platform.runs_only(OLD, 10);
}

#[test]
fn a_baseline_that_never_starts_leaves_the_gate_without_data_and_the_canary_where_it_is() {
    for judge in [Judge::Fisher(share(1.0)), Judge::Anytime(Anytime { alpha: share(5.0), bad: share(1.0) })] {
        let mut canary = canary();
        if let Strategy::Canary(canary) = &mut canary {
            canary.gate = judged_by(judge);
        }
        for bad in [0.0, 0.5] {
            let mut platform = platform(canary.clone()).failing(bad);
            platform.baseline_boots = false;
            let platform = platform.run();
            assert_eq!(platform.phases()[2..], [(30, "step 1/3"), (90, "holding")], "{judge:?} at {bad}");
            let (_, reason) = platform.reasons.last().expect("it was announced");
            assert!(reason.contains("0 of 0 of the baseline"), "{reason}");
        }
    }
}

#[test]
fn somebody_who_aborts_or_promotes_a_canary_without_data_leaves_no_baseline() {
    for (deed, size, version) in [(Input::Abort, 10, OLD), (Input::Promote, 10, NEW)] {
        let mut platform = platform(canary());
        platform.baseline_boots = false;
        platform.news.extend([200, 400, 600].map(|second| (at(second), deed)));
        let platform = platform.run();
        nothing_is_left(&platform);
        platform.runs_only(version, size);
    }
}

#[test]
fn the_baseline_follows_the_size_of_the_fleet_and_never_exceeds_it() {
    let hold = |scale| Step { scale, hold: Hold::UntilPromoted, ..Step::plain(share(50.0), Span::ZERO) };
    let gate = judged_by(Judge::Fisher(share(1.0)));
    let strategy = |scale| Strategy::Canary(Canary::plain(vec![hold(scale)], gate, Span::ZERO));
    let mut platform = platform(strategy(Scale::MatchShare));
    platform.news.extend([(at(100), Input::Scale(20)), (at(200), Input::Scale(12))]);
    let mut sizes = Vec::new();
    for second in [50, 150, 250] {
        platform.until(at(second));
        let fleet = platform.controller.fleet();
        let counts = [fleet.count_baseline(at(second)), fleet.count(OLD, at(second)), fleet.count(NEW, at(second))];
        sizes.push(counts.map(|counts| counts.spec));
    }
    assert_eq!(sizes, [[5, 10, 5], [10, 20, 10], [6, 12, 6]]);
    let mut large = self::platform(strategy(Scale::Own(Amount::Percent(200.0))));
    large.until(at(100));
    let fleet = large.controller.fleet();
    assert_eq!((fleet.count_baseline(at(100)).spec, fleet.count(NEW, at(100)).spec), (10, 20));
}

#[test]
fn an_instance_of_the_baseline_that_dies_is_awaited_and_not_replaced() {
    let mut platform = platform(canary());
    // The fleet is 0 to 9, the canary 10, and the baseline 11.
    platform.news.extend([(at(40), Input::Lost(InstanceId(11))), (at(60), Input::Ready(InstanceId(11)))]);
    platform.until(at(50));
    let fleet = platform.controller.fleet();
    let down = Counts { spec: 1, ..Counts::default() };
    assert_eq!((fleet.count_baseline(at(50)), fleet.launched()), (down, 12));
    platform.until(at(61));
    assert_eq!(platform.controller.fleet().count_baseline(at(61)).ready, 1);
    assert_eq!(platform.counts().0.spec, 10);
}

#[test]
fn once_it_is_promoted_the_comparison_is_over_and_what_comes_later_changes_nothing() {
    // Half of it fails once all its instances are launched: they are younger than any of the baseline were.
    let promoted = |platform: &Platform| platform.counts().1.spec == 10;
    let (platform, _) = watched(platform(canary()), |platform| if promoted(platform) { 0.5 } else { 0.0 });
    assert_eq!(platform.phases().last().map(|(_, phase)| *phase), Some("promoted"));
    nothing_is_left(&platform);
    platform.runs_only(NEW, 10);
}

#[test]
fn an_ab_test_keeps_both_versions_and_no_baseline() {
    let gate = judged_by(Judge::Fisher(share(1.0)));
    let test = AbTest { share: share(20.0), split: Split::User, lasts: Span::from_secs(300), instances: None, gate };
    let (platform, sizes) = watched(platform(Strategy::AbTest(test)), |_| 0.0);
    assert_eq!(sizes, [(0, 0), (10, 2), (330, 0)]);
    nothing_is_left(&platform);
    assert_eq!((platform.counts().0.spec, platform.counts().1.spec), (10, 2));
}

/// Samples that were taken before may still condemn it.
#[test]
fn a_late_sample_of_the_time_before_still_counts() {
    let mut platform = platform(canary());
    let tally = |attempts, failed| Tally { attempts, failed, slow: 0 };
    let sample = |second, new, baseline| Input::Sample(Sample { at: at(second), new, old: tally(0, 0), baseline });
    for second in 1..=249 {
        platform.until(at(second));
        let attempts = 100 * second.saturating_sub(30);
        platform.tell(sample(second, tally(attempts, 0), tally(attempts, 0)));
    }
    platform.until(at(252));
    nothing_is_left_wanted(&platform);
    platform.tell(sample(250, tally(22_000, 2_000), tally(22_000, 0)));
    assert_eq!(platform.phases().last().map(|(_, phase)| *phase), Some("rolled back"));
}

fn nothing_is_left_wanted(platform: &Platform) {
    assert_eq!(platform.controller.fleet().count_baseline(platform.now).spec, 0);
}

/// Whatever happens to instances, and whatever people do: old and new are as many as wanted, and the baseline is gone.
mod always {
    use super::{Input, InstanceId, at, canary, nothing_is_left, platform};
    use proptest::prelude::*;

    /// The first twelve instances are there from the beginning of the rollout on: the fleet, the canary and its baseline.
    fn deeds() -> impl Strategy<Value = Vec<(u64, Input)>> {
        let deed = prop_oneof![
            (0_u32..12).prop_map(|id| Input::Lost(InstanceId(id))),
            (0_u32..12).prop_map(|id| Input::Ready(InstanceId(id))),
            (1_u32..14).prop_map(Input::Scale),
            Just(Input::Promote),
            Just(Input::Abort),
            Just(Input::Pause),
            Just(Input::Resume),
        ];
        prop::collection::vec((11_u64..500, deed), 0..12)
    }

    /// The size that was asked for last.
    fn size(deeds: &[(u64, Input)]) -> u32 {
        let scales =
            deeds.iter().filter_map(|&(at, deed)| if let Input::Scale(size) = deed { Some((at, size)) } else { None });
        scales.fold((0, 10), |last, next| if next.0 >= last.0 { next } else { last }).1
    }

    proptest! {
        #[test]
        fn the_fleet_ends_as_large_as_wanted_and_without_a_baseline(
            deeds in deeds(), bad in 0.0..0.05_f64, boots in any::<(bool, bool)>(),
        ) {
            let mut platform = platform(canary()).failing(bad);
            (platform.baseline_boots, platform.new_boots) = boots;
            platform.news.extend(deeds.iter().map(|&(second, deed)| (at(second), deed)));
            platform.news.extend([(at(1_000), Input::Resume), (at(2_000), Input::Abort)]);
            let platform = platform.run();
            nothing_is_left(&platform);
            let (old, new) = platform.counts();
            let size = size(&deeds);
            prop_assert!((old.spec, new.spec) == (size, 0) || (old.spec, new.spec) == (0, size), "{old:?} {new:?}");
        }
    }
}
