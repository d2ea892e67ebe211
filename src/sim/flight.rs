//! User requests under way. One entry serves a request through all its attempts; entries are used again, so that nothing
//! is allocated for a request once as many have been under way at the same time.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::{Ending, Pick, Tried};
use crate::core::time::{Moment, Span};
use crate::scenario::behaviour::Luck;
use crate::sim::key::{FLIGHTS_MAX, Key};
use crate::sim::wheel::Entries;

/// Index of a [`Flight`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightId(pub u32);

const NONE: u32 = u32::MAX;

/// One user request and its present attempt. What only some requests need is kept elsewhere, so that one fills a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Flight {
    /// Names the request: who asks, how large it is and its luck follow from that.
    pub number: u64,
    /// When the client sent it first.
    pub sent: Moment,
    /// Belongs to its place. On the way to a slot: service time of the present attempt at a warm instance, in nanoseconds. In
    /// a slot: tells its end from a stale one. In the queue of its proxy: its place there.
    pub token: u64,
    /// In a slot: when it ends there, unless it is cut.
    pub due: Moment,
    /// The answer of the proxy for the present attempt, if there was any.
    pub pick: Pick,
    /// Which proxy has it.
    pub proxy: u16,
    /// How many attempts it has had, the present one included.
    pub attempts: u8,
    /// Where the present attempt is.
    pub place: Place,
    /// How it ended; meaningful on the way back.
    pub ending: Ending,
    /// Whose luck the present attempt has: how many attempts there were before that one.
    pub draw: u8,
    /// Whether the present attempt meets an error, where that does not depend on what it finds at its instance.
    pub errs: Option<bool>,
    /// The client gave up: the attempt goes on, but nobody waits.
    pub abandoned: bool,
    /// Its client waits, and may give up.
    awaited: bool,
    /// There is something in its [`Aside`].
    has_aside: bool,
    /// There is another attempt for the same request, under way at the same time.
    twinned: bool,
    /// Who is behind it: in the queue of its instance, in the event list, or among the entries to be used again.
    pub next: u32,
}

const _: () = assert!(size_of::<Flight>() == 64);

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the network.
    Travelling,
    /// In the queue of its instance.
    Queued,
    /// In a slot of its instance.
    InService,
    /// In the queue of its proxy.
    Waiting,
    /// In its proxy, until the next attempt is due.
    BackingOff,
    /// Nowhere: the entry can be used for another request.
    Free,
}

/// What only some requests need.
#[derive(Clone, Copy, Debug)]
struct Aside {
    /// Where it has been, once it has had a second attempt.
    tried: Tried,
    /// Another attempt for the same request, under way at the same time, or `NONE`.
    twin: u32,
    /// Tells the present attempt, wait or back-off from an earlier one.
    serial: u64,
    /// The number of the present attempt's way, while it is in a queue.
    order: u64,
    /// Whether an earlier attempt was sent to the new version.
    exposed: bool,
    /// Whether it is in line for when its client gives up.
    in_line: bool,
    /// A copy for a version that is tried out; nobody waits for it from the start.
    mirror: bool,
}

impl Aside {
    const EMPTY: Aside =
        Aside { tried: Tried::NONE, twin: NONE, serial: 0, order: 0, exposed: false, in_line: false, mirror: false };
}

impl Flight {
    /// A request that was just sent and has not been anywhere.
    #[inline(always)]
    pub fn new(number: u64, sent: Moment, proxy: u16) -> Flight {
        Flight {
            number,
            sent,
            token: 0,
            due: sent,
            pick: Pick { instance: InstanceId(NONE), version: VersionId(0), retry: false, at: sent },
            proxy,
            attempts: 0,
            place: Place::Travelling,
            ending: Ending::Served,
            draw: 0,
            errs: None,
            abandoned: false,
            awaited: true,
            has_aside: false,
            twinned: false,
            next: NONE,
        }
    }

    /// The same, as its first attempt leaves.
    #[inline(always)]
    pub fn leaving(self, instance: InstanceId, version: VersionId, luck: Luck, errs: Option<bool>) -> Flight {
        let pick = Pick { instance, version, retry: false, at: self.sent };
        Flight { pick, attempts: 1, token: luck.work_ns, errs, ..self }
    }

    /// The present attempt is in a slot until `due`, or the event that carries `service`, and meets an error there or does not.
    #[inline(always)]
    pub fn serve(&mut self, errs: bool, due: Moment, service: u64) {
        let ending = if errs { Ending::Error } else { Ending::Served };
        (self.place, self.ending, self.due, self.token) = (Place::InService, ending, due, service);
    }

    /// The same, for one that is put in its place only then.
    #[inline(always)]
    pub fn serving(mut self, errs: bool, due: Moment, service: u64) -> Flight {
        self.serve(errs, due, service);
        self
    }

    /// What the event list sorts the end of its service by.
    #[inline(always)]
    pub fn key(&self, id: FlightId) -> Key {
        Key::new(self.due, self.token, id)
    }

    /// Somebody waits for the present attempt, and for no other.
    #[inline(always)]
    pub fn is_awaited(&self) -> bool {
        // Asked as one question.
        !(self.abandoned | self.twinned)
    }
}

/// All flights.
#[derive(Debug)]
pub struct Flights {
    all: Vec<Flight>,
    /// By flight.
    asides: Vec<Aside>,
    /// How long clients wait.
    patience: Option<Span>,
    /// The first entry to be used again; the next one is in its `next`.
    free: u32,
}

impl Flights {
    /// None yet; their clients wait for so long, or for ever.
    pub fn new(patience: Option<Span>) -> Flights {
        Flights { all: Vec::new(), asides: Vec::new(), patience, free: NONE }
    }

    /// How many places there are, used or not.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Requests that have no answer yet: of those with two attempts under way each counts for a half.
    pub fn unanswered(&self) -> u64 {
        let ids = (0..self.all.len() as u32).map(FlightId);
        let waited = ids.filter(|&id| self[id].place != Place::Free && !self[id].abandoned);
        waited.map(|id| if self.twin(id).is_some() { 1 } else { 2 }).sum::<u64>() / 2
    }

    /// Gives a flight a place.
    #[inline(always)]
    pub fn add(&mut self, flight: Flight) -> FlightId {
        self.put(flight).0
    }

    /// The same, and lends it.
    #[inline(always)]
    pub fn put(&mut self, flight: Flight) -> (FlightId, &mut Flight) {
        if self.free == NONE {
            self.make_room();
        }
        let id = FlightId(self.free);
        let spot = &mut self.all[id.0 as usize];
        self.free = spot.next;
        *spot = flight;
        (id, spot)
    }

    #[inline(never)]
    fn make_room(&mut self) {
        let index = self.all.len() as u32;
        assert!(index < FLIGHTS_MAX, "{FLIGHTS_MAX} requests are under way at once: more than the event list can name");
        self.all.push(Flight { place: Place::Free, awaited: false, ..Flight::new(0, Moment::START, 0) });
        self.asides.push(Aside::EMPTY);
        self.free = index;
    }

    /// The place may be used again.
    #[inline(always)]
    pub fn remove(&mut self, id: FlightId) {
        let next = std::mem::replace(&mut self.free, id.0);
        let flight = &mut self[id];
        // Its client no longer gives up, and timers that still run for it are stale from now on.
        (flight.awaited, flight.place, flight.next) = (false, Place::Free, next);
        if flight.has_aside {
            self.asides[id.0 as usize] = Aside::EMPTY;
        }
    }

    fn aside(&mut self, id: FlightId) -> &mut Aside {
        self[id].has_aside = true;
        &mut self.asides[id.0 as usize]
    }

    /// An attempt is sent where `pick` says; `new` is the version that is brought out.
    #[inline(always)]
    pub fn set_out(&mut self, id: FlightId, pick: Pick, new: Option<VersionId>) {
        if self[id].attempts > 0 {
            self.remember(id, pick.instance, new);
        }
        let flight = &mut self[id];
        (flight.pick, flight.place) = (pick, Place::Travelling);
        flight.attempts += 1;
    }

    /// A request that has been somewhere goes on to `instance`.
    #[inline(never)]
    fn remember(&mut self, id: FlightId, instance: InstanceId, new: Option<VersionId>) {
        let exposed = self.exposed(id, new);
        let Flight { attempts, pick, .. } = self[id];
        let aside = self.aside(id);
        if attempts == 1 {
            aside.tried = Tried::only(pick.instance);
        }
        aside.tried.push(instance);
        aside.exposed = exposed;
    }

    /// Where it has been.
    pub fn tried(&self, id: FlightId) -> Tried {
        let flight = &self[id];
        match flight.attempts {
            0 => Tried::NONE,
            1 => Tried::only(flight.pick.instance),
            _ => self.asides[id.0 as usize].tried,
        }
    }

    /// Whether any attempt was sent to the version `new`.
    #[inline(always)]
    pub fn exposed(&self, id: FlightId, new: Option<VersionId>) -> bool {
        let flight = &self[id];
        let before = flight.has_aside && self.asides[id.0 as usize].exposed;
        before || (flight.attempts > 0 && Some(flight.pick.version) == new)
    }

    /// `to` goes on alone for the request that it shares with `from`: it has been where both were.
    pub fn inherit(&mut self, to: FlightId, from: FlightId, new: Option<VersionId>) {
        let exposed = self.exposed(from, new);
        self.aside(to).exposed |= exposed;
        let attempts = self[from].attempts;
        if attempts > self[to].attempts {
            let tried = self.tried(from);
            self.aside(to).tried = tried;
            self[to].attempts = attempts;
        }
    }

    /// Another attempt for the same request, under way at the same time.
    #[inline(always)]
    pub fn twin(&self, id: FlightId) -> Option<FlightId> {
        self[id].twinned.then(|| FlightId(self.asides[id.0 as usize].twin))
    }

    /// Sets or forgets it.
    pub fn set_twin(&mut self, id: FlightId, twin: Option<FlightId>) {
        self[id].twinned = twin.is_some();
        self.aside(id).twin = twin.map_or(NONE, |twin| twin.0);
    }

    /// Timers that carry this number mean the flight, and others no longer do.
    pub fn set_serial(&mut self, id: FlightId, serial: u64) {
        self.aside(id).serial = serial;
    }

    /// What timers carry that mean the flight.
    pub fn serial(&self, id: FlightId) -> u64 {
        self.asides[id.0 as usize].serial
    }

    /// The number of its way, which it keeps in the queue of its instance.
    pub fn set_order(&mut self, id: FlightId, order: u64) {
        self.asides[id.0 as usize].order = order;
    }

    /// See [`Flights::set_order`].
    pub fn order(&self, id: FlightId) -> u64 {
        self.asides[id.0 as usize].order
    }

    /// A copy of a request that was just sent; nobody waits for it.
    pub fn add_mirror(&mut self, request: Flight) -> FlightId {
        let id = self.add(Flight { abandoned: true, awaited: false, ..request });
        self.aside(id).mirror = true;
        id
    }

    /// Whether it is such a copy.
    pub fn is_mirror(&self, id: FlightId) -> bool {
        self[id].has_aside && self.asides[id.0 as usize].mirror
    }

    /// A second entry for the request of `id`, which does not wait for it.
    pub fn fork(&mut self, id: FlightId) -> FlightId {
        let fork = self.add(Flight { awaited: false, ..self[id] });
        self.asides[fork.0 as usize] = self.asides[id.0 as usize];
        fork
    }

    /// When its client gives up; `NEVER`: not, or not any more.
    #[inline(always)]
    pub fn gives_up(&self, id: FlightId) -> Moment {
        let flight = &self[id];
        match self.patience {
            Some(patience) if flight.awaited => flight.sent + patience,
            Some(_) | None => Moment::NEVER,
        }
    }

    /// The client has its answer: it no longer gives up.
    #[inline(always)]
    pub fn cancel_expiry(&mut self, id: FlightId) {
        self[id].awaited = false;
    }

    /// Whether the client of `from` waited; from now on it waits for `to`.
    pub fn hand_over(&mut self, from: FlightId, to: FlightId) -> bool {
        let waited = std::mem::take(&mut self[from].awaited);
        if waited {
            self[to].awaited = true;
            self.set_in_line(to, false);
        }
        waited
    }

    /// Whether it is in line for when its client gives up.
    pub fn in_line(&self, id: FlightId) -> bool {
        self[id].has_aside && self.asides[id.0 as usize].in_line
    }

    /// See [`Flights::in_line`].
    pub fn set_in_line(&mut self, id: FlightId, in_line: bool) {
        self.aside(id).in_line = in_line;
    }

    /// The attempts that `instance` has in its queue or slots, by the numbers of their requests: nothing may depend on which
    /// entries they have.
    pub fn at(&self, instance: InstanceId) -> Vec<FlightId> {
        let here = |flight: &Flight| {
            flight.pick.instance == instance && matches!(flight.place, Place::Queued | Place::InService)
        };
        let all = self.all.iter().enumerate();
        let mut found: Vec<FlightId> =
            all.filter(|(_, flight)| here(flight)).map(|(index, _)| FlightId(index as u32)).collect();
        found.sort_by_key(|&id| self[id].number);
        found
    }
}

impl std::ops::Index<FlightId> for Flights {
    type Output = Flight;

    #[inline(always)]
    fn index(&self, id: FlightId) -> &Flight {
        &self.all[id.0 as usize]
    }
}

impl std::ops::IndexMut<FlightId> for Flights {
    #[inline(always)]
    fn index_mut(&mut self, id: FlightId) -> &mut Flight {
        &mut self.all[id.0 as usize]
    }
}

impl Entries<Key> for Flights {
    #[inline(always)]
    fn key(&self, index: u32) -> Key {
        let id = FlightId(index);
        self[id].key(id)
    }

    #[inline(always)]
    fn next(&self, index: u32) -> u32 {
        self[FlightId(index)].next
    }

    fn link(&mut self, index: u32) -> &mut u32 {
        &mut self[FlightId(index)].next
    }
}

/// A FIFO queue of flights, linked through the flights themselves.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    first: u32,
    last: u32,
    length: u32,
}

impl Queue {
    /// Nobody waits.
    pub const EMPTY: Queue = Queue { first: NONE, last: NONE, length: 0 };

    /// How many wait.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        self.length
    }

    /// Whether nobody waits.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Joins the queue at its end.
    #[inline(always)]
    pub fn push(&mut self, flights: &mut Flights, id: FlightId) {
        flights[id].next = NONE;
        match self.last {
            NONE => self.first = id.0,
            last => flights.all[last as usize].next = id.0,
        }
        self.last = id.0;
        self.length += 1;
    }

    /// Takes the first out.
    #[inline(always)]
    pub fn pop(&mut self, flights: &Flights) -> Option<FlightId> {
        if self.first == NONE {
            return None;
        }
        let id = FlightId(self.first);
        self.first = flights[id].next;
        if self.first == NONE {
            self.last = NONE;
        }
        self.length -= 1;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flights(count: u64) -> (Flights, Vec<FlightId>) {
        let mut flights = Flights::new(None);
        let ids = (0..count).map(|number| flights.add(Flight::new(number, Moment::START, 0))).collect();
        (flights, ids)
    }

    #[test]
    fn a_queue_is_first_in_first_out() {
        let (mut flights, ids) = flights(3);
        let mut queue = Queue::EMPTY;
        for &id in &ids {
            queue.push(&mut flights, id);
        }
        let out: Vec<FlightId> = std::iter::from_fn(|| queue.pop(&flights)).collect();
        assert_eq!(out, ids);
        assert!(queue.is_empty());
    }

    #[test]
    fn places_are_used_again() {
        let (mut flights, ids) = flights(2);
        flights.set_serial(ids[0], 5);
        flights.remove(ids[0]);
        let again = flights.add(Flight::new(9, Moment::START, 0));
        assert_eq!(again, ids[0]);
        assert_eq!(
            (flights.serial(again), flights.tried(again).count()),
            (0, 0),
            "nothing is left of who was there before"
        );
    }

    #[test]
    fn a_flight_knows_where_it_has_been() {
        let (mut flights, ids) = flights(2);
        let pick = |instance, version| Pick {
            instance: InstanceId(instance),
            version: VersionId(version),
            retry: false,
            at: Moment::START,
        };
        let new = Some(VersionId(1));
        let mut expected = Vec::new();
        for (instance, version, exposed) in [(7, 0, false), (3, 1, true), (9, 0, true)] {
            flights.set_out(ids[1], pick(instance, version), new);
            expected.push(InstanceId(instance));
            assert_eq!(flights.tried(ids[1]).iter().copied().collect::<Vec<_>>(), expected);
            assert_eq!(flights.exposed(ids[1], new), exposed);
        }
        flights.set_out(ids[0], pick(5, 0), new);
        flights.inherit(ids[0], ids[1], new);
        assert_eq!((flights.tried(ids[0]).count(), flights.exposed(ids[0], new)), (3, true));
    }
}
