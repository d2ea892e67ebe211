//! `rollcast budget`

use crate::cli::args::Budget;
use crate::cli::{Failure, screen};
use crate::core::alert::AlertPolicy;
use crate::core::slo::{Objective, TimeSlice};
use crate::core::time::Span;
use crate::measure::budget::{Bill, Question, bill};
use crate::report;

/// Says what an incident costs of an error budget, and which alerts see it.
///
/// # Errors
/// An objective without a budget, no traffic, or a window shorter than that of an alert.
pub fn run(arguments: &Budget) -> Result<(), Failure> {
    let bill = bill(question(arguments));
    let problems = problems(&bill);
    if !problems.is_empty() {
        return Err(Failure::Usage(problems.join("\n")));
    }
    let text = if arguments.json { report::budget::json(&bill) } else { report::budget::text(&bill, screen::width()) };
    screen::print(&text)?;
    Ok(())
}

fn question(arguments: &Budget) -> Question {
    let found = AlertPolicy::ALL.into_iter().find(|(name, _)| *name == arguments.alerts);
    let (_, policy) = found.expect("clap allows the names of the policies only");
    Question {
        objective: Objective {
            objective: arguments.objective,
            window: arguments.window,
            requests: None,
            timeslice: TimeSlice { length: Span::from_secs(60), target: arguments.objective },
        },
        rate: arguments.rate,
        errors: arguments.errors,
        share: arguments.share,
        lasts: arguments.lasts,
        policy,
    }
}

fn problems(bill: &Bill) -> Vec<String> {
    let asked = &bill.asked;
    let mut problems = Vec::new();
    if asked.objective.allowance() <= 0.0 {
        problems.push("--objective: found 100 %, which leaves no budget to burn, expected less".to_owned());
    }
    if asked.rate.per_second() == 0.0 {
        problems.push("--rate: found no traffic, expected a rate above 0/s".to_owned());
    }
    if asked.lasts.is_zero() {
        problems.push("--for: found no time, expected a time above zero".to_owned());
    }
    let longest = bill.alerts.iter().map(|(rule, _)| rule.long).max().unwrap_or_default();
    if asked.objective.window < longest {
        problems.push(format!(
            "--window: found {}, expected at least {longest}, over which an alert looks",
            asked.objective.window
        ));
    }
    problems
}
