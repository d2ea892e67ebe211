//! What a proxy makes of checks and endings: who is barred, and until when.

use crate::core::ids::InstanceId;
use crate::core::proxy::bars::Bars;
use crate::core::proxy::breaker::Accrual;
use crate::core::proxy::eject::{Ejection, Outlier, Sample};
use crate::core::proxy::health::Checked;
use crate::core::proxy::{Ending, Policy, Proxy};
use crate::core::time::{Moment, Span};

/// What a proxy thinks of one instance, beside what its balancer must know.
#[derive(Clone, Copy, Debug)]
struct Opinion {
    checked: Checked,
    accrual: Accrual,
    outlier: Outlier,
}

/// What a proxy thinks of its instances.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// By instance; those that were never listed have one too, which nobody looks at.
    opinions: Vec<Opinion>,
    /// Whether endings matter at all.
    pub minds_endings: bool,
    next_sweep: Moment,
    /// When something is to be done by itself; never later than it really is.
    due: Moment,
}

impl Opinion {
    const NEW: Opinion = Opinion { checked: Checked::UP, accrual: Accrual::NEW, outlier: Outlier::NEW };
}

impl Watch {
    pub fn new(now: Moment, policy: &Policy) -> Watch {
        let next_sweep = policy.ejection.map_or(Moment::NEVER, |ejection| now + ejection.interval);
        let minds_endings = policy.breaker.is_some() || policy.ejection.is_some();
        Watch { opinions: Vec::new(), minds_endings, next_sweep, due: next_sweep }
    }

    fn of(&mut self, instance: InstanceId) -> &mut Opinion {
        &mut self.opinions[instance.index()]
    }
}

impl Proxy {
    /// Forgets what it thought of an instance that is listed now. Answers whether it counts as up.
    pub(super) fn meet(&mut self, instance: InstanceId, known: bool) -> bool {
        let opinions = &mut self.watch.opinions;
        if opinions.len() <= instance.index() {
            opinions.resize(instance.index() + 1, Opinion::NEW);
        }
        let checked = match self.policy.checks {
            Some(checks) if !known => Checked::new(checks.initial),
            Some(_) | None => Checked::UP,
        };
        opinions[instance.index()] = Opinion { checked, ..Opinion::NEW };
        checked.up
    }

    /// An active check of `instance` was answered well or not. Answers how long after the start of this check the next
    /// one is to start; `None`: there is none.
    pub fn probed(&mut self, now: Moment, instance: InstanceId, well: bool) -> Option<Span> {
        let checks = self.policy.checks?;
        if !self.lists(instance) {
            return None;
        }
        let opinion = self.watch.of(instance);
        opinion.checked.answer(well, checks);
        let (up, interval) = (opinion.checked.up, opinion.checked.interval(checks));
        // Envoy: `successful_active_health_check_uneject_host`, on by default.
        let pardoned = well && opinion.outlier.ejected();
        if pardoned {
            opinion.outlier.release();
        }
        self.bar(now, instance, Bars::DOWN, !up);
        if pardoned {
            self.bar(now, instance, Bars::EJECTED, false);
        }
        Some(interval)
    }

    /// When to call [`Proxy::tick`] if nothing happens before.
    pub fn deadline(&self) -> Moment {
        self.watch.due
    }

    /// The moment that [`Proxy::deadline`] asked for has come, or an earlier one that is no longer due.
    pub fn tick(&mut self, now: Moment) {
        if now >= self.watch.next_sweep
            && let Some(ejection) = self.policy.ejection
        {
            self.watch.next_sweep = now + ejection.interval;
            (0..self.sides.len()).for_each(|side| self.sweep(now, side, &ejection));
        }
        let mut due = self.watch.next_sweep;
        if self.policy.breaker.is_some() {
            due = due.min(self.end_penalties(now));
        }
        self.watch.due = due;
    }

    /// Lets those whose penalty is over have one attempt; answers when the next penalty is over.
    fn end_penalties(&mut self, now: Moment) -> Moment {
        let mut next = Moment::NEVER;
        for index in 0..self.watch.opinions.len() {
            let Accrual::Open { until, .. } = self.watch.opinions[index].accrual else { continue };
            if until <= now {
                self.watch.opinions[index].accrual.probe();
                self.bar(now, InstanceId(index as u32), Bars::BROKEN, false);
            } else {
                next = next.min(until);
            }
        }
        next
    }

    /// An attempt goes to `instance`: if it is the one on probation, no second one does.
    pub(super) fn watch_pick(&mut self, now: Moment, instance: InstanceId) {
        if self.policy.breaker.is_some() && matches!(self.watch.of(instance).accrual, Accrual::Probation { .. }) {
            self.bar(now, instance, Bars::BROKEN, true);
        }
    }

    /// An attempt on `instance` ended.
    pub(super) fn watch_ending(&mut self, now: Moment, side: usize, instance: InstanceId, ending: Ending, dice: u64) {
        if let Some(breaker) = self.policy.breaker {
            let accrual = &mut self.watch.of(instance).accrual;
            let was_closed = matches!(accrual, Accrual::Closed { .. });
            let until = accrual.note(now, ending, breaker, dice);
            // An attempt on probation that was abandoned leaves the way free for another.
            let free = matches!(accrual, Accrual::Closed { .. } | Accrual::Probation { .. });
            if let Some(until) = until {
                self.watch.due = self.watch.due.min(until);
            }
            if until.is_some() || !was_closed {
                self.bar(now, instance, Bars::BROKEN, !free);
            }
        }
        if let Some(ejection) = self.policy.ejection
            && self.watch.of(instance).outlier.note(ending, &ejection)
        {
            self.eject(now, side, instance, &ejection);
        }
    }

    fn eject(&mut self, now: Moment, side: usize, instance: InstanceId, ejection: &Ejection) {
        let (listed, ejected) = self.sides[side].barred(Bars::EJECTED);
        let outlier = &mut self.watch.opinions[instance.index()].outlier;
        if outlier.ejected() || !self.sides[side].lists(instance) || !ejection.may_eject(ejected, listed) {
            return;
        }
        outlier.eject(now, ejection);
        self.sides[side].bar(now, instance, Bars::EJECTED, true);
    }

    /// Envoy's order: first those come back whose time is over, then the interval's statistics are judged.
    fn sweep(&mut self, now: Moment, side: usize, ejection: &Ejection) {
        let instances: Vec<InstanceId> = self.sides[side].instances().collect();
        let mut samples: Vec<Sample> = Vec::with_capacity(instances.len());
        for &instance in &instances {
            let outlier = &mut self.watch.of(instance).outlier;
            samples.push(outlier.take());
            if outlier.sweep(now, ejection) {
                outlier.release();
                self.sides[side].bar(now, instance, Bars::EJECTED, false);
            }
        }
        let judge = ejection.judge(&samples);
        for (&instance, &sample) in instances.iter().zip(&samples) {
            if judge.condemns(sample) {
                self.eject(now, side, instance, ejection);
            }
        }
    }

    fn bar(&mut self, now: Moment, instance: InstanceId, bar: Bars, on: bool) {
        for side in &mut self.sides {
            side.bar(now, instance, bar, on);
        }
        if on {
            self.waiting.release(instance);
        }
    }
}
