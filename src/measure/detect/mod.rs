//! Canary power: how likely a judge catches a defect, how often it condemns a healthy release, and what that takes.
//!
//! Requests fail independently, and a check sees exactly the requests that its interval brings at the mean rate. Then
//! everything follows from the binomial distribution: of one check by enumeration (`once`), of several by dynamic
//! programming over the failures so far (`walk`). What has too many states for that is replayed (`replay`).

mod need;
mod once;
mod replay;
mod states;
mod walk;
mod watch;

pub use need::{Need, Wanted, can_fail, need};
pub use once::{Chances, chances};
pub use watch::{Group, Held, Watch, number_of, watch};

use crate::core::judge::Judge;

/// A judge at work, and the two versions it may meet.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// How it judges.
    pub judge: Judge,
    /// Fewer requests of the canary in a check are no evidence.
    pub floor: u64,
    /// Share of bad requests of the old version, and of a new one that is as good.
    pub baseline: f64,
    /// Share of bad requests of a new version with the defect.
    pub bad: f64,
}

/// One look at the canary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// When, since the canary got its first request.
    pub at_s: f64,
    /// Requests of the canary since the last check.
    pub canary: u64,
    /// Requests of the control since the last check.
    pub control: u64,
}

/// All looks, and what they lead to.
#[derive(Clone, Debug, PartialEq)]
pub struct Checks {
    /// In order.
    pub list: Vec<Check>,
    /// Failed checks that are tolerated.
    pub limit: u32,
    /// How many checks a judge with a window looks back over; 1: windows do not overlap.
    pub window: usize,
    /// Whether the canary keeps its share after a failed check, and is checked once more (Flagger); time goes on.
    pub holds: bool,
    /// Whether the checks end with the first decision; otherwise the canary goes on to the last one.
    pub until_decided: bool,
    /// Requests of the canary after the last look at it.
    pub after: u64,
}

impl Checks {
    /// A single look.
    pub fn one(at_s: f64, canary: u64, control: u64) -> Checks {
        Checks {
            list: vec![Check { at_s, canary, control }],
            limit: 0,
            window: 1,
            holds: false,
            until_decided: false,
            after: 0,
        }
    }
}

/// What becomes of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Odds {
    /// Condemned by some check.
    pub condemned: f64,
    /// Not condemned, and without a verdict at the end.
    pub inconclusive: f64,
    /// Mean time to its condemnation, of those that are condemned; `None`: none is.
    pub detection_s: Option<f64>,
    /// Mean number of requests it gets until it is condemned, or to the end of the checks.
    pub requests: f64,
}

/// How a probability was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By enumeration or dynamic programming.
    Exact,
    /// By so many random replays.
    Replay(u32),
}

impl Method {
    /// As reports name it.
    pub const fn label(self) -> &'static str {
        match self {
            Method::Exact => "exact",
            Method::Replay(_) => "replay",
        }
    }
}

/// What becomes of a version that fails at `rate`, beside a control that fails at the case's baseline.
pub fn odds(case: &Case, checks: &Checks, rate: f64) -> (Odds, Method) {
    let exact = match case.judge {
        Judge::MannWhitney(_) => None,
        _ if !case.judge.counts_from_the_start() => (checks.window == 1).then(|| once::series(case, checks, rate)),
        _ => walk::walk(case, checks, rate),
    };
    match exact {
        Some(odds) => (odds, Method::Exact),
        None => replay::replay(case, checks, rate),
    }
}

/// What is kept of every check that may condemn a version.
#[derive(Clone, Copy, Debug, Default)]
struct Toll {
    condemned: f64,
    when: f64,
    requests: f64,
}

impl Toll {
    /// With this probability the version is condemned at `at_s`, after `requests`.
    fn condemn(&mut self, probability: f64, at_s: f64, requests: u64) {
        self.condemn_all(probability, probability * at_s, probability * requests as f64);
    }

    /// The same, with time and requests weighted already.
    fn condemn_all(&mut self, probability: f64, when: f64, requests: f64) {
        self.condemned += probability;
        self.when += when;
        self.requests += requests;
    }

    /// The rest went on to the end: its requests, weighted, and the part of it without a verdict.
    fn close(self, inconclusive: f64, requests: f64) -> Odds {
        let rest = (1.0 - self.condemned).max(0.0);
        Odds {
            condemned: self.condemned.min(1.0),
            inconclusive: inconclusive.min(rest),
            detection_s: (self.condemned > 0.0).then(|| self.when / self.condemned),
            requests: self.requests + requests,
        }
    }
}

#[cfg(test)]
mod tests;
