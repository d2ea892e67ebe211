//! What a live run cannot do: said before it begins, never left out in silence.

use crate::core::proxy::Affinity;
use crate::core::rollout::Strategy;
use crate::scenario::plan::{Discipline, Layer, Scenario, Source};

/// Everything in `scenario` that only virtual time can do, each by its name in the file.
pub fn refusals(scenario: &Scenario) -> Vec<String> {
    let policy = &scenario.proxies.policy;
    let fleet = &scenario.fleet;
    let closed = matches!(scenario.traffic.source, Source::Closed { .. });
    let cookie = policy.sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie);
    let never = scenario.versions.iter().any(|version| version.fails_to_start.value() > 0.0);
    let crashes = scenario.versions.iter().any(|version| version.crashes_after.is_some());
    let features = [
        (closed, "traffic.closed (users who wait for their answers)"),
        (scenario.traffic.connections.is_some(), "traffic.connections"),
        (policy.retries.hedge_after.is_some(), "traffic.retries.hedge-after"),
        (scenario.proxies.layer != Layer::L7, "proxies.layer other than l7"),
        (policy.limits.queue > 0, "proxies.limits.queue"),
        (cookie, "proxies.stickiness by cookie"),
        (policy.balancer.wants_reports(), "a balancer that goes by load reports"),
        (fleet.discipline == Discipline::ProcessorSharing, "fleet.discipline: processor-sharing"),
        (fleet.quota.is_some(), "fleet.quota"),
        (fleet.readiness.is_some(), "fleet.readiness"),
        (never, "versions with fails-to-start"),
        (crashes, "versions that crash"),
        (scenario.releases.is_some(), "releases (give the version that is deployed)"),
        (!scenario.reloads.is_empty(), "reloads of proxies"),
    ];
    let features = features.iter().filter(|(has, _)| *has).map(|(_, name)| (*name).to_owned());
    let strategies = scenario.strategies.iter().filter(|named| !possible(&named.strategy));
    let strategies =
        strategies.map(|named| format!("strategies.{} (copies of requests, or a feature flag)", named.name));
    features.chain(strategies).collect()
}

fn possible(strategy: &Strategy) -> bool {
    match strategy {
        Strategy::Shadow(_) | Strategy::FeatureFlag(_) => false,
        Strategy::Flagger(flagger) => flagger.mirror.is_none(),
        Strategy::Recreate(_)
        | Strategy::Rolling(_)
        | Strategy::BlueGreen(_)
        | Strategy::Canary(_)
        | Strategy::AbTest(_) => true,
    }
}
