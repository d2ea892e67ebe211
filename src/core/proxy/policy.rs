//! How a proxy is told to behave: what the scenario says, with nothing of the state it builds up.

use crate::core::amount::Share;
use crate::core::proxy::Rule;
use crate::core::time::Span;

/// How one proxy treats its instances; every proxy of a run has the same policy and a state of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which instance gets an attempt.
    pub balancer: Rule,
    /// Weight of an instance by its version; 1 where none is given.
    pub weights: Vec<u32>,
    /// `None`: instances are not checked.
    pub checks: Option<Checks>,
    /// `None`: failed attempts do not count against an instance.
    pub passive: Option<Passive>,
    /// What happens to failed attempts.
    pub retries: Retries,
}

/// Active health checks: `fall` failures in a row take an instance out, `rise` successes bring it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Time from one check to the next.
    pub interval: Span,
    /// A check without an answer fails after this long.
    pub timeout: Span,
    /// Successes in a row that bring it back; at least 1.
    pub rise: u32,
    /// Failures in a row that take it out; at least 1.
    pub fall: u32,
}

/// Passive health, as nginx's `max_fails` and `fail_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// Failures that take it out; at least 1.
    pub max_fails: u32,
    /// How long it stays out; one live attempt follows.
    pub fail_timeout: Span,
}

/// When a failed attempt is sent to another instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// Attempts beyond the first; at most [`MAX_RETRIES`].
    pub attempts: u8,
    /// Retries under way may be at most this share of the active requests of a proxy (but 3 always may).
    pub budget: Option<Share>,
    /// Which failures are retried.
    pub on: RetryOn,
}

/// Attempts beyond the first that a request can remember.
pub const MAX_RETRIES: u8 = 3;

/// Which failed attempts may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// The instance did not accept the attempt: connection refused, or its queue was full.
    pub refused: bool,
    /// The instance went away while it worked on the attempt.
    pub reset: bool,
    /// The instance answered with an error.
    pub error: bool,
}
