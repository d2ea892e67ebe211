//! One of the promises of a service: what counts as good, how it is counted, over which window, and who watches it.

use crate::core::alert::AlertPolicy;
use crate::core::amount::Share;
use crate::core::slo::Objective;
use crate::core::time::Span;

/// A service level objective with everything that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    /// As the scenario calls it.
    pub name: String,
    /// What makes a user request good.
    pub good: Good,
    /// What the budget is made of.
    pub counted: Counted,
    /// How much is promised, and over which window.
    pub objective: Objective,
    /// How much of a calendar window had passed when the run began; `None`: the window rolls.
    pub elapsed: Option<Span>,
    /// Which alerts watch it.
    pub alerts: AlertPolicy,
    /// Share of the budget that was spent before the run.
    pub spent: Share,
}

/// What makes a user request good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// A good answer.
    Answered,
    /// A good answer after this time at most.
    Within(Span),
}

/// What a budget is made of (`OpenSLO`'s budgeting methods).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Bad requests (occurrences).
    Requests,
    /// Bad slices of time.
    TimeSlices,
}

impl Counted {
    /// As files and tables write it.
    pub const fn label(self) -> &'static str {
        match self {
            Counted::Requests => "requests",
            Counted::TimeSlices => "time-slices",
        }
    }
}

impl Promise {
    /// Requests, or slices, in the window of the objective, where `rate` of them come in a second.
    pub fn events(&self, rate: f64) -> f64 {
        let window_s = self.objective.window.seconds();
        match self.counted {
            Counted::Requests => self.requests(rate),
            Counted::TimeSlices => window_s / self.objective.timeslice.length.seconds(),
        }
    }

    /// Requests in the window of the objective, where `rate` of them come in a second.
    pub fn requests(&self, rate: f64) -> f64 {
        self.objective.requests.unwrap_or(rate * self.objective.window.seconds())
    }

    /// The burn rate that the rest of a calendar window bears, `after` the run began, with this share of the budget left;
    /// `None` of a window that rolls, or that is over.
    pub fn bearable(&self, left: f64, after: Span) -> Option<f64> {
        let window_s = self.objective.window.seconds();
        let rest_s = window_s - self.elapsed?.seconds() - after.seconds();
        (rest_s > 0.0).then(|| left.max(0.0) * window_s / rest_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slo::TimeSlice;

    fn promise(counted: Counted, elapsed: Option<Span>) -> Promise {
        let share = |value| Share::new(value).expect("a share");
        let days = |days: u64| Span::from_secs(days * 86_400);
        Promise {
            name: "slo".to_owned(),
            good: Good::Answered,
            counted,
            objective: Objective {
                objective: share(0.999),
                window: days(30),
                requests: None,
                timeslice: TimeSlice { length: Span::from_secs(60), target: share(0.95) },
            },
            elapsed,
            alerts: AlertPolicy::Google30d,
            spent: Share::NONE,
        }
    }

    #[test]
    fn a_month_has_so_many_requests_or_slices() {
        assert!((promise(Counted::Requests, None).events(100.0) - 259_200_000.0).abs() < 1e-3);
        assert!((promise(Counted::TimeSlices, None).events(100.0) - 43_200.0).abs() < 1e-9);
    }

    #[test]
    fn half_a_budget_bears_its_own_burn_rate_when_half_of_the_window_is_left() {
        let days = |days: u64| Span::from_secs(days * 86_400);
        let month = promise(Counted::Requests, Some(days(14)));
        assert!((month.bearable(0.5, days(1)).expect("half is left") - 1.0).abs() < 1e-12);
        assert!((month.bearable(0.5, days(13)).expect("3 days are left") - 5.0).abs() < 1e-12);
        assert_eq!((month.bearable(-0.2, days(1)), month.bearable(0.5, days(16))), (Some(0.0), None));
        assert_eq!(promise(Counted::Requests, None).bearable(0.5, days(1)), None);
    }
}
