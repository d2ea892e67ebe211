//! The tables as CSV: `summary.csv`, `replications.csv`, `slos.csv`, `timeline.csv` and `phases.csv`. An unknown number is an empty field.

use ::csv::Writer;

use crate::measure::forecast::{Forecast, Instances, Second, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::report::number::known;

/// One row per strategy: its ending, every metric, and every metric beyond that of `stay`; the bounds of all of them
/// follow where there are several replications.
pub fn summary(forecast: &Forecast) -> Vec<u8> {
    table(summary_head(forecast.replications() > 1), summary_rows(forecast))
}

/// The names of its columns; `several`: there are bounds.
pub(super) fn summary_head(several: bool) -> Vec<String> {
    let plain = || Metrics::CATALOGUE.iter().map(|info| info.name.to_owned());
    let names: Vec<String> = plain().chain(plain().map(|name| format!("{name}_vs_stay"))).collect();
    let bounds = names.iter().flat_map(|name| ["low", "high"].map(|bound| format!("{name}_{bound}")));
    let bounds: Vec<String> = bounds.filter(|_| several).collect();
    ["strategy", "ending"].map(str::to_owned).into_iter().chain(names).chain(bounds).collect()
}

/// Its rows.
pub(super) fn summary_rows(forecast: &Forecast) -> impl Iterator<Item = Vec<String>> {
    forecast.strategies.iter().enumerate().map(|(at, strategy)| {
        let stay = forecast.strategies.first().filter(|_| at > 0);
        summary_row(strategy, stay)
    })
}

/// One row per strategy and replication, numbered from 0: its release where they were drawn, its ending and every metric.
pub fn replications(forecast: &Forecast) -> Vec<u8> {
    let names = Metrics::CATALOGUE.iter().map(|info| info.name.to_owned());
    let head = ["strategy", "replication", "release", "ending"].map(str::to_owned).into_iter().chain(names).collect();
    let rows = forecast.strategies.iter().flat_map(|strategy| {
        let single = strategy.samples.is_empty().then_some((strategy.ending, &strategy.metrics));
        let several = strategy.samples.iter().map(|sample| (sample.ending, &sample.metrics));
        (0..).zip(single.into_iter().chain(several)).map(|(index, (ending, metrics)): (u32, _)| {
            let release = forecast.releases.as_ref().map_or("", |releases| releases.name(index as usize));
            let names = [strategy.name.clone(), index.to_string(), release.to_owned(), ending.label().to_owned()];
            names.into_iter().chain(metrics.values().into_iter().map(number)).collect()
        })
    });
    table(head, rows)
}

/// One row per strategy and second, from the start of the run, warm-up included.
pub fn timeline(forecast: &Forecast) -> Vec<u8> {
    let rows = forecast.strategies.iter().flat_map(|strategy| {
        let seconds = strategy.timeline.iter().enumerate();
        seconds.map(|(at, second)| timeline_row(&strategy.name, at, second))
    });
    table(TIMELINE.map(str::to_owned).to_vec(), rows)
}

/// One row per strategy and phase, in the order of time.
pub fn phases(forecast: &Forecast) -> Vec<u8> {
    let rows = forecast.strategies.iter().flat_map(|strategy| {
        strategy.phases.iter().map(|phase| {
            vec![strategy.name.clone(), number(Some(phase.at_s)), phase.phase.clone(), phase.reason.clone()]
        })
    });
    table(PHASES.map(str::to_owned).to_vec(), rows)
}

/// One row per strategy and objective.
pub fn slos(forecast: &Forecast) -> Vec<u8> {
    let rows = forecast.strategies.iter().flat_map(|strategy| {
        strategy.slos.iter().map(|slo| {
            let (budget, spread) = (&slo.budget, slo.burnt_spread());
            let names = [strategy.name.clone(), slo.name.clone(), slo.counted.to_owned()];
            let numbers = [
                Some(slo.objective),
                slo.within_s,
                Some(slo.window_s),
                slo.elapsed_s,
                Some(budget.events),
                Some(budget.bad),
                Some(budget.budget),
                Some(slo.spent),
                budget.burnt,
                budget.left,
                budget.bearable_burn_rate,
                budget.burn_rate_max,
                Some(budget.alerts),
                budget.first_alert_s,
                spread.map(|spread| spread.interval.low),
                spread.map(|spread| spread.interval.high),
                spread.map(|spread| spread.median),
                spread.map(|spread| spread.p95),
            ];
            names.into_iter().chain(numbers.map(number)).collect()
        })
    });
    table(SLOS.map(str::to_owned).to_vec(), rows)
}

const SLOS: [&str; 21] = [
    "strategy",
    "slo",
    "method",
    "objective",
    "within_s",
    "window_s",
    "elapsed_s",
    "events",
    "bad",
    "budget",
    "spent",
    "burnt",
    "left",
    "bearable_burn_rate",
    "burn_rate_max",
    "alerts",
    "first_alert_s",
    "burnt_low",
    "burnt_high",
    "burnt_median",
    "burnt_p95",
];

const TIMELINE: [&str; 15] = [
    "strategy",
    "second",
    "offered",
    "good",
    "bad",
    "in_flight",
    "queued",
    "old_booting",
    "old_ready",
    "old_terminating",
    "new_booting",
    "new_ready",
    "new_terminating",
    "weight",
    "burn",
];

const PHASES: [&str; 4] = ["strategy", "at_s", "phase", "reason"];

fn table(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    for row in std::iter::once(head).chain(rows) {
        writer.write_record(row).expect("memory takes every row, and all rows have the length of the head");
    }
    writer.into_inner().expect("memory has nothing to flush")
}

fn summary_row(strategy: &StrategyForecast, stay: Option<&StrategyForecast>) -> Vec<String> {
    let places = 0..Metrics::CATALOGUE.len();
    let beyond = stay.map_or(vec![None; places.len()], |stay| strategy.metrics.minus(&stay.metrics));
    let plain = places.clone().map(|place| strategy.spread(place).map(|spread| spread.interval));
    let paired: Vec<_> = places.map(|place| stay.and_then(|stay| strategy.difference(stay, place))).collect();
    // The mean of paired differences, which exists where both measured: not always the difference of the means.
    let beyond = beyond.into_iter().zip(&paired).map(|(single, paired)| paired.map_or(single, |it| Some(it.mean)));
    let means = strategy.metrics.values().into_iter().chain(beyond).map(number);
    let bounds = plain.chain(paired.iter().copied()).flat_map(|it| [it.map(|it| it.low), it.map(|it| it.high)]);
    let bounds: Vec<String> = bounds.filter(|_| !strategy.samples.is_empty()).map(number).collect();
    let ending = strategy.usual_ending().0.label().to_owned();
    [strategy.name.clone(), ending].into_iter().chain(means).chain(bounds).collect()
}

fn timeline_row(strategy: &str, at: usize, second: &Second) -> Vec<String> {
    let Second { offered, good, bad, in_flight, queued, old, new, weight, burn } = *second;
    let counts = [offered, good, bad, in_flight, queued].into_iter().chain(states(old)).chain(states(new));
    let counts = counts.map(|count| count.to_string());
    let shares = [number(weight), number(Some(burn))];
    [strategy.to_owned(), at.to_string()].into_iter().chain(counts).chain(shares).collect()
}

fn states(instances: Instances) -> [u32; 3] {
    [instances.booting, instances.ready, instances.terminating]
}

/// As short as reads back to the same number.
fn number(value: Option<f64>) -> String {
    known(value).map_or(String::new(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("names and numbers are text")
    }

    fn head(bytes: Vec<u8>) -> String {
        text(bytes).lines().next().expect("there is always a head").to_owned()
    }

    #[test]
    fn the_heads_are_stable() {
        let forecast = fixture::checkout();
        let heads =
            [summary(&forecast), replications(&forecast), slos(&forecast), timeline(&forecast), phases(&forecast)]
                .map(head);
        insta::assert_snapshot!(heads.join("\n\n"));
    }

    #[test]
    fn every_row_is_as_long_as_its_head_whatever_the_names() {
        for forecast in [fixture::unusual(), fixture::repeated()] {
            for bytes in
                [summary(&forecast), replications(&forecast), slos(&forecast), timeline(&forecast), phases(&forecast)]
            {
                let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
                assert!(reader.records().all(|row| row.is_ok()));
            }
        }
    }

    #[test]
    fn bounds_come_with_replications_and_every_replication_has_a_row() {
        let (once, often) = (fixture::checkout(), fixture::repeated());
        assert!(!head(summary(&once)).contains("_low"));
        assert!(head(summary(&often)).ends_with("extra_cost_vs_stay_low,extra_cost_vs_stay_high"));
        let rows = |forecast| text(replications(forecast)).lines().count() - 1;
        assert_eq!((rows(&once), rows(&often)), (5, 25));
        assert!(text(replications(&often)).contains("\ncanary,4,,rolled back,"));
    }

    #[test]
    fn the_timeline_has_every_second_of_every_strategy() {
        let forecast = fixture::checkout();
        let rows = text(timeline(&forecast)).lines().count() - 1;
        assert_eq!(rows, forecast.strategies.iter().map(|strategy| strategy.timeline.len()).sum::<usize>());
    }

    #[test]
    fn an_unknown_number_is_an_empty_field() {
        let mut forecast = fixture::stay_only();
        forecast.strategies[0].timeline.truncate(1);
        insta::assert_snapshot!(text(timeline(&forecast)));
    }
}
