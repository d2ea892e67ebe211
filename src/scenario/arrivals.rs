//! When requests come.

use crate::core::draw::{Seed, Stream};
use crate::core::time::{Moment, Span};
use crate::scenario::law::{LONGEST_NS, exponential, to_nanos};
use crate::scenario::plan::{Request, Segment, Source, Spacing};

const NANOS_PER_SECOND: f64 = 1e9;

/// An open-loop source: the next request does not wait for the last answer.
#[derive(Debug)]
pub enum Arrivals<'a> {
    /// A rate that changes over time.
    Rate(Rated<'a>),
    /// Given times.
    Given(std::slice::Iter<'a, Request>),
    /// Users who wait for answers; their requests come from the agenda.
    Closed,
}

impl<'a> Arrivals<'a> {
    /// The source of a scenario.
    pub fn new(source: &'a Source, seed: Seed) -> Arrivals<'a> {
        match source {
            Source::Open { spacing, segments } => Arrivals::Rate(Rated::new(*spacing, segments, seed)),
            Source::Requests(requests) => Arrivals::Given(requests.iter()),
            Source::Closed { .. } => Arrivals::Closed,
        }
    }
}

impl Arrivals<'_> {
    #[inline(never)]
    fn next_given(&mut self) -> Option<Request> {
        match self {
            Arrivals::Given(requests) => requests.next().copied(),
            Arrivals::Rate(_) | Arrivals::Closed => None,
        }
    }
}

/// The requests come in order of time.
impl Iterator for Arrivals<'_> {
    type Item = Request;

    #[inline(always)]
    fn next(&mut self) -> Option<Request> {
        // Asked first, because it nearly always is so.
        if let Arrivals::Rate(rated) = self {
            return rated.next().map(|at| Request { at, size: 1.0 });
        }
        self.next_given()
    }
}

/// A process whose expected count grows with the integral of the rate: gaps of a process of rate one (exponential, or
/// exactly one) are spent as area under the rate. For exponential gaps this is the non-homogeneous Poisson process
/// (Çinlar's inversion).
#[derive(Debug)]
pub struct Rated<'a> {
    spacing: Spacing,
    stream: Stream,
    /// Those that come after the present one.
    segments: std::slice::Iter<'a, Segment>,
    stretch: Stretch,
}

impl<'a> Rated<'a> {
    fn new(spacing: Spacing, segments: &'a [Segment], seed: Seed) -> Rated<'a> {
        let stream = seed.stream("arrivals", 0);
        Rated { spacing, stream, segments: segments.iter(), stretch: Stretch::NOTHING }
    }

    #[inline(always)]
    fn next(&mut self) -> Option<Moment> {
        let mut area = match self.spacing {
            Spacing::Poisson => exponential(&mut self.stream),
            Spacing::Even => 1.0,
        };
        while area > self.stretch.left {
            area -= self.stretch.left;
            self.stretch = Stretch::new(self.segments.next()?, self.stretch.end);
        }
        Some(self.stretch.spend(area))
    }
}

/// The segment that arrivals are in, and how far.
#[derive(Debug)]
struct Stretch {
    start: Moment,
    end: Moment,
    /// Where the last arrival lies, in nanoseconds from the start.
    offset_ns: f64,
    /// Requests expected from there to the end.
    left: f64,
    /// From one to the next on average, in nanoseconds; 0 where the rate changes, or there is none.
    gap_ns: f64,
    /// Per second, at that point.
    rate: f64,
    /// Per second, every second.
    slope: f64,
}

impl Stretch {
    /// Before the first segment.
    const NOTHING: Stretch = Stretch {
        start: Moment::START,
        end: Moment::START,
        offset_ns: 0.0,
        left: 0.0,
        gap_ns: 0.0,
        rate: 0.0,
        slope: 0.0,
    };

    fn new(segment: &Segment, start: Moment) -> Stretch {
        let lasts = segment.lasts.seconds();
        let (from, to) = (segment.from.per_second(), segment.to.per_second());
        Stretch {
            start,
            end: start + segment.lasts,
            offset_ns: 0.0,
            left: (from + to) / 2.0 * lasts,
            gap_ns: if from == to && from > 0.0 { NANOS_PER_SECOND / from } else { 0.0 },
            rate: from,
            slope: (to - from) / lasts,
        }
    }

    /// The moment at which `area` requests more were expected, which is not more than is left.
    #[inline(always)]
    fn spend(&mut self, area: f64) -> Moment {
        self.left -= area;
        let gap_ns = if self.gap_ns > 0.0 { area * self.gap_ns } else { self.time_for(area) };
        self.offset_ns = (self.offset_ns + gap_ns).min(LONGEST_NS);
        self.start + Span::from_nanos(to_nanos(self.offset_ns))
    }

    /// Nanoseconds in which `area` requests are expected: solves rate·t + slope·t²/2 = area.
    #[inline(never)]
    fn time_for(&mut self, area: f64) -> f64 {
        // This form of the root is stable when the slope is small and when the rate starts at zero.
        let rate = (self.rate * self.rate + 2.0 * self.slope * area).max(0.0).sqrt();
        let seconds = 2.0 * area / (self.rate + rate);
        self.rate = rate;
        seconds * NANOS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Rate;

    fn segment(seconds: u64, from: f64, to: f64) -> Segment {
        let rate = |value| Rate::new(value).expect("a rate");
        Segment { lasts: Span::from_secs(seconds), from: rate(from), to: rate(to) }
    }

    fn times(spacing: Spacing, segments: Vec<Segment>) -> Vec<f64> {
        let source = Source::Open { spacing, segments };
        Arrivals::new(&source, Seed(3)).map(|request| request.at.seconds()).collect()
    }

    #[test]
    fn even_spacing_is_even() {
        assert_eq!(times(Spacing::Even, vec![segment(2, 2.0, 2.0)]), [0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn a_ramp_from_zero_follows_the_square_root() {
        let times = times(Spacing::Even, vec![segment(11, 0.0, 22.0)]);
        assert!((120..=121).contains(&times.len()));
        for (index, time) in times.iter().enumerate() {
            assert!((time - (index as f64 + 1.0).sqrt()).abs() < 1e-6);
        }
    }

    #[test]
    fn silent_segments_are_passed_over() {
        let times =
            times(Spacing::Poisson, vec![segment(5, 0.0, 0.0), segment(10, 100.0, 100.0), segment(5, 0.0, 0.0)]);
        assert!(times.iter().all(|time| (5.0..=15.0).contains(time)));
    }

    #[test]
    fn poisson_counts_have_the_mean_and_the_variance_of_the_rate() {
        let times = times(Spacing::Poisson, vec![segment(1_000, 50.0, 50.0), segment(1_000, 50.0, 150.0)]);
        let mut counts = vec![0_f64; 2_000];
        for time in &times {
            counts[*time as usize] += 1.0;
        }
        let mean = counts[..1_000].iter().sum::<f64>() / 1e3;
        let variance = counts[..1_000].iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 1e3;
        assert!((mean - 50.0).abs() < 4.0 * (50.0_f64 / 1e3).sqrt(), "mean {mean}");
        assert!((variance / mean - 1.0).abs() < 0.2, "dispersion {}", variance / mean);
        let ramp: f64 = counts[1_000..].iter().sum();
        assert!((ramp - 1e5).abs() < 4.0 * 1e5_f64.sqrt(), "ramp {ramp}");
    }
}
