//! The rollout controller and what it steers by: inputs go in one after the other, its orders are carried out.

use crate::core::ids::InstanceId;
use crate::core::journal::Pilot;
use crate::core::rollout::{self, Input, Order, Sample};
use crate::core::time::Moment;
use crate::live::books::Server;
use crate::live::news::{Herald, News};
use crate::live::site::Site;
use crate::live::upstream;
use crate::measure::meter::Stage;
use crate::scenario::plan::Act;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// The controller at work.
pub(super) struct Helm {
    site: Arc<Site>,
    pilot: Pilot,
    herald: Herald,
    /// Times that the rollout waited for somebody who will come.
    waits: Arc<AtomicU64>,
}

impl Helm {
    pub fn new(site: &Arc<Site>, pilot: Pilot) -> Helm {
        Helm { site: Arc::clone(site), pilot, herald: Herald::new(site), waits: Arc::default() }
    }

    /// Tells the controller what happens, and when its time has come.
    ///
    /// # Errors
    /// Where the machine has no room for another instance.
    pub async fn steer(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) -> io::Result<()> {
        let mut orders = Vec::new();
        loop {
            let deadline = self.pilot.deadline(self.site.clock.now()).unwrap_or(Moment::NEVER);
            let input = tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(input) => input,
                    None => return Ok(()),
                },
                () = self.site.clock.until(deadline) => Input::Deadline,
            };
            self.pilot.handle(self.site.clock.now(), input, &mut orders);
            for order in orders.drain(..) {
                self.carry_out(order)?;
            }
        }
    }

    fn carry_out(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Launch { instance, version, baseline } => {
                let socket = upstream::reserve()?;
                let server = Server { baseline, ..Server::new(version, socket.local_addr()?) };
                self.site.note(|books, now| {
                    assert_eq!(instance.index(), books.servers.len(), "instances are numbered in the order of launch");
                    books.servers.push(server);
                    books.meter.staged(now, version, None, Some(Stage::Booting));
                });
                tokio::spawn(upstream::boot(Arc::clone(&self.site), instance, socket));
            }
            Order::Publish { instance, listed } => self.herald.send(&self.site, News::Listing(instance, listed)),
            Order::Drain { instance } => {
                tokio::spawn(upstream::drain(Arc::clone(&self.site), instance));
            }
            Order::Weight { share } => {
                self.site.note(|books, now| books.meter.weighed(now, share));
                self.herald.send(&self.site, News::Weight(share));
            }
            Order::Mirror { .. } | Order::Expose { .. } => {
                unreachable!("strategies that copy requests or expose users are refused before they begin")
            }
            Order::Announce { phase, reason } => {
                self.await_promotion(phase);
                self.site.note(|books, now| books.meter.announced(now, phase, reason));
            }
        }
        Ok(())
    }

    /// Where a rollout waits for a person, somebody may come after a while, unless it has gone on since.
    fn await_promotion(&self, phase: rollout::Phase) {
        let after = self.site.scenario.rollout.and_then(|rollout| rollout.promote_after);
        if let (rollout::Phase::Waiting, Some(after)) = (phase, after) {
            let wait = self.waits.fetch_add(1, Ordering::Relaxed) + 1;
            let (site, waits) = (Arc::clone(&self.site), Arc::clone(&self.waits));
            tokio::spawn(async move {
                site.clock.pause(after).await;
                if waits.load(Ordering::Relaxed) == wait {
                    site.tell(Input::Promote);
                }
            });
        }
    }
}

/// Tells the controller what the scenario's people do, and when.
pub(super) async fn follow_the_plan(site: Arc<Site>) {
    let scenario = &site.scenario;
    let mut deeds: Vec<(Moment, Input)> = scenario.rollout.iter().map(|rollout| (rollout.at, Input::Deploy)).collect();
    deeds.extend(scenario.people.iter().map(|deed| {
        let input = match deed.act {
            Act::Promote => Input::Promote,
            Act::Abort => Input::Abort,
            Act::Pause => Input::Pause,
            Act::Resume => Input::Resume,
        };
        (deed.at, input)
    }));
    deeds.extend(scenario.sizes.iter().map(|resize| (resize.at, Input::Scale(resize.size))));
    deeds.sort_by_key(|&(at, _)| at);
    for (at, input) in deeds {
        site.clock.until(at).await;
        site.tell(input);
    }
}

/// Samples the metrics, and lets the controller see each a while later.
pub(super) async fn scrape(site: Arc<Site>) {
    let telemetry = site.scenario.telemetry;
    let mut next = Moment::START + telemetry.scrape;
    loop {
        site.clock.until(next).await;
        let sample = site.note(|books, now| {
            let [old, new] = books.meter.tallies();
            Sample { at: now, new, old, baseline: books.meter.baseline() }
        });
        let is_lost = telemetry.is_lost(site.scenario.seed, next);
        next += telemetry.scrape;
        if is_lost {
            continue;
        }
        let later = Arc::clone(&site);
        tokio::spawn(async move {
            later.clock.until(telemetry.seen(sample.at)).await;
            later.tell(Input::Sample(sample));
        });
    }
}

/// Closes one row of the timeline each second; the warm-up ends where the scenario says.
pub(super) async fn keep_time(site: Arc<Site>) {
    let second = crate::core::time::Span::from_secs(1);
    let begin = Moment::START + site.scenario.warm_up;
    let mut begun = false;
    let mut next = Moment::START + second;
    loop {
        if !begun && begin <= next {
            site.clock.until(begin).await;
            site.note(|books, _| {
                books.meter.begin(begin);
                books.measuring = true;
            });
            begun = true;
        }
        if next >= Moment::START + site.scenario.horizon {
            return;
        }
        site.clock.until(next).await;
        site.note(|books, now| books.meter.tick(now));
        next += second;
    }
}

/// An instance that has been serving since long before the start.
pub(super) fn long_ready(site: &Arc<Site>, instance: InstanceId) {
    site.note(|books, now| {
        let server = books.server(instance);
        server.ready = true;
        let version = server.version;
        books.meter.staged(now, version, None, Some(Stage::Ready));
        books.become_available(now, instance);
    });
}
