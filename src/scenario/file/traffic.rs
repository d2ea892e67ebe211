//! Clients, the network, and the proxies in between.

use super::balancer::Balancer;
use super::{LawOrSpan, NoneWord, USERS_MAX};
use crate::core::amount::Rate;
use crate::core::time::Span;
use crate::scenario::entry::{Entry, Named, OrWord, table, words};
use crate::scenario::units::{Above, Every, FileName, Lasting, Percent, Whole};

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
        /// Distinct users behind the requests (10000 unless given); not with closed traffic, which counts its own.
        users: Option<Whole<1, USERS_MAX>> = None,
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
        /// Retries under way may be at most this share of a proxy's active requests.
        budget: OrWord<Percent, NoneWord> = OrWord::absent(),
        /// Which failed attempts may be retried.
        on: Vec<Failure> = vec![Failure::Refused, Failure::Reset],
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
    }
}

table! {
    /// Delays.
    pub struct Network {
        /// One way between a proxy and an instance.
        delay: Span = Span::ZERO,
        /// From a change of the endpoints to the moment a proxy acts on it.
        listing_delay: Span = Span::ZERO,
    }
}

table! {
    /// What stands between the clients and the instances.
    pub struct Proxies {
        /// How many, each blind to what the others do.
        count: Whole<1, 1_000> = Whole::of(1),
        /// How a proxy picks an instance.
        balancer: Balancer = Balancer::LeastConnections(Entry::fallback()),
        /// Weight of an instance by its version, for balancers with weights; 1 where none is given.
        weights: Named<Whole<1, 256>> = Named(Vec::new()),
        /// Active health checks; none unless given.
        health: Option<Health> = None,
        /// Instances that fail requests are avoided for a while; off unless given.
        passive: Option<Passive> = None,
    }
}

table! {
    /// Active health checks.
    pub struct Health {
        /// Between two checks of an instance.
        interval: Every<10> = Every(Span::from_secs(2)),
        /// A check without an answer fails after this long.
        timeout: Lasting = Lasting(Span::from_secs(1)),
        /// Successes in a row that bring an instance back.
        rise: Whole<1, 1_000> = Whole::of(2),
        /// Failures in a row that take it out.
        fall: Whole<1, 1_000> = Whole::of(3),
    }
}

table! {
    /// Passive health, as nginx's `max_fails` and `fail_timeout`.
    pub struct Passive {
        /// Failures within fail-timeout that take an instance out.
        max_fails: Whole<1, 1_000_000> = Whole::of(1),
        /// For how long.
        fail_timeout: Lasting = Lasting(Span::from_secs(10)),
    }
}
