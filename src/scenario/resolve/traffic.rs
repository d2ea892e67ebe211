//! Traffic.

use super::law::{Sizes, law};
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::entry::Or;
use crate::scenario::file::{Arrivals, Closed, File, Open, Stage, USERS};
use crate::scenario::plan::{Connections, Segment, Source, Spacing, Traffic};
use crate::scenario::trace;
use crate::yaml::tree::KeyPath;

/// A run with more takes hours; such a scenario is a slip of the pen.
const REQUESTS_MAX: f64 = 1e9;

/// Every user's connection is remembered.
const CONNECTED_USERS_MAX: u32 = 1_000_000;

pub(super) fn traffic(file: &mut File, check: &mut Check<'_>) -> Traffic {
    let users = users(file, check);
    let source = source(file, check);
    check_volume(file, &source, check);
    let connections = connections(file, users, check);
    Traffic { source, timeout: file.traffic.timeout.0.map(|timeout| timeout.0), users, connections }
}

fn connections(file: &File, users: u32, check: &mut Check<'_>) -> Option<Connections> {
    let connections = file.traffic.connections.0.as_ref()?;
    if users > CONNECTED_USERS_MAX {
        let text = format!("found {users} users, expected at most {CONNECTED_USERS_MAX} where each has a connection");
        let at = KeyPath::from(["traffic", "users"]);
        check.complain(&[&at, &KeyPath::from(["traffic", "connections"])], text);
    }
    Some(Connections {
        age: connections.max_age.0.map(|age| age.0),
        jitter: connections.jitter.share(),
        idle: connections.idle.0.map(|idle| idle.0),
        requests: connections.max_requests.0.map(|most| most.small()),
    })
}

/// Fills in the default, which hangs on the kind of traffic.
fn users(file: &mut File, check: &mut Check<'_>) -> u32 {
    let traffic = &mut file.traffic;
    let Some(closed) = &traffic.closed else {
        return traffic.users.get_or_insert(USERS).small();
    };
    if traffic.users.is_some() {
        let text = "found users beside closed traffic, expected the number under closed.users alone";
        check.complain(&[&KeyPath::from(["traffic", "users"])], text);
    }
    closed.users.small()
}

fn source(file: &File, check: &mut Check<'_>) -> Source {
    let at = KeyPath::from(["traffic"]);
    let traffic = &file.traffic;
    match (&traffic.open, &traffic.trace, &traffic.closed) {
        (Some(open), ..) => self::open(open, &at.key("open"), check),
        (None, Some(trace), _) => trace::traffic(trace, file.horizon.0, &at.key("trace"), check),
        (None, None, Some(closed)) => self::closed(closed, &at.key("closed"), check),
        // Refused when the table was read; an empty source harms nobody.
        (None, None, None) => Source::Requests(Vec::new()),
    }
}

fn open(open: &Open, at: &KeyPath, check: &mut Check<'_>) -> Source {
    let busy = |stage: &Stage| stage.rate.per_second() > 0.0 || stage.to.is_some_and(|to| to.per_second() > 0.0);
    if !open.stages.iter().any(busy) {
        let text = "found no stage with a rate above zero, expected at least one";
        check.complain(&[&at.key("stages")], text);
    }
    let segments = open.stages.iter().map(|stage| Segment {
        lasts: stage.r#for.0,
        from: stage.rate,
        to: stage.to.unwrap_or(stage.rate),
    });
    Source::Open {
        spacing: match open.arrivals {
            Arrivals::Poisson => Spacing::Poisson,
            Arrivals::Even => Spacing::Even,
        },
        segments: segments.collect(),
    }
}

fn closed(closed: &Closed, at: &KeyPath, check: &mut Check<'_>) -> Source {
    let at = at.key("think");
    if closed.think == Or::Leaf(Span::ZERO) {
        // A user who is refused at once and does not think would ask for ever at the same moment.
        check.complain(&[&at], "found 0s, expected a time above zero");
    }
    Source::Closed { think: law(&closed.think, Sizes::NoRequest, &at, check) }
}

fn check_volume(file: &File, source: &Source, check: &mut Check<'_>) {
    let Source::Open { segments, .. } = source else {
        return;
    };
    let mut left = file.horizon.0;
    let mut requests = 0.0;
    for segment in segments {
        let lasts = segment.lasts.min(left);
        requests += segment.from.per_second().midpoint(segment.to.per_second()) * lasts.seconds();
        left = left - lasts;
    }
    if requests > REQUESTS_MAX {
        let text = format!("found about {requests:.0} requests until the horizon, expected at most {REQUESTS_MAX:.0}");
        check.complain(&[&KeyPath::from(["traffic"]), &KeyPath::from(["horizon"])], text);
    }
}
