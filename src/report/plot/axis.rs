//! Axes with round ticks: of time, of amounts, of decades.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::report::number;
use crate::report::plot::window::Window;

/// One axis: its range, where the ticks are, and what they say.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    ticks: Vec<f64>,
    label: fn(f64) -> String,
}

impl Axis {
    /// Seconds since the start of the run.
    pub(super) fn time(window: Window) -> Self {
        let (low, span) = (finite(window.low), positive(window.high - window.low));
        let step = TIME_STEPS.iter().copied().find(|step| span / step <= MOST_TICKS).unwrap_or(span / MOST_TICKS);
        Axis { low, high: low + span, ticks: multiples(low, low + span, step), label: number::clock }
    }

    /// Amounts from zero, with air above the largest.
    pub(super) fn amount(largest: f64) -> Self {
        Self::amounts(0.0, largest)
    }

    /// Amounts between two values, with air around both, and always with zero.
    pub(super) fn amounts(smallest: f64, largest: f64) -> Self {
        let (smallest, largest) = (finite(smallest).min(0.0), finite(largest).max(0.0));
        let span = positive(largest - smallest);
        let low = if smallest < 0.0 { smallest - span * AIR } else { 0.0 };
        let high = largest.max(smallest + span) + span * AIR;
        Axis { low, high, ticks: multiples(low, high, round_step(high - low)), label: number::figure }
    }

    /// Decades that hold both values; positions are logarithms, so that callers map with [`decade`].
    pub(super) fn decades(smallest: f64, largest: f64) -> Self {
        let (low, high) = (decade(smallest).floor(), decade(largest).ceil());
        let high = high.max(low + 1.0);
        Axis { low, high, ticks: multiples(low, high, 1.0), label: |exponent| number::figure(10f64.powf(exponent)) }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        (self.label)(*value)
    }
}

/// Position of an amount on an axis of decades.
pub(super) fn decade(amount: f64) -> f64 {
    amount.max(f64::MIN_POSITIVE).log10()
}

const MOST_TICKS: f64 = 12.0;
/// Share of the span that stays free beyond the extremes.
const AIR: f64 = 0.06;
/// Steps that read well as minutes and seconds.
const TIME_STEPS: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 21_600.0,
    43_200.0, 86_400.0,
];

/// A span of nothing, or of what is no number, is drawn as a span of one.
fn positive(span: f64) -> f64 {
    if span.is_finite() && span > 0.0 { span } else { 1.0 }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// 1, 2 or 5 times a power of ten, for about five ticks.
fn round_step(span: f64) -> f64 {
    let rough = span / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_few_and_inside() {
        for high in [0.0, 0.003, 1.0, 7.0, 59.0, 61.0, 400.0, 1_200.0, 21_600.0, 1e6, f64::NAN, f64::INFINITY] {
            for axis in [Axis::time(Window { low: 0.0, high }), Axis::amount(high), Axis::amounts(-high, high)] {
                assert!((1..=13).contains(&axis.ticks.len()), "{high}: {:?}", axis.ticks);
                assert!(
                    axis.ticks.iter().all(|tick| (axis.low..=axis.high).contains(tick)),
                    "{high}: {:?}",
                    axis.ticks
                );
                assert!(axis.low < axis.high, "{high}");
            }
        }
    }

    #[test]
    fn time_ticks_are_minutes() {
        let labels: Vec<_> =
            Axis::time(Window { low: 0.0, high: 1_200.0 }).ticks.into_iter().map(number::clock).collect();
        assert_eq!(
            labels,
            ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00", "12:00", "14:00", "16:00", "18:00", "20:00"]
        );
    }

    #[test]
    fn decades_hold_both_ends() {
        let axis = Axis::decades(0.004, 250.0);
        assert_eq!((axis.low, axis.high), (-3.0, 3.0));
        assert_eq!((axis.label)(-3.0), "0.001");
    }
}
