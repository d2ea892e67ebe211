//! What is to happen, in order of time; what is due at the same moment happens in the order in which it was planned.
//!
//! Each kind of event waits where it costs least. The next arrival is one number. Attempts on the network all take the
//! same time, so they form a queue. Services end at any time: a heap of small keys. Everything rare shares another heap.

use crate::core::amount::Share;
use crate::core::ids::{InstanceId, UserId};
use crate::core::rollout::Sample;
use crate::core::time::Moment;
use crate::sim::flight::FlightId;
use crate::sim::heap::Heap;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Bits of a service key that name the flight; the rest is the order of planning.
const FLIGHT_BITS: u32 = 24;

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    /// The source has a request.
    Arrival,
    /// An attempt reaches its instance.
    AtInstance(FlightId),
    /// An answer, or the news of a failure, reaches the proxy.
    AtProxy(FlightId),
    /// A service ends; stale unless the flight still carries this number.
    Served(FlightId, u64),
    /// Something rare.
    Rare(Event),
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
    /// A booting instance is ready; stale unless it is in its `life`th life.
    Booted { instance: InstanceId, life: u32 },
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
    at: Moment,
    order: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Planned) -> bool {
        self.cmp(other) == Ordering::Equal
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
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Time of a service's end, then its order of planning and its flight in one number.
type ServiceKey = (Moment, u64);

/// When and in which order something is due.
type Turn = (Moment, u64);

/// Later than everything.
const NEVER: Turn = (Moment::NEVER, u64::MAX);

/// The event list.
#[derive(Debug)]
pub struct Agenda {
    order: u64,
    arrival: Turn,
    to_instance: VecDeque<(Turn, FlightId)>,
    to_proxy: VecDeque<(Turn, FlightId)>,
    services: Heap<ServiceKey>,
    rare: Heap<Planned>,
}

impl Agenda {
    /// Nothing is planned.
    pub fn new() -> Agenda {
        Agenda {
            order: 0,
            arrival: NEVER,
            to_instance: VecDeque::new(),
            to_proxy: VecDeque::new(),
            services: Heap::new(),
            rare: Heap::new(),
        }
    }

    /// The next request arrives at `at`; `None`: no more come.
    #[inline]
    pub fn plan_arrival(&mut self, at: Option<Moment>) {
        self.arrival = match at {
            Some(at) => (at, self.next_order()),
            None => NEVER,
        };
    }

    /// An attempt reaches its instance at `at`, which never lies before an earlier call's.
    #[inline]
    pub fn plan_at_instance(&mut self, at: Moment, flight: FlightId) {
        let turn = (at, self.next_order());
        self.to_instance.push_back((turn, flight));
    }

    /// News reaches the proxy at `at`, which never lies before an earlier call's.
    #[inline]
    pub fn plan_at_proxy(&mut self, at: Moment, flight: FlightId) {
        let turn = (at, self.next_order());
        self.to_proxy.push_back((turn, flight));
    }

    /// A service ends at `at`; returns the number by which to tell it from a stale one.
    #[inline]
    pub fn plan_served(&mut self, at: Moment, flight: FlightId) -> u64 {
        let order = self.next_order();
        self.services.push((at, order << FLIGHT_BITS | u64::from(flight.0)));
        order
    }

    /// Something rare happens at `at`.
    pub fn plan(&mut self, at: Moment, event: Event) {
        let order = self.next_order();
        self.rare.push(Planned { at, order, event });
    }

    /// Something happens at `at` before everything else of that moment: a second ends where the next one begins.
    pub fn plan_first(&mut self, at: Moment, event: Event) {
        self.rare.push(Planned { at, order: 0, event });
    }

    /// Takes out what is due next, unless it is due at `end` or later.
    #[inline]
    pub fn next(&mut self, end: Moment) -> Option<(Moment, Due)> {
        let to_instance = self.to_instance.front().map_or(NEVER, |&(turn, _)| turn);
        let to_proxy = self.to_proxy.front().map_or(NEVER, |&(turn, _)| turn);
        let served = self.services.peek().map_or(NEVER, |&(at, key)| (at, key >> FLIGHT_BITS));
        let rare = self.rare.peek().map_or(NEVER, |planned| (planned.at, planned.order));
        let first = self.arrival.min(to_instance).min(to_proxy).min(served).min(rare);
        if first.0 >= end {
            return None;
        }
        Some((first.0, self.take(first, served, to_instance, to_proxy)))
    }

    #[inline]
    fn take(&mut self, first: Turn, served: Turn, to_instance: Turn, to_proxy: Turn) -> Due {
        if first == served {
            let (_, key) = self.services.pop().expect("it was just seen at the top");
            return Due::Served(FlightId((key & ((1 << FLIGHT_BITS) - 1)) as u32), key >> FLIGHT_BITS);
        }
        if first == self.arrival {
            self.arrival = NEVER;
            return Due::Arrival;
        }
        if first == to_instance {
            let (_, flight) = self.to_instance.pop_front().expect("it was just seen at the front");
            return Due::AtInstance(flight);
        }
        if first == to_proxy {
            let (_, flight) = self.to_proxy.pop_front().expect("it was just seen at the front");
            return Due::AtProxy(flight);
        }
        Due::Rare(self.rare.pop().expect("nothing else can have been first").event)
    }

    #[inline]
    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}

/// Flights that a service key can name.
pub const FLIGHTS_MAX: u32 = 1 << FLIGHT_BITS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Span;

    #[test]
    fn ties_go_in_the_order_of_planning_whatever_the_kind() {
        let at = Moment::START + Span::from_secs(1);
        let mut agenda = Agenda::new();
        agenda.plan(at, Event::Tick);
        agenda.plan_at_proxy(at, FlightId(3));
        agenda.plan_served(at, FlightId(4));
        agenda.plan_arrival(Some(at));
        agenda.plan_at_instance(at, FlightId(5));
        agenda.plan_served(at, FlightId(6));
        let mut seen = Vec::new();
        while let Some((moment, due)) = agenda.next(at + Span::from_nanos(1)) {
            assert_eq!(moment, at);
            seen.push(match due {
                Due::Rare(_) => 't',
                Due::AtProxy(_) => 'p',
                Due::Served(FlightId(4), _) => 's',
                Due::Served(..) => 'S',
                Due::Arrival => 'a',
                Due::AtInstance(_) => 'i',
            });
        }
        assert_eq!(seen, ['t', 'p', 's', 'a', 'i', 'S']);
    }

    #[test]
    fn nothing_at_or_after_the_end_is_taken() {
        let mut agenda = Agenda::new();
        agenda.plan(Moment::START + Span::from_secs(2), Event::Tick);
        assert!(agenda.next(Moment::START + Span::from_secs(2)).is_none());
        assert!(agenda.next(Moment::START + Span::from_secs(3)).is_some());
    }
}
