//! What is deployed, what breaks, and how it is measured.

use crate::core::time::Span;
use crate::scenario::entry::{Keyword, OrWord, choice, table, words};
use crate::scenario::units::{Every, Lasting, Name, Percent, Whole};

table! {
    /// The deployment to forecast.
    pub struct Rollout {
        /// When; not before the end of the warm-up.
        at: Span,
        /// The version that runs before.
        from: Name,
        /// The version that is deployed.
        to: Name,
        /// No progress for this long is reported, and rolled back by strategies with a gate.
        progress_deadline: Lasting = Lasting(Span::from_secs(600)),
        /// How long somebody takes to promote a rollout that waits for a person; nobody comes unless given.
        promote_after: Option<Span> = None,
        /// What people do to the rollout.
        people: Vec<Deed> = Vec::new(),
    }
}

table! {
    /// A person does something to the rollout.
    pub struct Deed {
        /// When, since the start of the run; not before the rollout.
        at: Span,
        /// What.
        r#do: Act,
    }
}

words! {
    /// What a person does to a rollout.
    pub enum Act {
        /// Lets it go on where it waits for a person.
        "promote" => Promote,
        /// Gives it up.
        "abort" => Abort,
        /// Stops it where it is.
        "pause" => Pause,
        /// Lets a paused one go on.
        "resume" => Resume,
    }
}

table! {
    /// Somebody, or an autoscaler, wants another size of the fleet.
    pub struct Resize {
        /// When.
        at: Span,
        /// Instances wanted from then on.
        size: Whole<1, 100_000>,
    }
}

choice! {
    /// Something that goes wrong by itself.
    pub enum Fault {
        /// Instances die.
        "kill" => Kill(Kill),
    }
}

/// `restart: never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct NeverWord;

impl Keyword for NeverWord {
    const WORD: &'static str = "never";
}

table! {
    /// Instances die, those that have run longest first.
    pub struct Kill {
        /// When.
        at: Span,
        /// How many at once.
        instances: Whole<1, 100_000> = Whole::of(1),
        /// Whether the platform fails to notice, so that the proxies keep the dead instance listed.
        silent: bool = false,
        /// When a dead instance begins to boot again.
        restart: OrWord<Span, NeverWord> = OrWord::present(Span::ZERO),
    }
}

choice! {
    /// Something that somebody does to the proxies.
    pub enum Event {
        /// New workers take over, and know nothing but the endpoints.
        "reload" => Reload(Reload),
    }
}

/// `proxy: all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct AllWord;

impl Keyword for AllWord {
    const WORD: &'static str = "all";
}

table! {
    /// A proxy loses its balancer's state, its tables and what it thought of the instances; old workers finish what
    /// they have.
    pub struct Reload {
        /// When.
        at: Span,
        /// Which proxy, counted from 0.
        proxy: OrWord<Whole<0, 999>, AllWord> = OrWord::absent(),
    }
}

table! {
    /// How metrics reach a gate.
    pub struct Telemetry {
        /// Between two samples.
        scrape: Every<10> = Every(Span::from_secs(15)),
        /// From a sample to the moment it can be queried.
        delay: Span = Span::ZERO,
        /// The rules of a gate are evaluated so often; as soon as a sample is there unless given.
        evaluate: Option<Every<10>> = None,
        /// Share of the samples that are lost, below 100%.
        lost: Percent = Percent::of(0.0),
    }
}
