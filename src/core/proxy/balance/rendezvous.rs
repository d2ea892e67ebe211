//! Rendezvous hashing (highest random weight): every member has a score for the key, the highest wins; a weight stretches
//! the score as -w / ln(u) does (Schindelhauer and Schomaker). Traefik's `hrw` is this on the client's address. Looks at
//! everyone, as the real ones must. Cold start: exactly its share of the keys at once, from all others alike.

use super::hashing::xxh64;
use super::{Algorithm, Change, Minds, Turn};
use crate::core::draw::unit;
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// The hash of each member's name, by place.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct Rendezvous {
    seeds: Vec<u64>,
}

impl Algorithm for Rendezvous {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let key = turn.ask.with_key(|key| xxh64(key, 0));
        let eligible =
            (0..members.len()).filter(|&place| turn.eligible.admits(&members[place]) && members[place].weight > 0);
        let scored = eligible.map(|place| (score(key, self.seeds[place], members[place].weight), place));
        scored.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, place)| place)
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        if matches!(change, Change::Joined(_) | Change::Left(_)) {
            self.seeds.clear();
            self.seeds.extend(members.iter().map(|member| xxh64(member.name.as_bytes(), 0)));
        }
    }
}

fn score(key: u64, seed: u64, weight: i64) -> f64 {
    let drawn = unit(xxh64(&key.to_le_bytes(), seed)).max(f64::MIN_POSITIVE);
    -(weight as f64) / drawn.ln()
}
