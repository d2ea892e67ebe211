//! One pick and the end of an earlier one, for each balancer at 10, 100 and 1,000 instances that are half busy.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rollcast::core::draw::Seed;
use rollcast::core::ids::{InstanceId, UserId, VersionId};
use rollcast::core::proxy::{Ask, Listing, Pool, Report, Rule, Tried};
use rollcast::core::time::{Moment, Span};
use rollcast::scenario::{balancer, balancers};
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

/// Requests under way for each instance.
const DEPTH: u32 = 4;

struct Traffic {
    pool: Pool,
    now: Moment,
    user: u32,
    under_way: VecDeque<InstanceId>,
}

impl Traffic {
    fn new(rule: &Rule, instances: u32) -> Traffic {
        let mut pool = Pool::new(rule, Seed(1).stream("balancer", 0));
        for id in 0..instances {
            let name = format!("10.0.{}.{}:80", id / 256, id % 256);
            let listing = Listing { instance: InstanceId(id), version: VersionId(0), name: &name, weight: 1 };
            pool.list(Moment::START, &listing);
            let load = f64::from(id % 7 + 1) / 10.0;
            let report = Report {
                in_flight: DEPTH,
                utilisation: load,
                per_second: 100.0,
                errors_per_second: 0.0,
                latency_s: load,
            };
            pool.report(Moment::START, InstanceId(id), &report);
        }
        let mut traffic = Traffic { pool, now: Moment::START, user: 0, under_way: VecDeque::new() };
        for _ in 0..instances * DEPTH {
            traffic.pick();
        }
        traffic
    }

    fn pick(&mut self) {
        self.now += Span::from_nanos(10_000);
        self.user = self.user.wrapping_add(1);
        // Bits of no consequence: which of the oldest requests ends next.
        let ask = Ask::of(UserId(self.user % 10_000), 0, Tried::NONE);
        if let Some((instance, _)) = self.pool.pick(self.now, None, black_box(&ask)) {
            self.under_way.push_back(instance);
        }
    }

    fn step(&mut self) {
        self.pick();
        let older = (self.user.wrapping_mul(0x9e37_79b9) >> 8) as usize % self.under_way.len();
        if let Some(instance) = self.under_way.swap_remove_back(older) {
            self.pool.end(self.now, instance, Span::from_millis(10));
        }
    }
}

fn picks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300)).sample_size(20);
    for name in balancers() {
        let text = if *name == "first" { "first: { max-connections: 8 }" } else { name };
        let rule = balancer(text, name).expect("every balancer has defaults");
        for instances in [10, 100, 1_000] {
            group.bench_with_input(BenchmarkId::new(*name, instances), &instances, |bencher, &instances| {
                let mut traffic = Traffic::new(&rule, instances);
                bencher.iter(|| traffic.step());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, picks);
criterion_main!(benches);
