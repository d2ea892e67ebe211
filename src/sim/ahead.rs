//! Where answers matter to nobody but to who counts them, requests are sent ahead of them, and the answers caught up with.
//!
//! A processor guesses badly whether the next event is a request or an answer. Under a balancer that minds no answers, without a
//! delay and with no error under way or in a queue, a request that finds a free slot does not depend on the answers before it,
//! and many of a kind can happen in a row. The result is the same to the last bit: whatever takes a closer look happens in its
//! turn.

use crate::core::time::Moment;
use crate::sim::agenda::Due;
use crate::sim::features::{Ahead, Near};
use crate::sim::world::World;

/// So many requests are sent before answers are caught up with: enough for long rows, and few enough to stay in the cache.
const ROW_MAX: u32 = 128;
/// After a shorter row than this the next is not tried at once: hardly anybody finds a free slot.
const ROW_MIN: u32 = 2;
/// So many events happen one by one first.
const PAUSE: u32 = 32;

impl World<'_> {
    /// Things happen up to one that is out of the ordinary, requests ahead of answers where they can.
    #[inline(never)]
    pub fn happen_in_rows(&mut self) {
        let mut pause = 0;
        loop {
            if self.now > self.careful_until {
                pause = self.pause_or_run_ahead(pause);
            }
            let Some(due) = self.agenda.next::<Near>(&self.flights) else { return };
            self.let_happen::<Near>(due);
        }
    }

    /// `pause` is how many events are still to happen one by one; so is the answer.
    #[inline(always)]
    fn pause_or_run_ahead(&mut self, pause: u32) -> u32 {
        if pause > 0 {
            return pause - 1;
        }
        if self.doubtful == 0 && self.run_ahead() < ROW_MIN { PAUSE } else { 0 }
    }

    /// Sends requests as long as nothing else but answers would come in between, and then lets the answers come. Answers how
    /// many were sent.
    #[inline(never)]
    fn run_ahead(&mut self) -> u32 {
        self.ahead = true;
        for sent in 0..ROW_MAX {
            let Some(at) = self.agenda.pass_to_arrival() else {
                self.catch_up();
                return sent;
            };
            self.advance(at);
            self.arrive::<Ahead>();
            if !self.ahead {
                return sent;
            }
        }
        self.catch_up();
        ROW_MAX
    }

    /// Lets the answers come that were passed over: what happens next may depend on them.
    #[inline(never)]
    pub fn catch_up(&mut self) {
        self.ahead = false;
        let now = self.now;
        let mut before = Moment::START;
        while let Some(Due::Served(at, flight, service)) = self.agenda.next_passed(&self.flights) {
            assert!(at >= before, "time went backwards");
            (self.now, before) = (at, at);
            self.served::<Near>(flight, service);
        }
        self.now = now;
    }
}
