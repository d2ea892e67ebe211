//! How many instances each version has in a stage, and on the way back.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::by_count::{approximate, basic_canary_targets, batch_size, batch_targets};
use crate::core::rollout::rolling::rolling_targets;
use crate::core::rollout::sync::{Progress, Sync};
use crate::core::rollout::traffic_routed::{RoutedView, routed_targets, share_on_the_way_back, step_on_the_way_back};
use crate::core::rollout::{Scale, Surge, Targets};

/// The rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sizing {
    /// Both versions side by side, proxies split the traffic.
    Routed {
        /// A version that has any instance has at least so many.
        least: u32,
        /// The old fleet shrinks with its share.
        dynamic: bool,
    },
    /// The number of instances makes the share.
    Count(Surge),
    /// A rolling update that stops after each batch.
    Batches(Surge),
    /// No instance changes.
    Nothing,
}

/// How far a stage's instances are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grown {
    pub progress: Progress,
    /// Enough of them are available.
    pub there: bool,
}

/// How far the way back is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Back {
    pub progress: Progress,
    /// The old version serves everything.
    pub there: bool,
    /// What the new version keeps for now.
    pub share: Share,
}

impl Sizing {
    /// Orders what a stage with this share needs; the new version has the share `actual` now.
    pub fn go(self, share: Share, scale: Scale, actual: Share, sync: &mut Sync<'_>) -> Grown {
        let size = sync.setup.size;
        let (old, new) = (sync.count(sync.setup.from), sync.count(sync.setup.to));
        match self {
            Sizing::Routed { least, dynamic } => {
                let view = RoutedView { size, desired: share, actual, scale, least, dynamic, aborting: false };
                let targets = routed_targets(view);
                Grown { progress: order(targets, sync), there: new.available >= targets.new }
            }
            Sizing::Count(surge) => {
                let limits = surge.limits(size);
                let wanted = approximate(size, share, limits.surge);
                let there = new.available >= wanted.new && new.spec == wanted.new && old.spec == wanted.old;
                Grown { progress: order(basic_canary_targets(size, limits, share, old, new), sync), there }
            }
            Sizing::Batches(surge) => {
                let batch = match scale {
                    Scale::Own(amount) => batch_size(amount, size),
                    Scale::MatchShare => batch_size(Amount::Percent(100.0 * share.value()), size),
                };
                let targets = batch_targets(size, surge.limits(size), batch, old, new);
                let there = new.available >= batch && old.spec <= size - batch;
                Grown { progress: order(targets, sync), there }
            }
            Sizing::Nothing => Grown { progress: Progress::Settled, there: true },
        }
    }

    /// Orders what brings all traffic back to the old version; `steps` are the shares of the walk, rising.
    pub fn go_back(self, steps: &[Share], actual: Share, sync: &mut Sync<'_>) -> Back {
        let size = sync.setup.size;
        let (old, new) = (sync.count(sync.setup.from), sync.count(sync.setup.to));
        match self {
            Sizing::Routed { dynamic: false, .. } => {
                let progress = sync.scale(sync.setup.from, size);
                Back { progress, there: progress == Progress::Settled, share: Share::NONE }
            }
            Sizing::Routed { least, dynamic: true } => {
                let share = share_on_the_way_back(actual, size, old.available);
                let desired = step_on_the_way_back(steps, size, old.available, new.available);
                let scale = Scale::MatchShare;
                let view = RoutedView { size, desired, actual: share, scale, least, dynamic: true, aborting: true };
                let progress = order(routed_targets(view), sync);
                Back { progress, there: share == Share::NONE && old.available >= size, share }
            }
            Sizing::Count(surge) => {
                let targets = basic_canary_targets(size, surge.limits(size), Share::NONE, old, new);
                let there = new.spec == 0 && old.available >= size;
                Back { progress: order(targets, sync), there, share: Share::NONE }
            }
            Sizing::Batches(surge) => {
                let (limits, counts) = (surge.limits(size), surge.waits_for_termination);
                let back = rolling_targets(size, limits, counts, new, old);
                let there = new.spec == 0 && old.available >= size;
                let progress = order(Targets { old: back.new, new: back.old }, sync);
                Back { progress, there, share: Share::NONE }
            }
            Sizing::Nothing => Back { progress: Progress::Settled, there: true, share: Share::NONE },
        }
    }
}

fn order(targets: Targets, sync: &mut Sync<'_>) -> Progress {
    let (from, to) = (sync.setup.from, sync.setup.to);
    sync.scale(to, targets.new).or(sync.scale(from, targets.old))
}
