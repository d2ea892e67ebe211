//! `flagger.app/v1beta1` Canary: defaults of `pkg/apis/flagger/v1beta1/canary.go`, checks of
//! `pkg/controller/scheduler_metrics.go` in fluxcd/flagger.

use crate::core::amount::Share;
use crate::core::rollout::{Analysis, Check, Condition, Flagger, Relation, Surge};
use crate::core::time::Span;
use crate::manifest::deployment::PROGRESS_DEADLINE;
use crate::manifest::fields::{Fields, Item};
use crate::manifest::options::Metric;
use crate::manifest::{Options, Pod, duration};

/// Time between two ticks unless given.
const INTERVAL: Span = Span::from_secs(60);

/// Ticks do not come faster.
const INTERVAL_LEAST: Span = Span::from_secs(10);

/// How far back a metric looks unless given.
const METRIC_INTERVAL: Span = Span::from_secs(60);

/// Iterations on the plain Kubernetes provider, which cannot split traffic, unless given.
const ITERATIONS: u32 = 10;

/// Reads the `spec` of a Canary. `pod` and `primary` are what the Deployment says that it watches.
pub(super) fn read(spec: &Fields<'_>, pod: Pod, primary: Surge, options: &Options) -> Option<(Flagger, Pod)> {
    if !spec.has("targetRef") {
        spec.complain("targetRef", "found no targetRef, expected the workload to watch");
    }
    spec.skip(&["metricsServer", "autoscalerRef", "ingressRef", "routeRef", "upstreamRef", "service"]);
    spec.skip(&["revertOnDeletion"]);
    if let Some(suspend) = spec.get("suspend")
        && suspend.truth() == Some(true)
    {
        suspend.not_simulated();
    }
    let deadline = spec.seconds("progressDeadlineSeconds").unwrap_or(PROGRESS_DEADLINE);
    let pod = Pod { progress_deadline: Some(deadline), ..pod };
    // The older name counts only without the newer one.
    let key = if spec.has("analysis") { "analysis" } else { "canaryAnalysis" };
    let Some(item) = spec.get(key) else {
        spec.complain("analysis", "found no analysis, expected one: the controller advances by it alone");
        return None;
    };
    let analysis = item.table()?;
    let on_kubernetes = spec.text("provider").as_deref() == Some("kubernetes");
    let flagger = Flagger {
        skip_analysis: spec.truth("skipAnalysis").unwrap_or(false),
        primary,
        ..walk(&analysis, on_kubernetes, options)
    };
    Some((flagger, pod))
}

fn walk(analysis: &Fields<'_>, on_kubernetes: bool, options: &Options) -> Flagger {
    analysis.skip(&["alerts", "webhooks", "sessionAffinity"]);
    let percent = |key| analysis.get(key).and_then(|item| item.whole(0..=100));
    let step_weights = step_weights(analysis);
    let max_weight = analysis.get("maxWeight").and_then(|item| item.whole(0..=100)).filter(|weight| *weight > 0);
    let iterations = analysis.whole("iterations").unwrap_or(0);
    let mirror = mirror(analysis).filter(|_| !on_kubernetes);
    let matches = analysis.get("match").filter(|rules| !rules.list().is_empty());
    if on_kubernetes {
        // There is nothing that could route: these have no effect in life either.
        analysis.skip(&["match", "mirror", "mirrorWeight", "stepWeight", "stepWeights", "stepWeightPromotion"]);
        analysis.skip(&["maxWeight"]);
    }
    Flagger {
        interval: interval(analysis),
        threshold: threshold(analysis),
        max_weight: step_weights.last().copied().or(max_weight).unwrap_or(100),
        step_weight: percent("stepWeight").unwrap_or(0),
        step_weights,
        step_weight_promotion: percent("stepWeightPromotion").unwrap_or(0),
        iterations: if on_kubernetes && iterations == 0 { ITERATIONS } else { iterations },
        matches: matches.filter(|_| !on_kubernetes).map(|_| options.matches),
        mirror,
        shifts: !on_kubernetes,
        primary_ready: percent("primaryReadyThreshold").unwrap_or(100),
        canary_ready: percent("canaryReadyThreshold").unwrap_or(100),
        skip_analysis: false,
        checks: Analysis { checks: checks(analysis, options) },
        primary: Surge::new(super::deployment::QUARTER, super::deployment::QUARTER),
    }
}

/// What does not parse is a minute, and less than ten seconds are ten.
fn interval(analysis: &Fields<'_>) -> Span {
    let text = analysis.text("interval").unwrap_or_default();
    duration::parse(&text).map_or(INTERVAL, |span| span.max(INTERVAL_LEAST))
}

fn threshold(analysis: &Fields<'_>) -> u32 {
    let threshold = analysis.get("threshold").and_then(|item| item.integer()).unwrap_or(1);
    u32::try_from(threshold.max(1)).unwrap_or(u32::MAX)
}

/// A weight above everything is everything.
fn step_weights(analysis: &Fields<'_>) -> Vec<u32> {
    let weights = analysis.list("stepWeights");
    weights.iter().filter_map(|item| item.whole(0..=super::fields::WHOLE_MAX)).map(|weight| weight.min(100)).collect()
}

fn mirror(analysis: &Fields<'_>) -> Option<Share> {
    let on = analysis.truth("mirror").unwrap_or(false);
    let weight = analysis.get("mirrorWeight").and_then(|item| item.whole(0..=100)).filter(|weight| *weight > 0);
    on.then(|| Share::new(f64::from(weight.unwrap_or(100)) / 100.0)).flatten()
}

fn checks(analysis: &Fields<'_>, options: &Options) -> Vec<Check> {
    analysis.list("metrics").iter().flat_map(|item| metric(item, options)).collect()
}

/// One check for each end of the range that is good.
fn metric(item: &Item<'_>, options: &Options) -> Vec<Check> {
    let Some(fields) = item.table() else { return Vec::new() };
    fields.accept(&["query", "templateVariables"]);
    let name = fields.text("name").unwrap_or_default();
    let template = fields.table("templateRef").and_then(|reference| {
        reference.accept(&["apiVersion", "kind", "namespace"]);
        reference.text("name")
    });
    let window = fields.get("interval").and_then(|interval| interval.duration()).unwrap_or(METRIC_INTERVAL);
    let good = good(&fields, &name);
    let known = match name.as_str() {
        "request-success-rate" => Some(Metric::SUCCESS_PERCENT),
        "request-duration" => Some(Metric::duration_millis()),
        _ => {
            let known = options.metrics.get(&name);
            known.or_else(|| options.metrics.get(&template?)).copied()
        }
    };
    let Some(known) = known else {
        item.not_simulated();
        return Vec::new();
    };
    let translated: Vec<_> = good.iter().map(|condition| known.translate(*condition)).collect();
    if translated.contains(&None) {
        item.not_simulated();
    }
    let check = |(measure, condition)| Check::new(name.clone(), measure, window, Some(condition));
    translated.into_iter().flatten().map(check).collect()
}

/// What has to hold of the value. The older `threshold` counts only without a range, and is 0 unless given.
fn good(fields: &Fields<'_>, name: &str) -> Vec<Condition> {
    let old = fields.number("threshold");
    let at_least = |value| Condition { relation: Relation::AtLeast, value };
    let at_most = |value| Condition { relation: Relation::AtMost, value };
    match fields.table("thresholdRange") {
        Some(range) => {
            let least = range.number("min").map(at_least);
            let most = range.number("max").map(at_most);
            least.into_iter().chain(most).collect()
        }
        None if name == "request-success-rate" => vec![at_least(old.unwrap_or(0.0))],
        None => vec![at_most(old.unwrap_or(0.0))],
    }
}
