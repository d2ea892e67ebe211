//! Who has the smallest key, kept up to date along one path: O(log n) to change a key, O(1) to know the winner, nothing
//! allocated once it has its size. All tables of a path play, for a processor guesses badly which of them could be left out.

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

/// So many play at each table: the fewer tables on a path, the fewer look-ups.
const SEATS: usize = 4;

/// A complete tree of tables. The places sit at the last row of tables, and the winner of each table at the one above.
#[derive(Clone, Debug, Default)]
pub(super) struct Tournament<K = u128> {
    /// Row by row, the top table first; the winners of the tables 4t + 1 to 4t + 4 sit at table t.
    tables: Vec<[K; SEATS]>,
    /// Where the last row begins.
    last_row: usize,
    /// The winner of the top table.
    best: Option<K>,
}

impl<K: Rank> Tournament<K> {
    /// For places below `count`, all absent.
    pub fn new(count: usize) -> Tournament<K> {
        let (mut last_row, mut row) = (0, 1);
        while row * SEATS < count {
            last_row += row;
            row *= SEATS;
        }
        Tournament { tables: vec![[K::ABSENT; SEATS]; last_row + row], last_row, best: None }
    }

    /// How many places it has room for.
    pub fn len(&self) -> usize {
        (self.tables.len() - self.last_row) * SEATS
    }

    /// The smallest key; keys carry whatever tells their owner.
    #[inline(always)]
    pub fn best(&self) -> Option<K> {
        self.best
    }

    /// The key at `place`, if it takes part.
    #[inline]
    pub fn key(&self, place: usize) -> Option<K> {
        let key = self.tables[self.last_row + place / SEATS][place % SEATS];
        (key != K::ABSENT).then_some(key)
    }

    /// Gives `place` another key, or lets it take part.
    #[inline(always)]
    pub fn set(&mut self, place: usize, key: K) {
        let tables = self.tables.as_mut_slice();
        let mut at = self.last_row + place / SEATS;
        let mut winner = seat(&mut tables[at], place, key);
        while at > 0 {
            let place = at - 1;
            at = place / SEATS;
            winner = seat(&mut tables[at], place, winner);
        }
        self.best = (winner != K::ABSENT).then_some(winner);
    }

    /// `place` takes part no longer.
    pub fn remove(&mut self, place: usize) {
        self.set(place, K::ABSENT);
    }
}

/// Whoever has this place at the table has another key; answers the winner of the table.
#[inline(always)]
fn seat<K: Rank>(table: &mut [K; SEATS], place: usize, key: K) -> K {
    table[place % SEATS] = key;
    let [a, b, c, d] = *table;
    a.min(b).min(c.min(d))
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
