//! One strategy from start to end, in wall-clock time.

use crate::core::ids::InstanceId;
use crate::core::journal::{Front, Pilot, Witness};
use crate::core::rollout::Strategy;
use crate::core::time::{Moment, Span};
use crate::live::books::{Books, Server};
use crate::live::clock::Clock;
use crate::live::gateway::Gateway;
use crate::live::helm::{Helm, follow_the_plan, keep_time, long_ready, scrape};
use crate::live::news::{learn, learn_listing, wake};
use crate::live::outside::{self, Outside, Program};
use crate::live::site::{Door, Site};
use crate::live::{load, upstream};
use crate::measure::meter::Meter;
use crate::scenario::behaviour::Behaviour;
use crate::scenario::caller::Callers;
use crate::scenario::law::Sampler;
use crate::scenario::origin;
use crate::scenario::plan::Scenario;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, mpsc, watch};

/// How long what is left of a run may take to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What came of a run.
#[derive(Debug)]
pub struct Measured {
    /// All that was counted.
    pub meter: Meter,
    /// How late the latest request was sent: what the load generator could not keep up with.
    pub latest: Span,
    /// By instance: attempts that it took since the end of the warm-up.
    pub taken: Vec<u64>,
    /// What another program in the place of our proxies takes until it goes by another configuration; the longest.
    pub reload: Span,
}

/// Runs `scenario` under `strategy`, which [`refusals()`](super::refusals()) has nothing against; `None` stays with the
/// running version. `witness` is told of every question to the core.
///
/// # Errors
/// Where the machine has no more ports, threads or memory.
pub fn run(scenario: &Scenario, strategy: Option<&Strategy>, witness: Option<Witness>) -> io::Result<Measured> {
    start(scenario, strategy, witness, None)
}

/// The same with `program` in the place of our proxies; [`Program::refusals()`] has nothing against `scenario` either.
///
/// # Errors
/// As [`run`]; a program that is not installed, or does not start.
pub fn run_against(program: Program, scenario: &Scenario, strategy: Option<&Strategy>) -> io::Result<Measured> {
    start(scenario, strategy, None, Some(program))
}

fn start(
    scenario: &Scenario,
    strategy: Option<&Strategy>,
    witness: Option<Witness>,
    program: Option<Program>,
) -> io::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(play(scenario, strategy, witness, program));
    runtime.shutdown_timeout(FAREWELL);
    measured
}

async fn play(
    scenario: &Scenario,
    strategy: Option<&Strategy>,
    witness: Option<Witness>,
    program: Option<Program>,
) -> io::Result<Measured> {
    let mut listeners = Vec::new();
    for _ in 0..scenario.proxies.count {
        listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    }
    let sockets = (0..scenario.fleet.size).map(|_| upstream::reserve()).collect::<io::Result<Vec<TcpSocket>>>()?;
    let addresses = sockets.iter().map(TcpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
    let split = origin(scenario, strategy).split;
    let mut others = Vec::new();
    for _ in program.iter().flat_map(|_| 0..scenario.proxies.count) {
        others.push(Outside::start(program.expect("it is one of them"), scenario, split.is_some(), &addresses).await?);
    }
    let reload = others.iter().map(|outside: &Outside| outside.reload).max().unwrap_or(Span::ZERO);
    let (mut doors, inboxes) = doors(scenario, strategy, &witness, &listeners)?;
    for (door, outside) in doors.iter_mut().zip(&others) {
        door.address = outside.address;
    }
    let (inputs, inbox) = mpsc::unbounded_channel();
    let to = scenario.rollout.filter(|_| strategy.is_some()).map(|rollout| rollout.to);
    let mut servers = Vec::new();
    for socket in &sockets {
        servers.push(Server::new(scenario.running, socket.local_addr()?));
    }
    let meter = Meter::new(to, scenario.traffic.users, scenario.fleet.slots).with_limits(scenario.slo.limits());
    let site = Arc::new(Site {
        clock: Clock::start()?,
        scenario: scenario.clone(),
        behaviours: scenario.versions.iter().map(Behaviour::new).collect(),
        boot: Sampler::new(&scenario.fleet.boot),
        doors,
        books: Mutex::new(Books { meter, servers, trips: BTreeMap::new(), measuring: scenario.warm_up.is_zero() }),
        callers: Callers::new(scenario),
        patience: scenario.traffic.timeout.into_iter().chain(scenario.proxies.timeout).min(),
        slow_above: strategy.and_then(Strategy::slow_above),
        split,
        outside: program.is_some(),
        inputs,
        latest_ns: AtomicU64::new(0),
    });
    for (instance, socket) in (0..).map(InstanceId).zip(sockets) {
        upstream::open(&site, instance, socket)?;
        long_ready(&site, instance);
        for proxy in 0..site.doors.len() {
            learn_listing(&site, proxy, instance, true, true);
        }
    }
    let mut others = others.into_iter();
    for (proxy, (listener, inbox)) in listeners.into_iter().zip(inboxes).enumerate() {
        if let Some(outside) = others.next() {
            tokio::spawn(outside::learn(Arc::clone(&site), proxy, outside, inbox));
            continue;
        }
        open_proxy(&site, proxy, listener);
        tokio::spawn(learn(Arc::clone(&site), proxy, inbox));
        if scenario.proxies.policy.breaker.is_some() || scenario.proxies.policy.ejection.is_some() {
            tokio::spawn(wake(Arc::clone(&site), proxy));
        }
    }
    let pilot = Pilot::new(origin(scenario, strategy).setup, strategy.cloned(), witness);
    let helm = Helm::new(&site, pilot).steer(inbox);
    tokio::spawn(keep_time(Arc::clone(&site)));
    if scenario.rollout.is_some() {
        tokio::spawn(scrape(Arc::clone(&site)));
    }
    tokio::spawn(follow_the_plan(Arc::clone(&site)));
    tokio::spawn(upstream::strike(Arc::clone(&site)));
    tokio::spawn(load::send_all(Arc::clone(&site)));
    tokio::select! {
        steered = helm => steered?,
        () = site.clock.until(Moment::START + scenario.horizon) => {}
    }
    // A copy: requests under way go on until the runtime ends, and their news reach the books.
    let (meter, taken) = site.note(|books, now| {
        books.meter.tick(now);
        books.meter.finish();
        (books.meter.clone(), books.servers.iter().map(|server| server.taken).collect())
    });
    Ok(Measured { meter, latest: Span::from_nanos(site.latest_ns.load(Ordering::Relaxed)), taken, reload })
}

type Inbox = mpsc::UnboundedReceiver<(Moment, crate::live::news::News)>;

/// The proxies' cores, from the start of time on.
fn doors(
    scenario: &Scenario,
    strategy: Option<&Strategy>,
    witness: &Option<Witness>,
    listeners: &[TcpListener],
) -> io::Result<(Vec<Door>, Vec<Inbox>)> {
    let origin = origin(scenario, strategy);
    let mut doors = Vec::new();
    let mut inboxes = Vec::new();
    for (number, listener) in (0..).zip(listeners) {
        let front =
            Front::new(Moment::START, origin.policy.clone(), origin.split, origin.seed, number, witness.clone());
        let (news, inbox) = mpsc::unbounded_channel();
        let address = listener.local_addr()?;
        doors.push(Door { address, front: Mutex::new(front), changed: Notify::new(), news });
        inboxes.push(inbox);
    }
    Ok((doors, inboxes))
}

/// Opens a proxy for business.
fn open_proxy(site: &Arc<Site>, number: usize, listener: TcpListener) {
    let gateway = Gateway { site: Arc::clone(site), number };
    let proxy = Arc::new(http_proxy(&Arc::new(ServerConf::default()), gateway));
    tokio::spawn(accept(proxy, listener));
}

async fn accept(proxy: Arc<HttpProxy<Gateway>>, listener: TcpListener) {
    // Nobody ever says over this channel that the proxy is to stop: it ends with the run.
    let (_stays, shutdown) = watch::channel(false);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Where it cannot be set, answers are only slower.
        let _ = stream.set_nodelay(true);
        let (proxy, shutdown) = (Arc::clone(&proxy), shutdown.clone());
        tokio::spawn(async move { proxy.process_new(Box::new(Stream::from(stream)), &shutdown).await });
    }
}
