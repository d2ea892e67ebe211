//! A calendar wheel: many entries at times to come, the next one at hand.
//!
//! Time is cut into slices of equal width; a ring of slices holds what is due within one turn, unordered. A slice is put in
//! order when its time has come, and most slices hold an entry or two, so that neither adding nor taking depends on how
//! many wait. What lies beyond the turn is not taken in. Brown, "Calendar queues" (1988).

use crate::core::time::{Moment, Span};

/// Slices of the ring for fleets of up to a thousand slots or so: their heads fit into half of a first-level cache.
const SLICES_MIN: u64 = 1 << 12;
/// Of larger fleets: the heads fill a second-level cache.
const SLICES_MAX: u64 = 1 << 18;
/// Fewer would put several entries into one slice, more would leave many slices empty.
const SLICES_PER_ENTRY: u64 = 8;
/// Into so many at least a turn is cut: the smallest ring has them anyhow.
const CUTS_MIN: u64 = 1 << 10;
/// More entries than this are not kept in order by insertion.
const IN_ORDER_MAX: usize = 64;
/// Slices of a block.
const BLOCK: u64 = 64;
const NONE: u32 = u32::MAX;

/// What can be put in order of time. No two are equal, so that order never depends on layout.
pub trait Timed: Copy + Ord {
    /// Later than every entry.
    const NEVER: Self;

    /// When it is due.
    fn at(self) -> Moment;
}

/// Where those are kept who wait on a wheel, each with a link that is the wheel's as long as it waits. Who has its key at hand
/// anyhow need not keep it twice.
pub trait Entries<T> {
    /// What the entry of this number was pushed with.
    fn key(&self, index: u32) -> T;

    /// Which one it is linked to.
    fn next(&self, index: u32) -> u32;

    /// The same, to be changed.
    fn link(&mut self, index: u32) -> &mut u32;
}

/// Neighbouring slices.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// One bit for each slice with entries.
    occupied: u64,
    /// By slice: the first of its entries.
    heads: [u32; BLOCK as usize],
}

impl Block {
    const EMPTY: Block = Block { occupied: 0, heads: [NONE; BLOCK as usize] };

    /// Puts the entry at `index` first in a slice; answers which one was.
    #[inline(always)]
    fn put(&mut self, slice: u64, index: u32) -> u32 {
        self.occupied |= 1 << (slice % BLOCK);
        std::mem::replace(&mut self.heads[(slice % BLOCK) as usize], index)
    }

    /// Empties the first slice with entries, of which there is one: which it is, and its first entry.
    #[inline(always)]
    fn take_first(&mut self) -> (u64, u32) {
        let slice = u64::from(self.occupied.trailing_zeros());
        self.occupied &= self.occupied - 1;
        (slice, std::mem::replace(&mut self.heads[(slice % BLOCK) as usize], NONE))
    }
}

/// Smallest first.
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    /// A slice is 2^`shift` nanoseconds wide.
    shift: u32,
    /// The slice that is in order; whatever is due in it or before is not on the ring any more.
    current: u64,
    /// So many slices after the current one are on the ring for sure; none where nobody waits.
    reach: u64,
    /// The smallest of the current slice and those before it.
    near: T,
    /// The others, the last one first.
    in_order: Vec<T>,
    ring: Vec<Block>,
    /// The number of blocks, a power of two, less one.
    mask: u64,
    /// Entries on the ring.
    ringed: usize,
}

impl<T: Timed> Wheel<T> {
    /// A wheel for about `many` entries at once that are due within `turn`.
    pub fn new(many: u64, turn: Span) -> Wheel<T> {
        let wanted = many.saturating_mul(SLICES_PER_ENTRY);
        let width = turn.nanos() / wanted.clamp(CUTS_MIN, SLICES_MAX);
        let slices = wanted.clamp(SLICES_MIN, SLICES_MAX).next_power_of_two();
        Wheel {
            shift: width.max(1).ilog2(),
            current: 0,
            reach: 0,
            near: T::NEVER,
            in_order: Vec::new(),
            ring: vec![Block::EMPTY; (slices / BLOCK) as usize],
            mask: slices / BLOCK - 1,
            ringed: 0,
        }
    }

    /// Adds the entry of this number, whose link is the wheel's from now on; answers whether it could be taken in. Those that
    /// could not lie beyond the turn, or in a slice that has too many to keep them in order.
    #[inline(always)]
    #[must_use]
    pub fn push(&mut self, key: T, index: u32, link: &mut u32) -> bool {
        let slice = self.slice_of(key.at());
        if slice.wrapping_sub(self.current + 1) < self.reach {
            *link = self.ring[((slice / BLOCK) & self.mask) as usize].put(slice, index);
            self.ringed += 1;
            true
        } else {
            self.push_otherwise(slice, key)
        }
    }

    #[inline(always)]
    fn slice_of(&self, at: Moment) -> u64 {
        at.nanos() >> self.shift
    }

    #[inline(never)]
    fn push_otherwise(&mut self, slice: u64, key: T) -> bool {
        if self.reach == 0 {
            self.begin(slice, key);
            return true;
        }
        let near = slice <= self.current && self.in_order.len() < IN_ORDER_MAX;
        if near {
            let later = self.near.max(key);
            self.near = self.near.min(key);
            let place = self.in_order.partition_point(|&other| other > later);
            self.in_order.insert(place, later);
        }
        near
    }

    /// The first entry after a silence, however long that was.
    fn begin(&mut self, slice: u64, key: T) {
        self.near = key;
        self.current = self.current.max(slice);
        self.reach = self.mask * BLOCK;
    }

    /// The smallest entry, or `T::NEVER`.
    #[inline(always)]
    pub fn peek(&self) -> T {
        self.near
    }

    /// Takes the smallest entry out; there is one.
    #[inline(always)]
    pub fn pop(&mut self, entries: &impl Entries<T>) -> T {
        let first = self.near;
        match self.in_order.pop() {
            Some(next) => self.near = next,
            None => self.turn(entries),
        }
        first
    }

    /// Goes on to the next slice with entries, if there is one; nothing is near any more.
    #[inline(always)]
    fn turn(&mut self, entries: &impl Entries<T>) {
        let block = &mut self.ring[((self.current / BLOCK) & self.mask) as usize];
        // All bits of its block lie ahead of the current slice.
        if block.occupied == 0 {
            self.turn_to_next_block(entries);
            return;
        }
        let (slice, index) = block.take_first();
        self.current = self.current / BLOCK * BLOCK + slice;
        self.take_slice_off_ring(entries, index);
    }

    /// The same, where the block of the current slice has no other entries.
    #[inline(never)]
    fn turn_to_next_block(&mut self, entries: &impl Entries<T>) {
        if self.ringed == 0 {
            (self.near, self.reach) = (T::NEVER, 0);
            return;
        }
        let mut blocks = self.current / BLOCK + 1..;
        let occupied = |&block: &u64| self.ring[(block & self.mask) as usize].occupied != 0;
        let block = blocks.find(occupied).expect("there are entries on the ring");
        let (slice, index) = self.ring[(block & self.mask) as usize].take_first();
        self.current = block * BLOCK + slice;
        self.take_slice_off_ring(entries, index);
    }

    /// The slice of the entry `index`, its first, is the current one.
    #[inline(always)]
    fn take_slice_off_ring(&mut self, entries: &impl Entries<T>, index: u32) {
        self.near = entries.key(index);
        self.ringed -= 1;
        let next = entries.next(index);
        if next != NONE {
            self.take_others_off_ring(entries, next);
        }
    }

    #[inline(never)]
    fn take_others_off_ring(&mut self, entries: &impl Entries<T>, mut index: u32) {
        self.in_order.push(self.near);
        while index != NONE {
            self.in_order.push(entries.key(index));
            self.ringed -= 1;
            index = entries.next(index);
        }
        self.in_order.sort_unstable_by(|one, other| other.cmp(one));
        self.near = self.in_order.pop().unwrap_or(T::NEVER);
    }

    /// The entry of this number, which was pushed to be due at `at`, gives up its place on the ring, if it has one: from now on
    /// its link is its own again. If it is near already, it is taken out as the others are.
    pub fn free(&mut self, at: Moment, index: u32, entries: &mut impl Entries<T>) {
        let slice = self.slice_of(at);
        if slice.wrapping_sub(self.current + 1) >= self.reach {
            return;
        }
        let next = entries.next(index);
        let block = &mut self.ring[((slice / BLOCK) & self.mask) as usize];
        let head = &mut block.heads[(slice % BLOCK) as usize];
        if *head == index {
            *head = next;
            block.occupied &= !(u64::from(next == NONE) << (slice % BLOCK));
        } else {
            let some = |index: u32| Some(index).filter(|&index| index != NONE);
            let mut others = std::iter::successors(some(*head), |&other| some(entries.next(other)));
            let Some(before) = others.find(|&other| entries.next(other) == index) else { return };
            *entries.link(before) = next;
        }
        self.ringed -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::heap::Heap;
    use proptest::prelude::*;

    impl Timed for (u64, u32) {
        const NEVER: (u64, u32) = (u64::MAX, u32::MAX);

        fn at(self) -> Moment {
            Moment::from_nanos(self.0)
        }
    }

    /// By number: the key of an entry, and its link.
    #[derive(Default)]
    struct Store(Vec<((u64, u32), u32)>);

    impl Entries<(u64, u32)> for Store {
        fn key(&self, index: u32) -> (u64, u32) {
            self.0[index as usize].0
        }

        fn next(&self, index: u32) -> u32 {
            self.0[index as usize].1
        }

        fn link(&mut self, index: u32) -> &mut u32 {
            &mut self.0[index as usize].1
        }
    }

    /// A wheel beside what it does not take in, and a heap that takes in everything.
    struct Both {
        wheel: Wheel<(u64, u32)>,
        store: Store,
        beyond: Heap<(u64, u32)>,
        heap: Heap<(u64, u32)>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Something is to be due so long after what was taken last.
        Push(u64),
        Pop,
        /// One of those that were pushed is cut.
        Cut(prop::sample::Index),
    }

    impl Both {
        fn new(turn: Span) -> Both {
            Both { wheel: Wheel::new(16, turn), store: Store::default(), beyond: Heap::new(), heap: Heap::new() }
        }

        fn push(&mut self, at: u64) {
            let index = self.store.0.len() as u32;
            let key = (at, index);
            self.store.0.push((key, 0));
            if !self.wheel.push(key, index, &mut self.store.0[index as usize].1) {
                self.beyond.push(key);
            }
            self.heap.push(key);
        }

        /// Its key and its link mean something else from now on.
        fn cut(&mut self, index: u32) {
            let key = self.store.key(index);
            if key != CUT {
                self.wheel.free(key.at(), index, &mut self.store);
                self.store.0[index as usize] = (CUT, index);
            }
        }

        fn is_meant(&self, key: (u64, u32)) -> bool {
            key == Timed::NEVER || self.store.key(key.1) == key
        }

        /// The first that is meant, of the wheel and of what it did not take in.
        fn first(&mut self) -> (u64, u32) {
            loop {
                let first = self.wheel.peek().min(self.beyond.peek().copied().unwrap_or(Timed::NEVER));
                if self.is_meant(first) {
                    return first;
                }
                self.take(first);
            }
        }

        fn take(&mut self, first: (u64, u32)) {
            if self.beyond.peek() == Some(&first) {
                self.beyond.pop();
            } else {
                assert_eq!(self.wheel.pop(&self.store), first);
            }
        }

        fn first_of_heap(&mut self) -> (u64, u32) {
            loop {
                match self.heap.peek().copied() {
                    None => return Timed::NEVER,
                    Some(first) if self.is_meant(first) => return first,
                    Some(_) => self.heap.pop(),
                };
            }
        }
    }

    /// The key of those that were cut.
    const CUT: (u64, u32) = (0, u32::MAX);

    /// What the engine does: whatever is added lies at or after what was taken last.
    fn check(width: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
        let mut both = Both::new(Span::from_nanos(width * CUTS_MIN));
        assert_eq!(1 << both.wheel.shift, width);
        let mut now = 0;
        let at_the_end = [Step::Pop].into_iter().cycle().take(steps.len());
        for step in steps.into_iter().chain(at_the_end) {
            match step {
                Step::Push(after) => both.push(now + after),
                Step::Cut(which) if !both.store.0.is_empty() => both.cut(which.index(both.store.0.len()) as u32),
                Step::Cut(_) => {}
                Step::Pop => {
                    let first = both.first();
                    if first != Timed::NEVER {
                        both.take(first);
                        both.heap.pop();
                        now = first.0;
                    }
                }
            }
            prop_assert_eq!(both.first(), both.first_of_heap());
        }
        prop_assert_eq!(both.wheel.peek(), Timed::NEVER);
        prop_assert_eq!(both.wheel.ringed, 0);
        Ok(())
    }

    /// Within a slice, within a turn, and beyond it, where 2^20 ns are a turn at 2^8 ns.
    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Pop),
            2 => (0_u64..300).prop_map(Step::Push),
            2 => (0_u64..1 << 20).prop_map(Step::Push),
            1 => (0_u64..1 << 23).prop_map(Step::Push),
            1 => any::<prop::sample::Index>().prop_map(Step::Cut),
        ]
    }

    fn step_in_a_crowd() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Pop),
            4 => (0_u64..40).prop_map(Step::Push),
            2 => (0_u64..1 << 31).prop_map(Step::Push),
            1 => any::<prop::sample::Index>().prop_map(Step::Cut),
        ]
    }

    #[test]
    fn after_a_silence_of_any_length_entries_are_taken_in_again() {
        let turn = Span::from_nanos(1 << 20);
        let mut both = Both::new(turn);
        let mut now = 0;
        for number in 0..100 {
            now += turn.nanos() << (number % 30);
            let mut afters = [turn.nanos() / 2, 0, turn.nanos()];
            afters.into_iter().for_each(|after| both.push(now + after));
            assert!(both.beyond.peek().is_none(), "silence {number}");
            afters.sort_unstable();
            for after in afters {
                let first = both.first();
                assert_eq!(first.0, now + after);
                both.take(first);
            }
        }
    }

    proptest! {
        #[test]
        fn entries_leave_in_the_order_of_a_heap(steps in prop::collection::vec(step(), 0..600)) {
            check(1 << 8, steps)?;
        }

        #[test]
        fn a_crowd_in_one_slice_keeps_its_order(steps in prop::collection::vec(step_in_a_crowd(), 0..600)) {
            check(1 << 30, steps)?;
        }
    }
}
