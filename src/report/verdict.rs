//! The answer in a few sentences: which strategy lost least for this objective, at what price, and against what.
//!
//! What a strategy lost is the error budget it burnt beyond `stay`. A rollout that did not finish never beats one that did.

use std::cmp::Ordering;

use crate::measure::forecast::{Ending, Forecast, StrategyForecast};
use crate::report::number::{self, known};
use crate::report::repeated;
use crate::report::text::plain;

/// What the forecast comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The strategy that lost least; `None` where nothing was compared or measured.
    pub best: Option<String>,
    /// The strategy that lost most, where it lost more than the best.
    pub worst: Option<String>,
    /// The answer first, then what it must be read with.
    pub sentences: Vec<String>,
}

/// Judges a forecast.
pub fn verdict(forecast: &Forecast) -> Verdict {
    match forecast.strategies.split_first() {
        Some((stay, _)) if !has_traffic(stay) => silent(words::NOTHING_MEASURED),
        Some((stay, [])) => alone(forecast, stay),
        Some((stay, others)) => ranked(forecast, stay, others),
        None => silent(words::NOTHING_FORECAST),
    }
}

/// A strategy among the others, with what it cost beyond `stay`.
pub(super) struct Contender<'f> {
    pub(super) strategy: &'f StrategyForecast,
    /// Share of the error budget; infinite where nothing was measured, so that it never wins.
    pub(super) lost: f64,
    bad: f64,
    downtime_s: f64,
    extra_cost: Option<f64>,
    rollout_s: Option<f64>,
    /// Burn rate in the last minute, where `stay` does not burn like that.
    burns_on: Option<f64>,
}

impl<'f> Contender<'f> {
    fn new(forecast: &Forecast, stay: &StrategyForecast, strategy: &'f StrategyForecast) -> Self {
        let (mine, base) = (&strategy.metrics, &stay.metrics);
        let beyond = |mine, base| known(mine).unwrap_or(0.0) - known(base).unwrap_or(0.0);
        Contender {
            strategy,
            lost: known(mine.budget_burnt).map_or(f64::INFINITY, |_| beyond(mine.budget_burnt, base.budget_burnt)),
            bad: beyond(mine.failed_requests, base.failed_requests),
            downtime_s: beyond(mine.downtime_s, base.downtime_s),
            extra_cost: known(mine.extra_cost),
            rollout_s: known(mine.rollout_s),
            burns_on: burns_on(forecast, stay, strategy),
        }
    }

    pub(super) fn name(&self) -> String {
        plain(&self.strategy.name)
    }

    /// Still under way, or given up half-way.
    pub(super) fn unfinished(&self) -> bool {
        !self.strategy.usual_ending().0.is_finished()
    }

    fn ties_with(&self, other: &Self) -> bool {
        self.unfinished() == other.unfinished() && same(self.lost, other.lost)
    }

    /// Less is better.
    fn rank(&self, other: &Self) -> Ordering {
        let lost = if same(self.lost, other.lost) { Ordering::Equal } else { self.lost.total_cmp(&other.lost) };
        self.unfinished()
            .cmp(&other.unfinished())
            .then(lost)
            .then(self.downtime_s.total_cmp(&other.downtime_s))
            .then(or_worst(self.extra_cost).total_cmp(&or_worst(other.extra_cost)))
            .then(or_worst(self.rollout_s).total_cmp(&or_worst(other.rollout_s)))
    }
}

/// Two shares of the budget that differ by less than this come from rounding, not from a request: one bad request of a service with
/// a million requests per second and a 30-day window at 90 % is 4e-12 of its budget.
const ROUNDING: f64 = 1e-13;

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < ROUNDING
}

fn or_worst(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::INFINITY)
}

fn has_traffic(stay: &StrategyForecast) -> bool {
    known(stay.metrics.requests).is_some_and(|requests| requests > 0.0)
}

fn silent(sentence: &str) -> Verdict {
    Verdict { best: None, worst: None, sentences: vec![sentence.to_owned()] }
}

fn ranked(forecast: &Forecast, stay: &StrategyForecast, others: &[StrategyForecast]) -> Verdict {
    let mut contenders: Vec<_> = others.iter().map(|strategy| Contender::new(forecast, stay, strategy)).collect();
    // Stable: where nothing tells two apart, the order of the scenario does.
    contenders.sort_by(Contender::rank);
    let best = &contenders[0];
    if best.lost.is_infinite() {
        return silent(words::NOTHING_MEASURED);
    }
    if forecast.replications() > 1 {
        return repeated::ranked(forecast, stay, &contenders);
    }
    let worst = worst_of(&contenders);
    let mut sentences = vec![winner(forecast, &contenders)];
    sentences.extend(worst.map(|worst| loser(best, worst, contenders.len())));
    sentences.extend(left_out(&contenders, worst));
    sentences.push(one_run(forecast));
    Verdict { best: Some(best.strategy.name.clone()), worst: worst.map(|worst| worst.strategy.name.clone()), sentences }
}

/// The one that lost most, finished or not, where it lost more than the best.
fn worst_of<'c, 'f>(contenders: &'c [Contender<'f>]) -> Option<&'c Contender<'f>> {
    let measured = contenders.iter().filter(|contender| contender.lost.is_finite());
    measured.max_by(|a, b| a.lost.total_cmp(&b.lost)).filter(|worst| worst.lost > contenders[0].lost + ROUNDING)
}

fn winner(forecast: &Forecast, contenders: &[Contender]) -> String {
    let best = &contenders[0];
    let ties: Vec<_> = contenders.iter().filter(|other| best.ties_with(other)).collect();
    let what = match ties.as_slice() {
        [_] if contenders.len() == 1 => format!("{} {}", best.name(), loss(forecast, best, "loses")),
        [_] if best.lost > 0.0 => format!("{} loses least: {}", best.name(), loss(forecast, best, "").trim_start()),
        [_] => format!("{} {}", best.name(), loss(forecast, best, "loses")),
        ties => {
            format!("{} tie: each {}; {} {}", list(ties), loss(forecast, best, "loses"), best.name(), told_apart(ties))
        }
    };
    let until = if best.unfinished() && contenders.len() > 1 { words::NONE_FINISHED } else { "" };
    format!("{until}{what}{}; {}.", price(forecast, best), outcome(forecast, best))
}

/// "loses 0.41 % of the 30-day error budget (163 bad requests more than staying on v1, 35 s of downtime)".
fn loss(forecast: &Forecast, contender: &Contender, verb: &str) -> String {
    let budget = match contender.lost {
        lost if lost > ROUNDING => {
            format!("{} % of the {}-day error budget", number::percent(lost), number::figure(forecast.window_days))
        }
        _ => "nothing".to_owned(),
    };
    let bad = match contender.bad.round() {
        bad if bad > 0.0 => format!("{} bad {} more than", number::count(bad), requests(bad)),
        bad if bad < 0.0 => format!("{} bad {} fewer than", number::count(-bad), requests(bad)),
        _ => "as many bad requests as".to_owned(),
    };
    let down = downtime(contender).map_or(String::new(), |down| format!(", {down}"));
    format!("{verb} {budget} ({bad} staying on {}{down})", plain(&forecast.old_version))
}

pub(super) fn downtime(contender: &Contender) -> Option<String> {
    (contender.downtime_s > 0.0).then(|| format!("{} of downtime", number::duration(contender.downtime_s)))
}

fn requests(count: f64) -> &'static str {
    if count.abs() == 1.0 { "request" } else { "requests" }
}

/// ", for 0.02 USD more and 6 min 40 s".
pub(super) fn price(forecast: &Forecast, contender: &Contender) -> String {
    let money = contender.extra_cost.map(|extra| match number::money(extra.abs()) {
        amount if amount == "0" => "no extra cost".to_owned(),
        amount => format!("{amount} {} {}", plain(&forecast.currency), if extra > 0.0 { "more" } else { "less" }),
    });
    let parts: Vec<_> = [money, contender.rollout_s.map(number::duration)].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(", for {}", parts.join(" and ")) }
}

pub(super) fn outcome(forecast: &Forecast, contender: &Contender) -> String {
    let new = plain(forecast.new_version.as_deref().unwrap_or(words::NEW_VERSION));
    let ended = match (contender.strategy.usual_ending().0, known(contender.strategy.metrics.detect_s)) {
        (Ending::NoRollout, _) => "nothing was rolled out".to_owned(),
        (Ending::Failed, _) => format!("the deployment of {new} failed"),
        (Ending::Concluded, _) => format!("{new} was tried and measured{}", conclusion(contender)),
        (Ending::Promoted, _) => format!("{new} was promoted"),
        (Ending::RolledBack, Some(after)) => {
            format!("{new} was judged bad after {} and rolled back", number::duration(after))
        }
        (Ending::RolledBack, None) => format!("{new} was rolled back"),
        (Ending::Unfinished, _) => "it was unfinished when the run ended".to_owned(),
    };
    // One replication cannot speak for the others.
    let burning = if contender.strategy.samples.is_empty() { still_burning(contender) } else { String::new() };
    format!("{ended}{burning}")
}

/// What came out of it, as its controller put it.
fn conclusion(contender: &Contender) -> String {
    let label = Ending::Concluded.label();
    if !contender.strategy.samples.is_empty() {
        return String::new();
    }
    let said = contender.strategy.phases.iter().rfind(|phase| phase.phase == label);
    said.map_or(String::new(), |phase| format!(" ({})", plain(&phase.reason)))
}

fn still_burning(contender: &Contender) -> String {
    contender.burns_on.map_or(String::new(), |rate| {
        format!(" and still burns the budget at {} times the allowed rate at the end", number::times(rate))
    })
}

fn told_apart(ties: &[&Contender]) -> &'static str {
    let [best, next, ..] = ties else { return "" };
    if best.downtime_s < next.downtime_s {
        "has the least downtime"
    } else if or_worst(best.extra_cost) < or_worst(next.extra_cost) {
        "costs least"
    } else if or_worst(best.rollout_s) < or_worst(next.rollout_s) {
        "is quickest"
    } else {
        "is only named first"
    }
}

/// "rolling, the worst, burns 62.5 %, 150 times as much".
fn loser(best: &Contender, worst: &Contender, contenders: usize) -> String {
    let rank = if contenders > 2 { ", the worst," } else { "" };
    let ending = worst.strategy.ending.label();
    let unfinished = if worst.unfinished() { format!(" ({ending})") } else { String::new() };
    let ratio = worst.lost / best.lost;
    let ratio = if best.lost > ROUNDING && ratio >= 1.05 {
        format!(", {} times as much", number::times(ratio))
    } else {
        String::new()
    };
    let down = downtime(worst).map_or(String::new(), |down| format!(", with {down}"));
    let on = still_burning(worst);
    format!(
        "{}{unfinished}{rank} burns {} %{ratio}{down}{}.",
        worst.name(),
        number::percent(worst.lost),
        on.replacen(" and", ", and", 1)
    )
}

/// The unfinished and failed ones that no sentence has named yet.
pub(super) fn left_out(contenders: &[Contender], worst: Option<&Contender>) -> Vec<String> {
    let named = worst.map(|worst| &worst.strategy.name);
    let left = |ending| -> Vec<&Contender> {
        let others = contenders[1..].iter().filter(|other| Some(&other.strategy.name) != named);
        others.filter(|other| other.strategy.usual_ending().0 == ending).collect()
    };
    let unfinished = match left(Ending::Unfinished).as_slice() {
        [] => None,
        [one] => Some(format!("{} was unfinished when the run ended.", one.name())),
        several => Some(format!("{} were unfinished when the run ended.", list(several))),
    };
    let failed = left(Ending::Failed);
    let failed = (!failed.is_empty()).then(|| format!("{} failed, and stayed half-way.", list(&failed)));
    unfinished.into_iter().chain(failed).collect()
}

/// "rolling, blue-green and canary".
pub(super) fn list(contenders: &[&Contender]) -> String {
    let names: Vec<_> = contenders.iter().map(|contender| contender.name()).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The service alone, when nothing is rolled out.
fn alone(forecast: &Forecast, stay: &StrategyForecast) -> Verdict {
    let metrics = &stay.metrics;
    let good = known(metrics.availability).map_or(words::NONE.to_owned(), number::availability);
    let p99 = known(metrics.latency_ms_p99).map_or(String::new(), |p99| format!(", p99 {} ms", number::figure(p99)));
    let down = match known(metrics.downtime_s) {
        Some(down) if down > 0.0 => format!("{} of downtime", number::duration(down)),
        _ => "no downtime".to_owned(),
    };
    let burnt = known(metrics.budget_burnt).unwrap_or(0.0);
    let sentence = format!(
        "Without a rollout, {} on {} answers {good} % of {} requests well{p99}, {down}, and burns {} % of the {}-day error budget.",
        plain(&forecast.scenario),
        plain(&forecast.old_version),
        number::count(known(metrics.requests).unwrap_or(0.0)),
        number::percent(burnt),
        number::figure(forecast.window_days),
    );
    let rests_on = if forecast.replications() > 1 { repeated::means(forecast, Some(stay)) } else { one_run(forecast) };
    Verdict { best: None, worst: None, sentences: vec![sentence, rests_on] }
}

/// In wall-clock time there are no replications.
fn one_run(forecast: &Forecast) -> String {
    let live = forecast.notes.iter().any(|note| note.id == "live");
    if live { words::ONE_LIVE_RUN.to_owned() } else { words::ONE_RUN.to_owned() }
}

/// Burn rate over the last minute, where the rollout is why: a loss that grows with the length of the run.
fn burns_on(forecast: &Forecast, stay: &StrategyForecast, strategy: &StrategyForecast) -> Option<f64> {
    let mine = last_burn_rate(forecast, strategy)?;
    let base = last_burn_rate(forecast, stay).unwrap_or(0.0);
    // Below the allowed rate the objective is met, whatever the difference.
    (mine >= 1.0 && mine - base >= 1.0).then_some(mine)
}

fn last_burn_rate(forecast: &Forecast, strategy: &StrategyForecast) -> Option<f64> {
    const LAST_S: usize = 60;
    let last = &strategy.timeline[strategy.timeline.len().saturating_sub(LAST_S)..];
    let bad: f64 = last.iter().map(|second| f64::from(second.bad)).sum();
    let all: f64 = last.iter().map(|second| f64::from(second.good) + f64::from(second.bad)).sum();
    known(Some(bad / all / (1.0 - forecast.objective)))
}

/// Words that do not belong to one sentence.
pub(super) mod words {
    pub const NONE: &str = "–";
    pub const NEW_VERSION: &str = "the new version";
    pub const NOTHING_FORECAST: &str = "Nothing was forecast: there is no strategy.";
    pub const NOTHING_MEASURED: &str = "Nothing was measured: no user request settled in the measured time.";
    pub const NONE_FINISHED: &str = "No rollout finished before the run ended; until then, ";
    pub const ONE_LIVE_RUN: &str = "One run: no interval.";
    pub const ONE_RUN: &str = "One run: no interval (--replications 30 gives one).";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::forecast::Phase;
    use crate::report::fixture;

    fn text(forecast: &Forecast) -> String {
        verdict(forecast).sentences.join(" ")
    }

    /// Gives every named strategy the same loss, price and time as `stay`.
    fn nothing_lost(forecast: &mut Forecast) {
        let stay = forecast.strategies[0].metrics.clone();
        for strategy in &mut forecast.strategies[1..] {
            strategy.metrics = stay.clone();
            strategy.timeline.clear();
        }
    }

    #[test]
    fn the_winner_is_named_with_its_loss_its_price_and_its_end_then_the_worst() {
        insta::assert_snapshot!(text(&fixture::checkout()));
    }

    #[test]
    fn a_service_without_a_rollout_is_described() {
        insta::assert_snapshot!(text(&fixture::stay_only()));
    }

    #[test]
    fn one_strategy_is_compared_with_nothing_but_stay() {
        insta::assert_snapshot!(text(&fixture::only(&["recreate"])));
    }

    #[test]
    fn an_unfinished_rollout_never_beats_a_finished_one() {
        let mut forecast = fixture::checkout();
        forecast.strategies[4].ending = Ending::Unfinished;
        let verdict = verdict(&forecast);
        assert_eq!(verdict.best.as_deref(), Some("rolling"));
        assert!(verdict.sentences.contains(&"canary was unfinished when the run ended.".to_owned()), "{verdict:?}");
    }

    #[test]
    fn a_failed_rollout_never_beats_a_finished_one_either() {
        let mut forecast = fixture::checkout();
        forecast.strategies[4].ending = Ending::Failed;
        let verdict = verdict(&forecast);
        assert_eq!(verdict.best.as_deref(), Some("rolling"));
        assert!(verdict.sentences.contains(&"canary failed, and stayed half-way.".to_owned()), "{verdict:?}");
        forecast.strategies[1].ending = Ending::Failed;
        assert!(text(&forecast).contains("recreate (failed), the worst, burns"));
    }

    #[test]
    fn what_was_tried_and_measured_is_told() {
        let mut forecast = fixture::checkout();
        forecast.strategies[4].ending = Ending::Concluded;
        let reason = "new 4 % of 700 attempts failed, old 0.1 % of 600";
        forecast.strategies[4].phases.push(Phase { at_s: 300.0, phase: "concluded".into(), reason: reason.into() });
        let text = text(&forecast);
        assert!(text.starts_with("canary loses least"), "{text}");
        assert!(text.contains(&format!("v2 was tried and measured ({reason}).")), "{text}");
    }

    #[test]
    fn an_unfinished_worst_is_named_once() {
        let mut forecast = fixture::checkout();
        forecast.strategies[1].ending = Ending::Unfinished;
        let text = text(&forecast);
        assert!(text.contains("recreate (unfinished), the worst, burns"), "{text}");
        assert!(!text.contains("recreate was unfinished"), "{text}");
    }

    #[test]
    fn without_a_finished_one_the_best_is_only_so_far_the_best() {
        let mut forecast = fixture::only(&["rolling", "canary"]);
        forecast.strategies[1..].iter_mut().for_each(|strategy| strategy.ending = Ending::Unfinished);
        let text = text(&forecast);
        assert!(text.starts_with("No rollout finished before the run ended; until then, canary loses least"), "{text}");
    }

    #[test]
    fn a_tie_is_called_one_and_the_cheapest_wins_then_the_quickest() {
        let mut forecast = fixture::only(&["rolling", "blue-green", "canary"]);
        nothing_lost(&mut forecast);
        let prices = [(0.3, 10.0), (0.1, 70.0), (0.1, 60.0)];
        for (strategy, (extra_cost, rollout_s)) in forecast.strategies[1..].iter_mut().zip(prices) {
            strategy.metrics.extra_cost = Some(extra_cost);
            strategy.metrics.rollout_s = Some(rollout_s);
        }
        assert_eq!(verdict(&forecast).best.as_deref(), Some("canary"));
        assert_eq!(verdict(&forecast).worst, None);
        insta::assert_snapshot!(text(&forecast));
    }

    #[test]
    fn a_tie_that_nothing_breaks_goes_by_the_order_of_the_scenario() {
        let mut forecast = fixture::only(&["rolling", "canary"]);
        nothing_lost(&mut forecast);
        let text = text(&forecast);
        assert!(
            text.contains("rolling and canary tie: each loses nothing") && text.contains("rolling is only named first"),
            "{text}"
        );
    }

    #[test]
    fn a_better_version_loses_nothing_and_says_how_much_it_saves() {
        let mut forecast = fixture::only(&["rolling"]);
        let metrics = &mut forecast.strategies[1].metrics;
        metrics.budget_burnt = Some(0.0);
        metrics.failed_requests = Some(0.0);
        let text = text(&forecast);
        assert!(text.starts_with("rolling loses nothing (76 bad requests fewer than staying on v1)"), "{text}");
    }

    #[test]
    fn nothing_measured_is_not_a_success() {
        let mut forecast = fixture::checkout();
        forecast.strategies[0].metrics.requests = Some(0.0);
        assert_eq!(verdict(&forecast).best, None);
        assert!(text(&forecast).starts_with("Nothing was measured"));
        let mut forecast = fixture::checkout();
        forecast.strategies[4].metrics.budget_burnt = None;
        assert_eq!(verdict(&forecast).best.as_deref(), Some("rolling"), "an unknown loss does not win");
        forecast.strategies.clear();
        assert!(text(&forecast).starts_with("Nothing was forecast"));
    }
}
