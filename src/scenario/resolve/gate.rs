//! The automatic verdict of a strategy.

use crate::core::judge::{Kind, Terms};
use crate::core::rollout::{self, Bad, Control, Spending};
use crate::core::slo::Objective;
use crate::scenario::check::Check;
use crate::scenario::file::{ControlName, Gate, GateOrNone, JudgeName};
use crate::scenario::units::{Above, Percent, Whole};
use crate::yaml::tree::KeyPath;

/// Whether old instances can serve beside the new ones as their baseline, or why not.
pub(super) type Beside = Result<(), &'static str>;

/// Of `at`, the strategy; fills in what its judge needs and the file leaves open.
pub(super) fn gate(
    gate: &mut GateOrNone,
    objective: Objective,
    baseline: Beside,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> Option<rollout::Gate> {
    let at = &at.key("gate");
    let gate = gate.0.as_mut()?;
    let kind = kind(gate.judge);
    refuse_unused(gate, kind, at, check);
    refuse_baseline(gate, kind, baseline, at, check);
    fill(gate, kind);
    let share = |percent: Option<Percent>, usual: f64| percent.unwrap_or(Percent::of(usual)).share();
    let terms = Terms {
        limit: share(gate.error_rate, ERROR_RATE),
        factor: gate.factor.map_or(FACTOR, |factor| factor.0),
        alpha: share(gate.alpha, ALPHA),
        power: share(gate.power, POWER),
        baseline: share(gate.baseline, BASELINE),
        bad: share(gate.bad, BAD),
        looks: gate.looks.map_or(LOOKS, |looks| looks.small()),
    };
    let is_sound = check_terms(gate, &terms, at, check);
    // Limits of planned looks cannot be computed from terms that make no sense.
    let kind = if is_sound { kind } else { Kind::Threshold };
    Some(rollout::Gate {
        judge: kind.with(&terms),
        bad: gate.slower_than.map_or(Bad::Failed, |above| Bad::SlowerThan(above.0)),
        samples: gate.samples.map_or(1, |samples| samples.small()),
        window: gate.window.0,
        budget: gate.budget.map(|part| Spending { share: part.share(), objective }),
        control: match gate.control {
            Some(ControlName::Baseline) => Control::Baseline,
            Some(ControlName::Fleet) | None => Control::Fleet,
        },
    })
}

const ERROR_RATE: f64 = 1.0;
const FACTOR: f64 = 2.0;
const ALPHA: f64 = 5.0;
const POWER: f64 = 80.0;
const BASELINE: f64 = 0.1;
const BAD: f64 = 1.0;
const LOOKS: u32 = 5;
const SAMPLES: Whole<1, 1_000_000_000> = Whole::of(200);

fn kind(name: JudgeName) -> Kind {
    match name {
        JudgeName::Threshold => Kind::Threshold,
        JudgeName::Relative => Kind::Relative,
        JudgeName::Fisher => Kind::Fisher,
        JudgeName::Z => Kind::Z,
        JudgeName::MannWhitney => Kind::MannWhitney,
        JudgeName::Sprt => Kind::Sprt,
        JudgeName::Pocock => Kind::Pocock,
        JudgeName::OBrienFleming => Kind::OBrienFleming,
        JudgeName::ConfidenceSequence => Kind::ConfidenceSequence,
    }
}

/// The options that a judge has beside those that all have.
fn uses(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Threshold => &["error-rate"],
        Kind::Relative => &["factor", "control"],
        Kind::Fisher | Kind::Z => &["alpha", "control"],
        Kind::MannWhitney => &["control"],
        Kind::Sprt => &["alpha", "power", "baseline", "bad"],
        Kind::Pocock | Kind::OBrienFleming => &["alpha", "looks", "control"],
        Kind::ConfidenceSequence => &["alpha", "bad", "control"],
    }
}

/// The judges that compare the new version with something, for people.
fn comparing() -> String {
    let names = Kind::ALL.into_iter().filter(|(_, kind)| uses(*kind).contains(&"control")).map(|(name, _)| name);
    names.collect::<Vec<_>>().join(", ")
}

fn refuse_baseline(gate: &Gate, kind: Kind, baseline: Beside, at: &KeyPath, check: &mut Check<'_>) {
    let at = at.key("control");
    if gate.control.is_some() && !uses(kind).contains(&"control") {
        let text = format!(
            "found a control for the judge {}, which compares with nobody, expected none, or one of the judges {}",
            kind.name(),
            comparing()
        );
        check.complain(&[&at], text);
    } else if let (Some(ControlName::Baseline), Err(reason)) = (gate.control, baseline) {
        let text = format!("found baseline, expected fleet, since {reason}; canary, combined and ab-test can have one");
        check.complain(&[&at], text);
    }
}

fn refuse_unused(gate: &Gate, kind: Kind, at: &KeyPath, check: &mut Check<'_>) {
    let given = [
        ("error-rate", gate.error_rate.is_some()),
        ("factor", gate.factor.is_some()),
        ("alpha", gate.alpha.is_some()),
        ("power", gate.power.is_some()),
        ("baseline", gate.baseline.is_some()),
        ("bad", gate.bad.is_some()),
        ("looks", gate.looks.is_some()),
    ];
    for (option, _) in given.into_iter().filter(|(option, is_given)| *is_given && !uses(kind).contains(option)) {
        let text = format!("found an option that the judge {} does not use, expected none", kind.name());
        check.complain(&[&at.key(option)], text);
    }
}

fn fill(gate: &mut Gate, kind: Kind) {
    let fill = |option: &str, place: &mut Option<Percent>, usual: f64| {
        if uses(kind).contains(&option) {
            place.get_or_insert(Percent::of(usual));
        }
    };
    fill("error-rate", &mut gate.error_rate, ERROR_RATE);
    fill("alpha", &mut gate.alpha, ALPHA);
    fill("power", &mut gate.power, POWER);
    fill("baseline", &mut gate.baseline, BASELINE);
    fill("bad", &mut gate.bad, BAD);
    if uses(kind).contains(&"factor") {
        gate.factor.get_or_insert(Above(FACTOR));
    }
    if uses(kind).contains(&"control") {
        gate.control.get_or_insert(ControlName::Fleet);
    }
    if uses(kind).contains(&"looks") {
        gate.looks.get_or_insert(Whole::of(LOOKS as u64));
    }
    let from_the_start = matches!(kind, Kind::Sprt | Kind::Pocock | Kind::OBrienFleming | Kind::ConfidenceSequence);
    gate.samples.get_or_insert(if from_the_start { Whole::of(1) } else { SAMPLES });
}

/// Whether levels lie between nothing and everything, and the bad rate above the healthy one.
fn check_terms(gate: &Gate, terms: &Terms, at: &KeyPath, check: &mut Check<'_>) -> bool {
    let mut is_sound = true;
    for (key, percent) in [("alpha", gate.alpha), ("power", gate.power), ("budget", gate.budget)] {
        let Some(percent) = percent.filter(|percent| percent.value() <= 0.0 || percent.value() >= 100.0) else {
            continue;
        };
        let text = format!("found {}%, expected more than 0% and less than 100%", percent.value());
        check.complain(&[&at.key(key)], text);
        is_sound = false;
    }
    if gate.judge == JudgeName::Sprt
        && (terms.bad <= terms.baseline || terms.baseline.value() == 0.0 || terms.bad.value() >= 1.0)
    {
        let text = format!(
            "found {}%, expected more than the baseline of {}%, that above 0%, and less than 100%",
            100.0 * terms.bad.value(),
            100.0 * terms.baseline.value()
        );
        check.complain(&[&at.key("bad"), &at.key("baseline")], text);
        is_sound = false;
    }
    is_sound
}
