//! What a proxy thinks of one instance: active checks (rise and fall) and passive failures (`max_fails`).

use crate::core::proxy::{Checks, Passive, RetryOn};
use crate::core::time::Moment;

/// How an attempt ended, as the proxy saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A good answer.
    Served,
    /// An answer that says the instance failed (a 5xx).
    Error,
    /// The instance did not take the attempt: refused, or its queue was full.
    Refused,
    /// The instance went away while it had the attempt.
    Reset,
    /// The client gave up first, which says nothing about the instance.
    Abandoned,
}

impl Ending {
    /// As in nginx: what would be retried is a failure of the instance, and so are broken connections in any case.
    pub(super) const fn counts_as_failure(self, on: RetryOn) -> bool {
        match self {
            Ending::Served | Ending::Abandoned => false,
            Ending::Error => on.error,
            Ending::Refused | Ending::Reset => true,
        }
    }

    pub(super) const fn may_be_retried(self, on: RetryOn) -> bool {
        match self {
            Ending::Served | Ending::Abandoned => false,
            Ending::Error => on.error,
            Ending::Refused => on.refused,
            Ending::Reset => on.reset,
        }
    }
}

/// Rise and fall of active checks, as HAProxy counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub up: bool,
    /// Answers in a row against the present state.
    against: u32,
}

impl Checked {
    pub const fn up() -> Checked {
        Checked { up: true, against: 0 }
    }

    /// Known to be so, whoever found out.
    pub const fn marked(up: bool) -> Checked {
        Checked { up, against: 0 }
    }

    pub fn answer(&mut self, well: bool, checks: Checks) {
        if well == self.up {
            self.against = 0;
            return;
        }
        self.against += 1;
        let needed = if self.up { checks.fall } else { checks.rise };
        if self.against >= needed {
            *self = Checked { up: well, against: 0 };
        }
    }
}

/// nginx's `max_fails` and `fail_timeout`, on its clock of whole seconds
/// (`ngx_http_upstream_round_robin.c`: fields `fails`, `accessed`, `checked`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fails {
    fails: u32,
    accessed: u64,
    checked: u64,
}

impl Fails {
    /// Whether the instance is to be skipped. One live attempt per `fail_timeout` gets through.
    #[inline]
    pub fn out(&self, now: Moment, passive: Passive) -> bool {
        self.fails >= passive.max_fails && now.whole_seconds() - self.checked <= passive.fail_timeout.whole_seconds()
    }

    /// Whether a failure is remembered.
    #[inline]
    pub fn any(&self) -> bool {
        self.fails > 0
    }

    /// The instance was picked: if this is the live attempt, the next one is due a period later.
    #[inline]
    pub fn picked(&mut self, now: Moment, passive: Passive) {
        if now.whole_seconds() - self.checked > passive.fail_timeout.whole_seconds() {
            self.checked = now.whole_seconds();
        }
    }

    pub fn failed(&mut self, now: Moment) {
        self.fails += 1;
        self.accessed = now.whole_seconds();
        self.checked = self.accessed;
    }

    /// A success forgets failures that lie before the last live attempt.
    pub fn succeeded(&mut self) {
        if self.accessed < self.checked {
            self.fails = 0;
        }
    }
}
