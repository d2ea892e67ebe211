//! One run of an analysis: when it measures, how it counts, and what comes of it (Argo's `analysis/analysis.go`).

use crate::core::rollout::samples::{Samples, Tally};
use crate::core::rollout::{Analysis, Check, Condition, Measure, Relation, Tolerance};
use crate::core::time::{Moment, Span};
use std::fmt;

/// After a measurement without a value the next one comes soon.
const ERROR_RETRY: Span = Span::from_secs(10);

/// What one measurement found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// A good value.
    Success,
    /// A bad value.
    Failed,
    /// A value that is neither.
    Inconclusive,
    /// No value.
    Error,
}

/// How a run or one of its checks stands; the later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It goes on.
    Running,
    /// Good.
    Successful,
    /// Too many measurements were neither good nor bad.
    Inconclusive,
    /// Too many measurements in a row gave no value.
    Error,
    /// Too many measurements were bad.
    Failed,
}

/// The measurements of one check so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Measurements with a value.
    pub count: u32,
    /// Of those, good ones.
    pub successes: u32,
    /// Of those, bad ones.
    pub failures: u32,
    /// Of those, neither.
    pub inconclusive: u32,
    /// Without a value, in a row.
    pub errors_in_a_row: u32,
    /// Good ones in a row.
    pub successes_in_a_row: u32,
}

impl Tallies {
    /// Counts one more. Errors are not counted as measurements.
    pub fn note(&mut self, measurement: Measurement) {
        if measurement == Measurement::Error {
            self.errors_in_a_row += 1;
            self.successes_in_a_row = 0;
            return;
        }
        self.count += 1;
        self.errors_in_a_row = 0;
        self.successes_in_a_row += 1;
        match measurement {
            Measurement::Success => self.successes += 1,
            Measurement::Failed => self.failures += 1,
            Measurement::Inconclusive => self.inconclusive += 1,
            Measurement::Error => unreachable!("errors were counted above"),
        }
        if measurement != Measurement::Success {
            self.successes_in_a_row = 0;
        }
    }

    /// How a check stands that bears `tolerance` and ends well after `count` measurements; `ending`: the run is being
    /// ended from outside. Of several broken limits an error outweighs inconclusive, and that a failure.
    pub fn outcome(&self, tolerance: Tolerance, count: Option<u32>, ending: bool) -> Outcome {
        if self.errors_in_a_row > tolerance.errors {
            return Outcome::Error;
        }
        if self.inconclusive > tolerance.inconclusive {
            return Outcome::Inconclusive;
        }
        if tolerance.failures.is_some_and(|limit| self.failures > limit) {
            return Outcome::Failed;
        }
        if tolerance.successes > 0 && self.successes_in_a_row >= tolerance.successes {
            return Outcome::Successful;
        }
        match count {
            Some(count) if self.count >= count => tolerance.at_the_last(),
            Some(_) | None if ending => Outcome::Successful,
            Some(_) | None => Outcome::Running,
        }
    }
}

impl Tolerance {
    /// What it means that the last measurement was taken and no limit was reached.
    fn at_the_last(self) -> Outcome {
        match (self.successes > 0, self.failures.is_some()) {
            (true, true) => Outcome::Inconclusive,
            (true, false) => Outcome::Failed,
            (false, _) => Outcome::Successful,
        }
    }
}

impl Condition {
    /// Whether `found` compares as it must.
    pub fn holds(self, found: f64) -> bool {
        match self.relation {
            Relation::Less => found < self.value,
            Relation::AtMost => found <= self.value,
            Relation::More => found > self.value,
            Relation::AtLeast => found >= self.value,
            Relation::Equal => found == self.value,
            Relation::Other => found != self.value,
        }
    }
}

impl Check {
    /// The measured value, if there was anything to measure.
    fn value(&self, seen: Tally) -> Option<f64> {
        let of = |part: u64| (seen.attempts > 0).then(|| part as f64 / seen.attempts as f64);
        match self.measure {
            Measure::Availability => of(seen.attempts - seen.failed),
            Measure::ErrorRate => of(seen.failed),
            Measure::Slow { .. } => of(seen.slow),
        }
    }

    /// What a measurement of `seen` finds: without conditions every value is good; a bad one is bad whatever the
    /// condition of success says.
    pub fn judge(&self, seen: Tally) -> Measurement {
        let Some(value) = self.value(seen) else { return Measurement::Error };
        let holds = |condition: Option<Condition>| condition.map(|condition| condition.holds(value));
        match (holds(self.success), holds(self.failure)) {
            (_, Some(true)) | (Some(false), None) => Measurement::Failed,
            (Some(true), _) | (None, Some(false) | None) => Measurement::Success,
            (Some(false), Some(false)) => Measurement::Inconclusive,
        }
    }

    /// Measurements that end it well.
    fn last(&self) -> Option<u32> {
        self.count.or_else(|| self.interval.is_none().then_some(1))
    }
}

/// A run under way.
#[derive(Clone, Debug)]
pub(super) struct Run {
    checks: Vec<Under>,
}

/// One check under way.
#[derive(Clone, Debug)]
struct Under {
    check: Check,
    next: Moment,
    tallies: Tallies,
    outcome: Outcome,
    seen: Tally,
}

impl Run {
    pub fn start(now: Moment, analysis: &Analysis) -> Run {
        let checks = analysis.checks.iter().map(|check| Under {
            next: now + check.initial_delay,
            check: check.clone(),
            tallies: Tallies::default(),
            outcome: Outcome::Running,
            seen: Tally::default(),
        });
        Run { checks: checks.collect() }
    }

    /// Takes the measurements that are due.
    pub fn measure(&mut self, now: Moment, samples: &Samples) {
        for under in &mut self.checks {
            while under.outcome == Outcome::Running && under.next <= now {
                under.seen = samples.window(under.check.window);
                let found = under.check.judge(under.seen);
                under.tallies.note(found);
                under.outcome = under.tallies.outcome(under.check.tolerance, under.check.last(), false);
                under.next = match (found, under.check.interval) {
                    (Measurement::Error, _) => now + ERROR_RETRY,
                    (_, Some(interval)) => now + interval,
                    (_, None) => Moment::NEVER,
                };
            }
        }
    }

    /// The worst of its checks; dry runs do not count.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.checks.iter().filter(|under| !under.check.dry_run).map(|under| under.outcome);
        let worst = outcomes.clone().max().unwrap_or(Outcome::Successful);
        let running = outcomes.clone().any(|outcome| outcome == Outcome::Running);
        if running && worst <= Outcome::Successful { Outcome::Running } else { worst }
    }

    /// When the next measurement is due.
    pub fn deadline(&self) -> Moment {
        let running = self.checks.iter().filter(|under| under.outcome == Outcome::Running);
        running.map(|under| under.next).min().unwrap_or(Moment::NEVER)
    }

    /// The evidence of the worst check.
    pub fn evidence(&self) -> String {
        let counted = self.checks.iter().filter(|under| !under.check.dry_run);
        counted.max_by_key(|under| under.outcome).map_or_else(String::new, Under::to_string)
    }
}

impl fmt::Display for Under {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tallies { count, failures, inconclusive, errors_in_a_row, .. } = self.tallies;
        write!(out, "{}: ", self.check.name)?;
        match self.outcome {
            Outcome::Error => return write!(out, "no value {errors_in_a_row} times in a row"),
            Outcome::Inconclusive if inconclusive > 0 => {
                write!(out, "{inconclusive} of {count} measurements inconclusive")?;
            }
            Outcome::Running | Outcome::Successful | Outcome::Inconclusive | Outcome::Failed => {
                write!(out, "{failures} of {count} measurements failed")?;
            }
        }
        let Tally { attempts, failed, slow } = self.seen;
        match self.check.measure {
            Measure::Slow { above } => write!(out, ", last {slow} of {attempts} attempts above {above}"),
            Measure::Availability | Measure::ErrorRate => write!(out, ", last {failed} of {attempts} attempts failed"),
        }
    }
}

#[cfg(test)]
mod tests;
