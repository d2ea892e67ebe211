//! The binomial distribution: probabilities, tails, and the exact interval of a rate.
//!
//! Single probabilities after Loader ("Fast and accurate computation of binomial probabilities", 2000): full relative
//! accuracy for any number of requests, where a difference of log factorials would lose it.

use std::f64::consts::PI;

/// P(X = `count`) for `trials` of which each is a hit with probability `p`.
pub fn probability(count: u64, trials: u64, p: f64) -> f64 {
    if count > trials {
        return 0.0;
    }
    if p <= 0.0 || p >= 1.0 {
        let sure = if p <= 0.0 { 0 } else { trials };
        return if count == sure { 1.0 } else { 0.0 };
    }
    let (x, n) = (count as f64, trials as f64);
    if count == 0 {
        return (n * (-p).ln_1p()).exp();
    }
    if count == trials {
        return (n * p.ln()).exp();
    }
    let rest = n - x;
    let exponent = stirling_error(trials)
        - stirling_error(count)
        - stirling_error(trials - count)
        - deviance(x, n * p)
        - deviance(rest, n * (1.0 - p));
    exponent.exp() * (n / (2.0 * PI * x * rest)).sqrt()
}

/// P(X ≥ `count`).
pub fn at_least(count: u64, trials: u64, p: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    if count as f64 > p * trials as f64 { sum_up(count, trials, p) } else { 1.0 - sum_down(count - 1, trials, p) }
}

/// P(X ≤ `count`).
pub fn at_most(count: u64, trials: u64, p: f64) -> f64 {
    if count >= trials {
        return 1.0;
    }
    if count as f64 > p * trials as f64 { 1.0 - sum_up(count + 1, trials, p) } else { sum_down(count, trials, p) }
}

/// From `count` upwards, beyond the mean: the terms fall.
fn sum_up(count: u64, trials: u64, p: f64) -> f64 {
    let odds = p / (1.0 - p);
    let mut term = probability(count, trials, p);
    let mut sum = 0.0;
    for k in count..=trials {
        sum += term;
        term *= (trials - k) as f64 / (k + 1) as f64 * odds;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// From `count` downwards, below the mean.
fn sum_down(count: u64, trials: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let mut term = probability(count, trials, p);
    let mut sum = 0.0;
    for k in (0..=count).rev() {
        sum += term;
        term *= k as f64 / (trials - k + 1) as f64 * odds;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// The exact two-sided interval of the rate behind `count` of `trials` (Clopper and Pearson, 1934).
pub fn clopper_pearson(count: u64, trials: u64, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    let low = if count == 0 { 0.0 } else { solve(|p| at_least(count, trials, p) > tail) };
    let high = if count >= trials { 1.0 } else { solve(|p| at_most(count, trials, p) < tail) };
    (low, high)
}

/// Wilson's score interval of the rate behind `count` of `trials` (1927).
pub fn wilson(count: u64, trials: u64, confidence: f64) -> (f64, f64) {
    let z = super::normal::quantile_above((1.0 - confidence) / 2.0);
    let n = trials as f64;
    let p = count as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// The smallest p in 0 to 1 for which `beyond` holds, which it does for all larger ones.
pub(super) fn solve(beyond: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle: f64 = low + (high - low) / 2.0;
        if middle <= low || middle >= high || high - low < 1e-16 * high {
            return middle;
        }
        if beyond(middle) { high = middle } else { low = middle }
    }
}

/// ln n! − ln(√(2πn) (n/e)ⁿ).
fn stirling_error(n: u64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let x = n as f64;
    if n <= 15 {
        let factorial: f64 = (1..=n).map(|k| k as f64).product();
        return factorial.ln() - (x + 0.5) * x.ln() + x - 0.5 * (2.0 * PI).ln();
    }
    let square = x * x;
    let last = 1.0 / 1_260.0 - (1.0 / 1_680.0 - (1.0 / 1_188.0) / square) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - last / square) / square) / x
}

/// x ln(x/m) + m − x, without loss where the two are close.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut power = 2.0 * x * v;
    let mut odd = 3.0;
    loop {
        power *= v * v;
        let next = sum + power / odd;
        if next == sum {
            return sum;
        }
        sum = next;
        odd += 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_probabilities_are_one_together() {
        for (trials, p) in [(1, 0.5), (30, 0.001), (500, 0.02), (100_000, 0.3)] {
            let sum: f64 = (0..=trials).map(|count| probability(count, trials, p)).sum();
            assert!((sum - 1.0).abs() < 1e-11, "{trials} {p}: {sum}");
        }
    }

    #[test]
    fn tails_complement_each_other() {
        for (count, trials, p) in [(0, 10, 0.1), (3, 10, 0.1), (10, 10, 0.9), (50, 5_000, 0.01), (70, 5_000, 0.01)] {
            assert!((at_most(count, trials, p) + at_least(count + 1, trials, p) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_and_everything_are_certain() {
        assert_eq!((probability(0, 9, 0.0), probability(9, 9, 1.0), at_least(1, 9, 0.0)), (1.0, 1.0, 0.0));
        assert_eq!((at_most(8, 9, 1.0), at_least(9, 9, 1.0)), (0.0, 1.0));
    }

    #[test]
    fn requests_without_a_failure_that_prove_a_rate() {
        for (confidence, rate, needed) in [
            (0.95, 0.01, 299),
            (0.95, 0.001, 2_995),
            (0.95, 0.000_1, 29_956),
            (0.99, 0.01, 459),
            (0.99, 0.001, 4_603),
            (0.99, 0.000_1, 46_050),
        ] {
            let proves = |n: u64| at_least(1, n, rate) >= confidence;
            assert!(proves(needed) && !proves(needed - 1), "{confidence} {rate}");
        }
    }

    #[test]
    fn a_healthy_version_in_small_windows() {
        assert!((at_least(1, 30, 0.001) - 0.029_569_033).abs() < 1e-9);
        assert!((at_least(1, 30, 0.005) - 0.139_615_808).abs() < 1e-9);
    }

    #[test]
    fn intervals_agree_with_published_values() {
        let cases = [
            (5, 500, (0.003_254_721, 0.023_181_388), (0.004_278_754, 0.023_193_100)),
            (1, 30, (0.000_843_571, 0.172_169_456), (0.005_908_590, 0.166_703_910)),
        ];
        for (count, trials, exact, score) in cases {
            let (found, by_score) = (clopper_pearson(count, trials, 0.95), wilson(count, trials, 0.95));
            assert!((found.0 - exact.0).abs() < 1e-9 && (found.1 - exact.1).abs() < 1e-9, "{found:?}");
            assert!((by_score.0 - score.0).abs() < 1e-9 && (by_score.1 - score.1).abs() < 1e-9, "{by_score:?}");
        }
        assert_eq!(clopper_pearson(0, 10, 0.95).0, 0.0);
        assert_eq!(clopper_pearson(10, 10, 0.95).1, 1.0);
    }
}
