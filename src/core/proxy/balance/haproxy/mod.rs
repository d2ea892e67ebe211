//! HAProxy: `roundrobin`, `static-rr`, `leastconn`, `random` and the hashes.

pub(in crate::core::proxy) mod least;
pub(in crate::core::proxy) mod map;
pub(in crate::core::proxy) mod ring;
pub(in crate::core::proxy) mod rotation;

use super::rule::SlowStart;
use crate::core::proxy::pool::Member;
use crate::core::time::{Moment, Span};

/// Effective weights are sixteenths of the configured ones.
const SCALE: i64 = 16;
/// The largest effective weight.
const EWEIGHT_MAX: i64 = 256 * SCALE;
const STEP: Span = Span::from_secs(1);

/// Effective weights, which slow start raises step by step.
#[derive(Clone, Debug)]
struct Weights {
    slow_start: Option<SlowStart>,
    /// When to look at them again.
    due: Moment,
}

impl Weights {
    fn new(slow_start: Option<SlowStart>) -> Weights {
        Weights { slow_start, due: Moment::NEVER }
    }

    /// The effective weight of one who is in play.
    fn of(&self, member: &Member, now: Moment) -> i64 {
        match self.slow_start {
            Some(slow) if slow.slows(member.since, now) => {
                member.weight * i64::from(slow.sixteenths(now.since(member.since)))
            }
            Some(_) | None => member.weight * SCALE,
        }
    }

    /// Someone came: there will be steps to take.
    fn watch(&mut self, now: Moment) {
        if self.slow_start.is_some() {
            self.due = now;
        }
    }

    /// Whether a step may have been taken since the last look.
    #[inline]
    fn is_due(&mut self, members: &[Member], now: Moment) -> bool {
        if now < self.due {
            return false;
        }
        let spared = |slow: SlowStart| members.iter().any(|member| slow.slows(member.since, now));
        self.due = if self.slow_start.is_some_and(spared) { now + STEP } else { Moment::NEVER };
        true
    }
}
