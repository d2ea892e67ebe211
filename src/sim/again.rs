//! What a proxy does with a request beyond one attempt: waits, back-offs, time-outs for one attempt, and hedges.

use crate::core::ids::InstanceId;
use crate::core::proxy::{Ask, Ending, Next, Turn, Undecided};
use crate::core::time::{Moment, Span};
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::world::World;

impl World<'_> {
    /// A request waits at its proxy for a place.
    #[inline(never)]
    pub fn wait(&mut self, id: FlightId, turn: Turn) {
        self.meter.queued(1);
        let serial = self.renew(id);
        let flight = &mut self.flights[id];
        (flight.place, flight.token) = (Place::Waiting, turn.0);
        self.stays(id, Moment::NEVER);
        if let Some(longest) = self.scenario.proxies.queue_timeout {
            self.agenda.plan(self.now + longest, Event::WaitOver(id, serial));
        }
    }

    /// A request waited too long for a place.
    pub fn wait_over(&mut self, id: FlightId, serial: u64) {
        if !self.means(id, serial) {
            return;
        }
        let Flight { proxy, token, .. } = self.flights[id];
        self.proxies[usize::from(proxy)].leave(self.now, Turn(token));
        self.meter.queued(-1);
        self.meter.shed();
        self.fail_at_proxy(id);
    }

    /// Gives free places to those who wait; `freed` is where an attempt has just ended.
    #[inline(always)]
    pub fn call_waiting(&mut self, proxy: u16, freed: Option<InstanceId>) {
        if self.features.limited {
            self.call_all(proxy, freed);
        }
    }

    #[inline(never)]
    fn call_all(&mut self, proxy: u16, freed: Option<InstanceId>) {
        while let Some((ticket, pick)) = self.proxies[usize::from(proxy)].call_next(self.now, freed) {
            let id = FlightId(ticket.0);
            self.meter.queued(-1);
            self.renew(id);
            self.start(id, pick);
        }
    }

    /// A proxy asked to be woken now, or for something that is no longer due.
    pub fn proxy_due(&mut self, proxy: u16) {
        if self.now >= self.dues[usize::from(proxy)] {
            self.dues[usize::from(proxy)] = Moment::NEVER;
        }
        self.proxies[usize::from(proxy)].tick(self.now);
        self.plan_proxy_due(proxy);
        self.call_waiting(proxy, None);
    }

    /// The request will be tried again.
    #[inline(never)]
    pub fn retry(&mut self, id: FlightId, wait: Span) {
        if wait.is_zero() {
            self.retry_now(id);
            return;
        }
        let serial = self.renew(id);
        self.flights[id].place = Place::BackingOff;
        self.stays(id, self.now + wait);
        self.agenda.plan(self.now + wait, Event::TryAgain(id, serial));
    }

    /// A back-off is over, unless the client gave up before.
    pub fn try_again(&mut self, id: FlightId, serial: u64) {
        if self.means(id, serial) {
            self.retry_now(id);
        }
    }

    fn retry_now(&mut self, id: FlightId) {
        self.meter.retried();
        if self.features.usual {
            self.attempt_again(id);
        } else {
            self.attempt(id, Undecided::ALL);
        }
    }

    /// [`World::attempt`] for a retry that goes the usual way.
    fn attempt_again(&mut self, id: FlightId) {
        let Flight { number, proxy, .. } = self.flights[id];
        let tried = self.flights.tried(id);
        let call = self.callers.open(number);
        let who = || (call.user(), call.dice());
        match self.proxies[usize::from(proxy)].enter_again_at_once(self.now, who, &tried) {
            Ok(pick) => self.start(id, pick),
            Err(undecided) => self.attempt(id, undecided),
        }
    }

    /// Starts the clocks that run for one attempt.
    #[inline(never)]
    pub fn time_attempt(&mut self, id: FlightId) {
        let serial = self.renew(id);
        let retries = &self.scenario.proxies.policy.retries;
        if let Some(timeout) = retries.try_timeout {
            self.agenda.plan(self.now + timeout, Event::TryOver(id, serial));
        }
        if let Some(after) = retries.hedge_after
            && self.flights[id].attempts == 1
        {
            self.agenda.plan(self.now + after, Event::Hedge(id, serial));
        }
    }

    /// An attempt took too long: it goes on, but its request leaves it.
    pub fn try_over(&mut self, id: FlightId, serial: u64) {
        if !self.means(id, serial) || self.flights[id].abandoned {
            return;
        }
        let Flight { pick, proxy, .. } = self.flights[id];
        let twin = self.flights.twin(id);
        self.attempted(pick, true, false);
        let next = self.finish(id, Ending::TimedOut);
        let request = self.flights.fork(id);
        self.hand_over(id, request);
        self.flights[id].abandoned = true;
        self.flights[request].ending = Ending::TimedOut;
        self.flights[request].place = Place::Travelling;
        match (twin, next) {
            (Some(twin), _) => {
                self.flights.set_twin(twin, Some(request));
                self.end_one_of_two(request, twin, next);
            }
            (None, Next::RetryAfter(wait)) => self.retry(request, wait),
            (None, Next::Done) => self.answer(request, false),
        }
        self.call_waiting(proxy, Some(pick.instance));
    }

    /// A request without an answer gets a second attempt beside the first.
    pub fn hedge(&mut self, id: FlightId, serial: u64) {
        let Flight { number, proxy, abandoned, .. } = self.flights[id];
        if !self.means(id, serial) || abandoned {
            return;
        }
        let call = self.callers.open(number);
        let ask = Ask::of(call.user(), call.dice(), self.flights.tried(id));
        let Ok(pick) = self.proxies[usize::from(proxy)].pick_hedge(self.now, &ask) else { return };
        self.meter.retried();
        let second = self.flights.fork(id);
        self.flights.set_twin(id, Some(second));
        self.flights.set_twin(second, Some(id));
        self.start(second, pick);
    }

    /// One of two attempts has ended: it is the answer, or the other one goes on alone.
    #[inline(never)]
    pub fn end_one_of_two(&mut self, id: FlightId, twin: FlightId, next: Next) {
        let ending = self.flights[id].ending;
        let wins = ending == Ending::Served || (ending == Ending::Error && next == Next::Done);
        if next != Next::Done {
            self.proxies[usize::from(self.flights[id].proxy)].forgo(self.now);
        }
        let new = self.meter.new_version();
        if wins {
            self.abandon(twin, false);
            self.hand_over(twin, id);
            self.flights.inherit(id, twin, new);
            self.answer(id, ending == Ending::Served);
            return;
        }
        self.hand_over(id, twin);
        self.flights.inherit(twin, id, new);
        self.flights.set_twin(twin, None);
        self.flights.remove(id);
    }

    /// The client that waits for `from` waits for `to` from now on.
    fn hand_over(&mut self, from: FlightId, to: FlightId) {
        if self.flights.hand_over(from, to) {
            self.line_up(to);
        }
    }
}
