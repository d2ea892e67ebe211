//! What is to happen, in order of time; what is due at the same moment happens in the order in which it was planned.
//!
//! Each kind of event waits where it costs least. The next arrival is one number. Attempts on the network all take the
//! same time, so they form a queue. Services end at any time: a wheel of small keys. Everything rare shares a heap.

use crate::core::amount::Share;
use crate::core::ids::{InstanceId, UserId};
use crate::core::rollout::Sample;
use crate::core::time::{Moment, Span};
use crate::sim::features::Known;
use crate::sim::flight::{Flight, FlightId, Flights};
use crate::sim::heap::Heap;
use crate::sim::key::{Key, ORDER_MAX};
use crate::sim::line::Line;
use crate::sim::wheel::{Timed, Wheel};
use std::cmp::Ordering;

/// What happens next, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The source has a request.
    Arrival(Moment),
    /// An attempt reaches its instance; with the number of its way.
    AtInstance(Moment, FlightId, u64),
    /// An answer, or the news of a failure, reaches the proxy.
    AtProxy(Moment, FlightId),
    /// A service ends; stale unless the flight still carries this number.
    Served(Moment, FlightId, u64),
    /// Something else, which [`Agenda::next_seldom`] hands out.
    Seldom,
}

/// What happens less often.
#[derive(Clone, Copy, Debug)]
pub enum Seldom {
    /// A client may give up.
    Expiry,
    /// A long service ends; stale unless the flight still carries this number.
    Served(FlightId, u64),
    /// Something else.
    Event(Event),
}

/// What happens rarely.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// The warm-up is over.
    Begin,
    /// A second has passed.
    Tick,
    /// The deploy command.
    Deploy,
    /// The controller asked to be woken.
    Wake,
    /// Somebody comes to promote; stale unless the rollout still waits for this.
    Promote(u64),
    /// A person does something.
    Act(u32),
    /// The fleet is to have another size.
    Resize(u32),
    /// A booting instance answers; stale unless it is in its `life`th life.
    Booted { instance: InstanceId, life: u32 },
    /// A booting instance crashes instead.
    BootFailed { instance: InstanceId, life: u32 },
    /// Its probes find that an instance is ready.
    Ready { instance: InstanceId, life: u32 },
    /// Its probes find that an instance is no longer ready.
    Unready { instance: InstanceId, life: u32 },
    /// A ready instance crashes.
    Crash { instance: InstanceId, life: u32 },
    /// A ready instance has been so for long enough.
    Available { instance: InstanceId, life: u32 },
    /// A terminating instance stops accepting.
    StopAccepting(InstanceId),
    /// The grace period is over.
    Kill(InstanceId),
    /// A proxy learns that the endpoints changed.
    List { proxy: u16, instance: InstanceId, listed: bool },
    /// A proxy learns of a new share for the new version.
    Weigh { proxy: u16, share: Share },
    /// A proxy learns which share of the requests it is to copy.
    Mirror { proxy: u16, share: Share },
    /// A proxy checks an instance.
    Probe { proxy: u16, instance: InstanceId, chain: u32 },
    /// The answer to a check that began at `since`, or its time-out.
    Probed { proxy: u16, instance: InstanceId, chain: u32, well: bool, since: Moment },
    /// A proxy asked to be woken.
    ProxyDue(u16),
    /// A back-off is over; stale unless the flight still carries this number.
    TryAgain(FlightId, u64),
    /// An attempt took too long; stale unless the flight still carries this number.
    TryOver(FlightId, u64),
    /// A second attempt is due; stale unless the flight still carries this number.
    Hedge(FlightId, u64),
    /// A request waited too long for a place; stale unless the flight still carries this number.
    WaitOver(FlightId, u64),
    /// A user's connection may be over; stale unless it still carries this number.
    LinkDue(UserId, u64),
    /// A proxy loses what it knew.
    Reload(u32),
    /// Metrics are scraped.
    Scrape,
    /// A scrape reaches the gate.
    Sampled(Sample),
    /// A fault of the scenario strikes.
    Fault(u32),
    /// An instance that died begins to boot again.
    Restart(InstanceId),
    /// A user has thought enough.
    Thought(UserId),
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    key: Key,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Planned) -> bool {
        self.key == other.key
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Planned) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Planned) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// No flight.
const NOBODY: FlightId = FlightId(0);

/// The event list.
#[derive(Debug)]
pub struct Agenda {
    order: u64,
    arrival: Key,
    /// The arrival that came before its turn.
    passed: Key,
    /// Attempts and answers on the network.
    travellers: Line,
    /// The next ones; those that end long after the others are in `long_services`.
    services: Wheel<Key>,
    long_services: Heap<Key>,
    rare: Heap<Planned>,
    /// No client gives up before this.
    expiry: Moment,
    /// Nothing happens at this moment or after it.
    end: Moment,
    /// What is first of the long services, of what happens rarely, the expiry and the end.
    seldom: Key,
}

impl Agenda {
    /// Nothing is planned. There will be about `services` at once, and few take longer than `longest`; where that is wrong,
    /// it only costs time.
    pub fn new(services: u64, longest: Span, end: Moment) -> Agenda {
        Agenda {
            order: 0,
            arrival: Key::NEVER,
            passed: Key::new(Moment::START, 0, NOBODY),
            travellers: Line::new(),
            services: Wheel::new(services, longest),
            long_services: Heap::new(),
            rare: Heap::new(),
            expiry: Moment::NEVER,
            end,
            seldom: Key::new(end, 0, NOBODY),
        }
    }

    /// The next request arrives at `at`; `None`: no more come. [`Due::Arrival`] comes again and again until then.
    #[inline(always)]
    pub fn plan_arrival(&mut self, at: Option<Moment>) {
        self.arrival = match at {
            Some(at) => self.next_key(at, NOBODY),
            None => Key::NEVER,
        };
    }

    /// An attempt reaches its instance at `at`, which never lies before an earlier call's, nor before one's for the way back;
    /// `order` is its number.
    #[inline(always)]
    pub fn plan_at_instance(&mut self, at: Moment, flight: FlightId, order: u64) {
        self.travellers.push(Key::new(at, order, flight));
    }

    /// News reaches the proxy at `at`, which never lies before an earlier call's, nor before one's for the way there.
    #[inline(always)]
    pub fn plan_at_proxy(&mut self, at: Moment, flight: FlightId) {
        let key = self.next_key(at, flight).back();
        self.travellers.push(key);
    }

    /// A service ends when its flight says; the number that it carries tells it from a stale one.
    #[inline(always)]
    pub fn plan_served(&mut self, id: FlightId, flight: &mut Flight) {
        let key = flight.key(id);
        if !self.services.push(key, id.0, &mut flight.next) {
            self.plan_long_service(key);
        }
    }

    /// A service does not end as was planned: its flight carries another number from now on, and may be used otherwise.
    pub fn cut(&mut self, id: FlightId, flights: &mut Flights) {
        self.services.free(flights[id].due, id.0, flights);
    }

    /// Whether nothing is to happen up to `at` but what always happens, as far as it is known now.
    #[inline(always)]
    pub fn is_quiet_until(&self, at: Moment) -> bool {
        at < self.seldom.at()
    }

    #[inline(never)]
    fn plan_long_service(&mut self, key: Key) {
        self.long_services.push(key);
        self.note_seldom(key);
    }

    /// Something rare happens at `at`.
    pub fn plan(&mut self, at: Moment, event: Event) {
        let key = self.next_key(at, NOBODY);
        self.push_rare(key, event);
    }

    /// Something happens at `at` before everything else of that moment: a second ends where the next one begins.
    pub fn plan_first(&mut self, at: Moment, event: Event) {
        // Asked so often that a run cannot go far beyond it, and so seldom that it costs nothing.
        assert!(self.order < ORDER_MAX / 2, "a run has fewer than {ORDER_MAX} events");
        self.push_rare(Key::new(at, 0, NOBODY), event);
    }

    fn push_rare(&mut self, key: Key, event: Event) {
        self.rare.push(Planned { key, event });
        self.note_seldom(key);
    }

    /// No client gives up before `at`; at the same moment the client is first.
    pub fn plan_expiry(&mut self, at: Moment) {
        self.expiry = at;
        self.look_at_seldom();
    }

    fn note_seldom(&mut self, key: Key) {
        self.seldom = self.seldom.min(key);
    }

    fn look_at_seldom(&mut self) {
        let long = self.long_services.peek().copied().unwrap_or(Key::NEVER);
        let rare = self.rare.peek().map_or(Key::NEVER, |planned| planned.key);
        let bound = Key::new(self.expiry.min(self.end), 0, NOBODY);
        self.seldom = long.min(rare).min(bound);
    }

    /// Takes out what is due next; `None`: ask [`Agenda::next_by_order`], since several things are due at once, or something
    /// seldom.
    #[inline(always)]
    pub fn next<K: Known>(&mut self, flights: &Flights) -> Option<Due> {
        let (served, arrival) = (self.services.peek().at(), self.arrival.at());
        let (travel, seldom) =
            (if K::NEAR == Some(true) { Moment::NEVER } else { self.travellers.next }, self.seldom.at());
        if served < arrival.min(travel.min(seldom)) {
            Some(self.take_served(flights))
        } else if arrival < served.min(travel.min(seldom)) {
            Some(Due::Arrival(arrival))
        } else if travel < served.min(arrival.min(seldom)) {
            Some(self.take_traveller())
        } else {
            None
        }
    }

    /// When the next request arrives, if nothing but ends of services comes before it. [`Agenda::next_passed`] hands those out.
    #[inline(always)]
    pub fn pass_to_arrival(&mut self) -> Option<Moment> {
        let at = self.arrival.at();
        let passes = at < self.seldom.at();
        passes.then(|| {
            self.passed = self.arrival;
            at
        })
    }

    /// Takes out the next end of a service that comes before the last answer of [`Agenda::pass_to_arrival`].
    #[inline(always)]
    pub fn next_passed(&mut self, flights: &Flights) -> Option<Due> {
        if self.seldom < self.passed {
            return self.next_long_passed(flights);
        }
        (self.services.peek() < self.passed).then(|| self.take_served(flights))
    }

    /// The same, where a long service was planned since.
    #[inline(never)]
    fn next_long_passed(&mut self, flights: &Flights) -> Option<Due> {
        if self.services.peek() < self.seldom {
            return Some(self.take_served(flights));
        }
        match self.next_seldom() {
            Some((at, Seldom::Served(flight, order))) => Some(Due::Served(at, flight, order)),
            _ => unreachable!("no arrival passes anything but services"),
        }
    }

    /// The same as [`Agenda::next`], in the order of planning.
    #[inline(never)]
    pub fn next_by_order(&mut self, flights: &Flights) -> Due {
        let (served, travel) = (self.services.peek(), self.travellers.peek());
        let first = served.min(travel).min(self.arrival);
        if self.seldom < first {
            Due::Seldom
        } else if first == served {
            self.take_served(flights)
        } else if first == travel {
            self.take_traveller()
        } else {
            Due::Arrival(first.at())
        }
    }

    #[inline(always)]
    fn take_served(&mut self, flights: &Flights) -> Due {
        let key = self.services.pop(flights);
        Due::Served(key.at(), key.flight(), key.order())
    }

    #[inline(always)]
    fn take_traveller(&mut self) -> Due {
        let key = self.travellers.pop();
        match key.is_back() {
            true => Due::AtProxy(key.at(), key.flight()),
            false => Due::AtInstance(key.at(), key.flight(), key.order()),
        }
    }

    /// Takes out what [`Due::Seldom`] stands for; `None`: this is the end. [`Seldom::Expiry`] comes again and again until
    /// the expiry is planned anew.
    pub fn next_seldom(&mut self) -> Option<(Moment, Seldom)> {
        let first = self.seldom;
        if first.at() >= self.end {
            return None;
        }
        if first.at() == self.expiry {
            return Some((self.expiry, Seldom::Expiry));
        }
        let due = if self.long_services.peek() == Some(&first) {
            self.long_services.pop();
            Seldom::Served(first.flight(), first.order())
        } else {
            Seldom::Event(self.rare.pop().expect("its key was just seen at the top").event)
        };
        self.look_at_seldom();
        Some((first.at(), due))
    }

    /// The number of what is planned next: of things at the same moment the one that got its number first is first.
    #[inline(always)]
    pub fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    #[inline(always)]
    fn next_key(&mut self, at: Moment, flight: FlightId) -> Key {
        Key::new(at, self.next_order(), flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Span;
    use crate::sim::features::Anything;

    const SECOND: Span = Span::from_secs(1);

    fn agenda(end: Moment) -> Agenda {
        Agenda::new(1, SECOND, end)
    }

    /// Some that may be in service.
    fn flights() -> Flights {
        let mut flights = Flights::new(None);
        for number in 0..10 {
            flights.add(Flight::new(number, Moment::START, 0));
        }
        flights
    }

    fn next(agenda: &mut Agenda, flights: &Flights) -> Due {
        agenda.next::<Anything>(flights).unwrap_or_else(|| agenda.next_by_order(flights))
    }

    fn plan_served(agenda: &mut Agenda, flights: &mut Flights, at: Moment, id: FlightId) {
        let flight = &mut flights[id];
        flight.serve(false, at, agenda.next_order());
        agenda.plan_served(id, flight);
    }

    #[test]
    fn ties_go_in_the_order_of_planning_whatever_the_kind() {
        let at = Moment::START + SECOND;
        let (mut agenda, mut flights) = (agenda(at + Span::from_nanos(1)), flights());
        agenda.plan(at, Event::Tick);
        agenda.plan_at_proxy(at, FlightId(3));
        plan_served(&mut agenda, &mut flights, at, FlightId(4));
        agenda.plan_arrival(Some(at));
        let order = agenda.next_order();
        agenda.plan_at_instance(at, FlightId(5), order);
        plan_served(&mut agenda, &mut flights, at, FlightId(6));
        agenda.plan_expiry(at);
        let mut seen = Vec::new();
        loop {
            let (moment, kind) = match next(&mut agenda, &flights) {
                Due::AtProxy(moment, _) => (moment, 'p'),
                Due::Served(moment, FlightId(4), _) => (moment, 's'),
                Due::Served(moment, ..) => (moment, 'S'),
                Due::Arrival(moment) => {
                    agenda.plan_arrival(None);
                    (moment, 'a')
                }
                Due::AtInstance(moment, ..) => (moment, 'i'),
                Due::Seldom => match agenda.next_seldom() {
                    None => break,
                    Some((moment, Seldom::Expiry)) => {
                        agenda.plan_expiry(Moment::NEVER);
                        (moment, 'e')
                    }
                    Some((moment, Seldom::Served(..))) => (moment, 'l'),
                    Some((moment, Seldom::Event(_))) => (moment, 't'),
                },
            };
            assert_eq!(moment, at);
            seen.push(kind);
        }
        assert_eq!(seen, ['e', 't', 'p', 's', 'a', 'i', 'S']);
    }

    #[test]
    fn services_that_were_passed_come_in_order_however_long_they_are() {
        let at = |millis| Moment::START + Span::from_millis(millis);
        let (mut agenda, mut flights) = (Agenda::new(1, Span::from_nanos(1_000), at(2_000)), flights());
        agenda.plan_arrival(Some(at(1_000)));
        assert_eq!(agenda.pass_to_arrival(), Some(at(1_000)));
        // All but the first lie beyond a turn of the wheel.
        for (flight, millis) in [(1, 1), (2, 900), (3, 400), (4, 1_100)] {
            plan_served(&mut agenda, &mut flights, at(millis), FlightId(flight));
        }
        for (flight, millis) in [(1, 1), (3, 400), (2, 900)] {
            let due = agenda.next_passed(&flights);
            assert!(
                matches!(due, Some(Due::Served(end, FlightId(id), _)) if end == at(millis) && id == flight),
                "{due:?}"
            );
        }
        assert_eq!(agenda.next_passed(&flights), None);
    }

    #[test]
    fn nothing_at_or_after_the_end_is_taken() {
        let (second, later) = (Moment::START + SECOND, Moment::START + SECOND + SECOND);
        let (mut agenda, mut flights) = (agenda(later), flights());
        agenda.plan_first(later, Event::Tick);
        plan_served(&mut agenda, &mut flights, later, FlightId(1));
        agenda.plan_expiry(later);
        agenda.plan_arrival(Some(later));
        agenda.plan_at_proxy(later, FlightId(2));
        agenda.plan(second, Event::Deploy);
        assert_eq!(next(&mut agenda, &flights), Due::Seldom);
        assert!(matches!(agenda.next_seldom(), Some((at, Seldom::Event(Event::Deploy))) if at == second));
        assert_eq!(next(&mut agenda, &flights), Due::Seldom);
        assert!(agenda.next_seldom().is_none());
    }
}
