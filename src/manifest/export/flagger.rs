//! A Flagger Canary, with the Deployment that it watches.

use super::analysis::{Asked, percent};
use super::draft::{Draft, documents, list, number, object, plain, text, truth};
use super::kubernetes::deployment;
use super::{Refusal, refuse};
use crate::core::rollout::{
    Analysis, Canary, Check, Condition, Flagger, Gate, Hold, Measure, Relation, Routing, Split, Strategy, Surge,
};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::manifest::deployment::QUARTER;
use crate::manifest::duration::go;
use crate::yaml::tree::Node;

const TARGET: &str = "Flagger";

pub(super) fn write(strategy: &Strategy, pod: &Pod, draft: &mut Draft) -> Result<String, Refusal> {
    let converted;
    let flagger = match strategy {
        Strategy::Flagger(flagger) => flagger,
        Strategy::Canary(canary) => {
            converted = self::convert(canary, strategy, draft)?;
            &converted
        }
        Strategy::Recreate(_) | Strategy::Rolling(_) => {
            return refuse(strategy, TARGET, "it is the Deployment's own; use --to kubernetes");
        }
        Strategy::BlueGreen(_) => {
            let reason = "it analyses before it switches and keeps no old fleet after; use --to argo";
            return refuse(strategy, TARGET, reason);
        }
        Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => {
            return refuse(strategy, TARGET, "its canary always ends with one version for everybody");
        }
    };
    let deadline = pod.progress_deadline.map(|span| number(draft.seconds("progressDeadlineSeconds", span)));
    let target = Node::table([
        ("apiVersion", Some(plain("apps/v1"))),
        ("kind", Some(plain("Deployment"))),
        ("name", Some(text(draft.name.clone()))),
    ]);
    let spec = Node::table([
        ("provider", (!flagger.shifts).then(|| plain("kubernetes"))),
        ("targetRef", Some(target)),
        ("progressDeadlineSeconds", deadline),
        ("service", Some(Node::table([("port", Some(number(80_u32)))]))),
        ("skipAnalysis", truth(flagger.skip_analysis)),
        ("analysis", Some(analysis(flagger, draft))),
    ]);
    draft.note("the port of the service is yours to fill in");
    let canary = object("flagger.app/v1beta1", "Canary", &draft.name.clone(), spec);
    let mut all = vec![canary];
    // The deadline is the Canary's, and stands there.
    let of_deployment = Pod { progress_deadline: None, ..pod.clone() };
    if of_deployment != Pod::default() || flagger.primary != Surge::new(QUARTER, QUARTER) {
        all.push(deployment("RollingUpdate", Some(flagger.primary), &of_deployment, draft));
    }
    Ok(documents(&all))
}

fn analysis(flagger: &Flagger, draft: &mut Draft) -> Node {
    let above_zero = |value: u32| (value > 0).then(|| number(value));
    let unless_whole = |value: u32| (value != 100).then(|| number(value));
    let weights = flagger.step_weights.iter().map(|weight| number(*weight)).collect::<Vec<_>>();
    let steps = (!weights.is_empty()).then(|| list(weights));
    // With a list of steps, the last of them is the greatest weight.
    let max_weight = if steps.is_some() { None } else { unless_whole(flagger.max_weight) };
    let weight = flagger.mirror.map(|share| percent(share.value()));
    let rules = flagger.matches.map(|_| {
        draft.note("the header of those who match is yours to name");
        let header = Node::table([("exact", Some(text("always")))]);
        let headers = Node::table([("x-canary", Some(header))]);
        list(vec![Node::table([("headers", Some(headers))])])
    });
    let metrics: Vec<Node> = flagger.checks.checks.iter().filter_map(|check| metric(check, draft)).collect();
    Node::table([
        ("interval", Some(plain(go(flagger.interval)))),
        ("threshold", Some(number(flagger.threshold))),
        ("iterations", above_zero(flagger.iterations)),
        ("match", rules),
        ("mirror", truth(flagger.mirror.is_some())),
        ("mirrorWeight", weight.filter(|weight| *weight != 100.0).map(|weight| plain(weight.to_string()))),
        ("maxWeight", max_weight),
        ("stepWeight", above_zero(flagger.step_weight)),
        ("stepWeights", steps),
        ("stepWeightPromotion", above_zero(flagger.step_weight_promotion)),
        ("primaryReadyThreshold", unless_whole(flagger.primary_ready)),
        ("canaryReadyThreshold", unless_whole(flagger.canary_ready)),
        ("metrics", (!metrics.is_empty()).then(|| list(metrics))),
    ])
}

/// A metric with the range that is good; `None` if a range cannot say it.
fn metric(check: &Check, draft: &mut Draft) -> Option<Node> {
    let good = good(check, draft)?;
    let asked = Asked::of(check);
    let Some((relation, value)) = asked.comparison(good) else {
        draft.note(format!("{} cannot be put as a range, and is left out", check.name));
        return None;
    };
    let built_in = match (check.name.as_str(), check.measure) {
        ("request-success-rate", Measure::Availability) => Some(percent(value)),
        ("request-duration", Measure::Slow { .. }) if asked.word == "latency-p99-ms" => Some(value),
        _ => None,
    };
    let end = if matches!(relation, Relation::AtLeast | Relation::More) { "min" } else { "max" };
    let range = Node::table([(end, Some(plain(built_in.unwrap_or(value).to_string())))]);
    let template = built_in.is_none().then(|| {
        draft.note(format!("the MetricTemplate {} is yours to write", check.name));
        draft.metrics.push((check.name.clone(), asked.word.clone()));
        Node::table([("name", Some(text(check.name.clone())))])
    });
    Some(Node::table([
        ("name", Some(text(check.name.clone()))),
        ("templateRef", template),
        ("thresholdRange", Some(range)),
        ("interval", Some(plain(go(check.window)))),
    ]))
}

/// What has to hold, with a relation that a range can say.
fn good(check: &Check, draft: &mut Draft) -> Option<Condition> {
    let good = match (check.success, check.failure) {
        (Some(success), _) => success,
        (None, Some(failure)) => Condition { relation: opposite(failure.relation), value: failure.value },
        (None, None) => return None,
    };
    if check.success.is_some() && check.failure.is_some() {
        draft.note(format!("{} has a single range: its failure condition is left out", check.name));
    }
    let relation = match (check.measure, good.relation) {
        (Measure::Slow { .. }, relation) => relation,
        (_, Relation::Less) => Relation::AtMost,
        (_, Relation::More) => Relation::AtLeast,
        (_, relation) => relation,
    };
    if matches!(relation, Relation::Equal | Relation::Other) {
        draft.note(format!("{} cannot be put as a range, and is left out", check.name));
        return None;
    }
    Some(Condition { relation, ..good })
}

fn opposite(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::AtLeast,
        Relation::AtMost => Relation::More,
        Relation::More => Relation::AtMost,
        Relation::AtLeast => Relation::Less,
        Relation::Equal => Relation::Other,
        Relation::Other => Relation::Equal,
    }
}

/// A canary whose steps all last equally long is a walk with that interval.
fn convert(canary: &Canary, strategy: &Strategy, draft: &mut Draft) -> Result<Flagger, Refusal> {
    let [first, ..] = canary.steps.as_slice() else {
        return refuse(strategy, TARGET, "there are no steps to walk");
    };
    let Hold::For(interval) = first.hold else {
        return refuse(strategy, TARGET, "a step that waits for a person is a webhook there, which is yours to run");
    };
    if interval < Span::from_secs(10) || canary.steps.iter().any(|step| step.hold != first.hold) {
        return refuse(
            strategy,
            TARGET,
            "its ticks are equally long and at least 10 s apart, which these steps are not",
        );
    }
    if canary.routing != Routing::Traffic {
        return refuse(strategy, TARGET, "its canary splits traffic; use --to argo");
    }
    if canary.steps.iter().any(|step| step.analysis.is_some()) {
        draft.note("the analyses of single steps are left out: a tick has the same checks at every step");
    }
    draft.note("the canary is whole from the first step on, and the old fleet is not kept after the promotion");
    let shares = canary.steps.iter().map(|step| percent(step.share.value()));
    let mut weights = Vec::new();
    for share in shares {
        if share != share.round() {
            draft.note(format!("a share of {share}% is rounded to a whole percentage"));
        }
        weights.push((share.round() as u32).clamp(1, 100));
    }
    let mut checks =
        canary.background.as_ref().map(|background| background.analysis.checks.clone()).unwrap_or_default();
    checks.extend(canary.gate.map(|gate| of_gate(gate, draft)));
    Ok(Flagger {
        interval,
        threshold: 1,
        max_weight: weights.last().copied().unwrap_or(100),
        step_weight: 0,
        step_weights: weights,
        step_weight_promotion: 0,
        iterations: 0,
        matches: match canary.split {
            Split::Header(share) | Split::Only(share) => Some(share),
            Split::Random | Split::Smooth | Split::User => None,
        },
        mirror: None,
        shifts: true,
        primary_ready: 100,
        canary_ready: 100,
        skip_analysis: false,
        checks: Analysis { checks },
        primary: Surge::new(QUARTER, QUARTER),
    })
}

fn of_gate(gate: Gate, draft: &mut Draft) -> Check {
    draft.note(format!(
        "Flagger has no least number of samples, so the {} of the gate are left out; a tick without traffic is a failed check",
        gate.samples
    ));
    let (_, measure, limit) = super::analysis::limit(gate, draft);
    if let Measure::Slow { .. } = measure {
        let success = limit.map(|value| Condition { relation: Relation::AtMost, value });
        return Check::new("request-duration", measure, gate.window, success);
    }
    let success = limit.map(|value| Condition { relation: Relation::AtLeast, value: 1.0 - value });
    Check::new("request-success-rate", Measure::Availability, gate.window, success)
}
