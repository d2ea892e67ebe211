//! `rollcast export --to TARGET SCENARIO`

use crate::cli::args::Export;
use crate::cli::{Failure, screen};
use crate::manifest::{Pod, Target, export};
use crate::scenario::load;
use crate::scenario::plan::{Named, Scenario};

/// Prints a strategy of a scenario as the manifest of a real controller; what it cannot say goes to standard error.
///
/// # Errors
/// A scenario with problems, no such strategy, or one that the controller has nothing like.
pub fn run(arguments: &Export) -> Result<(), Failure> {
    let loaded = load(&arguments.scenario).map_err(Failure::Scenario)?;
    let scenario = &loaded.scenario;
    let named = chosen(scenario, arguments.strategy.as_deref())?;
    let found = Target::ALL.into_iter().find(|(word, _)| *word == arguments.to);
    let (_, target) = found.expect("clap allows the words of the targets only");
    let exported = export(&named.strategy, &pod(scenario, named), &scenario.name, target);
    let exported = exported.map_err(|refusal| Failure::Usage(format!("{}: {refusal}", named.name)))?;
    for note in &exported.notes {
        eprintln!("{}: {note}", named.name);
    }
    screen::print(&exported.text)?;
    Ok(())
}

/// The strategy of that name, or the only one.
pub(super) fn chosen<'a>(scenario: &'a Scenario, name: Option<&str>) -> Result<&'a Named, Failure> {
    let names: Vec<&str> = scenario.strategies.iter().map(|named| named.name.as_str()).collect();
    let (found, asked) = match (name, scenario.strategies.as_slice()) {
        (Some(name), all) => (all.iter().find(|named| named.name == name), format!("'{name}'")),
        (None, [only]) => (Some(only), String::new()),
        (None, _) => (None, "none".to_owned()),
    };
    found.ok_or_else(|| Failure::Usage(format!("--strategy: found {asked}, expected one of: {}", names.join(", "))))
}

/// What the fleet says of its instances, as a manifest puts it.
fn pod(scenario: &Scenario, named: &Named) -> Pod {
    let fleet = &scenario.fleet;
    Pod {
        replicas: Some(fleet.size),
        min_ready: Some(fleet.min_ready),
        progress_deadline: scenario.rollout.map(|rollout| rollout.progress_deadline),
        grace: Some(fleet.shutdown.drain),
        pre_stop: Some(fleet.shutdown.delay).filter(|delay| !delay.is_zero()),
        readiness: named.manifest.as_ref().and_then(|manifest| manifest.pod.readiness),
    }
}
