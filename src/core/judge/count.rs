//! What a judge counts.

use serde::{Deserialize, Serialize};

/// Requests of one version, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Bad ones.
    pub bad: u64,
    /// All.
    pub events: u64,
}

impl Count {
    /// `bad` of `events`; there are never more bad ones than there are.
    pub fn new(bad: u64, events: u64) -> Count {
        Count { bad: bad.min(events), events }
    }

    /// Share of bad ones; `None` of nothing.
    pub fn rate(self) -> Option<f64> {
        (self.events > 0).then(|| self.bad as f64 / self.events as f64)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Count) -> Count {
        Count { bad: self.bad + other.bad, events: self.events + other.events }
    }

    /// What came after `earlier`, which counts from the same start.
    #[must_use]
    pub fn minus(self, earlier: Count) -> Count {
        Count { bad: self.bad - earlier.bad, events: self.events - earlier.events }
    }

    /// Good ones.
    pub fn good(self) -> u64 {
        self.events - self.bad
    }
}
