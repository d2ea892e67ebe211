//! The one clock of a run, and whoever waits for it.
//!
//! A runtime's own timers tick in milliseconds and round up, which is too coarse for service times of a few of them: a
//! thread of its own wakes sleepers to some ten microseconds.

use crate::core::time::{Moment, Span};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long the thread sleeps when nobody waits.
const IDLE: Duration = Duration::from_secs(3_600);

/// Time since the start of a run. It ends its thread when it is dropped.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    sleepers: Arc<Sleepers>,
}

#[derive(Debug, Default)]
struct Sleepers {
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Book {
    /// By the moment to wake at, and the order in which they came.
    due: BTreeMap<(Moment, u64), oneshot::Sender<()>>,
    came: u64,
    over: bool,
}

impl Clock {
    /// Time begins.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start() -> io::Result<Clock> {
        let sleepers = Arc::new(Sleepers::default());
        let (start, theirs) = (now(), Arc::clone(&sleepers));
        thread::Builder::new().name("clock".to_owned()).spawn(move || theirs.wake_all(start))?;
        Ok(Clock { start, sleepers })
    }

    /// Time since the start.
    pub fn now(&self) -> Moment {
        since(self.start)
    }

    /// Returns at `moment`, or at once if that is past.
    pub async fn until(&self, moment: Moment) {
        if self.now() >= moment {
            return;
        }
        if moment == Moment::NEVER {
            return std::future::pending().await;
        }
        let (wake, woken) = oneshot::channel();
        let _turn = self.sleepers.add(moment, wake);
        // An error means that the clock has stopped, and the run with it.
        let _ = woken.await;
    }

    /// Returns `span` from now.
    pub async fn pause(&self, span: Span) {
        self.until(self.now() + span).await;
    }
}

/// A sleeper's entry, which goes with the sleeper: many give up waiting.
struct Turn<'a> {
    sleepers: &'a Sleepers,
    key: (Moment, u64),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.sleepers.lock().due.remove(&self.key);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.sleepers.lock().over = true;
        self.sleepers.changed.notify_one();
    }
}

impl Sleepers {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, moment: Moment, wake: oneshot::Sender<()>) -> Turn<'_> {
        let mut book = self.lock();
        let key = (moment, book.came);
        book.came += 1;
        let first = book.due.first_key_value().is_none_or(|(first, _)| key < *first);
        book.due.insert(key, wake);
        if first {
            self.changed.notify_one();
        }
        Turn { sleepers: self, key }
    }

    fn wake_all(&self, start: Instant) {
        let mut book = self.lock();
        while !book.over {
            let now = since(start);
            while let Some(first) = book.due.first_entry().filter(|first| first.key().0 <= now) {
                // Whoever gave up waiting does not listen.
                let _ = first.remove().send(());
            }
            let next = book.due.first_key_value().map(|(&(at, _), _)| Duration::from_nanos(at.since(now).nanos()));
            let waited = self.changed.wait_timeout(book, next.unwrap_or(IDLE));
            book = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn since(start: Instant) -> Moment {
    Moment::from_nanos(now().duration_since(start).as_nanos() as u64)
}

/// The time of day, for people: RFC 3339, with milliseconds.
pub(super) fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[expect(clippy::disallowed_methods, reason = "this is the clock of the live driver, and its only one")]
fn now() -> Instant {
    Instant::now()
}
