//! Power of a few choices: draw some, take the one with the fewest active attempts; ties go to the first drawn. Distinct
//! draws as Finagle, Traefik and tower do it, or with replacement. Weights mean nothing.
//!
//! Cold start: a newcomer wins every comparison it is drawn for.

use super::rule::Choices;
use super::{Algorithm, Change, Minds, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// Whom to draw from.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct TwoChoices {
    options: Choices,
    /// Places of those not known to be down; the first few are shuffled by distinct draws.
    candidates: Vec<u32>,
}

impl TwoChoices {
    pub fn new(options: Choices) -> TwoChoices {
        TwoChoices { options, candidates: Vec::new() }
    }

    /// A candidate for draw number `draw`; distinct draws swap it to the front, so that it is not drawn again.
    #[inline]
    fn draw(&mut self, draw: usize, turn: &mut Turn<'_>) -> usize {
        if self.options.replacement {
            return self.candidates[turn.below(self.candidates.len())] as usize;
        }
        let at = draw + turn.below(self.candidates.len() - draw);
        self.candidates.swap(draw, at);
        self.candidates[draw] as usize
    }
}

impl Algorithm for TwoChoices {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let count = self.candidates.len();
        let draws = if self.options.replacement { self.options.draws as usize } else { count };
        let mut best: Option<usize> = None;
        let mut compared = 0;
        for draw in 0..draws {
            if count == 0 || compared == self.options.draws as usize {
                break;
            }
            let place = self.draw(draw, turn);
            if !turn.eligible.admits(&members[place]) {
                continue;
            }
            compared += 1;
            if best.is_none_or(|best| members[place].active < members[best].active) {
                best = Some(place);
            }
        }
        best.or_else(|| any_from(members, turn.eligible, 0))
    }

    fn minds(&self) -> Minds {
        Minds::Load
    }

    fn change(&mut self, members: &mut [Member], _: Change, _: Moment) {
        self.candidates.clear();
        self.candidates.extend((0..).zip(members).filter(|(_, member)| member.in_play()).map(|(place, _)| place));
    }
}
