//! Whole scenarios, good and bad.

mod bad;
mod balancers;
mod good;
mod random;
mod schema;
mod slos;
mod traces;

use std::path::Path;

use super::{Loaded, Problems, parse, parse_with};

/// The scenario that the project's first page shows.
pub(super) const SAMPLE: &str = include_str!("sample.yaml");

/// The same with releases: 15 % are bad, three of four by errors, one by latency.
pub(super) const RELEASES: &str = concat!(
    include_str!("sample.yaml"),
    "releases: { bad: 15%, per-week: 10, kinds: [ { errors: 4%, weight: 3 }, { latency: ×2 } ] }\n"
);

/// A scenario with every key.
const FULL: &str = include_str!("full.yaml");

/// Reads the sample with some of its values replaced.
fn sample(overrides: &[(&str, &str)]) -> Result<Loaded, Problems> {
    parse_with(SAMPLE, "sample.yaml", Path::new(""), overrides)
}

/// Reads text that is good.
#[track_caller]
pub(super) fn good(text: &str) -> Loaded {
    parse(text, "good.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The sample with one piece of its text replaced.
#[track_caller]
fn edited(old: &str, new: &str) -> String {
    assert!(SAMPLE.contains(old), "the sample has no {old}");
    SAMPLE.replacen(old, new, 1)
}

/// What is wrong with a text, without the lines that show the source.
fn problems(text: &str) -> Vec<String> {
    let problems = parse(text, "bad.yaml", Path::new("")).err().unwrap_or_default();
    problems.iter().map(|problem| first_line(&problem.to_string())).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
