//! Service level objectives as `OpenSLO` writes them (`openslo/v1`): what is promised and over which window. What an
//! indicator measures stands in queries, which are not evaluated here; alert policies are not read either.

use crate::core::amount::Share;
use crate::core::promise::Counted;
use crate::core::slo::TimeSlice;
use crate::core::time::Span;
use crate::manifest::fields::{Case, Fields, Item};
use crate::manifest::ledger::Ledger;
use crate::manifest::{Unused, documents_of};
use crate::yaml::problem::Problems;
use crate::yaml::tree::{Data, KeyPath, Node};

/// One objective of an `SLO` document.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSlo {
    /// Of the document; with several objectives in it, a number follows.
    pub name: String,
    /// Share of good events.
    pub target: Share,
    /// Over which it is promised.
    pub window: OpenWindow,
    /// Occurrences or time slices.
    pub counted: Counted,
    /// Where it is counted in slices.
    pub timeslice: Option<TimeSlice>,
    /// Whether its indicator compares a metric with a value, instead of counting good events.
    pub by_threshold: bool,
    /// What of its document has no effect here.
    pub unused: Vec<Unused>,
}

/// The window of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenWindow {
    /// It always ends now.
    Rolling(Span),
    /// One day, week, month, quarter or year of the calendar, by the letter of its unit.
    Calendar(char),
}

const DAY: u64 = 86_400;
/// Units of a duration shorthand, in seconds; months, quarters and years as long as in alert tables.
const UNITS: [(char, u64); 7] =
    [('m', 60), ('h', 3_600), ('d', DAY), ('w', 7 * DAY), ('M', 30 * DAY), ('Q', 90 * DAY), ('Y', 365 * DAY)];

/// Reads every `SLO` of the file called `file`; what is wrong goes to `problems`.
pub(crate) fn read_slos(text: &str, file: &str, problems: &mut Problems) -> Vec<OpenSlo> {
    let (source, Some(documents)) = documents_of(text, file, problems) else { return Vec::new() };
    let ledger = Ledger::new(std::mem::take(problems));
    let mut slos = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        slos.extend(read(document, &documents, &ledger));
    }
    *problems = ledger.into_problems();
    if slos.is_empty() && problems.is_empty() {
        let place = documents.first().map_or_else(Default::default, |node| node.place);
        let text = "found no document of kind SLO, expected at least one";
        problems.add(crate::yaml::problem::Place { source, ..place }, &KeyPath::top(), text);
    }
    slos
}

fn text_at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(node, |node, key| node.child(key))?;
    match &found.data {
        Data::Scalar(scalar) => Some(&scalar.text),
        Data::List(_) | Data::Table(_) => None,
    }
}

fn read(document: &Node, all: &[Node], ledger: &Ledger) -> Vec<OpenSlo> {
    let item = Item::new(document, KeyPath::top(), Case::AsIs, ledger);
    if !item.is_table() {
        item.refuse::<()>("an OpenSLO document");
        return Vec::new();
    }
    let version = text_at(document, &["apiVersion"]);
    if version != Some("openslo/v1") {
        let found = version.map_or_else(|| "no apiVersion".to_owned(), |version| format!("'{version}'"));
        let at = KeyPath::from(["apiVersion"]);
        let place = document.child("apiVersion").map_or(document.place, |node| node.place);
        ledger.complain(place, &at, format!("found {found}, expected openslo/v1"));
        return Vec::new();
    }
    if text_at(document, &["kind"]) != Some("SLO") {
        return Vec::new();
    }
    let Some(fields) = item.table() else { return Vec::new() };
    fields.accept(&["apiVersion", "kind"]);
    let name = metadata(&fields);
    let slos = fields.table("spec").map(|spec| objectives(&spec, &name, all));
    if slos.is_none() && !fields.has("spec") {
        fields.complain("spec", "found no spec, expected one");
    }
    drop(fields);
    let (unused, _) = ledger.take();
    slos.into_iter().flatten().map(|slo| OpenSlo { unused: unused.clone(), ..slo }).collect()
}

fn metadata(fields: &Fields<'_>) -> String {
    let Some(metadata) = fields.table("metadata") else {
        fields.complain("metadata", "found no metadata, expected a name in it");
        return String::new();
    };
    metadata.skip(&["displayName", "labels", "annotations"]);
    metadata.text("name").unwrap_or_else(|| {
        metadata.complain("name", "found no name, expected one");
        String::new()
    })
}

fn objectives(spec: &Fields<'_>, name: &str, all: &[Node]) -> Vec<OpenSlo> {
    spec.accept(&["service"]);
    spec.skip(&["description", "alertPolicies"]);
    let window = window(spec);
    let counted = match spec.word("budgetingMethod", &["Occurrences", "Timeslices", "RatioTimeslices"]) {
        Some("RatioTimeslices") => {
            spec.complain("budgetingMethod", "found RatioTimeslices, expected Occurrences or Timeslices");
            Counted::Requests
        }
        Some("Timeslices") => Counted::TimeSlices,
        _ => Counted::Requests,
    };
    let shared = indicator(spec, all);
    let list = spec.list("objectives");
    if list.is_empty() {
        spec.complain("objectives", "found no objective, expected at least one");
    }
    let several = list.len() > 1;
    let mut found = Vec::new();
    for (number, item) in (1..).zip(&list) {
        let Some(fields) = item.table() else { continue };
        let own = indicator(&fields, all);
        let by_threshold = own.or(shared).unwrap_or(false);
        let (target, timeslice) = (target(&fields), timeslice(&fields, counted));
        fields.skip(&["displayName", "compositeWeight"]);
        if by_threshold {
            fields.skip(&["op", "value"]);
        } else if fields.has("op") {
            fields.complain("op", "found an operator, expected none: it belongs to a thresholdMetric");
        } else {
            fields.skip(&["value"]);
        }
        let (Some(target), Some(window)) = (target, window) else { continue };
        let name = if several { format!("{name}-{number}") } else { name.to_owned() };
        found.push(OpenSlo { name, target, window, counted, timeslice, by_threshold, unused: Vec::new() });
    }
    found
}

/// Whether the indicator of an objective, or of all of them, compares a metric with a value; `None`: there is none.
fn indicator(fields: &Fields<'_>, all: &[Node]) -> Option<bool> {
    if let Some(reference) = fields.text("indicatorRef") {
        let is_it = |node: &&Node| {
            text_at(node, &["kind"]) == Some("SLI") && text_at(node, &["metadata", "name"]) == Some(reference.as_str())
        };
        // An indicator that stands in another file is not looked for.
        let spec = all.iter().find(is_it).and_then(|node| node.child("spec"));
        return Some(spec.is_some_and(|spec| spec.child("thresholdMetric").is_some()));
    }
    let item = fields.get("indicator")?;
    item.not_simulated();
    let spec = item.node.child("spec")?;
    let (threshold, ratio) = (spec.child("thresholdMetric").is_some(), spec.child("ratioMetric").is_some());
    if threshold == ratio {
        let found = if threshold { "both" } else { "neither" };
        item.complain(format!("found {found} of ratioMetric and thresholdMetric, expected one of them"));
    }
    Some(threshold)
}

/// A share below 1, or a percentage below 100, but not both.
fn target(fields: &Fields<'_>) -> Option<Share> {
    let (target, percent) = (fields.get("target"), fields.get("targetPercent"));
    match (target, percent) {
        (Some(_), Some(_)) => {
            fields.complain("target", "found target and targetPercent, expected one of them");
            None
        }
        (Some(item), None) => below(&item, 1.0),
        (None, Some(item)) => below(&item, 100.0),
        (None, None) => {
            fields.complain("target", "found neither target nor targetPercent, expected one of them");
            None
        }
    }
}

/// The share that a number from 0 to below `whole` is of it.
fn below(item: &Item<'_>, whole: f64) -> Option<Share> {
    let number = item.number()?;
    let share = Share::new((number / whole * 1e12).round() / 1e12).filter(|share| *share < Share::ALL);
    share.or_else(|| item.refuse(&format!("a number from 0 to below {whole}")))
}

/// A slice is as long as its window, and good from its target on.
fn timeslice(fields: &Fields<'_>, counted: Counted) -> Option<TimeSlice> {
    if counted == Counted::Requests {
        for key in ["timeSliceTarget", "timeSliceWindow"] {
            if fields.has(key) {
                fields.complain(key, "found it beside Occurrences, expected budgetingMethod: Timeslices");
            }
        }
        return None;
    }
    let target = fields.get("timeSliceTarget").and_then(|item| {
        let share = item.number().and_then(Share::new);
        share.or_else(|| item.refuse("a share from 0 to 1"))
    });
    let length = fields.get("timeSliceWindow").and_then(|item| {
        // A bare number counts minutes.
        let text = item.text()?;
        let text = if text.parse::<u32>().is_ok() { format!("{text}m") } else { text };
        let span = duration(&text).map(|(count, _, seconds)| Span::from_secs(count * seconds));
        span.filter(|span| !span.is_zero()).or_else(|| item.refuse("a length of time such as 1m"))
    });
    for (key, is_missing) in [("timeSliceTarget", target.is_none()), ("timeSliceWindow", length.is_none())] {
        if is_missing && !fields.has(key) {
            fields.complain(key, "found none, expected one with budgetingMethod: Timeslices");
        }
    }
    Some(TimeSlice { length: length?, target: target? })
}

/// The one entry of `timeWindow`.
fn window(spec: &Fields<'_>) -> Option<OpenWindow> {
    let list = spec.list("timeWindow");
    let [item] = list.as_slice() else {
        spec.complain("timeWindow", format!("found {} windows, expected exactly one", list.len()));
        return None;
    };
    let fields = item.table()?;
    let rolls = fields.truth("isRolling");
    let calendar = fields.table("calendar").map(|calendar| calendar.skip(&["startTime", "timeZone"])).is_some();
    let duration_item = fields.get("duration").or_else(|| {
        fields.complain("duration", "found no duration, expected one such as 30d or 4w");
        None
    })?;
    let text = duration_item.text()?;
    let Some((count, unit, seconds)) = duration(&text).filter(|(count, ..)| *count > 0) else {
        return duration_item.refuse("a whole number above 0 and one of m, h, d, w, M, Q, Y, such as 30d");
    };
    if rolls == Some(true) && calendar {
        fields.complain("calendar", "found a calendar beside isRolling: true, expected one of them");
    }
    if rolls == Some(true) || rolls.is_none() && !calendar {
        return Some(OpenWindow::Rolling(Span::from_secs(count * seconds)));
    }
    if count == 1 && "dwMQY".contains(unit) {
        Some(OpenWindow::Calendar(unit))
    } else {
        duration_item.refuse("one of 1d, 1w, 1M, 1Q, 1Y for a window of the calendar")
    }
}

/// A duration shorthand: how many of which unit, and its seconds.
fn duration(text: &str) -> Option<(u64, char, u64)> {
    let unit = text.chars().last()?;
    let count: u32 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let (_, seconds) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
    let limit = u64::from(count) * seconds;
    (limit <= 100 * 366 * DAY).then_some((u64::from(count), unit, *seconds))
}
