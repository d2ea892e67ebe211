//! The arithmetic of one incident against an error budget: what `rollcast budget` prints.

use crate::core::alert::{AlertPolicy, AlertRule, Firing, Incident};
use crate::core::amount::{Rate, Share};
use crate::core::slo::Objective;
use crate::core::time::Span;

/// A defect that meets a share of the traffic for a time.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// What was promised.
    pub objective: Objective,
    /// Traffic of the whole service.
    pub rate: Rate,
    /// Share of requests that fails where the defect is met.
    pub errors: Share,
    /// Share of the traffic that meets it.
    pub share: Share,
    /// For how long.
    pub lasts: Span,
    /// Which alerts watch.
    pub policy: AlertPolicy,
}

/// What it comes to.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The question.
    pub asked: Question,
    /// The budget in minutes of full outage.
    pub budget_min: f64,
    /// The budget in bad requests.
    pub budget_requests: f64,
    /// Bad requests of the incident.
    pub failed_requests: f64,
    /// Share of the budget that is gone.
    pub burnt: f64,
    /// Speed: 1 spends the budget in exactly one window.
    pub burn_rate: f64,
    /// Until the budget is gone at that speed; `None` without errors.
    pub exhausted_s: Option<f64>,
    /// Every alert, and whether it fires.
    pub alerts: Vec<(AlertRule, Option<Firing>)>,
}

/// Answers `asked`, at constant traffic, with no errors before and after.
pub fn bill(asked: Question) -> Bill {
    let Question { objective, rate, errors, share, lasts, policy } = asked;
    let incident = Incident { error_ratio: errors.value() * share.value(), lasts };
    let window_s = objective.window.seconds();
    let burn_rate = objective.burn_rate(incident.error_ratio);
    let rules = policy.rules(objective.window);
    Bill {
        asked,
        budget_min: objective.budget(window_s / 60.0),
        budget_requests: objective.budget(rate.per_second() * window_s),
        failed_requests: incident.error_ratio * rate.per_second() * lasts.seconds(),
        burnt: incident.burnt(&objective),
        burn_rate,
        exhausted_s: (burn_rate > 0.0).then(|| window_s / burn_rate),
        alerts: rules.into_iter().map(|rule| (rule, incident.fires(&rule, &objective))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slo::TimeSlice;

    fn ask(errors: f64, share: f64, seconds: u64) -> Bill {
        let fraction = |value| Share::new(value).expect("a share");
        bill(Question {
            objective: Objective {
                objective: fraction(0.999),
                window: Span::from_secs(30 * 86_400),
                requests: None,
                timeslice: TimeSlice { length: Span::from_secs(60), target: Share::ALL },
            },
            rate: Rate::new(1_000.0).expect("a rate"),
            errors: fraction(errors),
            share: fraction(share),
            lasts: Span::from_secs(seconds),
            policy: AlertPolicy::Google30d,
        })
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn a_canary_of_a_twentieth_that_fails_a_fifth_for_half_an_hour() {
        let bill = ask(0.2, 0.05, 1_800);
        assert!(close(bill.budget_min, 43.2));
        assert!(close(bill.budget_requests, 2_592_000.0));
        assert!(close(bill.failed_requests, 18_000.0));
        assert!(close(bill.burnt, 18_000.0 / 2_592_000.0));
        assert!(close(bill.burn_rate, 10.0));
        assert!(close(bill.exhausted_s.expect("it burns"), 3.0 * 86_400.0));
        assert!(bill.alerts[0].1.is_none(), "the fast page is blind to it");
    }

    #[test]
    fn the_whole_fleet_pages_when_two_percent_are_gone() {
        let bill = ask(0.2, 1.0, 3_600);
        let fires_s = bill.alerts[0].1.expect("it fires").fires_s;
        assert!(close(fires_s, 259.2));
        assert!(close(ask(0.2, 1.0, 1).failed_requests * fires_s, 51_840.0));
    }

    #[test]
    fn nothing_burns_without_errors() {
        let bill = ask(0.0, 1.0, 3_600);
        assert_eq!((bill.burnt, bill.burn_rate, bill.exhausted_s), (0.0, 0.0, None));
        assert!(bill.alerts.iter().all(|(_, firing)| firing.is_none()));
    }
}
