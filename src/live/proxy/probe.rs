//! Health checks: does an instance answer, and well?

use crate::core::draw::unit;
use crate::live::proxy::desk::{Desk, Member};
use crate::live::proxy::tell;
use rand::Rng;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Between two looks where the configuration has no checks.
const INTERVAL: Duration = Duration::from_secs(1);
/// For an answer, likewise.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn interval(desk: &Desk) -> Duration {
    let checks = desk.config.loaded.scenario.proxies.policy.checks;
    checks.map_or(INTERVAL, |checks| Duration::from_nanos(checks.interval.nanos()))
}

/// Says at the start who does not answer; requests may go there all the same.
pub(super) async fn look_once(desk: Arc<Desk>, member: Arc<Member>) {
    let timeout = desk.config.limits.connect_timeout;
    let connect = TcpStream::connect(member.address());
    let reason = match tokio::time::timeout(Duration::from_nanos(timeout.nanos()), connect).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("nothing for {timeout}"),
    };
    let version = desk.version_name(member.backend.version);
    tell(&format!("{} ({version}) does not answer yet: {reason}", member.address()));
}

/// Checks an instance as long as it is in the endpoints, from a random phase of the interval on.
pub(super) async fn check(desk: Arc<Desk>, member: Arc<Member>) {
    let scenario = &desk.config.loaded.scenario;
    let Some(checks) = scenario.proxies.policy.checks else { return };
    let mut over = desk.over.subscribe();
    let mut stream = scenario.seed.stream("probe", u64::from(member.instance.0));
    let mut next = desk.clock.now() + checks.interval.scaled(unit(stream.next_u64()));
    loop {
        tokio::select! {
            () = desk.clock.until(next) => {}
            _ = over.wait_for(|over| *over) => return,
        }
        let began = desk.clock.now();
        let well = healthy(&desk, &member).await;
        if member.meters.well.get() != i64::from(well) {
            let version = desk.version_name(member.backend.version);
            let state = if well { "well" } else { "not well" };
            tell(&format!("{} ({version}) answers its checks {state}", member.address()));
        }
        member.meters.well.set(i64::from(well));
        let instance = member.instance;
        let interval = desk.ask(|front, now| {
            let listed = front.proxy().lists(instance);
            listed.then(|| front.probed(now, instance, well)).flatten()
        });
        desk.changed.notify_one();
        let Some(interval) = interval else { return };
        next = began + interval;
    }
}

/// Whether an instance answers with 200 to 399 in time; without checks in the configuration, whether it accepts.
pub(super) async fn healthy(desk: &Desk, member: &Member) -> bool {
    let checks = desk.config.loaded.scenario.proxies.policy.checks;
    let timeout = checks.map_or(TIMEOUT, |checks| Duration::from_nanos(checks.timeout.nanos()));
    let asked = async {
        let mut stream = TcpStream::connect(member.address()).await?;
        if checks.is_none() {
            return Ok(true);
        }
        let question = &desk.config.check;
        let host = question.host.clone().unwrap_or_else(|| member.address().to_string());
        let text = format!("GET {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n", question.path);
        stream.write_all(text.as_bytes()).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<bool, io::Error>(head.starts_with(b"HTTP/1.") && matches!(head[9], b'2' | b'3'))
    };
    let answered = tokio::time::timeout(timeout, asked).await;
    matches!(answered, Ok(Ok(true))) && !member.gone.load(Ordering::SeqCst)
}
