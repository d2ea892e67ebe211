//! An ECS service, as the AWS command line takes it and as in `CloudFormation`.

use crate::core::amount::Share;
use crate::core::rollout::{BlueGreen, BreakerThreshold, Canary, Ecs, Hold, Pace, Rolling, Strategy, TaskBreaker};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::manifest::codedeploy::{linear, whole_fleet};
use crate::manifest::fields::{Fields, Item, WHOLE_MAX};

/// A task counts as healthy so long after it runs where nothing else tells.
const UNCHECKED: Span = Span::from_secs(40);

/// Longest time that a service may bake.
const BAKE_MINUTES_MAX: u32 = 1_440;

/// What a service may hold beside what is read here.
const SERVICE: [&str; 27] = [
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "clientToken",
    "cluster",
    "clusterArn",
    "createdAt",
    "createdBy",
    "deployments",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "events",
    "forceNewDeployment",
    "launchType",
    "networkConfiguration",
    "pendingCount",
    "placementConstraints",
    "placementStrategies",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "role",
    "runningCount",
    "serviceArn",
    "serviceConnectConfiguration",
    "tags",
    "taskDefinition",
    "volumeConfigurations",
];

/// Reads a service. `has_health_check`: whether its tasks are known to have a health check of their own.
pub(super) fn read(service: &Fields<'_>, has_health_check: bool) -> (Strategy, Pod) {
    service.accept(&["serviceName"]);
    service.skip_together(&SERVICE);
    service.skip(&["healthCheckGracePeriodSeconds", "serviceRegistries", "vpcLatticeConfigurations", "status"]);
    service.skip(&["deploymentController", "platformFamily", "roleArn", "taskSets", "schedulingStrategy"]);
    let balanced = service.get("loadBalancers").is_some_and(|item| !item.list().is_empty());
    let unchecked = !balanced && !has_health_check;
    let pod = Pod {
        replicas: service.whole("desiredCount"),
        min_ready: Some(if unchecked { UNCHECKED } else { Span::ZERO }),
        ..Pod::default()
    };
    let strategy = match service.table("deploymentConfiguration") {
        Some(configuration) => self::strategy(&configuration),
        None => rolling(100.0, 200.0, None),
    };
    (strategy, pod)
}

fn strategy(fields: &Fields<'_>) -> Strategy {
    fields.skip(&["alarms", "lifecycleHooks"]);
    let kind = fields.word("strategy", &["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"]).unwrap_or("ROLLING");
    if kind == "ROLLING" {
        fields.skip(&["bakeTimeInMinutes", "linearConfiguration", "canaryConfiguration"]);
        return self::in_place(fields);
    }
    // The new revision is whole before any traffic: these have no effect on it.
    fields.skip(&["minimumHealthyPercent", "maximumPercent", "deploymentCircuitBreaker"]);
    let bake = minutes(fields, "bakeTimeInMinutes");
    let steps = match kind {
        "LINEAR" => {
            fields.skip(&["canaryConfiguration"]);
            let part = fields.table("linearConfiguration");
            let percent = percent(part.as_ref(), "stepPercent", 3.0).unwrap_or(10.0);
            linear(percent, baked(part.as_ref(), "stepBakeTimeInMinutes", 6))
        }
        "CANARY" => {
            fields.skip(&["linearConfiguration"]);
            let part = fields.table("canaryConfiguration");
            let percent = percent(part.as_ref(), "canaryPercent", 0.1).unwrap_or(5.0);
            // In tenths of a percent, as the controller counts.
            let share = Share::new((percent * 10.0).round() / 1_000.0).unwrap_or(Share::ALL);
            vec![whole_fleet(share, baked(part.as_ref(), "canaryBakeTimeInMinutes", 10))]
        }
        _ => {
            fields.skip(&["linearConfiguration", "canaryConfiguration"]);
            if !fields.has("bakeTimeInMinutes") {
                let text = "found BLUE_GREEN without bakeTimeInMinutes, expected how long both revisions run";
                fields.complain("bakeTimeInMinutes", text);
            }
            let plain = BlueGreen::plain(bake.unwrap_or(Span::ZERO), None);
            let promotion = Hold::For(Span::ZERO);
            return Strategy::BlueGreen(BlueGreen { promotion, aborts_at_deadline: false, ..plain });
        }
    };
    let plain = Canary::plain(steps, None, bake.unwrap_or(Span::ZERO));
    Strategy::Canary(Canary { aborts_at_deadline: false, ..plain })
}

fn in_place(fields: &Fields<'_>) -> Strategy {
    let percent = |key| fields.get(key).and_then(|item| item.whole(0..=WHOLE_MAX)).map(f64::from);
    let minimum = percent("minimumHealthyPercent").unwrap_or(100.0);
    let maximum = percent("maximumPercent").unwrap_or(200.0);
    if minimum >= 100.0 && maximum <= 100.0 {
        let text = "found no room either above or below the desired count, expected a minimumHealthyPercent below 100 or a maximumPercent above";
        fields.complain("maximumPercent", text);
    }
    let breaker = fields.table("deploymentCircuitBreaker").and_then(|breaker| self::breaker(&breaker));
    rolling(minimum, maximum, breaker)
}

fn rolling(minimum: f64, maximum: f64, breaker: Option<TaskBreaker>) -> Strategy {
    let pace = Pace::Ecs(Ecs { minimum, maximum, breaker });
    Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO })
}

fn breaker(fields: &Fields<'_>) -> Option<TaskBreaker> {
    let enabled = fields.truth("enable").unwrap_or(false);
    let breaker = TaskBreaker {
        threshold: fields.table("thresholdConfiguration").and_then(|part| threshold(&part)).unwrap_or(HALF),
        resets: fields.truth("resetOnHealthyTask").unwrap_or(true),
        rollback: fields.truth("rollback").unwrap_or(false),
    };
    enabled.then_some(breaker)
}

/// The threshold unless given.
const HALF: BreakerThreshold = BreakerThreshold::Bounded(50.0);

fn threshold(fields: &Fields<'_>) -> Option<BreakerThreshold> {
    let kind = fields.word("type", &["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"])?;
    let value = fields.get("value")?.whole(1..=WHOLE_MAX)?;
    Some(match kind {
        "COUNT" => BreakerThreshold::Count(value),
        "UNBOUNDED_PERCENT" => BreakerThreshold::Unbounded(f64::from(value)),
        _ => BreakerThreshold::Bounded(f64::from(value)),
    })
}

/// A percentage in steps of a tenth.
fn percent(fields: Option<&Fields<'_>>, key: &str, least: f64) -> Option<f64> {
    let item = fields?.get(key)?;
    let percent = item.number()?;
    let tenths = percent * 10.0;
    let inside = (least..=100.0).contains(&percent) && (tenths - tenths.round()).abs() < 1e-6;
    let expected = format!("a percentage from {least} to 100, in tenths");
    if inside { Some(percent) } else { Item::refuse(&item, &expected) }
}

fn minutes(fields: &Fields<'_>, key: &str) -> Option<Span> {
    let minutes = fields.get(key)?.whole(0..=BAKE_MINUTES_MAX)?;
    Some(Span::from_secs(60 * u64::from(minutes)))
}

fn baked(fields: Option<&Fields<'_>>, key: &str, usual: u64) -> Span {
    fields.and_then(|fields| minutes(fields, key)).unwrap_or(Span::from_secs(60 * usual))
}
