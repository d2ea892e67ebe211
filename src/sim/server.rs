//! One instance as it really is, whatever its controller and the proxies think of it.

use crate::core::ids::VersionId;
use crate::core::time::Moment;
use crate::measure::meter::Meter;
use crate::sim::flight::Queue;
use crate::sim::sharing::Sharing;

/// How far an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Does not exist yet: the quota is spent.
    Pending,
    /// Does not answer yet, for the first time or again.
    Booting,
    /// Accepts requests.
    Up,
    /// Finishes what it has, accepts nothing.
    Finishing,
    /// Died by itself and may come back.
    Dead,
    /// Does not exist any more.
    Gone,
}

/// One instance. What only some runs need is kept elsewhere, so that large fleets stay in the cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Server {
    /// What it runs.
    pub version: VersionId,
    /// How far it is.
    pub phase: Phase,
    /// Counts its starts, so that news from an earlier life is known as stale.
    pub life: u32,
    /// It belongs to the fresh baseline of a gate: what it does counts apart.
    pub baseline: bool,
    /// It never becomes ready: every boot ends with a crash.
    pub doomed: bool,
    /// Crashes since it ran for long, from which the next back-off follows.
    pub crashes: u32,
    /// The platform knows that it answers.
    pub ready: bool,
    /// Its controller ordered it to stop.
    pub stopping: bool,
    /// Ready for long enough, and not stopping.
    pub available: bool,
    /// Proxies that list it.
    pub listings: u32,
    /// Slots in use, or that are sure to be in use when an attempt arrives that is on its way.
    pub busy: u32,
    /// Attempts on their way that may find no free slot.
    pub coming: u32,
    /// Attempts that wait for a slot.
    pub queue: Queue,
    /// It works on more attempts than it has slots.
    pub crowded: bool,
    /// A service takes as long as it takes, and nothing else is to be done for it: it is no longer slow for being new, as far
    /// as was looked, and need not report its load.
    pub plain: bool,
    /// What only some runs need.
    pub aside: Box<Aside>,
    /// When it became ready in this life.
    pub ready_at: Moment,
}

/// What only some runs need of an instance.
#[derive(Clone, Debug)]
pub struct Aside {
    /// When it began to boot in this life; `NEVER`: long before the start of the run.
    pub started: Moment,
    /// What it works on at once, where it does not serve one after the other.
    pub sharing: Sharing,
    /// Its answers a second, for balancers that go by reports.
    pub answers: Answers,
}

/// So that a place in the table is a shift away.
const _: () = assert!(size_of::<Server>() == 64);

impl Server {
    /// An instance that was just ordered.
    pub fn launched(version: VersionId) -> Server {
        Server {
            version,
            phase: Phase::Pending,
            life: 0,
            baseline: false,
            doomed: false,
            crashes: 0,
            ready: false,
            stopping: false,
            available: false,
            listings: 0,
            busy: 0,
            coming: 0,
            queue: Queue::EMPTY,
            crowded: false,
            plain: false,
            aside: Box::new(Aside { started: Moment::NEVER, sharing: Sharing::new(), answers: Answers::default() }),
            ready_at: Moment::START,
        }
    }

    /// Whether a new attempt is taken in.
    pub fn accepts(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Whether a new attempt is taken in and served at once.
    #[inline(always)]
    pub fn has_free_slot(&self, slots: u32) -> bool {
        self.phase == Phase::Up && self.busy < slots
    }

    /// Whether an attempt that leaves its proxy now is sure to find a free slot, unless the instance leaves.
    #[inline(always)]
    pub fn takes_in_for_sure(&self, slots: u32) -> bool {
        self.coming == 0 && self.plain && self.has_free_slot(slots)
    }

    /// A slot becomes busy.
    #[inline(always)]
    pub fn begin(&mut self, meter: &mut Meter, now: Moment) {
        self.busy += 1;
        if self.available {
            meter.busy(now, 1);
        }
    }

    /// A slot becomes free.
    #[inline(always)]
    pub fn end(&mut self, meter: &mut Meter, now: Moment) {
        self.busy -= 1;
        if self.available {
            meter.busy(now, -1);
        }
    }

    /// All slots busy and a queue behind them, or more attempts than slots.
    #[inline(always)]
    pub fn saturated(&self) -> bool {
        self.crowded || !self.queue.is_empty()
    }

    /// Whether nothing is in its slots or queue.
    pub fn idle(&self) -> bool {
        self.busy == 0 && self.queue.is_empty()
    }
}

/// What an instance can say of its load: answers, errors and busy slots of this second and of the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    second: u64,
    now: Load,
    before: Load,
    /// Up to when busy slots were counted.
    since: Moment,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    answers: u32,
    errors: u32,
    /// Busy slots × nanoseconds.
    busy_ns: u64,
}

impl Answers {
    /// One more answer.
    #[inline]
    pub fn note(&mut self, now: Moment, error: bool) {
        self.turn(now);
        self.now.answers += 1;
        self.now.errors += u32::from(error);
    }

    /// `busy` slots were busy until now.
    #[inline]
    pub fn pass(&mut self, now: Moment, busy: u32) {
        self.turn(now);
        self.now.busy_ns += u64::from(busy) * now.since(self.since).nanos();
        self.since = now;
    }

    fn turn(&mut self, now: Moment) {
        let second = now.whole_seconds();
        if second != self.second {
            self.before = if second == self.second + 1 { self.now } else { Load::default() };
            (self.second, self.now) = (second, Load::default());
        }
    }

    /// Answers a second, errors a second and mean busy slots of the second before `now`, as far as two buckets tell.
    pub fn per_second(&self, now: Moment) -> [f64; 3] {
        let left = 1.0 - (now.nanos() % 1_000_000_000) as f64 / 1e9;
        let of = |load: &Load| [f64::from(load.answers), f64::from(load.errors), load.busy_ns as f64 / 1e9];
        let (now, before) = (of(&self.now), of(&self.before));
        [0, 1, 2].map(|kind| now[kind] + before[kind] * left)
    }
}
