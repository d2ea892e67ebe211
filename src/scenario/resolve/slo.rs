//! What was promised: the objectives of the scenario itself, or of an `OpenSLO` file beside it, and further ones.

use super::manifest::text_of;
use crate::core::alert::AlertPolicy;
use crate::core::amount::Share;
use crate::core::promise::{Counted, Good, Promise};
use crate::core::slo::{self, Objective};
use crate::core::time::Span;
use crate::manifest::{self, Fate, OpenSlo, OpenWindow};
use crate::scenario::check::Check;
use crate::scenario::entry::Entry;
use crate::scenario::file::{Alerts, File, Further, Method, TimeSlice, WINDOW};
use crate::scenario::plan::{Downtime, Slo};
use crate::scenario::units::{Lasting, Percent, Period, Window};
use crate::yaml::tree::{KeyPath, quote};

/// The objective that the scenario itself describes.
const OWN: &str = "availability";
const OBJECTIVE: f64 = 99.9;

pub(super) fn slo(file: &mut File, check: &mut Check<'_>) -> Slo {
    let at = KeyPath::from(["slo"]);
    let (mut promises, left_out) = if file.slo.from.is_some() {
        refuse_own(&at, check);
        imported(file, &at, check)
    } else {
        (vec![own(file, &at, check)], Vec::new())
    };
    for (name, entry) in &file.slo.also.0 {
        let at = at.key("also").key(name);
        if promises.iter().any(|promise| promise.name == *name) {
            let text = format!("found the name {}, which another objective has already", quote(name));
            check.complain(&[&at], text);
        }
        promises.push(further(file, name, entry, &at, check));
    }
    Slo {
        promises,
        left_out,
        bad_request_price: file.slo.bad_request_price.as_ref().map_or(0.0, |price| price.amount),
        downtime: Downtime { slice: file.slo.downtime.slice.0, share: file.slo.downtime.share.share() },
    }
}

/// Fills in what the file leaves open.
fn own(file: &mut File, at: &KeyPath, check: &mut Check<'_>) -> Promise {
    if !file.slo.latency.0.is_empty() {
        let text = "found times without a file, expected 'from'; objectives of latency stand under 'also'";
        check.complain(&[&at.key("latency")], text);
    }
    let slo = &mut file.slo;
    let further = Further {
        objective: *slo.objective.get_or_insert(Percent::of(OBJECTIVE)),
        within: None,
        window: *slo.window.get_or_insert(Window::Rolling(WINDOW)),
        method: *slo.method.get_or_insert(Method::Requests),
        timeslice: slo.timeslice.get_or_insert_with(TimeSlice::fallback).clone(),
        requests: slo.requests,
        alerts: slo.alerts,
        spent: slo.spent,
    };
    self::further(file, OWN, &further, at, check)
}

fn further(file: &File, name: &str, entry: &Further, at: &KeyPath, check: &mut Check<'_>) -> Promise {
    let objective_at = at.key("objective");
    let at = at.key("window");
    let (window, elapsed) = place(file, entry.window, &at, check);
    let promise = Promise {
        name: name.to_owned(),
        good: entry.within.map_or(Good::Answered, |within| Good::Within(within.0)),
        counted: match entry.method {
            Method::Requests => Counted::Requests,
            Method::TimeSlices => Counted::TimeSlices,
        },
        objective: Objective {
            objective: entry.objective.share(),
            window,
            requests: entry.requests.map(|requests| requests.0),
            timeslice: slice(&entry.timeslice),
        },
        elapsed,
        alerts: policy(entry.alerts),
        spent: entry.spent.share(),
    };
    if promise.objective.is_empty() {
        let text = format!(
            "found {}%, expected a percentage below 100%, since nothing could be spent of an empty budget",
            entry.objective.value()
        );
        check.complain(&[&objective_at], text);
    }
    check_windows(file, &promise, &at, check);
    promise
}

fn slice(timeslice: &TimeSlice) -> slo::TimeSlice {
    slo::TimeSlice { length: timeslice.length.0, target: timeslice.target.share() }
}

fn policy(alerts: Alerts) -> AlertPolicy {
    match alerts {
        Alerts::Google30d => AlertPolicy::Google30d,
        Alerts::Sloth30d => AlertPolicy::Sloth30d,
        Alerts::Sloth28d => AlertPolicy::Sloth28d,
        Alerts::Pyrra => AlertPolicy::Pyrra,
        Alerts::PyrraDynamic => AlertPolicy::PyrraDynamic,
    }
}

/// Length of a window, and how much of one of the calendar is over when the run begins.
fn place(file: &File, window: Window, at: &KeyPath, check: &mut Check<'_>) -> (Span, Option<Span>) {
    match window {
        Window::Rolling(span) => (span, None),
        Window::Calendar(period) => {
            let found = file.slo.today.map(|today| period.length_and_elapsed(today));
            let text = match found {
                Some(Some((length, elapsed))) => return (length, Some(elapsed)),
                Some(None) => "found a day at the end of the calendar, expected an earlier one",
                None => "found a window of the calendar, expected slo.today, the day of the run, to say where in it",
            };
            check.complain(&[at, &KeyPath::from(["slo", "today"])], text);
            (WINDOW, None)
        }
    }
}

/// No alert may look back further than the window of its objective, and no window of the calendar may end in the run.
fn check_windows(file: &File, promise: &Promise, at: &KeyPath, check: &mut Check<'_>) {
    let window = promise.objective.window;
    let longest = promise.alerts.rules(window).iter().map(|rule| rule.long).max().unwrap_or_default();
    if window < longest {
        let text = format!("found {window}, expected at least {longest}, over which an alert looks");
        check.complain(&[at], text);
    }
    let rest = promise.elapsed.map(|elapsed| window - elapsed);
    if rest.is_some_and(|rest| rest < file.horizon.0) {
        let text = "found a window that ends before the run does, expected a day on which the run is over by then";
        check.complain(&[at, &KeyPath::from(["horizon"]), &KeyPath::from(["slo", "today"])], text);
    }
    let slice = promise.objective.timeslice.length;
    if promise.counted == Counted::TimeSlices && slice > window {
        let text = format!("found {window}, expected at least a time slice, {slice}");
        check.complain(&[at], text);
    }
}

/// A file brings these with it.
fn refuse_own(at: &KeyPath, check: &mut Check<'_>) {
    for key in ["objective", "window", "method", "timeslice"] {
        let is_given = check.tree.child("slo").and_then(|slo| slo.child(key)).is_some_and(|node| !node.is_null());
        if is_given {
            let text = "found it beside 'from', whose file says it, expected one of them";
            check.complain(&[&at.key(key)], text);
        }
    }
}

/// The objectives of the file, the first about good answers before all others; and what of it has no effect.
fn imported(file: &File, at: &KeyPath, check: &mut Check<'_>) -> (Vec<Promise>, Vec<String>) {
    let slos = read(file, at, check);
    check_names(file, &slos, at, check);
    let mut left_out: Vec<String> = slos.iter().flat_map(not_simulated).collect();
    let mut promises = Vec::new();
    for slo in &slos {
        let within = within(file, slo);
        if slo.by_threshold && within.is_none() {
            left_out.push(format!(
                "{}: an objective by thresholdMetric, left out since slo.latency does not say which latency it means",
                slo.name
            ));
        } else {
            promises.push(open_promise(file, slo, within, at, check));
        }
    }
    let main = promises.iter().position(|promise| promise.good == Good::Answered);
    if main.is_none() && !slos.is_empty() {
        left_out.push(format!("no objective of the file is about good answers: {OWN} is {OBJECTIVE} % over 30d"));
    }
    let mut first = main.map_or_else(|| usual(file), |place| promises.remove(place));
    first.spent = file.slo.spent.share();
    first.objective.requests = file.slo.requests.map(|requests| requests.0);
    promises.insert(0, first);
    left_out.sort();
    left_out.dedup();
    (promises, left_out)
}

/// The objectives in the file; none after a problem.
fn read(file: &File, at: &KeyPath, check: &mut Check<'_>) -> Vec<OpenSlo> {
    let Some(name) = &file.slo.from else { return Vec::new() };
    let Some((path, text)) = text_of(&name.0, "an OpenSLO file", &at.key("from"), check) else { return Vec::new() };
    let known = check.problems.len();
    let slos = manifest::read_slos(&text, &path, check.problems);
    if check.problems.len() == known { slos } else { Vec::new() }
}

/// Whoever is told a latency has to be there.
fn check_names(file: &File, slos: &[OpenSlo], at: &KeyPath, check: &mut Check<'_>) {
    for (name, _) in &file.slo.latency.0 {
        if !slos.is_empty() && !slos.iter().any(|slo| slo.name == *name) {
            let names: Vec<String> = slos.iter().map(|slo| quote(&slo.name)).collect();
            let text =
                format!("found {}, expected one of the objectives in the file: {}", quote(name), names.join(", "));
            check.complain(&[&at.key("latency").key(name)], text);
        }
    }
}

fn within(file: &File, slo: &OpenSlo) -> Option<Span> {
    file.slo.latency.0.iter().find(|(name, _)| *name == slo.name).map(|(_, Lasting(within))| *within)
}

fn usual(file: &File) -> Promise {
    let share = |percent: f64| Percent::of(percent).share();
    Promise {
        name: OWN.to_owned(),
        good: Good::Answered,
        counted: Counted::Requests,
        objective: Objective {
            objective: share(OBJECTIVE),
            window: WINDOW,
            requests: None,
            timeslice: slice(&TimeSlice::fallback()),
        },
        elapsed: None,
        alerts: policy(file.slo.alerts),
        spent: Share::NONE,
    }
}

fn open_promise(file: &File, slo: &OpenSlo, within: Option<Span>, at: &KeyPath, check: &mut Check<'_>) -> Promise {
    let window = match slo.window {
        OpenWindow::Rolling(span) => Window::Rolling(span),
        OpenWindow::Calendar('d') => Window::Calendar(Period::Day),
        OpenWindow::Calendar('w') => Window::Calendar(Period::Week),
        OpenWindow::Calendar('M') => Window::Calendar(Period::Month),
        OpenWindow::Calendar('Q') => Window::Calendar(Period::Quarter),
        OpenWindow::Calendar(_) => Window::Calendar(Period::Year),
    };
    let from = at.key("from");
    let (window, elapsed) = place(file, window, &from, check);
    let usual = usual(file);
    let timeslice = slo.timeslice.unwrap_or(usual.objective.timeslice);
    let promise = Promise {
        name: slo.name.clone(),
        good: within.map_or(Good::Answered, Good::Within),
        counted: slo.counted,
        objective: Objective { objective: slo.target, window, timeslice, ..usual.objective },
        elapsed,
        ..usual
    };
    if !timeslice.length.nanos().is_multiple_of(Span::from_secs(1).nanos()) {
        check.complain(&[&from], format!("found a time slice of {}, expected whole seconds", timeslice.length));
    }
    check_windows(file, &promise, &from, check);
    promise
}

/// Fields of the document that change nothing, in words.
fn not_simulated(slo: &OpenSlo) -> impl Iterator<Item = String> {
    [(Fate::NotSimulated, "not simulated"), (Fate::Unknown, "not known, and had no effect")].into_iter().filter_map(
        |(fate, what)| {
            let of = slo.unused.iter().filter(|unused| unused.fate == fate).map(|unused| unused.path.as_str());
            let paths: Vec<&str> = of.collect();
            (!paths.is_empty()).then(|| format!("{}: {} are {what}", slo.name, paths.join(", ")))
        },
    )
}
