//! Outlier ejection as Envoy does it (`source/common/upstream/outlier_detection_impl.cc`): instances that fail in a row,
//! or more often than the others, are left out for a while that grows with every time.

use crate::core::amount::Share;
use crate::core::proxy::Ending;
use crate::core::time::{Moment, Span};

/// When an instance is ejected, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ejection {
    /// Failures of any kind in a row; `None`: they do not matter.
    pub consecutive_errors: Option<u32>,
    /// Refusals, resets and time-outs in a row; `None`: they do not matter.
    pub consecutive_gateway: Option<u32>,
    /// Compared with the others.
    pub success_rate: Option<SuccessRate>,
    /// By its own share of failures.
    pub failure_share: Option<FailureShare>,
    /// From one sweep to the next: then statistics are looked at, and instances come back.
    pub interval: Span,
    /// How long the first time; the second time twice as long, and so on.
    pub base: Span,
    /// Never longer than this.
    pub max: Span,
    /// No more instances than this share are out at once, but one always may be.
    pub share: Share,
}

/// An instance is an outlier if its success rate lies this far below the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SuccessRate {
    /// Instances with enough requests that are needed for a judgement.
    pub hosts: u32,
    /// Requests in an interval that are enough.
    pub requests: u32,
    /// Standard deviations below the mean.
    pub factor: f64,
}

/// An instance is an outlier if this share of its requests failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureShare {
    /// Of its requests in an interval.
    pub threshold: Share,
    /// Instances with enough requests that are needed for a judgement.
    pub hosts: u32,
    /// Requests in an interval that are enough.
    pub requests: u32,
    /// Whether the threshold itself is still fine (gRPC), and not yet too much (Envoy).
    pub above_only: bool,
}

/// What one instance did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlier {
    errors: u32,
    gateway: u32,
    /// In the present interval.
    all: u32,
    good: u32,
    /// How often it was ejected, less one for each interval that it was in.
    times: u32,
    since: Option<Moment>,
}

impl Outlier {
    pub const NEW: Outlier = Outlier { errors: 0, gateway: 0, all: 0, good: 0, times: 0, since: None };

    pub fn ejected(&self) -> bool {
        self.since.is_some()
    }

    /// An attempt ended. Answers whether there were too many failures in a row.
    pub fn note(&mut self, ending: Ending, ejection: &Ejection) -> bool {
        let Some(failed) = ending.failed() else { return false };
        let gateway = failed && ending != Ending::Error;
        self.all += 1;
        self.good += u32::from(!failed);
        self.errors = if failed { self.errors + 1 } else { 0 };
        self.gateway = if gateway { self.gateway + 1 } else { 0 };
        let reached = |count: u32, limit: Option<u32>| limit.is_some_and(|limit| count >= limit);
        let too_many_errors = reached(self.errors, ejection.consecutive_errors);
        let too_many_gateway = reached(self.gateway, ejection.consecutive_gateway);
        if too_many_errors {
            self.errors = 0;
        }
        if too_many_gateway {
            self.gateway = 0;
        }
        too_many_errors || too_many_gateway
    }

    /// It is out from now on.
    pub fn eject(&mut self, now: Moment, ejection: &Ejection) {
        self.since = Some(now);
        if ejection.base.nanos() * u64::from(self.times) < ejection.max.nanos() {
            self.times += 1;
        }
    }

    /// It is in again.
    pub fn release(&mut self) {
        self.since = None;
    }

    /// One sweep for one instance: answers whether it comes back. One that was in is forgiven one ejection.
    pub fn sweep(&mut self, now: Moment, ejection: &Ejection) -> bool {
        match self.since {
            None => {
                self.times = self.times.saturating_sub(1);
                false
            }
            Some(since) => now.since(since) >= ejection.lasts(self.times),
        }
    }

    /// Successes and requests of the interval that ends now.
    pub fn take(&mut self) -> Sample {
        let sample = Sample { good: self.good, all: self.all };
        (self.good, self.all) = (0, 0);
        sample
    }
}

/// Successes among the requests of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub good: u32,
    pub all: u32,
}

impl Sample {
    /// As a percentage, which is how Envoy reckons.
    fn success_percent(self) -> f64 {
        100.0 * f64::from(self.good) / f64::from(self.all)
    }
}

impl Ejection {
    fn lasts(&self, times: u32) -> Span {
        Span::from_nanos((self.base.nanos().saturating_mul(u64::from(times))).min(self.max.nanos()))
    }

    /// Whether one more of `hosts` may be out while `ejected` are.
    pub(super) fn may_eject(&self, ejected: u32, hosts: u32) -> bool {
        ejected == 0 || f64::from(ejected) < self.share.value() * f64::from(hosts) - 1e-9
    }

    /// Which instances did so badly in the interval that they are outliers, by the rates of all of them.
    pub(super) fn judge(&self, samples: &[Sample]) -> Judge {
        let rate = self.success_rate.and_then(|rule| {
            let rates: Vec<f64> = enough(samples, rule.requests).map(Sample::success_percent).collect();
            (!rates.is_empty() && rates.len() >= rule.hosts as usize).then(|| (threshold(&rates, rule.factor), rule))
        });
        let share = self.failure_share.filter(|rule| enough(samples, rule.requests).count() >= rule.hosts as usize);
        Judge { rate, share }
    }
}

/// The bars of one interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    rate: Option<(f64, SuccessRate)>,
    share: Option<FailureShare>,
}

impl Judge {
    pub fn condemns(&self, sample: Sample) -> bool {
        let by_rate =
            self.rate.is_some_and(|(bar, rule)| sample.all >= rule.requests.max(1) && sample.success_percent() < bar);
        by_rate || self.share.is_some_and(|rule| sample.all >= rule.requests.max(1) && rule.exceeded(sample))
    }
}

impl FailureShare {
    fn exceeded(&self, sample: Sample) -> bool {
        let failed = f64::from(sample.all - sample.good);
        let limit = self.threshold.value() * f64::from(sample.all);
        failed > limit || (failed == limit && !self.above_only)
    }
}

fn enough(samples: &[Sample], requests: u32) -> impl Iterator<Item = Sample> {
    samples.iter().copied().filter(move |sample| sample.all >= requests.max(1))
}

/// Mean less so many standard deviations, those of the whole and not of a sample.
fn threshold(rates: &[f64], factor: f64) -> f64 {
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
    mean - factor * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVOY: Ejection = Ejection {
        consecutive_errors: Some(5),
        consecutive_gateway: None,
        success_rate: Some(SuccessRate { hosts: 5, requests: 100, factor: 1.9 }),
        failure_share: None,
        interval: Span::from_secs(10),
        base: Span::from_secs(30),
        max: Span::from_secs(300),
        share: Share::NONE,
    };

    fn at(second: u64) -> Moment {
        Moment::START + Span::from_secs(second)
    }

    #[test]
    fn ejections_last_thirty_seconds_more_each_time_up_to_three_hundred() {
        let mut outlier = Outlier::NEW;
        let mut lasted = Vec::new();
        for _ in 0..11 {
            outlier.eject(at(0), &ENVOY);
            lasted.push((1..400).find(|&second| outlier.sweep(at(second), &ENVOY)).expect("it comes back"));
            outlier.release();
        }
        assert_eq!(lasted, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300]);
        for _ in 0..4 {
            assert!(!outlier.sweep(at(500), &ENVOY));
        }
        assert_eq!(outlier.times, 6, "one is forgiven per healthy interval");
    }

    #[test]
    fn a_tenth_may_be_out_but_one_always() {
        let tenth = Ejection { share: Share::new(0.1).expect("a share"), ..ENVOY };
        let most = |hosts| (0..).find(|&ejected| !tenth.may_eject(ejected, hosts)).expect("there is a limit");
        assert_eq!([5, 10, 30].map(most), [1, 1, 3]);
    }

    #[test]
    fn five_failures_in_a_row_are_too_many_and_four_are_not() {
        let mut outlier = Outlier::NEW;
        let endings = [Ending::Error, Ending::Reset, Ending::Refused, Ending::Error, Ending::Served];
        assert!(endings.iter().all(|&ending| !outlier.note(ending, &ENVOY)));
        let found: Vec<bool> = (0..6).map(|_| outlier.note(Ending::Error, &ENVOY)).collect();
        assert_eq!(found, [false, false, false, false, true, false]);
    }

    #[test]
    fn only_gateway_failures_count_as_such() {
        let gateway = Ejection { consecutive_errors: None, consecutive_gateway: Some(2), ..ENVOY };
        let mut outlier = Outlier::NEW;
        let endings = [Ending::Refused, Ending::Error, Ending::Reset, Ending::TimedOut];
        let found = endings.map(|ending| outlier.note(ending, &gateway));
        assert_eq!(found, [false, false, false, true]);
    }

    #[test]
    fn a_rate_far_below_the_mean_is_condemned_if_enough_are_compared() {
        // Nine at 100 % and one at 50 %: mean 95, deviation 15, bar 66.5.
        let mut samples = vec![Sample { good: 200, all: 200 }; 9];
        samples.push(Sample { good: 100, all: 200 });
        let judge = ENVOY.judge(&samples);
        let condemned: Vec<bool> = samples.iter().map(|&sample| judge.condemns(sample)).collect();
        assert_eq!(condemned.iter().filter(|&&bad| bad).count(), 1);
        assert!(condemned[9]);
        assert!(!ENVOY.judge(&samples[6..]).condemns(samples[9]), "four are too few");
        assert!(!judge.condemns(Sample { good: 0, all: 99 }), "99 requests are too few");
    }

    #[test]
    fn envoy_condemns_at_the_threshold_and_grpc_above_it() {
        let rule = |above_only| FailureShare {
            threshold: Share::new(0.85).expect("a share"),
            hosts: 1,
            requests: 50,
            above_only,
        };
        let sample = Sample { good: 15, all: 100 };
        for (above_only, condemned) in [(false, true), (true, false)] {
            let ejection = Ejection { success_rate: None, failure_share: Some(rule(above_only)), ..ENVOY };
            assert_eq!(ejection.judge(&[sample]).condemns(sample), condemned);
        }
    }
}
