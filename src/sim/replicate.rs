//! All strategies of a scenario, side by side, against the same traffic.

use crate::core::ids::VersionId;
use crate::core::journal::Witness;
use crate::core::rollout::Strategy;
use crate::core::time::Moment;
use crate::measure::forecast::{Forecast, Note, StrategyForecast};
use crate::measure::meter::Meter;
use crate::measure::note;
use crate::measure::summary::{Terms, summarise};
use crate::scenario::plan::Scenario;
use crate::scenario::{remarks, runs};
use crate::sim::notes;
use crate::sim::world::World;
use rayon::prelude::*;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Runs `scenario` under `strategy`; `None` stays with the running version.
pub fn run(scenario: &Scenario, name: &str, strategy: Option<&Strategy>) -> StrategyForecast {
    run_and_note(scenario, name, strategy, None).0
}

/// The same, and `witness` is told of every question to the core.
pub fn run_witnessed(
    scenario: &Scenario,
    name: &str,
    strategy: Option<&Strategy>,
    witness: Witness,
) -> StrategyForecast {
    run_and_note(scenario, name, strategy, Some(witness)).0
}

fn run_and_note(
    scenario: &Scenario,
    name: &str,
    strategy: Option<&Strategy>,
    witness: Option<Witness>,
) -> (StrategyForecast, Vec<Note>) {
    let world = World::new(scenario, strategy, witness).run();
    let findings = notes::findings(name, &world);
    (summarise(name, world.meter, &terms(scenario)), findings)
}

/// Runs `stay` and every strategy of `scenario`, and takes differences to `stay`. `done` is called after each run, from
/// any thread.
pub fn forecast(scenario: &Scenario, done: impl Fn() + Sync) -> Forecast {
    let runs = runs(scenario);
    let (strategies, findings): (Vec<StrategyForecast>, Vec<Vec<Note>>) = runs
        .into_par_iter()
        .map(|(name, strategy)| {
            let result = run_and_note(scenario, name, strategy, None);
            done();
            result
        })
        .unzip();
    assemble(scenario, strategies, findings.into_iter().flatten().collect())
}

/// The forecast from what another driver measured, `stay` first and one strategy after the other.
pub fn summary(scenario: &Scenario, meters: Vec<Meter>, findings: Vec<Note>) -> Forecast {
    let runs = runs(scenario).into_iter().zip(meters);
    let strategies = runs.map(|((name, _), meter)| summarise(name, meter, &terms(scenario))).collect();
    assemble(scenario, strategies, findings)
}

/// What another driver measured of one run.
pub fn measured(scenario: &Scenario, name: &str, meter: Meter) -> StrategyForecast {
    summarise(name, meter, &terms(scenario))
}

fn assemble(scenario: &Scenario, mut strategies: Vec<StrategyForecast>, findings: Vec<Note>) -> Forecast {
    let cost_of_stay = strategies[0].metrics.cost;
    for strategy in &mut strategies {
        let metrics = &mut strategy.metrics;
        metrics.extra_cost = metrics.cost.zip(cost_of_stay).map(|(cost, stay)| cost - stay);
    }
    let name = |id: VersionId| scenario.versions[id.index()].name.clone();
    let mut forecast = Forecast {
        scenario: scenario.name.clone(),
        seed: scenario.seed.0,
        objective: scenario.slo.objective.objective.value(),
        window_days: scenario.slo.objective.window.seconds() / SECONDS_PER_DAY,
        currency: scenario.fleet.price.currency.clone(),
        warm_up_s: scenario.warm_up.seconds(),
        horizon_s: scenario.horizon.seconds(),
        rollout_at_s: scenario.rollout.map(|rollout| rollout.at.seconds()),
        old_version: name(scenario.running),
        new_version: scenario.rollout.map(|rollout| name(rollout.to)),
        notes: notes::notes(scenario, &strategies),
        strategies,
    };
    let limits = note::notes(&forecast, scenario.slo.objective.requests.is_some());
    let manifests = remarks(scenario).into_iter().map(|(id, text)| Note { id: id.to_owned(), text });
    forecast.notes.extend(manifests.chain(findings).chain(limits));
    forecast
}

fn terms(scenario: &Scenario) -> Terms {
    Terms {
        objective: scenario.slo.objective,
        down_share: scenario.slo.downtime.share.value(),
        down_slice_s: scenario.slo.downtime.slice.whole_seconds() as usize,
        price_per_hour: scenario.fleet.price.per_hour,
        bad_request_price: scenario.slo.bad_request_price,
        end: Moment::START + scenario.horizon,
    }
}
