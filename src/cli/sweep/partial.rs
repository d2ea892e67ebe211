//! The cells that are finished while others are not: a file beside the folder of results, from which the same command goes
//! on. One line for the definition, one for each cell; a line that was cut short by the end of the process does not count.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::cli::Failure;
use crate::report::sweep::{Cell, Definition};

/// Finished cells on the disk.
pub struct Partial {
    path: PathBuf,
    file: Mutex<File>,
}

impl Partial {
    /// Opens the file of this sweep, and gives the cells that are in it.
    ///
    /// # Errors
    /// The file is of another sweep, or the disk says no.
    pub fn open(parent: &Path, name: &str, definition: &Definition) -> Result<(Partial, Vec<Cell>), Failure> {
        let path = parent.join(format!("{name}.part"));
        let cannot = |error: std::io::Error| Failure::Nothing(format!("cannot write {}: {error}", path.display()));
        fs::create_dir_all(parent).map_err(cannot)?;
        let (cells, whole) = match File::open(&path) {
            Ok(file) => read(&path, BufReader::new(file), definition)?,
            Err(_) => (Vec::new(), 0),
        };
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(cannot)?;
        // What a line that was cut short left behind goes.
        file.set_len(whole).map_err(cannot)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(cannot)?;
        if whole == 0 {
            writeln!(file, "{}", line(definition)).map_err(cannot)?;
        }
        Ok((Partial { path, file: Mutex::new(file) }, cells))
    }

    /// Adds a finished cell.
    ///
    /// # Errors
    /// The disk says no.
    pub fn add(&self, cell: &Cell) -> Result<(), Failure> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(format!("{}\n", line(cell)).as_bytes());
        written.map_err(|error| Failure::Nothing(format!("cannot write {}: {error}", self.path.display())))
    }

    /// The results are where they belong: this is no longer needed.
    ///
    /// # Errors
    /// The disk says no.
    pub fn remove(self) -> Result<(), Failure> {
        let cannot = |error| Failure::Nothing(format!("cannot remove {}: {error}", self.path.display()));
        fs::remove_file(&self.path).map_err(cannot)
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("text and numbers are JSON")
}

/// The whole cells, and the bytes up to the end of the last.
fn read(path: &Path, mut lines: impl std::io::BufRead, definition: &Definition) -> Result<(Vec<Cell>, u64), Failure> {
    let mut text = String::new();
    let (mut cells, mut whole) = (Vec::new(), 0);
    loop {
        text.clear();
        let length = lines.read_line(&mut text).unwrap_or(0);
        if length == 0 || !text.ends_with('\n') {
            return Ok((cells, whole));
        }
        if whole == 0 {
            if serde_json::from_str::<Definition>(&text).ok().as_ref() != Some(definition) {
                return Err(Failure::Usage(format!(
                    "{} holds the finished cells of another sweep (another scenario, version, axis or number of replications): \
                     finish that one, remove the file, or choose another --output",
                    path.display()
                )));
            }
        } else {
            match serde_json::from_str(&text) {
                Ok(cell) => cells.push(cell),
                Err(_) => return Ok((cells, whole)),
            }
        }
        whole += length as u64;
    }
}
