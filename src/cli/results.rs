//! What the verbs that compare have in common: a scenario with changes, an answer, and a folder of results.

use std::path::Path;

use crate::cli::args::Results;
use crate::cli::{Failure, interrupt, screen};
use crate::measure::forecast::Forecast;
use crate::report::{self, folder};
use crate::scenario::{Loaded, load_with};

/// Reads the scenario, with the changes that were asked for.
///
/// # Errors
/// A scenario with problems, or a change that is none.
pub fn load(path: &Path, changes: &[String], seed: Option<&str>) -> Result<Loaded, Failure> {
    let mut overrides = Vec::new();
    for text in changes {
        let pair = text.split_once('=');
        overrides.push(pair.ok_or_else(|| {
            Failure::Usage(format!("--set {text}: found no `=`, expected PATH=VALUE, e.g. fleet.size=12"))
        })?);
    }
    if let Some(seed) = seed {
        overrides.push(("seed", seed));
    }
    load_with(path, &overrides).map_err(Failure::Scenario)
}

/// The name of the folder of results; looks early whether it can be written.
///
/// # Errors
/// A folder that cannot be written.
pub fn folder_name(loaded: &Loaded, suffix: &str, results: &Results) -> Result<String, Failure> {
    let name = format!("{}-{}{suffix}", loaded.scenario.name, loaded.scenario.seed.0);
    if !results.no_files {
        folder::check(&results.output, &name)?;
    }
    Ok(name)
}

/// Whether anything was measured.
///
/// # Errors
/// Nothing was.
pub fn measured(forecast: Forecast) -> Result<Forecast, Failure> {
    let measured = forecast.strategies.iter().any(|strategy| strategy.metrics.requests != Some(0.0));
    if measured {
        Ok(forecast)
    } else {
        Err(Failure::Nothing("nothing was measured: no request settled after the warm-up".to_owned()))
    }
}

/// The answer, as it was asked for.
pub fn answer(forecast: &Forecast, results: &Results) -> String {
    if results.json {
        return report::json(forecast);
    }
    let width = results.width.map_or_else(screen::width, usize::from);
    report::terminal(forecast, width, screen::colour())
}

/// Writes the folder of results, unless none was asked for.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(forecast: &Forecast, loaded: &Loaded, results: &Results, name: &str) -> Result<(), Failure> {
    if results.no_files {
        return Ok(());
    }
    let run_yaml = loaded.run_yaml(&results.output.join(name));
    let again = match forecast.replications() {
        1 => String::new(),
        several => format!("# Replicated: --replications {several} gives the same numbers again.\n"),
    };
    let files = report::files(forecast, &(again + &run_yaml));
    let written = {
        let _whole = interrupt::hold();
        folder::write(&results.output, name, &files)?
    };
    if results.json {
        return Ok(());
    }
    let width = results.width.map_or_else(screen::width, usize::from);
    screen::print(&format!("\n{}", report::terminal::written(&written, &files, width)))?;
    Ok(())
}
