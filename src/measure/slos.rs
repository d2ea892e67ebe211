//! What a run does to every promise of the service: budget, burn and alerts.

use crate::core::promise::{Counted, Good, Promise};
use crate::core::time::Moment;
use crate::measure::burn::{Account, Look};
use crate::measure::forecast::{BudgetUse, SloForecast};
use crate::measure::meter::Meter;

/// Of every promise, in their order; `first`: the first whole second of the measured time, which ends at `end`.
pub(super) fn slos(promises: &[Promise], looks: &[Look], meter: &Meter, first: usize, end: Moment) -> Vec<SloForecast> {
    promises.iter().map(|promise| slo(promise, &account(promise, meter, first), looks, end)).collect()
}

/// Share of the budget of `promise` that is burnt where it is counted in time slices, however it is counted otherwise.
pub(super) fn burnt_in_slices(promise: &Promise, meter: &Meter, first: usize) -> Option<f64> {
    let by_slice = Promise { counted: Counted::TimeSlices, ..promise.clone() };
    let account = account(&by_slice, meter, first);
    burnt(account.bad(), by_slice.objective.budget(by_slice.events(account.rate())))
}

fn burnt(bad: f64, budget: f64) -> Option<f64> {
    (budget > 0.0).then(|| bad / budget)
}

fn slo(promise: &Promise, account: &Account, looks: &[Look], end: Moment) -> SloForecast {
    let objective = &promise.objective;
    let budget = objective.budget(promise.events(account.rate()));
    let burnt = burnt(account.bad(), budget);
    let left = burnt.map(|burnt| 1.0 - promise.spent.value() - burnt);
    let alerts = account.alerts(promise, looks);
    let fired = alerts.iter().filter_map(|alert| alert.fires_s);
    let budget = BudgetUse {
        events: account.all(),
        bad: account.bad(),
        budget,
        burnt,
        left,
        bearable_burn_rate: left.and_then(|left| promise.bearable(left, end.since(Moment::START))),
        burn_rate_max: alerts.iter().map(|alert| alert.burn_rate_max).reduce(f64::max),
        alerts: fired.clone().count() as f64,
        first_alert_s: fired.reduce(f64::min),
    };
    SloForecast {
        name: promise.name.clone(),
        objective: objective.objective.value(),
        within_s: match promise.good {
            Good::Answered => None,
            Good::Within(limit) => Some(limit.seconds()),
        },
        counted: promise.counted.label(),
        window_s: objective.window.seconds(),
        elapsed_s: promise.elapsed.map(|elapsed| elapsed.seconds()),
        spent: promise.spent.value(),
        budget,
        samples: Vec::new(),
        alerts,
    }
}

/// Good and bad events of `promise` in the measured time.
fn account(promise: &Promise, meter: &Meter, first: usize) -> Account {
    let rows = meter.timeline.iter().skip(first).map(|row| (row.good, row.bad));
    let seconds: Vec<(u32, u32)> = match promise.good {
        Good::Answered => rows.collect(),
        Good::Within(limit) => {
            let fast = meter.within(limit).iter().skip(first);
            rows.zip(fast).map(|((good, bad), fast)| (*fast, good + bad - fast)).collect()
        }
    };
    match promise.counted {
        Counted::Requests => Account::new(first as f64, seconds.into_iter()),
        Counted::TimeSlices => Account::of_slices(first as f64, &seconds, promise.objective.timeslice),
    }
}
