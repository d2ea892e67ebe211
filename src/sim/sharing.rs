//! Processor sharing: an instance works on everything it has at once, each attempt as fast as the slots allow.
//!
//! Virtual time runs as fast as one attempt is worked on: at full speed while there are no more attempts than slots, and
//! slower in proportion when there are. An attempt ends when virtual time has gone on by its work, so that the order of
//! endings is known at once and an arrival costs one heap operation (Parekh and Gallager, 1993, of fair queueing).

use crate::core::ids::InstanceId;
use crate::core::proxy::Ending;
use crate::core::time::{Moment, Span};
use crate::sim::flight::FlightId;
use crate::sim::heap::Heap;
use crate::sim::world::World;

/// Bits of a nanosecond's fraction in virtual time.
const FRACTION: u32 = 32;

/// What an instance works on at once.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// By the virtual time at which they end; the second number makes entries unique and first come first.
    jobs: Heap<(u128, u64, u32)>,
    count: u32,
    joined: u64,
    virtual_now: u128,
    since: Moment,
    /// Whose end is planned.
    planned: Option<FlightId>,
}

impl Sharing {
    /// Nothing yet.
    pub const fn new() -> Sharing {
        Sharing { jobs: Heap::new(), count: 0, joined: 0, virtual_now: 0, since: Moment::START, planned: None }
    }

    /// How many attempts it works on.
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn advance(&mut self, now: Moment, slots: u32) {
        let passed = u128::from(now.since(self.since).nanos()) << FRACTION;
        self.virtual_now += match self.count > slots {
            true => passed * u128::from(slots) / u128::from(self.count),
            false => passed,
        };
        self.since = now;
    }

    fn join(&mut self, now: Moment, slots: u32, work: Span, flight: FlightId) {
        self.advance(now, slots);
        self.joined += 1;
        self.count += 1;
        self.jobs.push((self.virtual_now + (u128::from(work.nanos()) << FRACTION), self.joined, flight.0));
    }

    fn end_first(&mut self, now: Moment, slots: u32) -> Option<FlightId> {
        self.advance(now, slots);
        let (_, _, flight) = self.jobs.pop()?;
        self.count -= 1;
        Some(FlightId(flight))
    }

    /// Who ends first if nobody joins, and when: rounded up, so that its work is done by then.
    fn next(&self, slots: u32) -> Option<(Moment, FlightId)> {
        let &(end, _, flight) = self.jobs.peek()?;
        let left = end.saturating_sub(self.virtual_now);
        let stretched = match self.count > slots {
            true => (left * u128::from(self.count)).div_ceil(u128::from(slots)),
            false => left,
        };
        let nanos = stretched.div_ceil(1 << FRACTION).min(u128::from(u64::MAX)) as u64;
        Some((self.since + Span::from_nanos(nanos), FlightId(flight)))
    }
}

impl World<'_> {
    /// An attempt joins those that its instance works on.
    #[inline(never)]
    pub fn join(&mut self, id: FlightId) {
        let slots = self.scenario.fleet.slots;
        let instance = self.flights[id].pick.instance;
        let count = self.servers[instance.index()].aside.sharing.count();
        if self.scenario.fleet.queue.is_some_and(|queue| count >= slots.saturating_add(queue)) {
            self.turn_away(id);
            return;
        }
        let (errs, work) = self.begin_service(id);
        // When it ends is planned once it is the first to.
        self.flights[id].serve(errs, Moment::NEVER, 0);
        // Whoever joins later holds it up.
        self.stays(id, Moment::NEVER);
        self.servers[instance.index()].aside.sharing.join(self.now, slots, work, id);
        self.note_sharing(instance);
    }

    /// The attempt that was to end first has ended, unless others joined or it was cut since it was planned.
    #[inline(never)]
    pub fn shared_end(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        let server = &mut self.servers[instance.index()];
        if server.aside.sharing.planned != Some(id) {
            return;
        }
        let ended = server.aside.sharing.end_first(self.now, self.scenario.fleet.slots);
        assert_eq!(ended, Some(id), "the planned attempt is the first to end");
        self.note_sharing(instance);
        let ending = self.flights[id].ending;
        if self.features.reports {
            self.servers[instance.index()].aside.answers.note(self.now, ending == Ending::Error);
        }
        self.return_to_proxy(id, ending);
        self.look_whether_done(instance);
    }

    /// Tells the meter how busy an instance is, and plans its next end.
    fn note_sharing(&mut self, instance: InstanceId) {
        let slots = self.scenario.fleet.slots;
        let server = &mut self.servers[instance.index()];
        let (busy, crowded) = (server.aside.sharing.count().min(slots), server.aside.sharing.count() > slots);
        if self.features.reports {
            server.aside.answers.pass(self.now, server.busy);
        }
        if server.available {
            self.meter.busy(self.now, i64::from(busy) - i64::from(server.busy));
            if crowded != server.crowded {
                self.meter.saturated(self.now, if crowded { 1 } else { -1 });
            }
        }
        (server.busy, server.crowded) = (busy, crowded);
        let next = server.aside.sharing.next(slots);
        let before = std::mem::replace(&mut server.aside.sharing.planned, next.map(|(_, id)| id));
        if let Some(id) = before {
            self.agenda.cut(id, &mut self.flights);
        }
        if let Some((at, id)) = next {
            let flight = &mut self.flights[id];
            (flight.due, flight.token) = (at, self.agenda.next_order());
            self.agenda.plan_served(id, flight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::START + Span::from_millis(millis)
    }

    /// When attempts that join at these times with this much work end, in milliseconds.
    fn ends(slots: u32, jobs: &[(u64, u64)]) -> Vec<(u32, f64)> {
        let mut sharing = Sharing::new();
        let mut ends = Vec::new();
        let mut coming = (0..).zip(jobs).peekable();
        loop {
            let joins = coming.peek().map_or(Moment::NEVER, |&(_, &(joins, _))| at(joins));
            match sharing.next(slots) {
                Some((end, flight)) if end <= joins => {
                    assert_eq!(sharing.end_first(end, slots), Some(flight));
                    ends.push((flight.0, end.seconds() * 1e3));
                }
                _ => match coming.next() {
                    Some((number, &(joins, work))) => {
                        sharing.join(at(joins), slots, Span::from_millis(work), FlightId(number));
                    }
                    None => return ends,
                },
            }
        }
    }

    #[test]
    fn one_slot_is_shared_in_equal_parts() {
        // From 0 to 10 alone, then half the speed: 10 of 20 are left, done at 30; the other has 30 − 10 left, done at 50.
        assert_eq!(ends(1, &[(0, 20), (10, 30)]), [(0, 30.0), (1, 50.0)]);
        assert_eq!(ends(1, &[(0, 10), (0, 10), (0, 10)]), [(0, 30.0), (1, 30.0), (2, 30.0)]);
    }

    #[test]
    fn nothing_slows_down_while_there_are_slots_for_all() {
        assert_eq!(ends(2, &[(0, 20), (10, 20)]), [(0, 20.0), (1, 30.0)]);
        assert_eq!(ends(2, &[(0, 20), (0, 20), (0, 20)]), [(0, 30.0), (1, 30.0), (2, 30.0)]);
    }
}
