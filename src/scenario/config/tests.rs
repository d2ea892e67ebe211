use super::*;
use crate::core::proxy::Initial;
use crate::core::rollout::Split;

const SMALL: &str = "
name: storefront
listen: 127.0.0.1:8080
versions: { v1: { addresses: [ '127.0.0.1:9001', '127.0.0.1:9002' ] } }
";

const FULL: &str = "
name: storefront
listen: 0.0.0.0:8080
admin: { listen: 127.0.0.1:9901 }
versions:
  v2: { addresses: [ '127.0.0.1:9003', '127.0.0.1:9004' ] }
  v1: { addresses: [ '127.0.0.1:9001', '127.0.0.1:9002' ] }
traffic: { timeout: 2s, retries: { attempts: 2, budget: 20% } }
proxies: { balancer: least-connections, health: { interval: 500ms, initial: down } }
check: { path: /health }
route: { user: { cookie: session }, new: { header: { name: X-Canary, value: always } } }
rollout: { from: v1, to: v2 }
strategies: { canary: { split: header, steps: [ { share: 10%, hold: 1m } ] } }
limits: { body-size: 1MiB }
access-log: none
";

fn parsed(text: &str) -> Result<Config, Problems> {
    parse(text, "proxy.yaml", Path::new(""))
}

fn problems(text: &str) -> String {
    parsed(text).expect_err("it is wrong").to_string()
}

#[test]
fn the_smallest_configuration_has_defaults() {
    let config = parsed(SMALL).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.run(), config.backends.len(), config.by_hand), ("stay", 2, None));
    assert_eq!(config.admin, Some(Admin { listen: "127.0.0.1:9901".parse().expect("one"), token: None }));
    assert_eq!(config.limits.header_size, 32_768);
    assert_eq!(config.loaded.scenario.fleet.size, 2);
}

#[test]
fn everything_is_read_and_those_that_serve_come_first() {
    let config = parsed(FULL).unwrap_or_else(|problems| panic!("{problems}"));
    let ports: Vec<u16> = config.backends.iter().map(|backend| backend.address.port()).collect();
    assert_eq!(ports, [9001, 9002, 9003, 9004]);
    assert_eq!(config.run(), "canary");
    assert_eq!(config.route.new, Some((Where::Header("x-canary".to_owned()), Some("always".to_owned()))));
    let strategy = &config.loaded.scenario.strategies[0].strategy;
    assert!(matches!(strategy.split(), Some(Split::Header(_))));
    let policy = &config.loaded.scenario.proxies.policy;
    assert_eq!((policy.retries.attempts, policy.checks.map(|checks| checks.initial)), (2, Some(Initial::Down)));
}

#[test]
fn the_scenario_in_the_head_of_a_journal_is_read_back_equal() {
    for text in [SMALL, FULL, &FULL.replace("strategies:", "#").replace("route:", "#")] {
        let config = parsed(text).unwrap_or_else(|problems| panic!("{problems}"));
        let head = config.loaded.run_yaml(Path::new(""));
        let again =
            crate::scenario::parse(&head, "head", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(again.scenario, config.loaded.scenario);
    }
}

#[test]
fn a_rollout_without_a_strategy_is_by_hand() {
    let text = format!("{SMALL}rollout: {{ from: v1, to: v2, share: 10% }}")
        .replace("versions: {", "versions: { v2: { addresses: ['127.0.0.1:9003'] },");
    let config = parsed(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.run(), config.by_hand), ("by-hand", Share::new(0.1)));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let said = problems(
        "
name: storefront
listen: localhost:8080
admin: { listen: 0.0.0.0:9901 }
versions: { v1: { addresses: [ '127.0.0.1:9001', '127.0.0.1:9001' ] }, v2: { addresses: [] } }
proxies: { balancer: least-conections, count: 2, limits: { queue: 5 } }
check: { path: health }
rollout: { from: v1, to: v3 }
limits: { body-size: 5 }
",
    );
    for part in [
        "write 127.0.0.1",
        "found 0.0.0.0:9901, where others can reach it",
        "which stands above already",
        "found no address",
        "least-connections",
        "found a queue",
        "begins with '/'",
        "expected one of the versions: v1, v2",
        "a size such as",
        "this is one",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn a_strategy_needs_enough_instances_and_a_split_its_mark() {
    let said = problems(&FULL.replace("'127.0.0.1:9003', ", ""));
    assert!(said.contains("found 1, expected at least the 2 of v1"), "{said}");
    let said = problems(&FULL.replace(", new: { header: { name: X-Canary, value: always } }", ""));
    assert!(said.contains("expected the header or cookie that sends"), "{said}");
}

#[test]
fn a_public_admin_needs_a_token_that_cannot_be_guessed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("{SMALL}admin: {{ listen: 0.0.0.0:9901, token-file: secret }}");
    std::fs::write(folder.path().join("secret"), "short\n").expect("it can be written");
    let said = parse(&text, "proxy.yaml", folder.path()).expect_err("it is too short").to_string();
    assert!(said.contains("expected 16 letters or more"), "{said}");
    std::fs::write(folder.path().join("secret"), "0123456789abcdef\n").expect("it can be written");
    let config = parse(&text, "proxy.yaml", folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.admin.and_then(|admin| admin.token).as_deref(), Some("0123456789abcdef"));
}

#[test]
fn whoever_asks_for_tls_is_told_that_it_is_out_of_scope() {
    let text = SMALL.replace("'127.0.0.1:9001'", "'https://127.0.0.1:9001'").replace("] }", "], tls: true }");
    let said = problems(&format!("{text}tls: {{ cert: a.pem }}\nadmin: {{ certificate: b.pem }}"));
    for part in
        ["5:1: tls: found TLS, which is out of scope", "versions.v1.tls: found TLS", "admin.certificate: found TLS"]
    {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    assert!(said.contains("write it without http://; TLS is out of scope") && !said.contains("unknown key"), "{said}");
    assert!(parsed(&SMALL.replace("v1", "tls")).is_ok(), "a version may be called so");
}

#[test]
fn a_proxy_starts_nobody_and_so_has_no_baseline() {
    let gate = "steps: [ { share: 10%, hold: 1m } ], gate: { judge: fisher, control: baseline }";
    let said = problems(&FULL.replace("steps: [ { share: 10%, hold: 1m } ]", gate));
    let expected = "strategies.canary.gate.control: found baseline, expected fleet: a proxy starts nobody";
    assert!(said.contains(expected), "{said}");
}
