//! `CodeDeploy` on hosts: each is taken out, updated where it stands, and put back (user guide,
//! `deployment-configurations` and `instances-health`).

use crate::core::amount::Amount;
use crate::core::fleet::Counts;
use crate::core::rollout::Targets;

/// Hosts that must stay healthy; a percentage rounds up.
pub fn healthy_hosts(healthy: Amount, size: u32) -> u32 {
    healthy.round_up(size).min(size)
}

/// The sizes that one look asks for: as many hosts are taken out as are healthy above the minimum, and a host gets the
/// new version when the old one has left it.
pub fn hosts_targets(size: u32, minimum: u32, old: Counts, new: Counts) -> Targets {
    let healthy = old.available + new.available;
    let taken = healthy.saturating_sub(minimum).min(old.spec);
    let free = size.saturating_sub(old.spec + old.terminating + new.spec + new.terminating);
    Targets { old: old.spec - taken, new: (new.spec + free).min(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(spec: u32, terminating: u32) -> Counts {
        Counts { spec, ready: spec, available: spec, terminating }
    }

    #[test]
    fn half_at_a_time_of_nine_is_four() {
        let minimum = healthy_hosts(Amount::Percent(50.0), 9);
        assert_eq!(minimum, 5);
        assert_eq!(hosts_targets(9, minimum, counts(9, 0), counts(0, 0)), Targets { old: 5, new: 0 });
        assert_eq!(hosts_targets(9, minimum, counts(5, 4), counts(0, 0)), Targets { old: 5, new: 0 });
        assert_eq!(hosts_targets(9, minimum, counts(5, 0), counts(0, 0)), Targets { old: 5, new: 4 });
    }

    #[test]
    fn named_configurations() {
        for (size, one, all) in [(1, 1, 0), (9, 9, 0), (200, 198, 0)] {
            assert_eq!(healthy_hosts(Amount::Percent(99.0), size), one);
            assert_eq!(healthy_hosts(Amount::Count(0), size), all);
        }
    }
}
