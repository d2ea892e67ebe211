//! A manifest on a service: the forecast of its rollout, and what nobody can compute by hand: the shutdown delay for which
//! no request is lost, and the surge for which nothing is overloaded. Both are found by replay, not by a formula.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{Gate, Pace, Strategy, Surge};
use crate::core::time::{Moment, Span};
use crate::manifest::Manifest;
use crate::measure::forecast::StrategyForecast;
use crate::scenario::plan::{Law, Named, Scenario};
use crate::sim;

/// The longest shutdown delay that is looked at.
const DELAY_MAX: Span = Span::from_secs(120);

/// How exact a shutdown delay is given.
const DELAY_STEP: Span = Span::from_millis(100);

/// The scenario with the manifest in place of its strategies, and with what the manifest says of the instances; and the
/// names of what that changed, with both values.
pub fn on_service(scenario: &Scenario, manifest: &Manifest) -> (Scenario, Vec<String>) {
    let mut on = scenario.clone();
    let mut changed = Vec::new();
    let name = if manifest.name.is_empty() { "manifest".to_owned() } else { manifest.name.clone() };
    on.strategies = vec![Named { name, strategy: manifest.strategy.clone(), manifest: None }];
    let pod = &manifest.pod;
    let fleet = &mut on.fleet;
    if let Some(replicas) = pod.replicas.filter(|&replicas| replicas != fleet.size && replicas > 0) {
        changed.push(format!("{replicas} instances, not {}", fleet.size));
        fleet.size = replicas;
    }
    if let Some(min_ready) = pod.min_ready.filter(|&span| span != fleet.min_ready) {
        changed.push(format!("available {min_ready} after ready, not {}", fleet.min_ready));
        fleet.min_ready = min_ready;
    }
    if let Some(grace) = pod.grace.filter(|&span| span != fleet.shutdown.drain) {
        changed.push(format!("a grace period of {grace}, not {}", fleet.shutdown.drain));
        fleet.shutdown.drain = grace;
    }
    if let Some(delay) = pod.pre_stop.filter(|&span| span != fleet.shutdown.delay) {
        changed.push(format!("a shutdown delay of {delay}, not {}", fleet.shutdown.delay));
        fleet.shutdown.delay = delay;
    }
    // The grace period ends the preStop hook, too.
    fleet.shutdown.delay = fleet.shutdown.delay.min(fleet.shutdown.drain);
    if let (Some(rollout), Some(deadline)) = (&mut on.rollout, pod.progress_deadline)
        && rollout.progress_deadline != deadline
    {
        changed.push(format!("a progress deadline of {deadline}, not {}", rollout.progress_deadline));
        rollout.progress_deadline = deadline;
    }
    (on, changed)
}

/// How long an instance typically takes to boot: the mean or the median of its law, whichever the law is given by.
pub fn typical_boot(scenario: &Scenario) -> Option<Span> {
    match &scenario.fleet.boot {
        Law::Constant(span) => Some(*span),
        Law::Uniform { min, max } => Some(Span::from_nanos(min.nanos() / 2 + max.nanos() / 2)),
        Law::Exponential { mean } | Law::Gamma { mean, .. } => Some(*mean),
        Law::LogNormal { median, .. } => Some(*median),
        Law::Pareto { .. } | Law::HyperExponential(_) | Law::Empirical(_) | Law::PerSize { .. } => None,
    }
}

/// What a search by replay found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<T> {
    /// The smallest value that is enough.
    Least(T),
    /// Not even this one is enough.
    NotEven(T),
}

/// A shutdown delay that was looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// The shortest for which no request is lost; or, if some are lost whatever the delay, for which no attempt meets an
    /// instance on its way out.
    pub found: Found<Span>,
    /// Whether requests are lost that no delay saves.
    pub loses_others: bool,
}

/// The smallest shutdown delay for which the rollout of a healthy version loses no request that `stay` does not lose.
/// Versions are alike in it and fail nothing, so that only the rollout itself can lose any; the time after the delay stays
/// as long. `None` if the rollout does not end within the run.
pub fn smallest_delay(scenario: &Scenario) -> Option<Delay> {
    let healthy = healthy(scenario)?;
    let shutdown = healthy.fleet.shutdown;
    let rest = Span::from_nanos(shutdown.drain.nanos() - shutdown.delay.nanos());
    let base = lost(&sim::run(&healthy, "stay", None));
    let run = |steps: u32| {
        let mut tried = healthy.clone();
        tried.fleet.shutdown.delay = times(DELAY_STEP, steps);
        tried.fleet.shutdown.drain = tried.fleet.shutdown.delay + rest;
        sim::run(&tried, "delay", Some(&healthy.strategies[0].strategy))
    };
    let most = (DELAY_MAX.nanos() / DELAY_STEP.nanos()) as u32;
    if let Some(steps) = least(most, |steps| lost(&run(steps)) <= base) {
        return Some(Delay { found: Found::Least(times(DELAY_STEP, steps)), loses_others: false });
    }
    // Requests are lost that no delay saves: then at least none is to meet an instance on its way out.
    let found = least(most, |steps| met_no_end(&run(steps)));
    let found = found.map_or(Found::NotEven(DELAY_MAX), |steps| Found::Least(times(DELAY_STEP, steps)));
    Some(Delay { found, loses_others: true })
}

/// The smallest surge, in instances, for which the rollout of a healthy version overloads nothing that `stay` does not.
/// `None` for a strategy without a surge, or whose rollout does not end within the run.
pub fn smallest_surge(scenario: &Scenario) -> Option<Found<u32>> {
    let healthy = healthy(scenario)?;
    let size = healthy.fleet.size;
    with_surge(&healthy.strategies[0].strategy, 0)?;
    let base = overload(&sim::run(&healthy, "stay", None));
    let enough = |surge: u32| {
        let strategy = with_surge(&healthy.strategies[0].strategy, surge).expect("it was asked above");
        overload(&sim::run(&healthy, "surge", Some(&strategy))) <= base
    };
    Some(least(size, enough).map_or(Found::NotEven(size), Found::Least))
}

/// The smallest number from 0 to `most` that is enough, if more is never worse.
fn least(most: u32, enough: impl Fn(u32) -> bool) -> Option<u32> {
    if !enough(most) {
        return None;
    }
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}

fn times(step: Span, count: u32) -> Span {
    Span::from_nanos(step.nanos() * u64::from(count))
}

fn lost(run: &StrategyForecast) -> f64 {
    run.metrics.failed_requests.unwrap_or(0.0)
}

fn met_no_end(run: &StrategyForecast) -> bool {
    let none = |metric: Option<f64>| metric.unwrap_or(0.0) == 0.0;
    none(run.metrics.refused_by_stopping) && none(run.metrics.dropped_in_flight)
}

fn overload(run: &StrategyForecast) -> f64 {
    run.metrics.overload_s.unwrap_or(0.0)
}

/// The scenario with a new version that behaves as the old one, and without a gate that could stop its rollout.
fn healthy(scenario: &Scenario) -> Option<Scenario> {
    let rollout = scenario.rollout?;
    let mut healthy = scenario.clone();
    let like = healthy.versions[rollout.from.index()].clone();
    let new = &mut healthy.versions[rollout.to.index()];
    *new = crate::scenario::plan::Version { name: new.name.clone(), ..like };
    for version in &mut healthy.versions {
        version.errors.rate = Share::NONE;
    }
    healthy.strategies.truncate(1);
    without_gate(&mut healthy.strategies.first_mut()?.strategy);
    healthy.horizon = horizon(&healthy)?;
    Some(healthy)
}

/// Until the rollout has long settled: what comes later is of no interest.
fn horizon(scenario: &Scenario) -> Option<Span> {
    let rollout = scenario.rollout?;
    let run = sim::run(scenario, "length", Some(&scenario.strategies[0].strategy));
    let lasts = Span::from_seconds(run.metrics.rollout_s?).scaled(1.5);
    let until = rollout.at.since(Moment::START) + lasts + DELAY_MAX + scenario.fleet.shutdown.drain;
    Some(until.min(scenario.horizon))
}

fn without_gate(strategy: &mut Strategy) {
    let gate: Option<&mut Option<Gate>> = match strategy {
        Strategy::Recreate(recreate) => Some(&mut recreate.gate),
        Strategy::Rolling(rolling) => Some(&mut rolling.gate),
        Strategy::BlueGreen(blue_green) => Some(&mut blue_green.gate),
        Strategy::Canary(canary) => Some(&mut canary.gate),
        Strategy::AbTest(test) => Some(&mut test.gate),
        Strategy::Shadow(shadow) => Some(&mut shadow.gate),
        Strategy::FeatureFlag(flag) => Some(&mut flag.gate),
        Strategy::Flagger(_) => None,
    };
    if let Some(gate) = gate {
        *gate = None;
    }
}

fn with_surge(strategy: &Strategy, surge: u32) -> Option<Strategy> {
    let mut strategy = strategy.clone();
    let Strategy::Rolling(rolling) = &mut strategy else { return None };
    let Pace::Surge(limits) = &mut rolling.pace else { return None };
    *limits = Surge { surge: Amount::Count(surge), ..*limits };
    Some(strategy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_found_by_halving() {
        for answer in 0..=20 {
            assert_eq!(least(20, |tried| tried >= answer), Some(answer));
        }
        assert_eq!(least(20, |_| false), None);
    }
}
