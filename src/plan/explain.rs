//! What the numbers of a strategy come to for a fleet of a given size, and by which rounding.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{
    BreakerThreshold, Canary, Control, Ecs, Flagger, Limits, Nomad, Pace, Routing, Scale, Step, Strategy, Surge,
    TaskLimits, approximate, batch_size, breaker_threshold, healthy_hosts, instances_for,
};
use crate::plan::rehearsal::percent;

/// One sentence for each rounding decision, and for what comes on top.
pub fn explain(strategy: &Strategy, size: u32) -> Vec<String> {
    let mut lines = rounded(strategy, size);
    if strategy.gate().is_some_and(|gate| gate.control == Control::Baseline) {
        lines.push(format!(
            "baseline: as many old instances as new ones, launched with them, at most {size}; all of them stop before the last new ones are launched"
        ));
    }
    lines
}

fn rounded(strategy: &Strategy, size: u32) -> Vec<String> {
    match strategy {
        Strategy::Recreate(_) => vec!["every old instance stops and is gone before a new one starts".to_owned()],
        Strategy::Rolling(rolling) => pace(&rolling.pace, size),
        Strategy::BlueGreen(blue_green) => {
            let preview = blue_green.preview.map(|preview| {
                format!("the preview has {preview} of {size} instances, and is raised to {size} before the switch")
            });
            preview.into_iter().collect()
        }
        Strategy::Canary(canary) => steps(canary, size),
        Strategy::Flagger(flagger) => walk(flagger, size),
        Strategy::AbTest(test) => vec![routed(test.share, test.instances.map_or(Scale::MatchShare, Scale::Own), size)],
        Strategy::Shadow(shadow) => {
            vec![routed(shadow.share, shadow.instances.map_or(Scale::MatchShare, Scale::Own), size)]
        }
        Strategy::FeatureFlag(_) => vec!["no instance is started or stopped".to_owned()],
    }
}

fn pace(pace: &Pace, size: u32) -> Vec<String> {
    match pace {
        Pace::Surge(limits) => surge(limits, size),
        Pace::Ecs(service) => ecs(service, size),
        Pace::Nomad(job) => nomad(*job, size),
        Pace::Hosts(healthy) => {
            let least = healthy_hosts(*healthy, size);
            vec![format!(
                "{} is {least} hosts that must stay healthy, {} at a time",
                written(*healthy, size, "up"),
                size - least
            )]
        }
    }
}

fn surge(surge: &Surge, size: u32) -> Vec<String> {
    let Limits { surge: more, unavailable: fewer } = surge.limits(size);
    let mut lines = vec![
        format!("surge: {} is {}", written(surge.surge, size, "up"), surge.surge.round_up(size)),
        format!(
            "unavailable: {} is {}",
            written(surge.unavailable, size, "down"),
            surge.unavailable.round_down(size).min(size)
        ),
    ];
    if surge.surge.round_up(size) == 0 && surge.unavailable.round_down(size) == 0 {
        lines.push("both are 0, so that nothing could move: 1 may be unavailable".to_owned());
    }
    lines.push(format!("at most {} wanted in all, at least {} available", size + more, size - fewer.min(size)));
    if surge.waits_for_termination {
        lines.push("terminating instances count against that, so that replacements wait for them".to_owned());
    } else {
        lines.push("terminating instances count against neither: more may exist than that".to_owned());
    }
    lines
}

/// An amount as it was written, with what it is before rounding: `25 % of 10 = 2.5, rounded up,`.
fn written(amount: Amount, size: u32, way: &str) -> String {
    match amount {
        Amount::Count(count) => format!("{count}"),
        Amount::Percent(percent) => {
            let exact = (percent * f64::from(size) / 100.0 * 1e9).round() / 1e9;
            let rounded = if exact.fract() == 0.0 { String::new() } else { format!(", rounded {way},") };
            format!("{percent} % of {size} = {exact}{rounded}")
        }
    }
}

fn ecs(service: &Ecs, size: u32) -> Vec<String> {
    let TaskLimits { lower, upper } = TaskLimits::resolve(service, size);
    let mut lines = vec![
        format!("minimum healthy: {} is {lower}", written(Amount::Percent(service.minimum), size, "up")),
        format!("maximum: {} is {upper}", written(Amount::Percent(service.maximum), size, "down")),
    ];
    if let Some(breaker) = service.breaker {
        let of = match breaker.threshold {
            BreakerThreshold::Bounded(percent) => format!("{percent} % of {size}, between 3 and 200,"),
            BreakerThreshold::Unbounded(percent) => format!("{percent} % of {size}"),
            BreakerThreshold::Count(count) => format!("a count of {count}"),
        };
        let opens = breaker_threshold(breaker.threshold, size);
        lines.push(format!("circuit breaker: {of} is {opens} failed tasks"));
    }
    lines
}

fn nomad(job: Nomad, size: u32) -> Vec<String> {
    if job.parallel == 0 {
        return vec![format!("max_parallel is 0: all {size} at once, without a deployment to watch")];
    }
    let least = size.saturating_sub(job.parallel);
    let mut lines = vec![format!(
        "an old allocation stops before its successor starts: no surge, {} at a time, {least} of {size} left",
        job.parallel.min(size)
    )];
    if job.canaries > 0 {
        lines.push(format!("{} canaries come on top first; as many old ones stop at the promotion", job.canaries));
    }
    lines
}

fn steps(canary: &Canary, size: u32) -> Vec<String> {
    let line = |(number, step): (usize, &Step)| format!("step {}: {}", number + 1, sized(canary, step, size));
    let mut lines: Vec<String> = canary.steps.iter().enumerate().map(line).collect();
    if let Routing::Instances(limits) | Routing::Batches { surge: limits, .. } = canary.routing {
        lines.extend(surge(&limits, size));
    }
    lines
}

fn sized(canary: &Canary, step: &Step, size: u32) -> String {
    match canary.routing {
        Routing::Traffic if step.scale == Scale::MatchShare => {
            let exact = instances_for(step.share, size);
            let new = if exact == 0 { 0 } else { exact.max(canary.least.min(size)) };
            let raised = if new > exact { ", raised to the least number" } else { "" };
            format!("{}{raised}: {new} of {size} instances", part(step.share, size, "up"))
        }
        Routing::Traffic => routed(step.share, step.scale, size),
        Routing::Instances(limits) => {
            let targets = approximate(size, step.share, limits.limits(size).surge);
            let total = targets.old + targets.new;
            let got = Share::new(f64::from(targets.new) / f64::from(total.max(1))).unwrap_or(Share::NONE);
            format!("{} % is nearest to {} of {total} instances: {} %", percent(step.share), targets.new, percent(got))
        }
        Routing::Batches { .. } => {
            let batch = match step.scale {
                Scale::Own(amount) => amount,
                Scale::MatchShare => Amount::Percent(100.0 * step.share.value()),
            };
            format!("{} is {} new instances", written(batch, size, "up"), batch_size(batch, size))
        }
    }
}

fn routed(share: Share, scale: Scale, size: u32) -> String {
    match scale {
        Scale::MatchShare => {
            format!("{}: {} of {size} instances", part(share, size, "up"), instances_for(share, size))
        }
        Scale::Own(amount) => format!(
            "{} % of the traffic on {} ({})",
            percent(share),
            instances(amount.round_up(size)),
            written(amount, size, "up")
        ),
    }
}

/// `1 instance`, `2 instances`.
pub fn instances(count: u32) -> String {
    format!("{count} instance{}", if count == 1 { "" } else { "s" })
}

fn part(share: Share, size: u32, way: &str) -> String {
    written(Amount::Percent(percent(share)), size, way)
}

fn walk(flagger: &Flagger, size: u32) -> Vec<String> {
    let mut lines = vec![format!("the canary has {size} instances beside {size} of the primary all the time")];
    if flagger.iterations > 0 {
        lines.push(format!("{} iterations, {} apart", flagger.iterations, flagger.interval));
    } else {
        let weights: Vec<String> = flagger.weights().iter().map(|weight| format!("{weight} %")).collect();
        lines.push(format!("weights {}, {} apart, then the promotion", weights.join(", "), flagger.interval));
    }
    lines.push("the promotion is a second rollout, of the primary itself:".to_owned());
    lines.extend(surge(&flagger.primary, size));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_explained_where_there_is_any() {
        let lines = surge(&Surge::new(Amount::Percent(25.0), Amount::Percent(25.0)), 10);
        assert_eq!(lines[0], "surge: 25 % of 10 = 2.5, rounded up, is 3");
        assert_eq!(lines[1], "unavailable: 25 % of 10 = 2.5, rounded down, is 2");
        assert_eq!(lines[2], "at most 13 wanted in all, at least 8 available");
        let lines = surge(&Surge::new(Amount::Count(1), Amount::Percent(50.0)), 4);
        assert_eq!(lines[..2], ["surge: 1 is 1", "unavailable: 50 % of 4 = 2 is 2"]);
    }

    #[test]
    fn ecs_rounds_the_other_way() {
        let lines = ecs(&Ecs { minimum: 75.0, maximum: 125.0, breaker: None }, 3);
        assert_eq!(lines[0], "minimum healthy: 75 % of 3 = 2.25, rounded up, is 3");
        assert_eq!(lines[1], "maximum: 125 % of 3 = 3.75, rounded down, is 3");
    }
}
