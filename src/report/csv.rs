//! The tables as CSV: `summary.csv`, `timeline.csv` and `phases.csv`. An unknown number is an empty field.

use ::csv::Writer;

use crate::measure::forecast::{Forecast, Instances, Second, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::report::number::known;

/// One row per strategy: its ending, every metric, and every metric beyond that of `stay`.
pub fn summary(forecast: &Forecast) -> Vec<u8> {
    let names = Metrics::CATALOGUE.iter().map(|info| info.name.to_owned());
    let beyond = Metrics::CATALOGUE.iter().map(|info| format!("{}_vs_stay", info.name));
    let head = ["strategy", "ending"].map(str::to_owned).into_iter().chain(names).chain(beyond).collect();
    let rows = forecast.strategies.iter().enumerate().map(|(at, strategy)| {
        let stay = forecast.strategies.first().filter(|_| at > 0);
        summary_row(strategy, stay)
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
    let beyond = stay.map_or(vec![None; Metrics::CATALOGUE.len()], |stay| strategy.metrics.minus(&stay.metrics));
    let numbers = strategy.metrics.values().into_iter().chain(beyond).map(number);
    [strategy.name.clone(), strategy.ending.label().to_owned()].into_iter().chain(numbers).collect()
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
        let heads = [summary(&forecast), timeline(&forecast), phases(&forecast)].map(head);
        insta::assert_snapshot!(heads.join("\n\n"));
    }

    #[test]
    fn every_row_is_as_long_as_its_head_whatever_the_names() {
        let forecast = fixture::unusual();
        for bytes in [summary(&forecast), timeline(&forecast), phases(&forecast)] {
            let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
            assert!(reader.records().all(|row| row.is_ok()));
        }
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
