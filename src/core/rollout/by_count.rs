//! Canaries whose share of the traffic is their share of the instances: Argo's without a traffic router
//! (`utils/replicaset/canary.go`), and the batches of `OpenKruise` (`pkg/controller/deployment/rolling.go`).

use crate::core::amount::Amount;
use crate::core::amount::Share;
use crate::core::fleet::Counts;
use crate::core::rollout::Targets;
use crate::core::rollout::rolling::{Limits, clean_up, grow_new, shrink_old};

/// Differences of the binary fractions of decimal weights.
const EPSILON: f64 = 1e-9;

/// The instances that come closest to a share of `weight` for the new version: of four candidates, half up, the first
/// wins ties. Neither version is left without any where both are to serve, unless there is but one instance and no room.
pub fn approximate(size: u32, weight: Share, surge: u32) -> Targets {
    if size == 0 {
        return Targets { old: 0, new: 0 };
    }
    let exact = f64::from(size) * weight.value();
    let (up, down) = ((exact - EPSILON).ceil() as u32, (exact + EPSILON).floor() as u32);
    let zero_allowed = weight == Share::NONE || weight == Share::ALL || (size == 1 && surge == 0);
    let down_allowed = |total: u32| !is_half(f64::from(total) * weight.value()) && (down != 0 || zero_allowed);
    let mut candidates = Vec::with_capacity(4);
    candidates.extend((up < size || zero_allowed).then_some((up, size)));
    candidates.extend(down_allowed(size).then_some((down, size)));
    if surge > 0 {
        candidates.push((up, size + 1));
        candidates.extend(down_allowed(size + 1).then_some((down, size + 1)));
    }
    let distance = |(new, total): (u32, u32)| (f64::from(new) / f64::from(total) - weight.value()).abs();
    let closest =
        candidates.into_iter().reduce(|best, next| if distance(next) < distance(best) - EPSILON { next } else { best });
    let (new, total) = closest.unwrap_or((0, size));
    Targets { old: total - new, new }
}

fn is_half(exact: f64) -> bool {
    (exact.fract() - 0.5).abs() < EPSILON
}

/// The sizes that one sync asks for on the way to a share of `weight` for the new version.
pub fn basic_canary_targets(size: u32, limits: Limits, weight: Share, old: Counts, new: Counts) -> Targets {
    let wanted = approximate(size, weight, limits.surge);
    let most = size + limits.surge;
    let room = most.saturating_sub(old.spec + new.spec);
    let grown_old = old.spec.max(wanted.old.min(old.spec + room));
    let grown_new = new.spec.max(wanted.new.min(new.spec + room - (grown_old - old.spec)));
    let minimum = size.saturating_sub(limits.unavailable);
    let grows = wanted.new >= new.spec;
    // The side that shrinks counts with all it has, so that broken instances of it hold nothing up.
    let counted = |side: Counts, shrinks: bool| if shrinks { side.spec } else { side.available.min(side.spec) };
    let spare = (counted(new, !grows) + counted(old, grows)).saturating_sub(minimum);
    if spare == 0 {
        return Targets { old: grown_old, new: grown_new };
    }
    if grows {
        let shrunk = shrink(old, wanted.old, spare, grown_old);
        let (old, new) = fit(old, new, shrunk, grown_new, most, minimum);
        Targets { old, new }
    } else {
        let shrunk = shrink(new, wanted.new, spare, grown_new);
        let (new, old) = fit(new, old, shrunk, grown_old, most, minimum);
        Targets { old, new }
    }
}

fn shrink(side: Counts, wanted: u32, spare: u32, otherwise: u32) -> u32 {
    if side.spec > wanted { wanted.max(side.spec.saturating_sub(spare)) } else { otherwise }
}

/// Trims the growing side until the sum is allowed, and gives back what would be missed; what is then too much comes off
/// the shrinking side.
fn fit(shrinking: Counts, growing: Counts, shrunk: u32, grown: u32, most: u32, minimum: u32) -> (u32, u32) {
    let over = (grown + shrunk).saturating_sub(most);
    let trimmed = grown.saturating_sub(over);
    let available = shrinking.available.min(shrunk) + growing.available.min(trimmed);
    let lost = growing.available.saturating_sub(trimmed);
    let kept = trimmed + lost.min(minimum.saturating_sub(available));
    (shrunk.saturating_sub((kept + shrunk).saturating_sub(most)), kept)
}

/// New instances in a batch: a percentage rounds up, but one old instance stays while it is below 100 %.
pub fn batch_size(batch: Amount, size: u32) -> u32 {
    let wanted = batch.round_up(size).min(size);
    match batch {
        Amount::Percent(percent) if percent < 100.0 && size > 1 => wanted.min(size - 1),
        Amount::Percent(_) | Amount::Count(_) => wanted,
    }
}

/// The sizes that one sync asks for on the way to `batch` new instances: a rolling update that stops there.
pub fn batch_targets(size: u32, limits: Limits, batch: u32, old: Counts, new: Counts) -> Targets {
    let grown = grow_new(size, limits, old.spec + new.spec, new.spec).min(batch.max(new.spec));
    if grown != new.spec {
        return Targets { old: old.spec, new: grown };
    }
    let surplus = old.spec.saturating_sub(size.saturating_sub(batch));
    let cleaned = clean_up(size, limits, old, new).min(surplus);
    let shrunk = shrink_old(size, limits, old, new, cleaned).min(surplus - cleaned);
    Targets { old: old.spec - cleaned - shrunk, new: new.spec }
}

#[cfg(test)]
mod tests;
