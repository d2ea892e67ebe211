//! HAProxy's `roundrobin` (`lb_fwrr.c`): servers wait in a tree of positions, after one of those not yet served, and before
//! one of those whose next turn lies beyond this round. Its order differs from nginx's; weights may change at any time.
//!
//! Cold start: a newcomer's first turn comes after a round in proportion to its weight, which can be long in a big farm;
//! a fair share from then on, or less with slow start.

use super::{EWEIGHT_MAX, SCALE, Weights};
use crate::core::proxy::balance::rule::SlowStart;
use crate::core::proxy::balance::tournament::Tournament;
use crate::core::proxy::balance::{Algorithm, Change, Minds, Shown, Turn};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

const USER_WEIGHT_RANGE: i64 = 256;

/// In which tree a server waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tree {
    Nowhere,
    Current,
    /// One of the two that take turns as "init" and "next".
    Round(usize),
}

#[derive(Clone, Copy, Debug)]
struct Node {
    tree: Tree,
    key: u32,
    order: u64,
    next: i64,
    last: i64,
    remainder: i64,
    weight: i64,
}

const FRESH: Node = Node { tree: Tree::Nowhere, key: 0, order: 0, next: 0, last: 0, remainder: 0, weight: 0 };

/// The trees.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Rotation {
    weights: Weights,
    nodes: Vec<Node>,
    current: Tournament,
    rounds: [Tournament; 2],
    /// Which of `rounds` holds those not yet served.
    init: usize,
    /// Position of the rotation, the total weight of this round and that of the next.
    position: i64,
    round_weight: i64,
    next_weight: i64,
    given: u64,
    started: bool,
    passed: Vec<u32>,
}

impl Rotation {
    pub fn new(slow_start: Option<SlowStart>) -> Rotation {
        Rotation {
            weights: Weights::new(slow_start),
            nodes: Vec::new(),
            current: Tournament::default(),
            rounds: [Tournament::default(), Tournament::default()],
            init: 0,
            position: 0,
            round_weight: 0,
            next_weight: 0,
            given: 0,
            started: false,
            passed: Vec::new(),
        }
    }

    /// The process starts: everyone waits by weight, the heaviest first.
    fn start(&mut self, members: &[Member]) {
        self.nodes.clear();
        self.nodes.resize(members.len(), FRESH);
        self.replant();
        self.next_weight = 0;
        for (place, member) in members.iter().enumerate().filter(|(_, member)| member.in_play()) {
            self.nodes[place].weight = member.weight * SCALE;
            self.next_weight += self.nodes[place].weight;
            self.queue_by_weight(self.init, place);
        }
        (self.position, self.round_weight) = (self.next_weight, self.next_weight);
    }

    /// Makes trees of the right size and puts everyone where they stood.
    fn replant(&mut self) {
        let count = self.nodes.len();
        self.current = Tournament::new(count);
        self.rounds = [Tournament::new(count), Tournament::new(count)];
        for place in 0..count {
            self.plant(place);
        }
    }

    fn plant(&mut self, place: usize) {
        let node = self.nodes[place];
        let key = u128::from(node.key) << 64 | u128::from(node.order << 24 | place as u64);
        match node.tree {
            Tree::Nowhere => {}
            Tree::Current => self.current.set(place, key),
            Tree::Round(round) => self.rounds[round].set(place, key),
        }
    }

    fn insert(&mut self, place: usize, tree: Tree, key: i64) {
        let node = &mut self.nodes[place];
        (node.tree, node.key, node.order) = (tree, key as u32, self.given);
        self.given += 1;
        self.plant(place);
    }

    fn dequeue(&mut self, place: usize) {
        match self.nodes[place].tree {
            Tree::Nowhere => {}
            Tree::Current => self.current.remove(place),
            Tree::Round(round) => self.rounds[round].remove(place),
        }
    }

    fn queue_by_weight(&mut self, round: usize, place: usize) {
        self.insert(place, Tree::Round(round), EWEIGHT_MAX - self.nodes[place].weight);
    }

    fn queue(&mut self, place: usize) {
        let Node { next, weight, remainder, .. } = self.nodes[place];
        if weight <= 0 || next >= 2 * self.round_weight || next >= self.round_weight + self.next_weight {
            self.nodes[place].next -= self.round_weight;
            self.queue_by_weight(1 - self.init, place);
        } else {
            let key = USER_WEIGHT_RANGE * next + (EWEIGHT_MAX + remainder - weight) / SCALE;
            self.insert(place, Tree::Current, key);
        }
    }

    /// What a server's position means depends on the tree it comes from.
    fn fetch(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        match node.tree {
            Tree::Round(round) if round == self.init => (node.next, node.remainder) = (0, 0),
            Tree::Round(_) => node.next += self.round_weight,
            Tree::Nowhere => node.next = self.position,
            Tree::Current => {}
        }
    }

    /// A server comes while the process runs.
    fn bring_up(&mut self, place: usize, weight: i64) {
        self.nodes[place].weight = weight;
        self.next_weight += weight;
        self.fetch(place);
        let wait = (self.next_weight + self.round_weight - self.position) / weight;
        self.nodes[place].next = self.position + wait;
        self.queue(place);
    }

    fn take_down(&mut self, place: usize) {
        if self.nodes[place].tree != Tree::Nowhere {
            self.dequeue(place);
            self.next_weight -= self.nodes[place].weight;
            self.nodes[place] = FRESH;
        }
    }

    fn reweigh(&mut self, place: usize, weight: i64) {
        let old = self.nodes[place].weight;
        if weight == old {
            return;
        }
        self.next_weight += weight - old;
        self.nodes[place].weight = weight;
        if self.nodes[place].tree == Tree::Round(self.init) {
            self.dequeue(place);
            self.queue_by_weight(self.init, place);
            return;
        }
        self.fetch(place);
        let node = &mut self.nodes[place];
        let step = self.next_weight / weight;
        let before = node.next;
        node.next = (node.last + step).min(before);
        node.remainder = 0;
        if node.next < self.position + 2 {
            node.next = self.position + step;
        }
        self.dequeue(place);
        self.queue(place);
    }

    fn place_of(key: u128) -> usize {
        (key & 0xff_ffff) as usize
    }

    /// Whoever is due; or else the heaviest not yet served, or the next in line.
    #[inline]
    fn first(&mut self) -> Option<usize> {
        let waiting = self.current.best().map(Self::place_of);
        if let Some(place) = waiting.filter(|&place| self.nodes[place].next <= self.position) {
            return Some(place);
        }
        let Some(place) = self.rounds[self.init].best().map(Self::place_of) else { return waiting };
        (self.nodes[place].next, self.nodes[place].remainder) = (0, 0);
        Some(place)
    }

    #[inline]
    fn advance(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        if node.next == 0 {
            node.next = self.position;
        }
        node.last = node.next;
        node.next += self.next_weight / node.weight;
        node.remainder += self.next_weight % node.weight;
        if node.remainder >= node.weight {
            node.remainder -= node.weight;
            node.next += 1;
        }
        self.dequeue(place);
        self.position += 1;
    }

    fn switch_rounds(&mut self) {
        self.init = 1 - self.init;
        (self.round_weight, self.position) = (self.next_weight, self.next_weight);
    }

    /// Puts those who were passed over back, by weight alone if the round ended meanwhile.
    fn requeue_passed(&mut self, switched: bool) {
        let mut passed = std::mem::take(&mut self.passed);
        // The last passed over comes first.
        for place in passed.drain(..).rev() {
            if switched {
                self.queue_by_weight(self.init, place as usize);
            } else {
                self.queue(place as usize);
            }
        }
        self.passed = passed;
    }

    fn follow_slow_start(&mut self, members: &[Member], now: Moment) {
        if self.weights.is_due(members, now) {
            for (place, member) in members.iter().enumerate().filter(|(_, member)| member.in_play()) {
                self.reweigh(place, self.weights.of(member, now));
            }
        }
    }

    fn weighed(&mut self, members: &[Member], place: usize, now: Moment) {
        let member = &members[place];
        let was = self.nodes[place].tree != Tree::Nowhere;
        match (was, member.in_play()) {
            (true, true) => self.reweigh(place, self.weights.of(member, now)),
            (true, false) => self.take_down(place),
            (false, true) => self.bring_up(place, self.weights.of(member, now)),
            (false, false) => {}
        }
    }
}

impl Algorithm for Rotation {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if !self.started {
            self.started = true;
            self.start(members);
        }
        self.follow_slow_start(members, turn.eligible.now);
        if self.round_weight == 0 {
            (self.position, self.round_weight) = (self.next_weight, self.next_weight);
        }
        let mut switched = false;
        let picked = loop {
            let Some(place) = self.first() else {
                if switched {
                    break None;
                }
                switched = true;
                self.switch_rounds();
                continue;
            };
            self.advance(place);
            if turn.eligible.admits(&members[place]) {
                self.queue(place);
                break Some(place);
            }
            self.passed.push(place as u32);
        };
        self.requeue_passed(switched);
        picked
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
        if !self.started && now == Moment::START {
            return;
        }
        if !std::mem::replace(&mut self.started, true) {
            let before = if let Change::Joined(place) = change { &members[..place] } else { &*members };
            self.start(before);
        }
        match change {
            Change::Joined(place) => {
                self.nodes.push(FRESH);
                self.replant();
                self.weights.watch(now);
                self.weighed(members, place, now);
            }
            Change::Left(place) => {
                if place < self.nodes.len() {
                    self.nodes.remove(place);
                }
                self.replant();
            }
            Change::Leaving(place) | Change::Down(place) => self.take_down(place),
            Change::Up(place) => {
                self.weights.watch(now);
                self.weighed(members, place, now);
            }
            Change::Weighed(place) => self.weighed(members, place, now),
            Change::Joining | Change::Weighing(_) | Change::Reviewed(_) => {}
        }
    }

    fn show(&self, members: &[Member], place: usize, now: Moment) -> Shown {
        let next = self.nodes.get(place).map(|node| node.next as f64);
        let effective = self.weights.of(&members[place], now) as f64 / SCALE as f64;
        Shown { effective: Some(effective), current: next, ..Shown::default() }
    }

    fn slow_start(&self) -> Option<SlowStart> {
        self.weights.slow_start
    }
}
