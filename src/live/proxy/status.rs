//! What people see of the proxy: `GET /status`.

use crate::core::rollout::Phase;
use crate::live::proxy::desk::{Course, Desk, Helm, Member};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Serialize)]
struct Page<'a> {
    schema: &'static str,
    name: &'a str,
    listen: SocketAddr,
    strategy: Option<&'a str>,
    phase: Option<String>,
    ended: bool,
    new_version_share: f64,
    requests: u64,
    in_flight: u32,
    announcements: Vec<Announcement>,
    instances: Vec<Instance<'a>>,
}

#[derive(Serialize)]
struct Announcement {
    /// Since this configuration took over.
    at_s: f64,
    phase: String,
    reason: String,
}

#[derive(Serialize)]
struct Instance<'a> {
    address: SocketAddr,
    version: &'a str,
    listed: bool,
    held: bool,
    /// `None`: nobody checks.
    well: Option<bool>,
    in_flight: u32,
}

/// As JSON.
pub(super) fn status(desk: &Desk) -> String {
    let members = desk.members();
    let instances = members.iter().filter(|member| !member.gone.load(Ordering::SeqCst));
    let checked = desk.config.loaded.scenario.proxies.policy.checks.is_some();
    let instance = |member: &Arc<Member>| Instance {
        address: member.address(),
        version: desk.version_name(member.backend.version),
        listed: desk.lists(member.instance),
        held: member.held.load(Ordering::SeqCst),
        well: checked.then(|| member.meters.well.get() == 1),
        in_flight: member.in_flight.load(Ordering::SeqCst),
    };
    let instances = instances.map(instance).collect();
    let helm = desk.helm();
    let page = Page {
        schema: "rollcast.status/1",
        name: &desk.config.loaded.scenario.name,
        listen: desk.config.listen,
        strategy: desk.config.strategy.map(|_| desk.config.run()),
        phase: phase(&helm),
        ended: matches!(helm.course, Course::Ended(_)),
        new_version_share: helm.share.value(),
        requests: desk.requests.load(Ordering::Relaxed),
        in_flight: desk.in_flight(),
        announcements: announcements(&helm),
        instances,
    };
    serde_json::to_string_pretty(&page).expect("plain values are JSON") + "\n"
}

fn phase(helm: &Helm) -> Option<String> {
    match helm.course {
        Course::NotBegun => None,
        Course::UnderWay(phase) | Course::Ended(phase) => Some(phase.to_string()),
    }
}

fn announcements(helm: &Helm) -> Vec<Announcement> {
    let one = |(at, phase, reason): &(crate::core::time::Moment, Phase, String)| Announcement {
        at_s: at.seconds(),
        phase: phase.to_string(),
        reason: reason.clone(),
    };
    helm.announced.iter().map(one).collect()
}
