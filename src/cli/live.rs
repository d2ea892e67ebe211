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
    use crate::sim::{self, Watch};

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
            screen::print(&format!("live: {}\n{}\n\n", head[0], head[1]))?;
        }
        let forecast = results::measured(forecast(&loaded, arguments, &head)?)?;
        screen::print(&results::answer(&forecast, asked))?;
        results::write(&forecast, &loaded, asked, &name)
    }

    /// What the reader must know before anything else, in two lines.
    fn head(loaded: &Loaded, speed: f64) -> [String; 2] {
        let scenario = &loaded.scenario;
        let count = sim::runs(scenario).len() as u64;
        let runs = if count == 1 { "one run".to_owned() } else { format!("{count} runs, one after the other,") };
        let whole = Span::from_nanos(scenario.horizon.nanos() * count);
        let live = format!("real HTTP on this machine: {runs} of {}, {whole} of wall clock in all", scenario.horizon);
        let scaled = if speed > 1.0 {
            format!("divided by {speed}: {SCALED}; not: what requests take, their time-outs, checks and rate")
        } else {
            "nothing is scaled".to_owned()
        };
        [live, scaled]
    }

    fn forecast(loaded: &Loaded, arguments: &Live, head: &[String; 2]) -> Result<Forecast, Failure> {
        let scenario = &loaded.scenario;
        let journal = arguments.results.journal.as_deref().map(|path| Journal::begin(loaded, path)).transpose()?;
        let runs = sim::runs(scenario);
        let progress = screen::Progress::new();
        progress.planned(runs.len() as u64);
        let (mut meters, mut latest) = (Vec::new(), Span::ZERO);
        for (name, strategy) in runs {
            let witness = journal.as_ref().map(|journal| journal.witness(name));
            let measured = live::run(scenario, strategy, witness);
            let measured = measured.map_err(|error| Failure::Nothing(format!("the live run of {name}: {error}")))?;
            latest = latest.max(measured.latest);
            meters.push(measured.meter);
            progress.done();
        }
        progress.finish();
        journal.map_or(Ok(()), Journal::finish)?;
        let late = format!(
            "latencies begin when a request was due, not when it was sent, which was up to {:.1} ms later",
            latest.millis()
        );
        let [live, scaled] = head.clone();
        let notes = [("live", live), ("live-scaled", scaled), ("live-load", late)];
        let notes = notes.map(|(id, text)| Note { id: id.to_owned(), text });
        Ok(sim::summary(scenario, meters, notes.into()))
    }
}
