//! Clients that never rest.

use super::{Running, connect, wait_for};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// Clients that ask one request after the other until they are told to stop; they say how many were not answered well.
/// Every other one keeps its connection as long as the proxy does.
pub struct Clients {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Clients {
    pub fn start(running: &Running, count: usize) -> Clients {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let threads = (0..count).map(|number| {
            let (stop, asked, address) = (Arc::clone(&stop), Arc::clone(&asked), running.listen);
            thread::spawn(move || ask_on(address, number % 2 == 0, &stop, &asked))
        });
        let threads = threads.collect();
        Clients { stop, asked, threads }
    }

    /// Waits until so many more requests have their answers, however slow the machine is.
    pub fn ask_more(&self, count: u32) {
        let enough = self.asked.load(Ordering::SeqCst) + count;
        wait_for("clients", || (self.asked.load(Ordering::SeqCst) >= enough).then_some(()));
    }

    pub fn end(self) -> (u32, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let joined = self.threads.into_iter().map(|thread| thread.join().expect("a client does not panic"));
        let wrong = joined.flatten().collect();
        (self.asked.load(Ordering::SeqCst), wrong)
    }
}

fn ask_on(address: SocketAddr, keeps: bool, stop: &AtomicBool, asked: &AtomicU32) -> Vec<String> {
    let (mut wrong, mut kept) = (Vec::new(), None);
    while !stop.load(Ordering::SeqCst) {
        let again = if kept.is_some() { "over a connection that was kept" } else { "over a new connection" };
        let mut stream = kept.take().unwrap_or_else(|| connect(address));
        let answer = ask(&mut stream, keeps);
        asked.fetch_add(1, Ordering::SeqCst);
        if !answer.starts_with("HTTP/1.1 200") {
            wrong.push(format!("{again}: {answer:?}"));
        } else if answer.to_ascii_lowercase().contains("connection: keep-alive") {
            kept = Some(stream);
        }
    }
    wrong
}

/// The answer, or as much of it as comes.
fn ask(stream: &mut TcpStream, keeps: bool) -> String {
    let connection = if keeps { "keep-alive" } else { "close" };
    let request = format!("GET /slow/5 HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\n\r\n");
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    if stream.write_all(request.as_bytes()).is_err() {
        return String::new();
    }
    while !is_whole(&answer) {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => answer.extend_from_slice(&piece[..count]),
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|line| line.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
