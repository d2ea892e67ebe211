//! HAProxy's `first` (`lb_fas.c`): the first listed with a free connection. It packs load on few, for fleets that shrink at
//! night; weights mean nothing, and without a limit one instance would get everything.
//!
//! Cold start: nothing, until all before it are full.

use super::{Algorithm, Change, Minds, Turn};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;
use std::collections::BTreeSet;

/// Places with a free connection.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct First {
    limit: u32,
    free: BTreeSet<u32>,
}

impl First {
    pub fn new(limit: u32) -> First {
        First { limit, free: BTreeSet::new() }
    }
}

impl Algorithm for First {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        self.free.iter().map(|&place| place as usize).find(|&place| turn.eligible.admits(&members[place]))
    }

    fn minds(&self) -> Minds {
        Minds::Load
    }

    fn change(&mut self, members: &mut [Member], _: Change, _: Moment) {
        let free = |member: &Member| member.active < self.limit && member.in_play();
        self.free = (0..).zip(members.iter()).filter(|(_, member)| free(member)).map(|(place, _)| place).collect();
    }

    #[inline]
    fn moved(&mut self, members: &mut [Member], place: usize, _: u32, _: Moment) {
        let active = members[place].active;
        if active == self.limit {
            self.free.remove(&(place as u32));
        } else if active + 1 == self.limit && members[place].in_play() {
            self.free.insert(place as u32);
        }
    }
}
