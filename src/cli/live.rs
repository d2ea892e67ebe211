//! `rollcast live SCENARIO`

use crate::cli::Failure;
use crate::cli::args::Live;

/// Says how to get what this build does not have.
///
/// # Errors
/// Always.
#[cfg(not(feature = "live"))]
pub fn run(arguments: &Live) -> Result<(), Failure> {
    Err(Failure::Usage(format!(
        "this rollcast was built without real HTTP (the feature `live`, which needs cmake); build it with it:\n  cargo run --release --features live -- live {}",
        arguments.scenario.display()
    )))
}

#[cfg(feature = "live")]
pub use real::run;

#[cfg(feature = "live")]
mod real {
    use super::{Failure, Live};
    use crate::cli::journal::Journal;
    use crate::cli::{interrupt, results, screen};
    use crate::core::time::Span;
    use crate::live;
    use crate::measure::forecast::{Forecast, Note};
    use crate::scenario::{Loaded, SCALED};
    use crate::sim;

    /// Runs every strategy in wall-clock time, one after the other, and reports as `compare` does.
    ///
    /// # Errors
    /// A scenario with problems, or with something that only virtual time can do; a machine without ports or threads.
    pub fn run(arguments: &Live) -> Result<(), Failure> {
        let asked = &arguments.results;
        let loaded = results::load(&arguments.scenario, &asked.overrides, asked.seed.as_deref())?
            .sped_up(arguments.speed)
            .map_err(Failure::Scenario)?;
        let refusals = live::refusals(&loaded.scenario);
        if !refusals.is_empty() {
            let list = refusals.join("\n  ");
            let path = arguments.scenario.display();
            return Err(Failure::Usage(format!(
                "{path}: a live run cannot do this, `rollcast compare` can:\n  {list}"
            )));
        }
        let name = results::folder_name(&loaded, "-live", asked)?;
        interrupt::listen();
        let head = head(&loaded, arguments.speed);
        if !asked.json {
            screen::print(&head)?;
        }
        let forecast = results::measured(forecast(&loaded, arguments, &head)?)?;
        screen::print(&results::answer(&forecast, asked))?;
        results::write(&forecast, &loaded, asked, &name)
    }

    /// What the reader must know before anything else.
    fn head(loaded: &Loaded, speed: f64) -> String {
        let scenario = &loaded.scenario;
        let runs = sim::runs(scenario).len();
        let whole = Span::from_nanos(scenario.horizon.nanos() * runs as u64);
        let scaled = if speed > 1.0 {
            format!("{SCALED} are divided by {speed}; requests keep their times and their rate")
        } else {
            "no time is scaled".to_owned()
        };
        format!(
            "live: real HTTP on this machine, {runs} runs of {} one after the other, {whole} in all; {scaled}\n",
            scenario.horizon
        )
    }

    fn forecast(loaded: &Loaded, arguments: &Live, head: &str) -> Result<Forecast, Failure> {
        let scenario = &loaded.scenario;
        let journal = arguments.results.journal.as_deref().map(|path| Journal::begin(loaded, path)).transpose()?;
        let runs = sim::runs(scenario);
        let bar = screen::progress(runs.len() as u64);
        let (mut meters, mut latest) = (Vec::new(), Span::ZERO);
        for (name, strategy) in runs {
            let witness = journal.as_ref().map(|journal| journal.witness(name));
            let measured = live::run(scenario, strategy, witness);
            let measured = measured.map_err(|error| Failure::Nothing(format!("the live run of {name}: {error}")))?;
            latest = latest.max(measured.latest);
            meters.push(measured.meter);
            bar.inc(1);
        }
        bar.finish_and_clear();
        journal.map_or(Ok(()), Journal::finish)?;
        let kept_up =
            format!("latencies begin when a request was due; the latest was sent {:.1} ms after that", latest.millis());
        let notes = [("live", head.trim_end().to_owned()), ("live-load", kept_up)];
        let notes = notes.map(|(id, text)| Note { id: id.to_owned(), text });
        Ok(sim::summary(scenario, meters, notes.into()))
    }
}
