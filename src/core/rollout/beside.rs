//! The state machine of strategies that put the new version beside the old one and then shift traffic: canary and
//! blue-green. Instances first, traffic second, as in Argo Rollouts.

use crate::core::amount::Share;
use crate::core::rollout::gate::percent;
use crate::core::rollout::sync::{Progress, Sync, counted};
use crate::core::rollout::{BlueGreen, Canary, Phase, Verdict};
use crate::core::time::{Moment, Span};

/// Give the new version `share` of the requests once enough of its instances are available, then hold.
#[derive(Clone, Copy, Debug)]
struct Stage {
    share: Share,
    hold: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// The last one gives the new version everything.
    stages: Vec<Stage>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the instances of a stage.
    Growing {
        stage: usize,
    },
    /// The stage has its share of the traffic. `said`: that the hold goes on for want of evidence was announced.
    Holding {
        stage: usize,
        until: Moment,
        said: bool,
    },
    /// The old version has everything again, the new one is being stopped.
    Returning,
    Done,
}

/// The instances that a share of the traffic gets: rounded up, as in Argo's traffic-routed canary, and never none.
pub fn instances_for(share: Share, size: u32) -> u32 {
    let exact = f64::from(size) * share.value();
    // A product that is whole in decimal must not round up for its last binary digits.
    ((exact - 1e-9).ceil() as u32).clamp(1, size)
}

impl Machine {
    pub fn blue_green(blue_green: &BlueGreen, sync: &mut Sync<'_>) -> Machine {
        sync.announce(
            Phase::Starting,
            format!("{} beside the old ones", counted(sync.setup.size as usize, "new instance")),
        );
        let switch = Stage { share: Share::ALL, hold: blue_green.bake };
        Machine { stages: vec![switch], state: State::Growing { stage: 0 } }
    }

    pub fn canary(canary: &Canary, sync: &mut Sync<'_>) -> Machine {
        sync.announce(Phase::Starting, counted(canary.steps.len(), "step"));
        let last = Stage { share: Share::ALL, hold: canary.keep_old };
        let steps = canary.steps.iter().map(|step| Stage {
            share: step.share,
            hold: match step.hold {
                crate::core::rollout::Hold::For(span) => span,
                crate::core::rollout::Hold::UntilPromoted => Span::ZERO,
            },
        });
        Machine { stages: steps.chain([last]).collect(), state: State::Growing { stage: 0 } }
    }

    pub fn step(&mut self, sync: &mut Sync<'_>) -> Progress {
        match (self.state, sync.bad()) {
            (State::Done, _) => Progress::Settled,
            (State::Growing { .. } | State::Holding { .. }, Some(evidence)) => self.fail(sync, &evidence),
            (State::Growing { stage }, None) => self.grow(stage, sync),
            (State::Holding { until, .. }, None) if sync.now < until => Progress::Settled,
            (State::Holding { stage, until, said }, None) => self.held(stage, until, said, sync),
            (State::Returning, _) => self.stop_new(sync),
        }
    }

    /// Gives all traffic back to the old version, unless that is already done or too late.
    pub fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        match self.state {
            State::Returning | State::Done => Progress::Settled,
            State::Growing { .. } | State::Holding { .. } => {
                sync.announce(Phase::RollingBack, reason);
                sync.weigh(Share::NONE);
                self.state = State::Returning;
                Progress::Made
            }
        }
    }

    pub fn deadline(&self) -> Moment {
        match self.state {
            State::Holding { until, .. } => until,
            State::Growing { .. } | State::Returning | State::Done => Moment::NEVER,
        }
    }

    pub fn waits_for_instances(&self) -> bool {
        matches!(self.state, State::Growing { .. })
    }

    fn grow(&mut self, stage: usize, sync: &mut Sync<'_>) -> Progress {
        let new = sync.setup.to;
        let Stage { share, hold } = self.stages[stage];
        let wanted = instances_for(share, sync.setup.size);
        if sync.scale(new, wanted) == Progress::Made {
            return Progress::Made;
        }
        if sync.count(new).available < wanted {
            return Progress::Settled;
        }
        sync.weigh(share);
        let (phase, reason) = self.arrival(stage, wanted);
        sync.announce(phase, reason);
        self.state = State::Holding { stage, until: sync.now + hold, said: false };
        Progress::Made
    }

    fn arrival(&self, stage: usize, instances: u32) -> (Phase, String) {
        let Stage { share, hold } = self.stages[stage];
        if stage + 1 == self.stages.len() {
            return (Phase::Switched, format!("100 % to the new version; the old one is kept for {hold}"));
        }
        let share = percent(share.value());
        let phase = Phase::Step(stage + 1, self.stages.len() - 1);
        (phase, format!("{share} % to the new version on {} for {hold}", counted(instances as usize, "instance")))
    }

    /// The hold is over: on to the next stage if the gate is content, else wait for evidence.
    fn held(&mut self, stage: usize, until: Moment, said: bool, sync: &mut Sync<'_>) -> Progress {
        if sync.may_go_on() {
            return self.advance(stage, sync);
        }
        if let (false, Some(Verdict::Inconclusive(evidence))) = (said, sync.verdict) {
            sync.announce(Phase::Holding, format!("inconclusive: {evidence}"));
            self.state = State::Holding { stage, until, said: true };
        }
        Progress::Settled
    }

    fn advance(&mut self, stage: usize, sync: &mut Sync<'_>) -> Progress {
        if stage + 1 < self.stages.len() {
            self.state = State::Growing { stage: stage + 1 };
            return Progress::Made;
        }
        sync.scale(sync.setup.from, 0);
        sync.announce(Phase::Promoted, "the old version is being stopped");
        self.state = State::Done;
        Progress::Made
    }

    fn stop_new(&mut self, sync: &mut Sync<'_>) -> Progress {
        if sync.scale(sync.setup.to, 0) == Progress::Made {
            return Progress::Made;
        }
        sync.announce(Phase::RolledBack, "the old version serves everything again");
        self.state = State::Done;
        Progress::Made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_round_up_as_in_argos_traffic_routed_canary() {
        let share = |percent: u32| Share::new(f64::from(percent) / 100.0).expect("a share");
        for (percent, expected) in [(10, 1), (20, 2), (25, 3), (33, 4), (99, 10), (100, 10), (1, 1)] {
            assert_eq!(instances_for(share(percent), 10), expected, "{percent} % of 10");
        }
    }

    #[test]
    fn whole_products_do_not_round_up() {
        for percent in 1..=100_u32 {
            for size in 1..=200_u32 {
                let share = Share::new(f64::from(percent) / 100.0).expect("a share");
                assert_eq!(instances_for(share, size), (percent * size).div_ceil(100));
            }
        }
    }
}
