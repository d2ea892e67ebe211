//! The judges by name, and what each has to be told.

use super::kayenta::Direction;
use super::{Anytime, GroupSequential, Judge, Rules, Shape, Sides, Sprt};
use crate::core::amount::Share;

/// Which judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A limit of the rate.
    #[default]
    Threshold,
    /// A multiple of the control's rate.
    Relative,
    /// Fisher's exact test.
    Fisher,
    /// The two-proportion z test.
    Z,
    /// Kayenta's Mann–Whitney test.
    MannWhitney,
    /// Wald's sequential test.
    Sprt,
    /// Planned looks with one limit.
    Pocock,
    /// Planned looks with falling limits.
    OBrienFleming,
    /// A confidence sequence.
    ConfidenceSequence,
}

/// What judges are told; each takes what it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Highest rate that passes.
    pub limit: Share,
    /// How many times the control's rate passes.
    pub factor: f64,
    /// Probability to condemn a healthy version.
    pub alpha: Share,
    /// Probability to condemn the bad one.
    pub power: Share,
    /// Rate of a healthy version.
    pub baseline: Share,
    /// Rate of the bad one.
    pub bad: Share,
    /// How many planned looks.
    pub looks: u32,
}

impl Kind {
    /// Every judge and its name.
    pub const ALL: [(&'static str, Kind); 9] = [
        ("threshold", Kind::Threshold),
        ("relative", Kind::Relative),
        ("fisher", Kind::Fisher),
        ("z", Kind::Z),
        ("mann-whitney", Kind::MannWhitney),
        ("sprt", Kind::Sprt),
        ("pocock", Kind::Pocock),
        ("obrien-fleming", Kind::OBrienFleming),
        ("confidence-sequence", Kind::ConfidenceSequence),
    ];

    /// As files name it.
    pub fn name(self) -> &'static str {
        let found = Kind::ALL.into_iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    /// As sentences name it.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Threshold => "a limit of the error rate",
            Kind::Relative => "a multiple of the control's error rate",
            Kind::Fisher => "Fisher's exact test",
            Kind::Z => "the two-proportion z test",
            Kind::MannWhitney => "Kayenta's Mann–Whitney test",
            Kind::Sprt => "Wald's sequential test",
            Kind::Pocock => "planned looks after Pocock",
            Kind::OBrienFleming => "planned looks after O'Brien and Fleming",
            Kind::ConfidenceSequence => "a confidence sequence",
        }
    }

    /// The judge of this kind with these terms. Planned looks have their limits computed here, which takes a moment.
    pub fn with(self, terms: &Terms) -> Judge {
        let looks = |shape| Judge::Looks(GroupSequential::new(shape, terms.looks, terms.alpha.value(), Sides::One));
        match self {
            Kind::Threshold => Judge::Threshold(terms.limit),
            Kind::Relative => Judge::Relative(terms.factor),
            Kind::Fisher => Judge::Fisher(terms.alpha),
            Kind::Z => Judge::Z(terms.alpha),
            // Fewer failures than the control has are no defect.
            Kind::MannWhitney => Judge::MannWhitney(Rules { direction: Direction::Increase, ..Rules::default() }),
            Kind::Sprt => Judge::Sprt(Sprt {
                baseline: terms.baseline.value(),
                bad: terms.bad.value(),
                alpha: terms.alpha.value(),
                beta: 1.0 - terms.power.value(),
            }),
            Kind::Pocock => looks(Shape::Pocock),
            Kind::OBrienFleming => looks(Shape::OBrienFleming),
            Kind::ConfidenceSequence => Judge::Anytime(Anytime { alpha: terms.alpha, bad: terms.bad }),
        }
    }
}

impl Judge {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Judge::Threshold(_) => Kind::Threshold,
            Judge::Relative(_) => Kind::Relative,
            Judge::Fisher(_) => Kind::Fisher,
            Judge::Z(_) => Kind::Z,
            Judge::MannWhitney(_) => Kind::MannWhitney,
            Judge::Sprt(_) => Kind::Sprt,
            Judge::Looks(test) => match test.shape {
                Shape::Pocock => Kind::Pocock,
                Shape::OBrienFleming => Kind::OBrienFleming,
            },
            Judge::Anytime(_) => Kind::ConfidenceSequence,
        }
    }
}
