//! Pingora's hooks: they look at a request, ask for an instance, and note how attempts end.

use crate::core::ids::InstanceId;
use crate::core::proxy::{Affinity, Ending, Next};
use crate::core::time::{Moment, Span};
use crate::live::proxy::access::{Line, Log};
use crate::live::proxy::desk::{Desk, Member};
use crate::live::proxy::guard::HEAD;
use crate::live::proxy::visit::Visit;
use crate::live::proxy::{client, manners};
use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::protocols::http::v1::common::is_upgrade_req;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result, RetryType};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use rand::Rng;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// By which a user who sticks to an instance is known.
const COOKIE: &str = "rollcast-instance";

/// The desk that new requests come to, and the log.
pub(super) struct Gateway {
    pub desk: Arc<RwLock<Arc<Desk>>>,
    pub log: Arc<Log>,
}

impl Gateway {
    fn greet(&self, session: &mut Session, visit: &mut Visit) {
        let desk = Arc::clone(&visit.desk);
        let config = &desk.config;
        visit.client = client::address(session.client_addr());
        let header = session.req_header();
        visit.user = client::user(header, &config.route, visit.client, desk.split);
        visit.dice = desk.luck.stream(desk.requests.fetch_add(1, Ordering::Relaxed)).next_u64();
        visit.key = config.route.key.as_ref().map(|place| client::value(header, place).unwrap_or_default().to_vec());
        let scenario = &config.loaded.scenario;
        if scenario.proxies.policy.sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie) {
            visit.cookie = client::cookie(header, COOKIE).and_then(|name| named(&desk, name));
        }
        if let Some(timeout) = config.timeout {
            visit.expires = visit.came + timeout;
        }
        let limits = &config.limits;
        let upgraded = is_upgrade_req(session.req_header());
        let read = if upgraded { limits.tunnel_idle } else { limits.read_timeout };
        let downstream = session.as_mut();
        downstream.set_read_timeout(Some(time(read)));
        downstream.set_write_timeout(Some(time(limits.write_timeout)));
        downstream.set_total_drain_timeout(Some(time(limits.read_timeout)));
        // A client may close its side once it has sent its request, and still wants the answer (RFC 9112, 9.6).
        downstream.set_abort_on_close(false);
    }

    /// Whether what failed may be sent again at all: nothing has reached the client, and the body is still there.
    fn is_repeatable(session: &Session) -> bool {
        manners::may_be_repeated(session.req_header()) && Self::is_untouched(session)
    }

    fn is_untouched(session: &Session) -> bool {
        let begun = session.response_written().is_some_and(|written| !written.status.is_informational());
        !begun && !session.as_ref().retry_buffer_truncated()
    }
}

/// Whom a cookie names.
fn named(desk: &Desk, name: &[u8]) -> Option<InstanceId> {
    let members = desk.members();
    let mut alive = members.iter().filter(|member| !member.gone.load(Ordering::SeqCst));
    alive.find(|member| token(member).as_bytes() == name).map(|member| member.instance)
}

/// The address of an instance, as it is told to strangers.
fn token(member: &Member) -> String {
    format!("{:08x}", crc32fast::hash(member.address().to_string().as_bytes()))
}

fn time(span: Span) -> Duration {
    Duration::from_nanos(span.nanos())
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Visit;

    fn new_ctx(&self) -> Visit {
        Visit::new(Arc::clone(&self.desk.read().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn early_request_filter(&self, _session: &mut Session, _visit: &mut Visit) -> Result<()> {
        // Only a connection of ours has a guard.
        let _ = HEAD.try_with(|head| head.complete());
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, visit: &mut Visit) -> Result<bool> {
        self.greet(session, visit);
        match manners::look(session, visit.desk.config.limits.body_size) {
            None => Ok(false),
            Some(refusal) => {
                visit.desk.metrics.refused.with_label_values(&[refusal.reason]).inc();
                visit.refused = Some(refusal.reason);
                Err(refusal.error())
            }
        }
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        visit: &mut Visit,
    ) -> Result<()> {
        let size = visit.desk.config.limits.body_size;
        manners::weigh(&mut visit.body, body.as_ref().map_or(0, Bytes::len), size).inspect_err(|_| {
            visit.desk.metrics.refused.with_label_values(&["body-size"]).inc();
            visit.refused = Some("body-size");
        })
    }

    async fn upstream_peer(&self, session: &mut Session, visit: &mut Visit) -> Result<Box<HttpPeer>> {
        if !visit.back_off().await {
            return Err(Error::explain(ErrorType::HTTPStatus(504), "no answer in time"));
        }
        // What was sent of the body before is sent again.
        visit.body = 0;
        let Some(member) = visit.pick() else {
            return Err(Error::explain(ErrorType::HTTPStatus(503), "no instance takes it"));
        };
        let limits = &visit.desk.config.limits;
        let left = visit.expires.since(visit.desk.clock.now());
        let mut peer = HttpPeer::new(member.address(), false, String::new());
        let upgraded = is_upgrade_req(session.req_header());
        let tried = visit.desk.config.loaded.scenario.proxies.policy.retries.try_timeout;
        let whole = (visit.expires < Moment::NEVER).then_some(left);
        let patience = tried.into_iter().chain(whole).min().map(time);
        peer.options.connection_timeout = Some(time(limits.connect_timeout).min(patience.unwrap_or(Duration::MAX)));
        peer.options.read_timeout = if upgraded { Some(time(limits.tunnel_idle)) } else { patience };
        peer.options.write_timeout = Some(time(limits.write_timeout));
        peer.options.idle_timeout = Some(time(limits.upstream_idle));
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        if let Some(address) = session.client_addr().and_then(|address| address.as_inet()) {
            request.append_header("x-forwarded-for", address.ip().to_string())?;
        }
        request.insert_header("x-forwarded-proto", "http")?;
        debug_assert!(visit.has_attempt(), "a request is sent to whom the core picked");
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        let status = response.status.as_u16();
        if response.status.is_informational() && status != 101 {
            return Ok(());
        }
        visit.answered();
        let ending = match status {
            503 => Ending::Refused,
            500.. => Ending::Error,
            _ => {
                visit.ending = Some(Ending::Served);
                return Ok(());
            }
        };
        if visit.end(ending) == Next::Done {
            return Ok(());
        }
        if !Self::is_repeatable(session) {
            visit.forgo();
            return Ok(());
        }
        let mut again = Error::explain(ErrorType::Custom("TryAgain"), "the core allows a retry");
        again.set_retry(true);
        Err(again.into_up())
    }

    async fn response_filter(
        &self,
        _session: &mut Session,
        response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        let sticky = visit.desk.config.loaded.scenario.proxies.policy.sticky;
        let by_cookie = sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie);
        if let (true, Some((member, _))) = (by_cookie, &visit.last)
            && visit.cookie != Some(member.instance)
        {
            response.append_header("set-cookie", format!("{COOKIE}={}; Path=/; HttpOnly", token(member)))?;
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        visit: &mut Visit,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let ending = match error.etype() {
            ErrorType::ConnectTimedout => Ending::TimedOut,
            _ => Ending::Refused,
        };
        // Nothing was sent: any request may go to another instance.
        let again = visit.end(ending) != Next::Done;
        error.set_retry(again);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        visit: &mut Visit,
        reused: bool,
    ) -> Box<Error> {
        let repeatable = Self::is_repeatable(session);
        let stale = reused && error.retry == RetryType::ReusedOnly;
        if stale && repeatable && visit.begin_anew() {
            error.set_retry(true);
            return error;
        }
        if visit.has_attempt() {
            let ending = match (error.esource(), error.etype()) {
                (ErrorSource::Downstream, _) => Ending::Abandoned,
                (_, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Ending::TimedOut,
                _ => Ending::Reset,
            };
            visit.end(ending);
        }
        if !repeatable {
            visit.forgo();
        }
        error.set_retry(visit.goes_on());
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, visit: &mut Visit) -> FailToProxy {
        let status = match (error.esource(), error.etype()) {
            (_, ErrorType::HTTPStatus(status)) => *status,
            (
                ErrorSource::Upstream,
                ErrorType::ReadTimedout | ErrorType::WriteTimedout | ErrorType::ConnectTimedout,
            ) => 504,
            (ErrorSource::Upstream, _) => 502,
            (ErrorSource::Downstream, ErrorType::ReadTimedout) => 408,
            // The connection is dead.
            (
                ErrorSource::Downstream,
                ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed | ErrorType::WriteTimedout,
            ) => 0,
            (ErrorSource::Downstream, _) => 400,
            (ErrorSource::Internal | ErrorSource::Unset, _) => 500,
        };
        if status > 0 {
            // A client who has left needs no answer, and gets none.
            let _ = session.respond_error(status).await;
        }
        visit.refused.get_or_insert("failed");
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, visit: &mut Visit) {
        visit.close(error.is_none());
        let status = session.response_written().map_or(0, |written| written.status.as_u16());
        let took = visit.desk.clock.now().since(visit.came);
        match &visit.last {
            Some((member, _)) => {
                if let Some(class) = member.meters.answers.get(usize::from(status / 100).wrapping_sub(1)) {
                    class.inc();
                }
                member.meters.seconds.observe(took.seconds());
            }
            None => visit.desk.metrics.answered_alone(status),
        }
        if self.log.is_kept() {
            let header = session.req_header();
            let last = visit.last.as_ref();
            self.log.note(&Line {
                at: crate::live::clock::timestamp(),
                client: session.client_addr().and_then(|address| Some(address.as_inet()?.ip().to_string())),
                method: header.method.as_str(),
                path: header.uri.path_and_query().map_or("", |path| path.as_str()),
                status,
                bytes: session.body_bytes_sent(),
                ms: took.millis(),
                upstream_ms: last.map(|(_, span)| span.millis()),
                version: last.map(|(member, _)| visit.desk.version_name(member.backend.version)),
                instance: last.map(|(member, _)| member.address().to_string()),
                retries: visit.attempts.saturating_sub(1),
                error: error.map(|error| error.etype().as_str().to_owned()),
            });
        }
    }

    fn suppress_error_log(&self, _session: &Session, _visit: &Visit, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _visit: &Visit,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}
