//! A strategy as the scenario or a manifest gives it: what to do, not how far it is.

use crate::core::amount::{Amount, Share};
use crate::core::judge::Judge;
use crate::core::rollout::analysis::Analysis;
use crate::core::slo::Objective;
use crate::core::time::Span;

/// One of the ways to bring out a new version.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Stop every old instance, wait until they are gone, start the new ones.
    Recreate(Recreate),
    /// Replace a few at a time.
    Rolling(Rolling),
    /// A second fleet, one switch, the first kept for an instant return.
    BlueGreen(BlueGreen),
    /// A growing share of the traffic, watched by a gate.
    Canary(Canary),
    /// The walk of a Flagger `Canary`: one tick after the other, a step or a failed check each.
    Flagger(Flagger),
    /// Two versions side by side for a while, and the measured difference between them.
    AbTest(AbTest),
    /// Copies of the requests load the new version; its answers are thrown away.
    Shadow(Shadow),
    /// The new code is in every instance already; a growing share of the users meets it.
    FeatureFlag(FeatureFlag),
}

impl Strategy {
    /// The gate that watches the new version, if there is one.
    pub fn gate(&self) -> Option<Gate> {
        match self {
            Strategy::Recreate(recreate) => recreate.gate,
            Strategy::Rolling(rolling) => rolling.gate,
            Strategy::BlueGreen(blue_green) => blue_green.gate,
            Strategy::Canary(canary) => canary.gate,
            Strategy::Flagger(_) => None,
            Strategy::AbTest(test) => test.gate,
            Strategy::Shadow(shadow) => shadow.gate,
            Strategy::FeatureFlag(flag) => flag.gate,
        }
    }

    /// How proxies split requests between the versions; `None`: by the number of instances.
    pub fn split(&self) -> Option<Split> {
        match self {
            Strategy::Recreate(_) | Strategy::Rolling(_) | Strategy::FeatureFlag(_) => None,
            Strategy::BlueGreen(_) | Strategy::Shadow(_) => Some(Split::Random),
            Strategy::Canary(canary) => canary.routing.by_traffic().then_some(canary.split),
            Strategy::Flagger(flagger) => Some(flagger.matches.map_or(Split::Random, Split::Only)),
            Strategy::AbTest(test) => Some(test.split),
        }
    }

    /// Whether it returns to the old version when the new one does not come up: a Kubernetes Deployment never does.
    pub fn rolls_back(&self) -> bool {
        match self {
            Strategy::Recreate(_) => self.gate().is_some(),
            Strategy::Rolling(rolling) => match &rolling.pace {
                Pace::Nomad(nomad) => nomad.auto_revert,
                Pace::Surge(_) | Pace::Ecs(_) | Pace::Hosts(_) => self.gate().is_some(),
            },
            Strategy::BlueGreen(blue_green) => blue_green.aborts_at_deadline,
            Strategy::Canary(canary) => canary.aborts_at_deadline,
            Strategy::Flagger(_) | Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => true,
        }
    }

    /// The latency above which an attempt counts as slow, if anything asks for that; the first one counts.
    pub fn slow_above(&self) -> Option<Span> {
        let gate = self.gate().and_then(|gate| match gate.bad {
            Bad::Failed => None,
            Bad::SlowerThan(above) => Some(above),
        });
        gate.or_else(|| self.analyses().into_iter().find_map(Analysis::slow_above))
    }

    /// How far back anything looks.
    pub fn longest_window(&self) -> Span {
        let analyses = self.analyses();
        let windows = analyses.iter().flat_map(|analysis| &analysis.checks).map(|check| check.window);
        windows.chain(self.gate().map(|gate| gate.reach())).max().unwrap_or(Span::ZERO)
    }

    /// The same as [`Strategy::analyses`], to be changed.
    pub fn analyses_mut(&mut self) -> Vec<&mut Analysis> {
        match self {
            Strategy::BlueGreen(blue_green) => blue_green.before.iter_mut().chain(&mut blue_green.after).collect(),
            Strategy::Canary(canary) => {
                let background = canary.background.iter_mut().map(|background| &mut background.analysis);
                canary.steps.iter_mut().filter_map(|step| step.analysis.as_mut()).chain(background).collect()
            }
            Strategy::Flagger(flagger) => vec![&mut flagger.checks],
            Strategy::Recreate(_)
            | Strategy::Rolling(_)
            | Strategy::AbTest(_)
            | Strategy::Shadow(_)
            | Strategy::FeatureFlag(_) => Vec::new(),
        }
    }

    /// Every analysis that may run.
    pub fn analyses(&self) -> Vec<&Analysis> {
        match self {
            Strategy::BlueGreen(blue_green) => blue_green.before.iter().chain(&blue_green.after).collect(),
            Strategy::Canary(canary) => {
                let background = canary.background.iter().map(|background| &background.analysis);
                canary.steps.iter().filter_map(|step| step.analysis.as_ref()).chain(background).collect()
            }
            Strategy::Flagger(flagger) => vec![&flagger.checks],
            Strategy::Recreate(_)
            | Strategy::Rolling(_)
            | Strategy::AbTest(_)
            | Strategy::Shadow(_)
            | Strategy::FeatureFlag(_) => Vec::new(),
        }
    }
}

/// Options of [`Strategy::Recreate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recreate {
    /// `None`: never rolls back, as in life.
    pub gate: Option<Gate>,
    /// How long the gate goes on watching once every instance is new; without a gate it has no effect.
    pub bake: Span,
}

/// Options of [`Strategy::Rolling`].
#[derive(Clone, Debug, PartialEq)]
pub struct Rolling {
    /// How many are replaced at a time.
    pub pace: Pace,
    /// `None`: never rolls back by itself, as in life.
    pub gate: Option<Gate>,
    /// How long the gate goes on watching once every instance is new; without a gate it has no effect.
    pub bake: Span,
}

/// How many instances a rolling update replaces at a time, by the arithmetic of one controller or another.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// A Kubernetes Deployment, or an Argo Rollout without steps.
    Surge(Surge),
    /// An ECS service.
    Ecs(Ecs),
    /// A Nomad job.
    Nomad(Nomad),
    /// `CodeDeploy` on hosts: so many must stay healthy; each host is updated where it stands. A percentage rounds up.
    Hosts(Amount),
}

/// How far the fleet may grow and shrink, as Kubernetes puts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surge {
    /// Instances above the fleet's size; a percentage rounds up.
    pub surge: Amount,
    /// Instances that may be missing; a percentage rounds down.
    pub unavailable: Amount,
    /// Whether terminating instances count against the size and the surge (`podReplacementPolicy:
    /// TerminationComplete`).
    pub waits_for_termination: bool,
}

impl Surge {
    /// Terminating instances are invisible to it, as by default.
    pub const fn new(surge: Amount, unavailable: Amount) -> Surge {
        Surge { surge, unavailable, waits_for_termination: false }
    }
}

/// The deployment configuration of an ECS service.
#[derive(Clone, Debug, PartialEq)]
pub struct Ecs {
    /// `minimumHealthyPercent`: rounds up.
    pub minimum: f64,
    /// `maximumPercent`: rounds down.
    pub maximum: f64,
    /// The deployment circuit breaker; `None`: off.
    pub breaker: Option<TaskBreaker>,
}

/// The deployment circuit breaker of ECS: it counts tasks that failed to start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskBreaker {
    /// Failed tasks at which it opens.
    pub threshold: BreakerThreshold,
    /// Whether a task that becomes healthy sets the count back to none.
    pub resets: bool,
    /// Whether the service returns to the old version then; otherwise the deployment only fails.
    pub rollback: bool,
}

/// When the deployment circuit breaker of ECS opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BreakerThreshold {
    /// A percentage of the desired count, rounded up, between 3 and 200.
    Bounded(f64),
    /// A percentage of the desired count, rounded up, at least 1.
    Unbounded(f64),
    /// A number of tasks.
    Count(u32),
}

/// The `update` block of a Nomad job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nomad {
    /// `max_parallel`; 0: all at once, without a deployment.
    pub parallel: u32,
    /// Extra instances of the new version first; as many as the fleet: blue-green.
    pub canaries: u32,
    /// Whether healthy canaries are promoted without a person.
    pub auto_promote: bool,
    /// Whether a failed deployment returns to the old version.
    pub auto_revert: bool,
    /// An allocation that is not healthy so long after its launch is unhealthy: while there is one, no further ones are
    /// replaced, and with a progress deadline of zero the deployment fails.
    pub healthy_deadline: Span,
}

impl Nomad {
    /// So many at a time, and otherwise Nomad's defaults.
    pub const fn new(parallel: u32) -> Nomad {
        let healthy_deadline = Span::from_secs(300);
        Nomad { parallel, canaries: 0, auto_promote: false, auto_revert: false, healthy_deadline }
    }
}

/// Options of [`Strategy::BlueGreen`].
#[derive(Clone, Debug, PartialEq)]
pub struct BlueGreen {
    /// New instances before the promotion; `None`: the whole fleet.
    pub preview: Option<u32>,
    /// What the promotion waits for once the preview is available.
    pub promotion: Hold,
    /// Must succeed before the switch.
    pub before: Option<Analysis>,
    /// Switches back when it fails.
    pub after: Option<Analysis>,
    /// How long the old fleet is kept after the switch.
    pub bake: Span,
    /// Watches from the switch to the end of the bake; `None`: never rolls back.
    pub gate: Option<Gate>,
    /// How long the new fleet is kept after a rollback; `None`: for ever.
    pub keep_new: Option<Span>,
    /// Whether the progress deadline rolls back; otherwise it is only reported.
    pub aborts_at_deadline: bool,
}

impl BlueGreen {
    /// Switches as soon as the whole new fleet is available; the old one is kept for `bake`, and `gate` watches as long.
    pub fn plain(bake: Span, gate: Option<Gate>) -> BlueGreen {
        BlueGreen {
            preview: None,
            promotion: Hold::For(Span::ZERO),
            before: None,
            after: None,
            bake,
            gate,
            keep_new: Some(Span::ZERO),
            aborts_at_deadline: true,
        }
    }
}

/// Options of [`Strategy::Canary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// In order; after the last one the new version gets everything.
    pub steps: Vec<Step>,
    /// What makes the traffic follow the steps.
    pub routing: Routing,
    /// How a proxy splits requests between the versions, where it does.
    pub split: Split,
    /// Watches from the first step on; `None`: never rolls back.
    pub gate: Option<Gate>,
    /// Measures beside the steps.
    pub background: Option<Background>,
    /// How long the old fleet is kept after the last step.
    pub keep_old: Span,
    /// How long the new instances are kept after a rollback; `None`: for ever.
    pub keep_new: Option<Span>,
    /// Whether the old fleet shrinks as its share of the traffic does (Argo's `dynamicStableScale`).
    pub dynamic_stable: bool,
    /// A version that has any instance has at least so many (Argo's `minPodsPerReplicaSet`).
    pub least: u32,
    /// Whether the progress deadline rolls back; otherwise it is only reported.
    pub aborts_at_deadline: bool,
}

impl Canary {
    /// Proxies split the traffic by chance, `gate` watches, and the old fleet is kept for `keep_old` after the last step.
    pub fn plain(steps: Vec<Step>, gate: Option<Gate>, keep_old: Span) -> Canary {
        Canary {
            steps,
            routing: Routing::Traffic,
            split: Split::Random,
            gate,
            background: None,
            keep_old,
            keep_new: Some(Span::ZERO),
            dynamic_stable: false,
            least: 1,
            aborts_at_deadline: true,
        }
    }
}

/// What makes the traffic of a canary follow its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Routing {
    /// Proxies split it; the old fleet stays whole.
    Traffic,
    /// Nothing but the number of instances, as in Argo's canary without a traffic router.
    Instances(Surge),
    /// The same in batches, as in an `OpenKruise` Rollout of the style `partition`; `traffic`: proxies split besides.
    Batches {
        /// Limits of the workload's own rolling update.
        surge: Surge,
        /// Whether proxies split the traffic.
        traffic: bool,
    },
}

impl Routing {
    /// Whether proxies split the traffic between the versions.
    pub fn by_traffic(self) -> bool {
        match self {
            Routing::Traffic => true,
            Routing::Instances(_) => false,
            Routing::Batches { traffic, .. } => traffic,
        }
    }
}

/// One step of a canary: enough new instances, then the share, then the hold, then the analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Share of the requests that the new version gets.
    pub share: Share,
    /// New instances.
    pub scale: Scale,
    /// How long it keeps that share, at least.
    pub hold: Hold,
    /// Must succeed before the next step.
    pub analysis: Option<Analysis>,
}

impl Step {
    /// Instances to match the share, and time to hold.
    pub fn plain(share: Share, hold: Span) -> Step {
        Step { share, scale: Scale::MatchShare, hold: Hold::For(hold), analysis: None }
    }
}

/// The number of new instances in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// As large a share of the fleet as of the traffic.
    MatchShare,
    /// A number of its own (Argo's `setCanaryScale`); a percentage rounds up.
    Own(Amount),
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Time.
    For(Span),
    /// A person.
    UntilPromoted,
}

/// An analysis that runs beside the steps of a canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    /// What is measured.
    pub analysis: Analysis,
    /// Counted from 0: the step at which it begins.
    pub from_step: usize,
}

/// Options of [`Strategy::Flagger`], by the names that Flagger gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Flagger {
    /// Time between two ticks; at least 10 s.
    pub interval: Span,
    /// Failed checks at which it rolls back; at least 1.
    pub threshold: u32,
    /// In percent.
    pub max_weight: u32,
    /// In percent; 0: not given.
    pub step_weight: u32,
    /// In percent; empty: not given.
    pub step_weights: Vec<u32>,
    /// In percent; 0: all traffic returns to the primary at once.
    pub step_weight_promotion: u32,
    /// Above 0: blue-green, or an A/B test where there are `matches`.
    pub iterations: u32,
    /// Share of the users whose requests match; `None`: no match rules.
    pub matches: Option<Share>,
    /// Share of the requests that is copied to the canary before it gets any; `None`: none is.
    pub mirror: Option<Share>,
    /// Whether traffic can be shifted at all; the plain Kubernetes provider cannot.
    pub shifts: bool,
    /// In percent.
    pub primary_ready: u32,
    /// In percent.
    pub canary_ready: u32,
    /// Promotes without any check.
    pub skip_analysis: bool,
    /// What a tick checks: one measurement each, of which none may fail.
    pub checks: Analysis,
    /// The rolling update of the primary at the promotion.
    pub primary: Surge,
}

/// Options of [`Strategy::AbTest`].
#[derive(Clone, Debug, PartialEq)]
pub struct AbTest {
    /// Share of the users or requests that the new version gets.
    pub share: Share,
    /// By which rule.
    pub split: Split,
    /// How long it is measured; then both versions stay as they are.
    pub lasts: Span,
    /// New instances; `None`: as large a share of the fleet as of the traffic.
    pub instances: Option<Amount>,
    /// Ends the test early; `None`: nothing does.
    pub gate: Option<Gate>,
}

/// Options of [`Strategy::Shadow`].
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Share of the requests that is copied.
    pub share: Share,
    /// How long; then the new version is removed.
    pub lasts: Span,
    /// New instances; `None`: as large a share of the fleet as of the traffic.
    pub instances: Option<Amount>,
    /// Ends it early; `None`: nothing does.
    pub gate: Option<Gate>,
}

/// Options of [`Strategy::FeatureFlag`].
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureFlag {
    /// In order; after the last one every user meets the new code.
    pub steps: Vec<FlagStep>,
    /// Switches the flag off for everybody; `None`: nothing does.
    pub gate: Option<Gate>,
}

/// One step of a feature flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlagStep {
    /// Share of the users who meet the new code.
    pub share: Share,
    /// What the next step waits for.
    pub hold: Hold,
}

/// How a proxy splits requests between two versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// By chance for each request (Envoy, Istio, the nginx ingress).
    Random,
    /// In smooth rotation, so that the share is exact (HAProxy and nginx server weights).
    Smooth,
    /// By the user, who then stays with that version while the share does not change.
    User,
    /// By a header or cookie that this share of the users carry: they go to the new version as soon as it gets anything,
    /// the others by chance (Argo Rollouts' `setHeaderRoute`, Istio's header match).
    Header(Share),
    /// By a header or cookie that this share of the users carry: they go to the new version as soon as it gets anything,
    /// the others only when it gets everything (Flagger's A/B test).
    Only(Share),
}

impl Split {
    /// The share of the users who carry what sends them to the new version; `None` where nothing does.
    pub const fn carriers(self) -> Option<Share> {
        match self {
            Split::Header(carriers) | Split::Only(carriers) => Some(carriers),
            Split::Random | Split::Smooth | Split::User => None,
        }
    }
}

/// An automatic verdict on the new version from what was counted of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// How the counts are judged.
    pub judge: Judge,
    /// Which attempts are bad.
    pub bad: Bad,
    /// Fewer attempts than this are no evidence.
    pub samples: u32,
    /// How far back it looks; with planned looks: from one to the next. Sequential judges count from the start.
    pub window: Span,
    /// Besides, it fails once the new version has burnt too much of the error budget.
    pub budget: Option<Spending>,
    /// Whom the judge compares the new version with, if it does.
    pub control: Control,
}

/// Whom a gate compares the new version with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// The whole old version.
    #[default]
    Fleet,
    /// As many old instances as there are new ones, launched with them and as fresh as those.
    Baseline,
}

/// Which attempts count as bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Those that failed.
    Failed,
    /// Those that took longer than this.
    SlowerThan(Span),
}

/// How much of an error budget one release may burn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Of the whole budget.
    pub share: Share,
    /// Whose budget.
    pub objective: Objective,
}

impl Gate {
    /// A limit of the error rate in the last `window`, once there are `samples` attempts in it.
    pub fn limit(error_rate: Share, samples: u32, window: Span) -> Gate {
        Gate {
            judge: Judge::Threshold(error_rate),
            bad: Bad::Failed,
            samples,
            window,
            budget: None,
            control: Control::Fleet,
        }
    }

    /// Whether there is anybody to compare with in a stage in which the new version has this share of the traffic, if that is
    /// needed.
    pub(super) fn can_compare_at(&self, share: Share) -> bool {
        share < Share::ALL || (self.control == Control::Fleet && !self.judge.needs_control())
    }

    /// How far back its samples have to reach.
    pub(super) fn reach(&self) -> Span {
        let from_the_start = self.judge.counts_from_the_start() || self.budget.is_some();
        // What was compared with a baseline is kept, for it ends while the rollout goes on.
        if from_the_start || self.control == Control::Baseline { FOR_EVER } else { self.window }
    }
}

/// Longer than any run.
const FOR_EVER: Span = Span::from_secs(1_000 * 365 * 86_400 / 2);
