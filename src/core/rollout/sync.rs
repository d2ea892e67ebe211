//! One look of a controller at the world: the fleet as it stands, what was measured, what people said, and a place for
//! orders.

use crate::core::amount::Share;
use crate::core::fleet::{Counts, Fleet, State};
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::gate::{Ruling, judge};
use crate::core::rollout::samples::Samples;
use crate::core::rollout::{Gate, Order, Phase, Setup};
use crate::core::time::Moment;

/// What a strategy's state machine sees and may do in one step.
pub(super) struct Sync<'a> {
    pub now: Moment,
    pub setup: &'a Setup,
    pub fleet: &'a mut Fleet,
    pub samples: &'a mut Samples,
    pub gate: Option<Gate>,
    /// A person let the rollout go on; whoever waited for that takes it.
    pub promoted: &'a mut bool,
    pub orders: &'a mut Vec<Order>,
}

/// Whether a step changed anything; if so, the machine is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Made,
    Settled,
}

impl Progress {
    pub fn or(self, other: Progress) -> Progress {
        if self == Progress::Made { Progress::Made } else { other }
    }
}

impl Sync<'_> {
    pub fn count(&self, version: VersionId) -> Counts {
        self.fleet.count(version, self.now)
    }

    /// Orders whatever brings the wanted instances of `version` to `target`.
    pub fn scale(&mut self, version: VersionId, target: u32) -> Progress {
        self.scale_beside(version, target, &[])
    }

    /// The same for all instances of `version` but those `apart`.
    pub fn scale_beside(&mut self, version: VersionId, target: u32, apart: &[InstanceId]) -> Progress {
        let spec = self.fleet.count_where(self.now, |id, of| of == version && !apart.contains(&id)).spec;
        for _ in spec..target {
            self.launch(version);
        }
        let surplus = spec.saturating_sub(target) as usize;
        let candidates = self.fleet.in_order_of_removal(version);
        let stopped: Vec<InstanceId> = candidates.into_iter().filter(|id| !apart.contains(id)).take(surplus).collect();
        stopped.into_iter().for_each(|instance| self.stop(instance));
        if spec == target { Progress::Settled } else { Progress::Made }
    }

    pub fn launch(&mut self, version: VersionId) -> InstanceId {
        let instance = self.fleet.launch(self.now, version);
        self.orders.push(Order::Launch { instance, version, baseline: false });
        instance
    }

    /// Orders whatever brings the baseline to `target` instances.
    pub fn scale_baseline(&mut self, target: u32) -> Progress {
        let (version, spec) = (self.setup.from, self.fleet.count_baseline(self.now).spec);
        for _ in spec..target {
            let instance = self.fleet.launch_baseline(self.now, version);
            self.orders.push(Order::Launch { instance, version, baseline: true });
        }
        let surplus = spec.saturating_sub(target) as usize;
        let stopped = self.fleet.baseline_in_order_of_removal();
        stopped.into_iter().take(surplus).for_each(|instance| self.stop(instance));
        if spec == target { Progress::Settled } else { Progress::Made }
    }

    /// The gate has no more use for the baseline.
    pub fn retire_baseline(&mut self) -> Progress {
        self.samples.end_baseline(self.now);
        self.scale_baseline(0)
    }

    /// Stops an instance, unless it is stopping already.
    pub fn stop(&mut self, instance: InstanceId) {
        if matches!(self.fleet.state(instance), State::Starting | State::Ready(_)) {
            self.fleet.set(instance, State::Terminating);
            self.orders.push(Order::Publish { instance, listed: false });
            self.orders.push(Order::Drain { instance });
        }
    }

    pub fn weigh(&mut self, share: Share) {
        self.orders.push(Order::Weight { share });
    }

    pub fn announce(&mut self, phase: Phase, reason: impl Into<String>) {
        self.orders.push(Order::Announce { phase, reason: reason.into() });
    }

    /// What the gate says; `None` without one.
    pub fn ruling(&self) -> Option<Ruling> {
        self.gate.map(|gate| judge(gate, self.samples))
    }

    /// The evidence, if the gate says that the new version is bad.
    pub fn bad(&self) -> Option<String> {
        self.ruling().filter(Ruling::is_fail).map(|ruling| ruling.to_string())
    }

    /// Whether a person has let the rollout go on; that counts once.
    pub fn take_promotion(&mut self) -> bool {
        std::mem::take(self.promoted)
    }
}

/// A count of something, e.g. `1 instance` or `3 instances`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
