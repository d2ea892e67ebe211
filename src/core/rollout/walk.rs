//! One tick after the other of a Flagger `Canary` (`pkg/controller/scheduler.go`), as a pure function: what a tick sees
//! goes in, what it does comes out.

use crate::core::rollout::Flagger;

/// Where the walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Percent of the traffic that the canary has.
    pub weight: u32,
    /// Iterations done, of a blue-green walk or an A/B test.
    pub iterations: u32,
    /// Failed checks so far; a good check never lowers them.
    pub failed_checks: u32,
    /// Whether traffic is copied to the canary.
    pub mirrored: bool,
    /// How far it is.
    pub phase: WalkPhase,
}

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkPhase {
    /// The canary is being analysed.
    Progressing,
    /// The primary is being updated.
    Promoting,
    /// All traffic is back at the primary.
    Finalising,
    /// The canary is gone again.
    Succeeded,
    /// Rolled back, or stuck with all traffic on the canary.
    Failed,
}

/// Whether a workload can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Enough of it is available.
    Ready,
    /// Not yet.
    Waiting,
    /// Not within its deadline.
    Late,
}

impl Readiness {
    /// Enough are available of those that were updated: the threshold, in percent, rounds down.
    pub fn of(updated: u32, available: u32, threshold: u32, late: bool) -> Readiness {
        match (available >= updated * threshold / 100, late) {
            (true, _) => Readiness::Ready,
            (false, false) => Readiness::Waiting,
            (false, true) => Readiness::Late,
        }
    }
}

/// What a tick sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The workload that serves.
    pub primary: Readiness,
    /// The workload that is tried.
    pub canary: Readiness,
    /// Whether every check passes now.
    pub checks_pass: bool,
}

/// What a tick does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Wait,
    /// One more failed check; the weight stays.
    Fail,
    /// Routes as the walk says now.
    Route,
    /// One more iteration, routes unchanged.
    Iterate,
    /// Updates the primary.
    Promote,
    /// Updates the primary and stops the canary at once: there is no analysis.
    Skip,
    /// The canary is stopped; done.
    Finish,
    /// All traffic to the primary, the canary is stopped.
    RollBack,
    /// The primary is broken: all traffic stays at the canary, for good.
    Hold,
}

impl Walk {
    /// The canary was just seen and is being scaled up.
    pub const START: Walk =
        Walk { weight: 0, iterations: 0, failed_checks: 0, mirrored: false, phase: WalkPhase::Progressing };

    /// One tick.
    pub fn tick(&mut self, flagger: &Flagger, view: View) -> Act {
        if matches!(self.phase, WalkPhase::Succeeded | WalkPhase::Failed) {
            return Act::Wait;
        }
        let promoting = matches!(self.phase, WalkPhase::Promoting | WalkPhase::Finalising);
        match view.primary {
            Readiness::Ready => {}
            _ if flagger.skip_analysis => {}
            Readiness::Waiting => return Act::Wait,
            Readiness::Late if promoting => {
                (self.weight, self.phase) = (100, WalkPhase::Failed);
                return Act::Hold;
            }
            Readiness::Late => return self.roll_back(),
        }
        match view.canary {
            Readiness::Ready => {}
            Readiness::Waiting => return Act::Wait,
            Readiness::Late => return self.roll_back(),
        }
        match self.phase {
            WalkPhase::Promoting => self.return_traffic(flagger),
            WalkPhase::Finalising => {
                self.phase = WalkPhase::Succeeded;
                Act::Finish
            }
            WalkPhase::Progressing if flagger.skip_analysis => {
                self.phase = WalkPhase::Succeeded;
                Act::Skip
            }
            WalkPhase::Progressing => self.analyse(flagger, view.checks_pass),
            WalkPhase::Succeeded | WalkPhase::Failed => Act::Wait,
        }
    }

    fn roll_back(&mut self) -> Act {
        (self.weight, self.mirrored, self.phase) = (0, false, WalkPhase::Failed);
        Act::RollBack
    }

    fn promote(&mut self) -> Act {
        self.phase = WalkPhase::Promoting;
        Act::Promote
    }

    fn return_traffic(&mut self, flagger: &Flagger) -> Act {
        let step = if flagger.step_weight_promotion == 0 { 100 } else { flagger.step_weight_promotion };
        self.weight = self.weight.saturating_sub(step);
        if self.weight == 0 {
            self.phase = WalkPhase::Finalising;
        }
        Act::Route
    }

    fn analyse(&mut self, flagger: &Flagger, checks_pass: bool) -> Act {
        if self.failed_checks >= flagger.threshold {
            return self.roll_back();
        }
        let has_traffic = self.weight > 0 || self.iterations > 0 || (flagger.mirror.is_some() && self.mirrored);
        if has_traffic && !checks_pass {
            self.failed_checks += 1;
            return Act::Fail;
        }
        match (flagger.matches.is_some(), flagger.iterations > 0) {
            (true, _) => self.test(flagger),
            (false, true) => self.iterate(flagger),
            (false, false) if flagger.next_step(self.weight) == 0 => Act::Wait,
            (false, false) => self.increase(flagger),
        }
    }

    fn increase(&mut self, flagger: &Flagger) -> Act {
        if self.weight >= flagger.last_weight() {
            return self.promote();
        }
        let mirrors = flagger.mirror.is_some() && self.weight == 0 && !self.mirrored;
        if mirrors {
            self.mirrored = true;
            return Act::Route;
        }
        self.mirrored = false;
        self.weight = (self.weight + flagger.next_step(self.weight)).min(100);
        Act::Route
    }

    /// An A/B test: who matches goes to the canary from the first advance on.
    fn test(&mut self, flagger: &Flagger) -> Act {
        if self.iterations >= flagger.iterations {
            return self.promote();
        }
        self.iterations += 1;
        let routed = self.weight == 100;
        self.weight = 100;
        if routed { Act::Iterate } else { Act::Route }
    }

    /// Blue-green: iterations without traffic but perhaps copies, then all of it, then the promotion.
    fn iterate(&mut self, flagger: &Flagger) -> Act {
        if self.iterations > flagger.iterations {
            return self.promote();
        }
        self.iterations += 1;
        if self.iterations > flagger.iterations {
            (self.mirrored, self.weight) = (false, if flagger.shifts { 100 } else { 0 });
            return if flagger.shifts { Act::Route } else { Act::Iterate };
        }
        let begins = flagger.mirror.is_some() && flagger.shifts && !self.mirrored;
        self.mirrored |= begins;
        if begins { Act::Route } else { Act::Iterate }
    }
}

impl Flagger {
    /// The weight at which the canary is promoted, in percent.
    pub fn last_weight(&self) -> u32 {
        match self.step_weights.last() {
            Some(&last) => last.min(100),
            None if self.max_weight > 0 => self.max_weight,
            None => 100,
        }
    }

    /// The weights of a walk on which nothing fails, in percent.
    pub fn weights(&self) -> Vec<u32> {
        let next = |&weight: &u32| {
            let step = self.next_step(weight);
            (step > 0 && weight < self.last_weight()).then(|| (weight + step).min(100))
        };
        std::iter::successors(next(&0), next).collect()
    }

    /// By how much a tick raises `weight`, in percent; 0: it never advances.
    pub fn next_step(&self, weight: u32) -> u32 {
        if self.step_weight > 0 || self.step_weights.is_empty() {
            return self.step_weight;
        }
        let most = 100 - weight.min(100);
        if most == 0 {
            // All traffic is there: any step leads to the promotion.
            return 1;
        }
        if weight == 0 {
            return most.min(self.step_weights[0]);
        }
        let mut pairs = self.step_weights.windows(2);
        let next = pairs.find(|pair| pair[0] == weight);
        next.map_or(most, |pair| most.min(pair[1].saturating_sub(weight)))
    }
}

#[cfg(test)]
impl Flagger {
    /// Steps of 20 % each minute up to 50 %, ten failed checks tolerated, nothing checked.
    pub fn sample() -> Flagger {
        use crate::core::amount::Amount;
        use crate::core::rollout::{Analysis, Surge};
        use crate::core::time::Span;
        Flagger {
            interval: Span::from_secs(60),
            threshold: 10,
            max_weight: 50,
            step_weight: 20,
            step_weights: Vec::new(),
            step_weight_promotion: 0,
            iterations: 0,
            matches: None,
            mirror: None,
            shifts: true,
            primary_ready: 100,
            canary_ready: 100,
            skip_analysis: false,
            checks: Analysis::default(),
            primary: Surge::new(Amount::Percent(25.0), Amount::Percent(25.0)),
        }
    }
}

#[cfg(test)]
mod tests;
