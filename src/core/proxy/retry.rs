//! When a failed attempt is tried again: how often, where, after how long, and how many retries there may be in all.

use crate::core::amount::Share;
use crate::core::draw::below;
use crate::core::time::{Moment, Span};

/// Attempts beyond the first that a request can remember.
pub const MAX_RETRIES: u8 = 3;

/// When a failed attempt is sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// Attempts beyond the first; at most [`MAX_RETRIES`].
    pub attempts: u8,
    /// How many there may be in all.
    pub budget: Budget,
    /// Which failures are retried.
    pub on: RetryOn,
    /// Where a retry goes.
    pub target: Target,
    /// How long it waits.
    pub backoff: Backoff,
    /// An attempt without an answer is given up after this long; `None`: never.
    pub try_timeout: Option<Span>,
    /// A request without an answer gets a second attempt after this long, and the first answer wins; `None`: never.
    pub hedge_after: Option<Span>,
}

/// Which failed attempts may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// The instance did not accept the attempt: connection refused, or its queue was full.
    pub refused: bool,
    /// The instance went away while it worked on the attempt.
    pub reset: bool,
    /// The instance answered with an error.
    pub error: bool,
    /// The instance did not answer within the time for one attempt.
    pub timeout: bool,
}

/// Where a retry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To an instance that the request was not sent to before (nginx; Envoy with its previous-hosts predicate).
    Other,
    /// Wherever the balancer sends it (Envoy without a predicate).
    Any,
    /// To the same instance (HAProxy).
    Same {
        /// The last retry goes to another one (HAProxy's `option redispatch`).
        redispatch: bool,
    },
}

/// How long a retry waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// Not at all.
    None,
    /// Always so long; not where a retry is moved to another instance (HAProxy's turn-around).
    Fixed(Span),
    /// The n-th retry: by chance up to (2ⁿ − 1) times the base, but not above the cap (Envoy's
    /// `JitteredExponentialBackOffStrategy`).
    Jittered {
        /// What is doubled.
        base: Span,
        /// The longest wait.
        cap: Span,
    },
}

/// How many retries there may be in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// As many as there are failures.
    Unlimited,
    /// At once at most this share of the active requests, but always so many (Envoy's retry budget).
    Active {
        /// Of the active requests, retries included.
        share: Share,
        /// Envoy: 3.
        floor: u32,
    },
    /// At once at most so many (Envoy's circuit breaker).
    AtOnce(u32),
    /// Each request pays in, each retry takes out, and what was paid in is worth something for a while (Finagle and
    /// linkerd's `RetryBudget`).
    Deposits {
        /// Retries per request.
        share: Share,
        /// For how long a request counts.
        lasts: Span,
        /// Retries in a second that cost nothing.
        per_second: u32,
    },
    /// Each failure takes a token and each success gives some back; retries stop while half or more are gone (gRPC's
    /// `retryThrottling`).
    Tokens {
        /// At the start and at most.
        max: u32,
        /// Thousandths of a token for a success.
        ratio_thousandths: u32,
    },
}

impl Retries {
    /// No attempt is repeated.
    pub const NONE: Retries = Retries {
        attempts: 0,
        budget: Budget::Unlimited,
        on: RetryOn { refused: true, reset: true, error: false, timeout: false },
        target: Target::Other,
        backoff: Backoff::None,
        try_timeout: None,
        hedge_after: None,
    };

    /// Whether the attempt after `tried` ones must go where the last one went.
    #[inline]
    pub(super) fn stays(&self, tried: u8) -> bool {
        match self.target {
            Target::Other | Target::Any => false,
            Target::Same { redispatch } => tried > 0 && !(redispatch && tried >= self.attempts),
        }
    }

    /// How long the attempt after `tried` ones waits.
    pub(super) fn wait(&self, tried: u8, dice: u64) -> Span {
        match self.backoff {
            Backoff::None => Span::ZERO,
            Backoff::Fixed(span) => {
                let moved = matches!(self.target, Target::Same { .. }) && !self.stays(tried);
                if moved { Span::ZERO } else { span }
            }
            Backoff::Jittered { base, cap } => {
                let growth = (1_u64 << u32::from(tried.min(32))) - 1;
                let range = Span::from_nanos(base.nanos().saturating_mul(growth)).min(cap);
                jittered(range, dice)
            }
        }
    }
}

/// A time below `range`: whole milliseconds, as Envoy's timers have them, where there are any.
fn jittered(range: Span, dice: u64) -> Span {
    let millis = range.nanos() / 1_000_000;
    match u32::try_from(millis) {
        Ok(0) | Err(_) => Span::from_nanos((range.nanos() as f64 * crate::core::draw::unit(dice)) as u64),
        Ok(millis) => Span::from_millis(u64::from(below(dice, millis))),
    }
}

/// Slices of a deposit's life: Finagle's `WindowedAdder` has ten.
const SLICES: usize = 10;
/// A request pays in so much, so that shares need no fractions.
const DEPOSIT: i64 = 1_000;
/// Thousandths in a token.
const TOKEN: i64 = 1_000;

/// What is left of a budget.
#[derive(Clone, Debug)]
pub(super) struct Purse {
    budget: Budget,
    slices: [i64; SLICES],
    /// The number of the present slice.
    slice: u64,
    tokens: i64,
}

impl Purse {
    pub fn new(budget: Budget) -> Purse {
        let tokens = match budget {
            Budget::Tokens { max, .. } => i64::from(max) * TOKEN,
            Budget::Unlimited | Budget::Active { .. } | Budget::AtOnce(_) | Budget::Deposits { .. } => 0,
        };
        Purse { budget, slices: [0; SLICES], slice: 0, tokens }
    }

    /// Whether something must be told to this purse at all.
    pub const fn keeps_books(&self) -> bool {
        match self.budget {
            Budget::Unlimited | Budget::Active { .. } | Budget::AtOnce(_) => false,
            Budget::Deposits { .. } | Budget::Tokens { .. } => true,
        }
    }

    /// A request came in.
    pub fn request(&mut self, now: Moment) {
        if let Budget::Deposits { lasts, .. } = self.budget {
            self.turn(now, lasts);
            self.slices[self.slice as usize % SLICES] += DEPOSIT;
        }
    }

    /// An attempt ended well, or in a way that would be retried.
    pub fn ended(&mut self, well: bool) {
        if let Budget::Tokens { max, ratio_thousandths } = self.budget {
            let change = if well { i64::from(ratio_thousandths) } else { -TOKEN };
            self.tokens = (self.tokens + change).clamp(0, i64::from(max) * TOKEN);
        }
    }

    /// Takes out one retry, if `retrying` others are under way beside `active` requests.
    pub fn withdraw(&mut self, now: Moment, retrying: u32, active: u32) -> bool {
        match self.budget {
            Budget::Unlimited => true,
            Budget::Active { share, floor } => retrying < retries_allowed(share, floor, active),
            Budget::AtOnce(most) => retrying < most,
            Budget::Tokens { max, .. } => self.tokens > i64::from(max) * TOKEN / 2,
            Budget::Deposits { share, lasts, per_second } => {
                self.turn(now, lasts);
                let price =
                    if share.value() > 0.0 { (DEPOSIT as f64 / share.value()) as i64 } else { i64::MAX / 1_000_000 };
                let reserve = (f64::from(per_second) * lasts.seconds() * price as f64) as i64;
                let enough = reserve + self.slices.iter().sum::<i64>() >= price;
                if enough {
                    self.slices[self.slice as usize % SLICES] -= price;
                }
                enough
            }
        }
    }

    /// Forgets the slices that are too old.
    fn turn(&mut self, now: Moment, lasts: Span) {
        let slice = now.nanos() / (lasts.nanos() / SLICES as u64).max(1);
        let passed = slice.saturating_sub(self.slice).min(SLICES as u64);
        for step in 1..=passed {
            self.slices[(slice - passed + step) as usize % SLICES] = 0;
        }
        self.slice = slice;
    }
}

/// Retries that may be under way at once beside `active` requests: a share of them rounded down, but never below `floor`.
fn retries_allowed(share: Share, floor: u32, active: u32) -> u32 {
    ((f64::from(active) * share.value()) as u32).max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(value: f64) -> Share {
        Share::new(value).expect("a share")
    }

    fn at(second: u64) -> Moment {
        Moment::START + Span::from_secs(second)
    }

    #[test]
    fn budgets_follow_envoys_examples() {
        for (percent, active, allowed) in [(20, 25, 5), (20, 2, 3), (25, 100, 25)] {
            assert_eq!(retries_allowed(share(f64::from(percent) / 100.0), 3, active), allowed);
        }
    }

    #[test]
    fn back_off_is_drawn_from_envoys_ranges() {
        let backoff = Backoff::Jittered { base: Span::from_millis(25), cap: Span::from_millis(250) };
        let retries = Retries { attempts: 3, backoff, ..Retries::NONE };
        for (tried, longest) in [(1, 24.0), (2, 74.0), (3, 174.0), (4, 249.0), (9, 249.0)] {
            let waits = [0, u64::MAX / 2, u64::MAX].map(|dice| retries.wait(tried, dice).millis());
            assert_eq!((waits[0], waits[2]), (0.0, longest));
            assert!((waits[1] - longest / 2.0).abs() < 1.0, "the middle of the range");
        }
    }

    #[test]
    fn only_the_last_retry_is_moved_and_does_not_wait() {
        let target = Target::Same { redispatch: true };
        let retries = Retries { attempts: 3, target, backoff: Backoff::Fixed(Span::from_secs(1)), ..Retries::NONE };
        assert_eq!([0, 1, 2, 3].map(|tried| retries.stays(tried)), [false, true, true, false]);
        assert_eq!([1, 2, 3].map(|tried| retries.wait(tried, 0).whole_seconds()), [1, 1, 0]);
        let stubborn = Retries { target: Target::Same { redispatch: false }, ..retries };
        assert!(stubborn.stays(3));
    }

    #[test]
    fn deposits_allow_a_share_and_lose_their_worth() {
        let budget = Budget::Deposits { share: share(0.2), lasts: Span::from_secs(10), per_second: 0 };
        let mut purse = Purse::new(budget);
        let taken = |purse: &mut Purse, second| (0..100).filter(|_| purse.withdraw(at(second), 0, 0)).count();
        (0..100).for_each(|_| purse.request(at(0)));
        assert_eq!(taken(&mut purse, 5), 20);
        (0..100).for_each(|_| purse.request(at(6)));
        assert_eq!(taken(&mut purse, 30), 0);
    }

    #[test]
    fn a_reserve_allows_some_retries_every_second_whatever_the_traffic() {
        let budget = Budget::Deposits { share: share(0.2), lasts: Span::from_secs(10), per_second: 10 };
        let mut purse = Purse::new(budget);
        assert_eq!((0..1_000).filter(|_| purse.withdraw(at(0), 0, 0)).count(), 100, "ten seconds' worth");
    }

    #[test]
    fn tokens_stop_retries_when_half_of_them_are_gone() {
        let mut purse = Purse::new(Budget::Tokens { max: 10, ratio_thousandths: 100 });
        (0..4).for_each(|_| purse.ended(false));
        assert!(purse.withdraw(at(0), 0, 0));
        purse.ended(false);
        assert!(!purse.withdraw(at(0), 0, 0));
        purse.ended(true);
        assert!(purse.withdraw(at(0), 0, 0));
    }
}
