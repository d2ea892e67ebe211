//! A real proxy in the place of ours: nginx or HAProxy as it is installed, configured from the scenario.
//!
//! What changes in the endpoints or the weight is written into its configuration, and it is told to read that again. Which
//! instance answered, and how, the instances themselves note: nobody asks the program.

mod haproxy;
mod nginx;

use crate::core::amount::Share;
use crate::core::ids::InstanceId;
use crate::core::rollout::Strategy;
use crate::core::time::{Moment, Span};
use crate::live::news::{News, learn_listing};
use crate::live::site::Site;
use crate::scenario::plan::Scenario;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// For a program to accept its first connection.
const START: Duration = Duration::from_secs(10);

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
}

/// One instance as a program sees it.
struct Endpoint {
    instance: InstanceId,
    address: SocketAddr,
    weight: u32,
}

/// A program that runs.
pub(super) struct Outside {
    program: Program,
    child: Child,
    folder: TempDir,
    pub address: SocketAddr,
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

    fn command(self, path: PathBuf, folder: &TempDir) -> Command {
        let mut command = Command::new(path);
        let file = folder.path().join("configuration");
        match self {
            Program::Nginx => command.arg("-p").arg(folder.path()).arg("-c").arg(file),
            Program::Haproxy => command.arg("-W").arg("-db").arg("-f").arg(file),
        };
        let errors = std::fs::File::create(folder.path().join("errors")).map_or_else(|_| Stdio::null(), Stdio::from);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        command
    }

    /// What makes it read its configuration again.
    const fn reload(self) -> &'static str {
        match self {
            Program::Nginx => "HUP",
            Program::Haproxy => "USR2",
        }
    }
}

impl Outside {
    /// Starts the program, without any instance at first.
    ///
    /// # Errors
    /// A program that is not there, or does not accept its configuration.
    pub async fn start(program: Program, scenario: &Scenario, split: bool) -> io::Result<Outside> {
        let path = program.path().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not installed"))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let share = split.then_some(Share::NONE);
        let endpoints = Endpoints { listen: address, old: Vec::new(), new: Vec::new(), share };
        std::fs::write(folder.path().join("configuration"), program.configuration(scenario, &endpoints, &folder))?;
        let child = program.command(path, &folder).spawn()?;
        let outside = Outside { program, child, folder, address };
        let accepts = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(START, accepts).await {
            Ok(()) => Ok(outside),
            Err(_) => Err(io::Error::other(format!("{} does not start: {}", program.name(), outside.errors()))),
        }
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    /// Tells it of its endpoints.
    fn refresh(&self, site: &Site, proxy: usize, share: Share) -> io::Result<()> {
        let split = site.split.map(|(new, _)| new);
        let mut endpoints =
            Endpoints { listen: self.address, old: Vec::new(), new: Vec::new(), share: split.map(|_| share) };
        let servers: Vec<_> = (0..).map(InstanceId).zip(site.books().addresses()).collect();
        for (instance, (version, address)) in servers {
            if !site.ask(proxy, |front, _| front.proxy().lists(instance)) {
                continue;
            }
            let weight = site.scenario.proxies.policy.weights.get(version.index()).copied().unwrap_or(1);
            let side = if split == Some(version) { &mut endpoints.new } else { &mut endpoints.old };
            side.push(Endpoint { instance, address, weight });
        }
        let text = self.program.configuration(&site.scenario, &endpoints, &self.folder);
        let (next, file) = (self.folder.path().join("next"), self.folder.path().join("configuration"));
        std::fs::write(&next, text)?;
        std::fs::rename(&next, &file)?;
        self.signal(self.program.reload())
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().map(drop)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // A program that ended by itself needs no signal.
        let _ = self.signal("TERM");
        let _ = self.child.wait();
    }
}

/// Lets a program learn what it is sent, each at its moment; changes that come together are told together.
pub(super) async fn learn(
    site: Arc<Site>,
    proxy: usize,
    outside: Outside,
    mut inbox: mpsc::UnboundedReceiver<(Moment, News)>,
) {
    let mut share = Share::NONE;
    // What was listed before the start.
    let mut told = outside.refresh(&site, proxy, share);
    while told.is_ok() {
        let Some(mut next) = inbox.recv().await else { return };
        loop {
            site.clock.until(next.0).await;
            match next.1 {
                News::Listing(instance, listed) => learn_listing(&site, proxy, instance, listed, false),
                News::Weight(weight) => share = weight,
            }
            match inbox.try_recv() {
                Ok(more) if more.0 <= site.clock.now() => next = more,
                Ok(more) => {
                    told = outside.refresh(&site, proxy, share);
                    next = more;
                }
                Err(_) => break,
            }
        }
        told = told.and_then(|()| outside.refresh(&site, proxy, share));
    }
}

/// In whole milliseconds, at least one.
fn millis(span: Span) -> u64 {
    span.nanos().div_ceil(1_000_000).max(1)
}
