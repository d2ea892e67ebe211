//! `rollcast compare SCENARIO`

use crate::cli::args::{Compare, Runs};
use crate::cli::screen::Progress;
use crate::cli::{Failure, gate, interrupt, journal, screen};
use crate::core::amount::Share;
use crate::measure::forecast::Forecast;
use crate::measure::metric::Metrics;
use crate::measure::replications::{Precision, Series};
use crate::report::{self, folder};
use crate::scenario::{Loaded, load_with};
use crate::sim;

/// An interrupt leaves a report of no fewer replications.
const REPORTED_MIN: u64 = 2;

/// Reads the scenario, runs every strategy, prints the answer and writes the folder of results.
///
/// # Errors
/// A scenario with problems, a folder that cannot be written, nothing to measure, or a claim that does not hold. The answer is printed before files
/// are written, so that a full disk does not lose it.
pub fn run(arguments: &Compare) -> Result<(), Failure> {
    let loaded = load(arguments)?;
    let name = format!("{}-{}", loaded.scenario.name, loaded.scenario.seed.0);
    gate::check(&arguments.claims, &loaded.scenario)?;
    if !arguments.no_files {
        folder::check(&arguments.output, &name)?;
    }
    interrupt::listen();
    let forecast = forecast(&loaded, arguments)?;
    screen::print(&answer(&forecast, arguments))?;
    if let Some(file) = &arguments.journal {
        journal::write(&loaded, file)?;
    }
    if !arguments.no_files {
        write(&forecast, &loaded, arguments, &name)?;
    }
    if interrupt::asked() {
        return Err(Failure::Interrupted(forecast.replications()));
    }
    gate::judge(&arguments.claims, &forecast, arguments.on_inconclusive)
}

fn load(arguments: &Compare) -> Result<Loaded, Failure> {
    let mut overrides = Vec::new();
    for text in &arguments.overrides {
        let pair = text.split_once('=');
        overrides.push(pair.ok_or_else(|| {
            Failure::Usage(format!("--set {text}: found no `=`, expected PATH=VALUE, e.g. fleet.size=12"))
        })?);
    }
    if let Some(seed) = &arguments.seed {
        overrides.push(("seed", seed));
    }
    load_with(&arguments.scenario, &overrides).map_err(Failure::Scenario)
}

fn forecast(loaded: &Loaded, arguments: &Compare) -> Result<Forecast, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|error| Failure::Nothing(format!("cannot start threads: {error}")))?;
    let series = series(&arguments.runs);
    let progress = match series {
        Series::Fixed(1) => Progress::new(),
        Series::Fixed(_) | Series::Until(_) => {
            Progress::ending_early_after(REPORTED_MIN * sim::runs(&loaded.scenario).len() as u64)
        }
    };
    let forecast = pool.install(|| sim::replicate(&loaded.scenario, &series, &progress));
    interrupt::end_at_once();
    progress.finish();
    let measured = forecast.strategies.iter().any(|strategy| strategy.metrics.requests != Some(0.0));
    if measured {
        Ok(forecast)
    } else {
        Err(Failure::Nothing("nothing was measured: no request settled after the warm-up".to_owned()))
    }
}

fn series(runs: &Runs) -> Series {
    let metric = Metrics::place(&runs.metric).expect("the parser takes names of the catalogue only");
    let until = |relative: Share| Precision { metric, relative: relative.value(), max: runs.max_replications };
    let fixed = Series::Fixed(runs.replications.unwrap_or(1));
    runs.precision.map_or(fixed, |relative| Series::Until(until(relative)))
}

fn answer(forecast: &Forecast, arguments: &Compare) -> String {
    if arguments.json {
        return report::json(forecast);
    }
    let width = arguments.width.map_or_else(screen::width, usize::from);
    report::terminal(forecast, width, screen::colour())
}

fn write(forecast: &Forecast, loaded: &Loaded, arguments: &Compare, name: &str) -> Result<(), Failure> {
    let run_yaml = loaded.run_yaml(&arguments.output.join(name));
    let again = match forecast.replications() {
        1 => String::new(),
        several => format!("# Replicated: --replications {several} gives the same numbers again.\n"),
    };
    let files = report::files(forecast, &(again + &run_yaml));
    let written = {
        let _whole = interrupt::hold();
        folder::write(&arguments.output, name, &files)?
    };
    if arguments.json {
        return Ok(());
    }
    let width = arguments.width.map_or_else(screen::width, usize::from);
    screen::print(&format!("\n{}", report::terminal::written(&written, &files, width)))?;
    Ok(())
}
