//! A program that runs, and how it is told of changes.

use super::{Endpoint, Endpoints, GENERATION, Program};
use crate::core::amount::Share;
use crate::core::ids::InstanceId;
use crate::core::time::{Moment, Span};
use crate::live::clock::Clock;
use crate::live::news::{News, learn_listing};
use crate::live::site::Site;
use crate::scenario::plan::Scenario;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// For a program to accept its first connection, or another configuration.
const START: Duration = Duration::from_secs(10);
/// Configurations that it is told to read at the start, to see how long that takes.
const TRIALS: usize = 5;

/// A program that runs.
pub(in crate::live) struct Outside {
    program: Program,
    /// The last is the one that serves.
    children: Vec<Child>,
    folder: TempDir,
    generation: u32,
    /// What it takes until it goes by another configuration.
    pub reload: Span,
    pub address: SocketAddr,
}

impl Outside {
    /// Starts the program with the instances of the start.
    ///
    /// # Errors
    /// A program that is not there, or does not accept its configuration.
    pub async fn start(
        program: Program,
        scenario: &Scenario,
        split: bool,
        instances: &[SocketAddr],
    ) -> io::Result<Outside> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let share = split.then_some(Share::NONE);
        let weight = scenario.proxies.policy.weights.get(scenario.running.index()).copied().unwrap_or(1);
        let endpoint = |(instance, &address)| Endpoint { instance, address, weight };
        let old = (0..).map(InstanceId).zip(instances).map(endpoint).collect();
        let mut endpoints = Endpoints { listen: address, old, new: Vec::new(), share, generation: 0 };
        std::fs::write(folder.path().join("configuration"), program.configuration(scenario, &endpoints, &folder))?;
        let children = vec![program.command(&folder)?.spawn()?];
        let mut outside = Outside { program, children, folder, generation: 0, reload: Span::ZERO, address };
        outside.goes_by(0).await?;
        let clock = Clock::start()?;
        let mut took = [Span::ZERO; TRIALS];
        for span in &mut took {
            let began = clock.now();
            outside.tell(scenario, &mut endpoints).await?;
            *span = clock.now().since(began);
        }
        took.sort_unstable();
        outside.reload = took[TRIALS / 2];
        Ok(outside)
    }

    /// Waits until it goes by that configuration.
    async fn goes_by(&self, generation: u32) -> io::Result<()> {
        let there = async {
            while said_generation(self.address).await.ok() != Some(generation) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(START, there).await.map_err(|_| {
            io::Error::other(format!("{} does not take its configuration: {}", self.program.name(), self.errors()))
        })
    }

    /// Gives it another configuration, and waits until it goes by that.
    async fn tell(&mut self, scenario: &Scenario, endpoints: &mut Endpoints) -> io::Result<()> {
        self.generation += 1;
        endpoints.generation = self.generation;
        let text = self.program.configuration(scenario, endpoints, &self.folder);
        let (next, file) = (self.folder.path().join("next"), self.folder.path().join("configuration"));
        std::fs::write(&next, text)?;
        std::fs::rename(&next, &file)?;
        self.reload()?;
        self.goes_by(self.generation).await
    }

    /// nginx reads its configuration again; of HAProxy another process takes the place of the last. Its master could do that
    /// too, but does not hear signals that come close upon each other.
    fn reload(&mut self) -> io::Result<()> {
        let last = self.children.last().expect("it was started").id().to_string();
        match self.program {
            Program::Nginx => signal("HUP", &last),
            Program::Haproxy => {
                let next = self.program.command(&self.folder)?.arg("-sf").arg(last).spawn()?;
                self.children.push(next);
                Ok(())
            }
        }
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    /// Tells it of its endpoints.
    async fn refresh(&mut self, site: &Site, proxy: usize, share: Share) -> io::Result<()> {
        let split = site.split.map(|(new, _)| new);
        let (old, new, share) = (Vec::new(), Vec::new(), split.map(|_| share));
        let mut endpoints = Endpoints { listen: self.address, old, new, share, generation: 0 };
        let servers: Vec<_> = (0..).map(InstanceId).zip(site.books().addresses()).collect();
        for (instance, (version, address)) in servers {
            if !site.ask(proxy, |front, _| front.proxy().lists(instance)) {
                continue;
            }
            let weight = site.scenario.proxies.policy.weights.get(version.index()).copied().unwrap_or(1);
            let side = if split == Some(version) { &mut endpoints.new } else { &mut endpoints.old };
            side.push(Endpoint { instance, address, weight });
        }
        self.tell(&site.scenario, &mut endpoints).await
    }
}

fn signal(name: &str, process: &str) -> io::Result<()> {
    Command::new("kill").arg(format!("-{name}")).arg(process).status().map(drop)
}

impl Drop for Outside {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that ended by itself needs no signal.
            if matches!(child.try_wait(), Ok(None)) {
                let _ = signal("TERM", &child.id().to_string());
            }
            let _ = child.wait();
        }
    }
}

/// Which configuration answers at `address`.
async fn said_generation(address: SocketAddr) -> io::Result<u32> {
    let mut stream = TcpStream::connect(address).await?;
    let question = format!("GET {GENERATION} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.rsplit("\r\n").next().unwrap_or_default();
    body.trim().parse().map_err(io::Error::other)
}

/// Lets a program learn what it is sent, each at its moment; changes that come together are told together.
pub(in crate::live) async fn learn(
    site: Arc<Site>,
    proxy: usize,
    mut outside: Outside,
    mut inbox: mpsc::UnboundedReceiver<(Moment, News)>,
) {
    let (mut share, reload) = (Share::NONE, outside.reload.nanos());
    let begin = |at: Moment| Moment::from_nanos(at.nanos().saturating_sub(reload));
    while let Some(first) = inbox.recv().await {
        let mut next = Some(first);
        while let Some((at, news)) = next {
            site.clock.until(begin(at)).await;
            match news {
                News::Listing(instance, listed) => learn_listing(&site, proxy, instance, listed, false),
                News::Weight(weight) => share = weight,
            }
            next = inbox.try_recv().ok();
            let together = next.as_ref().is_some_and(|(later, _)| begin(*later) <= site.clock.now());
            if !together && let Err(error) = outside.refresh(&site, proxy, share).await {
                eprintln!("rollcast: {} learns nothing any more: {error}", outside.program.name());
                return;
            }
        }
    }
}
