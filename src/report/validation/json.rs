//! A validation for programs.

use super::{Course, Findings, Line};
use crate::core::time::Span;
use crate::measure::claim::Finding;
use serde::Serialize;

#[derive(Serialize)]
struct Page<'a> {
    schema: &'static str,
    against: &'a str,
    repetitions: u32,
    hop_delay_ms: f64,
    reload_ms: f64,
    finding: &'static str,
    metrics: Vec<Row<'a>>,
    phases: Vec<Steps<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    strategy: &'a str,
    metric: &'static str,
    unit: &'static str,
    instance: Option<usize>,
    simulated: f64,
    live: f64,
    difference: f64,
    low: Option<f64>,
    high: Option<f64>,
    tolerated: f64,
    finding: &'static str,
}

#[derive(Serialize)]
struct Steps<'a> {
    strategy: &'a str,
    simulated: &'a [String],
    live: &'a [String],
    same: usize,
    of: usize,
    apart_s: f64,
    tolerated_s: f64,
    exceeds: bool,
}

/// One object; `against`: whose proxies they were; `[hop, reload]`: what the machine adds to each way, and to a change.
pub fn json(findings: &Findings, against: &str, repetitions: u32, [hop, reload]: [Span; 2]) -> String {
    let page = Page {
        schema: "rollcast.validation/3",
        against,
        repetitions,
        hop_delay_ms: hop.millis(),
        reload_ms: reload.millis(),
        finding: word(findings.finding()),
        metrics: findings.lines.iter().map(plain).collect(),
        phases: findings.courses.iter().map(steps).collect(),
    };
    serde_json::to_string_pretty(&page).expect("plain values are JSON") + "\n"
}

const fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Holds => "holds",
        Finding::Open => "open",
        Finding::Fails => "fails",
    }
}

fn plain(line: &Line) -> Row<'_> {
    Row {
        strategy: &line.strategy,
        metric: line.metric,
        unit: line.unit,
        instance: line.instance,
        simulated: line.simulated,
        live: line.live,
        difference: line.gap(),
        low: line.difference.map(|interval| interval.low),
        high: line.difference.map(|interval| interval.high),
        tolerated: line.tolerated,
        finding: word(line.finding()),
    }
}

fn steps(course: &Course) -> Steps<'_> {
    Steps {
        strategy: &course.strategy,
        simulated: &course.simulated,
        live: &course.live,
        same: course.same.0,
        of: course.same.1,
        apart_s: course.apart_s,
        tolerated_s: course.tolerated_s,
        exceeds: course.exceeds(),
    }
}
