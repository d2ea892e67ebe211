use std::path::Path;

use super::{SAMPLE, edited, first_line, problems, sample};
use crate::scenario::load;
use crate::yaml::problem::nearest;

/// Replaces `old` by `new` in the sample and expects the only problem to contain each of `parts`.
#[track_caller]
fn check(old: &str, new: &str, parts: &[&str]) {
    let found = problems(&edited(old, new));
    assert_eq!(found.len(), 1, "{new}: {found:#?}");
    for part in parts {
        assert!(found[0].contains(part), "{new}: no {part:?} in {found:?}");
    }
}

#[test]
fn a_problem_tells_place_value_and_what_is_allowed() {
    check(
        "seed: 7",
        "seed: seven",
        &["bad.yaml:2:7: seed: found 'seven', expected a whole number from 0 to 18446744073709551615"],
    );
}

#[test]
fn the_offending_line_is_shown_with_a_mark_below() {
    let text = edited("seed: 7", "seed: seven");
    let problems = super::parse(&text, "bad.yaml", Path::new("")).expect_err("the seed is bad");
    let shown = problems.to_string();
    let lines: Vec<&str> = shown.lines().skip(1).collect();
    assert_eq!(lines, [" 2 | seed: seven", "   |       ^^^^^"]);
}

#[test]
fn bad_values_are_refused() {
    let cases = [
        ("size: 10", "size: 0", "from 1 to 100000"),
        ("size: 10", "size: -3", "from 1 to 100000"),
        ("size: 10", "size: ten", "found 'ten'"),
        ("size: 10", "size:", "found nothing, expected a whole number"),
        ("size: 10", "size: [ 10 ]", "found a list"),
        ("size: 10", "size: '10'", "write it without quotes"),
        ("slots: 8", "slots: 0", "from 1 to 1000000"),
        ("horizon: 20m", "horizon: 20", "write a unit, e.g. 20s"),
        ("horizon: 20m", "horizon: 20 minutes", "the units are"),
        ("horizon: 20m", "horizon: 15d", "at most 14d"),
        ("timeout: 2s", "timeout: 0s", "above zero"),
        ("rate: 400/s", "rate: 400", "write a unit, e.g. 400/s"),
        ("rate: 400/s", "rate: 0/s", "no stage with a rate above zero"),
        ("rate: 400/s", "rate: 9000000/s", "requests until the horizon"),
        ("errors: 0.05%", "errors: 105%", "from 0% to 100%"),
        ("errors: 0.05%", "errors: 0.05", "write a percent sign"),
        ("errors: 0.05%", "errors: -1%", "from 0% to 100%"),
        ("attempts: 1", "attempts: 4", "from 0 to 3"),
        ("attempts: 1", "attempts: 1, on: []", "found an empty list"),
        ("attempts: 1", "attempts: 1, on: [ refuse ]", "did you mean 'refused'?"),
        ("price: 0.10 USD/h", "price: 0.10 USD", "such as 0.10 USD/h"),
        ("slowdown: 3", "slowdown: 0.5", "from 1 to 1000"),
        ("name: checkout", "name: a/b", "letters, digits"),
        ("objective: 99.9%", "objective: 100%", "expected a percentage below"),
        ("users: 20000", "users: 0", "from 1 to"),
    ];
    for (old, new, part) in cases {
        check(old, new, &[part]);
    }
}

#[test]
fn unknown_words_are_refused_with_a_suggestion() {
    let cases = [
        ("slots: 8", "slotss: 8", "did you mean 'slots'?"),
        ("listing-delay", "listing_delay", "did you mean 'listing-delay'?"),
        ("telemetry", "telemtry", "did you mean"),
        ("least-connections", "least-conections", "did you mean 'least-connections'?"),
        ("lognormal", "log-normal", "did you mean 'lognormal'?"),
        ("canary: {", "canry: {", "did you mean 'canary'?"),
        ("like: v1", "like: v11", "did you mean 'v1'?"),
        ("to: v2", "to: v22", "did you mean 'v2'?"),
        ("from: v1", "from: V1", "did you mean"),
    ];
    let text = format!("{SAMPLE}telemetry: {{}}\n");
    for (old, new, part) in cases {
        let found = problems(&text.replacen(old, new, 1));
        assert_eq!(found.len(), 1, "{new}: {found:#?}");
        assert!(found[0].contains(part), "{new}: {found:?}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let cases = [
        ("warm-up: 60s", "warm-up: 20m", "expected a time longer than the warm-up"),
        ("at: 3m", "at: 30s", "from the end of the warm-up"),
        ("at: 3m", "at: 20m", "before the horizon"),
        ("to: v2", "to: v1", "expected another version"),
        ("to: v2", "to: nine", "expected one of the versions: v1, v2"),
        ("delay: 5s }", "delay: 31s }", "at most the drain of 30s"),
        ("p99: 140ms", "p99: 18ms", "above the median"),
        ("{ lognormal: { median: 18ms, p99: 140ms } }", "{ uniform: { min: 2ms, max: 2ms } }", "above the minimum"),
        ("surge: 25%, unavailable: 25%", "surge: 0, unavailable: 0%", "can never progress"),
        ("unavailable: 25%", "unavailable: 101%", "at most 100%"),
        ("share: 25%, hold", "share: 5%, hold", "shares must rise"),
        ("share: 25%, hold", "hold", "none of share, weights"),
        ("share: 25%, hold", "share: 25%, weights: { new: 1, old: 3 }, hold", "several of share, weights"),
        ("recreate: {}", "stay: { recreate: {} }", "'stay'"),
        ("size: 10,", "size: 10, quota: 9,", "at least the size of 10"),
        ("size: 10,", "size: 10, restart: { first: 1m, max: 30s },", "at least the first pause of 1m"),
        ("to: v2 }", "to: v2, people: [ { at: 2m, do: abort } ] }", "from the rollout at 3m"),
        ("to: v2 }", "to: v2, people: [ { at: 20m, do: abort } ] }", "before the horizon"),
        ("seed: 7", "scale: [ { at: 21m, size: 3 } ]", "before the horizon"),
        ("blue-green: {", "blue-green: { preview: 11,", "at most the size of the fleet, 10"),
        ("recreate: {}", "ab-test: { share: 0% }", "nothing to compare"),
        ("recreate: {}", "ab-test: { share: 9%, split: header }", "beside the split header"),
        ("recreate: {}", "shadow: { instances: 0 }", "at least one instance"),
        ("recreate: {}", "feature-flag: { steps: [] }", "at least one"),
        ("recreate: {}", "combined: { steps: [ { share: 0%, hold: 1m } ] }", "shares must rise"),
        ("recreate: {}", "mine: { recreate: {}, rolling: {} }", "exactly one of"),
        ("window: 30d", "window: 30d, bad-request-price: 1 EUR", "currency of fleet.price"),
        ("v1: { service: {", "v1: { like: v2, service: {", "in turn like this one"),
        ("{ lognormal: { median: 18ms, p99: 140ms } }", "{ per-size: { base: 1ms, each: 1ms } }", "traffic.trace.size"),
        ("boot: 20s", "boot: { per-size: { base: 1ms, each: 1ms } }", "no request here"),
    ];
    for (old, new, part) in cases {
        let found = problems(&edited(old, new));
        assert!(found.iter().any(|text| text.contains(part)), "{new}: {found:#?}");
    }
}

#[test]
fn traffic_has_exactly_one_source() {
    let open = "open: { stages: [ { rate: 400/s, for: 20m } ] }";
    check(open, "", &["none of open, trace, closed"]);
    check(open, "open: { stages: [] }, closed: { users: 1, think: 1s }", &["bad.yaml"]);
    let closed = "closed: { users: 10, think: 0s }";
    let found = problems(&edited(open, closed));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("traffic.closed.think: found 0s, expected a time above zero"));
    assert!(found[1].contains("traffic.users: found users beside closed traffic"));
}

#[test]
fn a_rollout_and_strategies_belong_together() {
    let rollout = "rollout: { at: 3m, from: v1, to: v2 }\n";
    let found = problems(&edited(rollout, ""));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("several versions without a rollout"));
    assert!(found[1].contains("expected at, from and to under 'rollout'"));
    let before = SAMPLE.split("strategies:").next().expect("the sample has strategies");
    let found = problems(before);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("at least one of: recreate"));
}

#[test]
fn mixtures_sum_to_all() {
    let law = |share: &str| {
        let mixture = format!(
            "{{ hyper-exponential: {{ branches: [ {{ share: 90%, mean: 1ms }}, {{ share: {share}, mean: 9ms }} ] }} }}"
        );
        problems(&edited("{ lognormal: { median: 18ms, p99: 140ms } }", &mixture))
    };
    assert!(law("10%").is_empty());
    assert!(law("9%")[0].contains("sum to 99%"));
}

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    let text = edited("seed: 7", "seed: seven")
        .replacen("warm-up: 60s", "warm-up: 30m", 1)
        .replacen("size: 10", "size: 0", 1)
        .replacen("slots: 8", "slotss: 8", 1)
        .replacen("0.05%", "105%", 1)
        .replacen("to: v2", "to: v22", 1)
        .replacen("surge: 25%, unavailable: 25%", "surge: 0, unavailable: 0", 1);
    let found = problems(&text);
    let paths = [
        "2:7: seed:",
        "4:10: horizon:",
        "12:16: fleet.size:",
        "12:19: fleet.slotss:",
        "14:71: versions.v1.errors:",
        "17:16: rollout.at:",
        "17:34: rollout.to:",
        "20:37: strategies.rolling.unavailable:",
    ];
    assert_eq!(found.len(), paths.len(), "{found:#?}");
    for (text, path) in found.iter().zip(paths) {
        assert!(text.starts_with(&format!("bad.yaml:{path}")), "{path}: {text}");
    }
}

#[test]
fn what_is_no_table_of_yaml_is_one_clear_problem() {
    let cases = [
        ("", "bad.yaml: found nothing, expected a table with the keys: name"),
        ("# only a comment\n", "bad.yaml: found nothing"),
        ("- a\n- b\n", "bad.yaml:1:1: found a list, expected a table"),
        ("hello", "bad.yaml:1:1: found 'hello', expected a table"),
        ("name: [ a\nseed: 1", "not valid YAML"),
        ("name: \"a", "not valid YAML"),
        ("a: &x 1", "found an anchor"),
        ("a: *x", "bad.yaml:1:"),
        ("a: !!str 1", "found a tag"),
        ("name: a\n---\nname: b", "second document"),
        ("? [ a ]\n: 1", "found a list or a table as a key"),
    ];
    for (text, part) in cases {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].contains(part), "{text}: {found:?}");
    }
    let deep = "[".repeat(10_000);
    assert_eq!(problems(&deep).len(), 1);
}

#[test]
fn a_key_given_twice_is_a_problem_at_the_second() {
    check("size: 10, slots: 8", "size: 10, slots: 8, size: 11", &["bad.yaml:12:30: fleet.size: found this key twice"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("none.yaml");
    let problems = load(&path).expect_err("there is no such file");
    assert_eq!(problems.len(), 1);
    assert!(problems.to_string().contains("none.yaml: cannot be read as a scenario"));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).expect("the folder can be written to");
    let problems = load(&path).expect_err("the file is not text");
    assert!(problems.to_string().contains("not UTF-8"));
}

#[test]
fn bad_replacements_are_reported_under_their_argument() {
    let cases = [
        ("fleet.size", "many", "--set fleet.size=many: fleet.size: found 'many', expected a whole number"),
        ("fleet.sise", "3", "--set fleet.sise=3: fleet.sise: found an unknown key"),
        ("fleet.size.x", "3", "--set fleet.size.x=3: fleet.size: found '10' there, expected a table"),
        ("traffic.open.stages.7.rate", "3/s", "found a list of 1"),
        ("fleet..size", "3", "a path with an empty key"),
        ("", "3", "a path with an empty key"),
        ("fleet.size", "[", "not valid YAML"),
        ("fleet.size", "", "found nothing"),
        ("horizon", "30s", "--set horizon=30s: horizon: found 30s, expected a time longer than the warm-up"),
    ];
    for (path, value, part) in cases {
        let problems = sample(&[(path, value)]).expect_err("the value is bad");
        let lines: Vec<String> = problems.iter().map(|problem| first_line(&problem.to_string())).collect();
        assert!(lines.iter().any(|line| line.contains(part)), "{path}={value}: {lines:?}");
    }
}

#[test]
fn a_long_line_is_cut_around_the_problem() {
    let key = "x".repeat(300);
    let text = edited("seed: 7", &format!("seed: 7 # {key}")).replacen("0.05%", &format!("{key} %"), 1);
    let problems = super::parse(&text, "bad.yaml", Path::new("")).expect_err("the share is bad");
    let shown = problems.to_string();
    let lines: Vec<&str> = shown.lines().skip(1).collect();
    assert!(lines[0].starts_with(" 14 | …") && lines[0].ends_with('…'), "{shown}");
    assert!(lines.iter().all(|line| line.chars().count() < 120), "{shown}");
}

#[test]
fn a_suggestion_is_made_only_if_one_word_is_closest() {
    let cases = [
        ("slotss", Some("slots")),
        ("Slots", Some("slots")),
        ("min_ready", Some("min-ready")),
        ("v3", None),
        ("anything-else", None),
        ("", None),
    ];
    for (word, expected) in cases {
        let found = nearest(word, ["slots", "size", "min-ready", "v1", "v2"]);
        assert_eq!(found, expected, "{word}");
    }
}

#[test]
fn a_balancer_of_connections_is_refused_what_only_one_of_requests_can_do() {
    let text = |layer: &str| {
        format!(
            "{{ name: x, horizon: 1m, traffic: {{ open: {{ stages: [ {{ rate: 1/s, for: 1m }} ] }}, \
             retries: {{ attempts: 1 }}, connections: {{}} }}, proxies: {{ layer: {layer}, passive: {{}} }}, \
             fleet: {{ size: 1, slots: 1 }}, versions: {{ v1: {{ service: 1ms }} }} }}"
        )
    };
    assert!(problems(&text("l7")).is_empty());
    assert_eq!(problems(&text("l4")).len(), 1);
    assert!(problems(&text("l4"))[0].contains("a balancer of connections sees no requests"));
    assert_eq!(problems(&text("direct-return")).len(), 2);
}

#[test]
fn releases_say_what_they_lack() {
    let with =
        |releases: &str| problems(&format!("{}releases: {{ bad: 15%, per-week: 10, {releases} }}\n", super::SAMPLE));
    assert!(with("kinds: [ { errors: 5% }, { latency: x2 } ]").is_empty());
    let cases = [
        ("kinds: []", "found no kinds"),
        ("kinds: [ { weight: 2 } ]", "found a kind that changes nothing"),
        ("kinds: [ { errors: 5% }, { errors: 6% } ]", "found a kind called 'errors'"),
        ("kinds: [ { name: good, errors: 5% } ]", "found a kind called 'good'"),
        ("kinds: [ { latency: ×0 } ]", "expected a factor above 0, such as ×2"),
        ("kinds: [ { latency: 2s } ]", "expected a factor above 0, such as ×2"),
        ("kinds: [ { errors: 5%, weight: 0 } ]", "expected a number above 0"),
        ("kinds: [ { leak: { errors: 5% } } ]", "over"),
        ("kinds: [ { service: { lognormal: { median: 9ms, p99: 3ms } } } ]", "releases.kinds.0.service"),
        ("kinds: [ { eror: 5% } ]", "found an unknown key"),
    ];
    for (releases, part) in cases {
        let found = with(releases);
        assert!(found.iter().any(|line| line.contains(part)), "{releases}: {found:?}");
    }
    let alone = "{ name: x, horizon: 1m, traffic: { open: { stages: [ { rate: 1/s, for: 1m } ] } }, \
                 fleet: { size: 1, slots: 1 }, versions: { v1: { service: 1ms } }, \
                 releases: { bad: 1%, per-week: 1, kinds: [ { errors: 1% } ] } }";
    assert!(problems(alone)[0].contains("found releases without a rollout"));
}

#[test]
fn a_baseline_is_refused_where_there_is_nothing_to_compare_and_all_at_once() {
    let strategies = "strategies:
  limit: { canary: { gate: { control: baseline } } }
  wald: { canary: { gate: { judge: sprt, control: fleet } } }
  recreate: { gate: { judge: fisher, control: baseline } }
  rolling: { gate: { judge: z, control: baseline } }
  blue-green: { gate: { judge: relative, control: baseline } }
  shadow: { gate: { judge: mann-whitney, control: baseline } }
  feature-flag: { gate: { judge: pocock, control: baseline } }
  all: { canary: { steps: [ { share: 100%, hold: 1m } ], gate: { judge: fisher, control: baseline } } }
  whole: { combined: { steps: [ { share: 100%, hold: 1m } ], gate: { judge: fisher, control: baseline } } }
  everybody: { ab-test: { share: 100%, gate: { judge: fisher, control: baseline } } }
  misspelt: { canary: { gate: { judge: fisher, control: base } } }
";
    let head = SAMPLE.split("strategies:").next().expect("there is a beginning");
    let found = problems(&format!("{head}{strategies}"));
    let compare = "which compares with nobody, expected none, or one of the judges relative, fisher, z, mann-whitney, \
                   pocock, obrien-fleming, confidence-sequence";
    let parts = [
        format!("limit.canary.gate.control: found a control for the judge threshold, {compare}"),
        format!("wald.canary.gate.control: found a control for the judge sprt, {compare}"),
        "recreate.gate.control: found baseline, expected fleet, since no old instance serves".to_owned(),
        "rolling.gate.control: found baseline, expected fleet, since the old instances are replaced".to_owned(),
        "blue-green.gate.control: found baseline, expected fleet, since the old version gets no requests".to_owned(),
        "shadow.gate.control: found baseline, expected fleet, since the new version gets copies".to_owned(),
        "feature-flag.gate.control: found baseline, expected fleet, since a feature flag starts no instance".to_owned(),
        "all.canary.gate.control: found baseline, expected fleet, since the first step leaves".to_owned(),
        "whole.combined.gate.control: found baseline, expected fleet, since the first step leaves".to_owned(),
        "everybody.ab-test.gate.control: found baseline, expected fleet, since the first step leaves".to_owned(),
        "misspelt.canary.gate.control: found 'base', expected one of: fleet, baseline".to_owned(),
    ];
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for part in parts {
        assert!(found.iter().any(|problem| problem.contains(&part)), "no {part:?} in {found:#?}");
    }
    assert!(found[4].ends_with("canary, combined and ab-test can have one"), "{found:#?}");
}
