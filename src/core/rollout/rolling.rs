//! Rolling update with the arithmetic of a Kubernetes Deployment (`pkg/controller/deployment/rolling.go`).
//!
//! Terminating instances are invisible to it: replacements start while old ones are still in their grace period.

use crate::core::amount::Amount;
use crate::core::fleet::Counts;
use crate::core::rollout::Targets;

/// What `surge` and `unavailable` come to for a fleet of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instances allowed above the fleet's size.
    pub surge: u32,
    /// Instances that may be missing.
    pub unavailable: u32,
}

impl Limits {
    /// Surge rounds up, unavailable rounds down and is capped at the size; should both come to zero, one may be missing
    /// (`deployment_util.go`, `ResolveFenceposts`).
    pub fn resolve(surge: Amount, unavailable: Amount, size: u32) -> Limits {
        let surge = surge.round_up(size);
        let unavailable = unavailable.round_down(size);
        if surge == 0 && unavailable == 0 {
            return Limits { surge, unavailable: 1 };
        }
        Limits { surge, unavailable: unavailable.min(size) }
    }
}

/// The sizes that one sync asks for: it grows the new version, or else shrinks the old one, never both.
pub fn rolling_targets(size: u32, limits: Limits, old: Counts, new: Counts) -> Targets {
    let grown = grow_new(size, limits, old.spec + new.spec, new.spec);
    if grown != new.spec {
        return Targets { old: old.spec, new: grown };
    }
    let cleaned = clean_up(size, limits, old, new);
    let shrunk = shrink_old(size, limits, old, new, cleaned);
    Targets { old: old.spec - cleaned - shrunk, new: new.spec }
}

/// The size that one sync gives the new version, when `total` instances of all versions are wanted
/// (`NewRSNewReplicas`).
pub fn grow_new(size: u32, limits: Limits, total: u32, new: u32) -> u32 {
    if new > size {
        return size;
    }
    let room = (size + limits.surge).saturating_sub(total);
    new + room.min(size - new)
}

/// How many old instances that are not available one sync removes (`cleanupUnhealthyReplicas`).
pub fn clean_up(size: u32, limits: Limits, old: Counts, new: Counts) -> u32 {
    removable(size, limits, old, new).min(old.spec - old.available)
}

/// How many old instances one sync removes after `cleaned` broken ones were (`scaleDownOldReplicaSetsForRollingUpdate`):
/// what is available above the minimum, which `cleaned` does not reduce.
pub fn shrink_old(size: u32, limits: Limits, old: Counts, new: Counts, cleaned: u32) -> u32 {
    if removable(size, limits, old, new) == 0 {
        return 0;
    }
    let minimum = size - limits.unavailable;
    (old.available + new.available).saturating_sub(minimum).min(old.spec - cleaned)
}

/// Old instances that may go at all: never so many that the new ones which are not available yet would be missed.
fn removable(size: u32, limits: Limits, old: Counts, new: Counts) -> u32 {
    let needed = size - limits.unavailable + (new.spec - new.available);
    (old.spec + new.spec).saturating_sub(needed)
}

#[cfg(test)]
mod tests;
