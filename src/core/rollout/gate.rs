//! The automatic verdict of a rollout: from samples of cumulative counters to what a judge says of them.

use crate::core::judge::{Count, Evidence, Finding, GroupSequential, Judge, Seen, Verdict, percent};
use crate::core::rollout::samples::{Both, Samples, Tally};
use crate::core::rollout::{Bad, Control, Gate, Spending};
use std::fmt;

/// What a gate says, and what it looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    gate: Gate,
    /// What the judge says; it is not asked once the budget is spent.
    pub verdict: Verdict,
    /// Bad attempts that the new version made, and how many it may: where it has burnt its part of the budget.
    spent: Option<(u64, f64)>,
}

impl Ruling {
    /// Whether the new version is condemned.
    pub fn is_fail(&self) -> bool {
        self.spent.is_some() || self.verdict.is_fail()
    }

    /// Whether nothing can be said yet.
    pub fn is_inconclusive(&self) -> bool {
        self.spent.is_none() && matches!(self.verdict, Verdict::Inconclusive(_))
    }
}

/// What `gate` says of the samples so far.
pub(super) fn judge(gate: Gate, samples: &Samples) -> Ruling {
    let spent = gate.budget.and_then(|spending| spending.broken_by(samples));
    let verdict = match gate.judge {
        Judge::Sprt(_) => at_the_first_decision(gate, samples),
        Judge::Looks(test) => at_the_planned_looks(gate, &test, samples),
        Judge::Anytime(_) => {
            let both = samples.since_the_start(gate.control).last().map_or_else(Both::default, |(_, both)| both);
            gate.say(both, 1, (&[], &[]))
        }
        Judge::MannWhitney(_) => on_points(gate, samples),
        Judge::Threshold(_) | Judge::Relative(_) | Judge::Fisher(_) | Judge::Z(_) => {
            gate.say(samples.both(gate.control, gate.window), 1, (&[], &[]))
        }
    };
    Ruling { gate, verdict, spent }
}

impl Gate {
    fn count(&self, tally: Tally) -> Count {
        let bad = match self.bad {
            Bad::Failed => tally.failed,
            Bad::SlowerThan(_) => tally.slow,
        };
        Count::new(bad, tally.attempts)
    }

    /// Of the new version, and of what it is compared with.
    fn counts(&self, both: Both) -> (Count, Count) {
        (self.count(both.new), self.count(both.control(self.control)))
    }

    fn say(&self, both: Both, look: u32, points: (&[f64], &[f64])) -> Verdict {
        let (canary, control) = self.counts(both);
        let seen = Seen { canary, control, look, points };
        self.judge.judge(&seen, u64::from(self.samples))
    }
}

/// A sequential test is over with its first decision: what comes after it would add to its errors.
fn at_the_first_decision(gate: Gate, samples: &Samples) -> Verdict {
    let mut said = gate.say(Both::default(), 1, (&[], &[]));
    for (_, both) in samples.since_the_start(gate.control) {
        said = gate.say(both, 1, (&[], &[]));
        if said.is_fail() || said.is_pass() {
            break;
        }
    }
    said
}

/// At each planned look, what had been counted by then; what comes in between does not count.
fn at_the_planned_looks(gate: Gate, test: &GroupSequential, samples: &Samples) -> Verdict {
    let (mut look, mut so_far) = (0, Both::default());
    let mut said = None;
    for (after, both) in samples.since_the_start(gate.control) {
        so_far = both;
        let due = gate.window.times(u64::from(look) + 1);
        if after >= due && look < test.looks {
            look += 1;
            let found = gate.say(both, look, (&[], &[]));
            said = Some(found);
            if found.is_fail() {
                return found;
            }
        }
    }
    said.unwrap_or_else(|| {
        let (canary, control) = gate.counts(so_far);
        let finding = Finding::Look { look: 0, of: test.looks, statistic: None, limit: test.limit(1) };
        Verdict::Inconclusive(Evidence { canary, control: Some(control), finding })
    })
}

/// One point from each scrape to the next; without an attempt it has no value.
fn on_points(gate: Gate, samples: &Samples) -> Verdict {
    let rate = |tally: Tally| gate.count(tally).rate().unwrap_or(f64::NAN);
    let (new, control): (Vec<f64>, Vec<f64>) = samples
        .points(gate.control, gate.window)
        .map(|both| (rate(both.new), rate(both.control(gate.control))))
        .unzip();
    gate.say(samples.both(gate.control, gate.window), 1, (&new, &control))
}

impl Spending {
    /// Bad attempts of the new version so far, and how many it may make, if it has made more: that part of the budget that
    /// the traffic so far, going on for the whole window, would bring.
    fn broken_by(&self, samples: &Samples) -> Option<(u64, f64)> {
        let (after, both) = samples.since_the_start(Control::Fleet).last()?;
        let all = (both.new.attempts + both.old.attempts) as f64;
        let window = self.objective.window.seconds() / after.seconds();
        let in_window = self.objective.requests.unwrap_or(all * window);
        let allowed = self.share.value() * self.objective.budget(in_window);
        (both.new.failed as f64 > allowed).then_some((both.new.failed, allowed))
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some((bad, allowed)), Some(Spending { share, .. })) = (self.spent, self.gate.budget) {
            let most = percent(share.value());
            return write!(
                out,
                "{bad} attempts failed: more than {most} % of the error budget, {allowed:.0} bad requests"
            );
        }
        let Evidence { canary, control, finding } = *self.verdict.evidence();
        let Count { bad, events } = canary;
        let since = if self.gate.judge.counts_from_the_start() {
            "so far".to_owned()
        } else {
            format!("in {}", self.gate.window)
        };
        match self.gate.bad {
            Bad::Failed => write!(out, "{bad} of {events} attempts failed {since}")?,
            Bad::SlowerThan(above) => write!(out, "{bad} of {events} attempts took longer than {above} {since}")?,
        }
        if let Some(Count { bad, events }) = control {
            let whom = match self.gate.control {
                Control::Fleet => "the old version",
                Control::Baseline => "the baseline",
            };
            write!(out, ", {bad} of {events} of {whom}")?;
        }
        match finding {
            _ if self.gate.control == Control::Baseline && control.is_some_and(|control| control.events == 0) => {
                write!(out, ", so that there is nothing to compare with")
            }
            Finding::TooFew { .. } => write!(out, ", {finding}"),
            Finding::Limit { .. } => {
                write!(out, " ({:.2} %, {finding})", 100.0 * canary.rate().unwrap_or_default())
            }
            _ => write!(out, ": {finding}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;
    use crate::core::rollout::Sample;
    use crate::core::slo::{Objective, TimeSlice};
    use crate::core::time::{Moment, Span};

    /// Samples at seconds, with attempts and failures so far.
    fn verdict(samples: &[(u64, u64, u64)]) -> Verdict {
        let error_rate = Share::new(0.01).expect("a share");
        let gate = Gate::limit(error_rate, 100, Span::from_secs(60));
        let mut seen = Samples::new(gate.window);
        for &(second, attempts, failed) in samples {
            let new = Tally { attempts, failed, slow: 0 };
            let at = Moment::START + Span::from_secs(second);
            seen.observe(Sample { at, new, old: Tally::default(), baseline: Tally::default() });
        }
        judge(gate, &seen).verdict
    }

    /// A canary with 5 % of 1,000 requests a second, of which `bad` in a second fail, for `seconds`.
    fn spends(share: f64, requests: Option<f64>, bad: u64, seconds: u64) -> Ruling {
        let of = |value| Share::new(value).expect("a share");
        let timeslice = TimeSlice { length: Span::from_secs(60), target: of(0.95) };
        let objective = Objective { objective: of(0.999), window: Span::from_secs(30 * 86_400), requests, timeslice };
        let spending = Spending { share: of(share), objective };
        let gate = Gate { budget: Some(spending), ..Gate::limit(of(1.0), 1, Span::from_secs(60)) };
        let mut seen = Samples::new(Span::from_secs(86_400));
        for second in 0..=seconds {
            let tally = |attempts, failed| Tally { attempts: second * attempts, failed: second * failed, slow: 0 };
            seen.observe(Sample {
                at: Moment::START + Span::from_secs(second),
                new: tally(50, bad),
                old: tally(950, 0),
                baseline: Tally::default(),
            });
        }
        judge(gate, &seen)
    }

    /// The budget is 2,592,000 requests; a thousandth of it is gone after 2,592 bad ones.
    #[test]
    fn a_release_may_spend_its_part_of_the_budget_and_no_more() {
        assert!(!spends(0.001, None, 10, 259).is_fail());
        let ruling = spends(0.001, None, 10, 260);
        assert!(ruling.is_fail() && !ruling.is_inconclusive());
        assert_eq!(ruling.to_string(), "2600 attempts failed: more than 0.1 % of the error budget, 2592 bad requests");
        assert!(!spends(0.001, Some(1e10), 10, 260).is_fail(), "a window with more requests bears more");
        assert!(!spends(0.001, None, 0, 5_000).is_fail());
    }

    #[test]
    fn nothing_seen_is_never_a_pass() {
        assert!(matches!(verdict(&[]), Verdict::Inconclusive(_)));
        assert!(matches!(verdict(&[(5, 0, 0), (10, 99, 99)]), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_rate_above_the_limit_fails_and_at_the_limit_passes() {
        assert!(matches!(verdict(&[(0, 0, 0), (5, 200, 2)]), Verdict::Pass(_)));
        assert!(matches!(verdict(&[(0, 0, 0), (5, 200, 2), (10, 201, 3)]), Verdict::Fail(_)));
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let seen = [(0, 0, 0), (5, 1_000, 500), (35, 2_000, 500), (65, 3_000, 500), (95, 4_000, 500)];
        assert!(matches!(verdict(&seen), Verdict::Pass(_)));
    }

    #[test]
    fn repeated_and_late_samples_change_nothing() {
        let seen = [(0, 0, 0), (5, 200, 0)];
        assert_eq!(verdict(&[seen[0], seen[1], (5, 200, 0), (3, 150, 150)]), verdict(&seen));
    }
}
