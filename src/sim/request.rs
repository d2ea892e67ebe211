//! The way of a request: from its proxy to an instance and back; and again, if the proxy retries.

use crate::core::draw::further;
use crate::core::ids::InstanceId;
use crate::core::proxy::{Ask, Ending, Entry, Next, Pick, Report, Ticket, Turn, Undecided};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Attempt;
use crate::scenario::behaviour::{Circumstances, slowdown, slowed};
use crate::scenario::plan::Scenario;
use crate::sim::agenda::Event;
use crate::sim::features::Anything;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::server::Phase;
use crate::sim::usual::size_of;
use crate::sim::world::World;

impl World<'_> {
    /// The proxy sends the request to an instance, lets it wait, or finds none.
    #[inline(never)]
    pub fn attempt(&mut self, id: FlightId, undecided: Undecided) {
        let Flight { number, proxy, .. } = self.flights[id];
        let call = self.callers.open(number);
        let ask = Ask::of(call.user(), call.dice(), self.flights.tried(id));
        if self.features.pins
            && let Some(pick) = self.pinned_to(ask.user)
        {
            self.start(id, Pick { at: self.now, ..pick });
            return;
        }
        let cookie = if self.features.with_cookies { self.cookie_of(ask.user) } else { None };
        match self.proxies[usize::from(proxy)].enter_after(self.now, &ask, cookie, Ticket(id.0), undecided) {
            Entry::Sent(pick) => {
                if self.features.pins {
                    self.pin(ask.user, proxy, pick);
                }
                self.start(id, pick);
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
    pub fn start(&mut self, id: FlightId, pick: Pick) {
        let Flight { number, attempts, .. } = self.flights[id];
        let pick = self.flag.map_or(pick, |flag| flag.show(self.user_of(number), pick));
        if attempts == 0 {
            self.meter.routed(pick.version);
        }
        self.dispatch(id, pick);
    }

    /// An attempt, of a user or a copy, is on its way.
    pub fn dispatch(&mut self, id: FlightId, pick: Pick) {
        let Flight { number, attempts: draw, .. } = self.flights[id];
        let behaviour = &self.behaviours[pick.version.index()];
        let luck = behaviour.luck(&mut self.callers.luck(number, draw), || size_of(self.scenario, number));
        self.flights.set_out(id, pick, self.meter.new_version());
        let flight = &mut self.flights[id];
        (flight.draw, flight.errs, flight.token) = (draw, behaviour.errs_anyway(luck.fate), luck.work_ns);
        if self.features.timed_tries && !self.flights.is_mirror(id) {
            self.time_attempt(id);
        }
        let order = self.agenda.next_order();
        if self.delay.is_zero() {
            self.enter_slot(id, order, false);
        } else {
            self.travel(id, order);
        }
    }

    /// There may be no slot for an attempt.
    #[inline(never)]
    pub fn find_full(&mut self, id: FlightId, order: u64) {
        let server = &self.servers[self.flights[id].pick.instance.index()];
        if !server.accepts() {
            self.find_closed(id);
        } else if self.features.sharing {
            self.join(id);
        } else if self.scenario.fleet.queue.is_none_or(|limit| server.queue.len() < limit) {
            self.enqueue(id, order);
        } else {
            self.turn_away(id);
        }
    }

    /// An instance does not accept any more.
    #[inline(never)]
    fn find_closed(&mut self, id: FlightId) {
        if !self.flights.is_mirror(id) {
            self.meter.refused();
        }
        self.return_to_proxy(id, Ending::Refused);
    }

    /// An instance is full. That a copy finds no place is no news of the users'.
    #[inline(never)]
    pub fn turn_away(&mut self, id: FlightId) {
        if !self.flights.is_mirror(id) {
            self.meter.shed();
        }
        self.return_to_proxy(id, Ending::Refused);
    }

    #[inline(never)]
    fn enqueue(&mut self, id: FlightId, order: u64) {
        let instance = self.flights[id].pick.instance;
        self.stays(id, Moment::NEVER);
        self.doubtful += u32::from(self.is_doubtful(id));
        let server = &mut self.servers[instance.index()];
        let was_saturated = server.saturated();
        server.queue.push(&mut self.flights, id);
        self.flights[id].place = Place::Queued;
        self.flights.set_order(id, order);
        self.meter.queued(1);
        if !was_saturated && server.available {
            self.meter.saturated(self.now, 1);
        }
    }

    /// Whether it is open that an attempt will be answered well once it has a slot.
    fn is_doubtful(&self, id: FlightId) -> bool {
        self.flights[id].errs != Some(false)
    }

    /// An attempt is no longer in the queue of its instance.
    pub fn leave_queue(&mut self, id: FlightId) {
        self.meter.queued(-1);
        self.doubtful -= u32::from(self.is_doubtful(id));
    }

    /// Whether an attempt will meet an error, and how long its service takes if it has a slot for itself.
    #[inline(never)]
    pub fn begin_service(&mut self, id: FlightId) -> (bool, Span) {
        let Flight { number, pick, token: work_ns, .. } = self.flights[id];
        let (user, fate) = (self.user_of(number), self.fate_of(id));
        let server = &mut self.servers[pick.instance.index()];
        let age = self.now.since(server.ready_at);
        let behaviour = &self.behaviours[pick.version.index()];
        let Scenario { fleet, .. } = self.scenario;
        // A place in processor sharing is not yet counted as busy either.
        let errs = behaviour.errs(fate, Circumstances { user, age, busy: server.busy + 1, slots: fleet.slots });
        // The instances of the start are warm and old, though the clock began with them.
        let warm = server.ready_at == Moment::START || age >= fleet.warm_up.lasts;
        server.plain = warm && !self.features.reports;
        let work = match behaviour.error_latency() {
            Some(latency) if errs => latency,
            Some(_) | None if warm => Span::from_nanos(work_ns),
            Some(_) | None => Span::from_nanos(slowed(work_ns, slowdown(&fleet.warm_up, age))),
        };
        (errs, work)
    }

    /// A service ends, and what follows takes a closer look.
    #[inline(never)]
    pub fn served_with_care(&mut self, id: FlightId) {
        if self.features.sharing {
            self.shared_end(id);
            return;
        }
        let Flight { pick, ending, .. } = self.flights[id];
        let server = &mut self.servers[pick.instance.index()];
        if self.features.reports {
            server.aside.answers.pass(self.now, server.busy);
            server.aside.answers.note(self.now, ending == Ending::Error);
        }
        server.end(&mut self.meter, self.now);
        // Looked at while it is at hand; whether it is still so is asked again.
        let finishing = server.phase == Phase::Finishing;
        if !server.queue.is_empty() {
            self.serve_next(pick.instance);
        }
        self.return_to_proxy(id, ending);
        if finishing {
            self.look_whether_done(pick.instance);
        }
    }

    /// An attempt takes a slot that is free, and what it meets there takes a closer look.
    #[inline(never)]
    pub fn serve_with_care(&mut self, id: FlightId, order: u64) {
        let (errs, work) = self.begin_service(id);
        let until = self.now + work;
        let flight = &mut self.flights[id];
        flight.serve(errs, until, order);
        self.agenda.plan_served(id, flight);
        self.careful_until = self.careful_until.max(until);
        let server = &mut self.servers[flight.pick.instance.index()];
        if self.features.reports {
            server.aside.answers.pass(self.now, server.busy);
        }
        server.begin(&mut self.meter, self.now);
        self.stays(id, until + self.delay);
    }

    /// A long service ends.
    pub fn served_late(&mut self, id: FlightId, service: u64) {
        self.served::<Anything>(id, service);
    }

    /// An instance that only finishes what it has is gone when it has nothing left.
    #[inline(never)]
    pub fn look_whether_done(&mut self, instance: InstanceId) {
        let server = &self.servers[instance.index()];
        if server.phase == Phase::Finishing && server.idle() {
            self.gone(instance);
        }
    }

    /// The same, for any attempt.
    #[inline(never)]
    pub fn reach_proxy_otherwise(&mut self, id: FlightId) {
        let Flight { ending, pick, proxy, abandoned, .. } = self.flights[id];
        let twin = self.flights.twin(id);
        if abandoned {
            if self.flights.is_mirror(id) {
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
        if self.features.with_baseline && self.servers[pick.instance.index()].baseline {
            self.meter.attempted_on_baseline(attempt);
        }
    }

    /// With an answer, an instance says how loaded it is, if the balancer cares.
    #[inline(always)]
    pub fn report(&mut self, proxy: u16, instance: InstanceId) {
        if self.features.reports {
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
    pub fn answer(&mut self, id: FlightId, good: bool) {
        if self.features.with_cookies {
            let Flight { number, pick, ending, .. } = self.flights[id];
            if matches!(ending, Ending::Served | Ending::Error) {
                self.set_cookie(self.user_of(number), pick.instance);
            }
        }
        self.settle(id, good);
        self.flights.remove(id);
    }

    /// Tells the proxy of the end of an attempt.
    pub fn finish(&mut self, id: FlightId, ending: Ending) -> Next {
        if self.features.pins {
            return self.finish_on_link(id, ending);
        }
        let Flight { number, pick, proxy, attempts, .. } = self.flights[id];
        let dice = if self.features.draws { further(self.dice_of(number), u64::from(attempts)) } else { 0 };
        let next = self.proxies[usize::from(proxy)].finish(self.now, pick, ending, attempts, dice);
        if self.features.timed_proxies {
            self.plan_proxy_due(proxy);
        }
        next
    }

    /// The first deadline is over: its client gives up, if it still waits.
    pub fn pass_deadline(&mut self) {
        let late = self.deadlines.pass(&self.flights);
        self.agenda.plan_expiry(self.deadlines.first());
        if let Some(id) = late {
            self.expire(id);
        }
    }

    /// The client gives up. Its proxy closes the connection; the instance does not notice and works on.
    fn expire(&mut self, id: FlightId) {
        let Flight { place, proxy, token, pick, .. } = self.flights[id];
        let twin = self.flights.twin(id);
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
        self.flights.set_serial(id, self.serials);
        self.serials
    }

    /// The events that carry `serial` still mean this flight.
    pub fn means(&self, id: FlightId, serial: u64) -> bool {
        self.flights.serial(id) == serial
    }

    /// Plans what the proxy wants to be woken for.
    #[inline(always)]
    pub fn plan_proxy_due(&mut self, proxy: u16) {
        if self.features.timed_proxies {
            let due = self.proxies[usize::from(proxy)].proxy().deadline();
            if due < self.dues[usize::from(proxy)] {
                self.dues[usize::from(proxy)] = due;
                self.agenda.plan(due, Event::ProxyDue(proxy));
            }
        }
    }
}
