//! A scenario run over and over with some values varied: one cell for every combination, one row for every cell and
//! strategy. The table and the plot are made from those rows alone, so that shards put together give the same bytes.

mod table;

use ::csv::{ReaderBuilder, Writer};
use serde::{Deserialize, Serialize};

use crate::measure::forecast::Forecast;
use crate::report::{csv, folder, plot};

pub use table::terminal;

/// The version of the shape of `sweep.json`.
pub const SCHEMA: &str = "rollcast.sweep/1";

/// What is varied, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Tells scenarios apart that differ in anything else, their traces included.
    pub digest: String,
    /// The first varies slowest.
    pub axes: Vec<Axis>,
    /// How many replications, in words.
    pub replications: String,
    /// The metric of the table and the plot.
    pub metric: String,
    /// Which part of the cells these are; `None`: all.
    pub shard: Option<Shard>,
}

/// A value of the scenario that is varied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Where it stands, such as `fleet.size`.
    pub path: String,
    /// In their order, as YAML.
    pub values: Vec<String>,
}

/// Every `of`th cell, from the `number`th on; counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// 1 to `of`.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// The rows of one cell, one per strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its number.
    pub cell: u64,
    /// As in `sweep.csv`.
    pub rows: Vec<Vec<String>>,
}

/// A definition with its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What was varied.
    pub definition: Definition,
    /// The names of the columns.
    pub head: Vec<String>,
    /// In the order of their numbers.
    pub cells: Vec<Cell>,
}

impl Shard {
    /// Whether it runs the cell.
    pub fn has(self, cell: u64) -> bool {
        cell % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl Definition {
    /// How many cells there are in all shards; `None`: more than can be counted.
    pub fn count(&self) -> Option<u64> {
        self.axes.iter().try_fold(1_u64, |count, axis| count.checked_mul(axis.values.len() as u64))
    }

    /// The cells of this shard.
    pub fn cells(&self) -> impl Iterator<Item = u64> {
        let shard = self.shard;
        (0..self.count().unwrap_or(0)).filter(move |&cell| shard.is_none_or(|shard| shard.has(cell)))
    }

    /// The path and the value of every axis in a cell.
    pub fn values(&self, cell: u64) -> Vec<(&str, &str)> {
        let mut left = cell;
        let mut values: Vec<(&str, &str)> = Vec::new();
        for axis in self.axes.iter().rev() {
            let count = axis.values.len() as u64;
            values.push((&axis.path, &axis.values[(left % count) as usize]));
            left /= count;
        }
        values.reverse();
        values
    }

    /// The names of the columns before those of `summary.csv`.
    fn own_head(&self) -> Vec<String> {
        let paths = self.axes.iter().map(|axis| axis.path.clone());
        std::iter::once("cell".to_owned()).chain(paths).chain(["replications".to_owned()]).collect()
    }

    /// The cell with this number, from its forecast.
    pub fn cell(&self, cell: u64, forecast: &Forecast) -> Cell {
        let mut own = vec![cell.to_string()];
        own.extend(self.values(cell).into_iter().map(|(_, value)| value.to_owned()));
        own.push(forecast.replications().to_string());
        Cell { cell, rows: csv::summary_rows(forecast).map(|row| own.iter().cloned().chain(row).collect()).collect() }
    }

    /// The names of all columns; `several`: every cell has several replications.
    pub fn head(&self, several: bool) -> Vec<String> {
        self.own_head().into_iter().chain(csv::summary_head(several)).collect()
    }
}

impl Sweep {
    /// From the two files that hold all of it.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(definition: &str, rows: &[u8]) -> Result<Sweep, String> {
        let definition: Definition =
            serde_json::from_str(definition).map_err(|error| format!("sweep.json: {error}"))?;
        if definition.schema != SCHEMA {
            return Err(format!("sweep.json: found the schema {}, expected {SCHEMA}", definition.schema));
        }
        let mut reader = ReaderBuilder::new().from_reader(rows);
        let wrong = |error: ::csv::Error| format!("sweep.csv: {error}");
        let head: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        if !head.starts_with(&definition.own_head()) {
            return Err("sweep.csv: found columns that are not those of sweep.json".to_owned());
        }
        let mut cells: Vec<Cell> = Vec::new();
        for row in reader.records() {
            let row: Vec<String> = row.map_err(wrong)?.iter().map(str::to_owned).collect();
            let number =
                row[0].parse().map_err(|_| format!("sweep.csv: found '{}' as the number of a cell", row[0]))?;
            match cells.last_mut().filter(|cell| cell.cell == number) {
                Some(cell) => cell.rows.push(row),
                None => cells.push(Cell { cell: number, rows: vec![row] }),
            }
        }
        Ok(Sweep { definition, head, cells })
    }

    /// Every file of the folder, by name.
    pub fn files(&self, run_yaml: &str) -> Vec<(String, Vec<u8>)> {
        let definition = serde_json::to_string_pretty(&self.definition).expect("names and numbers are JSON") + "\n";
        let mut files = vec![
            (folder::MARK.to_owned(), run_yaml.as_bytes().to_vec()),
            ("sweep.json".to_owned(), definition.into_bytes()),
            ("sweep.csv".to_owned(), self.csv()),
        ];
        files.extend(plot::sweep(self).map(|svg| ("sweep.svg".to_owned(), svg.into_bytes())));
        files
    }

    fn csv(&self) -> Vec<u8> {
        let mut writer = Writer::from_writer(Vec::new());
        let rows = self.cells.iter().flat_map(|cell| &cell.rows);
        for row in std::iter::once(&self.head).chain(rows) {
            writer.write_record(row).expect("memory takes every row, and all rows have the length of the head");
        }
        writer.into_inner().expect("memory has nothing to flush")
    }

    /// The strategies, in the order in which they come first.
    pub fn strategies(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in self.cells.iter().flat_map(|cell| &cell.rows) {
            let name = self.column("strategy").map_or("", |column| row[column].as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The number in the column called `name`, in the row of a strategy of a cell.
    pub fn number(&self, cell: &Cell, strategy: &str, name: &str) -> Option<f64> {
        let (key, column) = (self.column("strategy")?, self.column(name)?);
        let row = cell.rows.iter().find(|row| row[key] == strategy)?;
        row[column].parse().ok().filter(|value: &f64| value.is_finite())
    }

    fn column(&self, name: &str) -> Option<usize> {
        // A path could be called like a column of summary.csv, which come after it.
        let after = self.definition.axes.len() + 1;
        self.head.iter().skip(after).position(|column| column == name).map(|column| column + after)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::fixture;

    /// Fleet sizes by shares, with the same forecast in every cell.
    pub(in crate::report) fn example(axes: &[(&str, &[&str])], shard: Option<Shard>) -> Sweep {
        let forecast = fixture::repeated();
        let axes = axes.iter().map(|(path, values)| Axis {
            path: (*path).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        });
        let definition = Definition {
            schema: SCHEMA.to_owned(),
            version: "0".to_owned(),
            scenario: "checkout".to_owned(),
            seed: 7,
            digest: String::new(),
            axes: axes.collect(),
            replications: "5".to_owned(),
            metric: "failed_requests".to_owned(),
            shard,
        };
        let cells = definition.cells().map(|cell| definition.cell(cell, &forecast)).collect();
        Sweep { head: definition.head(true), cells, definition }
    }

    const AXES: &[(&str, &[&str])] =
        &[("fleet.size", &["6", "7", "8"]), ("strategies.canary.steps[0].share", &["1%", "5%"])];

    #[test]
    fn the_first_axis_varies_slowest() {
        let sweep = example(AXES, None);
        let of = |cell| sweep.definition.values(cell).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(
            (0..6).map(of).collect::<Vec<_>>(),
            [["6", "1%"], ["6", "5%"], ["7", "1%"], ["7", "5%"], ["8", "1%"], ["8", "5%"]]
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sweep = example(AXES, Some(Shard { number: 2, of: 4 }));
        let files = sweep.files("seed: 7\n");
        let file = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone());
        let definition = String::from_utf8(file("sweep.json").expect("written")).expect("text");
        let again = Sweep::read(&definition, &file("sweep.csv").expect("written"));
        assert_eq!(again.as_ref(), Ok(&sweep));
        assert_eq!(sweep.cells.iter().map(|cell| cell.cell).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn files_that_are_no_sweep_are_refused() {
        let sweep = example(AXES, None);
        let definition = serde_json::to_string(&sweep.definition).expect("it is plain");
        assert!(Sweep::read("{}", b"").is_err());
        assert!(Sweep::read(&definition, b"a,b\n1,2\n").is_err_and(|text| text.contains("columns")));
        let mut csv = sweep.csv();
        csv.extend(b"x,6\n");
        assert!(Sweep::read(&definition, &csv).is_err());
    }
}
