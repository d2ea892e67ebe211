//! `rollcast proxy` as a client, an instance, an operator and an attacker meet it. Machines may be slow: nothing here
//! depends on how fast anything is, only on what happens.

mod attacks;
mod backend;
mod http;
mod steering;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything takes, even where others build.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy that runs as a process of its own, and ends with the test.
struct Running {
    child: Child,
    listen: SocketAddr,
    admin: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

/// An answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Running {
    /// One with the rest of its configuration; its addresses are chosen by the system.
    fn start(configuration: &str) -> Running {
        Running::start_with(configuration, &[])
    }

    fn start_with(configuration: &str, arguments: &[&str]) -> Running {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "name: test\nlisten: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\naccess-log: access.json\n{configuration}"
        );
        fs::write(folder.path().join("proxy.yaml"), text).expect("it can be written");
        Running::run(folder, arguments)
    }

    fn run(folder: TempDir, arguments: &[&str]) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rollcast"))
            .current_dir(folder.path())
            .args(["proxy", "proxy.yaml"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (writer, errors) = (Arc::clone(&said), child.stderr.take().expect("it is a pipe"));
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                writer.lock().expect("nobody panics with it").push(line);
            }
        });
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut running = Running { child, listen: none, admin: none, said, folder };
        let line = running.hears("listens on");
        let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        let after = |word: &str, skip: usize| {
            let place = words.iter().position(|known| *known == word).expect("it says so") + skip;
            words[place].parse().expect("an address")
        };
        (running.listen, running.admin) = (after("listens", 2), after("admin", 2));
        running
    }

    /// Waits until the proxy says something with `part` in it.
    fn hears(&self, part: &str) -> String {
        let found = || {
            let said = self.said.lock().expect("nobody panics with it");
            said.iter().find(|line| line.contains(part)).cloned()
        };
        wait_for(&format!("'{part}' among {:?}", self.said), found)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
    }

    /// Sends it over a connection of its own, and takes what comes until that is closed.
    fn ask(&self, request: &str) -> Answer {
        Answer::of(&exchange(self.listen, request.as_bytes()))
    }

    fn command(&self, path: &str, body: &str) -> Answer {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Answer::of(&exchange(self.admin, text.as_bytes()))
    }

    fn watch(&self, path: &str) -> String {
        let text = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        Answer::of(&exchange(self.admin, text.as_bytes())).text()
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.watch("/status")).expect("the status is JSON")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// Ends it gracefully.
    fn stop(mut self) -> (ExitStatus, TempDir) {
        self.signal("TERM");
        let ended = wait_for("the end of the proxy", || self.child.try_wait().expect("it is ours"));
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        (ended, folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        Answer { status, head: head.to_ascii_lowercase(), body: bytes[end + 4..].to_vec() }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    stream.set_nodelay(true).expect("it can be set");
    stream
}

/// Everything that comes until the connection is closed.
fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).expect("it is taken");
    let mut answer = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut answer);
    let _ = stream.shutdown(Shutdown::Both);
    answer
}

#[expect(clippy::disallowed_methods, reason = "a real process takes real time")]
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = found() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}

#[expect(clippy::disallowed_methods, reason = "a real process takes real time")]
fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}
