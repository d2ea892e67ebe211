//! What was asked, as quantities.

use crate::cli::args::Detect;
use crate::core::amount::{Rate, Share};
use crate::core::judge::{Kind, Terms};
use crate::core::rollout::Scale;
use crate::core::time::Span;
use crate::measure::detect::{Held, Watch};
use crate::scenario::quantity;

/// Planned looks where nobody says how many checks there are.
const LOOKS: u64 = 5;
const LOOKS_MAX: u64 = 100;

/// The quantities among the arguments, read together so that all that is wrong is told at once.
pub(super) struct Given {
    pub baseline: Share,
    pub bad: Share,
    pub share: Share,
    pub rate: Rate,
    pub alpha: Share,
    pub power: Share,
    pub threshold: Share,
    pub interval: Span,
}

impl Given {
    pub fn read(arguments: &Detect, wrong: &mut Vec<String>) -> Given {
        let mut share = |flag: &str, text: &str| {
            quantity::share(text).unwrap_or_else(|expected| {
                wrong.push(format!("{flag}: found '{text}', {expected}"));
                Share::NONE
            })
        };
        let (baseline, bad) = (share("--baseline", &arguments.baseline), share("--bad", &arguments.bad));
        let of_canary = share("--share", arguments.share.as_deref().unwrap_or("5%"));
        let (alpha, power) = (share("--alpha", &arguments.alpha), share("--power", &arguments.power));
        let threshold = share("--threshold", &arguments.threshold);
        let rate = quantity::rate(&arguments.rate).unwrap_or_else(|expected| {
            wrong.push(format!("--rate: found '{}', {expected}", arguments.rate));
            Rate::default()
        });
        let text = arguments.interval.as_deref().unwrap_or("60s");
        let interval = quantity::span(text).unwrap_or_else(|expected| {
            wrong.push(format!("--interval: found '{text}', {expected}"));
            Span::ZERO
        });
        Given { baseline, bad, share: of_canary, rate, alpha, power, threshold, interval }
    }

    /// What is a quantity, and still makes no sense; `brings_judge`: the strategy has a judge of its own.
    pub fn check(&self, kind: Kind, brings_judge: bool, wrong: &mut Vec<String>) {
        let mut refuse = |is_wrong: bool, text: String| {
            let flag = text.split(':').next().unwrap_or_default().to_owned();
            let told = wrong.iter().any(|earlier| earlier.starts_with(&format!("{flag}:")));
            if is_wrong && !told {
                wrong.push(text);
            }
        };
        let of = |share: Share| format!("{}%", 100.0 * share.value());
        for (flag, value) in [("--alpha", self.alpha), ("--power", self.power)] {
            let is_inside = value.value() > 0.0 && value.value() < 1.0;
            refuse(!is_inside, format!("{flag}: found {}, expected more than 0% and less than 100%", of(value)));
        }
        refuse(
            self.power <= self.alpha,
            format!("--power: found {}, expected more than --alpha, {}", of(self.power), of(self.alpha)),
        );
        refuse(
            self.bad <= self.baseline,
            format!("--bad: found {}, expected more than --baseline, {}", of(self.bad), of(self.baseline)),
        );
        refuse(self.share == Share::NONE, "--share: found 0%, expected more".to_owned());
        let has_control = matches!(kind, Kind::Threshold | Kind::Sprt) || brings_judge || self.share < Share::ALL;
        refuse(!has_control, "--share: found 100%, which leaves no control to compare with, expected less".to_owned());
        refuse(self.rate.per_second() == 0.0, "--rate: found no traffic, expected a rate above 0/s".to_owned());
        refuse(self.interval.is_zero(), "--interval: found no time, expected a time above zero".to_owned());
        if kind == Kind::Sprt && !brings_judge {
            refuse(self.baseline == Share::NONE, "--baseline: found 0%, expected more for the judge sprt".to_owned());
            refuse(self.bad == Share::ALL, "--bad: found 100%, expected less for the judge sprt".to_owned());
        }
    }

    /// What a judge is told; `checks`: how many looks there are, where that is known.
    pub fn terms(&self, arguments: &Detect, checks: Option<u64>) -> Terms {
        Terms {
            limit: self.threshold,
            factor: arguments.factor,
            alpha: self.alpha,
            power: self.power,
            baseline: self.baseline,
            bad: self.bad,
            looks: arguments.looks.unwrap_or(checks.unwrap_or(LOOKS).clamp(1, LOOKS_MAX) as u32),
        }
    }

    /// Planned looks that nobody counted, for more checks than there may be looks.
    pub fn check_looks(kind: Kind, arguments: &Detect, checks: Option<u64>, wrong: &mut Vec<String>) {
        let is_planned = matches!(kind, Kind::Pocock | Kind::OBrienFleming) && arguments.looks.is_none();
        if let Some(checks) = checks.filter(|checks| is_planned && *checks > LOOKS_MAX) {
            wrong.push(format!(
                "--looks: found {checks} checks, expected a number of planned looks, at most {LOOKS_MAX}"
            ));
        }
    }

    /// A strategy's watch, with what the arguments change of it.
    pub fn changed(&self, arguments: &Detect, mut watch: Watch) -> Watch {
        if arguments.interval.is_some() {
            watch.interval = self.interval;
        }
        watch.limit = arguments.limit.unwrap_or(watch.limit);
        watch
    }
}

/// `10`: so many checks at the share; `5%,25%:10m`: shares, each for one interval or as long as it says.
pub(super) fn steps(arguments: &Detect, given: &Given, wrong: &mut Vec<String>) -> Option<Vec<Held>> {
    let text = arguments.steps.as_deref()?;
    let held = |share, hold| Held { share, hold, scale: Scale::MatchShare };
    if let Ok(number) = text.trim().parse::<u64>() {
        if number == 0 {
            wrong.push("--steps: found 0, expected at least one check".to_owned());
        }
        return Some(vec![held(given.share, given.interval.times(number))]);
    }
    let mut steps = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (share, hold) = part.split_once(':').map_or((part, None), |(share, hold)| (share, Some(hold)));
        let hold = hold.map_or(Ok(given.interval), quantity::span);
        match (quantity::share(share).ok().filter(|share| share.value() > 0.0 && share.value() < 1.0), hold) {
            (Some(share), Ok(hold)) if hold >= given.interval => steps.push(held(share, hold)),
            _ => wrong.push(format!(
                "--steps: found '{part}', expected a number of checks, or shares like 5% or 5%:10m between 0% and 100%, none shorter than --interval"
            )),
        }
    }
    Some(steps)
}
