//! The strategies to compare.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{self, Pace, Strategy, Surge};
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::file::{self, BAKE, BlueGreen, Canary, File, GateOrNone, Recreate, Rolling, Step, Strategies};
use crate::scenario::plan::Named;
use crate::yaml::tree::KeyPath;

/// Reports always have a row of this name for the run without a rollout.
const RESERVED: &str = "stay";

pub(super) fn strategies(file: &mut File, check: &mut Check<'_>) -> Vec<Named> {
    let at = KeyPath::from(["strategies"]);
    let rollout = KeyPath::from(["rollout"]);
    match (&file.rollout, file.strategies.0.is_empty()) {
        (Some(_), true) => {
            let text = "found none, expected at least one of: recreate, rolling, blue-green, canary";
            check.complain(&[&at, &rollout], text);
        }
        (None, false) => {
            let text = "found strategies without a rollout, expected at, from and to under 'rollout'";
            check.complain(&[&at, &rollout], text);
        }
        (Some(_), false) | (None, true) => {}
    }
    let size = file.fleet.size.small();
    let named = file.strategies.0.iter_mut().map(|(name, strategy)| {
        if name == RESERVED {
            let text = "found the name 'stay', which every comparison has already, expected another";
            check.complain(&[&at.key(name)], text);
        }
        let path = Strategies::path(name, strategy.parts().0);
        Named { name: name.clone(), strategy: resolve(strategy, size, &path, check) }
    });
    named.collect()
}

fn resolve(strategy: &mut file::Strategy, size: u32, at: &KeyPath, check: &mut Check<'_>) -> Strategy {
    match strategy {
        file::Strategy::Recreate(recreate) => Strategy::Recreate(self::recreate(recreate)),
        file::Strategy::Rolling(rolling) => Strategy::Rolling(self::rolling(rolling, size, at, check)),
        file::Strategy::BlueGreen(blue_green) => Strategy::BlueGreen(self::blue_green(blue_green)),
        file::Strategy::Canary(canary) => Strategy::Canary(self::canary(canary, at, check)),
    }
}

fn recreate(recreate: &mut Recreate) -> rollout::Recreate {
    let gate = gate(&recreate.gate);
    rollout::Recreate { gate, bake: bake(&mut recreate.bake, gate) }
}

fn rolling(rolling: &mut Rolling, size: u32, at: &KeyPath, check: &mut Check<'_>) -> rollout::Rolling {
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
    let gate = gate(&rolling.gate);
    rollout::Rolling {
        pace: Pace::Surge(Surge::new(rolling.surge, at_most(rolling.unavailable, size))),
        gate,
        bake: bake(&mut rolling.bake, gate),
    }
}

/// More instances than there are cannot be missing; Kubernetes takes such a number as all of them.
fn at_most(amount: Amount, size: u32) -> Amount {
    match amount {
        Amount::Count(count) => Amount::Count(count.min(size)),
        Amount::Percent(percent) => Amount::Percent(percent),
    }
}

fn blue_green(blue_green: &BlueGreen) -> rollout::BlueGreen {
    rollout::BlueGreen::plain(blue_green.bake, gate(&blue_green.gate))
}

fn canary(canary: &Canary, at: &KeyPath, check: &mut Check<'_>) -> rollout::Canary {
    let steps = steps(&canary.steps, &at.key("steps"), check);
    rollout::Canary {
        split: match canary.split {
            file::Split::Random => rollout::Split::Random,
            file::Split::Smooth => rollout::Split::Smooth,
            file::Split::User => rollout::Split::User,
            file::Split::Header => rollout::Split::Header(canary.header.share()),
        },
        ..rollout::Canary::plain(steps, gate(&canary.gate), canary.keep_old)
    }
}

fn steps(steps: &[Step], at: &KeyPath, check: &mut Check<'_>) -> Vec<rollout::Step> {
    if steps.is_empty() {
        check.complain(&[at], "found no steps, expected at least one");
    }
    let mut before = Share::NONE;
    let mut checked = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let share = share(step);
        if share <= before {
            let path = at.index(index);
            let text = format!(
                "found a share of {}%, expected more than {}%, since shares must rise",
                percent(share),
                percent(before)
            );
            check.complain(&[&path], text);
        }
        before = share;
        let hold = step.hold.0;
        checked.push(rollout::Step::plain(share, hold));
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
fn percent(share: Share) -> f64 {
    (share.value() * 10_000.0).round() / 100.0
}

fn gate(gate: &GateOrNone) -> Option<rollout::Gate> {
    gate.0.as_ref().map(|gate| rollout::Gate {
        error_rate: gate.error_rate.share(),
        samples: gate.samples.small(),
        window: gate.window.0,
    })
}

/// Fills in the default, which hangs on whether there is a gate.
fn bake(bake: &mut Option<Span>, gate: Option<rollout::Gate>) -> Span {
    *bake.get_or_insert(if gate.is_some() { BAKE } else { Span::ZERO })
}
