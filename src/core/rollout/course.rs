//! From a strategy to the stages it goes through.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::sizing::Sizing;
use crate::core::rollout::stages::{Course, End, Lever, Stage};
use crate::core::rollout::sync::counted;
use crate::core::rollout::{AbTest, BlueGreen, Canary, FeatureFlag, Hold, Routing, Scale, Shadow, Step, Strategy};
use crate::core::time::Span;

/// Both versions side by side.
const BESIDE: Sizing = Sizing::Routed { least: 1, dynamic: false };

/// The course of a strategy that has stages, and what to say at its start.
pub(super) fn course(strategy: Strategy, size: u32) -> (Course, String) {
    match strategy {
        Strategy::BlueGreen(blue_green) => self::blue_green(blue_green, size),
        Strategy::Canary(canary) => self::canary(canary),
        Strategy::AbTest(test) => ab_test(&test),
        Strategy::Shadow(shadow) => self::shadow(&shadow),
        Strategy::FeatureFlag(flag) => feature_flag(&flag),
        Strategy::Recreate(_) | Strategy::Rolling(_) | Strategy::Flagger(_) => {
            unreachable!("these have machines of their own")
        }
    }
}

impl Stage {
    fn plain(share: Share, hold: Hold) -> Stage {
        Stage { share, scale: Scale::MatchShare, hold, analysis: None, together: false }
    }
}

/// The preview, the analysis before the switch, the wait for it, and the switch.
fn blue_green(blue_green: BlueGreen, size: u32) -> (Course, String) {
    let BlueGreen { preview, promotion, before, after, bake, keep_new, .. } = blue_green;
    let scale = Scale::Own(preview.map_or(Amount::Percent(100.0), Amount::Count));
    let waits = promotion != Hold::For(Span::ZERO);
    let mut stages = Vec::new();
    if before.is_some() {
        let preview = Stage::plain(Share::NONE, Hold::For(Span::ZERO));
        stages.push(Stage { scale, analysis: before, ..preview });
    }
    if waits || (preview.is_some() && stages.is_empty()) {
        stages.push(Stage { scale, ..Stage::plain(Share::NONE, promotion) });
    }
    stages.push(Stage { analysis: after, together: true, ..Stage::plain(Share::ALL, Hold::For(bake)) });
    let first = preview.unwrap_or(size);
    let reason = format!("{} beside the old ones", counted(first as usize, "new instance"));
    let (lever, sizing, end) = (Lever::Weight, BESIDE, End::Replace);
    (Course { stages, lever, sizing, end, background: None, keep_new }, reason)
}

fn canary(canary: Canary) -> (Course, String) {
    let reason = counted(canary.steps.len(), "step");
    let sizing = match canary.routing {
        Routing::Traffic => Sizing::Routed { least: canary.least, dynamic: canary.dynamic_stable },
        Routing::Instances(surge) => Sizing::Count(surge),
        Routing::Batches { surge, .. } => Sizing::Batches(surge),
    };
    let lever = if canary.routing.by_traffic() { Lever::Weight } else { Lever::Count };
    // Where the old instances make room for the new ones, none are left to be kept.
    let keep_old =
        if sizing == BESIDE || matches!(sizing, Sizing::Routed { .. }) { canary.keep_old } else { Span::ZERO };
    let last = Stage::plain(Share::ALL, Hold::For(keep_old));
    let step = |step: Step| Stage {
        share: step.share,
        scale: step.scale,
        hold: step.hold,
        analysis: step.analysis,
        together: false,
    };
    let stages = canary.steps.into_iter().map(step).chain([last]).collect();
    let (background, keep_new) = (canary.background, canary.keep_new);
    (Course { stages, lever, sizing, end: End::Replace, background, keep_new }, reason)
}

fn ab_test(test: &AbTest) -> (Course, String) {
    let stage = Stage { scale: scale(test.instances), ..Stage::plain(test.share, Hold::For(test.lasts)) };
    (only(stage, Lever::Weight, End::Compare), format!("both versions side by side for {}", test.lasts))
}

fn shadow(shadow: &Shadow) -> (Course, String) {
    let stage = Stage { scale: scale(shadow.instances), ..Stage::plain(shadow.share, Hold::For(shadow.lasts)) };
    (only(stage, Lever::Mirror, End::Remove), format!("copies of the requests for {}", shadow.lasts))
}

fn feature_flag(flag: &FeatureFlag) -> (Course, String) {
    let steps = flag.steps.iter().map(|step| Stage::plain(step.share, step.hold));
    let last = Stage::plain(Share::ALL, Hold::For(Span::ZERO));
    let course = Course {
        stages: steps.chain([last]).collect(),
        sizing: Sizing::Nothing,
        ..only(Stage::plain(Share::ALL, Hold::UntilPromoted), Lever::Flag, End::Replace)
    };
    (course, counted(flag.steps.len(), "step"))
}

fn only(stage: Stage, lever: Lever, end: End) -> Course {
    Course { stages: vec![stage], lever, sizing: BESIDE, end, background: None, keep_new: Some(Span::ZERO) }
}

fn scale(instances: Option<Amount>) -> Scale {
    instances.map_or(Scale::MatchShare, Scale::Own)
}
