//! Looking several times: what that does to a plain z test, and limits that allow for it (Pocock 1977; O'Brien and
//! Fleming 1979).
//!
//! The probability to cross a limit at each of equally spaced looks follows from the density of the sum of the
//! increments that has not crossed so far, integrated from look to look by Simpson's rule (Armitage, McPherson and Rowe,
//! 1969). Nothing is tabulated.

use super::normal;

/// Whether a crossing below counts as one above does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Only above: the canary is worse.
    One,
    /// Either way.
    Two,
}

/// How the limit changes from look to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The same at every look.
    Pocock,
    /// High at first: constant · √(K/k).
    OBrienFleming,
}

/// A z test with a fixed number of equally spaced looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupSequential {
    /// How many there are at most.
    pub looks: u32,
    /// How limits change.
    pub shape: Shape,
    /// Probability to condemn a healthy version at any of them.
    pub alpha: f64,
    /// Found by [`GroupSequential::new`].
    constant: f64,
}

/// Width of a step of the integration, in standard deviations of one increment.
const STEP: f64 = 0.1;
/// Beyond so many standard deviations nothing is left.
const REACH: f64 = 8.0;

impl GroupSequential {
    /// Finds the constant for which all looks together condemn a healthy version with probability `alpha`.
    pub fn new(shape: Shape, looks: u32, alpha: f64, sides: Sides) -> GroupSequential {
        let single = if sides == Sides::Two { alpha / 2.0 } else { alpha };
        let (mut low, mut high) =
            (normal::quantile_above(single).max(0.0), normal::quantile_above(single / f64::from(looks)));
        let mut test = GroupSequential { looks, shape, alpha, constant: high };
        while high - low > 1e-7 {
            test.constant = f64::midpoint(low, high);
            let found: f64 = crossings(&test.limits(), 0.0, sides).iter().sum();
            if found > alpha { low = test.constant } else { high = test.constant }
        }
        test
    }

    /// The z above which it rejects at `look`, counted from 1.
    pub fn limit(&self, look: u32) -> f64 {
        match self.shape {
            Shape::Pocock => self.constant,
            Shape::OBrienFleming => self.constant * (f64::from(self.looks) / f64::from(look)).sqrt(),
        }
    }

    /// All limits, in order.
    pub fn limits(&self) -> Vec<f64> {
        (1..=self.looks).map(|look| self.limit(look)).collect()
    }

    /// The limit of the last look.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// How many times as many requests as one look would need for `power`, at the last look; one-sided.
    pub fn inflation(&self, power: f64) -> f64 {
        let caught = |drift: f64| crossings(&self.limits(), drift, Sides::One).iter().sum::<f64>();
        let (mut low, mut high) = (0.0, 10.0);
        while high - low > 1e-6 {
            let middle = f64::midpoint(low, high);
            if caught(middle) < power { low = middle } else { high = middle }
        }
        let once = normal::quantile_above(self.alpha) + normal::quantile(power);
        high * high * f64::from(self.looks) / (once * once)
    }
}

/// Probability to cross `limits` for the first time at each look, when every increment has the mean `drift` and
/// variance 1.
pub fn crossings(limits: &[f64], drift: f64, sides: Sides) -> Vec<f64> {
    let mut found = Vec::with_capacity(limits.len());
    let mut before: Option<Grid> = None;
    for (index, limit) in limits.iter().enumerate() {
        let k = (index + 1) as f64;
        let (mean, reach, bound) = (drift * k, REACH * k.sqrt(), limit * k.sqrt());
        let low = if sides == Sides::Two { (-bound).max(mean - reach) } else { mean - reach };
        let high = bound.min(mean + reach);
        let crossed = |from: f64| {
            let above = normal::above(bound - from - drift);
            above + if sides == Sides::Two { normal::below(-bound - from - drift) } else { 0.0 }
        };
        let density = |x: f64| match &before {
            None => normal::density(x - drift),
            Some(grid) => grid.carry(x - drift),
        };
        found.push(before.as_ref().map_or_else(|| crossed(0.0), |grid| grid.expect(crossed)));
        before = Some(Grid::new(low, high.max(low), density));
    }
    found
}

/// Values of a density at equally spaced places, with Simpson's weights in them.
struct Grid {
    low: f64,
    step: f64,
    weighted: Vec<f64>,
}

impl Grid {
    fn new(low: f64, high: f64, density: impl Fn(f64) -> f64) -> Grid {
        let steps = (((high - low) / STEP / 2.0).ceil() as usize).max(1) * 2;
        let step = (high - low) / steps as f64;
        let weight = |index: usize| match index {
            0 => 1.0,
            _ if index == steps => 1.0,
            _ if index % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let value = |index: usize| weight(index) * step / 3.0 * density(low + step * index as f64);
        Grid { low, step, weighted: (0..=steps).map(value).collect() }
    }

    fn expect(&self, of: impl Fn(f64) -> f64) -> f64 {
        let terms = self.weighted.iter().enumerate();
        terms.map(|(index, weight)| weight * of(self.low + self.step * index as f64)).sum()
    }

    /// The density at `x` one standard normal increment later.
    fn carry(&self, x: f64) -> f64 {
        if self.step <= 0.0 {
            return 0.0;
        }
        let place = |at: f64| ((at - self.low) / self.step).clamp(0.0, self.weighted.len() as f64);
        let (from, to) = (place(x - REACH).floor() as usize, place(x + REACH).ceil() as usize);
        let near = self.weighted.iter().enumerate().take(to).skip(from);
        near.map(|(index, weight)| weight * normal::density(x - self.low - self.step * index as f64)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peeking_inflates_the_false_alarm() {
        let cases = [(1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320)];
        for (looks, expected) in cases {
            let found: f64 = crossings(&vec![1.959_964; looks], 0.0, Sides::Two).iter().sum();
            assert!((found - expected).abs() < 0.001, "{looks} looks: {found}");
        }
    }

    #[test]
    fn constants_of_five_looks_are_the_published_ones() {
        let pocock = GroupSequential::new(Shape::Pocock, 5, 0.05, Sides::Two);
        let fleming = GroupSequential::new(Shape::OBrienFleming, 5, 0.05, Sides::Two);
        assert!((pocock.constant() - 2.413).abs() < 0.0006, "{}", pocock.constant());
        assert!((fleming.constant() - 2.040).abs() < 0.0006, "{}", fleming.constant());
        for (look, limit) in (1..).zip([4.562, 3.226, 2.634, 2.281, 2.040]) {
            assert!((fleming.limit(look) - limit).abs() < 0.002, "{look}: {}", fleming.limit(look));
        }
    }

    #[test]
    fn one_look_is_the_plain_test() {
        let test = GroupSequential::new(Shape::Pocock, 1, 0.05, Sides::One);
        assert!((test.constant() - 1.644_854).abs() < 1e-5);
        assert!((test.inflation(0.8) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn more_looks_need_more_requests_by_published_factors() {
        // Jennison and Turnbull (2000), tables 2.2 and 2.4, α = 0.05 two-sided, K = 5, power 0.8: 1.229 and 1.028.
        let of = |shape| GroupSequential::new(shape, 5, 0.025, Sides::One).inflation(0.8);
        assert!((of(Shape::Pocock) - 1.229).abs() < 0.002, "{}", of(Shape::Pocock));
        assert!((of(Shape::OBrienFleming) - 1.028).abs() < 0.002, "{}", of(Shape::OBrienFleming));
    }
}
