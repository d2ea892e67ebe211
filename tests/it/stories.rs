//! What the header of each scenario promises, checked.

use crate::lab::{metrics, phase_at, story, strategy, value};
use rollcast::measure::forecast::Ending;

#[test]
fn quickstart_says_that_the_canary_loses_least() {
    let forecast = story("quickstart", &[("horizon", "30m")]);
    let burnt = |name: &str| value(metrics(&forecast, name).budget_burnt);
    assert!(burnt("canary") < burnt("blue-green"));
    assert!(burnt("blue-green") < burnt("rolling"));
    assert!(burnt("rolling") < burnt("recreate"));
    for (name, ending) in [
        ("stay", Ending::NoRollout),
        ("recreate", Ending::Promoted),
        ("rolling", Ending::Promoted),
        ("blue-green", Ending::RolledBack),
        ("canary", Ending::RolledBack),
    ] {
        assert_eq!(strategy(&forecast, name).ending, ending, "{name}");
    }
    assert!(value(metrics(&forecast, "recreate").downtime_s) >= 20.0, "nothing runs while v2 boots");
    assert_eq!(value(metrics(&forecast, "rolling").downtime_s), 0.0);
    assert!(value(metrics(&forecast, "canary").exposed_users) < 2_000.0);
    assert!(value(metrics(&forecast, "blue-green").exposed_users) > 4_000.0);
    let utilisation = value(metrics(&forecast, "stay").peak_utilisation);
    assert!((0.5..0.8).contains(&utilisation), "about 60 % busy at the peak, got {utilisation}");
}

#[test]
fn a_single_server_is_down_while_the_new_version_boots() {
    let forecast = story("single-server", &[]);
    for name in ["recreate", "rolling-in-place"] {
        let down = value(metrics(&forecast, name).downtime_s);
        assert!((19.0..=25.0).contains(&down), "{name}: {down} s");
    }
    let with_surge = metrics(&forecast, "rolling-with-surge");
    assert_eq!((value(with_surge.downtime_s), value(with_surge.failed_requests)), (0.0, 0.0));
    assert_eq!(value(metrics(&forecast, "recreate").peak_instances), 1.0);
}

#[test]
fn four_servers_by_two_are_overloaded_and_surge_cures_it() {
    let forecast = story("rolling-four-by-two", &[]);
    let two = metrics(&forecast, "two-at-a-time");
    let stay = metrics(&forecast, "stay");
    assert!(value(two.overload_s) > value(stay.overload_s) + 40.0, "overloaded while two are missing");
    assert!(value(two.shed_requests) > 1_000.0);
    let surge = metrics(&forecast, "with-surge");
    assert_eq!(value(surge.failed_requests), 0.0);
    assert!(value(surge.overload_s) < value(stay.overload_s) + 5.0);
}

#[test]
fn nginx_retries_lose_nothing_and_without_them_something_is_lost() {
    let with = story("nginx-retry", &[]);
    assert_eq!(value(metrics(&with, "rolling").failed_requests), 0.0);
    assert!(value(metrics(&with, "rolling").retries) > 5.0);
    let without = story("nginx-retry", &[("traffic.retries.attempts", "0")]);
    assert!(value(metrics(&without, "rolling").failed_requests) > 5.0);
    let unlearning = story("nginx-retry", &[("proxies.passive", "none")]);
    assert_eq!(value(metrics(&unlearning, "rolling").failed_requests), 0.0);
    assert!(value(metrics(&unlearning, "rolling").retries) > 300.0);
    assert_eq!(value(metrics(&without, "stay").failed_requests), 0.0);
}

#[test]
fn blue_green_returns_at_once_and_costs_double_while_both_stand() {
    let forecast = story("blue-green-switch", &[]);
    let watched = strategy(&forecast, "watched");
    assert_eq!(watched.ending, Ending::RolledBack);
    assert_eq!(value(watched.metrics.peak_instances), 8.0);
    // The weight reaches the proxies one listing delay after the verdict.
    assert!((value(watched.metrics.rollback_s) - 1.0).abs() < 0.01);
    let last_bad = watched.timeline.iter().rposition(|second| second.bad > 5).expect("v2 fails requests");
    assert!((last_bad as f64) < phase_at(watched, "rolling back") + 3.0);
    let unwatched = strategy(&forecast, "unwatched");
    assert_eq!(unwatched.ending, Ending::Promoted);
    assert!(value(unwatched.metrics.budget_burnt) > 10.0 * value(watched.metrics.budget_burnt));
    // Four more instances for as long as both stand, at 0.10 USD an hour.
    let both_s = value(unwatched.metrics.rollout_s);
    let extra = value(unwatched.metrics.extra_cost);
    assert!((extra / (4.0 * both_s / 3_600.0 * 0.1) - 1.0).abs() < 0.15, "{extra} USD over {both_s} s");
}

#[test]
fn weights_of_five_and_one_send_every_sixth_request_to_the_new_version() {
    let forecast = story("haproxy-canary-5-1", &[("strategies.canary.steps.0.hold", "1h")]);
    let canary = strategy(&forecast, "canary");
    let from = phase_at(canary, "step 1/1") as usize;
    let offered: u32 = canary.timeline[from..].iter().map(|second| second.offered).sum();
    let new = value(canary.metrics.exposed_requests);
    assert!((new - f64::from(offered) / 6.0).abs() <= 2.0, "{new} of {offered}");
    let whole = story("haproxy-canary-5-1", &[]);
    assert_eq!(strategy(&whole, "canary").ending, Ending::Promoted);
}

#[test]
fn only_the_shadow_finds_out_that_a_version_is_too_heavy_before_users_do() {
    let forecast = story("new-search-ranking", &[("horizon", "22m"), ("warm-up", "4m")]);
    let failed = |name: &str| value(metrics(&forecast, name).failed_requests);
    let shadow = strategy(&forecast, "shadow");
    assert_eq!((shadow.ending, failed("shadow")), (Ending::RolledBack, failed("stay")));
    assert_eq!([shadow.metrics.exposed_users, shadow.metrics.harmed_users], [Some(0.0); 2]);
    let test = strategy(&forecast, "ab-test");
    assert_eq!(test.ending, Ending::Concluded);
    let found = &test.phases.last().expect("it has ended").reason;
    assert!(found.contains("no clear difference"), "{found}");
    let flag = strategy(&forecast, "feature-flag");
    assert_eq!((flag.ending, value(flag.metrics.peak_instances)), (Ending::RolledBack, 6.0));
    assert_eq!((value(flag.metrics.extra_cost), value(flag.metrics.rollback_s)), (0.0, 0.0));
    assert!(value(flag.metrics.harmed_users) > 200.0);
    assert!(phase_at(flag, "rolling back") > phase_at(flag, "step 3/3"));
    let combined = strategy(&forecast, "combined");
    assert_eq!(combined.ending, Ending::RolledBack);
    assert!(phase_at(combined, "rolling back") > phase_at(combined, "switched"));
    assert!(value(combined.metrics.harmed_users) > 100.0);
}

#[test]
fn a_full_cluster_and_pods_that_crash_stop_a_rollout_half_way() {
    let forecast = story("pods-on-a-full-cluster", &[]);
    let ready = |name: &str| {
        let last = strategy(&forecast, name).timeline.last().expect("the run has seconds");
        (last.old.ready, last.new.ready, last.new.booting)
    };
    let bad = |name: &str| value(metrics(&forecast, name).failed_requests);
    for name in ["recreate", "default", "surge-only"] {
        assert_eq!(strategy(&forecast, name).ending, Ending::Unfinished, "{name}");
        assert!(phase_at(strategy(&forecast, name), "stuck") > 900.0, "{name}");
    }
    let (old, new, crashing) = ready("surge-only");
    assert_eq!((old + new, crashing), (8, 1), "the first pod that crashes keeps the only place");
    let (old, new, _) = ready("default");
    assert!(old + new < 8, "fewer than were wanted");
    let (old, new, crashing) = ready("recreate");
    assert!(old == 0 && new < 8 && new + crashing == 8);
    assert!(value(metrics(&forecast, "recreate").downtime_s) >= 30.0);
    for name in ["blue-green", "canary"] {
        assert_eq!(strategy(&forecast, name).ending, Ending::RolledBack, "{name}");
        assert_eq!(bad(name), bad("stay"), "{name}");
    }
    for name in ["default", "surge-only", "blue-green", "canary"] {
        let told = |note: &rollcast::measure::forecast::Note| note.id == "quota-reached" && note.text.starts_with(name);
        assert!(forecast.notes.iter().any(told), "{name} had to wait");
        assert_eq!(value(metrics(&forecast, name).peak_instances), 9.0, "{name}");
    }
    let roomy = story("pods-on-a-full-cluster", &[("fleet.quota", "16")]);
    let blue_green = strategy(&roomy, "blue-green");
    assert_eq!((blue_green.ending, value(blue_green.metrics.peak_instances)), (Ending::RolledBack, 16.0));
}

#[test]
fn bursts_wait_for_instances_that_a_rollout_took_away() {
    let forecast = story("llm-bursty", &[]);
    let p99 = |name: &str| value(metrics(&forecast, name).latency_ms_p99);
    assert!(value(metrics(&forecast, "recreate").downtime_s) > 60.0, "90 s of boot, and gaps without a request");
    assert!(value(metrics(&forecast, "rolling").overload_s) > value(metrics(&forecast, "blue-green").overload_s));
    assert!(p99("rolling") > p99("blue-green"));
    for name in ["rolling", "blue-green", "canary"] {
        assert_eq!(strategy(&forecast, name).ending, Ending::Promoted, "{name}");
    }
}

#[test]
fn the_live_smoke_canary_returns_and_rolling_does_not() {
    let forecast = story("live-smoke", &[]);
    assert_eq!(strategy(&forecast, "rolling").ending, Ending::Promoted);
    assert_eq!(strategy(&forecast, "canary").ending, Ending::RolledBack);
    let bad = |name: &str| value(metrics(&forecast, name).failed_requests);
    assert!(bad("rolling") > 3.0 * bad("canary"), "{} and {}", bad("rolling"), bad("canary"));
}
