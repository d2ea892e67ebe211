//! What those who watch a rollout can see of it: alerts that can never fire, gates that see too little or look too often,
//! and how much of the budget was gone when the verdict came.

use crate::core::alert::{AlertRule, Incident};
use crate::core::amount::Share;
use crate::core::judge::{Judge, percent, ranks};
use crate::core::promise::Promise;
use crate::core::rollout::{Bad, Control, Phase};
use crate::core::time::Moment;
use crate::measure::burn::Look;
use crate::measure::detect::{Group, Held, Watch, can_fail, watch};
use crate::measure::forecast::{Note, StrategyForecast};
use crate::scenario::plan::{Named, Scenario};
use crate::sim::notes::note;

/// A judge that does not condemn so many failures has nothing to do with numbers: a limit of 100 %.
const MANY: u64 = 1_000_000;
/// A difference of load that is worth a word: a half more, or a third less.
const UNEVEN: f64 = 1.5;
/// Below so many windows, a second look is not worth a word.
const LOOKS_MIN: f64 = 2.0;

pub(super) fn notes(scenario: &Scenario, strategies: &[StrategyForecast]) -> Vec<Note> {
    let mut notes = unreachable_alerts(scenario);
    let rate = mean_rate(scenario, strategies);
    notes.extend(scenario.strategies.iter().filter_map(|named| uneven_baseline(named, scenario)));
    let watched = scenario.strategies.iter();
    let watched = watched
        .filter_map(|named| Some((named.name.as_str(), watch(&named.strategy, scenario.telemetry.scrape).ok()?)));
    let watches: Vec<(&str, Watch)> = watched.collect();
    for (name, watch) in &watches {
        notes.extend(canary_blind(name, watch, rate, Group::of(watch.control, scenario.fleet.size)));
        notes.extend(peeking(name, watch));
    }
    notes.extend(service_wide_blind(scenario, &watches));
    notes.extend(detected(strategies));
    notes.extend(scenario.slo.left_out.iter().map(|text| note("slo-not-simulated", text)));
    notes
}

/// Requests a second of the run without a rollout.
fn mean_rate(scenario: &Scenario, strategies: &[StrategyForecast]) -> f64 {
    let measured = scenario.horizon.seconds() - scenario.warm_up.seconds();
    strategies.first().and_then(|stay| stay.metrics.requests).unwrap_or(0.0) / measured
}

fn unreachable_alerts(scenario: &Scenario) -> Vec<Note> {
    let of = |promise: &Promise| {
        let rules = promise.alerts.rules(promise.objective.window);
        let never = rules.into_iter().filter(|rule| rule.never_fires(&promise.objective));
        let text = |rule: AlertRule| {
            let (severity, needed) = (rule.severity.label(), percent(rule.error_ratio(&promise.objective)));
            let name = &promise.name;
            format!("{name}: the {severity} over {} needs {needed} % errors and can never fire", rule.long)
        };
        never.map(|rule| note("unreachable-alert", text(rule))).collect::<Vec<_>>()
    };
    scenario.slo.promises.iter().flat_map(of).collect()
}

/// When the rules of alerts are evaluated, and what they see: at most once a second.
pub(super) fn looks(scenario: &Scenario) -> Vec<Look> {
    let telemetry = scenario.telemetry;
    let end = Moment::START + scenario.horizon;
    let mut looks: Vec<Look> = Vec::new();
    let mut taken = Moment::START + telemetry.scrape;
    while taken < end {
        let look = Look { at: telemetry.seen(taken), newest: taken };
        if !telemetry.is_lost(scenario.seed, taken) && look.at < end {
            // Of samples that arrive together, or in the same second, the newest stands for all.
            let is_soon = |last: &Look| last.at == look.at || last.newest.whole_seconds() == taken.whole_seconds();
            if looks.last().is_some_and(is_soon) {
                looks.pop();
            }
            looks.push(look);
        }
        taken += telemetry.scrape;
    }
    looks
}

/// The first step with traffic brings fewer requests than the gate asks for, or so few that its judge could not condemn
/// them if all of them failed.
fn canary_blind(name: &str, watch: &Watch, rate: f64, group: Group) -> Option<Note> {
    let Held { share, hold, scale } = *watch.steps.first()?;
    let looks_back = if watch.judge.counts_from_the_start() { hold } else { watch.window.min(hold) };
    let expected = rate * share.value() * looks_back.seconds();
    let control = expected * group.ratio(share.value(), scale);
    if let Judge::MannWhitney(rules) = watch.judge {
        let points = (looks_back.nanos() / watch.interval.nanos()) as usize;
        return (!ranks::can_differ(points, points, rules.confidence)).then(|| {
            let text = format!(
                "{name}: a window of {looks_back} has {points} points, too few for {} % confidence: its gate says nothing",
                percent(rules.confidence)
            );
            note("canary-blind", text)
        });
    }
    let too_few = if expected < watch.floor as f64 {
        format!("fewer than the {} without which its gate says nothing", watch.floor)
    } else if !can_fail(&watch.judge, expected as u64, control as u64) && can_fail(&watch.judge, MANY, MANY) {
        "too few for its gate to condemn it if all of them failed".to_owned()
    } else {
        return None;
    };
    let text = format!(
        "{name}: {} % of the traffic bring the new version about {expected:.0} requests in {looks_back}, {too_few}",
        percent(share.value())
    );
    Some(note("canary-blind", text))
}

/// Slow answers are compared with those of a baseline whose instances have more to do than the new ones, or less.
fn uneven_baseline(named: &Named, scenario: &Scenario) -> Option<Note> {
    let gate = named.strategy.gate()?;
    if gate.control == Control::Fleet || gate.bad == Bad::Failed {
        return None;
    }
    let size = scenario.fleet.size;
    let watch = watch(&named.strategy, scenario.telemetry.scrape).ok()?;
    let uneven = |step: &&Held| !(1.0 / UNEVEN..=UNEVEN).contains(&step.load(size));
    let step = watch.steps.iter().filter(|step| step.share < Share::ALL).find(uneven)?;
    let text = format!(
        "{}: with {} % of the traffic a new instance gets {} times as much as one of the baseline: what is slow under load \
         alone looks like a difference between the versions, or hides one",
        named.name,
        percent(step.share.value()),
        two_digits(step.load(size))
    );
    Some(note("baseline-uneven", text))
}

/// A test for one look that is looked at window after window.
fn peeking(name: &str, watch: &Watch) -> Option<Note> {
    let alpha = match watch.judge {
        Judge::Fisher(alpha) | Judge::Z(alpha) => alpha.value(),
        Judge::MannWhitney(rules) => (1.0 - rules.confidence) / 2.0,
        Judge::Threshold(_) | Judge::Relative(_) | Judge::Sprt(_) | Judge::Looks(_) | Judge::Anytime(_) => return None,
    };
    let watched: f64 = watch.steps.iter().map(|step| step.hold.seconds()).sum();
    let windows = (watched / watch.window.seconds()).floor();
    (windows >= LOOKS_MIN).then(|| {
        let inflated = 1.0 - (1.0 - alpha).powf(windows);
        let text = format!(
            "{name}: its gate asks {} again with every sample: {windows} windows at {} % each condemn a healthy release \
             with a probability of up to {} %, and overlapping ones more often; sprt, pocock, obrien-fleming and \
             confidence-sequence allow for that",
            watch.judge.kind().title(),
            percent(alpha),
            two_digits(100.0 * inflated)
        );
        note("peeking", text)
    })
}

/// Canaries that are over before an alert on the whole service fires, even if they fail altogether.
fn service_wide_blind(scenario: &Scenario, watches: &[(&str, Watch)]) -> Option<Note> {
    let unseen = |(name, watch): &(&str, Watch)| {
        let Held { share, hold, .. } = *watch.steps.first()?;
        let incident = Incident { error_ratio: share.value(), lasts: hold };
        let sees = |promise: &Promise| {
            let rules = promise.alerts.rules(promise.objective.window);
            rules.iter().any(|rule| incident.fires(rule, &promise.objective).is_some())
        };
        let is_seen = scenario.slo.promises.iter().any(sees);
        (!is_seen).then(|| format!("{name} ({} % for {hold})", percent(share.value())))
    };
    let unseen: Vec<String> = watches.iter().filter_map(unseen).collect();
    (!unseen.is_empty()).then(|| {
        let text = format!(
            "in the first step of {} no alert on the whole service would fire, not even if every request to the new \
             version failed: only what is counted by version sees it",
            unseen.join(", ")
        );
        note("service-alert-blind", text)
    })
}

/// When the verdicts came, and what was gone by then.
fn detected(strategies: &[StrategyForecast]) -> Option<Note> {
    let each: Vec<String> = strategies.iter().filter_map(verdict).collect();
    (!each.is_empty()).then(|| {
        let text = format!(
            "from the first listing of the new version to the verdict that it is bad, and the budget burnt by then: {}",
            each.join("; ")
        );
        note("detected", text)
    })
}

/// `canary 8 s, 0.013 %`.
fn verdict(strategy: &StrategyForecast) -> Option<String> {
    let phase = Phase::RollingBack.to_string();
    let verdict = strategy.phases.iter().find(|announced| announced.phase == phase)?;
    let (after, burnt) = (strategy.metrics.detect_s?, strategy.metrics.budget_burnt?);
    let bad = |until: f64| -> f64 {
        strategy.timeline.iter().take(until.max(0.0) as usize).map(|second| f64::from(second.bad)).sum()
    };
    let all = bad(f64::INFINITY);
    let gone = if all > 0.0 { burnt * bad(verdict.at_s) / all } else { 0.0 };
    Some(format!("{} {after:.0} s, {} %", strategy.name, two_digits(100.0 * gone)))
}

/// To two significant digits.
fn two_digits(number: f64) -> f64 {
    if number <= 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(1 - number.log10().floor() as i32);
    (number * scale).round() / scale
}
