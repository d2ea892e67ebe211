//! Analyses and gates as an `AnalysisTemplate`.

use super::draft::{Draft, list, number, object, plain, text};
use crate::core::judge::Judge;
use crate::core::rollout::{Analysis, Bad, Check, Condition, Control, Gate, Measure, Relation, Tolerance};
use crate::core::time::Span;
use crate::manifest::duration::go;
use crate::yaml::tree::Node;

/// The templates that a Rollout refers to.
#[derive(Default)]
pub(super) struct Templates {
    written: Vec<(String, Analysis)>,
}

impl Templates {
    /// A reference to the template of an analysis; equal analyses share one.
    pub fn refer(&mut self, analysis: &Analysis, draft: &Draft) -> Node {
        let known = self.written.iter().find(|(_, known)| known == analysis).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("{}-analysis-{}", draft.name, self.written.len() + 1);
            self.written.push((name.clone(), analysis.clone()));
            name
        });
        Node::table([("templateName", Some(text(name)))])
    }

    /// The documents.
    pub fn write(&self, draft: &mut Draft) -> Vec<Node> {
        self.written.iter().map(|(name, analysis)| template(name, analysis, draft)).collect()
    }
}

/// A gate as measurements: it fails as soon as the error rate of its window is above the limit.
pub(super) fn gate(gate: Gate, count: Option<u32>, draft: &mut Draft) -> Analysis {
    draft.note(format!(
        "the gate measures once every {}; Argo has no least number of samples, so the {} of the scenario are left out",
        gate.window, gate.samples
    ));
    let (name, measure, limit) = limit(gate, draft);
    let success = limit.map(|value| Condition { relation: Relation::AtMost, value });
    let once = Check::new(name, measure, gate.window, success);
    let check = Check { initial_delay: gate.window, interval: Some(gate.window), count, ..once };
    Analysis { checks: vec![check] }
}

/// What of a gate another controller can have: a limit of a rate. Without one its measurement is left without a condition.
pub(super) fn limit(gate: Gate, draft: &mut Draft) -> (&'static str, Measure, Option<f64>) {
    if gate.budget.is_some() {
        draft.note("what the gate allows of the error budget is left out: no controller has that");
    }
    if gate.control == Control::Baseline {
        draft.note("the fresh baseline of the gate is left out: start one beside the canary, and compare with it in a query of your own");
    }
    let limit = match gate.judge {
        Judge::Threshold(limit) => Some(limit.value()),
        other => {
            draft.note(format!(
                "the judge of the gate, {}, is left out: write a condition of your own",
                other.kind().title()
            ));
            None
        }
    };
    match gate.bad {
        Bad::Failed => ("error-rate", Measure::ErrorRate, limit),
        Bad::SlowerThan(above) => ("slow-requests", Measure::Slow { above }, limit),
    }
}

fn template(name: &str, analysis: &Analysis, draft: &mut Draft) -> Node {
    draft.note("the queries are yours to fill in: GOOD_REQUESTS, BAD_REQUESTS, ALL_REQUESTS and LATENCY_BUCKETS, and the address of Prometheus");
    let metrics = analysis.checks.iter().map(|check| metric(check, draft)).collect();
    let dry = analysis.checks.iter().filter(|check| check.dry_run);
    let dry: Vec<Node> = dry.map(|check| Node::table([("metricName", Some(text(check.name.clone())))])).collect();
    let spec = Node::table([("dryRun", (!dry.is_empty()).then(|| list(dry))), ("metrics", Some(list(metrics)))]);
    object("argoproj.io/v1alpha1", "AnalysisTemplate", name, spec)
}

fn metric(check: &Check, draft: &mut Draft) -> Node {
    let asked = Asked::of(check);
    draft.metrics.push((check.name.clone(), asked.word.clone()));
    draft.metrics.dedup();
    let usual = Tolerance::default();
    let Tolerance { failures, inconclusive, errors, successes } = check.tolerance;
    let unless = |usual: u32, value: u32| (value != usual).then(|| number(value));
    let failures = match failures {
        None => Some(plain("-1")),
        Some(failures) => unless(0, failures),
    };
    let condition = |condition: Option<Condition>, draft: &mut Draft| {
        let text = condition.and_then(|condition| asked.condition(condition));
        if condition.is_some() && text.is_none() {
            draft.note(format!("a condition of {} cannot be put as a percentile, and is left out", check.name));
        }
        text.map(super::draft::text)
    };
    Node::table([
        ("name", Some(text(check.name.clone()))),
        ("initialDelay", (!check.initial_delay.is_zero()).then(|| plain(go(check.initial_delay)))),
        ("interval", check.interval.map(|interval| plain(go(interval)))),
        ("count", check.count.map(number)),
        ("successCondition", condition(check.success, draft)),
        ("failureCondition", condition(check.failure, draft)),
        ("failureLimit", failures),
        ("inconclusiveLimit", unless(usual.inconclusive, inconclusive)),
        ("consecutiveErrorLimit", unless(usual.errors, errors)),
        ("consecutiveSuccessLimit", unless(usual.successes, successes)),
        ("provider", Some(provider(&asked.query))),
    ])
}

fn provider(query: &str) -> Node {
    let prometheus = Node::table([("address", Some(text("http://PROMETHEUS:9090"))), ("query", Some(text(query)))]);
    Node::table([("prometheus", Some(prometheus))])
}

/// What a check asks of Prometheus, and how its value is read back.
pub(super) struct Asked {
    query: String,
    /// As [`crate::manifest::Metric`] reads it.
    pub word: String,
    /// For a percentile: the threshold in milliseconds, and the share that stands for it.
    percentile: Option<(f64, f64)>,
}

impl Asked {
    pub fn of(check: &Check) -> Asked {
        let window = go(check.window.max(Span::from_secs(1)));
        let ratio = |part: &str| format!("sum(rate({part}[{window}])) / sum(rate(ALL_REQUESTS[{window}]))");
        match check.measure {
            Measure::Availability => {
                Asked { query: ratio("GOOD_REQUESTS"), word: "availability".to_owned(), percentile: None }
            }
            Measure::ErrorRate => {
                Asked { query: ratio("BAD_REQUESTS"), word: "error-rate".to_owned(), percentile: None }
            }
            Measure::Slow { above } => {
                let share = check.success.or(check.failure).map_or(0.01, |condition| condition.value);
                let percentile = percent(1.0 - share);
                Asked {
                    query: format!(
                        "1000 * histogram_quantile({}, sum by (le) (rate(LATENCY_BUCKETS[{window}])))",
                        percentile / 100.0
                    ),
                    word: format!("latency-p{percentile}-ms"),
                    percentile: Some((above.millis(), share)),
                }
            }
        }
    }

    fn condition(&self, condition: Condition) -> Option<String> {
        let (relation, value) = self.comparison(condition)?;
        let sign = match relation {
            Relation::Less => "<",
            Relation::AtMost => "<=",
            Relation::More => ">",
            Relation::AtLeast => ">=",
            Relation::Equal => "==",
            Relation::Other => "!=",
        };
        Some(format!("result[0] {sign} {value}"))
    }

    /// The comparison of the metric's own value; `None` if a percentile cannot say it.
    pub fn comparison(&self, condition: Condition) -> Option<(Relation, f64)> {
        let Condition { relation, value } = condition;
        match (self.percentile, relation) {
            (None, _) => Some((relation, value)),
            (Some((threshold, share)), Relation::AtMost | Relation::More) if share == value => {
                Some((relation, threshold))
            }
            (Some(_), _) => None,
        }
    }
}

/// A share in percent without the dust of the multiplication.
pub(super) fn percent(share: f64) -> f64 {
    const PLACES: f64 = 1e9;
    (share * 100.0 * PLACES).round() / PLACES
}
