//! The state machine around a Flagger walk: a canary workload beside the primary, ticks, and the promotion with its
//! second rollout, in which the primary itself is updated.

use crate::core::amount::Share;
use crate::core::fleet::Counts;
use crate::core::ids::InstanceId;
use crate::core::rollout::rolling::{Limits, rolling_targets};
use crate::core::rollout::run::Measurement;
use crate::core::rollout::sync::{Progress, Sync, counted};
use crate::core::rollout::walk::{Act, Readiness, View, Walk, WalkPhase};
use crate::core::rollout::{Flagger, Order, Phase};
use crate::core::time::Moment;

#[derive(Clone, Debug)]
pub(super) struct Machine {
    flagger: Flagger,
    walk: Walk,
    /// The instances of the canary workload; those of the updated primary run the same version.
    canary: Vec<InstanceId>,
    next_tick: Moment,
    /// When there was progress last: progress deadlines count from here.
    since: Moment,
    /// What progress is measured by: both versions.
    seen: [Counts; 2],
    /// What the proxies were told last.
    share: Share,
    /// Advances so far, for people.
    advances: usize,
}

impl Machine {
    /// The revision is seen at once, with a tick: those that follow are an interval apart.
    pub fn start(flagger: Flagger, sync: &mut Sync<'_>) -> Machine {
        let size = sync.setup.size;
        sync.announce(
            Phase::Starting,
            format!("a canary of {} beside the primary", counted(size as usize, "instance")),
        );
        let (next_tick, since) = (sync.now + flagger.interval, sync.now);
        let seen = [Counts::default(); 2];
        let (walk, canary, share) = (Walk::START, Vec::new(), Share::NONE);
        Machine { flagger, walk, canary, next_tick, since, seen, share, advances: 0 }
    }

    pub fn step(&mut self, sync: &mut Sync<'_>) -> Progress {
        let sized = self.size(sync);
        self.look_for_progress(sync);
        if self.is_over() || sync.now < self.next_tick {
            return sized;
        }
        self.next_tick = sync.now + self.flagger.interval;
        self.tick(sync);
        Progress::Made
    }

    /// Rolls back, unless it is too late: once the primary is being updated there is no way back.
    pub fn fail(&mut self, sync: &mut Sync<'_>, reason: &str) -> Progress {
        if self.walk.phase != WalkPhase::Progressing {
            return Progress::Settled;
        }
        (self.walk.phase, self.walk.weight, self.walk.mirrored) = (WalkPhase::Failed, 0, false);
        self.roll_back(sync, reason);
        Progress::Made
    }

    pub fn deadline(&self) -> Moment {
        if self.is_over() { Moment::NEVER } else { self.next_tick }
    }

    fn look_for_progress(&mut self, sync: &Sync<'_>) {
        let counts = [sync.setup.from, sync.setup.to].map(|version| sync.count(version));
        let measure =
            |counts: &[Counts; 2]| counts.map(|Counts { spec, ready, available, .. }| (spec, ready, available));
        if measure(&std::mem::replace(&mut self.seen, counts)) != measure(&counts) {
            self.since = sync.now;
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.walk.phase, WalkPhase::Succeeded | WalkPhase::Failed)
    }

    fn updates_primary(&self) -> bool {
        matches!(self.walk.phase, WalkPhase::Promoting | WalkPhase::Finalising | WalkPhase::Succeeded)
            || (self.walk.phase == WalkPhase::Failed && self.walk.weight == 100)
    }

    /// Brings both workloads to their sizes.
    fn size(&mut self, sync: &mut Sync<'_>) -> Progress {
        let size = sync.setup.size;
        if !self.updates_primary() {
            let primary = sync.scale(sync.setup.from, size);
            let progressing = self.walk.phase == WalkPhase::Progressing;
            return if progressing { primary.or(self.size_canary(size, sync)) } else { primary };
        }
        let limits = Limits::resolve(self.flagger.primary.surge, self.flagger.primary.unavailable, size);
        let (old, new) = (sync.count(sync.setup.from), self.updated(sync));
        let counts_terminating = self.flagger.primary.waits_for_termination;
        let targets = rolling_targets(size, limits, counts_terminating, old, new);
        let (from, to) = (sync.setup.from, sync.setup.to);
        let grown = sync.scale_beside(to, targets.new, &self.canary);
        let shrunk = sync.scale(from, targets.old);
        self.route(sync);
        grown.or(shrunk)
    }

    fn size_canary(&mut self, size: u32, sync: &mut Sync<'_>) -> Progress {
        let missing = (size as usize).saturating_sub(self.canary.len());
        for _ in 0..missing {
            let instance = sync.launch(sync.setup.to);
            self.canary.push(instance);
        }
        let surplus = self.canary.len().saturating_sub(size as usize);
        let stopped = self.canary.split_off(self.canary.len() - surplus);
        stopped.into_iter().for_each(|instance| sync.stop(instance));
        if missing + surplus > 0 { Progress::Made } else { Progress::Settled }
    }

    /// The instances of the primary that run the new version.
    fn updated(&self, sync: &Sync<'_>) -> Counts {
        let to = sync.setup.to;
        sync.fleet.count_where(sync.now, |id, version| version == to && !self.canary.contains(&id))
    }

    fn tick(&mut self, sync: &mut Sync<'_>) {
        let view = self.view(sync);
        let before = self.walk;
        match self.walk.tick(&self.flagger, view) {
            Act::Wait => {}
            Act::Fail => self.say_failed_check(sync),
            Act::Iterate => {
                self.advances += 1;
                self.announce_step(sync);
            }
            Act::Route if before.phase == WalkPhase::Promoting => self.return_to_primary(sync),
            Act::Route => self.advance(before.mirrored, sync),
            Act::Promote => self.begin_promotion(sync),
            Act::Skip => {
                self.begin_promotion(sync);
                self.finish(sync);
            }
            Act::Finish => self.finish(sync),
            Act::RollBack => {
                let reason = self.why_back(view);
                self.roll_back(sync, &reason);
            }
            Act::Hold => {
                self.route(sync);
                sync.announce(Phase::Failed, "the primary did not come up: all traffic stays at the canary");
            }
        }
    }

    fn view(&self, sync: &Sync<'_>) -> View {
        let late = sync.now >= self.since + sync.setup.progress_deadline;
        let canary = sync.fleet.count_where(sync.now, |id, _| self.canary.contains(&id));
        let size = sync.setup.size;
        let primary = if self.updates_primary() {
            let (updated, old) = (self.updated(sync), sync.count(sync.setup.from));
            let rolled = updated.spec >= size && old.spec == 0;
            let available = if rolled { updated.available } else { 0 };
            Readiness::of(size, available, self.flagger.primary_ready, late)
        } else {
            let old = sync.count(sync.setup.from);
            Readiness::of(size, old.available, self.flagger.primary_ready, false)
        };
        let canary_late = late && !self.updates_primary();
        View {
            primary,
            canary: Readiness::of(canary.spec, canary.available, self.flagger.canary_ready, canary_late),
            checks_pass: self.failing_check(sync).is_none(),
        }
    }

    /// The first check that does not pass; no data is a failed check.
    fn failing_check(&self, sync: &Sync<'_>) -> Option<&str> {
        let checks = &self.flagger.checks.checks;
        let bad = checks.iter().find(|check| check.judge(sync.samples.window(check.window)) != Measurement::Success);
        bad.map(|check| check.name.as_str())
    }

    fn say_failed_check(&self, sync: &mut Sync<'_>) {
        let name = self.failing_check(sync).unwrap_or("a check").to_owned();
        let Walk { failed_checks, weight, .. } = self.walk;
        let reason =
            format!("{name} failed: {failed_checks} of {} failed checks, held at {weight} %", self.flagger.threshold);
        sync.announce(Phase::Holding, reason);
    }

    fn advance(&mut self, was_mirrored: bool, sync: &mut Sync<'_>) {
        if self.walk.mirrored != was_mirrored {
            let share = if self.walk.mirrored { self.flagger.mirror.unwrap_or(Share::NONE) } else { Share::NONE };
            sync.orders.push(Order::Mirror { share });
        }
        self.advances += 1;
        self.route(sync);
        self.announce_step(sync);
    }

    fn announce_step(&self, sync: &mut Sync<'_>) {
        let Walk { weight, mirrored, .. } = self.walk;
        let of = if self.flagger.matches.is_some() { " of who matches" } else { "" };
        let copies = if mirrored { ", copies of all requests" } else { "" };
        let phase = Phase::Step(self.advances, self.flagger.advances());
        sync.announce(phase, format!("{weight} %{of} to the canary{copies}"));
    }

    /// Tells the proxies the new version's share: the canary's, and of the rest the part of the primary that is updated.
    fn route(&mut self, sync: &mut Sync<'_>) {
        let (old, updated) = (sync.count(sync.setup.from).ready, self.updated(sync).ready);
        let part = f64::from(updated) / f64::from((old + updated).max(1));
        let canary = f64::from(self.walk.weight.min(100)) / 100.0;
        let share = match self.flagger.matches {
            // Who does not match goes to the primary, and so to the new version when all of that is updated.
            Some(_) if part == 1.0 || self.walk.phase == WalkPhase::Failed => Share::ALL,
            Some(matches) if self.walk.weight > 0 => matches,
            Some(_) => Share::NONE,
            None => Share::new(canary + (1.0 - canary) * part).unwrap_or(Share::ALL),
        };
        if share != self.share {
            self.share = share;
            sync.weigh(share);
        }
    }

    fn begin_promotion(&mut self, sync: &mut Sync<'_>) {
        if self.walk.mirrored {
            self.walk.mirrored = false;
            sync.orders.push(Order::Mirror { share: Share::NONE });
        }
        if !self.flagger.shifts {
            self.unlist_canary(sync);
        }
        self.since = sync.now;
        sync.announce(Phase::Replacing, "the primary is updated, a second rollout");
    }

    fn return_to_primary(&mut self, sync: &mut Sync<'_>) {
        if self.walk.weight == 0 {
            self.unlist_canary(sync);
            sync.announce(Phase::Switched, "all traffic to the updated primary");
        }
        self.route(sync);
    }

    /// The canary workload takes no part in the primary's traffic, although it runs the same version.
    fn unlist_canary(&self, sync: &mut Sync<'_>) {
        for &instance in &self.canary {
            sync.orders.push(Order::Publish { instance, listed: false });
        }
    }

    fn finish(&mut self, sync: &mut Sync<'_>) {
        self.stop_canary(sync);
        sync.announce(Phase::Promoted, "the primary is updated, the canary is being stopped");
    }

    fn stop_canary(&self, sync: &mut Sync<'_>) {
        self.canary.iter().for_each(|&instance| sync.stop(instance));
    }

    fn why_back(&self, view: View) -> String {
        if view.canary == Readiness::Late {
            return "the canary did not come up within the progress deadline".to_owned();
        }
        if view.primary == Readiness::Late {
            return "the primary is not available".to_owned();
        }
        format!("{} failed checks, the threshold", self.walk.failed_checks)
    }

    fn roll_back(&mut self, sync: &mut Sync<'_>, reason: &str) {
        sync.announce(Phase::RollingBack, reason);
        sync.orders.push(Order::Mirror { share: Share::NONE });
        self.share = Share::NONE;
        sync.weigh(Share::NONE);
        self.stop_canary(sync);
        sync.announce(Phase::RolledBack, "the primary serves everything again, the canary is being stopped");
    }
}

impl Flagger {
    /// Advances of a walk on which nothing fails.
    pub fn advances(&self) -> usize {
        if self.iterations > 0 {
            return self.iterations as usize + usize::from(self.matches.is_none());
        }
        usize::from(self.mirror.is_some()) + self.weights().len()
    }
}
