//! One file for each kind: what its fields become, and what its controller would reject.

mod argo;
mod aws;
mod deployment;
mod export;
mod flagger;
mod kruise;
mod nomad;
mod random;
mod several;

use super::*;
use crate::core::rollout::{Canary, Check, Pace, Rolling, Step};

/// The words of a mapping that most tests need.
fn options() -> Options {
    let metrics = [("success-rate", "availability"), ("error-rate", "error-rate"), ("latency", "latency-p99-ms")];
    let known = |(name, word): (&str, &str)| (name.to_owned(), Metric::parse(word).expect("the word is known"));
    Options { metrics: metrics.map(known).into(), ..Options::default() }
}

fn all(text: &str) -> Vec<Manifest> {
    read(text, "file.yaml", &options()).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The one manifest of a text.
fn one(text: &str) -> Manifest {
    let mut manifests = all(text);
    assert_eq!(manifests.len(), 1, "{text}");
    manifests.remove(0)
}

/// The problems of a text as `line: path: text`.
fn wrong(text: &str) -> Vec<String> {
    let problems = read(text, "file.yaml", &options()).expect_err("something is wrong with it");
    problems.iter().map(|problem| format!("{}: {}: {}", problem.line, problem.path(), problem.text)).collect()
}

/// Asserts that one problem is found, whose text holds `part`.
fn refused(text: &str, part: &str) {
    let wrong = wrong(text);
    assert!(wrong.len() == 1 && wrong[0].contains(part), "expected {part:?}, found {wrong:#?}\n{text}");
}

fn unused(manifest: &Manifest, fate: Fate) -> Vec<&str> {
    manifest.unused.iter().filter(|unused| unused.fate == fate).map(|unused| unused.path.as_str()).collect()
}

fn line(manifest: &Manifest, path: &str) -> Option<u32> {
    manifest.lines.iter().find(|(known, _)| known == path).map(|(_, line)| *line)
}

fn canary(manifest: Manifest) -> Canary {
    match manifest.strategy {
        Strategy::Canary(canary) => canary,
        other => panic!("expected a canary, found {other:?}"),
    }
}

fn pace(manifest: Manifest) -> Pace {
    match manifest.strategy {
        Strategy::Rolling(Rolling { pace, gate: None, .. }) => pace,
        other => panic!("expected a rolling update, found {other:?}"),
    }
}

fn secs(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

/// Shares in percent and what is held, for each step.
fn walk(steps: &[Step]) -> Vec<(f64, crate::core::rollout::Hold)> {
    let tidy = |share: f64| (share * 1e6).round() / 1e4;
    steps.iter().map(|step| (tidy(step.share.value()), step.hold)).collect()
}

fn names(checks: &[Check]) -> Vec<&str> {
    checks.iter().map(|check| check.name.as_str()).collect()
}
