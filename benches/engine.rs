//! Requests per second and core of the engine: `cargo bench --bench engine`.
//!
//! `queues` are the workloads of `benches/peers`, `scaling` grows the fleet and the number of proxies at the same load,
//! `storm` retries most requests (it counts attempts), `short` is a replication of a thousand requests with all that it
//! costs before and after, and `threads` shares replications out. What matters are ratios within one run.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use rollcast::measure::replications::Series;
use rollcast::scenario::plan::Scenario;
use rollcast::scenario::{load_with, parse};
use std::hint::black_box;
use std::path::Path;

fn scenario(yaml: &str) -> Scenario {
    parse(yaml, "bench.yaml", Path::new(".")).unwrap_or_else(|problems| panic!("{problems}")).scenario
}

/// Poisson arrivals, exponential service, load 0.8.
fn queues(fleet: &str, balancer: &str) -> Scenario {
    scenario(&format!(
        "name: queues\nhorizon: 60s\nwarm-up: 0s\n\
         traffic: {{ open: {{ stages: [ {{ rate: 8000/s, for: 60s }} ] }} }}\n\
         network: {{ delay: 0s }}\nproxies: {{ balancer: {{ {balancer}: {{}} }} }}\nfleet: {fleet}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: 1ms }} }} }} }}\n"
    ))
}

/// Load 0.6 on `instances` of eight slots each, behind `proxies`; about 700,000 requests.
fn fleet(instances: u32, proxies: u32, balancer: &str) -> Scenario {
    let rate = 0.6 * f64::from(instances) * 8.0 / 0.02;
    let seconds = 3_000.0 / f64::from(instances);
    scenario(&format!(
        "name: fleet\nhorizon: {seconds}s\nwarm-up: 0s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {rate}/s, for: {seconds}s }} ] }}, timeout: 2s }}\n\
         proxies: {{ count: {proxies}, balancer: {{ {balancer}: {{}} }} }}\n\
         fleet: {{ size: {instances}, slots: 8, queue: 32 }}\n\
         versions: {{ v1: {{ service: {{ lognormal: {{ median: 15ms, p99: 80ms }} }} }} }}\n"
    ))
}

/// Three of five attempts fail, and are tried again up to three times.
fn storm(instances: u32) -> Scenario {
    let rate = 200 * instances;
    scenario(&format!(
        "name: storm\nhorizon: 10s\nwarm-up: 0s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {rate}/s, for: 10s }} ] }}, timeout: 2s,\n\
         \x20 retries: {{ attempts: 3, on: [ error, refused, reset ] }} }}\n\
         proxies: {{ balancer: {{ weighted-round-robin: {{}} }} }}\nfleet: {{ size: {instances}, slots: 8, queue: 32 }}\n\
         versions: {{ v1: {{ service: {{ lognormal: {{ median: 5ms, p99: 30ms }} }}, errors: 60% }} }}\n"
    ))
}

/// About a thousand requests.
fn short() -> Scenario {
    scenario(
        "name: short\nhorizon: 1s\nwarm-up: 0s\n\
         traffic: { open: { stages: [ { rate: 1000/s, for: 1s } ] }, timeout: 2s }\n\
         proxies: { balancer: { least-connections: {} } }\nfleet: { size: 10, slots: 8, queue: 32 }\n\
         versions: { v1: { service: { lognormal: { median: 15ms, p99: 80ms } } } }\n",
    )
}

/// The quick-start without its quiet end.
fn quickstart() -> Scenario {
    let loaded = load_with(Path::new("scenarios/quickstart.yaml"), &[("horizon", "12m")]);
    loaded.unwrap_or_else(|problems| panic!("{problems}")).scenario
}

/// First attempts and retries.
fn attempts(scenario: &Scenario) -> u64 {
    let metrics = rollcast::sim::run(scenario, "stay", None).metrics;
    [metrics.requests, metrics.retries].map(|count| count.expect("they are counted") as u64).iter().sum()
}

fn run_all(criterion: &mut Criterion, group: &str, cases: &[(String, Scenario)]) {
    let mut group = criterion.benchmark_group(group);
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, scenario) in cases {
        group.throughput(Throughput::Elements(attempts(scenario)));
        group.bench_function(name, |bencher| bencher.iter(|| rollcast::sim::run(black_box(scenario), "stay", None)));
    }
    group.finish();
}

fn engine(criterion: &mut Criterion) {
    let ten = "{ size: 10, slots: 1 }";
    let cases = [
        ("quickstart", quickstart()),
        ("m-m-10", queues("{ size: 1, slots: 10 }", "round-robin")),
        ("ten-queues-round-robin", queues(ten, "weighted-round-robin")),
        ("ten-queues-shortest", queues(ten, "least-connections")),
    ];
    run_all(criterion, "queues", &cases.map(|(name, scenario)| (name.to_owned(), scenario)));
}

fn scaling(criterion: &mut Criterion) {
    let mut cases = Vec::new();
    for balancer in ["weighted-round-robin", "least-connections"] {
        for instances in [10, 100, 1_000, 10_000] {
            cases.push((format!("{balancer}/{instances}-instances"), fleet(instances, 1, balancer)));
        }
        cases.push((format!("{balancer}/100-instances-20-proxies"), fleet(100, 20, balancer)));
    }
    run_all(criterion, "scaling", &cases);
}

fn hard(criterion: &mut Criterion) {
    let storms = [100, 1_000].map(|instances| (format!("{instances}-instances"), storm(instances)));
    run_all(criterion, "storm", &storms);
    run_all(criterion, "short", &[("1000-requests".to_owned(), short())]);
}

fn threads(criterion: &mut Criterion) {
    const REPLICATIONS: u32 = 8;
    let scenario = fleet(10, 1, "least-connections");
    let mut group = criterion.benchmark_group("threads");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(u64::from(REPLICATIONS) * attempts(&scenario)));
    for count in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("threads can be started");
        let replicate = || rollcast::sim::replicate(black_box(&scenario), &Series::Fixed(REPLICATIONS), &());
        group.bench_function(count.to_string(), |bencher| bencher.iter(|| pool.install(replicate)));
    }
    group.finish();
}

criterion_group!(benches, engine, scaling, hard, threads);
criterion_main!(benches);
