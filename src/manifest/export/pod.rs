//! The pod template of a Kubernetes object.

use super::draft::{Draft, list, number, plain, text};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::yaml::tree::Node;

/// Selector and template, as far as there is anything to say.
pub(super) fn template(pod: &Pod, draft: &mut Draft) -> [(&'static str, Option<Node>); 2] {
    if pod.grace.is_none() && pod.pre_stop.is_none() && pod.readiness.is_none() {
        draft.note("selector and template are yours to add");
        return [("selector", None), ("template", None)];
    }
    draft.note("IMAGE is yours to fill in, and the path and port of the probe");
    let labels = Node::table([("app", Some(text(draft.name.clone())))]);
    let selector = Node::table([("matchLabels", Some(labels.clone()))]);
    let metadata = Node::table([("labels", Some(labels))]);
    let grace = pod.grace.map(|grace| number(draft.seconds("a grace period", grace)));
    let spec = Node::table([
        ("terminationGracePeriodSeconds", grace),
        ("containers", Some(list(vec![container(pod, draft)]))),
    ]);
    let template = Node::table([("metadata", Some(metadata)), ("spec", Some(spec))]);
    [("selector", Some(selector)), ("template", Some(template))]
}

fn container(pod: &Pod, draft: &mut Draft) -> Node {
    let hook = pod.pre_stop.map(|sleep| {
        let seconds = number(draft.seconds("a sleep before the stop", sleep));
        let sleep = Node::table([("seconds", Some(seconds))]);
        let hook = Node::table([("sleep", Some(sleep))]);
        Node::table([("preStop", Some(hook))])
    });
    Node::table([
        ("name", Some(text(draft.name.clone()))),
        ("image", Some(plain("IMAGE"))),
        ("readinessProbe", probe(pod, draft)),
        ("lifecycle", hook),
    ])
}

fn probe(pod: &Pod, draft: &mut Draft) -> Option<Node> {
    let probe = pod.readiness?;
    let handler = Node::table([("path", Some(text("/"))), ("port", Some(number(80_u32)))]);
    let mut seconds = |span: Span| number(draft.seconds("a time of the probe", span));
    Some(Node::table([
        ("httpGet", Some(handler)),
        ("initialDelaySeconds", Some(seconds(probe.initial_delay))),
        ("periodSeconds", Some(seconds(probe.period))),
        ("timeoutSeconds", Some(seconds(probe.timeout))),
        ("successThreshold", Some(number(probe.successes))),
        ("failureThreshold", Some(number(probe.failures))),
    ]))
}

/// `minReadySeconds` and `progressDeadlineSeconds`, the second above the first as it must be.
pub(super) fn times(pod: &Pod, draft: &mut Draft) -> [(&'static str, Option<Node>); 2] {
    let ready = pod.min_ready.map(|span| draft.seconds("minReadySeconds", span));
    let mut deadline = pod.progress_deadline.map(|span| draft.seconds("progressDeadlineSeconds", span));
    let least = ready.unwrap_or(0) + 1;
    if deadline.unwrap_or(600) < least {
        draft.note(format!("progressDeadlineSeconds is raised to {least}, above minReadySeconds, as it must be"));
        deadline = Some(least);
    }
    [("minReadySeconds", ready.map(number)), ("progressDeadlineSeconds", deadline.map(number))]
}
