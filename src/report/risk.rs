//! What releases come to when some of them are bad: what each strategy caught, and what they cost.

use crate::measure::forecast::{Forecast, Releases, StrategyForecast};
use crate::measure::risk::{Cost, Risk};
use crate::report::number::{clock, count, figure, money, percent};
use crate::report::table::{CURRENCY, Column, laid_out, written};
use crate::report::text::wrap;
use crate::report::verdict::Verdict;

/// Both tables with their heads; nothing where the replications drew no releases.
pub(super) fn tables(forecast: &Forecast, verdict: &Verdict, width: usize, colour: bool) -> Vec<String> {
    let (Some(releases), Some(per_year)) = (&forecast.releases, forecast.releases_per_year()) else {
        return Vec::new();
    };
    let year = format!("A release costs, beyond staying, and a year of {} releases", count(per_year));
    [(drawn(releases), OUTCOMES), (year, COSTS)]
        .map(|(head, columns)| {
            let columns: Vec<_> = columns.iter().collect();
            let table = laid_out(forecast, verdict, &columns, width, colour);
            format!("{}\n{table}", wrap(&head, width, 0).join("\n"))
        })
        .to_vec()
}

/// "Releases: 100 drawn, 15 % bad expected, 17 were bad (errors 13, latency 4)".
fn drawn(releases: &Releases) -> String {
    let of = |kind: usize| releases.drawn.iter().filter(|&&drawn| drawn == Some(kind)).count();
    let kinds = releases.kinds.iter().enumerate().map(|(kind, name)| format!("{name} {}", of(kind)));
    let kinds: Vec<String> = kinds.collect();
    format!(
        "Releases: {} drawn, {} % bad expected, {} were bad ({})",
        releases.drawn.len(),
        percent(releases.bad),
        releases.drawn.iter().flatten().count(),
        kinds.join(", ")
    )
}

const OUTCOMES: &[Column] = &[
    Column { head: ["bad:", "caught"], rank: 0, cell: |s| of(s, |risk| risk.caught) },
    Column { head: ["bad: caught", "late"], rank: 1, cell: |s| of(s, |risk| risk.late) },
    Column { head: ["bad:", "missed"], rank: 2, cell: |s| of(s, |risk| risk.missed) },
    Column { head: ["bad: still", "under way"], rank: 6, cell: |s| of(s, |risk| risk.open) },
    Column { head: ["good:", "stopped"], rank: 3, cell: |s| of(s, |risk| risk.false_alarms) },
    Column {
        head: ["change", "fail rate %"],
        rank: 5,
        cell: |s| written(s.risk.as_ref().map(|risk| risk.change_fail_rate), percent),
    },
    Column {
        head: ["recovery", "m:ss"],
        rank: 4,
        cell: |s| written(s.risk.as_ref().and_then(|risk| risk.recovery_s), clock),
    },
];

const COSTS: &[Column] = &[
    Column { head: ["down s", "/release"], rank: 2, cell: |s| each(s, "downtime_s", figure) },
    Column { head: ["down h", "/year"], rank: 3, cell: |s| year(s, "downtime_s", |s| figure(s / 3_600.0)) },
    Column { head: ["budget %", "/release"], rank: 0, cell: |s| each(s, "budget_burnt", percent) },
    Column { head: ["budget %", "/year"], rank: 1, cell: |s| year(s, "budget_burnt", percent) },
    Column { head: ["harmed users", "/release"], rank: 4, cell: |s| each(s, "harmed_users", figure) },
    Column { head: ["harmed users", "/year"], rank: 7, cell: |s| year(s, "harmed_users", count) },
    Column { head: [CURRENCY, "/release"], rank: 5, cell: |s| each(s, "extra_cost", money) },
    Column { head: [CURRENCY, "/year"], rank: 6, cell: |s| year(s, "extra_cost", money) },
];

fn of(strategy: &StrategyForecast, number: fn(&Risk) -> u32) -> String {
    written(strategy.risk.as_ref().map(|risk| f64::from(number(risk))), count)
}

fn cost<'f>(strategy: &'f StrategyForecast, name: &str) -> Option<&'f Cost> {
    strategy.risk.as_ref()?.costs.iter().find(|cost| cost.name == name)
}

fn each(strategy: &StrategyForecast, name: &str, write: fn(f64) -> String) -> String {
    written(cost(strategy, name).and_then(|cost| cost.per_release), write)
}

fn year(strategy: &StrategyForecast, name: &str, write: fn(f64) -> String) -> String {
    written(cost(strategy, name).and_then(|cost| cost.per_year), write)
}
