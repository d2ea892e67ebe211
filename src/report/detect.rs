//! `rollcast detect`: what a judge needs, and what comes of a watched canary, as text and as JSON.

use serde::Serialize;

use crate::core::judge::{Judge, Kind};
use crate::measure::detect::{Case, Checks, Method, Need, Odds};
use crate::report::number::{count, duration, figure, percent};
use crate::report::table::rows;
use crate::report::text::wrap;

/// The question and its answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// The judge and the two versions.
    pub case: Case,
    /// Probability that is allowed for condemning a healthy version.
    pub alpha: f64,
    /// Probability that is wanted for condemning the bad one.
    pub power: f64,
    /// The canary's part of the traffic.
    pub share: f64,
    /// Requests of the whole service in a second.
    pub rate: f64,
    /// What the judge needs; `None`: no number of requests is enough.
    pub need: Option<Need>,
    /// The checks that the odds are about, as a sentence; `None`: the needed ones.
    pub plan: Option<String>,
    /// What becomes of a healthy version and of a bad one; `None`: there is nothing to check.
    pub outcome: Option<Outcome>,
    /// What to think of, each with an id.
    pub warnings: Vec<String>,
}

/// What becomes of both versions.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The checks.
    pub checks: Checks,
    /// Of a version as good as the old one.
    pub healthy: Odds,
    /// Of a version with the defect.
    pub bad: Odds,
    /// How they were found.
    pub method: Method,
}

#[derive(Serialize)]
struct Answer {
    canary_requests: Option<u64>,
    control_requests: Option<u64>,
    time_s: Option<f64>,
    power: Option<f64>,
    false_alarm: Option<f64>,
    inconclusive: Option<f64>,
    expected_detection_s: Option<f64>,
    harmed_requests: Option<f64>,
    method: Option<&'static str>,
}

/// One object; `null` stands for what cannot be.
pub fn json(page: &Page) -> String {
    let outcome = page.outcome.as_ref();
    let answer = Answer {
        canary_requests: page.need.as_ref().map(|need| need.canary),
        control_requests: page.need.as_ref().map(|need| need.control),
        time_s: page.time_s(),
        power: outcome.map(|outcome| outcome.bad.condemned),
        false_alarm: outcome.map(|outcome| outcome.healthy.condemned),
        inconclusive: outcome.map(|outcome| outcome.bad.inconclusive),
        expected_detection_s: outcome.and_then(|outcome| outcome.bad.detection_s),
        harmed_requests: outcome.map(|outcome| outcome.bad.requests * page.case.bad),
        method: outcome.map(|outcome| outcome.method.label()),
    };
    serde_json::to_string_pretty(&answer).expect("plain numbers are JSON") + "\n"
}

impl Page {
    /// Time that the canary takes for the requests it needs.
    pub fn time_s(&self) -> Option<f64> {
        self.need.as_ref().map(|need| need.canary as f64 / (self.rate * self.share))
    }
}

/// The answer in sentences, then the odds.
pub fn text(page: &Page, width: usize) -> String {
    let mut blocks = vec![wrap(&needed(page), width, 0).join("\n")];
    blocks.extend(sequential(page).map(|text| wrap(&text, width, 0).join("\n")));
    blocks.extend(page.plan.as_ref().map(|plan| wrap(plan, width, 0).join("\n")));
    if let Some(outcome) = &page.outcome {
        blocks.push(odds(page, outcome));
        blocks.push(wrap(&found_by(outcome), width, 0).join("\n"));
    }
    blocks.extend(page.warnings.iter().map(|warning| wrap(warning, width, 0).join("\n")));
    blocks.join("\n\n") + "\n"
}

fn needed(page: &Page) -> String {
    let Case { judge, baseline, bad, .. } = page.case;
    let (baseline, bad, power) = (percent(baseline), percent(bad), percent(page.power));
    let title = capital(judge.kind().title());
    let rule = match judge {
        Judge::Threshold(limit) => format!(", {} %,", percent(limit.value())),
        Judge::Relative(factor) => format!(", {} times as many,", figure(factor)),
        Judge::MannWhitney(rules) => format!(" at {} % confidence", percent(rules.confidence)),
        _ => format!(" at α = {} %", percent(page.alpha)),
    };
    let does = if matches!(judge, Judge::Looks(_)) { "do" } else { "does" };
    let (Some(need), Some(time_s)) = (&page.need, page.time_s()) else {
        return format!(
            "{title}{rule} {does} not catch {bad} % errors against {baseline} % with probability {power} % and at most {} % false alarms, whatever the number of requests.",
            percent(page.alpha)
        );
    };
    let control = if need.control > 0 { count(need.control as f64) } else { "none".to_owned() };
    let verb = if matches!(judge, Judge::Looks(_)) { "need" } else { "needs" };
    let when = match judge.kind() {
        Kind::Sprt => " (on average, of a healthy release)",
        Kind::Pocock | Kind::OBrienFleming => " by its last look",
        _ => "",
    };
    format!(
        "{title}{rule} {verb} {} on the canary{when} and {control} on the control to tell {bad} % errors from {baseline} % with probability {power} %. A canary of {} % at {} requests/s has them after {}.",
        if need.canary == 1 { "1 request".to_owned() } else { format!("{} requests", count(need.canary as f64)) },
        percent(page.share),
        figure(page.rate),
        duration(time_s),
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What Wald's test does, in his own numbers.
fn sequential(page: &Page) -> Option<String> {
    let Judge::Sprt(test) = page.case.judge else { return None };
    let ((accept, reject), (healthy, bad)) = (test.limits(), test.mean_requests());
    Some(format!(
        "Each bad request adds {:.4} to its log likelihood ratio, each good one {:.6}; it rejects at {reject:.4} and accepts at {accept:.4}, which takes {} good requests in a row. Wald's mean is {} requests for a healthy version and {} for the bad one.",
        test.per_bad(),
        test.per_good(),
        count(test.clean_requests() as f64),
        figure(healthy),
        figure(bad),
    ))
}

fn odds(page: &Page, outcome: &Outcome) -> String {
    let head = [
        "new version",
        "errors %",
        "condemned %",
        "passes %",
        "no verdict %",
        "condemned\nafter, mean",
        "bad requests\nuntil then",
    ];
    let versions = [("healthy", page.case.baseline, outcome.healthy), ("bad", page.case.bad, outcome.bad)];
    let row = |(name, rate, odds): (&str, f64, Odds)| {
        let passes = (1.0 - odds.condemned - odds.inconclusive).max(0.0);
        vec![
            name.to_owned(),
            percent(rate),
            percent(odds.condemned),
            percent(passes),
            percent(odds.inconclusive),
            odds.detection_s.map_or_else(|| "–".to_owned(), duration),
            figure(odds.requests * rate),
        ]
    };
    rows(head.map(str::to_owned).to_vec(), versions.map(row).to_vec(), 1)
}

fn found_by(outcome: &Outcome) -> String {
    let how = match outcome.method {
        Method::Exact => "Exact: every number of failures is enumerated.".to_owned(),
        Method::Replay(trials) => {
            let half = 196.0 * (0.25 / f64::from(trials)).sqrt();
            format!("Replayed {} times: a probability is known to ± {half:.1} points.", count(f64::from(trials)))
        }
    };
    format!(
        "{how} Requests fail independently, and every check sees what its interval brings at the mean rate. Bad requests are those on the canary until it is condemned, or to the last check."
    )
}
