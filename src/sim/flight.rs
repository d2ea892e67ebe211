//! User requests under way. One entry serves a request through all its attempts; entries are used again, so that nothing
//! is allocated for a request once as many have been under way at the same time.

use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::{Ending, Pick, Tried};
use crate::core::time::Moment;
use crate::sim::agenda::FLIGHTS_MAX;
use crate::sim::heap::Heap;

/// Index of a [`Flight`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightId(pub u32);

const NONE: u32 = u32::MAX;

/// One user request and its present attempt.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Names the request's stream of luck.
    pub number: u64,
    /// When the client sent it first.
    pub sent: Moment,
    /// In service: tells its end from a stale one. In the queue of its proxy: its place there.
    pub token: u64,
    /// Service time of the present attempt at a warm instance, in nanoseconds.
    pub work_ns: u64,
    /// Random bits for routing.
    pub dice: u64,
    /// Draw in [0, 1) that decides whether the present attempt meets an error.
    pub fate: f64,
    /// What a size-dependent service time is multiplied with.
    pub size: f32,
    /// Who asks.
    pub user: UserId,
    /// The answer of the proxy for the present attempt.
    pub pick: Pick,
    /// Where it has been.
    pub tried: Tried,
    /// Which proxy has it.
    pub proxy: u16,
    /// Where the present attempt is.
    pub place: Place,
    /// How it ended; meaningful on the way back.
    pub ending: Ending,
    /// Whether an attempt was sent to the new version.
    pub exposed: bool,
    /// The client gave up: the attempt goes on, but nobody waits.
    pub abandoned: bool,
    /// A copy for a version that is tried out; nobody waits for it from the start.
    pub mirror: bool,
    /// Another attempt for the same request, under way at the same time, or `NONE`.
    twin: u32,
    /// When its client gives up; `NEVER`: not, or not any more.
    gives_up: Moment,
    /// Whether that is in line.
    in_line: bool,
    /// Tells the present attempt, wait or back-off from an earlier one.
    pub serial: u64,
    queue_next: u32,
}

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

impl Flight {
    /// A request that was just sent.
    #[inline(always)]
    pub fn new(number: u64, sent: Moment, gives_up: Moment, user: UserId, size: f32, dice: u64, proxy: u16) -> Flight {
        Flight {
            number,
            sent,
            token: 0,
            work_ns: 0,
            dice,
            fate: 0.0,
            size,
            user,
            pick: Pick { instance: InstanceId(NONE), version: VersionId(0), retry: false, at: sent },
            tried: Tried::NONE,
            proxy,
            place: Place::Travelling,
            ending: Ending::Served,
            exposed: false,
            abandoned: false,
            mirror: false,
            twin: NONE,
            gives_up,
            in_line: false,
            serial: 0,
            queue_next: NONE,
        }
    }

    /// Another attempt for the same request, under way at the same time.
    #[inline(always)]
    pub fn twin(&self) -> Option<FlightId> {
        (self.twin != NONE).then_some(FlightId(self.twin))
    }

    /// Sets or forgets it.
    pub fn set_twin(&mut self, twin: Option<FlightId>) {
        self.twin = twin.map_or(NONE, |twin| twin.0);
    }

    /// When its client gives up; `NEVER`: not, or not any more.
    #[inline(always)]
    pub fn gives_up(&self) -> Moment {
        self.gives_up
    }

    /// A copy of a request that was just sent; nobody waits for it.
    pub fn copied(self) -> Flight {
        Flight { mirror: true, abandoned: true, gives_up: Moment::NEVER, ..self }
    }
}

/// When a client gives up, unless it got its answer before. Of equal ones the lowest number is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    at: Moment,
    number: u64,
    flight: u32,
}

/// All flights, and which clients may give up. Most get their answer at a moment that is known long before: the deadline of
/// a request enters the line only when the request comes to where it might still be when its time is over.
#[derive(Debug)]
pub struct Flights {
    all: Vec<Flight>,
    /// The first entry to be used again; the next one is in its `queue_next`.
    free: u32,
    deadlines: Heap<Deadline>,
    first_deadline: Moment,
}

/// So many deadlines that are no longer meant may be in line beside those that are.
const STALE_MAX: usize = 1024;

impl Flights {
    /// None yet.
    pub fn new() -> Flights {
        Flights { all: Vec::new(), free: NONE, deadlines: Heap::new(), first_deadline: Moment::NEVER }
    }

    /// Gives a flight a place.
    #[inline(always)]
    pub fn add(&mut self, flight: Flight) -> FlightId {
        let index = self.free;
        if let Some(spot) = self.all.get_mut(index as usize) {
            self.free = spot.queue_next;
            *spot = flight;
            return FlightId(index);
        }
        let index = self.all.len() as u32;
        assert!(index < FLIGHTS_MAX, "{FLIGHTS_MAX} requests are under way at once: more than the event list can name");
        self.all.push(flight);
        FlightId(index)
    }

    /// The place may be used again.
    #[inline(always)]
    pub fn remove(&mut self, id: FlightId) {
        let next = std::mem::replace(&mut self.free, id.0);
        let flight = &mut self[id];
        // Its client no longer gives up, and timers that still run for it are stale from now on.
        (flight.gives_up, flight.serial) = (Moment::NEVER, 0);
        (flight.place, flight.queue_next) = (Place::Free, next);
    }

    /// The request will be where it is until `until`, unless something cuts that short. If its client may give up by then,
    /// that is planned.
    #[inline(always)]
    pub fn stays(&mut self, id: FlightId, until: Moment) {
        let flight = &self[id];
        if flight.gives_up <= until && !flight.in_line {
            self.line_up(id);
        }
    }

    #[inline(never)]
    fn line_up(&mut self, id: FlightId) {
        let Flight { gives_up: at, number, .. } = self[id];
        if at == Moment::NEVER {
            return;
        }
        if self.deadlines.len() > STALE_MAX + 2 * self.all.len() {
            let all = &self.all;
            self.deadlines.retain(|deadline| is_meant(all, deadline));
        }
        self[id].in_line = true;
        self.deadlines.push(Deadline { at, number, flight: id.0 });
        self.look_at_deadlines();
    }

    fn look_at_deadlines(&mut self) {
        self.first_deadline = self.deadlines.peek().map_or(Moment::NEVER, |deadline| deadline.at);
    }

    /// The client has its answer: it no longer gives up.
    #[inline(always)]
    pub fn cancel_expiry(&mut self, id: FlightId) {
        self[id].gives_up = Moment::NEVER;
    }

    /// The client that waits for `from` waits for `to` from now on.
    pub fn hand_over(&mut self, from: FlightId, to: FlightId) {
        let gives_up = std::mem::replace(&mut self[from].gives_up, Moment::NEVER);
        if gives_up < Moment::NEVER {
            (self[to].gives_up, self[to].in_line) = (gives_up, false);
            self.line_up(to);
        }
    }

    /// A second entry for the request of `id`, which does not wait for it.
    pub fn fork(&mut self, id: FlightId) -> FlightId {
        self.add(Flight { gives_up: Moment::NEVER, ..self[id] })
    }

    /// No client gives up before this.
    #[inline(always)]
    pub fn no_expiry_before(&self) -> Moment {
        self.first_deadline
    }

    /// Takes the first deadline out of the line, and says whose it is, if it is still meant.
    pub fn pass_deadline(&mut self) -> Option<FlightId> {
        let deadline = self.deadlines.pop()?;
        self.look_at_deadlines();
        is_meant(&self.all, &deadline).then_some(FlightId(deadline.flight))
    }

    /// The attempts that `instance` has in its queue or slots.
    pub fn at(&self, instance: InstanceId) -> Vec<FlightId> {
        let here = |flight: &Flight| {
            flight.pick.instance == instance && matches!(flight.place, Place::Queued | Place::InService)
        };
        let all = self.all.iter().enumerate();
        all.filter(|(_, flight)| here(flight)).map(|(index, _)| FlightId(index as u32)).collect()
    }
}

/// Whether the client has no answer yet.
fn is_meant(all: &[Flight], deadline: &Deadline) -> bool {
    let flight = &all[deadline.flight as usize];
    flight.gives_up == deadline.at && flight.number == deadline.number
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
        flights[id].queue_next = NONE;
        match self.last {
            NONE => self.first = id.0,
            last => flights.all[last as usize].queue_next = id.0,
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
        self.first = flights[id].queue_next;
        if self.first == NONE {
            self.last = NONE;
        }
        self.length -= 1;
        Some(id)
    }
}

/// Larger ones are copied by a call.
const _: () = assert!(size_of::<Flight>() <= 128);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Span;

    fn flight(number: u64, gives_up: Moment) -> Flight {
        Flight::new(number, Moment::START, gives_up, UserId(0), 1.0, 0, 0)
    }

    fn flights(count: u32) -> (Flights, Vec<FlightId>) {
        let mut flights = Flights::new();
        let ids = (0..count)
            .map(|user| {
                let gives_up = Moment::START + Span::from_secs(u64::from(user));
                let id = flights.add(flight(u64::from(user), gives_up));
                flights.stays(id, Moment::NEVER);
                id
            })
            .collect();
        (flights, ids)
    }

    fn those_who_give_up(flights: &mut Flights) -> Vec<FlightId> {
        let mut given_up = Vec::new();
        while flights.no_expiry_before() < Moment::NEVER {
            given_up.extend(flights.pass_deadline());
        }
        given_up
    }

    #[test]
    fn deadlines_stay_in_order_whichever_is_cancelled() {
        for cancelled in 0..4 {
            let (mut flights, ids) = flights(4);
            flights.cancel_expiry(ids[cancelled]);
            flights.cancel_expiry(ids[cancelled]);
            let expected: Vec<FlightId> = ids.iter().copied().filter(|&id| id != ids[cancelled]).collect();
            assert_eq!(those_who_give_up(&mut flights), expected);
        }
    }

    #[test]
    fn a_deadline_goes_to_the_other_attempt_and_keeps_its_place() {
        let (mut flights, ids) = flights(3);
        let other = flights.fork(ids[1]);
        flights.hand_over(ids[1], other);
        flights.hand_over(ids[1], ids[0]);
        assert_eq!(those_who_give_up(&mut flights), [ids[0], other, ids[2]]);
    }

    #[test]
    fn deadlines_that_are_not_meant_any_more_do_not_pile_up() {
        let (mut flights, ids) = flights(2);
        flights.cancel_expiry(ids[0]);
        let mut last = ids[1];
        for second in 2..100_000 {
            flights.cancel_expiry(last);
            flights.remove(last);
            last = flights.add(flight(second, Moment::START + Span::from_secs(second)));
            flights.stays(last, Moment::NEVER);
        }
        assert!(flights.deadlines.len() < 2 * STALE_MAX, "{} are in line", flights.deadlines.len());
        assert_eq!(those_who_give_up(&mut flights), [last]);
    }

    #[test]
    fn only_who_may_still_be_under_way_stands_in_line() {
        let at = |second| Moment::START + Span::from_secs(second);
        let mut flights = Flights::new();
        let id = flights.add(flight(1, at(2)));
        flights.stays(id, at(1));
        assert_eq!(flights.no_expiry_before(), Moment::NEVER);
        flights.stays(id, at(2));
        flights.stays(id, at(3));
        assert_eq!(flights.no_expiry_before(), at(2), "at the same moment the client is first");
        assert_eq!(those_who_give_up(&mut flights), [id]);
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
        flights.cancel_expiry(ids[0]);
        flights.remove(ids[0]);
        let again = flights.add(flight(9, Moment::NEVER));
        assert_eq!(again, ids[0]);
    }
}
