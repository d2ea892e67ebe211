//! A/B test, shadow, feature flag, and blue-green with a canary.

use super::gate::gate;
use super::strategy::{Service, beside, hold, percent, split};
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{self, FlagStep, Scale, Split, Step};
use crate::scenario::check::Check;
use crate::scenario::file::{AbSplit, AbTest, Combined, FeatureFlag, Layer, Shadow, ShareStep};
use crate::scenario::units::Percent;
use crate::yaml::tree::KeyPath;

/// Of an A/B test without a share of its own.
const AB_SHARE: Percent = Percent::of(50.0);

pub(super) fn ab_test(test: &mut AbTest, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::AbTest {
    let (share, split) = match test.split {
        AbSplit::Header => (carriers(test, at, check), Split::Only(test.header.share())),
        AbSplit::User => (test.share.get_or_insert(AB_SHARE).share(), Split::User),
        AbSplit::Random => (test.share.get_or_insert(AB_SHARE).share(), Split::Random),
    };
    if share == Share::NONE {
        let key = if test.split == AbSplit::Header { "header" } else { "share" };
        check.complain(&[&at.key(key)], "found 0%, expected more, since there would be nothing to compare");
    }
    check_instances(test.instances, at, check);
    let gate = gate(&mut test.gate, service.objective, beside(Some(share)), at, check);
    rollout::AbTest { share, split, lasts: test.r#for.0, instances: test.instances, gate }
}

/// Who carries the header is the whole share.
fn carriers(test: &AbTest, at: &KeyPath, check: &mut Check<'_>) -> Share {
    if test.share.is_some() {
        let text = "found a share beside the split header, expected one of them, since 'header' is the share then";
        check.complain(&[&at.key("share"), &at.key("split")], text);
    }
    test.header.share()
}

pub(super) fn shadow(shadow: &mut Shadow, service: Service, at: &KeyPath, check: &mut Check<'_>) -> rollout::Shadow {
    if service.layer != Layer::L7 {
        let text =
            "found a shadow behind a balancer of connections, expected the layer l7, since only requests are copied";
        check.complain(&[at, &KeyPath::from(["proxies", "layer"])], text);
    }
    if shadow.share.value() == 0.0 {
        check.complain(&[&at.key("share")], "found 0%, expected more, since nothing would be copied");
    }
    check_instances(shadow.instances, at, check);
    let copied = Err("the new version gets copies, and no share of the requests");
    rollout::Shadow {
        share: shadow.share.share(),
        lasts: shadow.r#for.0,
        instances: shadow.instances,
        gate: gate(&mut shadow.gate, service.objective, copied, at, check),
    }
}

fn check_instances(instances: Option<Amount>, at: &KeyPath, check: &mut Check<'_>) {
    if instances.is_some_and(Amount::is_literally_zero) {
        check.complain(&[&at.key("instances")], "found none, expected at least one instance of the new version");
    }
}

pub(super) fn feature_flag(
    flag: &mut FeatureFlag,
    service: Service,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> rollout::FeatureFlag {
    let steps = rising(&flag.steps, &at.key("steps"), check);
    let steps = steps.map(|(share, step)| FlagStep { share, hold: hold(&step.hold) }).collect();
    let everywhere = Err("a feature flag starts no instance");
    rollout::FeatureFlag { steps, gate: gate(&mut flag.gate, service.objective, everywhere, at, check) }
}

/// A canary whose new fleet is complete from the first step on.
pub(super) fn combined(
    combined: &mut Combined,
    service: Service,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> rollout::Canary {
    let whole = Scale::Own(Amount::Percent(100.0));
    let steps = rising(&combined.steps, &at.key("steps"), check);
    let step =
        |(share, step): (Share, &ShareStep)| Step { share, scale: whole, hold: hold(&step.hold), analysis: None };
    let steps: Vec<Step> = steps.map(step).collect();
    let gate = gate(&mut combined.gate, service.objective, beside(steps.first().map(|step| step.share)), at, check);
    rollout::Canary {
        split: split(combined.split, combined.header),
        ..rollout::Canary::plain(steps, gate, combined.bake)
    }
}

/// The steps with their shares, which must rise.
fn rising<'a>(
    steps: &'a [ShareStep],
    at: &KeyPath,
    check: &mut Check<'_>,
) -> impl Iterator<Item = (Share, &'a ShareStep)> + use<'a> {
    if steps.is_empty() {
        check.complain(&[at], "found no steps, expected at least one");
    }
    let shares: Vec<Share> = steps.iter().map(|step| step.share.share()).collect();
    check_rising(&shares, at, check);
    shares.into_iter().zip(steps)
}

/// Shares must rise from step to step, and from nothing.
pub(super) fn check_rising(shares: &[Share], at: &KeyPath, check: &mut Check<'_>) {
    let mut before = Share::NONE;
    for (index, &share) in shares.iter().enumerate() {
        if share <= before {
            let (found, least) = (percent(share), percent(before));
            let text = format!("found a share of {found}%, expected more than {least}%, since shares must rise");
            check.complain(&[&at.index(index)], text);
        }
        before = share;
    }
}
