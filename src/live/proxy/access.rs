//! The access log: a line of JSON for each request.

use crate::scenario::config::AccessLog;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Lines that may wait to be written.
const WAITING_MAX: usize = 65_536;
/// How long a line may wait for others to be written with it.
const FLUSH: Duration = Duration::from_millis(200);

/// One request.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    /// RFC 3339.
    pub at: String,
    pub client: Option<String>,
    pub method: &'a str,
    pub path: &'a str,
    /// 0: there was no answer.
    pub status: u16,
    /// Of the body that was sent to the client.
    pub bytes: usize,
    /// From the head of the request to the end of the answer.
    pub ms: f64,
    /// Of the last attempt, from the pick to the head of its answer.
    pub upstream_ms: Option<f64>,
    pub version: Option<&'a str>,
    pub instance: Option<String>,
    /// Attempts beyond the first.
    pub retries: u32,
    pub error: Option<String>,
}

/// Where lines go; a thread writes them.
pub(super) struct Log {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// # Errors
    /// A file that cannot be written.
    pub fn open(to: &AccessLog) -> io::Result<Log> {
        let out: Box<dyn Write + Send> = match to {
            AccessLog::None => return Ok(Log { lines: None, writer: Mutex::new(None), lost: Arc::default() }),
            AccessLog::Screen => Box::new(io::stdout()),
            AccessLog::File(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Box::new(file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?)
            }
        };
        let (lines, inbox) = sync_channel(WAITING_MAX);
        let writer = thread::Builder::new().name("access-log".to_owned()).spawn(move || write(inbox, out))?;
        Ok(Log { lines: Some(lines), writer: Mutex::new(Some(writer)), lost: Arc::default() })
    }

    /// Whether anybody reads the lines.
    pub fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Never waits: a disk that is too slow loses lines, not requests.
    pub fn note(&self, line: &Line<'_>) {
        let Some(lines) = &self.lines else { return };
        let mut text = serde_json::to_vec(line).expect("plain values are JSON");
        text.push(b'\n');
        if let Err(TrySendError::Full(_)) = lines.try_send(text) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is left. Says how many lines were lost.
    pub fn close(&mut self) -> u64 {
        self.lines = None;
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic of the writer has been told already.
            let _ = writer.join();
        }
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

fn write(inbox: Receiver<Vec<u8>>, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::new(out);
    loop {
        match inbox.recv_timeout(FLUSH) {
            // A reader that has gone, or a disk that is full, must not stop the proxy.
            Ok(line) => drop(out.write_all(&line)),
            Err(RecvTimeoutError::Timeout) => drop(out.flush()),
            Err(RecvTimeoutError::Disconnected) => return drop(out.flush()),
        }
    }
}
