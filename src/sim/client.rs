//! Clients: who sends a request, and what it came to.

use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::{Affinity, Ending, Undecided};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Experience;
use crate::scenario::behaviour::fate;
use crate::scenario::caller::Callers;
use crate::sim::agenda::Event;
use crate::sim::features::Anything;
use crate::sim::flight::{Flight, FlightId};
use crate::sim::world::World;

impl World<'_> {
    /// Fetches the next open-loop request, if there is a source of those.
    #[inline(always)]
    pub fn await_arrival(&mut self) {
        let next = self.arrivals.next();
        self.agenda.plan_arrival(next.map(|request| request.at));
        self.next_proxy = self.callers.open(self.meter.sent()).proxy();
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
        let turn = Callers::number(user, closed.sent[user.index()]);
        let pause = closed.think.draw(&mut closed.stream.stream(turn));
        self.agenda.plan(self.now + Span::from_nanos(pause), Event::Thought(user));
    }

    /// A closed-loop user sends the next request.
    pub fn send_again(&mut self, user: UserId) {
        let closed = self.closed.as_mut().expect("only closed-loop users think");
        let number = Callers::number(user, closed.sent[user.index()]);
        closed.sent[user.index()] += 1;
        self.send::<Anything>(number, self.callers.open(number).proxy());
    }

    /// A client sends a request that may meet what few do.
    #[inline(never)]
    pub fn send_unusually(&mut self, number: u64) {
        let call = self.callers.open(number);
        let front = if self.links.is_empty() { call.proxy() } else { self.front_of(call.user(), call.proxy()) };
        let flight = Flight::new(number, self.now, self.fronts[usize::from(front)]);
        let id = self.flights.add(flight);
        if self.features.timed_tries {
            // The request may leave its attempt at any time.
            self.stays(id, Moment::NEVER);
        }
        self.attempt(id, Undecided::ALL);
        if self.features.mirroring {
            self.mirror(front, flight);
        }
    }

    /// A client sends a request for which nobody was found at once.
    #[inline(never)]
    pub fn send_the_long_way(&mut self, number: u64, proxy: u16, undecided: Undecided) {
        let id = self.flights.add(Flight::new(number, self.now, proxy));
        self.attempt(id, undecided);
    }

    /// Who sent the request that is called `number`.
    #[inline(always)]
    pub fn user_of(&self, number: u64) -> UserId {
        self.callers.open(number).user()
    }

    /// Random bits for routing it.
    #[inline(always)]
    pub fn dice_of(&self, number: u64) -> u64 {
        self.callers.open(number).dice()
    }

    /// Draw in [0, 1) that decides whether the present attempt of a request meets an error.
    pub fn fate_of(&self, id: FlightId) -> f64 {
        let Flight { number, draw, .. } = self.flights[id];
        fate(self.callers.luck(number, draw))
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
    pub fn settle(&mut self, id: FlightId, good: bool) {
        debug_assert!(self.now <= self.flights.gives_up(id), "a client gives up in time");
        let Flight { number, sent, attempts, ending, pick, .. } = self.flights[id];
        let (tried, user) = (attempts > 0, self.user_of(number));
        let answered = matches!(ending, Ending::Served | Ending::Error);
        self.meter.settled(good, self.now.since(sent));
        let experience = Experience {
            answered: (tried && answered).then_some(pick.version),
            exposed: self.flights.exposed(id, self.meter.new_version()),
            harmed: !good && tried && self.harmed_by_new(id),
        };
        self.meter.experienced(|| user, experience);
        self.flights.cancel_expiry(id);
        if self.closed.is_some() {
            self.think(user);
        }
    }

    /// Whether a bad request is bad because of the new version: its last attempt was there, and did not meet an error that
    /// the old version would have answered with too.
    fn harmed_by_new(&self, id: FlightId) -> bool {
        let Flight { number, ending, pick, .. } = self.flights[id];
        let old = &self.behaviours[self.scenario.running.index()];
        let old_too = ending == Ending::Error && old.errs_in_the_long_run(self.fate_of(id), self.user_of(number));
        Some(pick.version) == self.meter.new_version() && !old_too
    }
}
