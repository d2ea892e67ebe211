//! `report.json`, the machine's copy of everything but the timeline. Its shape is a promise: `rollcast.report/1`.
//!
//! Keys come in a fixed order, that of the structs here and of the catalogue of metrics. A number that is none is `null`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::measure::forecast::{Alert, Forecast, Phase, StrategyForecast};
use crate::measure::metric::Metrics;
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
    replications: u32,
    objective: Option<f64>,
    window_days: Option<f64>,
    currency: &'f str,
    warm_up_s: Option<f64>,
    horizon_s: Option<f64>,
    rollout_at_s: Option<f64>,
    old_version: &'f str,
    new_version: Option<&'f str>,
    verdict: Answer,
    strategies: Vec<Strategy<'f>>,
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
    metrics: ByName,
    phases: Vec<PhaseRow<'f>>,
    alerts: Vec<AlertRow>,
}

/// The metrics in the order of the catalogue: what was measured, and beyond `stay`.
struct ByName(Vec<(&'static str, Metric)>);

#[derive(Serialize)]
struct Metric {
    #[serde(flatten)]
    plain: Estimate,
    difference: Option<Estimate>,
}

/// `low` and `high` bound the mean at 95 % once there are several replications.
#[derive(Serialize)]
struct Estimate {
    mean: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
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
struct Note<'f> {
    id: &'f str,
    text: &'f str,
}

fn report(forecast: &Forecast) -> Report<'_> {
    let answer = verdict(forecast);
    let stay = forecast.strategies.first().map(|stay| &stay.metrics);
    Report {
        schema: SCHEMA,
        scenario: &forecast.scenario,
        seed: forecast.seed,
        replications: 1,
        objective: known(Some(forecast.objective)),
        window_days: known(Some(forecast.window_days)),
        currency: &forecast.currency,
        warm_up_s: known(Some(forecast.warm_up_s)),
        horizon_s: known(Some(forecast.horizon_s)),
        rollout_at_s: known(forecast.rollout_at_s),
        old_version: &forecast.old_version,
        new_version: forecast.new_version.as_deref(),
        verdict: Answer { best: answer.best, worst: answer.worst, text: answer.sentences.join(" ") },
        strategies: forecast
            .strategies
            .iter()
            .enumerate()
            .map(|(at, s)| strategy(s, stay.filter(|_| at > 0)))
            .collect(),
        notes: forecast.notes.iter().map(|note| Note { id: &note.id, text: &note.text }).collect(),
    }
}

fn strategy<'f>(strategy: &'f StrategyForecast, stay: Option<&Metrics>) -> Strategy<'f> {
    Strategy {
        name: &strategy.name,
        ending: strategy.ending.label(),
        metrics: by_name(&strategy.metrics, stay),
        phases: strategy.phases.iter().map(phase).collect(),
        alerts: strategy.alerts.iter().map(alert).collect(),
    }
}

fn by_name(metrics: &Metrics, stay: Option<&Metrics>) -> ByName {
    let differences = stay.map(|stay| metrics.minus(stay));
    let difference = |at: usize| differences.as_ref().map(|all| Estimate::single(all[at]));
    let rows = Metrics::CATALOGUE.iter().zip(metrics.values()).enumerate();
    ByName(
        rows.map(|(at, (info, value))| {
            (info.name, Metric { plain: Estimate::single(value), difference: difference(at) })
        })
        .collect(),
    )
}

impl Estimate {
    /// Of one replication: no interval.
    fn single(value: Option<f64>) -> Self {
        Estimate { mean: known(value), low: None, high: None }
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
        let estimate = value!({"type": "object", "required": ["mean", "low", "high"], "properties": {
            "mean": number, "low": {"type": "null"}, "high": {"type": "null"},
            "difference": {"type": ["object", "null"], "required": ["mean", "low", "high"]}}});
        let metrics: Vec<_> = Metrics::CATALOGUE.iter().map(|info| info.name).collect();
        let phase = value!({"type": "object", "required": ["at_s", "phase", "reason"], "properties": {"at_s": {"type": "number"}}});
        let alert = ["severity", "long_s", "short_s", "factor", "burn_rate_max", "fires_s", "clears_s"];
        let strategy = value!({"type": "object", "required": ["name", "ending", "metrics", "phases", "alerts"], "properties": {
            "ending": {"enum": ["no rollout", "promoted", "rolled back", "failed", "concluded", "unfinished"]},
            "metrics": {"type": "object", "required": metrics, "additionalProperties": estimate},
            "phases": {"type": "array", "items": phase},
            "alerts": {"type": "array", "items": {"type": "object", "required": alert}}}});
        value!({"type": "object", "required": ["schema", "scenario", "seed", "replications", "objective", "strategies", "notes"],
            "properties": {
                "schema": {"const": SCHEMA}, "seed": {"type": "integer"}, "replications": {"const": 1},
                "strategies": {"type": "array", "items": strategy},
                "notes": {"type": "array", "items": {"type": "object", "required": ["id", "text"]}}}})
    }

    #[test]
    fn every_report_has_the_promised_shape() {
        let shape = jsonschema::validator_for(&shape()).expect("the schema is one");
        for forecast in [fixture::checkout(), fixture::stay_only(), fixture::unusual()] {
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
    fn metrics_keep_the_order_of_the_catalogue() {
        let text = json(&fixture::stay_only());
        let places: Vec<_> =
            Metrics::CATALOGUE.iter().map(|info| text.find(&format!("\"{}\": {{", info.name))).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    }
}
