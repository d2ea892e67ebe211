//! HAProxy's map of servers (`lb_map.c`), which `static-rr` walks and map-based hashes look into: as many slots as the
//! weights divided by their common divisor, each given to whoever has the most outstanding, the earlier declared first.
//!
//! Weights are those of the start: a change means nothing until a reload. Who goes or comes has the map made anew.
//! Cold start: a fair share at once; slow start is ignored.

use crate::core::proxy::balance::{Algorithm, Change, Minds, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// The map.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub slots: Vec<u32>,
    weights: Vec<i64>,
    stale: bool,
}

impl Map {
    pub fn change(&mut self, members: &[Member], change: Change) {
        match change {
            Change::Joined(place) => self.weights.push(members[place].weight),
            Change::Left(place) => _ = self.weights.remove(place),
            Change::Up(_) | Change::Down(_) => {}
            Change::Joining | Change::Leaving(_) | Change::Weighing(_) | Change::Weighed(_) | Change::Reviewed(_) => {
                return;
            }
        }
        self.stale = true;
    }

    #[inline]
    pub fn refresh(&mut self, members: &[Member]) {
        if self.stale {
            self.stale = false;
            self.rebuild(members);
        }
    }

    fn rebuild(&mut self, members: &[Member]) {
        let divisor = self.weights.iter().copied().fold(0, common_divisor).max(1);
        let usable: Vec<(u32, i64)> = (0..)
            .zip(members)
            .filter(|(_, member)| member.in_play())
            .map(|(place, _)| (place, self.weights[place as usize] / divisor))
            .collect();
        let total: i64 = usable.iter().map(|server| server.1).sum();
        let mut scores = vec![0; usable.len()];
        self.slots.clear();
        for _ in 0..total {
            let mut best: Option<(i64, usize)> = None;
            for (index, &(_, weight)) in usable.iter().enumerate() {
                scores[index] += weight;
                let turns = (scores[index] + total) / total;
                if best.is_none_or(|(most, _)| turns > most) {
                    best = Some((turns, index));
                }
            }
            let (_, index) = best.expect("a total above zero has servers behind it");
            scores[index] -= total;
            self.slots.push(usable[index].0);
        }
    }
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// `static-rr`.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct StaticRr {
    map: Map,
    next: usize,
}

impl Algorithm for StaticRr {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        self.map.refresh(members);
        let count = self.map.slots.len();
        let start = if self.next < count { self.next } else { 0 };
        for step in 0..count {
            let slot = (start + step) % count;
            let place = self.map.slots[slot] as usize;
            if turn.eligible.admits(&members[place]) {
                self.next = slot + 1;
                return Some(place);
            }
        }
        any_from(members, turn.eligible, 0)
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        self.map.change(members, change);
    }
}
