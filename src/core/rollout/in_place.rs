//! The state machine of strategies that replace instances in place: recreate and rolling. All versions share the
//! traffic by the number of their instances.

use crate::core::amount::Amount;
use crate::core::fleet::Counts;
use crate::core::ids::InstanceId;
use crate::core::rollout::ecs::{TaskLimits, breaker_threshold, ecs_targets};
use crate::core::rollout::hosts::{healthy_hosts, hosts_targets};
use crate::core::rollout::nomad::nomad_targets;
use crate::core::rollout::recreate::recreate_targets;
use crate::core::rollout::rolling::{Limits, proportional_targets, rolling_targets};
use crate::core::rollout::sync::{Progress, Sync, counted};
use crate::core::rollout::{Ecs, Nomad, Pace, Phase, Recreate, Rolling, Surge, Targets};
use crate::core::time::{Moment, Span};

/// What tells one from another: the arithmetic of a sync.
#[derive(Clone, Debug)]
enum Way {
    Recreate,
    Surge(Surge),
    Ecs(Ecs),
    Nomad(Nomad),
    Hosts(Amount),
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    way: Way,
    /// How long the gate goes on watching at the end; zero without a gate.
    bake: Span,
    state: State,
    /// The size for which the versions were last sized.
    sized_for: u32,
    /// New instances that failed to start, as the circuit breaker counts them.
    failed: u32,
    /// Hosts on which the new version failed to start.
    broken: Vec<InstanceId>,
    /// New allocations of Nomad that were not healthy in time.
    unhealthy: u32,
    /// When the next one would be late.
    next_late: Moment,
    /// That neither may start nor stop was announced.
    said_stuck: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nomad's canaries run beside the old allocations. `said`: that somebody must promote them was announced.
    Canaries {
        said: bool,
    },
    /// Replacing the old version by the new one; `back`: the other way round.
    Replacing {
        back: bool,
    },
    Baking {
        until: Moment,
    },
    /// `back`: the old version serves.
    Done {
        back: bool,
    },
    /// Given up, and left as it is.
    Failed,
}

impl Way {
    fn targets(&self, size: u32, unhealthy: bool, old: Counts, new: Counts) -> Targets {
        match self {
            Way::Recreate => recreate_targets(size, old, new),
            Way::Surge(surge) => rolling_targets(size, surge.limits(size), surge.waits_for_termination, old, new),
            Way::Ecs(ecs) => ecs_targets(size, TaskLimits::resolve(ecs, size), old, new),
            Way::Nomad(nomad) => nomad_targets(size, *nomad, true, unhealthy, old, new),
            Way::Hosts(healthy) => hosts_targets(size, healthy_hosts(*healthy, size), old, new),
        }
    }

    fn plan(&self, size: u32) -> (Phase, String) {
        let of = counted(size as usize, "instance");
        match self {
            Way::Recreate => (Phase::Stopping, format!("{of}, all of them before others start")),
            Way::Surge(surge) => {
                let Limits { surge, unavailable } = surge.limits(size);
                let text = format!("{of}, at most {surge} more (surge) and {unavailable} fewer (unavailable)");
                (Phase::Replacing, text)
            }
            Way::Ecs(ecs) => {
                let TaskLimits { lower, upper } = TaskLimits::resolve(ecs, size);
                (Phase::Replacing, format!("{of}, at least {lower} healthy, at most {upper} in all"))
            }
            Way::Nomad(Nomad { parallel: 0, .. }) => (Phase::Replacing, format!("{of}, all at once")),
            Way::Nomad(nomad) => (Phase::Replacing, format!("{of}, {} at a time", nomad.parallel)),
            Way::Hosts(healthy) => {
                let least = healthy_hosts(*healthy, size);
                (Phase::Replacing, format!("{of}, each where it stands, at least {least} healthy"))
            }
        }
    }

    /// Why nothing may move, if it is so for ever.
    fn stuck(&self, size: u32) -> Option<String> {
        match self {
            Way::Ecs(ecs) => {
                let TaskLimits { lower, upper } = TaskLimits::resolve(ecs, size);
                Some(format!("no task may start (at most {upper} in all) and none may stop (at least {lower} healthy)"))
            }
            Way::Hosts(healthy) => {
                Some(format!("no host may be taken out: {} must stay healthy", healthy_hosts(*healthy, size)))
            }
            Way::Recreate | Way::Surge(_) | Way::Nomad(_) => None,
        }
    }
}

impl Surge {
    /// What it comes to for a fleet of `size`.
    pub fn limits(&self, size: u32) -> Limits {
        Limits::resolve(self.surge, self.unavailable, size)
    }
}

impl Machine {
    pub fn recreate(recreate: &Recreate, sync: &mut Sync<'_>) -> Machine {
        let bake = if recreate.gate.is_some() { recreate.bake } else { Span::ZERO };
        Machine::start(Way::Recreate, bake, sync)
    }

    pub fn rolling(rolling: Rolling, sync: &mut Sync<'_>) -> Machine {
        let bake = if rolling.gate.is_some() { rolling.bake } else { Span::ZERO };
        let way = match rolling.pace {
            Pace::Surge(surge) => Way::Surge(surge),
            Pace::Ecs(ecs) => Way::Ecs(ecs),
            Pace::Nomad(nomad) => Way::Nomad(nomad),
            Pace::Hosts(healthy) => Way::Hosts(healthy),
        };
        Machine::start(way, bake, sync)
    }

    fn start(way: Way, bake: Span, sync: &mut Sync<'_>) -> Machine {
        let size = sync.setup.size;
        let mut state = State::Replacing { back: false };
        if let Way::Nomad(Nomad { parallel: 1.., canaries: canaries @ 1.., .. }) = way {
            sync.announce(
                Phase::Starting,
                format!("{} beside the old ones", counted(canaries as usize, "canary instance")),
            );
            state = State::Canaries { said: false };
        } else {
            let (phase, reason) = way.plan(size);
            sync.announce(phase, reason);
        }
        Machine {
            way,
            bake,
            state,
            sized_for: size,
            failed: 0,
            broken: Vec::new(),
            unhealthy: 0,
            next_late: Moment::NEVER,
            said_stuck: false,
        }
    }

    pub fn step(&mut self, sync: &mut Sync<'_>) -> Progress {
        if let Some(progress) = self.follow_size(sync) {
            return progress;
        }
        if let Some(progress) = self.look_at_health(sync) {
            return progress;
        }
        match (self.state, sync.bad()) {
            (State::Done { back }, _) => {
                let (_, live) = sync.setup.direction(back);
                sync.scale(live, sync.setup.size)
            }
            (State::Failed, _) => Progress::Settled,
            (State::Canaries { .. } | State::Replacing { back: false } | State::Baking { .. }, Some(evidence)) => {
                self.fail(sync, &evidence)
            }
            (State::Canaries { said }, None) => self.try_canaries(said, sync),
            (State::Replacing { back }, _) => self.replace(back, sync),
            (State::Baking { until }, _) if sync.now < until => Progress::Settled,
            (State::Baking { .. }, _) => self.promote("no bad verdict while baking", sync),
        }
    }

    /// Nomad marks allocations that are not healthy in time; without a progress deadline the first one fails the deployment.
    fn look_at_health(&mut self, sync: &mut Sync<'_>) -> Option<Progress> {
        let Way::Nomad(nomad) = self.way else { return None };
        (self.unhealthy, self.next_late) = (0, Moment::NEVER);
        if !matches!(self.state, State::Canaries { .. } | State::Replacing { back: false }) {
            return None;
        }
        for launched in sync.fleet.awaited(sync.setup.to, sync.now) {
            let late = launched + nomad.healthy_deadline;
            if late <= sync.now {
                self.unhealthy += 1;
            } else {
                self.next_late = self.next_late.min(late);
            }
        }
        if self.unhealthy == 0 || !sync.setup.progress_deadline.is_zero() {
            return None;
        }
        let reason = format!("an allocation was not healthy {} after its launch", nomad.healthy_deadline);
        if nomad.auto_revert {
            return Some(self.fail(sync, &reason));
        }
        sync.announce(Phase::Failed, reason);
        self.state = State::Failed;
        Some(Progress::Made)
    }

    /// The fleet's size was changed: a Kubernetes Deployment spreads the difference over its versions, paused or not.
    pub fn follow_size(&mut self, sync: &mut Sync<'_>) -> Option<Progress> {
        let (size, before) = (sync.setup.size, std::mem::replace(&mut self.sized_for, sync.setup.size));
        let (Way::Surge(surge), State::Replacing { back }, true) = (&self.way, self.state, size != before) else {
            return None;
        };
        let (leaving, coming) = sync.setup.direction(back);
        let recorded = before + surge.limits(before).surge;
        let (old, new) = (sync.count(leaving), sync.count(coming));
        let targets = proportional_targets(size, surge.limits(size), recorded, old, new);
        Some(sync.scale(coming, targets.new).or(sync.scale(leaving, targets.old)))
    }

    /// Turns round, if it has not yet.
    pub fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        match self.state {
            State::Replacing { back: true } | State::Done { .. } | State::Failed => Progress::Settled,
            State::Canaries { .. } | State::Replacing { back: false } | State::Baking { .. } => {
                sync.announce(Phase::RollingBack, reason);
                self.state = State::Replacing { back: true };
                Progress::Made
            }
        }
    }

    /// A new instance failed to start: `CodeDeploy` gives its host up, the circuit breaker of ECS counts it.
    pub fn crashed(&mut self, instance: InstanceId, sync: &mut Sync<'_>) {
        if !self.broken.contains(&instance) {
            self.broken.push(instance);
        }
        let Way::Ecs(Ecs { breaker: Some(breaker), .. }) = self.way else { return };
        if self.state != (State::Replacing { back: false }) {
            return;
        }
        self.failed += 1;
        if self.failed < breaker_threshold(breaker.threshold, sync.setup.size) {
            return;
        }
        let reason = format!("the circuit breaker opened after {}", counted(self.failed as usize, "failed task"));
        if breaker.rollback {
            self.fail(sync, &reason);
        } else {
            sync.announce(Phase::Failed, reason);
            self.state = State::Failed;
        }
    }

    /// A new instance became ready.
    pub fn became_healthy(&mut self) {
        if matches!(&self.way, Way::Ecs(Ecs { breaker: Some(breaker), .. }) if breaker.resets) {
            self.failed = 0;
        }
    }

    pub fn deadline(&self) -> Moment {
        match self.state {
            State::Baking { until } => until,
            State::Canaries { .. } | State::Replacing { .. } => self.next_late,
            State::Done { .. } | State::Failed => Moment::NEVER,
        }
    }

    pub fn waits_for_instances(&self) -> bool {
        matches!(self.state, State::Replacing { .. } | State::Canaries { said: false })
    }

    fn try_canaries(&mut self, said: bool, sync: &mut Sync<'_>) -> Progress {
        let Way::Nomad(nomad) = self.way else { unreachable!("only Nomad has canaries in place") };
        let size = sync.setup.size;
        let (old, new) = (sync.count(sync.setup.from), sync.count(sync.setup.to));
        let targets = nomad_targets(size, nomad, false, false, old, new);
        if sync.scale(sync.setup.to, targets.new) == Progress::Made {
            return Progress::Made;
        }
        if new.available < nomad.canaries {
            return Progress::Settled;
        }
        if nomad.auto_promote || sync.take_promotion() {
            sync.announce(Phase::Replacing, format!("the canaries were promoted; {} at a time", nomad.parallel));
            self.state = State::Replacing { back: false };
            return Progress::Made;
        }
        if !said {
            sync.announce(Phase::Waiting, "for somebody to promote the canaries");
            self.state = State::Canaries { said: true };
        }
        Progress::Settled
    }

    fn replace(&mut self, back: bool, sync: &mut Sync<'_>) -> Progress {
        let size = sync.setup.size;
        let (leaving, coming) = sync.setup.direction(back);
        let (old, new) = (sync.count(leaving), sync.count(coming));
        let targets = self.way.targets(size, self.unhealthy > 0, old, new);
        if matches!(self.way, Way::Recreate) && targets.new > new.spec {
            sync.announce(Phase::Starting, counted(size as usize, "instance"));
        }
        let grown = sync.scale(coming, targets.new);
        let shrunk = sync.scale(leaving, targets.old);
        if grown == Progress::Made || shrunk == Progress::Made {
            return Progress::Made;
        }
        if let (Way::Hosts(_), false, false) = (&self.way, back, self.broken.is_empty()) {
            return self.judge_hosts(old, new, sync);
        }
        if old.spec > 0 || new.available < size {
            self.look_stuck(old, new, sync);
            return Progress::Settled;
        }
        self.replaced(back, sync)
    }

    /// Some hosts failed: the deployment goes on as long as enough others are healthy, and succeeds if any host did.
    fn judge_hosts(&mut self, old: Counts, new: Counts, sync: &mut Sync<'_>) -> Progress {
        let broken = self.broken.len() as u32;
        let under_way = old.terminating + (new.spec - new.available).saturating_sub(broken);
        if under_way > 0 {
            return Progress::Settled;
        }
        let hosts = format!("{} failed, {} succeeded", counted(broken as usize, "host"), new.available);
        if old.spec == 0 && new.available > 0 {
            return self.promote(&hosts, sync);
        }
        sync.announce(Phase::Failed, format!("{hosts}: no further host may be taken out"));
        self.state = State::Failed;
        Progress::Made
    }

    /// Nothing is under way, and nothing may begin: some controllers say so at once.
    fn look_stuck(&mut self, old: Counts, new: Counts, sync: &mut Sync<'_>) {
        let idle = old.terminating + new.terminating == 0 && old.available + new.available == old.spec + new.spec;
        if let (true, false, Some(reason)) = (idle, self.said_stuck, self.way.stuck(sync.setup.size)) {
            self.said_stuck = true;
            sync.announce(Phase::Stuck, reason);
        }
    }

    fn replaced(&mut self, back: bool, sync: &mut Sync<'_>) -> Progress {
        if back {
            sync.announce(Phase::RolledBack, "every instance runs the old version");
            self.state = State::Done { back };
            return Progress::Made;
        }
        if self.bake.is_zero() {
            return self.promote("every instance runs the new version", sync);
        }
        sync.announce(Phase::Baking, format!("every instance runs the new version; watched for {}", self.bake));
        self.state = State::Baking { until: sync.now + self.bake };
        Progress::Made
    }

    fn promote(&mut self, reason: &str, sync: &mut Sync<'_>) -> Progress {
        sync.announce(Phase::Promoted, reason);
        self.state = State::Done { back: false };
        Progress::Made
    }
}
