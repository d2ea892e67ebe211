//! A four-ary min-heap: shallower than a binary one, so that fewer cache lines are touched per event.

const WAYS: usize = 4;

/// Smallest first. Entries are small and copied; the caller makes them unique, so that order never depends on layout.
#[derive(Clone, Debug)]
pub struct Heap<T> {
    entries: Vec<T>,
}

impl<T: Copy + Ord> Heap<T> {
    /// An empty heap.
    pub const fn new() -> Heap<T> {
        Heap { entries: Vec::new() }
    }

    /// The smallest entry.
    #[inline]
    pub fn peek(&self) -> Option<&T> {
        self.entries.first()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps those of which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.entries.retain(keep);
        // What is in order is a heap.
        self.entries.sort_unstable();
    }

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, entry: T) {
        self.entries.push(entry);
        self.rise(self.entries.len() - 1, entry);
    }

    /// Takes the smallest entry out.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.entries.pop()?;
        let Some(&top) = self.entries.first() else { return Some(last) };
        // The last entry nearly always belongs near the bottom again: sinking the hole all the way and rising a little
        // asks fewer questions, and none whose answer a processor cannot guess.
        let hole = self.sink();
        self.rise(hole, last);
        Some(top)
    }

    /// Puts `entry` where it belongs on the way up from `hole`.
    #[inline]
    fn rise(&mut self, mut hole: usize, entry: T) {
        while hole > 0 {
            let parent = (hole - 1) / WAYS;
            if self.entries[parent] <= entry {
                break;
            }
            self.entries[hole] = self.entries[parent];
            hole = parent;
        }
        self.entries[hole] = entry;
    }

    /// Moves the hole at the top down to the bottom, the smallest child rising each time.
    #[inline]
    fn sink(&mut self) -> usize {
        let entries = &mut self.entries[..];
        let mut hole = 0;
        loop {
            let first = hole * WAYS + 1;
            let least = match entries.get(first..first + WAYS) {
                Some(children) => first + least_of_four(children),
                None if first < entries.len() => first + least(&entries[first..]),
                None => return hole,
            };
            entries[hole] = entries[least];
            hole = least;
        }
    }
}

#[inline]
fn least<T: Ord>(entries: &[T]) -> usize {
    (1..entries.len()).fold(0, |best, other| if entries[other] < entries[best] { other } else { best })
}

/// A knock-out of two rounds, which compiles to conditional moves instead of branches.
#[inline]
fn least_of_four<T: Ord>(children: &[T]) -> usize {
    let left = usize::from(children[1] < children[0]);
    let right = 2 + usize::from(children[3] < children[2]);
    if children[right] < children[left] { right } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    proptest! {
        #[test]
        fn pops_in_the_order_of_the_standard_heap(steps in prop::collection::vec(prop::option::of(0_u32..50), 0..400)) {
            let (mut ours, mut theirs) = (Heap::new(), BinaryHeap::new());
            for (number, step) in (0_u32..).zip(steps) {
                match step {
                    Some(key) => {
                        ours.push((key, number));
                        theirs.push(Reverse((key, number)));
                    }
                    None => prop_assert_eq!(ours.pop(), theirs.pop().map(|Reverse(entry)| entry)),
                }
                prop_assert_eq!(ours.peek(), theirs.peek().map(|Reverse(entry)| entry));
            }
        }
    }
}
