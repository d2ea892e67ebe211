//! The control plane of one service: when to launch, drain and shift traffic.
//!
//! A [`Controller`] is told what happened ([`Input`]) and answers with [`Order`]s, which the driver carries out. It is
//! level-triggered: each step compares what its phase wants with what the fleet shows now and orders the difference, so
//! that a lost or repeated observation changes nothing. It sees traffic only through the samples it is given.

mod analysis;
mod by_count;
mod controller;
mod course;
mod difference;
mod ecs;
mod flagger;
mod gate;
mod hosts;
mod in_place;
mod nomad;
mod recreate;
mod rolling;
mod run;
mod samples;
mod sizing;
mod stages;
mod strategy;
mod sync;
mod traffic_routed;
mod walk;

pub use analysis::{Analysis, Check, Condition, Measure, Relation, Tolerance};
pub use by_count::{approximate, basic_canary_targets, batch_size, batch_targets};
pub use controller::{Controller, Setup};
pub use ecs::{TaskLimits, breaker_threshold, ecs_targets};
pub use gate::Ruling;
pub use hosts::{healthy_hosts, hosts_targets};
pub use nomad::nomad_targets;
pub use recreate::recreate_targets;
pub use rolling::{Limits, clean_up, grow_new, is_complete, proportional_targets, rolling_targets, shrink_old};
pub use run::{Measurement, Outcome, Tallies};
pub use samples::{Sample, Tally};
pub use strategy::{
    AbTest, Background, Bad, BlueGreen, BreakerThreshold, Canary, Control, Ecs, FeatureFlag, FlagStep, Flagger, Gate,
    Hold, Nomad, Pace, Recreate, Rolling, Routing, Scale, Shadow, Spending, Split, Step, Strategy, Surge, TaskBreaker,
};
pub use traffic_routed::{RoutedView, instances_for, routed_targets, share_on_the_way_back, step_on_the_way_back};
pub use walk::{Act, Readiness, View, Walk, WalkPhase};

use crate::core::amount::Share;
use crate::core::ids::{InstanceId, VersionId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Someone asks for the rollout.
    Deploy,
    /// An instance answers.
    Ready(InstanceId),
    /// An instance that answered went down by itself, and the platform noticed.
    Lost(InstanceId),
    /// An instance that was ordered to stop no longer exists.
    Gone(InstanceId),
    /// An instance that was starting ended instead of answering, and its platform will start it again.
    Crashed(InstanceId),
    /// Metrics arrived.
    Sample(Sample),
    /// A person lets the rollout go on where it waits for one.
    Promote,
    /// A person gives it up.
    Abort,
    /// A person stops it where it is.
    Pause,
    /// A person lets a paused rollout go on.
    Resume,
    /// Somebody, or an autoscaler, wants another size of the fleet.
    Scale(u32),
    /// The moment that [`Controller::deadline`] asked for has come.
    Deadline,
}

/// The sizes that a sync asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Instances of the version that leaves.
    pub old: u32,
    /// Instances of the version that comes.
    pub new: u32,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Start an instance.
    Launch {
        /// The number it is to have.
        instance: InstanceId,
        /// What it runs.
        version: VersionId,
        /// Whether it is of the fresh baseline, whose attempts count apart.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        baseline: bool,
    },
    /// Change the endpoints; each proxy learns of it later.
    Publish {
        /// Which instance.
        instance: InstanceId,
        /// Whether it is to be in them.
        listed: bool,
    },
    /// Begin the graceful shutdown of an instance; it was unpublished in the same breath.
    Drain {
        /// Which instance.
        instance: InstanceId,
    },
    /// Give the new version this share of the requests; each proxy learns of it later.
    Weight {
        /// Of all requests.
        share: Share,
    },
    /// Copy this share of the requests to the new version and throw its answers away; each proxy learns of it later.
    Mirror {
        /// Of all requests.
        share: Share,
    },
    /// Let this share of the users meet the new code, which every instance has; at once.
    Expose {
        /// Of all users.
        share: Share,
    },
    /// Tell people where the rollout is.
    Announce {
        /// Where it is.
        phase: Phase,
        /// Why, with the evidence.
        reason: String,
    },
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The deploy command was taken.
    Started,
    /// Old instances are being stopped, none may be left.
    Stopping,
    /// New instances are being started.
    Starting,
    /// Old instances are being replaced by new ones.
    Replacing,
    /// A step of a canary, counted from 1.
    Step(usize, usize),
    /// The new version gets every request.
    Switched,
    /// Every instance is in place; the gate goes on watching, or the old fleet is kept.
    Baking,
    /// The hold of a step is over, but the gate has too little evidence to go on.
    Holding,
    /// Waits for a person.
    Waiting,
    /// A person, or an inconclusive analysis, stopped it where it is.
    Paused,
    /// A person lets it go on after a pause.
    Resumed,
    /// Nothing has moved for the progress deadline.
    Stuck,
    /// The new version was judged bad.
    RollingBack,
    /// The old version serves everything again.
    RolledBack,
    /// The new version serves everything.
    Promoted,
    /// The deployment failed, and stays as it is.
    Failed,
    /// What was to be learnt is known; nothing replaces anything.
    Concluded,
}

impl Phase {
    /// Whether the rollout is over, well or not.
    pub const fn is_final(self) -> bool {
        matches!(self, Phase::RolledBack | Phase::Promoted | Phase::Failed | Phase::Concluded)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Phase::Step(number, of) => return write!(out, "step {number}/{of}"),
            Phase::Started => "started",
            Phase::Stopping => "stopping",
            Phase::Starting => "starting",
            Phase::Replacing => "replacing",
            Phase::Switched => "switched",
            Phase::Baking => "baking",
            Phase::Holding => "holding",
            Phase::Waiting => "waiting",
            Phase::Paused => "paused",
            Phase::Resumed => "resumed",
            Phase::Stuck => "stuck",
            Phase::RollingBack => "rolling back",
            Phase::RolledBack => "rolled back",
            Phase::Promoted => "promoted",
            Phase::Failed => "failed",
            Phase::Concluded => "concluded",
        };
        out.write_str(name)
    }
}

#[cfg(test)]
mod tests;
