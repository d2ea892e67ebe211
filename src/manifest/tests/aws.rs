//! ECS services and `CodeDeploy`.

use super::*;
use crate::core::amount::Amount;
use crate::core::rollout::{BreakerThreshold, Ecs, Hold, Scale, TaskBreaker};

fn held(minutes: u64) -> Hold {
    Hold::For(secs(60 * minutes))
}

fn ecs(configuration: &str) -> Manifest {
    one(&format!("serviceName: shop\ndesiredCount: 4\ndeploymentConfiguration: {{ {configuration} }}\n"))
}

fn rolling(configuration: &str) -> Ecs {
    match pace(ecs(configuration)) {
        Pace::Ecs(ecs) => ecs,
        other => panic!("expected the arithmetic of ECS, found {other:?}"),
    }
}

#[test]
fn a_service_has_the_defaults_of_ecs() {
    let manifest = one("serviceName: shop\ntaskDefinition: shop:3\ncluster: a\n");
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["{taskDefinition, cluster}"]);
    assert_eq!((manifest.kind, manifest.name.as_str()), (Kind::EcsService, "shop"));
    assert_eq!((manifest.pod.replicas, manifest.pod.min_ready), (None, Some(secs(40))));
    assert_eq!(pace(manifest), Pace::Ecs(Ecs { minimum: 100.0, maximum: 200.0, breaker: None }));
}

#[test]
fn a_balancer_tells_whether_tasks_are_healthy() {
    let text = "desiredCount: 2\nloadBalancers: [ {targetGroupArn: x} ]\nhealthCheckGracePeriodSeconds: 30\nspeed: 3\n";
    let manifest = one(text);
    assert_eq!(manifest.pod.min_ready, Some(Span::ZERO));
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["healthCheckGracePeriodSeconds"]);
    assert_eq!(unused(&manifest, Fate::Unknown), ["speed"]);
}

#[test]
fn percentages_are_kept_for_the_arithmetic_of_the_controller() {
    let cases = [
        ("minimumHealthyPercent: 50, maximumPercent: 100", 50.0, 100.0),
        ("minimumHealthyPercent: 75", 75.0, 200.0),
        ("maximumPercent: 125", 100.0, 125.0),
    ];
    for (configuration, minimum, maximum) in cases {
        assert_eq!(rolling(configuration), Ecs { minimum, maximum, breaker: None });
    }
}

#[test]
fn the_circuit_breaker_has_a_threshold_of_its_own_or_half() {
    let breaker = |fields: &str| rolling(&format!("deploymentCircuitBreaker: {{ {fields} }}")).breaker;
    let usual = TaskBreaker { threshold: BreakerThreshold::Bounded(50.0), resets: true, rollback: true };
    assert_eq!(breaker("enable: true, rollback: true"), Some(usual));
    assert_eq!(breaker("enable: false, rollback: true"), None);
    let own = "enable: true, resetOnHealthyTask: false, thresholdConfiguration: { type: COUNT, value: 7 }";
    let expected = TaskBreaker { threshold: BreakerThreshold::Count(7), resets: false, rollback: false };
    assert_eq!(breaker(own), Some(expected));
}

#[test]
fn linear_shifts_hold_every_step_but_the_last() {
    let steps = |percent: &str| {
        let configuration = format!("strategy: LINEAR, bakeTimeInMinutes: 5, linearConfiguration: {{ {percent} }}");
        let canary = canary(ecs(&configuration));
        assert_eq!(canary.keep_old, secs(300));
        assert!(canary.steps.iter().all(|step| step.scale == Scale::Own(Amount::Percent(100.0))));
        canary.steps
    };
    assert_eq!(walk(&steps("stepPercent: 50.0, stepBakeTimeInMinutes: 3")), [(50.0, held(3))]);
    assert_eq!(steps("stepPercent: 11").len(), 9);
    let usual = steps("");
    assert_eq!((usual.len(), usual[0].hold), (9, held(6)));
    assert_eq!(steps("stepPercent: 100"), []);
}

#[test]
fn a_canary_of_ecs_is_one_step() {
    let steps = canary(ecs("strategy: CANARY, canaryConfiguration: { canaryPercent: 12.5 }")).steps;
    assert_eq!(walk(&steps), [(12.5, held(10))]);
    let steps = canary(ecs("strategy: CANARY")).steps;
    assert_eq!(walk(&steps), [(5.0, held(10))]);
}

#[test]
fn blue_green_bakes() {
    let Strategy::BlueGreen(blue_green) = ecs("strategy: BLUE_GREEN, bakeTimeInMinutes: 15").strategy else {
        panic!("expected blue-green");
    };
    assert_eq!((blue_green.bake, blue_green.promotion), (secs(900), held(0)));
}

#[test]
fn templates_hold_services_with_parameters() {
    let text = "AWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  Count: { Type: Number, Default: 6 }\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties: { ContainerDefinitions: [ {HealthCheck: {Command: [x]}} ] }\n  Shop:\n    Type: AWS::ECS::Service\n    Properties:\n      DesiredCount: !Ref Count\n      Cluster: !GetAtt Cluster.Arn\n      DeploymentConfiguration:\n        MaximumPercent: \"150\"\n        DeploymentCircuitBreaker: { Enable: true, Rollback: true }\n";
    let manifest = one(text);
    assert_eq!((manifest.name.as_str(), manifest.pod.replicas), ("Shop", Some(6)));
    assert_eq!(manifest.pod.min_ready, Some(Span::ZERO));
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["Resources.Task", "Resources.Shop.Properties.Cluster"]);
    assert_eq!(line(&manifest, "Resources.Shop.Properties.DeploymentConfiguration.MaximumPercent"), Some(14));
    assert!(matches!(pace(manifest), Pace::Ecs(Ecs { maximum: 150.0, breaker: Some(_), .. })));
}

#[test]
fn what_ecs_rejects_is_rejected() {
    let cases = [
        ("strategy: LINEAR, linearConfiguration: { stepPercent: 2.9 }", "a percentage from 3 to 100, in tenths"),
        ("strategy: LINEAR, linearConfiguration: { stepPercent: 10.25 }", "in tenths"),
        ("strategy: CANARY, canaryConfiguration: { canaryPercent: 0 }", "a percentage from 0.1 to 100"),
        ("strategy: CANARY, bakeTimeInMinutes: 1441", "a whole number from 0 to 1440"),
        ("strategy: BLUE_GREEN", "BLUE_GREEN without bakeTimeInMinutes"),
        ("strategy: SLOW", "one of: ROLLING, BLUE_GREEN, LINEAR, CANARY"),
        ("minimumHealthyPercent: 100, maximumPercent: 100", "no room either above or below"),
        (
            "deploymentCircuitBreaker: { enable: true, rollback: true, thresholdConfiguration: { type: COUNT, value: 0 } }",
            "at least 1",
        ),
    ];
    for (configuration, part) in cases {
        refused(&format!("deploymentConfiguration: {{ {configuration} }}"), part);
    }
    refused("Resources: { Bucket: { Type: 'AWS::S3::Bucket' } }", "found no resource that rolls out");
}

fn deploy(name: &str) -> Manifest {
    one(&format!("deploymentConfigName: {name}"))
}

#[test]
fn the_names_of_code_deploy_are_read_for_hosts() {
    let cases = [
        ("CodeDeployDefault.OneAtATime", Amount::Percent(99.0)),
        ("CodeDeployDefault.HalfAtATime", Amount::Percent(50.0)),
        ("CodeDeployDefault.AllAtOnce", Amount::Count(0)),
    ];
    for (name, amount) in cases {
        let manifest = deploy(name);
        assert_eq!((manifest.kind, pace(manifest)), (Kind::CodeDeploy, Pace::Hosts(amount)));
    }
}

#[test]
fn the_names_of_code_deploy_are_read_for_tasks_and_functions() {
    let steps = |name: &str| canary(deploy(name)).steps;
    assert_eq!(walk(&steps("CodeDeployDefault.ECSCanary10Percent5Minutes")), [(10.0, held(5))]);
    for (name, minutes) in [("ECSLinear10PercentEvery1Minutes", 1), ("LambdaLinear10PercentEvery3Minutes", 3)] {
        let steps = steps(&format!("CodeDeployDefault.{name}"));
        let hold: u64 = steps.iter().map(|step| if step.hold == held(minutes) { minutes } else { 0 }).sum();
        assert_eq!((steps.len(), hold), (9, 9 * minutes), "all traffic after {} min", 9 * minutes);
    }
    assert_eq!(steps("Linear25PercentEvery2Minutes").len(), 3);
    assert!(matches!(deploy("CodeDeployDefault.ECSAllAtOnce").strategy, Strategy::BlueGreen(_)));
    let function = one("DeploymentPreference: { Type: AllAtOnce, Enabled: true }");
    assert!(matches!(function.strategy, Strategy::BlueGreen(_)));
}

#[test]
fn configurations_of_ones_own_are_read() {
    let hosts = one("minimumHealthyHosts: { type: FLEET_PERCENT, value: 75 }");
    assert_eq!(pace(hosts), Pace::Hosts(Amount::Percent(75.0)));
    let hosts = one("deploymentConfigName: mine\nminimumHealthyHosts: { type: HOST_COUNT, value: 3 }");
    assert_eq!(pace(hosts), Pace::Hosts(Amount::Count(3)));
    let routed =
        "trafficRoutingConfig: { type: TimeBasedLinear, timeBasedLinear: { linearPercentage: 20, linearInterval: 2 } }";
    assert_eq!(canary(one(routed)).steps.len(), 4);
}

#[test]
fn a_group_waits_and_keeps_the_old_fleet() {
    let text = "deploymentGroupInfo:\n  deploymentGroupName: shop\n  deploymentConfigName: CodeDeployDefault.ECSCanary10Percent5Minutes\n  autoRollbackConfiguration: { enabled: true, events: [DEPLOYMENT_FAILURE] }\n  blueGreenDeploymentConfiguration:\n    terminateBlueInstancesOnDeploymentSuccess: { action: TERMINATE, terminationWaitTimeInMinutes: 60 }\n    deploymentReadyOption: { actionOnTimeout: STOP_DEPLOYMENT, waitTimeInMinutes: 30 }\n";
    let canary = canary(one(text));
    assert_eq!(walk(&canary.steps), [(0.0, Hold::UntilPromoted), (10.0, held(5))]);
    assert_eq!((canary.keep_old, canary.aborts_at_deadline), (secs(3_600), true));
}

#[test]
fn other_names_are_refused() {
    for name in ["CodeDeployDefault.TwoAtATime", "Canary0Percent5Minutes", "Linear10PercentEveryMinutes"] {
        refused(&format!("deploymentConfigName: {name}"), "expected the name of a deployment configuration");
    }
}
