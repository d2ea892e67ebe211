//! One evaluation of a Nomad job with an `update` block (`scheduler/reconciler/reconcile_cluster.go`; facts only).

use crate::core::fleet::Counts;
use crate::core::rollout::{Nomad, Targets};

/// The sizes that one evaluation asks for; `promoted`: no canaries are waited for; `unhealthy`: there is a new allocation
/// that was not healthy in time, and none may follow.
///
/// A destructive update stops the old allocation before it places the new one: there is no surge but the canaries, and
/// the capacity dips by up to `max_parallel`.
pub fn nomad_targets(size: u32, nomad: Nomad, promoted: bool, unhealthy: bool, old: Counts, new: Counts) -> Targets {
    if nomad.parallel == 0 {
        return Targets { old: 0, new: size };
    }
    if !promoted && nomad.canaries > 0 {
        return Targets { old: old.spec, new: new.spec.max(nomad.canaries) };
    }
    // Those whose names the canaries took go first, all at once.
    let kept = old.spec.min(size.saturating_sub(new.spec));
    let under_way = new.spec - new.available;
    let limit = if unhealthy { 0 } else { nomad.parallel.saturating_sub(under_way) };
    // Missing allocations are placed before others are replaced, and use the limit.
    let missing = size.saturating_sub(kept + new.spec).min(limit);
    let replaced = (limit - missing).min(kept);
    Targets { old: kept - replaced, new: new.spec + missing + replaced }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(parallel: u32, canaries: u32) -> Nomad {
        Nomad { canaries, ..Nomad::new(parallel) }
    }

    fn counts(spec: u32, available: u32) -> Counts {
        Counts { spec, ready: available, available, terminating: 0 }
    }

    fn targets(size: u32, nomad: Nomad, promoted: bool, old: u32, new: (u32, u32)) -> (u32, u32) {
        let targets = nomad_targets(size, nomad, promoted, false, counts(old, old), counts(new.0, new.1));
        (targets.old, targets.new)
    }

    #[test]
    fn a_new_deployment_replaces_as_many_as_may_be_under_way() {
        assert_eq!(targets(10, job(4, 0), true, 10, (0, 0)), (6, 4));
    }

    #[test]
    fn further_ones_follow_as_new_ones_become_healthy() {
        for healthy in 0..=4 {
            assert_eq!(targets(10, job(4, 0), true, 6, (4, healthy)), (6 - healthy, 4 + healthy), "{healthy} healthy");
        }
    }

    #[test]
    fn an_unhealthy_one_stops_all_that_would_follow() {
        let stopped = nomad_targets(10, job(4, 0), true, true, counts(6, 6), counts(4, 3));
        assert_eq!(stopped, Targets { old: 6, new: 4 });
    }

    #[test]
    fn canaries_come_on_top_and_the_old_ones_stay() {
        assert_eq!(targets(10, job(1, 2), false, 10, (0, 0)), (10, 2));
        assert_eq!(targets(10, job(1, 2), false, 10, (2, 2)), (10, 2));
    }

    #[test]
    fn as_many_canaries_as_instances_are_blue_green() {
        assert_eq!(targets(2, job(2, 2), true, 2, (2, 2)), (0, 2));
    }

    #[test]
    fn without_an_update_block_everything_goes_at_once() {
        assert_eq!(targets(10, job(0, 0), true, 10, (0, 0)), (0, 10));
        assert_eq!(targets(15, job(0, 0), true, 10, (0, 0)), (0, 15));
        assert_eq!(targets(5, job(0, 0), true, 10, (0, 0)), (0, 5));
    }

    #[test]
    fn capacity_dips_after_the_promotion() {
        // Three instances, one canary, one at a time: after the promotion two old ones serve beside the canary, and one
        // of them is replaced at once.
        assert_eq!(targets(3, job(1, 1), true, 3, (1, 1)), (1, 2));
    }

    #[test]
    fn missing_ones_are_placed_first_and_use_the_limit() {
        assert_eq!(targets(10, job(4, 0), true, 7, (0, 0)), (6, 4));
    }
}
