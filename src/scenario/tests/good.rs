use std::path::{Path, PathBuf};

use super::{FULL, SAMPLE, good, sample};
use crate::core::amount::{Amount, Share};
use crate::core::proxy::{AllOut, Budget, Rule, Spill};
use crate::core::rollout::{Control, Hold, Pace, Scale, Split, Strategy};
use crate::core::time::{Moment, Span};
use crate::scenario::plan::{Act, Law, Source, Spacing};
use crate::scenario::{Loaded, parse, relative};

#[test]
fn a_written_scenario_is_read_back_to_an_equal_plan() {
    for text in [SAMPLE, FULL] {
        let loaded = good(text);
        let folder = Path::new("output");
        let written = loaded.run_yaml(folder);
        let again = parse(&written, "run.yaml", folder).expect("what was written is good");
        assert_eq!(again.scenario, loaded.scenario);
        assert_eq!(again.run_yaml(folder), written);
    }
}

#[test]
fn the_sample_means_what_it_says() {
    let scenario = good(SAMPLE).scenario;
    assert_eq!(scenario.name, "checkout");
    assert_eq!(scenario.seed.0, 7);
    assert_eq!(scenario.warm_up, Span::from_secs(60));
    assert_eq!(scenario.traffic.timeout, Some(Span::from_secs(2)));
    assert_eq!(scenario.proxies.policy.balancer, Rule::NginxLeastConnections);
    assert_eq!(scenario.fleet.queue, Some(32));
    assert_eq!(scenario.fleet.price.per_hour, 0.1);
    assert_eq!(scenario.versions[1].service, scenario.versions[0].service);
    assert_eq!(scenario.versions[1].errors.rate.value(), 0.04);
    let names: Vec<&str> = scenario.strategies.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(names, ["recreate", "rolling", "blue-green", "canary"]);
}

#[test]
fn gates_are_off_for_recreate_and_rolling_and_on_for_the_others() {
    let scenario = good(SAMPLE).scenario;
    let on: Vec<bool> = scenario.strategies.iter().map(|named| named.strategy.gate().is_some()).collect();
    assert_eq!(on, [false, false, true, true]);
}

#[test]
fn everything_that_may_be_left_out_has_its_default() {
    let scenario = good(
        "{ name: x, horizon: 1m, traffic: { open: { stages: [ { rate: 1/s, for: 1m } ] } }, \
         fleet: { size: 1, slots: 1 }, versions: { v1: { service: 1ms } } }",
    )
    .scenario;
    assert_eq!(scenario.seed.0, 1);
    assert_eq!(scenario.traffic.users, 10_000);
    assert_eq!(scenario.traffic.timeout, None);
    assert_eq!(scenario.proxies.count, 1);
    assert_eq!(scenario.fleet.queue, None);
    assert_eq!(scenario.fleet.shutdown.drain, Span::from_secs(30));
    assert_eq!(scenario.fleet.price.currency, "USD");
    assert_eq!(scenario.slo.first().objective.window, Span::from_secs(30 * 86_400));
    assert!(scenario.rollout.is_none() && scenario.strategies.is_empty());
    let retries = scenario.proxies.policy.retries;
    assert_eq!((retries.attempts, retries.budget), (0, Budget::Unlimited));
    assert!(retries.on.refused && retries.on.reset && !retries.on.error);
}

#[test]
fn a_scenario_with_every_key_means_what_it_says() {
    let scenario = good(FULL).scenario;
    let Source::Open { spacing, segments } = &scenario.traffic.source else {
        panic!("the traffic is open");
    };
    assert_eq!(*spacing, Spacing::Even);
    assert_eq!(segments[0].from.per_second(), 400.0);
    assert_eq!(segments[0].to.per_second(), 800.0);
    assert_eq!(segments[1].to.per_second(), 800.0);
    let checks = scenario.proxies.policy.checks.expect("health is given");
    assert_eq!((checks.rise, checks.fall), (1, 2));
    assert!(scenario.proxies.policy.passive.is_some());
    assert_eq!(scenario.versions[2].service, Law::Gamma { mean: Span::from_millis(2), shape: 0.5 });
    assert_eq!(scenario.versions[4].service, scenario.versions[3].service);
    assert_eq!(scenario.versions[5].errors.after, Span::from_secs(300));
    assert_eq!(scenario.running.index(), 1);
    assert_eq!(scenario.rollout.expect("there is a rollout").to.index(), 6);
    assert_eq!(scenario.fleet.price.currency, "EUR");
    let times: Vec<Moment> = scenario.faults.iter().map(|fault| fault.at).collect();
    assert!(times.is_sorted());
    assert_eq!(scenario.faults[1].restart, None);
}

#[test]
fn strategies_may_have_names_of_their_own() {
    let scenario = good(FULL).scenario;
    let find = |name: &str| {
        let named = scenario.strategies.iter().find(|named| named.name == name);
        named.expect("the strategy is in the file").strategy.clone()
    };
    let Strategy::Rolling(rolling) = find("rolling") else { panic!("it is rolling") };
    assert_eq!(rolling.bake, Span::from_secs(120));
    let Strategy::Rolling(slow) = find("slow") else { panic!("it is rolling") };
    let Pace::Surge(surge) = slow.pace else { panic!("it goes by surge and unavailable") };
    assert_eq!(surge.unavailable, Amount::Count(9), "the controller knows how many there are by then");
    assert_eq!(slow.bake, Span::ZERO);
    let Strategy::Canary(canary) = find("five-to-one") else { panic!("it is a canary") };
    assert_eq!(canary.split, Split::Smooth);
    assert_eq!(canary.steps[0].share.value(), 1.0 / 6.0);
    assert!(matches!(find("plain"), Strategy::BlueGreen(_)));
}

#[test]
fn pods_and_people_are_as_the_scenario_says() {
    let scenario = good(FULL).scenario;
    let readiness = scenario.fleet.readiness.expect("there is a probe");
    assert_eq!((readiness.period, readiness.successes), (Span::from_secs(5), 2));
    assert_eq!((scenario.fleet.restart.max, scenario.fleet.quota), (Span::from_secs(60), Some(9)));
    let crash: Vec<bool> = scenario.versions.iter().map(|version| version.crashes_after.is_some()).collect();
    assert_eq!(crash, [false, true, false, false, false, false, false], "v3 is like v1.2, but says 'none'");
    let rollout = scenario.rollout.expect("there is a rollout");
    assert_eq!(rollout.promote_after, Some(Span::from_secs(600)));
    let acts: Vec<Act> = scenario.people.iter().map(|deed| deed.act).collect();
    assert_eq!(acts, [Act::Pause, Act::Resume, Act::Promote, Act::Abort]);
    let sizes: Vec<u32> = scenario.sizes.iter().map(|resize| resize.size).collect();
    assert_eq!(sizes, [6, 3]);
}

#[test]
fn without_a_word_on_pods_the_platform_knows_at_once_and_backs_off_as_kubernetes() {
    let fleet = good(SAMPLE).scenario.fleet;
    assert_eq!((fleet.readiness, fleet.quota), (None, None));
    let seconds = [fleet.restart.first, fleet.restart.max, fleet.restart.reset].map(Span::whole_seconds);
    assert_eq!(seconds, [10, 300, 600]);
}

#[test]
fn strategies_that_try_a_version_out_have_sensible_defaults() {
    let scenario = good(FULL).scenario;
    let find = |name: &str| {
        let named = scenario.strategies.iter().find(|named| named.name == name);
        named.expect("the strategy is in the file").strategy.clone()
    };
    let Strategy::BlueGreen(by_hand) = find("by-hand") else { panic!("it is blue-green") };
    assert_eq!((by_hand.preview, by_hand.promotion), (Some(3), Hold::UntilPromoted));
    let Strategy::Canary(scaled) = find("scaled") else { panic!("it is a canary") };
    assert_eq!(scaled.steps[0].hold, Hold::UntilPromoted);
    assert_eq!(scaled.steps[0].scale, Scale::Own(Amount::Percent(30.0)));
    let Strategy::AbTest(headers) = find("headers") else { panic!("it is an A/B test") };
    assert_eq!((headers.share.value(), headers.split), (0.1, Split::Only(headers.share)));
    let Strategy::Canary(combined) = find("combined") else { panic!("it is a canary on a second fleet") };
    assert_eq!(
        (combined.steps[0].scale, combined.keep_old),
        (Scale::Own(Amount::Percent(100.0)), Span::from_secs(600))
    );
    let plain = sample(&[("strategies.ab-test", "{}"), ("strategies.shadow", "{}")]).expect("they are good").scenario;
    let Strategy::AbTest(test) = &plain.strategies[4].strategy else { panic!("it is an A/B test") };
    assert_eq!((test.share.value(), test.split, test.gate.is_some()), (0.5, Split::User, true));
    let Strategy::Shadow(shadow) = &plain.strategies[5].strategy else { panic!("it is a shadow") };
    assert_eq!((shadow.share, shadow.instances), (Share::ALL, None));
}

#[test]
fn closed_traffic_counts_its_own_users() {
    let scenario = good(
        "{ name: x, horizon: 1m, traffic: { closed: { users: 200, think: { exponential: { mean: 1s } } } }, \
         fleet: { size: 1, slots: 1 }, versions: { v1: { service: 1ms } } }",
    )
    .scenario;
    assert_eq!(scenario.traffic.users, 200);
    let think = Law::Exponential { mean: Span::from_secs(1) };
    assert_eq!(scenario.traffic.source, Source::Closed { think });
}

#[test]
fn values_can_be_replaced_before_reading() {
    let overrides = [
        ("traffic.retries.attempts", "0"),
        ("traffic.open.stages.0.rate", "10/s"),
        ("telemetry.scrape", "1s"),
        ("strategies.canary.gate", "none"),
        ("proxies.balancer", "weighted-round-robin"),
        ("versions.v2", "{ like: v1 }"),
    ];
    let scenario = sample(&overrides).expect("the values are good").scenario;
    assert_eq!(scenario.proxies.policy.retries.attempts, 0);
    let Budget::Active { share, floor } = scenario.proxies.policy.retries.budget else { panic!("it is a share") };
    assert_eq!((share.value(), floor), (0.2, 3));
    assert_eq!(scenario.telemetry.scrape, Span::from_secs(1));
    assert_eq!(scenario.proxies.policy.balancer, Rule::NginxRoundRobin);
    assert_eq!(scenario.versions[1].errors, scenario.versions[0].errors);
}

#[test]
fn a_name_with_dots_can_be_part_of_a_path() {
    let overrides = [("versions.v1.2.fails-to-start", "9%")];
    let loaded = super::parse_with(FULL, "full.yaml", Path::new(""), &overrides);
    let scenario = loaded.expect("the value is good").scenario;
    assert_eq!(scenario.versions[1].fails_to_start.value(), 0.09);
}

#[test]
fn a_path_leads_from_one_folder_to_another() {
    let cases = [
        ("/a/b/traces/x.csv", "/a/b/output/run", "../../traces/x.csv"),
        ("/a/b/x.csv", "/a/b", "x.csv"),
        ("/a/./b/../x.csv", "/a/c", "../x.csv"),
        ("/x.csv", "/a", "../x.csv"),
    ];
    for (path, folder, expected) in cases {
        let found = relative(Path::new(path), Path::new(folder));
        assert_eq!(found, PathBuf::from(expected), "{path} from {folder}");
    }
}

#[test]
fn a_preset_gives_what_the_file_does_not() {
    let text = |proxies: &str| {
        format!(
            "{{ name: x, horizon: 1m, traffic: {{ open: {{ stages: [ {{ rate: 1/s, for: 1m }} ] }} }}, \
             proxies: {{ {proxies} }}, fleet: {{ size: 1, slots: 1 }}, versions: {{ v1: {{ service: 1ms }} }} }}"
        )
    };
    let policy = |proxies: &str| good(&text(proxies)).scenario.proxies.policy;
    let envoy = policy("preset: envoy-like");
    assert!(matches!(envoy.all_out, AllOut::Panic { .. }));
    assert_eq!((envoy.spill, envoy.retries.budget), (Spill::Overflow, Budget::AtOnce(3)));
    assert_eq!(envoy.ejection.expect("it ejects").consecutive_errors, Some(5));
    assert_eq!(policy("preset: envoy-like, ejection: none").ejection, None);
    assert_eq!(policy("preset: envoy-like, when-unhealthy: { open: {} }").all_out, AllOut::Open);
    let alb = policy("preset: alb-like, health: { rise: 2 }").checks.expect("it checks");
    assert_eq!((alb.interval, alb.rise, alb.fall), (Span::from_secs(30), 2, 2));
    for preset in ["nginx-like", "haproxy-like", "envoy-like", "alb-like", "linkerd-like", "grpc-like"] {
        let loaded = good(&text(&format!("preset: {preset}")));
        let again = parse(&loaded.run_yaml(Path::new("")), "run.yaml", Path::new("")).expect("it is good");
        assert_eq!(again.scenario, loaded.scenario, "{preset}");
    }
}

#[test]
fn a_gate_compares_with_the_fleet_unless_it_is_given_a_baseline() {
    let steps = "steps: [ { share: 10%, hold: 1m }, { share: 100%, hold: 1m } ]";
    let head = SAMPLE.split("strategies:").next().expect("there is a beginning");
    let strategies = format!(
        "strategies:\n  plain: {{ canary: {{ gate: {{ judge: fisher }} }} }}\n  \
         fresh: {{ canary: {{ {steps}, gate: {{ judge: fisher, control: baseline }} }} }}\n  \
         whole: {{ combined: {{ gate: {{ judge: relative, control: baseline }} }} }}\n  \
         test: {{ ab-test: {{ gate: {{ judge: confidence-sequence, control: baseline }} }} }}\n  \
         limit: {{ canary: {{}} }}\n"
    );
    let loaded = good(&format!("{head}{strategies}"));
    let control = |loaded: &Loaded| -> Vec<Control> {
        loaded.scenario.strategies.iter().map(|named| named.strategy.gate().expect("it has one").control).collect()
    };
    let expected = [Control::Fleet, Control::Baseline, Control::Baseline, Control::Baseline, Control::Fleet];
    assert_eq!(control(&loaded), expected);
    let written = loaded.run_yaml(Path::new(""));
    assert_eq!((written.matches("control: fleet").count(), written.matches("control: baseline").count()), (1, 3));
    assert_eq!(control(&good(&written)), expected);
}
