//! What the controller orders, and what moves it: time, samples, and instances that answer or have left.
//!
//! A proxy starts and stops nobody. A launch is an address of that version which is put to work as soon as it answers; a
//! drain is one that gets nothing new and is free again when it has nothing left.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::{Input, Order};
use crate::core::time::Moment;
use crate::live::proxy::desk::{Desk, Helm, Member};
use crate::live::proxy::{probe, tell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(super) fn carry_out(desk: &Arc<Desk>, helm: &mut Helm, order: Order) {
    match order {
        Order::Launch { instance, version, .. } => launch(desk, helm, instance, version),
        Order::Publish { instance, listed } => {
            if let Some(member) = desk.member(instance) {
                desk.publish(&member, listed, false);
            }
        }
        Order::Drain { instance } => match desk.member(instance) {
            Some(member) => drop(tokio::spawn(drain(Arc::clone(desk), member))),
            // It never had an address: nothing is left of it at once.
            None => {
                helm.waiting.retain(|(waiting, _)| *waiting != instance);
                let desk = Arc::clone(desk);
                tokio::spawn(async move { desk.inform(Input::Gone(instance)) });
            }
        },
        Order::Weight { share } => desk.weigh(helm, share),
        Order::Mirror { .. } | Order::Expose { .. } => {
            unreachable!("strategies that copy requests or expose users are refused when the configuration is read")
        }
        Order::Announce { phase, reason } => desk.announce(helm, phase, &reason),
    }
}

fn launch(desk: &Arc<Desk>, helm: &mut Helm, instance: InstanceId, version: VersionId) {
    let taken: BTreeSet<SocketAddr> = desk
        .members()
        .iter()
        .filter(|member| !member.gone.load(Ordering::SeqCst))
        .map(|member| member.address())
        .collect();
    let mut free = desk.config.backends.iter().filter(|backend| backend.version == version);
    let Some(backend) = free.find(|backend| !taken.contains(&backend.address)) else {
        let name = desk.version_name(version);
        tell(&format!("no address of {name} is free for another instance; it waits for one"));
        helm.waiting.push_back((instance, version));
        return;
    };
    let member = desk.join(instance.0, *backend);
    tokio::spawn(await_ready(Arc::clone(desk), member));
}

/// Looks at an address until it answers, and tells the controller.
async fn await_ready(desk: Arc<Desk>, member: Arc<Member>) {
    let mut over = desk.over.subscribe();
    let interval = probe::interval(&desk);
    while !member.gone.load(Ordering::SeqCst) {
        if probe::healthy(&desk, &member).await {
            desk.inform(Input::Ready(member.instance));
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = over.wait_for(|over| *over) => return,
        }
    }
}

/// Waits until an instance has nothing left, or for as long as the configuration says.
async fn drain(desk: Arc<Desk>, member: Arc<Member>) {
    let limit = Duration::from_nanos(desk.config.drain.nanos());
    let empty = async {
        while member.in_flight.load(Ordering::SeqCst) > 0 {
            // Another attempt may end between the look and the wait.
            let _ = tokio::time::timeout(Duration::from_millis(50), member.idle.notified()).await;
        }
    };
    if tokio::time::timeout(limit, empty).await.is_err() {
        tell(&format!("{} still has requests after {}; they go on", member.address(), desk.config.drain));
    }
    member.gone.store(true, Ordering::SeqCst);
    let mut helm = desk.helm();
    desk.inform_held(&mut helm, Input::Gone(member.instance));
    for (instance, version) in std::mem::take(&mut helm.waiting) {
        launch(&desk, &mut helm, instance, version);
    }
}

/// Calls the controller when it asked to be.
pub(super) async fn steer(desk: Arc<Desk>) {
    let mut over = desk.over.subscribe();
    loop {
        let deadline = desk.helm().pilot.deadline(desk.clock.now()).unwrap_or(Moment::NEVER);
        tokio::select! {
            () = desk.clock.until(deadline) => desk.inform(Input::Deadline),
            () = desk.steered.notified() => {}
            _ = over.wait_for(|over| *over) => return,
        }
    }
}

/// Lets the controller see what was measured.
pub(super) async fn scrape(desk: Arc<Desk>) {
    let mut over = desk.over.subscribe();
    let telemetry = desk.config.loaded.scenario.telemetry;
    let mut next = Moment::START + telemetry.scrape;
    loop {
        tokio::select! {
            () = desk.clock.until(next) => {}
            _ = over.wait_for(|over| *over) => return,
        }
        let sample = desk.sample();
        let later = Arc::clone(&desk);
        tokio::spawn(async move {
            later.clock.until(sample.at + telemetry.delay).await;
            later.inform(Input::Sample(sample));
        });
        next += telemetry.scrape;
    }
}

/// Wakes the core when it asked to be.
pub(super) async fn wake(desk: Arc<Desk>) {
    let mut over = desk.over.subscribe();
    loop {
        let due = desk.ask(|front, _| front.proxy().deadline());
        tokio::select! {
            () = desk.clock.until(due) => desk.ask(|front, now| {
                if now >= front.proxy().deadline() {
                    front.tick(now);
                }
            }),
            () = desk.changed.notified() => {}
            _ = over.wait_for(|over| *over) => return,
        }
    }
}
