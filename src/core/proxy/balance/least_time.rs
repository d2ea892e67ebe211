//! Least time: nginx's `least_time last_byte` (`ngx_http_upstream_least_time_module.c`) and Traefik's `leasttime`.
//!
//! Both look at everyone for every request, as the real ones do.
//! Cold start: to nginx a newcomer is in the bucket of 20 ms and so looks fastest; Traefik scores it zero, so that it gets
//! everything until its first answer.

use super::nginx::start_over_if_reloaded;
use super::smooth::{self, gain};
use super::{Algorithm, Change, Minds, Shown, Turn};
use crate::core::proxy::pool::{End, Member};
use crate::core::time::{Moment, Span};

/// nginx's default `fail_timeout`, by which an old average halves.
const FAIL_TIMEOUT_S: u64 = 10;
const BUCKET_MS: u64 = 20;
const SLOW_MS: u64 = 5_000;

/// Averages by place, in whole milliseconds.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct NginxLeastTime {
    averages: Vec<Average>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Average {
    ms: u64,
    /// When it was last picked or measured, to the second.
    checked_s: u64,
}

impl Average {
    fn learn(&mut self, sample: Span) {
        // 0.5 rounds; the rest is the moving average with a weight of one twentieth.
        let sample = sample.nanos() as f64 / 1e6;
        self.ms =
            if self.ms == 0 { sample as u64 } else { (0.5 + 0.05 * sample.floor() + 0.95 * self.ms as f64) as u64 };
    }

    /// Estimated time to finish one more.
    fn eta(&self, active: u32, now: Moment) -> u64 {
        let idle = now.whole_seconds() - self.checked_s;
        let halvings = if idle > FAIL_TIMEOUT_S { idle / (FAIL_TIMEOUT_S + 1) } else { 0 };
        bucket(self.ms.checked_shr(halvings as u32).unwrap_or(0)) * (u64::from(active) + 1)
    }
}

/// Response times are told apart by 20 ms, and not at all above 5 s.
fn bucket(ms: u64) -> u64 {
    if ms > SLOW_MS { SLOW_MS } else { ms + BUCKET_MS - ms % BUCKET_MS }
}

impl NginxLeastTime {
    fn score(&self, members: &[Member], place: usize, now: Moment) -> (u64, i64) {
        (self.averages[place].eta(members[place].active, now), members[place].weight)
    }

    /// The places that tie for the least, from the first on.
    fn tied(&self, members: &[Member], turn: &Turn<'_>) -> Option<((u64, i64), bool, usize)> {
        let now = turn.eligible.now;
        let mut best: Option<((u64, i64), bool, usize)> = None;
        for place in (0..members.len()).filter(|&place| turn.eligible.admits(&members[place])) {
            let (eta, weight) = self.score(members, place, now);
            match &mut best {
                Some(((least, by), several, _)) if eta * *by as u64 >= *least * weight as u64 => {
                    *several |= eta * *by as u64 == *least * weight as u64;
                }
                Some(_) | None => best = Some(((eta, weight), false, place)),
            }
        }
        best
    }
}

impl Algorithm for NginxLeastTime {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if members.len() == 1 {
            return smooth::pick(members, turn.eligible);
        }
        let now = turn.eligible.now;
        let ((least, by), several, first) = self.tied(members, turn)?;
        let (mut best, mut total) = (first, 0);
        for place in first..members.len() {
            let (eta, weight) = self.score(members, place, now);
            let ties = eta * by as u64 == least * weight as u64;
            if several && ties && turn.eligible.admits(&members[place]) {
                total += gain(&mut members[place]);
                if members[place].current > members[best].current {
                    best = place;
                }
            }
        }
        members[best].current -= total;
        let average = &mut self.averages[best];
        if now.whole_seconds() - average.checked_s > FAIL_TIMEOUT_S {
            average.checked_s = now.whole_seconds();
        }
        Some(best)
    }

    fn minds(&self) -> Minds {
        Minds::Endings
    }

    fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
        start_over_if_reloaded(members, change);
        match change {
            Change::Joined(_) => self.averages.push(Average { ms: 0, checked_s: now.whole_seconds() }),
            Change::Left(place) => _ = self.averages.remove(place),
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
    }

    fn learn(&mut self, _: &mut [Member], place: usize, end: End) {
        if end.served {
            self.averages[place].learn(end.latency);
        }
    }

    fn show(&self, members: &[Member], place: usize, _: Moment) -> Shown {
        let estimate = self.averages[place].ms as f64;
        Shown { current: Some(members[place].current as f64), estimate_ms: Some(estimate), ..Shown::default() }
    }
}

/// How many answers Traefik's mean is of.
const SAMPLES: usize = 100;

/// Traefik's `leasttime`: mean time to the first byte of the last 100 answers × (active + 1) / weight; those who tie take
/// turns by earliest deadline.
#[derive(Clone, Debug, Default)]
pub(in crate::core::proxy) struct TraefikLeastTime {
    means: Vec<Mean>,
    /// The deadline of the last who won a tie.
    current: f64,
}

#[derive(Clone, Debug, Default)]
struct Mean {
    samples: Vec<f64>,
    oldest: usize,
    sum: f64,
    deadline: f64,
}

impl Mean {
    fn learn(&mut self, sample: f64) {
        if self.samples.len() < SAMPLES {
            self.samples.push(sample);
        } else {
            self.sum -= std::mem::replace(&mut self.samples[self.oldest], sample);
            self.oldest = (self.oldest + 1) % SAMPLES;
        }
        self.sum += sample;
    }

    fn ms(&self) -> f64 {
        if self.samples.is_empty() { 0.0 } else { self.sum / self.samples.len() as f64 }
    }
}

impl Algorithm for TraefikLeastTime {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let score =
            |place: usize, mean: &Mean| mean.ms() * f64::from(members[place].active + 1) / members[place].weight as f64;
        let mut best: Option<(f64, f64, usize)> = None;
        for (place, mean) in self.means.iter().enumerate() {
            if members[place].weight == 0 || !turn.eligible.admits(&members[place]) {
                continue;
            }
            let offer = (score(place, mean), mean.deadline, place);
            if best.is_none_or(|best| offer < best) {
                best = Some(offer);
            }
        }
        let (_, deadline, place) = best?;
        self.current = self.current.max(deadline);
        self.means[place].deadline += 1.0 / members[place].weight as f64;
        Some(place)
    }

    fn minds(&self) -> Minds {
        Minds::Endings
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        match change {
            Change::Joined(place) => {
                let deadline = self.current + 1.0 / members[place].weight.max(1) as f64;
                self.means.push(Mean { deadline, ..Mean::default() });
            }
            Change::Left(place) => _ = self.means.remove(place),
            Change::Joining
            | Change::Leaving(_)
            | Change::Weighing(_)
            | Change::Weighed(_)
            | Change::Up(_)
            | Change::Down(_)
            | Change::Reviewed(_) => {}
        }
    }

    fn learn(&mut self, _: &mut [Member], place: usize, end: End) {
        self.means[place].learn(end.latency.millis());
    }

    fn show(&self, _: &[Member], place: usize, _: Moment) -> Shown {
        let mean = &self.means[place];
        Shown { current: Some(mean.deadline), estimate_ms: Some(mean.ms()), ..Shown::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_into_nginxs_buckets() {
        let cases = [(0, 0, 20), (19, 0, 20), (20, 0, 40), (39, 1, 80), (100, 0, 120), (4_999, 0, 5_000)];
        for (ms, active, score) in cases.into_iter().chain([(5_000, 0, 5_020), (5_001, 0, 5_000), (9_000, 3, 20_000)]) {
            let average = Average { ms, checked_s: 0 };
            assert_eq!(average.eta(active, Moment::START), score, "{ms} ms, {active} active");
        }
    }

    #[test]
    fn an_idle_average_halves_each_fail_timeout() {
        let average = Average { ms: 400, checked_s: 0 };
        let eta = |second| average.eta(0, Moment::START + Span::from_secs(second));
        assert_eq!([eta(10), eta(11), eta(21), eta(22)], [420, 220, 220, 120]);
    }
}
