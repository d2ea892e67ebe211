//! From good and bad requests per second to burn rates, alerts and the share of the budget that is gone.

use crate::core::alert::AlertRule;
use crate::core::promise::Promise;
use crate::core::slo::{Objective, TimeSlice};
use crate::core::time::{Moment, Span};
use crate::measure::forecast::Alert;

/// Good and bad events (user requests, or slices of time) by second of the measured time, as running sums.
#[derive(Clone, Debug)]
pub struct Account {
    /// Seconds from the start of the run to the first second.
    starts_s: f64,
    /// `bad[i]`: bad requests in the first `i` seconds.
    bad: Vec<f64>,
    all: Vec<f64>,
    rate: f64,
}

impl Account {
    /// `seconds` are (good, bad) counts.
    pub fn new(starts_s: f64, seconds: impl Iterator<Item = (u32, u32)>) -> Account {
        let mut account = Account { starts_s, bad: vec![0.0], all: vec![0.0], rate: 0.0 };
        let (mut bad_sum, mut all_sum) = (0.0, 0.0);
        for (good, bad) in seconds {
            bad_sum += f64::from(bad);
            all_sum += f64::from(good) + f64::from(bad);
            account.bad.push(bad_sum);
            account.all.push(all_sum);
        }
        account.rate = all_sum / account.seconds().max(1) as f64;
        account
    }

    /// As [`Account::new`] of slices of time, which come at a rate of their own.
    pub fn of_slices(starts_s: f64, seconds: &[(u32, u32)], slice: TimeSlice) -> Account {
        let rate = 1.0 / slice.length.seconds();
        Account { rate, ..Account::new(starts_s, slices(seconds, slice).into_iter()) }
    }

    fn seconds(&self) -> usize {
        self.bad.len() - 1
    }

    /// Events in a second, on average.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Requests in the `window` that ends after `end` seconds, with those of the time before the measured one.
    fn events(&self, end: usize, window: Span) -> f64 {
        let start = end.saturating_sub(window.seconds() as usize);
        self.all[end] - self.all[start] + (window.seconds() - end as f64).max(0.0) * self.rate()
    }

    /// Share of bad requests in the `window` that ends after `end` seconds. Before the measured time the service is
    /// taken to have been healthy at its mean rate: an alert window is often longer than the run.
    fn bad_share(&self, end: usize, window: Span) -> f64 {
        let start = end.saturating_sub(window.seconds() as usize);
        let all = self.events(end, window);
        if all > 0.0 { (self.bad[end] - self.bad[start]) / all } else { 0.0 }
    }

    /// Bad events of the whole measured time.
    pub fn bad(&self) -> f64 {
        self.bad[self.seconds()]
    }

    /// Good and bad events of the whole measured time.
    pub fn all(&self) -> f64 {
        self.all[self.seconds()]
    }

    /// Largest burn rate over `window`, at any second.
    pub fn burn_rate_max(&self, objective: &Objective, window: Span) -> f64 {
        let rates = (1..=self.seconds()).map(|end| objective.burn_rate(self.bad_share(end, window)));
        rates.fold(0.0, f64::max)
    }

    /// Every alert of `promise`, fired or not, where its rules are evaluated at `looks`.
    pub fn alerts(&self, promise: &Promise, looks: &[Look]) -> Vec<Alert> {
        let rules = promise.alerts.rules(promise.objective.window);
        rules.iter().map(|rule| self.alert(promise, rule, looks)).collect()
    }

    fn alert(&self, promise: &Promise, rule: &AlertRule, looks: &[Look]) -> Alert {
        let objective = &promise.objective;
        let mut alert = Alert {
            severity: rule.severity.label(),
            long_s: rule.long.seconds(),
            short_s: rule.short.seconds(),
            factor: rule.factor(objective.window),
            burn_rate_max: self.burn_rate_max(objective, rule.long),
            fires_s: None,
            clears_s: None,
        };
        let in_window = promise.events(self.rate());
        let mut since = None;
        for look in looks {
            let Some(end) = self.known(look) else { continue };
            let burns_above = |window: Span| {
                let limit = match promise.alerts.follows_traffic() {
                    true => rule.error_ratio_at(objective, window, self.events(end, window), in_window),
                    false => rule.error_ratio(objective),
                };
                self.bad_share(end, window) > limit
            };
            let is_met = burns_above(rule.long) && burns_above(rule.short);
            since = if is_met { since.or(Some(look.at)) } else { None };
            note(&mut alert, look.at, since.is_some_and(|since| look.at.since(since) >= rule.hold));
        }
        alert
    }

    /// Whole measured seconds that are known at a look.
    fn known(&self, look: &Look) -> Option<usize> {
        let seconds = look.newest.seconds() - self.starts_s;
        (seconds >= 1.0).then(|| (seconds as usize).min(self.seconds()))
    }
}

/// An evaluation of alert rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Moment,
    /// When the newest sample that could be queried then was taken: windows end there.
    pub newest: Moment,
}

fn note(alert: &mut Alert, now: Moment, firing: bool) {
    if firing && alert.fires_s.is_none() {
        alert.fires_s = Some(now.seconds());
    }
    if !firing && alert.fires_s.is_some() && alert.clears_s.is_none() {
        alert.clears_s = Some(now.seconds());
    }
}

/// Good and bad slices instead of requests, each at its last second. A slice is bad when fewer than its target of its
/// requests are good; one without requests is good, and a last one that the run cuts short does not count.
fn slices(seconds: &[(u32, u32)], slice: TimeSlice) -> Vec<(u32, u32)> {
    let length = slice.length.seconds() as usize;
    let mut counts = vec![(0, 0); seconds.len()];
    for (index, slice_seconds) in seconds.chunks_exact(length).enumerate() {
        let good: f64 = slice_seconds.iter().map(|(good, _)| f64::from(*good)).sum();
        let bad: f64 = slice_seconds.iter().map(|(_, bad)| f64::from(*bad)).sum();
        let is_bad = good < slice.target.value() * (good + bad);
        counts[(index + 1) * length - 1] = if is_bad { (0, 1) } else { (1, 0) };
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::alert::AlertPolicy;
    use crate::core::amount::Share;
    use crate::core::promise::{Counted, Good};

    fn promise(alerts: AlertPolicy) -> Promise {
        let share = |value| Share::new(value).expect("a share");
        Promise {
            name: "availability".to_owned(),
            good: Good::Answered,
            counted: Counted::Requests,
            objective: Objective {
                objective: share(0.999),
                window: Span::from_secs(30 * 86_400),
                requests: None,
                timeslice: TimeSlice { length: Span::from_secs(60), target: share(0.95) },
            },
            elapsed: None,
            alerts,
            spent: Share::NONE,
        }
    }

    fn over(days: u64, requests: Option<f64>, alerts: AlertPolicy) -> Promise {
        let promise = promise(alerts);
        let objective = Objective { window: Span::from_secs(days * 86_400), requests, ..promise.objective };
        Promise { objective, ..promise }
    }

    /// `error` of 1,000 requests a second fail, for `seconds`.
    fn failing(error: f64, seconds: usize) -> Account {
        let bad = (1_000.0 * error) as u32;
        Account::new(0.0, (0..seconds).map(|_| (1_000 - bad, bad)))
    }

    fn looks(every: u64, delay: u64) -> Vec<Look> {
        let look =
            |at| Look { at: Moment::START + Span::from_secs(at + delay), newest: Moment::START + Span::from_secs(at) };
        (1..=8_000 / every).map(|index| look(index * every)).collect()
    }

    fn watched(account: &Account, promise: &Promise) -> Vec<Alert> {
        account.alerts(promise, &looks(1, 0))
    }

    #[test]
    fn alerts_fire_when_the_workbook_says() {
        for (error, fast, slow) in [(1.0, 52.0, 130.0), (0.5, 104.0, 260.0), (0.2, 260.0, 649.0), (0.1, 519.0, 1_297.0)]
        {
            let alerts = watched(&failing(error, 2_000), &promise(AlertPolicy::Google30d));
            for (alert, expected) in alerts.iter().zip([fast, slow]) {
                let fires = alert.fires_s.expect("it fires");
                assert!((fires - expected).abs() <= 1.0, "{error}: {fires} s instead of {expected} s");
            }
        }
    }

    #[test]
    fn rules_see_what_was_scraped_when_it_can_be_queried() {
        let fires = |looks: &[Look]| failing(1.0, 2_000).alerts(&promise(AlertPolicy::Google30d), looks)[0].fires_s;
        assert_eq!(fires(&looks(15, 0)), Some(60.0), "the first scrape after 51.84 s");
        assert_eq!(fires(&looks(15, 40)), Some(100.0), "and 40 s until it can be queried");
        let lost: Vec<Look> = looks(15, 0).into_iter().filter(|look| look.at.seconds() != 60.0).collect();
        assert_eq!(fires(&lost), Some(75.0));
        assert_eq!(fires(&[]), None, "without data nothing fires");
    }

    #[test]
    fn an_alert_clears_once_its_short_window_is_clean() {
        let seconds = (0..1_200).map(|second| if second < 300 { (500, 500) } else { (1_000, 0) });
        let alerts = watched(&Account::new(0.0, seconds), &promise(AlertPolicy::Google30d));
        // The last 300 s are below 1.44 % once no more than 8.64 s of the half-failing time are among them.
        assert_eq!(alerts[0].clears_s, Some(592.0));
    }

    #[test]
    fn an_alert_waits_until_its_condition_has_held() {
        let with = |policy| watched(&failing(1.0, 1_000), &over(28, None, policy))[0].fires_s.expect("it fires");
        // Pyrra's first rule over 28 days: an hour, factor 14, held for two minutes.
        let promise = over(28, None, AlertPolicy::Pyrra);
        let rule = promise.alerts.rules(promise.objective.window)[0];
        let condition = (rule.error_ratio(&promise.objective) * rule.long.seconds()).ceil();
        assert_eq!(with(AlertPolicy::Pyrra), condition + rule.hold.seconds());
        assert_eq!(with(AlertPolicy::PyrraDynamic), condition + rule.hold.seconds(), "at even traffic they are alike");
    }

    #[test]
    fn at_night_a_threshold_that_follows_the_traffic_needs_more_errors() {
        let quiet = Account::new(0.0, (0..7_200).map(|_| (90, 10)));
        let fires = |policy| {
            let promise = over(30, Some(1_000.0 * 30.0 * 86_400.0), policy);
            watched(&quiet, &promise)[0].fires_s
        };
        assert!(fires(AlertPolicy::Pyrra).is_some());
        assert_eq!(fires(AlertPolicy::PyrraDynamic), None, "it is a hundredth of the budget");
    }

    #[test]
    fn a_brownout_costs_requests_but_no_time_slices_and_an_outage_a_whole_one() {
        let promise = Promise { counted: Counted::TimeSlices, ..promise(AlertPolicy::Google30d) };
        let burnt = |seconds: &[(u32, u32)]| {
            let account = Account::of_slices(0.0, seconds, promise.objective.timeslice);
            account.bad() / promise.objective.budget(promise.events(account.rate()))
        };
        assert_eq!(burnt(&[(960, 40); 300]), 0.0);
        let outage: Vec<_> = (0..60).map(|second| if second < 30 { (0, 1_000) } else { (1_000, 0) }).collect();
        assert!((burnt(&outage) - 0.023_148_15).abs() < 1e-7);
        assert_eq!(burnt(&[(0, 0); 600]), 0.0, "without requests nothing is bad");
        assert_eq!(burnt(&[(0, 9); 59]), 0.0, "a slice that is cut short does not count");
    }
}
