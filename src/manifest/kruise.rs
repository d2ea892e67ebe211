//! `rollouts.kruise.io/v1beta1` Rollout: checks of `pkg/webhook/rollout/validating` in openkruise/rollouts.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{BlueGreen, Canary, Hold, Routing, Scale, Split, Step, Strategy, Surge};
use crate::core::time::Span;
use crate::manifest::fields::{Fields, Item};
use crate::manifest::{Options, Pod};

const STEPS_MAX: usize = 50;

/// With the style `partition` the old instances that are left must bear the rest of the traffic.
const PARTITION_PERCENT_MAX: f64 = 50.0;

/// `maxSurge` and `maxUnavailable` of a `CloneSet` unless given.
const CLONE_SET: Surge = Surge::new(Amount::Count(0), Amount::Percent(20.0));

/// How the new instances come beside or in place of the old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// The workload itself is updated batch by batch.
    Partition,
    /// An extra Deployment holds the new instances.
    Canary,
    BlueGreen,
}

/// Reads the `spec` of a Rollout. `workload`: what the workload says, if that is known.
pub(super) fn read(spec: &Fields<'_>, workload: Option<(Pod, Surge)>, options: &Options) -> Option<(Strategy, Pod)> {
    if let Some(disabled) = spec.get("disabled")
        && disabled.truth() == Some(true)
    {
        disabled.not_simulated();
    }
    let on_deployment = spec.peek("workloadRef").and_then(|node| node.child("kind")).is_none_or(
        |kind| matches!(&kind.data, crate::yaml::tree::Data::Scalar(scalar) if scalar.text == "Deployment"),
    );
    if !spec.has("workloadRef") {
        spec.complain("workloadRef", "found no workloadRef, expected the workload to roll out");
    }
    let quarter = super::deployment::QUARTER;
    let usual = if on_deployment { Surge::new(quarter, quarter) } else { CLONE_SET };
    let (pod, surge) = workload.unwrap_or((Pod::default(), usual));
    let strategy = spec.table("strategy");
    let canary = strategy.as_ref().and_then(|strategy| strategy.get("canary"));
    let blue_green = strategy.as_ref().and_then(|strategy| strategy.get("blueGreen"));
    if let Some(strategy) = &strategy {
        super::deployment::not_paused(strategy);
    }
    let reader = |style| Reader { style, surge, replicas: pod.replicas, options };
    let strategy = match (canary, blue_green) {
        (Some(_), Some(both)) => {
            both.complain("found blueGreen beside canary, expected one of the two");
            return None;
        }
        (None, None) => {
            spec.complain("strategy", "found neither canary nor blueGreen, expected one of the two");
            return None;
        }
        (Some(canary), None) => {
            let fields = canary.table()?;
            let extra = fields.truth("enableExtraWorkloadForCanary").unwrap_or(false);
            // Another workload than a Deployment is updated in batches all the same.
            let style = if extra && on_deployment { Style::Canary } else { Style::Partition };
            reader(style).strategy(&fields)
        }
        (None, Some(blue_green)) => reader(Style::BlueGreen).strategy(&blue_green.table()?),
    };
    Some((strategy, pod))
}

struct Reader<'a> {
    style: Style,
    surge: Surge,
    replicas: Option<u32>,
    options: &'a Options,
}

/// A step as the manifest has it.
struct Stage {
    replicas: Amount,
    traffic: Option<Share>,
    by_match: bool,
    hold: Hold,
}

impl Reader<'_> {
    fn strategy(&self, fields: &Fields<'_>) -> Strategy {
        fields.skip(&["failureThreshold", "patchPodTemplateMetadata", "trafficRoutingRef"]);
        fields.skip(&["disableGenerateCanaryService"]);
        let routings = fields.list("trafficRoutings");
        if let [_, second, ..] = routings.as_slice() {
            second.complain(format!("found {} traffic routings, expected one at most", routings.len()));
        }
        let routed = !routings.is_empty() || fields.has("trafficRoutingRef");
        let stages = self.stages(fields);
        if self.style == Style::BlueGreen
            && let Some(blue_green) = one_switch(&stages)
        {
            return Strategy::BlueGreen(blue_green);
        }
        let count = stages.len();
        let steps = stages.iter().enumerate().map(|(index, stage)| self.step(stage, index, count)).collect();
        let routing = match self.style {
            Style::Partition => Routing::Batches { surge: self.surge, traffic: routed },
            Style::Canary | Style::BlueGreen => Routing::Traffic,
        };
        let plain = Canary::plain(steps, None, Span::ZERO);
        Strategy::Canary(Canary { routing, split: self.split(&stages), aborts_at_deadline: false, ..plain })
    }

    fn split(&self, stages: &[Stage]) -> Split {
        let by_match = stages.iter().any(|stage| stage.by_match);
        let by_weight = stages.iter().any(|stage| stage.traffic.is_some() && !stage.by_match);
        match (by_match, by_weight) {
            (false, _) => Split::Random,
            (true, true) => Split::Header(self.options.matches),
            (true, false) => Split::Only(self.options.matches),
        }
    }

    fn step(&self, stage: &Stage, index: usize, count: usize) -> Step {
        let share = if stage.by_match { Some(self.options.matches) } else { stage.traffic };
        let share = share.unwrap_or_else(|| self.by_instances(stage.replicas, index, count));
        Step { scale: Scale::Own(stage.replicas), hold: stage.hold, ..Step::plain(share, Span::ZERO) }
    }

    /// The share that the instances get by their number alone. Without the size of the workload a number of instances
    /// is no share yet: then shares rise evenly.
    fn by_instances(&self, replicas: Amount, index: usize, count: usize) -> Share {
        let part = match (replicas, self.replicas) {
            (Amount::Percent(percent), _) => percent / 100.0,
            (Amount::Count(new), Some(size)) if size > 0 => f64::from(new) / f64::from(size),
            (Amount::Count(_), _) => (index + 1) as f64 / count as f64,
        };
        // An extra workload comes on top of the whole old one.
        let share = if self.style == Style::Partition { part } else { part / (1.0 + part) };
        Share::new(share.min(1.0)).unwrap_or(Share::ALL)
    }

    fn stages(&self, fields: &Fields<'_>) -> Vec<Stage> {
        let items = fields.list("steps");
        if items.is_empty() {
            fields.complain("steps", "found no steps, expected at least one");
        }
        if items.len() > STEPS_MAX {
            fields.complain("steps", format!("found {} steps, expected at most {STEPS_MAX}", items.len()));
        }
        let mut stages: Vec<Stage> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let last = index + 1 == items.len();
            let Some(stage) = item.table().and_then(|fields| self.stage(item, &fields, last)) else { continue };
            if let Some(before) = stages.last()
                && is_less(stage.replicas, before.replicas)
            {
                let path = "found fewer replicas than in the step before, expected at least as many";
                item.complain(path);
            }
            stages.push(stage);
        }
        stages
    }

    fn stage(&self, item: &Item<'_>, step: &Fields<'_>, last: bool) -> Option<Stage> {
        step.skip(&["requestHeaderModifier"]);
        let Some(replicas) = step.get("replicas") else {
            return item.refuse("a step with replicas");
        };
        let amount = replicas.amount()?;
        if amount.is_literally_zero() || matches!(amount, Amount::Percent(percent) if percent > 100.0) {
            return replicas.refuse("a number above zero, or a percentage above 0% and up to 100%");
        }
        let by_match = !step.list("matches").is_empty();
        let traffic = step.get("traffic").and_then(|traffic| self.traffic(&traffic));
        if self.style == Style::Partition
            && (by_match || traffic.is_some())
            && let Amount::Percent(percent) = amount
            && percent > PARTITION_PERCENT_MAX
        {
            replicas.complain(format!(
                "found {percent}% beside traffic, expected at most {PARTITION_PERCENT_MAX}%, since the old instances that are left must bear the rest"
            ));
        }
        // The last step has nothing to wait for once every instance is new.
        let whole = matches!(amount, Amount::Percent(percent) if percent == 100.0);
        let hold = pause(step);
        let hold = if last && whole { Hold::For(Span::ZERO) } else { hold };
        Some(Stage { replicas: amount, traffic, by_match, hold })
    }

    fn traffic(&self, item: &Item<'_>) -> Option<Share> {
        let text = item.text()?;
        let percent = text.strip_suffix('%').and_then(|number| number.parse::<u32>().ok());
        let least = if self.style == Style::BlueGreen { 0 } else { 1 };
        let share = percent.filter(|percent| (least..=100).contains(percent));
        let expected = format!("a whole percentage from {least}% to 100%");
        share.and_then(|percent| Share::new(f64::from(percent) / 100.0)).or_else(|| item.refuse(&expected))
    }
}

fn pause(step: &Fields<'_>) -> Hold {
    let duration = step.table("pause").and_then(|pause| pause.seconds("duration"));
    duration.map_or(Hold::UntilPromoted, Hold::For)
}

/// Numbers compare with numbers and percentages with percentages only.
fn is_less(one: Amount, other: Amount) -> bool {
    match (one, other) {
        (Amount::Count(one), Amount::Count(other)) => one < other,
        (Amount::Percent(one), Amount::Percent(other)) => one < other,
        (Amount::Count(_), Amount::Percent(_)) | (Amount::Percent(_), Amount::Count(_)) => false,
    }
}

/// Steps that come to one switch between two whole fleets.
fn one_switch(stages: &[Stage]) -> Option<BlueGreen> {
    let (first, last) = match stages {
        [only] => (None, only),
        [first, last] => (Some(first), last),
        _ => return None,
    };
    let whole =
        |stage: &Stage| matches!(stage.replicas, Amount::Percent(percent) if percent == 100.0) && !stage.by_match;
    let waits = first.is_none_or(|first| whole(first) && first.traffic.unwrap_or(Share::NONE) == Share::NONE);
    let switches = whole(last) && last.traffic.unwrap_or(Share::ALL) == Share::ALL;
    (waits && switches).then(|| BlueGreen {
        promotion: first.map_or(Hold::For(Span::ZERO), |first| first.hold),
        aborts_at_deadline: false,
        ..BlueGreen::plain(Span::ZERO, None)
    })
}
