//! `rollcast compare SCENARIO`

use crate::cli::args::Compare;
use crate::cli::{Failure, interrupt, journal, results, screen};
use crate::measure::forecast::Forecast;
use crate::scenario::Loaded;
use crate::sim;

/// Reads the scenario, runs every strategy, prints the answer and writes the folder of results.
///
/// # Errors
/// A scenario with problems, a folder that cannot be written, or nothing to measure. The answer is printed before files
/// are written, so that a full disk does not lose it.
pub fn run(arguments: &Compare) -> Result<(), Failure> {
    let asked = &arguments.results;
    let loaded = results::load(&arguments.scenario, &asked.overrides, asked.seed.as_deref())?;
    let name = results::folder_name(&loaded, "", asked)?;
    interrupt::listen();
    let forecast = results::measured(forecast(&loaded, arguments.threads)?)?;
    screen::print(&results::answer(&forecast, asked))?;
    if let Some(file) = &asked.journal {
        journal::write(&loaded, file)?;
    }
    results::write(&forecast, &loaded, asked, &name)
}

fn forecast(loaded: &Loaded, threads: Option<u16>) -> Result<Forecast, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|error| Failure::Nothing(format!("cannot start threads: {error}")))?;
    let bar = screen::progress(loaded.scenario.strategies.len() as u64 + 1);
    let forecast = pool.install(|| sim::forecast(&loaded.scenario, || bar.inc(1)));
    bar.finish_and_clear();
    Ok(forecast)
}
