//! Two rates compared by the normal law: the two-proportion z test, and the requests it needs.

use super::count::Count;
use super::normal;

/// The pooled z of two rates, positive when the canary's is higher; `None` where nothing or everything failed, or
/// nothing was counted: there is no variance to divide by.
pub fn pooled_z(canary: Count, control: Count) -> Option<f64> {
    let (p, q) = (canary.rate()?, control.rate()?);
    let (n, m) = (canary.events as f64, control.events as f64);
    let pooled = (canary.bad + control.bad) as f64 / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    (variance > 0.0).then(|| (p - q) / variance.sqrt())
}

/// What is asked of a test of two rates, one-sided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Rate of the old version.
    pub baseline: f64,
    /// Rate of a new one that is to be caught.
    pub bad: f64,
    /// Probability to condemn a version that is as good as the old one.
    pub alpha: f64,
    /// Probability to condemn the bad one.
    pub power: f64,
}

/// Requests that the canary needs when the control has `ratio` times as many, not rounded (Fleiss, "Statistical methods
/// for rates and proportions", without his correction): pooled variance under the null, separate ones under the alternative.
pub fn canary_needed(demand: Demand, ratio: f64) -> f64 {
    let Demand { baseline, bad, alpha, power } = demand;
    let pooled = (bad + ratio * baseline) / (1.0 + ratio);
    let null = (pooled * (1.0 - pooled) * (1.0 + 1.0 / ratio)).sqrt();
    let alternative = (bad * (1.0 - bad) + baseline * (1.0 - baseline) / ratio).sqrt();
    let (z_alpha, z_power) = (normal::quantile_above(alpha), normal::quantile(power));
    ((z_alpha * null + z_power * alternative) / (bad - baseline)).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_five_hundred_against_ten_of_ten_thousand() {
        let z = pooled_z(Count::new(5, 500), Count::new(10, 10_000)).expect("there is variance");
        assert!((z - 5.199_868).abs() < 1e-6, "{z}");
        assert!((normal::above(z) / 9.971_51e-8 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn no_failure_at_all_has_no_variance() {
        assert_eq!(pooled_z(Count::new(0, 5), Count::new(0, 5)), None);
        assert_eq!(pooled_z(Count::new(0, 0), Count::new(1, 5)), None);
    }

    #[test]
    fn requests_needed_are_those_of_the_formula() {
        let cases = [
            (0.001, 0.002, 18_519, 8_603),
            (0.001, 0.005, 2_311, 872),
            (0.001, 0.01, 834, 272),
            (0.001, 0.05, 127, 34),
            (0.01, 0.02, 1_826, 850),
            (0.01, 0.011, 128_470, 66_662),
            (0.005, 0.01, 3_681, 1_711),
        ];
        for (baseline, bad, equal, twentieth) in cases {
            let demand = Demand { baseline, bad, alpha: 0.05, power: 0.8 };
            let needed = |ratio| canary_needed(demand, ratio).ceil() as u64;
            assert_eq!((needed(1.0), needed(19.0)), (equal, twentieth), "{baseline} against {bad}");
        }
    }
}
