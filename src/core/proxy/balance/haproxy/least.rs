//! HAProxy's `leastconn` (`lb_fwlc.c` up to 2.9, where each server is a node of its own): smallest key first, where the key
//! is 0 for an idle server and else (active + 1) × 4096 / effective weight; equal keys in the order in which they got there,
//! which is a rotation. So weights mean nothing while servers are idle.
//!
//! Cold start: everything until level, which is why slow start is advised with it.

use super::{EWEIGHT_MAX, Weights};
use crate::core::proxy::balance::rule::SlowStart;
use crate::core::proxy::balance::tournament::Tournament;
use crate::core::proxy::balance::{Algorithm, Change, Minds, Shown, Turn};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// The tree.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct LeastConnections {
    weights: Weights,
    tree: Tournament,
    given: u64,
    passed: Vec<(usize, u128)>,
}

impl LeastConnections {
    pub fn new(slow_start: Option<SlowStart>) -> LeastConnections {
        LeastConnections {
            weights: Weights::new(slow_start),
            tree: Tournament::default(),
            given: 0,
            passed: Vec::new(),
        }
    }

    fn key(&self, member: &Member, now: Moment) -> u128 {
        let load = match i64::from(member.active) {
            0 => 0,
            active => (active + 1) * EWEIGHT_MAX / self.weights.of(member, now).max(1),
        };
        load as u128
    }

    /// Puts a server at the end of those with its key, unless it has that key already.
    #[inline]
    fn reposition(&mut self, members: &[Member], place: usize, now: Moment) {
        let member = &members[place];
        if !member.in_play() {
            self.tree.remove(place);
            return;
        }
        let key = self.key(member, now);
        if self.tree.key(place).is_none_or(|old| old >> 64 != key) {
            self.given += 1;
            self.tree.set(place, key << 64 | u128::from(self.given << 24 | place as u64));
        }
    }

    /// Trees of another size, in the same order.
    fn resize(&mut self, members: &[Member], gone: Option<usize>) {
        let mut tree = Tournament::new(members.len());
        for place in 0..members.len() {
            let old = place + usize::from(gone.is_some_and(|gone| place >= gone));
            let key = if old < self.tree.len() { self.tree.key(old) } else { None };
            if let Some(key) = key {
                tree.set(place, key & !0xff_ffff | place as u128);
            }
        }
        self.tree = tree;
    }
}

impl Algorithm for LeastConnections {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let now = turn.eligible.now;
        if self.weights.is_due(members, now) {
            for place in 0..members.len() {
                self.reposition(members, place, now);
            }
        }
        let picked = loop {
            let Some(key) = self.tree.best() else { break None };
            let place = (key & 0xff_ffff) as usize;
            if turn.eligible.admits(&members[place]) {
                break Some(place);
            }
            self.tree.remove(place);
            self.passed.push((place, key));
        };
        for (place, key) in self.passed.drain(..) {
            self.tree.set(place, key);
        }
        picked
    }

    fn minds(&self) -> Minds {
        Minds::Load
    }

    fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
        match change {
            Change::Joined(place) => {
                self.resize(members, None);
                self.weights.watch(now);
                self.reposition(members, place, now);
            }
            Change::Left(place) => self.resize(members, Some(place)),
            Change::Up(place) | Change::Weighed(place) => {
                self.weights.watch(now);
                self.tree.remove(place);
                self.reposition(members, place, now);
            }
            Change::Down(place) => self.tree.remove(place),
            Change::Joining | Change::Leaving(_) | Change::Weighing(_) | Change::Reviewed(_) => {}
        }
    }

    #[inline]
    fn moved(&mut self, members: &mut [Member], place: usize, _: u32, now: Moment) {
        self.reposition(members, place, now);
    }

    fn show(&self, members: &[Member], place: usize, now: Moment) -> Shown {
        let current = self.tree.key(place).map(|key| (key >> 64) as f64);
        let effective = self.weights.of(&members[place], now) as f64 / super::SCALE as f64;
        Shown { effective: Some(effective), current, ..Shown::default() }
    }

    fn slow_start(&self) -> Option<SlowStart> {
        self.weights.slow_start
    }
}
