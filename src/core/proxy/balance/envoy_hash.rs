//! Envoy's `RING_HASH` and `MAGLEV`, with bounded loads (`ring_hash_lb.cc`, `maglev_lb.cc`, `thread_aware_lb_impl.cc`).
//!
//! Both are built anew from the hosts not known to be down. A host that is not eligible is left by the way retries leave
//! it: the next point of the ring, or the hash changed by the number of the attempt.
//! Cold start: exactly its share of the keys at once. No slow start.

use super::hashing::{murmur2, xxh64};
use super::rule::{Maglev, Ring};
use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;
use std::fmt::Write;

const ATTEMPTS: u64 = 20;
const EMPTY: u32 = u32::MAX;

/// Ring or table, and the bound on loads.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Hash {
    table: Table,
    balance_factor: u32,
    /// Places and normalised weights of those not known to be down.
    hosts: Vec<(u32, f64)>,
    stale: bool,
    /// Attempts under way on all hosts.
    active: u32,
    shuffle: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Table {
    Ring { options: Ring, points: Vec<(u64, u32)> },
    Maglev { size: u64, slots: Vec<u32> },
}

impl Hash {
    pub fn ring(options: Ring) -> Hash {
        Hash::new(Table::Ring { options, points: Vec::new() }, options.balance_factor)
    }

    pub fn maglev(options: Maglev) -> Hash {
        Hash::new(Table::Maglev { size: u64::from(options.table_size), slots: Vec::new() }, options.balance_factor)
    }

    fn new(table: Table, balance_factor: u32) -> Hash {
        Hash { table, balance_factor, hosts: Vec::new(), stale: true, active: 0, shuffle: Vec::new() }
    }

    fn rebuild(&mut self, members: &[Member]) {
        self.stale = false;
        let in_play = || (0..).zip(members).filter(|(_, member)| member.in_play());
        let total: i64 = in_play().map(|(_, member)| member.weight).sum();
        self.hosts = in_play().map(|(place, member)| (place, member.weight as f64 / total as f64)).collect();
        match &mut self.table {
            Table::Ring { options, points } => *points = ring(members, &self.hosts, *options),
            Table::Maglev { size, slots } => *slots = maglev(members, &self.hosts, *size),
        }
        self.active = members.iter().map(|member| member.active).sum();
    }

    /// Active requests by the slots the host has; above 1 it is overloaded.
    fn overload(&self, members: &[Member], (place, weight): (u32, f64)) -> f64 {
        let total = ((self.active + 1) * self.balance_factor).div_ceil(100);
        let slots = ((f64::from(total) * weight).ceil() as u32).max(1);
        f64::from(members[place as usize].active) / f64::from(slots)
    }

    /// From an overloaded host, hosts are tried in an order that the hash decides; the least overloaded if all are.
    fn relieve(&mut self, members: &[Member], place: u32, hash: u64) -> u32 {
        let host = |place: u32| self.hosts.partition_point(|host| host.0 < place);
        let mut least = (self.overload(members, self.hosts[host(place)]), place);
        if least.0 <= 1.0 {
            return place;
        }
        let mut order = std::mem::take(&mut self.shuffle);
        order.clear();
        order.extend(0..self.hosts.len() as u32);
        let mut random = Mersenne::new(hash as u32);
        for step in 0..order.len() {
            let other = step + random.below((order.len() - step) as u32) as usize;
            order.swap(step, other);
            let host = self.hosts[order[step] as usize];
            let overload = self.overload(members, host);
            if host.0 != place && overload < least.0 {
                least = (overload, host.0);
            }
            if host.0 != place && overload <= 1.0 {
                least = (overload, host.0);
                break;
            }
        }
        self.shuffle = order;
        least.1
    }
}

impl Table {
    #[inline]
    fn find(&self, hash: u64, attempt: u64) -> Option<u32> {
        match self {
            Table::Ring { points, .. } if points.is_empty() => None,
            Table::Ring { points, .. } => {
                let first = points.partition_point(|point| point.0 < hash) + attempt as usize;
                Some(points[first % points.len()].1)
            }
            Table::Maglev { slots, .. } if slots.is_empty() => None,
            Table::Maglev { size, slots } => {
                let hash = if attempt > 0 { hash ^ (u64::MAX - attempt + 1) } else { hash };
                Some(slots[(hash % size) as usize])
            }
        }
    }
}

/// Points in proportion to the weights: scaled so that the lightest host has a whole number of them.
fn ring(members: &[Member], hosts: &[(u32, f64)], options: Ring) -> Vec<(u64, u32)> {
    let lightest = hosts.iter().map(|host| host.1).fold(1.0, f64::min);
    let scale = ((lightest * options.minimum as f64).ceil() / lightest).min(options.maximum as f64);
    let mut points = Vec::with_capacity(scale.ceil() as usize);
    let mut target = 0.0;
    let mut key = String::new();
    for &(place, weight) in hosts {
        target += scale * weight;
        let mut number = 0;
        while (points.len() as f64) < target {
            key.clear();
            write!(key, "{}_{number}", members[place as usize].name).expect("writing to a string cannot fail");
            let hash = if options.murmur { murmur2(key.as_bytes()) } else { xxh64(key.as_bytes(), 0) };
            points.push((hash, place));
            number += 1;
        }
    }
    points.sort_by_key(|point| point.0);
    points
}

/// One host's walk through the table.
struct Walk {
    place: u32,
    weight: f64,
    target: f64,
    at: u64,
    skip: u64,
}

/// The table of the Maglev paper: hosts, sorted by name, take turns by weight to claim their next free slot.
fn maglev(members: &[Member], hosts: &[(u32, f64)], size: u64) -> Vec<u32> {
    let heaviest = hosts.iter().map(|host| host.1).fold(0.0, f64::max);
    let name = |place: u32| members[place as usize].name.as_bytes();
    let mut walks: Vec<Walk> = hosts
        .iter()
        .map(|&(place, weight)| {
            let (at, skip) = (xxh64(name(place), 0) % size, xxh64(name(place), 1) % (size - 1) + 1);
            Walk { place, weight, target: 0.0, at, skip }
        })
        .collect();
    walks.sort_by(|a, b| name(a.place).cmp(name(b.place)));
    let mut slots = vec![EMPTY; if hosts.is_empty() { 0 } else { size as usize }];
    let mut filled = 0;
    for round in 1_u32.. {
        for walk in &mut walks {
            if filled == slots.len() || f64::from(round) * walk.weight < walk.target {
                continue;
            }
            walk.target += heaviest;
            while slots[walk.at as usize] != EMPTY {
                walk.at = (walk.at + walk.skip) % size;
            }
            slots[walk.at as usize] = walk.place;
            filled += 1;
        }
        if filled == slots.len() {
            break;
        }
    }
    slots
}

impl Algorithm for Hash {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if self.stale {
            self.rebuild(members);
        }
        let hash = turn.ask.with_key(|key| xxh64(key, 0));
        for attempt in 0..ATTEMPTS {
            let mut place = self.table.find(hash, attempt)?;
            if self.balance_factor > 0 {
                place = self.relieve(members, place, hash);
            }
            if turn.eligible.admits(&members[place as usize]) {
                return Some(place as usize);
            }
        }
        any_from(members, turn.eligible, (hash % members.len() as u64) as usize)
    }

    fn minds(&self) -> Minds {
        if self.balance_factor > 0 { Minds::Load } else { Minds::Nothing }
    }

    fn change(&mut self, _: &mut [Member], change: Change, _: Moment) {
        self.stale |= !matches!(change, Change::Reviewed(_));
    }

    #[inline]
    fn moved(&mut self, members: &mut [Member], _: usize, _: u32, _: Moment) {
        if self.balance_factor > 0 {
            self.active = members.iter().map(|member| member.active).sum();
        }
    }

    fn show(&self, _: &[Member], place: usize, _: Moment) -> Shown {
        let held = match &self.table {
            Table::Ring { points, .. } => points.iter().filter(|point| point.1 as usize == place).count(),
            Table::Maglev { slots, .. } => slots.iter().filter(|&&slot| slot as usize == place).count(),
        };
        Shown { current: Some(held as f64), ..Shown::default() }
    }
}

/// MT19937 (Matsumoto and Nishimura), from which Envoy draws its order; only the first block is ever needed.
struct Mersenne {
    state: Box<[u32; 624]>,
    next: usize,
}

impl Mersenne {
    fn new(seed: u32) -> Mersenne {
        let mut state = Box::new([seed; 624]);
        for index in 1..624 {
            let previous = state[index - 1];
            state[index] = (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        Mersenne { state, next: 624 }
    }

    fn twist(&mut self) {
        for index in 0..624 {
            let joined = self.state[index] & 0x8000_0000 | self.state[(index + 1) % 624] & 0x7fff_ffff;
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + 397) % 624] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn draw(&mut self) -> u32 {
        if self.next == 624 {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// Below `bound`, by division and rejection.
    fn below(&mut self, bound: u32) -> u32 {
        loop {
            let drawn = (u64::from(self.draw()) / ((1 << 32) / u64::from(bound))) as u32;
            if drawn < bound {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{InstanceId, VersionId};
    use crate::core::proxy::pool::Listing;

    fn members(names: &[&str], weights: &[u32]) -> Vec<Member> {
        let listing =
            |(id, (&name, &weight))| Listing { instance: InstanceId(id), version: VersionId(0), name, weight };
        (0..).zip(names.iter().zip(weights)).map(|all| Member::new(&listing(all), Moment::START)).collect()
    }

    fn table(names: &[&str], weights: &[u32], size: u64) -> Vec<u32> {
        let total: u32 = weights.iter().sum();
        let hosts: Vec<(u32, f64)> =
            (0..).zip(weights).map(|(place, &weight)| (place, f64::from(weight) / f64::from(total))).collect();
        maglev(&members(names, weights), &hosts, size)
    }

    #[test]
    fn maglev_tables_equal_those_of_envoys_tests() {
        let addresses: Vec<String> = (90..96).map(|port| format!("127.0.0.1:{port}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        assert_eq!(table(&addresses, &[1; 6], 7), [2, 4, 0, 1, 5, 0, 3]);
        assert_eq!(table(&["90", "91", "92", "93", "94", "95"], &[1; 6], 7), [2, 5, 0, 3, 4, 1, 0]);
    }

    #[test]
    fn maglev_slots_follow_weights() {
        let slots = table(&["127.0.0.1:90", "127.0.0.1:91"], &[1, 2], 65_537);
        let first = slots.iter().filter(|&&place| place == 0).count();
        assert_eq!((first, slots.len() - first), (21_846, 43_691));
    }

    #[test]
    fn rings_have_whole_numbers_of_points() {
        let options = Ring { minimum: 1_024, maximum: 8 << 20, murmur: false, balance_factor: 0 };
        let points = |names: &[&str], weights: &[u32]| {
            let total: u32 = weights.iter().sum();
            let hosts: Vec<(u32, f64)> =
                (0..).zip(weights).map(|(place, &weight)| (place, f64::from(weight) / f64::from(total))).collect();
            let ring = ring(&members(names, weights), &hosts, options);
            (0..names.len() as u32)
                .map(|place| ring.iter().filter(|point| point.1 == place).count())
                .collect::<Vec<_>>()
        };
        assert_eq!(points(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], &[1; 10]), [103; 10]);
        assert_eq!(points(&["a", "b"], &[1, 2]), [342, 684]);
    }

    #[test]
    fn the_mersenne_twister_gives_its_published_first_number() {
        assert_eq!(Mersenne::new(5489).draw(), 3_499_211_612);
    }
}
