//! What a reader should know about a result: which system's defaults it has, with the traps that they copy, and what
//! connections and sticky users do to a rollout.

use crate::core::rollout::{Phase, Strategy};
use crate::measure::forecast::{Note, StrategyForecast};
use crate::scenario::plan::{Act, Layer, Preset, Scenario};
use crate::sim::watched;
use crate::sim::world::World;

/// Below this, what sticky users do to a canary's share is not worth a word.
const DRIFT_MIN: f64 = 0.01;

/// The notes on a comparison.
pub(super) fn notes(scenario: &Scenario, strategies: &[StrategyForecast]) -> Vec<Note> {
    let preset = scenario.proxies.preset.map(|preset| note("preset", of_preset(preset)));
    let sticky = sticky(scenario, strategies);
    let idle = nobody_waited(scenario, strategies);
    let known = [preset, pinned(scenario), sticky, idle, flagged(scenario), uncopied(scenario)];
    known.into_iter().flatten().chain(watched::notes(scenario, strategies)).collect()
}

/// What the run of the strategy called `name` came upon.
pub(super) fn findings(name: &str, world: &World<'_>) -> Vec<Note> {
    let useless = world.unprotected.then(|| {
        let text = format!(
            "{name}: slow start protected nothing, since at some time all instances of a pool were in it at once"
        );
        note("slow-start-useless", text)
    });
    [useless, quota(name, world)].into_iter().flatten().collect()
}

fn quota(name: &str, world: &World<'_>) -> Option<Note> {
    let quota = world.scenario.fleet.quota.filter(|_| world.had_to_wait > 0)?;
    let launches = if world.had_to_wait == 1 { "launch" } else { "launches" };
    let end = match world.pending.len() {
        0 => String::new(),
        left => format!(", of which {left} still waited at the end"),
    };
    let text = format!("{name}: {} {launches} had to wait for the quota of {quota} instances{end}", world.had_to_wait);
    Some(note("quota-reached", text))
}

pub(super) fn note(id: &str, text: impl Into<String>) -> Note {
    Note { id: id.to_owned(), text: text.into() }
}

const fn of_preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Nginx => {
            "the proxies have nginx's defaults: when all instances have failed the answer is 502 (older versions marked \
             all of them live again), the only instance of a service is never marked failed, and every proxy probes a \
             dead instance with a live request once per fail-timeout"
        }
        Preset::Haproxy => {
            "the proxies have HAProxy's defaults: retries go to the same instance after a second, also when it is dead, \
             unless redispatch is on, and only the first backup serves; slow start and checks begin afresh at a reload"
        }
        Preset::Envoy => {
            "the proxies have Envoy's defaults with outlier detection on: priorities and panic follow its code and not \
             its documentation (5 % and 65 % healthy give 8/92), and below half of the instances healthy all of them get \
             requests"
        }
        Preset::Alb => {
            "the proxies have the defaults of AWS's application load balancer: a new instance gets requests after one \
             good check, a dead one until two checks 30 s apart have failed, and with nobody healthy everybody gets them"
        }
        Preset::Linkerd => {
            "the proxies have linkerd's defaults with failure accrual on: seven failures in a row break an instance, and \
             then a single request decides; instances are not checked"
        }
        Preset::Grpc => {
            "the proxies are gRPC clients with weighted round robin (gRPC's own default is pick_first, which is not \
             modelled) and outlier detection on: an instance is ejected above the failure threshold, \
             not at it as the documentation says, and failures in a row alone do not matter"
        }
    }
}

fn pinned(scenario: &Scenario) -> Option<Note> {
    let connections = scenario.traffic.connections.filter(|_| scenario.proxies.layer != Layer::L7)?;
    let text = match connections.age {
        None => {
            "connections stay with their instance for life: an instance that comes later gets only new ones".to_owned()
        }
        Some(age) => format!("connections stay with their instance: a new instance has its share only after {age}"),
    };
    Some(note("connections-pinned", text))
}

/// Somebody comes to promote, but nothing ever waits for that.
fn nobody_waited(scenario: &Scenario, strategies: &[StrategyForecast]) -> Option<Note> {
    let comes = scenario.rollout.is_some_and(|rollout| rollout.promote_after.is_some())
        || scenario.people.iter().any(|deed| deed.act == Act::Promote);
    let waiting = Phase::Waiting.to_string();
    let mut phases = strategies.iter().flat_map(|strategy| &strategy.phases);
    let waited = phases.any(|phase| phase.phase == waiting);
    (comes && !waited).then(|| note("nobody-waited", "somebody comes to promote, but no strategy waited for a person"))
}

/// A balancer of connections sees no requests that it could copy.
fn uncopied(scenario: &Scenario) -> Option<Note> {
    let copies = |strategy: &Strategy| match strategy {
        Strategy::Flagger(flagger) => flagger.mirror.is_some(),
        Strategy::Shadow(_) => true,
        Strategy::Recreate(_)
        | Strategy::Rolling(_)
        | Strategy::BlueGreen(_)
        | Strategy::Canary(_)
        | Strategy::AbTest(_)
        | Strategy::FeatureFlag(_) => false,
    };
    let named = scenario.strategies.iter().find(|named| copies(&named.strategy))?;
    let text = format!("{}: a balancer of connections copies no requests, so that nothing is mirrored", named.name);
    (scenario.proxies.layer != Layer::L7).then(|| note("mirror-connections", text))
}

/// What a version says of its instances means nothing to a flag.
fn flagged(scenario: &Scenario) -> Option<Note> {
    let to = &scenario.versions[scenario.rollout?.to.index()];
    let says = to.fails_to_start.value() > 0.0 || to.crashes_after.is_some();
    let flag = scenario.strategies.iter().find(|named| matches!(named.strategy, Strategy::FeatureFlag(_)))?;
    let text = format!(
        "{}: a feature flag starts no instance, so that {}'s fails-to-start and crashes have no effect there",
        flag.name, to.name
    );
    says.then(|| note("flag-instances", text))
}

fn sticky(scenario: &Scenario, strategies: &[StrategyForecast]) -> Option<Note> {
    scenario.proxies.policy.sticky?;
    let drift = |strategy: &StrategyForecast| strategy.metrics.share_drift.map(|drift| (drift, strategy.name.clone()));
    let worst = strategies.iter().filter_map(drift).max_by(|one, other| one.0.total_cmp(&other.0));
    let (drift, name) = worst.filter(|&(drift, _)| drift >= DRIFT_MIN)?;
    let percent = 100.0 * drift;
    let text = format!(
        "users stick to their instance: under {name}, {percent:.1}% of the requests went to another version than the \
         weights asked for"
    );
    Some(note("sticky-share", text))
}
