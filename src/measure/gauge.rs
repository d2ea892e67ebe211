//! A number that changes at moments, and its integral over time.
//!
//! The integral is an integer, so that it does not depend on the order of additions; whoever owns a gauge takes it at least
//! once a second, which 64 bits hold for a billion slots.

use crate::core::time::Moment;

/// A level, and the area under it. A change at `t` adds its height times the rest of the time, so that it costs two additions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    level: i64,
    /// The area up to now, in level × nanoseconds, less the level × now. It may wrap; the area does not.
    base: i64,
}

impl Gauge {
    /// The level now.
    pub fn level(&self) -> i64 {
        self.level
    }

    /// Changes the level at `now`.
    #[inline(always)]
    pub fn add(&mut self, now: Moment, delta: i64) {
        self.base = self.base.wrapping_sub(delta.wrapping_mul(now.nanos() as i64));
        self.level += delta;
        debug_assert!(self.level >= 0, "a level fell below zero");
    }

    /// Sets the level at `now`.
    pub fn set(&mut self, now: Moment, level: i64) {
        self.add(now, level - self.level);
    }

    /// The integral up to `now` in level × seconds, starting afresh from there.
    pub fn take(&mut self, now: Moment) -> f64 {
        let area = self.base.wrapping_add(self.level.wrapping_mul(now.nanos() as i64));
        self.base = self.base.wrapping_sub(area);
        area as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Span;

    #[test]
    fn the_area_is_level_times_time() {
        let at = |second| Moment::START + Span::from_secs(second);
        let mut gauge = Gauge::default();
        gauge.add(at(1), 2);
        gauge.add(at(3), 1);
        assert_eq!(gauge.take(at(4)), 7.0);
        assert_eq!(gauge.take(at(5)), 3.0);
    }
}
