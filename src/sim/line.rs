//! What is on the network: everything takes the same time there.

use crate::core::time::Moment;
use crate::sim::key::Key;
use crate::sim::wheel::Timed;

/// Keys that come in their order, in a ring.
#[derive(Debug)]
pub struct Line {
    /// When the first is due; `NEVER`: there is none.
    pub next: Moment,
    ring: Vec<Key>,
    first: usize,
    end: usize,
}

impl Line {
    /// Nothing.
    pub fn new() -> Line {
        Line { next: Moment::NEVER, ring: vec![Key::NEVER; 64], first: 0, end: 0 }
    }

    /// The number of keys that there is room for is a power of two.
    #[inline(always)]
    fn mask(&self) -> usize {
        self.ring.len() - 1
    }

    /// The first, or `NEVER`.
    pub fn peek(&self) -> Key {
        if self.first == self.end { Key::NEVER } else { self.ring[self.first & self.mask()] }
    }

    /// Adds one that is due no earlier than the others.
    #[inline(always)]
    pub fn push(&mut self, key: Key) {
        if self.end - self.first == self.ring.len() {
            self.grow();
        }
        let (end, mask) = (self.end, self.mask());
        let last = self.ring[end.wrapping_sub(1) & mask];
        debug_assert!(self.first == end || last.at() <= key.at(), "whoever leaves later arrives later");
        self.ring[end & mask] = key;
        self.end = end + 1;
        self.next = self.next.min(key.at());
    }

    #[inline(never)]
    fn grow(&mut self) {
        let count = self.ring.len();
        let mut ring: Vec<Key> = (self.first..self.end).map(|at| self.ring[at & self.mask()]).collect();
        ring.resize(2 * count, Key::NEVER);
        (self.ring, self.first, self.end) = (ring, 0, count);
    }

    /// Takes the first out; there is one.
    #[inline(always)]
    pub fn pop(&mut self) -> Key {
        let (first, mask) = (self.first, self.mask());
        let [taken, next] = [first, first + 1].map(|at| self.ring[at & mask]);
        self.first = first + 1;
        self.next = if self.first == self.end { Moment::NEVER } else { next.at() };
        taken
    }
}
