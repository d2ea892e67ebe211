//! `rollcast budget`

use crate::cli::args::Budget;
use crate::cli::{Failure, screen};
use crate::core::alert::AlertPolicy;
use crate::core::amount::Share;
use crate::core::slo::{Objective, TimeSlice};
use crate::core::time::Span;
use crate::measure::budget::{Question, bill};
use crate::report;
use crate::scenario::quantity;

/// Says what an incident costs of an error budget, and which alerts see it.
///
/// # Errors
/// Everything that is wrong with the question: an objective without a budget, no traffic, a window shorter than that of
/// an alert.
pub fn run(arguments: &Budget) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    let question = question(arguments, &mut wrong).filter(|_| wrong.is_empty());
    let Some(bill) = question.map(bill) else {
        return Err(Failure::Usage(wrong.join("\n")));
    };
    let text = if arguments.json { report::budget::json(&bill) } else { report::budget::text(&bill, screen::width()) };
    screen::print(&text)?;
    Ok(())
}

/// `None` if some quantity is none; then all that is wrong is in `wrong`.
fn question(arguments: &Budget, wrong: &mut Vec<String>) -> Option<Question> {
    let objective = objective(&arguments.objective, wrong);
    let window = read("--window", &arguments.window, quantity::span, wrong);
    let rate = read("--rate", &arguments.rate, quantity::rate, wrong);
    let errors = read("--errors", &arguments.errors, quantity::share, wrong);
    let share = read("--share", &arguments.share, quantity::share, wrong);
    let lasts = read("--for", &arguments.lasts, quantity::span, wrong);
    if rate.is_some_and(|rate| rate.per_second() == 0.0) {
        wrong.push("--rate: found no traffic, expected a rate above 0/s".to_owned());
    }
    if lasts.is_some_and(|lasts: Span| lasts.is_zero()) {
        wrong.push("--for: found no time, expected a time above zero".to_owned());
    }
    let found = AlertPolicy::ALL.into_iter().find(|(name, _)| *name == arguments.alerts);
    let (_, policy) = found.expect("clap allows the names of the policies only");
    if let Some(problem) = window.and_then(|window| too_short(window, policy)) {
        wrong.push(problem);
    }
    Some(Question {
        objective: promise(objective?, window?),
        rate: rate?,
        errors: errors?,
        share: share?,
        lasts: lasts?,
        policy,
    })
}

fn read<T>(flag: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>, wrong: &mut Vec<String>) -> Option<T> {
    parse(text).map_err(|expected| wrong.push(format!("{flag}: found '{text}', {expected}"))).ok()
}

/// A share that leaves a budget.
fn objective(text: &str, wrong: &mut Vec<String>) -> Option<Share> {
    let empty = || format!("--objective: found {text}, which leaves no budget to burn, expected less than 100%");
    let percent = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    if percent.is_some_and(|percent| percent >= 100.0) {
        wrong.push(empty());
        return None;
    }
    let share = read("--objective", text, quantity::share, wrong)?;
    if promise(share, Span::ZERO).is_empty() {
        wrong.push(empty());
        return None;
    }
    Some(share)
}

fn promise(objective: Share, window: Span) -> Objective {
    let timeslice = TimeSlice { length: Span::from_secs(60), target: objective };
    Objective { objective, window, requests: None, timeslice }
}

fn too_short(window: Span, policy: AlertPolicy) -> Option<String> {
    let longest = policy.rules(window).iter().map(|rule| rule.long).max().unwrap_or_default();
    (window < longest)
        .then(|| format!("--window: found {window}, expected at least {longest}, over which an alert looks"))
}
