//! The rolling deployment of an ECS service (developer guide, `deployment-type-ecs`).

use crate::core::amount::Amount;
use crate::core::fleet::Counts;
use crate::core::rollout::{BreakerThreshold, Ecs, Targets};

/// Fewest and most failed tasks at which a bounded circuit breaker opens.
const BOUNDS: (u32, u32) = (3, 200);

/// What the percentages of an ECS service come to for a number of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLimits {
    /// Healthy tasks that must be left.
    pub lower: u32,
    /// Tasks that may be starting or running.
    pub upper: u32,
}

impl TaskLimits {
    /// The minimum rounds up, the maximum down: the other way round than in Kubernetes.
    pub fn resolve(ecs: &Ecs, size: u32) -> TaskLimits {
        TaskLimits {
            lower: Amount::Percent(ecs.minimum).round_up(size),
            upper: Amount::Percent(ecs.maximum).round_down(size),
        }
    }
}

/// The sizes that one look of the scheduler asks for: it starts up to the maximum, and stops old tasks only while enough
/// healthy ones are left. An unhealthy old task is replaced first, or stopped alone where the maximum forbids that.
pub fn ecs_targets(size: u32, limits: TaskLimits, old: Counts, new: Counts) -> Targets {
    let room = limits.upper.saturating_sub(old.spec + new.spec);
    let started = room.min(size.saturating_sub(new.spec));
    let healthy = old.available + new.available;
    let unhealthy = old.spec - old.available;
    let spare = healthy.saturating_sub(limits.lower);
    let stopped = if spare == 0 && started == 0 && unhealthy > 0 { 1 } else { spare };
    let surplus = (old.spec + new.spec + started).saturating_sub(limits.lower);
    Targets { old: old.spec - stopped.min(old.spec).min(surplus), new: new.spec + started }
}

/// Failed tasks at which the deployment circuit breaker opens.
pub fn breaker_threshold(threshold: BreakerThreshold, size: u32) -> u32 {
    match threshold {
        BreakerThreshold::Bounded(percent) => Amount::Percent(percent).round_up(size).clamp(BOUNDS.0, BOUNDS.1),
        BreakerThreshold::Unbounded(percent) => Amount::Percent(percent).round_up(size).max(1),
        BreakerThreshold::Count(count) => count.max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(size: u32, minimum: f64, maximum: f64) -> TaskLimits {
        TaskLimits::resolve(&Ecs { minimum, maximum, breaker: None }, size)
    }

    fn running(count: u32) -> Counts {
        Counts { spec: count, ready: count, available: count, terminating: 0 }
    }

    fn first(size: u32, minimum: f64, maximum: f64) -> (u32, u32) {
        let targets = ecs_targets(size, limits(size, minimum, maximum), running(size), Counts::default());
        (targets.old, targets.new)
    }

    #[test]
    fn the_first_look_starts_or_stops_what_the_percentages_allow() {
        assert_eq!(first(4, 50.0, 100.0), (2, 0), "may stop two first");
        assert_eq!(first(2, 75.0, 100.0), (2, 0), "none may stop");
        assert_eq!(first(4, 100.0, 200.0), (4, 4), "four extra");
        assert_eq!(limits(2, 75.0, 100.0).lower, 2);
        assert_eq!(limits(3, 100.0, 125.0).upper, 3, "no room for one more");
        assert_eq!(first(3, 100.0, 125.0), (3, 0));
        assert_eq!(first(10, 100.0, 150.0), (10, 5));
    }

    #[test]
    fn old_tasks_stop_as_new_ones_become_healthy() {
        let limits = limits(4, 100.0, 200.0);
        for (available, old) in [(0, 4), (1, 3), (3, 1), (4, 0)] {
            let new = Counts { spec: 4, ready: available, available, terminating: 0 };
            assert_eq!(ecs_targets(4, limits, running(4), new), Targets { old, new: 4 });
        }
    }

    #[test]
    fn an_unhealthy_task_is_replaced_first_or_stopped_alone() {
        let sick = Counts { spec: 4, ready: 2, available: 2, terminating: 0 };
        let room = ecs_targets(4, limits(4, 100.0, 200.0), sick, Counts::default());
        assert_eq!(room, Targets { old: 4, new: 4 });
        let no_room = ecs_targets(4, limits(4, 100.0, 100.0), sick, Counts::default());
        assert_eq!(no_room, Targets { old: 4, new: 0 }, "one would leave fewer tasks than the minimum");
        let full = ecs_targets(4, limits(4, 75.0, 100.0), Counts { available: 3, ready: 3, ..sick }, Counts::default());
        assert_eq!(full, Targets { old: 3, new: 0 });
    }

    #[test]
    fn the_circuit_breaker_opens_between_its_bounds() {
        for (size, failed) in [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)] {
            assert_eq!(breaker_threshold(BreakerThreshold::Bounded(50.0), size), failed, "{size} tasks");
        }
        assert_eq!(breaker_threshold(BreakerThreshold::Unbounded(50.0), 800), 400);
        assert_eq!(breaker_threshold(BreakerThreshold::Count(7), 800), 7);
    }
}
