//! Strategies that try a version out beside the usual ones: A/B test, shadow, feature flag, and blue-green with a canary.

use super::strategy::{GateOrNone, Split};
use crate::core::amount::Amount;
use crate::core::time::Span;
use crate::scenario::entry::{Advice, Entry, Keyword, Leaf, OrWord, leaf, table, words};
use crate::scenario::units::{Lasting, Percent};
use crate::yaml::tree::Scalar;
use schemars::{Schema, json_schema};

/// `hold: manual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct ManualWord;

impl Keyword for ManualWord {
    const WORD: &'static str = "manual";
}

/// A time to hold a step, or `manual`: until somebody promotes.
pub(in crate::scenario) type HoldOrManual = OrWord<Lasting, ManualWord>;

table! {
    /// Two versions side by side for a while, and the measured difference between them.
    pub struct AbTest {
        /// Share of the users or requests that the new version gets: 50% unless given. Has no place with the split header.
        share: Option<Percent> = None,
        /// Who gets the new version.
        split: AbSplit = AbSplit::User,
        /// With the split header: share of the users who carry the header or cookie that sends them to the new version.
        header: Percent = Percent::of(5.0),
        /// How long it is measured; then both versions stay as they are.
        r#for: Lasting = Lasting(Span::from_secs(1_800)),
        /// New instances; as large a share of the fleet as of the traffic unless given.
        instances: Option<Amount> = None,
        /// Ends the test early when the new version fails.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
    }
}

words! {
    /// Who gets the new version in an A/B test.
    pub enum AbSplit {
        /// A share of the users, always the same.
        "user" => User,
        /// The users who carry a header or cookie, and nobody else.
        "header" => Header,
        /// A share of the requests, by chance.
        "random" => Random,
    }
}

table! {
    /// Copies of the requests load the new version; its answers are thrown away.
    pub struct Shadow {
        /// Share of the requests that is copied.
        share: Percent = Percent::of(100.0),
        /// How long; then the new version is removed.
        r#for: Lasting = Lasting(Span::from_secs(600)),
        /// New instances; as large a share of the fleet as of the traffic unless given.
        instances: Option<Amount> = None,
        /// Ends it early when the new version fails.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
    }
}

table! {
    /// The new code is in every instance already; a growing share of the users meets it.
    pub struct FeatureFlag {
        /// In order, with rising shares; after the last every user meets the new code.
        steps: Vec<ShareStep> = ShareStep::usual(),
        /// Switches the flag off when the new code fails.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
    }
}

table! {
    /// Blue-green with a canary: a second fleet, a growing share of the traffic to it, one switch, the first fleet kept.
    pub struct Combined {
        /// In order, with rising shares; after the last the new fleet gets everything.
        steps: Vec<ShareStep> = ShareStep::usual(),
        /// How long the old fleet is kept after the switch.
        bake: Span = Span::from_secs(120),
        /// Rolls back when the new version fails, from the first step to the end of the bake.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
        /// How a proxy splits requests between the versions.
        split: Split = Split::Random,
        /// With the split header: share of the users who carry the header or cookie that sends them to the new version.
        header: Percent = Percent::of(5.0),
    }
}

table! {
    /// Gives the new version a share, then holds.
    pub struct ShareStep {
        /// Of the users or requests.
        share: Percent,
        /// How long, or `manual`: until somebody promotes.
        hold: HoldOrManual,
    }
}

impl ShareStep {
    fn usual() -> Vec<ShareStep> {
        let hold = || OrWord::present(Lasting(Span::from_secs(60)));
        [5.0, 25.0, 50.0].map(|percent| ShareStep { share: Percent::of(percent), hold: hold() }).to_vec()
    }
}

/// What the switch of a blue-green deployment waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) enum Promotion {
    /// Nothing.
    Auto,
    /// A person.
    Manual,
    /// Time.
    After(Span),
}

impl Leaf for Promotion {
    fn expected() -> String {
        format!("auto, manual or {}", <Lasting as Leaf>::expected())
    }

    fn fallback() -> Self {
        Promotion::Auto
    }

    fn parse(scalar: &Scalar) -> Result<Self, Advice> {
        match scalar.text.as_str() {
            "auto" => Ok(Promotion::Auto),
            "manual" => Ok(Promotion::Manual),
            _ => <Lasting as Leaf>::parse(scalar).map(|time| Promotion::After(time.0)),
        }
    }

    fn scalar(&self) -> Scalar {
        match self {
            Promotion::Auto => Scalar::plain("auto"),
            Promotion::Manual => Scalar::plain("manual"),
            Promotion::After(time) => time.scalar(),
        }
    }

    fn schema() -> Schema {
        let time = <Lasting as Leaf>::schema();
        json_schema!({ "anyOf": [{ "enum": ["auto", "manual"] }, time] })
    }
}

leaf!(Promotion);
