//! `rollcast compare --assert`: what a pipeline insists on.

use crate::cli::Failure;
use crate::cli::args::OnInconclusive;
use crate::measure::claim::{Claim, Finding};
use crate::measure::forecast::Forecast;
use crate::measure::stats::Interval;
use crate::scenario::plan::Scenario;
use crate::sim;

/// Whether every claim is about a strategy of `scenario`.
///
/// # Errors
/// The first that is not.
pub fn check(claims: &[Claim], scenario: &Scenario) -> Result<(), Failure> {
    let names: Vec<&str> = sim::runs(scenario).into_iter().map(|(name, _)| name).collect();
    let stray = claims.iter().find(|claim| !names.contains(&claim.strategy.as_str()));
    stray.map_or(Ok(()), |claim| {
        let text = format!("--assert {}: there is no {}, only {}", claim.text, claim.strategy, names.join(", "));
        Err(Failure::Usage(text))
    })
}

/// Says on standard error what became of each claim.
///
/// # Errors
/// A claim that fails, or else one that the intervals leave open where `inconclusive` does not let that pass.
pub fn judge(claims: &[Claim], forecast: &Forecast, inconclusive: OnInconclusive) -> Result<(), Failure> {
    let (mut failed, mut open) = (0, 0);
    for claim in claims {
        let (finding, interval) = claim.judge(forecast);
        match finding {
            Finding::Holds => {}
            Finding::Fails => failed += 1,
            Finding::Open => open += 1,
        }
        if finding != Finding::Open || inconclusive != OnInconclusive::Pass {
            eprintln!("{}", line(claim, finding, interval));
        }
    }
    match (failed, open) {
        (0, 0) => Ok(()),
        (0, open) if inconclusive == OnInconclusive::Fail => Err(Failure::Inconclusive(open)),
        (0, _) => Ok(()),
        (failed, _) => Err(Failure::Claims(failed)),
    }
}

fn line(claim: &Claim, finding: Finding, interval: Option<Interval>) -> String {
    let word = match finding {
        Finding::Holds => "holds",
        Finding::Fails => "fails",
        Finding::Open => "inconclusive",
    };
    let found = match interval {
        None => "not measured".to_owned(),
        Some(Interval { mean, low, high }) if low == high => format!("{mean}"),
        Some(Interval { mean, low, high }) => format!("{mean} (95 % interval {low} to {high})"),
    };
    format!("{word}: {}: {found}", claim.text)
}
