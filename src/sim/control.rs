//! What controllers are told and order, and how instances end.

use crate::core::ids::InstanceId;
use crate::core::proxy::Ending;
use crate::core::rollout::{self, Input, Order};
use crate::core::time::{Moment, Span};
use crate::measure::meter::Stage;
use crate::scenario::plan::Act;
use crate::sim::agenda::Event;
use crate::sim::flight::{Place, Queue};
use crate::sim::server::Phase;
use crate::sim::sharing::Sharing;
use crate::sim::world::World;

impl World<'_> {
    /// Tells the controller what happened and carries out what it orders; what happens through that, it is told after.
    pub fn tell(&mut self, input: Input) {
        self.inputs.push_back(input);
        if self.deciding {
            return;
        }
        self.deciding = true;
        while let Some(input) = self.inputs.pop_front() {
            let mut orders = std::mem::take(&mut self.orders);
            self.controller.handle(self.now, input, &mut orders);
            for order in orders.drain(..) {
                self.carry_out(order);
            }
            self.orders = orders;
        }
        self.deciding = false;
        self.plan_wake();
    }

    fn plan_wake(&mut self) {
        if let Some(deadline) = self.controller.deadline(self.now)
            && deadline < self.wake
        {
            self.wake = deadline;
            self.agenda.plan(deadline, Event::Wake);
        }
    }

    /// The controller asked to be woken now, or earlier for something that is no longer due.
    pub fn wake_controller(&mut self) {
        if self.now >= self.wake {
            self.wake = Moment::NEVER;
        }
        self.tell(Input::Deadline);
    }

    /// Does what the controller orders.
    pub fn carry_out(&mut self, order: Order) {
        match order {
            Order::Launch { instance, version, baseline } => {
                self.launch(instance, version);
                self.servers[instance.index()].baseline = baseline;
                self.features.with_baseline |= baseline;
                self.features.look(self.flag.is_some());
            }
            Order::Publish { instance, listed } => self.publish(instance, listed),
            Order::Drain { instance } => self.drain(instance),
            Order::Weight { share } => self.weigh(share),
            Order::Mirror { share } => self.order_copies(share),
            Order::Expose { share } => self.expose(share),
            Order::Announce { phase, reason } => {
                self.await_promotion(phase);
                self.meter.announced(self.now, phase, reason);
            }
        }
    }

    /// Where a rollout waits for a person, somebody may come after a while.
    fn await_promotion(&mut self, phase: rollout::Phase) {
        let after = self.scenario.rollout.and_then(|rollout| rollout.promote_after);
        if let (rollout::Phase::Waiting, Some(after)) = (phase, after) {
            self.waits += 1;
            self.agenda.plan(self.now + after, Event::Promote(self.waits));
        }
    }

    /// Somebody comes to promote, unless the rollout has gone on and waits for something else since.
    pub fn promote(&mut self, wait: u64) {
        if wait == self.waits {
            self.tell(Input::Promote);
        }
    }

    /// A person does what the scenario says.
    pub fn act(&mut self, number: u32) {
        self.tell(match self.scenario.people[number as usize].act {
            Act::Promote => Input::Promote,
            Act::Abort => Input::Abort,
            Act::Pause => Input::Pause,
            Act::Resume => Input::Resume,
        });
    }

    /// The fleet is to have another size.
    pub fn resize(&mut self, number: u32) {
        self.tell(Input::Scale(self.scenario.sizes[number as usize].size));
    }

    /// An instance has been ready for long enough, unless it died or was stopped meanwhile.
    pub fn available(&mut self, instance: InstanceId, life: u32) {
        let server = &self.servers[instance.index()];
        if server.phase == Phase::Up && server.life == life && !server.stopping {
            self.become_available(instance);
        }
    }

    pub fn become_available(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        server.available = true;
        self.meter.available(self.now, 1, server.busy, server.saturated());
        if server.listings > 0 {
            self.meter.reachable(self.now, 1);
        }
    }

    fn cease_to_be_available(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        if !std::mem::take(&mut server.available) {
            return;
        }
        self.meter.available(self.now, -1, server.busy, server.saturated());
        if server.listings > 0 {
            self.meter.reachable(self.now, -1);
        }
    }

    /// Begins the graceful shutdown of an instance. One that does not serve has nothing to be graceful about.
    fn drain(&mut self, instance: InstanceId) {
        self.cease_to_be_available(instance);
        let server = &mut self.servers[instance.index()];
        server.stopping = true;
        if server.phase == Phase::Pending {
            server.phase = Phase::Gone;
            self.pending.retain(|&pending| pending != instance);
            self.tell(Input::Gone(instance));
            return;
        }
        let from = if std::mem::take(&mut server.ready) { Stage::Ready } else { Stage::Booting };
        self.meter.staged(self.now, server.version, Some(from), Some(Stage::Terminating));
        if server.phase != Phase::Up {
            self.gone(instance);
            return;
        }
        let shutdown = self.scenario.fleet.shutdown;
        self.agenda.plan(self.now + shutdown.drain, Event::Kill(instance));
        self.finishing_until = self.finishing_until.max(self.now + shutdown.drain);
        self.careful_until = self.careful_until.max(self.finishing_until);
        if shutdown.delay.is_zero() {
            self.stop_accepting(instance);
        } else {
            self.agenda.plan(self.now + shutdown.delay, Event::StopAccepting(instance));
        }
    }

    /// A terminating instance finishes what it has, and goes when it is idle.
    pub fn stop_accepting(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        if server.phase != Phase::Up {
            return;
        }
        server.phase = Phase::Finishing;
        let idle = server.idle();
        self.close_all_to(instance, Ending::Served);
        if idle {
            self.gone(instance);
        }
    }

    /// The grace period is over: whatever is left is cut.
    pub fn kill(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        if server.phase != Phase::Gone {
            server.phase = Phase::Finishing;
            self.cut(instance);
            self.gone(instance);
        }
    }

    /// An instance does not exist any more.
    pub fn gone(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        server.phase = Phase::Gone;
        self.meter.staged(self.now, server.version, Some(Stage::Terminating), None);
        self.existing -= 1;
        self.admit();
        self.tell(Input::Gone(instance));
    }

    /// Breaks every attempt in the slots and the queue of an instance.
    fn cut(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        debug_assert!(!server.available, "an instance is made unavailable before its attempts are cut");
        server.busy = 0;
        server.queue = Queue::EMPTY;
        server.aside.sharing = Sharing::new();
        server.crowded = false;
        self.close_all_to(instance, Ending::Reset);
        for flight in self.flights.at(instance) {
            match self.flights[flight].place {
                Place::Queued => self.leave_queue(flight),
                _ => self.agenda.cut(flight, &mut self.flights),
            }
            if !self.flights[flight].abandoned {
                self.meter.dropped();
            }
            self.return_to_proxy(flight, Ending::Reset);
        }
    }

    /// A fault of the scenario strikes the instances that have run longest.
    pub fn strike(&mut self, number: u32) {
        let fault = self.scenario.faults[number as usize];
        let up = (0..).zip(&self.servers).filter(|(_, server)| server.phase == Phase::Up);
        let mut victims: Vec<(Moment, u32)> = up.map(|(id, server)| (server.ready_at, id)).collect();
        victims.sort_unstable();
        for (_, id) in victims.into_iter().take(fault.kill as usize) {
            self.die(InstanceId(id), fault.silent, fault.restart);
        }
    }

    /// An instance dies and, unless it was to stop anyway, begins to boot again after `restart`.
    pub fn die(&mut self, instance: InstanceId, silent: bool, restart: Option<Span>) {
        self.cease_to_be_available(instance);
        let server = &mut self.servers[instance.index()];
        server.life += 1;
        server.phase = Phase::Dead;
        let (stopping, version) = (server.stopping, server.version);
        if std::mem::take(&mut server.ready) {
            self.meter.staged(self.now, version, Some(Stage::Ready), Some(Stage::Booting));
        }
        self.cut(instance);
        if stopping {
            self.gone(instance);
            return;
        }
        if silent {
            self.plan_unready(instance);
        } else {
            self.tell(Input::Lost(instance));
        }
        if let Some(restart) = restart {
            self.agenda.plan(self.now + restart, Event::Restart(instance));
        }
    }
}
