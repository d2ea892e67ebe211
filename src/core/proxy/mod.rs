//! The data plane of one proxy: which instance gets a request, and what to do when an attempt ends.
//!
//! A service may have many proxies; each knows only what it was told and what it saw itself. Nothing here gives orders,
//! reads a clock or allocates for a request. A driver calls [`Proxy::pick`] for each attempt, then [`Proxy::finish`]
//! exactly once; it tells of endpoint changes, weights and probe results when they reach *this* proxy.

mod balance;
mod health;
mod policy;
mod pool;
mod retry;
mod route;

pub use health::Ending;
pub use policy::{Checks, MAX_RETRIES, Passive, Policy, Retries, RetryOn, Rule};
pub use retry::retries_allowed;

use crate::core::amount::Share;
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::rollout::Split;
use crate::core::time::Moment;
use pool::Pool;
use route::Route;

/// A request that needs an instance.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Who asks.
    pub user: UserId,
    /// 64 random bits that belong to the request, so that a retry is routed like its first attempt.
    pub dice: u64,
    /// The instances already tried for this request.
    pub tried: Tried,
}

/// The instances that a request was sent to, at most one for each attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    instances: [InstanceId; MAX_RETRIES as usize + 1],
    count: u8,
}

impl Tried {
    /// No attempt yet.
    pub const NONE: Tried = Tried { instances: [InstanceId(0); MAX_RETRIES as usize + 1], count: 0 };

    /// How many attempts there were.
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Remembers one more attempt; there are never more than [`MAX_RETRIES`] + 1.
    pub fn push(&mut self, instance: InstanceId) {
        self.instances[usize::from(self.count)] = instance;
        self.count += 1;
    }

    fn has(&self, instance: InstanceId) -> bool {
        self.instances[..usize::from(self.count)].contains(&instance)
    }
}

/// The answer to an [`Ask`]; to be given back to [`Proxy::finish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Where the attempt goes.
    pub instance: InstanceId,
    /// The version it runs.
    pub version: VersionId,
    /// Whether the attempt is a retry, which counts against the budget until it ends.
    pub retry: bool,
}

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
    /// A proxy that knows no instance. Without `split` all versions share one pool; with it, requests are first split
    /// between `split`'s version and all others, starting with a share of zero.
    pub fn new(policy: Policy, split: Option<(VersionId, Split)>) -> Proxy {
        let pools = [Pool::new(policy.balancer), Pool::new(policy.balancer)];
        Proxy { policy, route: Route::new(split), pools, active: 0, retrying: 0 }
    }

    /// The endpoints now include `instance`; it counts as healthy until seen otherwise. Listing it twice changes nothing.
    pub fn list(&mut self, instance: InstanceId, version: VersionId) {
        self.pools[self.route.side(version)].list(instance, version);
    }

    /// The endpoints no longer include `instance`; attempts under way go on.
    pub fn unlist(&mut self, instance: InstanceId) {
        for pool in &mut self.pools {
            pool.unlist(instance);
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
    pub fn pick(&mut self, now: Moment, ask: &Ask) -> Result<Pick, Refusal> {
        let side = self.route.choose(ask);
        let (instance, version) =
            self.pools[side].pick(now, self.policy.passive, &ask.tried).ok_or(Refusal::NoInstance)?;
        let retry = ask.tried.count() > 0;
        self.active += 1;
        self.retrying += u32::from(retry);
        Ok(Pick { instance, version, retry })
    }

    /// Takes note of how an attempt ended, and says whether the request should be tried again. `attempts` is how many
    /// the request has had, this one included.
    #[inline]
    pub fn finish(&mut self, now: Moment, pick: Pick, ending: Ending, attempts: u8) -> Next {
        self.active -= 1;
        self.retrying -= u32::from(pick.retry);
        let fault = ending.counts_as_failure(self.policy.retries.on);
        let side = self.route.side(pick.version);
        self.pools[side].finish(now, pick.instance, fault, self.policy.passive);
        if ending.may_be_retried(self.policy.retries.on)
            && attempts <= self.policy.retries.attempts
            && self.retrying < retries_allowed(self.policy.retries.budget, self.active + 1)
        {
            return Next::Retry;
        }
        Next::Done
    }

    /// An active check of `instance` was answered well or not.
    pub fn probed(&mut self, instance: InstanceId, well: bool) {
        let Some(checks) = self.policy.checks else { return };
        for pool in &mut self.pools {
            pool.probed(instance, well, checks);
        }
    }

    /// Attempts under way.
    pub fn active(&self) -> u32 {
        self.active
    }
}

#[cfg(test)]
mod tests;
