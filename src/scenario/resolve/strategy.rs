//! The strategies to compare.

use super::gate::{Beside, gate};
use super::{manifest, trial};
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{self, Hold, Pace, Scale, Strategy, Surge};
use crate::core::slo::Objective;
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::file::{
    self, BAKE, BlueGreen, Canary, File, HoldOrManual, Layer, Promotion, Recreate, Rolling, Step, Strategies,
};
use crate::scenario::plan::Named;
use crate::scenario::units::Percent;
use crate::yaml::tree::KeyPath;

/// Reports always have a row of this name for the run without a rollout.
const RESERVED: &str = "stay";

pub(super) fn strategies(file: &mut File, objective: Objective, check: &mut Check<'_>) -> Vec<Named> {
    let at = KeyPath::from(["strategies"]);
    let rollout = KeyPath::from(["rollout"]);
    match (&file.rollout, file.strategies.0.is_empty()) {
        (Some(_), true) => {
            let text = format!("found none, expected at least one of: {}", file::Strategy::WORDS.join(", "));
            check.complain(&[&at, &rollout], text);
        }
        (None, false) => {
            let text = "found strategies without a rollout, expected at, from and to under 'rollout'";
            check.complain(&[&at, &rollout], text);
        }
        (Some(_), false) | (None, true) => {}
    }
    let service = Service { size: file.fleet.size.small(), layer: file.proxies.layer, objective };
    let named = file.strategies.0.iter_mut().map(|(name, strategy)| {
        if name == RESERVED {
            let text = "found the name 'stay', which every comparison has already, expected another";
            check.complain(&[&at.key(name)], text);
        }
        let path = Strategies::path(name, strategy.parts().0);
        let (strategy, manifest) = match strategy {
            file::Strategy::Manifest(entry) => manifest::strategy(entry, &path, check),
            other => (resolve(other, service, &path, check), None),
        };
        Named { name: name.clone(), strategy, manifest }
    });
    named.collect()
}

/// What a strategy is checked against.
#[derive(Clone, Copy)]
pub(super) struct Service {
    size: u32,
    pub(super) layer: Layer,
    pub(super) objective: Objective,
}

fn resolve(strategy: &mut file::Strategy, service: Service, at: &KeyPath, check: &mut Check<'_>) -> Strategy {
    match strategy {
        file::Strategy::Recreate(recreate) => Strategy::Recreate(self::recreate(recreate, service, at, check)),
        file::Strategy::Rolling(rolling) => Strategy::Rolling(self::rolling(rolling, service, at, check)),
        file::Strategy::BlueGreen(blue_green) => Strategy::BlueGreen(self::blue_green(blue_green, service, at, check)),
        file::Strategy::Canary(canary) => Strategy::Canary(self::canary(canary, service, at, check)),
        file::Strategy::AbTest(test) => Strategy::AbTest(trial::ab_test(test, service, at, check)),
        file::Strategy::Shadow(shadow) => Strategy::Shadow(trial::shadow(shadow, service, at, check)),
        file::Strategy::FeatureFlag(flag) => Strategy::FeatureFlag(trial::feature_flag(flag, service, at, check)),
        file::Strategy::Combined(combined) => Strategy::Canary(trial::combined(combined, service, at, check)),
        file::Strategy::Manifest(entry) => manifest::strategy(entry, at, check).0,
    }
}

fn recreate(recreate: &mut Recreate, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::Recreate {
    let alone = Err("no old instance serves beside the new ones");
    let gate = gate(&mut recreate.gate, service.objective, alone, at, check);
    rollout::Recreate { gate, bake: bake(&mut recreate.bake, gate) }
}

fn rolling(rolling: &mut Rolling, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::Rolling {
    let paths = [at.key("unavailable"), at.key("surge")];
    if rolling.surge.is_literally_zero() && rolling.unavailable.is_literally_zero() {
        let text = "found zero for both surge and unavailable, which can never progress, expected one above zero";
        check.complain(&[&paths[0], &paths[1]], text);
    }
    if let Amount::Percent(percent) = rolling.unavailable
        && percent > 100.0
    {
        let text = format!("found {percent}%, expected at most 100%");
        check.complain(&[&paths[0]], text);
    }
    let replaced = Err("the old instances are replaced one after the other, and no canary stands beside them");
    let gate = gate(&mut rolling.gate, service.objective, replaced, at, check);
    rollout::Rolling {
        pace: Pace::Surge(Surge::new(rolling.surge, rolling.unavailable)),
        gate,
        bake: bake(&mut rolling.bake, gate),
    }
}

fn blue_green(blue_green: &mut BlueGreen, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::BlueGreen {
    let preview = blue_green.preview.map(|preview| preview.small());
    if let Some(preview) = preview.filter(|&preview| preview > service.size) {
        let text = format!("found {preview}, expected at most the size of the fleet, {}", service.size);
        check.complain(&[&at.key("preview"), &KeyPath::from(["fleet", "size"])], text);
    }
    let switched = Err("the old version gets no requests from the switch on, when the gate begins to watch");
    let gate = gate(&mut blue_green.gate, service.objective, switched, at, check);
    rollout::BlueGreen {
        preview,
        promotion: match blue_green.promotion {
            Promotion::Auto => Hold::For(Span::ZERO),
            Promotion::Manual => Hold::UntilPromoted,
            Promotion::After(time) => Hold::For(time),
        },
        ..rollout::BlueGreen::plain(blue_green.bake, gate)
    }
}

fn canary(canary: &mut Canary, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::Canary {
    let steps = steps(&canary.steps, &at.key("steps"), check);
    let gate = gate(&mut canary.gate, service.objective, beside(steps.first().map(|step| step.share)), at, check);
    rollout::Canary {
        split: split(canary.split, canary.header),
        ..rollout::Canary::plain(steps, gate, canary.keep_old)
    }
}

/// A baseline has nothing to serve where the first step takes everything.
pub(super) fn beside(first: Option<Share>) -> Beside {
    if first == Some(Share::ALL) { Err("the first step leaves the old version no requests") } else { Ok(()) }
}

pub(super) fn split(split: file::Split, header: Percent) -> rollout::Split {
    match split {
        file::Split::Random => rollout::Split::Random,
        file::Split::Smooth => rollout::Split::Smooth,
        file::Split::User => rollout::Split::User,
        file::Split::Header => rollout::Split::Header(header.share()),
    }
}

pub(super) fn hold(hold: &HoldOrManual) -> Hold {
    hold.0.map_or(Hold::UntilPromoted, |time| Hold::For(time.0))
}

fn steps(steps: &[Step], at: &KeyPath, check: &mut Check<'_>) -> Vec<rollout::Step> {
    if steps.is_empty() {
        check.complain(&[at], "found no steps, expected at least one");
    }
    let shares: Vec<Share> = steps.iter().map(share).collect();
    trial::check_rising(&shares, at, check);
    let mut checked = Vec::new();
    for (index, (step, share)) in steps.iter().zip(shares).enumerate() {
        if step.instances.is_some_and(Amount::is_literally_zero) {
            let text = "found none, expected at least one instance of the new version";
            check.complain(&[&at.index(index).key("instances")], text);
        }
        let scale = step.instances.map_or(Scale::MatchShare, Scale::Own);
        checked.push(rollout::Step { share, scale, hold: hold(&step.hold), analysis: None });
    }
    checked
}

fn share(step: &Step) -> Share {
    let Some(weights) = &step.weights else {
        return step.share.map_or(Share::NONE, |percent| percent.share());
    };
    let (new, old) = (f64::from(weights.new.small()), f64::from(weights.old.small()));
    Share::new(new / (new + old)).expect("a part of a positive whole is a share")
}

/// For people: two decimals at most.
pub(super) fn percent(share: Share) -> f64 {
    (share.value() * 10_000.0).round() / 100.0
}

/// Fills in the default, which hangs on whether there is a gate.
fn bake(bake: &mut Option<Span>, gate: Option<rollout::Gate>) -> Span {
    *bake.get_or_insert(if gate.is_some() { BAKE } else { Span::ZERO })
}
