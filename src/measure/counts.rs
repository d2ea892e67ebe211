//! User requests, counted once: what a second or the measured time adds is a difference, so that a request costs one
//! increment for each thing that happens to it.

use crate::measure::forecast::Second;

/// How many user requests there were since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent.
    pub offered: u64,
    /// Settled well.
    pub good: u64,
    /// Settled badly.
    pub bad: u64,
}

impl Counts {
    /// What came after `earlier`.
    pub fn since(self, earlier: Counts) -> Counts {
        Counts { offered: self.offered - earlier.offered, good: self.good - earlier.good, bad: self.bad - earlier.bad }
    }

    /// Sent and not settled.
    pub fn in_flight(self) -> u64 {
        self.offered - self.good - self.bad
    }

    /// The row of a second that counted these.
    pub fn row(self) -> Second {
        Second { offered: self.offered as u32, good: self.good as u32, bad: self.bad as u32, ..Second::default() }
    }
}
