//! One line to build a world: a scenario as text, a forecast as answer.

use rollcast::core::rollout::Strategy;
use rollcast::measure::forecast::{Forecast, StrategyForecast};
use rollcast::measure::metric::Metrics;
use rollcast::measure::replications::Series;
use rollcast::scenario::{load_with, parse};
use std::path::{Path, PathBuf};

/// The folder of the scenarios.
pub fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The forecast of a scenario given as text.
pub fn forecast(yaml: &str) -> Forecast {
    match parse(yaml, "test.yaml", &scenarios()) {
        Ok(loaded) => rollcast::sim::forecast(&loaded.scenario, &()),
        Err(problems) => panic!("the scenario of this test is wrong:\n{problems}\n{yaml}"),
    }
}

/// The same, replicated.
pub fn replicated(yaml: &str, series: &Series) -> Forecast {
    match parse(yaml, "test.yaml", &scenarios()) {
        Ok(loaded) => rollcast::sim::replicate(&loaded.scenario, series, &()),
        Err(problems) => panic!("the scenario of this test is wrong:\n{problems}\n{yaml}"),
    }
}

/// What a strategy that a scenario cannot name comes to in a scenario given as text.
pub fn run(yaml: &str, strategy: &Strategy) -> StrategyForecast {
    match parse(yaml, "test.yaml", &scenarios()) {
        Ok(loaded) => rollcast::sim::run(&loaded.scenario, "test", Some(strategy)),
        Err(problems) => panic!("the scenario of this test is wrong:\n{problems}\n{yaml}"),
    }
}

/// The forecast of one of our scenarios, with values replaced.
pub fn story(name: &str, overrides: &[(&str, &str)]) -> Forecast {
    let path = scenarios().join(format!("{name}.yaml"));
    match load_with(&path, overrides) {
        Ok(loaded) => rollcast::sim::forecast(&loaded.scenario, &()),
        Err(problems) => panic!("{problems}"),
    }
}

/// One strategy of a forecast.
pub fn strategy<'a>(forecast: &'a Forecast, name: &str) -> &'a StrategyForecast {
    let found = forecast.strategies.iter().find(|strategy| strategy.name == name);
    found.unwrap_or_else(|| panic!("no strategy is called {name}"))
}

/// The metrics of one strategy.
pub fn metrics<'a>(forecast: &'a Forecast, name: &str) -> &'a Metrics {
    &strategy(forecast, name).metrics
}

/// The seconds since the start at which a phase was announced first.
pub fn phase_at(strategy: &StrategyForecast, name: &str) -> f64 {
    let found = strategy.phases.iter().find(|phase| phase.phase == name);
    found.unwrap_or_else(|| panic!("{} never announced {name}: {:?}", strategy.name, strategy.phases)).at_s
}

/// A metric that was measured.
pub fn value(metric: Option<f64>) -> f64 {
    metric.expect("this run measures it")
}

/// The mean of what ten seeds gave, and the half-width of its 99.8 % interval (Student's t with nine degrees of freedom).
pub fn over_seeds(run: impl Fn(u64) -> f64) -> (f64, f64) {
    const T: f64 = 4.297;
    let values: Vec<f64> = (1..=10).map(run).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, T * (variance / count).sqrt())
}
