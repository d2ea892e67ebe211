//! Pingora (`pingora-load-balancing/src/selection/`): members sorted by address, each repeated by its weight **in a row**;
//! round robin walks that list and is not smooth. If whom it finds is unwell, it goes on through the list without
//! repetitions; each step counts. A change of the members starts the count over.
//!
//! Cold start: a fair share at once.

use super::hashing::fnv1a;
use super::{Algorithm, Change, Minds, Turn, any_from};
use crate::core::proxy::pool::{Eligible, Member};
use crate::core::time::Moment;

/// The list, with and without repetitions.
#[derive(Clone, Debug, Default)]
struct Lists {
    unique: Vec<u32>,
    repeated: Vec<u32>,
}

impl Lists {
    /// Whether the change concerns them.
    fn change(&mut self, members: &[Member], change: Change) -> bool {
        if !matches!(change, Change::Joined(_) | Change::Left(_) | Change::Weighed(_)) {
            return false;
        }
        self.unique.clear();
        self.unique.extend(0..members.len() as u32);
        self.unique.sort_by(|&a, &b| members[a as usize].name.cmp(&members[b as usize].name));
        let repeat = |&place: &u32| std::iter::repeat_n(place, members[place as usize].weight as usize);
        self.repeated = self.unique.iter().flat_map(repeat).collect();
        true
    }

    /// The first found in the repeated list, then in the other, at the numbers that `next` gives.
    fn search(&self, members: &[Member], eligible: Eligible<'_>, mut next: impl FnMut() -> u64) -> Option<usize> {
        let at = |list: &[u32], number: u64| list[(number % list.len() as u64) as usize] as usize;
        if self.repeated.is_empty() {
            return None;
        }
        let first = at(&self.repeated, next());
        if eligible.admits(&members[first]) {
            return Some(first);
        }
        let others = self.unique.iter().map(|_| at(&self.unique, next()));
        others
            .into_iter()
            .find(|&place| eligible.admits(&members[place]))
            .or_else(|| any_from(members, eligible, first))
    }
}

/// `RoundRobin`.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct Rotation {
    lists: Lists,
    counter: u64,
}

impl Algorithm for Rotation {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let counter = &mut self.counter;
        self.lists.search(members, turn.eligible, || {
            *counter += 1;
            *counter - 1
        })
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        if self.lists.change(members, change) {
            self.counter = 0;
        }
    }
}

/// `FNVHash`: FNV-1a of the key; whoever is unwell is left by hashing the hash, which forgets weights.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct Hash {
    lists: Lists,
}

impl Algorithm for Hash {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let mut hash = turn.ask.with_key(fnv1a);
        self.lists.search(members, turn.eligible, || {
            let number = hash;
            hash = fnv1a(&hash.to_le_bytes());
            number
        })
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        self.lists.change(members, change);
    }
}
