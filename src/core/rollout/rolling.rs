//! Rolling update with the arithmetic of a Kubernetes Deployment (`pkg/controller/deployment/rolling.go`).
//!
//! Terminating instances are invisible to it unless it is told to count them: replacements start while old ones are still
//! in their grace period.

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
/// `counts_terminating`: those that terminate take up room, too (`podReplacementPolicy: TerminationComplete`).
pub fn rolling_targets(size: u32, limits: Limits, counts_terminating: bool, old: Counts, new: Counts) -> Targets {
    let leaving = if counts_terminating { old.terminating + new.terminating } else { 0 };
    let grown = grow_new(size, limits, old.spec + new.spec + leaving, new.spec);
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

/// The sizes after the fleet's size was changed in mid-rollout (`sync.go`, `scale`): what is to be added or removed is
/// spread in proportion, the larger version first; of equal ones the newer grows and the older shrinks first.
///
/// `recorded` is the size and surge for which both were last sized (the `max-replicas` annotation).
pub fn proportional_targets(size: u32, limits: Limits, recorded: u32, old: Counts, new: Counts) -> Targets {
    let (one, saturated) = (old.spec == 0 || new.spec == 0, new.spec == size && new.available == size);
    match (one, saturated) {
        (true, _) if new.spec > 0 => return Targets { old: 0, new: size },
        (true, _) => return Targets { old: size, new: 0 },
        (false, true) => return Targets { old: 0, new: size },
        (false, false) => {}
    }
    let allowed = if size > 0 { size + limits.surge } else { 0 };
    let to_add = i64::from(allowed) - i64::from(old.spec) - i64::from(new.spec);
    let new_first = new.spec > old.spec || (new.spec == old.spec && to_add > 0);
    let [first, second] = if new_first { [new.spec, old.spec] } else { [old.spec, new.spec] };
    let fraction = |spec: u32| match size {
        0 => -i64::from(spec),
        _ => round_half_away(u64::from(spec) * u64::from(allowed), recorded) - i64::from(spec),
    };
    let clipped = |fraction: i64, left: i64| if to_add > 0 { fraction.min(left) } else { fraction.max(left) };
    let to_first = if to_add == 0 { 0 } else { clipped(fraction(first), to_add) };
    let to_second = if to_add == to_first { 0 } else { clipped(fraction(second), to_add - to_first) };
    let leftover = to_add - to_first - to_second;
    let sized = |spec: u32, add: i64| u32::try_from(i64::from(spec) + add).unwrap_or(0);
    let (first, second) = (sized(first, to_first + leftover), sized(second, to_second));
    if new_first { Targets { old: second, new: first } } else { Targets { old: first, new: second } }
}

fn round_half_away(product: u64, by: u32) -> i64 {
    let by = u64::from(by.max(1));
    ((2 * product + by) / (2 * by)) as i64
}

/// Whether a Deployment counts as complete (`DeploymentComplete`).
pub fn is_complete(size: u32, total: u32, updated: u32, available: u32) -> bool {
    updated == size && total == size && available == size
}

/// Old instances that may go at all: never so many that the new ones which are not available yet would be missed.
fn removable(size: u32, limits: Limits, old: Counts, new: Counts) -> u32 {
    let needed = size - limits.unavailable + (new.spec - new.available);
    (old.spec + new.spec).saturating_sub(needed)
}

#[cfg(test)]
mod tests;
