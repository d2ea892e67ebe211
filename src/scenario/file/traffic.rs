//! Clients, the network, and the rules of balancing between them.

use super::{LawOrSpan, NoneWord, USERS_MAX, UnlimitedWord};
use crate::core::amount::Rate;
use crate::core::time::Span;
use crate::scenario::entry::{Entry, Or, OrWord, choice, table, words};
use crate::scenario::units::{Above, FileName, Lasting, Percent, Whole};

table! {
    /// Who sends requests, and when: exactly one of open, trace and closed.
    pub struct Traffic one of [open, trace, closed] {
        /// Requests arrive at a rate, whatever the service does.
        open: Option<Open> = None,
        /// Requests arrive as a file recorded them.
        trace: Option<Trace> = None,
        /// A fixed number of users who each wait for the answer, think, and send again.
        closed: Option<Closed> = None,
        /// How long a client waits for the final answer; none: for ever.
        timeout: OrWord<Lasting, NoneWord> = OrWord::absent(),
        /// When a proxy sends a failed attempt to another instance.
        retries: Retries = Entry::fallback(),
        /// Connections that stay open between requests; without them every request opens its own.
        connections: OrWord<Connections, NoneWord> = OrWord::absent(),
        /// Distinct users behind the requests (10000 unless given); not with closed traffic, which counts its own.
        users: Option<Whole<1, USERS_MAX>> = None,
    }
}

table! {
    /// Connections that stay open between requests: one for each user.
    pub struct Connections {
        /// Closed when so old, as gRPC's `MAX_CONNECTION_AGE`; none: never.
        max_age: OrWord<Lasting, NoneWord> = OrWord::absent(),
        /// An age varies by up to this share of itself.
        jitter: Percent = Percent::of(10.0),
        /// Closed when unused for so long; none: never.
        idle: OrWord<Lasting, NoneWord> = OrWord::absent(),
        /// Closed after so many requests.
        max_requests: OrWord<Whole<1, 1_000_000_000>, UnlimitedWord> = OrWord::absent(),
    }
}

table! {
    /// Open-loop traffic.
    pub struct Open {
        /// One after the other; nothing arrives after the last.
        stages: Vec<Stage>,
        /// How the gaps between requests vary.
        arrivals: Arrivals = Arrivals::Poisson,
    }
}

table! {
    /// A stretch of time with a rate, or with a straight line from one rate to another.
    pub struct Stage {
        /// Requests in a unit of time.
        rate: Rate,
        /// How long.
        r#for: Lasting,
        /// The rate at the end, if it changes on the way.
        to: Option<Rate> = None,
    }
}

words! {
    /// How the gaps between requests vary.
    pub enum Arrivals {
        /// By chance, as the requests of many independent clients.
        "poisson" => Poisson,
        /// Not at all.
        "even" | "constant" => Even,
    }
}

table! {
    /// A CSV file with the columns period and count (requests in each period), or with the column timestamp (one row
    /// for each request).
    pub struct Trace {
        /// Path of the file, from the folder of the scenario.
        file: FileName,
        /// Multiplies the rate.
        scale: Above<0> = Above(1.0),
        /// How much of the trace to skip, so that the run begins there.
        start: Span = Span::ZERO,
        /// The column with the size of each request, for service times per size.
        size: Option<FileName> = None,
    }
}

table! {
    /// Closed-loop traffic.
    pub struct Closed {
        /// How many users.
        users: Whole<1, 1_000_000>,
        /// From an answer to the next request.
        think: LawOrSpan,
    }
}

table! {
    /// Retries by the proxy.
    pub struct Retries {
        /// Attempts beyond the first.
        attempts: Whole<0, 3> = Whole::of(0),
        /// Retries under way may be at most this share of a proxy's active requests, or another kind of budget.
        budget: Or<OrWord<Percent, NoneWord>, Budget> = Or::Leaf(OrWord::absent()),
        /// Which failed attempts may be retried.
        on: Vec<Failure> = vec![Failure::Refused, Failure::Reset],
        /// Where a retry goes.
        target: Target = Target::Other,
        /// With the target same: whether the last retry goes to another instance (HAProxy's option redispatch).
        redispatch: bool = false,
        /// How long a retry waits.
        backoff: Backoff = Backoff::Off(Plain {}),
        /// An attempt without an answer is given up after this long; none: never.
        try_timeout: OrWord<Lasting, NoneWord> = OrWord::absent(),
        /// A request without an answer gets a second attempt after this long, and the first answer wins; none: never.
        hedge_after: OrWord<Lasting, NoneWord> = OrWord::absent(),
    }
}

words! {
    /// Where a retry goes.
    pub enum Target {
        /// To an instance that the request was not sent to before (nginx).
        "other" => Other,
        /// Wherever the balancer sends it (Envoy).
        "any" => Any,
        /// To the same instance (HAProxy).
        "same" => Same,
    }
}

choice! {
    /// How long a retry waits.
    pub enum Backoff {
        /// Not at all.
        "off" => Off(Plain),
        /// Always as long, but not when it is moved to another instance (HAProxy).
        "fixed" => Fixed(FixedWait),
        /// By chance, up to a bound that doubles (Envoy).
        "jittered" => Jittered(JitteredWait),
    }
}

table! {
    /// Always as long.
    pub struct FixedWait {
        /// How long.
        wait: Lasting = Lasting(Span::from_secs(1)),
    }
}

table! {
    /// The n-th retry waits by chance up to (2ⁿ − 1) times base.
    pub struct JitteredWait {
        /// What is doubled.
        base: Lasting = Lasting(Span::from_millis(25)),
        /// The longest wait.
        max: Lasting = Lasting(Span::from_millis(250)),
    }
}

choice! {
    /// How many retries there may be in all.
    pub enum Budget {
        /// At once at most a share of the active requests (Envoy's retry budget).
        "active" => Active(ActiveBudget),
        /// At once at most so many (Envoy's circuit breaker).
        "at-once" => AtOnce(AtOnceBudget),
        /// Requests pay for retries (Finagle, linkerd).
        "deposits" => Deposits(DepositBudget),
        /// Failures use tokens up (gRPC's retry throttling).
        "tokens" => Tokens(TokenBudget),
    }
}

table! {
    /// At once at most a share of the active requests.
    pub struct ActiveBudget {
        /// Of a proxy's active requests.
        share: Percent,
        /// So many are always allowed.
        floor: Whole<0, 1_000_000> = Whole::of(3),
    }
}

table! {
    /// At once at most so many.
    pub struct AtOnceBudget {
        /// How many.
        retries: Whole<0, 1_000_000>,
    }
}

table! {
    /// Each request pays for a part of a retry.
    pub struct DepositBudget {
        /// Retries per request.
        share: Percent,
        /// For how long a request counts.
        lasts: Lasting = Lasting(Span::from_secs(10)),
        /// Retries in a second that cost nothing.
        per_second: Whole<0, 100_000> = Whole::of(10),
    }
}

table! {
    /// A failure takes a token; retries stop while half or more of them are gone.
    pub struct TokenBudget {
        /// At the start and at most.
        max: Whole<1, 1_000>,
        /// Tokens for a success; three digits count.
        ratio: Above<0> = Above(0.1),
    }
}

words! {
    /// How an attempt failed.
    pub enum Failure {
        /// The instance did not accept it.
        "refused" => Refused,
        /// The instance went away while it worked on it.
        "reset" => Reset,
        /// The instance answered with an error.
        "error" => Error,
        /// The instance did not answer within try-timeout.
        "timeout" => Timeout,
    }
}

table! {
    /// Delays.
    pub struct Network {
        /// One way between a proxy and an instance.
        delay: Span = Span::ZERO,
        /// From a change of the endpoints to the moment a proxy acts on it; a law is drawn from for each change and proxy.
        listing_delay: LawOrSpan = Or::Leaf(Span::ZERO),
    }
}

table! {
    /// Nothing to set.
    pub struct Plain {}
}
