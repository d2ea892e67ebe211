//! Balancers in the simulator: all of them serve, and the power of two choices is what theory and simulation say it is.

use crate::lab::{forecast, metrics, over_seeds, value};
use proptest::prelude::*;
use proptest::sample::Index;
use rollcast::core::draw::Seed;
use rollcast::core::ids::{InstanceId, UserId, VersionId};
use rollcast::core::proxy::{Ask, Listing, Pool, Report, Tried};
use rollcast::core::time::{Moment, Span};
use rollcast::scenario::{balancer, balancers};
use std::collections::BTreeMap;

fn service(balancer: &str, seed: u64, size: u32, load: f64, seconds: u32) -> String {
    let rate = load * f64::from(size) * 100.0;
    format!(
        "name: balancers\nseed: {seed}\nwarm-up: {}s\nhorizon: {seconds}s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {rate}/s, for: {seconds}s }} ] }} }}\n\
         proxies: {{ balancer: {balancer} }}\n\
         fleet: {{ size: {size}, slots: 1 }}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: 10ms }} }} }} }}\n",
        seconds / 10
    )
}

#[test]
fn every_balancer_serves_a_service_that_is_lightly_loaded() {
    for name in balancers() {
        let balancer = if *name == "first" { "{ first: { max-connections: 3 } }" } else { name };
        let run = || forecast(&service(balancer, 3, 8, 0.3, 60));
        let (once, again) = (run(), run());
        let (once, again) = (metrics(&once, "stay"), metrics(&again, "stay"));
        assert!(value(once.requests) > 10_000.0, "{name}");
        assert_eq!(once.latency_ms_mean, again.latency_ms_mean, "{name} repeats");
    }
}

#[test]
fn two_choices_of_three_respond_as_simulations_elsewhere_say() {
    let replacing = "{ two-choices: { replacement: true } }";
    for (balancer, expected) in [("two-choices", 4.255), (replacing, 4.627), ("envoy-least-request", 4.627)] {
        let (mean, half) = over_seeds(|seed| {
            let forecast = forecast(&service(balancer, seed, 3, 0.9, 2_000));
            value(metrics(&forecast, "stay").latency_ms_mean) / 10.0
        });
        assert!((mean - expected).abs() < half + 0.02, "{balancer}: {mean} ± {half}, expected {expected}");
    }
}

#[test]
fn power_of_two_over_a_hundred_is_near_its_limit() {
    let (mean, half) = over_seeds(|seed| {
        let forecast = forecast(&service("two-choices", seed, 100, 0.9, 100));
        value(metrics(&forecast, "stay").latency_ms_mean) / 10.0
    });
    assert!((mean - 2.650).abs() < half + 0.02, "{mean} ± {half}");
}

/// The mean response, in units of the mean service, over ten seeds, against what is expected, with 1 % to spare.
fn assert_response(balancer: &str, size: u32, load: f64, seconds: u32, expected: f64) {
    let (mean, half) = over_seeds(|seed| {
        let forecast = forecast(&service(balancer, seed, size, load, seconds));
        value(metrics(&forecast, "stay").latency_ms_mean) / 10.0
    });
    let within = half + 0.01 * expected;
    assert!((mean - expected).abs() < within, "{balancer}, {size} at {load}: {mean} ± {half}, expected {expected}");
}

#[test]
fn power_of_d_over_a_hundred_is_what_was_published() {
    let cases =
        [(2, 0.5, 1.2673), (2, 0.7, 1.6202), (2, 0.9, 2.6454), (3, 0.7, 1.3634), (3, 0.9, 2.0614), (5, 0.9, 1.6714)];
    for (draws, load, expected) in cases {
        let balancer = format!("{{ two-choices: {{ draws: {draws}, replacement: true }} }}");
        assert_response(&balancer, 100, load, 20, expected);
    }
}

#[test]
fn power_of_two_over_a_few_depends_on_drawing_twice_the_same() {
    let cases = [
        (5, 0.9, 400, 3.477, 3.712),
        (10, 0.9, 200, 2.990, 3.112),
        (3, 0.5, 200, 1.351, 1.475),
        (10, 0.5, 100, 1.287, 1.328),
    ];
    for (size, load, seconds, distinct, replacing) in cases {
        assert_response("two-choices", size, load, seconds, distinct);
        assert_response("{ two-choices: { replacement: true } }", size, load, seconds, replacing);
    }
}

#[test]
fn slow_start_that_protects_nothing_is_reported() {
    let yaml = |balancer: &str| {
        format!(
            "name: slow\nhorizon: 300s\ntraffic: {{ open: {{ stages: [ {{ rate: 50/s, for: 300s }} ] }} }}\n\
             proxies: {{ balancer: {balancer} }}\n\
             fleet: {{ size: 4, slots: 4, boot: 5s }}\n\
             versions: {{ v1: {{ service: 10ms }}, v2: {{ like: v1 }} }}\n\
             rollout: {{ at: 20s, from: v1, to: v2 }}\nstrategies: {{ recreate: {{}}, rolling: {{}} }}\n"
        )
    };
    let noted = |balancer: &str| -> Vec<String> {
        let notes = forecast(&yaml(balancer)).notes.into_iter();
        notes.filter(|note| note.id == "slow-start-useless").map(|note| note.text).collect()
    };
    let notes = noted("{ envoy-round-robin: { slow-start: { window: 60s } } }");
    assert!(notes.iter().any(|text| text.starts_with("recreate: ")), "{notes:?}");
    assert!(noted("envoy-round-robin").is_empty());
}

/// What can happen to a pool between two picks, and a pick.
#[derive(Clone, Debug)]
enum Step {
    Join(u32),
    Leave(Index),
    Mark(Index, bool),
    Weigh(Index, u32),
    Pick(u32, Option<Index>),
    End(Index),
    Report(Index),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let any_of = any::<Index>;
    prop_oneof![
        4 => (1_u32..6).prop_map(Step::Join),
        2 => any_of().prop_map(Step::Leave),
        2 => (any_of(), prop::bool::weighted(0.7)).prop_map(|(which, up)| Step::Mark(which, up)),
        1 => (any_of(), 1_u32..6).prop_map(|(which, weight)| Step::Weigh(which, weight)),
        6 => (0_u32..50, prop::option::weighted(0.2, any_of())).prop_map(|(user, tried)| Step::Pick(user, tried)),
        4 => any_of().prop_map(Step::End),
        1 => any_of().prop_map(Step::Report),
        2 => (0_u64..5_000).prop_map(Step::Wait),
    ]
}

/// One after the other; whoever is picked is there and up, and somebody is if anybody is left.
fn go_through(name: &str, steps: &[Step]) {
    let text = if name == "first" { "{ first: { max-connections: 3 } }" } else { name };
    let rule = balancer(text, "test").unwrap_or_else(|problems| panic!("{problems}"));
    let mut pool = Pool::new(&rule, Seed(1).stream("balancer", 0));
    // Who is listed, and whether it is up.
    let mut there: BTreeMap<InstanceId, bool> = BTreeMap::new();
    let (mut now, mut known, mut under_way) = (Moment::START, 0, Vec::new());
    let which = |there: &BTreeMap<InstanceId, bool>, which: &Index| {
        (!there.is_empty()).then(|| *which.get(&there.keys().copied().collect::<Vec<_>>()))
    };
    for step in steps {
        match step {
            Step::Join(weight) => {
                let (instance, address) = (InstanceId(known), format!("10.0.{}.{}:80", known / 256, known % 256));
                pool.list(now, &Listing { instance, version: VersionId(0), name: &address, weight: *weight });
                there.insert(instance, true);
                known += 1;
            }
            Step::Leave(index) => {
                if let Some(id) = which(&there, index) {
                    pool.unlist(now, id);
                    there.remove(&id);
                }
            }
            Step::Mark(index, up) => {
                if let Some(id) = which(&there, index) {
                    pool.mark(now, id, *up);
                    there.insert(id, *up);
                }
            }
            Step::Weigh(index, weight) => which(&there, index).into_iter().for_each(|id| pool.weigh(now, id, *weight)),
            Step::Pick(user, tried) => {
                let tried = tried.as_ref().and_then(|index| which(&there, index)).map_or(Tried::NONE, Tried::only);
                let left = there.iter().any(|(id, up)| *up && !tried.iter().any(|other| other == id));
                match pool.pick(now, &Ask::of(UserId(*user), u64::from(*user) << 40, tried)) {
                    Some((id, _)) => {
                        // Finagle panics rather than refuse when all whom it drew are down.
                        let up = there.get(&id).map(|up| *up || name.starts_with("finagle"));
                        assert_eq!(up, Some(true), "{name} picks {id:?}");
                        assert!(!tried.iter().any(|other| *other == id), "{name} picks {id:?} again");
                        under_way.push(id);
                    }
                    None => assert!(!left || name == "first", "{name} picks nobody"),
                }
            }
            Step::End(index) if !under_way.is_empty() => {
                let id = under_way.swap_remove(index.index(under_way.len()));
                pool.end(now, id, Span::from_millis(20));
            }
            Step::End(_) => {}
            Step::Report(index) => {
                let per_second = f64::from(index.index(200) as u32);
                let report =
                    Report { in_flight: 3, utilisation: 0.4, per_second, errors_per_second: 0.0, latency_s: 0.02 };
                which(&there, index).into_iter().for_each(|id| pool.report(now, id, &report));
            }
            Step::Wait(millis) => now += Span::from_millis(*millis),
        }
        assert_eq!(pool.standings(now).count(), there.len(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_balancer_survives_any_history(steps in prop::collection::vec(step(), 1..150)) {
        balancers().iter().for_each(|name| go_through(name, &steps));
    }
}
