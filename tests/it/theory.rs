//! The engine against queueing theory: formulas that we did not invent, with fixed seeds, against intervals.
//!
//! One instance with `c` slots and an unlimited queue is M/G/c; without a queue it is Erlang's loss system.

use crate::lab::{forecast, metrics, over_seeds, value};

const MEAN_MS: f64 = 10.0;

/// One instance under Poisson traffic of `load` per slot.
fn queue(slots: u32, load: f64, queue: &str, service: &str, seconds: u32, seed: u64) -> String {
    let rate = load * f64::from(slots) * 1_000.0 / MEAN_MS;
    format!(
        "name: queue\nseed: {seed}\nwarm-up: {}s\nhorizon: {seconds}s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {rate}/s, for: {seconds}s }} ] }} }}\n\
         fleet: {{ size: 1, slots: {slots}, queue: {queue} }}\n\
         versions: {{ v1: {{ service: {service} }} }}\n",
        seconds / 10
    )
}

/// The mean time in the system, in mean service times, must agree with theory within a tight interval.
fn assert_response(slots: u32, load: f64, service: &str, expected: f64) {
    let seconds = 1_500 / slots;
    let (mean, half) = over_seeds(|seed| {
        let forecast = forecast(&queue(slots, load, "unlimited", service, seconds, seed));
        value(metrics(&forecast, "stay").latency_ms_mean) / MEAN_MS
    });
    assert!(half < 0.12 * expected, "an interval of ± {half} around {mean} is too wide to tell anything");
    // The histogram behind the mean keeps three digits.
    let margin = half + 0.001 * expected;
    assert!((mean - expected).abs() < margin, "M/G/{slots} at {load}, {service}: {mean} ± {half}, theory {expected}");
}

const EXPONENTIAL: &str = "{ exponential: { mean: 10ms } }";

#[test]
fn m_m_1_responds_as_theory_says() {
    for (load, expected) in [(0.5, 2.0), (0.7, 3.3333), (0.8, 5.0), (0.9, 10.0)] {
        assert_response(1, load, EXPONENTIAL, expected);
    }
}

#[test]
fn m_m_c_responds_as_erlang_c_says() {
    assert_response(10, 0.8, EXPONENTIAL, 1.204_59);
    assert_response(10, 0.9, EXPONENTIAL, 1.668_73);
    assert_response(2, 0.8, EXPONENTIAL, 1.0 + 1.777_778);
    assert_response(5, 0.8, EXPONENTIAL, 1.0 + 0.554_113);
}

#[test]
fn m_d_1_responds_as_theory_says() {
    for (load, expected) in [(0.5, 1.5), (0.7, 2.166_67), (0.8, 3.0), (0.9, 5.5)] {
        assert_response(1, load, "10ms", expected);
    }
}

/// Pollaczek and Khinchine: T = 1 + ρ (1 + c²) / (2 (1 − ρ)) in mean service times, c² the squared coefficient of variation.
fn pollaczek_khinchine(load: f64, squared_variation: f64) -> f64 {
    1.0 + load * (1.0 + squared_variation) / (2.0 * (1.0 - load))
}

#[test]
fn m_g_1_responds_as_pollaczek_and_khinchine_say() {
    // A log-normal law of mean 10 ms: median = mean · exp(−σ²/2), c² = exp(σ²) − 1, p99 = median · exp(2.3263 σ).
    let sigma = 0.8_f64;
    let median_us = 10_000.0 * (-sigma * sigma / 2.0).exp();
    let p99_us = median_us * (2.326_347_874 * sigma).exp();
    let log_normal = format!("{{ lognormal: {{ median: {median_us:.3}us, p99: {p99_us:.3}us }} }}");
    // Two exponentials of mean 10 ms in all: E[S²] = 2 Σ share · mean².
    let hyper = "{ hyper-exponential: { branches: [ { share: 80%, mean: 5ms }, { share: 20%, mean: 30ms } ] } }";
    let hyper_variation = 2.0 * (0.8 * 25.0 + 0.2 * 900.0) / 100.0 - 1.0;
    let cases = [
        ("{ erlang: { mean: 10ms, stages: 4 } }", 0.25),
        ("{ gamma: { mean: 10ms, shape: 2.5 } }", 0.4),
        (hyper, hyper_variation),
        (log_normal.as_str(), (sigma * sigma).exp() - 1.0),
        // Pareto of shape 5 and mean 10 ms: c² = 1 / (shape (shape − 2)).
        ("{ pareto: { min: 8ms, shape: 5 } }", 1.0 / 15.0),
    ];
    for (law, squared_variation) in cases {
        assert_response(1, 0.7, law, pollaczek_khinchine(0.7, squared_variation));
    }
}

#[test]
fn without_a_queue_erlang_b_is_lost() {
    for (slots, erlangs, expected) in [(1, 0.5, 0.333_333), (2, 1.0, 0.2), (5, 3.0, 0.110_054), (10, 8.0, 0.121_661)] {
        let load = erlangs / f64::from(slots);
        let (lost, half) = over_seeds(|seed| {
            let forecast = forecast(&queue(slots, load, "0", EXPONENTIAL, 300, seed));
            1.0 - value(metrics(&forecast, "stay").availability)
        });
        assert!(half < 0.05 * expected, "± {half} is too wide");
        assert!((lost - expected).abs() < half, "{slots} slots, {erlangs} erlangs: {lost} ± {half}, theory {expected}");
    }
}

#[test]
fn loss_does_not_depend_on_the_law_of_service() {
    for law in ["10ms", "{ pareto: { min: 5ms, shape: 2 } }"] {
        let (lost, half) = over_seeds(|seed| {
            let forecast = forecast(&queue(5, 0.6, "0", law, 300, seed));
            1.0 - value(metrics(&forecast, "stay").availability)
        });
        assert!((lost - 0.110_054).abs() < half, "{law}: {lost} ± {half}");
    }
}

#[test]
fn a_closed_loop_obeys_littles_law() {
    // 40 users on one instance of 10 slots that is never full for long: throughput = users / (think + response).
    let (ratio, half) = over_seeds(|seed| {
        let forecast = forecast(&format!(
            "name: closed\nseed: {seed}\nwarm-up: 10s\nhorizon: 110s\n\
             traffic: {{ closed: {{ users: 40, think: {{ exponential: {{ mean: 50ms }} }} }} }}\n\
             fleet: {{ size: 1, slots: 10 }}\nversions: {{ v1: {{ service: {EXPONENTIAL} }} }}\n"
        ));
        let metrics = metrics(&forecast, "stay");
        let response_s = value(metrics.latency_ms_mean) / 1_000.0;
        value(metrics.requests) / 100.0 * (0.05 + response_s) / 40.0
    });
    assert!(half < 0.02, "± {half} is too wide");
    assert!((ratio - 1.0).abs() < half + 0.001, "{ratio} ± {half}");
}

#[test]
fn retries_multiply_attempts_as_a_geometric_series_does() {
    // Every second attempt fails; two retries: 1 + 1/2 + 1/4 attempts, and 7/8 of the requests end well.
    let (attempts, half) = over_seeds(|seed| {
        let forecast = forecast(&format!(
            "name: retries\nseed: {seed}\nhorizon: 60s\n\
             traffic: {{ open: {{ stages: [ {{ rate: 500/s, for: 60s }} ] }}, retries: {{ attempts: 2, on: [error] }} }}\n\
             fleet: {{ size: 4, slots: 20 }}\nversions: {{ v1: {{ service: 1ms, errors: 50% }} }}\n"
        ));
        let metrics = metrics(&forecast, "stay");
        assert!((value(metrics.availability) - 0.875).abs() < 0.01);
        1.0 + value(metrics.retries) / value(metrics.requests)
    });
    assert!((attempts - 1.75).abs() < half, "{attempts} ± {half}");
}

#[test]
fn processor_sharing_responds_alike_for_every_law_of_service() {
    // M/G/1-PS: a mean of 1 / (1 − ρ) service times, whatever the law.
    let hyper = "{ hyper-exponential: { branches: [ { share: 80%, mean: 5ms }, { share: 20%, mean: 30ms } ] } }";
    for law in ["10ms", EXPONENTIAL, hyper, "{ erlang: { mean: 10ms, stages: 4 } }"] {
        for load in [0.5, 0.8] {
            let expected = 1.0 / (1.0 - load);
            let (mean, half) = over_seeds(|seed| {
                let yaml = queue(1, load, "unlimited", law, 1_500, seed)
                    .replace("slots: 1", "slots: 1, discipline: processor-sharing");
                value(metrics(&forecast(&yaml), "stay").latency_ms_mean) / MEAN_MS
            });
            assert!(half < 0.12 * expected, "± {half} is too wide");
            assert!(
                (mean - expected).abs() < half + 0.001 * expected,
                "{law} at {load}: {mean} ± {half}, theory {expected}"
            );
        }
    }
}

#[test]
fn under_processor_sharing_an_attempt_takes_its_work_over_what_is_left_of_the_load() {
    // Errors take 1 ms and good answers 15 ms: x / (1 − ρ) for the good, though the mean work is 10 ms.
    let (mean, half) = over_seeds(|seed| {
        let yaml = queue(1, 0.7, "unlimited", "15ms", 1_500, seed)
            .replace("slots: 1", "slots: 1, discipline: processor-sharing")
            .replace("service: 15ms", "service: 15ms, errors: { rate: 35.714285714%, latency: 1ms }");
        value(metrics(&forecast(&yaml), "stay").latency_ms_mean)
    });
    assert!((mean - 50.0).abs() < half + 0.05, "{mean} ± {half}, theory 50");
}
