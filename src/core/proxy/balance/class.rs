//! Members of one weight, in the order in which `least_conn` takes them: by active attempts, then by current weight, then
//! by place.
//!
//! Those with equally many active attempts stand on one level; what everyone on a level gains in a tie is kept once for the
//! level. A [`Tournament`] knows the first of the lowest level, and its keys are all that is kept of a member: who goes up or
//! down a level has something added to its key.

use super::tournament::Tournament;
use crate::core::proxy::pool::Member;

#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Class {
    /// By place: the keys of those who are in the class.
    order: Tournament<u64>,
    /// By active attempts.
    levels: Vec<Level>,
    pub weight: i64,
    /// Keys count levels from here.
    base: u32,
    /// What the picked member has yet to pay; it does when its attempt counts, so that it changes its level once.
    owed: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// What everyone on it has gained so far.
    offset: i64,
    count: i64,
}

/// Where a member stands.
#[derive(Clone, Copy)]
struct Stand {
    place: usize,
    /// Active attempts.
    active: u32,
    /// Current weight, relative to the level.
    value: i64,
}

/// A key, from its last bit on: the place; the value, descending; a bit that is set when the value leaves its bits; the level
/// above the base.
const PLACE_BITS: u32 = 20;
const VALUE_BITS: u32 = 36;
/// A value that is smaller by one.
const LESS: u64 = 1 << PLACE_BITS;
const OUT_OF_BITS: u64 = LESS << VALUE_BITS;
/// One level up.
const UP: u64 = OUT_OF_BITS << 1;
/// Whoever stands here or higher above the base has no order there: it comes after all others.
const TOP: u32 = (u64::MAX / UP) as u32;
const HALF: i64 = 1 << (VALUE_BITS - 1);

/// Places for which there is room at once.
const ROOM_MIN: usize = 16;

impl Class {
    /// Nobody yet; for places below `count`, and some more.
    pub fn new(weight: i64, count: usize) -> Class {
        let order = Tournament::new(count.max(ROOM_MIN));
        let room = order.len();
        assert!(room <= 1 << PLACE_BITS, "a pool has fewer than {room} members");
        Class { order, levels: Vec::new(), weight, base: 0, owed: 0 }
    }

    /// Whether somebody may stand at `place`.
    pub fn has_room_for(&self, place: usize) -> bool {
        place < self.order.len()
    }

    /// The place of the first.
    #[inline(always)]
    pub fn first(&self) -> Option<usize> {
        self.order.best().map(place_of)
    }

    /// The whole rule where everyone is alike. The picked member must be told of by [`Class::relevel`] once its attempt counts.
    #[inline(always)]
    pub fn pick(&mut self, members: &[Member]) -> Option<usize> {
        let first = self.first()?;
        let active = members[first].active;
        self.owed = self.gain(active, self.count(active) > 1);
        Some(first)
    }

    /// The same, and here the attempt of the first counts from now on; its member is yet to be told.
    #[inline(always)]
    pub fn take(&mut self, members: &[Member]) -> Option<usize> {
        let key = self.order.best()?;
        let place = place_of(key);
        let active = members[place].active;
        if self.levels.len() == active as usize + 1 {
            self.levels.push(Level::default());
        }
        let [level, above] = self.levels[active as usize..].first_chunk_mut()?;
        let mut paid = 0;
        if level.count > 1 {
            level.offset += self.weight;
            paid = self.weight * level.count;
        }
        (level.count, above.count) = (level.count - 1, above.count + 1);
        let gained = level.offset - paid - above.offset;
        self.shift(members, (place, active + 1), key, UP, gained);
        Some(place)
    }

    /// An attempt of the member at `place` has ended, as its member knows already.
    #[inline(always)]
    pub fn step_down(&mut self, members: &[Member], place: usize) {
        let active = members[place].active;
        let Some([below, level]) = self.levels[active as usize..].first_chunk_mut() else { return };
        let gained = level.offset - below.offset;
        (level.count, below.count) = (level.count - 1, below.count + 1);
        let Some(key) = self.order.key(place) else { return };
        self.shift(members, (place, active), key, UP.wrapping_neg(), gained);
    }

    /// Somebody goes up or down a level, by `step`, and gains relative to it: nearly always that is added to its key.
    #[inline(always)]
    fn shift(&mut self, members: &[Member], (place, active): (usize, u32), key: u64, step: u64, gained: i64) {
        let moved = key.wrapping_add(step).wrapping_sub(worth(gained));
        if is_plain(moved) {
            self.order.set(place, moved);
        } else {
            self.line_up(members, Stand { place, active, value: value_of(key) + gained });
        }
    }

    /// How many have so many active attempts.
    #[inline(always)]
    pub fn count(&self, active: u32) -> i64 {
        self.levels[active as usize].count
    }

    /// In a tie everyone with so many active attempts gains its weight; returns what they gained together.
    #[inline(always)]
    pub fn gain(&mut self, active: u32, several: bool) -> i64 {
        if !several {
            return 0;
        }
        let level = &mut self.levels[active as usize];
        level.offset += self.weight;
        self.weight * level.count
    }

    /// The current weight of the member at `place`, which has so many active attempts.
    #[inline(always)]
    pub fn current(&self, place: usize, active: u32) -> i64 {
        self.order.key(place).map_or(0, value_of) + self.levels[active as usize].offset
    }

    /// Whoever is relevelled next pays this.
    pub fn owe(&mut self, total: i64) {
        self.owed = total;
    }

    /// The member at `place` had so many active attempts `before`, and now has one more or less.
    #[inline(always)]
    pub fn relevel(&mut self, members: &[Member], place: usize, before: u32) {
        let active = members[place].active;
        if active < before {
            self.step_down(members, place);
            return;
        }
        let current = self.current(place, before) - std::mem::take(&mut self.owed);
        self.levels[before as usize].count -= 1;
        self.join(members, place, current);
    }

    /// A member comes in.
    pub fn join(&mut self, members: &[Member], place: usize, current: i64) {
        let active = members[place].active;
        if self.levels.len() <= active as usize {
            self.levels.resize(active as usize + 1, Level::default());
        }
        let level = &mut self.levels[active as usize];
        level.count += 1;
        let value = current - level.offset;
        self.line_up(members, Stand { place, active, value });
    }

    /// A member goes; answers its current weight.
    pub fn leave(&mut self, members: &[Member], place: usize) -> i64 {
        let active = members[place].active;
        let current = self.current(place, active);
        self.levels[active as usize].count -= 1;
        self.order.remove(place);
        self.look_for_order(members, None);
        current
    }

    /// Somebody takes its place in the order.
    fn line_up(&mut self, members: &[Member], stand: Stand) {
        match self.key(stand) {
            Some(key) => {
                self.order.set(stand.place, key);
                self.look_for_order(members, Some(stand));
            }
            None => self.renew(members, Some(stand)),
        }
    }

    /// Fewest active first, then largest value, then first listed; `None`: that cannot be said in so few bits. Too many active
    /// are no error: whoever has them comes after those who have not.
    fn key(&self, stand: Stand) -> Option<u64> {
        let level = stand.active.checked_sub(self.base)?.min(TOP);
        (-HALF..HALF).contains(&stand.value).then(|| {
            let descending = (HALF - 1 - stand.value) as u64;
            u64::from(level) * UP + descending * LESS + stand.place as u64
        })
    }

    /// If the first is so far up that it may not be the first, keys are to say more.
    fn look_for_order(&mut self, members: &[Member], moved: Option<Stand>) {
        if self.order.best().is_some_and(|key| !has_order(key)) {
            self.renew(members, moved);
        }
    }

    /// Counts levels from another base and values from zero, so that the keys fit again. Who has `moved` may have no key yet, and
    /// its member may not know of it.
    #[inline(never)]
    fn renew(&mut self, members: &[Member], moved: Option<Stand>) {
        let present = (0..self.order.len()).filter_map(|place| {
            let stand = |key| Stand { place, active: members[place].active, value: value_of(key) };
            moved.filter(|moved| moved.place == place).or_else(|| self.order.key(place).map(stand))
        });
        let mut stands: Vec<Stand> = present.collect();
        for stand in &mut stands {
            stand.value += self.levels[stand.active as usize].offset;
        }
        self.levels.iter_mut().for_each(|level| level.offset = 0);
        let lowest = stands.iter().map(|stand| stand.active).min().unwrap_or_default();
        self.base = lowest.saturating_sub(TOP / 2);
        for stand in stands {
            let key = self.key(stand).expect("current weights lie around zero");
            self.order.set(stand.place, key);
        }
    }
}

fn place_of(key: u64) -> usize {
    (key % LESS) as usize
}

fn value_of(key: u64) -> i64 {
    HALF - 1 - (key % OUT_OF_BITS / LESS) as i64
}

/// What is taken from a key when its value grows by so much.
#[inline(always)]
fn worth(gained: i64) -> u64 {
    (gained as u64).wrapping_mul(LESS)
}

/// Whether a key says where its member stands among all others.
fn has_order(key: u64) -> bool {
    key < u64::from(TOP) * UP
}

/// Whether a key that something was added to does: its value fits, and neither level, nor the one above, is the top.
#[inline(always)]
fn is_plain(key: u64) -> bool {
    // Both in one question: the bit that must not be set goes to the front.
    (key / OUT_OF_BITS).rotate_right(1) < u64::from(TOP - 1)
}
