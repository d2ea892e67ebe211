//! The verdict of several replications: it says only what the intervals support.
//!
//! Two strategies are told apart where the 95 % interval of the paired difference of their bad requests leaves out zero.

use crate::measure::forecast::{Forecast, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::replications::{COMPARED, Pair};
use crate::measure::stats::Interval;
use crate::report::number;
use crate::report::text::plain;
use crate::report::verdict::{Contender, Verdict, downtime, left_out, list, outcome, price, words};

/// Judges `contenders`, best mean first.
pub(super) fn ranked(forecast: &Forecast, stay: &StrategyForecast, contenders: &[Contender]) -> Verdict {
    let best = &contenders[0];
    let rivals: Vec<&Contender> =
        contenders[1..].iter().filter(|other| other.unfinished() == best.unfinished() && !less(best, other)).collect();
    let worst = worst_of(contenders);
    let mut sentences = Vec::new();
    if rivals.is_empty() {
        sentences.push(winner(forecast, stay, contenders));
        sentences.extend(contenders.get(1).and_then(|next| runner_up(best, next)));
    } else {
        sentences.push(undecided(forecast, stay, best, &rivals));
    }
    sentences.extend(worst.map(|worst| loser(stay, worst, contenders.len())));
    sentences.extend(left_out(contenders, worst));
    sentences.push(means(forecast, None));
    Verdict {
        best: rivals.is_empty().then(|| best.strategy.name.clone()),
        worst: worst.map(|worst| worst.strategy.name.clone()),
        sentences,
    }
}

/// "30 replications: means, with 95 % intervals.", and where `of` is a strategy, the interval of its bad requests.
pub(super) fn means(forecast: &Forecast, of: Option<&StrategyForecast>) -> String {
    let bad = of.and_then(|strategy| strategy.spread_of(COMPARED)).map(|spread| spread.interval);
    let bad = bad.map_or(String::new(), |bad| format!(" ({} bad requests, {})", number::figure(bad.mean), range(bad)));
    format!("Means of {} replications{bad}; intervals are at 95 %.", forecast.replications())
}

/// Whether `one` has fewer bad requests than `other`, beyond chance.
fn less(one: &Contender, other: &Contender) -> bool {
    pair(one, other).is_some_and(|pair| pair.difference.is_below_zero())
}

fn pair(one: &Contender, other: &Contender) -> Option<Pair> {
    one.strategy.against(other.strategy)
}

/// The one with more bad requests than every other, beyond chance.
fn worst_of<'c, 'f>(contenders: &'c [Contender<'f>]) -> Option<&'c Contender<'f>> {
    let name = |contender: &Contender| contender.strategy.name.clone();
    let is_worst = |worst: &&Contender| contenders.iter().all(|other| name(other) == name(worst) || less(other, worst));
    contenders[1..].iter().find(is_worst)
}

fn winner(forecast: &Forecast, stay: &StrategyForecast, contenders: &[Contender]) -> String {
    let best = &contenders[0];
    let until = if best.unfinished() && contenders.len() > 1 { words::NONE_FINISHED } else { "" };
    let verb = if contenders.len() > 1 { "loses least:" } else { "loses" };
    let loss = loss(forecast, stay, best);
    format!(
        "{until}{} {verb} {loss}{}; {}{}.",
        best.name(),
        price(forecast, best),
        outcome(forecast, best),
        usually(best)
    )
}

/// " in 97 % of the replications", where not in all.
fn usually(contender: &Contender) -> String {
    let (_, share) = contender.strategy.usual_ending();
    if share < 1.0 { format!(" in {} % of the replications", number::percent(share)) } else { String::new() }
}

fn runner_up(best: &Contender, next: &Contender) -> Option<String> {
    let Pair { difference, won, .. } = pair(best, next).filter(|pair| pair.difference.is_below_zero())?;
    let fewer = Interval { mean: -difference.mean, low: -difference.high, high: -difference.low };
    Some(format!(
        "It has {} bad requests fewer than {}, the next ({}), and won {} % of the replications.",
        number::figure(fewer.mean),
        next.name(),
        range(fewer),
        number::percent(won)
    ))
}

fn undecided(forecast: &Forecast, stay: &StrategyForecast, best: &Contender, rivals: &[&Contender]) -> String {
    let all: Vec<&Contender> = std::iter::once(best).chain(rivals.iter().copied()).collect();
    let until = if best.unfinished() { words::NONE_FINISHED } else { "" };
    let same = rivals.iter().all(|rival| pair(best, rival).is_some_and(|pair| pair.difference.is_zero()));
    if same {
        let each = if all.len() == 2 { "both lose" } else { "all lose" };
        return format!("{until}{} tie in every replication: {each} {}.", list(&all), loss(forecast, stay, best));
    }
    let known = rivals.iter().filter_map(|rival| Some((rival, pair(best, rival)?.difference)));
    let differences: Vec<String> = known
        .map(|(rival, difference)| {
            format!(
                "{} − {}: {} bad requests, {}",
                best.name(),
                rival.name(),
                number::figure(difference.mean),
                range(difference)
            )
        })
        .collect();
    let differences = if differences.is_empty() { String::new() } else { format!(" ({})", differences.join("; ")) };
    format!(
        "Inconclusive: {until}{} cannot be told apart in {} replications{differences}; by its mean {} loses least: {}.",
        list(&all),
        forecast.replications(),
        best.name(),
        loss(forecast, stay, best)
    )
}

/// "0.41 % of the 30-day error budget (163 bad requests more than staying on v1, 150 to 176; 35 s of downtime)".
fn loss(forecast: &Forecast, stay: &StrategyForecast, contender: &Contender) -> String {
    let old = plain(&forecast.old_version);
    let down = downtime(contender).map_or(String::new(), |down| format!("; {down}"));
    let Some(bad) = contender.strategy.against(stay).map(|pair| pair.difference) else {
        return format!("{} % of the error budget", number::percent(contender.lost));
    };
    let (mean, range) = (number::figure(bad.mean), range(bad));
    if bad.is_zero() {
        format!("nothing (as many bad requests as staying on {old}{down})")
    } else if bad.is_below_zero() {
        let fewer = number::figure(-bad.mean);
        format!("nothing ({fewer} bad requests fewer than staying on {old}, interval of the difference {range}{down})")
    } else if bad.is_above_zero() {
        let (lost, days) = (number::percent(contender.lost), number::figure(forecast.window_days));
        format!(
            "{lost} % of the {days}-day error budget ({mean} bad requests more than staying on {old}, {range}{down})"
        )
    } else {
        format!("nothing that could be told from staying on {old} ({mean} bad requests more, {range}{down})")
    }
}

/// "recreate, the worst, burns 5.6 % (5.5 to 5.7)".
fn loser(stay: &StrategyForecast, worst: &Contender, contenders: usize) -> String {
    let rank = if contenders > 2 { ", the worst," } else { "" };
    let beyond = Metrics::place("budget_burnt").and_then(|place| worst.strategy.difference(stay, place));
    let beyond = beyond.map_or(String::new(), |beyond| {
        format!(" ({} to {})", number::percent(beyond.low), number::percent(beyond.high))
    });
    let down = downtime(worst).map_or(String::new(), |down| format!(", with {down}"));
    format!("{}{rank} burns {} %{beyond}{down}.", worst.name(), number::percent(worst.lost))
}

/// "12 to 50".
fn range(interval: Interval) -> String {
    format!("{} to {}", number::figure(interval.low), number::figure(interval.high))
}

#[cfg(test)]
mod tests {
    use crate::measure::forecast::{Ending, Forecast};
    use crate::report::fixture::{self, lucky};
    use crate::report::verdict::verdict;

    fn text(forecast: &Forecast) -> String {
        verdict(forecast).sentences.join(" ")
    }

    /// Replications of the strategy at `at` with these lucks.
    fn give(forecast: &mut Forecast, at: usize, lucks: &[f64]) {
        let samples = lucks.iter().map(|luck| lucky(&forecast.strategies[at], *luck)).collect();
        forecast.strategies[at].fold(samples);
    }

    #[test]
    fn a_clear_winner_is_named_with_its_interval_and_its_wins() {
        let forecast = fixture::repeated();
        let verdict = verdict(&forecast);
        assert_eq!((verdict.best.as_deref(), verdict.worst.as_deref()), (Some("canary"), Some("recreate")));
        insta::assert_snapshot!(text(&forecast));
    }

    #[test]
    fn what_chance_explains_is_inconclusive() {
        let mut forecast = fixture::only(&["rolling", "blue-green"]);
        give(&mut forecast, 0, &[1.0, 1.1, 0.9]);
        give(&mut forecast, 1, &[1.0, 1.3, 0.9]);
        give(&mut forecast, 2, &[1.1, 0.8, 1.0]);
        let verdict = verdict(&forecast);
        assert_eq!((verdict.best, verdict.worst), (None, None));
        insta::assert_snapshot!(text(&forecast));
    }

    #[test]
    fn the_same_in_every_replication_is_a_tie() {
        let mut forecast = fixture::only(&["rolling", "canary"]);
        forecast.strategies[2].metrics = forecast.strategies[1].metrics.clone();
        (0..3).for_each(|at| give(&mut forecast, at, &[1.0, 1.1, 0.9]));
        assert!(
            text(&forecast).starts_with("rolling and canary tie in every replication: both lose"),
            "{}",
            text(&forecast)
        );
    }

    #[test]
    fn what_may_be_nothing_is_not_called_a_loss() {
        let mut forecast = fixture::only(&["canary"]);
        let stay = forecast.strategies[0].metrics.clone();
        forecast.strategies[1].metrics.failed_requests = stay.failed_requests;
        give(&mut forecast, 0, &[1.0, 1.1, 0.9]);
        give(&mut forecast, 1, &[1.1, 1.0, 1.0]);
        let text = text(&forecast);
        assert!(text.starts_with("canary loses nothing that could be told from staying on v1 ("), "{text}");
    }

    #[test]
    fn an_unfinished_majority_does_not_win_and_a_minority_is_told() {
        let mut forecast = fixture::repeated();
        forecast.strategies[4].samples.iter_mut().take(3).for_each(|sample| sample.ending = Ending::Unfinished);
        let text_of = text(&forecast);
        assert!(text_of.starts_with("Inconclusive: rolling and blue-green cannot be told apart"), "{text_of}");
        assert!(text_of.contains("canary was unfinished when the run ended."), "{text_of}");
        forecast.strategies[4].samples[0].ending = Ending::RolledBack;
        assert!(text(&forecast).contains("rolled back in 60 % of the replications."), "{}", text(&forecast));
    }

    #[test]
    fn a_service_alone_has_its_interval() {
        let mut forecast = fixture::stay_only();
        give(&mut forecast, 0, &[1.0, 1.1, 0.9]);
        assert!(text(&forecast).contains("Means of 3 replications (76 bad requests, "), "{}", text(&forecast));
    }
}
