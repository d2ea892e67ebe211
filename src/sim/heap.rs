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

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, entry: T) {
        let mut hole = self.entries.len();
        self.entries.push(entry);
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

    /// Takes the smallest entry out.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.entries.pop()?;
        let Some(&top) = self.entries.first() else { return Some(last) };
        let hole = self.sink(last);
        self.entries[hole] = last;
        Some(top)
    }

    /// Moves the hole at the top down to where `entry` belongs.
    #[inline]
    fn sink(&mut self, entry: T) -> usize {
        let entries = &mut self.entries[..];
        let mut hole = 0;
        loop {
            let first = hole * WAYS + 1;
            if first >= entries.len() {
                return hole;
            }
            let last = (first + WAYS).min(entries.len());
            let mut least = first;
            for child in first + 1..last {
                if entries[child] < entries[least] {
                    least = child;
                }
            }
            if entry <= entries[least] {
                return hole;
            }
            entries[hole] = entries[least];
            hole = least;
        }
    }
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
