//! `rollcast merge FOLDER …`: the shards of a sweep, put together to the bytes of the whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::args::Merge;
use crate::cli::{Failure, interrupt, sweep};
use crate::report::folder::{self, MARK};
use crate::report::sweep::{Cell, Definition, Sweep};

/// Reads the folders of all shards and writes that of the whole.
///
/// # Errors
/// Folders that are no shards, of different sweeps, twice the same, or not all; a folder that cannot be written.
pub fn run(asked: &Merge) -> Result<(), Failure> {
    let shards = read(&asked.folders)?;
    let whole = Definition { shard: None, ..shards[0].1.definition.clone() };
    folder::check(&asked.output, &sweep::folder_name(&whole))?;
    interrupt::listen();
    let run_yaml = fs::read_to_string(shards[0].0.join(MARK)).unwrap_or_default();
    let mut cells: Vec<Cell> = shards.iter().flat_map(|(_, shard)| shard.cells.iter().cloned()).collect();
    cells.sort_by_key(|cell| cell.cell);
    let merged = Sweep { head: shards[0].1.head.clone(), definition: whole, cells };
    sweep::write(&merged, &run_yaml, &asked.output)?;
    sweep::answer(&merged, asked.width)
}

/// All problems of all folders at once, or every shard.
fn read(folders: &[PathBuf]) -> Result<Vec<(&Path, Sweep)>, Failure> {
    let mut problems = Vec::new();
    let mut shards: Vec<(&Path, Sweep)> = Vec::new();
    for path in folders {
        match sweep::read(path) {
            Err(text) => problems.push(format!("{}: cannot be read as a shard of a sweep: {text}", path.display())),
            Ok(found) if found.definition.shard.is_none() => {
                problems.push(format!("{}: is a whole sweep, expected one made with --shard", path.display()));
            }
            Ok(found) => shards.push((path, found)),
        }
    }
    for (path, shard) in &shards {
        if !shard.cells.iter().map(|cell| cell.cell).eq(shard.definition.cells()) {
            problems.push(format!("{}: sweep.csv does not have the cells of its shard", path.display()));
        }
    }
    if let Some(((first, one), rest)) = shards.split_first() {
        problems.extend(rest.iter().filter_map(|(path, other)| differ((first, one), (path, other))));
        problems.extend(incomplete(&shards));
    }
    if problems.is_empty() { Ok(shards) } else { Err(Failure::Usage(problems.join("\n"))) }
}

/// Why two shards do not belong together.
fn differ((first, one): (&Path, &Sweep), (path, other): (&Path, &Sweep)) -> Option<String> {
    let (a, b) = (&one.definition, &other.definition);
    let paths = |axes: &Definition| {
        let axes = axes.axes.iter().map(|axis| format!("{}={}", axis.path, axis.values.join(",")));
        axes.collect::<Vec<_>>().join(" ")
    };
    let of = |definition: &Definition| definition.shard.map_or(0, |shard| shard.of).to_string();
    let pairs = [
        ("version", a.version.clone(), b.version.clone()),
        ("scenario", a.scenario.clone(), b.scenario.clone()),
        ("seed", a.seed.to_string(), b.seed.to_string()),
        ("contents of the scenario", a.digest.clone(), b.digest.clone()),
        ("axes", paths(a), paths(b)),
        ("replications", a.replications.clone(), b.replications.clone()),
        ("metric", a.metric.clone(), b.metric.clone()),
        ("number of shards", of(a), of(b)),
        ("columns", one.head.join(","), other.head.join(",")),
    ];
    let (what, a, b) = pairs.into_iter().find(|(_, a, b)| a != b)?;
    Some(format!("{} and {} are shards of different sweeps: {what} {a} and {b}", first.display(), path.display()))
}

/// A shard that is there twice, or those that are missing.
fn incomplete(shards: &[(&Path, Sweep)]) -> Vec<String> {
    let numbers: Vec<_> = shards.iter().filter_map(|(path, shard)| Some((shard.definition.shard?, *path))).collect();
    let Some(of) = numbers.first().map(|(shard, _)| shard.of) else { return Vec::new() };
    let mut problems = Vec::new();
    for (at, (shard, path)) in numbers.iter().enumerate() {
        if let Some((_, other)) = numbers[..at].iter().find(|(other, _)| other == shard) {
            problems.push(format!("{} and {} are the same shard", other.display(), path.display()));
        }
    }
    let missing = (1..=of).filter(|number| numbers.iter().all(|(shard, _)| shard.number != *number));
    let missing: Vec<String> = missing.map(|number| format!("{number}/{of}")).collect();
    if !missing.is_empty() {
        problems.push(format!("missing shards: {}", missing.join(", ")));
    }
    problems
}
