//! What the core of a run is made of, for whoever drives one and for whoever asks a fresh one again.

use crate::core::ids::VersionId;
use crate::core::journal::Origin;
use crate::core::rollout::{Setup, Split, Strategy};
use crate::core::time::Span;
use crate::scenario::plan::Scenario;

/// The run without a rollout.
pub(super) const STAY: &str = "stay";

/// `stay` and every strategy of `scenario`, by name.
pub fn runs(scenario: &Scenario) -> Vec<(&str, Option<&Strategy>)> {
    let named = scenario.strategies.iter().map(|named| (named.name.as_str(), Some(&named.strategy)));
    std::iter::once((STAY, None)).chain(named).collect()
}

/// What the core of a run is made of.
pub fn origin(scenario: &Scenario, strategy: Option<&Strategy>) -> Origin {
    Origin {
        policy: scenario.proxies.policy.clone(),
        split: split(scenario, strategy),
        seed: scenario.seed,
        setup: setup(scenario),
        strategy: strategy.cloned(),
    }
}

/// The new version and how requests are split, where there is a rollout that splits them.
fn split(scenario: &Scenario, strategy: Option<&Strategy>) -> Option<(VersionId, Split)> {
    let to = scenario.rollout.filter(|_| strategy.is_some()).map(|rollout| rollout.to)?;
    Some((to, strategy.and_then(Strategy::split)?))
}

fn setup(scenario: &Scenario) -> Setup {
    let rollout = scenario.rollout;
    Setup {
        size: scenario.fleet.size,
        from: scenario.running,
        to: rollout.map_or(scenario.running, |rollout| rollout.to),
        min_ready: scenario.fleet.min_ready,
        progress_deadline: rollout.map_or(Span::ZERO, |rollout| rollout.progress_deadline),
    }
}
