//! What is written for other controllers, what is only remarked, and what is refused.

use super::*;
use crate::core::amount::{Amount, Share};
use crate::core::judge::Judge;
use crate::core::rollout::{
    BlueGreen, Control, Ecs, FeatureFlag, Gate, Hold, Nomad, Recreate, Routing, Scale, Shadow, Split, Surge,
};

fn share(value: f64) -> Share {
    Share::new(value).expect("it is a share")
}

fn pod(replicas: u32) -> Pod {
    Pod { replicas: Some(replicas), min_ready: Some(Span::ZERO), ..Pod::default() }
}

fn gate() -> Option<Gate> {
    Some(Gate::limit(share(0.01), 200, secs(60)))
}

fn steps() -> Strategy {
    let steps = [0.05, 0.25, 0.5].map(|value| Step::plain(share(value), secs(60)));
    Strategy::Canary(Canary::plain(steps.to_vec(), gate(), secs(30)))
}

fn rolling(pace: Pace) -> Strategy {
    Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO })
}

fn surge(surge: Amount, unavailable: Amount) -> Strategy {
    rolling(Pace::Surge(Surge::new(surge, unavailable)))
}

fn written(strategy: &Strategy, target: Target) -> Exported {
    export(strategy, &pod(10), "Shop & Co", target).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn again(exported: &Exported) -> Manifest {
    let known = |(name, word): &(String, String)| (name.clone(), Metric::parse(word).expect("the word is known"));
    let options = Options { metrics: exported.metrics.iter().map(known).collect(), ..Options::default() };
    let read = read(&exported.text, "again", &options);
    read.unwrap_or_else(|problems| panic!("{problems}\n{}", exported.text)).remove(0)
}

fn assert_refused(strategy: &Strategy, target: Target, part: &str) {
    let refusal = export(strategy, &pod(10), "shop", target).expect_err("it has no counterpart");
    assert!(refusal.to_string().contains(part), "{refusal}");
}

#[test]
fn a_gate_becomes_an_analysis_of_argo() {
    let exported = written(&steps(), Target::Argo);
    assert!(exported.text.starts_with("# Written by rollcast.\n# "), "{}", exported.text);
    assert!(exported.text.contains("kind: AnalysisTemplate"), "{}", exported.text);
    assert!(exported.notes.iter().any(|note| note.contains("queries are yours to fill in")), "{:?}", exported.notes);
    let manifest = again(&exported);
    assert_eq!(manifest.name, "shop---co");
    let canary = canary(manifest);
    assert_eq!(walk(&canary.steps), [5.0, 25.0, 50.0].map(|percent| (percent, Hold::For(secs(60)))));
    let background = canary.background.expect("the gate is there");
    assert_eq!((names(&background.analysis.checks), background.from_step), (vec!["error-rate"], 0));
}

#[test]
fn shares_that_are_no_whole_percentages_get_finer_weights() {
    let steps = vec![Step::plain(share(0.001), secs(60)), Step::plain(share(1.0 / 3.0), secs(60))];
    let thousandth = Strategy::Canary(Canary::plain(steps[..1].to_vec(), None, secs(30)));
    let exported = written(&thousandth, Target::Argo);
    assert!(exported.text.contains("maxTrafficWeight: 1000"), "{}", exported.text);
    let both = Strategy::Canary(Canary::plain(steps, None, secs(30)));
    let exported = written(&both, Target::Argo);
    assert!(exported.text.contains("maxTrafficWeight: 3000"), "{}", exported.text);
}

#[test]
fn equal_steps_become_a_walk_of_flagger() {
    let exported = written(&steps(), Target::Flagger);
    let Strategy::Flagger(walk) = again(&exported).strategy else { panic!("expected a walk of Flagger") };
    assert_eq!((walk.interval, walk.step_weights, walk.threshold), (secs(60), vec![5, 25, 50], 1));
    assert_eq!(names(&walk.checks.checks), ["request-success-rate"]);
    assert!(exported.notes.iter().any(|note| note.contains("whole from the first step on")), "{:?}", exported.notes);
}

#[test]
fn percentages_for_ecs_round_to_the_same_numbers() {
    for size in 1..=40 {
        for (more, fewer) in [(25.0, 25.0), (10.0, 0.0), (33.0, 50.0)] {
            let strategy = surge(Amount::Percent(more), Amount::Percent(fewer));
            let exported = export(&strategy, &pod(size), "shop", Target::Ecs).expect("it has a counterpart");
            let Pace::Ecs(Ecs { minimum, maximum, .. }) = pace(again(&exported)) else { panic!("expected ECS") };
            let limits = crate::core::rollout::Limits::resolve(Amount::Percent(more), Amount::Percent(fewer), size);
            let upper = Amount::Percent(maximum).round_down(size);
            let lower = Amount::Percent(minimum).round_up(size);
            assert_eq!((upper, lower), (size + limits.surge, size - limits.unavailable), "{size} {more} {fewer}");
        }
    }
}

#[test]
fn equal_steps_become_linear_and_a_single_one_a_canary() {
    let canary = |shares: &[f64]| {
        let steps = shares.iter().map(|value| Step::plain(share(*value), secs(120))).collect();
        Strategy::Canary(Canary::plain(steps, None, secs(60)))
    };
    let text = |shares: &[f64]| written(&canary(shares), Target::Ecs).text;
    assert!(text(&[0.25, 0.5, 0.75]).contains("strategy: LINEAR"));
    assert!(text(&[0.1]).contains("strategy: CANARY"));
    assert_refused(&canary(&[0.05, 0.25, 0.5]), Target::Ecs, "equal steps");
}

#[test]
fn blue_green_in_nomad_has_as_many_canaries_as_instances() {
    let strategy = Strategy::BlueGreen(BlueGreen::plain(secs(60), None));
    let expected = Nomad { canaries: 10, auto_promote: true, auto_revert: true, ..Nomad::new(10) };
    assert_eq!(pace(again(&written(&strategy, Target::Nomad))), Pace::Nomad(expected));
}

#[test]
fn what_is_missing_is_said() {
    let recreate = Strategy::Recreate(Recreate { gate: gate(), bake: secs(60) });
    let exported = written(&recreate, Target::Kubernetes);
    assert!(exported.notes.iter().any(|note| note.contains("the gate is left out")), "{:?}", exported.notes);
    for note in &exported.notes {
        assert!(exported.text.contains(&format!("# {note}\n")), "{}", exported.text);
    }
    assert!(matches!(again(&exported).strategy, Strategy::Recreate(_)));
}

#[test]
fn a_fresh_baseline_is_left_out_and_said_so() {
    let strategy = steps();
    let Strategy::Canary(canary) = &strategy else { panic!("it is a canary") };
    let gate = gate().map(|gate| Gate { judge: Judge::Fisher(share(0.05)), control: Control::Baseline, ..gate });
    let strategy = Strategy::Canary(Canary { gate, ..canary.clone() });
    for target in [Target::Argo, Target::Flagger] {
        let exported = written(&strategy, target);
        let said = exported.notes.iter().any(|note| note.contains("the fresh baseline of the gate is left out"));
        assert!(said, "{target:?}: {:?}", exported.notes);
    }
}

#[test]
fn batches_and_headers_are_written_with_remarks() {
    let step = Step { scale: Scale::Own(Amount::Percent(20.0)), ..Step::plain(share(0.2), secs(60)) };
    let plain = Canary::plain(vec![step], None, secs(30));
    let routing = Routing::Batches { surge: Surge::new(Amount::Count(1), Amount::Count(0)), traffic: true };
    let batches = Strategy::Canary(Canary { routing, split: Split::Header(share(0.05)), ..plain });
    let exported = written(&batches, Target::Argo);
    assert!(exported.notes.iter().any(|note| note.contains("batch by batch")), "{:?}", exported.notes);
    assert_eq!(canary(again(&exported)).split, Split::Header(share(0.05)));
}

#[test]
fn what_has_no_counterpart_is_refused_with_what_would_do() {
    let recreate = Strategy::Recreate(Recreate { gate: None, bake: Span::ZERO });
    let blue_green = Strategy::BlueGreen(BlueGreen::plain(secs(60), None));
    let hosts = rolling(Pace::Hosts(Amount::Percent(50.0)));
    let quarter = surge(Amount::Percent(25.0), Amount::Percent(25.0));
    let shadow = Strategy::Shadow(Shadow { share: share(0.1), lasts: secs(60), instances: None, gate: None });
    let flag = Strategy::FeatureFlag(FeatureFlag { steps: Vec::new(), gate: None });
    let cases = [
        (&recreate, Target::Nomad, "recreate has no counterpart in Nomad"),
        (&recreate, Target::Argo, "--to kubernetes"),
        (&recreate, Target::Flagger, "--to kubernetes"),
        (&blue_green, Target::Kubernetes, "--to argo"),
        (&blue_green, Target::Flagger, "--to argo"),
        (&quarter, Target::Nomad, "no surge"),
        (&hosts, Target::Kubernetes, "where they stand"),
        (&hosts, Target::Argo, "rounds and waits in another way"),
        (&steps(), Target::Nomad, "cannot shift traffic"),
        (&steps(), Target::Kubernetes, "cannot shift traffic"),
        (&shadow, Target::Argo, "one version for everybody"),
        (&flag, Target::Ecs, "one revision for everybody"),
    ];
    for (strategy, target, part) in cases {
        assert_refused(strategy, target, part);
    }
}
