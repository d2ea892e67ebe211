//! How a strategy watches its canary: the shares it goes through, when it is checked, by what, and what it tolerates.

use crate::core::amount::{Amount, Share};
use crate::core::judge::Judge;
use crate::core::rollout::{
    Check, Condition, Control, Flagger, Gate, Hold, Measure, Relation, Scale, Strategy, instances_for,
};
use crate::core::time::Span;
use crate::measure::detect::{self, Checks};

/// A canary under watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// In order; the switch to everything is not among them.
    pub steps: Vec<Held>,
    /// Whom the judge compares the canary with.
    pub control: Control,
    /// How the counts are judged.
    pub judge: Judge,
    /// Fewer requests in a check are no evidence.
    pub floor: u64,
    /// Between two checks.
    pub interval: Span,
    /// How far back a check looks.
    pub window: Span,
    /// Failed checks that are tolerated.
    pub limit: u32,
    /// Whether a failed check holds the canary at its share.
    pub holds: bool,
    /// Whether it waits for a person after these steps.
    pub waits: bool,
}

/// A share of the traffic, and how long a canary holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// Of the traffic.
    pub share: Share,
    /// For so long.
    pub hold: Span,
    /// How many instances the canary has meanwhile.
    pub scale: Scale,
}

/// Whom a canary is compared with, as far as that says how many requests the control gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The whole old fleet, which gets all the rest.
    Fleet,
    /// A fresh baseline of the canary's size, taken to get as many requests as the canary.
    Baseline,
    /// The same beside a fleet of this size: it gets what as many old instances get.
    BaselineBeside(u32),
}

impl Group {
    /// What a gate with this control has in a fleet of this size.
    pub fn of(control: Control, size: u32) -> Group {
        match control {
            Control::Fleet => Group::Fleet,
            Control::Baseline => Group::BaselineBeside(size),
        }
    }

    /// Requests of the control for each of a canary with this share of the traffic and so many instances.
    pub fn ratio(self, share: f64, scale: Scale) -> f64 {
        let rest = (1.0 - share) / share;
        match self {
            Group::Fleet => rest,
            Group::Baseline => 1.0,
            Group::BaselineBeside(size) => {
                let baseline = instances(share, scale, size).min(size);
                rest * f64::from(baseline) / f64::from(size + baseline)
            }
        }
    }
}

impl Held {
    /// What one new instance gets for each request that one of the old ones gets, the baseline among them, in a fleet of `size`.
    pub fn load(&self, size: u32) -> f64 {
        let canary = instances(self.share.value(), self.scale, size);
        f64::from(canary.min(size))
            / f64::from(canary)
            / Group::BaselineBeside(size).ratio(self.share.value(), self.scale)
    }
}

/// How many a canary has: at least one.
fn instances(share: f64, scale: Scale, size: u32) -> u32 {
    let wanted = match scale {
        Scale::Own(amount) => amount.round_up(size),
        Scale::MatchShare => instances_for(Share::new(share).unwrap_or(Share::ALL), size),
    };
    wanted.max(1)
}

/// How many checks come while each of these shares is held, one every `interval`.
pub fn number_of(holds: impl Iterator<Item = Span>, interval: Span) -> u64 {
    holds.map(|hold| hold.nanos() / interval.nanos().max(1)).sum()
}

impl Watch {
    /// How many samples come.
    pub fn number(&self) -> u64 {
        number_of(self.steps.iter().map(|step| step.hold), self.interval)
    }

    /// How many planned looks there is time for: one per window.
    pub fn looks(&self) -> u64 {
        number_of(std::iter::once(self.held()), self.window.max(self.interval))
    }

    fn held(&self) -> Span {
        self.steps.iter().fold(Span::ZERO, |sum, step| sum + step.hold)
    }

    /// The checks of a service with `rate` requests a second, against this control.
    pub fn checks(&self, rate: f64, group: Group) -> Checks {
        let mut list = Vec::new();
        let every = self.interval.seconds();
        for Held { share, hold, scale } in self.steps.iter().filter(|step| step.share > Share::NONE) {
            let canary = rate * share.value() * every;
            let control = canary * group.ratio(share.value(), *scale);
            for _ in 0..hold.nanos() / self.interval.nanos().max(1) {
                let at_s = every * (list.len() + 1) as f64;
                list.push(detect::Check { at_s, canary: canary.round() as u64, control: control.round() as u64 });
            }
        }
        let window = (self.window.seconds() / every).round().max(1.0) as usize;
        let (list, after) = match self.judge {
            Judge::Looks(test) => self.planned(&list, test.looks),
            _ => (list, 0),
        };
        Checks { list, limit: self.limit, window, holds: self.holds, until_decided: false, after }
    }

    /// Of samples, those that are looked at, each with the requests since the last: the first that comes once so many windows
    /// have passed. Also the canary's requests after the last look.
    fn planned(&self, samples: &[detect::Check], looks: u32) -> (Vec<detect::Check>, u64) {
        let mut list: Vec<detect::Check> = Vec::new();
        let mut since = (0, 0);
        for sample in samples {
            since = (since.0 + sample.canary, since.1 + sample.control);
            let due = self.window.times(list.len() as u64 + 1).seconds();
            if list.len() < looks as usize && sample.at_s >= due {
                list.push(detect::Check { canary: since.0, control: since.1, ..*sample });
                since = (0, 0);
            }
        }
        (list, since.0)
    }
}

/// How `strategy` is watched; `scrape`: how often the samples of a gate come.
///
/// # Errors
/// Why nothing can be said of it.
pub fn watch(strategy: &Strategy, scrape: Span) -> Result<Watch, String> {
    match strategy {
        Strategy::Flagger(flagger) => of_flagger(flagger),
        Strategy::Canary(canary) => {
            let analyses = canary.steps.iter().any(|step| step.analysis.is_some()) || canary.background.is_some();
            if canary.gate.is_none() && analyses {
                return of_analysis(canary);
            }
            of_gate(canary.gate, canary.steps.iter().map(|step| (step.share, step.hold, step.scale)), scrape)
        }
        Strategy::FeatureFlag(flag) => {
            of_gate(flag.gate, flag.steps.iter().map(|step| (step.share, step.hold, Scale::MatchShare)), scrape)
        }
        Strategy::AbTest(test) => of_gate(test.gate, once(test.share, test.lasts, test.instances), scrape),
        Strategy::Shadow(shadow) => of_gate(shadow.gate, once(shadow.share, shadow.lasts, shadow.instances), scrape),
        Strategy::Recreate(_) | Strategy::Rolling(_) | Strategy::BlueGreen(_) => {
            Err("it has no canary beside a control: it switches everything".to_owned())
        }
    }
}

/// A share, what it waits for, and how many instances the canary has.
type Step = (Share, Hold, Scale);

fn once(share: Share, lasts: Span, instances: Option<Amount>) -> impl Iterator<Item = Step> {
    std::iter::once((share, Hold::For(lasts), instances.map_or(Scale::MatchShare, Scale::Own)))
}

fn of_gate(gate: Option<Gate>, steps: impl Iterator<Item = Step>, scrape: Span) -> Result<Watch, String> {
    let gate = gate.ok_or("it has no gate, and no analysis whose metrics are known: nothing watches the canary")?;
    let (steps, waits) = held(steps)?;
    Ok(Watch {
        steps,
        control: gate.control,
        judge: gate.judge,
        floor: u64::from(gate.samples),
        interval: scrape,
        window: gate.window,
        limit: 0,
        holds: false,
        waits,
    })
}

/// The steps up to the first that waits for a person, and whether there is one: nobody says for how long.
fn held(steps: impl Iterator<Item = Step>) -> Result<(Vec<Held>, bool), String> {
    let mut list = Vec::new();
    for (share, hold, scale) in steps.filter(|(share, ..)| *share > Share::NONE) {
        match hold {
            Hold::For(hold) => list.push(Held { share, hold, scale }),
            Hold::UntilPromoted if list.is_empty() => {
                return Err("it waits for a person at once, and nobody says how long".to_owned());
            }
            Hold::UntilPromoted => return Ok((list, true)),
        }
    }
    if list.is_empty() { Err("no step of it has any traffic".to_owned()) } else { Ok((list, false)) }
}

/// The limit of the error rate that a check sets: a measurement above it is bad.
fn limit(check: &Check) -> Option<f64> {
    let at_most = |condition: &Condition| match (check.measure, condition.relation) {
        (Measure::Availability, Relation::AtLeast | Relation::More) => Some(1.0 - condition.value),
        (Measure::ErrorRate, Relation::AtMost | Relation::Less) => Some(condition.value),
        _ => None,
    };
    let above = |condition: &Condition| match (check.measure, condition.relation) {
        (Measure::Availability, Relation::AtMost | Relation::Less) => Some(1.0 - condition.value),
        (Measure::ErrorRate, Relation::AtLeast | Relation::More) => Some(condition.value),
        _ => None,
    };
    check.failure.as_ref().and_then(above).or_else(|| check.success.as_ref().and_then(at_most))
}

/// The first check of the error rate, and its limit without binary dust.
fn error_check(checks: &[Check]) -> Result<(&Check, Judge), String> {
    let found = checks.iter().filter(|check| !check.dry_run).find_map(|check| Some((check, limit(check)?)));
    let (check, limit) = found.ok_or("none of its checks sets a limit to the error rate")?;
    let share = Share::new((limit * 1e12).round() / 1e12).ok_or("its limit of the error rate is no share")?;
    Ok((check, Judge::Threshold(share)))
}

/// In the background, or else at the steps that have an analysis: those are held for as long as it measures.
fn of_analysis(canary: &crate::core::rollout::Canary) -> Result<Watch, String> {
    if let Some(background) = &canary.background {
        let (check, judge) = error_check(&background.analysis.checks)?;
        let steps = canary.steps.iter().skip(background.from_step).map(|step| (step.share, step.hold, step.scale));
        return Ok(of_check(check, judge, held(steps)?));
    }
    let analysed = canary.steps.iter().filter_map(|step| Some((step, step.analysis.as_ref()?)));
    let mut steps = Vec::new();
    let mut first = None;
    for (step, analysis) in analysed {
        let (check, judge) = error_check(&analysis.checks)?;
        let interval = check.interval.unwrap_or(check.window);
        let hold = interval.times(u64::from(check.count.unwrap_or(1)));
        steps.push(Held { share: step.share, hold, scale: step.scale });
        first.get_or_insert((check, judge));
    }
    let (check, judge) = first.ok_or("no step has an analysis")?;
    Ok(of_check(check, judge, (steps, false)))
}

fn of_check(check: &Check, judge: Judge, (steps, waits): (Vec<Held>, bool)) -> Watch {
    Watch {
        steps,
        control: Control::Fleet,
        judge,
        floor: 1,
        interval: check.interval.unwrap_or(check.window),
        window: check.window,
        limit: check.tolerance.failures.unwrap_or(u32::MAX).min(1_000_000),
        holds: false,
        waits,
    }
}

/// One tick at each weight; a failed check holds it, and the threshold is the number at which it rolls back.
fn of_flagger(flagger: &Flagger) -> Result<Watch, String> {
    if flagger.skip_analysis {
        return Err("it skips its analysis".to_owned());
    }
    let (check, judge) = error_check(&flagger.checks.checks)?;
    let shares: Vec<Share> = match (flagger.matches, flagger.iterations) {
        (Some(matches), iterations) => vec![matches; iterations.max(1) as usize],
        (None, 0) => flagger.weights().iter().filter_map(|weight| Share::new(f64::from(*weight) / 100.0)).collect(),
        (None, _) => return Err("it has no canary beside a control: it switches everything".to_owned()),
    };
    Ok(Watch {
        steps: shares
            .into_iter()
            .map(|share| Held { share, hold: flagger.interval, scale: Scale::MatchShare })
            .collect(),
        control: Control::Fleet,
        judge,
        floor: 1,
        interval: flagger.interval,
        window: check.window,
        limit: flagger.threshold.saturating_sub(1),
        holds: true,
        waits: false,
    })
}
