//! Laws that hold in every world: on random scenarios, whatever the strategy.

use crate::lab::{forecast, value};
use proptest::prelude::*;
use rollcast::measure::forecast::{Ending, Forecast, Second, StrategyForecast};
use rollcast::scenario::{balancers, parse};
use rollcast::sim;
use std::path::Path;
use std::sync::Arc;

/// A random service, and the rollout of a version that may be worse.
#[derive(Clone, Debug)]
struct World {
    seed: u64,
    size: u32,
    slots: u32,
    queue: Option<u32>,
    rate: u32,
    arrivals: &'static str,
    service: &'static str,
    timeout_ms: Option<u32>,
    retries: u32,
    delay_ms: u32,
    listing_ms: u32,
    proxies: u32,
    balancer: &'static str,
    boot_s: u32,
    shutdown: (u32, u32),
    min_ready_s: u32,
    errors: u32,
    fails_to_start: u32,
    fault: Option<(u32, bool)>,
    /// Whether users keep their connections, and how.
    connections: &'static str,
    /// What proxies do beyond picking, and how they try again: lines of `proxies` and of `traffic.retries`.
    care: Vec<&'static str>,
    again: Vec<&'static str>,
    discipline: &'static str,
    /// How instances come up: lines of `fleet`.
    pods: Vec<&'static str>,
    /// Room above the size of the fleet.
    quota: Option<u32>,
    /// When ready instances crash: an option of both versions.
    crashes: &'static str,
    /// Sizes that are wanted from 20 s and from 70 s on.
    sizes: Option<(u32, u32)>,
    /// What people do: lines of `rollout`.
    people: Vec<&'static str>,
    /// Strategies beside the usual ones.
    trials: Vec<&'static str>,
}

/// Each alone and both together, these are options of `fleet`.
const PODS: [&str; 2] = [
    "readiness: { initial-delay: 1s, period: 3s, timeout: 500ms, successes: 2, failures: 2 }",
    "restart: { first: 1s, max: 6s, reset: 15s }",
];

/// These are options of `rollout`.
const PEOPLE: [&str; 2] = [
    "promote-after: 12s",
    "people: [ { at: 25s, do: pause }, { at: 40s, do: resume }, { at: 60s, do: promote }, { at: 80s, do: abort } ]",
];

/// Those that most services have, and those of connections too.
const BALANCERS: [&str; 2] = ["least-connections", "weighted-round-robin"];

/// A balancer of connections copies no requests.
const SHADOW: &str = "shadow: { share: 70%, for: 30s, gate: { samples: 20, window: 20s } }";

/// And these are `strategies`.
const TRIALS: [&str; 8] = [
    "by-hand: { blue-green: { preview: 1, promotion: manual, bake: 10s, gate: none } }",
    "scaled: { canary: { steps: [ { share: 20%, hold: manual, instances: 50% }, { share: 60%, hold: 10s, instances: 1 } ], gate: { samples: 20, window: 20s } } }",
    "ab-test: { for: 30s, gate: none }",
    "feature-flag: { steps: [ { share: 20%, hold: 10s }, { share: 70%, hold: 10s } ], gate: { samples: 20, window: 20s } }",
    "combined: { steps: [ { share: 30%, hold: 15s } ], bake: 20s, gate: { samples: 20, window: 20s } }",
    "compared: { canary: { steps: [ { share: 20%, hold: 8s }, { share: 60%, hold: 8s } ], keep-old: 5s, gate: { judge: relative, control: baseline, samples: 5, window: 20s } } }",
    "compared-whole: { combined: { steps: [ { share: 30%, hold: 8s } ], bake: 5s, gate: { judge: confidence-sequence, control: baseline } } }",
    SHADOW,
];

/// Each alone and all together, these are options of `proxies`.
const CARE: [&str; 9] = [
    "health: { interval: 1s, fast-interval: 300ms, down-interval: 2s, timeout: 100ms, fall: 2, initial: up }",
    "passive: { max-fails: 2, fail-timeout: 5s }",
    "breaker: { failures: 2, penalty: 1s, penalty-max: 8s }",
    "ejection: { interval: 2s, base: 3s, share: 30%, consecutive-gateway: 3, success-rate: { hosts: 2, requests: 5, factor: 1 }, failure-share: { hosts: 1, requests: 5, threshold: 50% } }",
    "when-unhealthy: { panic: { below: 60% } }",
    "limits: { per-instance: 3, requests: 20, queue: 15, queue-timeout: 300ms }",
    "stickiness: { by: cookie, lifetime: 10s, through-drain: true }",
    "backups: overflow",
    "timeout: 900ms",
];

/// And these of `traffic.retries`.
const AGAIN: [&str; 6] = [
    "target: same, redispatch: true",
    "budget: { deposits: { share: 50%, per-second: 1 } }",
    "backoff: { jittered: { base: 25ms, max: 250ms } }",
    "try-timeout: 150ms",
    "hedge-after: 40ms",
    "on: [refused, reset, error]",
];

const STRATEGIES: &str = "strategies:
  recreate: { gate: { samples: 30, window: 20s }, bake: 20s }
  rolling: { surge: 25%, unavailable: 25% }
  blue-green: { bake: 20s, gate: { samples: 30, window: 20s } }
  canary: { steps: [ { share: 20%, hold: 10s }, { share: 60%, hold: 10s } ], gate: { samples: 20, window: 20s } }
  by-user: { canary: { steps: [ { share: 50%, hold: 10s } ], split: user, gate: none } }
";

impl World {
    fn yaml(&self, rollout: bool) -> String {
        let timeout = self.timeout_ms.map_or(String::new(), |ms| format!(", timeout: {ms}ms"));
        let queue = self.queue.map_or("unlimited".to_owned(), |limit| limit.to_string());
        let faults = match self.fault {
            Some((at, silent)) => format!("faults: [ {{ kill: {{ at: {at}s, silent: {silent}, restart: 3s }} }} ]\n"),
            None => String::new(),
        };
        let (delay, drain) = self.shutdown;
        let deploy = if rollout {
            let people = joined(&self.people);
            let trials: String = self.trials.iter().map(|trial| format!("  {trial}\n")).collect();
            format!("rollout: {{ at: 10s, from: v1, to: v2, progress-deadline: 30s{people} }}\n{STRATEGIES}{trials}")
        } else {
            String::new()
        };
        let pods = joined(&self.pods);
        let quota = self.quota.map_or(String::new(), |room| format!(", quota: {}", self.size + room));
        let sizes = self.sizes.map_or(String::new(), |(first, second)| {
            format!("scale: [ {{ at: 20s, size: {first} }}, {{ at: 70s, size: {second} }} ]\n")
        });
        let crashes = self.crashes;
        let new = if rollout {
            format!("  v2: {{ like: v1, errors: {}%, fails-to-start: {}% }}\n", self.errors, self.fails_to_start)
        } else {
            String::new()
        };
        format!(
            "name: law\nseed: {}\nwarm-up: 5s\nhorizon: 120s\n\
             traffic: {{ open: {{ {}stages: [ {{ rate: {}/s, for: 120s }} ] }}{timeout}{}, retries: {{ attempts: {}{} }}, users: 50 }}\n\
             network: {{ delay: {}ms, listing-delay: {}ms }}\n\
             proxies: {{ count: {}, balancer: {{ {}: {{}} }}{} }}\n\
             fleet: {{ size: {}, slots: {}, queue: {queue}, discipline: {}, boot: {}s, min-ready: {}s, shutdown: {{ delay: {delay}s, drain: {} s }}, price: 0.10 USD/h{pods}{quota} }}\n\
             slo: {{ bad-request-price: 0.01 USD }}\n\
             telemetry: {{ scrape: 2s, delay: 1s }}\n\
             versions:\n  v1: {{ service: {}{crashes} }}\n{new}{deploy}{faults}{sizes}{EVENTS}",
            self.seed,
            self.arrivals,
            self.rate,
            self.connections,
            self.retries,
            joined(&self.again),
            self.delay_ms,
            self.listing_ms,
            self.proxies,
            self.balancer,
            joined(&self.care),
            self.size,
            self.slots,
            self.discipline,
            self.boot_s,
            self.min_ready_s,
            delay + drain,
            self.service,
        )
        .replace(" s }", "s }")
    }
}

/// Those in which requests go the usual way; half of them without a delay, and some with even services, which end when others
/// begin.
fn usual_worlds() -> impl Strategy<Value = World> {
    const CARE: [&str; 3] = [
        "passive: { max-fails: 2, fail-timeout: 5s }",
        "breaker: { failures: 2, penalty: 1s, penalty-max: 8s }",
        "timeout: 900ms",
    ];
    const AGAIN: [&str; 2] = ["backoff: { jittered: { base: 25ms, max: 250ms } }", "on: [refused, reset, error]"];
    let care = prop_oneof![3 => Just(Vec::new()), 1 => prop::sample::subsequence(CARE.to_vec(), 1..=CARE.len())];
    let again = prop::sample::subsequence(AGAIN.to_vec(), 0..=AGAIN.len());
    let trials: Vec<&str> = TRIALS.into_iter().filter(|&trial| trial != SHADOW).collect();
    let trials = prop::sample::subsequence(trials, 0..=2);
    let delay_ms = prop_oneof![Just(0_u32), 1_u32..20];
    let errors = prop_oneof![Just(0_u32), 1_u32..40];
    // Some take so long that the event list keeps them apart, and some fleets are so large that a row of requests finds room.
    const LONG: &str = "{ hyper-exponential: { branches: [ { share: 95%, mean: 5ms }, { share: 5%, mean: 800ms } ] } }";
    let service = prop_oneof![3 => Just(None), 1 => Just(Some(LONG))];
    let size = prop_oneof![2 => Just(None), 1 => (8_u32..20).prop_map(Some)];
    // Requests as even as services end when others come, or with others, to the nanosecond.
    let even =
        prop::sample::select(vec![50_u32, 100, 200, 250]).prop_map(|rate| (rate, "arrivals: even, ", Some("20ms")));
    let traffic = prop_oneof![3 => (1_u32..400, Just(""), service), 1 => even];
    let large = (traffic, size);
    // New instances are slow at first, and soon there.
    const WARM: &str = "warm-up: { for: 10s, slowdown: 3 }";
    let young = (any::<bool>(), 0_u32..3);
    (worlds(), care, again, trials, delay_ms, errors, large, young).prop_map(
        |(world, care, again, trials, delay_ms, errors, ((rate, arrivals, service), size), (slow, boot_s))| World {
            pods: world.pods.iter().copied().chain(slow.then_some(WARM)).collect(),
            boot_s,
            service: service.unwrap_or(world.service),
            size: size.unwrap_or(world.size),
            rate,
            arrivals,
            care,
            again,
            trials,
            delay_ms,
            errors,
            discipline: "fifo",
            connections: "",
            ..world
        },
    )
}

/// Every proxy is reloaded in the middle of things.
const EVENTS: &str = "events: [ { reload: { at: 15s } }, { reload: { at: 40s, proxy: 0 } } ]\n";

fn joined(options: &[&str]) -> String {
    options.iter().map(|option| format!(", {option}")).collect()
}

fn worlds() -> impl Strategy<Value = World> {
    let service = prop::sample::select(vec![
        "20ms",
        "{ exponential: { mean: 50ms } }",
        "{ lognormal: { median: 20ms, p99: 400ms } }",
        "{ pareto: { min: 5ms, shape: 1.5 } }",
    ]);
    // The first must have options.
    let others: Vec<&str> = balancers().iter().copied().filter(|name| *name != "first").collect();
    let balancer = prop_oneof![prop::sample::select(BALANCERS.to_vec()), prop::sample::select(others)];
    let fleet = (1_u32..8, 1_u32..5, prop::option::of(0_u32..10), 0_u32..15, (0_u32..4, 0_u32..6), 0_u32..4);
    let traffic = (1_u32..150, service, prop::option::of(20_u32..2_000), 0_u32..4);
    let network = (0_u32..20, 0_u32..3_000, 1_u32..4, balancer);
    let trouble =
        (0_u32..40, prop::sample::select(vec![0_u32, 0, 30, 100]), prop::option::of((6_u32..60, any::<bool>())));
    let care = prop::sample::subsequence(CARE.to_vec(), 0..=CARE.len());
    let again = prop::sample::subsequence(AGAIN.to_vec(), 0..=AGAIN.len());
    let discipline = prop::sample::select(vec!["fifo", "processor-sharing"]);
    let connections = prop::sample::select(vec![
        "",
        ", connections: {}",
        ", connections: { max-age: 8s, idle: 500ms, max-requests: 40 }",
    ]);
    let crashes = prop::sample::select(vec!["", "", ", crashes: { after: { exponential: { mean: 30s } } }"]);
    let sizes = prop::option::of((1_u32..10, 1_u32..10));
    let pods = (prop::sample::subsequence(PODS.to_vec(), 0..=PODS.len()), prop::option::of(0_u32..4), crashes, sizes);
    let people = prop::sample::subsequence(PEOPLE.to_vec(), 0..=PEOPLE.len());
    let trials = prop::sample::subsequence(TRIALS.to_vec(), 0..=3);
    let options = (care, again, discipline, connections, pods, people, trials);
    (0_u64..1_000, fleet, traffic, network, trouble, options).prop_map(
        |(seed, fleet, traffic, network, trouble, options)| {
            let (size, slots, queue, boot_s, shutdown, min_ready_s) = fleet;
            let (rate, service, timeout_ms, retries) = traffic;
            let (delay_ms, listing_ms, proxies, balancer) = network;
            let (errors, fails_to_start, fault) = trouble;
            let (care, again, discipline, connections, (pods, quota, crashes, sizes), people, trials) = options;
            World {
                seed,
                size,
                slots,
                queue,
                rate,
                arrivals: "",
                service,
                timeout_ms,
                retries,
                delay_ms,
                listing_ms,
                proxies,
                balancer,
                boot_s,
                shutdown,
                min_ready_s,
                errors,
                fails_to_start,
                fault,
                care,
                again,
                discipline,
                connections,
                pods,
                quota,
                crashes,
                sizes,
                people,
                trials,
            }
        },
    )
}

/// Requests that were sent are settled or under way, second by second.
fn conserved(strategy: &StrategyForecast) {
    let mut under_way: i64 = 0;
    for (second, row) in strategy.timeline.iter().enumerate() {
        under_way += i64::from(row.offered) - i64::from(row.good) - i64::from(row.bad);
        assert_eq!(under_way, i64::from(row.in_flight), "{}: second {second}", strategy.name);
    }
    let settled: u32 = strategy.timeline[5..].iter().map(|row| row.good + row.bad).sum();
    assert_eq!(f64::from(settled), value(strategy.metrics.requests));
}

fn physical(row: &Second) -> (u32, u32) {
    let wanted = row.old.booting + row.old.ready + row.new.booting + row.new.ready;
    (wanted, row.old.terminating + row.new.terminating)
}

/// No strategy wants more instances than it may.
fn bounded(world: &World, strategy: &StrategyForecast) {
    let (first, second) = world.sizes.unwrap_or_default();
    let size = world.size.max(first).max(second);
    let most = match strategy.name.as_str() {
        "stay" | "recreate" | "feature-flag" => size,
        "rolling" => size + size.div_ceil(4),
        // A second fleet, and at most as many old instances again to compare it with.
        "compared" | "compared-whole" => 3 * size,
        _ => 2 * size,
    };
    let room = world.quota.map_or(u32::MAX, |room| world.size + room);
    for row in &strategy.timeline {
        let (wanted, terminating) = physical(row);
        assert!(wanted <= most, "{}: {wanted} instances wanted, at most {most} allowed", strategy.name);
        assert!(wanted + terminating <= room, "{}: more instances exist than the quota of {room}", strategy.name);
    }
    assert!(value(strategy.metrics.peak_instances) >= f64::from(world.size));
}

fn priced(strategy: &StrategyForecast) {
    let metrics = &strategy.metrics;
    let expected = value(metrics.instance_hours) * 0.1 + value(metrics.failed_requests) * 0.01;
    assert!((value(metrics.cost) - expected).abs() < 1e-9, "{}", strategy.name);
}

/// An ending is what it says.
fn ended(world: &World, strategy: &StrategyForecast) {
    let last = strategy.timeline.last().expect("the run has seconds");
    let Some(at) = strategy.phases.last().map(|phase| phase.at_s) else { return };
    let settled = at + 3.0 + f64::from(world.listing_ms) / 1e3 < 120.0;
    match strategy.ending {
        Ending::RolledBack if settled => {
            assert!(strategy.metrics.rollback_s.is_some(), "{}: no new instance is listed any more", strategy.name);
            assert_eq!(last.new.booting + last.new.ready, 0);
            let size =
                world.sizes.map_or(world.size, |(first, second)| if at < 70.0 { first.max(second) } else { second });
            let old = last.old.booting + last.old.ready;
            assert!(old <= size, "{}: {old} old instances are left of {size}", strategy.name);
        }
        Ending::Promoted if strategy.name != "feature-flag" => {
            assert_eq!(last.old.booting + last.old.ready, 0, "{}", strategy.name);
        }
        Ending::Concluded if strategy.name == "shadow" => assert_eq!(last.new.booting + last.new.ready, 0),
        Ending::Promoted
        | Ending::RolledBack
        | Ending::NoRollout
        | Ending::Unfinished
        | Ending::Failed
        | Ending::Concluded => {}
    }
}

fn sane(strategy: &StrategyForecast) {
    let metrics = &strategy.metrics;
    for (info, value) in rollcast::measure::metric::Metrics::CATALOGUE.iter().zip(metrics.values()) {
        let Some(value) = value else { continue };
        assert!(value.is_finite(), "{}: {} is {value}", strategy.name, info.name);
        assert!(value >= 0.0 || info.name == "extra_cost", "{}: {} is {value}", strategy.name, info.name);
        assert!(info.unit != "share" || info.name.starts_with("budget") || value <= 1.0, "{} is {value}", info.name);
    }
    let ordered = [metrics.latency_ms_p50, metrics.latency_ms_p95, metrics.latency_ms_p99, metrics.latency_ms_p999];
    assert!(ordered.is_sorted(), "percentiles rise: {ordered:?}");
    assert!(metrics.harmed_requests <= metrics.exposed_requests);
    assert!(metrics.exposed_requests <= metrics.requests);
    let offered: u32 = strategy.timeline.iter().map(|row| row.offered).sum();
    assert!(metrics.mirrored <= Some(f64::from(offered)), "at most one copy of each request");
    if strategy.name == "shadow" {
        assert_eq!([metrics.exposed_requests, metrics.harmed_requests], [Some(0.0); 2], "nobody feels a copy");
    }
}

fn check(world: &World, forecast: &Forecast) {
    for strategy in &forecast.strategies {
        conserved(strategy);
        bounded(world, strategy);
        priced(strategy);
        ended(world, strategy);
        sane(strategy);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_rollout_conserves_requests_money_and_promises(world in worlds()) {
        check(&world, &forecast(&world.yaml(true)));
    }

    #[test]
    fn a_balancer_of_connections_conserves_them_too(world in worlds(), direct in any::<bool>()) {
        let layer = if direct { "layer: direct-return" } else { "layer: l4" };
        let pinned = World {
            connections: ", connections: { max-age: 8s, idle: 2s }",
            care: vec![layer, CARE[0]], again: Vec::new(), retries: 0,
            trials: world.trials.iter().copied().filter(|&trial| trial != SHADOW).collect(),
            balancer: BALANCERS[usize::from(world.balancer == BALANCERS[1])], ..world
        };
        check(&pinned, &forecast(&pinned.yaml(true)));
    }

    #[test]
    fn without_rollout_faults_and_limits_nothing_is_lost(world in worlds()) {
        let calm =
            World { timeout_ms: None, queue: None, fault: None, care: Vec::new(), again: Vec::new(),
                crashes: "", sizes: None, ..world };
        let forecast = forecast(&calm.yaml(false));
        check(&calm, &forecast);
        let metrics = &forecast.strategies[0].metrics;
        prop_assert_eq!(metrics.failed_requests, Some(0.0));
        prop_assert_eq!(metrics.downtime_s, Some(0.0));
        prop_assert_eq!(metrics.outage_s, Some(0.0));
        prop_assert_eq!(metrics.shed_requests, Some(0.0));
    }

    #[test]
    fn a_healthy_rollout_that_waits_for_the_proxies_loses_nothing(world in worlds()) {
        let healthy = World {
            timeout_ms: None, queue: None, fault: None, errors: 0, fails_to_start: 0, care: Vec::new(), again: Vec::new(),
            service: "20ms", rate: 1 + world.rate / 8, shutdown: (4, 30), crashes: "", ..world
        };
        let forecast = forecast(&healthy.yaml(true));
        check(&healthy, &forecast);
        for strategy in forecast.strategies.iter().filter(|strategy| strategy.name != "recreate") {
            // The only instance of a fleet may be missing for a while; a rolling update never lets it.
            prop_assert_eq!(strategy.metrics.failed_requests, Some(0.0), "{}", strategy.name);
            prop_assert_eq!(strategy.metrics.dropped_in_flight, Some(0.0), "{}", strategy.name);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_forecast(world in worlds()) {
        let yaml = world.yaml(true);
        prop_assert_eq!(rollcast::report::json(&forecast(&yaml)), rollcast::report::json(&forecast(&yaml)));
    }

    #[test]
    fn the_usual_way_of_a_request_leads_where_the_long_one_does(world in worlds()) {
        lead_to_the_same(&world)?;
    }

    /// Most worlds have something that forbids the usual way; these have not.
    #[test]
    fn the_usual_way_of_a_usual_request_leads_there_too(world in usual_worlds()) {
        lead_to_the_same(&world)?;
    }
}

/// Before a witness every request goes the long way.
fn lead_to_the_same(world: &World) -> Result<(), TestCaseError> {
    let yaml = world.yaml(true);
    let loaded = parse(&yaml, "law.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}\n{yaml}"));
    for (name, strategy) in sim::runs(&loaded.scenario) {
        let usual = sim::run(&loaded.scenario, name, strategy);
        let long = sim::run_witnessed(&loaded.scenario, name, strategy, Arc::new(|_| ()));
        prop_assert_eq!(format!("{usual:?}"), format!("{long:?}"), "{}\n{}", name, yaml);
    }
    Ok(())
}
