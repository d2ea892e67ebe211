//! The first screen: the verdict, the table, the phases, the notes. Colour is the caller's choice, and so is the width.

use std::path::Path;

use crate::measure::forecast::{Alert, Forecast, StrategyForecast};
use crate::report::number::{clock, duration, figure};
use crate::report::risk;
use crate::report::slos;
use crate::report::table::{releases, table};
use crate::report::text::{pad, plain, shorten, width as width_of, wrap};
use crate::report::verdict::{Verdict, verdict};

/// Everything that is to be read at once, ending in a newline. Lines keep to `width`, or to 40 columns where that is less.
pub fn terminal(forecast: &Forecast, width: usize, colour: bool) -> String {
    let width = width.max(NARROWEST);
    let verdict = verdict(forecast);
    let mut blocks = answer(&verdict, width, colour);
    if !forecast.strategies.is_empty() {
        blocks.push(table(forecast, &verdict, width, colour));
    }
    blocks.extend(slos::table(forecast, width));
    blocks.extend(risk::tables(forecast, &verdict, width, colour));
    blocks.extend(releases(forecast, &verdict, width, colour).map(|table| {
        let head = format!("Of {} replications: the median / what one in twenty exceeds", forecast.replications());
        format!("{}\n{table}", wrap(&head, width, 0).join("\n"))
    }));
    blocks.extend(all_phases(forecast, width));
    blocks.extend(notes(forecast, width));
    blocks.join("\n\n") + "\n"
}

/// Where the files are, for the end of the screen. The path stays on one line, so that it can be copied.
pub fn written(folder: &Path, files: &[(String, Vec<u8>)], width: usize) -> String {
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let list = wrap(&format!("{}{}", " ".repeat(INDENT), names.join(", ")), width.max(NARROWEST) - INDENT, 0);
    let list: Vec<_> = list.iter().map(|line| format!("{}{line}", " ".repeat(INDENT))).collect();
    format!("{}{}\n{}\n", words::WRITTEN, folder.display(), list.join("\n"))
}

/// Below this nothing can be told apart.
const NARROWEST: usize = 40;
const INDENT: usize = 2;
/// A rollout in many steps must not push the answer off the screen: this many lines at its beginning, and at its end.
const FIRST_PHASES: usize = 8;
const LAST_PHASES: usize = 4;

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

mod words {
    pub const PHASES: &str = "Phases (time since the start of the run, warm-up included)";
    pub const FIRST_PHASES: &str =
        "Phases of the first replication (time since the start of the run, warm-up included)";
    pub const NOTES: &str = "Notes";
    pub const WRITTEN: &str = "Written to ";
    pub const ALERT: &str = "alert";
}

fn answer(verdict: &Verdict, width: usize, colour: bool) -> Vec<String> {
    let Some((first, rest)) = verdict.sentences.split_first() else { return Vec::new() };
    let first = wrap(first, width, 0);
    let first = first.iter().map(|line| if colour { format!("{BOLD}{line}{RESET}") } else { line.clone() });
    let rest = if rest.is_empty() { Vec::new() } else { wrap(&rest.join(" "), width, 0) };
    vec![first.chain(rest).collect::<Vec<_>>().join("\n")]
}

fn all_phases(forecast: &Forecast, width: usize) -> Option<String> {
    let blocks: Vec<_> = forecast.strategies.iter().filter_map(|strategy| phases(strategy, width)).collect();
    let head = if forecast.replications() > 1 { words::FIRST_PHASES } else { words::PHASES };
    let head = wrap(head, width, 0).join("\n");
    if blocks.is_empty() { None } else { Some(format!("{head}\n{}", blocks.join("\n"))) }
}

/// One line of the story of a rollout.
struct Line {
    at_s: f64,
    what: String,
    why: String,
}

fn phases(strategy: &StrategyForecast, width: usize) -> Option<String> {
    let lines = story(strategy);
    if lines.is_empty() {
        return None;
    }
    let what_width = lines.iter().map(|line| width_of(&line.what)).max().unwrap_or(0).min(width / 4);
    let mut written = vec![format!("{}{}", " ".repeat(INDENT), shorten(&strategy.name, width - INDENT))];
    let left_out = lines.len().saturating_sub(FIRST_PHASES + LAST_PHASES + 1);
    for (index, line) in lines.iter().enumerate() {
        let from_end = lines.len() - index;
        if left_out == 0 || index < FIRST_PHASES || from_end <= LAST_PHASES {
            written.extend(story_line(line, what_width, width));
        } else if index == FIRST_PHASES {
            written.push(format!("{}… {} more, in phases.csv", " ".repeat(INDENT * 2), left_out + 1));
        }
    }
    Some(written.join("\n"))
}

/// Phases and alerts in the order of time.
fn story(strategy: &StrategyForecast) -> Vec<Line> {
    let phases = strategy.phases.iter().map(|phase| Line {
        at_s: phase.at_s,
        what: plain(&phase.phase),
        why: plain(&phase.reason),
    });
    let several = strategy.slos.len() > 1;
    let alerts = strategy.slos.iter().flat_map(|slo| {
        let of = if several { format!("{}: ", plain(&slo.name)) } else { String::new() };
        slo.alerts.iter().filter_map(move |found| alert(found, &of))
    });
    let mut lines: Vec<_> = phases.chain(alerts).collect();
    lines.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    lines
}

fn alert(alert: &Alert, of: &str) -> Option<Line> {
    let Alert { severity, long_s, short_s, factor, .. } = *alert;
    let cleared = alert.clears_s.map_or(String::new(), |at| format!("; cleared at {}", clock(at)));
    let (long, short) = (duration(long_s), duration(short_s));
    let why = format!("{of}more than {} times the allowed rate over {long} and {short}{cleared}", figure(factor));
    Some(Line { at_s: alert.fires_s?, what: format!("{}: {severity}", words::ALERT), why })
}

fn story_line(line: &Line, what_width: usize, width: usize) -> Vec<String> {
    let what = pad(&shorten(&line.what, what_width), what_width);
    let head = format!("{:>9}  {what}  ", clock(line.at_s));
    let hang = width_of(&head);
    let mut why = wrap(&line.why, width - hang, 0).into_iter();
    let first = format!("{head}{}", why.next().unwrap_or_default()).trim_end().to_owned();
    std::iter::once(first).chain(why.map(|rest| format!("{}{rest}", " ".repeat(hang)))).collect()
}

fn notes(forecast: &Forecast, width: usize) -> Option<String> {
    if forecast.notes.is_empty() {
        return None;
    }
    let mut lines = vec![words::NOTES.to_owned()];
    for note in &forecast.notes {
        let wrapped = wrap(&format!("{}: {}", note.id, note.text), width - INDENT, INDENT);
        lines.extend(wrapped.iter().map(|line| format!("{}{line}", " ".repeat(INDENT))));
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn eighty_columns_answer_the_question() {
        insta::assert_snapshot!(terminal(&fixture::checkout(), 80, false));
    }

    #[test]
    fn a_hundred_columns_show_more() {
        insta::assert_snapshot!(terminal(&fixture::checkout(), 100, false));
    }

    #[test]
    fn a_hundred_and_twenty_columns_show_still_more() {
        insta::assert_snapshot!(terminal(&fixture::checkout(), 120, false));
    }

    #[test]
    fn replications_bring_intervals_and_releases() {
        insta::assert_snapshot!(terminal(&fixture::repeated(), 80, false));
        insta::assert_snapshot!(terminal(&fixture::repeated(), 100, false));
    }

    #[test]
    fn colour_marks_the_best_and_the_worst() {
        insta::assert_snapshot!(terminal(&fixture::checkout(), 80, true).replace('\u{1b}', "ESC"));
    }

    #[test]
    fn the_service_alone_is_one_row() {
        insta::assert_snapshot!(terminal(&fixture::stay_only(), 80, false));
    }

    #[test]
    fn long_and_korean_names_align_and_control_characters_are_gone() {
        insta::assert_snapshot!(terminal(&fixture::unusual(), 80, false));
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for forecast in [fixture::checkout(), fixture::stay_only(), fixture::unusual(), fixture::repeated()] {
            for width in 40..140 {
                let screen = terminal(&forecast, width, false);
                let widest = screen.lines().max_by_key(|line| width_of(line)).expect("a screen has lines");
                assert!(width_of(widest) <= width, "{width}: {widest}");
            }
        }
    }

    #[test]
    fn the_columns_of_korean_names_stand_where_those_of_english_ones_do() {
        let mut forecast = fixture::only(&["rolling", "canary"]);
        forecast.strategies[1] = StrategyForecast { name: "롤링".to_owned(), ..forecast.strategies[2].clone() };
        let screen = terminal(&forecast, 80, false);
        let ends: Vec<_> = ["롤링", "canary"]
            .map(|name| screen.lines().find(|line| line.starts_with(&format!("{name} "))).map(width_of))
            .to_vec();
        assert_eq!(ends[0], ends[1], "{screen}");
        assert!(ends[0].is_some(), "{screen}");
    }

    #[test]
    fn an_empty_forecast_says_so() {
        let mut forecast = fixture::stay_only();
        forecast.strategies.clear();
        assert!(terminal(&forecast, 80, false).starts_with("Nothing was forecast"));
    }

    #[test]
    fn the_end_of_the_screen_says_where_the_files_are() {
        let files = ["run.yaml", "summary.csv"].map(|name| (name.to_owned(), Vec::new()));
        let text = written(Path::new("output/checkout-7"), &files, 80);
        assert_eq!(text, "Written to output/checkout-7\n  run.yaml, summary.csv\n");
    }
}
