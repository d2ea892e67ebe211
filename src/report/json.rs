//! `report.json`, the machine's copy of everything but the timeline. Its shape is a promise: `rollcast.report/1`.
//!
//! Keys come in a fixed order, that of the structs here and of the catalogue of metrics. A number that is none is `null`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::measure::forecast::{Alert, Forecast, Phase, Releases, SloForecast, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::replications::{COMPARED, Pair};
use crate::measure::risk::{Cost, Risk};
use crate::measure::stats::Interval;
use crate::report::number::known;
use crate::report::verdict::verdict;

/// The version of the shape: a new number when a key changes its meaning or goes; new keys may come without.
pub const SCHEMA: &str = "rollcast.report/1";

/// The report, pretty-printed, with a newline at its end.
pub fn json(forecast: &Forecast) -> String {
    let text =
        serde_json::to_string_pretty(&report(forecast)).expect("strings, numbers and lists can always be written");
    text + "\n"
}

#[derive(Serialize)]
struct Report<'f> {
    schema: &'static str,
    scenario: &'f str,
    seed: u64,
    replications: usize,
    objective: Option<f64>,
    window_days: Option<f64>,
    currency: &'f str,
    warm_up_s: Option<f64>,
    horizon_s: Option<f64>,
    rollout_at_s: Option<f64>,
    old_version: &'f str,
    new_version: Option<&'f str>,
    verdict: Answer,
    /// What releases are like, where the replications drew them.
    releases: Option<ReleasesRow<'f>>,
    strategies: Vec<Strategy<'f>>,
    pairs: Vec<PairRow<'f>>,
    notes: Vec<Note<'f>>,
}

#[derive(Serialize)]
struct Answer {
    best: Option<String>,
    worst: Option<String>,
    text: String,
}

#[derive(Serialize)]
struct Strategy<'f> {
    name: &'f str,
    ending: &'static str,
    /// Share of the replications that ended so.
    ending_share: f64,
    risk: Option<RiskRow>,
    metrics: ByName,
    phases: Vec<PhaseRow<'f>>,
    alerts: Vec<AlertRow>,
    slos: Vec<SloRow<'f>>,
}

/// The metrics in the order of the catalogue: what was measured, and beyond `stay`.
struct ByName(Vec<(&'static str, Metric)>);

#[derive(Serialize)]
struct Metric {
    #[serde(flatten)]
    plain: Estimate,
    median: Option<f64>,
    p95: Option<f64>,
    difference: Option<Estimate>,
}

/// `low` and `high` bound the mean at 95 % once there are several replications.
#[derive(Serialize)]
struct Estimate {
    mean: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// `a` minus `b` under the same luck, and the shares of the replications in which `a` had less and both had as much.
#[derive(Serialize)]
struct PairRow<'f> {
    a: &'f str,
    b: &'f str,
    metric: &'static str,
    #[serde(flatten)]
    difference: Estimate,
    won: f64,
    tied: f64,
}

#[derive(Serialize)]
struct ReleasesRow<'f> {
    bad: f64,
    per_week: f64,
    per_year: Option<f64>,
    kinds: &'f [String],
    /// For every replication, the kind of its bad release; `null`: a good one.
    drawn: Vec<Option<&'f str>>,
}

/// How many releases went how, and what they cost.
#[derive(Serialize)]
struct RiskRow {
    bad: u32,
    caught: u32,
    caught_late: u32,
    missed: u32,
    under_way: u32,
    good: u32,
    good_stopped: u32,
    change_fail_rate: Option<f64>,
    recovery_s: Option<f64>,
    costs: Vec<CostRow>,
}

#[derive(Serialize)]
struct CostRow {
    metric: &'static str,
    per_release: Estimate,
    per_year: Option<f64>,
}

#[derive(Serialize)]
struct PhaseRow<'f> {
    at_s: Option<f64>,
    phase: &'f str,
    reason: &'f str,
}

#[derive(Serialize)]
struct AlertRow {
    severity: &'static str,
    long_s: Option<f64>,
    short_s: Option<f64>,
    factor: Option<f64>,
    burn_rate_max: Option<f64>,
    fires_s: Option<f64>,
    clears_s: Option<f64>,
}

#[derive(Serialize)]
struct SloRow<'f> {
    name: &'f str,
    objective: Option<f64>,
    within_s: Option<f64>,
    method: &'static str,
    window_s: Option<f64>,
    elapsed_s: Option<f64>,
    events: Option<f64>,
    bad: Option<f64>,
    budget: Option<f64>,
    spent: Option<f64>,
    burnt: Option<f64>,
    burnt_low: Option<f64>,
    burnt_high: Option<f64>,
    burnt_median: Option<f64>,
    burnt_p95: Option<f64>,
    left: Option<f64>,
    bearable_burn_rate: Option<f64>,
    burn_rate_max: Option<f64>,
    alerts: Vec<AlertRow>,
}

#[derive(Serialize)]
struct Note<'f> {
    id: &'f str,
    text: &'f str,
}

fn report(forecast: &Forecast) -> Report<'_> {
    let answer = verdict(forecast);
    let stay = forecast.strategies.first();
    Report {
        schema: SCHEMA,
        scenario: &forecast.scenario,
        seed: forecast.seed,
        replications: forecast.replications(),
        objective: known(Some(forecast.objective)),
        window_days: known(Some(forecast.window_days)),
        currency: &forecast.currency,
        warm_up_s: known(Some(forecast.warm_up_s)),
        horizon_s: known(Some(forecast.horizon_s)),
        rollout_at_s: known(forecast.rollout_at_s),
        old_version: &forecast.old_version,
        new_version: forecast.new_version.as_deref(),
        verdict: Answer { best: answer.best, worst: answer.worst, text: answer.sentences.join(" ") },
        releases: forecast.releases.as_ref().map(|drawn| releases(forecast, drawn)),
        strategies: forecast
            .strategies
            .iter()
            .enumerate()
            .map(|(at, s)| strategy(s, stay.filter(|_| at > 0)))
            .collect(),
        pairs: pairs(&forecast.strategies),
        notes: forecast.notes.iter().map(|note| Note { id: &note.id, text: &note.text }).collect(),
    }
}

fn strategy<'f>(strategy: &'f StrategyForecast, stay: Option<&StrategyForecast>) -> Strategy<'f> {
    let (ending, ending_share) = strategy.usual_ending();
    Strategy {
        name: &strategy.name,
        ending: ending.label(),
        ending_share,
        risk: strategy.risk.as_ref().map(risk),
        metrics: by_name(strategy, stay),
        phases: strategy.phases.iter().map(phase).collect(),
        alerts: strategy.alerts().iter().map(alert).collect(),
        slos: strategy.slos.iter().map(slo).collect(),
    }
}

fn releases<'f>(forecast: &Forecast, releases: &'f Releases) -> ReleasesRow<'f> {
    let name = |kind: &Option<usize>| kind.map(|kind| releases.kinds[kind].as_str());
    ReleasesRow {
        bad: releases.bad,
        per_week: releases.per_week,
        per_year: known(forecast.releases_per_year()),
        kinds: &releases.kinds,
        drawn: releases.drawn.iter().map(name).collect(),
    }
}

fn risk(risk: &Risk) -> RiskRow {
    let cost = |cost: &Cost| CostRow {
        metric: cost.name,
        per_release: Estimate::new(cost.per_release, cost.interval),
        per_year: known(cost.per_year),
    };
    RiskRow {
        bad: risk.bad(),
        caught: risk.caught,
        caught_late: risk.late,
        missed: risk.missed,
        under_way: risk.open,
        good: risk.good,
        good_stopped: risk.false_alarms,
        change_fail_rate: known(Some(risk.change_fail_rate)),
        recovery_s: known(risk.recovery_s),
        costs: risk.costs.iter().map(cost).collect(),
    }
}

fn by_name(strategy: &StrategyForecast, stay: Option<&StrategyForecast>) -> ByName {
    let differences = stay.map(|stay| strategy.metrics.minus(&stay.metrics));
    let difference = |place: usize| {
        let interval = stay.and_then(|stay| strategy.difference(stay, place));
        differences.as_ref().map(|all| Estimate::new(interval.map(|it| it.mean).or(all[place]), interval))
    };
    let rows = Metrics::CATALOGUE.iter().zip(strategy.metrics.values()).enumerate();
    let metric = |place: usize, mean| {
        let spread = strategy.spread(place);
        Metric {
            plain: Estimate::new(mean, spread.map(|spread| spread.interval)),
            median: known(spread.map(|spread| spread.median)),
            p95: known(spread.map(|spread| spread.p95)),
            difference: difference(place),
        }
    };
    ByName(rows.map(|(place, (info, mean))| (info.name, metric(place, mean))).collect())
}

fn pairs(strategies: &[StrategyForecast]) -> Vec<PairRow<'_>> {
    let each = strategies.iter().enumerate();
    let both = each.flat_map(|(at, a)| strategies[at + 1..].iter().map(move |b| (a, b)));
    both.filter_map(|(a, b)| {
        let Pair { difference, won, tied } = a.against(b)?;
        let difference = Estimate::new(Some(difference.mean), Some(difference));
        Some(PairRow { a: &a.name, b: &b.name, metric: COMPARED, difference, won, tied })
    })
    .collect()
}

impl Estimate {
    /// Without an interval of a single replication.
    fn new(mean: Option<f64>, interval: Option<Interval>) -> Self {
        Estimate {
            mean: known(mean),
            low: known(interval.map(|interval| interval.low)),
            high: known(interval.map(|interval| interval.high)),
        }
    }
}

impl Serialize for ByName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, metric) in &self.0 {
            map.serialize_entry(name, metric)?;
        }
        map.end()
    }
}

fn phase(phase: &Phase) -> PhaseRow<'_> {
    PhaseRow { at_s: known(Some(phase.at_s)), phase: &phase.phase, reason: &phase.reason }
}

fn slo(slo: &SloForecast) -> SloRow<'_> {
    let (budget, spread) = (&slo.budget, slo.burnt_spread());
    SloRow {
        name: &slo.name,
        objective: known(Some(slo.objective)),
        within_s: known(slo.within_s),
        method: slo.counted,
        window_s: known(Some(slo.window_s)),
        elapsed_s: known(slo.elapsed_s),
        events: known(Some(budget.events)),
        bad: known(Some(budget.bad)),
        budget: known(Some(budget.budget)),
        spent: known(Some(slo.spent)),
        burnt: known(budget.burnt),
        burnt_low: known(spread.map(|spread| spread.interval.low)),
        burnt_high: known(spread.map(|spread| spread.interval.high)),
        burnt_median: known(spread.map(|spread| spread.median)),
        burnt_p95: known(spread.map(|spread| spread.p95)),
        left: known(budget.left),
        bearable_burn_rate: known(budget.bearable_burn_rate),
        burn_rate_max: known(budget.burn_rate_max),
        alerts: slo.alerts.iter().map(alert).collect(),
    }
}

fn alert(alert: &Alert) -> AlertRow {
    AlertRow {
        severity: alert.severity,
        long_s: known(Some(alert.long_s)),
        short_s: known(Some(alert.short_s)),
        factor: known(Some(alert.factor)),
        burn_rate_max: known(Some(alert.burn_rate_max)),
        fires_s: known(alert.fires_s),
        clears_s: known(alert.clears_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use serde_json::{Value, json as value};

    fn parsed(forecast: &Forecast) -> Value {
        serde_json::from_str(&json(forecast)).expect("what we write can be read")
    }

    /// What a reader of `rollcast.report/1` may rely on.
    fn shape() -> Value {
        let number = value!({"type": ["number", "null"]});
        let estimate = value!({"type": "object", "required": ["mean", "low", "high", "median", "p95", "difference"], "properties": {
            "mean": number, "low": number, "high": number, "median": number, "p95": number,
            "difference": {"type": ["object", "null"], "required": ["mean", "low", "high"]}}});
        let metrics: Vec<_> = Metrics::CATALOGUE.iter().map(|info| info.name).collect();
        let phase = value!({"type": "object", "required": ["at_s", "phase", "reason"], "properties": {"at_s": {"type": "number"}}});
        let alert = ["severity", "long_s", "short_s", "factor", "burn_rate_max", "fires_s", "clears_s"];
        let slo = [
            "name",
            "objective",
            "within_s",
            "method",
            "window_s",
            "budget",
            "burnt",
            "burnt_low",
            "burnt_high",
            "burnt_median",
            "burnt_p95",
            "left",
            "burn_rate_max",
            "alerts",
        ];
        let strategy = value!({"type": "object", "required": ["name", "ending", "metrics", "phases", "alerts", "slos"], "properties": {
            "ending": {"enum": ["no rollout", "promoted", "rolled back", "failed", "concluded", "unfinished"]},
            "metrics": {"type": "object", "required": metrics, "additionalProperties": estimate},
            "phases": {"type": "array", "items": phase},
            "slos": {"type": "array", "items": {"type": "object", "required": slo}},
            "alerts": {"type": "array", "items": {"type": "object", "required": alert}}}});
        value!({"type": "object", "required": ["schema", "scenario", "seed", "replications", "objective", "strategies", "pairs", "notes"],
            "properties": {
                "schema": {"const": SCHEMA}, "seed": {"type": "integer"}, "replications": {"type": "integer", "minimum": 1},
                "pairs": {"type": "array", "items": {"type": "object",
                    "required": ["a", "b", "metric", "mean", "low", "high", "won", "tied"]}},
                "strategies": {"type": "array", "items": strategy},
                "notes": {"type": "array", "items": {"type": "object", "required": ["id", "text"]}}}})
    }

    #[test]
    fn every_report_has_the_promised_shape() {
        let shape = jsonschema::validator_for(&shape()).expect("the schema is one");
        for forecast in [fixture::checkout(), fixture::stay_only(), fixture::unusual(), fixture::repeated()] {
            let report = parsed(&forecast);
            let problems: Vec<_> = shape.iter_errors(&report).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{problems:#?}");
        }
    }

    #[test]
    fn the_text_is_stable() {
        insta::assert_snapshot!(json(&fixture::only(&["canary"])));
    }

    #[test]
    fn stay_has_no_difference_and_the_others_have_theirs() {
        let report = parsed(&fixture::checkout());
        let metric = |at: usize| &report["strategies"][at]["metrics"]["failed_requests"];
        assert!(metric(0)["difference"].is_null());
        let (stay, canary) = (metric(0)["mean"].as_f64(), metric(4)["mean"].as_f64());
        assert_eq!(metric(4)["difference"]["mean"].as_f64(), canary.zip(stay).map(|(mine, base)| mine - base));
    }

    #[test]
    fn replications_bring_intervals_quantiles_and_pairs() {
        let single = parsed(&fixture::checkout());
        let metric = &single["strategies"][4]["metrics"]["failed_requests"];
        assert!(["low", "high", "median", "p95"].iter().all(|key| metric[*key].is_null()), "{metric}");
        assert_eq!((&single["replications"], &single["pairs"]), (&value!(1), &value!([])));
        let report = parsed(&fixture::repeated());
        let metric = &report["strategies"][4]["metrics"]["failed_requests"];
        assert!(metric["low"].as_f64() < metric["mean"].as_f64() && metric["median"].as_f64() < metric["p95"].as_f64());
        assert!(metric["difference"]["low"].is_number());
        let pairs = report["pairs"].as_array().expect("a list");
        assert_eq!((&report["replications"], pairs.len()), (&value!(5), 10), "five strategies");
        let last = &pairs[9];
        assert_eq!((&last["a"], &last["b"], &last["won"]), (&"blue-green".into(), &"canary".into(), &value!(0.0)));
    }

    #[test]
    fn metrics_keep_the_order_of_the_catalogue() {
        let text = json(&fixture::stay_only());
        let places: Vec<_> =
            Metrics::CATALOGUE.iter().map(|info| text.find(&format!("\"{}\": {{", info.name))).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    }
}
