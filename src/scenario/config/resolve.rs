//! From the declarations of a configuration to the checked one, by way of an equal scenario.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::file::{Admin, Backends, Bounds, ConfigFile, Mark, NameAndValue, Where};
use crate::core::ids::VersionId;
use crate::core::proxy::Affinity;
use crate::core::rollout::{Control, Strategy};
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::config::{self, AccessLog, Backend, Config, Limits, Question, Route};
use crate::scenario::entry::{Entry, Named, Or};
use crate::scenario::file::{self, Arrivals, Canary, File, Open, Rollout, Stage, Strategies, Version};
use crate::scenario::plan::{Layer, Scenario};
use crate::scenario::resolve::resolve;
use crate::scenario::units::{FileName, Lasting, Percent, Whole};
use crate::scenario::{Loaded, absolute};
use crate::yaml::tree::KeyPath;

/// What the journal calls a rollout whose weight somebody sets.
const BY_HAND: &str = "by-hand";

/// Tokens that are shorter can be guessed.
const TOKEN_LENGTH_MIN: usize = 16;

/// Of the users, those who are taken to carry the mark of the new version: here whoever does is seen, and the proxy names
/// its users so that they fall on the right side of this.
const CARRIERS: Percent = Percent::of(50.0);

pub(super) fn config(mut config: ConfigFile, check: &mut Check<'_>) -> Config {
    let by_hand = by_hand(&mut config);
    let chosen = chosen(&config, check);
    let mut file = equal_scenario(&config);
    let scenario = resolve(&mut file, check);
    let strategy = config.rollout.as_ref().and(chosen);
    refuse(&config, &scenario, check);
    check_fleet(&config, &scenario, strategy.filter(|_| !by_hand), check);
    Config {
        strategy,
        by_hand: config.rollout.as_ref().filter(|_| by_hand).map(|change| change.share.share()),
        listen: config.listen.0,
        admin: config.admin.0.as_ref().and_then(|admin| self::admin(admin, check)),
        backends: backends(&config, &scenario, check),
        check: question(&config, check),
        route: route(&config, &scenario, strategy, check),
        timeout: {
            let whole = config.traffic.timeout.0.map(|timeout| timeout.0);
            whole.into_iter().chain(scenario.proxies.timeout).min()
        },
        drain: config.drain.0,
        limits: limits(&config.limits),
        access_log: match &config.access_log.0 {
            None => AccessLog::None,
            Some(name) if name.0 == "-" => AccessLog::Screen,
            Some(name) => AccessLog::File(check.folder.join(&name.0)),
        },
        upgrade_socket: upgrade_socket(&config, check),
        loaded: Loaded { scenario, file, folder: absolute(check.folder) },
    }
}

/// A rollout without a strategy is one by hand: a canary that is never begun says how requests are split.
fn by_hand(config: &mut ConfigFile) -> bool {
    let Some(change) = config.rollout.as_ref().filter(|_| config.strategies.0.is_empty()) else { return false };
    let canary = Canary { split: change.split, ..Canary::fallback() };
    config.strategies = Strategies(vec![(BY_HAND.to_owned(), file::Strategy::Canary(canary))]);
    true
}

/// The place of the strategy that is in use.
fn chosen(config: &ConfigFile, check: &mut Check<'_>) -> Option<usize> {
    let change = config.rollout.as_ref()?;
    let names: Vec<&str> = config.strategies.0.iter().map(|(name, _)| name.as_str()).collect();
    let at = KeyPath::from(["rollout", "strategy"]);
    match &change.strategy {
        None if names.len() > 1 => {
            let text = format!("found nothing, expected one of the strategies: {}", names.join(", "));
            check.complain(&[&at, &KeyPath::from(["strategies"])], text);
            None
        }
        None => Some(0),
        Some(name) => {
            let found = names.iter().position(|known| *known == name.0);
            if found.is_none() {
                let text = format!("found '{}', expected one of the strategies: {}", name.0, names.join(", "));
                check.complain(&[&at], text);
            }
            found
        }
    }
}

/// A scenario whose core is that of the proxy. Its traffic and its versions' behaviour mean nothing.
fn equal_scenario(config: &ConfigFile) -> File {
    const LONG: Span = Span::from_secs(86_400);
    let stage = Stage { rate: one_a_second(), r#for: Lasting(LONG), to: None };
    let serving = config.rollout.as_ref().and_then(|change| {
        config.versions.0.iter().find(|(name, _)| *name == change.from.0).map(|(_, backends)| backends)
    });
    let serving = serving.or(config.versions.0.first().map(|(_, backends)| backends));
    let size = serving.map_or(1, |backends| backends.addresses.len().clamp(1, 100_000));
    let mut file = File::fallback();
    file.name = config.name.clone();
    file.seed = config.seed;
    file.horizon = Lasting(LONG);
    file.traffic.open = Some(Open { stages: vec![stage], arrivals: Arrivals::Even });
    file.traffic.retries = config.traffic.retries.clone();
    file.proxies = config.proxies.clone();
    file.fleet.size = Whole::of(size as u64);
    file.fleet.min_ready = config.min_ready;
    file.versions = Named(config.versions.0.iter().map(|(name, backends)| (name.clone(), version(backends))).collect());
    file.rollout = config.rollout.as_ref().map(|change| Rollout {
        from: change.from.clone(),
        to: change.to.clone(),
        progress_deadline: change.progress_deadline,
        ..Rollout::fallback()
    });
    file.strategies = Strategies(config.strategies.0.iter().map(|(name, kind)| (name.clone(), marked(kind))).collect());
    file.telemetry = config.telemetry.clone();
    file
}

fn one_a_second() -> crate::core::amount::Rate {
    crate::core::amount::Rate::new(1.0).expect("one is a rate")
}

fn version(backends: &Backends) -> Version {
    let priority = Whole::of(backends.priority.get().min(2));
    Version { service: Some(Or::Leaf(Span::ZERO)), priority: Some(priority), ..Version::fallback() }
}

fn marked(strategy: &file::Strategy) -> file::Strategy {
    let mut strategy = strategy.clone();
    match &mut strategy {
        file::Strategy::Canary(canary) => canary.header = CARRIERS,
        file::Strategy::Combined(combined) => combined.header = CARRIERS,
        file::Strategy::AbTest(test) => test.header = CARRIERS,
        file::Strategy::Recreate(_)
        | file::Strategy::Rolling(_)
        | file::Strategy::BlueGreen(_)
        | file::Strategy::Shadow(_)
        | file::Strategy::FeatureFlag(_)
        | file::Strategy::Manifest(_) => {}
    }
    strategy
}

/// What a scenario has and a real proxy cannot do.
fn refuse(config: &ConfigFile, scenario: &Scenario, check: &mut Check<'_>) {
    let at = KeyPath::from(["proxies"]);
    let policy = &scenario.proxies.policy;
    let cases = [
        (scenario.proxies.count != 1, at.key("count"), "a number of proxies, which has no place here: this is one"),
        (scenario.proxies.layer != Layer::L7, at.key("layer"), "a balancer of connections, expected l7"),
        (
            policy.balancer.wants_reports(),
            at.key("balancer"),
            "a balancer that goes by load reports, which nobody sends",
        ),
        (policy.limits.queue > 0, at.key("limits").key("queue"), "a queue, expected 0: a proxy keeps nobody waiting"),
        (
            policy.retries.hedge_after.is_some(),
            KeyPath::from(["traffic", "retries", "hedge-after"]),
            "a hedge, expected none: a proxy sends a request once at a time",
        ),
    ];
    for (wrong, path, found) in cases {
        if wrong {
            check.complain(&[&path, &at.key("preset")], format!("found {found}"));
        }
    }
    for (named, (name, kind)) in scenario.strategies.iter().zip(&config.strategies.0) {
        let copies = match &named.strategy {
            Strategy::Shadow(_) | Strategy::FeatureFlag(_) => true,
            Strategy::Flagger(flagger) => flagger.mirror.is_some(),
            Strategy::Recreate(_)
            | Strategy::Rolling(_)
            | Strategy::BlueGreen(_)
            | Strategy::Canary(_)
            | Strategy::AbTest(_) => false,
        };
        if copies {
            let text = "found a strategy with copies of requests or a feature flag, which a proxy does not have";
            check.complain(&[&Strategies::path(name, kind.parts().0)], text);
        }
        if named.strategy.gate().is_some_and(|gate| gate.control == Control::Baseline) {
            let text = "found baseline, expected fleet: a proxy starts nobody, and all its old back ends serve already";
            check.complain(&[&Strategies::path(name, kind.parts().0).key("gate").key("control")], text);
        }
    }
}

/// A strategy that replaces a fleet needs as many back ends of the new version as there are of the old one.
fn check_fleet(config: &ConfigFile, scenario: &Scenario, strategy: Option<usize>, check: &mut Check<'_>) {
    let (Some(change), Some(index)) = (&config.rollout, strategy) else { return };
    let Some(named) = scenario.strategies.get(index) else { return };
    let count = |name: &str| {
        let found = config.versions.0.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, backends)| backends.addresses.len())
    };
    let (old, new) = (count(&change.from.0), count(&change.to.0));
    if !matches!(named.strategy, Strategy::AbTest(_)) && new < old && new > 0 {
        let at = KeyPath::from(["versions", &change.to.0, "addresses"]);
        let text = format!("found {new}, expected at least the {old} of {}, which they are to replace", change.from.0);
        check.complain(&[&at, &KeyPath::from(["rollout"])], text);
    }
}

fn backends(config: &ConfigFile, scenario: &Scenario, check: &mut Check<'_>) -> Vec<Backend> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    for (index, (name, version)) in config.versions.0.iter().enumerate() {
        let at = KeyPath::from(["versions", name, "addresses"]);
        if version.addresses.is_empty() {
            check.complain(&[&at], "found no address, expected at least one");
        }
        for (place, address) in version.addresses.iter().enumerate() {
            let at = at.index(place);
            if !seen.insert(address.0) {
                check.complain(&[&at], format!("found {}, which stands above already", address.0));
            }
            if address.0 == config.listen.0 {
                let text = format!("found {}, where the proxy itself listens", address.0);
                check.complain(&[&at, &KeyPath::from(["listen"])], text);
            }
            let version_id = VersionId(u8::try_from(index).unwrap_or_default());
            let priority = version.priority.small() as u8;
            list.push(Backend { version: version_id, address: address.0, priority });
        }
    }
    list.sort_by_key(|backend| (backend.version != scenario.running, backend.version));
    list
}

fn admin(admin: &Admin, check: &mut Check<'_>) -> Option<config::Admin> {
    let at = KeyPath::from(["admin"]);
    let listen = admin.listen.0;
    let token = admin.token_file.as_ref().map(|name| {
        let path = check.folder.join(&name.0);
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
        text.and_then(|text| {
            let token = text.trim().to_owned();
            let sound = token.len() >= TOKEN_LENGTH_MIN && token.bytes().all(|letter| letter.is_ascii_graphic());
            let expected =
                format!("found a token that is too short or not plain, expected {TOKEN_LENGTH_MIN} letters or more");
            sound.then_some(token).ok_or(expected)
        })
    });
    if token.is_none() && !listen.ip().is_loopback() {
        let text = format!(
            "found {listen}, where others can reach it, expected a loopback address such as 127.0.0.1:9901, or a token-file"
        );
        check.complain(&[&at.key("listen")], text);
    }
    match token.transpose() {
        Ok(token) => Some(config::Admin { listen, token }),
        Err(text) => {
            check.complain(&[&at.key("token-file")], text);
            None
        }
    }
}

fn question(config: &ConfigFile, check: &mut Check<'_>) -> Question {
    let at = KeyPath::from(["check"]);
    let (path, host) = (&config.check.path.0, config.check.host.as_ref());
    let plain = |text: &str| text.bytes().all(|letter| letter.is_ascii_graphic());
    if !path.starts_with('/') || !plain(path) {
        check.complain(&[&at.key("path")], format!("found '{path}', expected a path that begins with '/'"));
    }
    if let Some(host) = host.filter(|host| !plain(&host.0)) {
        check.complain(&[&at.key("host")], format!("found '{}', expected the name of a host", host.0));
    }
    Question { path: path.clone(), host: host.map(|host| host.0.clone()) }
}

fn route(config: &ConfigFile, scenario: &Scenario, strategy: Option<usize>, check: &mut Check<'_>) -> Route {
    let at = KeyPath::from(["route"]);
    let new = config.route.new.as_ref().map(|mark| self::mark(mark, &at.key("new"), check));
    let named = strategy.and_then(|index| scenario.strategies.get(index));
    let split = named.and_then(|named| named.strategy.split());
    let by_mark = split.is_some_and(|split| split.carriers().is_some());
    match (by_mark, &new) {
        (true, None) => {
            let text = "found nothing, expected the header or cookie that sends a request to the new version";
            check.complain(&[&at.key("new"), &KeyPath::from(["rollout"])], text);
        }
        (false, Some(_)) => {
            let text = "found a mark of the new version, but the split is by chance or user, expected split: header";
            check.complain(&[&at.key("new"), &KeyPath::from(["rollout"])], text);
        }
        (true, Some(_)) | (false, None) => {}
    }
    let user = config.route.user.0.as_ref().map(|user| place(user, &at.key("user"), check));
    let key = config.route.key.0.as_ref().map(|key| place(key, &at.key("key"), check));
    let sticky = scenario.proxies.policy.sticky;
    if key.is_some() && sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie) {
        let text = "found stickiness by cookie beside a key, expected one of them";
        check.complain(&[&at.key("key"), &KeyPath::from(["proxies", "stickiness"])], text);
    }
    Route { user, new, key }
}

fn place(place: &Where, at: &KeyPath, check: &mut Check<'_>) -> config::Where {
    match place {
        Where::Header(name) => header(&name.0, at, check),
        Where::Cookie(name) => cookie(&name.0, at, check),
    }
}

fn mark(mark: &Mark, at: &KeyPath, check: &mut Check<'_>) -> (config::Where, Option<String>) {
    let parts = |what: &Or<FileName, NameAndValue>| match what {
        Or::Leaf(name) => (name.0.clone(), None),
        Or::Table(both) => (both.name.0.clone(), Some(both.value.0.clone())),
    };
    match mark {
        Mark::Header(what) => {
            let (name, value) = parts(what);
            (header(&name, at, check), value)
        }
        Mark::Cookie(what) => {
            let (name, value) = parts(what);
            (cookie(&name, at, check), value)
        }
    }
}

fn header(name: &str, at: &KeyPath, check: &mut Check<'_>) -> config::Where {
    if !is_token(name) {
        check.complain(&[at], format!("found '{name}', expected the name of a header"));
    }
    config::Where::Header(name.to_ascii_lowercase())
}

fn cookie(name: &str, at: &KeyPath, check: &mut Check<'_>) -> config::Where {
    if !is_token(name) {
        check.complain(&[at], format!("found '{name}', expected the name of a cookie"));
    }
    config::Where::Cookie(name.to_owned())
}

/// What RFC 9110 calls a token.
fn is_token(name: &str) -> bool {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&letter);
    !name.is_empty() && name.bytes().all(allowed)
}

fn limits(bounds: &Bounds) -> Limits {
    Limits {
        connections: bounds.connections.small(),
        header_size: bounds.header_size.0,
        header_timeout: bounds.header_timeout.0,
        body_size: bounds.body_size.0,
        read_timeout: bounds.read_timeout.0,
        write_timeout: bounds.write_timeout.0,
        idle: bounds.idle.0,
        tunnel_idle: bounds.tunnel_idle.0,
        connect_timeout: bounds.connect_timeout.0,
        upstream_idle: bounds.upstream_idle.0,
        linger: bounds.linger.0,
        stop: bounds.stop.0,
    }
}

fn upgrade_socket(config: &ConfigFile, check: &mut Check<'_>) -> PathBuf {
    /// What the operating system has room for.
    const LENGTH_MAX: usize = 100;
    let path = match &config.upgrade_socket {
        Some(name) => check.folder.join(&name.0),
        None => std::env::temp_dir().join(format!("rollcast-{}.sock", config.name.0)),
    };
    let at = KeyPath::from(["upgrade-socket"]);
    if path.as_os_str().len() > LENGTH_MAX {
        check.complain(&[&at], format!("found a path of more than {LENGTH_MAX} letters, expected a shorter one"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        check.complain(&[&at], format!("found {}, expected a file in a folder that exists", path.display()));
    }
    path
}
