//! nginx: rotation and `least_conn` over their indexes, `ip_hash`, `hash`, and `hash … consistent` (ketama).
//!
//! Whoever leaves, or gets another weight, does so by a reload: everyone's rotation starts over. Who joins starts at zero.
//! Cold start: a fair share at once (rotation, hashes), or everything until level (`least_conn`). No slow start.

use super::hashing::crc32;
use super::least_connections::Least;
use super::smooth::{self, Smooth};
use super::{Algorithm, Change, Minds, Shown, Turn};
use crate::core::proxy::Client;
use crate::core::proxy::ask::decimal;
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// Attempts to find an eligible member by hash or by chance before the rotation decides.
pub(super) const TRIES: u32 = 20;

/// A reload forgets positions and failures of weight.
pub(super) fn start_over_if_reloaded(members: &mut [Member], change: Change) {
    if matches!(change, Change::Left(_) | Change::Weighed(_)) {
        for member in members {
            (member.current, member.effective) = (0, member.weight);
        }
    }
}

macro_rules! over_index {
    ($name:ident, $index:ty, $minds:expr, $about:literal) => {
        #[doc = $about]
        #[derive(Clone, Debug, Default)]
        pub(in crate::core::proxy) struct $name($index);

        impl Algorithm for $name {
            #[inline]
            fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
                self.0.pick(members, turn.eligible)
            }

            #[inline(always)]
            fn take_of_alike(&mut self, members: &[Member]) -> Option<usize> {
                self.0.take_of_alike(members)
            }

            #[inline(always)]
            fn take_of_alike_but(&mut self, tried: impl Iterator<Item = usize>) -> Option<usize> {
                self.0.take_of_alike_but(tried)
            }

            #[inline(always)]
            fn let_go_of_alike(&mut self, members: &[Member], place: usize) -> bool {
                self.0.let_go_of_alike(members, place)
            }

            fn minds(&self) -> Minds {
                $minds
            }

            #[inline]
            fn moved(&mut self, members: &mut [Member], place: usize, before: u32, _: Moment) {
                self.0.moved(members, place, before);
            }

            fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
                match change {
                    Change::Joining => {}
                    Change::Joined(place) => self.0.join(members, place),
                    Change::Leaving(_) | Change::Weighing(_) => self.0.settle(members),
                    Change::Left(_) | Change::Weighed(_) => {
                        start_over_if_reloaded(members, change);
                        self.0.rebuild(members);
                    }
                    Change::Up(_) | Change::Down(_) => {}
                    Change::Reviewed(place) => self.0.review(members, place),
                }
            }

            fn show(&self, members: &[Member], place: usize, _: Moment) -> Shown {
                Shown { current: Some(self.0.current(members, place) as f64), ..Shown::default() }
            }
        }
    };
}

over_index!(Rotation, Smooth, Minds::Nothing, "The default: smooth weighted round robin.");
over_index!(LeastConnections, Least, Minds::Load, "`least_conn`.");

/// `ip_hash` and `hash`: a hash modulo the total weight. Who is down keeps its place in the map, and its requests are
/// hashed again; after 20 tries the rotation decides.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Hash {
    of_client: bool,
    /// Sums of weights up to and including each place.
    sums: Vec<u64>,
}

impl Hash {
    pub fn of_client() -> Hash {
        Hash { of_client: true, sums: Vec::new() }
    }

    pub fn of_key() -> Hash {
        Hash { of_client: false, sums: Vec::new() }
    }

    fn search(&self, members: &[Member], turn: &Turn<'_>) -> Option<usize> {
        let total = *self.sums.last()?;
        let mut hash = if self.of_client { 89 } else { 0 };
        for again in 0..=TRIES {
            hash = if self.of_client {
                ip_hash(hash, turn.ask.client())
            } else {
                hash + turn.ask.with_key(|key| key_hash(again, key))
            };
            let place = self.sums.partition_point(|&sum| sum <= hash % total);
            if turn.eligible.admits(&members[place]) {
                return Some(place);
            }
        }
        None
    }
}

impl Algorithm for Hash {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let found = if members.len() < 2 { None } else { self.search(members, turn) };
        found.or_else(|| smooth::pick(members, turn.eligible))
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        start_over_if_reloaded(members, change);
        let mut sum = 0;
        self.sums.clear();
        self.sums.extend(members.iter().map(|member| {
            sum += member.weight as u64;
            sum
        }));
    }
}

/// One round over the first three octets of IPv4, or all of IPv6 (`ngx_http_upstream_ip_hash_module.c`).
fn ip_hash(start: u64, client: Client) -> u64 {
    let octets = match &client {
        Client::V4(octets) => &octets[..3],
        Client::V6(octets) => octets.as_slice(),
    };
    octets.iter().fold(start, |hash, &octet| (hash * 113 + u64::from(octet)) % 6271)
}

/// As `Cache::Memcached` does it (`ngx_http_upstream_hash_module.c`); from the second round on the number of the round
/// stands before the key.
fn key_hash(round: u32, key: &[u8]) -> u64 {
    let mut digits = [0; 10];
    let round = if round == 0 { &[] } else { decimal(round, &mut digits) };
    u64::from(crc32(&[round, key]) >> 16 & 0x7fff)
}

/// `hash … consistent`: 160 points for each unit of weight on a ring of 2^32, as `Cache::Memcached::Fast` has them. From
/// one who is not eligible the search goes on at the next point; after 20 the rotation decides.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct Ketama {
    points: Vec<(u32, u32)>,
    stale: bool,
}

const POINTS: i64 = 160;

impl Ketama {
    fn rebuild(&mut self, members: &[Member]) {
        self.points.clear();
        for (place, member) in (0..).zip(members) {
            let (host, port) = host_and_port(&member.name);
            let mut previous = 0_u32;
            for _ in 0..member.weight * POINTS {
                previous = crc32(&[host.as_bytes(), &[0], port.as_bytes(), &previous.to_le_bytes()]);
                self.points.push((previous, place));
            }
        }
        // Of several points with one hash the first listed stays.
        self.points.sort_unstable();
        self.points.dedup_by_key(|point| point.0);
        self.stale = false;
    }
}

/// The port is what follows the last colon, if it is a number.
fn host_and_port(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (name, ""),
    }
}

impl Algorithm for Ketama {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if self.stale {
            self.rebuild(members);
        }
        let hash = turn.ask.with_key(|key| crc32(&[key]));
        let start = self.points.partition_point(|point| point.0 < hash);
        let ring = self.points.iter().cycle().skip(start % self.points.len().max(1)).take(TRIES as usize + 1);
        let found = ring.map(|point| point.1 as usize).find(|&place| turn.eligible.admits(&members[place]));
        found.or_else(|| smooth::pick(members, turn.eligible))
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        start_over_if_reloaded(members, change);
        self.stale |= matches!(change, Change::Joined(_) | Change::Left(_) | Change::Weighed(_));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_hashes_equal_those_of_the_real_nginx() {
        let cases = [
            ([127, 0, 0, 1], 4040),
            ([10, 0, 0, 7], 2565),
            ([192, 168, 1, 9], 154),
            ([192, 168, 2, 1], 155),
            ([203, 0, 113, 5], 2592),
            ([8, 8, 8, 8], 3023),
        ];
        for (address, hash) in cases {
            assert_eq!(ip_hash(89, Client::V4(address)), hash, "{address:?}");
        }
    }
}
