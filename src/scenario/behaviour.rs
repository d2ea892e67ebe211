//! A version of the service, made ready to be drawn from.

use crate::core::amount::Share;
use crate::core::draw::{Stream, further, unit};
use crate::core::ids::UserId;
use crate::core::time::Span;
use crate::scenario::law::Sampler;
use crate::scenario::plan::{Errors, Version, WarmUp};

/// Names the draw that decides who is in a cohort, so that it is the same users in every run.
const COHORT: u64 = 0x0063_6f68_6f72_7421;

/// How instances of one version behave.
#[derive(Clone, Debug)]
pub struct Behaviour {
    service: Sampler,
    /// What service times are multiplied with, if with anything.
    slowdown: Option<f64>,
    errors: Errors,
    /// Whether errors depend on nothing but luck and age, which nearly always is so.
    plain: bool,
    /// Whether they depend on nothing but luck.
    ageless: bool,
    /// Whether the law of service times is not all there is to them: some take longer, or errors another time.
    adjusts: bool,
    /// Whether there are no errors at all.
    faultless: bool,
    fails_to_start: f64,
    crashes_after: Option<Sampler>,
}

/// What an attempt finds at its instance.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Who asks.
    pub user: UserId,
    /// How long the instance has been ready.
    pub age: Span,
    /// Slots that are busy, the attempt's own included.
    pub busy: u32,
    /// Slots that it has.
    pub slots: u32,
}

/// The luck of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Luck {
    /// In [0, 1]: below the error rate is an error.
    pub fate: f64,
    /// Service time at a warm instance, in nanoseconds; that of an error, if there is no doubt that it is one.
    pub work_ns: u64,
}

impl Behaviour {
    /// As the scenario describes the version.
    pub fn new(version: &Version) -> Behaviour {
        let plain = version.errors.leak.is_none()
            && version.errors.under_load.is_none()
            && version.errors.cohort == Share::NONE;
        Behaviour {
            service: Sampler::new(&version.service),
            slowdown: (version.slowdown != 1.0).then_some(version.slowdown),
            errors: version.errors,
            plain,
            ageless: plain && version.errors.after.is_zero(),
            adjusts: version.slowdown != 1.0 || version.errors.latency.is_some(),
            faultless: plain && version.errors.rate == Share::NONE,
            fails_to_start: version.fails_to_start.value(),
            crashes_after: version.crashes_after.as_ref().map(Sampler::new),
        }
    }

    /// The luck of an attempt on this version. The draws are in the same order for every version, so that the same
    /// request meets the same luck wherever it goes.
    #[inline(always)]
    pub fn luck(&self, stream: &mut Stream, size: impl FnOnce() -> f64) -> Luck {
        let fate = if self.faultless { 1.0 } else { fate(*stream) };
        stream.skip(1);
        let work_ns = self.service.draw_for(stream, size);
        if self.adjusts { self.adjust(fate, work_ns) } else { Luck { fate, work_ns } }
    }

    #[inline(never)]
    fn adjust(&self, fate: f64, work_ns: u64) -> Luck {
        let work_ns = match (self.errors.latency, self.errs_anyway(fate)) {
            (Some(latency), Some(true)) => latency.nanos(),
            _ => self.slowdown.map_or(work_ns, |factor| slowed(work_ns, factor)),
        };
        Luck { fate, work_ns }
    }

    /// Whether an attempt with this `fate` meets an error, where that does not depend on what it finds at its instance; `None`:
    /// take a closer look.
    #[inline(always)]
    pub fn errs_anyway(&self, fate: f64) -> Option<bool> {
        self.ageless.then_some(fate < self.errors.rate.value())
    }

    /// Whether an attempt with this `fate` meets an error. The shares of several reasons come on top of each other, as
    /// those of independent events do.
    pub fn errs(&self, fate: f64, met: Circumstances) -> bool {
        met.age >= self.errors.after && fate < self.share_of_errors(met)
    }

    fn share_of_errors(&self, met: Circumstances) -> f64 {
        if self.plain {
            return self.errors.rate.value();
        }
        if self.fails_always(met.user) {
            return 1.0;
        }
        let leak =
            self.errors.leak.map_or(0.0, |leak| leak.rate.value() * (met.age.seconds() / leak.over.seconds()).min(1.0));
        let load = f64::from(met.busy) / f64::from(met.slots);
        let under_load = self.errors.under_load.filter(|under| load > under.above.value());
        let well = [self.errors.rate.value(), leak, under_load.map_or(0.0, |load| load.rate.value())];
        1.0 - well.into_iter().map(|share| 1.0 - share).product::<f64>()
    }

    /// Whether every attempt of this user fails.
    fn fails_always(&self, user: UserId) -> bool {
        unit(further(COHORT, u64::from(user.0))) < self.errors.cohort.value()
    }

    /// Whether an attempt of `user` with this `fate` meets an error on any instance that has been up for long and is not
    /// under load: a leak has come to its end.
    pub fn errs_in_the_long_run(&self, fate: f64, user: UserId) -> bool {
        let age = self.errors.after + self.errors.leak.map_or(Span::ZERO, |leak| leak.over);
        self.errs(fate, Circumstances { user, age, busy: 0, slots: 1 })
    }

    /// Service time of an error, where it differs from that of a good answer.
    #[inline(always)]
    pub fn error_latency(&self) -> Option<Span> {
        self.errors.latency
    }

    /// Whether an instance with this draw in [0, 1) never becomes ready.
    pub fn never_starts(&self, draw: f64) -> bool {
        draw < self.fails_to_start
    }

    /// How long an instance is ready before it crashes; `None`: for ever.
    pub fn crashes_after(&self, stream: &mut Stream) -> Option<Span> {
        self.crashes_after.as_ref().map(|after| Span::from_nanos(after.draw(stream)))
    }
}

/// The first draw of an attempt's luck, which is its fate on whatever version it meets.
#[inline(always)]
pub fn fate(stream: Stream) -> f64 {
    unit(stream.ahead())
}

/// So much work at an instance that takes `factor` times as long.
#[inline(never)]
pub fn slowed(work_ns: u64, factor: f64) -> u64 {
    (work_ns as f64 * factor) as u64
}

/// What service times are multiplied with `age` after an instance became ready: `slowdown` at first, 1 after `lasts`.
#[inline(always)]
pub fn slowdown(warm_up: &WarmUp, age: Span) -> f64 {
    if age >= warm_up.lasts {
        return 1.0;
    }
    let left = 1.0 - age.seconds() / warm_up.lasts.seconds();
    1.0 + (warm_up.slowdown - 1.0) * left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowdown_falls_in_a_straight_line_to_one() {
        let warm_up = WarmUp { lasts: Span::from_secs(60), slowdown: 3.0 };
        for (second, factor) in [(0, 3.0), (30, 2.0), (45, 1.5), (60, 1.0), (600, 1.0)] {
            assert_eq!(slowdown(&warm_up, Span::from_secs(second)), factor, "after {second} s");
        }
    }
}
