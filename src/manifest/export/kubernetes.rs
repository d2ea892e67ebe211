//! An `apps/v1` Deployment.

use super::draft::{Draft, documents, number, object, plain};
use super::pod::{template, times};
use super::{Refusal, refuse};
use crate::core::amount::Amount;
use crate::core::rollout::{Ecs, Gate, Pace, Strategy, Surge};
use crate::manifest::Pod;
use crate::yaml::tree::Node;

const TARGET: &str = "a Kubernetes Deployment";

pub(super) fn write(strategy: &Strategy, pod: &Pod, draft: &mut Draft) -> Result<String, Refusal> {
    let (kind, surge) = match strategy {
        Strategy::Recreate(recreate) => {
            no_gate(recreate.gate, draft);
            ("Recreate", None)
        }
        Strategy::Rolling(rolling) => {
            no_gate(rolling.gate, draft);
            ("RollingUpdate", Some(surge(&rolling.pace, strategy, draft)?))
        }
        _ => return refuse(strategy, TARGET, "it cannot shift traffic; --to argo or --to flagger can"),
    };
    Ok(documents(&[deployment(kind, surge, pod, draft)]))
}

fn no_gate(gate: Option<Gate>, draft: &mut Draft) {
    if gate.is_some() {
        draft.note("the gate is left out: a Deployment never rolls back by itself");
    }
}

fn surge(pace: &Pace, strategy: &Strategy, draft: &mut Draft) -> Result<Surge, Refusal> {
    match pace {
        Pace::Surge(surge) => Ok(*surge),
        Pace::Ecs(Ecs { minimum, maximum, breaker }) => {
            draft.note("the percentages of ECS are kept, but Kubernetes rounds the other way, up for the surge");
            if breaker.is_some() {
                draft.note("the deployment circuit breaker is left out: a Deployment never rolls back by itself");
            }
            let percent = |value: f64| Amount::Percent(value.clamp(0.0, 1e6));
            Ok(Surge::new(percent(maximum - 100.0), percent(100.0 - minimum)))
        }
        Pace::Nomad(nomad) if nomad.canaries == 0 && nomad.parallel > 0 => {
            if nomad.auto_revert {
                draft.note("auto_revert is left out: a Deployment never rolls back by itself");
            }
            Ok(Surge::new(Amount::Count(0), Amount::Count(nomad.parallel)))
        }
        Pace::Nomad(_) => refuse(strategy, TARGET, "it has neither canaries nor an update of everything at once"),
        Pace::Hosts(_) => refuse(strategy, TARGET, "CodeDeploy updates hosts where they stand"),
    }
}

/// The Deployment, also as the one that Flagger watches.
pub(super) fn deployment(kind: &str, surge: Option<Surge>, pod: &Pod, draft: &mut Draft) -> Node {
    let limits = surge.map(|surge| limits(surge, draft));
    let waits = surge.filter(|surge| surge.waits_for_termination).map(|_| plain("TerminationComplete"));
    let strategy = Node::table([("type", Some(plain(kind))), ("rollingUpdate", limits)]);
    let mut fields = vec![("replicas", pod.replicas.map(number))];
    fields.extend(times(pod, draft));
    fields.push(("podReplacementPolicy", waits));
    fields.push(("strategy", Some(strategy)));
    fields.extend(template(pod, draft));
    object("apps/v1", "Deployment", &draft.name.clone(), Node::table(fields))
}

fn limits(surge: Surge, draft: &mut Draft) -> Node {
    Node::table([
        ("maxSurge", Some(draft.amount(surge.surge))),
        ("maxUnavailable", Some(draft.amount(surge.unavailable))),
    ])
}

/// The two limits as fields of something else.
pub(super) fn limit_fields(surge: Surge, draft: &mut Draft) -> [(&'static str, Option<Node>); 2] {
    [("maxSurge", Some(draft.amount(surge.surge))), ("maxUnavailable", Some(draft.amount(surge.unavailable)))]
}
