//! What a run has that others have not, decided once: a request is asked about it as seldom as possible.

use crate::core::proxy::Affinity;
use crate::core::time::Span;
use crate::scenario::plan::{Discipline, Layer, Scenario, Source};

/// What is known of all requests beforehand, so that none of them is asked.
pub trait Known {
    /// [`Features::plain`]; false: it may be so or not.
    const PLAIN: bool;
    /// Whether they take no time on the network; `None`: it may be so or not.
    const NEAR: Option<bool>;
    /// Whether they are sent ahead of answers to earlier ones.
    const AHEAD: bool;

    /// [`Features::usual`]
    #[inline(always)]
    fn usual(features: Features) -> bool {
        Self::PLAIN || features.usual
    }

    /// Whether attempts and answers take no time on the network.
    #[inline(always)]
    fn near(delay: Span) -> bool {
        Self::NEAR.unwrap_or(delay.is_zero())
    }

    /// The time that they take there, where `delay` is looked at only if need be.
    #[inline(always)]
    fn delay(delay: Span) -> Span {
        if Self::NEAR == Some(true) { Span::ZERO } else { delay }
    }
}

/// Nothing.
#[derive(Clone, Copy, Debug)]
pub struct Anything;

/// Plain requests over a network.
#[derive(Clone, Copy, Debug)]
pub struct Far;

/// Plain requests and no network.
#[derive(Clone, Copy, Debug)]
pub struct Near;

/// The same, sent ahead of answers to earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Ahead;

impl Known for Anything {
    const PLAIN: bool = false;
    const NEAR: Option<bool> = None;
    const AHEAD: bool = false;
}

impl Known for Far {
    const PLAIN: bool = true;
    const NEAR: Option<bool> = Some(false);
    const AHEAD: bool = false;
}

impl Known for Near {
    const PLAIN: bool = true;
    const NEAR: Option<bool> = Some(true);
    const AHEAD: bool = false;
}

impl Known for Ahead {
    const PLAIN: bool = true;
    const NEAR: Option<bool> = Some(true);
    const AHEAD: bool = true;
}

/// Which of its features a run makes use of.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Requests and answers go the usual way: nothing is on that would make them do otherwise.
    pub usual: bool,
    /// A good answer means more to somebody than that it is there.
    pub closely: bool,
    /// Requests go the usual way, a good answer means no more than that, and connections are nothing to anybody.
    pub plain: bool,
    /// A connection leads to one instance for life.
    pub pins: bool,
    /// Clients carry cookies.
    pub with_cookies: bool,
    /// Users wait for their answers before they send again.
    pub closed: bool,
    /// Any proxy copies requests.
    pub mirroring: bool,
    /// Requests may have to wait at a proxy.
    pub limited: bool,
    /// Proxies have something to do by themselves.
    pub timed_proxies: bool,
    /// Single attempts have clocks of their own.
    pub timed_tries: bool,
    /// Proxies may draw when an attempt ends, or somebody looks at what they are given for that.
    pub draws: bool,
    /// Instances work on everything at once.
    pub sharing: bool,
    /// Instances report their load, for the balancer goes by it.
    pub reports: bool,
    /// Any instance is of a fresh baseline.
    pub with_baseline: bool,
    /// Somebody asks which attempts are slow.
    with_slow: bool,
    /// Somebody is told of every question to the core.
    witnessed: bool,
    /// Connections stay open between requests.
    connected: bool,
}

impl Features {
    /// Those of a scenario under a strategy that asks which attempts are slow, if it does.
    pub fn new(scenario: &Scenario, slow_above: Option<Span>, witnessed: bool) -> Features {
        let policy = &scenario.proxies.policy;
        let mut features = Features {
            usual: false,
            closely: false,
            plain: false,
            pins: scenario.proxies.layer != Layer::L7 && scenario.traffic.connections.is_some(),
            with_cookies: policy.sticky.is_some_and(|sticky| sticky.by == Affinity::Cookie),
            closed: matches!(scenario.traffic.source, Source::Closed { .. }),
            mirroring: false,
            limited: policy.limits.any(),
            timed_proxies: policy.breaker.is_some() || policy.ejection.is_some(),
            timed_tries: policy.retries.try_timeout.is_some() || policy.retries.hedge_after.is_some(),
            draws: policy.draws_at_endings() || witnessed,
            sharing: scenario.fleet.discipline == Discipline::ProcessorSharing,
            reports: policy.balancer.wants_reports(),
            with_baseline: false,
            with_slow: slow_above.is_some(),
            witnessed,
            connected: scenario.traffic.connections.is_some(),
        };
        features.look(false);
        features
    }

    /// To be called when any of them has changed, or a flag shows the new code to anybody. Before a witness everything goes the
    /// long way, so that every question is asked, and tests can hold both ways to each other.
    pub fn look(&mut self, flagged: bool) {
        let at_clients = self.pins || self.with_cookies || flagged;
        let at_proxies = self.mirroring || self.limited || self.timed_tries;
        let at_instances = self.sharing || self.reports;
        self.usual = !(at_clients || at_proxies || at_instances || self.witnessed);
        self.closely = self.timed_proxies || self.with_baseline || self.with_slow || self.closed;
        self.plain = self.usual && !self.closely && !self.connected;
    }
}
