//! Whole scenarios, good and bad.

use std::path::Path;

use super::{Loaded, Problems, parse_with};

/// The scenario that the project's first page shows.
const SAMPLE: &str = include_str!("sample.yaml");

/// Reads the sample with some of its values replaced.
fn sample(overrides: &[(&str, &str)]) -> Result<Loaded, Problems> {
    parse_with(SAMPLE, "sample.yaml", Path::new(""), overrides)
}

#[test]
fn the_sample_is_read_and_written_back_to_an_equal_plan() {
    let loaded = sample(&[]).expect("the sample has no problems");
    let folder = Path::new("output");
    let again = super::parse(&loaded.run_yaml(folder), "run.yaml", folder);
    let again = again.expect("what was written has no problems");
    assert_eq!(again.scenario, loaded.scenario);
    assert_eq!(again.run_yaml(folder), loaded.run_yaml(folder));
}
