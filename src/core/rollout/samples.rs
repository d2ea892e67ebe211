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

/// What two versions did between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Both {
    pub new: Tally,
    pub old: Tally,
}

impl Both {
    fn between(first: &Sample, last: &Sample) -> Both {
        Both { new: last.new - first.new, old: last.old - first.old }
    }
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
        self.both(window).new
    }

    /// What both did in the last `window`.
    pub fn both(&self, window: Span) -> Both {
        match (self.before(window), self.list.back()) {
            (Some(first), Some(last)) => Both::between(&self.list[first], last),
            _ => Both::default(),
        }
    }

    /// Both, from each sample in the last `window` to the next.
    pub fn points(&self, window: Span) -> impl Iterator<Item = Both> {
        let first = self.before(window).unwrap_or_default();
        let from = self.list.iter().skip(first);
        from.clone().zip(from.skip(1)).map(|(first, last)| Both::between(first, last))
    }

    /// Both, from the last sample before the new version got traffic to each one after it, with the time in between: what
    /// they did at the same time.
    pub fn since_the_start(&self) -> impl Iterator<Item = (Span, Both)> {
        let untouched = self.list.front().map_or(0, |first| first.new.attempts);
        let begins = self.list.iter().take_while(|sample| sample.new.attempts == untouched).count().saturating_sub(1);
        let first = self.list.get(begins);
        let later = self.list.iter().skip(begins + 1);
        first
            .into_iter()
            .flat_map(move |first| later.clone().map(move |last| (last.at.since(first.at), Both::between(first, last))))
    }

    /// The number of the newest sample that is at least `window` older than the last; else of the first.
    fn before(&self, window: Span) -> Option<usize> {
        let start = self.list.back()?.at.back(window);
        Some(self.list.iter().rposition(|sample| sample.at <= start).unwrap_or(0))
    }
}
