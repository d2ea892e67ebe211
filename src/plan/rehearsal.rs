//! A rollout without traffic: a platform of fixed times around one controller, and a row for every sync.

use crate::core::amount::Share;
use crate::core::fleet::Counts;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::{Controller, Input, Order, Phase, Sample, Setup, Strategy, Tally};
use crate::core::time::{Moment, Span};
use std::collections::VecDeque;

/// The rollout begins after a day, so that there is a past to look back on.
fn begin() -> Moment {
    Moment::START + Span::from_secs(86_400)
}

const OLD: VersionId = VersionId(0);
const NEW: VersionId = VersionId(1);

/// A rollout that is still under way after so many syncs is not going to end.
const ROWS_MAX: usize = 100_000;

/// Looks in a row that change nothing, after which nothing ever will: a controller that looks every ten seconds has looked
/// for more than a day.
const LOOKS_MAX: usize = 10_000;

/// Attempts per second of the metrics that a rehearsal makes up; none of them fails.
const ATTEMPTS_PER_SECOND: u64 = 1_000_000;

/// How fast things go on the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// From the launch of an instance to its start.
    pub boot: Span,
    /// From its start to ready.
    pub ready_in: Span,
    /// From the order to stop until it is gone.
    pub drain: Span,
    /// How long a person takes to promote what waits for one; `None`: nobody does.
    pub promote_after: Option<Span>,
    /// When somebody aborts it, counted from its start; `None`: nobody does.
    pub abort_at: Option<Span>,
    /// Changes of the fleet's size, counted from the start of the rollout.
    pub scale: Vec<(Span, u32)>,
    /// Instances that may exist at once, terminating ones included; `None`: any number.
    pub quota: Option<u32>,
}

/// How a rehearsal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The new version serves everything.
    Promoted,
    /// The old version serves everything again.
    RolledBack,
    /// Nothing moves any more, and nobody is asked.
    Stuck,
    /// It waits for a person who never comes.
    Waiting,
    /// The controller gave it up, and left it as it was.
    Failed,
}

/// The fleet after one sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// From the start of the rollout.
    pub at: Span,
    /// What the controller ordered, e.g. `new 0 → 3`; empty where instances only became ready or went.
    pub orders: Vec<String>,
    /// What it announced, with the reason.
    pub phases: Vec<(Phase, String)>,
    /// Instances of the new version.
    pub new: Counts,
    /// Instances of the old version.
    pub old: Counts,
    /// Instances that exist, terminating ones included.
    pub physical: u32,
    /// Share of the traffic that the new version has; without a split the share of the ready instances.
    pub weight: Share,
}

/// A whole rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// In the order of time.
    pub rows: Vec<Row>,
    /// How it ended.
    pub ending: Ending,
    /// Until the controller called it done; `None`: it never did.
    pub duration: Option<Span>,
    /// Until the last instance that was ordered to stop was gone.
    pub settled: Span,
    /// Most instances that existed at once.
    pub peak: u32,
    /// Fewest available instances at any time.
    pub least_available: u32,
    /// Instances × seconds until it was settled.
    pub instance_seconds: f64,
}

/// Rehearses the rollout of `strategy` on a fleet of `setup.size`; versions and times of `setup` that are not about
/// instances are taken as they are.
pub fn rehearse(
    strategy: &Strategy,
    size: u32,
    min_ready: Span,
    progress_deadline: Span,
    timing: &Timing,
) -> Rehearsal {
    let setup = Setup { size, from: OLD, to: NEW, min_ready, progress_deadline };
    Platform::new(Controller::new(setup, Some(strategy.clone())), strategy, size, timing).run()
}

struct Platform<'a> {
    controller: Controller,
    timing: &'a Timing,
    now: Moment,
    /// What is to be told, and when; in the order of planning where times are equal.
    news: Vec<(Moment, Input)>,
    /// Launched, and without a place.
    pending: VecDeque<InstanceId>,
    /// Stopped before they had a place.
    unborn: Vec<InstanceId>,
    existing: u32,
    /// Instances before the rollout.
    size: u32,
    /// Wanted of the fresh baseline of a gate.
    baseline: u32,
    /// What the proxies were told; `None`: they split by the number of instances.
    weight: Option<Share>,
    rows: Vec<Row>,
    peak: u32,
    least_available: u32,
    instance_seconds: f64,
    ended: Option<(Ending, Moment)>,
    waiting: bool,
}

impl<'a> Platform<'a> {
    fn new(controller: Controller, strategy: &Strategy, size: u32, timing: &'a Timing) -> Platform<'a> {
        let mut news = vec![(begin(), Input::Deploy)];
        news.extend(timing.abort_at.map(|at| (begin() + at, Input::Abort)));
        news.extend(timing.scale.iter().map(|&(at, size)| (begin() + at, Input::Scale(size))));
        Platform {
            controller,
            timing,
            now: begin(),
            news,
            pending: VecDeque::new(),
            unborn: Vec::new(),
            existing: size,
            size,
            baseline: 0,
            weight: strategy.split().map(|_| Share::NONE),
            rows: Vec::new(),
            peak: size,
            least_available: size,
            instance_seconds: 0.0,
            ended: None,
            waiting: false,
        }
    }

    fn run(mut self) -> Rehearsal {
        self.controller.note(Moment::START, sample(Moment::START, Tally::default()), &mut Vec::new());
        let mut looks = 0;
        while let Some(at) = self.next() {
            let rows = self.rows.len();
            self.instance_seconds += f64::from(self.existing) * at.since(self.now).seconds();
            self.now = at;
            self.happen();
            looks = if self.rows.len() > rows { 0 } else { looks + 1 };
            if self.rows.len() >= ROWS_MAX || looks >= LOOKS_MAX {
                break;
            }
        }
        let otherwise = if self.waiting { Ending::Waiting } else { Ending::Stuck };
        Rehearsal {
            ending: self.ended.map_or(otherwise, |(ending, _)| ending),
            duration: self.ended.map(|(_, at)| at.since(begin())),
            settled: self.rows.last().map_or(Span::ZERO, |row| row.at),
            rows: self.rows,
            peak: self.peak,
            least_available: self.least_available,
            instance_seconds: self.instance_seconds,
        }
    }

    fn next(&self) -> Option<Moment> {
        let news = self.news.iter().map(|&(at, _)| at).min();
        news.into_iter().chain(self.controller.deadline(self.now)).min()
    }

    /// Tells the controller all that happens now, and lets it sync until it has nothing more to order.
    fn happen(&mut self) {
        let mut orders = Vec::new();
        let attempts = self.now.whole_seconds() * ATTEMPTS_PER_SECOND;
        let seen = Tally { attempts, failed: 0, slow: 0 };
        self.controller.note(self.now, sample(self.now, seen), &mut orders);
        while let Some(first) = self.news.iter().position(|&(at, _)| at <= self.now) {
            let (_, input) = self.news.remove(first);
            if let Input::Gone(instance) = input {
                self.existing -= u32::from(!self.unborn.contains(&instance));
                self.admit();
            }
            self.controller.note(self.now, input, &mut orders);
        }
        loop {
            let again = self.controller.sync(self.now, &mut orders);
            self.carry_out(&mut orders);
            if !again || self.rows.len() >= ROWS_MAX {
                return;
            }
        }
    }

    fn counts(&self) -> (Counts, Counts) {
        let fleet = self.controller.fleet();
        (fleet.count(OLD, self.now), fleet.count(NEW, self.now))
    }

    fn carry_out(&mut self, orders: &mut Vec<Order>) {
        let (mut said, mut phases) = (Vec::new(), Vec::new());
        for order in orders.drain(..) {
            match order {
                Order::Launch { instance, .. } => {
                    self.pending.push_back(instance);
                    self.admit();
                }
                Order::Drain { instance } => self.drain(instance),
                Order::Publish { .. } => {}
                Order::Weight { share } => {
                    self.weight = Some(share);
                    said.push(format!("weight {} %", percent(share)));
                }
                Order::Mirror { share } => said.push(format!("mirror {} %", percent(share))),
                Order::Expose { share } => {
                    self.weight = Some(share);
                    said.push(format!("flag on for {} %", percent(share)));
                }
                Order::Announce { phase, reason } => {
                    self.hear(phase);
                    phases.push((phase, reason));
                }
            }
        }
        self.record(said, phases);
    }

    /// Starts what waits for a place, as far as there are places.
    fn admit(&mut self) {
        while self.timing.quota.is_none_or(|quota| self.existing < quota)
            && let Some(instance) = self.pending.pop_front()
        {
            self.existing += 1;
            self.news.push((self.now + self.timing.boot + self.timing.ready_in, Input::Ready(instance)));
        }
        self.peak = self.peak.max(self.existing);
    }

    fn drain(&mut self, instance: InstanceId) {
        if let Some(place) = self.pending.iter().position(|&waiting| waiting == instance) {
            self.pending.remove(place);
            // It never existed: nothing has to go before it is gone.
            self.unborn.push(instance);
            self.news.push((self.now, Input::Gone(instance)));
            return;
        }
        self.news.retain(|(_, input)| *input != Input::Ready(instance));
        self.news.push((self.now + self.timing.drain, Input::Gone(instance)));
    }

    fn hear(&mut self, phase: Phase) {
        self.waiting = phase == Phase::Waiting || (self.waiting && phase == Phase::Paused);
        match phase {
            Phase::Waiting => {
                self.news.extend(self.timing.promote_after.map(|after| (self.now + after, Input::Promote)));
            }
            Phase::Promoted | Phase::Concluded => self.ended = Some((Ending::Promoted, self.now)),
            Phase::RolledBack => self.ended = Some((Ending::RolledBack, self.now)),
            Phase::Failed => self.ended = Some((Ending::Failed, self.now)),
            _ => {}
        }
    }

    /// A row, if anything is different from the last one.
    fn record(&mut self, mut orders: Vec<String>, phases: Vec<(Phase, String)>) {
        let (old, new) = self.counts();
        let whole = Counts { spec: self.size, ..Counts::default() };
        let before = self.rows.last().map_or((whole, Counts::default()), |row| (row.old, row.new));
        let baseline = self.controller.fleet().count_baseline(self.now).spec;
        let baseline_before = std::mem::replace(&mut self.baseline, baseline);
        let mut moved = Vec::new();
        let counts = [
            ("new", before.1.spec, new.spec),
            ("baseline", baseline_before, baseline),
            ("old", before.0.spec, old.spec),
        ];
        for (name, from, to) in counts {
            if from != to {
                moved.push(format!("{name} {from} → {to}"));
            }
        }
        moved.append(&mut orders);
        self.least_available = self.least_available.min(old.available + new.available);
        let row = Row {
            at: self.now.since(begin()),
            orders: moved,
            phases,
            new,
            old,
            physical: self.existing,
            weight: self.weight.unwrap_or_else(|| by_count(old, new)),
        };
        let same = |last: &Row| {
            (last.old, last.new, last.physical, last.weight) == (row.old, row.new, row.physical, row.weight)
        };
        if !row.orders.is_empty() || !row.phases.is_empty() || !self.rows.last().is_some_and(same) {
            self.rows.push(row);
        }
    }
}

/// Whoever is compared with whom did the same.
fn sample(at: Moment, seen: Tally) -> Input {
    Input::Sample(Sample { at, new: seen, old: seen, baseline: seen })
}

fn by_count(old: Counts, new: Counts) -> Share {
    let ready = old.ready + new.ready;
    Share::new(f64::from(new.ready) / f64::from(ready.max(1))).unwrap_or(Share::NONE)
}

/// For people: two decimals at most.
pub(super) fn percent(share: Share) -> f64 {
    (share.value() * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests;
