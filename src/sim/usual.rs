//! The usual way of a request, in one go: sent, picked for, served, answered well. Whatever else may happen to it is in
//! `request.rs` and `again.rs`, kept out of here so that the event loop stays short.

use crate::core::draw::{Stream, further};
use crate::core::ids::InstanceId;
use crate::core::proxy::{Ending, Pick};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Experience;
use crate::scenario::plan::{Scenario, Source};
use crate::sim::features::Known;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::world::World;

impl World<'_> {
    /// The open-loop source sends a request.
    #[inline(always)]
    pub fn arrive<K: Known>(&mut self) {
        self.send::<K>(self.meter.sent(), self.next_proxy);
    }

    /// A client sends the request that is called `number` to the proxy of that number, and the source goes on to the next.
    #[inline(always)]
    pub fn send<K: Known>(&mut self, number: u64, proxy: u16) {
        self.meter.offered();
        if !K::usual(self.features) {
            self.await_arrival();
            self.send_unusually(number);
            return;
        }
        let call = self.callers.open(number);
        let front = if K::PLAIN || self.links.is_empty() { proxy } else { self.front_of(call.user(), proxy) };
        let proxy = self.fronts[usize::from(front)];
        match self.proxies[usize::from(proxy)].enter_at_once(self.now, || (call.user(), call.dice())) {
            Ok(pick) => self.send_off::<K>(number, proxy, pick, call.luck()),
            Err(undecided) => {
                if K::AHEAD {
                    self.catch_up();
                }
                self.await_arrival();
                self.send_the_long_way(number, proxy, undecided);
            }
        }
    }

    /// The first attempt of a request leaves its proxy: [`World::start`] in one go.
    #[inline(always)]
    fn send_off<K: Known>(&mut self, number: u64, proxy: u16, pick: Pick, mut stream: Stream) {
        let Pick { instance, version, .. } = pick;
        self.meter.routed(version);
        let behaviour = &self.behaviours[version.index()];
        let luck = behaviour.luck(&mut stream, || size_of(self.scenario, number));
        let errs = behaviour.errs_anyway(luck.fate);
        // Between the luck and what is made of it, since both take their time and neither waits for the other.
        self.await_arrival();
        let flight = Flight::new(number, self.now, proxy).leaving(instance, version, luck, errs);
        let order = self.agenda.next_order();
        let server = &mut self.servers[instance.index()];
        let delay = K::delay(self.delay);
        let arrives = self.now + delay;
        let sure = match K::near(self.delay) {
            true => server.plain && server.has_free_slot(self.slots),
            // What is sure now is so when it arrives, unless something seldom comes in between.
            false => {
                let quiet = self.now > self.finishing_until && self.agenda.is_quiet_until(arrives);
                K::PLAIN && quiet && server.takes_in_for_sure(self.slots)
            }
        };
        let (true, Some(errs)) = (sure, errs.filter(|&errs| !(K::AHEAD && errs))) else {
            self.go_on::<K>(flight, order);
            return;
        };
        let until = arrives + Span::from_nanos(luck.work_ns);
        server.begin(&mut self.meter, arrives);
        let (id, flight) = self.flights.put(flight.serving(errs, until, order));
        self.agenda.plan_served(id, flight);
        if errs {
            self.careful_until = self.careful_until.max(until);
        }
        if (until + delay).since(self.now) >= self.patience {
            self.line_up(id);
        }
    }

    /// A first attempt goes on to its instance, where more may await it than a free slot.
    #[inline(always)]
    fn go_on<K: Known>(&mut self, flight: Flight, order: u64) {
        let id = self.flights.add(flight);
        if K::AHEAD {
            self.catch_up();
        }
        if K::near(self.delay) {
            self.enter_slot(id, order, false);
        } else {
            self.travel(id, order);
        }
    }

    /// An attempt is on the network to its instance.
    pub fn travel(&mut self, id: FlightId, order: u64) {
        let arrives = self.now + self.delay;
        self.servers[self.flights[id].pick.instance.index()].coming += 1;
        self.agenda.plan_at_instance(arrives, id, order);
        self.stays(id, arrives);
    }

    /// An attempt reaches its instance: into a slot, into the queue, or away again.
    #[inline(always)]
    pub fn reach_instance(&mut self, id: FlightId, order: u64) {
        self.servers[self.flights[id].pick.instance.index()].coming -= 1;
        self.enter_slot(id, order, false);
    }

    /// An attempt takes a slot, which is `kept` for it or must be free.
    #[inline(always)]
    pub fn enter_slot(&mut self, id: FlightId, order: u64, kept: bool) {
        let flight = &mut self.flights[id];
        let server = &mut self.servers[flight.pick.instance.index()];
        if !kept && !server.has_free_slot(self.slots) {
            self.find_full(id, order);
            return;
        }
        let (true, Some(errs)) = (server.plain, flight.errs) else {
            self.serve_with_care(id, order);
            return;
        };
        let until = self.now + Span::from_nanos(flight.token);
        server.begin(&mut self.meter, self.now);
        flight.serve(errs, until, order);
        self.agenda.plan_served(id, flight);
        if errs {
            self.careful_until = self.careful_until.max(until);
        }
        if (until + self.delay).since(flight.sent) >= self.patience {
            self.line_up(id);
        }
    }

    /// A service ends, unless it was cut before.
    #[inline(always)]
    pub fn served<K: Known>(&mut self, id: FlightId, service: u64) {
        let flight = self.flights[id];
        if flight.token != service || flight.place != Place::InService {
            return;
        }
        let (instance, awaited, ending) = (flight.pick.instance, flight.is_awaited(), flight.ending);
        let server = &mut self.servers[instance.index()];
        if !(K::usual(self.features) && server.available && awaited) {
            self.served_with_care(id);
            return;
        }
        server.end(&mut self.meter, self.now);
        if !server.queue.is_empty() {
            self.serve_next(instance);
        }
        if K::near(self.delay) && ending == Ending::Served {
            self.answer_well::<K>(id, flight);
        } else {
            self.return_to_proxy(id, ending);
        }
    }

    /// The first in the queue of an instance takes the slot that has just become free.
    #[inline(never)]
    pub fn serve_next(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        let Some(next) = server.queue.pop(&self.flights) else { return };
        if server.available && !server.saturated() {
            self.meter.saturated(self.now, -1);
        }
        self.leave_queue(next);
        self.enter_slot(next, self.flights.order(next), true);
    }

    /// The attempt is over at the instance; the news travels to the proxy.
    #[inline(always)]
    pub fn return_to_proxy(&mut self, id: FlightId, ending: Ending) {
        let arrives = self.now + self.delay;
        let flight = &mut self.flights[id];
        (flight.place, flight.ending) = (Place::Travelling, ending);
        // Under limits the news goes by the agenda even if it takes no time: each end calls the next request, and a long
        // queue would become a deep recursion.
        if self.delay.is_zero() && !self.features.limited {
            self.reach_proxy_otherwise(id);
            return;
        }
        self.agenda.plan_at_proxy(arrives, id);
        if arrives.since(flight.sent) >= self.patience {
            self.line_up(id);
        }
    }

    /// The proxy learns how an attempt ended: the request is settled, or tried again.
    #[inline(always)]
    pub fn reach_proxy<K: Known>(&mut self, id: FlightId) {
        let flight = self.flights[id];
        if K::usual(self.features) && flight.is_awaited() && flight.ending == Ending::Served {
            self.answer_well::<K>(id, flight);
        } else {
            self.reach_proxy_otherwise(id);
        }
    }

    /// Somebody waits for this attempt and gets a good answer, and nothing is out of the ordinary: the same in one go.
    #[inline(always)]
    fn answer_well<K: Known>(&mut self, id: FlightId, flight: Flight) {
        debug_assert!(self.now <= self.flights.gives_up(id), "a client gives up in time");
        let Flight { number, sent, pick, proxy, attempts, .. } = flight;
        if !K::PLAIN && self.features.closely {
            self.look_closely(number, pick, proxy, attempts);
        } else {
            self.meter.answered(pick.version);
            self.proxies[usize::from(proxy)].finish_well(self.now, pick, attempts, 0);
        }
        self.meter.settled(true, self.now.since(sent));
        if self.meter.follows_users() {
            let exposed = self.flights.exposed(id, self.meter.new_version());
            let experience = Experience { answered: Some(pick.version), exposed, harmed: false };
            let callers = &self.callers;
            self.meter.experienced(|| callers.open(number).user(), experience);
        }
        self.flights.remove(id);
    }

    /// What a good answer means for those whom it means more to.
    #[inline(never)]
    fn look_closely(&mut self, number: u64, pick: Pick, proxy: u16, attempts: u8) {
        self.attempted(pick, false, true);
        let call = self.callers.open(number);
        let dice = further(call.dice(), u64::from(attempts));
        self.proxies[usize::from(proxy)].finish_well(self.now, pick, attempts, dice);
        self.plan_proxy_due(proxy);
        self.think(call.user());
    }

    /// The request will be where it is until `until`, unless something cuts that short. If its client may give up by then,
    /// that is planned.
    #[inline(always)]
    pub fn stays(&mut self, id: FlightId, until: Moment) {
        if until.since(self.flights[id].sent) >= self.patience {
            self.line_up(id);
        }
    }

    #[inline(never)]
    pub fn line_up(&mut self, id: FlightId) {
        self.deadlines.line_up(&mut self.flights, id);
        self.agenda.plan_expiry(self.deadlines.first());
    }
}

/// How large the request called `number` is: what a size-dependent service time is multiplied with.
pub fn size_of(scenario: &Scenario, number: u64) -> f64 {
    match &scenario.traffic.source {
        Source::Requests(requests) => requests[number as usize].size,
        Source::Open { .. } | Source::Closed { .. } => 1.0,
    }
}
