//! Members of one weight, in the order in which `least_conn` takes them: by active attempts, then by current weight, then
//! by place.
//!
//! Those with equally many active attempts stand on one level; what everyone on a level gains in a tie is kept once for the
//! level. The first of the lowest level is found by a look at each of them where there are few members, and else by a
//! [`Tournament`].

use super::tournament::Tournament;

/// Above every level.
const NOWHERE: usize = usize::MAX;
/// So many members have a bit each.
const FEW: usize = u64::BITS as usize;

#[derive(Clone, Debug)]
pub(super) struct Class {
    pub weight: i64,
    /// By place; who is not in the class stands anywhere.
    stands: Vec<Stand>,
    /// By active attempts.
    levels: Vec<Level>,
    order: Order,
    /// What the picked member has yet to pay; it does when its attempt counts, so that it changes its level once.
    owed: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stand {
    /// Active attempts.
    active: u32,
    /// Current weight, relative to the level.
    value: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// What everyone on it has gained so far.
    offset: i64,
    count: i64,
    /// One bit for each place, where there are few.
    places: u64,
}

#[derive(Clone, Debug)]
enum Order {
    /// The lowest level that anybody stands on, or `NOWHERE`.
    Few(usize),
    Many(Tournament),
}

impl Class {
    /// Nobody yet; for places below `count`, and some more.
    pub fn new(weight: i64, count: usize) -> Class {
        let room = count.next_power_of_two().max(FEW);
        let order = if room == FEW { Order::Few(NOWHERE) } else { Order::Many(Tournament::new(room)) };
        Class { weight, stands: vec![Stand::default(); room], levels: Vec::new(), order, owed: 0 }
    }

    /// Whether somebody may stand at `place`.
    pub fn has_room_for(&self, place: usize) -> bool {
        place < self.stands.len()
    }

    /// The place of the first.
    #[inline(always)]
    pub fn first(&self) -> Option<usize> {
        match &self.order {
            Order::Few(lowest) => self.highest_on(self.levels.get(*lowest)?),
            Order::Many(tree) => tree.best().map(|key| key as u32 as usize),
        }
    }

    /// Whose current weight is highest, of those on a level.
    #[inline(always)]
    fn highest_on(&self, level: &Level) -> Option<usize> {
        let mut left = level.places;
        let mut best = None;
        let mut top = i64::MIN;
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            // No current weight is as low as that.
            let value = self.stands[place].value;
            if value > top {
                (best, top) = (Some(place), value);
            }
        }
        best
    }

    /// The whole rule where everyone is alike.
    #[inline(always)]
    pub fn pick(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.owed = self.gain(first, self.count(first) > 1);
        Some(first)
    }

    /// The same, and the attempt of the first is active from now on.
    #[inline(always)]
    pub fn take(&mut self) -> Option<usize> {
        let first = self.pick()?;
        self.relevel(first, self.active(first) + 1);
        Some(first)
    }

    /// Active attempts of the member at `place`.
    #[inline(always)]
    pub fn active(&self, place: usize) -> u32 {
        self.stands[place].active
    }

    /// How many are on the level of the member at `place`.
    #[inline(always)]
    pub fn count(&self, place: usize) -> i64 {
        self.levels[self.active(place) as usize].count
    }

    /// In a tie everyone on the level of `place` gains its weight; returns what they gained together.
    #[inline(always)]
    pub fn gain(&mut self, place: usize, several: bool) -> i64 {
        if !several {
            return 0;
        }
        let level = &mut self.levels[self.stands[place].active as usize];
        level.offset += self.weight;
        self.weight * level.count
    }

    /// The current weight of the member at `place`.
    #[inline(always)]
    pub fn current(&self, place: usize) -> i64 {
        let stand = self.stands[place];
        stand.value + self.levels[stand.active as usize].offset
    }

    /// Whoever is relevelled next pays this.
    pub fn owe(&mut self, total: i64) {
        self.owed = total;
    }

    /// The number of active attempts of the member at `place` has just changed.
    #[inline(always)]
    pub fn relevel(&mut self, place: usize, active: u32) {
        let current = self.current(place) - std::mem::take(&mut self.owed);
        let before = self.step_off(place);
        self.join(place, active, current);
        self.rise(before);
    }

    /// A member comes in.
    #[inline(always)]
    pub fn join(&mut self, place: usize, active: u32, current: i64) {
        let index = active as usize;
        if self.levels.len() <= index {
            self.build_up_to(index);
        }
        let level = &mut self.levels[index];
        level.count += 1;
        level.places |= bit(place);
        let value = current - level.offset;
        self.stands[place] = Stand { active, value };
        match &mut self.order {
            Order::Few(lowest) => *lowest = index.min(*lowest),
            Order::Many(tree) => tree.set(place, key(active, value, place)),
        }
    }

    #[inline(never)]
    fn build_up_to(&mut self, index: usize) {
        self.levels.resize(index + 1, Level::default());
    }

    /// A member goes; answers its current weight.
    pub fn leave(&mut self, place: usize) -> i64 {
        let current = self.current(place);
        let before = self.step_off(place);
        if let Order::Many(tree) = &mut self.order {
            tree.remove(place);
        }
        self.rise(before);
        current
    }

    /// The member at `place` stands on no level for the moment; answers on which it stood.
    #[inline(always)]
    fn step_off(&mut self, place: usize) -> usize {
        let index = self.stands[place].active as usize;
        let level = &mut self.levels[index];
        level.count -= 1;
        level.places &= !bit(place);
        index
    }

    /// Looks for the lowest level again if that was the one that somebody has just left.
    #[inline(always)]
    fn rise(&mut self, from: usize) {
        if let Order::Few(lowest) = &mut self.order
            && *lowest == from
            && self.levels[from].places == 0
        {
            let next = self.levels[from..].iter().position(|level| level.places != 0);
            *lowest = next.map_or(NOWHERE, |above| from + above);
        }
    }
}

/// The bit of `place`, which means nothing where there are too many for one each.
#[inline]
fn bit(place: usize) -> u64 {
    1_u64.wrapping_shl(place as u32)
}

/// Fewest active first, then largest value, then first listed.
#[inline]
fn key(active: u32, value: i64, place: usize) -> u128 {
    let descending = !(value as u64 ^ (1 << 63));
    u128::from(active) << 96 | u128::from(descending) << 32 | place as u128
}
