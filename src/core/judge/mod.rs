//! Judges of a canary: counts in, a verdict with its evidence out.
//!
//! They have no clock and no memory: who asks again at the next sample says what was counted since when. A judge says
//! pass, fail or inconclusive. Nothing counted is no data, and never a pass. `docs/judges.md` says which to use when.

pub mod anytime;
pub mod binomial;
mod count;
mod evidence;
pub mod fisher;
pub mod kayenta;
mod kind;
pub mod looks;
pub mod normal;
pub mod proportions;
pub mod ranks;
mod sprt;

pub use count::Count;
pub use evidence::{Evidence, Finding, percent};
pub use kayenta::Rules;
pub use kind::{Kind, Terms};
pub use looks::{GroupSequential, Shape, Sides};
pub use sprt::{Sprt, Walk};

use crate::core::amount::Share;
use kayenta::{Class, Classified};

/// What a judge says of the new version, and on what grounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is good enough.
    Pass(Evidence),
    /// It is bad.
    Fail(Evidence),
    /// That cannot be said yet.
    Inconclusive(Evidence),
}

impl Verdict {
    /// The grounds.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Verdict::Pass(evidence) | Verdict::Fail(evidence) | Verdict::Inconclusive(evidence) => evidence,
        }
    }

    /// Whether the new version is condemned.
    pub fn is_fail(&self) -> bool {
        matches!(self, Verdict::Fail(_))
    }

    /// Whether it is found good enough.
    pub fn is_pass(&self) -> bool {
        matches!(self, Verdict::Pass(_))
    }
}

/// A rule to judge by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judge {
    /// The canary's rate may not be above this.
    Threshold(Share),
    /// The canary's rate may not be above so many times the control's.
    Relative(f64),
    /// Fisher's exact test, one-sided at this level.
    Fisher(Share),
    /// The two-proportion z test with a pooled variance, one-sided at this level.
    Z(Share),
    /// Kayenta's Mann–Whitney test on the points of a metric.
    MannWhitney(Rules),
    /// Wald's sequential test of the canary's rate.
    Sprt(Sprt),
    /// A z test with planned looks.
    Looks(GroupSequential),
    /// Confidence sequences of both rates, which may be looked at always.
    Anytime(Anytime),
}

/// What is wanted of a pair of confidence sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anytime {
    /// Probability ever to condemn a healthy version.
    pub alpha: Share,
    /// A version passes once its rate is known to be below this.
    pub bad: Share,
}

/// What was counted, for one verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen<'a> {
    /// Of the new version.
    pub canary: Count,
    /// Of what it is compared with.
    pub control: Count,
    /// Which planned look this is, counted from 1; only [`Judge::Looks`] asks.
    pub look: u32,
    /// Points of the metric, one for each scrape, of canary and control; only [`Judge::MannWhitney`] asks.
    pub points: (&'a [f64], &'a [f64]),
}

impl Judge {
    /// Whether it counts from the start of the canary; otherwise it looks back over a window.
    pub fn counts_from_the_start(&self) -> bool {
        matches!(self, Judge::Sprt(_) | Judge::Looks(_) | Judge::Anytime(_))
    }

    /// Whether it compares the canary with a control; otherwise with a number.
    pub fn needs_control(&self) -> bool {
        !matches!(self, Judge::Threshold(_) | Judge::Sprt(_))
    }

    /// The probability to condemn a healthy version that it was made for, where it was made for one.
    pub fn alpha(&self) -> Option<f64> {
        match self {
            Judge::Fisher(alpha) | Judge::Z(alpha) => Some(alpha.value()),
            Judge::Sprt(test) => Some(test.alpha),
            Judge::Looks(test) => Some(test.alpha),
            Judge::Anytime(wanted) => Some(wanted.alpha.value()),
            Judge::Threshold(_) | Judge::Relative(_) | Judge::MannWhitney(_) => None,
        }
    }

    /// The verdict on `seen`, with at least `floor` requests of the canary; never a pass without any.
    pub fn judge(&self, seen: &Seen<'_>, floor: u64) -> Verdict {
        let Seen { canary, control, .. } = *seen;
        let control_shown = self.needs_control().then_some(control);
        let say = |finding| Evidence { canary, control: control_shown, finding };
        let is_blind = canary.events == 0 || self.needs_control() && control.events == 0;
        if is_blind || canary.events < floor {
            return Verdict::Inconclusive(say(Finding::TooFew { needed: floor.max(1) }));
        }
        let fails_if = |failed: bool, evidence| if failed { Verdict::Fail(evidence) } else { Verdict::Pass(evidence) };
        let rate = |count: Count| count.bad as f64 / count.events as f64;
        match *self {
            Judge::Threshold(limit) => {
                let failed = canary.bad as f64 > limit.value() * canary.events as f64;
                fails_if(failed, say(Finding::Limit { limit: limit.value() }))
            }
            Judge::Relative(factor) => {
                let limit = factor * rate(control);
                fails_if(rate(canary) > limit, say(Finding::Relative { factor, limit }))
            }
            Judge::Fisher(alpha) => {
                let p_value = fisher::one_sided(canary, control);
                let found = Finding::Probability { test: "Fisher", statistic: None, p_value, alpha: alpha.value() };
                fails_if(p_value < alpha.value(), say(found))
            }
            Judge::Z(alpha) => {
                let statistic = proportions::pooled_z(canary, control);
                let p_value = statistic.map_or(1.0, normal::above);
                fails_if(
                    p_value < alpha.value(),
                    say(Finding::Probability { test: "z", statistic, p_value, alpha: alpha.value() }),
                )
            }
            Judge::MannWhitney(rules) => by_points(&rules, seen.points, say),
            Judge::Sprt(test) => test.verdict(canary, say),
            Judge::Looks(test) => test.verdict(seen, say),
            Judge::Anytime(rule) => rule.verdict(canary, control, say),
        }
    }
}

/// What Kayenta says of the points of a metric, where there are enough of them.
fn by_points(rules: &Rules, (new, old): (&[f64], &[f64]), say: impl Fn(Finding) -> Evidence) -> Verdict {
    let known = |points: &[f64]| points.iter().filter(|value| !value.is_nan()).count();
    let (known_new, known_old) = (known(new), known(old));
    // Kayenta would call a single point high; no order of so few is evidence at its own confidence.
    if !ranks::can_differ(known_new, known_old, rules.confidence) {
        let found = Finding::FewPoints { new: known_new, old: known_old, confidence: rules.confidence };
        return Verdict::Inconclusive(say(found));
    }
    let Classified { class, shift, effect } = rules.classify(new, old);
    let points = (known_new as u64, known_old as u64);
    let evidence = say(Finding::Ranks { class, shift, effect, points, tolerance: rules.tolerance });
    match class {
        Class::Pass => Verdict::Pass(evidence),
        Class::High | Class::Low | Class::NodataFail => Verdict::Fail(evidence),
        Class::Nodata => Verdict::Inconclusive(evidence),
    }
}

impl Sprt {
    /// Fails at its upper limit, passes at its lower one.
    fn verdict(&self, canary: Count, say: impl Fn(Finding) -> Evidence) -> Verdict {
        let walk = self.walk(canary);
        let evidence = say(Finding::Walk(walk));
        if walk.ratio >= walk.reject {
            Verdict::Fail(evidence)
        } else if walk.ratio <= walk.accept {
            Verdict::Pass(evidence)
        } else {
            Verdict::Inconclusive(evidence)
        }
    }
}

impl GroupSequential {
    /// Fails above the limit of this look, passes at the last one, and otherwise wants the next.
    fn verdict(&self, seen: &Seen<'_>, say: impl Fn(Finding) -> Evidence) -> Verdict {
        let look = seen.look.clamp(1, self.looks);
        let statistic = proportions::pooled_z(seen.canary, seen.control);
        let limit = self.limit(look);
        let evidence = say(Finding::Look { look, of: self.looks, statistic, limit });
        if statistic.is_some_and(|z| z >= limit) {
            Verdict::Fail(evidence)
        } else if look == self.looks {
            Verdict::Pass(evidence)
        } else {
            Verdict::Inconclusive(evidence)
        }
    }
}

impl Anytime {
    /// Fails once the canary's rates are all above the control's, passes once they are all below the bad one.
    fn verdict(&self, canary: Count, control: Count, say: impl Fn(Finding) -> Evidence) -> Verdict {
        let each = self.alpha.value() / 2.0;
        let (of_canary, of_control) = (anytime::interval(canary, each), anytime::interval(control, each));
        let bad = self.bad.value();
        let evidence = say(Finding::Intervals { canary: of_canary, control: of_control, bad });
        if of_canary.0 > of_control.1 {
            Verdict::Fail(evidence)
        } else if of_canary.1 < bad {
            Verdict::Pass(evidence)
        } else {
            Verdict::Inconclusive(evidence)
        }
    }
}

#[cfg(test)]
mod tests;
