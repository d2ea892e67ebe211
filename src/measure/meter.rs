//! The meter: a driver tells it the facts as they happen, and it keeps sums, levels and one row per second.
//!
//! Facts before [`Meter::begin`] (the warm-up) reach the timeline, and nothing else.

use crate::core::amount::Share;
use crate::core::ids::{UserId, VersionId};
use crate::core::rollout::{Phase, Tally};
use crate::core::time::{Moment, Span};
use crate::measure::counts::Counts;
use crate::measure::drift::Drift;
use crate::measure::forecast::{self, Ending, Instances, Second};
use crate::measure::gauge::Gauge;
use crate::measure::latencies::Latencies;
use crate::measure::users::Users;

/// What an instance looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Exists, not ready.
    Booting,
    /// Ready, and not ordered to stop.
    Ready,
    /// Ordered to stop.
    Terminating,
}

/// What a user request meant for its user.
#[derive(Clone, Copy, Debug)]
pub struct Experience {
    /// The version that answered, well or not; `None` if nobody did.
    pub answered: Option<VersionId>,
    /// Whether any attempt was sent to the new version.
    pub exposed: bool,
    /// Whether it is bad because of the new version.
    pub harmed: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// By the instance's fault: gates look at that.
    pub failed: bool,
    /// Whether a user got an answer from it, which is what makes versions mix.
    pub answered: bool,
    /// Whether it took longer than the strategy's analysis likes.
    pub slow: bool,
}

impl Attempt {
    #[inline(always)]
    fn count(self, tally: &mut Tally) {
        tally.attempts += 1;
        tally.failed += u64::from(self.failed);
        tally.slow += u64::from(self.slow);
    }
}

/// Sums over the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Attempts refused, or for which there was no instance.
    pub shed: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Copies of requests sent to the new version.
    pub mirrored: u64,
    /// Attempts cut by an instance that went away.
    pub dropped: u64,
    /// Attempts that reached an instance which no longer accepted any.
    pub refused: u64,
    /// User requests with an attempt on the new version.
    pub exposed: u64,
    /// Of those, bad because of it.
    pub harmed: u64,
}

/// What one second adds that its [`Second`] row does not show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hidden {
    /// Bit 0: the old version answered; bit 1: the new one did.
    pub answered: u8,
    /// Seconds in which no available instance was listed anywhere.
    pub outage_s: f64,
    /// Seconds in which no instance was available.
    pub none_available_s: f64,
    /// Busy slots of available instances × seconds.
    pub busy_s: f64,
    /// Slots of available instances × seconds.
    pub slots_s: f64,
}

/// Good answers within a limit.
#[derive(Clone, Debug)]
struct Fast {
    limit: Span,
    second: u32,
    seconds: Vec<u32>,
}

/// When the rollout reached what it is judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Milestones {
    /// The deploy command.
    pub deployed: Option<Moment>,
    /// The first listing of a new instance in any proxy, or the first user who may meet the new code.
    pub new_listed: Option<Moment>,
    /// The first moment before any verdict at which nothing but the new version was there to serve.
    pub full: Option<Moment>,
    /// The verdict that the new version is bad.
    pub verdict: Option<Moment>,
    /// After the verdict, no proxy lists a new instance any more.
    pub new_unlisted: Option<Moment>,
    /// Success, or the end of the roll-back.
    pub ended: Option<Moment>,
}

/// Everything measured about one run.
#[derive(Clone, Debug)]
pub struct Meter {
    pub(super) new: Option<VersionId>,
    slots: u32,
    measuring: bool,
    pub(super) began: Moment,
    counts: Counts,
    /// As they stood when the measured time began, and when the present second did.
    counts_at_begin: Counts,
    counts_at_tick: Counts,
    pub(super) sums: Sums,
    pub(super) users: Users,
    /// Of the time that it is now, in the rollout or outside it, and of the other.
    latencies: Latencies,
    other_latencies: Latencies,
    in_rollout: bool,
    /// Whether it matters which user a request belongs to: from the deploy command on.
    follows_users: bool,
    /// Of the old version and of the new one.
    tallies: [Tally; 2],
    /// Those beside them of which nothing is to be said but that a user got an answer; and how many when the last second ended.
    answers: [u64; 2],
    answers_at_tick: [u64; 2],
    /// Of the old version's, those on the fresh baseline.
    baseline: Tally,
    /// The share that the controller wants the new version to have.
    weight: Option<f64>,
    second_hidden: Hidden,
    pub(super) timeline: Vec<Second>,
    pub(super) hidden: Vec<Hidden>,
    /// Good answers within each limit that an objective sets, by second.
    fast: Vec<Fast>,
    queued: u32,
    instances: [Instances; 2],
    existing: Gauge,
    pub(super) peak_instances: i64,
    pub(super) instance_s: f64,
    available: Gauge,
    reachable: Gauge,
    busy: Gauge,
    saturated: Gauge,
    pub(super) saturated_s: f64,
    /// Level 1 while the condition of its name holds.
    overload: Gauge,
    pub(super) overload_s: f64,
    outage: Gauge,
    none_available: Gauge,
    new_listings: u32,
    pub(super) milestones: Milestones,
    pub(super) drift: Drift,
    pub(super) phases: Vec<forecast::Phase>,
    pub(super) ending: Ending,
}

impl Meter {
    /// A meter for a service with `users` users and `slots` per instance; `new` is the version that is brought out.
    pub fn new(new: Option<VersionId>, users: u32, slots: u32) -> Meter {
        Meter {
            new,
            slots,
            measuring: false,
            began: Moment::START,
            counts: Counts::default(),
            counts_at_begin: Counts::default(),
            counts_at_tick: Counts::default(),
            sums: Sums::default(),
            users: Users::new(users),
            latencies: Latencies::default(),
            other_latencies: Latencies::default(),
            in_rollout: false,
            follows_users: false,
            tallies: [Tally::default(); 2],
            answers: [0; 2],
            answers_at_tick: [0; 2],
            baseline: Tally::default(),
            weight: None,
            second_hidden: Hidden::default(),
            timeline: Vec::new(),
            hidden: Vec::new(),
            fast: Vec::new(),
            queued: 0,
            instances: [Instances::default(); 2],
            existing: Gauge::default(),
            peak_instances: 0,
            instance_s: 0.0,
            available: Gauge::default(),
            reachable: Gauge::default(),
            busy: Gauge::default(),
            saturated: Gauge::default(),
            saturated_s: 0.0,
            overload: Gauge::default(),
            overload_s: 0.0,
            outage: Gauge::default(),
            none_available: Gauge::default(),
            new_listings: 0,
            milestones: Milestones::default(),
            drift: Drift::default(),
            phases: Vec::new(),
            ending: if new.is_some() { Ending::Unfinished } else { Ending::NoRollout },
        }
    }

    /// It also counts good answers within each of these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: impl Iterator<Item = Span>) -> Meter {
        self.fast = limits.map(|limit| Fast { limit, second: 0, seconds: Vec::new() }).collect();
        self
    }

    /// Good answers within `limit`, by second; none where nobody asked for that limit.
    pub(super) fn within(&self, limit: Span) -> &[u32] {
        let found = self.fast.iter().find(|fast| fast.limit == limit);
        found.map_or(&[], |fast| &fast.seconds)
    }

    /// The warm-up is over: what follows counts.
    pub fn begin(&mut self, now: Moment) {
        self.measuring = true;
        self.began = now;
        self.counts_at_begin = self.counts;
        (self.latencies, self.other_latencies) = Default::default();
        self.follow_users();
        self.take_levels(now);
        (self.instance_s, self.saturated_s, self.overload_s) = (0.0, 0.0, 0.0);
        self.peak_instances = self.existing.level();
    }

    /// A client sent a user request.
    #[inline(always)]
    pub fn offered(&mut self) {
        self.counts.offered += 1;
    }

    /// A user request has its final answer, so long after it was first sent.
    #[inline(always)]
    pub fn settled(&mut self, good: bool, latency: Span) {
        self.counts.good += u64::from(good);
        self.counts.bad += u64::from(!good);
        for fast in &mut self.fast {
            fast.second += u32::from(good && latency <= fast.limit);
        }
        if good {
            self.latencies.record(latency);
        }
    }

    /// Whether [`Meter::experienced`] has to be told who had asked.
    #[inline(always)]
    pub fn follows_users(&self) -> bool {
        self.follows_users
    }

    fn follow_users(&mut self) {
        self.follows_users = self.measuring && (self.in_rollout || self.milestones.ended.is_some());
    }

    /// The user whose request was settled went through that.
    pub fn experienced(&mut self, user: impl Fn() -> UserId, experience: Experience) {
        if !self.follows_users {
            return;
        }
        if let Some(version) = experience.answered {
            self.users.saw(&user, Some(version) == self.new);
        }
        if experience.exposed {
            self.sums.exposed += 1;
            self.users.expose(&user);
        }
        if experience.harmed {
            self.sums.harmed += 1;
            self.users.harm(&user);
        }
    }

    /// User requests settled in the measured time.
    pub(super) fn measured(&self) -> Counts {
        self.counts.since(self.counts_at_begin)
    }

    /// Latencies of good answers in the measured time: outside the rollout, and in it.
    pub(super) fn latencies(&self) -> [&Latencies; 2] {
        let (now, other) = (&self.latencies, &self.other_latencies);
        if self.in_rollout { [other, now] } else { [now, other] }
    }

    /// The rollout begins or ends.
    fn set_in_rollout(&mut self, in_rollout: bool) {
        if self.in_rollout != in_rollout {
            self.in_rollout = in_rollout;
            std::mem::swap(&mut self.latencies, &mut self.other_latencies);
        }
        self.follow_users();
    }

    /// The version that is brought out.
    #[inline(always)]
    pub fn new_version(&self) -> Option<VersionId> {
        self.new
    }

    /// An attempt on `version`, of a user or a copy, ended.
    #[inline(always)]
    pub fn attempted(&mut self, version: VersionId, attempt: Attempt) {
        let new = Some(version) == self.new;
        self.second_hidden.answered |= u8::from(attempt.answered) << u8::from(new);
        attempt.count(&mut self.tallies[usize::from(new)]);
    }

    /// A user's attempt on `version` ended with an answer, and is neither failed nor slow.
    #[inline(always)]
    pub fn answered(&mut self, version: VersionId) {
        self.answers[usize::from(Some(version) == self.new)] += 1;
    }

    /// Which versions did in this second, one bit each.
    fn answered_well(&self) -> u8 {
        let any = |new: usize| u8::from(self.answers[new] > self.answers_at_tick[new]) << new;
        any(0) | any(1)
    }

    /// Such an attempt was on an instance of the fresh baseline; it counts in both places.
    pub fn attempted_on_baseline(&mut self, attempt: Attempt) {
        attempt.count(&mut self.baseline);
    }

    /// Attempts on the old and the new version so far, as a scrape reads them.
    pub fn tallies(&self) -> [Tally; 2] {
        let [old, new] = self.tallies;
        let [by_old, by_new] = self.answers;
        let with = |tally: Tally, answers| Tally { attempts: tally.attempts + answers, ..tally };
        [with(old, by_old), with(new, by_new)]
    }

    /// Of those on the old version, the attempts on the fresh baseline.
    pub fn baseline(&self) -> Tally {
        self.baseline
    }

    /// An attempt was refused, or there was no instance for it.
    pub fn shed(&mut self) {
        self.sums.shed += u64::from(self.measuring);
    }

    /// A request is tried once more.
    pub fn retried(&mut self) {
        self.sums.retries += u64::from(self.measuring);
    }

    /// An attempt reached an instance that no longer accepts any.
    pub fn refused(&mut self) {
        self.sums.refused += u64::from(self.measuring);
    }

    /// A copy of a request is sent to the new version.
    pub fn mirrored(&mut self) {
        self.sums.mirrored += u64::from(self.measuring);
    }

    /// An attempt was cut because its instance went away.
    pub fn dropped(&mut self) {
        self.sums.dropped += u64::from(self.measuring);
    }

    /// Attempts waiting in queues changed by `delta`.
    #[inline(always)]
    pub fn queued(&mut self, delta: i32) {
        self.queued = self.queued.checked_add_signed(delta).expect("as many leave a queue as entered it");
    }

    /// An instance of `version` went from one stage to another; `None`: it does not exist.
    pub fn staged(&mut self, now: Moment, version: VersionId, from: Option<Stage>, to: Option<Stage>) {
        let counts = &mut self.instances[usize::from(Some(version) == self.new)];
        if let Some(from) = from {
            *count(counts, from) -= 1;
        }
        if let Some(to) = to {
            *count(counts, to) += 1;
        }
        self.note_full(now);
        self.existing.add(now, i64::from(to.is_some()) - i64::from(from.is_some()));
        self.peak_instances = self.peak_instances.max(self.existing.level());
    }

    /// An instance with `busy` busy slots became available (+1) or ceased to be (−1).
    pub fn available(&mut self, now: Moment, delta: i64, busy: u32, saturated: bool) {
        self.available.add(now, delta);
        self.busy.add(now, delta * i64::from(busy));
        self.saturated.add(now, delta * i64::from(saturated));
        self.none_available.set(now, i64::from(self.available.level() == 0));
        self.look_for_overload(now);
    }

    /// A slot of an available instance became busy (+1) or free (−1).
    #[inline(always)]
    pub fn busy(&mut self, now: Moment, delta: i64) {
        self.busy.add(now, delta);
    }

    /// An available instance became saturated (+1) or ceased to be (−1).
    pub fn saturated(&mut self, now: Moment, delta: i64) {
        self.saturated.add(now, delta);
        self.look_for_overload(now);
    }

    fn look_for_overload(&mut self, now: Moment) {
        let (available, saturated) = (self.available.level(), self.saturated.level());
        self.overload.set(now, i64::from(available > 0 && 2 * saturated >= available));
    }

    /// An available instance came into the endpoints of its first proxy (+1) or left its last (−1), or its availability
    /// changed while listed.
    pub fn reachable(&mut self, now: Moment, delta: i64) {
        self.reachable.add(now, delta);
        self.outage.set(now, i64::from(self.reachable.level() == 0));
    }

    /// A proxy listed or unlisted an instance of `version`.
    pub fn listed(&mut self, now: Moment, version: VersionId, listed: bool) {
        if Some(version) != self.new {
            return;
        }
        if listed {
            self.new_listings += 1;
            self.milestones.new_listed.get_or_insert(now);
        } else {
            self.new_listings -= 1;
        }
        self.note_unlisted(now);
    }

    fn note_unlisted(&mut self, now: Moment) {
        if self.new_listings == 0 && self.milestones.verdict.is_some() {
            self.milestones.new_unlisted.get_or_insert(now);
        }
    }

    /// With weights, full exposure is their affair; without, it is when no old instance is left to serve.
    fn note_full(&mut self, now: Moment) {
        let full = self.weight.map_or(self.instances[0].ready == 0, |weight| weight >= 1.0);
        if full && self.in_rollout && self.milestones.verdict.is_none() {
            self.milestones.full.get_or_insert(now);
        }
    }

    /// The controller wants the new version to get this share from now on.
    pub fn weighed(&mut self, now: Moment, share: Share) {
        self.weight = Some(share.value());
        self.note_full(now);
        self.drift.want(Some(share));
    }

    /// The controller wants this share of the users to meet the new code from now on, on instances that have it already.
    pub fn shown(&mut self, now: Moment, share: Share) {
        self.weight = Some(share.value());
        self.note_full(now);
        if share > Share::NONE {
            self.milestones.new_listed.get_or_insert(now);
        }
    }

    /// The controller announced a phase.
    pub fn announced(&mut self, now: Moment, phase: Phase, reason: String) {
        self.phases.push(forecast::Phase { at_s: now.seconds(), phase: phase.to_string(), reason });
        match phase {
            Phase::Started => {
                self.milestones.deployed = Some(now);
                self.set_in_rollout(true);
            }
            Phase::RollingBack => {
                self.milestones.verdict = Some(now);
                self.note_unlisted(now);
            }
            Phase::RolledBack => self.end(now, Ending::RolledBack),
            Phase::Promoted => self.end(now, Ending::Promoted),
            Phase::Failed => self.end(now, Ending::Failed),
            Phase::Concluded => self.end(now, Ending::Concluded),
            Phase::Stopping
            | Phase::Starting
            | Phase::Replacing
            | Phase::Step(..)
            | Phase::Switched
            | Phase::Baking
            | Phase::Holding
            | Phase::Waiting
            | Phase::Paused
            | Phase::Resumed
            | Phase::Stuck => {}
        }
    }

    /// The first attempt of a request is sent to `version`.
    #[inline(always)]
    pub fn routed(&mut self, version: VersionId) {
        self.drift.routed(Some(version) == self.new);
    }

    fn end(&mut self, now: Moment, ending: Ending) {
        self.drift.want(None);
        self.milestones.ended = Some(now);
        self.set_in_rollout(false);
        self.ending = ending;
    }

    /// A second has passed: its row is complete.
    pub fn tick(&mut self, now: Moment) {
        let second = Second {
            in_flight: self.in_flight() as u32,
            queued: self.queued,
            old: self.instances[0],
            new: self.instances[1],
            weight: self.weight,
            ..self.counts.since(self.counts_at_tick).row()
        };
        self.counts_at_tick = self.counts;
        let hidden = Hidden {
            answered: self.second_hidden.answered | self.answered_well(),
            outage_s: self.outage.take(now),
            none_available_s: self.none_available.take(now),
            busy_s: self.busy.take(now),
            slots_s: self.available.take(now) * f64::from(self.slots),
        };
        self.take_levels(now);
        self.timeline.push(second);
        self.hidden.push(hidden);
        for fast in &mut self.fast {
            fast.seconds.push(std::mem::take(&mut fast.second));
        }
        self.second_hidden = Hidden::default();
        self.answers_at_tick = self.answers;
    }

    fn take_levels(&mut self, now: Moment) {
        self.instance_s += self.existing.take(now);
        self.saturated_s += self.saturated.take(now);
        self.overload_s += self.overload.take(now);
    }

    /// The run is over.
    pub fn finish(&mut self) {
        self.drift.want(None);
    }

    /// User requests sent and not settled.
    pub fn in_flight(&self) -> u64 {
        self.counts.in_flight()
    }

    /// User requests sent.
    #[inline(always)]
    pub fn sent(&self) -> u64 {
        self.counts.offered
    }
}

fn count(counts: &mut Instances, stage: Stage) -> &mut u32 {
    match stage {
        Stage::Booting => &mut counts.booting,
        Stage::Ready => &mut counts.ready,
        Stage::Terminating => &mut counts.terminating,
    }
}
