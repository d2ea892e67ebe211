//! What everybody in a run shares: the clock, the proxies' cores, the books, and the luck of each request.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::journal::Front;
use crate::core::rollout::{Input, Split};
use crate::core::time::{Moment, Span};
use crate::live::books::Books;
use crate::live::clock::Clock;
use crate::live::news::News;
use crate::scenario::behaviour::{Behaviour, Luck};
use crate::scenario::caller::Callers;
use crate::scenario::law::Sampler;
use crate::scenario::plan::Scenario;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// One run of one strategy.
pub(super) struct Site {
    pub clock: Clock,
    pub scenario: Scenario,
    pub behaviours: Vec<Behaviour>,
    pub boot: Sampler,
    pub doors: Vec<Door>,
    pub books: Mutex<Books>,
    pub callers: Callers,
    /// How long a client waits, or its proxy for it.
    pub patience: Option<Span>,
    /// An attempt that takes longer counts as slow; `None`: nothing asks for that.
    pub slow_above: Option<Span>,
    /// The new version and how requests are split, where they are.
    pub split: Option<(VersionId, Split)>,
    /// The proxies are another program's: the instances note what they see.
    pub outside: bool,
    /// What the controller is to be told.
    pub inputs: mpsc::UnboundedSender<Input>,
    /// How late the latest request was sent, in nanoseconds.
    pub latest_ns: AtomicU64,
}

/// One proxy as the others see it.
pub(super) struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its core: `now` is read while this is held.
    pub front: Mutex<Front>,
    /// It may have to be woken earlier than before.
    pub changed: Notify,
    /// What it has yet to learn.
    pub news: mpsc::UnboundedSender<(Moment, News)>,
}

impl Site {
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the core of a proxy; `now` is read while nobody else can ask.
    pub fn ask<T>(&self, proxy: usize, question: impl FnOnce(&mut Front, Moment) -> T) -> T {
        let mut front = self.doors[proxy].front.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut front, self.clock.now())
    }

    /// Writes down what happened; `now` is read while nobody else writes.
    pub fn note<T>(&self, fact: impl FnOnce(&mut Books, Moment) -> T) -> T {
        let mut books = self.books();
        fact(&mut books, self.clock.now())
    }

    /// The controller is to be told.
    pub fn tell(&self, input: Input) {
        // Nobody listens any more once the run is over.
        let _ = self.inputs.send(input);
    }

    /// The luck of an attempt of the request that is called `number`, of which `before` were made earlier: the same as in
    /// virtual time.
    pub fn luck(&self, number: u64, before: u8, version: usize, size: f64) -> Luck {
        self.behaviours[version].luck(&mut self.callers.luck(number, before), || size)
    }

    /// The priority of an instance: its version's, and one below that if it is one of the fleet's backups.
    pub fn level_of(&self, instance: InstanceId, version: usize) -> u8 {
        let backups = self.scenario.fleet.backups.value();
        let up_to = |count: u32| (f64::from(count) * backups).floor();
        self.scenario.versions[version].priority + u8::from(up_to(instance.0 + 1) > up_to(instance.0))
    }
}
