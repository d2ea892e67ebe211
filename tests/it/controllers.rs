//! Laws that every rollout controller keeps, whatever its numbers, its platform's times, and what people do meanwhile.

use proptest::prelude::*;
use rollcast::core::amount::{Amount, Share};
use rollcast::core::rollout::{
    AbTest, Analysis, BlueGreen, Canary, Ecs, FeatureFlag, FlagStep, Flagger, Hold, Nomad, Pace, Recreate, Rolling,
    Routing, Scale, Shadow, Split, Step, Strategy as Rollout, Surge, TaskLimits, healthy_hosts,
};
use rollcast::core::time::Span;
use rollcast::plan::{Ending, Rehearsal, Timing, rehearse};

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![(0_u32..12).prop_map(Amount::Count), (0_u32..=100).prop_map(|percent| Amount::Percent(percent.into()))]
}

fn surge() -> impl Strategy<Value = Surge> {
    (amount(), amount(), any::<bool>()).prop_map(|(surge, unavailable, waits_for_termination)| Surge {
        surge,
        unavailable,
        waits_for_termination,
    })
}

fn share() -> impl Strategy<Value = Share> {
    (0_u32..=100).prop_map(|percent| Share::new(f64::from(percent) / 100.0).expect("a share"))
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![3 => (0_u64..120).prop_map(|seconds| Hold::For(Span::from_secs(seconds))), 1 => Just(Hold::UntilPromoted)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let scale = prop_oneof![4 => Just(Scale::MatchShare), 1 => amount().prop_map(Scale::Own)];
    let step = (share(), scale, hold()).prop_map(|(share, scale, hold)| Step { share, scale, hold, analysis: None });
    prop::collection::vec(step, 0..5).prop_map(|mut steps| {
        steps.sort_by(|one, other| one.share.partial_cmp(&other.share).expect("shares compare"));
        steps
    })
}

fn pace() -> impl Strategy<Value = Pace> {
    let nomad = (0_u32..6, 0_u32..6, any::<bool>());
    prop_oneof![
        surge().prop_map(Pace::Surge),
        (0_u32..=100, 100_u32..=300).prop_map(|(minimum, maximum)| Pace::Ecs(Ecs {
            minimum: minimum.into(),
            maximum: maximum.into(),
            breaker: None,
        })),
        nomad.prop_map(|(parallel, canaries, auto_promote)| Pace::Nomad(Nomad {
            canaries,
            auto_promote,
            auto_revert: true,
            ..Nomad::new(parallel)
        })),
        amount().prop_map(Pace::Hosts),
    ]
}

fn canary() -> impl Strategy<Value = Rollout> {
    let routing = prop_oneof![
        Just(Routing::Traffic),
        surge().prop_map(Routing::Instances),
        (surge(), any::<bool>()).prop_map(|(surge, traffic)| Routing::Batches { surge, traffic }),
    ];
    (steps(), routing, any::<bool>(), 1_u32..4).prop_map(|(steps, routing, dynamic_stable, least)| {
        let plain = Canary::plain(steps, None, Span::from_secs(30));
        Rollout::Canary(Canary { routing, dynamic_stable, least, ..plain })
    })
}

fn flagger() -> impl Strategy<Value = Rollout> {
    (1_u32..60, 1_u32..=100, 0_u32..5, 0_u32..50, any::<bool>(), any::<bool>(), surge()).prop_map(
        |(step_weight, max_weight, iterations, step_weight_promotion, mirror, shifts, primary)| {
            Rollout::Flagger(Flagger {
                interval: Span::from_secs(30),
                threshold: 5,
                max_weight,
                step_weight,
                step_weights: Vec::new(),
                step_weight_promotion,
                iterations: if shifts { iterations } else { iterations.max(1) },
                matches: None,
                mirror: mirror.then_some(Share::ALL),
                shifts,
                primary_ready: 100,
                canary_ready: 100,
                skip_analysis: false,
                checks: Analysis::default(),
                primary,
            })
        },
    )
}

fn rollout() -> impl Strategy<Value = Rollout> {
    let blue_green = (prop::option::of(1_u32..5), hold()).prop_map(|(preview, promotion)| {
        Rollout::BlueGreen(BlueGreen { preview, promotion, ..BlueGreen::plain(Span::from_secs(60), None) })
    });
    let flag = prop::collection::vec((share(), hold()), 0..4).prop_map(|steps| {
        let steps = steps.into_iter().map(|(share, hold)| FlagStep { share, hold }).collect();
        Rollout::FeatureFlag(FeatureFlag { steps, gate: None })
    });
    let lasts = Span::from_secs(60);
    prop_oneof![
        1 => Just(Rollout::Recreate(Recreate { gate: None, bake: Span::ZERO })),
        4 => pace().prop_map(|pace| Rollout::Rolling(Rolling { pace, gate: None, bake: Span::ZERO })),
        2 => blue_green,
        4 => canary(),
        2 => flagger(),
        1 => share().prop_map(move |share| Rollout::AbTest(AbTest { share, split: Split::User, lasts, instances: None, gate: None })),
        1 => share().prop_map(move |share| Rollout::Shadow(Shadow { share, lasts, instances: None, gate: None })),
        1 => flag,
    ]
}

fn timing() -> impl Strategy<Value = Timing> {
    (0_u64..30, 0_u64..30, 0_u64..40).prop_map(|(boot, ready_in, drain)| Timing {
        boot: Span::from_secs(boot),
        ready_in: Span::from_secs(ready_in),
        drain: Span::from_secs(drain),
        promote_after: Some(Span::from_secs(20)),
        abort_at: None,
        scale: Vec::new(),
        quota: None,
    })
}

fn run(strategy: &Rollout, size: u32, timing: &Timing) -> Rehearsal {
    rehearse(strategy, size, Span::from_secs(3), Span::from_secs(600), timing)
}

/// Instances wanted of both versions, at most, and available of both, at least: what a strategy promises.
fn promises(strategy: &Rollout, size: u32) -> (u32, u32) {
    let of = |surge: &Surge| {
        let limits = surge.limits(size);
        (size + limits.surge, size - limits.unavailable)
    };
    match strategy {
        Rollout::Recreate(_) => (size, 0),
        Rollout::Rolling(rolling) => match &rolling.pace {
            Pace::Surge(surge) => of(surge),
            Pace::Ecs(ecs) => {
                let limits = TaskLimits::resolve(ecs, size);
                (limits.upper.max(size), limits.lower.min(size))
            }
            Pace::Nomad(nomad) if nomad.parallel == 0 => (size, 0),
            Pace::Nomad(nomad) => (size + nomad.canaries, size.saturating_sub(nomad.parallel)),
            Pace::Hosts(healthy) => (size, healthy_hosts(*healthy, size)),
        },
        Rollout::Canary(Canary { routing: Routing::Instances(surge) | Routing::Batches { surge, .. }, .. }) => {
            of(surge)
        }
        Rollout::Flagger(flagger) => {
            let (most, least) = of(&flagger.primary);
            // The canary stands beside the primary all the time.
            (most + size, least)
        }
        Rollout::Canary(canary) => {
            let own = canary.steps.iter().map(|step| match step.scale {
                Scale::Own(amount) => amount.round_up(size),
                Scale::MatchShare => 0,
            });
            // An old fleet that follows its share leaves the rest to new instances that somebody else has counted.
            let counted = canary.dynamic_stable && canary.steps.iter().any(|step| step.scale != Scale::MatchShare);
            (size + own.max().unwrap_or(0).max(size), if counted { 0 } else { size })
        }
        Rollout::BlueGreen(blue_green) => (size + size.max(blue_green.preview.unwrap_or(0)), size),
        Rollout::AbTest(_) | Rollout::Shadow(_) => (2 * size, size),
        Rollout::FeatureFlag(_) => (size, size),
    }
}

fn keeps_promises(strategy: &Rollout, size: u32, rehearsal: &Rehearsal) {
    let (most, least) = promises(strategy, size);
    for row in &rehearsal.rows {
        assert!(row.new.spec + row.old.spec <= most, "{strategy:?} of {size} wants more than {most}: {row:?}");
        let available = row.new.available + row.old.available;
        assert!(available >= least, "{strategy:?} of {size} has less than {least}: {row:?}");
    }
    assert!(rehearsal.rows.windows(2).all(|pair| pair[0].at <= pair[1].at), "time goes forward");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_healthy_rollout_ends_or_is_reported_stuck_and_keeps_its_promises(
        strategy in rollout(), size in 1_u32..25, timing in timing(),
    ) {
        let rehearsal = run(&strategy, size, &timing);
        keeps_promises(&strategy, size, &rehearsal);
        let last = rehearsal.rows.last().expect("it began");
        match rehearsal.ending {
            Ending::Promoted => match &strategy {
                Rollout::AbTest(_) | Rollout::Shadow(_) | Rollout::FeatureFlag(_) => {
                    assert_eq!(last.old.available, size);
                }
                _ => assert_eq!((last.new.available, last.old.spec), (size, 0), "{strategy:?}"),
            },
            Ending::Stuck => {
                let said = rehearsal.rows.iter().flat_map(|row| &row.phases);
                assert!(said.map(|(phase, _)| phase.to_string()).any(|phase| phase == "stuck"), "{strategy:?} of {size}");
            }
            other => panic!("{strategy:?} of {size} ended {other:?}"),
        }
    }

    #[test]
    fn whenever_it_is_aborted_one_version_is_whole_in_the_end(
        strategy in rollout(), size in 1_u32..25, timing in timing(), abort in 0_u64..300,
    ) {
        let rehearsal = run(&strategy, size, &Timing { abort_at: Some(Span::from_secs(abort)), ..timing });
        let last = rehearsal.rows.last().expect("it began");
        match rehearsal.ending {
            Ending::RolledBack => assert_eq!((last.old.available, last.new.spec), (size, 0), "{strategy:?} of {size}"),
            Ending::Promoted | Ending::Stuck => {}
            other => panic!("{strategy:?} of {size} ended {other:?}"),
        }
    }

    #[test]
    fn whenever_the_fleet_is_scaled_it_has_its_new_size_in_the_end(
        strategy in rollout(), size in 1_u32..25, timing in timing(), at in 0_u64..300, to in 1_u32..25,
    ) {
        let rehearsal = run(&strategy, size, &Timing { scale: vec![(Span::from_secs(at), to)], ..timing });
        let last = rehearsal.rows.last().expect("it began");
        if rehearsal.ending == Ending::Promoted {
            match &strategy {
                Rollout::AbTest(_) | Rollout::Shadow(_) | Rollout::FeatureFlag(_) => assert_eq!(last.old.available, to),
                _ => assert_eq!((last.new.available, last.old.spec), (to, 0), "{strategy:?} of {size} to {to}"),
            }
        }
    }

    #[test]
    fn a_quota_is_never_exceeded(strategy in rollout(), size in 1_u32..15, timing in timing(), room in 0_u32..8) {
        let quota = size + room;
        let rehearsal = run(&strategy, size, &Timing { quota: Some(quota), ..timing });
        assert!(rehearsal.rows.iter().all(|row| row.physical <= quota), "{strategy:?} of {size}");
    }
}
