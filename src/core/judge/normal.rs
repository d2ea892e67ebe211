//! The normal distribution: density, tails and quantiles.
//!
//! The tail is the complementary error function: a power series near zero, a continued fraction (Lentz) further out
//! (Abramowitz and Stegun 7.1.6 and 7.1.14).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Where the series hands over to the fraction: both have all digits there.
const HAND_OVER: f64 = 2.0;

/// The density of the standard normal distribution at `z`.
pub fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// P(Z ≤ z).
pub fn below(z: f64) -> f64 {
    above(-z)
}

/// P(Z > z), with full relative accuracy far out.
pub fn above(z: f64) -> f64 {
    let x = z * FRAC_1_SQRT_2;
    0.5 * if x < 0.0 { 2.0 - erfc(-x) } else { erfc(x) }
}

/// The z with P(Z ≤ z) = `p`; infinite at 0 and 1.
pub fn quantile(p: f64) -> f64 {
    if p > 0.5 { -quantile_of_lower_half(1.0 - p) } else { quantile_of_lower_half(p) }
}

/// The z with P(Z > z) = `p`: keeps the digits of a small `p`.
pub fn quantile_above(p: f64) -> f64 {
    -quantile(p)
}

fn quantile_of_lower_half(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-40.0, 0.0);
    // Halving until the two are neighbours.
    loop {
        let middle: f64 = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if below(middle) < p { low = middle } else { high = middle }
    }
}

/// The complementary error function for x of 0 or more.
fn erfc(x: f64) -> f64 {
    if x < HAND_OVER { 1.0 - erf_series(x) } else { erfc_fraction(x) }
}

/// erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1 · 3 ⋯ (2n+1)): no sum of terms of both signs.
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// erfc x = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))).
fn erfc_fraction(x: f64) -> f64 {
    let (mut fraction, mut c, mut d) = (x, x, 0.0);
    let mut n = 1.0;
    loop {
        let a = n / 2.0;
        d = 1.0 / (x + a * d);
        c = x + a / c;
        let change = c * d;
        fraction *= change;
        n += 1.0;
        if (change - 1.0).abs() < 1e-16 || n > 2_000.0 {
            return (-x * x).exp() / (PI.sqrt() * fraction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_invert_tails() {
        for p in [1e-300, 1e-12, 0.001, 0.025, 0.3, 0.5, 0.8, 0.999] {
            assert!((below(quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn series_and_fraction_meet() {
        let x = HAND_OVER;
        assert!(((1.0 - erf_series(x)) / erfc_fraction(x) - 1.0).abs() < 1e-13);
    }
}
