//! What proxies learn of the instances, each in its own time: endpoints, weights, and the answers to health checks.

use crate::core::amount::Share;
use crate::core::draw::{Stream, unit};
use crate::core::ids::InstanceId;
use crate::core::time::{Moment, Span};
use crate::live::site::Site;
use crate::live::upstream::HEALTH;
use crate::scenario::law::Sampler;
use rand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A change of which proxies are told.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    /// An instance is, or is no longer, in the endpoints.
    Listing(InstanceId, bool),
    /// The new version gets another share.
    Weight(Share),
}

/// Sends changes to every proxy, which learns of each a listing delay later.
pub(super) struct Herald {
    delay: Sampler,
    sent: u64,
    /// By proxy: when the last change reaches it.
    last: Vec<Moment>,
}

impl Herald {
    pub fn new(site: &Site) -> Herald {
        let delay = Sampler::new(&site.scenario.network.listing_delay);
        Herald { delay, sent: 0, last: vec![Moment::START; site.doors.len()] }
    }

    /// News reach a proxy in order.
    pub fn send(&mut self, site: &Site, news: News) {
        let now = site.clock.now();
        for (door, last) in site.doors.iter().zip(&mut self.last) {
            self.sent += 1;
            let mut stream: Stream = site.scenario.seed.stream("listing", self.sent);
            *last = (now + Span::from_nanos(self.delay.draw(&mut stream))).max(*last);
            // A proxy listens as long as the run lasts.
            let _ = door.news.send((*last, news));
        }
    }
}

/// Lets a proxy learn what it is sent, each at its moment.
pub(super) async fn learn(site: Arc<Site>, proxy: usize, mut inbox: mpsc::UnboundedReceiver<(Moment, News)>) {
    while let Some((at, news)) = inbox.recv().await {
        site.clock.until(at).await;
        match news {
            News::Listing(instance, listed) => learn_listing(&site, proxy, instance, listed, false),
            News::Weight(share) => site.ask(proxy, |front, now| front.set_share(now, share)),
        }
        site.doors[proxy].changed.notify_one();
    }
}

/// `long_known`: since before the start, which is long checked.
pub(super) fn learn_listing(site: &Arc<Site>, proxy: usize, instance: InstanceId, listed: bool, long_known: bool) {
    let version = site.books().server(instance).version;
    let level = site.level_of(instance, version.index());
    let changed = site.ask(proxy, |front, now| {
        let now = if long_known { Moment::START } else { now };
        if front.proxy().lists(instance) == listed {
            return false;
        }
        if listed {
            front.list(now, instance, version, level, long_known);
        } else {
            front.unlist(now, instance);
        }
        true
    });
    if !changed {
        return;
    }
    site.note(|books, now| books.listed(now, instance, listed));
    if listed && !site.outside && site.scenario.proxies.policy.checks.is_some() {
        tokio::spawn(check(Arc::clone(site), proxy, instance));
    }
}

/// Checks an instance as long as its proxy lists it, from a random phase of the interval on.
async fn check(site: Arc<Site>, proxy: usize, instance: InstanceId) {
    let Some(checks) = site.scenario.proxies.policy.checks else { return };
    let address = site.books().server(instance).address;
    let mut stream = site.scenario.seed.stream("probe", u64::from(instance.0) << 16 | proxy as u64);
    let mut next = site.clock.now() + checks.interval.scaled(unit(stream.next_u64()));
    loop {
        site.clock.until(next).await;
        let began = site.clock.now();
        let timeout = Duration::from_nanos(checks.timeout.nanos());
        let well = tokio::time::timeout(timeout, healthy(address)).await.unwrap_or(false);
        let interval =
            site.ask(
                proxy,
                |front, now| {
                    if front.proxy().lists(instance) { front.probed(now, instance, well) } else { None }
                },
            );
        site.doors[proxy].changed.notify_one();
        let Some(interval) = interval else { return };
        next = began + interval;
    }
}

async fn healthy(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let question = format!("GET {HEALTH} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut head = [0; 12];
    stream.write_all(question.as_bytes()).await.is_ok()
        && stream.read_exact(&mut head).await.is_ok()
        && &head == b"HTTP/1.1 200"
}

/// Wakes the core of a proxy when it asked to be.
pub(super) async fn wake(site: Arc<Site>, proxy: usize) {
    loop {
        let due = site.ask(proxy, |front, _| front.proxy().deadline());
        tokio::select! {
            () = site.clock.until(due) => site.ask(proxy, |front, now| {
                if now >= front.proxy().deadline() {
                    front.tick(now);
                }
            }),
            () = site.doors[proxy].changed.notified() => {}
        }
    }
}
