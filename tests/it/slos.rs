//! Objectives in the full engine: plain arithmetic of a recreate that takes the service down.

use crate::lab::{forecast, story, strategy};
use rollcast::measure::forecast::{Ending, Forecast, SloForecast};

const RATE: f64 = 400.0;

/// Nobody serves from the deploy command at 30 s to the end of the boot at 50 s; v2 takes 40 ms where v1 takes 5 ms.
fn recreated(telemetry: &str) -> Forecast {
    forecast(&format!(
        "name: service\nseed: 3\nhorizon: 120s\n\
         traffic: {{ open: {{ stages: [ {{ rate: {RATE}/s, for: 120s }} ] }} }}\n\
         fleet: {{ size: 10, slots: 8, boot: 20s, shutdown: {{ delay: 0s, drain: 1s }} }}\n\
         versions: {{ v1: {{ service: 5ms }}, v2: {{ service: 40ms }} }}\n\
         telemetry: {{ {telemetry} }}\n\
         slo: {{ objective: 99.99%, spent: 10%, also: {{ fast: {{ objective: 99%, within: 20ms }}, \
         slices: {{ objective: 99.9%, method: time-slices, timeslice: {{ length: 10s, target: 95% }} }} }} }}\n\
         rollout: {{ at: 30s, from: v1, to: v2 }}\nstrategies: {{ recreate: {{}} }}\n"
    ))
}

fn slo<'a>(forecast: &'a Forecast, of: &str, name: &str) -> &'a SloForecast {
    let slos = &strategy(forecast, of).slos;
    slos.iter().find(|slo| slo.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn every_objective_counts_in_its_own_way() {
    let forecast = recreated("scrape: 15s");
    for name in ["availability", "fast", "slices"] {
        assert_eq!(slo(&forecast, "stay", name).budget.bad, 0.0, "v1 keeps all of them");
    }
    let down = slo(&forecast, "recreate", "availability").budget;
    assert!((down.bad / RATE - 20.0).abs() < 2.0, "{} requests in 20 s", down.bad);
    let budget = 1e-4 * down.events / 120.0 * 30.0 * 86_400.0;
    assert!((down.budget / budget - 1.0).abs() < 1e-9 && down.burnt == Some(down.bad / down.budget));
    assert_eq!(down.left, down.burnt.map(|burnt| 1.0 - 0.1 - burnt));
    // From the deploy command on nobody is answered, or not in time.
    let slow = slo(&forecast, "recreate", "fast").budget;
    assert!((slow.bad / RATE - 90.0).abs() < 2.0, "{} requests in 90 s", slow.bad);
    let slices = slo(&forecast, "recreate", "slices").budget;
    let in_window = 30.0 * 8_640.0;
    assert!((2.0..=3.0).contains(&slices.bad), "20 s are two slices, and the end of the shutdown is in a third");
    assert_eq!((slices.events, slices.burnt), (12.0, Some(slices.bad / slices.budget)));
    assert!((slices.budget / (1e-3 * in_window) - 1.0).abs() < 1e-9);
}

/// 2 % of the budget are gone after 5.184 s without an answer: at 35.2 s.
#[test]
fn an_alert_fires_when_its_rule_sees_the_outage() {
    for (telemetry, expected) in [
        ("scrape: 1s", 36.0),
        ("scrape: 15s", 45.0),
        ("scrape: 15s, delay: 7s", 52.0),
        ("scrape: 15s, delay: 7s, evaluate: 1m", 60.0),
    ] {
        let forecast = recreated(telemetry);
        let page = &strategy(&forecast, "recreate").alerts()[0];
        let fires = page.fires_s.expect("it fires");
        assert!((fires - expected).abs() <= 1.0, "{telemetry}: {fires} s, expected {expected} s");
        assert!(strategy(&forecast, "stay").alerts()[0].fires_s.is_none());
    }
}

fn ids(forecast: &Forecast) -> Vec<&str> {
    forecast.notes.iter().map(|note| note.id.as_str()).collect()
}

#[test]
fn five_judges_catch_the_same_canary_and_one_of_them_peeks() {
    let forecast = story("canary-judges", &[]);
    for name in ["limit", "fisher", "planned", "sequence", "budget"] {
        let strategy = strategy(&forecast, name);
        assert_eq!(strategy.ending, Ending::RolledBack, "{name}");
        assert!(
            strategy.metrics.detect_s.is_some_and(|after| after < 180.0),
            "{name}: {:?}",
            strategy.metrics.detect_s
        );
        let month = &strategy.slos[0];
        assert_eq!((month.window_s, month.elapsed_s), (28.0 * 86_400.0, Some(11.0 * 86_400.0)));
        assert!(
            month.budget.bearable_burn_rate.is_some_and(|rate| (0.8..0.83).contains(&rate)),
            "half of it for 17 days"
        );
    }
    let ids = ids(&forecast);
    let told = |id: &str| ids.iter().filter(|known| **known == id).count();
    assert_eq!((told("peeking"), told("detected"), told("service-alert-blind")), (1, 1, 1), "{ids:?}");
    assert_eq!((told("canary-blind"), told("unreachable-alert")), (0, 0), "{ids:?}");
}

#[test]
fn watchers_that_cannot_see_are_pointed_out() {
    let few = "{ canary: { steps: [ { share: 5%, hold: 1m } ], gate: { error-rate: 1%, samples: 5000 } } }";
    let blind = story("canary-judges", &[("strategies", few), ("slo", "{ objective: 90% }")]);
    let ids = ids(&blind);
    assert!(ids.contains(&"canary-blind") && ids.contains(&"unreachable-alert"), "{ids:?}");
    assert!(!ids.contains(&"peeking") && !ids.contains(&"detected"), "{ids:?}");
    let points = "{ canary: { steps: [ { share: 5%, hold: 1m } ], gate: { judge: mann-whitney, window: 40s } } }";
    let blind = story("canary-judges", &[("strategies", points)]);
    assert!(self::ids(&blind).contains(&"canary-blind"), "four points are too few");
}
