//! The same scenario in less time: what a live run has to wait for is shortened, what a request takes is not.

use super::{Entry, Loaded, check, span};
use crate::core::time::Span;
use crate::yaml::problem::{Place, Problems, SourceKind};
use crate::yaml::tree::{Data, KeyPath, Node};

/// What [`Loaded::sped_up`] shortens.
pub const SCALED: &str = "warm-up, horizon, traffic stages, boots, min-ready, slow starts, grace periods, listing delays, \
                          scrapes, and all times of the rollout and its strategies";

/// The tables in which every time is shortened, by the keys that lead to them.
const SHORTENED: [&[&str]; 14] = [
    &["warm-up"],
    &["horizon"],
    &["traffic", "open"],
    &["network", "listing-delay"],
    &["fleet", "boot"],
    &["fleet", "min-ready"],
    &["fleet", "warm-up"],
    &["fleet", "shutdown"],
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
        let mut tree = Entry::write(&self.file).expect("a table is always written");
        for path in SHORTENED {
            if let Some(node) = descend(&mut tree, path) {
                shorten(node, speed);
            }
        }
        for path in [["traffic", "trace"].as_slice(), &["strategies"]] {
            if descend(&mut tree, path).is_some_and(|node| has_own_times(node)) {
                let text = "has its times from another file, which --speed does not change";
                problems.add(Place { source, ..Place::default() }, &KeyPath::top().key(path[0]), text);
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
        // A gate that counts slow requests goes on to call the same ones slow.
        Data::Table(entries) => {
            entries.iter_mut().filter(|(key, _)| key.text != "slower-than").for_each(|(_, node)| shorten(node, speed))
        }
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

#[cfg(test)]
mod tests {
    use crate::core::time::Span;
    use crate::scenario::parse;
    use crate::scenario::plan::Law;
    use std::path::Path;

    const TEXT: &str = "
name: slow
horizon: 10m
traffic: { open: { stages: [ { rate: 40/s, for: 10m } ] }, timeout: 2s }
fleet: { size: 4, slots: 2, boot: 30s, warm-up: { for: 1m, slowdown: 3 }, shutdown: { drain: 30s } }
versions: { v1: { service: 20ms }, v2: { like: v1 } }
rollout: { at: 1m, from: v1, to: v2 }
strategies: { canary: { steps: [ { share: 10%, hold: 2m } ], gate: { window: 1m } } }
";

    #[test]
    fn what_is_waited_for_is_shortened_and_what_a_request_takes_is_not() {
        let loaded = parse(TEXT, "slow.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
        let fast = loaded.sped_up(10.0).unwrap_or_else(|problems| panic!("{problems}")).scenario;
        assert_eq!(fast.horizon, Span::from_secs(60));
        assert_eq!(fast.fleet.boot, Law::Constant(Span::from_secs(3)));
        assert_eq!((fast.fleet.warm_up.lasts, fast.fleet.warm_up.slowdown), (Span::from_secs(6), 3.0));
        assert_eq!(fast.fleet.shutdown.drain, Span::from_secs(3));
        assert_eq!(fast.rollout.map(|rollout| rollout.at.seconds()), Some(6.0));
        assert_eq!(fast.strategies[0].strategy.longest_window(), Span::from_secs(6));
        assert_eq!(fast.telemetry.scrape, Span::from_millis(1_500));
        assert_eq!((fast.traffic.timeout, fast.fleet.size), (Some(Span::from_secs(2)), 4));
        assert_eq!(fast.versions[0].service, Law::Constant(Span::from_millis(20)));
        assert_eq!(fast.slo.first().objective.window, Span::from_secs(30 * 86_400));
    }
}
