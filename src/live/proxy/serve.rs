//! The life of a process: it listens, minds its signals, and ends.

use crate::live::proxy::access::Log;
use crate::live::proxy::desk::Desk;
use crate::live::proxy::doors::House;
use crate::live::proxy::metrics::Metrics;
use crate::live::proxy::reload::reload;
use crate::live::proxy::{Keeper, tell};
use crate::scenario::config::Config;
use pingora_core::server::Fds;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The desk that new requests come to.
pub(super) type Current = Arc<RwLock<Arc<Desk>>>;

pub(super) fn current(desk: &Current) -> Arc<Desk> {
    Arc::clone(&desk.read().unwrap_or_else(PoisonError::into_inner))
}

/// Serves until a signal ends it.
///
/// # Errors
/// As [`super::run`].
pub(super) async fn serve(mut config: Config, keeper: Box<dyn Keeper>, upgrade: bool) -> io::Result<()> {
    let mut fds = if upgrade { take_over(&config.upgrade_socket).await? } else { Fds::new() };
    if !upgrade {
        config.listen = listen(config.listen, &mut fds)?;
        if let Some(admin) = &mut config.admin {
            admin.listen = listen(admin.listen, &mut fds)?;
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
    let lost = log.close();
    if lost > 0 {
        tell(&format!("{lost} lines of the access log were lost: it could not be written as fast"));
    }
    if stopped > 0 {
        tell(&format!("stopped; {stopped} connections were cut"));
    } else {
        tell("stopped");
    }
    Ok(())
}

/// Listens there, and leaves the listener to the doors as if another process had handed it over: who connects from now on
/// waits for a door to open, and nobody else can take the port meanwhile.
fn listen(address: SocketAddr, fds: &mut Fds) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    fds.add(address.to_string(), listener.into_raw_fd());
    Ok(address)
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
