//! The books: what the meter is told, and what it must know of instances and requests for that. One lock guards all.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::{Ending, Pick};
use crate::core::time::Moment;
use crate::measure::meter::{Attempt, Meter, Stage};
use crate::scenario::plan::Fleet;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use tokio::sync::{oneshot, watch};

/// How far an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Does not answer yet.
    Booting,
    /// Accepts requests.
    Up,
    /// Finishes what it has, accepts nothing.
    Finishing,
    /// Does not exist any more.
    Gone,
    /// Died, and what it had with it.
    Dead,
}

/// One instance, whatever its controller and the proxies think of it.
#[derive(Debug)]
pub(super) struct Server {
    pub version: VersionId,
    /// It belongs to the fresh baseline of a gate: what it does counts apart.
    pub baseline: bool,
    pub address: SocketAddr,
    /// How far it is, for its connections; each life has a channel of its own.
    pub phase: watch::Sender<Phase>,
    /// Times that it died.
    pub life: u32,
    pub ready: bool,
    pub stopping: bool,
    pub available: bool,
    /// Proxies that list it.
    pub listings: u32,
    pub busy: u32,
    /// Attempts that wait for a slot.
    pub queue: VecDeque<oneshot::Sender<()>>,
    /// When it became ready; the start for those that were there before.
    pub ready_at: Moment,
    /// Attempts that it took since the end of the warm-up.
    pub taken: u64,
}

/// What is known of a request under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trip {
    /// Its last attempt, and how many there were before that.
    pub last: Option<(Pick, u8)>,
    /// How that ended, if it has.
    pub ending: Option<Ending>,
    /// Whether any attempt was sent to the new version.
    pub exposed: bool,
    /// Attempts that reached an instance; counted where a proxy does not say.
    pub hits: u8,
}

/// Where an attempt goes in its instance, and in which of its lives.
#[derive(Debug)]
pub(super) enum Place {
    Slot(u32),
    /// Is called, or dropped when the instance ends.
    Queue(oneshot::Receiver<()>, u32),
    /// The instance takes no more, or none at all.
    None,
}

pub(super) struct Books {
    pub meter: Meter,
    pub servers: Vec<Server>,
    pub trips: BTreeMap<u64, Trip>,
    /// The warm-up is over.
    pub measuring: bool,
}

impl Server {
    pub fn new(version: VersionId, address: SocketAddr) -> Server {
        Server {
            version,
            baseline: false,
            address,
            phase: watch::Sender::new(Phase::Booting),
            life: 0,
            ready: false,
            stopping: false,
            available: false,
            listings: 0,
            busy: 0,
            queue: VecDeque::new(),
            ready_at: Moment::START,
            taken: 0,
        }
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    fn idle(&self) -> bool {
        self.busy == 0 && self.queue.is_empty()
    }
}

impl Books {
    pub fn server(&mut self, instance: InstanceId) -> &mut Server {
        &mut self.servers[instance.index()]
    }

    /// What each instance runs, and where it answers.
    pub fn addresses(&self) -> Vec<(VersionId, SocketAddr)> {
        self.servers.iter().map(|server| (server.version, server.address)).collect()
    }

    /// An attempt of a request has come from a proxy that tells nobody; says how many came before.
    pub fn seen(&mut self, now: Moment, instance: InstanceId, number: u64) -> u8 {
        let version = self.servers[instance.index()].version;
        let new = Some(version) == self.meter.new_version();
        let Some(trip) = self.trips.get_mut(&number) else { return 0 };
        let before = trip.hits;
        trip.hits = before.saturating_add(1);
        trip.last = Some((Pick { instance, version, retry: before > 0, at: now }, before));
        trip.ending = None;
        trip.exposed |= new;
        if before == 0 {
            self.meter.routed(version);
        }
        before
    }

    /// An attempt ended, as its version, at an instance.
    pub fn attempted(&mut self, instance: InstanceId, version: VersionId, attempt: Attempt) {
        self.meter.attempted(version, attempt);
        if self.servers[instance.index()].baseline {
            self.meter.attempted_on_baseline(attempt);
        }
    }

    /// How such an attempt ended.
    pub fn told(&mut self, instance: InstanceId, number: u64, ending: Ending, slow: bool) {
        let version = self.servers[instance.index()].version;
        let answered = matches!(ending, Ending::Served | Ending::Error);
        self.attempted(instance, version, Attempt { failed: ending != Ending::Served, answered, slow });
        if let Some(trip) = self.trips.get_mut(&number) {
            trip.ending = Some(ending);
        }
    }

    /// An attempt comes in.
    pub fn come(&mut self, now: Moment, instance: InstanceId, fleet: &Fleet) -> Place {
        let server = &mut self.servers[instance.index()];
        if server.phase() != Phase::Up {
            return Place::None;
        }
        let full = fleet.queue.is_some_and(|limit| server.queue.len() >= limit as usize);
        if server.busy >= fleet.slots && full {
            return Place::None;
        }
        server.taken += u64::from(self.measuring);
        if server.busy < fleet.slots {
            server.busy += 1;
            if server.available {
                self.meter.busy(now, 1);
            }
            return Place::Slot(server.life);
        }
        let (call, called) = oneshot::channel();
        server.queue.push_back(call);
        self.meter.queued(1);
        if server.queue.len() == 1 && server.available {
            self.meter.saturated(now, 1);
        }
        Place::Queue(called, server.life)
    }

    /// A service ends, and the next in the queue begins. Says whether the attempt still has its instance.
    #[must_use]
    pub fn served(&mut self, now: Moment, instance: InstanceId, life: u32) -> Served {
        let server = &mut self.servers[instance.index()];
        if server.phase() == Phase::Gone || server.life != life {
            return Served::Cut;
        }
        server.busy -= 1;
        let called = server.queue.pop_front();
        if called.is_some() {
            server.busy += 1;
            self.meter.queued(-1);
            if server.available && server.queue.is_empty() {
                self.meter.saturated(now, -1);
            }
        } else if server.available {
            self.meter.busy(now, -1);
        }
        if let Some(call) = called {
            // Whoever waits is never dropped before it is called: work goes on when its client leaves.
            let _ = call.send(());
        }
        if server.phase() == Phase::Finishing && server.idle() { Served::Last } else { Served::Well }
    }

    /// An instance answers from now on.
    pub fn ready(&mut self, now: Moment, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        server.ready = true;
        server.ready_at = now;
        self.meter.staged(now, server.version, Some(Stage::Booting), Some(Stage::Ready));
    }

    pub fn become_available(&mut self, now: Moment, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        server.available = true;
        self.meter.available(now, 1, server.busy, !server.queue.is_empty());
        if server.listings > 0 {
            self.meter.reachable(now, 1);
        }
    }

    fn cease_to_be_available(&mut self, now: Moment, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        if !std::mem::take(&mut server.available) {
            return;
        }
        self.meter.available(now, -1, server.busy, !server.queue.is_empty());
        if server.listings > 0 {
            self.meter.reachable(now, -1);
        }
    }

    /// The shutdown of an instance begins; says whether it serves, and so has something to finish.
    pub fn drain(&mut self, now: Moment, instance: InstanceId) -> bool {
        self.cease_to_be_available(now, instance);
        let server = &mut self.servers[instance.index()];
        server.stopping = true;
        let from = if std::mem::take(&mut server.ready) { Stage::Ready } else { Stage::Booting };
        self.meter.staged(now, server.version, Some(from), Some(Stage::Terminating));
        server.phase() == Phase::Up
    }

    /// It accepts no more; says whether there is nothing left to finish.
    pub fn stop_accepting(&mut self, instance: InstanceId) -> bool {
        let server = self.server(instance);
        if server.phase() != Phase::Up {
            return false;
        }
        server.phase.send_replace(Phase::Finishing);
        server.idle()
    }

    /// An instance exists no more; what it still had is cut. Says whether it existed.
    pub fn end(&mut self, now: Moment, instance: InstanceId) -> bool {
        let server = &mut self.servers[instance.index()];
        if server.phase.send_replace(Phase::Gone) == Phase::Gone {
            return false;
        }
        server.busy = 0;
        let waiting = std::mem::take(&mut server.queue);
        self.meter.queued(-(waiting.len() as i32));
        self.meter.staged(now, server.version, Some(Stage::Terminating), None);
        true
    }

    /// Instances that serve, those that have done so longest first.
    pub fn oldest(&self) -> Vec<InstanceId> {
        let up = (0..).map(InstanceId).zip(&self.servers).filter(|(_, server)| server.phase() == Phase::Up);
        let mut up: Vec<(Moment, InstanceId)> = up.map(|(id, server)| (server.ready_at, id)).collect();
        up.sort_unstable();
        up.into_iter().map(|(_, id)| id).collect()
    }

    /// An instance dies, and what it has with it. Says whether it was to stop anyway.
    pub fn die(&mut self, now: Moment, instance: InstanceId) -> bool {
        self.cease_to_be_available(now, instance);
        let server = &mut self.servers[instance.index()];
        server.life += 1;
        server.phase.send_replace(Phase::Dead);
        server.phase = watch::Sender::new(Phase::Dead);
        server.busy = 0;
        let waiting = std::mem::take(&mut server.queue);
        self.meter.queued(-(waiting.len() as i32));
        if std::mem::take(&mut server.ready) {
            self.meter.staged(now, server.version, Some(Stage::Ready), Some(Stage::Booting));
        }
        server.stopping
    }

    /// A proxy lists or unlists an instance.
    pub fn listed(&mut self, now: Moment, instance: InstanceId, listed: bool) {
        let server = &mut self.servers[instance.index()];
        let was_listed = server.listings > 0;
        server.listings = if listed { server.listings + 1 } else { server.listings - 1 };
        self.meter.listed(now, server.version, listed);
        let change = i64::from(server.listings > 0) - i64::from(was_listed);
        if server.available && change != 0 {
            self.meter.reachable(now, change);
        }
    }
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// As it should.
    Well,
    /// So, and it was the last one of an instance that goes.
    Last,
    /// Its instance was gone first.
    Cut,
}
