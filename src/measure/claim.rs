//! A claim about a metric that a pipeline may insist on: `canary.budget_burnt < 0.1%`.

use crate::measure::forecast::{Forecast, StrategyForecast};
use crate::measure::metric::Metrics;
use crate::measure::stats::Interval;

/// Which side of its limit a metric is to be on.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// As it was written.
    pub text: String,
    /// Name of the strategy.
    pub strategy: String,
    /// Place of the metric in the catalogue.
    pub metric: usize,
    below: bool,
    limit: f64,
}

/// What the replications say of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The interval lies on the claimed side.
    Holds,
    /// The interval lies wholly beyond the limit.
    Fails,
    /// The interval has the limit in it, or nothing was measured.
    Open,
}

impl Claim {
    /// Reads `STRATEGY.METRIC < NUMBER`; also `>`, and a number in per cent.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Claim, String> {
        let expected = || "expected STRATEGY.METRIC < NUMBER (or >), e.g. canary.budget_burnt < 0.1%".to_owned();
        let sign = text.find(['<', '>']).ok_or_else(expected)?;
        let (strategy, metric) = text[..sign].trim().rsplit_once('.').ok_or_else(expected)?;
        let place =
            Metrics::place(metric).ok_or_else(|| format!("no metric is called {metric}: see docs/metrics.md"))?;
        let number = text[sign + 1..].trim();
        let (number, unit) = number.strip_suffix('%').map_or((number, 1.0), |share| (share.trim_end(), 0.01));
        let limit = number.parse::<f64>().ok().filter(|limit| limit.is_finite()).ok_or_else(expected)?;
        Ok(Claim {
            text: text.to_owned(),
            strategy: strategy.to_owned(),
            metric: place,
            below: text[sign..].starts_with('<'),
            limit: limit * unit,
        })
    }

    /// What `forecast` says, and by which numbers: the interval, or the one value of a single run.
    pub fn judge(&self, forecast: &Forecast) -> (Finding, Option<Interval>) {
        let named = forecast.strategies.iter().find(|strategy| strategy.name == self.strategy);
        let single = |strategy: &StrategyForecast| {
            let value = strategy.metrics.values()[self.metric].filter(|_| strategy.samples.is_empty())?;
            Some(Interval { mean: value, low: value, high: value })
        };
        let interval = named.and_then(|strategy| {
            strategy.spread(self.metric).map(|spread| spread.interval).or_else(|| single(strategy))
        });
        (interval.map_or(Finding::Open, |interval| self.finding(interval)), interval)
    }

    fn finding(&self, Interval { low, high, .. }: Interval) -> Finding {
        let (holds, fails) = match self.below {
            true => (high < self.limit, low >= self.limit),
            false => (low > self.limit, high <= self.limit),
        };
        match (holds, fails) {
            (true, _) => Finding::Holds,
            (false, true) => Finding::Fails,
            (false, false) => Finding::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_names_a_strategy_a_metric_and_a_limit() {
        let claim = Claim::parse("my.canary.budget_burnt < 0.1 %").expect("it is one");
        assert_eq!((claim.strategy.as_str(), Metrics::CATALOGUE[claim.metric].name), ("my.canary", "budget_burnt"));
        assert!((claim.limit - 0.001).abs() < 1e-15 && claim.below);
        assert!(!Claim::parse("stay.availability>99.9%").expect("it is one").below);
        for wrong in
            ["", "canary.budget_burnt", "budget_burnt < 1", "canary.budget < 1", "canary.cost < ten", "a.cost < inf"]
        {
            assert!(Claim::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_interval_holds_fails_or_leaves_it_open() {
        let finding = |text: &str, low, high| {
            let interval = Interval { mean: (low + high) / 2.0, low, high };
            Claim::parse(text).expect("it is one").finding(interval)
        };
        assert_eq!(finding("a.downtime_s < 5", 1.0, 4.9), Finding::Holds);
        assert_eq!(finding("a.downtime_s < 5", 5.0, 6.0), Finding::Fails);
        assert_eq!(finding("a.downtime_s < 5", 4.0, 5.0), Finding::Open);
        assert_eq!(finding("a.availability > 99%", 0.991, 0.995), Finding::Holds);
        assert_eq!(finding("a.availability > 99%", 0.98, 0.99), Finding::Fails);
        assert_eq!(finding("a.availability > 99%", 0.98, 0.995), Finding::Open);
    }
}
