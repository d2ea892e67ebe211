//! What goes through a proxy arrives as it was sent, whatever its shape.

use super::backend::{Backend, pattern};
use super::{Answer, Running, connect, exchange, wait_for};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::thread;

/// A proxy in front of one back end.
fn one() -> (Backend, Running) {
    let backend = Backend::start("a");
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", backend.address));
    (backend, running)
}

fn chunked(body: &[u8], piece: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for part in body.chunks(piece) {
        text.extend(format!("{:x}\r\n", part.len()).into_bytes());
        text.extend_from_slice(part);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    text
}

/// What pieces in an answer come to.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").expect("a size and its line");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).expect("text"), 16).expect("a size");
        body = &body[end + 2..];
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[..size]);
        body = &body[size + 2..];
    }
}

#[test]
fn large_bodies_are_the_same_on_the_other_side_both_ways() {
    let (_backend, running) = one();
    let body = pattern(5_000_000);
    let mut request =
        format!("POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(&body);
    let sender = {
        let (address, request) = (running.listen, request.clone());
        thread::spawn(move || exchange(address, &request))
    };
    let answer = Answer::of(&sender.join().expect("it ends"));
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "{} of {} bytes came back", answer.body.len(), body.len());
    let answer = running.get("/large/7000000");
    assert!(answer.body == pattern(7_000_000), "{} bytes came", answer.body.len());
}

#[test]
fn pieces_arrive_whole_both_ways() {
    let (_backend, running) = one();
    let body = pattern(300_000);
    let mut request =
        b"POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    request.extend(chunked(&body, 7_919));
    let answer = Answer::of(&exchange(running.listen, &request));
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "{} of {} bytes came back", answer.body.len(), body.len());
    let answer = running.get("/pieces/500");
    assert!(answer.head.contains("transfer-encoding: chunked"), "{}", answer.head);
    let expected: String = (0..500).map(|piece| format!("{piece:010}")).collect();
    assert_eq!(String::from_utf8(joined(&answer.body)).expect("digits"), expected);
}

#[test]
fn answers_without_a_body_have_none() {
    let (_backend, running) = one();
    for (path, status) in [("/status/204", 204), ("/status/304", 304)] {
        let answer = running.get(path);
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{}", answer.head);
    }
    let answer = running.ask("HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(answer.head.contains("content-length: 4321"), "{}", answer.head);
}

#[test]
fn one_connection_carries_many_requests_and_so_does_one_to_the_instance() {
    let (backend, running) = one();
    let mut stream = connect(running.listen);
    for number in 0..20 {
        let request = format!("GET /status/200?{number} HTTP/1.1\r\nHost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\na") {
            stream.read_exact(&mut byte).expect("the answer goes on");
            text.extend_from_slice(&byte);
        }
        assert!(text.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&text));
    }
    assert_eq!(backend.asked.load(Ordering::SeqCst), 20);
}

#[test]
fn headers_that_are_for_the_proxy_alone_go_no_further() {
    let (_backend, running) = one();
    let seen = running
        .ask(
            "GET /seen HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n\
             Proxy-Authorization: Basic abc\r\nTE: trailers\r\nX-Stays: 2\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n",
        )
        .text()
        .to_ascii_lowercase();
    for name in ["x-secret", "keep-alive:", "proxy-authorization", "te:", "close"] {
        assert!(!seen.contains(name), "{name} came through:\n{seen}");
    }
    for line in ["host: shop.example", "x-stays: 2", "10.1.1.1", "127.0.0.1"] {
        assert!(seen.contains(line), "{line} is missing in:\n{seen}");
    }
}

#[test]
fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let (_backend, running) = one();
    let mut stream = connect(running.listen);
    let head =
        "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is taken");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("the go-ahead comes first");
    assert_eq!(&first, b"HTTP/1.1 100");
    stream.write_all(b"hello").expect("it is taken");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the answer follows");
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("HTTP/1.1 200") && rest.ends_with("hello"), "{rest}");
}

#[test]
fn a_websocket_is_passed_through() {
    let (_backend, running) = one();
    let mut stream = connect(running.listen);
    let head = "GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is taken");
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the answer goes on");
        text.extend_from_slice(&byte);
    }
    assert!(text.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&text));
    for round in 0..10 {
        let said = pattern(1_000 + round);
        stream.write_all(&said).expect("it is taken");
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).expect("it comes back");
        assert_eq!(heard, said);
    }
}

#[test]
fn whoever_closes_their_side_still_gets_the_answer() {
    let (_backend, running) = one();
    let mut stream = connect(running.listen);
    stream.write_all(b"GET /slow/300 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("it is taken");
    stream.shutdown(Shutdown::Write).expect("half of it can be closed");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer comes");
    assert_eq!((Answer::of(&answer).status, Answer::of(&answer).text()), (200, "a".to_owned()));
}

#[test]
fn an_instance_that_dies_in_mid_answer_is_no_whole_answer() {
    let (backend, running) = one();
    let answer = running.get("/die");
    assert_eq!((answer.status, answer.text().as_str()), (200, "half"), "and the connection is closed");
    assert!(answer.head.contains("content-length: 1000"));
    assert_eq!(backend.asked.load(Ordering::SeqCst), 1, "what has begun is not tried again");
    assert_eq!(running.get("/").text(), "a", "and the proxy goes on");
    let counted = || {
        let metrics = running.watch("/metrics");
        metrics.lines().any(|line| line.contains("ending=\"reset\"") && line.ends_with(" 1")).then_some(())
    };
    wait_for("the attempt to count as reset", counted);
}

#[test]
fn a_thousand_clients_at_once_are_all_answered() {
    let backend = Backend::start("a");
    // The queue of a plain listener is short: the kernel tries again.
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\nlimits: {{ connect-timeout: 30s }}",
        backend.address
    ));
    let mut streams: Vec<_> = (0..1_000).map(|_| connect(running.listen)).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /slow/100 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("it is taken");
    }
    for mut stream in streams {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer comes");
        assert_eq!(Answer::of(&answer).status, 200);
    }
    assert_eq!(backend.asked.load(Ordering::SeqCst), 1_000);
}

#[test]
fn what_failed_goes_elsewhere_if_it_may() {
    let (good, nobody) = (Backend::start("good"), Backend::nobody());
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{nobody}', '{}'] }} }}
traffic: {{ retries: {{ attempts: 1, on: [refused, reset, error] }} }}
proxies: {{ balancer: round-robin }}",
        good.address
    ));
    running.hears("does not answer yet");
    for _ in 0..6 {
        assert_eq!(running.get("/").text(), "good", "the proxy serves although an instance does not answer");
    }
    // Nothing was sent to whoever refused the connection: even a POST may go elsewhere.
    for _ in 0..4 {
        let answer =
            running.ask("POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    }
    let log = || {
        let text = std::fs::read_to_string(running.path("access.json")).ok()?;
        (text.lines().count() == 10).then_some(text)
    };
    let log = wait_for("a line for each request", log);
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let retried = lines.iter().filter(|line| line["retries"] == 1).count();
    assert!(retried >= 4, "half of them came to the dead one first: {retried}");
    assert!(lines.iter().all(|line| line["version"] == "v1" && line["status"] == 200));
}

#[test]
fn what_may_have_had_an_effect_is_not_sent_again() {
    let (one, other) = (Backend::start("one"), Backend::start("other"));
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}', '{}'] }} }}
traffic: {{ retries: {{ attempts: 1, on: [refused, reset, error] }} }}",
        one.address, other.address
    ));
    let asked = || one.asked.load(Ordering::SeqCst) + other.asked.load(Ordering::SeqCst);
    let post = |path: &str| {
        let text = format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        running.ask(&text).status
    };
    assert_eq!((post("/status/500"), asked()), (500, 1));
    assert_eq!((post("/reset"), asked()), (502, 2));
    assert_eq!((running.get("/status/500").status, asked()), (500, 4), "a GET is, on every instance once");
}

#[test]
fn nobody_there_is_503_and_too_slow_is_504() {
    let running = Running::start(&format!("versions: {{ v1: {{ addresses: ['{}'] }} }}", Backend::nobody()));
    assert_eq!(running.get("/").status, 502);
    let backend = Backend::start("a");
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\ntraffic: {{ timeout: 300ms }}",
        backend.address
    ));
    assert_eq!(running.get("/slow/20000").status, 504);
}
