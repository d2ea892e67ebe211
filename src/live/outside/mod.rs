//! A real proxy in the place of ours: nginx or HAProxy as it is installed, configured from the scenario.
//!
//! What changes in the endpoints or the weight is written into its configuration, and it is told to read that again. That
//! takes a while, which is measured at the start: a change is told so much before its moment, if there is time. Which
//! instance answered, and how, the instances themselves note: nobody asks the program.

mod haproxy;
mod nginx;
mod running;

pub(super) use running::{Outside, learn};

use crate::core::amount::Share;
use crate::core::ids::InstanceId;
use crate::core::proxy::Rule;
use crate::core::rollout::Strategy;
use crate::core::time::Span;
use crate::scenario::plan::Scenario;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where it says which configuration it goes by.
const GENERATION: &str = "/rollcast-generation";

/// A program that can stand in for our proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// nginx, open source.
    Nginx,
    /// HAProxy.
    Haproxy,
}

/// What a program is told of the endpoints.
struct Endpoints {
    listen: SocketAddr,
    /// Those of the old version, or of all where there is no split.
    old: Vec<Endpoint>,
    new: Vec<Endpoint>,
    /// What the new version gets; `None`: requests are not split.
    share: Option<Share>,
    /// Counts the configurations.
    generation: u32,
}

/// One instance as a program sees it.
struct Endpoint {
    instance: InstanceId,
    address: SocketAddr,
    weight: u32,
}

impl Program {
    /// As its command is called.
    pub const fn name(self) -> &'static str {
        match self {
            Program::Nginx => "nginx",
            Program::Haproxy => "haproxy",
        }
    }

    /// Where it is installed.
    pub fn path(self) -> Option<PathBuf> {
        let named = std::env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let mut folders = std::env::split_paths(&named).chain(system);
        folders.find_map(|folder| Some(folder.join(self.name())).filter(|path| path.is_file()))
    }

    /// Its own rule of the same kind, where the scenario names that of another system; `None`: it keeps what it has.
    pub fn own_rule(self, rule: &Rule) -> Option<(Rule, &'static str)> {
        let kinds = match self {
            Program::Nginx => [Rule::NginxRoundRobin, Rule::NginxLeastConnections, Rule::NginxRandom],
            Program::Haproxy => {
                [Rule::HaproxyRoundRobin(None), Rule::HaproxyLeastConnections(None), Rule::HaproxyRandom(1)]
            }
        };
        let [in_turn, least, random] = kinds;
        let (own, name) = match rule {
            Rule::RoundRobin | Rule::NginxRoundRobin | Rule::HaproxyRoundRobin(None) => (in_turn, "round robin"),
            Rule::NginxLeastConnections | Rule::HaproxyLeastConnections(None) => (least, "least connections"),
            Rule::Random | Rule::NginxRandom => (random, "random"),
            _ => return None,
        };
        (own != *rule).then_some((own, name))
    }

    /// Everything in `scenario` that cannot be said in the program's configuration, each by its name in the file.
    pub fn refusals(self, scenario: &Scenario) -> Vec<String> {
        let policy = &scenario.proxies.policy;
        let leveled = scenario.versions.iter().any(|version| version.priority > 0);
        let both = [
            (!scenario.network.delay.is_zero(), "network.delay"),
            (scenario.proxies.timeout.is_some(), "proxies.timeout"),
            (policy.breaker.is_some(), "proxies.breaker"),
            (policy.ejection.is_some(), "proxies.ejection"),
            (policy.sticky.is_some(), "proxies.stickiness"),
            (policy.limits.requests < u32::MAX, "proxies.limits.requests"),
            (policy.limits.queue > 0 && policy.limits.per_instance < u32::MAX, "proxies.limits.queue"),
            (policy.all_out != crate::core::proxy::AllOut::Refuse, "proxies.when-unhealthy other than refuse"),
            (scenario.fleet.backups > Share::NONE || leveled, "backups and priorities"),
            (policy.retries.budget != crate::core::proxy::Budget::Unlimited, "traffic.retries.budget"),
            (!scenario.reloads.is_empty(), "reloads of proxies"),
        ];
        let split =
            |strategy: &Strategy| strategy.split().is_none_or(|split| split == crate::core::rollout::Split::Random);
        let splits = scenario.strategies.iter().filter(|named| !split(&named.strategy));
        let splits = splits.map(|named| format!("strategies.{}: a split other than random", named.name));
        let own = match self {
            Program::Nginx => nginx::refusals(policy),
            Program::Haproxy => haproxy::refusals(policy),
        };
        let both = both.iter().filter(|(has, _)| *has).map(|(_, name)| (*name).to_owned());
        both.chain(own).chain(splits).collect()
    }

    fn configuration(self, scenario: &Scenario, endpoints: &Endpoints, folder: &TempDir) -> String {
        match self {
            Program::Nginx => nginx::configuration(scenario, endpoints, folder.path()),
            Program::Haproxy => haproxy::configuration(scenario, endpoints),
        }
    }

    fn command(self, folder: &TempDir) -> io::Result<Command> {
        let path = self.path().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not installed"))?;
        let mut command = Command::new(path);
        let file = folder.path().join("configuration");
        match self {
            Program::Nginx => command.arg("-p").arg(folder.path()).arg("-c").arg(file),
            Program::Haproxy => command.arg("-db").arg("-f").arg(file),
        };
        let errors = std::fs::File::options().create(true).append(true).open(folder.path().join("errors"));
        let errors = errors.map_or_else(|_| Stdio::null(), Stdio::from);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        Ok(command)
    }
}

/// In whole milliseconds, at least one.
fn millis(span: Span) -> u64 {
    span.nanos().div_ceil(1_000_000).max(1)
}
