//! Waiting at a proxy for a free place.

use crate::core::ids::InstanceId;
use crate::core::proxy::waiting::Waiter;
use crate::core::proxy::{Ask, Entry, Kind, Pick, Proxy, Target, Ticket, Tried, Turn};
use crate::core::time::Moment;

impl Proxy {
    pub(super) fn queue(
        &mut self,
        ask: Ask<'_>,
        ticket: Ticket,
        side: usize,
        only: Option<InstanceId>,
        kind: Kind,
    ) -> Entry {
        let again = only.is_some() || self.policy.retries.target == Target::Any;
        let tried = if again { Tried::NONE } else { ask.tried };
        let (user, retry) = (ask.user, kind == Kind::Retry);
        Entry::Waits(self.waiting.join(Waiter { ticket, user, side, only, tried, retry }))
    }

    /// A request stops waiting without having been served.
    pub fn leave(&mut self, turn: Turn) {
        if self.waiting.leave(turn).is_some_and(|waiter| waiter.retry) {
            self.forgo();
        }
    }

    /// Gives a free place to the oldest who waits for one. `freed` is the instance whose attempt has just ended; without
    /// it, any place is looked for. To be called until it answers `None`.
    pub fn call_next(&mut self, now: Moment, freed: Option<InstanceId>) -> Option<(Ticket, Pick)> {
        if self.waiting.len() == 0 || self.active >= self.policy.limits.requests {
            return None;
        }
        // Under a limit of the whole proxy the end of an attempt frees a place anywhere.
        let freed = freed.filter(|_| self.policy.limits.requests == u32::MAX);
        for side in 0..self.sides.len() {
            let instance = match freed {
                Some(instance) => instance,
                None => match self.sides[side].someone_free(now) {
                    Some(instance) => instance,
                    None => continue,
                },
            };
            let Some(spot) = self.sides[side].accepts(now, instance, true, true) else { continue };
            if let Some(waiter) = self.waiting.next_for(side, instance) {
                let kind = if waiter.retry { Kind::Retry } else { Kind::First };
                return Some((waiter.ticket, self.send(now, side, spot, waiter.user, kind)));
            }
        }
        None
    }

    /// Requests that wait.
    pub fn waiting(&self) -> u32 {
        self.waiting.len()
    }
}
