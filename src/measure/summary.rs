//! From what the meter kept to the metrics, as `docs/metrics.md` defines them.

use crate::core::promise::Promise;
use crate::core::slo::Objective;
use crate::core::time::{Moment, Span};
use crate::measure::burn::Look;
use crate::measure::forecast::{Ending, Second, StrategyForecast};
use crate::measure::latencies::Latencies;
use crate::measure::meter::{Hidden, Meter};
use crate::measure::metric::Metrics;
use crate::measure::slos::{burnt_in_slices, slos};

/// Seconds over which peak utilisation is taken.
const PEAK_WINDOW_S: usize = 10;

/// What metrics need beside the facts.
#[derive(Clone, Debug)]
pub struct Terms {
    /// At least one; the metrics are about the first.
    pub promises: Vec<Promise>,
    /// When the rules of alerts are evaluated, and with what.
    pub looks: Vec<Look>,
    /// A slice is down when fewer than this share of its requests were good.
    pub down_share: f64,
    /// Length of that slice, in whole seconds.
    pub down_slice_s: usize,
    /// Per instance and hour.
    pub price_per_hour: f64,
    /// Per bad request.
    pub bad_request_price: f64,
    /// The horizon.
    pub end: Moment,
}

/// Turns what `meter` kept into the result of the strategy called `name`. `extra_cost` is left for the comparison.
pub fn summarise(name: &str, meter: Meter, terms: &Terms) -> StrategyForecast {
    let first = whole_second_after(meter.began);
    let objective = terms.objective();
    let slos = slos(&terms.promises, &terms.looks, &meter, first, terms.end);
    let fired = slos.iter().flat_map(|slo| &slo.alerts).filter(|alert| alert.fires_s.is_some()).count();
    let mut metrics = Metrics {
        budget_burnt_timeslices: burnt_in_slices(&terms.promises[0], &meter, first),
        burn_rate_max: slos[0].budget.burn_rate_max,
        alerts: Some(fired as f64),
        ..Metrics::default()
    };
    requests(&mut metrics, &meter, terms);
    by_second(&mut metrics, &meter, first, terms);
    latency(&mut metrics, &meter);
    rollout(&mut metrics, &meter);
    money(&mut metrics, &meter, terms);
    StrategyForecast {
        name: name.to_owned(),
        ending: meter.ending,
        metrics,
        samples: Vec::new(),
        risk: None,
        slos,
        timeline: meter.timeline.into_iter().map(|row| with_burn(row, &objective)).collect(),
        phases: meter.phases,
    }
}

impl Terms {
    fn objective(&self) -> Objective {
        self.promises[0].objective
    }
}

fn whole_second_after(moment: Moment) -> usize {
    moment.nanos().div_ceil(Span::from_secs(1).nanos()) as usize
}

fn with_burn(row: Second, objective: &Objective) -> Second {
    let all = row.good + row.bad;
    let share = if all == 0 { 0.0 } else { f64::from(row.bad) / f64::from(all) };
    Second { burn: objective.burn_rate(share), ..row }
}

fn requests(metrics: &mut Metrics, meter: &Meter, terms: &Terms) {
    let (sums, counts) = (&meter.sums, meter.measured());
    let (good, bad) = (counts.good as f64, counts.bad as f64);
    let all = good + bad;
    let measured_s = terms.end.since(meter.began).seconds();
    let in_window = terms.promises[0].requests(all / measured_s);
    metrics.requests = Some(all);
    metrics.failed_requests = Some(bad);
    metrics.availability = (all > 0.0).then(|| good / all);
    metrics.budget_burnt = (in_window > 0.0).then(|| bad / terms.objective().budget(in_window));
    metrics.shed_requests = Some(sums.shed as f64);
    metrics.retries = Some(sums.retries as f64);
    metrics.dropped_in_flight = Some(sums.dropped as f64);
    metrics.refused_by_stopping = Some(sums.refused as f64);
}

fn by_second(metrics: &mut Metrics, meter: &Meter, first: usize, terms: &Terms) {
    let rows = meter.timeline.get(first..).unwrap_or_default();
    let hidden = meter.hidden.get(first..).unwrap_or_default();
    let slices = rows.chunks(terms.down_slice_s).zip(hidden.chunks(terms.down_slice_s));
    let down_s: usize =
        slices.filter(|(rows, hidden)| down(rows, hidden, terms.down_share)).map(|(rows, _)| rows.len()).sum();
    metrics.downtime_s = Some(down_s as f64);
    metrics.outage_s = Some(hidden.iter().map(|second| second.outage_s).sum());
    metrics.overload_s = Some(meter.overload_s);
    metrics.saturated_instance_s = Some(meter.saturated_s);
    metrics.peak_utilisation = peak_utilisation(hidden);
    if meter.new.is_some() {
        let mixed = hidden.iter().filter(|second| second.answered == 0b11).count();
        metrics.mixed_versions_s = Some(mixed as f64);
    }
}

fn down(rows: &[Second], hidden: &[Hidden], share: f64) -> bool {
    let good: u32 = rows.iter().map(|row| row.good).sum();
    let all = good + rows.iter().map(|row| row.bad).sum::<u32>();
    if all > 0 {
        return f64::from(good) < share * f64::from(all);
    }
    let none_available: f64 = hidden.iter().map(|second| second.none_available_s).sum();
    none_available >= hidden.len() as f64
}

fn peak_utilisation(hidden: &[Hidden]) -> Option<f64> {
    let share = |window: &[Hidden]| {
        let slots: f64 = window.iter().map(|second| second.slots_s).sum();
        let busy: f64 = window.iter().map(|second| second.busy_s).sum();
        // Ten sums of seconds may differ from one another in the last bit.
        (slots > 0.0).then(|| (busy / slots).min(1.0))
    };
    let window = PEAK_WINDOW_S.min(hidden.len().max(1));
    hidden.windows(window).filter_map(share).reduce(f64::max)
}

fn latency(metrics: &mut Metrics, meter: &Meter) {
    const SHARES: [f64; 4] = [0.5, 0.95, 0.99, 0.999];
    let [outside, inside] = meter.latencies();
    let all = Latencies::quantiles_ms(&[outside, inside], SHARES).map(|all| all.map(Some)).unwrap_or_default();
    let rollout = Latencies::quantiles_ms(&[inside], SHARES).map(|all| all.map(Some)).unwrap_or_default();
    [metrics.latency_ms_p50, metrics.latency_ms_p95, metrics.latency_ms_p99, metrics.latency_ms_p999] = all;
    metrics.latency_ms_mean = Latencies::mean_ms(&[outside, inside]);
    [
        metrics.rollout_latency_ms_p50,
        metrics.rollout_latency_ms_p95,
        metrics.rollout_latency_ms_p99,
        metrics.rollout_latency_ms_p999,
    ] = rollout;
}

fn rollout(metrics: &mut Metrics, meter: &Meter) {
    if meter.new.is_none() {
        return;
    }
    let between = |from: Option<Moment>, to: Option<Moment>| Some(to?.since(from?).seconds());
    let milestones = &meter.milestones;
    metrics.full_exposure_s = between(milestones.deployed, milestones.full);
    metrics.rollout_s = between(milestones.deployed, milestones.ended);
    metrics.detect_s = between(milestones.new_listed, milestones.verdict);
    metrics.rollback_s = between(milestones.verdict, milestones.new_unlisted);
    metrics.rolled_back = Some(f64::from(u8::from(meter.ending == Ending::RolledBack)));
    metrics.exposed_requests = Some(meter.sums.exposed as f64);
    metrics.exposed_users = Some(meter.users.exposed() as f64);
    metrics.harmed_requests = Some(meter.sums.harmed as f64);
    metrics.mirrored = Some(meter.sums.mirrored as f64);
    metrics.harmed_users = Some(meter.users.harmed() as f64);
    metrics.share_drift = meter.drift.share();
    metrics.version_flips = Some(meter.users.flips() as f64);
}

fn money(metrics: &mut Metrics, meter: &Meter, terms: &Terms) {
    let hours = meter.instance_s / 3_600.0;
    metrics.peak_instances = Some(meter.peak_instances as f64);
    metrics.instance_hours = Some(hours);
    metrics.cost = Some(hours * terms.price_per_hour + meter.measured().bad as f64 * terms.bad_request_price);
}
