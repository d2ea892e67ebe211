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
    use crate::cli::args::Against;
    use crate::cli::{interrupt, results, screen};
    use crate::core::amount::Share;
    use crate::core::journal::{Question, Record, Witness};
    use crate::core::proxy::Ending;
    use crate::core::rollout::Strategy;
    use crate::core::time::{Moment, Span};
    use crate::live::{self, Program};
    use crate::report::validation::{self, Arm, Findings, Pair, Tolerances};
    use crate::scenario::plan::{Law, Scenario, Source, Spacing};
    use crate::sim::{self, Watch};
    use std::sync::{Arc, Mutex, PoisonError};

    /// Service time while the stack is measured.
    const KNOWN: Span = Span::from_millis(2);

    /// What only our own proxies tell: instances see no attempt that was refused.
    const OURS_ALONE: [&str; 1] = ["retries"];

    /// Runs the simulator and the live system on the same scenario, several times, and compares metric by metric.
    ///
    /// # Errors
    /// As for `live`; or a difference beyond what is tolerated.
    pub fn run(arguments: &Validate) -> Result<(), Failure> {
        let loaded = results::load(&arguments.scenario, &arguments.overrides, None)?;
        let loaded = loaded.sped_up(arguments.speed).map_err(Failure::Scenario)?;
        let scenario = &loaded.scenario;
        let program = arguments.against.map(program);
        refuse(arguments, scenario, program)?;
        if let Some(program) = program.filter(|program| program.path().is_none()) {
            screen::print(&format!("skipped: {} is not installed\n", program.name()))?;
            return Ok(());
        }
        interrupt::listen();
        let hop = hop_delay(scenario, program)?;
        let findings = compare(scenario, arguments, program, hop)?;
        let whose = program.map_or("rollcast", Program::name);
        let text = if arguments.json {
            validation::json(&findings, whose, arguments.repetitions, hop.millis())
        } else {
            validation::text(&findings, &head(arguments.repetitions, program, hop))
        };
        screen::print(&text)?;
        if findings.holds() {
            Ok(())
        } else {
            Err(Failure::Gate("real traffic differs from the forecast by more than is tolerated"))
        }
    }

    const fn program(against: Against) -> Program {
        match against {
            Against::Nginx => Program::Nginx,
            Against::Haproxy => Program::Haproxy,
        }
    }

    fn refuse(arguments: &Validate, scenario: &Scenario, program: Option<Program>) -> Result<(), Failure> {
        let path = arguments.scenario.display();
        let live = live::refusals(scenario);
        if !live.is_empty() {
            let list = live.join("\n  ");
            return Err(Failure::Usage(format!(
                "{path}: a live run cannot do this, so that nothing can be compared:\n  {list}"
            )));
        }
        let Some(program) = program else { return Ok(()) };
        let list = program.refusals(scenario);
        if list.is_empty() {
            return Ok(());
        }
        let (name, list) = (program.name(), list.join("\n  "));
        Err(Failure::Usage(format!("{path}: {name} has no words for this, so that nothing can be compared:\n  {list}")))
    }

    fn head(repetitions: u32, program: Option<Program>, hop: Span) -> String {
        let whose = program.map_or_else(String::new, |program| format!(" with the real {}", program.name()));
        format!(
            "{repetitions} repetitions{whose}; the stack of this machine adds {:.2} ms each way, which the simulator takes into account.",
            hop.millis()
        )
    }

    /// What the sockets, the proxy and the timers of this machine add to each way between a proxy and an instance: the
    /// median of what requests of a known service time take longer, halved.
    fn hop_delay(scenario: &Scenario, program: Option<Program>) -> Result<Span, Failure> {
        let mut known = scenario.clone();
        for version in &mut known.versions {
            version.service = Law::Constant(KNOWN);
            version.errors.rate = Share::NONE;
        }
        known.rollout = None;
        known.strategies.clear();
        known.faults.clear();
        (known.warm_up, known.horizon) = (Span::from_secs(1), Span::from_secs(4));
        if let Source::Open { spacing, segments } = &mut known.traffic.source {
            *spacing = Spacing::Even;
            for segment in segments {
                segment.lasts = segment.lasts.max(known.horizon);
            }
        }
        let took = live_arm(&known, "stay", None, program)?.metrics.latency_ms_p50.unwrap_or(0.0);
        let expected = (KNOWN + scenario.network.delay + scenario.network.delay).millis();
        Ok(Span::from_seconds((took - expected).max(0.0) / 2_000.0))
    }

    fn live_arm(
        scenario: &Scenario,
        name: &str,
        strategy: Option<&Strategy>,
        program: Option<Program>,
    ) -> Result<Arm, Failure> {
        let measured = match program {
            None => live::run(scenario, strategy, None),
            Some(program) => live::run_against(program, scenario, strategy),
        };
        let measured = measured.map_err(|error| Failure::Nothing(format!("the live run of {name}: {error}")))?;
        let taken = measured.taken;
        let forecast = sim::measured(scenario, name, measured.meter);
        Ok(Arm { metrics: forecast.metrics, phases: forecast.phases, taken })
    }

    fn simulated_arm(scenario: &Scenario, name: &str, strategy: Option<&Strategy>) -> Arm {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (counts, begin) = (Arc::clone(&taken), Moment::START + scenario.warm_up);
        let witness: Witness = Arc::new(move |record: Record| {
            if let Question::Finish { pick, ending, .. } = record.question
                && ending != Ending::Refused
                && pick.at >= begin
            {
                let mut counts: std::sync::MutexGuard<'_, Vec<u64>> =
                    counts.lock().unwrap_or_else(PoisonError::into_inner);
                let place = pick.instance.index();
                if counts.len() <= place {
                    counts.resize(place + 1, 0);
                }
                counts[place] += 1;
            }
        });
        let forecast = sim::run_witnessed(scenario, name, strategy, witness);
        let taken = std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
        Arm { metrics: forecast.metrics, phases: forecast.phases, taken }
    }

    fn compare(
        scenario: &Scenario,
        arguments: &Validate,
        program: Option<Program>,
        hop: Span,
    ) -> Result<Findings, Failure> {
        // Whether the version that runs is forecast well says nothing more where strategies are.
        let skipped = usize::from(!scenario.strategies.is_empty());
        let runs: Vec<_> = sim::runs(scenario).into_iter().skip(skipped).collect();
        let progress = screen::Progress::new();
        progress.planned(runs.len() as u64 * u64::from(arguments.repetitions));
        let tolerances = Tolerances::new(&arguments.tolerance, look(scenario).seconds());
        let without: &[&str] = if program.is_some() { &OURS_ALONE } else { &[] };
        let mut findings = Findings::default();
        for (name, strategy) in runs {
            let mut pairs = Vec::new();
            for repetition in 0..arguments.repetitions {
                let mut real = scenario.clone();
                real.seed = scenario.seed.replication(repetition);
                let mut model = real.clone();
                model.network.delay = model.network.delay + hop;
                let simulated = simulated_arm(&model, name, strategy);
                pairs.push(Pair { simulated, live: live_arm(&real, name, strategy, program)? });
                progress.done();
            }
            findings.add(name, &pairs, &tolerances, without);
        }
        progress.finish();
        Ok(findings)
    }

    /// Between two looks at what goes on: phases may be as far apart.
    fn look(scenario: &Scenario) -> Span {
        let checks = scenario.proxies.policy.checks.map_or(Span::ZERO, |checks| checks.interval);
        if scenario.strategies.is_empty() { checks } else { checks.max(scenario.telemetry.scrape) }
    }
}
