//! Finagle's power of two choices with its panic mode (`P2CPick.scala`, `PanicMode.scala`): draw two distinct nodes and
//! prefer the healthy one, then the less loaded, ties to the first; if both are unhealthy, draw again, `effort` times in
//! all. When none of these 2 · effort draws was healthy, the last pair gets the request all the same: with a share p of the
//! nodes unhealthy that happens with probability p^(2 · effort). Weights mean nothing.
//!
//! Cold start: a newcomer wins every comparison it is drawn for.

use super::{Algorithm, Change, Minds, Turn, any_from};
use crate::core::proxy::bars::Bars;
use crate::core::proxy::pool::{Eligible, Member};
use crate::core::time::Moment;

/// Whom to draw from, and how often.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct TwoChoices {
    effort: u32,
}

impl TwoChoices {
    pub fn new(effort: u32) -> TwoChoices {
        TwoChoices { effort }
    }
}

/// Two places, different where there are two.
fn pair(count: usize, turn: &mut Turn<'_>) -> [usize; 2] {
    let first = turn.below(count);
    if count == 1 {
        return [first, first];
    }
    let second = turn.below(count - 1);
    [first, second + usize::from(second >= first)]
}

/// The better of a pair among those whom `eligible` admits.
fn better(members: &[Member], [first, second]: [usize; 2], eligible: Eligible<'_>) -> Option<usize> {
    match [first, second].map(|place| eligible.admits(&members[place])) {
        [true, true] if members[second].active < members[first].active => Some(second),
        [true, _] => Some(first),
        [false, true] => Some(second),
        [false, false] => None,
    }
}

impl Algorithm for TwoChoices {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if members.is_empty() {
            return None;
        }
        let mut last = [0, 0];
        for _ in 0..self.effort {
            last = pair(members.len(), turn);
            if let Some(place) = better(members, last, turn.eligible) {
                return Some(place);
            }
        }
        let panic = Eligible { shut: Bars::DRAINING, passive: None, ..turn.eligible };
        better(members, last, panic).or_else(|| any_from(members, turn.eligible, 0))
    }

    fn minds(&self) -> Minds {
        Minds::Load
    }

    fn change(&mut self, _: &mut [Member], _: Change, _: Moment) {}
}
