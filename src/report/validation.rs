//! `rollcast validate`: what was simulated beside what was measured, metric by metric.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::measure::metric::{Info, Metrics};
use crate::measure::stats::{Interval, mean};
use crate::report::number::figure;
use crate::report::table::STYLE;

/// The metrics that are compared, with the difference that is tolerated: a share of the simulated value, and an absolute
/// part for counts and times near zero.
pub const COMPARED: [(&str, f64, f64); 11] = [
    ("requests", 0.02, 5.0),
    ("failed_requests", 0.25, 10.0),
    ("availability", 0.01, 0.005),
    ("latency_ms_p50", 0.15, 1.0),
    ("latency_ms_p95", 0.20, 3.0),
    ("latency_ms_p99", 0.30, 8.0),
    ("latency_ms_mean", 0.15, 1.5),
    ("retries", 0.25, 10.0),
    ("exposed_requests", 0.15, 15.0),
    ("rollout_s", 0.10, 0.5),
    ("peak_instances", 0.0, 1.0),
];

/// One metric of one strategy, over all repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The strategy.
    pub strategy: String,
    /// The metric.
    pub info: Info,
    /// Mean of what was simulated.
    pub simulated: f64,
    /// Mean of what was measured.
    pub live: f64,
    /// Of the differences live − simulated, each of the same repetition; `None` with one repetition.
    pub difference: Option<Interval>,
    /// The largest difference that is tolerated.
    pub tolerated: f64,
}

impl Line {
    /// The mean difference, live − simulated.
    pub fn gap(&self) -> f64 {
        self.live - self.simulated
    }

    /// Whether the difference is beyond what is tolerated, and not by chance alone.
    pub fn exceeds(&self) -> bool {
        match self.difference {
            Some(interval) => interval.low > self.tolerated || interval.high < -self.tolerated,
            None => self.gap().abs() > self.tolerated,
        }
    }
}

/// The lines for one strategy from pairs of simulated and measured metrics; `factor` widens what is tolerated.
pub fn compare(strategy: &str, pairs: &[(Metrics, Metrics)], factor: f64) -> Vec<Line> {
    let of = |(name, share, absolute): &(&str, f64, f64)| {
        let place = Metrics::CATALOGUE.iter().position(|info| info.name == *name)?;
        let values: Vec<(f64, f64)> =
            pairs.iter().filter_map(|(sim, live)| Some((sim.values()[place]?, live.values()[place]?))).collect();
        let simulated = mean(&values.iter().map(|(sim, _)| *sim).collect::<Vec<_>>())?;
        let live = mean(&values.iter().map(|(_, live)| *live).collect::<Vec<_>>())?;
        let differences: Vec<f64> = values.iter().map(|(sim, live)| live - sim).collect();
        Some(Line {
            strategy: strategy.to_owned(),
            info: Metrics::CATALOGUE[place],
            simulated,
            live,
            difference: Interval::of(&differences),
            tolerated: factor * (share * simulated.abs() + absolute),
        })
    };
    COMPARED.iter().filter_map(of).collect()
}

/// The answer in a sentence, then both columns.
pub fn text(lines: &[Line], head: &str) -> String {
    let beyond = lines.iter().filter(|line| line.exceeds()).count();
    let answer = match beyond {
        0 => format!("The forecast holds: {} of {} metrics agree with real traffic.", lines.len(), lines.len()),
        _ => {
            format!("The forecast does not hold: {beyond} of {} metrics differ by more than is tolerated.", lines.len())
        }
    };
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.set_header([
        "strategy",
        "metric",
        "unit",
        "simulated",
        "live",
        "difference",
        "95 % interval",
        "tolerated",
        "",
    ]);
    for line in lines {
        table.add_row(row(line));
    }
    for column in 3..8 {
        table.column_mut(column).expect("the head has nine columns").set_cell_alignment(CellAlignment::Right);
    }
    format!("{answer}\n{head}\n\n{}\n", table.trim_fmt())
}

fn row(line: &Line) -> [String; 9] {
    let interval = line
        .difference
        .map_or_else(|| "–".to_owned(), |interval| format!("{} to {}", figure(interval.low), figure(interval.high)));
    [
        line.strategy.clone(),
        line.info.name.to_owned(),
        line.info.unit.to_owned(),
        figure(line.simulated),
        figure(line.live),
        figure(line.gap()),
        interval,
        format!("±{}", figure(line.tolerated)),
        if line.exceeds() { "✗".to_owned() } else { "✓".to_owned() },
    ]
}

#[derive(Serialize)]
struct Page<'a> {
    schema: &'static str,
    repetitions: u32,
    hop_delay_ms: f64,
    holds: bool,
    metrics: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    strategy: &'a str,
    metric: &'static str,
    unit: &'static str,
    simulated: f64,
    live: f64,
    difference: f64,
    low: Option<f64>,
    high: Option<f64>,
    tolerated: f64,
    exceeds: bool,
}

/// One object.
pub fn json(lines: &[Line], repetitions: u32, hop_delay_ms: f64) -> String {
    let page = Page {
        schema: "rollcast.validation/1",
        repetitions,
        hop_delay_ms,
        holds: lines.iter().all(|line| !line.exceeds()),
        metrics: lines.iter().map(plain).collect(),
    };
    serde_json::to_string_pretty(&page).expect("plain values are JSON") + "\n"
}

fn plain(line: &Line) -> Row<'_> {
    Row {
        strategy: &line.strategy,
        metric: line.info.name,
        unit: line.info.unit,
        simulated: line.simulated,
        live: line.live,
        difference: line.gap(),
        low: line.difference.map(|interval| interval.low),
        high: line.difference.map(|interval| interval.high),
        tolerated: line.tolerated,
        exceeds: line.exceeds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(failed: f64, p50: f64) -> Metrics {
        Metrics { failed_requests: Some(failed), latency_ms_p50: Some(p50), ..Metrics::default() }
    }

    #[test]
    fn what_is_within_chance_or_tolerance_holds() {
        let pairs = [(metrics(100.0, 20.0), metrics(110.0, 21.0)), (metrics(90.0, 20.0), metrics(85.0, 20.5))];
        let lines = compare("canary", &pairs, 1.0);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| !line.exceeds()), "{lines:?}");
        assert_eq!(lines[0].gap(), 2.5);
    }

    #[test]
    fn what_is_far_off_every_time_does_not() {
        let far = (metrics(100.0, 20.0), metrics(400.0, 20.0));
        let lines = compare("canary", &[far.clone(), far.clone()], 1.0);
        assert!(lines[0].exceeds() && !lines[1].exceeds());
        assert!(compare("canary", std::slice::from_ref(&far), 1.0)[0].exceeds());
        assert!(!compare("canary", &[far], 10.0)[0].exceeds());
    }
}
