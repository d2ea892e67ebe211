//! The way of a request: from its proxy to an instance and back; and again, if the proxy retries.

use crate::core::draw::{Stream, further};
use crate::core::ids::InstanceId;
use crate::core::proxy::{Ask, Ending, Entry, Next, Pick, Report, Ticket, Tried, Turn, Undecided};
use crate::core::time::{Moment, Span};
use crate::measure::meter::{Attempt, Settled};
use crate::scenario::behaviour::{Circumstances, slowdown, slowed};
use crate::scenario::plan::Scenario;
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::server::Phase;
use crate::sim::world::World;

impl World<'_> {
    /// The proxy sends the request to an instance, lets it wait, or finds none.
    #[inline(never)]
    pub fn attempt(&mut self, id: FlightId, undecided: Undecided, stream: &mut Stream) {
        let flight = &self.flights[id];
        let ask = Ask::of(flight.user, flight.dice, flight.tried);
        let proxy = flight.proxy;
        if self.pins
            && let Some(pick) = self.pinned_to(ask.user)
        {
            self.start(id, Pick { at: self.now, ..pick }, stream);
            return;
        }
        let cookie = if self.with_cookies { self.cookie_of(ask.user) } else { None };
        match self.proxies[usize::from(proxy)].enter_after(self.now, &ask, cookie, Ticket(id.0), undecided) {
            Entry::Sent(pick) => {
                if self.pins {
                    self.pin(ask.user, proxy, pick);
                }
                self.start(id, pick, stream);
            }
            Entry::Waits(turn) => self.wait(id, turn),
            Entry::Refused => self.refuse(id),
        }
    }

    /// The proxy has no place for a request.
    #[inline(never)]
    fn refuse(&mut self, id: FlightId) {
        self.meter.shed();
        self.settle(id, false);
        self.flights.remove(id);
    }

    /// An attempt of a user's request leaves its proxy.
    #[inline(always)]
    pub fn start(&mut self, id: FlightId, pick: Pick, stream: &mut Stream) {
        let flight = &mut self.flights[id];
        let pick = self.flag.map_or(pick, |flag| flag.show(flight.user, pick));
        if flight.tried.count() == 0 {
            self.meter.routed(pick.version);
        }
        flight.exposed |= Some(pick.version) == self.meter.new_version();
        self.dispatch(id, pick, stream);
    }

    /// An attempt, of a user or a copy, is on its way.
    #[inline(always)]
    pub fn dispatch(&mut self, id: FlightId, pick: Pick, stream: &mut Stream) {
        let flight = &mut self.flights[id];
        let luck = self.behaviours[pick.version.index()].luck(stream, f64::from(flight.size));
        flight.pick = pick;
        flight.tried.push(pick.instance);
        flight.fate = luck.fate;
        flight.work_ns = luck.work_ns;
        flight.place = Place::Travelling;
        if self.timed_tries && !flight.mirror {
            self.time_attempt(id);
        }
        if self.delay.is_zero() {
            self.reach_instance(id);
        } else {
            self.travel(id);
        }
    }

    #[inline(always)]
    fn travel(&mut self, id: FlightId) {
        let arrives = self.now + self.delay;
        self.agenda.plan_at_instance(arrives, id);
        self.flights.stays(id, arrives);
    }

    /// The first attempt of a request leaves its proxy, where nothing is out of the ordinary: [`World::start`] in one go.
    #[inline(always)]
    pub fn send_off(&mut self, mut flight: Flight, pick: Pick, stream: &mut Stream) {
        self.meter.routed(pick.version);
        let luck = self.behaviours[pick.version.index()].luck(stream, f64::from(flight.size));
        flight.exposed = Some(pick.version) == self.meter.new_version();
        (flight.pick, flight.tried) = (pick, Tried::only(pick.instance));
        (flight.fate, flight.work_ns) = (luck.fate, luck.work_ns);
        if !self.delay.is_zero() {
            let id = self.flights.add(flight);
            self.travel(id);
            return;
        }
        if !self.servers[pick.instance.index()].has_free_slot(self.scenario.fleet.slots) {
            let id = self.flights.add(flight);
            self.find_full(id);
            return;
        }
        let work = self.begin_service(&mut flight);
        let id = self.flights.add(flight);
        self.occupy(id, pick.instance, work);
    }

    /// An attempt reaches its instance: into a slot, into the queue, or away again.
    #[inline(always)]
    pub fn reach_instance(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        if !self.sharing && self.servers[instance.index()].has_free_slot(self.scenario.fleet.slots) {
            self.serve(id);
        } else {
            self.find_full(id);
        }
    }

    /// There may be no slot for an attempt.
    #[inline(never)]
    fn find_full(&mut self, id: FlightId) {
        let server = &self.servers[self.flights[id].pick.instance.index()];
        if !server.accepts() {
            self.find_closed(id);
        } else if self.sharing {
            self.join(id);
        } else if self.scenario.fleet.queue.is_none_or(|limit| server.queue.len() < limit) {
            self.enqueue(id);
        } else {
            self.turn_away(id);
        }
    }

    /// An instance does not accept any more.
    #[inline(never)]
    fn find_closed(&mut self, id: FlightId) {
        if !self.flights[id].mirror {
            self.meter.refused();
        }
        self.return_to_proxy(id, Ending::Refused);
    }

    /// An instance is full. That a copy finds no place is no news of the users'.
    #[inline(never)]
    pub fn turn_away(&mut self, id: FlightId) {
        if !self.flights[id].mirror {
            self.meter.shed();
        }
        self.return_to_proxy(id, Ending::Refused);
    }

    #[inline(never)]
    fn enqueue(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        let server = &mut self.servers[instance.index()];
        let was_saturated = server.saturated();
        server.queue.push(&mut self.flights, id);
        self.flights[id].place = Place::Queued;
        self.flights.stays(id, Moment::NEVER);
        self.meter.queued(1);
        if !was_saturated && server.available {
            self.meter.saturated(self.now, 1);
        }
    }

    /// An attempt takes a slot that is free.
    #[inline(always)]
    fn serve(&mut self, id: FlightId) {
        let mut flight = self.flights[id];
        let work = self.begin_service(&mut flight);
        (self.flights[id].ending, self.flights[id].place) = (flight.ending, flight.place);
        self.occupy(id, flight.pick.instance, work);
    }

    /// For so long a slot is busy.
    #[inline(always)]
    fn occupy(&mut self, id: FlightId, instance: InstanceId, work: Span) {
        let server = &mut self.servers[instance.index()];
        if self.reports {
            server.aside.answers.pass(self.now, server.busy);
        }
        server.busy += 1;
        if server.available {
            self.meter.busy(self.now, 1);
        }
        let until = self.now + work;
        self.flights[id].token = self.agenda.plan_served(until, id);
        self.flights.stays(id, until + self.delay);
    }

    /// How an attempt will end, and how long its service takes if it has a slot for itself.
    #[inline(always)]
    pub fn begin_service(&self, flight: &mut Flight) -> Span {
        let server = &self.servers[flight.pick.instance.index()];
        let age = self.now.since(server.ready_at);
        let behaviour = &self.behaviours[flight.pick.version.index()];
        let Scenario { fleet, .. } = self.scenario;
        // A place in processor sharing is not yet counted as busy either.
        let met = Circumstances { user: flight.user, age, busy: server.busy + 1, slots: fleet.slots };
        let errs = behaviour.errs(flight.fate, met);
        flight.ending = if errs { Ending::Error } else { Ending::Served };
        flight.place = Place::InService;
        // The instances of the start are warm and old, though the clock began with them.
        let warm = server.ready_at == Moment::START || age >= fleet.warm_up.lasts;
        Span::from_nanos(match behaviour.error_latency() {
            Some(latency) if errs => latency.nanos(),
            Some(_) | None if warm => flight.work_ns,
            Some(_) | None => slowed(flight.work_ns, slowdown(&fleet.warm_up, age)),
        })
    }

    /// A service ends, unless it was cut before.
    #[inline(always)]
    pub fn served(&mut self, id: FlightId, service: u64) {
        if self.sharing {
            self.shared_end(id, service);
            return;
        }
        let flight = &self.flights[id];
        if flight.place != Place::InService || flight.token != service {
            return;
        }
        let (instance, ending) = (flight.pick.instance, flight.ending);
        let server = &mut self.servers[instance.index()];
        if self.reports {
            server.aside.answers.pass(self.now, server.busy);
            server.aside.answers.note(self.now, ending == Ending::Error);
        }
        server.busy -= 1;
        // Looked at while it is at hand; whether it is still so is asked again.
        let finishing = server.phase == Phase::Finishing;
        if server.available {
            self.meter.busy(self.now, -1);
        }
        if !server.queue.is_empty() {
            self.serve_next(instance);
        }
        self.return_to_proxy(id, ending);
        if finishing {
            self.look_whether_done(instance);
        }
    }

    /// An instance that only finishes what it has is gone when it has nothing left.
    #[inline(never)]
    pub fn look_whether_done(&mut self, instance: InstanceId) {
        let server = &self.servers[instance.index()];
        if server.phase == Phase::Finishing && server.idle() {
            self.gone(instance);
        }
    }

    /// The first in the queue of an instance takes the slot that has just become free.
    #[inline(never)]
    fn serve_next(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        let Some(next) = server.queue.pop(&self.flights) else { return };
        self.meter.queued(-1);
        if server.available && !server.saturated() {
            self.meter.saturated(self.now, -1);
        }
        self.serve(next);
    }

    /// The attempt is over at the instance; the news travels to the proxy.
    #[inline(always)]
    pub fn return_to_proxy(&mut self, id: FlightId, ending: Ending) {
        let delay = self.delay;
        if self.usual && ending == Ending::Served && delay.is_zero() {
            self.reach_proxy(id);
            return;
        }
        let flight = &mut self.flights[id];
        flight.place = Place::Travelling;
        flight.ending = ending;
        // Under limits the news goes by the agenda even if it takes no time: each end calls the next request, and a long
        // queue would become a deep recursion.
        if delay.is_zero() && !self.limited {
            self.reach_proxy(id);
        } else {
            self.agenda.plan_at_proxy(self.now + delay, id);
            self.flights.stays(id, self.now + delay);
        }
    }

    /// The proxy learns how an attempt ended: the request is settled, or tried again.
    #[inline(always)]
    pub fn reach_proxy(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        if self.usual && flight.ending == Ending::Served && !flight.abandoned && flight.twin().is_none() {
            self.answer_well(id);
        } else {
            self.reach_proxy_otherwise(id);
        }
    }

    /// Somebody waits for this attempt and gets a good answer, and nothing is out of the ordinary: the same in one go.
    #[inline(always)]
    fn answer_well(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        debug_assert!(self.now <= flight.gives_up(), "a client gives up in time");
        let Flight { pick, proxy, user, dice, exposed, .. } = *flight;
        let (attempts, latency) = (flight.tried.count(), self.now.since(flight.sent));
        self.attempted(pick, false, true);
        // After a good answer only breakers draw.
        let dice = if self.timed_proxies { further(dice, u64::from(attempts)) } else { dice };
        self.proxies[usize::from(proxy)].finish_well(self.now, pick, attempts, dice);
        self.plan_proxy_due(proxy);
        self.settled += 1;
        self.meter.settled(Settled { user, good: true, latency, answered: Some(pick.version), exposed, harmed: false });
        self.flights.remove(id);
        if self.closed.is_some() {
            self.think(user);
        }
    }

    #[inline(never)]
    fn reach_proxy_otherwise(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        let Flight { ending, pick, proxy, abandoned, mirror, .. } = *flight;
        let twin = flight.twin();
        if abandoned {
            if mirror {
                self.end_mirror(id);
            } else {
                self.flights.remove(id);
            }
            return;
        }
        let good = ending == Ending::Served;
        self.attempted(pick, !good, matches!(ending, Ending::Served | Ending::Error));
        self.report(proxy, pick.instance);
        let next = self.finish(id, ending);
        match (twin, next) {
            (Some(twin), _) => self.end_one_of_two(id, twin, next),
            (None, Next::RetryAfter(wait)) => self.retry(id, wait),
            (None, Next::Done) => self.answer(id, good),
        }
        self.call_waiting(proxy, Some(pick.instance));
    }

    /// An attempt is over for its proxy: `failed` by the instance's fault, and whether a user gets an answer from it.
    #[inline(always)]
    pub fn attempted(&mut self, pick: Pick, failed: bool, answered: bool) {
        let slow = self.slow_above.is_some_and(|above| self.now.since(pick.at) > above);
        let attempt = Attempt { failed, answered, slow };
        self.meter.attempted(pick.version, attempt);
        if self.with_baseline && self.servers[pick.instance.index()].baseline {
            self.meter.attempted_on_baseline(attempt);
        }
    }

    /// With an answer, an instance says how loaded it is, if the balancer cares.
    #[inline(always)]
    pub fn report(&mut self, proxy: u16, instance: InstanceId) {
        if self.reports {
            self.send_report(proxy, instance);
        }
    }

    #[inline(never)]
    fn send_report(&mut self, proxy: u16, instance: InstanceId) {
        let server = &self.servers[instance.index()];
        let [per_second, errors_per_second, busy] = server.aside.answers.per_second(self.now);
        let in_flight = server.busy + server.queue.len();
        let utilisation = (busy / f64::from(self.scenario.fleet.slots)).min(1.0);
        // Little's law: what is in flight is the rate times the time.
        let latency_s = if per_second > 0.0 { f64::from(in_flight) / per_second } else { 0.0 };
        let report = Report { in_flight, utilisation, per_second, errors_per_second, latency_s };
        self.proxies[usize::from(proxy)].report(self.now, instance, &report);
    }

    /// The client gets the answer of this attempt.
    #[inline(always)]
    pub fn answer(&mut self, id: FlightId, good: bool) {
        if self.with_cookies {
            let Flight { user, pick, ending, .. } = self.flights[id];
            if matches!(ending, Ending::Served | Ending::Error) {
                self.set_cookie(user, pick.instance);
            }
        }
        self.settle(id, good);
        self.flights.remove(id);
    }

    /// Tells the proxy of the end of an attempt.
    #[inline(always)]
    pub fn finish(&mut self, id: FlightId, ending: Ending) -> Next {
        if self.pins {
            return self.finish_on_link(id, ending);
        }
        let Flight { pick, proxy, tried, dice, .. } = self.flights[id];
        let dice = further(dice, u64::from(tried.count()));
        let next = self.proxies[usize::from(proxy)].finish(self.now, pick, ending, tried.count(), dice);
        if self.timed_proxies {
            self.plan_proxy_due(proxy);
        }
        next
    }

    /// The client gives up. Its proxy closes the connection; the instance does not notice and works on.
    pub fn expire(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        let Flight { place, proxy, token, pick, .. } = *flight;
        let twin = flight.twin();
        match place {
            Place::Travelling | Place::Queued | Place::InService => {
                self.abandon(id, true);
                if let Some(twin) = twin {
                    self.abandon(twin, true);
                }
                self.flights[id].ending = Ending::Abandoned;
                self.settle(id, false);
                self.call_waiting(proxy, Some(pick.instance));
            }
            Place::Waiting => {
                self.proxies[usize::from(proxy)].leave(self.now, Turn(token));
                self.meter.queued(-1);
                self.fail_at_proxy(id);
            }
            Place::BackingOff => {
                self.proxies[usize::from(proxy)].forgo(self.now);
                self.fail_at_proxy(id);
            }
            Place::Free => unreachable!("nobody gives up twice"),
        }
    }

    /// Nobody waits for this attempt any more; `failed`: because there was no answer in time.
    pub fn abandon(&mut self, id: FlightId, failed: bool) {
        self.attempted(self.flights[id].pick, failed, false);
        let next = self.finish(id, Ending::Abandoned);
        assert_eq!(next, Next::Done, "nobody waits for a retry of an abandoned request");
        self.flights[id].abandoned = true;
    }

    /// A request ends in its proxy, without an answer of an instance.
    pub fn fail_at_proxy(&mut self, id: FlightId) {
        self.flights[id].ending = Ending::Abandoned;
        self.settle(id, false);
        self.flights.remove(id);
    }

    /// Makes the timers that still run for this flight stale, and returns the number of the next ones.
    pub fn renew(&mut self, id: FlightId) -> u64 {
        self.serials += 1;
        self.flights[id].serial = self.serials;
        self.serials
    }

    /// The events that carry `serial` still mean this flight.
    pub fn means(&self, id: FlightId, serial: u64) -> bool {
        self.flights[id].serial == serial
    }

    /// Plans what the proxy wants to be woken for.
    #[inline(always)]
    pub fn plan_proxy_due(&mut self, proxy: u16) {
        if self.timed_proxies {
            let due = self.proxies[usize::from(proxy)].proxy().deadline();
            if due < self.dues[usize::from(proxy)] {
                self.dues[usize::from(proxy)] = due;
                self.agenda.plan(due, Event::ProxyDue(proxy));
            }
        }
    }
}
