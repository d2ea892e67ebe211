//! Wald's sequential probability ratio test ("Sequential analysis", 1947): after every request, is it the good rate or
//! the bad one?

use super::count::Count;

/// The two rates and the two errors that the test may make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprt {
    /// Rate of bad requests of a healthy version; above 0.
    pub baseline: f64,
    /// Rate that is to be caught; above the baseline, below 1.
    pub bad: f64,
    /// Probability to condemn a healthy version.
    pub alpha: f64,
    /// Probability to let a bad one pass.
    pub beta: f64,
}

/// Where the test stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// Log likelihood ratio of bad to healthy.
    pub ratio: f64,
    /// At or above this the version is bad.
    pub reject: f64,
    /// At or below this it is healthy.
    pub accept: f64,
}

impl Sprt {
    /// What one bad request adds to the log likelihood ratio.
    pub fn per_bad(&self) -> f64 {
        (self.bad / self.baseline).ln()
    }

    /// What one good request adds: less than nothing.
    pub fn per_good(&self) -> f64 {
        (-self.bad).ln_1p() - (-self.baseline).ln_1p()
    }

    /// Wald's limits: ln β/(1−α) to accept, ln (1−β)/α to reject.
    pub fn limits(&self) -> (f64, f64) {
        ((self.beta / (1.0 - self.alpha)).ln(), ((1.0 - self.beta) / self.alpha).ln())
    }

    /// Where the test stands after `canary`.
    pub fn walk(&self, canary: Count) -> Walk {
        let (accept, reject) = self.limits();
        let ratio = canary.bad as f64 * self.per_bad() + canary.good() as f64 * self.per_good();
        Walk { ratio, reject, accept }
    }

    /// Wald's mean number of requests to a decision, for a healthy version and for a bad one; overshoot neglected.
    pub fn mean_requests(&self) -> (f64, f64) {
        let (accept, reject) = self.limits();
        let step = |rate: f64| rate * self.per_bad() + (1.0 - rate) * self.per_good();
        let healthy = ((1.0 - self.alpha) * accept + self.alpha * reject) / step(self.baseline);
        let bad = (self.beta * accept + (1.0 - self.beta) * reject) / step(self.bad);
        (healthy, bad)
    }

    /// Requests in a row without a bad one after which it accepts.
    pub fn clean_requests(&self) -> u64 {
        (self.limits().0 / self.per_good()).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Sprt = Sprt { baseline: 0.001, bad: 0.01, alpha: 0.05, beta: 0.05 };

    #[test]
    fn limits_steps_and_means_are_those_of_wald() {
        let (accept, reject) = TEST.limits();
        assert!((accept + 2.944_438_979).abs() < 1e-9 && (reject - 2.944_438_979).abs() < 1e-9);
        assert!((TEST.per_bad() - 10_f64.ln()).abs() < 1e-9);
        assert!((TEST.per_good() + 0.009_049_836).abs() < 1e-9);
        let (healthy, bad) = TEST.mean_requests();
        assert!((healthy - 393.3).abs() < 0.05 && (bad - 188.4).abs() < 0.05, "{healthy} {bad}");
    }

    #[test]
    fn straight_successes_accept_and_two_early_failures_reject() {
        assert_eq!(TEST.clean_requests(), 326);
        let accepts = |good| TEST.walk(Count::new(0, good)).ratio <= TEST.limits().0;
        assert!(accepts(326) && !accepts(325));
        assert!(TEST.walk(Count::new(2, 2)).ratio >= TEST.limits().1);
        assert!(TEST.walk(Count::new(1, 1)).ratio < TEST.limits().1);
    }
}
