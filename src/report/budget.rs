//! `rollcast budget`: one incident against an error budget, as text and as JSON.

use serde::Serialize;

use crate::core::alert::{AlertRule, Firing};
use crate::measure::budget::Bill;
use crate::report::number::{count, duration, figure, percent};
use crate::report::table::rows;
use crate::report::text::wrap;

#[derive(Serialize)]
struct Page {
    budget_min: f64,
    budget_requests: f64,
    failed_requests: f64,
    burnt: f64,
    burn_rate: f64,
    exhausted_s: Option<f64>,
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
struct Alert {
    long_s: f64,
    short_s: f64,
    factor: f64,
    error_ratio: f64,
    fires_s: Option<f64>,
    clears_s: Option<f64>,
}

/// One object; `null` stands for never.
pub fn json(bill: &Bill) -> String {
    let objective = &bill.asked.objective;
    let alert = |(rule, firing): &(AlertRule, Option<Firing>)| Alert {
        long_s: rule.long.seconds(),
        short_s: rule.short.seconds(),
        factor: rule.factor(objective.window),
        error_ratio: rule.error_ratio(objective),
        fires_s: firing.map(|firing| firing.fires_s),
        clears_s: firing.map(|firing| firing.clears_s),
    };
    let page = Page {
        budget_min: bill.budget_min,
        budget_requests: bill.budget_requests,
        failed_requests: bill.failed_requests,
        burnt: bill.burnt,
        burn_rate: bill.burn_rate,
        exhausted_s: bill.exhausted_s,
        alerts: bill.alerts.iter().map(alert).collect(),
    };
    serde_json::to_string_pretty(&page).expect("plain numbers are JSON") + "\n"
}

/// The answer in sentences, then the alerts.
pub fn text(bill: &Bill, width: usize) -> String {
    let mut blocks = vec![wrap(&budget(bill), width, 0).join("\n"), wrap(&incident(bill), width, 0).join("\n")];
    blocks.push(alerts(bill));
    blocks.extend(unreachable_rules(bill).map(|warning| wrap(&warning, width, 0).join("\n")));
    blocks.join("\n\n") + "\n"
}

fn budget(bill: &Bill) -> String {
    let objective = &bill.asked.objective;
    format!(
        "The budget of {} % over {} at {} requests/s is {} bad requests, or {} min of full outage.",
        percent(objective.objective.value()),
        objective.window,
        figure(bill.asked.rate.per_second()),
        requests(bill.budget_requests),
        figure(bill.budget_min),
    )
}

/// Of a few, parts count.
fn requests(number: f64) -> String {
    if number < 10.0 { figure(number) } else { count(number) }
}

fn incident(bill: &Bill) -> String {
    let asked = &bill.asked;
    let spent = bill.exhausted_s.map_or_else(
        || "At that rate it is never gone.".to_owned(),
        |seconds| format!("At that rate it is gone after {}.", duration(seconds)),
    );
    format!(
        "{} % errors on {} % of the traffic for {} are {} bad requests: {} % of the budget, burnt {} times as fast as allowed. {spent}",
        percent(asked.errors.value()),
        percent(asked.share.value()),
        asked.lasts,
        requests(bill.failed_requests),
        percent(bill.burnt),
        figure(bill.burn_rate),
    )
}

fn alerts(bill: &Bill) -> String {
    let head = [
        "alert",
        "windows",
        "burn rate\nabove",
        "errors\nabove %",
        "fires\nafter",
        "clears\nafter",
        "budget gone\nby then %",
    ];
    let each = bill.alerts.iter().map(|(rule, firing)| row(bill, rule, *firing).to_vec());
    rows(head.map(str::to_owned).to_vec(), each.collect(), 2)
}

fn row(bill: &Bill, rule: &AlertRule, firing: Option<Firing>) -> [String; 7] {
    let objective = &bill.asked.objective;
    let gone =
        |firing: Firing| bill.burn_rate * firing.fires_s.min(bill.asked.lasts.seconds()) / objective.window.seconds();
    let held = if rule.hold.is_zero() { String::new() } else { format!(", held {}", rule.hold) };
    [
        rule.severity.label().to_owned(),
        format!("{} and {}{held}", rule.long, rule.short),
        figure(rule.factor(objective.window)),
        percent(rule.error_ratio(objective)),
        firing.map_or_else(|| "never".to_owned(), |firing| duration(firing.fires_s)),
        firing.map_or_else(|| "–".to_owned(), |firing| duration(firing.clears_s)),
        firing.map_or_else(|| "–".to_owned(), |firing| percent(gone(firing))),
    ]
}

/// A rule that asks for more errors than there can be.
fn unreachable_rules(bill: &Bill) -> impl Iterator<Item = String> {
    let objective = &bill.asked.objective;
    bill.alerts.iter().filter(|(rule, _)| rule.never_fires(objective)).map(|(rule, _)| {
        let needed = percent(rule.error_ratio(objective));
        format!(
            "unreachable-alert: the {} over {} needs {needed} % errors and can never fire",
            rule.severity.label(),
            rule.long
        )
    })
}
