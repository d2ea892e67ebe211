//! People, rollouts, and whom requests go to.

use super::backend::Backend;
use super::clients::Clients;
use super::{Running, exchange, wait_for};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

fn addresses(backends: &[Backend]) -> String {
    let list: Vec<String> = backends.iter().map(|backend| format!("'{}'", backend.address)).collect();
    list.join(", ")
}

fn fleet(name: &str, count: usize) -> Vec<Backend> {
    (0..count).map(|_| Backend::start(name)).collect()
}

/// Two versions with so many back ends each, and the rest of the configuration.
fn two(old: &[Backend], new: &[Backend], rest: &str) -> String {
    let (old, new) = (addresses(old), addresses(new));
    format!(
        "versions: {{ v1: {{ addresses: [{old}] }}, v2: {{ addresses: [{new}] }} }}\nrollout: {{ from: v1, to: v2 }}\n{rest}"
    )
}

/// Who answers how often.
fn shares(running: &Running, requests: usize, header: &str) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        let answer = running.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\n{header}Connection: close\r\n\r\n"));
        assert_eq!(answer.status, 200);
        *shares.entry(answer.text()).or_insert(0) += 1;
    }
    shares
}

#[test]
fn a_rolling_replacement_under_load_loses_nothing_and_its_journal_replays() {
    let (old, new) = (fleet("old", 3), fleet("new", 3));
    let rest = "strategies: { rolling: { surge: 1, unavailable: 0 } }
proxies: { balancer: least-connections, health: { interval: 100ms } }
min-ready: 100ms
drain: 5s
";
    let running = Running::start_with(&two(&old, &new, rest), &["--journal", "journal.csv"]);
    let clients = Clients::start(&running, 8);
    clients.ask_more(20);
    assert_eq!(running.command("/deploy", "").status, 200);
    wait_for("the end of the rollout", || (running.status()["ended"] == true).then_some(()));
    assert_eq!(running.status()["phase"], "promoted");
    clients.ask_more(20);
    let (asked, wrong) = clients.end();
    assert!(asked > 20, "there was load: {asked}");
    assert_eq!(wrong, Vec::<String>::new(), "of {asked}");
    assert_eq!(shares(&running, 5, ""), BTreeMap::from([("new".to_owned(), 5)]));
    let (ended, folder) = running.stop();
    assert!(ended.success());
    let replay = Command::new(env!("CARGO_BIN_EXE_rollcast"))
        .current_dir(folder.path())
        .args(["replay", "journal.csv"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&replay.stdout);
    assert!(said.contains("answers, all identical") && !said.contains("damaged"), "{said}");
}

#[test]
fn a_canary_that_fails_is_taken_back_by_what_was_observed() {
    let (old, new) = (fleet("old", 2), fleet("new", 2));
    let rest = "strategies: { canary: { steps: [ { share: 50%, hold: 10m } ], gate: { error-rate: 10%, samples: 20, window: 5s }, keep-old: 0s } }
telemetry: { scrape: 100ms }
";
    let running = Running::start(&two(&old, &new, rest));
    assert_eq!(running.command("/deploy", "").status, 200);
    let stepped = || (running.status()["new_version_share"] == 0.5).then_some(());
    wait_for("the first step", stepped);
    let ended = || {
        // The old version does not know this path any better, but it is the new one that is judged.
        for _ in 0..10 {
            running.get("/status/500");
        }
        (running.status()["ended"] == true).then_some(())
    };
    wait_for("the way back", ended);
    assert_eq!(running.status()["phase"], "rolled back");
    assert_eq!(shares(&running, 10, ""), BTreeMap::from([("old".to_owned(), 10)]));
    assert_eq!(running.command("/deploy", "").status, 409);
}

#[test]
fn commands_out_of_order_are_refused_with_the_reason_and_change_nothing() {
    let (old, new) = (fleet("old", 1), fleet("new", 1));
    let rest = "strategies: { canary: { steps: [ { share: 50%, hold: manual } ], gate: none, keep-old: 0s } }\n";
    let running = Running::start(&two(&old, &new, rest));
    for (path, body, reason) in [
        ("/promote", "", "deploy first"),
        ("/abort", "", "deploy first"),
        ("/resume", "", "deploy first"),
        ("/weight", "{\"share\": \"10%\"}", "the strategy canary sets the weight"),
    ] {
        let answer = running.command(path, body);
        assert_eq!(answer.status, 409, "{path}");
        assert!(answer.text().contains(reason), "{path}: {}", answer.text());
    }
    assert_eq!(running.command("/nonsense", "").status, 404);
    assert_eq!(running.command("/drain", "{}").status, 400);
    assert_eq!(running.command("/deploy", "").status, 200);
    assert_eq!(running.command("/deploy", "").status, 409);
    wait_for("the hold", || (running.status()["phase"] == "waiting").then_some(()));
    assert_eq!(running.command("/promote", "").status, 200);
    wait_for("the end", || (running.status()["phase"] == "promoted").then_some(()));
    assert_eq!(running.command("/abort", "").status, 409);
    assert_eq!(shares(&running, 4, ""), BTreeMap::from([("new".to_owned(), 4)]));
}

#[test]
fn the_weight_is_set_by_hand_where_there_is_no_strategy() {
    let (old, new) = (fleet("old", 1), fleet("new", 1));
    let text = two(&old, &new, "").replace("to: v2 }", "to: v2, split: smooth }");
    let running = Running::start(&text);
    assert_eq!(shares(&running, 10, ""), BTreeMap::from([("old".to_owned(), 10)]));
    assert_eq!(running.command("/weight", "{\"share\": \"20%\"}").status, 200);
    assert_eq!(shares(&running, 20, ""), BTreeMap::from([("new".to_owned(), 4), ("old".to_owned(), 16)]));
    assert_eq!(running.command("/weight", "{\"share\": 1}").status, 200);
    assert_eq!(shares(&running, 5, ""), BTreeMap::from([("new".to_owned(), 5)]));
    assert_eq!(running.command("/weight", "{\"share\": 1.5}").status, 400);
    let address = format!("{{\"address\": \"{}\"}}", new[0].address);
    let answer = running.command("/drain", &address);
    assert_eq!(answer.status, 409, "it is the last: {}", answer.text());
}

#[test]
fn a_header_sends_requests_to_the_new_version() {
    let (old, new) = (fleet("old", 1), fleet("new", 1));
    let text = two(&old, &new, "route: { new: { header: { name: X-Canary, value: yes } } }\n")
        .replace("to: v2 }", "to: v2, split: header }")
        .replace("value: yes", "value: 'yes'");
    let running = Running::start(&text);
    assert_eq!(running.command("/weight", "{\"share\": \"0.0001%\"}").status, 200);
    assert_eq!(shares(&running, 5, "X-Canary: yes\r\n"), BTreeMap::from([("new".to_owned(), 5)]));
    assert_eq!(shares(&running, 5, "X-Canary: no\r\n"), BTreeMap::from([("old".to_owned(), 5)]));
    assert_eq!(shares(&running, 5, ""), BTreeMap::from([("old".to_owned(), 5)]));
}

#[test]
fn a_user_stays_with_a_version_and_an_instance() {
    let (old, new) = (fleet("old", 1), fleet("new", 1));
    let text = two(&old, &new, "route: { user: { cookie: session } }\n").replace("to: v2 }", "to: v2, split: user }");
    let running = Running::start(&text);
    assert_eq!(running.command("/weight", "{\"share\": \"50%\"}").status, 200);
    let mut seen = BTreeMap::new();
    for user in 0..20 {
        let shares = shares(&running, 3, &format!("Cookie: session=user-{user}\r\n"));
        assert_eq!(shares.len(), 1, "one version for user {user}");
        *seen.entry(shares.into_keys().next().expect("one")).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2, "and some of each: {seen:?}");
}

#[test]
fn a_cookie_brings_a_client_back_to_its_instance() {
    let backends = [Backend::start("a"), Backend::start("b"), Backend::start("c")];
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: [{}] }} }}\nproxies: {{ balancer: round-robin, stickiness: {{ by: cookie }} }}",
        addresses(&backends)
    ));
    let first = running.get("/");
    let line = first.head.lines().find(|line| line.starts_with("set-cookie:")).expect("a cookie is set");
    let cookie = line.split([' ', ';']).nth(1).expect("it has a value").to_owned();
    let shares = shares(&running, 6, &format!("Cookie: x=y; {cookie}\r\n"));
    assert_eq!(shares, BTreeMap::from([(first.text(), 6)]));
}

#[test]
fn an_instance_is_taken_out_by_hand_and_let_back_in() {
    let backends = fleet("a", 1).into_iter().chain(fleet("b", 1)).collect::<Vec<_>>();
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: [{}] }} }}\nproxies: {{ balancer: round-robin }}",
        addresses(&backends)
    ));
    let address = format!("{{\"address\": \"{}\"}}", backends[0].address);
    assert_eq!(running.command("/drain", &address).status, 200);
    assert_eq!(shares(&running, 4, ""), BTreeMap::from([("b".to_owned(), 4)]));
    assert_eq!(running.command("/drain", &address).status, 409);
    assert_eq!(running.command("/undrain", &address).status, 200);
    assert_eq!(shares(&running, 4, "").len(), 2);
    assert_eq!(running.command("/drain", "{\"address\": \"127.0.0.1:1\"}").status, 404);
    assert_eq!(running.command("/deploy", "").status, 409, "there is no rollout");
}

#[test]
fn a_page_in_a_browser_cannot_steer() {
    let backend = Backend::start("a");
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", backend.address));
    let text = "POST /deploy HTTP/1.1\r\nHost: test\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n";
    assert!(exchange(running.admin, text.as_bytes()).starts_with(b"HTTP/1.1 403"));
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let backend = Backend::start("a");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), "0123456789abcdef\n").expect("it can be written");
    let text = format!(
        "name: test\nlisten: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0, token-file: token }}\naccess-log: none\nversions: {{ v1: {{ addresses: ['{}'] }} }}",
        backend.address
    );
    fs::write(folder.path().join("proxy.yaml"), text).expect("it can be written");
    let running = Running::run(folder, &[]);
    let ask = |line: &str| {
        let text = format!("GET /status HTTP/1.1\r\nHost: test\r\n{line}Connection: close\r\n\r\n");
        String::from_utf8_lossy(&exchange(running.admin, text.as_bytes())[..12]).into_owned()
    };
    assert_eq!(ask(""), "HTTP/1.1 401");
    assert_eq!(ask("Authorization: Bearer 0123456789abcdeX\r\n"), "HTTP/1.1 401");
    assert_eq!(ask("Authorization: Bearer 0123456789abcdef\r\n"), "HTTP/1.1 200");
}
