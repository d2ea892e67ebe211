//! `rollcast replay JOURNAL`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::cli::args;
use crate::cli::journal::{COLUMNS, MARK, read};
use crate::cli::{Failure, screen};
use crate::core::journal::{Mismatch, Record, Replay};
use crate::scenario::plan::Scenario;
use crate::scenario::{Loaded, parse};
use crate::sim;

/// Asks a fresh core what the journal says another one was asked.
///
/// # Errors
/// A file that is no journal, or an answer that differs: both answers are shown.
pub fn run(arguments: &args::Replay) -> Result<(), Failure> {
    let name = arguments.journal.display().to_string();
    let file = File::open(&arguments.journal);
    let mut lines = BufReader::new(file.map_err(|error| Failure::Usage(format!("{name}: cannot be read: {error}")))?);
    let loaded = head(&mut lines, &arguments.journal)?;
    let mut sheet = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(lines);
    let mut cores = Cores { scenario: &loaded.scenario, by_run: BTreeMap::new() };
    let mut same: u64 = 0;
    for row in sheet.records() {
        let Some((run, record)) = row.as_ref().ok().and_then(read) else {
            return truncated(&name, same);
        };
        cores.check(run, &record).map_err(|reason| Failure::Nothing(differs(&name, same, run, &record, &reason)))?;
        same += 1;
    }
    screen::print(&format!("{name}: {same} answers, all identical\n"))?;
    Ok(())
}

/// A journal that stops in the middle of a row, or holds something else from there on.
fn truncated(name: &str, same: u64) -> Result<(), Failure> {
    screen::print(&format!("{name}: {same} answers, all identical; the journal is cut off or damaged after them\n"))?;
    Ok(())
}

fn differs(name: &str, same: u64, run: &str, record: &Record, reason: &Mismatch) -> String {
    format!(
        "{name}: {same} answers were identical, the next is not\n  run {run}, {} s, {:?}\n  asked     {:?}\n  journal   {:?}\n  replay    {reason}",
        record.at.seconds(),
        record.unit,
        record.question,
        record.answer,
    )
}

/// The scenario in the head of a journal.
fn head(lines: &mut impl BufRead, path: &Path) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let no_journal = |found: &str| Failure::Usage(format!("{name}: found {found}, expected a journal: '{MARK}' first"));
    let mut text = String::new();
    let mut line = String::new();
    for number in 0.. {
        line.clear();
        let length = lines.read_line(&mut line).map_err(|_| no_journal("no text"))?;
        match (number, line.trim_end(), line.strip_prefix("# ")) {
            (0, MARK, _) => {}
            (0, ..) => return Err(no_journal("something else")),
            (_, _, Some(rest)) => text.push_str(rest),
            (_, "#", _) => text.push('\n'),
            (_, columns, _) if columns == COLUMNS.join(",") => break,
            _ if length == 0 => return Err(no_journal("no column names")),
            _ => return Err(no_journal("other columns")),
        }
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &format!("{name} (head)"), folder).map_err(Failure::Scenario)
}

/// A fresh core for each run of the journal.
struct Cores<'a> {
    scenario: &'a Scenario,
    by_run: BTreeMap<String, Replay>,
}

impl Cores<'_> {
    fn check(&mut self, run: &str, record: &Record) -> Result<(), Mismatch> {
        if !self.by_run.contains_key(run) {
            let runs = sim::runs(self.scenario);
            let (_, strategy) = runs.into_iter().find(|(name, _)| *name == run).ok_or(Mismatch::Nobody)?;
            self.by_run.insert(run.to_owned(), Replay::new(sim::origin(self.scenario, strategy)));
        }
        self.by_run.get_mut(run).expect("it was made just now").check(record)
    }
}
