//! Plain rotation in listed order; those not eligible are passed over. Weights mean nothing.
//!
//! Cold start: a fair share at once.

use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// Who comes next.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct Rotation {
    next: usize,
}

impl Algorithm for Rotation {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let start = if self.next < members.len() { self.next } else { 0 };
        let first = members.get(start)?;
        let place = if turn.eligible.admits(first) { start } else { any_from(members, turn.eligible, start)? };
        self.next = place + 1;
        Some(place)
    }

    #[inline(always)]
    fn take_of_alike(&mut self, members: &[Member]) -> Option<usize> {
        let place = if self.next < members.len() { self.next } else { 0 };
        if !members.get(place)?.is_clean() {
            return None;
        }
        self.next = place + 1;
        Some(place)
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, _: &mut [Member], change: Change, _: Moment) {
        match change {
            Change::Left(place) => self.next -= usize::from(place < self.next),
            Change::Joining
            | Change::Joined(_)
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
    }

    fn show(&self, members: &[Member], place: usize, _: Moment) -> Shown {
        let next = self.next % members.len();
        let turns = (place + members.len() - next) % members.len();
        Shown { current: Some(turns as f64), ..Shown::default() }
    }
}
