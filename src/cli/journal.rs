//! Journals as files: a head of comment lines with the scenario, then one CSV row for each question and its answer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::Failure;
use crate::core::journal::{Record, Witness};
use crate::scenario::{Loaded, replication};
use crate::sim;

/// The first line of every journal; a new number when its shape changes.
pub const MARK: &str = "# rollcast.journal/1";

/// The names of the columns.
pub const COLUMNS: [&str; 5] = ["run", "at_ns", "unit", "question", "answer"];

type Sheet = csv::Writer<BufWriter<File>>;

/// A journal that is being written, by one run after the other or by several at once.
pub struct Journal {
    book: Arc<Mutex<Book>>,
    path: PathBuf,
}

/// What is being written, and the first thing that went wrong.
struct Book {
    sheet: Sheet,
    failed: Option<csv::Error>,
}

impl Journal {
    /// Begins a journal with the scenario as its head.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn begin(loaded: &Loaded, path: &Path) -> Result<Journal, Failure> {
        let sheet = begin(loaded, path).map_err(|error| cannot(path, &error))?;
        Ok(Journal { book: Arc::new(Mutex::new(Book { sheet, failed: None })), path: path.to_owned() })
    }

    /// Writes each record as a row of the run `name`, until something goes wrong.
    pub fn witness(&self, name: &str) -> Witness {
        let (book, name) = (Arc::clone(&self.book), name.to_owned());
        Arc::new(move |record| {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            if book.failed.is_none() {
                let written = book.sheet.write_record(row(&name, &record));
                book.failed = written.err();
            }
        })
    }

    /// Nothing is left unwritten.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn finish(self) -> Result<(), Failure> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = book.sheet.flush();
        match book.failed.take() {
            Some(error) => Err(cannot(&self.path, &error)),
            None => flushed.map_err(|error| cannot(&self.path, &error)),
        }
    }
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Nothing(format!("{}: cannot be written: {error}", path.display()))
}

/// Runs the scenario's first replication once more, one strategy after the other, and writes what the scheduler was asked.
///
/// # Errors
/// A file that cannot be written.
pub fn write(loaded: &Loaded, path: &Path) -> Result<(), Failure> {
    let journal = Journal::begin(loaded, path)?;
    let (scenario, _) = replication(&loaded.scenario, 0);
    for (name, strategy) in sim::runs(&scenario) {
        sim::run_witnessed(&scenario, name, strategy, journal.witness(name));
    }
    journal.finish()
}

fn begin(loaded: &Loaded, path: &Path) -> io::Result<Sheet> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "{MARK}")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for line in loaded.run_yaml(folder).lines() {
        writeln!(out, "# {line}")?;
    }
    let mut sheet = csv::Writer::from_writer(out);
    sheet.write_record(COLUMNS)?;
    Ok(sheet)
}

fn row(run: &str, record: &Record) -> [String; 5] {
    let json = |value: serde_json::Result<String>| value.expect("plain values are JSON");
    [
        run.to_owned(),
        record.at.nanos().to_string(),
        json(serde_json::to_string(&record.unit)),
        json(serde_json::to_string(&record.question)),
        json(serde_json::to_string(&record.answer)),
    ]
}

/// The record in a row, with the run it belongs to; `None` if it is not whole.
pub fn read(row: &csv::StringRecord) -> Option<(&str, Record)> {
    let [run, at, unit, question, answer] = [0, 1, 2, 3, 4].map(|column| row.get(column));
    let record = Record {
        at: crate::core::time::Moment::from_nanos(at?.parse().ok()?),
        unit: serde_json::from_str(unit?).ok()?,
        question: serde_json::from_str(question?).ok()?,
        answer: serde_json::from_str(answer?).ok()?,
    };
    Some((run?, record))
}
