//! A confidence sequence: an interval of a rate that holds at every moment at once, so that it may be looked at always.
//!
//! The likelihood of the counts, averaged over a beta prior of the rate, divided by their likelihood at the true rate is
//! a martingale that begins at 1; by Ville's inequality it ever reaches 1/α with probability α at most. The rates for
//! which it has not are the sequence (Robbins 1970, "Statistical methods related to the law of the iterated logarithm";
//! Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences"). The
//! prior is Jeffreys', beta(½, ½). Two versions have a sequence each at α/2, so that the verdict holds at α together, and
//! holds while shares of the traffic change.

use super::binomial::solve;
use super::count::Count;

/// The rates that the counts so far do not exclude at `alpha`, whenever they are looked at.
pub fn interval(count: Count, alpha: f64) -> (f64, f64) {
    let Some(rate) = count.rate() else { return (0.0, 1.0) };
    let (limit, mixture) = (-alpha.ln(), mixture(count));
    let excluded = |p: f64| mixture - likelihood(count, p) >= limit;
    // The evidence falls down to the observed rate, and rises above it.
    let low = if count.bad == 0 { 0.0 } else { rate * solve(|part| !excluded(part * rate)) };
    let high =
        if count.good() == 0 { 1.0 } else { rate + (1.0 - rate) * solve(|part| excluded(rate + part * (1.0 - rate))) };
    (low, high)
}

/// Log of the likelihood of the counts, averaged over the prior.
fn mixture(count: Count) -> f64 {
    ln_beta(count.bad as f64 + 0.5, count.good() as f64 + 0.5) - ln_beta(0.5, 0.5)
}

/// Log of the likelihood of the counts at the rate `p`.
fn likelihood(count: Count, p: f64) -> f64 {
    times_ln(count.bad as f64, p) + times_ln(count.good() as f64, 1.0 - p)
}

fn times_ln(times: f64, p: f64) -> f64 {
    if times == 0.0 { 0.0 } else { times * p.ln() }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Stirling's series, after the argument was moved up to where it converges.
fn ln_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut moved = 0.0;
    while x < 15.0 {
        moved -= x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1_260.0 - 1.0 / (1_680.0 * square)) / square) / square) / x;
    moved + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_of_known_arguments() {
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-13);
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-13);
        assert!((ln_gamma(100.5) - 361.435_540_467_777_6).abs() < 1e-10);
    }

    #[test]
    fn the_interval_holds_the_observed_rate_and_shrinks() {
        let mut width = 1.0;
        for n in [10, 100, 1_000, 10_000, 100_000] {
            let (low, high) = interval(Count::new(n / 10, n), 0.05);
            assert!(low < 0.1 && high > 0.1 && high - low < width, "{n}: {low} {high}");
            width = high - low;
        }
    }

    #[test]
    fn nothing_seen_excludes_nothing() {
        assert_eq!(interval(Count::default(), 0.05), (0.0, 1.0));
        let (low, high) = interval(Count::new(0, 1_000), 0.05);
        assert!(low == 0.0 && high > 0.003 && high < 0.02, "{high}");
        let (low, high) = interval(Count::new(1_000, 1_000), 0.05);
        assert!(high == 1.0 && low > 0.98);
    }

    #[test]
    fn at_its_ends_the_evidence_is_just_enough() {
        let count = Count::new(7, 900);
        let (low, high) = interval(count, 0.01);
        for end in [low, high] {
            assert!((mixture(count) - likelihood(count, end) - 100_f64.ln()).abs() < 1e-6, "{end}");
        }
    }
}
