//! Where clients and people come in: how connections are accepted, kept, limited, handed over and ended.

use crate::core::time::Span;
use crate::live::proxy::access::Log;
use crate::live::proxy::gateway::Gateway;
use crate::live::proxy::guard::{Guarded, HEAD, Head, Measure};
use crate::live::proxy::metrics::Metrics;
use crate::live::proxy::serve::{Current, current};
use crate::live::proxy::{admin, tell};
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
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

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

/// The doors, and who waits behind them.
pub(super) struct House {
    proxy: Arc<HttpProxy<Gateway>>,
    closing: watch::Sender<bool>,
    open: Arc<AtomicU32>,
    fds: ListenFds,
    doors: Vec<JoinHandle<()>>,
}

impl House {
    pub fn open(config: &Config, desk: &Current, metrics: &Arc<Metrics>, log: &Arc<Log>, fds: Fds) -> House {
        let (closing, closed) = watch::channel(false);
        let (open, fds) = (Arc::new(AtomicU32::new(0)), ListenFds::new(fds.into()));
        let conf = ServerConf { upstream_keepalive_pool_size: POOL, ..ServerConf::default() };
        let gateway = Gateway { desk: Arc::clone(desk), log: Arc::clone(log) };
        let proxy = Arc::new(http_proxy(&Arc::new(conf), gateway));
        let doorway = Doorway {
            desk: Arc::clone(desk),
            metrics: Arc::clone(metrics),
            proxy: Arc::clone(&proxy),
            open: Arc::clone(&open),
        };
        let mut doors = vec![door("proxy", doorway, config.listen, &fds, &closed)];
        if let Some(admin) = &config.admin {
            let office = Office { desk: Arc::clone(desk), token: admin.token.clone() };
            doors.push(door("admin", office, admin.listen, &fds, &closed));
        }
        House { proxy, closing, open, fds, doors }
    }

    /// Hands the listeners to the next process; says whether it took them.
    pub async fn hand_over(&self, socket: std::path::PathBuf) -> bool {
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
    ///
    /// A connection without a request is not closed at once, since its next request may be on its way: what comes is
    /// answered, and told that the connection closes.
    pub async fn stop(self, desk: &Current) -> u32 {
        let limits = current(desk).config.limits;
        tell(&format!("stops: accepts nothing new, and ends what is under way for up to {}", limits.stop));
        self.closing.send_replace(true);
        let ended = async {
            for door in self.doors {
                // A door that fell has been told of.
                let _ = door.await;
            }
            let _ = tokio::time::timeout(time(limits.linger), empty(&self.open)).await;
            self.proxy.http_cleanup().await;
            empty(&self.open).await;
        };
        match tokio::time::timeout(time(limits.stop), ended).await {
            Ok(()) => 0,
            Err(_) => self.open.load(Ordering::SeqCst),
        }
    }
}

/// Waits until nobody is in any more.
async fn empty(open: &AtomicU32) {
    while open.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
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

fn time(span: Span) -> Duration {
    Duration::from_nanos(span.nanos())
}
