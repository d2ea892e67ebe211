//! A canary whose traffic proxies split: how many instances each version has, as Argo Rollouts does it
//! (`utils/replicaset/canary.go`, `rollout/trafficrouting.go`).

use crate::core::amount::Share;
use crate::core::rollout::{Scale, Targets};

/// Differences of the binary fractions of decimal weights.
const EPSILON: f64 = 1e-9;

/// What one look of the controller goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoutedView {
    /// Instances wanted of the service.
    pub size: u32,
    /// Share that the present step wants for the new version.
    pub desired: Share,
    /// Share that it has.
    pub actual: Share,
    /// New instances in the present step.
    pub scale: Scale,
    /// A version that has any instance has at least so many.
    pub least: u32,
    /// Whether the old fleet shrinks with its share.
    pub dynamic: bool,
    /// Whether the way is back to the old version.
    pub aborting: bool,
}

/// The instances that a share of the traffic gets: rounded up.
pub fn instances_for(share: Share, size: u32) -> u32 {
    // A product that is whole in decimal must not round up for its last binary digits.
    ((f64::from(size) * share.value() - EPSILON).ceil()).max(0.0) as u32
}

/// The sizes that one sync asks for.
pub fn routed_targets(view: RoutedView) -> Targets {
    let RoutedView { size, desired, actual, scale, least, dynamic, aborting } = view;
    let at_least = |count: u32| if count == 0 { 0 } else { count.max(least.min(size)) };
    let new = match scale {
        Scale::Own(amount) => amount.round_up(size),
        Scale::MatchShare => at_least(instances_for(desired, size)),
    };
    if !dynamic {
        return Targets { old: size, new };
    }
    let rest = |share: Share| instances_for(Share::new(1.0 - share.value()).unwrap_or(Share::NONE), size);
    let old = rest(desired).max(rest(actual));
    let new = if aborting { new.max(instances_for(actual, size)) } else { new };
    Targets { old: at_least(old), new: at_least(new) }
}

/// The share that the new version keeps while the old one grows back: what the old one cannot take yet, in whole
/// percent, and never more than it has.
pub fn share_on_the_way_back(actual: Share, size: u32, old_available: u32) -> Share {
    let taken = (100 * old_available.min(size)) / size.max(1);
    Share::new(f64::from(100 - taken) / 100.0).map_or(actual, |share| if share < actual { share } else { actual })
}

/// The share whose instances the new version keeps while the old one grows back: the last step of the walk, from the
/// end, that needs fewer than it still has or the old one still lacks.
pub fn step_on_the_way_back(steps: &[Share], size: u32, old_available: u32, new_available: u32) -> Share {
    let kept = size.saturating_sub(old_available).max(new_available);
    let below = steps.iter().rev().find(|&&share| instances_for(share, size) < kept);
    below.copied().unwrap_or(Share::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Amount;

    fn share(percent: f64) -> Share {
        Share::new(percent / 100.0).expect("a share")
    }

    fn view(size: u32, percent: f64) -> RoutedView {
        let (desired, actual) = (share(percent), Share::NONE);
        RoutedView { size, desired, actual, scale: Scale::MatchShare, least: 1, dynamic: false, aborting: false }
    }

    #[test]
    fn the_new_version_is_rounded_up_and_the_old_one_stays_whole() {
        for (percent, new) in [(0.0, 0), (10.0, 1), (20.0, 2), (25.0, 3), (33.0, 4), (99.0, 10), (100.0, 10), (1.0, 1)]
        {
            assert_eq!(routed_targets(view(10, percent)), Targets { old: 10, new }, "{percent} % of 10");
        }
    }

    #[test]
    fn whole_products_do_not_round_up() {
        for percent in 1..=100_u32 {
            for size in 1..=200_u32 {
                assert_eq!(instances_for(share(f64::from(percent)), size), (percent * size).div_ceil(100));
            }
        }
    }

    #[test]
    fn a_scale_of_its_own_may_exceed_the_fleet() {
        let own = |size, amount| routed_targets(RoutedView { scale: Scale::Own(amount), ..view(size, 10.0) }).new;
        assert_eq!(own(1, Amount::Count(9)), 9);
        assert_eq!(own(4, Amount::Percent(200.0)), 8);
        assert_eq!(routed_targets(view(10, 20.0)).new, 2, "200 of a weight of 1000 at most");
    }

    #[test]
    fn a_version_that_has_any_instance_has_the_least_number() {
        let least = |size, percent| routed_targets(RoutedView { least: 2, ..view(size, percent) }).new;
        assert_eq!((least(10, 5.0), least(1, 5.0), least(10, 0.0)), (2, 1, 0));
    }

    #[test]
    fn a_dynamic_stable_follows_the_larger_of_two_shares() {
        let dynamic = |desired, actual, aborting| {
            let view = RoutedView { dynamic: true, actual: share(actual), aborting, ..view(10, desired) };
            let targets = routed_targets(view);
            (targets.old, targets.new)
        };
        assert_eq!(dynamic(40.0, 0.0, false), (10, 4));
        assert_eq!(dynamic(40.0, 40.0, false), (6, 4));
        assert_eq!(dynamic(20.0, 40.0, false), (8, 2));
        assert_eq!(dynamic(0.0, 40.0, true), (10, 4));
    }

    #[test]
    fn the_way_back_gives_what_the_old_version_can_take() {
        assert_eq!(share_on_the_way_back(share(60.0), 10, 4), share(60.0));
        assert_eq!(share_on_the_way_back(share(60.0), 10, 7), share(30.0));
        assert_eq!(share_on_the_way_back(share(60.0), 10, 10), Share::NONE);
        assert_eq!(share_on_the_way_back(share(10.0), 10, 5), share(10.0));
        let steps = [share(20.0), share(40.0), share(60.0)];
        assert_eq!(step_on_the_way_back(&steps, 10, 4, 6), share(40.0));
        assert_eq!(step_on_the_way_back(&steps, 10, 9, 1), Share::NONE);
    }
}
