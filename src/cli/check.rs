//! `rollcast check FILE…`

use crate::cli::args::Check;
use crate::cli::{Failure, screen};
use crate::scenario::{Loaded, load};

/// Checks every file, says what each holds, and fails if there is a problem in any.
///
/// # Errors
/// All problems of all files.
pub fn run(arguments: &Check) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for file in &arguments.files {
        match load(file) {
            Ok(loaded) => screen::print(&format!("{}: {}\n", file.display(), summary(&loaded)))?,
            Err(problems) => wrong.push(problems.to_string()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

fn summary(loaded: &Loaded) -> String {
    let scenario = &loaded.scenario;
    let names: Vec<&str> = scenario.strategies.iter().map(|named| named.name.as_str()).collect();
    let strategies = if names.is_empty() { "no rollout".to_owned() } else { names.join(", ") };
    format!(
        "ok: {} on {} instances for {}, seed {}: {strategies}",
        scenario.name, scenario.fleet.size, scenario.horizon, scenario.seed.0
    )
}
