//! `apps/v1` Deployment: defaults and refusals of `pkg/apis/apps` in kubernetes/kubernetes.

use crate::core::amount::Amount;
use crate::core::rollout::{Pace, Recreate, Rolling, Strategy, Surge};
use crate::core::time::Span;
use crate::manifest::fields::{Fields, Item};
use crate::manifest::{Pod, pod};

/// `progressDeadlineSeconds` unless given, here and in Argo Rollouts and Flagger.
pub(super) const PROGRESS_DEADLINE: Span = Span::from_secs(600);

/// `maxSurge` and `maxUnavailable` unless given.
pub(super) const QUARTER: Amount = Amount::Percent(25.0);

/// What a Deployment says.
pub(super) struct Deployment {
    pub strategy: Strategy,
    pub pod: Pod,
}

impl Deployment {
    /// The limits of its rolling update; those by default if it has none.
    pub fn surge(&self) -> Surge {
        match &self.strategy {
            Strategy::Rolling(Rolling { pace: Pace::Surge(surge), .. }) => *surge,
            _ => Surge::new(QUARTER, QUARTER),
        }
    }
}

/// Reads the `spec` of a Deployment.
pub(super) fn read(spec: &Fields<'_>) -> Deployment {
    let mut pod = Pod { replicas: spec.whole("replicas"), ..Pod::default() };
    spec.accept(&["selector"]);
    spec.skip(&["revisionHistoryLimit"]);
    not_paused(spec);
    times(spec, &mut pod);
    if let Some(template) = spec.table("template") {
        pod::template(&template, &mut pod);
    }
    Deployment { strategy: strategy(spec), pod }
}

/// A paused object does not roll out at all; it is read as if it were not paused.
pub(super) fn not_paused(spec: &Fields<'_>) {
    if let Some(paused) = spec.get("paused")
        && paused.truth() == Some(true)
    {
        paused.not_simulated();
    }
}

/// The times that a Deployment and an Argo Rollout share.
pub(super) fn times(spec: &Fields<'_>, pod: &mut Pod) {
    let ready = spec.seconds("minReadySeconds").unwrap_or(Span::ZERO);
    let deadline = spec.seconds("progressDeadlineSeconds").unwrap_or(PROGRESS_DEADLINE);
    if deadline <= ready {
        let found = format!("found {}s, expected more than minReadySeconds, {}s", seconds(deadline), seconds(ready));
        spec.complain("progressDeadlineSeconds", found);
    }
    pod.min_ready = Some(ready);
    pod.progress_deadline = Some(deadline);
}

fn seconds(span: Span) -> u64 {
    span.whole_seconds()
}

fn strategy(spec: &Fields<'_>) -> Strategy {
    let waits = spec.word("podReplacementPolicy", &["TerminationStarted", "TerminationComplete"]);
    let waits_for_termination = waits == Some("TerminationComplete");
    let Some(strategy) = spec.table("strategy") else {
        return rolling(Surge { waits_for_termination, ..Surge::new(QUARTER, QUARTER) });
    };
    let kind = strategy.word("type", &["RollingUpdate", "Recreate"]).unwrap_or("RollingUpdate");
    let update = strategy.get("rollingUpdate");
    if kind == "Recreate" {
        if let Some(update) = update {
            update.complain("found rollingUpdate beside the type Recreate, expected one or the other");
        }
        return Strategy::Recreate(Recreate { gate: None, bake: Span::ZERO });
    }
    let surge = update.and_then(|update| Item::table(&update));
    let surge = surge.map_or(Surge::new(QUARTER, QUARTER), |update| {
        let surge = limits(&update);
        if let Amount::Percent(percent) = surge.unavailable
            && percent > 100.0
        {
            update.complain("maxUnavailable", format!("found {percent}%, expected at most 100%"));
        }
        surge
    });
    rolling(Surge { waits_for_termination, ..surge })
}

fn rolling(surge: Surge) -> Strategy {
    Strategy::Rolling(Rolling { pace: Pace::Surge(surge), gate: None, bake: Span::ZERO })
}

/// `maxSurge` and `maxUnavailable`, as Kubernetes and Argo Rollouts both check them.
pub(super) fn limits(update: &Fields<'_>) -> Surge {
    let surge = update.amount("maxSurge").unwrap_or(QUARTER);
    let unavailable = update.amount("maxUnavailable").unwrap_or(QUARTER);
    if surge.is_literally_zero() && unavailable.is_literally_zero() {
        let text = "found zero for both maxSurge and maxUnavailable, which can never progress, expected one above zero";
        update.complain("maxUnavailable", text);
    }
    Surge::new(surge, unavailable)
}
