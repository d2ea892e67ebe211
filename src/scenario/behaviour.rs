//! A version of the service, made ready to be drawn from.

use crate::core::draw::{Stream, unit};
use crate::core::time::Span;
use crate::scenario::law::Sampler;
use crate::scenario::plan::{Errors, Version, WarmUp};
use rand::Rng;

/// How instances of one version behave.
#[derive(Clone, Debug)]
pub struct Behaviour {
    service: Sampler,
    errors: Errors,
    fails_to_start: f64,
    crashes_after: Option<Sampler>,
}

/// The luck of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Luck {
    /// In [0, 1): below the error rate is an error.
    pub fate: f64,
    /// Service time at a warm instance, in nanoseconds.
    pub work_ns: u64,
}

impl Behaviour {
    /// As the scenario describes the version.
    pub fn new(version: &Version) -> Behaviour {
        Behaviour {
            service: Sampler::new(&version.service),
            errors: version.errors,
            fails_to_start: version.fails_to_start.value(),
            crashes_after: version.crashes_after.as_ref().map(Sampler::new),
        }
    }

    /// The luck of an attempt on this version. The draws are in the same order for every version, so that the same
    /// request meets the same luck wherever it goes.
    #[inline]
    pub fn luck(&self, stream: &mut Stream, size: f64) -> Luck {
        let fate = unit(stream.next_u64());
        Luck { fate, work_ns: self.service.draw(stream, size) }
    }

    /// Whether an attempt with this `fate` meets an error on an instance that has been ready for `age`.
    #[inline]
    pub fn errs(&self, fate: f64, age: Span) -> bool {
        fate < self.errors.rate.value() && age >= self.errors.after
    }

    /// Whether an attempt with this `fate` meets an error on any instance that has been up for long.
    pub fn errs_in_the_long_run(&self, fate: f64) -> bool {
        fate < self.errors.rate.value()
    }

    /// Service time of an error, where it differs from that of a good answer.
    #[inline]
    pub fn error_latency(&self) -> Option<Span> {
        self.errors.latency
    }

    /// Whether an instance with this draw in [0, 1) never becomes ready.
    pub fn never_starts(&self, draw: f64) -> bool {
        draw < self.fails_to_start
    }

    /// How long an instance is ready before it crashes; `None`: for ever.
    pub fn crashes_after(&self, stream: &mut Stream) -> Option<Span> {
        self.crashes_after.as_ref().map(|after| Span::from_nanos(after.draw(stream, 1.0)))
    }
}

/// What service times are multiplied with `age` after an instance became ready: `slowdown` at first, 1 after `lasts`.
#[inline]
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
