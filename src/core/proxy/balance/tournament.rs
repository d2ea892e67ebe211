//! Who has the smallest key, kept up to date along one path: O(log n) to change a key, O(1) to know the winner, nothing
//! allocated once it has its size. All matches of a path are played, for a processor guesses badly which of them could be left
//! out; and two by two, for then only the last key of each must be waited for.

/// What can be matched.
pub(super) trait Rank: Copy + Ord {
    /// Nobody stands here.
    const ABSENT: Self;
}

impl Rank for u128 {
    const ABSENT: u128 = u128::MAX;
}

impl Rank for u64 {
    const ABSENT: u64 = u64::MAX;
}

/// A complete binary tree whose leaves are places and whose inner nodes hold the smaller of their two keys. Brothers are kept
/// together, so that each match is one look-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tournament<K = u128> {
    /// Nodes 2n and 2n + 1 are the children of node n, and stand at n; node 1 is the root. The leaves start at `leaves`.
    pairs: Vec<[K; 2]>,
    leaves: usize,
    /// The key of the root.
    best: Option<K>,
}

impl<K: Rank> Tournament<K> {
    /// For places below `count`, all absent.
    pub fn new(count: usize) -> Tournament<K> {
        let leaves = count.next_power_of_two().max(1);
        Tournament { pairs: vec![[K::ABSENT; 2]; leaves], leaves, best: None }
    }

    /// How many places it has room for.
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// The smallest key; keys carry whatever tells their owner.
    #[inline(always)]
    pub fn best(&self) -> Option<K> {
        self.best
    }

    /// The key at `place`, if it takes part.
    #[inline]
    pub fn key(&self, place: usize) -> Option<K> {
        let leaf = self.leaves + place;
        let key = if leaf == 1 { self.best } else { Some(self.pairs[leaf / 2][leaf % 2]) };
        key.filter(|&key| key != K::ABSENT)
    }

    /// Gives `place` another key, or lets it take part.
    #[inline(always)]
    pub fn set(&mut self, place: usize, key: K) {
        let pairs = self.pairs.as_mut_slice();
        let mut at = self.leaves + place;
        let mut winner = key;
        while at > 1 {
            let pair = &mut pairs[at / 2];
            pair[at % 2] = winner;
            winner = winner.min(pair[1 - at % 2]);
            at /= 2;
        }
        self.best = (winner != K::ABSENT).then_some(winner);
    }

    /// `place` takes part no longer.
    pub fn remove(&mut self, place: usize) {
        self.set(place, K::ABSENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::draw::{Seed, below};
    use rand::Rng;

    fn check<K: Rank + From<u32> + std::fmt::Debug>(count: u32) {
        let mut stream = Seed(1).stream("test", 0);
        let mut tree: Tournament<K> = Tournament::new(count as usize);
        let mut keys = vec![None; count as usize];
        for _ in 0..1_000 {
            let place = below(stream.next_u64(), count) as usize;
            keys[place] = (below(stream.next_u64(), 4) > 0).then(|| K::from(below(stream.next_u64(), 50)));
            match keys[place] {
                Some(key) => tree.set(place, key),
                None => tree.remove(place),
            }
            assert_eq!(tree.best(), keys.iter().flatten().min().copied());
            assert_eq!(tree.key(place), keys[place]);
        }
    }

    #[test]
    fn the_winner_is_the_smallest_key_after_any_history() {
        for count in [1, 2, 3, 7, 8, 16, 17, 100] {
            check::<u128>(count);
            check::<u64>(count);
        }
    }
}
