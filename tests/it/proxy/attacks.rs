//! What a proxy does not let itself be made to do.

use super::backend::Backend;
use super::{Answer, Running, connect, exchange, wait_for};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;

fn guarded(limits: &str) -> (Backend, Running) {
    let backend = Backend::start("a");
    let running = Running::start(&format!(
        "versions: {{ v1: {{ addresses: ['{}'] }} }}\nlimits: {{ {limits} }}",
        backend.address
    ));
    (backend, running)
}

#[test]
fn lengths_that_can_be_read_in_two_ways_are_refused() {
    let (backend, running) = guarded("");
    let cases = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length:4\r\n\r\n0\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "Content-Length: 4, 5\r\n\r\nabcde",
        "Content-Length: +4\r\n\r\nabcd",
        "Content-Length: -4\r\n\r\nabcd",
        "Transfer-Encoding: gzip\r\n\r\nabcd",
        "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "Content-Length : 4\r\n\r\nabcd",
    ];
    for case in cases {
        let request = format!("POST /echo HTTP/1.1\r\nHost: test\r\n{case}");
        let answer = exchange(running.listen, request.as_bytes());
        assert_eq!(Answer::of(&answer).status, 400, "{case:?}");
    }
    assert_eq!(backend.asked.load(Ordering::SeqCst), 0, "none of them went any further");
    let old = exchange(running.listen, b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(Answer::of(&old).status, 400);
    assert_eq!(running.get("/").status, 200);
}

#[test]
fn nothing_is_smuggled_behind_a_refused_request() {
    let (backend, running) = guarded("");
    let both = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
                GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    let answer = exchange(running.listen, both.as_bytes());
    let text = String::from_utf8_lossy(&answer);
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert_eq!(backend.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (backend, running) = guarded("header-size: 8KiB");
    let fine = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Fill: {}\r\n\r\n", "x".repeat(6_000));
    assert_eq!(running.ask(&fine).status, 200);
    let mut stream = connect(running.listen);
    let fill = format!("X-Fill: {}\r\n", "x".repeat(1_000));
    // It may be refused before it is sent.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n");
    for _ in 0..200 {
        if stream.write_all(fill.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || Answer::of(&answer).status == 431, "{}", String::from_utf8_lossy(&answer));
    assert_eq!(backend.asked.load(Ordering::SeqCst), 1);
    assert!(running.watch("/metrics").contains("rollcast_refused_total{reason=\"header-size\"} 1"));
}

#[test]
fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let (backend, running) = guarded("body-size: 10KiB");
    let said = "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n";
    assert_eq!(running.ask(said).status, 413);
    assert_eq!(backend.asked.load(Ordering::SeqCst), 0);
    let mut request =
        b"POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        request.extend(format!("400\r\n{}\r\n", "x".repeat(1_024)).into_bytes());
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(Answer::of(&exchange(running.listen, &request)).status, 413);
    assert_eq!(running.get("/").status, 200);
}

#[test]
fn whoever_sends_a_head_byte_by_byte_is_cut_off() {
    let (_backend, running) = guarded("header-timeout: 500ms, idle: 60s");
    let mut stream = connect(running.listen);
    let mut cut = false;
    for byte in b"GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ".iter().chain(std::iter::repeat_n(&b'x', 400)) {
        super::pause(20);
        if stream.write_all(&[*byte]).is_err() {
            cut = true;
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(cut || Answer::of(&answer).status == 408, "{}", String::from_utf8_lossy(&answer));
    assert!(running.watch("/metrics").contains("rollcast_refused_total{reason=\"header-timeout\"} 1"));
    assert_eq!(running.get("/").status, 200, "others are served");
}

#[test]
fn whoever_says_nothing_is_closed() {
    let (_backend, running) = guarded("idle: 1s");
    let mut silent = connect(running.listen);
    assert_eq!(silent.read(&mut [0]).expect("it is closed in order"), 0);
    let mut between = connect(running.listen);
    between.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is taken");
    let mut answer = Vec::new();
    between.read_to_end(&mut answer).expect("it is closed in order, after the answer");
    assert_eq!(Answer::of(&answer).status, 200);
}

#[test]
fn whoever_sends_a_body_too_slowly_is_cut_off_and_the_instance_is_not_blamed() {
    let (_backend, running) = guarded("read-timeout: 300ms");
    let mut stream = connect(running.listen);
    let head = "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).expect("it is taken");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || Answer::of(&answer).status == 408, "{}", String::from_utf8_lossy(&answer));
    let counted = || {
        let metrics = running.watch("/metrics");
        metrics.lines().any(|line| line.contains("ending=\"abandoned\"") && line.ends_with(" 1")).then_some(())
    };
    wait_for("the attempt to be abandoned", counted);
}

#[test]
fn there_are_only_so_many_connections() {
    let (_backend, running) = guarded("connections: 10");
    let mut kept = Vec::new();
    for _ in 0..10 {
        let mut stream = connect(running.listen);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is taken");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200");
        kept.push(stream);
    }
    let mut answer = Vec::new();
    let _ = connect(running.listen).read_to_end(&mut answer);
    assert_eq!(Answer::of(&answer).status, 503);
    drop(kept);
    let free = || {
        let answer = exchange(running.listen, b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    };
    wait_for("a connection to be free again", free);
}

#[test]
fn a_proxy_is_no_tunnel() {
    let (backend, running) = guarded("");
    let answer = running.ask("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
    assert_eq!(answer.status, 405);
    assert_eq!(backend.asked.load(Ordering::SeqCst), 0);
}
