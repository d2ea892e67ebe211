//! What a proxy thinks of one instance: active checks (rise and fall) and passive failures (`max_fails`).

use crate::core::proxy::RetryOn;
use crate::core::time::{Moment, Span};
use serde::{Deserialize, Serialize};

/// Active health checks: `fall` failures in a row take an instance out, `rise` successes bring it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Time from one check to the next.
    pub interval: Span,
    /// The same while an instance is on its way up or down (HAProxy's `fastinter`).
    pub fast_interval: Span,
    /// The same while an instance is down (HAProxy's `downinter`).
    pub down_interval: Span,
    /// A check without an answer fails after this long.
    pub timeout: Span,
    /// Successes in a row that bring it back; at least 1.
    pub rise: u32,
    /// Failures in a row that take it out; at least 1.
    pub fall: u32,
    /// What a newly listed instance counts as.
    pub initial: Initial,
}

/// What an instance counts as until its first check (HAProxy's `init-state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Up; it takes `fall` failures to change that.
    FullyUp,
    /// Up, but the first check decides.
    Up,
    /// Down, but the first check decides (a new ALB target; a new Envoy host).
    Down,
    /// Down; it takes `rise` successes to change that.
    FullyDown,
}

/// Passive health, as nginx's `max_fails` and `fail_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// Failures that take it out; at least 1.
    pub max_fails: u32,
    /// How long it stays out; one live attempt follows.
    pub fail_timeout: Span,
}

/// How an attempt ended, as the proxy saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// A good answer.
    Served,
    /// An answer that says the instance failed (a 5xx).
    Error,
    /// The instance did not take the attempt: refused, or its queue was full.
    Refused,
    /// The instance went away while it had the attempt.
    Reset,
    /// There was no answer within the time for one attempt.
    TimedOut,
    /// The client gave up first, or another attempt won, which says nothing about the instance.
    Abandoned,
}

impl Ending {
    /// As in nginx: what would be retried is a failure of the instance, and so are broken connections and time-outs in
    /// any case.
    pub(super) const fn counts_as_failure(self, on: RetryOn) -> bool {
        match self {
            Ending::Served | Ending::Abandoned => false,
            Ending::Error => on.error,
            Ending::Refused | Ending::Reset | Ending::TimedOut => true,
        }
    }

    pub(super) const fn may_be_retried(self, on: RetryOn) -> bool {
        match self {
            Ending::Served | Ending::Abandoned => false,
            Ending::Error => on.error,
            Ending::Refused => on.refused,
            Ending::Reset => on.reset,
            Ending::TimedOut => on.timeout,
        }
    }

    /// Whether it is bad for statistics that count every 5xx and everything that a proxy answers with one itself;
    /// `None` where it says nothing.
    pub(super) const fn failed(self) -> Option<bool> {
        match self {
            Ending::Served => Some(false),
            Ending::Error | Ending::Refused | Ending::Reset | Ending::TimedOut => Some(true),
            Ending::Abandoned => None,
        }
    }
}

/// Rise and fall of active checks, as HAProxy counts them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub up: bool,
    /// The next answer decides alone.
    first: bool,
    /// Answers in a row against the present state.
    against: u32,
}

impl Checked {
    pub const UP: Checked = Checked { up: true, first: false, against: 0 };

    pub const fn new(initial: Initial) -> Checked {
        let (up, first) = match initial {
            Initial::FullyUp => (true, false),
            Initial::Up => (true, true),
            Initial::Down => (false, true),
            Initial::FullyDown => (false, false),
        };
        Checked { up, first, against: 0 }
    }

    pub fn answer(&mut self, well: bool, checks: Checks) {
        if well == self.up {
            (self.first, self.against) = (false, 0);
            return;
        }
        self.against += 1;
        let needed = if self.up { checks.fall } else { checks.rise };
        if self.first || self.against >= needed {
            *self = Checked { up: well, first: false, against: 0 };
        }
    }

    /// From the start of one check to the start of the next (HAProxy's `srv_getinter`).
    pub const fn interval(&self, checks: Checks) -> Span {
        if self.first || self.against > 0 {
            checks.fast_interval
        } else if self.up {
            checks.interval
        } else {
            checks.down_interval
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn checks(initial: Initial) -> Checks {
        Checks {
            interval: Span::from_secs(5),
            fast_interval: Span::from_secs(1),
            down_interval: Span::from_secs(9),
            timeout: Span::from_secs(1),
            rise: 2,
            fall: 3,
            initial,
        }
    }

    fn states(initial: Initial, answers: &[bool]) -> Vec<bool> {
        let mut checked = Checked::new(initial);
        let answer = |&well: &bool| {
            checked.answer(well, checks(initial));
            checked.up
        };
        answers.iter().map(answer).collect()
    }

    #[test]
    fn the_first_check_decides_where_it_is_told_to() {
        assert_eq!(states(Initial::FullyUp, &[false, false, false]), [true, true, false]);
        assert_eq!(states(Initial::Up, &[false, true, true]), [false, false, true]);
        assert_eq!(states(Initial::Up, &[true, false, false, false]), [true, true, true, false]);
        assert_eq!(states(Initial::Down, &[true, false]), [true, true]);
        assert_eq!(states(Initial::Down, &[false, true, true]), [false, false, true]);
        assert_eq!(states(Initial::FullyDown, &[true, true]), [false, true]);
    }

    #[test]
    fn checks_are_frequent_in_transition_and_rare_while_down() {
        let rules = checks(Initial::FullyUp);
        let mut checked = Checked::new(Initial::FullyUp);
        let mut intervals = vec![checked.interval(rules).whole_seconds()];
        for well in [false, false, false, true, true] {
            checked.answer(well, rules);
            intervals.push(checked.interval(rules).whole_seconds());
        }
        assert_eq!(intervals, [5, 1, 1, 9, 1, 5]);
        assert_eq!(Checked::new(Initial::Down).interval(rules).whole_seconds(), 1);
    }
}
