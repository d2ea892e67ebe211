//! A number that changes at moments, and its integral over time.
//!
//! The integral is an integer, so that it does not depend on the order of additions; whoever owns a gauge takes it at least
//! once a second, which 64 bits hold for a billion slots.

use crate::core::time::Moment;

/// A level, and the area under it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    level: i64,
    since: Moment,
    /// Level × nanoseconds.
    area: i64,
}

impl Gauge {
    /// The level now.
    pub fn level(&self) -> i64 {
        self.level
    }

    /// Changes the level at `now`, which is not before the last change.
    #[inline]
    pub fn add(&mut self, now: Moment, delta: i64) {
        self.settle(now);
        self.level += delta;
        debug_assert!(self.level >= 0, "a level fell below zero");
    }

    /// Sets the level at `now`.
    pub fn set(&mut self, now: Moment, level: i64) {
        self.settle(now);
        self.level = level;
    }

    /// The integral up to `now` in level × seconds, starting afresh from there.
    pub fn take(&mut self, now: Moment) -> f64 {
        self.settle(now);
        let area = self.area;
        self.area = 0;
        area as f64 / 1e9
    }

    #[inline]
    fn settle(&mut self, now: Moment) {
        self.area += self.level * now.since(self.since).nanos() as i64;
        self.since = now;
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
