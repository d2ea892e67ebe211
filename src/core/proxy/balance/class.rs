//! Members of one weight, in the order in which `least_conn` takes them: by active attempts, then by current weight, then
//! by place.
//!
//! Those with equally many active attempts stand on one level; what everyone on a level gains in a tie is kept once for the
//! level. A [`Tournament`] knows the first of the lowest level.

use super::tournament::Tournament;

#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Class {
    order: Tournament<u64>,
    /// By place; who is not in the class stands anywhere.
    stands: Vec<Stand>,
    /// By active attempts.
    levels: Vec<Level>,
    pub weight: i64,
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
}

/// Keys of the tournament: levels above the base, values and places.
const LEVEL_BITS: u32 = 8;
const VALUE_BITS: u32 = 36;
const PLACE_BITS: u32 = 20;
/// Whoever stands here or higher above the base has no order.
const TOP: u32 = (1 << LEVEL_BITS) - 1;

/// Places for which there is room at once.
const ROOM_MIN: usize = 16;

impl Class {
    /// Nobody yet; for places below `count`, and some more.
    pub fn new(weight: i64, count: usize) -> Class {
        let order = Tournament::new(count.max(ROOM_MIN));
        let room = order.len();
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
        self.order.best().map(|key| key as usize % (1 << PLACE_BITS))
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
        let first = self.first()?;
        let stand = &mut self.stands[first];
        let index = stand.active as usize;
        if self.levels.len() == index + 1 {
            self.levels.push(Level::default());
        }
        let [level, above] = self.levels[index..].first_chunk_mut()?;
        let mut paid = 0;
        if level.count > 1 {
            level.offset += self.weight;
            paid = self.weight * level.count;
        }
        (level.count, above.count) = (level.count - 1, above.count + 1);
        stand.active += 1;
        stand.value += level.offset - paid - above.offset;
        self.line_up(first);
        Some(first)
    }

    /// An attempt of the member at `place` has ended.
    #[inline(always)]
    pub fn step_down(&mut self, place: usize) {
        let stand = &mut self.stands[place];
        stand.active -= 1;
        let Some([below, level]) = self.levels[stand.active as usize..].first_chunk_mut() else { return };
        stand.value += level.offset - below.offset;
        (level.count, below.count) = (level.count - 1, below.count + 1);
        self.line_up(place);
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
        if active + 1 == self.active(place) {
            self.step_down(place);
            return;
        }
        let current = self.current(place) - std::mem::take(&mut self.owed);
        self.step_off(place);
        self.join(place, active, current);
    }

    /// A member comes in.
    pub fn join(&mut self, place: usize, active: u32, current: i64) {
        let index = active as usize;
        if self.levels.len() <= index {
            self.levels.resize(index + 1, Level::default());
        }
        let level = &mut self.levels[index];
        level.count += 1;
        self.stands[place] = Stand { active, value: current - level.offset };
        self.line_up(place);
    }

    /// The member at `place` takes its place in the order.
    #[inline(always)]
    fn line_up(&mut self, place: usize) {
        let Stand { active, value } = self.stands[place];
        let (key, fits) = key(self.base, active, value, place);
        self.order.set(place, key);
        if !fits || (active - self.base >= TOP && self.has_no_order()) {
            self.renew();
        }
    }

    /// Counts levels from another base and values from zero, so that the keys fit again.
    #[inline(never)]
    fn renew(&mut self) {
        let present: Vec<usize> = (0..self.stands.len()).filter(|&place| self.order.key(place).is_some()).collect();
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
            self.order.set(place, key);
        }
    }

    /// A member goes; answers its current weight.
    pub fn leave(&mut self, place: usize) -> i64 {
        let current = self.current(place);
        self.step_off(place);
        self.order.remove(place);
        if self.has_no_order() {
            self.renew();
        }
        current
    }

    /// The member at `place` stands on no level for the moment.
    #[inline(always)]
    fn step_off(&mut self, place: usize) {
        self.levels[self.stands[place].active as usize].count -= 1;
    }

    /// Whether the first is so far up that it may not be the first.
    #[inline(never)]
    fn has_no_order(&self) -> bool {
        self.order.best().is_some_and(|key| key >> (VALUE_BITS + PLACE_BITS) >= u64::from(TOP))
    }
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
