//! The clients: each request is sent when its time has come, whatever became of those before it.
//!
//! A latency begins when the request was to be sent, not when it was: a generator that is late, or a proxy that is slow to
//! accept, hides nothing (no coordinated omission).

use crate::core::ids::UserId;
use crate::core::proxy::Ending;
use crate::core::time::Moment;
use crate::live::books::Trip;
use crate::live::gateway::{DICE, SENT, USER};
use crate::live::site::Site;
use crate::live::upstream::{NUMBER, SIZE};
use crate::measure::meter::Experience;
use crate::scenario::arrivals::Arrivals;
use crate::scenario::caller::Caller;
use crate::scenario::plan::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

type Connection = SendRequest<Empty<Bytes>>;

/// Connections to the proxies that are free to be used again; by proxy.
pub(super) struct Pool(Vec<Mutex<Vec<Connection>>>);

impl Pool {
    pub fn new(proxies: usize) -> Pool {
        Pool((0..proxies).map(|_| Mutex::default()).collect())
    }

    fn take(&self, proxy: usize) -> Option<Connection> {
        let mut free = self.0[proxy].lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| free.pop()).find(|connection| connection.is_ready())
    }

    fn give_back(&self, proxy: usize, connection: Connection) {
        self.0[proxy].lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// Sends the scenario's requests until it has no more; those under way go on.
pub(super) async fn send_all(site: Arc<Site>) {
    let pool = Arc::new(Pool::new(site.doors.len()));
    let arrivals = Arrivals::new(&site.scenario.traffic.source, site.scenario.seed);
    let end = Moment::START + site.scenario.horizon;
    for (number, request) in (0..).zip(arrivals.take_while(|request| request.at < end)) {
        site.clock.until(request.at).await;
        let late = site.clock.now().since(request.at).nanos();
        site.latest_ns.fetch_max(late, Ordering::Relaxed);
        {
            let mut books = site.books();
            books.meter.offered();
            books.trips.insert(number, Trip::default());
        }
        tokio::spawn(ask(Arc::clone(&site), Arc::clone(&pool), number, request));
    }
}

/// One request of a user, to its final answer or the end of the user's patience.
async fn ask(site: Arc<Site>, pool: Arc<Pool>, number: u64, request: Request) {
    let caller = site.callers.call(number).0;
    let exchange = exchange(&site, &pool, number, &caller, request);
    let answer = match site.patience {
        None => exchange.await,
        Some(patience) => tokio::select! {
            answer = exchange => answer,
            () = site.clock.until(request.at + patience) => None,
        },
    };
    settle(&site, number, &caller, request, answer == Some(true));
}

/// Whether the answer was good; `None` if there was none.
async fn exchange(site: &Site, pool: &Pool, number: u64, caller: &Caller, request: Request) -> Option<bool> {
    let address = site.doors[usize::from(caller.proxy)].address;
    let message = message(number, caller, request)?;
    let kept = pool.take(usize::from(caller.proxy));
    let was_kept = kept.is_some();
    let mut connection = match kept {
        Some(connection) => connection,
        None => connect(address).await?,
    };
    let response = match connection.try_send_request(message.clone()).await {
        Ok(response) => response,
        // The proxy closed a connection that was kept, as it may at any moment, and nothing was answered: as every client
        // does, over a new one (RFC 9112, 9.3.1).
        Err(error) if was_kept && is_stale(error.error()) => {
            connection = connect(address).await?;
            connection.send_request(message).await.ok()?
        }
        Err(_) => return None,
    };
    let good = response.status().is_success();
    response.into_body().collect().await.ok()?;
    // Proxies close connections after errors of their own.
    if good {
        pool.give_back(usize::from(caller.proxy), connection);
    }
    Some(good)
}

fn message(number: u64, caller: &Caller, request: Request) -> Option<hyper::Request<Empty<Bytes>>> {
    let message = hyper::Request::get("/")
        .header(HOST, "service.internal")
        .header(NUMBER, number)
        .header(USER, caller.user.0)
        .header(DICE, caller.dice)
        .header(SENT, request.at.nanos())
        .header(SIZE, request.size.to_string());
    message.body(Empty::new()).ok()
}

/// Whether a connection ended before anything of an answer came.
fn is_stale(error: &hyper::Error) -> bool {
    let reset = || {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
        source.is_some_and(|source| {
            matches!(source.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
        })
    };
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || reset()
}

async fn connect(address: SocketAddr) -> Option<Connection> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(driver);
    Some(connection)
}

/// The user request has its final answer.
fn settle(site: &Site, number: u64, caller: &Caller, request: Request, good: bool) {
    site.note(|books, now| {
        let trip = books.trips.remove(&number).unwrap_or_default();
        let new = books.meter.new_version();
        let last = trip.last.map(|(pick, _)| pick.version);
        let answered = good || trip.ending == Some(Ending::Error);
        books.meter.settled(good, now.since(request.at));
        let experience = Experience {
            answered: last.filter(|_| answered),
            exposed: trip.exposed,
            harmed: !good && last.is_some() && last == new && !old_too(site, number, caller.user, trip, request),
        };
        books.meter.experienced(|| caller.user, experience);
    });
}

/// Whether the old version would have answered the last attempt with an error too.
fn old_too(site: &Site, number: u64, user: UserId, trip: Trip, request: Request) -> bool {
    let Some((_, before)) = trip.last.filter(|_| trip.ending == Some(Ending::Error)) else { return false };
    let running = site.scenario.running.index();
    let fate = site.luck(number, before, running, request.size).fate;
    site.behaviours[running].errs_in_the_long_run(fate, user)
}
