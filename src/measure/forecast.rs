//! The result of a comparison: plain data that every report is written from.

use crate::measure::metric::Metrics;
use crate::measure::risk::Risk;

/// What `rollcast compare` found out.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run, or of the first of several.
    pub seed: u64,
    /// Share of good requests promised, 0 to 1.
    pub objective: f64,
    /// Length of the SLO window in days.
    pub window_days: f64,
    /// Currency of all money, e.g. `USD`.
    pub currency: String,
    /// End of the warm-up and start of the measured time.
    pub warm_up_s: f64,
    /// End of the run.
    pub horizon_s: f64,
    /// The deploy command; `None` when nothing is rolled out.
    pub rollout_at_s: Option<f64>,
    /// Names of the old and the new version; the new one is `None` when nothing is rolled out.
    pub old_version: String,
    /// See `old_version`.
    pub new_version: Option<String>,
    /// What releases are like, where the replications drew them.
    pub releases: Option<Releases>,
    /// `stay` first, then the strategies in the order of the scenario.
    pub strategies: Vec<StrategyForecast>,
    /// What the reader should know about the result, each with an id.
    pub notes: Vec<Note>,
}

/// What releases are like, and which were drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Releases {
    /// Share of them that are bad, as the scenario says.
    pub bad: f64,
    /// How many there are in a week.
    pub per_week: f64,
    /// Names of the kinds of bad ones.
    pub kinds: Vec<String>,
    /// For every replication, the number of its kind; `None`: a good one.
    pub drawn: Vec<Option<usize>>,
}

/// Something that limits a result, with an id so that it can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Short and stable, in kebab case.
    pub id: String,
    /// One sentence.
    pub text: String,
}

/// One strategy, run once or several times.
#[derive(Clone, Debug)]
pub struct StrategyForecast {
    /// As the scenario calls it; `stay` for the run without a rollout.
    pub name: String,
    /// How the rollout ended in the first replication.
    pub ending: Ending,
    /// The numbers: of the one run, or their means over the replications in which they were measured.
    pub metrics: Metrics,
    /// Every replication, first to last; empty after a single run.
    pub samples: Vec<Sample>,
    /// What releases come to under it, where the replications drew them.
    pub risk: Option<Risk>,
    /// What the controller announced, in order; of the first replication.
    pub phases: Vec<Phase>,
    /// Every objective of the service, in the order of the scenario.
    pub slos: Vec<SloForecast>,
    /// One row per second from the start of the run (warm-up included); of the first replication.
    pub timeline: Vec<Second>,
}

/// What is kept of one replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// How the rollout ended.
    pub ending: Ending,
    /// Whether its controller said at some time that it was stuck.
    pub stuck: bool,
    /// The numbers.
    pub metrics: Metrics,
    /// What it made of the budget of each objective.
    pub budgets: Vec<BudgetUse>,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was none: `stay`.
    NoRollout,
    /// The new version serves everything and the old one is gone.
    Promoted,
    /// The old version serves everything again and the new one is gone.
    RolledBack,
    /// The controller gave the deployment up, and left it as it is.
    Failed,
    /// It ended with knowledge, not with a replacement: an A/B test, a shadow.
    Concluded,
    /// Still under way, or stuck, at the end of the run.
    Unfinished,
}

impl Ending {
    /// Whether it came to the end that it was meant to come to, good or bad.
    pub const fn is_finished(self) -> bool {
        match self {
            Ending::NoRollout | Ending::Promoted | Ending::RolledBack | Ending::Concluded => true,
            Ending::Failed | Ending::Unfinished => false,
        }
    }

    /// As written in tables and files.
    pub const fn label(self) -> &'static str {
        match self {
            Ending::NoRollout => "no rollout",
            Ending::Promoted => "promoted",
            Ending::RolledBack => "rolled back",
            Ending::Failed => "failed",
            Ending::Concluded => "concluded",
            Ending::Unfinished => "unfinished",
        }
    }
}

/// A step of a rollout, as its controller announced it.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// Short name, e.g. `step 2/3` or `rolling back`.
    pub phase: String,
    /// Why, with the evidence.
    pub reason: String,
}

impl StrategyForecast {
    /// The alerts of the first objective.
    pub fn alerts(&self) -> &[Alert] {
        self.slos.first().map_or(&[], |slo| &slo.alerts)
    }
}

/// What a run does to one objective.
#[derive(Clone, Debug, PartialEq)]
pub struct SloForecast {
    /// As the scenario calls it.
    pub name: String,
    /// Share of good events promised.
    pub objective: f64,
    /// A request is good when it is answered well within this time; `None`: whenever it is answered well.
    pub within_s: Option<f64>,
    /// What the budget is made of: `requests` or `time-slices`.
    pub counted: &'static str,
    /// Length of its window.
    pub window_s: f64,
    /// How much of a calendar window had passed when the run began; `None`: the window rolls.
    pub elapsed_s: Option<f64>,
    /// Share of the budget that was spent before the run.
    pub spent: f64,
    /// What the one run makes of the budget, or the means over the replications in which it was measured.
    pub budget: BudgetUse,
    /// That of every replication, first to last; empty after a single run.
    pub samples: Vec<BudgetUse>,
    /// Every burn-rate alert of the policy, fired or not; of the first replication.
    pub alerts: Vec<Alert>,
}

/// What a run makes of the budget of one objective.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetUse {
    /// Requests, or slices, of the measured time.
    pub events: f64,
    /// Of those, bad.
    pub bad: f64,
    /// Bad events that the objective allows in its window.
    pub budget: f64,
    /// Share of the budget that the run burnt; `None` without events.
    pub burnt: Option<f64>,
    /// Share that is left; below zero where more was burnt than there was.
    pub left: Option<f64>,
    /// Burn rate that the rest of a calendar window bears; `None` of a window that rolls.
    pub bearable_burn_rate: Option<f64>,
    /// Largest burn rate over the long window of any alert.
    pub burn_rate_max: Option<f64>,
    /// Alerts that fired.
    pub alerts: f64,
    /// When the first of them did, in seconds since the start of the run.
    pub first_alert_s: Option<f64>,
}

/// One burn-rate alert: it fires while both windows burn faster than `factor`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `page` or `ticket`.
    pub severity: &'static str,
    /// Long window.
    pub long_s: f64,
    /// Short window.
    pub short_s: f64,
    /// Burn rate above which it fires.
    pub factor: f64,
    /// Largest burn rate seen over the long window.
    pub burn_rate_max: f64,
    /// First time it fired, seconds since the start of the run.
    pub fires_s: Option<f64>,
    /// When it cleared after that; `None` if it never fired or still fires at the end.
    pub clears_s: Option<f64>,
}

/// What happened in one second, and what stood at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// User requests that clients sent.
    pub offered: u32,
    /// User requests that settled well.
    pub good: u32,
    /// User requests that settled badly.
    pub bad: u32,
    /// User requests under way at the end of the second.
    pub in_flight: u32,
    /// Attempts waiting in the queues of instances at the end of the second.
    pub queued: u32,
    /// Instances by version and state at the end of the second.
    pub old: Instances,
    /// See `old`.
    pub new: Instances,
    /// Share of the requests that the controller wants the new version to get, where it splits by weight.
    pub weight: Option<f64>,
    /// Bad / all of this second, in multiples of what the objective allows.
    pub burn: f64,
}

/// How many instances of one version are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Exist, not yet ready (booting, or down and restarting).
    pub booting: u32,
    /// Ready and not ordered to stop.
    pub ready: u32,
    /// Ordered to stop, still there.
    pub terminating: u32,
}
