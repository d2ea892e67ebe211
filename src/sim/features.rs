//! What a run has that others have not, decided once: a request is asked about it as seldom as possible.

use crate::core::proxy::Affinity;
use crate::core::time::Span;
use crate::scenario::plan::{Discipline, Layer, Scenario, Source};

/// Which of its features a run makes use of.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Requests and answers go the usual way: nothing is on that would make them do otherwise.
    pub usual: bool,
    /// A good answer means more to somebody than that it is there.
    pub closely: bool,
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
}

impl Features {
    /// Those of a scenario under a strategy that asks which attempts are slow, if it does.
    pub fn new(scenario: &Scenario, slow_above: Option<Span>, witnessed: bool) -> Features {
        let policy = &scenario.proxies.policy;
        let mut features = Features {
            usual: false,
            closely: false,
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
    }
}
