//! What the reader of a forecast should know about it.

use crate::measure::batches::BatchMeans;
use crate::measure::forecast::{Ending, Forecast, Note, Second, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::replications::Series;
use crate::measure::steady::unsettled_until;

const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Everything that limits `forecast`, most important first. `requests_given`: the scenario says how many requests the
/// SLO window has.
pub fn notes(forecast: &Forecast, requests_given: bool) -> Vec<Note> {
    let ended = |ending| forecast.strategies.iter().filter(move |strategy| strategy.ending == ending);
    let mut notes: Vec<Note> = ended(Ending::Unfinished).map(still_under_way).collect();
    notes.extend(ended(Ending::Failed).map(given_up));
    notes.extend(warm_up_short(forecast));
    notes.extend(traffic_ends(forecast));
    notes.extend(budget_window(forecast, requests_given));
    notes.extend(alert_history(forecast));
    notes
}

/// What limits a result of several replications, or how well a single run knows its means.
pub fn replications(forecast: &Forecast, series: &Series) -> Vec<Note> {
    let count = forecast.replications();
    if count < 2 {
        return single_run(forecast).into_iter().collect();
    }
    let mut notes = vec![note(
        "first-replication",
        format!(
            "phases, single alerts, timelines and their plots, and the other notes, are those of the first of {count} replications"
        ),
    )];
    notes.extend(forecast.strategies.iter().filter_map(|strategy| {
        let others = other_endings(strategy)?;
        Some(note("endings-differ", format!("{}: of {count} replications {others}", strategy.name)))
    }));
    notes.extend(cut_short(forecast, series));
    notes.extend(missed(forecast));
    notes
}

/// Where bad releases were promoted, which nobody takes back within the run.
fn missed(forecast: &Forecast) -> Option<Note> {
    let missed = |strategy: &&StrategyForecast| strategy.risk.as_ref().is_some_and(|risk| risk.missed > 0);
    let names: Vec<&str> = forecast.strategies.iter().filter(missed).map(|strategy| strategy.name.as_str()).collect();
    let after_s = forecast.horizon_s - forecast.rollout_at_s?;
    (!names.is_empty()).then(|| {
        let text = format!(
            "{} promoted bad releases: they are counted to the end of the run, {after_s} s after the deploy command, \
             and go on beyond it until somebody mends them",
            names.join(", ")
        );
        note("missed-go-on", text)
    })
}

/// "97 rolled back, 3 unfinished", where not all ended alike.
fn other_endings(strategy: &StrategyForecast) -> Option<String> {
    let mut counts: Vec<(Ending, u32)> = Vec::new();
    for sample in &strategy.samples {
        match counts.iter_mut().find(|(ending, _)| *ending == sample.ending) {
            Some((_, count)) => *count += 1,
            None => counts.push((sample.ending, 1)),
        }
    }
    let words: Vec<String> = counts.iter().map(|(ending, count)| format!("{count} {}", ending.label())).collect();
    (counts.len() > 1).then(|| words.join(", "))
}

/// Where there are fewer replications than were asked for.
fn cut_short(forecast: &Forecast, series: &Series) -> Option<Note> {
    let count = forecast.replications();
    match series {
        Series::Fixed(wanted) => (count < *wanted as usize)
            .then(|| note("interrupted", format!("of {wanted} replications only the first {count} were run"))),
        Series::Until(precision) => {
            let samples: Vec<_> = forecast.strategies.iter().map(|strategy| strategy.samples.clone()).collect();
            let text = format!(
                "after {count} replications {} is still not known to within {} %",
                Metrics::CATALOGUE[precision.metric].name,
                100.0 * precision.relative
            );
            (!precision.is_met(&samples)).then(|| note("precision-not-reached", text))
        }
    }
}

fn warm_up_short(forecast: &Forecast) -> Option<Note> {
    let until = unsettled_until(&forecast.strategies.first()?.timeline, forecast.warm_up_s.ceil() as usize)?;
    let text = format!(
        "stay settles only after {until} s (MSER-5 on requests in flight for each one a second), but the warm-up ends \
         after {} s",
        forecast.warm_up_s
    );
    Some(note("warm-up-short", text))
}

/// How well the one run of a service that nobody changes knows its means.
fn single_run(forecast: &Forecast) -> Option<Note> {
    let [stay] = forecast.strategies.as_slice() else { return None };
    let measured = stay.timeline.get(forecast.warm_up_s.ceil() as usize..)?;
    let all = |value: fn(&Second) -> u32| measured.iter().map(|second| f64::from(value(second))).sum::<f64>();
    let takes_s = all(|second| second.in_flight) / all(|second| second.offered).max(1.0);
    // A ratio is as uncertain as what is left over of the one when the other is taken away so many times.
    let left = |second: &Second| f64::from(second.in_flight) - takes_s * f64::from(second.offered);
    let left = BatchMeans::of(&measured.iter().map(left).collect::<Vec<_>>())?;
    let half_s = left.interval.half() * measured.len() as f64 / all(|second| second.offered).max(1.0);
    (takes_s > 0.0).then(|| {
        let text = format!(
            "a request takes {:.3} ms on average, 95 % interval {:.3} to {:.3} ms (Little's law; {} batches of {} s)",
            1e3 * takes_s,
            1e3 * (takes_s - half_s),
            1e3 * (takes_s + half_s),
            left.batches,
            left.length,
        );
        note("batch-means", text)
    })
}

fn note(id: &str, text: String) -> Note {
    Note { id: id.to_owned(), text }
}

fn still_under_way(strategy: &StrategyForecast) -> Note {
    let name = &strategy.name;
    let text = match strategy.phases.last().map(|phase| phase.phase.as_str()) {
        Some("stuck") => format!("{name} is stuck and does not roll back by itself: someone has to"),
        Some("waiting") => format!("{name} waits for a person, and none came: see rollout.promote-after"),
        Some("paused") => format!("{name} was paused when the run ended, and nobody let it go on"),
        Some("holding") => format!("{name} still waits for enough requests to judge the new version by"),
        Some(_) | None => format!("{name} was still under way when the run ended; a longer horizon shows its end"),
    };
    note("unfinished", text)
}

fn given_up(strategy: &StrategyForecast) -> Note {
    let name = &strategy.name;
    note(
        "failed",
        format!("{name} failed and does not return by itself: both versions may be left, and someone has to"),
    )
}

fn traffic_ends(forecast: &Forecast) -> Option<Note> {
    let timeline = &forecast.strategies.first()?.timeline;
    let last = timeline.iter().rposition(|second| second.offered > 0)? + 1;
    let silent = timeline.len() - last;
    (silent * 20 > timeline.len()).then(|| {
        note(
            "traffic-ends",
            format!("no request comes in the last {silent} s of the run; the mean rate counts them as silence"),
        )
    })
}

fn budget_window(forecast: &Forecast, requests_given: bool) -> Option<Note> {
    let requests = forecast.strategies.first()?.metrics.requests?;
    let rate = requests / (forecast.horizon_s - forecast.warm_up_s);
    let days = forecast.window_days;
    (!requests_given && requests > 0.0).then(|| {
        note(
            "budget-window",
            format!("the budget is that of the measured mean rate, {rate:.1} requests/s, kept up for {days} days"),
        )
    })
}

fn alert_history(forecast: &Forecast) -> Option<Note> {
    let slos = &forecast.strategies.first()?.slos;
    let longest = slos.iter().flat_map(|slo| &slo.alerts).map(|alert| alert.long_s).fold(0.0, f64::max);
    let measured = forecast.horizon_s - forecast.warm_up_s;
    (longest > measured).then(|| {
        let hours = longest / SECONDS_PER_HOUR;
        let text = format!(
            "alerts look back up to {hours:.0} h; before the measured time the service is taken to have been healthy at its mean rate"
        );
        note("alert-history", text)
    })
}
