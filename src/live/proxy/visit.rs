//! A request on its way through the proxy: what is known of it, and what the core is told.

use crate::core::draw::further;
use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::{Ask, Client, Ending, Entry, Next, Pick, Ticket, Tried};
use crate::core::time::{Moment, Span};
use crate::live::proxy::desk::{Desk, Member, is_fault};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A connection to an instance that turns out to be closed says nothing of the instance; more than once it does.
const STALE_MAX: u32 = 2;

pub(super) struct Visit {
    /// Whatever takes over meanwhile, it ends where it began.
    pub desk: Arc<Desk>,
    pub came: Moment,
    pub user: UserId,
    pub dice: u64,
    pub key: Option<Vec<u8>>,
    pub client: Option<Client>,
    /// The instance that a cookie names.
    pub cookie: Option<InstanceId>,
    /// When its client is told that there is no answer.
    pub expires: Moment,
    /// Bytes of its body so far.
    pub body: u64,
    tried: Tried,
    /// The attempt under way.
    attempt: Option<(Pick, Arc<Member>)>,
    /// How that is going to end, once the answer has passed.
    pub ending: Option<Ending>,
    /// A retry was allowed, after so long.
    wait: Option<Span>,
    /// Where the last attempt went, and how long it took to its answer.
    pub last: Option<(Arc<Member>, Span)>,
    pub attempts: u32,
    stale: u32,
    /// Refused before it went anywhere, for this reason.
    pub refused: Option<&'static str>,
}

impl Visit {
    pub fn new(desk: Arc<Desk>) -> Visit {
        let came = desk.clock.now();
        Visit {
            came,
            desk,
            user: UserId(0),
            dice: 0,
            key: None,
            client: None,
            cookie: None,
            expires: Moment::NEVER,
            body: 0,
            tried: Tried::NONE,
            attempt: None,
            ending: None,
            wait: None,
            last: None,
            attempts: 0,
            stale: 0,
            refused: None,
        }
    }

    /// Whether the core has allowed another attempt that was not made yet.
    pub fn goes_on(&self) -> bool {
        self.wait.is_some()
    }

    pub fn has_attempt(&self) -> bool {
        self.attempt.is_some()
    }

    /// Waits as long as the core said; says whether there is time left for the retry, which otherwise is forgone.
    pub async fn back_off(&mut self) -> bool {
        let clock = &self.desk.clock;
        let Some(wait) = self.wait else { return clock.now() < self.expires };
        let again = clock.now() + wait;
        clock.until(again.min(self.expires)).await;
        if clock.now() < self.expires {
            self.wait = None;
            return true;
        }
        self.forgo();
        false
    }

    /// Asks the core for an instance.
    pub fn pick(&mut self) -> Option<Arc<Member>> {
        let key = self.key.as_deref();
        let ask = Ask { user: self.user, dice: self.dice, tried: self.tried, key, client: self.client };
        let pick = self.desk.ask(|front, now| match front.enter(now, &ask, self.cookie, Ticket(0)) {
            Entry::Sent(pick) => Some(pick),
            // Configurations with a queue are refused.
            Entry::Waits(turn) => {
                front.leave(now, turn);
                None
            }
            Entry::Refused => None,
        })?;
        let member =
            self.desk.member(pick.instance).expect("the core picks who is listed, and who is listed has an address");
        member.in_flight.fetch_add(1, Ordering::SeqCst);
        member.meters.in_flight.inc();
        if self.attempts > 0 {
            self.desk.metrics.retries.inc();
        }
        self.attempts += 1;
        self.tried.push(pick.instance);
        self.ending = None;
        self.attempt = Some((pick, Arc::clone(&member)));
        Some(member)
    }

    /// The attempt is over: the core says whether there is another.
    pub fn end(&mut self, ending: Ending) -> Next {
        let Some((pick, member)) = self.attempt.take() else { return Next::Done };
        let attempts = self.tried.count();
        let dice = further(self.dice, u64::from(attempts));
        let (next, took) =
            self.desk.ask(|front, now| (front.finish(now, pick, ending, attempts, dice), now.since(pick.at)));
        self.desk.changed.notify_one();
        let slow = self.desk.slow_above.is_some_and(|above| took > above);
        if ending != Ending::Abandoned {
            self.desk.count(pick.version, is_fault(ending), slow);
        }
        let meters = &member.meters;
        match ending {
            Ending::Served => meters.served.inc(),
            Ending::Error => meters.error.inc(),
            Ending::Refused => meters.refused.inc(),
            Ending::Reset => meters.reset.inc(),
            Ending::TimedOut => meters.timed_out.inc(),
            Ending::Abandoned => meters.abandoned.inc(),
        }
        meters.in_flight.dec();
        if member.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            member.idle.notify_waiters();
        }
        if self.last.as_ref().is_none_or(|(last, _)| !Arc::ptr_eq(last, &member)) {
            self.last = Some((member, took));
        }
        if let Next::RetryAfter(wait) = next {
            self.wait = Some(wait);
        }
        next
    }

    /// The head of an answer has come.
    pub fn answered(&mut self) {
        if let Some((pick, member)) = &self.attempt {
            self.last = Some((Arc::clone(member), self.desk.clock.now().since(pick.at)));
        }
    }

    /// A connection that was kept open had been closed by the instance: the request begins anew, as if nothing had been.
    /// Says whether it may; a retry may not, since the core counts those.
    pub fn begin_anew(&mut self) -> bool {
        if self.stale == STALE_MAX || !self.has_attempt() || self.tried.count() > 1 {
            return false;
        }
        self.end(Ending::Abandoned);
        self.tried = Tried::NONE;
        self.stale += 1;
        self.attempts = 0;
        true
    }

    /// A retry that was allowed is not made.
    pub fn forgo(&mut self) {
        if self.wait.take().is_some() {
            self.desk.ask(|front, now| front.forgo(now));
        }
    }

    /// What is left when the exchange ends, whatever its end.
    pub fn close(&mut self, well: bool) {
        let served = self.ending.filter(|_| well);
        self.end(served.unwrap_or(Ending::Abandoned));
        self.forgo();
    }
}

impl Drop for Visit {
    /// A client that leaves may take the whole task with it: the core learns of it all the same.
    fn drop(&mut self) {
        self.close(false);
    }
}
