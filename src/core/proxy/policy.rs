//! How a proxy is told to behave: what the scenario says, with nothing of the state it builds up.

pub use crate::core::proxy::breaker::Breaker;
pub use crate::core::proxy::eject::{Ejection, FailureShare, SuccessRate};
pub use crate::core::proxy::health::{Checks, Initial, Passive};
pub use crate::core::proxy::level::{AllOut, LEVELS, Spill};
pub use crate::core::proxy::retry::{Backoff, Budget, MAX_RETRIES, Retries, RetryOn, Target};
pub use crate::core::proxy::sticky::{Affinity, Sticky};
pub use crate::core::proxy::waiting::Limits;

use crate::core::proxy::Rule;

/// How one proxy treats its instances; every proxy of a run has the same policy and a state of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which instance gets an attempt.
    pub balancer: Rule,
    /// By version: the weight of its instances; 1 where there is none.
    pub weights: Vec<u32>,
    /// `None`: instances are not checked.
    pub checks: Option<Checks>,
    /// `None`: failed attempts do not count against an instance.
    pub passive: Option<Passive>,
    /// `None`: failures in a row break nothing.
    pub breaker: Option<Breaker>,
    /// `None`: no instance is ejected for being worse than the others.
    pub ejection: Option<Ejection>,
    /// What happens when too few instances are healthy.
    pub all_out: AllOut,
    /// When backups get attempts.
    pub spill: Spill,
    /// How much may be under way, and who waits.
    pub limits: Limits,
    /// `None`: a user may go to another instance with every request.
    pub sticky: Option<Sticky>,
    /// What happens to failed attempts.
    pub retries: Retries,
}

impl Policy {
    /// Whether a proxy may draw when an attempt ends.
    pub const fn draws_at_endings(&self) -> bool {
        self.breaker.is_some() || self.ejection.is_some() || matches!(self.retries.backoff, Backoff::Jittered { .. })
    }

    /// A policy that balances by `balancer` and does nothing else.
    pub fn plain(balancer: Rule) -> Policy {
        Policy {
            balancer,
            weights: Vec::new(),
            checks: None,
            passive: None,
            breaker: None,
            ejection: None,
            all_out: AllOut::Refuse,
            spill: Spill::Strict { first_only: false },
            limits: Limits::NONE,
            sticky: None,
            retries: Retries::NONE,
        }
    }
}
