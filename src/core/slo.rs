//! The objective, its error budget and burn rates (Google SRE workbook, chapter 5).

use crate::core::amount::Share;
use crate::core::time::Span;

/// A service level objective on good user requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Share of good requests promised; below 1.
    pub objective: Share,
    /// The period over which it is promised.
    pub window: Span,
    /// Requests in the window; `None`: extrapolated from the measured mean rate.
    pub requests: Option<f64>,
    /// For the other way to count: share of good time slices.
    pub timeslice: TimeSlice,
}

/// A time slice is good when at least `target` of its requests are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeSlice {
    /// How long a slice is.
    pub length: Span,
    /// Share of good requests that makes it good.
    pub target: Share,
}

impl Objective {
    /// Share of bad requests that the objective allows.
    pub fn allowance(&self) -> f64 {
        // One minus a decimal share leaves binary dust that a budget of 0.1 % would show in its tenth digit.
        ((1.0 - self.objective.value()) * 1e12).round() / 1e12
    }

    /// Whether it allows nothing: there is no budget to burn.
    pub fn is_empty(&self) -> bool {
        self.allowance() <= 0.0
    }

    /// Bad requests allowed when the window has `requests`.
    pub fn budget(&self, requests: f64) -> f64 {
        self.allowance() * requests
    }

    /// Speed at which a share of bad requests uses up the budget: 1 spends it in exactly one window.
    pub fn burn_rate(&self, bad_share: f64) -> f64 {
        bad_share / self.allowance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(percent: f64, days: u64) -> Objective {
        Objective {
            objective: Share::new(percent / 100.0).expect("a share"),
            window: Span::from_secs(days * 86_400),
            requests: None,
            timeslice: TimeSlice { length: Span::from_secs(60), target: Share::ALL },
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn budgets_of_full_outage_in_minutes() {
        for (percent, days, minutes) in [
            (99.9, 30, 43.2),
            (99.9, 28, 40.32),
            (99.95, 30, 21.6),
            (99.99, 30, 4.32),
            (99.99, 365, 52.56),
            (99.0, 30, 432.0),
            (99.5, 28, 201.6),
            (99.999, 365, 5.256),
        ] {
            let slo = objective(percent, days);
            assert!(close(slo.budget(slo.window.seconds() / 60.0), minutes), "{percent} % over {days} d");
        }
        assert!(close(objective(99.9, 30).budget(259_200_000.0), 259_200.0));
    }

    #[test]
    fn a_fifth_of_errors_on_a_twentieth_of_the_traffic_burns_ten_times_too_fast() {
        assert!(close(objective(99.9, 30).burn_rate(0.05 * 0.2), 10.0));
    }
}
