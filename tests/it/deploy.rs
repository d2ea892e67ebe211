//! What every deployment must come to, whatever the balancer: plain arithmetic.

use crate::lab::{forecast, metrics, over_seeds, value};

const FLEET: u32 = 10;
const RATE: f64 = 400.0;

/// Ten instances under round robin; `more` is the rest of the scenario.
fn service(seed: u64, traffic: &str, network: &str, proxies: &str, more: &str) -> String {
    format!(
        "name: service\nseed: {seed}\nhorizon: 120s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 120s }} ] }}{traffic} }}\n\
         network: {{ {network} }}\n\
         proxies: {{ balancer: {{ weighted-round-robin: {{}} }}{proxies} }}\n\
         fleet: {{ size: {FLEET}, slots: 8, boot: 20s }}\n\
         versions: {{ v1: {{ service: 5ms }} }}\n{more}"
    )
}

#[test]
fn a_killed_instance_fails_its_share_until_the_proxies_learn_of_it() {
    // Rate · delay / instances requests.
    for delay_s in [2.0, 7.0] {
        let expected = RATE * delay_s / f64::from(FLEET);
        let (failed, half) = over_seeds(|seed| {
            let listing = format!("listing-delay: {delay_s}s");
            let kill = "faults: [ { kill: { at: 30s, instances: 1 } } ]\n";
            value(metrics(&forecast(&service(seed, "", &listing, "", kill)), "stay").failed_requests)
        });
        assert!(half < 0.2 * expected, "± {half} is too wide");
        assert!((failed - expected).abs() <= half.max(2.0), "{delay_s} s: {failed} ± {half}, expected {expected}");
    }
}

#[test]
fn checks_find_a_dead_instance_after_fall_intervals_less_half_of_one() {
    // Interval 2 s, fall 3, at a random phase: (fall − ½) · interval on average, so that rate / instances · 5 s requests fail.
    let expected = RATE / f64::from(FLEET) * 5.0;
    let (failed, half) = over_seeds(|seed| {
        let checks = ", health: { interval: 2s, timeout: 1s, rise: 2, fall: 3 }";
        let kill = "faults: [ { kill: { at: 30s, instances: 1, silent: true, restart: never } } ]\n";
        let forecast = forecast(&service(seed, "", "", checks, kill));
        let failed = value(metrics(&forecast, "stay").failed_requests);
        assert!((157.0..=243.0).contains(&failed), "4 to 6 s of 40/s, got {failed}");
        failed
    });
    assert!((failed - expected).abs() <= half, "{failed} ± {half}, expected {expected}");
}

#[test]
fn checks_bring_an_instance_back_after_rise_successes() {
    let checks = ", health: { interval: 2s, timeout: 1s, rise: 2, fall: 3 }";
    let kill = "faults: [ { kill: { at: 30s, instances: 10, silent: true, restart: 10s } } ]\n";
    for seed in 1..=5 {
        let forecast = forecast(&service(seed, "", "", checks, kill));
        let bad: Vec<usize> = forecast.strategies[0]
            .timeline
            .iter()
            .enumerate()
            .filter(|(_, second)| second.bad > 0)
            .map(|(second, _)| second)
            .collect();
        // Down at 30 s, ready at 60 s; the first instance is back 2 to 4 s later.
        assert_eq!(bad.first(), Some(&30));
        let last = *bad.last().expect("a fleet that died fails requests");
        assert!((61..=64).contains(&last), "seed {seed}: the last failure is in second {last}");
    }
}

#[test]
fn each_worker_without_shared_state_goes_on_probing_a_dead_instance_with_live_requests() {
    for workers in [1_u32, 4] {
        let passive = format!(", count: {workers}, passive: {{ max-fails: 1, fail-timeout: 10s }}");
        let kill = "faults: [ { kill: { at: 10s, instances: 1, silent: true, restart: never } } ]\n";
        let forecast = forecast(&service(1, ", retries: { attempts: 1 }", "", &passive, kill));
        let metrics = metrics(&forecast, "stay");
        assert_eq!(value(metrics.failed_requests), 0.0);
        // 110 s, a probe after more than 10 s on a clock of whole seconds: every 11 s, the first one included.
        let expected = f64::from(workers) * 110.0 / 11.0;
        let retries = value(metrics.retries);
        assert!((retries - expected).abs() <= f64::from(workers), "{workers} workers: {retries}, expected {expected}");
    }
}

#[test]
fn a_canary_burns_share_times_rate_times_time() {
    // 5 % of the traffic at 20 % errors for 600 s: 0.05 · 0.2 · 600 s / (0.1 % · 30 d) = 0.2315 % of the month's budget.
    let expected = 0.05 * 0.2 * 600.0 / (0.001 * 30.0 * 86_400.0);
    let (burnt, half) = over_seeds(|seed| {
        let forecast = forecast(&format!(
            "name: burn\nseed: {seed}\nhorizon: 700s\n\
             traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 700s }} ] }} }}\n\
             fleet: {{ size: {FLEET}, slots: 8 }}\n\
             versions: {{ v1: {{ service: 5ms }}, v2: {{ like: v1, errors: 20% }} }}\n\
             rollout: {{ at: 100s, from: v1, to: v2 }}\n\
             strategies: {{ canary: {{ steps: [ {{ share: 5%, hold: 600s }} ], gate: none }} }}\n"
        ));
        value(metrics(&forecast, "canary").budget_burnt)
    });
    assert!(half < 0.05 * expected, "± {half} is too wide");
    assert!((burnt - expected).abs() < half, "{burnt} ± {half}, expected {expected}");
}

#[test]
fn an_outage_of_the_whole_budget_is_43_minutes_a_month() {
    // Everything fails for 60 s of the month: 60 / (0.1 % · 30 d) of the budget.
    let forecast =
        forecast(&service(1, "", "", "", "faults: [ { kill: { at: 60s, instances: 10, restart: 40s } } ]\n"));
    let metrics = metrics(&forecast, "stay");
    assert!((value(metrics.budget_burnt) - 60.0 / (43.2 * 60.0)).abs() < 0.001);
    assert_eq!(value(metrics.downtime_s), 60.0);
    assert_eq!(value(metrics.outage_s), 60.0);
}

#[test]
fn a_shutdown_that_waits_for_the_proxies_loses_nothing_and_one_that_does_not_loses_the_difference() {
    let lost = |delay_s: u32, seed: u64| {
        let forecast = forecast(&format!(
            "name: race\nseed: {seed}\nhorizon: 200s\n\
             traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 200s }} ] }} }}\n\
             network: {{ delay: 1ms, listing-delay: 4s }}\n\
             proxies: {{ balancer: {{ weighted-round-robin: {{}} }} }}\n\
             fleet: {{ size: {FLEET}, slots: 8, boot: 5s, shutdown: {{ delay: {delay_s}s, drain: 30s }} }}\n\
             versions: {{ v1: {{ service: 5ms }}, v2: {{ like: v1 }} }}\n\
             rollout: {{ at: 20s, from: v1, to: v2 }}\n\
             strategies: {{ rolling: {{ surge: 1, unavailable: 0 }} }}\n"
        ));
        value(metrics(&forecast, "rolling").failed_requests)
    };
    assert_eq!(lost(5, 1), 0.0);
    assert!(lost(0, 1) > 1.5 * lost(2, 1), "waiting half as long as needed saves about half");
    assert!(lost(3, 1) > 0.0);
}
