//! The way of a request: client, proxy, instance and back; and again, if the proxy retries.

use crate::core::draw::below;
use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::{Ask, Ending, Next, Report};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Settled;
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::server::{Phase, slowdown};
use crate::sim::world::World;
use rand::Rng;

impl World<'_> {
    /// Fetches the next open-loop request.
    pub fn await_arrival(&mut self) {
        self.arriving = self.arrivals.next();
        self.agenda.plan_arrival(self.arriving.map(|request| request.at));
    }

    /// The open-loop source sends a request.
    #[inline]
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

    fn think(&mut self, user: UserId) {
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
    #[inline]
    fn send(&mut self, number: u64, size: f32, user: Option<UserId>) {
        self.arrived += 1;
        self.meter.offered();
        let mut stream = self.luck.stream(number);
        let drawn = UserId(below(stream.next_u64(), self.scenario.traffic.users));
        let mut flight = Flight::new(number, self.now, user.unwrap_or(drawn), size);
        flight.proxy = below(stream.next_u64(), u32::from(self.scenario.proxies.count)) as u16;
        flight.dice = stream.next_u64();
        let id = self.flights.add(flight);
        if let Some(timeout) = self.scenario.traffic.timeout {
            self.flights.expire(id, self.now + timeout);
        }
        self.attempt(id, &mut stream);
    }

    /// The proxy sends the request to an instance, or finds none.
    #[inline]
    fn attempt(&mut self, id: FlightId, stream: &mut crate::core::draw::Stream) {
        let flight = &mut self.flights[id];
        let ask = Ask::of(flight.user, flight.dice, flight.tried);
        let Ok(pick) = self.proxies[usize::from(flight.proxy)].pick(self.now, &ask) else {
            self.meter.shed();
            self.settle(id, false);
            self.flights.remove(id);
            return;
        };
        let luck = self.behaviours[pick.version.index()].luck(stream, f64::from(flight.size));
        flight.pick = pick;
        flight.tried.push(pick.instance);
        flight.fate = luck.fate;
        flight.work_ns = luck.work_ns;
        flight.exposed |= Some(pick.version) == self.meter.new_version();
        flight.place = Place::Travelling;
        let delay = self.scenario.network.delay;
        if delay.is_zero() {
            self.reach_instance(id);
        } else {
            self.agenda.plan_at_instance(self.now + delay, id);
        }
    }

    /// An attempt reaches its instance: into a slot, into the queue, or away again.
    #[inline]
    pub fn reach_instance(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        let server = &mut self.servers[instance.index()];
        if !server.accepts() {
            self.return_to_proxy(id, Ending::Refused);
        } else if server.busy < self.scenario.fleet.slots {
            self.serve(id);
        } else if self.scenario.fleet.queue.is_none_or(|limit| server.queue.len() < limit) {
            self.enqueue(id);
        } else {
            self.meter.shed();
            self.return_to_proxy(id, Ending::Refused);
        }
    }

    fn enqueue(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        let server = &mut self.servers[instance.index()];
        let was_saturated = server.saturated();
        server.queue.push(&mut self.flights, id);
        self.flights[id].place = Place::Queued;
        self.meter.queued(1);
        if !was_saturated && server.available {
            self.meter.saturated(self.now, 1);
        }
    }

    /// An attempt takes a slot that is free.
    #[inline]
    fn serve(&mut self, id: FlightId) {
        let flight = &mut self.flights[id];
        let server = &mut self.servers[flight.pick.instance.index()];
        server.busy += 1;
        if server.available {
            self.meter.busy(self.now, 1);
        }
        let age = self.now.since(server.ready_at);
        let behaviour = &self.behaviours[flight.pick.version.index()];
        let errs = behaviour.errs(flight.fate, age);
        // The instances of the start are warm and old, though the clock began with them.
        let factor = if server.ready_at == Moment::START { 1.0 } else { slowdown(&self.scenario.fleet.warm_up, age) };
        let work = match behaviour.error_latency() {
            Some(latency) if errs => latency.nanos(),
            Some(_) | None if factor == 1.0 => flight.work_ns,
            Some(_) | None => (flight.work_ns as f64 * factor) as u64,
        };
        flight.ending = if errs { Ending::Error } else { Ending::Served };
        flight.place = Place::InService;
        flight.service = self.agenda.plan_served(self.now + Span::from_nanos(work), id);
    }

    /// A service ends, unless it was cut before.
    #[inline]
    pub fn served(&mut self, id: FlightId, service: u64) {
        let flight = &self.flights[id];
        if flight.place != Place::InService || flight.service != service {
            return;
        }
        let (instance, ending) = (flight.pick.instance, flight.ending);
        let reported = self.scenario.proxies.policy.balancer.wants_reports();
        let server = &mut self.servers[instance.index()];
        server.busy -= 1;
        if reported {
            server.answers.note(self.now, ending == Ending::Error);
        }
        if server.available {
            self.meter.busy(self.now, -1);
        }
        if let Some(next) = server.queue.pop(&self.flights) {
            self.meter.queued(-1);
            if server.available && !server.saturated() {
                self.meter.saturated(self.now, -1);
            }
            self.serve(next);
        }
        self.return_to_proxy(id, ending);
        let server = &self.servers[instance.index()];
        if server.phase == Phase::Finishing && server.idle() {
            self.gone(instance);
        }
    }

    /// The attempt is over at the instance; the news travels to the proxy.
    #[inline]
    pub fn return_to_proxy(&mut self, id: FlightId, ending: Ending) {
        let flight = &mut self.flights[id];
        flight.place = Place::Travelling;
        flight.ending = ending;
        let delay = self.scenario.network.delay;
        if delay.is_zero() {
            self.reach_proxy(id);
        } else {
            self.agenda.plan_at_proxy(self.now + delay, id);
        }
    }

    /// The proxy learns how an attempt ended: the request is settled, or tried again.
    #[inline]
    pub fn reach_proxy(&mut self, id: FlightId) {
        let Flight { ending, pick, proxy, tried, abandoned, .. } = self.flights[id];
        if abandoned {
            self.flights.remove(id);
            return;
        }
        let good = ending == Ending::Served;
        self.meter.attempted(pick.version, !good, matches!(ending, Ending::Served | Ending::Error));
        self.report(proxy, pick.instance);
        match self.proxies[usize::from(proxy)].finish(self.now, pick, ending, tried.count()) {
            Next::Retry => self.retry(id),
            Next::Done => {
                self.settle(id, good);
                self.flights.remove(id);
            }
        }
    }

    /// With an answer, an instance says how loaded it is, if the balancer cares.
    #[inline]
    fn report(&mut self, proxy: u16, instance: InstanceId) {
        if !self.scenario.proxies.policy.balancer.wants_reports() {
            return;
        }
        let server = &self.servers[instance.index()];
        let [per_second, errors_per_second] = server.answers.per_second(self.now);
        let in_flight = server.busy + server.queue.len();
        let utilisation = f64::from(server.busy) / f64::from(self.scenario.fleet.slots);
        // Little's law: what is in flight is the rate times the time.
        let latency_s = if per_second > 0.0 { f64::from(in_flight) / per_second } else { 0.0 };
        let report = Report { in_flight, utilisation, per_second, errors_per_second, latency_s };
        self.proxies[usize::from(proxy)].report(self.now, instance, &report);
    }

    fn retry(&mut self, id: FlightId) {
        self.meter.retried();
        let Flight { number, tried, .. } = self.flights[id];
        let mut stream = self.retry_luck.stream(number.wrapping_mul(4).wrapping_add(u64::from(tried.count())));
        self.attempt(id, &mut stream);
    }

    /// The client gives up. Its proxy closes the connection; the instance does not notice and works on.
    pub fn expire(&mut self, id: FlightId) {
        let Flight { pick, proxy, tried, .. } = self.flights[id];
        self.meter.attempted(pick.version, true, false);
        let next = self.proxies[usize::from(proxy)].finish(self.now, pick, Ending::Abandoned, tried.count());
        assert_eq!(next, Next::Done, "nobody waits for a retry of an abandoned request");
        self.flights[id].ending = Ending::Abandoned;
        self.settle(id, false);
        self.flights[id].abandoned = true;
    }

    /// The user request has its final answer.
    #[inline]
    fn settle(&mut self, id: FlightId, good: bool) {
        self.flights.cancel_expiry(id);
        self.settled += 1;
        let flight = &self.flights[id];
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
        if self.closed.is_some() {
            let user = flight.user;
            self.think(user);
        }
    }

    /// Whether a bad request is bad because of the new version: its last attempt was there, and did not meet an error that
    /// the old version would have answered with too.
    fn harmed_by_new(&self, flight: &Flight) -> bool {
        let old = &self.behaviours[self.scenario.running.index()];
        let old_too = flight.ending == Ending::Error && old.errs_in_the_long_run(flight.fate);
        Some(flight.pick.version) == self.meter.new_version() && !old_too
    }
}
