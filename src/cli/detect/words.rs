//! What is checked, and what to think of, in words.

use crate::core::judge::Judge;
use crate::measure::detect::{Group, Watch, can_fail};
use crate::report::detect::Page;

/// A false alarm so many times the level deserves a word.
const INFLATED: f64 = 1.2;

/// What is checked, in words.
pub(super) fn sentence(watch: &Watch, group: Group) -> String {
    let looks = match watch.judge {
        Judge::Looks(test) => Some(watch.looks().min(u64::from(test.looks))),
        _ => None,
    };
    let shares: Vec<String> =
        watch.steps.iter().map(|step| format!("{} % for {}", 100.0 * step.share.value(), step.hold)).collect();
    let tolerated = match watch.limit {
        _ if watch.judge.counts_from_the_start() => "a verdict is final".to_owned(),
        0 => "the first failed check condemns".to_owned(),
        1 => "1 failed check is tolerated".to_owned(),
        limit => format!("{limit} failed checks are tolerated"),
    };
    let held = if watch.holds { ", and each holds the canary at its share" } else { "" };
    let looks_back = watch.window > watch.interval && !watch.judge.counts_from_the_start();
    let window = if looks_back { format!(", each over the last {}", watch.window) } else { String::new() };
    let shown = if shares.len() > 6 {
        format!("{}, … {}", shares[..3].join(", "), shares[shares.len() - 1])
    } else {
        shares.join(", ")
    };
    let waits = if watch.waits { " What comes after somebody promotes it is not looked at." } else { "" };
    let control = match group {
        Group::Fleet => "",
        Group::Baseline => " The control is a fresh baseline, taken to get as many requests as the canary.",
        Group::BaselineBeside(_) => {
            " The control is a fresh baseline of the canary's size, which gets what as many old instances get."
        }
    };
    let checks = match looks {
        Some(looks) => format!("{looks} planned looks, one every {}", watch.window.max(watch.interval)),
        None => format!("{} checks, one every {}{window}", watch.number(), watch.interval),
    };
    format!("The canary gets {shown}: {checks}; {tolerated}{held}.{waits}{control}")
}

pub(super) fn warnings(page: &Page, ratio: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(outcome) = &page.outcome else { return warnings };
    let few = outcome.checks.list.iter().map(|check| check.canary).min().unwrap_or(0)
        * outcome.checks.window.min(1_000) as u64;
    let windowed = page.plan.is_some() && !page.case.judge.counts_from_the_start();
    let is_blind = few < page.case.floor
        || !matches!(page.case.judge, Judge::MannWhitney(_))
            && !can_fail(&page.case.judge, few, (few as f64 * ratio) as u64);
    let is_normal = matches!(page.case.judge, Judge::Z(_) | Judge::Looks(_));
    if !windowed && is_normal && outcome.healthy.condemned > INFLATED * page.alpha {
        warnings.push(format!(
            "few-failures: so few bad requests are no normal numbers, and this test takes them for such: it condemns {:.1} % of \
             healthy releases, not {} %; fisher and confidence-sequence keep to it",
            100.0 * outcome.healthy.condemned,
            100.0 * page.alpha,
        ));
    }
    if windowed && is_blind {
        warnings.push(format!(
            "canary-blind: a check sees {few} canary requests, too few for this judge to condemn anything ({} are its floor)",
            page.case.floor
        ));
    }
    if windowed && !is_blind && outcome.healthy.condemned > INFLATED * page.alpha {
        warnings.push(format!(
            "peeking: {} checks condemn {:.1} % of healthy releases, more than the {} % of one: use planned looks or a sequential judge, fewer checks, or tolerate some failed ones",
            outcome.checks.list.len(),
            100.0 * outcome.healthy.condemned,
            100.0 * page.alpha,
        ));
    }
    warnings
}
