//! `rollcast plan`: the syncs of a rollout, as text and as JSON.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::core::fleet::Counts;
use crate::manifest::{Fate, Unused};
use crate::measure::forecast::Forecast;
use crate::plan::{Delay, Ending, Finding, Found, Rehearsal, Row, instances};
use crate::report::number::{duration, figure};
use crate::report::table::STYLE;
use crate::report::text::wrap;

/// Rows of a table that a person still reads.
const ROWS_MAX: usize = 60;

/// Version of the JSON.
const SCHEMA: &str = "rollcast.plan/1";

/// Everything there is to say of one manifest.
#[derive(Clone, Debug)]
pub struct Page {
    /// The file as the user named it.
    pub file: String,
    /// What it is, e.g. `Deployment checkout`.
    pub title: String,
    /// Instances of the fleet.
    pub size: u32,
    /// What was assumed beside the manifest, e.g. `an instance boots in 10s`.
    pub assumed: Vec<String>,
    /// What the numbers round to.
    pub explained: Vec<String>,
    /// What happens.
    pub rehearsal: Rehearsal,
    /// What is likely not meant.
    pub findings: Vec<Finding>,
    /// What of the file has no effect.
    pub unused: Vec<Unused>,
    /// The rollout on a service, where one was given.
    pub service: Option<Service>,
}

/// A manifest on a service.
#[derive(Clone, Debug)]
pub struct Service {
    /// What the manifest changed of the scenario.
    pub changed: Vec<String>,
    /// The whole forecast.
    pub forecast: Forecast,
    /// The smallest shutdown delay that loses no request; `None`: it could not be looked for.
    pub delay: Option<Delay>,
    /// The smallest surge that overloads nothing; `None`: the strategy has none.
    pub surge: Option<Found<u32>>,
}

/// Several manifests.
#[derive(Serialize)]
struct JsonPlans<'a> {
    schema: &'static str,
    plans: Vec<Json<'a>>,
}

#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    file: &'a str,
    title: &'a str,
    instances: u32,
    ending: &'static str,
    duration_s: Option<f64>,
    settled_s: f64,
    peak_instances: u32,
    least_available: u32,
    instance_minutes: f64,
    assumed: &'a [String],
    rounding: &'a [String],
    syncs: Vec<JsonSync<'a>>,
    findings: Vec<JsonFinding<'a>>,
    unused: Vec<JsonUnused<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<JsonService<'a>>,
}

#[derive(Serialize)]
struct JsonService<'a> {
    changed: &'a [String],
    /// `null`: none up to two minutes is enough, or it could not be looked for.
    pre_stop_s: Option<f64>,
    /// Whether the rollout loses requests that no delay saves.
    loses_others: Option<bool>,
    /// In instances; `null`: not even a second fleet is enough, or the strategy has no surge.
    surge: Option<u32>,
    forecast: serde_json::Value,
}

#[derive(Serialize)]
struct JsonSync<'a> {
    at_s: f64,
    new: JsonCounts,
    old: JsonCounts,
    terminating: u32,
    physical: u32,
    /// In percent.
    weight: f64,
    orders: &'a [String],
    phases: Vec<JsonPhase<'a>>,
}

#[derive(Serialize)]
struct JsonCounts {
    spec: u32,
    ready: u32,
    available: u32,
}

#[derive(Serialize)]
struct JsonPhase<'a> {
    phase: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    id: &'static str,
    text: &'a str,
    line: Option<u32>,
}

#[derive(Serialize)]
struct JsonUnused<'a> {
    line: u32,
    path: &'a str,
    fate: &'static str,
}

/// One object for one manifest; for several, an object with a list of them under `plans`.
pub fn json(pages: &[Page]) -> String {
    let text = match pages {
        [page] => serde_json::to_string_pretty(&plain(page)),
        pages => serde_json::to_string_pretty(&JsonPlans { schema: SCHEMA, plans: pages.iter().map(plain).collect() }),
    };
    text.expect("plain values are JSON") + "\n"
}

fn plain(page: &Page) -> Json<'_> {
    let rehearsal = &page.rehearsal;
    Json {
        schema: SCHEMA,
        file: &page.file,
        title: &page.title,
        instances: page.size,
        ending: ending(rehearsal.ending),
        duration_s: rehearsal.duration.map(|duration| duration.seconds()),
        settled_s: rehearsal.settled.seconds(),
        peak_instances: rehearsal.peak,
        least_available: rehearsal.least_available,
        instance_minutes: rehearsal.instance_seconds / 60.0,
        assumed: &page.assumed,
        rounding: &page.explained,
        syncs: rehearsal.rows.iter().map(sync).collect(),
        findings: page
            .findings
            .iter()
            .map(|finding| JsonFinding { id: finding.id, text: &finding.text, line: finding.line })
            .collect(),
        unused: page
            .unused
            .iter()
            .map(|field| JsonUnused { line: field.line, path: &field.path, fate: fate(field.fate) })
            .collect(),
        service: page.service.as_ref().map(on_service),
    }
}

fn on_service(service: &Service) -> JsonService<'_> {
    JsonService {
        changed: &service.changed,
        pre_stop_s: match service.delay {
            Some(Delay { found: Found::Least(delay), .. }) => Some(delay.seconds()),
            Some(Delay { found: Found::NotEven(_), .. }) | None => None,
        },
        loses_others: service.delay.map(|delay| delay.loses_others),
        surge: match service.surge {
            Some(Found::Least(surge)) => Some(surge),
            Some(Found::NotEven(_)) | None => None,
        },
        forecast: serde_json::from_str(&super::json(&service.forecast)).expect("it was written as JSON"),
    }
}

fn sync(row: &Row) -> JsonSync<'_> {
    let counts = |counts: Counts| JsonCounts { spec: counts.spec, ready: counts.ready, available: counts.available };
    JsonSync {
        at_s: row.at.seconds(),
        new: counts(row.new),
        old: counts(row.old),
        terminating: row.new.terminating + row.old.terminating,
        physical: row.physical,
        weight: (row.weight.value() * 1e6).round() / 1e4,
        orders: &row.orders,
        phases: row.phases.iter().map(|(phase, reason)| JsonPhase { phase: phase.to_string(), reason }).collect(),
    }
}

const fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Promoted => "promoted",
        Ending::RolledBack => "rolled back",
        Ending::Stuck => "stuck",
        Ending::Waiting => "waiting",
        Ending::Failed => "failed",
    }
}

const fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::NotSimulated => "not simulated",
        Fate::Unknown => "unknown",
    }
}

/// The answer in a sentence, what is likely not meant, then every sync.
pub fn text(pages: &[Page], width: usize) -> String {
    let shown: Vec<String> = pages.iter().map(|page| one(page, width)).collect();
    shown.join("\n\n") + "\n"
}

fn one(page: &Page, width: usize) -> String {
    let mut blocks = vec![wrap(&answer(page), width, 0).join("\n")];
    blocks.extend(page.service.iter().flat_map(|service| forecast(service, width)));
    let findings = page.findings.iter().map(|finding| {
        let at = finding.line.map_or(String::new(), |line| format!(" ({}:{line})", page.file));
        format!("{} {}{at}", finding.id, finding.text)
    });
    blocks.extend(list("Likely not meant (--allow ID hides one):", findings, width));
    blocks.push(table(&page.rehearsal, width));
    blocks.extend(list("What the numbers come to:", page.explained.iter().cloned(), width));
    blocks.extend(list("Assumed:", page.assumed.iter().cloned(), width));
    let unused =
        page.unused.iter().map(|field| format!("{}:{} {}: {}", page.file, field.line, field.path, fate(field.fate)));
    blocks.extend(list("Without effect here:", unused, width));
    blocks.join("\n\n")
}

fn answer(page: &Page) -> String {
    let rehearsal = &page.rehearsal;
    let last = rehearsal.rows.iter().rev().find_map(|row| row.phases.last());
    let because = last.map_or(String::new(), |(_, reason)| format!(": {reason}"));
    let time = rehearsal.duration.map_or(String::new(), |time| duration(time.seconds()));
    let ended = match rehearsal.ending {
        Ending::Promoted => format!("done after {time}"),
        Ending::RolledBack => format!("rolled back after {time}"),
        Ending::Failed => format!("failed after {time}{because}"),
        Ending::Stuck => format!("never done: it gets stuck{because}"),
        Ending::Waiting => "never done: it waits for somebody who does not come (see --promote-after)".to_owned(),
    };
    let extra = (rehearsal.instance_seconds - f64::from(page.size) * rehearsal.settled.seconds()) / 60.0;
    let cost = match rehearsal.ending {
        Ending::Stuck | Ending::Waiting => String::new(),
        Ending::Promoted | Ending::RolledBack | Ending::Failed => {
            let than = if extra < 0.0 { "fewer" } else { "more" };
            let all = figure(rehearsal.instance_seconds / 60.0);
            format!(", {all} instance-minutes until all is settled, {} {than} than without it", figure(extra.abs()))
        }
    };
    format!(
        "{}: {}, {ended}, at most {} of them at once, at least {} available{cost}.",
        page.title,
        instances(page.size),
        rehearsal.peak,
        rehearsal.least_available
    )
}

fn list(head: &str, items: impl Iterator<Item = String>, width: usize) -> Option<String> {
    let lines: Vec<String> = items
        .flat_map(|item| wrap(&format!("- {item}"), width.saturating_sub(2), 2))
        .map(|line| format!("  {line}"))
        .collect();
    (!lines.is_empty()).then(|| format!("{head}\n{}", lines.join("\n")))
}

/// The forecast on a service, and what it needs.
fn forecast(service: &Service, width: usize) -> Vec<String> {
    let mut needs = Vec::new();
    needs.push(match service.delay {
        Some(Delay { found: Found::Least(delay), loses_others: false }) => {
            format!("a shutdown delay (preStop) of {delay} is the shortest for which no request is lost")
        }
        Some(Delay { found: Found::Least(delay), loses_others: true }) => format!(
            "a shutdown delay (preStop) of {delay} is the shortest for which none is sent to an instance on its way out; \
             the rollout loses requests for other reasons, too"
        ),
        Some(Delay { found: Found::NotEven(most), .. }) => {
            format!("with no shutdown delay (preStop) up to {most} do all requests reach an instance that takes them")
        }
        None => "the shutdown delay could not be looked for: the rollout does not end within the run".to_owned(),
    });
    needs.extend(service.surge.map(|surge| match surge {
        Found::Least(surge) => {
            format!("a surge of {} is the smallest for which nothing is overloaded", instances(surge))
        }
        Found::NotEven(most) => format!("not even a surge of {} avoids overload", instances(most)),
    }));
    let mut blocks = vec![super::terminal(&service.forecast, width, false).trim_end().to_owned()];
    blocks.extend(list("Found by replay, with a new version as good as the old one:", needs.into_iter(), width));
    blocks.extend(list("Of the manifest rather than the scenario:", service.changed.iter().cloned(), width));
    blocks
}

fn table(rehearsal: &Rehearsal, width: usize) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header([
        "after",
        "new spec/\nready/avail.",
        "old spec/\nready/avail.",
        "termi-\nnating",
        "exist",
        "weight\n%",
        "ordered",
    ]);
    for row in rehearsal.rows.iter().take(ROWS_MAX) {
        table.add_row(cells(row));
    }
    for column in 1..6 {
        table.column_mut(column).expect("the head has seven columns").set_cell_alignment(CellAlignment::Right);
    }
    let hidden = rehearsal.rows.len().saturating_sub(ROWS_MAX);
    let more = if hidden > 0 { format!("\n… {hidden} more syncs; --json has them all") } else { String::new() };
    format!("{}{more}", table.trim_fmt())
}

fn cells(row: &Row) -> [String; 7] {
    let counts = |counts: Counts| format!("{}/{}/{}", counts.spec, counts.ready, counts.available);
    let phases = row.phases.iter().map(|(phase, _)| format!("[{phase}]"));
    let ordered: Vec<String> = phases.chain(row.orders.iter().cloned()).collect();
    [
        duration(row.at.seconds()),
        counts(row.new),
        counts(row.old),
        (row.new.terminating + row.old.terminating).to_string(),
        row.physical.to_string(),
        figure(100.0 * row.weight.value()),
        ordered.join(", "),
    ]
}
