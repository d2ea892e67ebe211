//! Clients that never rest.

use super::{Running, exchange};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Clients that ask one request after the other until they are told to stop; they say how many were not answered well.
pub struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<(u32, Vec<String>)>>,
}

impl Clients {
    pub fn start(running: &Running, count: usize) -> Clients {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|_| {
            let (stop, address) = (Arc::clone(&stop), running.listen);
            thread::spawn(move || {
                let (mut asked, mut wrong) = (0, Vec::new());
                while !stop.load(Ordering::SeqCst) {
                    let request = b"GET /slow/5 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
                    let answer = exchange(address, request);
                    asked += 1;
                    if !answer.starts_with(b"HTTP/1.1 200") {
                        wrong.push(String::from_utf8_lossy(&answer).into_owned());
                    }
                }
                (asked, wrong)
            })
        });
        let threads = threads.collect();
        Clients { stop, threads }
    }

    pub fn end(self) -> (u32, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = (0, Vec::new());
        for thread in self.threads {
            let (asked, wrong) = thread.join().expect("a client does not panic");
            all.0 += asked;
            all.1.extend(wrong);
        }
        all
    }
}
