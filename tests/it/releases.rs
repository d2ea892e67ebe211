//! What releases are like: defects of every kind, and what comes of them over many releases.

use crate::lab::{metrics, replicated, strategy, value};
use rollcast::measure::forecast::{Ending, Forecast};
use rollcast::measure::replications::Series;

/// One version alone: a minute at 2,000 requests a second on ten slots, of which `erlangs` are busy on average.
fn service(version: &str, erlangs: u32) -> String {
    format!(
        "name: alone\nhorizon: 60s\n\
         traffic: {{ users: 1000, open: {{ stages: [ {{ rate: 2000/s, for: 60s }} ] }} }}\n\
         fleet: {{ size: 1, slots: 10, queue: unlimited }}\n\
         versions: {{ v1: {{ service: {{ exponential: {{ mean: {}us }} }}, {version} }} }}\n",
        u64::from(erlangs) * 500
    )
}

/// The share of its requests that are bad.
fn alone(version: &str, erlangs: u32) -> f64 {
    let forecast = replicated(&service(version, erlangs), &Series::Fixed(1));
    1.0 - value(metrics(&forecast, "stay").availability)
}

/// Five standard errors of a share of 120,000 requests.
fn close(found: f64, expected: f64) {
    let error = 5.0 * (expected * (1.0 - expected) / 120_000.0).sqrt();
    assert!((found - expected).abs() < error, "found {found}, expected {expected} ± {error}");
}

#[test]
fn errors_of_several_reasons_come_on_top_of_each_other() {
    close(alone("errors: 5%", 5), 0.05);
    // An instance of the start has been up since the start of the run: the leak grows from none.
    close(alone("errors: 5%, leak: { errors: 20%, over: 60s }", 5), 1.0 - 0.95 * 0.9);
    close(alone("leak: { errors: 20%, over: 30s }", 5), (0.1 + 0.2) / 2.0);
}

/// Arrivals find the slots as time does (Wolff, 1982): in M/M/10 at 5 erlangs, nine or more of them busy with this chance.
#[test]
fn errors_under_load_are_those_of_the_busy_times() {
    let terms: Vec<f64> = (0..10)
        .scan(1.0, |term, n| {
            let now = *term;
            *term *= 5.0 / f64::from(n + 1);
            Some(now)
        })
        .collect();
    // From ten on it is a geometric tail: 5^10/10! × 1/(1 − 1/2).
    let full = terms[9] * 0.5 / (1.0 - 0.5);
    let all: f64 = terms.iter().sum::<f64>() + full;
    // Who finds eight others busy has the ninth slot; who has to wait finds all busy when it begins.
    let share = (terms[9] + full) / all + terms[8] / all;
    let yaml = service("under-load: { errors: 100%, above: 85% }", 5);
    let forecast = replicated(&yaml, &Series::Fixed(20));
    let found = forecast.strategies[0].spread_of("availability").expect("20 replications").interval;
    // Neighbouring requests meet the same busy times: the replications know by how much that widens the interval.
    let (low, high) = (1.0 - found.mean - 2.0 * found.half(), 1.0 - found.mean + 2.0 * found.half());
    assert!((low..=high).contains(&share), "found {low} to {high}, expected {share}");
    assert!(high - low < 0.01, "{low} to {high}");
}

#[test]
fn a_cohort_is_always_the_same_users() {
    let few = alone("cohort: 3%", 5);
    // Which of the 1,000 users are in it is chance: five standard errors of that.
    assert!((few - 0.03).abs() < 5.0 * (0.03_f64 * 0.97 / 1_000.0).sqrt(), "{few}");
    let forecast = replicated(&risky("[ { cohort: 10% } ]", "100%"), &Series::Fixed(2));
    let rolling = metrics(&forecast, "rolling");
    let [harmed, users] = [rolling.harmed_users, rolling.exposed_users].map(value);
    assert!((harmed / users - 0.1).abs() < 0.05, "{harmed} of {users} users");
    assert!(value(rolling.harmed_requests) > 5.0 * harmed, "each of them again and again");
}

#[test]
fn a_slower_version_takes_so_many_times_as_long() {
    let mean = |latency: &str| {
        let yaml = format!(
            "name: slow\nhorizon: 20s\ntraffic: {{ open: {{ stages: [ {{ rate: 100/s, for: 20s }} ] }} }}\n\
             fleet: {{ size: 1, slots: 100 }}\nversions: {{ v1: {{ service: 10ms, latency: {latency} }} }}\n"
        );
        value(metrics(&replicated(&yaml, &Series::Fixed(1)), "stay").latency_ms_mean)
    };
    assert!((mean("×2.5") / mean("1") - 2.5).abs() < 1e-3);
}

/// Four instances, releases of these kinds.
fn risky(kinds: &str, bad: &str) -> String {
    format!(
        "name: risky\nseed: 5\nhorizon: 5m\n\
         traffic: {{ users: 300, open: {{ stages: [ {{ rate: 50/s, for: 5m }} ] }} }}\n\
         fleet: {{ size: 4, slots: 8, boot: 5s, shutdown: {{ drain: 5s }} }}\n\
         versions: {{ v1: {{ service: 10ms }}, v2: {{ like: v1 }} }}\n\
         rollout: {{ at: 30s, from: v1, to: v2, progress-deadline: 60s }}\n\
         releases: {{ bad: {bad}, per-week: 10, kinds: {kinds} }}\n\
         strategies: {{ recreate: {{ gate: {{ error-rate: 5%, samples: 50 }} }}, rolling: {{}}, \
         canary: {{ steps: [ {{ share: 25%, hold: 30s }} ], gate: {{ error-rate: 5%, samples: 50 }} }} }}\n"
    )
}

fn risk<'f>(forecast: &'f Forecast, name: &str) -> &'f rollcast::measure::risk::Risk {
    strategy(forecast, name).risk.as_ref().expect("the scenario has releases")
}

#[test]
fn every_strategy_meets_the_same_releases_and_each_deals_with_them_in_its_way() {
    let kinds = "[ { name: broken, errors: 50% }, { name: dead, fails-to-start: 100% } ]";
    let forecast = replicated(&risky(kinds, "50%"), &Series::Fixed(40));
    let drawn = &forecast.releases.as_ref().expect("it has releases").drawn;
    let count = |kind| drawn.iter().filter(|&&drawn| drawn == kind).count() as u32;
    let [good, broken, dead] = [None, Some(0), Some(1)].map(count);
    assert!(good > 8 && broken > 3 && dead > 3, "{drawn:?}");
    for name in ["recreate", "rolling", "canary"] {
        let risk = risk(&forecast, name);
        assert_eq!((risk.good, risk.bad(), risk.false_alarms), (good, broken + dead, 0), "{name}");
        let rate = f64::from(broken + dead) / 40.0;
        assert_eq!(risk.change_fail_rate, rate, "{name}: what was bad had to be mended");
    }
    // Without a gate only what does not start is stopped; recreate has nothing left by then.
    let outcomes = |name| {
        let risk = risk(&forecast, name);
        (risk.caught, risk.late, risk.missed)
    };
    assert_eq!(outcomes("rolling"), (dead, 0, broken));
    assert_eq!(outcomes("canary"), (broken + dead, 0, 0));
    assert_eq!(outcomes("recreate"), (0, broken + dead, 0));
    for (sample, kind) in strategy(&forecast, "canary").samples.iter().zip(drawn) {
        assert_eq!(sample.ending == Ending::Promoted, kind.is_none());
    }
}

#[test]
fn what_releases_cost_is_beyond_stay() {
    let forecast = replicated(&risky("[ { errors: 50% } ]", "50%"), &Series::Fixed(10));
    let cost = risk(&forecast, "rolling").costs.iter().find(|cost| cost.name == "failed_requests");
    let cost = cost.expect("it is counted");
    let place = rollcast::measure::metric::Metrics::place("failed_requests").expect("it is in the catalogue");
    let beyond = strategy(&forecast, "rolling").difference(strategy(&forecast, "stay"), place);
    assert_eq!(cost.interval, beyond);
    let per_year = 10.0 * 365.25 / 7.0;
    assert_eq!(cost.per_year, beyond.map(|beyond| beyond.mean * per_year));
}
