//! The state machine of strategies that replace instances in place: recreate and rolling. All versions share the
//! traffic by the number of their instances.

use crate::core::fleet::Counts;
use crate::core::rollout::recreate::recreate_targets;
use crate::core::rollout::rolling::{Limits, rolling_targets};
use crate::core::rollout::sync::{Progress, Sync};
use crate::core::rollout::{Phase, Targets};
use crate::core::time::{Moment, Span};

/// What tells recreate from rolling: the arithmetic of a sync.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Recreate,
    Rolling(Limits),
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    way: Way,
    /// How long the gate goes on watching at the end; zero without a gate.
    bake: Span,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Replacing the old version by the new one; `back`: the other way round.
    Replacing {
        back: bool,
    },
    Baking {
        until: Moment,
    },
    Done,
}

impl Way {
    fn targets(self, size: u32, old: Counts, new: Counts) -> Targets {
        match self {
            Way::Recreate => recreate_targets(size, old, new),
            Way::Rolling(limits) => rolling_targets(size, limits, old, new),
        }
    }

    fn plan(self, size: u32) -> (Phase, String) {
        match self {
            Way::Recreate => (Phase::Stopping, format!("{size} instances, all of them before others start")),
            Way::Rolling(Limits { surge, unavailable }) => (
                Phase::Replacing,
                format!("{size} instances, at most {surge} more (surge) and {unavailable} fewer (unavailable)"),
            ),
        }
    }
}

impl Machine {
    pub fn start(way: Way, bake: Span, sync: &mut Sync<'_>) -> Machine {
        let (phase, reason) = way.plan(sync.setup.size);
        sync.announce(phase, reason);
        Machine { way, bake, state: State::Replacing { back: false } }
    }

    pub fn step(&mut self, sync: &mut Sync<'_>) -> Progress {
        match (self.state, sync.bad()) {
            (State::Done, _) => Progress::Settled,
            (State::Replacing { back: false } | State::Baking { .. }, Some(evidence)) => self.fail(sync, &evidence),
            (State::Replacing { back }, _) => self.replace(back, sync),
            (State::Baking { until }, _) if sync.now < until => Progress::Settled,
            (State::Baking { .. }, _) => self.promote("no bad verdict while baking", sync),
        }
    }

    /// Turns round, if it has not yet.
    pub fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        match self.state {
            State::Replacing { back: true } | State::Done => Progress::Settled,
            State::Replacing { back: false } | State::Baking { .. } => {
                sync.announce(Phase::RollingBack, reason);
                self.state = State::Replacing { back: true };
                Progress::Made
            }
        }
    }

    pub fn deadline(&self) -> Moment {
        match self.state {
            State::Baking { until } => until,
            State::Replacing { .. } | State::Done => Moment::NEVER,
        }
    }

    pub fn waits_for_instances(&self) -> bool {
        matches!(self.state, State::Replacing { .. })
    }

    fn replace(&mut self, back: bool, sync: &mut Sync<'_>) -> Progress {
        let size = sync.setup.size;
        let (leaving, coming) = sync.setup.direction(back);
        let (old, new) = (sync.count(leaving), sync.count(coming));
        let targets = self.way.targets(size, old, new);
        if matches!(self.way, Way::Recreate) && targets.new > new.spec {
            sync.announce(Phase::Starting, format!("{size} instances"));
        }
        let grown = sync.scale(coming, targets.new);
        let shrunk = sync.scale(leaving, targets.old);
        if grown == Progress::Made || shrunk == Progress::Made {
            return Progress::Made;
        }
        if old.spec > 0 || new.available < size {
            return Progress::Settled;
        }
        self.replaced(back, sync)
    }

    fn replaced(&mut self, back: bool, sync: &mut Sync<'_>) -> Progress {
        if back {
            sync.announce(Phase::RolledBack, "every instance runs the old version");
            self.state = State::Done;
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
        self.state = State::Done;
        Progress::Made
    }
}
