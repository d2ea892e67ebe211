//! The list of metrics: one struct of numbers, and the same numbers by name for whoever walks over them.
//!
//! Definitions: `docs/metrics.md`. Every name ends in its unit; what has no unit is a count or a share.

use serde::Serialize;

/// What a metric is, for tables and documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// As in `report.json` and `summary.csv`.
    pub name: &'static str,
    /// `requests`, `s`, `ms`, `share`, …; `""` for a plain count.
    pub unit: &'static str,
    /// One line, without a full stop.
    pub what: &'static str,
}

macro_rules! metrics {
    ($($name:ident [$unit:literal] $what:literal;)*) => {
        /// The metrics of one run of one strategy. `None`: it did not happen, or nothing was there to measure.
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        pub struct Metrics {
            $(#[doc = $what] pub $name: Option<f64>,)*
        }

        impl Metrics {
            /// Every metric, in the order of [`Metrics::values`].
            pub const CATALOGUE: &'static [Info] = &[
                $(Info { name: stringify!($name), unit: $unit, what: $what },)*
            ];

            /// The values, in the order of [`Metrics::CATALOGUE`].
            pub fn values(&self) -> Vec<Option<f64>> {
                vec![$(self.$name,)*]
            }

            /// The metrics that have `value` of each entry of [`Metrics::CATALOGUE`], by place.
            pub fn of(mut value: impl FnMut(usize) -> Option<f64>) -> Metrics {
                let mut place = 0..;
                Metrics { $($name: place.next().and_then(&mut value),)* }
            }
        }
    };
}

metrics! {
    requests ["requests"] "user requests settled in the measured time";
    failed_requests ["requests"] "user requests that settled badly in the measured time";
    availability ["share"] "good user requests / all";
    downtime_s ["s"] "time in slices in which fewer than half of the user requests were good";
    outage_s ["s"] "time with no available instance listed in any proxy";
    budget_burnt ["share"] "bad requests / error budget of the SLO window";
    budget_burnt_timeslices ["share"] "bad time slices / bad time slices allowed in the SLO window";
    burn_rate_max ["times"] "largest burn rate over any alert's long window; 1 spends the budget in one SLO window";
    alerts ["alerts"] "burn-rate alerts that fired";
    overload_s ["s"] "time in which at least half of the available instances were saturated";
    saturated_instance_s ["instance s"] "integral over time of the saturated instances";
    shed_requests ["attempts"] "attempts refused: queue full, or no instance to pick";
    peak_utilisation ["share"] "largest share of available slots busy over any 10 s";
    latency_ms_p50 ["ms"] "median latency of good user requests";
    latency_ms_p95 ["ms"] "95th percentile of it";
    latency_ms_p99 ["ms"] "99th percentile of it";
    latency_ms_p999 ["ms"] "99.9th percentile of it";
    latency_ms_mean ["ms"] "mean of it";
    rollout_latency_ms_p50 ["ms"] "median latency of good user requests settled during the rollout";
    rollout_latency_ms_p95 ["ms"] "95th percentile of it";
    rollout_latency_ms_p99 ["ms"] "99th percentile of it";
    rollout_latency_ms_p999 ["ms"] "99.9th percentile of it";
    full_exposure_s ["s"] "deploy command to the moment from which only the new version was there to serve";
    rollout_s ["s"] "deploy command to success or to the end of the roll-back";
    detect_s ["s"] "first new instance listed to the verdict that it is bad";
    rollback_s ["s"] "verdict to no new instance listed in any proxy";
    rolled_back ["share"] "share of replications that rolled back";
    exposed_requests ["requests"] "user requests with an attempt on the new version";
    exposed_users ["users"] "distinct users behind them";
    harmed_requests ["requests"] "user requests bad because of the new version";
    harmed_users ["users"] "distinct users behind them";
    version_flips ["flips"] "times a user saw the old version after the new one";
    mixed_versions_s ["s"] "time in which both versions answered";
    share_drift ["share"] "requests that went to another version than the weights asked for / all, while they were split";
    dropped_in_flight ["attempts"] "attempts cut by an instance that went away";
    refused_by_stopping ["attempts"] "attempts that reached an instance which no longer accepted any";
    retries ["attempts"] "attempts beyond the first";
    mirrored ["attempts"] "copies of user requests sent to the new version";
    peak_instances ["instances"] "largest number of instances that existed at once";
    instance_hours ["instance h"] "integral over time of the existing instances";
    cost ["money"] "instance hours × price + bad requests × their price";
    extra_cost ["money"] "cost above that of stay";
}

impl Metrics {
    /// The place in [`Metrics::CATALOGUE`] of the metric called `name`.
    pub fn place(name: &str) -> Option<usize> {
        Metrics::CATALOGUE.iter().position(|info| info.name == name)
    }

    /// Values of `self` minus those of `stay`, where both exist.
    pub fn minus(&self, stay: &Metrics) -> Vec<Option<f64>> {
        self.values().into_iter().zip(stay.values()).map(|(mine, base)| Some(mine? - base?)).collect()
    }
}
