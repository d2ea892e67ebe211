//! One CSV file with a header; lines that begin with `#` are comments.

use std::io::Cursor;

use csv::{Reader, ReaderBuilder, StringRecord, Trim};

use crate::scenario::check::Check;
use crate::scenario::units::FileName;
use crate::yaml::problem::{Place, SourceKind, nearest};
use crate::yaml::tree::{KeyPath, quote};

/// A file of the wrong kind has a problem in every row; the first few tell enough.
const REFUSED_SHOWN_MAX: usize = 10;

pub(super) struct Sheet {
    source: u32,
    text: String,
    reader: Reader<Cursor<Vec<u8>>>,
    headers: Vec<String>,
    header_line: u32,
    refused: usize,
}

/// One row, with as many fields as there are headers.
pub(super) struct Row {
    pub line: u32,
    record: StringRecord,
}

impl Row {
    pub fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }
}

impl Sheet {
    /// Opens a file whose path starts at the folder of the scenario.
    pub fn open(file: &FileName, at: &KeyPath, check: &mut Check<'_>) -> Option<Sheet> {
        if check.problems.touch(at) {
            return None;
        }
        let path = check.folder.join(&file.0);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                refuse_file(file, at, &error, check);
                return None;
            }
        };
        let Ok(text) = String::from_utf8(bytes) else {
            let text = format!("found {}, which is not UTF-8, expected a CSV file", quote(&file.0));
            check.complain(&[at], text);
            return None;
        };
        let shown = path.display().to_string();
        let source = check.problems.open(&shown, &text, SourceKind::File);
        Some(Sheet::over(text, source))
    }

    fn over(text: String, source: u32) -> Sheet {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .from_reader(Cursor::new(text.clone().into_bytes()));
        // Text that is UTF-8, read from memory, with rows of any length, cannot fail.
        let headers = reader.headers().cloned().unwrap_or_default();
        let headers: Vec<String> =
            headers.iter().map(|header| header.trim_start_matches('\u{feff}').to_owned()).collect();
        let header_line = line_before(&reader, &text);
        Sheet { source, text, reader, headers, header_line, refused: 0 }
    }

    /// The column of that name, in any case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.headers.iter().position(|header| header.eq_ignore_ascii_case(name))
    }

    /// The column that the scenario names, or a problem there.
    pub fn named_column(&self, name: &FileName, at: &KeyPath, check: &mut Check<'_>) -> Option<usize> {
        let column = self.column(&name.0);
        if column.is_none() {
            let headers = self.headers.iter().map(String::as_str);
            let text = format!("found {}, expected one of the columns: {}", quote(&name.0), self.headers.join(", "));
            if let Some(problem) = check.complain(&[at], text) {
                problem.suggestion = nearest(&name.0, headers).map(str::to_owned);
            }
        }
        column
    }

    /// The next row; rows of the wrong length are noted and passed over.
    pub fn next(&mut self, check: &mut Check<'_>) -> Option<Row> {
        loop {
            let mut record = StringRecord::new();
            if !self.reader.read_record(&mut record).unwrap_or(false) {
                return None;
            }
            let line = line_before(&self.reader, &self.text);
            let found = record.len();
            if found == self.headers.len() {
                return Some(Row { line, record });
            }
            let text = format!("found {found} columns, expected {}", self.headers.len());
            self.note(line, 1, text, check);
        }
    }

    /// Notes that a field is not what it should be.
    pub fn refuse(&mut self, row: &Row, column: usize, expected: &str, check: &mut Check<'_>) {
        let found = quote(row.field(column));
        let header = self.headers[column].clone();
        let text = format!("found {found} in the column {header}, expected {expected}");
        let start: usize = (0..column).map(|before| row.field(before).chars().count() + 1).sum();
        self.note(row.line, start as u32 + 1, text, check);
    }

    pub fn refuse_header(&mut self, expected: &str, check: &mut Check<'_>) {
        let found = self.headers.join(", ");
        let text = format!("found the columns {}, expected {expected}", quote(&found));
        self.note(self.header_line, 1, text, check);
    }

    /// Says how many bad rows were not shown.
    pub fn close(self, check: &mut Check<'_>) {
        if let Some(more) = self.refused.checked_sub(REFUSED_SHOWN_MAX).filter(|more| *more > 0) {
            let place = Place { source: self.source, line: Place::AFTER_ALL, ..Place::default() };
            let text = format!("and {more} more bad rows");
            check.problems.add(place, &KeyPath::top(), text);
        }
    }

    /// Notes a problem in a line.
    pub fn note(&mut self, line: u32, column: u32, text: String, check: &mut Check<'_>) {
        self.refused += 1;
        if self.refused <= REFUSED_SHOWN_MAX {
            let place = Place { source: self.source, line, column, width: 1 };
            check.problems.add(place, &KeyPath::top(), text);
        }
    }
}

/// The line of the row that was read last. The reader's own record positions point at the comments before a row.
fn line_before(reader: &Reader<Cursor<Vec<u8>>>, text: &str) -> u32 {
    let position = reader.position();
    let end = position.byte() as usize;
    let past_newline = end > 0 && text.as_bytes().get(end - 1) == Some(&b'\n');
    position.line() as u32 - u32::from(past_newline)
}

fn refuse_file(file: &FileName, at: &KeyPath, error: &std::io::Error, check: &mut Check<'_>) {
    let path = check.folder.join(&file.0);
    let text = format!("found {}, which cannot be read: {error}", quote(&file.0));
    let suggestion = neighbour(&path).map(|name| {
        let beside = std::path::Path::new(&file.0).with_file_name(name);
        beside.display().to_string()
    });
    if let Some(problem) = check.complain(&[at], text) {
        problem.suggestion = suggestion;
    }
}

/// A file in the same folder with nearly the same name.
fn neighbour(path: &std::path::Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}
