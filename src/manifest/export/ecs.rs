//! An ECS service, as the AWS command line takes it.

use super::draft::{Draft, documents, list, number, plain, text, truth};
use super::{Refusal, refuse};
use crate::core::amount::{Amount, Share};
use crate::core::rollout::{
    BlueGreen, BreakerThreshold, Canary, Ecs, Hold, Limits, Pace, Rolling, Scale, Split, Step, Strategy, Surge,
    TaskBreaker,
};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::manifest::codedeploy::linear;
use crate::yaml::tree::Node;

const TARGET: &str = "ECS";

/// Tasks without any check count as healthy after this.
const UNCHECKED: Span = Span::from_secs(40);

pub(super) fn write(strategy: &Strategy, pod: &Pod, draft: &mut Draft) -> Result<String, Refusal> {
    let configuration = match strategy {
        Strategy::Recreate(recreate) => {
            no_gate(recreate.gate.is_some(), draft);
            draft.note("ECS does not wait until the old tasks are gone before it starts the new ones");
            in_place(&Ecs { minimum: 0.0, maximum: 100.0, breaker: None })
        }
        Strategy::Rolling(rolling) => {
            no_gate(rolling.gate.is_some(), draft);
            in_place(&self::rolling(rolling, pod.replicas, strategy, draft)?)
        }
        Strategy::BlueGreen(blue_green) => self::blue_green(blue_green, draft),
        Strategy::Canary(canary) => self::canary(canary, strategy, draft)?,
        Strategy::Flagger(_) => return refuse(strategy, TARGET, "Flagger goes by ticks; use --to flagger"),
        Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => {
            return refuse(strategy, TARGET, "a service always ends with one revision for everybody");
        }
    };
    let balanced = pod.min_ready != Some(UNCHECKED);
    if pod.min_ready.is_some_and(|span| span != UNCHECKED && !span.is_zero()) {
        draft.note("ECS has no time from healthy to available: it is left out");
    }
    let left_out = pod.grace.is_some() || pod.pre_stop.is_some() || pod.readiness.is_some();
    if left_out || pod.progress_deadline.is_some() {
        draft.note("how a task starts and stops is left out: that is said in the task definition");
    }
    draft.note("TASK_DEFINITION is yours to fill in");
    if balanced {
        draft.note("so is TARGET_GROUP; without a balancer or a health check tasks count as healthy after 40 s");
    }
    let balancer = Node::table([
        ("targetGroupArn", Some(plain("TARGET_GROUP"))),
        ("containerName", Some(text(draft.name.clone()))),
        ("containerPort", Some(number(80_u32))),
    ]);
    let service = Node::table([
        ("serviceName", Some(text(draft.name.clone()))),
        ("taskDefinition", Some(plain("TASK_DEFINITION"))),
        ("desiredCount", pod.replicas.map(number)),
        ("loadBalancers", balanced.then(|| list(vec![balancer]))),
        ("deploymentConfiguration", Some(Node::table(configuration))),
    ]);
    Ok(documents(&[service]))
}

type Fields = Vec<(&'static str, Option<Node>)>;

fn no_gate(gate: bool, draft: &mut Draft) {
    if gate {
        draft.note("the gate is left out: in ECS that is a CloudWatch alarm, which is yours to make");
    }
}

fn in_place(ecs: &Ecs) -> Fields {
    vec![
        ("strategy", Some(plain("ROLLING"))),
        ("minimumHealthyPercent", Some(plain(ecs.minimum.to_string()))),
        ("maximumPercent", Some(plain(ecs.maximum.to_string()))),
        ("deploymentCircuitBreaker", ecs.breaker.map(breaker)),
    ]
}

fn breaker(breaker: TaskBreaker) -> Node {
    let (kind, value) = match breaker.threshold {
        BreakerThreshold::Bounded(percent) => ("BOUNDED_PERCENT", percent),
        BreakerThreshold::Unbounded(percent) => ("UNBOUNDED_PERCENT", percent),
        BreakerThreshold::Count(count) => ("COUNT", f64::from(count)),
    };
    let threshold = Node::table([("type", Some(plain(kind))), ("value", Some(plain(value.to_string())))]);
    let usual = breaker.threshold == BreakerThreshold::Bounded(50.0);
    Node::table([
        ("enable", truth(true)),
        ("rollback", Some(plain(breaker.rollback.to_string()))),
        ("resetOnHealthyTask", (!breaker.resets).then(|| plain("false"))),
        ("thresholdConfiguration", (!usual).then_some(threshold)),
    ])
}

fn rolling(rolling: &Rolling, size: Option<u32>, strategy: &Strategy, draft: &mut Draft) -> Result<Ecs, Refusal> {
    match &rolling.pace {
        Pace::Ecs(ecs) => Ok(ecs.clone()),
        Pace::Surge(surge) => percentages(*surge, size, strategy, draft),
        Pace::Nomad(_) => refuse(strategy, TARGET, "Nomad updates in place; use --to nomad"),
        Pace::Hosts(_) => refuse(strategy, TARGET, "CodeDeploy updates hosts where they stand"),
    }
}

/// Percentages that round to the same numbers of tasks, which takes the size of the service.
fn percentages(surge: Surge, size: Option<u32>, strategy: &Strategy, draft: &mut Draft) -> Result<Ecs, Refusal> {
    let Some(size) = size.filter(|size| *size > 0) else {
        return refuse(strategy, TARGET, "its percentages round the other way, which takes the number of tasks");
    };
    let limits = Limits::resolve(surge.surge, surge.unavailable, size);
    // The upper bound rounds down and the lower bound rounds up.
    let maximum = (100 * (u64::from(size) + u64::from(limits.surge))).div_ceil(u64::from(size));
    let minimum = 100 * u64::from(size - limits.unavailable) / u64::from(size);
    draft.note(format!(
        "the percentages give {} more and {} fewer of {size} tasks, as in Kubernetes; for another number they do not",
        limits.surge, limits.unavailable
    ));
    Ok(Ecs { minimum: minimum as f64, maximum: maximum as f64, breaker: None })
}

fn bake(span: Span, draft: &mut Draft) -> Option<Node> {
    Some(number(draft.minutes("a bake time", span).min(1_440)))
}

fn blue_green(blue_green: &BlueGreen, draft: &mut Draft) -> Fields {
    no_gate(blue_green.gate.is_some() || blue_green.before.is_some() || blue_green.after.is_some(), draft);
    if blue_green.preview.is_some() {
        draft.note("a smaller preview is left out: ECS always starts the whole new fleet");
    }
    if blue_green.promotion != Hold::For(Span::ZERO) {
        draft
            .note("the wait before the promotion is left out: in ECS that is a lifecycle hook, which is yours to make");
    }
    vec![("strategy", Some(plain("BLUE_GREEN"))), ("bakeTimeInMinutes", bake(blue_green.bake, draft))]
}

fn canary(canary: &Canary, strategy: &Strategy, draft: &mut Draft) -> Result<Fields, Refusal> {
    if !canary.routing.by_traffic() {
        return refuse(strategy, TARGET, "it shifts traffic between two whole fleets; use --to argo");
    }
    no_gate(canary.gate.is_some() || canary.background.is_some(), draft);
    let whole = |step: &Step| step.scale == Scale::Own(Amount::Percent(100.0));
    if !canary.steps.iter().all(whole) {
        draft.note("ECS starts the whole new fleet before the first step");
    }
    if canary.steps.iter().any(|step| step.analysis.is_some()) {
        draft.note("the analyses of single steps are left out");
    }
    if canary.split != Split::Random {
        draft.note("ECS splits by chance");
    }
    let bake = ("bakeTimeInMinutes", bake(canary.keep_old, draft));
    let holds: Option<Vec<Span>> = canary.steps.iter().map(|step| held(step.hold)).collect();
    let Some(holds) = holds else {
        return refuse(strategy, TARGET, "a step that waits for a person is a lifecycle hook there");
    };
    let shares: Vec<Share> = canary.steps.iter().map(|step| step.share).collect();
    let tenths = |share: &Share| (share.value() * 1_000.0).round() / 10.0;
    match shares.as_slice() {
        [] => {
            Ok(vec![("strategy", Some(plain("LINEAR"))), bake, ("linearConfiguration", Some(part("step", 100.0, 6)))])
        }
        [share] => {
            let minutes = draft.minutes("a step", holds[0]);
            let part = part("canary", tenths(share).max(0.1), minutes);
            Ok(vec![("strategy", Some(plain("CANARY"))), bake, ("canaryConfiguration", Some(part))])
        }
        [first, ..] if is_linear(&shares) && holds.iter().all(|hold| *hold == holds[0]) => {
            let part = part("step", tenths(first), draft.minutes("a step", holds[0]));
            Ok(vec![("strategy", Some(plain("LINEAR"))), bake, ("linearConfiguration", Some(part))])
        }
        _ => refuse(
            strategy,
            TARGET,
            "it knows a single canary step, or equal steps of at least 3% that are held equally long",
        ),
    }
}

fn held(hold: Hold) -> Option<Span> {
    match hold {
        Hold::For(span) => Some(span),
        Hold::UntilPromoted => None,
    }
}

/// Whether the shares are those that equal steps give.
fn is_linear(shares: &[Share]) -> bool {
    let percent = shares[0].value() * 100.0;
    let expected = linear(percent, Span::ZERO);
    let close = |one: &Step, share: &Share| (one.share.value() - share.value()).abs() < 1e-9;
    percent >= 3.0
        && expected.len() == shares.len()
        && expected.iter().zip(shares).all(|(one, share)| close(one, share))
}

/// `linearConfiguration` or `canaryConfiguration`: they differ in a prefix only.
fn part(prefix: &str, percent: f64, minutes: u64) -> Node {
    let percent = Some(plain(percent.to_string()));
    let minutes = Some(number(minutes.min(1_440)));
    match prefix {
        "step" => Node::table([("stepPercent", percent), ("stepBakeTimeInMinutes", minutes)]),
        _ => Node::table([("canaryPercent", percent), ("canaryBakeTimeInMinutes", minutes)]),
    }
}
