//! A validation for people: the answer, both columns, the phases.

use super::{Course, Findings, Line};
use crate::measure::claim::Finding;
use crate::report::number::figure;
use crate::report::table::STYLE;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// The answer in a sentence, then both columns for each strategy, then the phases.
pub fn text(findings: &Findings, head: &str) -> String {
    let mut text = format!("{}\n{head}\n", answer(findings));
    for lines in findings.lines.chunk_by(|one, other| one.strategy == other.strategy) {
        text += &format!("\n{}\n{}\n", lines[0].strategy, table(lines));
    }
    findings.courses.iter().for_each(|course| text += &told(course));
    text
}

fn table(lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.set_header(["metric", "simulated", "live", "difference", "95 % interval", "tolerated"]);
    for line in lines {
        table.add_row(row(line));
    }
    for column in 1..6 {
        table.column_mut(column).expect("the head has six columns").set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn answer(findings: &Findings) -> String {
    let count = |finding| findings.lines.iter().filter(|line| line.finding() == finding).count();
    let others = findings.courses.iter().filter(|course| course.exceeds()).count();
    let (all, open) = (findings.lines.len(), count(Finding::Open));
    match (count(Finding::Fails), others) {
        (0, 0) if open > 0 => format!(
            "Left open: {open} of {all} metrics differ by more than is tolerated, which may be chance; more repetitions decide."
        ),
        (0, 0) if findings.courses.is_empty() => {
            format!("The forecast holds: {all} of {all} metrics agree with real traffic.")
        }
        (0, 0) => format!("The forecast holds: {all} of {all} metrics agree with real traffic, and so do all phases."),
        (0, _) => format!("The forecast does not hold: phases of {others} strategies differ."),
        (beyond, _) => {
            format!("The forecast does not hold: {beyond} of {all} metrics differ by more than is tolerated.")
        }
    }
}

fn told(course: &Course) -> String {
    let Course { strategy, simulated, live, same: (same, all), apart_s, tolerated_s } = course;
    let mark = if course.exceeds() { "✗" } else { "✓" };
    let apart = format!("at most {} s apart (tolerated {} s)", figure(*apart_s), figure(*tolerated_s));
    let mut text = format!(
        "\nPhases of {strategy}: the same in {same} of {all} repetitions, {apart} {mark}\n  simulated  {}\n",
        simulated.join(" → ")
    );
    if simulated != live {
        text += &format!("  live       {}\n", live.join(" → "));
    }
    text
}

fn row(line: &Line) -> [String; 6] {
    let interval = line
        .difference
        .map_or_else(|| "–".to_owned(), |interval| format!("{} to {}", figure(interval.low), figure(interval.high)));
    let mark = match line.finding() {
        Finding::Holds => "✓",
        Finding::Open => "?",
        Finding::Fails => "✗",
    };
    [
        // Other names have their unit in them.
        line.instance.map_or_else(|| line.metric.to_owned(), |number| format!("{}_% of {number}", line.metric)),
        figure(line.simulated),
        figure(line.live),
        figure(line.gap()),
        interval,
        format!("±{} {mark}", figure(line.tolerated)),
    ]
}
