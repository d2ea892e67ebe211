//! `rollcast validate SCENARIO`

use crate::cli::Failure;
use crate::cli::args::Validate;

/// Says how to get what this build does not have.
///
/// # Errors
/// Always.
#[cfg(not(feature = "live"))]
pub fn run(arguments: &Validate) -> Result<(), Failure> {
    Err(Failure::Usage(format!(
        "this rollcast was built without real HTTP (the feature `live`, which needs cmake); build it with it:\n  cargo run --release --features live -- validate {}",
        arguments.scenario.display()
    )))
}

#[cfg(feature = "live")]
pub use real::run;

#[cfg(feature = "live")]
mod real {
    use super::{Failure, Validate};
    use crate::cli::{interrupt, results, screen};
    use crate::core::amount::Share;
    use crate::core::time::Span;
    use crate::live;
    use crate::measure::metric::Metrics;
    use crate::report::validation::{self, Line};
    use crate::scenario::plan::{Law, Scenario, Source, Spacing};
    use crate::sim::{self, Watch};

    /// Service time while the stack is measured.
    const KNOWN: Span = Span::from_millis(2);

    /// Runs the simulator and the live system on the same scenario, several times, and compares metric by metric.
    ///
    /// # Errors
    /// As for `live`; or a difference beyond what is tolerated.
    pub fn run(arguments: &Validate) -> Result<(), Failure> {
        let loaded = results::load(&arguments.scenario, &arguments.overrides, None)?;
        let loaded = loaded.sped_up(arguments.speed).map_err(Failure::Scenario)?;
        let scenario = &loaded.scenario;
        let refusals = live::refusals(scenario);
        if !refusals.is_empty() {
            let (list, path) = (refusals.join("\n  "), arguments.scenario.display());
            return Err(Failure::Usage(format!(
                "{path}: a live run cannot do this, so that nothing can be compared:\n  {list}"
            )));
        }
        interrupt::listen();
        let hop = hop_delay(scenario)?;
        let lines = compare(scenario, arguments, hop)?;
        let text = if arguments.json {
            validation::json(&lines, arguments.repetitions, hop.millis())
        } else {
            let head = format!(
                "{} repetitions; the stack of this machine adds {:.2} ms each way, which the simulator takes into account.",
                arguments.repetitions,
                hop.millis()
            );
            validation::text(&lines, &head)
        };
        screen::print(&text)?;
        if lines.iter().any(Line::exceeds) {
            Err(Failure::Gate("real traffic differs from the forecast by more than is tolerated"))
        } else {
            Ok(())
        }
    }

    /// What the sockets, the proxy and the timers of this machine add to each way between a proxy and an instance: the
    /// median of what requests of a known service time take longer, halved.
    fn hop_delay(scenario: &Scenario) -> Result<Span, Failure> {
        let mut known = scenario.clone();
        for version in &mut known.versions {
            version.service = Law::Constant(KNOWN);
            version.errors.rate = Share::NONE;
        }
        known.rollout = None;
        known.strategies.clear();
        (known.warm_up, known.horizon) = (Span::from_secs(1), Span::from_secs(4));
        if let Source::Open { spacing, segments } = &mut known.traffic.source {
            *spacing = Spacing::Even;
            for segment in segments {
                segment.lasts = segment.lasts.max(known.horizon);
            }
        }
        let took = live_metrics(&known, "stay", None)?.latency_ms_p50.unwrap_or(0.0);
        let expected = (KNOWN + scenario.network.delay + scenario.network.delay).millis();
        Ok(Span::from_seconds((took - expected).max(0.0) / 2_000.0))
    }

    fn live_metrics(
        scenario: &Scenario,
        name: &str,
        strategy: Option<&crate::core::rollout::Strategy>,
    ) -> Result<Metrics, Failure> {
        let measured = live::run(scenario, strategy, None);
        let measured = measured.map_err(|error| Failure::Nothing(format!("the live run of {name}: {error}")))?;
        Ok(sim::measured(scenario, name, measured.meter).metrics)
    }

    fn compare(scenario: &Scenario, arguments: &Validate, hop: Span) -> Result<Vec<Line>, Failure> {
        let runs = sim::runs(scenario);
        let progress = screen::Progress::new();
        progress.planned(runs.len() as u64 * u64::from(arguments.repetitions));
        let mut lines = Vec::new();
        for (name, strategy) in runs {
            let mut pairs = Vec::new();
            for repetition in 0..arguments.repetitions {
                let mut real = scenario.clone();
                real.seed = scenario.seed.replication(repetition);
                let mut model = real.clone();
                model.network.delay = model.network.delay + hop;
                pairs.push((sim::run(&model, name, strategy).metrics, live_metrics(&real, name, strategy)?));
                progress.done();
            }
            lines.extend(validation::compare(name, &pairs, arguments.tolerance));
        }
        progress.finish();
        Ok(lines)
    }
}
