//! Burn-rate alerts: the policies in use, and what an incident of constant error ratio does to them.
//!
//! A rule fires while both its windows burn faster than its factor. The long window decides when it fires, the short one
//! when it clears (Google SRE workbook, chapter 5). Factors follow from budget share and windows; none is a constant.

use crate::core::amount::Share;
use crate::core::slo::Objective;
use crate::core::time::Span;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Someone is woken.
    Page,
    /// Someone looks at it in working hours.
    Ticket,
}

impl Severity {
    /// As written in tables and files.
    pub const fn label(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        }
    }
}

/// Fires while more than a share of the budget burns within the long window, and the short one still burns as fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlertRule {
    /// How urgent it is.
    pub severity: Severity,
    /// Share of the budget spent within `long` at which it fires.
    pub budget: Share,
    /// Decides when it fires.
    pub long: Span,
    /// Decides when it clears.
    pub short: Span,
    /// How long the condition must have held before the alert fires.
    pub hold: Span,
}

/// A set of rules that teams use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertPolicy {
    /// The three rules of Google's SRE workbook.
    #[default]
    Google30d,
    /// Sloth's four rules for 30 days.
    Sloth30d,
    /// Sloth's four rules for 28 days.
    Sloth28d,
    /// Pyrra's four rules, whose windows scale with that of the objective.
    Pyrra,
    /// The same, with thresholds that follow the traffic: a rule fires at its share of the whole window's budget, however
    /// many requests there are just now.
    PyrraDynamic,
}

impl AlertPolicy {
    /// Every policy and its name.
    pub const ALL: [(&'static str, AlertPolicy); 5] = [
        ("google-30d", AlertPolicy::Google30d),
        ("sloth-30d", AlertPolicy::Sloth30d),
        ("sloth-28d", AlertPolicy::Sloth28d),
        ("pyrra", AlertPolicy::Pyrra),
        ("pyrra-dynamic", AlertPolicy::PyrraDynamic),
    ];

    /// Whether thresholds follow the traffic; otherwise they are burn rates.
    pub const fn follows_traffic(self) -> bool {
        matches!(self, AlertPolicy::PyrraDynamic)
    }

    /// The rules for an objective over `window`, the most urgent first.
    pub fn rules(self, window: Span) -> Vec<AlertRule> {
        use Severity::{Page, Ticket};
        match self {
            AlertPolicy::Google30d => vec![
                rule(Page, 0.02, HOUR, 5 * MINUTE),
                rule(Page, 0.05, 6 * HOUR, 30 * MINUTE),
                rule(Ticket, 0.1, 3 * DAY, 6 * HOUR),
            ],
            AlertPolicy::Sloth30d | AlertPolicy::Sloth28d => vec![
                rule(Page, 0.02, HOUR, 5 * MINUTE),
                rule(Page, 0.05, 6 * HOUR, 30 * MINUTE),
                rule(Ticket, 0.1, DAY, 2 * HOUR),
                rule(Ticket, 0.1, 3 * DAY, 6 * HOUR),
            ],
            AlertPolicy::Pyrra | AlertPolicy::PyrraDynamic => {
                let scaled = |severity, budget, windows, hold| self.pyrra(window, (severity, budget), windows, hold);
                vec![
                    scaled(Page, 1.0 / 48.0, (HOUR, 5 * MINUTE), 2 * MINUTE),
                    scaled(Page, 1.0 / 16.0, (6 * HOUR, 30 * MINUTE), 15 * MINUTE),
                    scaled(Ticket, 1.0 / 14.0, (DAY, 2 * HOUR), HOUR),
                    scaled(Ticket, 1.0 / 7.0, (4 * DAY, 6 * HOUR), 3 * HOUR),
                ]
            }
        }
    }

    /// Pyrra gives its rules for 28 days, and scales windows and holds to others, rounded to minutes. Its burn rates stay as
    /// they are, so that a rounded window stands for a share of the budget that is as much smaller or larger; its shares of
    /// the dynamic rules stay.
    fn pyrra(
        self,
        window: Span,
        (severity, share): (Severity, f64),
        (long, short): (u64, u64),
        hold: u64,
    ) -> AlertRule {
        let exact = |seconds: u64| seconds as f64 * window.seconds() / (28 * DAY) as f64;
        let scaled = |seconds: u64| ((exact(seconds) / MINUTE as f64).round() as u64).max(1) * MINUTE;
        let rounded = if self.follows_traffic() { 1.0 } else { scaled(long) as f64 / exact(long) };
        let hold = Span::from_secs(scaled(hold));
        AlertRule { hold, ..rule(severity, (share * rounded).min(1.0), scaled(long), scaled(short)) }
    }
}

fn rule(severity: Severity, budget: f64, long: u64, short: u64) -> AlertRule {
    let budget = Share::new(budget).expect("rules are shares of the budget");
    AlertRule { severity, budget, long: Span::from_secs(long), short: Span::from_secs(short), hold: Span::ZERO }
}

impl AlertRule {
    /// The burn rate above which the rule fires, for a budget over `window`.
    pub fn factor(&self, window: Span) -> f64 {
        self.budget.value() * window.seconds() / self.long.seconds()
    }

    /// Whether it asks for more errors than there can be.
    pub fn never_fires(&self, objective: &Objective) -> bool {
        self.error_ratio(objective) > 1.0
    }

    /// The share of bad requests in a window with `events` of them above which that window burns too fast, where
    /// thresholds follow the traffic (Pyrra): `in_window` requests are in the window of the objective, and the short window
    /// answers for as large a part of the share as it is of the long one.
    pub fn error_ratio_at(&self, objective: &Objective, window: Span, events: f64, in_window: f64) -> f64 {
        let part = window.seconds() / self.long.seconds();
        in_window / events * self.budget.value() * part * objective.allowance()
    }

    /// The share of bad requests in its long window above which the rule fires; above 1 it never can.
    pub fn error_ratio(&self, objective: &Objective) -> f64 {
        self.factor(objective.window) * objective.allowance()
    }
}

/// A share of all requests that fails from one moment on for a time, at constant traffic; before and after, none does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incident {
    /// Of all requests of the service.
    pub error_ratio: f64,
    /// How long.
    pub lasts: Span,
}

/// When an alert fires and clears, in seconds since an incident began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Firing {
    /// When it fires.
    pub fires_s: f64,
    /// When it clears.
    pub clears_s: f64,
}

impl Incident {
    /// Share of the objective's budget that it burns.
    pub fn burnt(&self, objective: &Objective) -> f64 {
        objective.burn_rate(self.error_ratio) * self.lasts.seconds() / objective.window.seconds()
    }

    /// What `rule` makes of it; `None`: it never fires.
    ///
    /// A window of length W has seen e · t of bad requests t seconds into the incident, and is above its threshold θ once
    /// t > θ W / e. After the incident of length D it falls below θ when the window has moved on so far that less than
    /// θ W / e of the incident is left in it.
    pub fn fires(&self, rule: &AlertRule, objective: &Objective) -> Option<Firing> {
        let threshold = rule.error_ratio(objective);
        let needed = |window: Span| threshold * window.seconds() / self.error_ratio;
        let (long, short) = (rule.long.seconds(), rule.short.seconds());
        let lasts = self.lasts.seconds();
        if self.error_ratio <= threshold || needed(rule.long) >= lasts {
            return None;
        }
        let starts = needed(rule.long).max(needed(rule.short));
        let clears = (lasts + short - needed(rule.short)).min(lasts + long - needed(rule.long));
        let fires_s = starts + rule.hold.seconds();
        (fires_s < clears).then_some(Firing { fires_s, clears_s: clears })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slo::TimeSlice;

    fn objective(percent: f64, days: u64) -> Objective {
        Objective {
            objective: Share::new(percent / 100.0).expect("a share"),
            window: Span::from_secs(days * DAY),
            requests: None,
            timeslice: TimeSlice { length: Span::from_secs(MINUTE), target: Share::ALL },
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    fn factors(policy: AlertPolicy, days: u64) -> Vec<f64> {
        let window = Span::from_secs(days * DAY);
        policy.rules(window).iter().map(|rule| rule.factor(window)).collect()
    }

    #[test]
    fn factors_follow_from_share_and_windows() {
        let cases: [(AlertPolicy, u64, &[f64]); 8] = [
            (AlertPolicy::Google30d, 30, &[14.4, 6.0, 1.0]),
            (AlertPolicy::Google30d, 7, &[3.36, 1.4, 7.0 / 30.0]),
            (AlertPolicy::Sloth30d, 30, &[14.4, 6.0, 3.0, 1.0]),
            (AlertPolicy::Sloth28d, 28, &[13.44, 5.6, 2.8, 14.0 / 15.0]),
            (AlertPolicy::Pyrra, 28, &[14.0, 7.0, 2.0, 1.0]),
            (AlertPolicy::Pyrra, 14, &[14.0, 7.0, 2.0, 1.0]),
            (AlertPolicy::Pyrra, 30, &[14.0, 7.0, 2.0, 1.0]),
            (AlertPolicy::PyrraDynamic, 28, &[14.0, 7.0, 2.0, 1.0]),
        ];
        for (policy, days, expected) in cases {
            let found = factors(policy, days);
            assert!(found.len() == expected.len(), "{policy:?}");
            assert!(found.iter().zip(expected).all(|(a, b)| close(*a, *b)), "{policy:?} over {days} d: {found:?}");
        }
    }

    #[test]
    fn error_thresholds_are_those_of_the_workbook() {
        for (percent, expected) in [(99.9, [0.0144, 0.006, 0.003, 0.001]), (99.0, [0.144, 0.06, 0.03, 0.01])] {
            let objective = objective(percent, 30);
            for (rule, expected) in AlertPolicy::Sloth30d.rules(objective.window).iter().zip(expected) {
                assert!(close(rule.error_ratio(&objective), expected));
            }
        }
        let loose = objective(90.0, 30);
        assert!(close(AlertPolicy::Google30d.rules(loose.window)[0].error_ratio(&loose), 1.44), "it can never fire");
    }

    #[test]
    fn detection_times_of_a_step_agree_with_brute_force() {
        let objective = objective(99.9, 30);
        let cases: [(f64, [Option<f64>; 4]); 5] = [
            (1.0, [Some(51.84), Some(129.6), Some(259.2), Some(259.2)]),
            (0.5, [Some(103.68), Some(259.2), Some(518.4), Some(518.4)]),
            (0.2, [Some(259.2), Some(648.0), Some(1_296.0), Some(1_296.0)]),
            (0.1, [Some(518.4), Some(1_296.0), Some(2_592.0), Some(2_592.0)]),
            (0.01, [None, Some(12_960.0), Some(25_920.0), Some(25_920.0)]),
        ];
        for (error_ratio, expected) in cases {
            let incident = Incident { error_ratio, lasts: Span::from_secs(30 * DAY) };
            for (rule, expected) in AlertPolicy::Sloth30d.rules(objective.window).iter().zip(expected) {
                let fires = incident.fires(rule, &objective).map(|firing| firing.fires_s);
                assert!(fires.zip(expected).is_none_or(|(a, b)| close(a, b)), "{error_ratio}: {fires:?}");
                assert_eq!(fires.is_some(), expected.is_some(), "{error_ratio}");
            }
        }
    }

    #[test]
    fn thresholds_that_follow_the_traffic_are_the_fixed_ones_at_mean_traffic() {
        let objective = objective(99.9, 28);
        let in_window = 28.0 * 86_400.0;
        for rule in AlertPolicy::PyrraDynamic.rules(objective.window) {
            for window in [rule.long, rule.short] {
                let at = |rate: f64| rule.error_ratio_at(&objective, window, rate * window.seconds(), in_window);
                assert!(close(at(1.0), rule.error_ratio(&objective)), "{rule:?}");
                assert!(close(at(0.1), 10.0 * rule.error_ratio(&objective)), "at night it takes more");
            }
        }
    }

    #[test]
    fn an_incident_that_ends_too_early_is_never_seen() {
        let objective = objective(99.9, 30);
        let rule = AlertPolicy::Google30d.rules(objective.window)[0];
        let lasting = |seconds| Incident { error_ratio: 0.2, lasts: Span::from_secs(seconds) };
        assert_eq!(lasting(259).fires(&rule, &objective), None);
        let firing = lasting(300).fires(&rule, &objective).expect("it lasts long enough");
        // The short window holds 300 s of the incident at its end, and is clean enough with 21.6 s of it.
        assert!(close(firing.clears_s, 578.4), "{firing:?}");
    }

    #[test]
    fn a_hold_delays_an_alert_and_may_prevent_it() {
        let objective = objective(99.9, 28);
        let rule = AlertPolicy::Pyrra.rules(objective.window)[0];
        let fires = |seconds| Incident { error_ratio: 1.0, lasts: Span::from_secs(seconds) }.fires(&rule, &objective);
        assert!(close(fires(600).expect("long enough").fires_s, 14.0 * 0.001 * 3_600.0 + 120.0));
        assert_eq!(fires(50), None);
    }

    #[test]
    fn strategies_of_one_bad_release_cost_what_the_workbook_says() {
        let objective = objective(99.9, 30);
        let cases = [
            (0.05 * 0.2, 1_800, 0.694_444),
            (1.0, 75, 2.893_519),
            (1.0, 300, 11.574_074),
            (0.2, 125, 0.964_506),
            (0.05 * 0.2, 125, 0.048_225),
        ];
        for (error_ratio, seconds, percent) in cases {
            let burnt = Incident { error_ratio, lasts: Span::from_secs(seconds) }.burnt(&objective);
            assert!((100.0 * burnt - percent).abs() < 1e-6, "{error_ratio} for {seconds} s: {burnt}");
        }
    }
}
