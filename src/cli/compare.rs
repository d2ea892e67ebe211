//! `rollcast compare SCENARIO`

use crate::cli::args::{Compare, Runs};
use crate::cli::screen::Progress;
use crate::cli::{Failure, gate, interrupt, journal, results, screen};
use crate::core::amount::Share;
use crate::measure::forecast::Forecast;
use crate::measure::metric::Metrics;
use crate::measure::replications::{Precision, Series};
use crate::scenario::Loaded;
use crate::scenario::plan::Scenario;
use crate::sim;

/// An interrupt leaves a report of no fewer replications.
const REPORTED_MIN: u64 = 2;

/// Replications of a scenario that says what releases are like, unless another number is asked for.
const RELEASES: u32 = 100;

/// Reads the scenario, runs every strategy, prints the answer and writes the folder of results.
///
/// # Errors
/// A scenario with problems, a folder that cannot be written, nothing to measure, or a claim that does not hold. The
/// answer is printed before files are written, so that a full disk does not lose it.
pub fn run(arguments: &Compare) -> Result<(), Failure> {
    let asked = &arguments.results;
    let loaded = results::load(&arguments.scenario, &asked.overrides, asked.seed.as_deref())?;
    gate::check(&arguments.claims, &loaded.scenario)?;
    let name = results::folder_name(&loaded, "", asked)?;
    interrupt::listen();
    let forecast = results::measured(forecast(&loaded, arguments)?)?;
    screen::print(&results::answer(&forecast, asked))?;
    if let Some(file) = &asked.journal {
        journal::write(&loaded, file)?;
    }
    results::write(&forecast, &loaded, asked, &name)?;
    if interrupt::asked() {
        return Err(Failure::Interrupted(forecast.replications()));
    }
    gate::judge(&arguments.claims, &forecast, arguments.on_inconclusive)
}

fn forecast(loaded: &Loaded, arguments: &Compare) -> Result<Forecast, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|error| Failure::Nothing(format!("cannot start threads: {error}")))?;
    let series = series(&arguments.runs, &loaded.scenario);
    let progress = match series {
        Series::Fixed(1) => Progress::new(),
        Series::Fixed(_) | Series::Until(_) => {
            Progress::ending_early_after(REPORTED_MIN * sim::runs(&loaded.scenario).len() as u64)
        }
    };
    let forecast = pool.install(|| sim::replicate(&loaded.scenario, &series, &progress));
    interrupt::end_at_once();
    progress.finish();
    Ok(forecast)
}

/// One run is a forecast of one release; where releases differ it takes many to say what they are like.
pub fn series(runs: &Runs, scenario: &Scenario) -> Series {
    let usual = if scenario.releases.is_some() { RELEASES } else { 1 };

    let metric = Metrics::place(&runs.metric).expect("the parser takes names of the catalogue only");
    let until = |relative: Share| Precision { metric, relative: relative.value(), max: runs.max_replications };
    let fixed = Series::Fixed(runs.replications.unwrap_or(usual));
    runs.precision.map_or(fixed, |relative| Series::Until(until(relative)))
}
