//! Who has the smallest key, kept up to date along one path: O(log n) to change a key, O(1) to know the winner, nothing
//! allocated once it has its size. All matches of a path are played, for a processor guesses badly which of them could be left
//! out.

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

/// A complete binary tree whose leaves are places and whose inner nodes hold the smaller of their two keys.
#[derive(Clone, Debug)]
pub(super) struct Tournament<K = u128> {
    /// Node 1 is the root; the leaves are the second half.
    nodes: Vec<K>,
}

impl<K: Rank> Default for Tournament<K> {
    fn default() -> Tournament<K> {
        Tournament::new(0)
    }
}

impl<K: Rank> Tournament<K> {
    /// For places below `count`, all absent.
    pub fn new(count: usize) -> Tournament<K> {
        Tournament { nodes: vec![K::ABSENT; 2 * count.next_power_of_two()] }
    }

    /// How many places it has room for.
    pub fn len(&self) -> usize {
        self.nodes.len() / 2
    }

    /// The smallest key; keys carry whatever tells their owner.
    #[inline(always)]
    pub fn best(&self) -> Option<K> {
        Some(self.nodes[1]).filter(|&best| best != K::ABSENT)
    }

    /// The key at `place`, if it takes part.
    #[inline]
    pub fn key(&self, place: usize) -> Option<K> {
        Some(self.nodes[self.len() + place]).filter(|&key| key != K::ABSENT)
    }

    /// Gives `place` another key, or lets it take part.
    #[inline(always)]
    pub fn set(&mut self, place: usize, key: K) {
        // Small pools are many, and a call would cost them as much as the matches.
        match self.nodes.len() {
            32 => climb_in::<K, 32>(&mut self.nodes, place, key),
            _ => self.set_among_many(place, key),
        }
    }

    #[inline(never)]
    fn set_among_many(&mut self, place: usize, key: K) {
        let nodes = self.nodes.as_mut_slice();
        match nodes.len() {
            64 => climb_in::<K, 64>(nodes, place, key),
            128 => climb_in::<K, 128>(nodes, place, key),
            256 => climb_in::<K, 256>(nodes, place, key),
            512 => climb_in::<K, 512>(nodes, place, key),
            1024 => climb_in::<K, 1024>(nodes, place, key),
            2048 => climb_in::<K, 2048>(nodes, place, key),
            _ => climb(nodes, place, key),
        }
    }

    /// `place` takes part no longer.
    pub fn remove(&mut self, place: usize) {
        self.set(place, K::ABSENT);
    }
}

/// The same as [`climb`], with the number of matches known beforehand, so that they are written out.
#[inline(always)]
fn climb_in<K: Rank, const N: usize>(nodes: &mut [K], place: usize, key: K) {
    let Ok(nodes) = <&mut [K; N]>::try_from(nodes) else { unreachable!("there are {N} nodes") };
    assert!(place < N / 2, "there is room for {} places", N / 2);
    let (mut at, mut winner) = (N / 2 + place, key);
    nodes[at % N] = winner;
    for _ in 0..N.ilog2() - 1 {
        winner = winner.min(nodes[(at ^ 1) % N]);
        at /= 2;
        nodes[at % N] = winner;
    }
}

/// Plays the matches from a leaf to the root.
#[inline(always)]
fn climb<K: Rank>(nodes: &mut [K], place: usize, key: K) {
    let (leaves, mask) = (nodes.len() / 2, nodes.len() - 1);
    assert!(place < leaves, "there is room for {leaves} places");
    let (mut at, mut winner) = (leaves + place, key);
    // The mask changes nothing; with it a look-up need not be checked.
    nodes[at & mask] = winner;
    while at > 1 {
        winner = winner.min(nodes[(at ^ 1) & mask]);
        at /= 2;
        nodes[at & mask] = winner;
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
