//! What those who watch a rollout can see of it: alerts that can never fire, gates that see too little or look too often,
//! and how much of the budget was gone when the verdict came.

use crate::core::alert::Incident;
use crate::core::judge::{Judge, percent};
use crate::core::rollout::Phase;
use crate::measure::detect::{Watch, watch};
use crate::measure::forecast::{Note, StrategyForecast};
use crate::scenario::plan::Scenario;
use crate::sim::notes::note;

/// Below so many windows, a second look is not worth a word.
const LOOKS_MIN: f64 = 2.0;

pub(super) fn notes(scenario: &Scenario, strategies: &[StrategyForecast]) -> Vec<Note> {
    let mut notes = unreachable_alerts(scenario);
    let rate = mean_rate(scenario, strategies);
    for named in &scenario.strategies {
        let Ok(watch) = watch(&named.strategy, scenario.telemetry.scrape) else { continue };
        notes.extend(canary_blind(&named.name, &watch, rate));
        notes.extend(peeking(&named.name, &watch));
        notes.extend(service_wide_blind(&named.name, &watch, scenario));
    }
    notes.extend(strategies.iter().filter_map(detected));
    notes.extend(budget_left(scenario, strategies));
    notes
}

/// Requests a second of the run without a rollout.
fn mean_rate(scenario: &Scenario, strategies: &[StrategyForecast]) -> f64 {
    let measured = scenario.horizon.seconds() - scenario.warm_up.seconds();
    strategies.first().and_then(|stay| stay.metrics.requests).unwrap_or(0.0) / measured
}

fn unreachable_alerts(scenario: &Scenario) -> Vec<Note> {
    let objective = &scenario.slo.objective;
    let rules = scenario.slo.alerts.rules(objective.window);
    let never = rules.iter().filter(|rule| rule.never_fires(objective));
    let text = |rule: &crate::core::alert::AlertRule| {
        let needed = percent(rule.error_ratio(objective));
        format!("the {} over {} needs {needed} % errors and can never fire", rule.severity.label(), rule.long)
    };
    never.map(|rule| note("unreachable-alert", text(rule))).collect()
}

/// The first step with traffic brings fewer requests than the gate asks for.
fn canary_blind(name: &str, watch: &Watch, rate: f64) -> Option<Note> {
    let (share, hold) = watch.steps.first()?;
    let looks_back = if watch.judge.counts_from_the_start() { *hold } else { watch.window };
    let expected = rate * share.value() * looks_back.seconds();
    (expected < watch.floor as f64).then(|| {
        let text = format!(
            "{name}: {} % of the traffic bring the new version about {expected:.0} requests in {looks_back}, fewer than the \
             {} without which its gate says nothing",
            percent(share.value()),
            watch.floor
        );
        note("canary-blind", text)
    })
}

/// A test for one look that is looked at window after window.
fn peeking(name: &str, watch: &Watch) -> Option<Note> {
    let alpha = match watch.judge {
        Judge::Fisher(alpha) | Judge::Z(alpha) => alpha.value(),
        Judge::MannWhitney(rules) => (1.0 - rules.confidence) / 2.0,
        Judge::Threshold(_) | Judge::Relative(_) | Judge::Sprt(_) | Judge::Looks(_) | Judge::Anytime(_) => return None,
    };
    let watched: f64 = watch.steps.iter().map(|(_, hold)| hold.seconds()).sum();
    let windows = (watched / watch.window.seconds()).floor();
    (windows >= LOOKS_MIN).then(|| {
        let inflated = 1.0 - (1.0 - alpha).powf(windows);
        let text = format!(
            "{name}: its gate asks the {} again with every sample: {windows} windows at {} % each condemn a healthy release \
             with a probability of up to {} %, and overlapping ones more often; sprt, pocock, obrien-fleming and \
             confidence-sequence allow for that",
            watch.judge.kind().name(),
            percent(alpha),
            percent(inflated)
        );
        note("peeking", text)
    })
}

/// Even a canary that fails altogether is over before an alert on the whole service fires.
fn service_wide_blind(name: &str, watch: &Watch, scenario: &Scenario) -> Option<Note> {
    let objective = &scenario.slo.objective;
    let (share, hold) = *watch.steps.first()?;
    let incident = Incident { error_ratio: share.value(), lasts: hold };
    let rules = scenario.slo.alerts.rules(objective.window);
    let is_seen = rules.iter().any(|rule| incident.fires(rule, objective).is_some());
    (!is_seen).then(|| {
        let text = format!(
            "{name}: no alert on the whole service would fire in {hold} at {} %, not even if every request to the new \
             version failed: only what is counted by version sees it",
            percent(share.value())
        );
        note("service-alert-blind", text)
    })
}

/// When the verdict came, and what was gone by then.
fn detected(strategy: &StrategyForecast) -> Option<Note> {
    let phase = Phase::RollingBack.to_string();
    let verdict = strategy.phases.iter().find(|announced| announced.phase == phase)?;
    let (after, burnt) = (strategy.metrics.detect_s?, strategy.metrics.budget_burnt?);
    let bad = |until: f64| -> f64 {
        strategy.timeline.iter().take(until.max(0.0) as usize).map(|second| f64::from(second.bad)).sum()
    };
    let all = bad(f64::INFINITY);
    let gone = if all > 0.0 { burnt * bad(verdict.at_s) / all } else { 0.0 };
    let text = format!(
        "{}: the new version was found to be bad {after:.0} s after it was first listed, with {} % of the budget burnt by then",
        strategy.name,
        percent(gone)
    );
    Some(note("detected", text))
}

/// What was spent before the run leaves less to burn.
fn budget_left(scenario: &Scenario, strategies: &[StrategyForecast]) -> Option<Note> {
    let spent = scenario.slo.spent.value();
    let left = |strategy: &StrategyForecast| {
        let left = 1.0 - spent - strategy.metrics.budget_burnt?;
        let text = if left < 0.0 { "nothing".to_owned() } else { format!("{} %", percent(left)) };
        Some(format!("{text} after {}", strategy.name))
    };
    let each: Vec<String> = strategies.iter().filter_map(left).collect();
    (spent > 0.0 && !each.is_empty()).then(|| {
        let text =
            format!("{} % of the budget was spent before; there is left of it {}", percent(spent), each.join(", "));
        note("budget-left", text)
    })
}
