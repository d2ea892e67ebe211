//! What a reader should know of strategies that come from a manifest: what of it has no effect, and where the fleet of the
//! scenario is another than that of the manifest.

use crate::manifest::{Fate, Manifest};
use crate::scenario::plan::Scenario;

/// Fields that are named; the rest is counted.
const SHOWN_MAX: usize = 5;

/// One remark for each kind of thing and strategy, with an id so that it can be looked up.
pub fn remarks(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let named = scenario.strategies.iter();
    let manifests = named.filter_map(|named| Some((named.name.as_str(), named.manifest.as_ref()?)));
    let of = |(name, manifest): (&str, &Manifest)| {
        let kind = manifest.kind;
        let list = |fate, what: &str| listed(manifest, fate).map(|fields| format!("{name} ({kind}): {fields} {what}"));
        let differs = differences(manifest, scenario);
        [
            ("manifest-not-simulated", list(Fate::NotSimulated, "not simulated")),
            ("manifest-unknown", list(Fate::Unknown, "not known, and had no effect")),
            (
                "manifest-fleet",
                differs.map(|text| {
                    format!("{name} ({kind}): the fleet of the scenario counts, where the manifest has {text}")
                }),
            ),
        ]
    };
    manifests.flat_map(of).filter_map(|(id, text)| Some((id, text?))).collect()
}

/// `a, b and 3 more are`; `None` if there are none.
fn listed(manifest: &Manifest, fate: Fate) -> Option<String> {
    let mut paths: Vec<&str> =
        manifest.unused.iter().filter(|field| field.fate == fate).map(|field| field.path.as_str()).collect();
    // What every object has tells least.
    paths.sort_by_key(|path| path.contains("metadata") || path.contains("template."));
    let shown = paths.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match paths.len() {
        0 => None,
        1 => Some(format!("{shown} is")),
        count if count <= SHOWN_MAX => Some(format!("{shown} are")),
        count => Some(format!("{shown} and {} more are", count - SHOWN_MAX)),
    }
}

/// What the manifest says of the instances that the fleet has otherwise.
fn differences(manifest: &Manifest, scenario: &Scenario) -> Option<String> {
    let (pod, fleet) = (&manifest.pod, &scenario.fleet);
    let deadline = scenario.rollout.map(|rollout| rollout.progress_deadline);
    let replicas = pod.replicas.filter(|replicas| *replicas != fleet.size);
    let times = [
        ("from ready to available", pod.min_ready, Some(fleet.min_ready)),
        ("of grace", pod.grace, Some(fleet.shutdown.drain)),
        ("of sleep before the stop", pod.pre_stop, Some(fleet.shutdown.delay)),
        ("until the progress deadline", pod.progress_deadline, deadline),
    ];
    let times = times.into_iter().filter_map(|(what, said, counts)| {
        let (said, counts) = (said?, counts?);
        (said != counts).then(|| format!("{said} {what}, not {counts}"))
    });
    let replicas = replicas.map(|replicas| {
        let instances = if replicas == 1 { "instance" } else { "instances" };
        format!("{replicas} {instances}, not {}", fleet.size)
    });
    let all: Vec<String> = replicas.into_iter().chain(times).collect();
    (!all.is_empty()).then(|| all.join("; "))
}
