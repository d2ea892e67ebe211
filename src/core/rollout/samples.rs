//! What a controller sees of the traffic: counters, as they were scraped.

use crate::core::rollout::Control;
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

impl Tally {
    fn is_empty(&self) -> bool {
        *self == Tally::default()
    }
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
    /// What those of the old version showed, its baseline included.
    pub old: Tally,
    /// Of those, what was attempted on the fresh baseline.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub baseline: Tally,
}

/// The samples that came in, as far back as anybody looks.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// In the order of `at`; the first may lie just before the longest window.
    list: VecDeque<Sample>,
    longest: Span,
    /// When the baseline was ordered to stop: what was counted later is compared with nothing.
    ended: Moment,
}

/// What two versions did between two samples, and the baseline as a part of the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Both {
    pub new: Tally,
    pub old: Tally,
    pub baseline: Tally,
}

impl Both {
    fn between(first: &Sample, last: &Sample) -> Both {
        Both { new: last.new - first.new, old: last.old - first.old, baseline: last.baseline - first.baseline }
    }

    /// What the new version is compared with.
    pub fn control(&self, control: Control) -> Tally {
        match control {
            Control::Fleet => self.old,
            Control::Baseline => self.baseline,
        }
    }
}

impl Samples {
    /// None yet; nobody looks further back than `longest`.
    pub fn new(longest: Span) -> Samples {
        Samples { list: VecDeque::new(), longest, ended: Moment::NEVER }
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

    /// The baseline is ordered to stop; samples of before may still come.
    pub fn end_baseline(&mut self, now: Moment) {
        self.ended = self.ended.min(now);
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&Sample> {
        self.list.back()
    }

    /// What the new version did in the last `window` before the newest sample.
    pub fn window(&self, window: Span) -> Tally {
        self.both(Control::Fleet, window).new
    }

    /// What both did in the last `window` that counts for this control.
    pub fn both(&self, control: Control, window: Span) -> Both {
        let sides = self.before(control, window).map(|(first, last)| (&self.list[first], &self.list[last]));
        sides.map_or_else(Both::default, |(first, last)| Both::between(first, last))
    }

    /// Both, from each sample in the last `window` to the next.
    pub fn points(&self, control: Control, window: Span) -> impl Iterator<Item = Both> {
        let (first, last) = self.before(control, window).unwrap_or_default();
        let from = self.list.iter().take(last + 1).skip(first);
        from.clone().zip(from.skip(1)).map(|(first, last)| Both::between(first, last))
    }

    /// Both, from the last sample before the new version got traffic to each one after it, with the time in between: what
    /// they did at the same time.
    pub fn since_the_start(&self, control: Control) -> impl Iterator<Item = (Span, Both)> {
        let (begins, last) = self.counted(control).unwrap_or_default();
        let begins = begins.max(self.begin(|sample| sample.new.attempts)).min(last);
        let first = self.list.get(begins);
        let later = self.list.iter().take(last + 1).skip(begins + 1);
        first
            .into_iter()
            .flat_map(move |first| later.clone().map(move |last| (last.at.since(first.at), Both::between(first, last))))
    }

    /// The numbers of the newest sample and of the newest that is at least `window` older; else of the first that counts.
    fn before(&self, control: Control, window: Span) -> Option<(usize, usize)> {
        let (first, last) = self.counted(control)?;
        let start = self.list[last].at.back(window);
        let before = self.list.range(..=last).rposition(|sample| sample.at <= start).unwrap_or(0);
        Some((before.max(first), last))
    }

    /// The numbers of the first and the last sample that count for this control: with a baseline only while both it and the
    /// new version had traffic, so that they are compared at the same time.
    fn counted(&self, control: Control) -> Option<(usize, usize)> {
        let newest = self.list.len().checked_sub(1)?;
        match control {
            Control::Fleet => Some((0, newest)),
            Control::Baseline => {
                let last = self.list.iter().rposition(|sample| sample.at <= self.ended).unwrap_or(0);
                let begun = self.begin(|sample| sample.baseline.attempts).max(self.begin(|sample| sample.new.attempts));
                Some((begun.min(last), last))
            }
        }
    }

    /// The number of the last sample before this counter moved.
    fn begin(&self, counter: impl Fn(&Sample) -> u64) -> usize {
        let untouched = self.list.front().map_or(0, &counter);
        self.list.iter().take_while(|sample| counter(sample) == untouched).count().saturating_sub(1)
    }
}
