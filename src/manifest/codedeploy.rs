//! AWS `CodeDeploy`: the names of its deployment configurations, configurations of one's own, and deployment groups.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{BlueGreen, Canary, Hold, Pace, Rolling, Scale, Step, Strategy};
use crate::core::time::Span;
use crate::manifest::fields::{Fields, Item, WHOLE_MAX};
use crate::yaml::tree::quote;

/// How a deployment configuration goes about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Configuration {
    /// On hosts: so many must stay healthy.
    Hosts(Amount),
    /// A share at once, everything after a while.
    Canary { share: Share, interval: Span },
    /// A share more after each interval.
    Linear { share: Share, interval: Span },
    /// Everything at once, on a second fleet.
    AllAtOnce,
}

/// What stands around a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    /// What the traffic waits for once the new fleet is there.
    pub ready: Hold,
    /// How long the old fleet is kept.
    pub keep_old: Span,
    /// Whether a failed deployment rolls back.
    pub rolls_back: bool,
}

impl Around {
    /// A configuration alone.
    const NOTHING: Around = Around { ready: Hold::For(Span::ZERO), keep_old: Span::ZERO, rolls_back: false };
}

impl Configuration {
    /// Reads a name such as `CodeDeployDefault.ECSLinear10PercentEvery1Minutes`. `on_hosts`: whether a bare `AllAtOnce`
    /// means hosts, as it does outside of functions.
    pub fn named(name: &str, on_hosts: bool) -> Option<Configuration> {
        let bare = name.strip_prefix("CodeDeployDefault.").unwrap_or(name);
        let (on_hosts, bare) = match bare.strip_prefix("ECS").or_else(|| bare.strip_prefix("Lambda")) {
            Some(bare) => (false, bare),
            None => (on_hosts, bare),
        };
        match bare {
            // Of up to a hundred hosts, that is all but one.
            "OneAtATime" if on_hosts => return Some(Configuration::Hosts(Amount::Percent(99.0))),
            "HalfAtATime" if on_hosts => return Some(Configuration::Hosts(Amount::Percent(50.0))),
            "AllAtOnce" if on_hosts => return Some(Configuration::Hosts(Amount::Count(0))),
            "AllAtOnce" => return Some(Configuration::AllAtOnce),
            _ => {}
        }
        let minutes = |text: &str| {
            let number = text.strip_suffix("Minutes").or_else(|| text.strip_suffix("Minute"))?;
            number.parse::<u32>().ok().map(|minutes| Span::from_secs(60 * u64::from(minutes)))
        };
        if let Some((percent, interval)) = bare.strip_prefix("Canary").and_then(|rest| rest.split_once("Percent")) {
            return Some(Configuration::Canary { share: share(percent)?, interval: minutes(interval)? });
        }
        let (percent, interval) = bare.strip_prefix("Linear")?.split_once("PercentEvery")?;
        Some(Configuration::Linear { share: share(percent)?, interval: minutes(interval)? })
    }

    /// Reads a configuration of one's own.
    pub fn own(fields: &Fields<'_>) -> Option<Configuration> {
        fields.skip(&["zonalConfig", "deploymentConfigId", "createTime"]);
        fields.accept(&["deploymentConfigName", "computePlatform"]);
        if let Some(routing) = fields.table("trafficRoutingConfig") {
            return self::routing(&routing);
        }
        let hosts = fields.get("minimumHealthyHosts").and_then(|item| item.table());
        let Some(hosts) = hosts else {
            fields.complain(
                "minimumHealthyHosts",
                "found neither minimumHealthyHosts nor trafficRoutingConfig, expected one",
            );
            return None;
        };
        match hosts.word("type", &["HOST_COUNT", "FLEET_PERCENT"])? {
            "HOST_COUNT" => hosts.whole("value").map(|count| Configuration::Hosts(Amount::Count(count))),
            _ => {
                let percent = hosts.get("value")?.whole(0..=100)?;
                Some(Configuration::Hosts(Amount::Percent(f64::from(percent))))
            }
        }
    }

    /// The strategy that it comes to.
    pub fn strategy(&self, around: Around) -> Strategy {
        match *self {
            Configuration::Hosts(amount) => {
                Strategy::Rolling(Rolling { pace: Pace::Hosts(amount), gate: None, bake: Span::ZERO })
            }
            Configuration::AllAtOnce => Strategy::BlueGreen(BlueGreen {
                promotion: around.ready,
                aborts_at_deadline: around.rolls_back,
                ..BlueGreen::plain(around.keep_old, None)
            }),
            Configuration::Canary { share, interval } => canary(vec![whole_fleet(share, interval)], around),
            Configuration::Linear { share, interval } => canary(linear(share.value() * 100.0, interval), around),
        }
    }
}

fn share(percent: &str) -> Option<Share> {
    percent
        .parse::<u32>()
        .ok()
        .filter(|percent| *percent > 0)
        .and_then(|percent| Share::new(f64::from(percent) / 100.0))
}

/// The new fleet is whole before the first request goes there.
pub(super) fn whole_fleet(share: Share, hold: Span) -> Step {
    Step { scale: Scale::Own(Amount::Percent(100.0)), ..Step::plain(share, hold) }
}

/// The first share at once, one more after each interval; after the last there is nothing to hold.
pub(super) fn linear(percent: f64, interval: Span) -> Vec<Step> {
    // Tenths of a percent, so that ten steps of 10 % end at exactly 100 %.
    let step = (percent * 10.0).round().max(1.0) as u32;
    let shares = (1_u32..).map(|count| count * step).take_while(|tenths| *tenths < 1_000);
    let share = |tenths: u32| Share::new(f64::from(tenths) / 1_000.0).expect("less than a thousand thousandths");
    shares.map(|tenths| whole_fleet(share(tenths), interval)).collect()
}

fn canary(mut steps: Vec<Step>, around: Around) -> Strategy {
    if around.ready != Hold::For(Span::ZERO) {
        let waits = Step { hold: around.ready, ..whole_fleet(Share::NONE, Span::ZERO) };
        steps.insert(0, waits);
    }
    let plain = Canary::plain(steps, None, around.keep_old);
    Strategy::Canary(Canary { aborts_at_deadline: around.rolls_back, ..plain })
}

fn routing(fields: &Fields<'_>) -> Option<Configuration> {
    let kind = fields.word("type", &["AllAtOnce", "TimeBasedCanary", "TimeBasedLinear"])?;
    let part = |table: &str, percent: &str, interval: &str| {
        let fields = fields.table(table)?;
        let share = fields.get(percent)?.whole(1..=99)?;
        let minutes = fields.get(interval)?.whole(1..=WHOLE_MAX)?;
        Some((Share::new(f64::from(share) / 100.0)?, Span::from_secs(60 * u64::from(minutes))))
    };
    match kind {
        "TimeBasedCanary" => part("timeBasedCanary", "canaryPercentage", "canaryInterval")
            .map(|(share, interval)| Configuration::Canary { share, interval }),
        "TimeBasedLinear" => part("timeBasedLinear", "linearPercentage", "linearInterval")
            .map(|(share, interval)| Configuration::Linear { share, interval }),
        _ => Some(Configuration::AllAtOnce),
    }
}

/// Reads a deployment group, or a document with nothing but `deploymentConfigName`. `own`: finds a configuration of
/// one's own by the name under which the group refers to it.
pub(super) fn group(fields: &Fields<'_>, own: impl Fn(&str) -> Option<Configuration>) -> Option<Strategy> {
    fields.accept(&["applicationName", "deploymentGroupName", "deploymentGroupId", "computePlatform"]);
    fields.skip(&["alarmConfiguration", "autoScalingGroups", "deploymentStyle", "ec2TagFilters", "ec2TagSet"]);
    fields.skip(&["ecsServices", "loadBalancerInfo", "onPremisesInstanceTagFilters", "onPremisesTagSet"]);
    fields.skip(&["outdatedInstancesStrategy", "serviceRoleArn", "tags", "targetRevision", "triggerConfigurations"]);
    fields.skip(&["deployment", "lastAttemptedDeployment", "lastSuccessfulDeployment", "terminationHookEnabled"]);
    let around = around(fields);
    // The documents of the command line may hold a configuration in place of its name.
    if fields.has("minimumHealthyHosts") || fields.has("trafficRoutingConfig") {
        return Configuration::own(fields).map(|configuration| configuration.strategy(around));
    }
    let Some(item) = fields.get("deploymentConfigName") else {
        // What a group without one gets.
        return Some(Configuration::Hosts(Amount::Percent(99.0)).strategy(around));
    };
    let name = item.text()?;
    let found = Configuration::named(&name, true).or_else(|| own(&name));
    found.map(|configuration| configuration.strategy(around)).or_else(|| unknown(&item, &name))
}

/// Reads `DeploymentPreference` of a serverless function.
pub(super) fn preference(fields: &Fields<'_>) -> Option<Strategy> {
    fields.skip(&["alarms", "enabled", "hooks", "passthroughCondition", "role", "triggerConfigurations"]);
    let Some(item) = fields.get("type") else {
        fields.complain("type", "found no type, expected one such as Canary10Percent5Minutes");
        return None;
    };
    let name = item.text()?;
    let found = Configuration::named(&name, false);
    found.map(|configuration| configuration.strategy(Around::NOTHING)).or_else(|| unknown(&item, &name))
}

fn unknown<T>(item: &Item<'_>, name: &str) -> Option<T> {
    item.complain(format!(
        "found {}, expected the name of a deployment configuration such as CodeDeployDefault.OneAtATime, CodeDeployDefault.ECSLinear10PercentEvery1Minutes or CodeDeployDefault.LambdaCanary10Percent5Minutes",
        quote(name)
    ));
    None
}

fn around(fields: &Fields<'_>) -> Around {
    let mut around = Around::NOTHING;
    if let Some(rollback) = fields.table("autoRollbackConfiguration") {
        rollback.skip(&["events"]);
        around.rolls_back = rollback.truth("enabled").unwrap_or(false);
    }
    let Some(blue_green) = fields.table("blueGreenDeploymentConfiguration") else { return around };
    blue_green.skip(&["greenFleetProvisioningOption"]);
    if let Some(ready) = blue_green.table("deploymentReadyOption") {
        ready.skip(&["waitTimeInMinutes"]);
        if ready.word("actionOnTimeout", &["CONTINUE_DEPLOYMENT", "STOP_DEPLOYMENT"]) == Some("STOP_DEPLOYMENT") {
            around.ready = Hold::UntilPromoted;
        }
    }
    if let Some(end) = blue_green.table("terminateBlueInstancesOnDeploymentSuccess") {
        let action = end.get("action");
        if action.as_ref().and_then(Item::text).is_some_and(|action| action == "KEEP_ALIVE") {
            end.skip(&["action"]);
        }
        let minutes = end.get("terminationWaitTimeInMinutes").and_then(|item| item.whole(0..=2_880));
        around.keep_old = Span::from_secs(60 * u64::from(minutes.unwrap_or(0)));
    }
    around
}
