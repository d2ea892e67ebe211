//! An HTTP server that does what its path says, on plain sockets: what it is sent it sees as it is.

use super::pause;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

pub(super) struct Backend {
    pub address: SocketAddr,
    pub asked: Arc<AtomicU32>,
    open: Arc<AtomicBool>,
}

impl Backend {
    /// One that says `name`.
    pub fn start(name: &str) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        let (asked, open) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(true)));
        let (count, lives, name) = (Arc::clone(&asked), Arc::clone(&open), name.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if !lives.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, count, name) = (stream.expect("it accepts"), Arc::clone(&count), name.clone());
                let serve = move || serve(stream, &count, &name);
                thread::Builder::new().stack_size(64 << 10).spawn(serve).expect("a thread");
            }
        });
        Backend { address, asked, open }
    }

    /// An address where nobody listens.
    pub fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.open.store(false, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// One request after the other.
fn serve(mut stream: TcpStream, asked: &AtomicU32, name: &str) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut buffer) {
        asked.fetch_add(1, Ordering::SeqCst);
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let goes_on = answer(&mut stream, &mut buffer, &head, &path, name);
        if !goes_on {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, head: &str, path: &str, name: &str) -> bool {
    let lower = head.to_ascii_lowercase();
    let mut words = path.trim_start_matches('/').split('/');
    let (word, number) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse::<u64>().ok()));
    if lower.contains("expect: 100-continue") {
        write(stream, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    match word {
        "upgrade" => return upgraded(stream, buffer),
        "die" => {
            write(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
            return false;
        }
        "reset" => return false,
        _ => {}
    }
    let body = read_body(stream, buffer, &lower);
    match (word, number) {
        ("echo", _) => plain(stream, 200, &body),
        ("seen", _) => plain(stream, 200, head.as_bytes()),
        ("slow", Some(millis)) => {
            pause(millis);
            plain(stream, 200, name.as_bytes());
        }
        ("status", Some(status @ (204 | 304))) => {
            write(stream, format!("HTTP/1.1 {status} Nothing\r\nETag: \"1\"\r\n\r\n").as_bytes());
        }
        ("status", Some(status)) => plain(stream, status, name.as_bytes()),
        ("pieces", Some(count)) => {
            write(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-end\r\n\r\n");
            for piece in 0..count {
                write(stream, format!("a\r\n{piece:010}\r\n").as_bytes());
            }
            write(stream, b"0\r\n\r\n");
        }
        ("large", Some(size)) => plain(stream, 200, &pattern(size as usize)),
        _ if head.starts_with("HEAD") => write(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 4321\r\n\r\n"),
        _ => plain(stream, 200, name.as_bytes()),
    }
    true
}

/// Bytes that differ from their neighbours.
pub(super) fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 31 + index / 251) as u8).collect()
}

/// Says everything back, until the other side closes.
fn upgraded(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    write(stream, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    write(stream, &std::mem::take(buffer));
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        write(stream, &bytes[..count]);
    }
    false
}

fn plain(stream: &mut TcpStream, status: u64, body: &[u8]) {
    let mut text = format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    text.extend_from_slice(body);
    write(stream, &text);
}

fn write(stream: &mut TcpStream, bytes: &[u8]) {
    // Whoever has left gets no answer.
    let _ = stream.write_all(bytes);
}

fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = buffer.split_off(end + 4);
            let head = std::mem::replace(buffer, rest);
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        more(stream, buffer)?;
    }
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16_384];
    match stream.read(&mut bytes) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            buffer.extend_from_slice(&bytes[..count]);
            Some(())
        }
    }
}

fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Vec<u8> {
    while buffer.len() < count && more(stream, buffer).is_some() {}
    let rest = buffer.split_off(count.min(buffer.len()));
    std::mem::replace(buffer, rest)
}

fn read_body(stream: &mut TcpStream, buffer: &mut Vec<u8>, head: &str) -> Vec<u8> {
    if head.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                let byte = take(stream, buffer, 1);
                if byte.is_empty() {
                    return body;
                }
                line.extend(byte);
            }
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap_or(0);
            let piece = take(stream, buffer, size + 2);
            body.extend_from_slice(&piece[..size.min(piece.len())]);
            if size == 0 {
                return body;
            }
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    take(stream, buffer, length.unwrap_or(0))
}
