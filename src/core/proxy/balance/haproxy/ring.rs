//! HAProxy's hashes and `random` (`backend.c`, `lb_chash.c`).
//!
//! A ring of 2^32 with 16 points for each unit of weight; the point nearest to the hash wins, on either side, the one
//! before if both are as near. From one who is not eligible the search goes on upwards. `random` draws through the ring and
//! keeps the least loaded for its weight; of equals the one with fewer requests in the last second for its weight.
//! Cold start: its share of the keys at once; with draws it wins each comparison.

use super::SCALE;
use super::map::Map;
use crate::core::proxy::balance::hashing::{avalanche, crc32, djb2, sdbm, wt6};
use crate::core::proxy::balance::rule::{HaproxyFunction, HaproxyHash};
use crate::core::proxy::balance::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::proxy::{Ask, Client};
use crate::core::time::Moment;
use rand::Rng;

const POINTS_RANGE: u32 = 256 * 16;

/// The ring.
#[derive(Clone, Debug, Default)]
struct Ring {
    points: Vec<(u32, u32)>,
    /// By place: HAProxy's number of the server, from 1 in declared order.
    numbers: Vec<u32>,
    given: u32,
    stale: bool,
}

impl Ring {
    fn change(&mut self, change: Change) {
        match change {
            Change::Joined(_) => {
                self.given += 1;
                self.numbers.push(self.given);
            }
            Change::Left(place) => _ = self.numbers.remove(place),
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_) => {}
            Change::Reviewed(_) => return,
        }
        self.stale = true;
    }

    #[inline]
    fn refresh(&mut self, members: &[Member]) {
        if !self.stale {
            return;
        }
        self.stale = false;
        self.points.clear();
        for (place, member) in (0..).zip(members).filter(|(_, member)| member.in_play()) {
            let base = self.numbers[place as usize].wrapping_mul(POINTS_RANGE);
            let count = (member.weight * SCALE) as u32;
            self.points.extend((0..count).map(|point| (avalanche(base.wrapping_add(point)), place)));
        }
        // Points on one spot stay in the order in which they came.
        self.points.sort_by_key(|point| point.0);
    }

    /// The index of the nearest point.
    #[inline]
    fn nearest(&self, hash: u32) -> Option<usize> {
        let count = self.points.len();
        if count == 0 {
            return None;
        }
        let next = self.points.partition_point(|point| point.0 < hash) % count;
        let previous = (next + count - 1) % count;
        let before = hash.wrapping_sub(self.points[previous].0);
        let after = self.points[next].0.wrapping_sub(hash);
        Some(if before <= after { previous } else { next })
    }

    /// The nearest server that will do.
    #[inline]
    fn find(&self, hash: u32, will_do: impl Fn(usize) -> bool) -> Option<usize> {
        let nearest = self.nearest(hash)?;
        let upwards = self.points[nearest..].iter().chain(&self.points[..nearest]);
        upwards.map(|point| point.1 as usize).find(|&place| will_do(place))
    }

    fn held(&self, place: usize) -> f64 {
        self.points.iter().filter(|point| point.1 as usize == place).count() as f64
    }
}

/// `source`, `uri`, `hash` and the like.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Hash {
    options: HaproxyHash,
    map: Map,
    ring: Ring,
    /// By place: effective weights before it, for the bound on loads.
    before: Vec<u64>,
    total_weight: u64,
}

impl Hash {
    pub fn new(options: HaproxyHash) -> Hash {
        Hash { options, map: Map::default(), ring: Ring::default(), before: Vec::new(), total_weight: 0 }
    }

    fn hash(&self, ask: &Ask<'_>) -> u32 {
        let hash = if self.options.source { source(ask.client()) } else { ask.with_key(|key| self.hash_key(key)) };
        if self.options.avalanche { avalanche(hash) } else { hash }
    }

    fn hash_key(&self, key: &[u8]) -> u32 {
        match self.options.function {
            HaproxyFunction::Sdbm => sdbm(key),
            HaproxyFunction::Djb2 => djb2(key),
            HaproxyFunction::Wt6 => wt6(key),
            HaproxyFunction::Crc32 => crc32(&[key]),
            HaproxyFunction::None => {
                let digits = key.iter().take_while(|byte| byte.is_ascii_digit());
                digits.fold(0_u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))) as u32
            }
        }
    }

    /// Whether one has a slot left under the bound: slots for all requests and this one, times the factor, shared out by
    /// weight.
    fn has_slot(&self, members: &[Member], place: usize, served: u64) -> bool {
        if self.options.balance_factor == 0 {
            return true;
        }
        let slots = slots(served, u64::from(self.options.balance_factor), self.total_weight);
        let weight = members[place].weight as u64 * SCALE as u64;
        let (each, rest) = (slots / self.total_weight, slots % self.total_weight);
        let share = |sum: u64| sum * rest / self.total_weight;
        let mine = weight * each + share(self.before[place] + weight) - share(self.before[place]);
        u64::from(members[place].active) < mine.max(1)
    }

    fn sum_weights(&mut self, members: &[Member]) {
        self.total_weight = 0;
        self.before.clear();
        for member in members {
            self.before.push(self.total_weight);
            self.total_weight += if member.in_play() { member.weight as u64 * SCALE as u64 } else { 0 };
        }
    }
}

/// All slots under the bound.
fn slots(served: u64, factor: u64, total_weight: u64) -> u64 {
    debug_assert!(total_weight > 0, "a ring with points has weights");
    ((served + 1) * factor).div_ceil(100)
}

/// The words of an address, one over the other.
fn source(client: Client) -> u32 {
    match client {
        Client::V4(octets) => u32::from_be_bytes(octets),
        Client::V6(octets) => {
            let (words, _) = octets.as_chunks::<4>();
            words.iter().fold(0, |hash, word| hash ^ u32::from_be_bytes(*word))
        }
    }
}

impl Algorithm for Hash {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let hash = self.hash(turn.ask);
        let eligible = turn.eligible;
        let found = if self.options.consistent {
            self.ring.refresh(members);
            let bounded = self.options.balance_factor > 0;
            let served = if bounded { members.iter().map(|member| u64::from(member.active)).sum() } else { 0 };
            let will_do = |place: usize| eligible.admits(&members[place]) && self.has_slot(members, place, served);
            self.ring.find(hash, will_do)
        } else {
            self.map.refresh(members);
            let slot = (hash as usize).checked_rem(self.map.slots.len())?;
            Some(self.map.slots[slot] as usize).filter(|&place| eligible.admits(&members[place]))
        };
        found.or_else(|| any_from(members, eligible, 0))
    }

    fn minds(&self) -> Minds {
        if self.options.balance_factor > 0 { Minds::Load } else { Minds::Nothing }
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        self.map.change(members, change);
        self.ring.change(change);
        self.sum_weights(members);
    }

    fn show(&self, _: &[Member], place: usize, _: Moment) -> Shown {
        let current = self.options.consistent.then(|| self.ring.held(place));
        Shown { current, ..Shown::default() }
    }
}

/// Requests of this second and of the last, as HAProxy's frequency counters hold them.
#[derive(Clone, Copy, Debug, Default)]
struct Frequency {
    second: u64,
    now: u32,
    last: u32,
}

impl Frequency {
    fn roll(&mut self, now: Moment) {
        let second = now.whole_seconds();
        if second != self.second {
            self.last = if second == self.second + 1 { self.now } else { 0 };
            (self.second, self.now) = (second, 0);
        }
    }

    fn read(mut self, now: Moment) -> f64 {
        self.roll(now);
        let left = 1.0 - (now.nanos() % 1_000_000_000) as f64 / 1e9;
        f64::from(self.now) + f64::from(self.last) * left
    }
}

/// `random(draws)`.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Random {
    draws: u32,
    ring: Ring,
    rates: Vec<Frequency>,
}

impl Random {
    pub fn new(draws: u32) -> Random {
        Random { draws, ring: Ring::default(), rates: Vec::new() }
    }

    fn better(&self, members: &[Member], one: usize, other: usize, now: Moment) -> usize {
        let weigh = |of: usize, by: usize| u64::from(members[of].active) * members[by].weight as u64;
        let rate = |of: usize, by: usize| self.rates[of].read(now) * members[by].weight as f64;
        match weigh(one, other).cmp(&weigh(other, one)) {
            std::cmp::Ordering::Less => one,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal if rate(other, one) < rate(one, other) => other,
            std::cmp::Ordering::Equal => one,
        }
    }
}

impl Algorithm for Random {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        self.ring.refresh(members);
        let now = turn.eligible.now;
        let mut best: Option<usize> = None;
        for _ in 0..self.draws {
            let hash = (turn.stream.next_u64() >> 32) as u32;
            let drawn = self.ring.find(hash, |place| turn.eligible.admits(&members[place]))?;
            best = Some(best.map_or(drawn, |best| self.better(members, drawn, best, now)));
        }
        let rate = &mut self.rates[best?];
        rate.roll(now);
        rate.now += 1;
        best
    }

    fn minds(&self) -> Minds {
        Minds::Load
    }

    fn change(&mut self, _: &mut [Member], change: Change, _: Moment) {
        self.ring.change(change);
        match change {
            Change::Joined(_) => self.rates.push(Frequency::default()),
            Change::Left(place) => _ = self.rates.remove(place),
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
    }
}
