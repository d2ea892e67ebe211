//! `argoproj.io/v1alpha1` Rollout: defaults of `utils/defaults`, refusals of `pkg/apis/rollouts/validation`.

mod steps;

use crate::core::amount::Amount;
use crate::core::rollout::{Background, BlueGreen, Canary, Hold, Pace, Rolling, Routing, Split, Strategy, Surge};
use crate::core::time::Span;
use crate::manifest::analysis::Library;
use crate::manifest::deployment::{self, QUARTER, limits};
use crate::manifest::fields::{Fields, Item};
use crate::manifest::{Pod, pod};

/// `scaleDownDelaySeconds` and `abortScaleDownDelaySeconds` unless given, where traffic is routed.
const DELAY: Span = Span::from_secs(30);

/// What a Rollout says. `workload`: what the Deployment says that it refers to, if that is known.
pub(super) fn read(spec: &Fields<'_>, workload: Option<Pod>, library: &Library<'_>) -> (Strategy, Pod) {
    let mut pod = workload.unwrap_or_default();
    pod.replicas = spec.whole("replicas").or(pod.replicas);
    spec.accept(&["selector"]);
    spec.skip(&["revisionHistoryLimit", "rollbackWindow", "restartAt", "analysis"]);
    deployment::not_paused(spec);
    deployment::times(spec, &mut pod);
    if let Some(template) = spec.table("template") {
        pod::template(&template, &mut pod);
    }
    let aborts = spec.truth("progressDeadlineAbort").unwrap_or(false);
    (strategy(spec, aborts, library), pod)
}

fn strategy(spec: &Fields<'_>, aborts: bool, library: &Library<'_>) -> Strategy {
    let strategy = spec.table("strategy");
    let canary = strategy.as_ref().and_then(|strategy| strategy.get("canary"));
    let blue_green = strategy.as_ref().and_then(|strategy| strategy.get("blueGreen"));
    match (canary, blue_green) {
        (Some(_), Some(both)) => both.complain("found blueGreen beside canary, expected one of the two"),
        (None, None) => spec.complain("strategy", "found neither canary nor blueGreen, expected one of the two"),
        (Some(canary), None) => {
            if let Some(fields) = canary.table() {
                return self::canary(&fields, aborts, library);
            }
        }
        (None, Some(blue_green)) => {
            if let Some(fields) = blue_green.table() {
                return Strategy::BlueGreen(self::blue_green(&fields, aborts, library));
            }
        }
    }
    // Only read further after a problem.
    rolling(Surge::new(QUARTER, QUARTER))
}

fn rolling(surge: Surge) -> Strategy {
    Strategy::Rolling(Rolling { pace: Pace::Surge(surge), gate: None, bake: Span::ZERO })
}

fn blue_green(fields: &Fields<'_>, aborts: bool, library: &Library<'_>) -> BlueGreen {
    let (active, preview) = (fields.text("activeService"), fields.text("previewService"));
    if active == preview {
        let text = "found the same service for activeService and previewService, expected two different ones";
        fields.complain("activeService", text);
    }
    fields.skip(&[
        "antiAffinity",
        "activeMetadata",
        "previewMetadata",
        "maxUnavailable",
        "scaleDownDelayRevisionLimit",
    ]);
    let automatic = fields.truth("autoPromotionEnabled").unwrap_or(true);
    let seconds = fields.seconds("autoPromotionSeconds").unwrap_or(Span::ZERO);
    let analysis = |key| fields.table(key).and_then(|reference| library.analysis(&reference));
    BlueGreen {
        preview: fields.whole("previewReplicaCount"),
        promotion: if automatic { Hold::For(seconds) } else { Hold::UntilPromoted },
        before: analysis("prePromotionAnalysis"),
        after: analysis("postPromotionAnalysis"),
        bake: fields.seconds("scaleDownDelaySeconds").unwrap_or(DELAY),
        gate: None,
        keep_new: kept_after_abort(fields),
        aborts_at_deadline: aborts,
    }
}

/// How long the new instances are kept after an abort: 0 means for ever.
fn kept_after_abort(fields: &Fields<'_>) -> Option<Span> {
    let delay = fields.seconds("abortScaleDownDelaySeconds").unwrap_or(DELAY);
    (!delay.is_zero()).then_some(delay)
}

fn canary(fields: &Fields<'_>, aborts: bool, library: &Library<'_>) -> Strategy {
    fields.accept(&["canaryService", "stableService"]);
    fields.skip(&["antiAffinity", "canaryMetadata", "stableMetadata", "pingPong", "replicaProgressThreshold"]);
    fields.skip(&["scaleDownDelayRevisionLimit"]);
    let surge = limits(fields);
    let router = fields.get("trafficRouting").and_then(|routing| Router::read(&routing));
    let by_traffic = router.is_some();
    let walk = steps::Walk::of(&fields.list("steps"), router.as_ref(), library);
    if walk.steps.is_empty() && !by_traffic {
        fields.skip(&["analysis"]);
        needs_router(fields);
        fields.skip(&["minPodsPerReplicaSet", "abortScaleDownDelaySeconds"]);
        return rolling(surge);
    }
    let background = background(fields, &walk, library);
    let plain = Canary { background, aborts_at_deadline: aborts, ..Canary::plain(walk.steps, None, Span::ZERO) };
    if !by_traffic {
        needs_router(fields);
        fields.skip(&["minPodsPerReplicaSet", "abortScaleDownDelaySeconds"]);
        return Strategy::Canary(Canary { routing: Routing::Instances(surge), ..plain });
    }
    // They are checked, but with a router only the weights decide how many instances there are.
    fields.skip(&["maxSurge", "maxUnavailable"]);
    Strategy::Canary(Canary {
        split: if walk.by_header { Split::Header(library.options.matches) } else { Split::Random },
        keep_old: kept_after_promotion(fields),
        keep_new: kept_after_abort(fields),
        dynamic_stable: fields.truth("dynamicStableScale").unwrap_or(false),
        least: fields.whole("minPodsPerReplicaSet").unwrap_or(1),
        ..plain
    })
}

/// What Argo refuses without a traffic router.
fn needs_router(fields: &Fields<'_>) {
    let refused = [
        ("scaleDownDelaySeconds", fields.has("scaleDownDelaySeconds")),
        ("dynamicStableScale", fields.truth("dynamicStableScale") == Some(true)),
    ];
    for (key, _) in refused.into_iter().filter(|(_, found)| *found) {
        fields.complain(key, format!("found {key} without trafficRouting, expected both or neither"));
    }
}

fn kept_after_promotion(fields: &Fields<'_>) -> Span {
    let delay = fields.seconds("scaleDownDelaySeconds");
    if delay.is_some() && fields.truth("dynamicStableScale") == Some(true) {
        let text = "found dynamicStableScale beside scaleDownDelaySeconds, expected one of the two";
        fields.complain("dynamicStableScale", text);
    }
    delay.unwrap_or(DELAY)
}

fn background(fields: &Fields<'_>, walk: &steps::Walk, library: &Library<'_>) -> Option<Background> {
    let reference = fields.table("analysis")?;
    let from = reference.whole("startingStep").unwrap_or(0) as usize;
    let analysis = library.analysis(&reference)?;
    let from_step = walk.landed.get(from).copied().unwrap_or(walk.steps.len());
    Some(Background { analysis, from_step })
}

/// What shifts the traffic.
struct Router {
    /// The weight that stands for all traffic.
    whole: u32,
}

impl Router {
    fn read(routing: &Item<'_>) -> Option<Router> {
        let fields = routing.table()?;
        fields.accept(&["alb", "ambassador", "apisix", "appMesh", "istio", "nginx", "plugins", "smi", "traefik"]);
        fields.accept(&["managedRoutes"]);
        let whole = fields.get("maxTrafficWeight").and_then(|item| item.whole(1..=super::fields::WHOLE_MAX));
        if whole.is_some() && !fields.has("nginx") && !fields.has("plugins") {
            let text = "found maxTrafficWeight without nginx or plugins, which alone support it, expected none";
            fields.complain("maxTrafficWeight", text);
        }
        Some(Router { whole: whole.unwrap_or(100) })
    }
}

/// A percentage of the fleet.
fn percent(weight: u32) -> Amount {
    Amount::Percent(f64::from(weight))
}
