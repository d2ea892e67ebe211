//! Clients: who sends a request, and what it came to.

use crate::core::draw::Stream;
use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::{Affinity, Ending, Undecided};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Settled;
use crate::scenario::caller::Caller;
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId};
use crate::sim::world::World;

impl World<'_> {
    /// Fetches the next open-loop request.
    #[inline(always)]
    pub fn await_arrival(&mut self) {
        self.arriving = self.arrivals.next();
        self.agenda.plan_arrival(self.arriving.map(|request| request.at));
    }

    /// The open-loop source sends a request.
    #[inline(always)]
    pub fn arrive(&mut self) {
        let request = self.arriving.expect("an arrival was planned for it");
        self.await_arrival();
        self.send(self.arrived, request.size as f32, None);
    }

    /// Closed-loop users start by thinking.
    pub fn begin_users(&mut self) {
        if self.closed.is_some() {
            for user in 0..self.scenario.traffic.users {
                self.think(UserId(user));
            }
        }
    }

    #[inline(never)]
    pub fn think(&mut self, user: UserId) {
        let Some(closed) = &mut self.closed else { return };
        let turn = u64::from(user.0) << 32 | u64::from(closed.sent[user.index()]);
        let pause = closed.think.draw(&mut closed.stream.stream(turn), 1.0);
        self.agenda.plan(self.now + Span::from_nanos(pause), Event::Thought(user));
    }

    /// A closed-loop user sends the next request.
    pub fn send_again(&mut self, user: UserId) {
        let closed = self.closed.as_mut().expect("only closed-loop users think");
        let number = u64::from(user.0) << 32 | u64::from(closed.sent[user.index()]);
        closed.sent[user.index()] += 1;
        self.send(number, 1.0, Some(user));
    }

    /// A client sends the request that is called `number`; who asks is drawn unless given.
    #[inline(always)]
    fn send(&mut self, number: u64, size: f32, user: Option<UserId>) {
        self.arrived += 1;
        self.meter.offered();
        let (Caller { user: drawn, proxy, dice }, mut stream) = self.callers.call(number);
        let user = user.unwrap_or(drawn);
        let front = if self.links.is_empty() { proxy } else { self.front_of(user, proxy) };
        let proxy = self.fronts[usize::from(front)];
        let gives_up = self.patience.map_or(Moment::NEVER, |patience| self.now + patience);
        let flight = Flight::new(number, self.now, gives_up, user, size, dice, proxy);
        if !self.usual {
            let id = self.flights.add(flight);
            self.send_unusually(id, front, &mut stream);
            return;
        }
        match self.proxies[usize::from(proxy)].enter_at_once(self.now, user, dice) {
            Ok(pick) => self.send_off(flight, pick, &mut stream),
            Err(undecided) => {
                let id = self.flights.add(flight);
                self.attempt(id, undecided, &mut stream);
            }
        }
    }

    #[inline(never)]
    fn send_unusually(&mut self, id: FlightId, front: u16, stream: &mut Stream) {
        let original = self.flights[id];
        if self.timed_tries {
            // The request may leave its attempt at any time.
            self.flights.stays(id, Moment::NEVER);
        }
        self.attempt(id, Undecided::ALL, stream);
        if self.mirroring {
            self.mirror(front, original);
        }
    }

    /// The stream of the next attempt of a request.
    pub fn luck_of(&self, id: FlightId) -> Stream {
        let Flight { number, tried, .. } = self.flights[id];
        self.callers.luck(number, tried.count())
    }

    /// The instance that the user's cookie names.
    #[inline(never)]
    pub fn cookie_of(&self, user: UserId) -> Option<InstanceId> {
        let sticky = self.scenario.proxies.policy.sticky?;
        let (instance, seen) = (*self.cookies.get(user.index())?)?;
        let fresh = sticky.lifetime.is_none_or(|lifetime| self.now.since(seen) <= lifetime);
        fresh.then_some(instance)
    }

    /// The user's client has a cookie from now on.
    #[inline(never)]
    pub fn set_cookie(&mut self, user: UserId, instance: InstanceId) {
        if self.scenario.proxies.policy.sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie) {
            if self.cookies.is_empty() {
                self.cookies = vec![None; self.scenario.traffic.users as usize];
            }
            self.cookies[user.index()] = Some((instance, self.now));
        }
    }

    /// The user request has its final answer.
    #[inline(always)]
    pub fn settle(&mut self, id: FlightId, good: bool) {
        self.settled += 1;
        let flight = &self.flights[id];
        debug_assert!(self.now <= flight.gives_up(), "a client gives up in time");
        let tried = flight.tried.count() > 0;
        let answered = matches!(flight.ending, Ending::Served | Ending::Error);
        let harmed = !good && tried && self.harmed_by_new(flight);
        self.meter.settled(Settled {
            user: flight.user,
            good,
            latency: self.now.since(flight.sent),
            answered: (tried && answered).then_some(flight.pick.version),
            exposed: flight.exposed,
            harmed,
        });
        let user = flight.user;
        self.flights.cancel_expiry(id);
        if self.closed.is_some() {
            self.think(user);
        }
    }

    /// Whether a bad request is bad because of the new version: its last attempt was there, and did not meet an error that
    /// the old version would have answered with too.
    fn harmed_by_new(&self, flight: &Flight) -> bool {
        let old = &self.behaviours[self.scenario.running.index()];
        let old_too = flight.ending == Ending::Error && old.errs_in_the_long_run(flight.fate, flight.user);
        Some(flight.pick.version) == self.meter.new_version() && !old_too
    }
}
