//! How a process starts, changes its configuration, hands over and ends.

use super::backend::Backend;
use super::clients::Clients;
use super::{Running, connect, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;

#[test]
fn a_configuration_is_read_again_without_losing_a_request() {
    let (one, other) = (Backend::start("one"), Backend::start("other"));
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", one.address));
    let clients = Clients::start(&running, 4);
    clients.ask_more(8);
    let file = running.path("proxy.yaml");
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, text.replace("versions", "verions")).expect("it can be written");
    running.signal("HUP");
    running.hears("goes on with the old configuration");
    running.hears("verions: found an unknown key");
    assert_eq!(running.get("/").text(), "one", "the old one stays");
    clients.ask_more(8);
    let addresses = format!("['{}']", other.address);
    fs::write(&file, text.replace(&format!("['{}']", one.address), &addresses)).expect("it can be written");
    running.signal("HUP");
    running.hears("took the new configuration");
    assert_eq!(running.get("/").text(), "other");
    clients.ask_more(8);
    fs::write(&file, text.replace("listen: 127.0.0.1:0\n", "listen: 127.0.0.1:1\n")).expect("it can be written");
    running.signal("HUP");
    running.hears("stay as they are");
    clients.ask_more(8);
    let (asked, wrong) = clients.end();
    assert!(asked > 4, "there was load: {asked}");
    assert_eq!(wrong, Vec::<String>::new(), "of {asked}");
}

#[test]
fn what_is_under_way_ends_before_the_proxy_does() {
    let backend = Backend::start("a");
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", backend.address));
    let mut stream = connect(running.listen);
    stream.write_all(b"GET /slow/1000 HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is taken");
    let mut idle = connect(running.listen);
    wait_for("the request to arrive", || (backend.asked.load(Ordering::SeqCst) == 1).then_some(()));
    running.signal("TERM");
    running.hears("stops");
    assert_eq!(idle.read(&mut [0]).expect("whoever has nothing under way is closed"), 0);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer comes, and the connection is closed");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let (ended, _) = running.stop();
    assert!(ended.success());
}

#[test]
fn what_does_not_end_is_cut_after_a_while() {
    let backend = Backend::start("a");
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\nlimits: {{ stop: 300ms }}",
        backend.address
    ));
    let mut stream = connect(running.listen);
    stream.write_all(b"GET /slow/60000 HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is taken");
    wait_for("the request to arrive", || (backend.asked.load(Ordering::SeqCst) == 1).then_some(()));
    let (ended, _) = running.stop();
    assert!(ended.success());
}

#[test]
fn every_request_has_its_line_in_the_access_log_when_the_proxy_has_stopped() {
    let backend = Backend::start("a");
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", backend.address));
    for _ in 0..20 {
        assert_eq!(running.get("/status/404").status, 404);
    }
    running.ask("GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let (_, folder) = running.stop();
    let log = fs::read_to_string(folder.path().join("access.json")).expect("it is there");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let passed =
        lines.iter().filter(|line| line["status"] == 404 && line["version"] == "v1" && line["path"] == "/status/404");
    assert_eq!((lines.len(), passed.count()), (21, 20), "{log}");
    assert_eq!(lines[20]["error"], "ambiguous-length");
}

#[test]
fn listeners_are_handed_to_the_next_process_without_losing_a_request() {
    let backend = Backend::start("a");
    let first = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\nupgrade-socket: up.sock\nlimits: {{ linger: 20s }}",
        backend.address
    ));
    let clients = Clients::start(&first, 4);
    clients.ask_more(8);
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(first.path("proxy.yaml")).expect("it is there");
    let socket = first.path("up.sock");
    let text = text
        .replace("listen: 127.0.0.1:0\n", &format!("listen: {}\n", first.listen))
        .replace("listen: 127.0.0.1:0 }", &format!("listen: {} }}", first.admin))
        .replace("up.sock", &socket.display().to_string());
    fs::write(folder.path().join("proxy.yaml"), text).expect("it can be written");
    let second = thread::spawn(move || Running::run(folder, &["--upgrade"]));
    wait_for("the socket", || socket.exists().then_some(()));
    first.signal("QUIT");
    first.hears("handed the listeners over");
    let second = second.join().expect("it starts");
    assert_eq!(second.get("/").text(), "a");
    let mut first = first;
    wait_for("the end of the first", || first.child.try_wait().expect("it is ours"));
    assert_eq!(second.get("/").text(), "a");
    clients.ask_more(8);
    let (asked, wrong) = clients.end();
    assert!(asked > 4, "there was load: {asked}");
    assert_eq!(wrong, Vec::<String>::new(), "of {asked}");
}

#[test]
fn quit_without_a_next_process_changes_nothing() {
    let backend = Backend::start("a");
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\nupgrade-socket: up.sock",
        backend.address
    ));
    running.signal("QUIT");
    running.hears("cannot hand the listeners over");
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn the_example_of_the_documentation_is_right_and_what_is_wrong_is_told_at_once() {
    let check = |path: &std::path::Path| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rollcast"));
        let run = program.args(["proxy", "--check"]).arg(path).output().expect("it runs");
        (run.status.code(), String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr))
    };
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proxy.yaml");
    let (code, said) = check(&example);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("storefront with 6 back ends"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(&example).expect("it is there");
    let text = text.replace("admin: { listen: 127.0.0.1:9901 }", "admin: { listen: 0.0.0.0:9901 }");
    let text = text.replace("least-connections", "least-conections");
    fs::write(folder.path().join("wrong.yaml"), text).expect("it can be written");
    let (code, said) = check(&folder.path().join("wrong.yaml"));
    assert_eq!(code, Some(2), "{said}");
    for part in ["wrong.yaml:7:18: admin.listen", "or a token-file", "did you mean 'least-connections'?"] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn an_address_in_use_is_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let address = taken.local_addr().expect("it has one");
    let text =
        format!("name: test\nlisten: {address}\nadmin: none\nversions: {{ v1: {{ addresses: ['127.0.0.1:9'] }} }}");
    fs::write(folder.path().join("proxy.yaml"), text).expect("it can be written");
    let run = Command::new(env!("CARGO_BIN_EXE_rollcast"))
        .current_dir(folder.path())
        .args(["proxy", "proxy.yaml"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

#[test]
fn whoever_does_not_answer_at_the_start_is_named_and_gets_requests_when_it_does() {
    let address = Backend::nobody();
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{address}'] }} }}\nproxies: {{ health: {{ interval: 50ms, timeout: 5s, rise: 1, fall: 1 }} }}"
    ));
    running.hears(&format!("{address} (v1) does not answer yet"));
    // 502 as long as the checks have not said so.
    assert!(matches!(running.get("/").status, 502 | 503), "nobody is there, and the proxy goes on");
    let _backend = Backend::start_at(address, "late");
    wait_for("the instance", || (running.get("/").status == 200).then_some(()));
    assert_eq!(running.get("/").text(), "late");
}

#[test]
fn tls_is_refused_with_the_reason_before_anything_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        "name: test\nlisten: 127.0.0.1:0\ntls: { cert: a.pem }\nversions: { v1: { addresses: ['127.0.0.1:9'] } }";
    fs::write(folder.path().join("proxy.yaml"), text).expect("it can be written");
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollcast"));
    let run = program.current_dir(folder.path()).args(["proxy", "proxy.yaml"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("proxy.yaml:3:1: tls: found TLS, which is out of scope"), "{said}");
}
