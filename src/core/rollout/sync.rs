//! One look of a controller at the world: the fleet as it stands, the verdict if there is a gate, and a place for orders.

use crate::core::amount::Share;
use crate::core::fleet::{Counts, Fleet, State};
use crate::core::ids::VersionId;
use crate::core::rollout::{Order, Phase, Setup, Verdict};
use crate::core::time::Moment;

/// What a strategy's state machine sees and may do in one step.
pub(super) struct Sync<'a> {
    pub now: Moment,
    pub setup: &'a Setup,
    pub fleet: &'a mut Fleet,
    /// `None` without a gate.
    pub verdict: Option<Verdict>,
    pub orders: &'a mut Vec<Order>,
}

/// Whether a step changed anything; if so, the machine is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Made,
    Settled,
}

impl Sync<'_> {
    pub fn count(&self, version: VersionId) -> Counts {
        self.fleet.count(version, self.now)
    }

    /// Orders whatever brings the wanted instances of `version` to `target`.
    pub fn scale(&mut self, version: VersionId, target: u32) -> Progress {
        let spec = self.count(version).spec;
        for _ in spec..target {
            let instance = self.fleet.launch(version);
            self.orders.push(Order::Launch { instance, version });
        }
        let surplus = spec.saturating_sub(target) as usize;
        for instance in self.fleet.in_order_of_removal(version).into_iter().take(surplus) {
            self.fleet.set(instance, State::Terminating);
            self.orders.push(Order::Publish { instance, listed: false });
            self.orders.push(Order::Drain { instance });
        }
        if spec == target { Progress::Settled } else { Progress::Made }
    }

    pub fn weigh(&mut self, share: Share) {
        self.orders.push(Order::Weight { share });
    }

    pub fn announce(&mut self, phase: Phase, reason: impl Into<String>) {
        self.orders.push(Order::Announce { phase, reason: reason.into() });
    }

    /// The evidence, if the gate says that the new version is bad.
    pub fn bad(&self) -> Option<String> {
        match self.verdict {
            Some(Verdict::Fail(evidence)) => Some(evidence.to_string()),
            Some(Verdict::Pass(_) | Verdict::Inconclusive(_)) | None => None,
        }
    }

    /// Whether there is no gate, or it is content.
    pub fn may_go_on(&self) -> bool {
        matches!(self.verdict, None | Some(Verdict::Pass(_)))
    }
}
