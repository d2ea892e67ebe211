//! One made-up forecast for the tests of this room: a bad v2 on a service of ten instances, twenty minutes at about 400 requests
//! per second, one strategy of each kind. The numbers hang together as those of a real run would.

use crate::measure::forecast::{
    Alert, BudgetUse, Ending, Forecast, Instances, Note, Phase, Sample, Second, SloForecast, StrategyForecast,
};
use crate::measure::metric::Metrics;

const WARM_UP: usize = 60;
const DEPLOY: usize = 180;
const HORIZON: usize = 1_200;
const OBJECTIVE: f64 = 0.999;
const WINDOW_DAYS: f64 = 30.0;

/// Five strategies, `stay` among them; v2 fails 4 % of its requests.
pub(crate) fn checkout() -> Forecast {
    let stay = strategy("stay", Ending::NoRollout, |_| Moment::steady());
    let mut strategies = vec![
        recreate(),
        strategy("rolling", Ending::Promoted, rolling).lasting(160.0).peaking(14.0),
        strategy("blue-green", Ending::Promoted, blue_green).lasting(205.0).peaking(20.0),
        canary(),
    ];
    for strategy in &mut strategies {
        strategy.phases.insert(0, phase(DEPLOY as f64, "deploy", "v1 to v2"));
        compare(strategy, &stay);
    }
    strategies.insert(0, stay);
    forecast(strategies)
}

/// The service alone.
pub(crate) fn stay_only() -> Forecast {
    let mut forecast = checkout();
    forecast.strategies.truncate(1);
    forecast.rollout_at_s = None;
    forecast.new_version = None;
    forecast
}

/// `checkout`, with only `stay` and the strategies of these names.
pub(crate) fn only(names: &[&str]) -> Forecast {
    let mut forecast = checkout();
    forecast.strategies.retain(|strategy| strategy.name == "stay" || names.contains(&strategy.name.as_str()));
    forecast
}

/// `checkout` five times, with more or less luck.
pub(crate) fn repeated() -> Forecast {
    repeat(checkout())
}

/// The same of any.
pub(crate) fn repeat(mut forecast: Forecast) -> Forecast {
    for (at, strategy) in forecast.strategies.iter_mut().enumerate() {
        let luck = [1.0, 1.1, 0.9, 1.2, 0.95].into_iter().cycle().skip(at % 2);
        strategy.fold(luck.take(5).map(|luck| lucky(strategy, luck)).collect());
    }
    forecast
}

/// Bad requests, and what follows from them, times `luck`.
pub(crate) fn lucky(strategy: &StrategyForecast, luck: f64) -> Sample {
    let mut metrics = strategy.metrics.clone();
    metrics.failed_requests = metrics.failed_requests.map(|bad| (bad * luck).round());
    metrics.budget_burnt = metrics.budget_burnt.map(|burnt| burnt * luck);
    metrics.rollout_s = metrics.rollout_s.map(|took| took + 10.0 * luck);
    let burnt = |burnt: Option<f64>| burnt.map(|burnt| burnt * luck);
    let of = |slo: &SloForecast| BudgetUse {
        bad: (slo.budget.bad * luck).round(),
        burnt: burnt(slo.budget.burnt),
        ..slo.budget
    };
    let budgets = strategy.slos.iter().map(of).collect();
    Sample { ending: strategy.ending, stuck: false, metrics, budgets }
}

/// What a hostile or merely unusual scenario may bring: six hours, long and Korean names, twenty steps, nothing but zeros, nothing
/// at all, and numbers that are none.
pub(crate) fn unusual() -> Forecast {
    let mut forecast = checkout();
    forecast.scenario = "결제 <checkout> & \"friends\"".to_owned();
    forecast.horizon_s = 21_600.0;
    for strategy in &mut forecast.strategies {
        strategy.timeline = strategy.timeline.iter().cycle().take(21_600).copied().collect();
    }
    let mut steps = forecast.strategies[4].clone();
    steps.name = "canary-with-twenty-steps-and-a-very-long-name-indeed".to_owned();
    steps.phases = (1..=20)
        .map(|step| phase(180.0 + 30.0 * f64::from(step), &format!("step {step}/20"), "5 % more to v2"))
        .collect();
    let mut empty = steps.clone();
    empty.name = "카나리 배포 (천천히)".to_owned();
    empty.ending = Ending::Unfinished;
    empty.timeline.clear();
    empty.metrics = Metrics { budget_burnt: Some(f64::NAN), cost: Some(f64::INFINITY), ..Metrics::default() };
    let mut zero = empty.clone();
    zero.name = "zero\n\u{1b}[31m".to_owned();
    zero.timeline = vec![Second { burn: f64::NAN, weight: Some(f64::NAN), ..Second::default() }; 21_600];
    forecast.strategies.extend([steps, empty, zero]);
    forecast
}

fn forecast(strategies: Vec<StrategyForecast>) -> Forecast {
    Forecast {
        scenario: "checkout".to_owned(),
        seed: 7,
        objective: OBJECTIVE,
        window_days: WINDOW_DAYS,
        currency: "USD".to_owned(),
        warm_up_s: WARM_UP as f64,
        horizon_s: HORIZON as f64,
        rollout_at_s: Some(DEPLOY as f64),
        old_version: "v1".to_owned(),
        new_version: Some("v2".to_owned()),
        releases: None,
        strategies,
        notes: vec![note(
            "budget-extrapolated",
            "the requests of the 30-day window are extrapolated from the mean rate of the measured time",
        )],
    }
}

fn note(id: &str, text: &str) -> Note {
    Note { id: id.to_owned(), text: text.to_owned() }
}

/// What differs between the strategies in one second.
struct Moment {
    old: Instances,
    new: Instances,
    weight: Option<f64>,
}

impl Moment {
    fn steady() -> Self {
        Moment { old: ready(10), new: Instances::default(), weight: None }
    }
}

fn ready(count: u32) -> Instances {
    Instances { ready: count, ..Instances::default() }
}

fn recreate() -> StrategyForecast {
    let mut strategy = strategy("recreate", Ending::Promoted, |at| match at {
        0..DEPLOY => Moment::steady(),
        DEPLOY..190 => Moment { old: Instances { terminating: 10, ..Instances::default() }, ..Moment::steady() },
        190..215 => {
            Moment { old: Instances::default(), new: Instances { booting: 10, ..Instances::default() }, weight: None }
        }
        _ => Moment { old: Instances::default(), new: ready(10), weight: None },
    });
    strategy.metrics.downtime_s = Some(35.0);
    strategy.metrics.outage_s = Some(34.2);
    strategy.metrics.overload_s = Some(14.0);
    strategy.phases = vec![
        phase(180.0, "stopping", "10 old instances told to stop"),
        phase(190.0, "starting", "the old instances are gone; 10 new ones boot"),
        phase(215.0, "promoted", "10/10 new instances available"),
    ];
    strategy.lasting(35.0).peaking(10.0)
}

fn rolling(at: usize) -> Moment {
    let swapped = (at.saturating_sub(DEPLOY) / 16).min(10) as u32;
    let under_way = at >= DEPLOY && swapped < 10;
    let extra = |count| if under_way { count } else { 0 };
    Moment {
        old: Instances { ready: 10 - swapped, terminating: extra(1), booting: 0 },
        new: Instances { ready: swapped, booting: extra(3), terminating: 0 },
        weight: None,
    }
}

fn blue_green(at: usize) -> Moment {
    match at {
        0..DEPLOY => Moment::steady(),
        DEPLOY..205 => {
            Moment { new: Instances { booting: 10, ..Instances::default() }, weight: Some(0.0), ..Moment::steady() }
        }
        205..385 => Moment { new: ready(10), weight: Some(1.0), ..Moment::steady() },
        _ => Moment { old: Instances::default(), new: ready(10), weight: Some(1.0) },
    }
}

fn canary() -> StrategyForecast {
    let mut strategy = strategy("canary", Ending::RolledBack, |at| match at {
        DEPLOY..205 => {
            Moment { new: Instances { booting: 1, ..Instances::default() }, weight: Some(0.0), ..Moment::steady() }
        }
        205..240 => Moment { new: ready(1), weight: Some(0.05), ..Moment::steady() },
        240..270 => {
            Moment { new: Instances { terminating: 1, ..Instances::default() }, weight: Some(0.0), ..Moment::steady() }
        }
        _ => Moment::steady(),
    });
    strategy.phases = vec![
        phase(205.0, "step 1/3", "1/1 new instances available: 5 % to v2"),
        phase(240.0, "rolling back", "v2 failed 28 of 702 requests (3.99 %) in the last 30 s, the gate allows 1 %"),
        phase(270.0, "rolled back", "no new instance is left"),
    ];
    strategy.metrics.detect_s = Some(35.0);
    strategy.metrics.rollback_s = Some(2.0);
    strategy.metrics.rolled_back = Some(1.0);
    strategy.lasting(90.0).peaking(11.0)
}

fn phase(at_s: f64, phase: &str, reason: &str) -> Phase {
    Phase { at_s, phase: phase.to_owned(), reason: reason.to_owned() }
}

fn strategy(name: &str, ending: Ending, moment: impl Fn(usize) -> Moment) -> StrategyForecast {
    let timeline: Vec<Second> = (0..HORIZON).map(|at| second(at, &moment(at))).collect();
    let alerts =
        vec![alert("page", 3_600.0, 300.0, 14.4, &timeline), alert("ticket", 21_600.0, 1_800.0, 6.0, &timeline)];
    let metrics = measured(&timeline);
    let slos = vec![slo("availability", &metrics, alerts)];
    let (phases, samples) = (Vec::new(), Vec::new());
    StrategyForecast { name: name.to_owned(), ending, metrics, samples, risk: None, phases, slos, timeline }
}

fn slo(name: &str, metrics: &Metrics, alerts: Vec<Alert>) -> SloForecast {
    let (events, bad) = (metrics.requests.unwrap_or(0.0), metrics.failed_requests.unwrap_or(0.0));
    let burnt = metrics.budget_burnt;
    let fired = alerts.iter().filter_map(|alert| alert.fires_s);
    let budget = BudgetUse {
        events,
        bad,
        budget: burnt.map_or(0.0, |burnt| bad / burnt),
        burnt,
        left: burnt.map(|burnt| 1.0 - burnt),
        bearable_burn_rate: None,
        burn_rate_max: alerts.iter().map(|alert| alert.burn_rate_max).reduce(f64::max),
        alerts: fired.clone().count() as f64,
        first_alert_s: fired.reduce(f64::min),
    };
    SloForecast {
        name: name.to_owned(),
        objective: OBJECTIVE,
        within_s: None,
        counted: "requests",
        window_s: WINDOW_DAYS * 86_400.0,
        elapsed_s: None,
        spent: 0.0,
        budget,
        samples: Vec::new(),
        alerts,
    }
}

/// `checkout` with a second objective, of latency, in a month of the calendar.
pub(crate) fn promised() -> Forecast {
    let mut forecast = checkout();
    for strategy in &mut forecast.strategies {
        let first = &strategy.slos[0];
        let burnt = first.budget.burnt.map(|burnt| 3.0 * burnt);
        let budget = BudgetUse {
            burnt,
            left: burnt.map(|burnt| 0.6 - burnt),
            bearable_burn_rate: burnt.map(|burnt| (0.6 - burnt).max(0.0) * 28.0 / 17.0),
            ..first.budget
        };
        let further = SloForecast {
            name: "fast".to_owned(),
            objective: 0.99,
            within_s: Some(0.3),
            counted: "time-slices",
            window_s: 28.0 * 86_400.0,
            elapsed_s: Some(11.0 * 86_400.0),
            spent: 0.4,
            budget,
            ..first.clone()
        };
        strategy.slos.push(further);
    }
    forecast
}

fn second(at: usize, moment: &Moment) -> Second {
    let offered = offered(at);
    let ready = moment.old.ready + moment.new.ready;
    if ready == 0 {
        return Second { offered, bad: offered, old: moment.old, new: moment.new, burn: 1_000.0, ..Second::default() };
    }
    let share = moment.weight.unwrap_or(f64::from(moment.new.ready) / f64::from(ready));
    // Here and there v1 fails a request too: one in about 6,000.
    let bad = (f64::from(offered) * share * 0.04).round() as u32 + u32::from(at.is_multiple_of(15));
    Second {
        offered,
        good: offered - bad,
        bad,
        in_flight: 11 + (at * 7 % 9) as u32 + (10 - ready.min(10)) * 3,
        queued: (10 - ready.min(10)) * 2,
        old: moment.old,
        new: moment.new,
        weight: moment.weight,
        burn: f64::from(bad) / f64::from(offered) / (1.0 - OBJECTIVE),
    }
}

fn offered(at: usize) -> u32 {
    let wave = (at as f64 / 90.0).sin() * 40.0 + (at * 37 % 23) as f64;
    (390.0 + wave) as u32
}

fn measured(timeline: &[Second]) -> Metrics {
    let bad: u32 = timeline[WARM_UP..].iter().map(|second| second.bad).sum();
    let all: u32 = timeline[WARM_UP..].iter().map(|second| second.offered).sum();
    let instances: u32 =
        timeline.iter().map(|s| [s.old, s.new].map(|i| i.booting + i.ready + i.terminating).iter().sum::<u32>()).sum();
    let window = f64::from(all) / (HORIZON - WARM_UP) as f64 * WINDOW_DAYS * 86_400.0;
    let hours = f64::from(instances) / 3_600.0;
    Metrics {
        requests: Some(all.into()),
        failed_requests: Some(bad.into()),
        availability: Some(1.0 - f64::from(bad) / f64::from(all)),
        downtime_s: Some(0.0),
        outage_s: Some(0.0),
        budget_burnt: Some(f64::from(bad) / ((1.0 - OBJECTIVE) * window)),
        overload_s: Some(0.0),
        shed_requests: Some(0.0),
        retries: Some(41.0),
        latency_ms_p50: Some(20.1),
        latency_ms_p99: Some(142.6),
        peak_instances: Some(10.0),
        instance_hours: Some(hours),
        cost: Some(hours * 0.1),
        ..Metrics::default()
    }
}

fn alert(severity: &'static str, long_s: f64, short_s: f64, factor: f64, timeline: &[Second]) -> Alert {
    let burn_rate_max = timeline.iter().map(|second| second.burn).fold(0.0, f64::max) / 10.0;
    let fires_s = (burn_rate_max > factor).then_some(260.0);
    Alert { severity, long_s, short_s, factor, burn_rate_max, fires_s, clears_s: None }
}

fn compare(strategy: &mut StrategyForecast, stay: &StrategyForecast) {
    let harmed = strategy.metrics.failed_requests.zip(stay.metrics.failed_requests).map(|(mine, base)| mine - base);
    strategy.metrics.harmed_requests = harmed;
    strategy.metrics.harmed_users = harmed.map(|requests| (requests * 0.8).round().min(18_400.0));
    strategy.metrics.exposed_users = harmed.map(|requests| (requests * 20.0).min(20_000.0));
    strategy.metrics.rollout_latency_ms_p99 = Some(188.4);
    strategy.metrics.dropped_in_flight = Some(3.0);
    strategy.metrics.extra_cost = strategy.metrics.cost.zip(stay.metrics.cost).map(|(mine, base)| mine - base);
}

impl StrategyForecast {
    fn lasting(mut self, rollout_s: f64) -> Self {
        self.metrics.rollout_s = Some(rollout_s);
        self
    }

    fn peaking(mut self, instances: f64) -> Self {
        self.metrics.peak_instances = Some(instances);
        self
    }
}
