//! Limits on what a proxy has under way, and the queue of those who wait for a free place.
//!
//! HAProxy keeps a queue per server and one for the back end and serves the older of the two heads; one queue in the
//! order of arrival, in which some wait for a certain instance, comes to the same.

use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::Tried;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How much may be under way, and who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attempts that a proxy has on one instance at once (HAProxy's `maxconn`, nginx's `max_conns`).
    pub per_instance: u32,
    /// Attempts that a proxy has under way at once (Envoy's circuit breakers).
    pub requests: u32,
    /// Requests that wait at a proxy for a place; the next one is refused.
    pub queue: u32,
}

impl Limits {
    /// No limit, and so nobody ever waits.
    pub const NONE: Limits = Limits { per_instance: u32::MAX, requests: u32::MAX, queue: 0 };

    /// Whether there is any limit.
    pub fn any(&self) -> bool {
        self.per_instance < u32::MAX || self.requests < u32::MAX
    }
}

/// What the driver calls a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket(pub u32);

/// The place of a request in the queue, by which it can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Turn(pub u64);

/// One request that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub ticket: Ticket,
    pub user: UserId,
    /// The pool that it is routed to.
    pub side: usize,
    /// It waits for this instance and no other.
    pub only: Option<InstanceId>,
    /// It may not go there again.
    pub tried: Tried,
    pub retry: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    turn: Turn,
    waiter: Waiter,
    gone: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// In order of their turns; those who left are skipped.
    all: VecDeque<Place>,
    present: u32,
    next: u64,
}

impl Waiting {
    pub fn len(&self) -> u32 {
        self.present
    }

    pub fn join(&mut self, waiter: Waiter) -> Turn {
        let turn = Turn(self.next);
        self.next += 1;
        self.present += 1;
        self.all.push_back(Place { turn, waiter, gone: false });
        turn
    }

    /// Leaves without having been served; answers who that was.
    pub fn leave(&mut self, turn: Turn) -> Option<Waiter> {
        let place = self.all.binary_search_by_key(&turn, |place| place.turn).ok()?;
        self.take(place)
    }

    /// The oldest who may go to `instance` of pool `side`.
    pub fn next_for(&mut self, side: usize, instance: InstanceId) -> Option<Waiter> {
        let fits = |place: &Place| {
            let waiter = &place.waiter;
            !place.gone
                && waiter.side == side
                && waiter.only.is_none_or(|only| only == instance)
                && !waiter.tried.has(instance)
        };
        let place = self.all.iter().position(fits)?;
        self.take(place)
    }

    /// Nobody waits for `instance` in particular any more.
    pub fn release(&mut self, instance: InstanceId) {
        for place in self.all.iter_mut().filter(|place| place.waiter.only == Some(instance)) {
            place.waiter.only = None;
        }
    }

    fn take(&mut self, place: usize) -> Option<Waiter> {
        let Place { waiter, gone, .. } = self.all[place];
        if gone {
            return None;
        }
        self.all[place].gone = true;
        self.present -= 1;
        while self.all.front().is_some_and(|place| place.gone) {
            self.all.pop_front();
        }
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(only: &[Option<u32>]) -> Waiting {
        let mut waiting = Waiting::default();
        for (number, only) in (0..).zip(only) {
            waiting.join(Waiter {
                ticket: Ticket(number),
                user: UserId(0),
                side: 0,
                only: only.map(InstanceId),
                tried: Tried::NONE,
                retry: false,
            });
        }
        waiting
    }

    fn tickets(waiting: &mut Waiting, instance: u32) -> Vec<u32> {
        std::iter::from_fn(|| waiting.next_for(0, InstanceId(instance))).map(|waiter| waiter.ticket.0).collect()
    }

    #[test]
    fn the_oldest_goes_first_whichever_queue_it_is_in() {
        assert_eq!(tickets(&mut queue(&[None, Some(1), None, Some(2)]), 1), [0, 1, 2]);
    }

    #[test]
    fn those_who_left_are_skipped_and_can_leave_only_once() {
        let mut waiting = queue(&[None, None, None]);
        assert!(waiting.leave(Turn(1)).is_some());
        assert!(waiting.leave(Turn(1)).is_none());
        assert_eq!(waiting.len(), 2);
        assert_eq!(tickets(&mut waiting, 1), [0, 2]);
        assert!(waiting.leave(Turn(0)).is_none());
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn whoever_waited_for_an_instance_that_left_takes_any() {
        let mut waiting = queue(&[Some(1)]);
        assert!(tickets(&mut waiting, 2).is_empty());
        waiting.release(InstanceId(1));
        assert_eq!(tickets(&mut waiting, 2), [0]);
    }
}
