//! The state machine of strategies that go from stage to stage: canary, blue-green, A/B test, shadow and feature flag.
//! Instances first, traffic second, as in Argo Rollouts.

use crate::core::amount::Share;
use crate::core::judge::percent;
use crate::core::rollout::difference::difference;
use crate::core::rollout::run::{Outcome, Run};
use crate::core::rollout::samples::Sample;
use crate::core::rollout::sizing::Sizing;
use crate::core::rollout::sync::{Progress, Sync, counted};
use crate::core::rollout::{Analysis, Background, Control, Hold, Order, Phase, Scale};
use crate::core::time::{Moment, Span};

/// Enough new instances, then the share, then the hold, then the analysis.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub share: Share,
    pub scale: Scale,
    pub hold: Hold,
    pub analysis: Option<Analysis>,
    /// The analysis runs during the hold, not after it.
    pub together: bool,
}

/// What gives the new version its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lever {
    /// Proxies split the traffic.
    Weight,
    /// Proxies copy it.
    Mirror,
    /// Instances go by the user.
    Flag,
    /// Nothing but the number of instances.
    Count,
}

/// What comes after the last stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The old version goes.
    Replace,
    /// Both stay as they are, and the difference is known.
    Compare,
    /// The new version goes.
    Remove,
}

/// What does not change while the machine runs.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub stages: Vec<Stage>,
    pub lever: Lever,
    pub sizing: Sizing,
    pub end: End,
    pub background: Option<Background>,
    /// How long the new instances are kept after a rollback; `None`: for ever.
    pub keep_new: Option<Span>,
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    course: Course,
    state: State,
    /// The share that was ordered last.
    share: Share,
    /// The analysis of the present stage, once it has begun.
    run: Option<Run>,
    /// The analysis beside the stages, once it has begun.
    background: Option<Run>,
    /// What was seen when the present share was ordered.
    began: Option<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the instances of a stage.
    Growing { stage: usize },
    /// The stage has its share. `said`: why it goes on was announced.
    Holding { stage: usize, since: Moment, said: bool },
    /// Nothing goes on until a person says so; then `next`.
    Paused { stage: usize, next: usize },
    /// The old version gets everything again, as fast as it can take it.
    Returning,
    /// It has everything; the new one is kept until then.
    Returned { until: Moment },
    /// `back`: the old version serves everything.
    Done { back: bool },
    /// Both versions stay.
    Compared,
}

impl Machine {
    pub fn start(course: Course) -> Machine {
        let state = State::Growing { stage: 0 };
        Machine { course, state, share: Share::NONE, run: None, background: None, began: None }
    }

    pub fn step(&mut self, sync: &mut Sync<'_>) -> Progress {
        let progress = self.walk(sync);
        progress.or(self.keep_baseline(sync))
    }

    /// As many instances of the baseline as there are new ones, up to the size of the fleet, for as long as the gate has
    /// somebody to compare: they are launched, grow and shrink with the new ones. They go when it is decided that the new
    /// version gets everything, for those new instances that come then are younger than any of them, and with the way back.
    fn keep_baseline(&self, sync: &mut Sync<'_>) -> Progress {
        let Some(gate) = sync.gate.filter(|gate| gate.control == Control::Baseline) else { return Progress::Settled };
        let share = self.present().map(|(stage, _)| self.course.stages[stage].share);
        if share.is_some_and(|share| gate.can_compare_at(share)) {
            sync.scale_baseline(sync.count(sync.setup.to).spec.min(sync.setup.size))
        } else {
            sync.retire_baseline()
        }
    }

    fn walk(&mut self, sync: &mut Sync<'_>) -> Progress {
        if self.is_on_the_way() {
            if let Some(evidence) = self.bad(sync) {
                return self.fail(sync, &evidence);
            }
            if let Some(progress) = self.look_at_background(sync) {
                return progress;
            }
        }
        match self.state {
            State::Growing { stage } => self.grow(stage, sync),
            State::Holding { stage, since, said } => self.hold(stage, since, said, sync),
            State::Paused { stage, next } => self.pause(stage, next, sync),
            State::Returning => self.give_back(sync),
            State::Returned { until } => self.stop_new(until, sync),
            State::Done { back } => self.keep(back, sync),
            State::Compared => self.stay(self.course.stages.len() - 1, sync),
        }
    }

    /// Gives all traffic back to the old version, unless that is already done or too late.
    pub fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        if !self.is_on_the_way() {
            return Progress::Settled;
        }
        sync.announce(Phase::RollingBack, reason);
        (self.run, self.background) = (None, None);
        self.state = State::Returning;
        Progress::Made
    }

    /// What has passed asks for nothing: the machine then waits for a measurement, or for a person.
    pub fn deadline(&self, now: Moment) -> Moment {
        let runs = self.run.iter().chain(&self.background).map(Run::deadline).min().unwrap_or(Moment::NEVER);
        let own = match self.state {
            State::Holding { stage, since, .. } => match self.course.stages[stage].hold {
                Hold::For(hold) => since + hold,
                Hold::UntilPromoted => Moment::NEVER,
            },
            State::Returned { until } => until,
            State::Growing { .. } | State::Paused { .. } | State::Returning | State::Done { .. } | State::Compared => {
                Moment::NEVER
            }
        };
        [own, runs].into_iter().filter(|&at| at > now).min().unwrap_or(Moment::NEVER)
    }

    pub fn waits_for_instances(&self) -> bool {
        matches!(self.state, State::Growing { .. } | State::Returning)
    }

    fn is_on_the_way(&self) -> bool {
        matches!(self.state, State::Growing { .. } | State::Holding { .. } | State::Paused { .. })
    }

    /// The evidence against the new version, from its gate or its present analysis.
    fn bad(&mut self, sync: &Sync<'_>) -> Option<String> {
        if let Some(run) = &mut self.run {
            run.measure(sync.now, sync.samples);
            if run.outcome() >= Outcome::Error {
                return Some(run.evidence());
            }
        }
        sync.bad()
    }

    fn look_at_background(&mut self, sync: &mut Sync<'_>) -> Option<Progress> {
        let run = self.background.as_mut()?;
        run.measure(sync.now, sync.samples);
        let (outcome, evidence) = (run.outcome(), run.evidence());
        match outcome {
            Outcome::Running | Outcome::Successful => None,
            Outcome::Failed | Outcome::Error => Some(self.fail(sync, &evidence)),
            Outcome::Inconclusive => {
                self.background = None;
                let (stage, next) = self.present()?;
                Some(self.wait_for_a_person(stage, next, &evidence, sync))
            }
        }
    }

    /// The present stage, and the one that a person would let it go on to.
    fn present(&self) -> Option<(usize, usize)> {
        match self.state {
            State::Growing { stage } => Some((stage, stage)),
            State::Holding { stage, .. } => Some((stage, stage + 1)),
            State::Paused { stage, next } => Some((stage, next)),
            State::Returning | State::Returned { .. } | State::Done { .. } | State::Compared => None,
        }
    }

    fn grow(&mut self, stage: usize, sync: &mut Sync<'_>) -> Progress {
        self.begin_background(stage, sync);
        let wanted = &self.course.stages[stage];
        let grown = self.course.sizing.go(wanted.share, wanted.scale, self.share, sync);
        if grown.progress == Progress::Made {
            return Progress::Made;
        }
        if !grown.there {
            return Progress::Settled;
        }
        // Without a single available instance no router sends it anything.
        let nobody = self.course.lever != Lever::Flag && sync.count(sync.setup.to).available == 0;
        let share = if nobody { Share::NONE } else { wanted.share };
        let new = sync.count(sync.setup.to).spec;
        self.pull(share, sync);
        self.began = sync.samples.last().copied();
        let (phase, reason) = self.arrival(stage, new);
        sync.announce(phase, reason);
        self.run = None;
        if let (Some(analysis), true) = (&self.course.stages[stage].analysis, self.course.stages[stage].together) {
            self.run = Some(Run::start(sync.now, analysis));
        }
        self.state = State::Holding { stage, since: sync.now, said: false };
        Progress::Made
    }

    /// Keeps the instances that a stage needs, whatever the size of the fleet is by now.
    fn stay(&self, stage: usize, sync: &mut Sync<'_>) -> Progress {
        let wanted = &self.course.stages[stage];
        self.course.sizing.go(wanted.share, wanted.scale, self.share, sync).progress
    }

    fn begin_background(&mut self, stage: usize, sync: &Sync<'_>) {
        // It begins with its step, and so at the latest when the steps are over.
        if let Some(Background { analysis, .. }) = self.course.background.take_if(|later| stage >= later.from_step) {
            self.background = Some(Run::start(sync.now, &analysis));
        }
    }

    fn pull(&mut self, share: Share, sync: &mut Sync<'_>) {
        if share == self.share {
            return;
        }
        self.share = share;
        match self.course.lever {
            Lever::Weight => sync.weigh(share),
            Lever::Mirror => sync.orders.push(Order::Mirror { share }),
            Lever::Flag => sync.orders.push(Order::Expose { share }),
            Lever::Count => {}
        }
    }

    fn arrival(&self, stage: usize, new: u32) -> (Phase, String) {
        let Stage { share, hold, .. } = &self.course.stages[stage];
        let to = match self.course.lever {
            Lever::Weight | Lever::Count => "to the new version",
            Lever::Mirror => "copied to the new version",
            Lever::Flag => "of the users meet the new code",
        };
        let lasts = match hold {
            Hold::For(hold) => format!(" for {hold}"),
            Hold::UntilPromoted => " until somebody promotes it".to_owned(),
        };
        if stage + 1 == self.course.stages.len() && self.course.end == End::Replace {
            let kept = match hold {
                Hold::For(Span::ZERO) => String::new(),
                Hold::For(hold) => format!("; the old one is kept for {hold}"),
                Hold::UntilPromoted => "; the old one is kept until somebody says so".to_owned(),
            };
            return (Phase::Switched, format!("100 % {to}{kept}"));
        }
        let of = self.course.stages.len() - usize::from(self.course.end == End::Replace);
        let on = if self.course.lever == Lever::Flag { String::new() } else { on(new) };
        (Phase::Step(stage + 1, of), format!("{} % {to}{on}{lasts}", percent(share.value())))
    }

    /// On to the next stage when the hold is over, the gate content, and the analysis successful.
    fn hold(&mut self, stage: usize, since: Moment, said: bool, sync: &mut Sync<'_>) -> Progress {
        if self.stay(stage, sync) == Progress::Made {
            return Progress::Made;
        }
        let wanted = &self.course.stages[stage];
        if self.run.is_none() || wanted.together {
            let promoted = sync.take_promotion();
            let over = match wanted.hold {
                Hold::For(hold) => promoted || sync.now >= since + hold,
                Hold::UntilPromoted => promoted,
            };
            if !over {
                return self.say_waiting(stage, said, sync);
            }
            // A person has evidence of their own, and there is none to wait for without a share of the traffic, nor from a
            // comparison that was made at the stages before and has nobody left to compare with.
            let compares = sync.gate.is_some_and(|gate| gate.can_compare_at(wanted.share) || !self.has_compared(stage));
            let waits_for_evidence = !promoted && wanted.share > Share::NONE && compares;
            let open = sync.ruling().filter(|ruling| waits_for_evidence && ruling.is_inconclusive());
            if let Some(ruling) = open {
                return self.say(said, Phase::Holding, format!("inconclusive: {ruling}"), sync);
            }
        }
        self.analyse(stage, sync)
    }

    /// Whether both versions had traffic at a stage before this one.
    fn has_compared(&self, stage: usize) -> bool {
        self.course.stages[..stage].iter().any(|before| before.share > Share::NONE && before.share < Share::ALL)
    }

    fn say_waiting(&mut self, stage: usize, said: bool, sync: &mut Sync<'_>) -> Progress {
        match self.course.stages[stage].hold {
            Hold::UntilPromoted => self.say(said, Phase::Waiting, "for somebody to promote it".to_owned(), sync),
            Hold::For(_) => Progress::Settled,
        }
    }

    fn say(&mut self, said: bool, phase: Phase, reason: String, sync: &mut Sync<'_>) -> Progress {
        if let (false, State::Holding { said, .. }) = (said, &mut self.state) {
            *said = true;
            sync.announce(phase, reason);
        }
        Progress::Settled
    }

    fn analyse(&mut self, stage: usize, sync: &mut Sync<'_>) -> Progress {
        let Some(analysis) = &self.course.stages[stage].analysis else { return self.go_on(stage + 1, sync) };
        let Some(run) = &self.run else {
            self.run = Some(Run::start(sync.now, analysis));
            return Progress::Made;
        };
        match run.outcome() {
            Outcome::Running => Progress::Settled,
            Outcome::Successful => self.go_on(stage + 1, sync),
            Outcome::Inconclusive | Outcome::Error | Outcome::Failed => {
                let evidence = run.evidence();
                self.wait_for_a_person(stage, stage + 1, &evidence, sync)
            }
        }
    }

    fn wait_for_a_person(&mut self, stage: usize, next: usize, reason: &str, sync: &mut Sync<'_>) -> Progress {
        sync.announce(Phase::Paused, format!("inconclusive: {reason}"));
        sync.announce(Phase::Waiting, "for somebody to promote or abort it");
        self.run = None;
        self.state = State::Paused { stage, next };
        Progress::Made
    }

    fn pause(&mut self, stage: usize, next: usize, sync: &mut Sync<'_>) -> Progress {
        let sized = self.stay(stage, sync);
        if sync.take_promotion() { self.go_on(next, sync) } else { sized }
    }

    fn go_on(&mut self, next: usize, sync: &mut Sync<'_>) -> Progress {
        self.run = None;
        if next < self.course.stages.len() {
            self.state = State::Growing { stage: next };
            return Progress::Made;
        }
        // A background analysis that runs for ever ends with the rollout.
        self.background = None;
        match self.course.end {
            End::Replace => {
                let flag = self.course.lever == Lever::Flag;
                let reason = if flag { "every user meets the new code" } else { "the old version is being stopped" };
                sync.announce(Phase::Promoted, reason);
                self.state = State::Done { back: false };
            }
            End::Compare => {
                sync.announce(Phase::Concluded, difference(self.began.as_ref(), sync.samples.last()));
                self.state = State::Compared;
            }
            End::Remove => {
                let found = difference(self.began.as_ref(), sync.samples.last());
                self.pull(Share::NONE, sync);
                sync.announce(Phase::Concluded, format!("the new version is removed; {found}"));
                self.state = State::Done { back: true };
            }
        }
        Progress::Made
    }

    fn give_back(&mut self, sync: &mut Sync<'_>) -> Progress {
        let shares: Vec<Share> = self.course.stages.iter().map(|stage| stage.share).collect();
        let back = self.course.sizing.go_back(&shares, self.share, sync);
        self.pull(back.share, sync);
        if back.progress == Progress::Made {
            return Progress::Made;
        }
        if !back.there {
            return Progress::Settled;
        }
        sync.announce(Phase::RolledBack, "the old version serves everything again");
        let until = self.course.keep_new.map_or(Moment::NEVER, |kept| sync.now + kept);
        self.state = State::Returned { until };
        Progress::Made
    }

    fn stop_new(&mut self, until: Moment, sync: &mut Sync<'_>) -> Progress {
        if sync.now < until {
            return Progress::Settled;
        }
        self.state = State::Done { back: true };
        Progress::Made
    }

    fn keep(&self, back: bool, sync: &mut Sync<'_>) -> Progress {
        // A flag replaces no instance: the old ones go on, whichever way it ended.
        let back = back || self.course.lever == Lever::Flag;
        let (leaving, live) = sync.setup.direction(back);
        sync.scale(live, sync.setup.size).or(sync.scale(leaving, 0))
    }
}

fn on(new: u32) -> String {
    format!(" on {}", counted(new as usize, "instance"))
}
