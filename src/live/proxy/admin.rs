//! Where people steer and watch: `GET /status` and `/metrics`; `POST /deploy`, `/promote`, `/abort`, `/pause`, `/resume`,
//! `/weight`, `/drain`, `/undrain`. What is out of order is answered 409 with the reason, and changes nothing.

use crate::core::amount::Share;
use crate::core::rollout::{Input, Phase};
use crate::live::proxy::desk::{Course, Desk, Helm, Member};
use crate::scenario::quantity;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Of a command.
const BODY_MAX: usize = 4_096;
/// For a command to be sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is answered: a status, and JSON or text.
struct Reply {
    status: u16,
    kind: &'static str,
    text: String,
}

/// Serves one connection.
pub(super) async fn converse<S>(stream: S, desk: Arc<RwLock<Arc<Desk>>>, token: Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        let desk = Arc::clone(&desk.read().unwrap_or_else(PoisonError::into_inner));
        let token = token.clone();
        async move {
            let Reply { status, kind, text } = reply(&desk, token.as_deref(), request).await;
            let response = Response::builder().status(status).header(CONTENT_TYPE, kind);
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("the head is sound"))
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // Whoever breaks the connection off gets no answer.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn reply(desk: &Arc<Desk>, token: Option<&str>, request: Request<Incoming>) -> Reply {
    if let Some(refusal) = refuse(request.headers(), token) {
        return refusal;
    }
    let (head, body) = request.into_parts();
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/status") => Reply { status: 200, kind: "application/json", text: status(desk) },
        (&Method::GET, "/metrics") => {
            Reply { status: 200, kind: "text/plain; version=0.0.4", text: desk.metrics.text() }
        }
        (&Method::POST, path) => {
            let body = tokio::time::timeout(PATIENCE, Limited::new(body, BODY_MAX).collect()).await;
            let Ok(Ok(body)) = body else { return wrong(400, "found no whole body of at most 4 KiB") };
            command(desk, path, &body.to_bytes())
        }
        (_, path) => wrong(404, &format!("found {} {path}, expected one of: {COMMANDS}", head.method)),
    }
}

const COMMANDS: &str = "GET /status, GET /metrics, POST /deploy, POST /promote, POST /abort, POST /pause, POST /resume, \
                        POST /weight, POST /drain, POST /undrain";

/// A page in a browser sends an origin, and must not steer a proxy on its reader's machine.
fn refuse(headers: &HeaderMap, token: Option<&str>) -> Option<Reply> {
    if headers.contains_key(ORIGIN) {
        return Some(wrong(403, "found a request from a page in a browser, which may not come here"));
    }
    let token = token?;
    let sent =
        headers.get(AUTHORIZATION).map(|value| value.as_bytes()).and_then(|value| value.strip_prefix(b"Bearer "));
    let right = sent.is_some_and(|sent| same(sent, token.as_bytes()));
    (!right)
        .then(|| wrong(401, "found no token, or another, expected Authorization: Bearer with the one of token-file"))
}

/// Takes as long whatever differs.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

fn command(desk: &Arc<Desk>, path: &str, body: &[u8]) -> Reply {
    let done = match path {
        "/deploy" => steer(desk, Input::Deploy),
        "/promote" => steer(desk, Input::Promote),
        "/abort" => steer(desk, Input::Abort),
        "/pause" => steer(desk, Input::Pause),
        "/resume" => steer(desk, Input::Resume),
        "/weight" => read(body).and_then(|weight: Weight| weigh(desk, &weight)),
        "/drain" => read(body).and_then(|place: Place| hold(desk, place.address, true)),
        "/undrain" => read(body).and_then(|place: Place| hold(desk, place.address, false)),
        _ => Err(wrong(404, &format!("found POST {path}, expected one of: {COMMANDS}"))),
    };
    done.map_or_else(|refusal| refusal, |()| Reply { status: 200, kind: "application/json", text: status(desk) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weight {
    share: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    address: SocketAddr,
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reply> {
    serde_json::from_slice(body)
        .map_err(|error| wrong(400, &format!("found a body that is not what is expected: {error}")))
}

/// The controller hears of it if it is in order.
fn steer(desk: &Arc<Desk>, input: Input) -> Result<(), Reply> {
    let mut helm = desk.helm();
    let reason = match (desk.config.strategy, desk.config.by_hand) {
        (None, _) => Some("no rollout is configured".to_owned()),
        (_, Some(_)) => Some("no strategy is configured: set the weight by hand".to_owned()),
        (Some(_), None) => out_of_order(helm.course, input),
    };
    match reason {
        Some(reason) => Err(wrong(409, &reason)),
        None => {
            desk.inform_held(&mut helm, input);
            Ok(())
        }
    }
}

/// Why a command makes no sense now.
fn out_of_order(course: Course, input: Input) -> Option<String> {
    let phase = match course {
        Course::NotBegun if input == Input::Deploy => return None,
        Course::NotBegun => return Some("no rollout has begun: deploy first".to_owned()),
        Course::Ended(phase) => {
            return Some(format!("the rollout has ended ({phase}); another begins with another configuration"));
        }
        Course::UnderWay(phase) => phase,
    };
    let waits = matches!(phase, Phase::Waiting | Phase::Holding | Phase::Paused);
    match input {
        Input::Deploy => Some(format!("the rollout is under way: {phase}")),
        Input::Promote if !waits => Some(format!("nothing waits for a person: {phase}")),
        Input::Abort if phase == Phase::RollingBack => Some("it is on its way back already".to_owned()),
        Input::Pause if phase == Phase::Paused => Some("it is paused already".to_owned()),
        Input::Resume if phase != Phase::Paused => Some(format!("it is not paused: {phase}")),
        _ => None,
    }
}

fn weigh(desk: &Arc<Desk>, weight: &Weight) -> Result<(), Reply> {
    let share = match &weight.share {
        serde_json::Value::Number(number) => number.as_f64().and_then(Share::new),
        serde_json::Value::String(text) => quantity::share(text).ok(),
        _ => None,
    };
    let Some(share) = share else { return Err(wrong(400, "expected a share, e.g. {\"share\": \"10%\"} or 0.1")) };
    if desk.config.by_hand.is_none() {
        let name = desk.config.run();
        let reason = if desk.config.strategy.is_some() {
            format!("the strategy {name} sets the weight")
        } else {
            "there is one version".to_owned()
        };
        return Err(wrong(409, &reason));
    }
    let new = desk.config.loaded.scenario.rollout.map(|rollout| rollout.to);
    for (gets, is_new) in [(share > Share::NONE, true), (share < Share::ALL, false)] {
        let side = |member: &Arc<Member>| (Some(member.backend.version) == new) == is_new;
        if gets && !desk.members().iter().any(|member| side(member) && listed(desk, member)) {
            let which = if is_new { "new" } else { "old" };
            return Err(wrong(409, &format!("no instance of the {which} version takes requests")));
        }
    }
    desk.weigh(&mut desk.helm(), share);
    Ok(())
}

/// Takes an instance out by hand, or lets it back in.
fn hold(desk: &Arc<Desk>, address: SocketAddr, held: bool) -> Result<(), Reply> {
    let members = desk.members();
    let mut alive = members.iter().filter(|member| !member.gone.load(Ordering::SeqCst));
    let Some(member) = alive.find(|member| member.address() == address) else {
        return Err(wrong(404, &format!("found {address}, which is no instance at work")));
    };
    if member.held.load(Ordering::SeqCst) == held {
        let state = if held { "out" } else { "in" };
        return Err(wrong(409, &format!("{address} is {state} already")));
    }
    let version = member.backend.version;
    let others = |other: &&Arc<Member>| other.backend.version == version && other.address() != address;
    let alone = members.iter().filter(others).all(|other| !listed(desk, other));
    if held && alone && listed(desk, member) {
        let name = desk.version_name(version);
        return Err(wrong(409, &format!("{address} is the last instance of {name} that takes requests")));
    }
    member.held.store(held, Ordering::SeqCst);
    desk.list(member, false);
    Ok(())
}

fn listed(desk: &Desk, member: &Member) -> bool {
    desk.ask(|front, _| front.proxy().lists(member.instance))
}

fn wrong(status: u16, reason: &str) -> Reply {
    let text = serde_json::json!({ "error": reason }).to_string() + "\n";
    Reply { status, kind: "application/json", text }
}

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

fn status(desk: &Desk) -> String {
    let members = desk.members();
    let instances = members.iter().filter(|member| !member.gone.load(Ordering::SeqCst));
    let checked = desk.config.loaded.scenario.proxies.policy.checks.is_some();
    let instance = |member: &Arc<Member>| Instance {
        address: member.address(),
        version: desk.version_name(member.backend.version),
        listed: listed(desk, member),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_in_order() {
        let says = |course, input| out_of_order(course, input);
        assert_eq!(says(Course::NotBegun, Input::Deploy), None);
        assert!(says(Course::NotBegun, Input::Promote).is_some_and(|reason| reason.contains("deploy first")));
        let step = Course::UnderWay(Phase::Step(1, 3));
        assert!(says(step, Input::Deploy).is_some());
        assert!(says(step, Input::Promote).is_some_and(|reason| reason.contains("step 1/3")));
        assert_eq!(says(step, Input::Abort), None);
        assert_eq!(says(Course::UnderWay(Phase::Waiting), Input::Promote), None);
        assert_eq!(says(Course::UnderWay(Phase::Paused), Input::Resume), None);
        assert!(says(step, Input::Resume).is_some());
        for input in [Input::Deploy, Input::Promote, Input::Abort, Input::Pause, Input::Resume] {
            assert!(says(Course::Ended(Phase::Promoted), input).is_some_and(|reason| reason.contains("promoted")));
        }
    }

    #[test]
    fn a_token_must_be_the_same_to_the_last_letter() {
        assert!(same(b"0123456789abcdef", b"0123456789abcdef"));
        assert!(!same(b"0123456789abcdeg", b"0123456789abcdef"));
        assert!(!same(b"0123456789abcde", b"0123456789abcdef"));
    }
}
