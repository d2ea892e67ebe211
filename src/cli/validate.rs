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
    use crate::measure::claim::Finding;
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
        let program = arguments.against.map(program);
        let mut scenario = loaded.scenario;
        let replaced = program.and_then(|program| own_rule(&mut scenario, program));
        let scenario = &scenario;
        refuse(arguments, scenario, program)?;
        if let Some(program) = program.filter(|program| program.path().is_none()) {
            eprintln!("rollcast: skipped: {} is not installed", program.name());
            return Ok(());
        }
        interrupt::listen();
        let (findings, stacks) = compare(scenario, arguments, program)?;
        let whose = program.map_or("rollcast", Program::name);
        let text = if arguments.json {
            validation::json(&findings, whose, arguments.repetitions, mean_of(&stacks))
        } else {
            validation::text(&findings, &head(program, &stacks, replaced))
        };
        screen::print(&text)?;
        match findings.finding() {
            Finding::Holds => Ok(()),
            Finding::Open => Err(Failure::Undecided),
            Finding::Fails => Err(Failure::Gate("real traffic differs from the forecast by more than is tolerated")),
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

    /// A scenario that names a rule by its kind gets the program's own of that kind; says which.
    fn own_rule(scenario: &mut Scenario, program: Program) -> Option<&'static str> {
        let (rule, name) = program.own_rule(&scenario.proxies.policy.balancer)?;
        scenario.proxies.policy.balancer = rule;
        Some(name)
    }

    fn head(program: Option<Program>, stacks: &[Stack], replaced: Option<&str>) -> String {
        let whose = program.map_or_else(String::new, |program| format!(" with the real {}", program.name()));
        let hops = stacks.iter().map(|stack| stack.hop);
        let [least, most] = [hops.clone().min(), hops.max()].map(|hop| hop.unwrap_or_default().millis());
        let [_, reload] = mean_of(stacks).map(Span::millis);
        let mut text = format!(
            "{} repetitions{whose}; before each the stack of this machine added {least:.2} to {most:.2} ms each way,\n\
             which the simulator takes into account.",
            stacks.len(),
        );
        let Some(name) = program.map(Program::name) else { return text };
        text +=
            &format!("\nA reload of {name} takes {reload:.0} ms, and begins so much earlier than its change is due.");
        if let Some(rule) = replaced {
            text += &format!("\nBoth columns balance by {name}'s own {rule}.");
        }
        text
    }

    /// The means of what was measured: the hop, the reload.
    fn mean_of(stacks: &[Stack]) -> [Span; 2] {
        let mean = |of: fn(&Stack) -> Span| {
            let sum: u64 = stacks.iter().map(|stack| of(stack).nanos()).sum();
            Span::from_nanos(sum / stacks.len().max(1) as u64)
        };
        [mean(|stack| stack.hop), mean(|stack| stack.reload)]
    }

    /// What this machine adds.
    #[derive(Clone, Copy)]
    struct Stack {
        /// To each way between a proxy and an instance.
        hop: Span,
        /// Until a change reaches the program in the place of our proxies.
        reload: Span,
    }

    /// What the sockets, the proxy and the timers add to each way between a proxy and an instance is what requests of a
    /// known service time take longer, on average, halved. Not their median: what a machine adds now and then moves the
    /// median too where service times are spread out.
    fn stack(scenario: &Scenario, program: Option<Program>) -> Result<Stack, Failure> {
        let mut known = scenario.clone();
        for version in &mut known.versions {
            version.service = Law::Constant(KNOWN);
            version.errors.rate = Share::NONE;
        }
        known.rollout = None;
        known.strategies.clear();
        known.faults.clear();
        (known.warm_up, known.horizon) = (Span::from_millis(500), Span::from_secs(3));
        if let Source::Open { spacing, segments } = &mut known.traffic.source {
            *spacing = Spacing::Even;
            for segment in segments {
                segment.lasts = segment.lasts.max(known.horizon);
            }
        }
        let (arm, reload) = live_arm(&known, "stay", None, program)?;
        let took = arm.metrics.latency_ms_mean.unwrap_or(0.0);
        let expected = (KNOWN + scenario.network.delay + scenario.network.delay).millis();
        Ok(Stack { hop: Span::from_seconds((took - expected).max(0.0) / 2_000.0), reload })
    }

    fn live_arm(
        scenario: &Scenario,
        name: &str,
        strategy: Option<&Strategy>,
        program: Option<Program>,
    ) -> Result<(Arm, Span), Failure> {
        let measured = match program {
            None => live::run(scenario, strategy, None),
            Some(program) => live::run_against(program, scenario, strategy),
        };
        let measured = measured.map_err(|error| Failure::Nothing(format!("the live run of {name}: {error}")))?;
        let (taken, reload) = (measured.taken, measured.reload);
        let forecast = sim::measured(scenario, name, measured.meter);
        Ok((Arm { metrics: forecast.metrics, phases: forecast.phases, taken }, reload))
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

    /// One repetition after the other, since a machine has busy times: each begins with a look at what it adds now.
    fn compare(
        scenario: &Scenario,
        arguments: &Validate,
        program: Option<Program>,
    ) -> Result<(Findings, Vec<Stack>), Failure> {
        // Whether the version that runs is forecast well says nothing more where strategies are.
        let skipped = usize::from(!scenario.strategies.is_empty());
        let runs: Vec<_> = sim::runs(scenario).into_iter().skip(skipped).collect();
        let progress = screen::Progress::new();
        progress.planned(runs.len() as u64 * u64::from(arguments.repetitions));
        let (mut stacks, mut pairs) = (Vec::new(), vec![Vec::new(); runs.len()]);
        for repetition in 0..arguments.repetitions {
            let stack = stack(scenario, program)?;
            let mut real = scenario.clone();
            real.seed = scenario.seed.replication(repetition);
            let mut model = real.clone();
            model.network.delay = model.network.delay + stack.hop;
            for ((name, strategy), pairs) in runs.iter().zip(&mut pairs) {
                let simulated = simulated_arm(&model, name, *strategy);
                let (live, _) = live_arm(&real, name, *strategy, program)?;
                pairs.push(Pair { simulated, live });
                progress.done();
            }
            stacks.push(stack);
        }
        progress.finish();
        let tolerances = Tolerances::new(&arguments.tolerance, look(scenario).seconds());
        let without: &[&str] = if program.is_some() { &OURS_ALONE } else { &[] };
        let mut findings = Findings::default();
        for ((name, _), pairs) in runs.iter().zip(&pairs) {
            findings.add(name, pairs, &tolerances, without);
        }
        Ok((findings, stacks))
    }

    /// Between two looks at what goes on, and what a machine is late with them: phases may be as far apart.
    fn look(scenario: &Scenario) -> Span {
        const LATE: Span = Span::from_millis(50);
        let checks = scenario.proxies.policy.checks.map_or(Span::ZERO, |checks| checks.interval);
        checks.max(scenario.telemetry.scrape) + LATE
    }
}
