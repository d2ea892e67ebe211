//! All strategies of a scenario, side by side, against the same traffic.

use crate::core::ids::VersionId;
use crate::core::journal::Witness;
use crate::core::rollout::Strategy;
use crate::core::time::Moment;
use crate::measure::forecast::{Forecast, Note, Releases, Sample, StrategyForecast};
use crate::measure::meter::Meter;
use crate::measure::note::{self, replications};
use crate::measure::replications::Series;
use crate::measure::summary::{Terms, summarise};
use crate::scenario::plan::Scenario;
use crate::scenario::{Release, remarks, replication, runs};
use crate::sim::world::World;
use crate::sim::{notes, watched};
use rayon::prelude::*;
use std::ops::Range;

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

/// Whoever waits for the runs of a comparison; called from any thread.
pub trait Watch: Sync {
    /// So many runs in all are planned by now.
    fn planned(&self, _runs: u64) {}

    /// One more run is over.
    fn done(&self) {}

    /// Whether another run may begin.
    fn goes_on(&self) -> bool {
        true
    }
}

/// Nobody waits.
impl Watch for () {}

/// Runs `stay` and every strategy of `scenario` once, and takes differences to `stay`.
pub fn forecast(scenario: &Scenario, watch: &impl Watch) -> Forecast {
    replicate(scenario, &Series::Fixed(1), watch)
}

/// Runs `stay` and every strategy of `scenario` as often as `series` asks for, or until `watch` ends it: then what was
/// run completely counts, which may be nothing. Every strategy meets the same luck in the same replication.
pub fn replicate(scenario: &Scenario, series: &Series, watch: &impl Watch) -> Forecast {
    let count = runs(scenario).len();
    let (mut firsts, mut findings) = (Vec::new(), Vec::new());
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); count];
    let mut so_far = 0;
    loop {
        let next = series.next(so_far, &samples);
        if next == so_far {
            break;
        }
        watch.planned(u64::from(next) * count as u64);
        for outcome in batch(scenario, so_far..next, watch) {
            samples[outcome.strategy].push(outcome.sample);
            if let Some((first, notes)) = outcome.first {
                firsts.push(first);
                findings.extend(notes);
            }
        }
        so_far = samples[count - 1].len() as u32;
        if so_far < next {
            break;
        }
    }
    extra_cost(&mut samples);
    firsts.truncate(if so_far == 0 { 0 } else { count });
    let mut forecast = assemble(scenario, firsts, findings);
    fold(&mut forecast, samples, so_far as usize);
    forecast.releases = drawn(scenario, so_far);
    forecast.assess();
    forecast.notes.extend(replications(&forecast, series));
    forecast
}

/// One run of one strategy.
struct Outcome {
    job: u64,
    strategy: usize,
    sample: Sample,
    /// All that is known of the first replication.
    first: Option<(StrategyForecast, Vec<Note>)>,
}

/// Jobs begin in order, so that those that were done when it ends early are the first ones.
fn batch(scenario: &Scenario, replications: Range<u32>, watch: &impl Watch) -> Vec<Outcome> {
    let runs = runs(scenario);
    let count = runs.len() as u64;
    let jobs = u64::from(replications.start) * count..u64::from(replications.end) * count;
    let mut outcomes: Vec<Outcome> = jobs
        .par_bridge()
        .filter_map(|job| {
            let (replication, strategy) = ((job / count) as u32, (job % count) as usize);
            let outcome = watch.goes_on().then(|| one(scenario, replication, runs[strategy]));
            outcome.map(|(sample, first)| {
                watch.done();
                Outcome { job, strategy, sample, first }
            })
        })
        .collect();
    outcomes.sort_by_key(|outcome| outcome.job);
    let first = u64::from(replications.start) * count;
    let whole = (first..).zip(&outcomes).take_while(|(job, outcome)| *job == outcome.job).count();
    outcomes.truncate(whole - whole % runs.len());
    outcomes
}

fn one(
    scenario: &Scenario,
    replication: u32,
    (name, strategy): (&str, Option<&Strategy>),
) -> (Sample, Option<(StrategyForecast, Vec<Note>)>) {
    let (scenario, _) = self::replication(scenario, replication);
    let (run, notes) = run_and_note(&scenario, name, strategy, None);
    let first = replication == 0;
    (Sample::of(&run), first.then_some((run, notes)))
}

/// Of every strategy, above `stay` in the same replication.
fn extra_cost(samples: &mut [Vec<Sample>]) {
    let stay: Vec<Option<f64>> = samples[0].iter().map(|sample| sample.metrics.cost).collect();
    for strategy in samples {
        for (sample, stay) in strategy.iter_mut().zip(&stay) {
            let metrics = &mut sample.metrics;
            metrics.extra_cost = metrics.cost.zip(*stay).map(|(cost, stay)| cost - stay);
        }
    }
}

/// Which releases the replications deployed.
fn drawn(scenario: &Scenario, replications: u32) -> Option<Releases> {
    let releases = scenario.releases.as_ref()?;
    let kind = |index| match replication(scenario, index).1 {
        Release::AsWritten | Release::Good => None,
        Release::Bad(kind) => Some(kind),
    };
    Some(Releases {
        bad: releases.bad.value(),
        per_week: releases.per_week,
        kinds: releases.kinds.iter().map(|kind| kind.name.clone()).collect(),
        drawn: (0..replications).map(kind).collect(),
    })
}

fn fold(forecast: &mut Forecast, samples: Vec<Vec<Sample>>, replications: usize) {
    for (strategy, mut samples) in forecast.strategies.iter_mut().zip(samples) {
        if replications > 1 {
            strategy.fold(samples);
        } else if let Some(only) = samples.pop() {
            strategy.metrics = only.metrics;
        }
    }
}

/// The forecast from what another driver measured, `stay` first and one strategy after the other.
pub fn summary(scenario: &Scenario, meters: Vec<Meter>, findings: Vec<Note>) -> Forecast {
    let runs = runs(scenario).into_iter().zip(meters);
    let strategies = runs.map(|((name, _), meter)| measured(scenario, name, meter)).collect();
    assemble(scenario, strategies, findings)
}

/// What another driver measured of one run.
pub fn measured(scenario: &Scenario, name: &str, meter: Meter) -> StrategyForecast {
    summarise(name, meter, &terms(scenario))
}

fn assemble(scenario: &Scenario, mut strategies: Vec<StrategyForecast>, findings: Vec<Note>) -> Forecast {
    let cost_of_stay = strategies.first().and_then(|stay| stay.metrics.cost);
    for strategy in &mut strategies {
        let metrics = &mut strategy.metrics;
        metrics.extra_cost = metrics.cost.zip(cost_of_stay).map(|(cost, stay)| cost - stay);
    }
    let name = |id: VersionId| scenario.versions[id.index()].name.clone();
    let promise = scenario.slo.first().objective;
    let mut forecast = Forecast {
        scenario: scenario.name.clone(),
        seed: scenario.seed.0,
        objective: promise.objective.value(),
        window_days: promise.window.seconds() / SECONDS_PER_DAY,
        currency: scenario.fleet.price.currency.clone(),
        warm_up_s: scenario.warm_up.seconds(),
        horizon_s: scenario.horizon.seconds(),
        rollout_at_s: scenario.rollout.map(|rollout| rollout.at.seconds()),
        old_version: name(scenario.running),
        new_version: scenario.rollout.map(|rollout| name(rollout.to)),
        releases: None,
        notes: notes::notes(scenario, &strategies),
        strategies,
    };
    let limits = note::notes(&forecast, promise.requests.is_some());
    let manifests = remarks(scenario).into_iter().map(|(id, text)| Note { id: id.to_owned(), text });
    forecast.notes.extend(manifests.chain(findings).chain(limits));
    forecast
}

fn terms(scenario: &Scenario) -> Terms {
    Terms {
        promises: scenario.slo.promises.clone(),
        looks: watched::looks(scenario),
        down_share: scenario.slo.downtime.share.value(),
        down_slice_s: scenario.slo.downtime.slice.whole_seconds() as usize,
        price_per_hour: scenario.fleet.price.per_hour,
        bad_request_price: scenario.slo.bad_request_price,
        end: Moment::START + scenario.horizon,
    }
}
