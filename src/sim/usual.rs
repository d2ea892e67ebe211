//! The usual way of a request, in one go: sent, picked for, served, answered well. Whatever else may happen to it is in
//! `request.rs` and `again.rs`, kept out of here so that the event loop stays short.

use crate::core::draw::{Stream, further};
use crate::core::ids::InstanceId;
use crate::core::proxy::{Ending, Pick};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Experience;
use crate::sim::flight::{Flight, FlightId, Place};
use crate::sim::server::Phase;
use crate::sim::world::World;

impl World<'_> {
    /// The open-loop source sends a request.
    #[inline(always)]
    pub fn arrive(&mut self) {
        self.await_arrival();
        self.send(self.meter.sent());
    }

    /// A client sends the request that is called `number`.
    #[inline(always)]
    pub fn send(&mut self, number: u64) {
        self.meter.offered();
        if !self.usual {
            self.send_unusually(number);
            return;
        }
        let call = self.callers.open(number);
        let front = if self.links.is_empty() { call.proxy() } else { self.front_of(call.user(), call.proxy()) };
        let proxy = self.fronts[usize::from(front)];
        let flight = Flight::new(number, self.now, proxy);
        match self.proxies[usize::from(proxy)].enter_at_once(self.now, || (call.user(), call.dice())) {
            Ok(pick) => self.send_off(flight, pick, call.luck()),
            Err(undecided) => self.send_the_long_way(flight, undecided),
        }
    }

    /// The first attempt of a request leaves its proxy: [`World::start`] in one go.
    #[inline(always)]
    fn send_off(&mut self, mut flight: Flight, pick: Pick, mut stream: Stream) {
        self.meter.routed(pick.version);
        let behaviour = &self.behaviours[pick.version.index()];
        let luck = behaviour.luck(&mut stream, || self.size_of(flight.number));
        (flight.pick, flight.attempts) = (pick, 1);
        (flight.fate, flight.token) = (luck.fate, luck.work_ns);
        let id = self.flights.add(flight);
        if self.delay.is_zero() {
            self.reach_instance(id);
        } else {
            self.travel(id);
        }
    }

    /// An attempt is on the network to its instance.
    #[inline(always)]
    pub fn travel(&mut self, id: FlightId) {
        let arrives = self.now + self.delay;
        self.agenda.plan_at_instance(arrives, id);
        self.stays(id, arrives);
    }

    /// An attempt reaches its instance: into a slot, into the queue, or away again.
    #[inline(always)]
    pub fn reach_instance(&mut self, id: FlightId) {
        let instance = self.flights[id].pick.instance;
        if self.servers[instance.index()].has_free_slot(self.slots) {
            self.serve(id);
        } else {
            self.find_full(id);
        }
    }

    /// An attempt takes a slot that is free.
    #[inline(always)]
    pub fn serve(&mut self, id: FlightId) {
        let Flight { pick, fate, token, .. } = self.flights[id];
        let warm = self.servers[pick.instance.index()].warm;
        let (ending, work) = if warm && self.behaviours[pick.version.index()].surely_serves(fate) {
            (Ending::Served, Span::from_nanos(token))
        } else {
            self.begin_service(id)
        };
        if self.reports {
            self.pass_load(pick.instance);
        }
        let server = &mut self.servers[pick.instance.index()];
        server.busy += 1;
        if server.available {
            self.meter.busy(self.now, 1);
        }
        let until = self.now + work;
        let service = self.agenda.plan_served(until, id);
        let flight = &mut self.flights[id];
        (flight.place, flight.ending, flight.token) = (Place::InService, ending, service);
        self.stays(id, until + self.delay);
    }

    /// A service ends, unless it was cut before.
    #[inline(always)]
    pub fn served(&mut self, id: FlightId, service: u64) {
        let Flight { pick, place, ending, token, .. } = self.flights[id];
        if token != service || place != Place::InService {
            self.served_otherwise(id, service);
            return;
        }
        if self.reports {
            self.note_answer(pick.instance, ending);
        }
        let server = &mut self.servers[pick.instance.index()];
        server.busy -= 1;
        // Looked at while it is at hand; whether it is still so is asked again.
        let finishing = server.phase == Phase::Finishing;
        if server.available {
            self.meter.busy(self.now, -1);
        }
        if !server.queue.is_empty() {
            self.serve_next(pick.instance);
        }
        self.return_to_proxy(id, ending);
        if finishing {
            self.look_whether_done(pick.instance);
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
        if self.usual && ending == Ending::Served && self.delay.is_zero() {
            self.reach_proxy(id);
            return;
        }
        let arrives = self.now + self.delay;
        let flight = &mut self.flights[id];
        (flight.place, flight.ending) = (Place::Travelling, ending);
        // Under limits the news goes by the agenda even if it takes no time: each end calls the next request, and a long
        // queue would become a deep recursion.
        if self.delay.is_zero() && !self.limited {
            self.reach_proxy_otherwise(id);
        } else {
            self.agenda.plan_at_proxy(arrives, id);
            self.stays(id, arrives);
        }
    }

    /// The proxy learns how an attempt ended: the request is settled, or tried again.
    #[inline(always)]
    pub fn reach_proxy(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        if self.usual && flight.ending == Ending::Served && !flight.abandoned && self.flights.twin(id).is_none() {
            self.answer_well(id);
        } else {
            self.reach_proxy_otherwise(id);
        }
    }

    /// Somebody waits for this attempt and gets a good answer, and nothing is out of the ordinary: the same in one go.
    #[inline(always)]
    fn answer_well(&mut self, id: FlightId) {
        debug_assert!(self.now <= self.flights.gives_up(id), "a client gives up in time");
        let Flight { number, sent, pick, proxy, attempts, .. } = self.flights[id];
        self.attempted(pick, false, true);
        // After a good answer only breakers draw.
        let dice = if self.timed_proxies { further(self.dice_of(number), u64::from(attempts)) } else { 0 };
        self.proxies[usize::from(proxy)].finish_well(self.now, pick, attempts, dice);
        self.plan_proxy_due(proxy);
        self.meter.settled(true, self.now.since(sent));
        if self.meter.follows_users() {
            let exposed = self.flights.exposed(id, self.meter.new_version());
            let experience = Experience { answered: Some(pick.version), exposed, harmed: false };
            self.meter.experienced(self.user_of(number), experience);
        }
        self.flights.remove(id);
        if self.closed.is_some() {
            self.think(self.user_of(number));
        }
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
