//! How many retries a proxy may have under way.

use crate::core::amount::Share;

/// Envoy's floor, so that a nearly idle proxy may retry at all.
const FLOOR: u32 = 3;

/// Retries that may be under way at once beside `active` requests: Envoy's retry budget, a share of the active requests
/// rounded down but never below 3; without a budget there is no limit.
pub fn retries_allowed(budget: Option<Share>, active: u32) -> u32 {
    match budget {
        None => u32::MAX,
        Some(share) => ((f64::from(active) * share.value()) as u32).max(FLOOR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_follow_envoys_examples() {
        for (percent, active, allowed) in [(20, 25, 5), (20, 2, 3), (25, 100, 25)] {
            let budget = Share::new(f64::from(percent) / 100.0);
            assert_eq!(retries_allowed(budget, active), allowed);
        }
        assert_eq!(retries_allowed(None, 0), u32::MAX);
    }
}
