//! The controller: takes what happened, lets the strategy's machine step until nothing changes, answers with orders.

use crate::core::fleet::{Counts, Fleet, State};
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::course::course;
use crate::core::rollout::samples::Samples;
use crate::core::rollout::sync::{Progress, Sync};
use crate::core::rollout::{Input, Order, Phase, Strategy, flagger, in_place, stages};
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
    /// No progress for this long is reported, and rolled back where the strategy can; zero: never.
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
    samples: Samples,
    /// A person let the rollout go on, and nobody took note yet.
    promoted: bool,
    /// A person stopped it where it is.
    paused: bool,
    /// What progress is measured by.
    seen: [Counts; 2],
    /// When there was progress last, while a rollout is under way.
    progressed: Moment,
    stuck: bool,
}

#[derive(Clone, Debug)]
enum Machine {
    /// Not asked yet.
    Idle,
    InPlace(in_place::Machine),
    Stages(stages::Machine),
    Flagger(flagger::Machine),
}

impl Controller {
    /// A controller whose fleet is complete, available and runs `setup.from`; its instances are numbered from 0.
    /// Without a strategy it only keeps the endpoints true.
    pub fn new(setup: Setup, strategy: Option<Strategy>) -> Controller {
        let fleet = Fleet::new(setup.size, setup.from, setup.min_ready);
        let longest = strategy.as_ref().map_or(Span::ZERO, Strategy::longest_window);
        Controller {
            setup,
            strategy,
            machine: Machine::Idle,
            fleet,
            samples: Samples::new(longest),
            promoted: false,
            paused: false,
            seen: [Counts::default(); 2],
            progressed: Moment::START,
            stuck: false,
        }
    }

    /// The fleet as the controller knows it.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Takes note of `input` and adds what follows from it to `orders`.
    pub fn handle(&mut self, now: Moment, input: Input, orders: &mut Vec<Order>) {
        self.note(now, input, orders);
        self.settle(now, orders);
    }

    /// Takes note of `input` without drawing conclusions: for a driver that has several things to tell, or that wants to
    /// see every single sync.
    pub fn note(&mut self, now: Moment, input: Input, orders: &mut Vec<Order>) {
        match input {
            Input::Deadline => {}
            Input::Deploy => self.deploy(now, orders),
            Input::Ready(instance) => self.ready(now, instance, orders),
            Input::Lost(instance) => self.lost(instance, orders),
            Input::Crashed(instance) => self.crashed(now, instance, orders),
            Input::Gone(instance) => self.fleet.set(instance, State::Gone),
            Input::Sample(sample) => self.samples.observe(sample),
            Input::Promote => self.promoted = true,
            Input::Abort => self.abort(now, orders),
            Input::Pause => self.pause(now, true, orders),
            Input::Resume => self.pause(now, false, orders),
            Input::Scale(size) => self.setup.size = size,
        }
    }

    /// One sync: adds what it orders to `orders` and says whether another one is due at once.
    pub fn sync(&mut self, now: Moment, orders: &mut Vec<Order>) -> bool {
        let before = orders.len();
        let progress = self.step(now, orders);
        self.look_for_progress(now);
        if progress == Progress::Made {
            return true;
        }
        // Whoever waited for a person would have taken it by now.
        self.promoted = false;
        self.check_deadline(now, orders);
        orders.len() > before
    }

    /// When to call again if nothing happens before.
    pub fn deadline(&self, now: Moment) -> Option<Moment> {
        let progress =
            if self.waits() && !self.stuck { self.progressed + self.progress_deadline() } else { Moment::NEVER };
        let available = self.fleet.next_available(now).unwrap_or(Moment::NEVER);
        let next = self.machine_deadline(now).min(progress).min(available);
        (next < Moment::NEVER).then_some(next)
    }

    fn ready(&mut self, now: Moment, instance: InstanceId, orders: &mut Vec<Order>) {
        if self.fleet.state(instance) != State::Starting {
            return;
        }
        self.fleet.set(instance, State::Ready(now));
        orders.push(Order::Publish { instance, listed: true });
        if let Machine::InPlace(machine) = &mut self.machine
            && self.fleet.version(instance) == self.setup.to
        {
            machine.became_healthy();
        }
    }

    fn lost(&mut self, instance: InstanceId, orders: &mut Vec<Order>) {
        if matches!(self.fleet.state(instance), State::Ready(_)) {
            self.fleet.set(instance, State::Starting);
            orders.push(Order::Publish { instance, listed: false });
        }
    }

    fn crashed(&mut self, now: Moment, instance: InstanceId, orders: &mut Vec<Order>) {
        if self.fleet.version(instance) != self.setup.to || self.fleet.state(instance) != State::Starting {
            return;
        }
        self.with_machine(now, orders, |machine, sync| {
            if let Machine::InPlace(machine) = machine {
                machine.crashed(instance, sync);
            }
        });
    }

    fn abort(&mut self, now: Moment, orders: &mut Vec<Order>) {
        self.paused = false;
        self.with_machine(now, orders, |machine, sync| machine.fail(sync, "somebody aborted it"));
    }

    fn pause(&mut self, now: Moment, paused: bool, orders: &mut Vec<Order>) {
        if self.paused == paused || matches!(self.machine, Machine::Idle) {
            return;
        }
        self.paused = paused;
        self.progressed = now;
        let (phase, reason) =
            if paused { (Phase::Paused, "somebody paused it") } else { (Phase::Resumed, "somebody lets it go on") };
        orders.push(Order::Announce { phase, reason: reason.to_owned() });
    }

    fn deploy(&mut self, now: Moment, orders: &mut Vec<Order>) {
        let (Machine::Idle, Some(strategy)) = (&self.machine, self.strategy.clone()) else { return };
        self.progressed = now;
        self.seen = self.counts(now);
        let mut sync = self.look(now, orders);
        sync.announce(Phase::Started, "deploy command");
        self.machine = match strategy {
            Strategy::Recreate(recreate) => Machine::InPlace(in_place::Machine::recreate(&recreate, &mut sync)),
            Strategy::Rolling(rolling) => Machine::InPlace(in_place::Machine::rolling(rolling, &mut sync)),
            Strategy::Flagger(flagger) => Machine::Flagger(flagger::Machine::start(flagger, &mut sync)),
            Strategy::BlueGreen(_)
            | Strategy::Canary(_)
            | Strategy::AbTest(_)
            | Strategy::Shadow(_)
            | Strategy::FeatureFlag(_) => {
                let (course, reason) = course(strategy, sync.setup.size);
                sync.announce(Phase::Starting, reason);
                Machine::Stages(stages::Machine::start(course))
            }
        };
    }

    /// Steps the machine until it has nothing more to order.
    fn settle(&mut self, now: Moment, orders: &mut Vec<Order>) {
        for _ in 0..STEPS_MAX {
            if !self.sync(now, orders) {
                return;
            }
        }
        unreachable!("a rollout machine orders and undoes the same thing for ever");
    }

    fn step(&mut self, now: Moment, orders: &mut Vec<Order>) -> Progress {
        let paused = self.paused;
        self.with_machine(now, orders, |machine, sync| match machine {
            Machine::InPlace(machine) if paused => machine.follow_size(sync).unwrap_or(Progress::Settled),
            Machine::Stages(_) | Machine::Flagger(_) if paused => Progress::Settled,
            Machine::Idle => sync.scale(sync.setup.from, sync.setup.size),
            Machine::InPlace(machine) => machine.step(sync),
            Machine::Stages(machine) => machine.step(sync),
            Machine::Flagger(machine) => machine.step(sync),
        })
    }

    /// More updated instances, fewer old ones, more ready or more available ones are progress (`progress.go`).
    fn look_for_progress(&mut self, now: Moment) {
        let [old, new] = self.counts(now);
        let [old_before, new_before] = std::mem::replace(&mut self.seen, [old, new]);
        let more = |count: fn(&Counts) -> u32| count(&old) + count(&new) > count(&old_before) + count(&new_before);
        let moved = new.spec != new_before.spec || old.spec != old_before.spec;
        if moved || more(|counts| counts.ready) || more(|counts| counts.available) {
            self.progressed = now;
        }
    }

    fn counts(&self, now: Moment) -> [Counts; 2] {
        [self.setup.from, self.setup.to].map(|version| self.fleet.count(version, now))
    }

    /// Zero stands for none (Nomad's `progress_deadline = "0"`).
    fn progress_deadline(&self) -> Span {
        let deadline = self.setup.progress_deadline;
        if deadline.is_zero() { Span::from_nanos(u64::MAX) } else { deadline }
    }

    /// Reports a rollout that waits for instances in vain, and turns it round if it can turn by itself.
    fn check_deadline(&mut self, now: Moment, orders: &mut Vec<Order>) {
        if self.stuck || !self.waits() || now < self.progressed + self.progress_deadline() {
            return;
        }
        self.stuck = true;
        let turns = self.strategy.as_ref().is_some_and(Strategy::rolls_back);
        let reason = format!("no progress for {}", self.setup.progress_deadline);
        self.with_machine(now, orders, |machine, sync| {
            sync.announce(Phase::Stuck, reason.clone());
            if turns { machine.fail(sync, &reason) } else { Progress::Settled }
        });
    }

    fn waits(&self) -> bool {
        !self.paused
            && match &self.machine {
                Machine::Idle | Machine::Flagger(_) => false,
                Machine::InPlace(machine) => machine.waits_for_instances(),
                Machine::Stages(machine) => machine.waits_for_instances(),
            }
    }

    /// A moment that has passed asks for nothing: the machine then waits for evidence, or for a person.
    fn machine_deadline(&self, now: Moment) -> Moment {
        let deadline = match &self.machine {
            _ if self.paused => Moment::NEVER,
            Machine::Idle => Moment::NEVER,
            Machine::InPlace(machine) => machine.deadline(),
            Machine::Stages(machine) => machine.deadline(now),
            Machine::Flagger(machine) => machine.deadline(),
        };
        if deadline > now { deadline } else { Moment::NEVER }
    }

    fn with_machine<T>(
        &mut self,
        now: Moment,
        orders: &mut Vec<Order>,
        act: impl FnOnce(&mut Machine, &mut Sync<'_>) -> T,
    ) -> T {
        let mut machine = std::mem::replace(&mut self.machine, Machine::Idle);
        let answer = act(&mut machine, &mut self.look(now, orders));
        self.machine = machine;
        answer
    }

    fn look<'a>(&'a mut self, now: Moment, orders: &'a mut Vec<Order>) -> Sync<'a> {
        Sync {
            now,
            setup: &self.setup,
            fleet: &mut self.fleet,
            samples: &mut self.samples,
            gate: self.strategy.as_ref().and_then(Strategy::gate),
            promoted: &mut self.promoted,
            orders,
        }
    }
}

impl Machine {
    /// Turns round, if it can and has not yet.
    fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        match self {
            Machine::Idle => Progress::Settled,
            Machine::InPlace(machine) => machine.fail(sync, reason),
            Machine::Stages(machine) => machine.fail(sync, reason),
            Machine::Flagger(machine) => machine.fail(sync, reason),
        }
    }
}
