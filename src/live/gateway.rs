//! A proxy: Pingora forwards, the core decides. Its hooks ask the core for an instance and tell it how attempts end.

use crate::core::draw::further;
use crate::core::ids::UserId;
use crate::core::proxy::{Ask, Ending, Entry, Next, Pick, Ticket, Tried};
use crate::core::time::{Moment, Span};
use crate::live::endings;
use crate::live::site::Site;
use crate::live::upstream::{ATTEMPT, NUMBER, header};
use crate::measure::meter::Attempt;
use async_trait::async_trait;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{ProxyHttp, ProxyWarnLogContext, Session};
use std::sync::Arc;
use std::time::Duration;

/// Who asks: what a hash or a sticky user goes by.
pub(super) const USER: &str = "x-rollcast-user";
/// The random bits that belong to a request.
pub(super) const DICE: &str = "x-rollcast-dice";
/// When its client sent it, in nanoseconds since the start.
pub(super) const SENT: &str = "x-rollcast-sent";

/// One proxy, by its number.
pub(super) struct Gateway {
    pub site: Arc<Site>,
    pub number: usize,
}

/// A request on its way through a proxy.
pub(super) struct Visit {
    /// As its client numbers it.
    number: u64,
    user: UserId,
    dice: u64,
    tried: Tried,
    /// When its client gives up.
    expires: Moment,
    /// The attempt under way.
    pick: Option<Pick>,
    /// How that is going to end, once the answer has passed.
    ending: Option<Ending>,
    /// A retry was allowed, after so long.
    wait: Option<Span>,
}

impl Gateway {
    /// An attempt is over: the core and the books are told, and the core says whether there is another.
    fn end(&self, visit: &mut Visit, ending: Ending) -> Next {
        let Some(pick) = visit.pick.take() else { return Next::Done };
        let (site, attempts) = (&self.site, visit.tried.count());
        let dice = further(visit.dice, u64::from(attempts));
        let (next, took) =
            site.ask(self.number, |front, now| (front.finish(now, pick, ending, attempts, dice), now.since(pick.at)));
        site.doors[self.number].changed.notify_one();
        let answered = matches!(ending, Ending::Served | Ending::Error);
        let slow = site.slow_above.is_some_and(|above| took > above);
        let mut books = site.books();
        books.attempted(pick.instance, pick.version, Attempt { failed: ending != Ending::Served, answered, slow });
        if ending == Ending::Reset {
            books.meter.dropped();
        }
        if let Some(trip) = books.trips.get_mut(&visit.number) {
            trip.ending = Some(ending);
        }
        drop(books);
        if let Next::RetryAfter(wait) = next {
            visit.wait = Some(wait);
        }
        next
    }

    /// Waits as long as the core said, or until the client has given up, which forgoes the retry.
    async fn back_off(&self, visit: &mut Visit) -> Result<()> {
        let Some(wait) = visit.wait.take() else { return Ok(()) };
        let clock = &self.site.clock;
        let again = clock.now() + wait;
        clock.until(again.min(visit.expires)).await;
        if clock.now() < visit.expires {
            self.site.books().meter.retried();
            return Ok(());
        }
        self.site.ask(self.number, |front, now| front.forgo(now));
        Err(Error::explain(ErrorType::HTTPStatus(504), "its client has given up"))
    }

    fn pick(&self, visit: &mut Visit) -> Result<Pick> {
        let ask = Ask::of(visit.user, visit.dice, visit.tried);
        let entry = self.site.ask(self.number, |front, now| {
            match front.enter(now, &ask, None, Ticket(visit.number as u32)) {
                Entry::Sent(pick) => Some(pick),
                // Scenarios with a queue at the proxy are refused before they begin.
                Entry::Waits(turn) => {
                    front.leave(now, turn);
                    None
                }
                Entry::Refused => None,
            }
        });
        let mut books = self.site.books();
        let Some(pick) = entry else {
            books.meter.shed();
            return Err(Error::explain(ErrorType::HTTPStatus(503), "no instance takes it"));
        };
        let new = Some(pick.version) == books.meter.new_version();
        let before = visit.tried.count();
        if before == 0 {
            books.meter.routed(pick.version);
        }
        if let Some(trip) = books.trips.get_mut(&visit.number) {
            trip.last = Some((pick, before));
            trip.ending = None;
            trip.exposed |= new;
        }
        visit.tried.push(pick.instance);
        visit.pick = Some(pick);
        visit.ending = None;
        Ok(pick)
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Visit;

    fn new_ctx(&self) -> Visit {
        let (user, tried) = (UserId(0), Tried::NONE);
        Visit { number: u64::MAX, user, dice: 0, tried, expires: Moment::NEVER, pick: None, ending: None, wait: None }
    }

    async fn request_filter(&self, session: &mut Session, visit: &mut Visit) -> Result<bool> {
        let headers = &session.req_header().headers;
        visit.number = header(headers, NUMBER).unwrap_or(u64::MAX);
        visit.user = UserId(header(headers, USER).unwrap_or(0));
        visit.dice = header(headers, DICE).unwrap_or(0);
        let sent = header(headers, SENT).map(Moment::from_nanos);
        visit.expires = sent.zip(self.site.patience).map_or(Moment::NEVER, |(sent, patience)| sent + patience);
        Ok(false)
    }

    async fn upstream_peer(&self, _session: &mut Session, visit: &mut Visit) -> Result<Box<HttpPeer>> {
        self.back_off(visit).await?;
        let pick = self.pick(visit)?;
        let address = self.site.books().server(pick.instance).address;
        let mut peer = HttpPeer::new(address, false, String::new());
        let timeout = self.site.scenario.proxies.policy.retries.try_timeout;
        let timeout = timeout.map(|timeout| Duration::from_nanos(timeout.nanos()));
        peer.options.read_timeout = timeout;
        peer.options.connection_timeout = timeout;
        self.site.clock.pause(self.site.scenario.network.delay).await;
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        let before = visit.tried.count().saturating_sub(1);
        request.insert_header(ATTEMPT, before.to_string())?;
        // Hop by hop: the next proxy of a request has dice of its own.
        request.remove_header(DICE);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> Result<()> {
        self.site.clock.pause(self.site.scenario.network.delay).await;
        let ending = endings::of_status(response.status.as_u16());
        if ending == Ending::Served {
            visit.ending = Some(ending);
            return Ok(());
        }
        if ending == Ending::Refused {
            self.site.books().meter.shed();
        }
        match self.end(visit, ending) {
            Next::Done => Ok(()),
            Next::RetryAfter(_) => Err(endings::try_again()),
        }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        visit: &mut Visit,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let ending = endings::of_connecting(&error);
        if ending == Ending::Refused {
            self.site.books().meter.refused();
        }
        let again = self.end(visit, ending) != Next::Done;
        error.set_retry(again);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        visit: &mut Visit,
        _client_reused: bool,
    ) -> Box<Error> {
        if visit.pick.is_some() {
            self.end(visit, endings::of_exchange(&error));
        }
        // What has begun to be answered is not answered anew; the retry is forgone at the end.
        error.set_retry(visit.wait.is_some() && session.response_written().is_none());
        error
    }

    async fn logging(&self, _session: &mut Session, error: Option<&Error>, visit: &mut Visit) {
        let served = visit.ending.filter(|_| error.is_none());
        self.end(visit, served.unwrap_or(Ending::Abandoned));
        if visit.wait.take().is_some() {
            self.site.ask(self.number, |front, now| front.forgo(now));
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
