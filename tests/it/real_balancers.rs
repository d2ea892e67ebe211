//! Our balancers against the real nginx and HAProxy, where they are installed: each case starts one afresh on loopback with
//! three tiny back ends, sends requests one after the other, and compares who answered with whom we pick.

use rollcast::core::draw::Seed;
use rollcast::core::ids::{InstanceId, UserId, VersionId};
use rollcast::core::proxy::{Ask, Client, Listing, Pool, Rule, Tried};
use rollcast::core::time::{Moment, Span};
use rollcast::scenario::balancer;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A back end that answers every request with its letter.
struct Backend {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Backend {
    fn start(letter: char) -> Backend {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(stream) = stream {
                    answer(stream, letter);
                }
            }
        });
        Backend { address, over }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the thread up, so that it sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

fn answer(mut stream: TcpStream, letter: char) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out above zero");
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&part[..count]),
        }
    }
    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{letter}");
    // A proxy that went away is no concern of this test.
    drop(stream.write_all(text.as_bytes()));
}

/// A program that is killed when it goes out of scope.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// One comparison.
struct Case {
    balancer: &'static str,
    /// What stands in the configuration of the real one.
    directive: &'static str,
    weights: [u32; 3],
}

const fn case(balancer: &'static str, directive: &'static str, weights: [u32; 3]) -> Case {
    Case { balancer, directive, weights }
}

/// Keys and clients of the requests, used over and over.
const KEYS: [&str; 13] = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/cart", "/user/42", "/x/y/z"];
const CLIENTS: [[u8; 4]; 8] = [
    [127, 0, 0, 1],
    [10, 0, 0, 7],
    [192, 168, 1, 20],
    [192, 168, 2, 20],
    [203, 0, 113, 9],
    [8, 8, 8, 8],
    [172, 16, 5, 4],
    [1, 1, 1, 1],
];
const REQUESTS: usize = 40;

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

#[expect(clippy::disallowed_methods, reason = "a real program needs real time to start")]
fn wait_for(port: u16) {
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the program did not listen within five seconds");
}

/// Sends request `number` and returns the letter that came back.
fn send(port: u16, number: usize) -> char {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the program listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out above zero");
    let (path, client) = (KEYS[number % KEYS.len()], Ipv4Addr::from(CLIENTS[number % CLIENTS.len()]));
    let request = format!("GET {path} HTTP/1.0\r\nHost: x\r\nX-Client: {client}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the program reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the program answers");
    text.chars().last().expect("the answer has a body")
}

/// Whom the real program picks.
fn real(mut command: Command, port: u16) -> String {
    let _running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is installed"));
    wait_for(port);
    (0..REQUESTS).map(|number| send(port, number)).collect()
}

/// Whom we pick.
fn ours(rule: &Rule, weights: [u32; 3], backends: &[Backend]) -> String {
    let mut pool = Pool::new(rule, Seed(1).stream("balancer", 0));
    for ((id, weight), backend) in (0..).zip(weights).zip(backends) {
        let name = backend.address.to_string();
        let listing = Listing { instance: InstanceId(id), version: VersionId(0), name: &name, weight };
        pool.list(Moment::START, &listing);
    }
    let pick = |number: usize| {
        let key = Some(KEYS[number % KEYS.len()].as_bytes());
        let client = Some(Client::V4(CLIENTS[number % CLIENTS.len()]));
        let ask = Ask { key, client, ..Ask::of(UserId(0), 0, Tried::NONE) };
        let (instance, _) = pool.pick(Moment::START, &ask).expect("three instances");
        pool.end(Moment::START, instance, Span::ZERO);
        char::from(b'a' + instance.0 as u8)
    };
    (0..REQUESTS).map(pick).collect()
}

fn compare(cases: &[Case], start: impl Fn(&Case, &[Backend], u16, &Path) -> Command) {
    let mut different = Vec::new();
    for case in cases {
        let backends = ['a', 'b', 'c'].map(Backend::start);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let real = real(start(case, &backends, port, folder.path()), port);
        let rule = balancer(case.balancer, "case").unwrap_or_else(|problems| panic!("{problems}"));
        let ours = ours(&rule, case.weights, &backends);
        println!("{} {:?}: {real}", case.balancer, case.weights);
        if real != ours {
            different.push(format!("{} {:?}\n  real {real}\n  ours {ours}", case.balancer, case.weights));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), cases.len(), different.join("\n"));
}

fn nginx(case: &Case, backends: &[Backend], port: u16, folder: &Path) -> Command {
    let servers: String = (case.weights.iter().zip(backends))
        .map(|(weight, backend)| format!("server {} weight={weight};\n", backend.address))
        .collect();
    let home = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {home}/{name};\n"))
        .concat();
    let text = format!(
        "daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off;\n{temporary}\
         set_real_ip_from 127.0.0.1; real_ip_header X-Client;\n\
         upstream back {{ {}\n{servers} }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://back; }} }} }}\n",
        case.directive
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, text).expect("the folder is ours");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder).arg("-e").arg(folder.join("error.log"));
    command
}

fn haproxy(case: &Case, backends: &[Backend], port: u16, folder: &Path) -> Command {
    let servers: String = (case.weights.iter().zip(backends).zip(["a", "b", "c"]))
        .map(|((weight, backend), name)| format!("  server {name} {} weight {weight}\n", backend.address))
        .collect();
    let text = format!(
        "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n\
         listen front\n  bind 127.0.0.1:{port}\n  http-request set-src hdr(x-client)\n{}\n{servers}",
        case.directive
    );
    let path = folder.join("haproxy.cfg");
    fs::write(&path, text).expect("the folder is ours");
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

#[test]
fn nginx_picks_as_we_do() {
    if !is_installed("nginx") {
        return;
    }
    let cases = [
        case("nginx-round-robin", "", [1, 1, 1]),
        case("nginx-round-robin", "", [5, 1, 1]),
        case("nginx-round-robin", "", [3, 2, 1]),
        case("nginx-round-robin", "", [7, 4, 2]),
        case("nginx-round-robin", "", [1, 9, 3]),
        case("nginx-least-connections", "least_conn;", [1, 1, 1]),
        case("nginx-least-connections", "least_conn;", [5, 1, 1]),
        case("nginx-least-connections", "least_conn;", [2, 6, 3]),
        case("nginx-ip-hash", "ip_hash;", [1, 1, 1]),
        case("nginx-ip-hash", "ip_hash;", [4, 1, 2]),
        case("nginx-hash", "hash $request_uri;", [1, 1, 1]),
        case("nginx-hash", "hash $request_uri;", [1, 5, 2]),
        case("ketama", "hash $request_uri consistent;", [1, 1, 1]),
        case("ketama", "hash $request_uri consistent;", [3, 1, 2]),
    ];
    compare(&cases, nginx);
}

#[test]
fn haproxy_picks_as_we_do() {
    if !is_installed("haproxy") {
        return;
    }
    let cases = [
        case("haproxy-round-robin", "  balance roundrobin", [1, 1, 1]),
        case("haproxy-round-robin", "  balance roundrobin", [5, 1, 1]),
        case("haproxy-round-robin", "  balance roundrobin", [3, 2, 1]),
        case("haproxy-round-robin", "  balance roundrobin", [7, 4, 2]),
        case("haproxy-round-robin", "  balance roundrobin", [1, 9, 3]),
        case("haproxy-static-rr", "  balance static-rr", [1, 1, 1]),
        case("haproxy-static-rr", "  balance static-rr", [5, 1, 1]),
        case("haproxy-static-rr", "  balance static-rr", [6, 4, 2]),
        case("haproxy-least-connections", "  balance leastconn", [1, 1, 1]),
        case("haproxy-least-connections", "  balance leastconn", [5, 1, 2]),
        case("haproxy-hash: { of: source }", "  balance source", [1, 1, 1]),
        case("haproxy-hash: { of: source }", "  balance source", [2, 5, 3]),
        case("haproxy-hash: { of: source, type: consistent }", "  balance source\n  hash-type consistent", [2, 5, 3]),
        case("haproxy-hash", "  balance uri", [1, 1, 1]),
        case("haproxy-hash", "  balance uri", [4, 2, 6]),
        case("haproxy-hash: { function: djb2 }", "  balance uri\n  hash-type map-based djb2", [4, 3, 1]),
        case("haproxy-hash: { function: wt6 }", "  balance uri\n  hash-type map-based wt6", [4, 3, 1]),
        case("haproxy-hash: { function: crc32 }", "  balance uri\n  hash-type map-based crc32", [4, 3, 1]),
        case("haproxy-hash: { type: consistent }", "  balance uri\n  hash-type consistent", [1, 1, 1]),
        case("haproxy-hash: { type: consistent }", "  balance uri\n  hash-type consistent", [9, 3, 1]),
        case(
            "haproxy-hash: { type: consistent, function: djb2, avalanche: true }",
            "  balance uri\n  hash-type consistent djb2 avalanche",
            [1, 2, 3],
        ),
    ];
    compare(&cases, haproxy);
}
