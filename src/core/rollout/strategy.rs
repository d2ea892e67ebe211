//! A strategy as the scenario gives it: what to do, not how far it is.

use crate::core::amount::{Amount, Share};
use crate::core::time::Span;

/// One of the ways to bring out a new version.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Stop every old instance, wait until they are gone, start the new ones.
    Recreate(Recreate),
    /// Replace a few at a time, with the arithmetic of a Kubernetes Deployment.
    Rolling(Rolling),
    /// A second fleet, one switch, the first kept for an instant return.
    BlueGreen(BlueGreen),
    /// A growing share of the traffic, watched by a gate.
    Canary(Canary),
}

impl Strategy {
    /// The gate that watches the new version, if there is one.
    pub fn gate(&self) -> Option<Gate> {
        match self {
            Strategy::Recreate(recreate) => recreate.gate,
            Strategy::Rolling(rolling) => rolling.gate,
            Strategy::BlueGreen(blue_green) => blue_green.gate,
            Strategy::Canary(canary) => canary.gate,
        }
    }

    /// How proxies split requests between the versions; `None`: by the number of instances.
    pub fn split(&self) -> Option<Split> {
        match self {
            Strategy::Recreate(_) | Strategy::Rolling(_) => None,
            Strategy::BlueGreen(_) => Some(Split::Random),
            Strategy::Canary(canary) => Some(canary.split),
        }
    }

    /// Whether it returns to the old version when the new one does not come up: a Kubernetes Deployment never does.
    pub fn rolls_back(&self) -> bool {
        match self {
            Strategy::Recreate(_) | Strategy::Rolling(_) => self.gate().is_some(),
            Strategy::BlueGreen(_) | Strategy::Canary(_) => true,
        }
    }
}

/// Options of [`Strategy::Recreate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recreate {
    /// `None`: never rolls back, as in life.
    pub gate: Option<Gate>,
    /// How long the gate goes on watching once every instance is new; without a gate it has no effect.
    pub bake: Span,
}

/// Options of [`Strategy::Rolling`].
#[derive(Clone, Debug, PartialEq)]
pub struct Rolling {
    /// Instances above the fleet's size; a percentage rounds up.
    pub surge: Amount,
    /// Instances that may be missing; a percentage rounds down.
    pub unavailable: Amount,
    /// `None`: never rolls back, as in life.
    pub gate: Option<Gate>,
    /// How long the gate goes on watching once every instance is new; without a gate it has no effect.
    pub bake: Span,
}

/// Options of [`Strategy::BlueGreen`].
#[derive(Clone, Debug, PartialEq)]
pub struct BlueGreen {
    /// How long the old fleet is kept after the switch.
    pub bake: Span,
    /// Watches from the switch to the end of the bake; `None`: never rolls back.
    pub gate: Option<Gate>,
}

/// Options of [`Strategy::Canary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// In order; after the last one the new version gets everything.
    pub steps: Vec<Step>,
    /// Watches from the first step on; `None`: never rolls back.
    pub gate: Option<Gate>,
    /// How a proxy splits requests between the versions.
    pub split: Split,
    /// How long the old fleet is kept after the last step.
    pub keep_old: Span,
}

/// One step of a canary: give the new version `share` of the requests, then hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Share of the requests that the new version gets.
    pub share: Share,
    /// How long it keeps that share, at least.
    pub hold: Span,
}

/// How a proxy splits requests between two versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// By chance for each request (Envoy, Istio, the nginx ingress).
    Random,
    /// In smooth rotation, so that the share is exact (HAProxy and nginx server weights).
    Smooth,
    /// By the user, who then stays with that version while the share does not change.
    User,
    /// By a header or cookie that this share of the users carry: they go to the new version as soon as it gets anything,
    /// the others by chance (Argo Rollouts' `setHeaderRoute`, Istio's header match).
    Header(Share),
}

/// An automatic verdict on the new version from its error rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Fails when the share of failed attempts is above this.
    pub error_rate: Share,
    /// Fewer attempts than this in the window: inconclusive.
    pub samples: u32,
    /// How far back it looks.
    pub window: Span,
}
