//! Sweeps: their order, their shards, going on after an interrupt, and what bad axes get.

use crate::program::{files, output, text, workplace};
use std::fs;
use std::path::{Path, PathBuf};

const AXES: [&str; 5] = [
    "small.yaml",
    "--vary",
    "fleet.size=4..6",
    "--vary",
    "strategies.canary.steps=[{share: 5%, hold: 5s}],[{share: 50%, hold: 5s}]",
];
const WHOLE: &str = "small-3-sweep";

/// Runs a sweep into `folder/into`, and gives what it printed.
fn sweep(folder: &Path, into: &str, more: &[&str]) -> String {
    let mut arguments = vec!["sweep"];
    arguments.extend(AXES);
    arguments.extend(["-o", into]);
    arguments.extend(more);
    let output = output(folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn results(folder: &Path, into: &str) -> Vec<(PathBuf, Vec<u8>)> {
    files(&folder.join(into).join(WHOLE))
}

fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let before = folder.join("output").exists();
    let output = output(folder, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    assert_eq!(folder.join("output").exists(), before, "nothing is written");
}

#[test]
fn a_sweep_has_a_row_for_every_cell_and_strategy_in_the_order_of_the_axes() {
    let folder = workplace();
    let said = sweep(folder.path(), "out", &["--show", "failed_requests", "--width", "80"]);
    assert!(said.starts_with("Of 6 cells, the least failed_requests: "), "{said}");
    let csv = fs::read(folder.path().join("out").join(WHOLE).join("sweep.csv")).expect("it was written");
    let mut reader = csv_of(&csv);
    let head: Vec<String> = reader.headers().expect("a head").iter().map(str::to_owned).collect();
    assert_eq!(head[..5], ["cell", "fleet.size", "strategies.canary.steps", "replications", "strategy"]);
    let rows: Vec<Vec<String>> =
        reader.records().map(|row| row.expect("a row").iter().take(5).map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 6 * 5);
    assert_eq!(rows[5 * 3 + 4], ["3", "5", "[{share: 50%, hold: 5s}]", "1", "canary"]);
    let again = sweep(folder.path(), "out", &["--show", "failed_requests", "--width", "80"]);
    assert_eq!(again, said, "a finished sweep is only shown again");
}

fn csv_of(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::Reader::from_reader(bytes)
}

#[test]
fn a_cell_is_what_compare_says_of_it() {
    let folder = workplace();
    sweep(folder.path(), "out", &[]);
    let compared = output(
        folder.path(),
        &["compare", "small.yaml", "--set", "fleet.size=5", "--set", "strategies.canary.steps=[{share: 5%, hold: 5s}]"],
    );
    assert_eq!(compared.status.code(), Some(0), "{}", text(&compared.stderr));
    let summary = fs::read(folder.path().join("output/small-3/summary.csv")).expect("it was written");
    let swept = fs::read(folder.path().join("out").join(WHOLE).join("sweep.csv")).expect("it was written");
    let rows = |bytes: &[u8], cell: Option<&str>, skip: usize| -> Vec<Vec<String>> {
        let rows = csv_of(bytes).into_records().map(|row| row.expect("a row"));
        rows.filter(|row| cell.is_none_or(|cell| &row[0] == cell))
            .map(|row| row.iter().skip(skip).map(str::to_owned).collect())
            .collect()
    };
    assert_eq!(rows(&swept, Some("2"), 4), rows(&summary, None, 0));
}

#[test]
fn threads_shards_and_going_on_do_not_change_a_byte() {
    let folder = workplace();
    let path = folder.path();
    let said = sweep(path, "whole", &["--replications", "3", "--threads", "1"]);
    let whole = results(path, "whole");
    assert!(whole.iter().any(|(name, _)| name == Path::new("sweep.svg")));
    sweep(path, "threads", &["--replications", "3", "--threads", "4"]);
    assert_eq!(results(path, "threads"), whole);
    let shards = ["1/3", "2/3", "3/3"];
    for shard in shards {
        sweep(path, "parts", &["--replications", "3", "--shard", shard]);
    }
    let folders = shards.map(|shard| format!("parts/{WHOLE}-{}", shard.replace('/', "-of-")));
    let mut arguments = vec!["merge", "-o", "merged"];
    arguments.extend(folders.iter().rev().map(String::as_str));
    let merged = output(path, &arguments);
    assert_eq!(merged.status.code(), Some(0), "{}", text(&merged.stderr));
    assert_eq!((results(path, "merged"), text(&merged.stdout)), (whole.clone(), said));
    go_on(path, &whole);
}

/// Makes a file of finished cells as an interrupt would leave it, one cell short of a line, and finishes the sweep.
fn go_on(path: &Path, whole: &[(PathBuf, Vec<u8>)]) {
    let definition = fs::read_to_string(path.join("whole").join(WHOLE).join("sweep.json")).expect("it was written");
    let definition: serde_json::Value = serde_json::from_str(&definition).expect("it is JSON");
    let csv = fs::read(path.join("whole").join(WHOLE).join("sweep.csv")).expect("it was written");
    let rows: Vec<Vec<String>> =
        csv_of(&csv).into_records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
    let cell = |number: usize| {
        let rows: Vec<_> = rows.iter().filter(|row| row[0] == number.to_string()).collect();
        serde_json::json!({ "cell": number, "rows": rows }).to_string()
    };
    fs::create_dir(path.join("later")).expect("a folder");
    let cut = &cell(5)[..40];
    let part = format!("{definition}\n{}\n{}\n{cut}", cell(4), cell(0));
    fs::write(path.join(format!("later/{WHOLE}.part")), &part).expect("it can be written");
    let mut arguments = vec!["sweep"];
    arguments.extend(AXES);
    arguments.extend(["-o", "later", "--replications", "3"]);
    let went_on = output(path, &arguments);
    assert!(text(&went_on.stderr).contains("2 cells are finished already; 4 are left"), "{}", text(&went_on.stderr));
    assert_eq!(results(path, "later"), whole);
    assert!(!path.join(format!("later/{WHOLE}.part")).exists());
    fs::write(path.join(format!("later/{WHOLE}.part")), &part).expect("it can be written");
    arguments.truncate(arguments.len() - 2);
    let other = output(path, &arguments);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("another sweep"), "{}", text(&other.stderr));
}

#[test]
fn bad_axes_are_refused_before_anything_runs() {
    let folder = workplace();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let all: Vec<&str> = ["sweep", "small.yaml"].iter().chain(arguments).copied().collect();
        refused(folder.path(), &all, parts);
    };
    refused(&["--vary", "fleet.sise=3,4"], &["--vary fleet.sise=3: fleet.sise", "'size'"]);
    let unknown = output(folder.path(), &["sweep", "small.yaml", "--vary", "fleet.sise=3..40"]);
    assert_eq!(text(&unknown.stderr).matches("fleet.sise=").count(), 1, "{}", text(&unknown.stderr));
    refused(&["--vary", "fleet.size=3,many", "--vary", "fleet.slots=0,1"], &["found 'many'", "--vary fleet.slots=0"]);
    refused(&["--vary", "fleet.size="], &["an empty value"]);
    refused(&["--vary", "fleet.size=9..3"], &["the empty range"]);
    refused(&["--vary", "fleet.size=1..1000", "--vary", "fleet.slots=1..1000"], &["1000000 cells", "--yes"]);
    refused(&["--vary", "fleet.size=3,4", "--vary", "fleet.size=5"], &["two axes of this path"]);
    refused(&["--vary", "fleet.size=3,4", "--shard", "3/2"], &["expected NUMBER/OF"]);
    refused(&["--vary", "rollout.at=10s,20s", "--vary", "horizon=15s,60s"], &["rollout.at"]);
}

#[test]
fn only_the_shards_of_one_sweep_are_merged() {
    let folder = workplace();
    let path = folder.path();
    for (into, more) in [("a", ["--shard", "1/2"]), ("b", ["--shard", "2/2"]), ("c", ["--seed", "4"])] {
        sweep(path, into, &more);
    }
    sweep(path, "d", &["--shard", "2/2", "--set", "fleet.slots=3"]);
    let [a, b] = ["a/small-3-sweep-1-of-2", "b/small-3-sweep-2-of-2"];
    refused(path, &["merge", a], &["missing shards: 2/2"]);
    refused(path, &["merge", a, a, b], &["are the same shard"]);
    refused(path, &["merge", a, "c/small-4-sweep"], &["is a whole sweep"]);
    refused(path, &["merge", a, "d/small-3-sweep-2-of-2"], &["shards of different sweeps: contents", a, "d/small-3"]);
    refused(path, &["merge", a, "nowhere"], &["nowhere: cannot be read as a shard"]);
    fs::write(path.join(b).join("sweep.csv"), "cell\n").expect("it can be written");
    refused(path, &["merge", a, b], &["b/small-3-sweep-2-of-2"]);
}
