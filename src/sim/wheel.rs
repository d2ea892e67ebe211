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

#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    key: T,
    next: u32,
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
    /// The smallest of the current slice and those before it.
    near: T,
    /// The others, the last one first.
    in_order: Vec<T>,
    ring: Vec<Block>,
    /// The number of blocks, a power of two, less one.
    mask: u64,
    /// So many slices after the current one are on the ring for sure.
    reach: u64,
    /// Entries on the ring.
    ringed: usize,
    entries: Vec<Entry<T>>,
    free: u32,
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
            near: T::NEVER,
            in_order: Vec::new(),
            ring: vec![Block::EMPTY; (slices / BLOCK) as usize],
            mask: slices / BLOCK - 1,
            reach: slices - BLOCK,
            ringed: 0,
            entries: Vec::new(),
            free: NONE,
        }
    }

    /// Adds an entry; answers whether it could be taken in. Those that could not lie beyond the turn, or in a slice that
    /// has too many to keep them in order.
    #[inline(always)]
    #[must_use]
    pub fn push(&mut self, key: T) -> bool {
        let slice = key.at().nanos() >> self.shift;
        if slice.wrapping_sub(self.current + 1) < self.reach {
            self.put_on_ring(slice, key);
            true
        } else {
            self.push_near(slice, key)
        }
    }

    #[inline(always)]
    fn put_on_ring(&mut self, slice: u64, key: T) {
        let index = if self.free == NONE { self.room() } else { self.free };
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        let next = self.ring[((slice / BLOCK) & self.mask) as usize].put(slice, index);
        *entry = Entry { key, next };
        self.ringed += 1;
        if self.near.at() == Moment::NEVER {
            self.turn_first();
        }
    }

    /// Apart, because it is seldom that nothing is near.
    #[inline(never)]
    fn turn_first(&mut self) {
        self.turn();
    }

    /// An entry that was never used.
    #[inline(never)]
    fn room(&mut self) -> u32 {
        self.entries.push(Entry { key: T::NEVER, next: NONE });
        self.entries.len() as u32 - 1
    }

    #[inline(never)]
    fn push_near(&mut self, slice: u64, key: T) -> bool {
        if slice > self.current {
            return self.push_far(slice, key);
        }
        if self.in_order.len() >= IN_ORDER_MAX {
            return false;
        }
        if self.near.at() == Moment::NEVER {
            self.near = key;
        } else {
            let later = self.near.max(key);
            self.near = self.near.min(key);
            let place = self.in_order.partition_point(|&other| other > later);
            self.in_order.insert(place, later);
        }
        true
    }

    /// After a long silence the wheel starts anew; otherwise this lies beyond the turn.
    #[inline(never)]
    fn push_far(&mut self, slice: u64, key: T) -> bool {
        let silent = self.near.at() == Moment::NEVER && self.ringed == 0;
        if silent {
            self.current = slice - self.reach / 2;
            self.put_on_ring(slice, key);
        }
        silent
    }

    /// The smallest entry, or `T::NEVER`.
    #[inline(always)]
    pub fn peek(&self) -> T {
        self.near
    }

    /// Takes the smallest entry out; there is one.
    #[inline(always)]
    pub fn pop(&mut self) -> T {
        let first = self.near;
        match self.in_order.pop() {
            Some(next) => self.near = next,
            None => self.turn(),
        }
        first
    }

    /// Goes on to the next slice with entries, if there is one; nothing is near any more.
    #[inline(always)]
    fn turn(&mut self) {
        let block = &mut self.ring[((self.current / BLOCK) & self.mask) as usize];
        // All bits of its block lie ahead of the current slice.
        if block.occupied == 0 {
            self.turn_to_next_block();
            return;
        }
        let (slice, index) = block.take_first();
        self.current = self.current / BLOCK * BLOCK + slice;
        self.take_slice_off_ring(index);
    }

    /// The same, where the block of the current slice has no other entries.
    #[inline(never)]
    fn turn_to_next_block(&mut self) {
        if self.ringed == 0 {
            self.near = T::NEVER;
            return;
        }
        let mut blocks = self.current / BLOCK + 1..;
        let occupied = |&block: &u64| self.ring[(block & self.mask) as usize].occupied != 0;
        let block = blocks.find(occupied).expect("there are entries on the ring");
        let (slice, index) = self.ring[(block & self.mask) as usize].take_first();
        self.current = block * BLOCK + slice;
        self.take_slice_off_ring(index);
    }

    /// The slice of the entry at `index`, its first, is the current one.
    #[inline(always)]
    fn take_slice_off_ring(&mut self, index: u32) {
        let next = self.take_off_ring(index);
        if next != NONE {
            self.take_others_off_ring(next);
        }
    }

    /// The entry at `index` is the next one; answers which other one its slice has.
    #[inline(always)]
    fn take_off_ring(&mut self, index: u32) -> u32 {
        let entry = &mut self.entries[index as usize];
        self.near = entry.key;
        self.ringed -= 1;
        let free = std::mem::replace(&mut self.free, index);
        std::mem::replace(&mut entry.next, free)
    }

    #[inline(never)]
    fn take_others_off_ring(&mut self, mut index: u32) {
        self.in_order.push(self.near);
        while index != NONE {
            index = self.take_off_ring(index);
            self.in_order.push(self.near);
        }
        self.in_order.sort_unstable_by(|one, other| other.cmp(one));
        self.near = self.in_order.pop().unwrap_or(T::NEVER);
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

    /// What is first, of the wheel and of what it did not take in.
    fn take(wheel: &mut Wheel<(u64, u32)>, beyond: &mut Heap<(u64, u32)>) -> (u64, u32) {
        match beyond.peek() {
            Some(&first) if first < wheel.peek() => beyond.pop().expect("it was just seen"),
            Some(_) | None => wheel.pop(),
        }
    }

    /// What the engine does: whatever is added lies at or after what was taken last.
    fn check(width: u64, steps: Vec<Option<u64>>) -> Result<(), TestCaseError> {
        let (mut wheel, mut heap) = (Wheel::new(16, Span::from_nanos(width * CUTS_MIN)), Heap::new());
        let mut beyond = Heap::new();
        assert_eq!(1 << wheel.shift, width);
        let mut now = 0;
        for (number, step) in (0_u32..).zip(steps) {
            match step {
                Some(after) => {
                    if !wheel.push((now + after, number)) {
                        beyond.push((now + after, number));
                    }
                    heap.push((now + after, number));
                }
                None => {
                    let Some(first) = heap.pop() else { continue };
                    prop_assert_eq!(take(&mut wheel, &mut beyond), first);
                    now = first.0;
                }
            }
            let first = wheel.peek().min(beyond.peek().copied().unwrap_or(Timed::NEVER));
            prop_assert_eq!(first, heap.peek().copied().unwrap_or(Timed::NEVER));
        }
        while let Some(left) = heap.pop() {
            prop_assert_eq!(take(&mut wheel, &mut beyond), left);
        }
        prop_assert_eq!(wheel.peek(), Timed::NEVER);
        Ok(())
    }

    /// Within a slice, within a turn, and beyond it, where 2^20 ns are a turn at 2^8 ns.
    fn step() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![
            3 => Just(None),
            2 => (0_u64..300).prop_map(Some),
            2 => (0_u64..1 << 20).prop_map(Some),
            1 => (0_u64..1 << 23).prop_map(Some),
        ]
    }

    #[test]
    fn after_a_silence_of_any_length_entries_are_taken_in_again() {
        let turn = Span::from_nanos(1 << 20);
        let mut wheel = Wheel::new(16, turn);
        let mut now = 0;
        for number in 0..100 {
            now += turn.nanos() << (number % 30);
            for after in [turn.nanos() / 2, 0, turn.nanos()] {
                assert!(wheel.push((now + after, number)), "silence {number}");
            }
            for after in [0, turn.nanos() / 2, turn.nanos()] {
                assert_eq!(wheel.pop(), (now + after, number));
            }
        }
    }

    proptest! {
        #[test]
        fn entries_leave_in_the_order_of_a_heap(steps in prop::collection::vec(step(), 0..600)) {
            check(1 << 8, steps)?;
        }

        #[test]
        fn a_crowd_in_one_slice_keeps_its_order(steps in prop::collection::vec(prop::option::of(0_u64..40), 0..600)) {
            check(1 << 30, steps)?;
        }
    }
}
