//! Which version gets a request: everything in one pool, or a split between the new version and the rest.

use crate::core::amount::Share;
use crate::core::draw::unit;
use crate::core::ids::{UserId, VersionId};
use crate::core::rollout::Split;

const REST: usize = 0;
const NEW: usize = 1;
/// Smooth rotation counts in integers; a millionth of the traffic is finer than any rollout step.
const PARTS: f64 = 1e6;

#[derive(Clone, Debug)]
pub(super) enum Route {
    /// One pool; versions mix by the number of their instances.
    Shared,
    Split {
        new: VersionId,
        how: Split,
        share: Share,
        current: [i64; 2],
    },
}

impl Route {
    pub fn new(split: Option<(VersionId, Split)>) -> Route {
        match split {
            None => Route::Shared,
            Some((new, how)) => Route::Split { new, how, share: Share::NONE, current: [0; 2] },
        }
    }

    /// The pool that instances of `version` belong to.
    #[inline(always)]
    pub fn side(&self, version: VersionId) -> usize {
        match self {
            Route::Shared => REST,
            Route::Split { new, .. } => usize::from(*new == version),
        }
    }

    pub fn set_share(&mut self, to: Share) {
        match self {
            Route::Shared => {}
            Route::Split { share, current, .. } => {
                *share = to;
                *current = [0; 2];
            }
        }
    }

    /// Whether where a request goes depends on where others went.
    #[inline(always)]
    pub fn takes_turns(&self) -> bool {
        matches!(self, Route::Split { how: Split::Smooth, .. })
    }

    /// The pool of the new version, if it has one for itself.
    pub fn new_side(&self) -> Option<usize> {
        match self {
            Route::Shared => None,
            Route::Split { .. } => Some(NEW),
        }
    }

    /// The pool that a request goes to; `who` asks, and with which dice, only matters where requests are split.
    #[inline(always)]
    pub fn choose_for(&mut self, who: impl Fn() -> (UserId, u64)) -> usize {
        match self {
            Route::Shared => REST,
            Route::Split { .. } => {
                let (user, dice) = who();
                self.choose(user, dice)
            }
        }
    }

    /// The same, when that is known.
    #[inline(always)]
    pub fn choose(&mut self, user: UserId, dice: u64) -> usize {
        match self {
            Route::Shared => REST,
            Route::Split { how: Split::Random, share, .. } => usize::from(unit(dice) < share.value()),
            Route::Split { how: Split::User, share, .. } => usize::from(place_of(user) < share.value()),
            Route::Split { how: Split::Header(carriers), share, .. } => {
                let carries = place_of(user) < carriers.value() && *share > Share::NONE;
                usize::from(carries || unit(dice) < share.value())
            }
            Route::Split { how: Split::Only(carriers), share, .. } => {
                let carries = place_of(user) < carriers.value() && *share > Share::NONE;
                usize::from(carries || *share == Share::ALL)
            }
            Route::Split { how: Split::Smooth, share, current, .. } => rotate(current, *share),
        }
    }
}

/// Where a user stands between 0 and 1; users move to the new version in this order as its share grows.
#[inline(always)]
pub fn place_of(user: UserId) -> f64 {
    let spread = (u64::from(user.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let spread = (spread ^ (spread >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    unit(spread ^ (spread >> 32))
}

/// nginx's smooth weighted round robin over two sides; the old one is listed first and so wins ties.
fn rotate(current: &mut [i64; 2], share: Share) -> usize {
    let new = (share.value() * PARTS).round() as i64;
    let weights = [PARTS as i64 - new, new];
    current[REST] += weights[REST];
    current[NEW] += weights[NEW];
    let side = usize::from(current[NEW] > current[REST]);
    current[side] -= PARTS as i64;
    side
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(how: Split, share: f64) -> Route {
        let mut route = Route::new(Some((VersionId(1), how)));
        route.set_share(Share::new(share).expect("a share"));
        route
    }

    fn choose(route: &mut Route, user: u32) -> usize {
        route.choose(UserId(user), 0)
    }

    #[test]
    fn a_smooth_split_of_one_in_six_is_exact() {
        let mut route = split(Split::Smooth, 1.0 / 6.0);
        let new: usize = (0..600).map(|_| choose(&mut route, 0)).sum();
        assert_eq!(new, 100);
    }

    #[test]
    fn the_smooth_split_of_ninety_to_ten_repeats_every_tenth() {
        let mut route = split(Split::Smooth, 0.1);
        let at: Vec<usize> = (0..30).filter(|_| choose(&mut route, 0) == NEW).collect();
        assert_eq!(at, [5, 15, 25]);
    }

    #[test]
    fn users_only_move_towards_the_new_version_as_its_share_grows() {
        let mut before = split(Split::User, 0.05);
        let mut after = split(Split::User, 0.25);
        let mut moved = 0;
        for user in 0..10_000 {
            let (early, late) = (choose(&mut before, user), choose(&mut after, user));
            assert!(early <= late);
            moved += late;
        }
        assert!((2_300..2_700).contains(&moved), "a quarter of 10000 users, got {moved}");
    }

    #[test]
    fn who_carries_the_header_goes_to_the_new_version_as_soon_as_it_gets_anything() {
        let how = Split::Header(Share::new(0.2).expect("a share"));
        let mut unlucky = split(how, 0.01);
        let new: usize = (0..10_000).map(|user| unlucky.choose(UserId(user), u64::MAX)).sum();
        assert!((1_850..2_150).contains(&new), "a fifth of 10000 users, got {new}");
        assert_eq!((0..100).map(|user| choose(&mut split(how, 0.0), user)).sum::<usize>(), 0);
    }

    #[test]
    fn only_who_carries_the_header_goes_to_the_new_version_before_it_gets_everything() {
        let how = Split::Only(Share::new(0.2).expect("a share"));
        let count = |share: f64| (0..10_000).map(|user| choose(&mut split(how, share), user)).sum::<usize>();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((1_850..2_150).contains(&count(0.99)), "a fifth of 10000 users, got {}", count(0.99));
    }

    #[test]
    fn nobody_is_routed_to_a_share_of_zero_and_everybody_to_one() {
        for how in [Split::Random, Split::Smooth, Split::User] {
            for user in 0..100 {
                assert_eq!(choose(&mut split(how, 0.0), user), REST);
                assert_eq!(choose(&mut split(how, 1.0), user), NEW);
            }
        }
    }
}
