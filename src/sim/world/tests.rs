//! What single orders do to a world, whatever controller would give them.

use super::*;
use crate::core::rollout::{self, FeatureFlag, Shadow, Tally};
use crate::measure::metric::Metrics;
use crate::measure::summary::{Terms, summarise};
use crate::scenario::parse;
use std::path::Path;

const NEW: VersionId = VersionId(1);

fn scenario(v2: &str, more: &str) -> Scenario {
    let text = format!(
        "name: orders\nhorizon: 100s\n\
         traffic: {{ open: {{ stages: [ {{ rate: 100/s, for: 95s }} ] }}, users: 500, timeout: 1s{more} }}\n\
         network: {{ delay: 1ms }}\n\
         fleet: {{ size: 2, slots: 2, queue: 20 }}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: 10ms }} }}, errors: 1% }}, v2: {{ {v2} }} }}\n\
         rollout: {{ at: 10s, from: v1, to: v2 }}\nstrategies: {{ recreate: {{}} }}\n"
    );
    parse(&text, "test.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}")).scenario
}

fn share(value: f64) -> Share {
    Share::new(value).expect("a share")
}

fn shadow() -> Strategy {
    Strategy::Shadow(Shadow { share: Share::ALL, lasts: Span::from_secs(60), instances: None, gate: None })
}

fn flag() -> Strategy {
    Strategy::FeatureFlag(FeatureFlag { steps: Vec::new(), gate: None })
}

/// Two instances of the new version, which have been there since long before the start.
fn beside(world: &mut World<'_>) {
    for _ in 0..2 {
        let instance = InstanceId(world.servers.len() as u32);
        world.servers.push(Server { phase: Phase::Up, ready: true, ..Server::launched(NEW) });
        world.existing += 1;
        world.meter.staged(world.now, NEW, None, Some(Stage::Ready));
        world.learn_listing(0, instance, true);
        world.become_available(instance);
    }
}

/// The world at its end, when these orders were carried out at the start.
fn after<'a>(scenario: &'a Scenario, strategy: &Strategy, orders: Vec<Order>, new_instances: bool) -> World<'a> {
    let mut world = World::new(scenario, Some(strategy), None);
    // Nobody deploys: nothing but these orders is carried out.
    world.controller = Pilot::new(origin(scenario, None).setup, None, None);
    world.prepare();
    if new_instances {
        beside(&mut world);
    }
    orders.into_iter().for_each(|order| world.carry_out(order));
    while world.happen_on() {}
    world.now = world.end;
    world.meter.tick(world.end);
    world
}

/// The next thing happens; answers whether there was one.
fn happen_next(world: &mut World<'_>) -> bool {
    match world.agenda.next::<Anything>(&world.flights) {
        Some(due) => world.let_happen::<Anything>(due),
        None => world.happen_otherwise(),
    }
}

fn metrics(world: World<'_>) -> Metrics {
    let scenario = world.scenario;
    let terms = Terms {
        promises: scenario.slo.promises.clone(),
        looks: Vec::new(),
        down_share: 0.5,
        down_slice_s: 1,
        price_per_hour: 1.0,
        bad_request_price: 0.0,
        end: world.end,
    };
    summarise("test", world.meter, &terms).metrics
}

/// Everything that a user feels, and the copies.
fn felt(metrics: &Metrics) -> ([Option<f64>; 12], Option<f64>) {
    let m = metrics;
    let felt = [
        m.requests,
        m.failed_requests,
        m.latency_ms_p50,
        m.latency_ms_p99,
        m.latency_ms_mean,
        m.shed_requests,
        m.retries,
        m.dropped_in_flight,
        m.exposed_requests,
        m.harmed_users,
        m.version_flips,
        m.mixed_versions_s,
    ];
    (felt, m.mirrored)
}

#[test]
fn copies_load_the_new_version_and_no_user_feels_them() {
    for more in ["", ", retries: { attempts: 2 }", ", retries: { attempts: 1, try-timeout: 30ms, hedge-after: 20ms }"] {
        let scenario = scenario("like: v1, errors: 30%", more);
        let quiet = after(&scenario, &shadow(), Vec::new(), true);
        let copied = after(&scenario, &shadow(), vec![Order::Mirror { share: Share::ALL }], true);
        let half = after(&scenario, &shadow(), vec![Order::Mirror { share: share(0.5) }], true);
        let [old, none] = quiet.meter.tallies();
        let [same, new] = copied.meter.tallies();
        assert_eq!((old, none), (same, Tally::default()), "{more}");
        assert_eq!(new.attempts, copied.meter.sent(), "one copy of each request");
        let failed = new.failed as f64 / new.attempts as f64;
        assert!((0.28..0.32).contains(&failed), "its failures count: {failed}");
        let arrived = half.meter.sent() as f64;
        let part = half.meter.tallies()[1].attempts as f64 / arrived;
        assert!((0.47..0.53).contains(&part), "half of them, got {part}");
        let busy = |world: &World<'_>| world.proxies[0].proxy().active();
        assert_eq!((busy(&quiet), busy(&copied)), (0, 0), "everything has ended");
        let ((one, _), (other, mirrored)) = (felt(&metrics(quiet)), felt(&metrics(copied)));
        assert_eq!(one, other, "{more}");
        assert_eq!(mirrored, Some(new.attempts as f64));
    }
}

#[test]
fn copies_are_as_much_work_as_their_requests() {
    let scenario = scenario("like: v1", "");
    let mut world = World::new(&scenario, Some(&shadow()), None);
    world.controller = Pilot::new(origin(&scenario, None).setup, None, None);
    world.prepare();
    beside(&mut world);
    world.carry_out(Order::Mirror { share: Share::ALL });
    let (mut busy, mut since) = ([0.0; 2], world.now);
    loop {
        let now_busy: Vec<u32> = world.servers.iter().map(|server| server.busy).collect();
        if !happen_next(&mut world) {
            break;
        }
        let now = world.now;
        for (server, slots) in world.servers.iter().zip(now_busy) {
            busy[server.version.index()] += f64::from(slots) * now.since(since).seconds();
        }
        since = now;
    }
    assert!(busy[0] > 90.0, "about one slot is busy on average");
    assert!((busy[1] / busy[0] - 1.0).abs() < 1e-9, "{busy:?}: the copies double the load, on other instances");
}

#[test]
fn copies_that_find_no_place_are_nobodys_loss() {
    let scenario = scenario("service: 10s", "");
    let quiet = after(&scenario, &shadow(), Vec::new(), true);
    let copied = after(&scenario, &shadow(), vec![Order::Mirror { share: Share::ALL }], true);
    assert!(copied.meter.tallies()[1].failed > 5_000, "four slots for ten seconds each");
    assert_eq!(felt(&metrics(quiet)).0, felt(&metrics(copied)).0);
}

#[test]
fn without_instances_of_the_new_version_nothing_is_copied() {
    let scenario = scenario("like: v1", "");
    let world = after(&scenario, &shadow(), vec![Order::Mirror { share: Share::ALL }], false);
    assert_eq!(world.meter.tallies()[1], Tally::default());
    assert_eq!(felt(&metrics(world)).1, Some(0.0));
}

#[test]
fn a_flag_shows_the_new_code_to_its_share_of_the_users_on_the_old_instances() {
    let scenario = scenario("like: v1, errors: 100%", "");
    for (wanted, range) in [(0.3, 0.25..0.35), (1.0, 1.0..1.01), (0.0, 0.0..0.001)] {
        let world = after(&scenario, &flag(), vec![Order::Expose { share: share(wanted) }], false);
        assert_eq!(world.servers.len(), 2, "no instance is launched");
        let [old, new] = world.meter.tallies();
        assert_eq!(new.failed, new.attempts, "the new code fails everything");
        let seen = new.attempts as f64 / (old.attempts + new.attempts) as f64;
        assert!(range.contains(&seen), "{wanted}: {seen} of the requests");
        assert_eq!(metrics(world).mirrored, Some(0.0));
    }
}

#[test]
fn what_is_found_out_about_a_flag_counts_from_the_first_user_who_may_see_it() {
    let scenario = scenario("like: v1", "");
    for (wanted, expected) in [(0.3, Some(0.0)), (0.0, None)] {
        let verdict = Order::Announce { phase: rollout::Phase::RollingBack, reason: String::new() };
        let world = after(&scenario, &flag(), vec![Order::Expose { share: share(wanted) }, verdict], false);
        assert_eq!(metrics(world).detect_s, expected);
    }
}

#[test]
fn a_flag_that_is_switched_off_leaves_no_trace() {
    let scenario = scenario("like: v1, errors: 100%", "");
    let orders = [1.0, 0.0].map(|value| Order::Expose { share: share(value) }).to_vec();
    let world = after(&scenario, &flag(), orders, false);
    assert_eq!(world.meter.tallies()[1], Tally::default());
}

#[test]
fn attempts_above_the_limit_are_slow_as_the_proxy_sees_it() {
    // Two milliseconds on the way there and back.
    let scenario = scenario("service: 20ms", "").clone();
    for (above_ms, slow) in [(21, true), (22, false)] {
        let mut world = World::new(&scenario, Some(&shadow()), None);
        world.controller = Pilot::new(origin(&scenario, None).setup, None, None);
        world.slow_above = Some(Span::from_millis(above_ms));
        world.features = Features::new(&scenario, world.slow_above, false);
        world.prepare();
        beside(&mut world);
        world.carry_out(Order::Weight { share: share(0.1) });
        while world.happen_on() {}
        let [old, new] = world.meter.tallies();
        assert!(new.attempts > 500);
        // Hardly anybody waits at the new instances.
        assert_eq!(new.slow > new.attempts / 2, slow, "{above_ms} ms: {} of {}", new.slow, new.attempts);
        assert!(old.slow > 0 && old.slow < old.attempts / 2);
    }
}
