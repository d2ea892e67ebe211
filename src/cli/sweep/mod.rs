//! `rollcast sweep SCENARIO --vary PATH=VALUES …`

mod axis;
mod partial;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use xxhash_rust::xxh64::xxh64;

use self::partial::Partial;
use crate::cli::args::Sweep as Asked;
use crate::cli::screen::Progress;
use crate::cli::{Failure, compare, interrupt, results, screen};
use crate::measure::replications::Series;
use crate::report::folder;
use crate::report::sweep::{Axis, Cell, Definition, SCHEMA, Sweep, terminal};
use crate::scenario::{Loaded, load_varied};
use crate::sim::{self, Watch as _};

/// A sweep of more cells has to be confirmed.
const CELLS_MAX: u64 = 10_000;

/// Problems of different cells that are shown.
const PROBLEMS_MAX: usize = 20;

/// Runs every cell that is not finished yet, prints the answer and writes the folder of results.
///
/// # Errors
/// Axes or cells with problems, a folder that cannot be written, or an interrupt.
pub fn run(asked: &Asked) -> Result<(), Failure> {
    let base = results::load(&asked.scenario, &asked.set, asked.seed.as_deref())?;
    let definition = define(asked, &base)?;
    check(asked, &definition)?;
    let name = folder_name(&definition);
    folder::check(&asked.output, &name)?;
    interrupt::listen();
    let sweep = match finished(&asked.output.join(&name), &definition) {
        Some(sweep) => sweep,
        None => run_cells(asked, &base, &definition, &name)?,
    };
    answer(&sweep, asked.width)
}

/// Prints the answer of a sweep.
///
/// # Errors
/// Standard output that cannot be written to.
pub fn answer(sweep: &Sweep, width: Option<u16>) -> Result<(), Failure> {
    let width = width.map_or_else(screen::width, usize::from);
    Ok(screen::print(&terminal(sweep, width))?)
}

/// The folder of results; shards stand beside the whole.
pub fn folder_name(definition: &Definition) -> String {
    let shard = definition.shard.map_or(String::new(), |shard| format!("-{}-of-{}", shard.number, shard.of));
    format!("{}-{}-sweep{shard}", definition.scenario, definition.seed)
}

fn define(asked: &Asked, base: &Loaded) -> Result<Definition, Failure> {
    for (at, axis) in asked.vary.iter().enumerate() {
        if asked.vary[..at].iter().any(|other| other.path == axis.path) {
            return Err(Failure::Usage(format!("--vary {}: found two axes of this path, expected one", axis.path)));
        }
    }
    let series = compare::series(&asked.runs, &base.scenario);
    let definition = Definition {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: base.scenario.name.clone(),
        seed: base.scenario.seed.0,
        digest: digest(base),
        axes: asked.vary.clone(),
        replications: match series {
            Series::Fixed(count) => count.to_string(),
            Series::Until(until) => {
                format!("until {} is known to ±{} %, at most {}", asked.runs.metric, 100.0 * until.relative, until.max)
            }
        },
        metric: asked.show.clone(),
        shard: asked.shard,
    };
    match definition.count() {
        Some(count) if count <= CELLS_MAX || asked.yes => Ok(definition),
        count => {
            let count = count.map_or("more cells than can be counted".to_owned(), |count| format!("{count} cells"));
            Err(Failure::Usage(format!(
                "--vary: these axes make {count}, expected at most {CELLS_MAX}, or --yes to run them"
            )))
        }
    }
}

/// The checked plan says everything that a run depends on, traces and tables included.
fn digest(base: &Loaded) -> String {
    format!("{:016x}", xxh64(format!("{:?}", base.scenario).as_bytes(), 0))
}

/// Every value of every axis alone, then every cell of this shard: whatever is wrong is said before anything runs.
fn check(asked: &Asked, definition: &Definition) -> Result<(), Failure> {
    report(definition.axes.iter().flat_map(|axis| problems_of(asked, axis)).collect())?;
    let cells: Vec<u64> = definition.cells().collect();
    report(cells.par_iter().filter_map(|&cell| load(asked, &definition.values(cell)).err()).collect())
}

/// What is wrong with the values of an axis. Where it is the same for all of them, it is the path, and is said once.
fn problems_of(asked: &Asked, axis: &Axis) -> Vec<String> {
    let found = |value: &String| load(asked, &[(&*axis.path, &**value)]).err().map(|text| (value.clone(), text));
    let problems: Vec<(String, String)> = axis.values.par_iter().filter_map(found).collect();
    let bare = |(value, text): &(String, String)| text.replace(&format!("--vary {}={value}: ", axis.path), "");
    let all_alike =
        problems.len() == axis.values.len() && problems.windows(2).all(|two| bare(&two[0]) == bare(&two[1]));
    let shown = if all_alike { 1 } else { usize::MAX };
    problems.into_iter().take(shown).map(|(_, text)| text).collect()
}

fn report(problems: Vec<String>) -> Result<(), Failure> {
    let count = problems.len();
    let mut shown: Vec<String> = Vec::new();
    for problem in problems {
        if shown.len() < PROBLEMS_MAX && !shown.contains(&problem) {
            shown.push(problem);
        }
    }
    let more = count.saturating_sub(PROBLEMS_MAX);
    if more > 0 {
        shown.push(format!("… and {more} cells more with problems"));
    }
    if shown.is_empty() { Ok(()) } else { Err(Failure::Usage(shown.join("\n"))) }
}

fn load(asked: &Asked, varied: &[(&str, &str)]) -> Result<Loaded, String> {
    let mut set: Vec<(&str, &str)> = asked.set.iter().filter_map(|text| text.split_once('=')).collect();
    set.extend(asked.seed.as_deref().map(|seed| ("seed", seed)));
    load_varied(&asked.scenario, &set, varied).map_err(|problems| problems.to_string())
}

/// The same sweep, where its folder is there already.
fn finished(folder: &Path, definition: &Definition) -> Option<Sweep> {
    let sweep = read(folder).ok()?;
    let whole = sweep.cells.iter().map(|cell| cell.cell).eq(definition.cells());
    (sweep.definition == *definition && whole).then_some(sweep)
}

/// A sweep from its folder.
///
/// # Errors
/// What is wrong with it.
pub fn read(folder: &Path) -> Result<Sweep, String> {
    let open = |name: &str| fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let definition = String::from_utf8(open("sweep.json")?).map_err(|error| format!("sweep.json: {error}"))?;
    Sweep::read(&definition, &open("sweep.csv")?)
}

fn run_cells(asked: &Asked, base: &Loaded, definition: &Definition, name: &str) -> Result<Sweep, Failure> {
    let (partial, cells) = Partial::open(&asked.output, name, definition)?;
    let mut done: BTreeMap<u64, Cell> = cells.into_iter().map(|cell| (cell.cell, cell)).collect();
    let missing: Vec<u64> = definition.cells().filter(|cell| !done.contains_key(cell)).collect();
    if !done.is_empty() {
        eprintln!("{} cells are finished already; {} are left", done.len(), missing.len());
    }
    let progress = Progress::ending_early_after(0);
    progress.planned(missing.len() as u64);
    interrupt::end_early();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(asked.threads.map_or(0, usize::from)).build();
    let pool = pool.map_err(|error| Failure::Nothing(format!("cannot start threads: {error}")))?;
    let run = |&cell: &u64| {
        progress.goes_on().then(|| {
            let cell = one(asked, definition, cell)?;
            partial.add(&cell)?;
            progress.done();
            Ok(cell)
        })
    };
    let ran: Result<Vec<Cell>, Failure> = pool.install(|| missing.par_iter().filter_map(run).collect());
    progress.finish();
    interrupt::end_at_once();
    done.extend(ran?.into_iter().map(|cell| (cell.cell, cell)));
    if interrupt::asked() {
        return Err(Failure::Paused { done: done.len(), of: definition.cells().count() });
    }
    let several = compare::series(&asked.runs, &base.scenario) != Series::Fixed(1);
    let sweep =
        Sweep { definition: definition.clone(), head: definition.head(several), cells: done.into_values().collect() };
    write(&sweep, &base.run_yaml(&asked.output.join(name)), &asked.output)?;
    partial.remove()?;
    Ok(sweep)
}

/// Writes the folder of a sweep.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(sweep: &Sweep, run_yaml: &str, output: &Path) -> Result<(), Failure> {
    let _whole = interrupt::hold();
    let written = folder::write(output, &folder_name(&sweep.definition), &sweep.files(run_yaml))?;
    eprintln!("Written to {}", written.display());
    Ok(())
}

fn one(asked: &Asked, definition: &Definition, cell: u64) -> Result<Cell, Failure> {
    let loaded = load(asked, &definition.values(cell)).map_err(Failure::Usage)?;
    let series = compare::series(&asked.runs, &loaded.scenario);
    Ok(definition.cell(cell, &sim::replicate(&loaded.scenario, &series, &())))
}
