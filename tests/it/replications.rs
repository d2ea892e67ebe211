//! Several replications: whether their intervals hold what they promise, and what the same luck for all is worth.

use crate::lab::{metrics, replicated, scenarios, value};
use rollcast::measure::batches::BatchMeans;
use rollcast::measure::forecast::{Forecast, Sample, Second};
use rollcast::measure::replications::Series;
use rollcast::measure::stats::{Interval, variance};
use rollcast::scenario::load_with;

/// Erlang's C: the share of arrivals that wait in M/M/c.
fn erlang_c(slots: u32, load: f64) -> f64 {
    let erlangs = load * f64::from(slots);
    let blocked = (1..=slots).fold(1.0, |blocked, c| erlangs * blocked / (f64::from(c) + erlangs * blocked));
    blocked / (1.0 - load * (1.0 - blocked))
}

#[test]
fn ninety_five_in_a_hundred_intervals_hold_the_true_mean() {
    const MEAN_MS: f64 = 10.0;
    let (slots, load) = (10, 0.7);
    let truth = MEAN_MS * (1.0 + erlang_c(slots, load) / (f64::from(slots) * (1.0 - load)));
    assert!((erlang_c(10, 0.8) - 0.409_180).abs() < 1e-6, "the formula itself");
    let holds = |seed: u32| {
        let yaml = format!(
            "name: coverage\nseed: {seed}\nwarm-up: 1s\nhorizon: 8s\n\
             traffic: {{ open: {{ stages: [ {{ rate: 700/s, for: 8s }} ] }} }}\n\
             fleet: {{ size: 1, slots: {slots}, queue: unlimited }}\n\
             versions: {{ v1: {{ service: {{ exponential: {{ mean: 10ms }} }} }} }}\n"
        );
        let forecast = replicated(&yaml, &Series::Fixed(10));
        let Interval { low, high, .. } =
            forecast.strategies[0].spread_of("latency_ms_mean").expect("ten replications").interval;
        (low..=high).contains(&truth)
    };
    let held = (1..=400).filter(|seed| holds(*seed)).count();
    println!("{held} of 400 intervals hold {truth} ms");
    assert!((368..=392).contains(&held), "{held} of 400 intervals hold {truth} ms, expected 92 to 98 %");
}

/// One long run knows its mean too: L = λ W, with W after Erlang.
#[test]
fn batch_means_of_a_single_run_hold_erlangs_mean() {
    let truth = 7.0 + erlang_c(10, 0.7) * 0.7 / (1.0 - 0.7);
    let interval = |seed: u32| {
        let yaml = format!(
            "name: batches\nseed: {seed}\nwarm-up: 10s\nhorizon: 40m\n\
             traffic: {{ open: {{ stages: [ {{ rate: 70/s, for: 40m }} ] }} }}\n\
             network: {{ delay: 0s }}\nfleet: {{ size: 1, slots: 10, queue: unlimited }}\n\
             versions: {{ v1: {{ service: {{ exponential: {{ mean: 100ms }} }} }} }}\n"
        );
        let forecast = replicated(&yaml, &Series::Fixed(1));
        let in_flight = |second: &Second| f64::from(second.in_flight);
        let series: Vec<f64> = forecast.strategies[0].timeline[10..].iter().map(in_flight).collect();
        let note = forecast.notes.iter().any(|note| note.id == "batch-means");
        BatchMeans::of(&series).inspect(|_| assert!(note, "the report says so")).map(|means| means.interval)
    };
    let found: Vec<Interval> = (1..=100).filter_map(interval).collect();
    let hold = found.iter().filter(|interval| (interval.low..=interval.high).contains(&truth)).count();
    assert!(found.len() >= 90, "{} of 100 runs are long enough", found.len());
    assert!(hold * 100 >= found.len() * 88, "{hold} of {} intervals hold {truth}", found.len());
}

fn bad(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| value(sample.metrics.failed_requests)).collect()
}

/// Variance of the difference of bad requests under separate luck over that under the same luck.
fn gain(forecast: &Forecast, a: &str, b: &str) -> f64 {
    let samples = |name: &str| bad(&crate::lab::strategy(forecast, name).samples);
    let (a, b) = (samples(a), samples(b));
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let known = |values: &[f64]| variance(values).expect("several replications");
    (known(&a) + known(&b)) / known(&differences)
}

/// The canary meets the errors of v1 that `stay` meets, so that the same luck for both tells them apart sooner. Rolling
/// brings v2 to everybody: what it loses hangs on the luck of requests that the canary keeps on v1, and pairing the two
/// neither helps nor harms.
#[test]
fn the_same_luck_for_all_is_worth_many_replications_where_strategies_share_a_fate() {
    let strategies = "{ rolling: { surge: 25%, unavailable: 25% }, canary: { steps: [ { share: 5%, hold: 60s } ], \
                      gate: { error-rate: 1%, samples: 200 } } }";
    let shorter = [("horizon", "3m"), ("warm-up", "30s"), ("rollout.at", "1m"), ("strategies", strategies)];
    let loaded = load_with(&scenarios().join("quickstart.yaml"), &shorter).expect("the quick-start, shortened");
    let forecast = rollcast::sim::replicate(&loaded.scenario, &Series::Fixed(20), &());
    let [stay, rolling] = ["stay", "rolling"].map(|other| gain(&forecast, "canary", other));
    println!("separate luck has {stay:.1} times the variance in canary − stay, {rolling:.2} times in canary − rolling");
    assert!(stay > 3.0, "the paired variance of canary − stay is 1/{stay} of the unpaired");
    assert!((0.5..2.0).contains(&rolling), "canary − rolling: {rolling}");
}

#[test]
fn the_first_replication_is_the_single_run() {
    let single = replicated(SMALL, &Series::Fixed(1));
    let several = replicated(SMALL, &Series::Fixed(3));
    for (one, many) in single.strategies.iter().zip(&several.strategies) {
        assert!(one.samples.is_empty());
        assert_eq!((many.samples.len(), &many.samples[0].metrics), (3, &one.metrics), "{}", one.name);
        assert_ne!(many.samples[1].metrics, many.samples[2].metrics, "{}", one.name);
        assert_eq!((&many.timeline, &many.phases), (&one.timeline, &one.phases));
        for (one, many) in one.slos.iter().zip(&many.slos) {
            assert_eq!((one.budget, &one.alerts), (many.samples[0], &many.alerts), "{}", one.name);
        }
    }
    let bad = metrics(&several, "rolling").failed_requests;
    let spread = crate::lab::strategy(&several, "rolling").spread_of("failed_requests").expect("three replications");
    assert_eq!(bad, Some(spread.interval.mean));
}

/// Every objective is known as well as the metrics are.
#[test]
fn budgets_of_all_objectives_have_their_intervals() {
    let also = "{ objective: 99.9%, window: 30d, also: { fast: { objective: 99%, within: 30ms } } }";
    let loaded = load_with(&scenarios().join("quickstart.yaml"), &[("horizon", "12m"), ("slo", also)]);
    let forecast = rollcast::sim::replicate(&loaded.expect("it is one").scenario, &Series::Fixed(4), &());
    for strategy in &forecast.strategies {
        let [all, fast] = strategy.slos.as_slice() else { panic!("there are two") };
        assert_eq!(all.budget.burnt, strategy.metrics.budget_burnt, "{}", strategy.name);
        assert_eq!(all.burnt_spread(), strategy.spread_of("budget_burnt"));
        assert_eq!(Some(all.budget.bad), strategy.metrics.failed_requests);
        let bad: Vec<f64> = fast.samples.iter().map(|budget| budget.bad).collect();
        assert_eq!((bad.len(), fast.budget.bad), (4, bad.iter().sum::<f64>() / 4.0));
        assert!(bad.iter().zip(&all.samples).all(|(slow, all)| *slow > all.bad), "what fails is not fast either");
        let spread = fast.burnt_spread().expect("four replications");
        assert_eq!(Some(spread.interval.mean), fast.budget.burnt);
        assert!(spread.interval.low < spread.interval.high);
    }
}

const SMALL: &str = "name: small
seed: 3
warm-up: 5s
horizon: 60s
traffic: { open: { stages: [ { rate: 100/s, for: 60s } ] }, timeout: 2s }
fleet: { size: 4, slots: 4, queue: 16, boot: 5s, shutdown: { delay: 2s, drain: 10s }, price: 0.10 USD/h }
versions: { v1: { service: 10ms }, v2: { like: v1, errors: 10% } }
rollout: { at: 20s, from: v1, to: v2 }
strategies: { rolling: {}, canary: {} }
";
