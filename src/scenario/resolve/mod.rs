//! From the declarations to the checked plan: references, files, and what must hold between values.
//!
//! Nothing here stops at a problem. A value that is wrong is replaced by something harmless and the check goes on; the
//! plan is only handed out if no problem was noted.

mod balancer;
mod gate;
mod inherit;
mod law;
mod manifest;
mod people;
mod proxies;
mod releases;
mod service;
mod slo;
mod strategy;
mod target;
mod traffic;
mod trial;

pub(super) use balancer::rule;

use super::check::Check;
use super::file::File;
use crate::core::draw::Seed;
use crate::core::time::Span;
use crate::scenario::plan::{Network, Scenario};
use crate::yaml::tree::KeyPath;

/// A run is at most a quarter of a year long: the timeline has a row for every second.
const HORIZON_DAYS_MAX: u64 = 14;

/// Checks `file`, fills in its last defaults, and makes the plan of it. The plan holds if there are no problems.
pub(super) fn resolve(file: &mut File, check: &mut Check<'_>) -> Scenario {
    check_times(file, check);
    let versions = service::versions(file, check);
    let running = target::running(file, check);
    let rollout = target::rollout(file, check);
    let releases = releases::releases(file, &versions, rollout, check);
    let slo = slo::slo(file, check);
    let strategies = strategy::strategies(file, slo.first().objective, check);
    Scenario {
        name: file.name.0.clone(),
        seed: Seed(file.seed.get()),
        warm_up: file.warm_up,
        horizon: file.horizon.0,
        traffic: traffic::traffic(file, check),
        network: network(file, check),
        proxies: proxies::proxies(file, check),
        fleet: service::fleet(file, check),
        versions,
        running,
        rollout,
        releases,
        strategies,
        slo,
        people: people::people(file, check),
        sizes: people::sizes(file, check),
        faults: target::faults(file, check),
        reloads: target::reloads(file, check),
        telemetry: target::telemetry(file, check),
    }
}

fn network(file: &File, check: &mut Check<'_>) -> Network {
    let at = KeyPath::from(["network", "listing-delay"]);
    let listing_delay = law::law(&file.network.listing_delay, law::Sizes::NoRequest, &at, check);
    Network { delay: file.network.delay, listing_delay }
}

fn check_times(file: &File, check: &mut Check<'_>) {
    let [horizon, warm_up] = [KeyPath::from(["horizon"]), KeyPath::from(["warm-up"])];
    if file.horizon.0 > Span::from_secs(HORIZON_DAYS_MAX * 86_400) {
        let text = format!("found {}, expected at most {HORIZON_DAYS_MAX}d", file.horizon.0);
        check.complain(&[&horizon], text);
    }
    if file.warm_up >= file.horizon.0 {
        let text = format!("found {}, expected a time longer than the warm-up of {}", file.horizon.0, file.warm_up);
        check.complain(&[&horizon, &warm_up], text);
    }
}
