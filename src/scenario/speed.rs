//! The same scenario in less time: what a live run has to wait for is shortened, what a request takes is not.

use super::{Loaded, check, span};
use crate::core::time::Span;
use crate::yaml::problem::{Problems, SourceKind};
use crate::yaml::tree::{Data, Node};

/// What [`Loaded::sped_up`] shortens.
pub const SCALED: &str = "warm-up, horizon, traffic stages, boots, readiness, slow starts, grace periods, listing delays, \
                          scrapes, and all times of the rollout and its strategies";

/// The tables in which every time is shortened, by the keys that lead to them.
const SHORTENED: [&[&str]; 11] = [
    &["warm-up"],
    &["horizon"],
    &["traffic", "open"],
    &["network", "listing-delay"],
    &["fleet"],
    &["rollout"],
    &["scale"],
    &["events"],
    &["faults"],
    &["strategies"],
    &["telemetry"],
];

impl Loaded {
    /// The scenario in which everything that takes its time takes `speed` times less; requests keep their times, time-outs
    /// and rate, and proxies theirs.
    ///
    /// # Errors
    /// What becomes too short to be what it is, and what has its times from another file.
    pub fn sped_up(self, speed: f64) -> Result<Loaded, Problems> {
        if speed <= 1.0 {
            return Ok(self);
        }
        let mut problems = Problems::default();
        let source = problems.open(&format!("the scenario at --speed {speed}"), "", SourceKind::Argument);
        let mut tree = crate::scenario::Entry::write(&self.file).expect("a table is always written");
        for path in SHORTENED {
            if let Some(node) = descend(&mut tree, path) {
                shorten(node, speed);
            }
        }
        for path in [["traffic", "trace"].as_slice(), &["strategies"]] {
            if let Some(node) = descend(&mut tree, path)
                && has_own_times(node)
            {
                let text = "has its times from another file, which --speed does not change";
                problems.add(
                    crate::yaml::problem::Place { source, ..Default::default() },
                    &crate::yaml::tree::KeyPath::top().key(path[0]),
                    text,
                );
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        check(&mut tree, &self.folder, problems)
    }
}

fn descend<'a>(node: &'a mut Node, path: &[&str]) -> Option<&'a mut Node> {
    let Some((first, rest)) = path.split_first() else { return Some(node) };
    match &mut node.data {
        Data::Table(entries) => {
            let (_, child) = entries.iter_mut().find(|(key, _)| key.text == *first)?;
            descend(child, rest)
        }
        Data::List(_) | Data::Scalar(_) => None,
    }
}

/// A trace, or a strategy from a manifest.
fn has_own_times(node: &Node) -> bool {
    match &node.data {
        Data::Table(entries) => {
            entries.iter().any(|(key, node)| matches!(key.text.as_str(), "file" | "from") || has_own_times(node))
        }
        Data::List(_) | Data::Scalar(_) => false,
    }
}

/// Divides every time below `node`.
fn shorten(node: &mut Node, speed: f64) {
    match &mut node.data {
        Data::Table(entries) => entries.iter_mut().for_each(|(_, node)| shorten(node, speed)),
        Data::List(items) => items.iter_mut().for_each(|node| shorten(node, speed)),
        Data::Scalar(scalar) => {
            if let Some(time) = span(&scalar.text).filter(|time| *time > Span::ZERO) {
                // To whole microseconds, which are easier to read.
                let micros = (time.scaled(1.0 / speed).nanos() / 1_000).max(1);
                scalar.text = Span::from_nanos(micros * 1_000).to_string();
            }
        }
    }
}
