//! What a controller sees of the traffic: counters, as they were scraped.

use crate::core::time::{Moment, Span};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Attempts counted since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts that ended.
    pub attempts: u64,
    /// Of those, the ones that failed by the instance's fault.
    pub failed: u64,
    /// Of those, the ones that took longer than [`Strategy::slow_above`](super::Strategy::slow_above).
    pub slow: u64,
}

impl std::ops::Sub for Tally {
    type Output = Tally;

    fn sub(self, earlier: Tally) -> Tally {
        Tally {
            attempts: self.attempts - earlier.attempts,
            failed: self.failed - earlier.failed,
            slow: self.slow - earlier.slow,
        }
    }
}

/// One scrape: the counters of both versions as they stood at `at`. It may arrive later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When the counters were read.
    pub at: Moment,
    /// What those of the new version showed; with a feature flag, those of the new code.
    pub new: Tally,
    /// What those of the old version showed.
    pub old: Tally,
}

/// The samples that came in, as far back as anybody looks.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// In the order of `at`; the first may lie just before the longest window.
    list: VecDeque<Sample>,
    longest: Span,
}

impl Samples {
    /// None yet; nobody looks further back than `longest`.
    pub fn new(longest: Span) -> Samples {
        Samples { list: VecDeque::new(), longest }
    }

    /// Takes a sample in; one that is not newer than what was seen is of no use.
    pub fn observe(&mut self, sample: Sample) {
        if self.list.back().is_some_and(|last| sample.at <= last.at) {
            return;
        }
        self.list.push_back(sample);
        let start = sample.at.back(self.longest);
        while self.list.len() > 1 && self.list[1].at <= start {
            self.list.pop_front();
        }
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&Sample> {
        self.list.back()
    }

    /// What the new version did in the last `window` before the newest sample.
    pub fn window(&self, window: Span) -> Tally {
        let Some(last) = self.list.back() else { return Tally::default() };
        let start = last.at.back(window);
        let before = self.list.iter().rev().find(|sample| sample.at <= start);
        let first = before.or(self.list.front()).expect("there is a last one");
        last.new - first.new
    }
}
