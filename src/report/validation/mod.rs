//! `rollcast validate`: what was simulated beside what was measured, metric by metric.

mod tolerance;

pub use tolerance::{Asked, COMPARED, INSTANCE_SHARE, PHASES_APART, Tolerance, Tolerances};

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::measure::forecast::Phase;
use crate::measure::metric::Metrics;
use crate::measure::stats::{Interval, mean};
use crate::report::number::figure;
use crate::report::table::STYLE;
use tolerance::place;

/// What one arm showed in one repetition.
#[derive(Clone, Debug, Default)]
pub struct Arm {
    /// The numbers.
    pub metrics: Metrics,
    /// What the controller announced.
    pub phases: Vec<Phase>,
    /// By instance: attempts that it took.
    pub taken: Vec<u64>,
}

/// One repetition of both arms, with the same luck.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    /// Virtual time.
    pub simulated: Arm,
    /// Real traffic.
    pub live: Arm,
}

/// One metric of one strategy, over all repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The strategy.
    pub strategy: String,
    /// The metric.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Which instance it is about, where it is about one.
    pub instance: Option<usize>,
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

/// The phases of one strategy, over all repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The strategy.
    pub strategy: String,
    /// Of the first repetition.
    pub simulated: Vec<String>,
    /// Likewise.
    pub live: Vec<String>,
    /// Repetitions in which both arms had the same phases in the same order, and all of them.
    pub same: (usize, usize),
    /// How far two phases were apart at most.
    pub apart_s: f64,
    /// How far they may be.
    pub tolerated_s: f64,
}

impl Course {
    /// Whether the order differs, or a moment by too much.
    pub fn exceeds(&self) -> bool {
        self.same.0 < self.same.1 || self.apart_s > self.tolerated_s
    }
}

/// What a validation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Metric by metric, strategy by strategy.
    pub lines: Vec<Line>,
    /// One for each strategy that announced anything.
    pub courses: Vec<Course>,
}

impl Findings {
    /// Whether the forecast holds.
    pub fn holds(&self) -> bool {
        !self.lines.iter().any(Line::exceeds) && !self.courses.iter().any(Course::exceeds)
    }

    /// Adds what both arms showed under `strategy`; metrics of `without` cannot be compared.
    pub fn add(&mut self, strategy: &str, pairs: &[Pair], tolerances: &Tolerances, without: &[&str]) {
        let compared = COMPARED.iter().map(|(name, _)| *name).filter(|name| !without.contains(name));
        self.lines.extend(compared.filter_map(|name| metric(strategy, name, pairs, tolerances)));
        self.lines.extend(shares(strategy, pairs, tolerances));
        self.courses.extend(course(strategy, pairs, tolerances));
    }
}

fn metric(strategy: &str, name: &'static str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Line> {
    let place = place(name)?;
    let value = |arm: &Arm| arm.metrics.values()[place];
    let values: Vec<(f64, f64)> =
        pairs.iter().filter_map(|pair| Some((value(&pair.simulated)?, value(&pair.live)?))).collect();
    line(strategy, (name, Metrics::CATALOGUE[place].unit), None, &values, tolerances)
}

fn line(
    strategy: &str,
    (metric, unit): (&'static str, &'static str),
    instance: Option<usize>,
    values: &[(f64, f64)],
    tolerances: &Tolerances,
) -> Option<Line> {
    let simulated = mean(&values.iter().map(|(simulated, _)| *simulated).collect::<Vec<_>>())?;
    let live = mean(&values.iter().map(|(_, live)| *live).collect::<Vec<_>>())?;
    let differences: Vec<f64> = values.iter().map(|(simulated, live)| live - simulated).collect();
    Some(Line {
        strategy: strategy.to_owned(),
        metric,
        unit,
        instance,
        simulated,
        live,
        difference: Interval::of(&differences),
        tolerated: tolerances.of(metric, simulated, live),
    })
}

/// The share of the instance that is furthest from its forecast.
fn shares(strategy: &str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Line> {
    let count = pairs.iter().map(|pair| pair.simulated.taken.len().max(pair.live.taken.len())).max()?;
    let share = |arm: &Arm, instance: usize| {
        let all: u64 = arm.taken.iter().sum();
        let own = arm.taken.get(instance).copied().unwrap_or(0);
        if all == 0 { 0.0 } else { 100.0 * own as f64 / all as f64 }
    };
    let lines = (0..count).filter_map(|instance| {
        let both = |pair: &Pair| (share(&pair.simulated, instance), share(&pair.live, instance));
        let values: Vec<(f64, f64)> = pairs.iter().map(both).collect();
        line(strategy, (INSTANCE_SHARE, "%"), Some(instance), &values, tolerances)
    });
    lines.max_by(|one, other| {
        let rank = |line: &Line| (line.exceeds(), line.gap().abs());
        let ((one_beyond, one), (other_beyond, other)) = (rank(one), rank(other));
        one_beyond.cmp(&other_beyond).then(one.total_cmp(&other))
    })
}

fn course(strategy: &str, pairs: &[Pair], tolerances: &Tolerances) -> Option<Course> {
    let names = |arm: &Arm| arm.phases.iter().map(|phase| phase.phase.clone()).collect::<Vec<_>>();
    let first = pairs.first().filter(|pair| !(pair.simulated.phases.is_empty() && pair.live.phases.is_empty()))?;
    let same: Vec<&Pair> = pairs.iter().filter(|pair| names(&pair.simulated) == names(&pair.live)).collect();
    let gaps = same.iter().flat_map(|pair| {
        let both = pair.simulated.phases.iter().zip(&pair.live.phases);
        both.map(|(simulated, live)| (simulated.at_s - live.at_s).abs())
    });
    Some(Course {
        strategy: strategy.to_owned(),
        simulated: names(&first.simulated),
        live: names(&first.live),
        apart_s: gaps.fold(0.0, f64::max),
        same: (same.len(), pairs.len()),
        tolerated_s: tolerances.of(PHASES_APART, 0.0, 0.0),
    })
}

/// The answer in a sentence, then both columns, then the phases.
pub fn text(findings: &Findings, head: &str) -> String {
    let lines = &findings.lines;
    let beyond = lines.iter().filter(|line| line.exceeds()).count();
    let others = findings.courses.iter().filter(|course| course.exceeds()).count();
    let all = lines.len();
    let answer = match (beyond, others) {
        (0, 0) => format!("The forecast holds: {all} of {all} metrics agree with real traffic, and so do all phases."),
        (0, _) => format!("The forecast does not hold: phases of {others} strategies differ."),
        _ => format!("The forecast does not hold: {beyond} of {all} metrics differ by more than is tolerated."),
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
    let phases: String = findings.courses.iter().map(told).collect();
    format!("{answer}\n{head}\n\n{}\n{phases}", table.trim_fmt())
}

fn told(course: &Course) -> String {
    let Course { strategy, simulated, live, same: (same, all), apart_s, tolerated_s } = course;
    let mark = if course.exceeds() { "✗" } else { "✓" };
    let apart = format!("at most {} s apart (tolerated {} s)", figure(*apart_s), figure(*tolerated_s));
    let mut text = format!(
        "\nPhases of {strategy}: the same in {same} of {all} repetitions, {apart} {mark}\n  simulated  {}\n",
        simulated.join(" → ")
    );
    if simulated != live {
        text += &format!("  live       {}\n", live.join(" → "));
    }
    text
}

fn row(line: &Line) -> [String; 9] {
    let interval = line
        .difference
        .map_or_else(|| "–".to_owned(), |interval| format!("{} to {}", figure(interval.low), figure(interval.high)));
    [
        line.strategy.clone(),
        line.instance.map_or_else(|| line.metric.to_owned(), |number| format!("{} of {number}", line.metric)),
        line.unit.to_owned(),
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
    against: &'a str,
    repetitions: u32,
    hop_delay_ms: f64,
    holds: bool,
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
    exceeds: bool,
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

/// One object; `against`: whose proxies they were.
pub fn json(findings: &Findings, against: &str, repetitions: u32, hop_delay_ms: f64) -> String {
    let page = Page {
        schema: "rollcast.validation/2",
        against,
        repetitions,
        hop_delay_ms,
        holds: findings.holds(),
        metrics: findings.lines.iter().map(plain).collect(),
        phases: findings.courses.iter().map(steps).collect(),
    };
    serde_json::to_string_pretty(&page).expect("plain values are JSON") + "\n"
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
        exceeds: line.exceeds(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(failed: f64, p50: f64, taken: &[u64], phases: &[(f64, &str)]) -> Arm {
        let phase =
            |(at_s, name): &(f64, &str)| Phase { at_s: *at_s, phase: (*name).to_owned(), reason: String::new() };
        Arm {
            metrics: Metrics { failed_requests: Some(failed), latency_ms_p50: Some(p50), ..Metrics::default() },
            phases: phases.iter().map(phase).collect(),
            taken: taken.to_vec(),
        }
    }

    fn found(pairs: &[Pair], asked: &[Asked]) -> Findings {
        let mut findings = Findings::default();
        findings.add("canary", pairs, &Tolerances::new(asked, 0.5), &[]);
        findings
    }

    #[test]
    fn what_is_within_chance_or_tolerance_holds() {
        let phases = [(1.0, "started"), (2.0, "promoted")];
        let pair = |failed, p50| Pair {
            simulated: arm(100.0, 20.0, &[500, 500], &phases),
            live: arm(failed, p50, &[504, 496], &[(1.0, "started"), (2.3, "promoted")]),
        };
        let findings = found(&[pair(110.0, 21.0), pair(85.0, 20.5)], &[]);
        assert_eq!((findings.lines.len(), findings.courses.len()), (3, 1));
        assert!(findings.holds(), "{findings:?}");
        assert_eq!(findings.lines[0].gap(), -2.5);
        assert!((findings.courses[0].apart_s - 0.3).abs() < 1e-9);
        assert!(text(&findings, "head").starts_with("The forecast holds: 3 of 3"));
    }

    #[test]
    fn what_is_far_off_every_time_does_not() {
        let far = Pair { simulated: arm(100.0, 20.0, &[], &[]), live: arm(400.0, 20.0, &[], &[]) };
        let several = found(&[far.clone(), far.clone()], &[]);
        assert!(several.lines[0].exceeds() && !several.lines[1].exceeds() && !several.holds());
        assert!(!found(std::slice::from_ref(&far), &[]).holds());
        assert!(found(std::slice::from_ref(&far), &[Asked::Factor(10.0)]).holds());
        let wide = Asked::parse("failed_requests=300").expect("a tolerance");
        assert!(found(&[far], &[wide]).holds());
    }

    #[test]
    fn the_instance_that_is_furthest_off_is_shown_and_judged() {
        let pair = Pair { simulated: arm(0.0, 1.0, &[250, 250, 500], &[]), live: arm(0.0, 1.0, &[255, 265, 480], &[]) };
        let findings = found(&[pair], &[]);
        let line = findings.lines.last().expect("the share is the last");
        assert_eq!((line.metric, line.instance, line.exceeds()), (INSTANCE_SHARE, Some(2), true));
        assert!((line.gap() + 2.0).abs() < 1e-9);
    }

    #[test]
    fn another_order_of_phases_or_a_late_one_is_told() {
        let steps = |list: &[(f64, &str)]| arm(0.0, 1.0, &[], list);
        let late = Pair { simulated: steps(&[(1.0, "started")]), live: steps(&[(1.6, "started")]) };
        assert!(!found(&[late], &[]).holds());
        let other = Pair { simulated: steps(&[(1.0, "promoted")]), live: steps(&[(1.0, "rolled back")]) };
        let findings = found(&[other], &[]);
        assert!(!findings.holds());
        let said = text(&findings, "head");
        assert!(said.contains("the same in 0 of 1") && said.contains("live       rolled back"), "{said}");
    }
}
