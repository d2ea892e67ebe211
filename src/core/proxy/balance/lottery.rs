//! Random: weighted by sums and a binary search, as nginx's `random` does it; unweighted as Envoy's `RANDOM`; and nginx's
//! `random two least_conn`, which compares two different draws and takes the second if they tie.
//!
//! Cold start: a fair share at once; with two draws a newcomer wins each comparison it is in.

use super::nginx::{TRIES, start_over_if_reloaded};
use super::{Algorithm, Change, Minds, Turn, any_from, smooth};
use crate::core::draw;
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;
use rand::Rng;

/// Draws by sums of weights.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Lottery {
    /// Sums of weights up to and including each place.
    sums: Vec<u64>,
    weighted: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Nginx,
    NginxTwo,
}

impl Lottery {
    pub fn weighted() -> Lottery {
        Lottery { sums: Vec::new(), weighted: true, kind: Kind::Plain }
    }

    pub fn unweighted() -> Lottery {
        Lottery { weighted: false, ..Lottery::weighted() }
    }

    pub fn nginx(two: bool) -> Lottery {
        Lottery { kind: if two { Kind::NginxTwo } else { Kind::Nginx }, ..Lottery::weighted() }
    }

    #[inline]
    fn draw(&self, turn: &mut Turn<'_>) -> Option<usize> {
        let total = *self.sums.last()?;
        let ticket = u64::from(draw::below(turn.stream.next_u64(), total as u32));
        Some(self.sums.partition_point(|&sum| sum <= ticket))
    }

    /// An eligible member within nginx's number of tries; those found as `not` count as tries too.
    fn draw_eligible(
        &self,
        members: &[Member],
        turn: &mut Turn<'_>,
        not: Option<usize>,
        tries: &mut u32,
    ) -> Option<usize> {
        while *tries <= TRIES {
            let place = self.draw(turn)?;
            if Some(place) != not && turn.eligible.admits(&members[place]) {
                return Some(place);
            }
            *tries += 1;
        }
        None
    }

    fn draw_two(&self, members: &[Member], turn: &mut Turn<'_>) -> Option<usize> {
        let mut tries = 0;
        let first = self.draw_eligible(members, turn, None, &mut tries)?;
        let second = self.draw_eligible(members, turn, Some(first), &mut tries)?;
        let load = |of: usize, by: usize| i64::from(members[of].active) * members[by].weight;
        Some(if load(second, first) > load(first, second) { first } else { second })
    }
}

impl Algorithm for Lottery {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if self.kind == Kind::Plain {
            let place = self.draw(turn)?;
            return any_from(members, turn.eligible, place);
        }
        let found = if members.len() < 2 {
            None
        } else if self.kind == Kind::NginxTwo {
            self.draw_two(members, turn)
        } else {
            self.draw_eligible(members, turn, None, &mut 0)
        };
        found.or_else(|| smooth::pick(members, turn.eligible))
    }

    fn minds(&self) -> Minds {
        if self.kind == Kind::NginxTwo { Minds::Load } else { Minds::Nothing }
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        if self.kind != Kind::Plain {
            start_over_if_reloaded(members, change);
        }
        let (kind, weighted) = (self.kind, self.weighted);
        // nginx knows only who is listed; the others leave out who is known to be down.
        let weight = |member: &Member| match (kind, weighted) {
            (Kind::Nginx | Kind::NginxTwo, _) => member.weight as u64,
            (Kind::Plain, _) if !member.in_play() => 0,
            (Kind::Plain, true) => member.weight as u64,
            (Kind::Plain, false) => 1,
        };
        let mut sum = 0;
        self.sums.clear();
        self.sums.extend(members.iter().map(|member| {
            sum += weight(member);
            sum
        }));
        if sum == 0 {
            self.sums.clear();
        }
    }
}
