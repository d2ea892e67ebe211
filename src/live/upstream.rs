//! An instance as a real HTTP server: so many slots, a queue behind them, and the scenario's law of service times.

use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::Ending;
use crate::core::rollout::Input;
use crate::core::time::{Moment, Span};
use crate::live::books::{Phase, Place, Served};
use crate::live::gateway::USER;
use crate::live::site::Site;
use crate::scenario::behaviour::{Circumstances, slowdown};
use crate::scenario::plan::Fault;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The request's number, by which its luck is drawn.
pub(super) const NUMBER: &str = "x-rollcast-number";
/// What a law per size multiplies.
pub(super) const SIZE: &str = "x-rollcast-size";
/// How many attempts of the request were made before.
pub(super) const ATTEMPT: &str = "x-rollcast-attempt";
/// Where health checks ask.
pub(super) const HEALTH: &str = "/health";

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A socket with an address of its own, at which nobody listens yet: a connection is refused.
pub(super) fn reserve() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Set before, two of these could get the same port; not set at all, nobody could have it a second time.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Begins to accept, unless it was told to stop meanwhile; says whether it does.
pub(super) fn open(site: &Arc<Site>, instance: InstanceId, socket: TcpSocket) -> io::Result<bool> {
    let listener = socket.listen(BACKLOG)?;
    let goes_on = site.note(|books, _| {
        let server = books.server(instance);
        if !server.stopping {
            server.phase.send_replace(Phase::Up);
        }
        !server.stopping
    });
    if goes_on {
        tokio::spawn(accept(Arc::clone(site), instance, listener));
    }
    Ok(goes_on)
}

/// Accepts until the instance finishes. Then the listener is closed, and connections are refused again.
async fn accept(site: Arc<Site>, instance: InstanceId, listener: TcpListener) {
    let mut phase = site.books().server(instance).phase.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Up) => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(converse(Arc::clone(&site), instance, stream));
                }
            }
        }
    }
}

/// One connection, with one request on it; it is cut when the instance is.
async fn converse(site: Arc<Site>, instance: InstanceId, stream: TcpStream) {
    let mut phase = site.books().server(instance).phase.subscribe();
    // Where it cannot be set, answers are only slower.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request: Request<Incoming>| answer(Arc::clone(&site), instance, request));
    let conversation = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer);
    let cut = async {
        let end = phase.wait_for(|phase| matches!(phase, Phase::Gone | Phase::Dead)).await.map(|phase| *phase);
        if end.is_ok_and(|phase| phase == Phase::Gone) {
            // The last answer of an instance that ends in order may still be on its way out.
            site.clock.pause(Span::from_millis(20)).await;
        }
    };
    tokio::select! {
        biased;
        // Whatever breaks a connection breaks it for the other side too.
        _ = conversation => {}
        () = cut => {}
    }
}

/// An answer, or an error that makes the connection break.
async fn answer(
    site: Arc<Site>,
    instance: InstanceId,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    if request.uri().path() == HEALTH {
        return Ok(plain(StatusCode::OK));
    }
    let number = header(request.headers(), NUMBER).unwrap_or(0);
    let size = header(request.headers(), SIZE).unwrap_or(1.0);
    let began = site.clock.now();
    let before = match header(request.headers(), ATTEMPT) {
        Some(before) => before,
        None if site.outside => site.note(|books, now| books.seen(now, instance, number)),
        None => 0,
    };
    let place = site.note(|books, now| books.come(now, instance, &site.scenario.fleet));
    if matches!(place, Place::None) {
        tell(&site, instance, number, began, Ending::Refused);
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE));
    }
    // A task of its own: when the client leaves, the instance does not notice and works on.
    let user = UserId(header(request.headers(), USER).unwrap_or(0));
    let work = tokio::spawn(work(Arc::clone(&site), instance, place, user, (number, before, size)));
    let done = work.await.map_err(io::Error::other)?;
    let ending = match done {
        Ok(StatusCode::OK) => Ending::Served,
        Ok(_) => Ending::Error,
        Err(_) => Ending::Reset,
    };
    tell(&site, instance, number, began, ending);
    done.map(plain)
}

/// Notes how an attempt ended, where its proxy tells nobody.
fn tell(site: &Site, instance: InstanceId, number: u64, began: Moment, ending: Ending) {
    if site.outside {
        let slow = site.slow_above.is_some_and(|above| site.clock.now().since(began) > above);
        site.books().told(instance, number, ending, slow);
    }
}

async fn work(
    site: Arc<Site>,
    instance: InstanceId,
    place: Place,
    user: UserId,
    (number, before, size): (u64, u8, f64),
) -> io::Result<StatusCode> {
    let life = match place {
        Place::Slot(life) => life,
        Place::Queue(called, life) => {
            called.await.map_err(io::Error::other)?;
            life
        }
        Place::None => unreachable!("nobody works on what was not taken"),
    };
    let (version, ready_at, busy) = {
        let mut books = site.books();
        let server = books.server(instance);
        (server.version.index(), server.ready_at, server.busy)
    };
    let began = site.clock.now();
    let age = began.since(ready_at);
    let behaviour = &site.behaviours[version];
    let luck = site.luck(number, before, version, size);
    let errs = behaviour.errs(luck.fate, Circumstances { user, age, busy, slots: site.scenario.fleet.slots });
    let lasts = match behaviour.error_latency() {
        Some(latency) if errs => latency,
        Some(_) | None if ready_at == Moment::START => Span::from_nanos(luck.work_ns),
        Some(_) | None => Span::from_nanos(luck.work_ns).scaled(slowdown(&site.scenario.fleet.warm_up, age)),
    };
    site.clock.until(began + lasts).await;
    match site.note(|books, now| books.served(now, instance, life)) {
        Served::Cut => return Err(io::ErrorKind::ConnectionAborted.into()),
        Served::Last => end(&site, instance),
        Served::Well => {}
    }
    Ok(if errs { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK })
}

/// Boots: after the time that takes, the instance accepts; it counts as available after as long as the fleet says.
pub(super) async fn boot(site: Arc<Site>, instance: InstanceId, socket: TcpSocket) {
    let life = site.books().server(instance).life;
    let mut stream = site.scenario.seed.stream("boot", u64::from(instance.0) << 32 | u64::from(life));
    // In virtual time the first draw decides whether it ever starts.
    rand::Rng::next_u64(&mut stream);
    site.clock.pause(Span::from_nanos(site.boot.draw(&mut stream))).await;
    if !open(&site, instance, socket).unwrap_or(false) {
        return;
    }
    let min_ready = site.scenario.fleet.min_ready;
    let goes_on = site.note(|books, now| {
        let server = books.server(instance);
        let goes_on = !server.stopping && server.life == life;
        if goes_on {
            books.ready(now, instance);
        }
        if goes_on && min_ready.is_zero() {
            books.become_available(now, instance);
        }
        goes_on
    });
    if !goes_on {
        return;
    }
    site.tell(Input::Ready(instance));
    if !min_ready.is_zero() {
        site.clock.pause(min_ready).await;
        site.note(|books, now| {
            let server = books.server(instance);
            if !server.stopping && server.life == life {
                books.become_available(now, instance);
            }
        });
    }
}

/// Ends gracefully: accepts for a while, then finishes what it has, until the grace period is over.
pub(super) async fn drain(site: Arc<Site>, instance: InstanceId) {
    let began = site.clock.now();
    if !site.note(|books, now| books.drain(now, instance)) {
        end(&site, instance);
        return;
    }
    let shutdown = site.scenario.fleet.shutdown;
    site.clock.until(began + shutdown.delay).await;
    if site.books().stop_accepting(instance) {
        end(&site, instance);
        return;
    }
    site.clock.until(began + shutdown.drain).await;
    end(&site, instance);
}

/// The scenario's faults, each at its moment.
pub(super) async fn strike(site: Arc<Site>) {
    for fault in site.scenario.faults.clone() {
        site.clock.until(fault.at).await;
        let victims = site.books().oldest();
        for instance in victims.into_iter().take(fault.kill as usize) {
            die(&site, instance, fault);
        }
    }
}

/// An instance dies and, unless it was to stop anyway, begins to boot again, at the address it had.
fn die(site: &Arc<Site>, instance: InstanceId, fault: Fault) {
    if site.note(|books, now| books.die(now, instance)) {
        end(site, instance);
        return;
    }
    if !fault.silent {
        site.tell(Input::Lost(instance));
    }
    if let Some(restart) = fault.restart {
        let site = Arc::clone(site);
        tokio::spawn(async move {
            site.clock.pause(restart).await;
            let address = site.note(|books, _| {
                let server = books.server(instance);
                server.phase.send_replace(Phase::Booting);
                server.address
            });
            // Without its address it stays away, which whoever reads the result sees.
            if let Ok(socket) = again(address) {
                boot(site, instance, socket).await;
            }
        });
    }
}

/// A socket with an address that somebody had before.
fn again(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn end(site: &Site, instance: InstanceId) {
    if site.note(|books, now| books.end(now, instance)) {
        site.tell(Input::Gone(instance));
    }
}

/// The value of a header of ours; `None` where there is none, or nonsense.
pub(super) fn header<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"rollcast\n")));
    *response.status_mut() = status;
    response
}
