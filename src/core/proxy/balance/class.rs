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
    /// Keys count levels from here.
    base: u32,
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
    Many(Tournament<u64>),
}

/// Keys of the tournament: levels above the base, values and places.
const LEVEL_BITS: u32 = 8;
const VALUE_BITS: u32 = 36;
const PLACE_BITS: u32 = 20;
/// Whoever stands here or higher above the base has no order.
const TOP: u32 = (1 << LEVEL_BITS) - 1;

impl Class {
    /// Nobody yet; for places below `count`, and some more.
    pub fn new(weight: i64, count: usize) -> Class {
        let room = count.next_power_of_two().max(FEW);
        let order = if room == FEW { Order::Few(NOWHERE) } else { Order::Many(Tournament::new(room)) };
        assert!(room <= 1 << PLACE_BITS, "a pool has fewer than {room} members");
        Class { weight, stands: vec![Stand::default(); room], levels: Vec::new(), order, base: 0, owed: 0 }
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
            Order::Many(tree) => tree.best().map(|key| key as usize % (1 << PLACE_BITS)),
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
        if let Order::Few(lowest) = self.order {
            return self.take_of_few(lowest);
        }
        let first = self.pick()?;
        self.relevel(first, self.active(first) + 1);
        Some(first)
    }

    /// The first goes one level up.
    #[inline(always)]
    fn take_of_few(&mut self, lowest: usize) -> Option<usize> {
        let first = self.highest_on(self.levels.get(lowest)?)?;
        if self.levels.len() == lowest + 1 {
            self.build_up_to(lowest + 1);
        }
        let [level, above] = self.levels[lowest..].first_chunk_mut()?;
        let mut paid = 0;
        if level.count > 1 {
            level.offset += self.weight;
            paid = self.weight * level.count;
        }
        let stand = &mut self.stands[first];
        stand.active += 1;
        stand.value += level.offset - paid - above.offset;
        change_level(first, level, above);
        if level.places == 0 {
            self.order = Order::Few(lowest + 1);
        }
        Some(first)
    }

    /// An attempt of the member at `place` has ended, of whom there are few.
    #[inline(always)]
    fn step_down(&mut self, place: usize, lowest: usize) {
        let stand = &mut self.stands[place];
        stand.active -= 1;
        let active = stand.active as usize;
        let Some([below, level]) = self.levels[active..].first_chunk_mut() else { return };
        stand.value += level.offset - below.offset;
        change_level(place, level, below);
        self.order = Order::Few(lowest.min(active));
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
        if let Order::Few(lowest) = self.order
            && active + 1 == self.active(place)
        {
            self.step_down(place, lowest);
            return;
        }
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
            Order::Many(tree) => {
                let (key, fits) = key(self.base, active, value, place);
                tree.set(place, key);
                if !fits || has_no_order(tree) {
                    self.renew();
                }
            }
        }
    }

    /// Counts levels from another base and values from zero, so that the keys fit again.
    #[inline(never)]
    fn renew(&mut self) {
        let Order::Many(tree) = &mut self.order else { return };
        let present: Vec<usize> = (0..self.stands.len()).filter(|&place| tree.key(place).is_some()).collect();
        for &place in &present {
            let stand = &mut self.stands[place];
            stand.value += self.levels[stand.active as usize].offset;
        }
        self.levels.iter_mut().for_each(|level| level.offset = 0);
        let lowest = present.iter().map(|&place| self.stands[place].active).min().unwrap_or_default();
        self.base = lowest.saturating_sub(TOP / 2);
        for place in present {
            let Stand { active, value } = self.stands[place];
            let (key, fits) = key(self.base, active, value, place);
            assert!(fits, "current weights lie around zero, found {value}");
            tree.set(place, key);
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
            if has_no_order(tree) {
                self.renew();
            }
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

/// The member at `place`, of whom there are few.
#[inline(always)]
fn change_level(place: usize, from: &mut Level, to: &mut Level) {
    let bit = bit(place);
    (from.count, to.count) = (from.count - 1, to.count + 1);
    (from.places, to.places) = (from.places & !bit, to.places | bit);
}

/// The bit of `place`, which means nothing where there are too many for one each.
#[inline]
fn bit(place: usize) -> u64 {
    1_u64.wrapping_shl(place as u32)
}

/// Fewest active first, then largest value, then first listed; and whether that could be said in so few bits. Too many
/// active are no error: whoever has them comes after those who have not.
#[inline(always)]
fn key(base: u32, active: u32, value: i64, place: usize) -> (u64, bool) {
    const HALF: i64 = 1 << (VALUE_BITS - 1);
    let descending = (HALF - 1 - value) as u64;
    let level = active.wrapping_sub(base).min(TOP);
    let fits = active >= base && descending >> VALUE_BITS == 0;
    let descending = descending & ((1 << VALUE_BITS) - 1);
    (u64::from(level) << (VALUE_BITS + PLACE_BITS) | descending << PLACE_BITS | place as u64, fits)
}

/// Whether the first is so far up that it may not be the first.
#[inline(always)]
fn has_no_order(tree: &Tournament<u64>) -> bool {
    tree.best().is_some_and(|key| key >> (VALUE_BITS + PLACE_BITS) >= u64::from(TOP))
}
