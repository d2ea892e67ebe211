//! The data plane of one proxy: which instance gets a request, and what to do when an attempt ends.
//!
//! A service may have many proxies; each knows only what it was told and what it saw itself. Nothing here gives orders,
//! reads a clock or allocates for a request. A driver calls [`Proxy::pick`] for each attempt, then [`Proxy::finish`]
//! exactly once; it tells of endpoint changes, weights and probe results when they reach *this* proxy.

mod ask;
mod balance;
mod health;
mod policy;
mod pool;
mod retry;
mod route;

pub use ask::{Ask, Client, Pick, Report, Tried};
pub use balance::rule::*;
pub use health::Ending;
pub use policy::{Checks, MAX_RETRIES, Passive, Policy, Retries, RetryOn};
pub use pool::{Listing, Pool, Standing};
pub use retry::retries_allowed;

use crate::core::amount::Share;
use crate::core::draw::Seed;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::Split;
use crate::core::time::Moment;
use pool::End;
use route::Route;

/// Why no instance was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// None is listed, or none of the listed ones is thought to be alive and untried.
    NoInstance,
}

/// What to do once an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The ending is the client's answer.
    Done,
    /// Ask again for the same request.
    Retry,
}

/// One proxy: its policy and everything it has learnt.
#[derive(Clone, Debug)]
pub struct Proxy {
    policy: Policy,
    route: Route,
    /// One pool that every instance shares, or one for each side of a split.
    pools: [Pool; 2],
    active: u32,
    retrying: u32,
}

impl Proxy {
    /// Proxy `number`, which knows no instance. Without `split` all versions share one pool; with it, requests are first
    /// split between `split`'s version and all others, starting with a share of zero.
    pub fn new(policy: Policy, split: Option<(VersionId, Split)>, seed: Seed, number: u16) -> Proxy {
        let family = seed.family("balancer");
        let pools = [0, 1].map(|side| Pool::new(&policy.balancer, family.stream(u64::from(number) << 1 | side)));
        Proxy { policy, route: Route::new(split), pools, active: 0, retrying: 0 }
    }

    /// The endpoints now include `instance`; it counts as healthy until seen otherwise. Listing it twice changes nothing.
    /// What is listed at the very start of time has long been there.
    pub fn list(&mut self, now: Moment, instance: InstanceId, version: VersionId) {
        let weight = self.policy.weights.get(version.index()).copied().unwrap_or(1);
        let [a, b, c, d] = instance.0.to_be_bytes();
        let name = format!("10.{}.{c}.{d}:80", u16::from(b) + u16::from(a) * 256);
        self.pools[self.route.side(version)].list(now, &Listing { instance, version, name: &name, weight });
    }

    /// The endpoints no longer include `instance`; attempts under way go on.
    pub fn unlist(&mut self, now: Moment, instance: InstanceId) {
        for pool in &mut self.pools {
            pool.unlist(now, instance);
        }
    }

    /// Whether `instance` is in this proxy's endpoints.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.pools.iter().any(|pool| pool.lists(instance))
    }

    /// From now on the new version gets `share` of the requests; has no effect without a split.
    pub fn set_share(&mut self, share: Share) {
        self.route.set_share(share);
    }

    /// Chooses an instance for one attempt.
    ///
    /// # Errors
    /// [`Refusal::NoInstance`] when the pool that the request is routed to has nobody to offer.
    #[inline]
    pub fn pick(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let side = self.route.choose(ask);
        let (instance, version) = self.pools[side].pick(now, self.policy.passive, ask).ok_or(Refusal::NoInstance)?;
        let retry = ask.tried.count() > 0;
        self.active += 1;
        self.retrying += u32::from(retry);
        Ok(Pick { instance, version, retry, at: now })
    }

    /// Takes note of how an attempt ended, and says whether the request should be tried again. `attempts` is how many
    /// the request has had, this one included.
    #[inline]
    pub fn finish(&mut self, now: Moment, pick: Pick, ending: Ending, attempts: u8) -> Next {
        self.active -= 1;
        self.retrying -= u32::from(pick.retry);
        let fault = ending.counts_as_failure(self.policy.retries.on);
        let side = self.route.side(pick.version);
        let end = End { now, latency: now.since(pick.at), fault, served: ending == Ending::Served };
        self.pools[side].finish(pick.instance, &end, self.policy.passive);
        if ending.may_be_retried(self.policy.retries.on)
            && attempts <= self.policy.retries.attempts
            && self.retrying < retries_allowed(self.policy.retries.budget, self.active + 1)
        {
            return Next::Retry;
        }
        Next::Done
    }

    /// An active check of `instance` was answered well or not.
    pub fn probed(&mut self, now: Moment, instance: InstanceId, well: bool) {
        let Some(checks) = self.policy.checks else { return };
        for pool in &mut self.pools {
            pool.probed(now, instance, well, checks);
        }
    }

    /// `instance` says how loaded it is.
    pub fn report(&mut self, now: Moment, instance: InstanceId, report: &Report) {
        for pool in &mut self.pools {
            pool.report(now, instance, report);
        }
    }

    /// Whether slow start is on but protects nothing, because every instance of a pool is in it.
    pub fn slow_start_protects_nothing(&self, now: Moment) -> bool {
        self.pools.iter().any(|pool| pool.slow_start_protects_nothing(now))
    }

    /// Attempts under way.
    pub fn active(&self) -> u32 {
        self.active
    }
}

#[cfg(test)]
mod tests;
