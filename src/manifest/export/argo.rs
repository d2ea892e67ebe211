//! An Argo Rollout with its `AnalysisTemplates`.

use super::analysis::{self, Templates};
use super::draft::{Draft, documents, list, number, object, plain, text, truth};
use super::kubernetes::limit_fields;
use super::pod::{template, times};
use super::{Refusal, refuse};
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{BlueGreen, Canary, Gate, Hold, Pace, Routing, Scale, Split, Step, Strategy};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::manifest::duration::go;
use crate::yaml::tree::Node;

const TARGET: &str = "Argo Rollouts";

/// Delays unless given, where traffic is routed.
const DELAY: Span = Span::from_secs(30);

type Field = (&'static str, Option<Node>);

pub(super) fn write(strategy: &Strategy, pod: &Pod, draft: &mut Draft) -> Result<String, Refusal> {
    let mut templates = Templates::default();
    let (way, aborts) = match strategy {
        Strategy::Rolling(rolling) => {
            let Pace::Surge(surge) = rolling.pace else {
                return refuse(
                    strategy,
                    TARGET,
                    "it rounds and waits in another way; --to has a target of its own for it",
                );
            };
            let mut fields = limit_fields(surge, draft).to_vec();
            fields.push(("analysis", background(None, rolling.gate, 0, &mut templates, draft)));
            (("canary", Some(Node::table(fields))), false)
        }
        Strategy::Canary(canary) => {
            (("canary", Some(self::canary(canary, &mut templates, draft))), canary.aborts_at_deadline)
        }
        Strategy::BlueGreen(blue_green) => {
            (("blueGreen", Some(self::blue_green(blue_green, &mut templates, draft))), blue_green.aborts_at_deadline)
        }
        Strategy::Recreate(_) => {
            return refuse(strategy, TARGET, "it never waits for the old instances to be gone; --to kubernetes does");
        }
        Strategy::Flagger(_) => return refuse(strategy, TARGET, "Flagger goes by ticks; use --to flagger"),
        Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => {
            return refuse(strategy, TARGET, "its canary always ends with one version for everybody");
        }
    };
    let mut fields = vec![("replicas", pod.replicas.map(number))];
    fields.extend(times(pod, draft));
    fields.push(("progressDeadlineAbort", truth(aborts)));
    fields.push(("strategy", Some(Node::table([way]))));
    fields.extend(template(pod, draft));
    let rollout = object("argoproj.io/v1alpha1", "Rollout", &draft.name.clone(), Node::table(fields));
    let mut all = vec![rollout];
    all.extend(templates.write(draft));
    Ok(documents(&all))
}

fn blue_green(blue_green: &BlueGreen, templates: &mut Templates, draft: &mut Draft) -> Node {
    draft.note("the two services are yours to make");
    let (automatic, seconds) = match blue_green.promotion {
        Hold::UntilPromoted => (Some(plain("false")), None),
        Hold::For(span) if span.is_zero() => (None, None),
        Hold::For(span) => (None, Some(number(draft.seconds("autoPromotionSeconds", span)))),
    };
    let mut after: Vec<Node> = blue_green.after.iter().map(|analysis| templates.refer(analysis, draft)).collect();
    if let Some(gate) = blue_green.gate {
        let count = blue_green.bake.nanos() / gate.window.nanos().max(1);
        let analysis = analysis::gate(gate, Some(u32::try_from(count.max(1)).unwrap_or(u32::MAX)), draft);
        after.push(templates.refer(&analysis, draft));
    }
    let before: Vec<Node> = blue_green.before.iter().map(|analysis| templates.refer(analysis, draft)).collect();
    let mut fields = vec![
        ("activeService", Some(text(format!("{}-active", draft.name)))),
        ("previewService", Some(text(format!("{}-preview", draft.name)))),
        ("previewReplicaCount", blue_green.preview.map(number)),
        ("autoPromotionEnabled", automatic),
        ("autoPromotionSeconds", seconds),
        ("prePromotionAnalysis", references(before)),
        ("postPromotionAnalysis", references(after)),
        ("scaleDownDelaySeconds", delay("scaleDownDelaySeconds", blue_green.bake, draft)),
    ];
    fields.push(("abortScaleDownDelaySeconds", kept_after_abort(blue_green.keep_new, draft)));
    Node::table(fields)
}

fn references(templates: Vec<Node>) -> Option<Node> {
    (!templates.is_empty()).then(|| Node::table([("templates", Some(list(templates)))]))
}

fn delay(what: &str, span: Span, draft: &mut Draft) -> Option<Node> {
    (span != DELAY).then(|| number(draft.seconds(what, span)))
}

/// Argo takes zero for ever, so that no time at all is a second.
fn kept_after_abort(keep: Option<Span>, draft: &mut Draft) -> Option<Node> {
    match keep {
        None => Some(number(0_u32)),
        Some(span) if span.is_zero() => {
            draft.note("after an abort the new instances are kept for a second: for Argo zero is for ever");
            Some(number(1_u32))
        }
        Some(span) => delay("abortScaleDownDelaySeconds", span, draft),
    }
}

fn canary(canary: &Canary, templates: &mut Templates, draft: &mut Draft) -> Node {
    let by_traffic = canary.routing.by_traffic();
    let (steps, starts) = Steps::write(canary, templates, draft);
    let from = canary.background.as_ref().map_or(0, |background| background.from_step);
    let start = starts.get(from).copied().unwrap_or(steps.len());
    let measured = canary.background.as_ref().map(|background| &background.analysis);
    let background = background(measured, canary.gate, start, templates, draft);
    let steps = (!steps.is_empty()).then(|| list(steps));
    let mut fields: Vec<Field> = match canary.routing {
        Routing::Instances(surge) => limit_fields(surge, draft).to_vec(),
        Routing::Batches { surge, traffic: false } => {
            draft.note("the batches of OpenKruise become weights, for which Argo finds its own numbers of instances");
            limit_fields(surge, draft).to_vec()
        }
        Routing::Batches { traffic: true, .. } => {
            draft.note("the old instances stay whole until the end, while OpenKruise replaces them batch by batch");
            router(canary, draft)
        }
        Routing::Traffic => router(canary, draft),
    };
    fields.push(("steps", steps));
    fields.push(("analysis", background));
    if by_traffic {
        fields.push(("dynamicStableScale", truth(canary.dynamic_stable)));
        fields.push(("minPodsPerReplicaSet", (canary.least != 1).then(|| number(canary.least))));
        if canary.dynamic_stable {
            if canary.keep_old != DELAY {
                draft.note("how long the old instances are kept is left out: dynamicStableScale has none to keep");
            }
        } else {
            fields.push(("scaleDownDelaySeconds", delay("scaleDownDelaySeconds", canary.keep_old, draft)));
        }
        fields.push(("abortScaleDownDelaySeconds", kept_after_abort(canary.keep_new, draft)));
    } else if !canary.keep_old.is_zero() {
        draft.note("without a traffic router the old instances are not kept");
    }
    Node::table(fields)
}

/// Services and a router; which one it is only the user knows.
fn router(canary: &Canary, draft: &mut Draft) -> Vec<Field> {
    draft.note("the services and the traffic router are yours to make");
    let whole = whole(&canary.steps);
    let named = |key: &str| text(format!("{}-{key}", draft.name));
    let services = vec![("stableService", Some(named("stable"))), ("canaryService", Some(named("canary")))];
    let name = || Node::table([("name", Some(text(draft.name.clone())))]);
    let by_header = matches!(canary.split, Split::Header(_) | Split::Only(_));
    let routing = if by_header {
        let istio = Node::table([("virtualService", Some(name()))]);
        let route = Node::table([("name", Some(text(HEADER_ROUTE)))]);
        Node::table([("istio", Some(istio)), ("managedRoutes", Some(list(vec![route])))])
    } else {
        let nginx = Node::table([("stableIngress", Some(text(draft.name.clone())))]);
        let whole = (whole != 100).then(|| number(whole));
        Node::table([("nginx", Some(nginx)), ("maxTrafficWeight", whole)])
    };
    match canary.split {
        Split::Random => {}
        Split::Smooth => draft.note("nginx splits by chance, not in rotation"),
        Split::User => draft.note("users do not stay with their version: that is the router's to arrange"),
        Split::Header(_) => draft.note("the header of those who match is yours to name"),
        Split::Only(_) => draft.note("those who do not match get their share too: Argo has no other way"),
    }
    services.into_iter().chain([("trafficRouting", Some(routing))]).collect()
}

/// The name of the route by header.
const HEADER_ROUTE: &str = "by-header";

/// The weight that stands for everything, so that every share is a whole weight.
fn whole(steps: &[Step]) -> u32 {
    const WHOLE_MAX: u32 = 10_000;
    let fits = |whole: &u32| steps.iter().all(|step| exact(step.share, *whole).is_some());
    [100, 1_000, WHOLE_MAX].into_iter().chain(2..WHOLE_MAX).find(fits).unwrap_or(100)
}

/// The weight for a share, if it is a whole number.
fn exact(share: Share, whole: u32) -> Option<u32> {
    let weight = (share.value() * f64::from(whole)).round();
    (weight / f64::from(whole) == share.value()).then_some(weight as u32)
}

fn background(
    measured: Option<&crate::core::rollout::Analysis>,
    gate: Option<Gate>,
    start: usize,
    templates: &mut Templates,
    draft: &mut Draft,
) -> Option<Node> {
    let mut named: Vec<Node> = measured.iter().map(|analysis| templates.refer(analysis, draft)).collect();
    if let Some(gate) = gate {
        let analysis = analysis::gate(gate, None, draft);
        named.push(templates.refer(&analysis, draft));
    }
    let start = (start > 0 && !named.is_empty()).then(|| number(start as u64));
    (!named.is_empty()).then(|| Node::table([("templates", Some(list(named))), ("startingStep", start)]))
}

/// The steps in the making.
struct Steps<'a> {
    items: Vec<Node>,
    /// Where each of our steps begins.
    starts: Vec<usize>,
    scale: Scale,
    whole: u32,
    routed: bool,
    templates: &'a mut Templates,
    draft: &'a mut Draft,
}

impl Steps<'_> {
    fn write(canary: &Canary, templates: &mut Templates, draft: &mut Draft) -> (Vec<Node>, Vec<usize>) {
        let by_header = matches!(canary.split, Split::Header(_) | Split::Only(_));
        let routed = canary.routing.by_traffic();
        // Only nginx and plugins count in other weights than a hundred.
        let whole = if routed && !by_header { whole(&canary.steps) } else { 100 };
        let (items, starts) = (Vec::new(), Vec::new());
        let mut steps = Steps { items, starts, scale: Scale::MatchShare, whole, routed, templates, draft };
        if routed && by_header {
            steps.items.push(header_route());
        }
        canary.steps.iter().for_each(|step| steps.push(step));
        (steps.items, steps.starts)
    }

    fn push(&mut self, step: &Step) {
        self.starts.push(self.items.len());
        if step.scale != self.scale {
            self.rescale(step.scale);
        }
        let weight = exact(step.share, self.whole).unwrap_or_else(|| {
            let weight = (step.share.value() * f64::from(self.whole)).round() as u32;
            let percent = analysis::percent(step.share.value());
            self.draft.note(format!("a share of {percent}% is rounded to a weight of {weight}"));
            weight
        });
        self.add("setWeight", number(weight));
        match step.hold {
            Hold::For(span) if span.is_zero() => {}
            Hold::For(span) => self.add("pause", Node::table([("duration", Some(plain(go(span))))])),
            Hold::UntilPromoted => self.add("pause", Node::table([])),
        }
        if let Some(analysis) = &step.analysis {
            let reference = self.templates.refer(analysis, self.draft);
            self.add("analysis", Node::table([("templates", Some(list(vec![reference])))]));
        }
    }

    fn rescale(&mut self, scale: Scale) {
        if !self.routed {
            self.draft.note("the numbers of new instances are left out: without a traffic router Argo ignores them");
            return;
        }
        self.scale = scale;
        let scale = match scale {
            Scale::MatchShare => ("matchTrafficWeight", plain("true")),
            Scale::Own(Amount::Count(count)) => ("replicas", number(count)),
            Scale::Own(Amount::Percent(percent)) => {
                let whole = percent.ceil();
                if whole != percent {
                    self.draft.note(format!("{percent}% of the instances is rounded up to {whole}%"));
                }
                ("weight", number(whole as u64))
            }
        };
        self.add("setCanaryScale", Node::table([(scale.0, Some(scale.1))]));
    }

    fn add(&mut self, key: &'static str, node: Node) {
        self.items.push(Node::table([(key, Some(node))]));
    }
}

fn header_route() -> Node {
    let value = Node::table([("exact", Some(text("always")))]);
    let rule = Node::table([("headerName", Some(text("x-canary"))), ("headerValue", Some(value))]);
    let route = Node::table([("name", Some(text(HEADER_ROUTE))), ("match", Some(list(vec![rule])))]);
    Node::table([("setHeaderRoute", Some(route))])
}
