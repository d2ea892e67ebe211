//! Weights from load reports: gRPC's `weighted_round_robin` by static stride (`static_stride_scheduler.cc`), and Envoy's
//! `client_side_weighted_round_robin` by deadlines. Weight = answers a second / (utilisation + share of errors × penalty).
//!
//! Cold start: a newcomer's reports are not believed during the blackout; until then it counts as the mean (gRPC) or the
//! median (Envoy) of the others, so that it is loaded like an average instance at once.

use super::edf::Schedule;
use super::rule::Reported;
use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::Report;
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

const WEIGHT_MAX: u64 = 65_535;
/// Spreads the starts of neighbours.
const OFFSET: u64 = 32_767;

/// What one member said last.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    weight: f64,
    first: Option<Moment>,
    last: Moment,
}

impl Load {
    /// The weight, as far as it is believed.
    fn read(&mut self, now: Moment, options: &Reported) -> Option<f64> {
        let first = self.first?;
        if now.since(self.last) >= options.expiry {
            self.first = None;
            return None;
        }
        (now.since(first) >= options.blackout && self.weight > 0.0).then_some(self.weight)
    }
}

/// What gives the order between two looks at the reports.
#[derive(Clone, Debug)]
enum Order {
    Rotation,
    Stride(Vec<u64>),
    Deadlines(Schedule, Vec<f64>),
}

/// Reports and the order they give.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct LoadReports {
    options: Reported,
    envoy: bool,
    loads: Vec<Load>,
    /// Places of those not known to be down.
    hosts: Vec<u32>,
    order: Order,
    sequence: Option<u64>,
    due: Moment,
}

impl LoadReports {
    pub fn grpc(options: Reported) -> LoadReports {
        LoadReports {
            options,
            envoy: false,
            loads: Vec::new(),
            hosts: Vec::new(),
            order: Order::Rotation,
            sequence: None,
            due: Moment::START,
        }
    }

    pub fn envoy(options: Reported) -> LoadReports {
        LoadReports { envoy: true, ..LoadReports::grpc(options) }
    }

    fn rebuild(&mut self, members: &[Member], now: Moment) {
        self.due = now + self.options.update;
        self.hosts.clear();
        self.hosts.extend((0..).zip(members).filter(|(_, member)| member.in_play()).map(|(place, _)| place));
        let (loads, options) = (&mut self.loads, &self.options);
        let weights: Vec<Option<f64>> =
            self.hosts.iter().map(|&place| loads[place as usize].read(now, options)).collect();
        let known: Vec<f64> = weights.iter().flatten().copied().collect();
        self.order = if known.len() < 2 {
            Order::Rotation
        } else if self.envoy {
            deadlines(&weights, median(known))
        } else {
            stride(&weights, &known)
        };
    }

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let sequence = self.sequence.as_mut().expect("the first pick begins a sequence");
        let host = match &mut self.order {
            Order::Rotation => {
                *sequence += 1;
                ((*sequence - 1) % self.hosts.len() as u64) as usize
            }
            Order::Stride(weights) => next_by_stride(weights, sequence),
            Order::Deadlines(schedule, weights) => schedule.next(|host| weights[host])?,
        };
        Some(self.hosts[host] as usize)
    }
}

fn median(mut known: Vec<f64>) -> f64 {
    known.sort_by(f64::total_cmp);
    let middle = known.len() / 2;
    if known.len() % 2 == 1 { known[middle] } else { known[middle - 1].midpoint(known[middle]) }
}

fn deadlines(weights: &[Option<f64>], otherwise: f64) -> Order {
    let weights: Vec<f64> = weights.iter().map(|weight| weight.unwrap_or(otherwise)).collect();
    Order::Deadlines(Schedule::new(weights.len(), weights.iter().copied().enumerate()), weights)
}

fn stride(weights: &[Option<f64>], known: &[f64]) -> Order {
    let largest = known.iter().copied().fold(0.0, f64::max);
    let scale = WEIGHT_MAX as f64 / largest;
    let mean = (scale * known.iter().sum::<f64>() / known.len() as f64).round() as u64;
    // Halves go to the even number: with weights 1, 3 and 6 the order that gRPC's tests expect hangs on it.
    let scaled = |weight: f64| ((weight * scale).round_ties_even() as u64).max(1);
    let weights: Vec<u64> = weights.iter().map(|weight| weight.map_or(mean, scaled)).collect();
    let first = weights[0];
    if weights.iter().all(|&weight| weight == first) { Order::Rotation } else { Order::Stride(weights) }
}

/// In generation g a host is picked if its weight times g, shifted by half a round for every other one, has just passed a
/// multiple of the largest weight.
#[inline]
fn next_by_stride(weights: &[u64], sequence: &mut u64) -> usize {
    loop {
        let (host, generation) = (*sequence % weights.len() as u64, *sequence / weights.len() as u64);
        *sequence += 1;
        let weight = weights[host as usize];
        let reached = (weight.wrapping_mul(generation).wrapping_add(host * OFFSET)) % WEIGHT_MAX;
        if reached >= WEIGHT_MAX - weight {
            return host as usize;
        }
    }
}

impl Algorithm for LoadReports {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        let now = turn.eligible.now;
        if now >= self.due {
            self.rebuild(members, now);
        }
        if self.hosts.is_empty() {
            return any_from(members, turn.eligible, 0);
        }
        if self.sequence.is_none() {
            self.sequence = Some(if self.options.random_start { turn.below(1 << 31) as u64 } else { 0 });
        }
        for _ in 0..2 * self.hosts.len() {
            let place = self.next()?;
            if turn.eligible.admits(&members[place]) {
                return Some(place);
            }
        }
        any_from(members, turn.eligible, 0)
    }

    fn minds(&self) -> Minds {
        Minds::Nothing
    }

    fn change(&mut self, _: &mut [Member], change: Change, now: Moment) {
        match change {
            Change::Joined(_) => self.loads.push(Load::default()),
            Change::Left(place) => _ = self.loads.remove(place),
            // What it said before it was away counts no longer.
            Change::Up(place) => self.loads[place].first = None,
            Change::Down(_) => {}
            Change::Joining | Change::Leaving(_) | Change::Weighing(_) | Change::Weighed(_) | Change::Reviewed(_) => {
                return;
            }
        }
        self.due = now;
    }

    fn report(&mut self, _: &mut [Member], place: usize, report: &Report, now: Moment) {
        let weight = weight(report, self.options.error_penalty);
        if weight > 0.0 {
            let load = &mut self.loads[place];
            load.first = load.first.or(Some(now));
            (load.weight, load.last) = (weight, now);
        }
    }

    fn show(&self, _: &[Member], place: usize, _: Moment) -> Shown {
        Shown { effective: Some(self.loads[place].weight), ..Shown::default() }
    }
}

/// What a report is worth; 0 if it says nothing.
fn weight(report: &Report, penalty: f64) -> f64 {
    if report.per_second <= 0.0 || report.utilisation <= 0.0 {
        return 0.0;
    }
    report.per_second / (report.utilisation + report.errors_per_second / report.per_second * penalty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(weights: &[f64], count: usize) -> Vec<usize> {
        let some: Vec<Option<f64>> = weights.iter().copied().map(Some).collect();
        let Order::Stride(weights) = stride(&some, weights) else { panic!("unequal weights make strides") };
        let mut sequence = 0;
        (0..count).map(|_| next_by_stride(&weights, &mut sequence)).collect()
    }

    #[test]
    fn strides_follow_grpcs_tests() {
        assert_eq!(picks(&[1.0, 2.0], 6), [1, 0, 1, 1, 0, 1]);
        assert_eq!(picks(&[1.0, 3.0, 6.0], 12), [1, 2, 2, 1, 2, 2, 1, 2, 2, 0, 1, 2]);
        assert_eq!(picks(&[1.0, 10.0], 10), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
        let long = picks(&[1.0, 10.0], 110_000);
        let first = long.iter().filter(|&&host| host == 0).count();
        assert!((9_990..=10_010).contains(&first), "{first} of 110000");
    }

    #[test]
    fn errors_make_a_report_worth_less() {
        let report = |errors| Report {
            in_flight: 0,
            utilisation: 0.1,
            per_second: 10.0,
            errors_per_second: errors,
            latency_s: 0.0,
        };
        assert!((weight(&report(9.0), 1.0) - 10.0).abs() < 1e-9);
        assert!((weight(&report(0.0), 1.0) - 100.0).abs() < 1e-9);
    }
}
