//! Listeners and signals: what comes in, what ends, and what takes over.

use crate::core::time::Span;
use crate::live::proxy::access::Log;
use crate::live::proxy::desk::{Course, Desk};
use crate::live::proxy::gateway::Gateway;
use crate::live::proxy::guard::{Guarded, HEAD, Head, Measure};
use crate::live::proxy::metrics::Metrics;
use crate::live::proxy::{Keeper, admin, tell};
use crate::scenario::config::Config;
use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, ServerApp};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{Fds, ListenFds, ShutdownWatch};
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use pingora_proxy::{HttpProxy, http_proxy};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Current = Arc<RwLock<Arc<Desk>>>;

/// Connections to instances that are kept for use again, for each of them.
const POOL: usize = 1_024;

/// Where clients come in.
struct Doorway {
    desk: Current,
    metrics: Arc<Metrics>,
    proxy: Arc<HttpProxy<Gateway>>,
    open: Arc<AtomicU32>,
}

/// Where people come in.
struct Office {
    desk: Current,
    token: Option<String>,
}

/// A connection that counts as long as it lives.
struct Counted(Arc<AtomicU32>, Arc<Metrics>);

impl Counted {
    fn new(open: &Arc<AtomicU32>, metrics: &Arc<Metrics>) -> (u32, Counted) {
        let before = open.fetch_add(1, Ordering::SeqCst);
        metrics.connections.inc();
        (before, Counted(Arc::clone(open), Arc::clone(metrics)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        self.1.connections.dec();
    }
}

#[async_trait]
impl ServerApp for Doorway {
    async fn process_new(self: &Arc<Self>, mut stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let (before, _counted) = Counted::new(&self.open, &self.metrics);
        let limits = current(&self.desk).config.limits;
        if before >= limits.connections {
            self.metrics.refused.with_label_values(&["connections"]).inc();
            let answer = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            // Whoever does not take the answer is closed all the same.
            let _ = stream.write_all(answer).await;
            let _ = stream.flush().await;
            return None;
        }
        let head = Head::awaited();
        let measure = Measure { bytes: limits.header_size, time: time(limits.header_timeout) };
        let metrics = Arc::clone(&self.metrics);
        let tattle = Arc::new(move |reason: &'static str| metrics.refused.with_label_values(&[reason]).inc());
        let stream: Stream = Box::new(Guarded::new(stream, Arc::clone(&head), measure, tattle));
        HEAD.scope(Arc::clone(&head), self.converse(stream, &head, limits.idle, shutdown)).await;
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

impl Doorway {
    /// One request after the other, as long as the connection is kept.
    async fn converse(&self, stream: Stream, head: &Head, idle: Span, shutdown: &ShutdownWatch) {
        // Pingora counts in seconds, and takes zero for ever.
        let idle = idle.whole_seconds().max(1);
        let mut session = ServerSession::new_http1(stream);
        session.set_keepalive((!*shutdown.borrow()).then_some(idle));
        let mut kept = self.proxy.process_new_http(session, shutdown).await;
        while let Some((stream, settings)) = kept.map(|kept| kept.consume()) {
            head.next();
            let mut session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
            // A client may ask for longer, or say nothing, which Pingora takes for ever.
            if session.get_keepalive().is_some() {
                session.set_keepalive(Some(idle));
            }
            kept = self.proxy.process_new_http(session, shutdown).await;
        }
    }
}

#[async_trait]
impl ServerApp for Office {
    async fn process_new(self: &Arc<Self>, stream: Stream, _shutdown: &ShutdownWatch) -> Option<Stream> {
        admin::converse(stream, Arc::clone(&self.desk), self.token.clone()).await;
        None
    }
}

fn current(desk: &Current) -> Arc<Desk> {
    Arc::clone(&desk.read().unwrap_or_else(PoisonError::into_inner))
}

fn time(span: Span) -> Duration {
    Duration::from_nanos(span.nanos())
}

/// Serves until a signal ends it.
///
/// # Errors
/// As [`super::run`].
pub(super) async fn serve(mut config: Config, keeper: Box<dyn Keeper>, upgrade: bool) -> io::Result<()> {
    let fds = if upgrade { take_over(&config.upgrade_socket).await? } else { Fds::new() };
    if !upgrade {
        config.listen = free(config.listen)?;
        if let Some(admin) = &mut config.admin {
            admin.listen = free(admin.listen)?;
        }
    }
    let metrics = Arc::new(Metrics::new());
    let log = Arc::new(Log::open(&config.access_log)?);
    let witness = keeper.witness(&config).map_err(io::Error::other)?;
    let desk: Current = Arc::new(RwLock::new(Desk::open(config.clone(), &metrics, witness)?));
    let mut signals = Signals::listen()?;
    let house = House::open(&config, &desk, &metrics, &log, fds);
    current(&desk).begin();
    let admin = config.admin.as_ref().map_or_else(|| "nowhere".to_owned(), |admin| admin.listen.to_string());
    tell(&format!(
        "{} listens on {}, admin on {admin}; {} instances",
        config.loaded.scenario.name,
        config.listen,
        current(&desk).members().len()
    ));
    let stopped = loop {
        match signals.next().await {
            Asked::Reload => reload(&desk, keeper.as_ref(), &metrics),
            Asked::Upgrade => {
                let socket = current(&desk).config.upgrade_socket.clone();
                if house.hand_over(socket).await {
                    break house.stop(&desk).await;
                }
            }
            Asked::Stop => break house.stop(&desk).await,
            Asked::StopAtOnce => break 0,
        }
    };
    current(&desk).over.send_replace(true);
    if stopped > 0 {
        tell(&format!("stopped; {stopped} connections were cut"));
    } else {
        tell("stopped");
    }
    Ok(())
}

/// An address that is free, with its port: Pingora would wait half a minute for another, and give up in its own way.
fn free(address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.local_addr()
}

/// The listeners of the process that runs already.
async fn take_over(socket: &Path) -> io::Result<Fds> {
    tell(&format!("waits at {} for listeners: send SIGQUIT to the process that has them", socket.display()));
    let path = socket.to_owned();
    let taken = tokio::task::spawn_blocking(move || {
        let mut fds = Fds::new();
        fds.get_from_sock(path.to_string_lossy().as_ref()).map(|()| fds)
    });
    let taken = taken.await.map_err(io::Error::other)?;
    taken.map_err(|error| io::Error::other(format!("nobody handed listeners over at {}: {error}", socket.display())))
}

/// The doors, and who waits behind them.
struct House {
    closing: watch::Sender<bool>,
    open: Arc<AtomicU32>,
    fds: ListenFds,
    doors: Vec<JoinHandle<()>>,
}

impl House {
    fn open(config: &Config, desk: &Current, metrics: &Arc<Metrics>, log: &Arc<Log>, fds: Fds) -> House {
        let (closing, closed) = watch::channel(false);
        let (open, fds) = (Arc::new(AtomicU32::new(0)), ListenFds::new(fds.into()));
        let conf = ServerConf { upstream_keepalive_pool_size: POOL, ..ServerConf::default() };
        let gateway = Gateway { desk: Arc::clone(desk), log: Arc::clone(log) };
        let doorway = Doorway {
            desk: Arc::clone(desk),
            metrics: Arc::clone(metrics),
            proxy: Arc::new(http_proxy(&Arc::new(conf), gateway)),
            open: Arc::clone(&open),
        };
        let mut doors = vec![door("proxy", doorway, config.listen, &fds, &closed)];
        if let Some(admin) = &config.admin {
            let office = Office { desk: Arc::clone(desk), token: admin.token.clone() };
            doors.push(door("admin", office, admin.listen, &fds, &closed));
        }
        House { closing, open, fds, doors }
    }

    /// Hands the listeners to the next process; says whether it took them.
    async fn hand_over(&self, socket: std::path::PathBuf) -> bool {
        let fds = Arc::clone(&self.fds);
        let sent =
            tokio::task::spawn_blocking(move || fds.lock().send_to_sock(socket.to_string_lossy().as_ref())).await;
        match sent {
            Ok(Ok(_)) => {
                tell("handed the listeners over");
                true
            }
            Ok(Err(error)) => {
                tell(&format!(
                    "cannot hand the listeners over: {error}; goes on. Start the next one with --upgrade first"
                ));
                false
            }
            Err(error) => {
                tell(&format!("cannot hand the listeners over: {error}; goes on"));
                false
            }
        }
    }

    /// Nobody new comes in; whoever is in may end. Says how many were cut.
    async fn stop(self, desk: &Current) -> u32 {
        let limit = current(desk).config.limits.stop;
        tell(&format!("stops: accepts nothing new, and ends what is under way for up to {limit}"));
        self.closing.send_replace(true);
        let ended = async {
            for door in self.doors {
                // A door that fell has been told of.
                let _ = door.await;
            }
            while self.open.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(time(limit), ended).await {
            Ok(()) => 0,
            Err(_) => self.open.load(Ordering::SeqCst),
        }
    }
}

fn door<A>(name: &str, app: A, listen: SocketAddr, fds: &ListenFds, closed: &ShutdownWatch) -> JoinHandle<()>
where
    A: ServerApp + Send + Sync + 'static,
{
    let mut service = Service::new(name.to_owned(), app);
    service.add_tcp(&listen.to_string());
    let (fds, closed) = (Arc::clone(fds), closed.clone());
    tokio::spawn(async move { service.start_service(Some(fds), closed, 1).await })
}

/// Takes a new configuration, or says why not and goes on with the old one.
fn reload(desk: &Current, keeper: &dyn Keeper, metrics: &Arc<Metrics>) {
    match reloaded(&current(desk), keeper, metrics) {
        Ok(next) => {
            let old = std::mem::replace(&mut *desk.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&next));
            old.over.send_replace(true);
            next.begin();
            metrics.reloads.with_label_values(&["taken"]).inc();
            tell(&format!("took the new configuration; {} instances", next.members().len()));
        }
        Err(reason) => {
            metrics.reloads.with_label_values(&["refused"]).inc();
            tell(&format!("goes on with the old configuration: {reason}"));
        }
    }
}

fn reloaded(old: &Desk, keeper: &dyn Keeper, metrics: &Arc<Metrics>) -> Result<Arc<Desk>, String> {
    let mut config = keeper.read_again()?;
    let serves = match old.helm().course {
        Course::UnderWay(phase) => return Err(format!("a rollout is under way ({phase}): let it end, or abort it")),
        Course::Ended(crate::core::rollout::Phase::Promoted) => {
            old.config.loaded.scenario.rollout.map(|rollout| rollout.to)
        }
        Course::Ended(_) | Course::NotBegun => None,
    };
    let scenario = &config.loaded.scenario;
    let from = &scenario.versions[scenario.running.index()].name;
    if let Some(serves) = serves.map(|version| old.version_name(version))
        && serves != from
    {
        return Err(format!("{serves} serves since the rollout, and the new configuration begins with {from}"));
    }
    let same = |one: SocketAddr, other: SocketAddr| {
        one.ip() == other.ip() && (other.port() == 0 || one.port() == other.port())
    };
    let admin = (old.config.admin.as_ref(), config.admin.as_ref());
    let admin_same = match admin {
        (Some(old), Some(new)) => same(old.listen, new.listen) && old.token == new.token,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !same(old.config.listen, config.listen) || !admin_same || old.config.access_log != config.access_log {
        return Err("listen, admin and access-log stay as they are: start another process for those".to_owned());
    }
    config.listen = old.config.listen;
    config.admin.clone_from(&old.config.admin);
    if let Some(share) = config.by_hand.filter(|_| old.config.by_hand.is_some()) {
        let set = old.helm().share;
        // A weight that somebody set stays, unless the file has another one than before.
        config.by_hand = Some(if old.config.by_hand == Some(share) { set } else { share });
    }
    let witness = keeper.witness(&config)?;
    Desk::open(config, metrics, witness).map_err(|error| error.to_string())
}

enum Asked {
    Reload,
    Upgrade,
    Stop,
    StopAtOnce,
}

struct Signals {
    hangup: Signal,
    quit: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.quit.recv() => Asked::Upgrade,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::StopAtOnce,
        }
    }
}
