//! From good and bad requests per second to burn rates, alerts and the share of the budget that is gone.

use crate::core::alert::{AlertPolicy, AlertRule};
use crate::core::slo::Objective;
use crate::core::time::Span;
use crate::measure::forecast::Alert;

/// Good and bad user requests by second of the measured time, as running sums.
#[derive(Clone, Debug)]
pub struct Account {
    /// Seconds from the start of the run to the first second.
    starts_s: f64,
    /// `bad[i]`: bad requests in the first `i` seconds.
    bad: Vec<f64>,
    all: Vec<f64>,
}

impl Account {
    /// `seconds` are (good, bad) counts.
    pub fn new(starts_s: f64, seconds: impl Iterator<Item = (u32, u32)>) -> Account {
        let mut account = Account { starts_s, bad: vec![0.0], all: vec![0.0] };
        let (mut bad_sum, mut all_sum) = (0.0, 0.0);
        for (good, bad) in seconds {
            bad_sum += f64::from(bad);
            all_sum += f64::from(good) + f64::from(bad);
            account.bad.push(bad_sum);
            account.all.push(all_sum);
        }
        account
    }

    fn seconds(&self) -> usize {
        self.bad.len() - 1
    }

    fn rate(&self) -> f64 {
        let seconds = self.seconds().max(1) as f64;
        self.all[self.seconds()] / seconds
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

    /// Every alert of the objective, fired or not.
    pub fn alerts(&self, objective: &Objective, policy: AlertPolicy) -> Vec<Alert> {
        let rules = policy.rules(objective.window);
        rules.iter().map(|rule| self.alert(objective, rule, policy)).collect()
    }

    fn alert(&self, objective: &Objective, rule: &AlertRule, policy: AlertPolicy) -> Alert {
        let factor = rule.factor(objective.window);
        let mut alert = Alert {
            severity: rule.severity.label(),
            long_s: rule.long.seconds(),
            short_s: rule.short.seconds(),
            factor,
            burn_rate_max: 0.0,
            fires_s: None,
            clears_s: None,
        };
        let in_window = objective.requests.unwrap_or_else(|| self.rate() * objective.window.seconds());
        let hold = rule.hold.whole_seconds() as usize;
        let mut held = 0;
        for end in 1..=self.seconds() {
            let burns_above = |window: Span| {
                let share = self.bad_share(end, window);
                let limit = match policy.follows_traffic() {
                    true => rule.error_ratio_at(objective, window, self.events(end, window), in_window),
                    false => rule.error_ratio(objective),
                };
                share > limit
            };
            alert.burn_rate_max = alert.burn_rate_max.max(objective.burn_rate(self.bad_share(end, rule.long)));
            held = if burns_above(rule.long) && burns_above(rule.short) { held + 1 } else { 0 };
            // A condition that holds for the first time has held for no time yet.
            self.note(&mut alert, end, held > hold);
        }
        alert
    }

    fn note(&self, alert: &mut Alert, end: usize, firing: bool) {
        let now = self.starts_s + end as f64;
        if firing && alert.fires_s.is_none() {
            alert.fires_s = Some(now);
        }
        if !firing && alert.fires_s.is_some() && alert.clears_s.is_none() {
            alert.clears_s = Some(now);
        }
    }

    /// Bad time slices / bad slices that the objective allows in its window. Slices without requests are good, and so
    /// is a last slice that the run cuts short.
    pub fn timeslices_burnt(&self, objective: &Objective) -> f64 {
        let length = objective.timeslice.length.seconds() as usize;
        let target = objective.timeslice.target.value();
        let bad = (0..self.seconds() / length)
            .map(|slice| (slice * length, (slice + 1) * length))
            .filter(|&(start, end)| {
                let all = self.all[end] - self.all[start];
                let good = all - (self.bad[end] - self.bad[start]);
                good < target * all
            })
            .count();
        bad as f64 / objective.budget(objective.window.seconds() / length as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;
    use crate::core::slo::TimeSlice;

    fn objective() -> Objective {
        let share = |value| Share::new(value).expect("a share");
        Objective {
            objective: share(0.999),
            window: Span::from_secs(30 * 86_400),
            requests: None,
            timeslice: TimeSlice { length: Span::from_secs(60), target: share(0.95) },
        }
    }

    /// `error` of 1,000 requests a second fail, for `seconds`.
    fn failing(error: f64, seconds: usize) -> Account {
        let bad = (1_000.0 * error) as u32;
        Account::new(0.0, (0..seconds).map(|_| (1_000 - bad, bad)))
    }

    #[test]
    fn alerts_fire_when_the_workbook_says() {
        for (error, fast, slow) in [(1.0, 52.0, 130.0), (0.5, 104.0, 260.0), (0.2, 260.0, 649.0), (0.1, 519.0, 1_297.0)]
        {
            let alerts = failing(error, 2_000).alerts(&objective(), AlertPolicy::Google30d);
            for (alert, expected) in alerts.iter().zip([fast, slow]) {
                let fires = alert.fires_s.expect("it fires");
                assert!((fires - expected).abs() <= 1.0, "{error}: {fires} s instead of {expected} s");
            }
        }
    }

    #[test]
    fn an_alert_clears_once_its_short_window_is_clean() {
        let seconds = (0..1_200).map(|second| if second < 300 { (500, 500) } else { (1_000, 0) });
        let alerts = Account::new(0.0, seconds).alerts(&objective(), AlertPolicy::Google30d);
        // The last 300 s are below 1.44 % once no more than 8.64 s of the half-failing time are among them.
        assert_eq!(alerts[0].clears_s, Some(592.0));
    }

    #[test]
    fn an_alert_waits_until_its_condition_has_held() {
        let promise = Objective { window: Span::from_secs(28 * 86_400), ..objective() };
        let with = |policy| failing(1.0, 1_000).alerts(&promise, policy)[0].fires_s.expect("it fires");
        // Pyrra's first rule over 28 days: an hour, factor 14, held for two minutes.
        let rule = AlertPolicy::Pyrra.rules(promise.window)[0];
        let condition = (rule.error_ratio(&promise) * rule.long.seconds()).ceil();
        assert_eq!(with(AlertPolicy::Pyrra), condition + rule.hold.seconds());
        assert_eq!(with(AlertPolicy::PyrraDynamic), condition + rule.hold.seconds(), "at even traffic they are alike");
    }

    #[test]
    fn at_night_a_threshold_that_follows_the_traffic_needs_more_errors() {
        // A tenth of the traffic in the last ten minutes, of which a tenth fails.
        let seconds = (0..7_200).map(|second| if second < 6_600 { (1_000, 0) } else { (90, 10) });
        let fires = |policy| {
            let promise = Objective { requests: Some(1_000.0 * 30.0 * 86_400.0), ..objective() };
            Account::new(0.0, seconds.clone()).alerts(&promise, policy)[2].burn_rate_max
        };
        assert_eq!(fires(AlertPolicy::Pyrra), fires(AlertPolicy::PyrraDynamic), "what is measured is the same");
        let quiet = (0..7_200).map(|_| (90_u32, 10_u32));
        let promise = Objective { requests: Some(1_000.0 * 30.0 * 86_400.0), ..objective() };
        let account = Account::new(0.0, quiet);
        assert!(account.alerts(&promise, AlertPolicy::Pyrra)[0].fires_s.is_some());
        assert!(
            account.alerts(&promise, AlertPolicy::PyrraDynamic)[0].fires_s.is_none(),
            "it is a hundredth of the budget"
        );
    }

    #[test]
    fn a_brownout_costs_requests_but_no_time_slices_and_an_outage_a_whole_one() {
        assert_eq!(failing(0.04, 300).timeslices_burnt(&objective()), 0.0);
        let outage = Account::new(0.0, (0..60).map(|second| if second < 30 { (0, 1_000) } else { (1_000, 0) }));
        assert!((outage.timeslices_burnt(&objective()) - 0.02314815).abs() < 1e-7);
    }
}
