//! Requests per second and core of the engine: `cargo bench --bench engine`.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use rollcast::scenario::plan::Scenario;
use rollcast::scenario::{load_with, parse};
use std::hint::black_box;
use std::path::Path;

fn scenario(yaml: &str) -> Scenario {
    parse(yaml, "bench.yaml", Path::new(".")).unwrap_or_else(|problems| panic!("{problems}")).scenario
}

/// Poisson arrivals, exponential service, load 0.8 on one queue before ten slots.
fn m_m_10(seconds: u32) -> Scenario {
    scenario(&format!(
        "name: m-m-10\nhorizon: {seconds}s\n\
         traffic: {{ open: {{ stages: [ {{ rate: 8000/s, for: {seconds}s }} ] }} }}\n\
         fleet: {{ size: 1, slots: 10 }}\nversions: {{ v1: {{ service: {{ exponential: {{ mean: 1ms }} }} }} }}\n"
    ))
}

/// Load 0.6 on `instances` of eight slots each, behind one balancer.
fn fleet(instances: u32, balancer: &str, seconds: u32) -> Scenario {
    let rate = 0.6 * f64::from(instances) * 8.0 / 0.02;
    scenario(&format!(
        "name: fleet\nhorizon: {seconds}s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {rate}/s, for: {seconds}s }} ] }}, timeout: 2s }}\n\
         proxies: {{ balancer: {{ {balancer}: {{}} }} }}\n\
         fleet: {{ size: {instances}, slots: 8, queue: 32 }}\n\
         versions: {{ v1: {{ service: {{ lognormal: {{ median: 15ms, p99: 80ms }} }} }} }}\n"
    ))
}

fn bench(criterion: &mut Criterion) {
    let quickstart = load_with(Path::new("scenarios/quickstart.yaml"), &[("horizon", "12m")]);
    let quickstart = quickstart.unwrap_or_else(|problems| panic!("{problems}")).scenario;
    let mut cases = vec![("m-m-10".to_owned(), m_m_10(60)), ("quickstart".to_owned(), quickstart)];
    for instances in [10, 100, 1_000] {
        for balancer in ["weighted-round-robin", "least-connections"] {
            cases.push((format!("{balancer}-{instances}"), fleet(instances, balancer, 30_000 / instances.max(100))));
        }
    }
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, scenario) in &cases {
        let requests = rollcast::sim::run(scenario, "stay", None).metrics.requests.expect("requests are counted");
        group.throughput(Throughput::Elements(requests as u64));
        group.bench_function(name, |bencher| bencher.iter(|| rollcast::sim::run(black_box(scenario), "stay", None)));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
