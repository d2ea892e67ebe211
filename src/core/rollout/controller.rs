//! The controller: takes what happened, lets the strategy's machine step until nothing changes, answers with orders.

use crate::core::fleet::{Fleet, State};
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::beside;
use crate::core::rollout::gate::Watch;
use crate::core::rollout::in_place::{self, Way};
use crate::core::rollout::rolling::Limits;
use crate::core::rollout::sync::{Progress, Sync};
use crate::core::rollout::{Input, Order, Phase, Strategy};
use crate::core::time::{Moment, Span};

/// More steps than this in one go mean that a machine undoes its own work.
const STEPS_MAX: usize = 100_000;

/// What a controller is told once.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Instances wanted.
    pub size: u32,
    /// The version that runs.
    pub from: VersionId,
    /// The version to bring out.
    pub to: VersionId,
    /// From ready to available.
    pub min_ready: Span,
    /// No progress for this long is reported, and rolled back where the strategy can.
    pub progress_deadline: Span,
}

impl Setup {
    /// Which version leaves and which one comes, on the way there or back.
    pub(super) fn direction(&self, back: bool) -> (VersionId, VersionId) {
        if back { (self.to, self.from) } else { (self.from, self.to) }
    }
}

/// One controller for one service.
#[derive(Clone, Debug)]
pub struct Controller {
    setup: Setup,
    /// `None`: nothing is ever rolled out.
    strategy: Option<Strategy>,
    machine: Machine,
    fleet: Fleet,
    watch: Option<Watch>,
    /// When an instance was last launched, became ready or went, while a rollout is under way.
    progressed: Moment,
    stuck: bool,
}

#[derive(Clone, Debug)]
enum Machine {
    /// Not asked yet.
    Idle,
    InPlace(in_place::Machine),
    Beside(beside::Machine),
}

impl Controller {
    /// A controller whose fleet is complete, available and runs `setup.from`; its instances are numbered from 0.
    /// Without a strategy it only keeps the endpoints true.
    pub fn new(setup: Setup, strategy: Option<Strategy>) -> Controller {
        let fleet = Fleet::new(setup.size, setup.from, setup.min_ready);
        let watch = strategy.as_ref().and_then(Strategy::gate).map(Watch::new);
        Controller { setup, strategy, machine: Machine::Idle, fleet, watch, progressed: Moment::START, stuck: false }
    }

    /// The fleet as the controller knows it.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Takes note of `input` and adds what follows from it to `orders`.
    pub fn handle(&mut self, now: Moment, input: Input, orders: &mut Vec<Order>) {
        self.note(now, input, orders);
        self.settle(now, orders);
        self.check_progress(now, orders);
    }

    /// When to call again if nothing happens before.
    pub fn deadline(&self, now: Moment) -> Option<Moment> {
        let progress =
            if self.waits() && !self.stuck { self.progressed + self.setup.progress_deadline } else { Moment::NEVER };
        let available = self.fleet.next_available(now).unwrap_or(Moment::NEVER);
        let next = self.machine_deadline(now).min(progress).min(available);
        (next < Moment::NEVER).then_some(next)
    }

    fn note(&mut self, now: Moment, input: Input, orders: &mut Vec<Order>) {
        match input {
            Input::Deadline
            | Input::Crashed(_)
            | Input::Promote
            | Input::Abort
            | Input::Pause
            | Input::Resume
            | Input::Scale(_) => {}
            Input::Deploy => self.deploy(now, orders),
            Input::Ready(instance) => self.ready(now, instance, orders),
            Input::Lost(instance) => self.lost(instance, orders),
            Input::Gone(instance) => {
                self.fleet.set(instance, State::Gone);
                self.progressed = now;
            }
            Input::Sample(sample) => {
                if let Some(watch) = &mut self.watch {
                    watch.observe(sample);
                }
            }
        }
    }

    fn ready(&mut self, now: Moment, instance: InstanceId, orders: &mut Vec<Order>) {
        if self.fleet.state(instance) == State::Starting {
            self.fleet.set(instance, State::Ready(now));
            self.progressed = now;
            orders.push(Order::Publish { instance, listed: true });
        }
    }

    fn lost(&mut self, instance: InstanceId, orders: &mut Vec<Order>) {
        if matches!(self.fleet.state(instance), State::Ready(_)) {
            self.fleet.set(instance, State::Starting);
            orders.push(Order::Publish { instance, listed: false });
        }
    }

    fn deploy(&mut self, now: Moment, orders: &mut Vec<Order>) {
        let (Machine::Idle, Some(strategy)) = (&self.machine, self.strategy.clone()) else { return };
        self.progressed = now;
        let size = self.setup.size;
        let mut sync = self.sync(now, orders);
        sync.announce(Phase::Started, "deploy command");
        self.machine = match strategy {
            Strategy::Recreate(recreate) => {
                let bake = if recreate.gate.is_some() { recreate.bake } else { Span::ZERO };
                Machine::InPlace(in_place::Machine::start(Way::Recreate, bake, &mut sync))
            }
            Strategy::Rolling(rolling) => {
                let bake = if rolling.gate.is_some() { rolling.bake } else { Span::ZERO };
                let crate::core::rollout::Pace::Surge(surge) = rolling.pace else { return };
                let limits = Limits::resolve(surge.surge, surge.unavailable, size);
                Machine::InPlace(in_place::Machine::start(Way::Rolling(limits), bake, &mut sync))
            }
            Strategy::BlueGreen(blue_green) => Machine::Beside(beside::Machine::blue_green(&blue_green, &mut sync)),
            Strategy::Canary(canary) => Machine::Beside(beside::Machine::canary(&canary, &mut sync)),
            Strategy::Flagger(_) | Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => {
                Machine::Idle
            }
        };
    }

    /// Steps the machine until it has nothing more to order.
    fn settle(&mut self, now: Moment, orders: &mut Vec<Order>) {
        for _ in 0..STEPS_MAX {
            if self.step(now, orders) == Progress::Settled {
                return;
            }
        }
        unreachable!("a rollout machine orders and undoes the same thing for ever");
    }

    fn step(&mut self, now: Moment, orders: &mut Vec<Order>) -> Progress {
        let before = self.fleet.launched();
        let mut machine = std::mem::replace(&mut self.machine, Machine::Idle);
        let mut sync = self.sync(now, orders);
        let progress = match &mut machine {
            Machine::Idle => Progress::Settled,
            Machine::InPlace(machine) => machine.step(&mut sync),
            Machine::Beside(machine) => machine.step(&mut sync),
        };
        self.machine = machine;
        if self.fleet.launched() > before {
            self.progressed = now;
        }
        progress
    }

    /// Reports a rollout that waits for instances in vain, and turns it round if it can turn by itself.
    fn check_progress(&mut self, now: Moment, orders: &mut Vec<Order>) {
        if self.stuck || !self.waits() || now < self.progressed + self.setup.progress_deadline {
            return;
        }
        self.stuck = true;
        let reason = format!("no instance became ready or went for {}", self.setup.progress_deadline);
        let turns = self.strategy.as_ref().is_some_and(Strategy::rolls_back);
        let mut machine = std::mem::replace(&mut self.machine, Machine::Idle);
        let mut sync = self.sync(now, orders);
        sync.announce(Phase::Stuck, reason.clone());
        match &mut machine {
            Machine::InPlace(machine) if turns => machine.fail(&mut sync, &reason),
            Machine::Beside(machine) if turns => machine.fail(&mut sync, &reason),
            Machine::Idle | Machine::InPlace(_) | Machine::Beside(_) => Progress::Settled,
        };
        self.machine = machine;
        self.settle(now, orders);
    }

    fn waits(&self) -> bool {
        match &self.machine {
            Machine::Idle => false,
            Machine::InPlace(machine) => machine.waits_for_instances(),
            Machine::Beside(machine) => machine.waits_for_instances(),
        }
    }

    /// A moment that has passed asks for nothing: the machine then waits for evidence.
    fn machine_deadline(&self, now: Moment) -> Moment {
        let deadline = match &self.machine {
            Machine::Idle => Moment::NEVER,
            Machine::InPlace(machine) => machine.deadline(),
            Machine::Beside(machine) => machine.deadline(),
        };
        if deadline > now { deadline } else { Moment::NEVER }
    }

    fn sync<'a>(&'a mut self, now: Moment, orders: &'a mut Vec<Order>) -> Sync<'a> {
        let verdict = self.watch.as_ref().map(Watch::verdict);
        Sync { now, setup: &self.setup, fleet: &mut self.fleet, verdict, orders }
    }
}
