//! What in a manifest is likely not meant: one rule for each way in which real rollouts have surprised people.

use crate::core::amount::{Amount, Rate, Share};
use crate::core::rollout::{
    Analysis, BlueGreen, Canary, Check, Flagger, Measure, Pace, Routing, Scale, Strategy, Surge, approximate,
};
use crate::core::time::Span;
use crate::manifest::{Fate, Kind, Manifest};
use crate::plan::rehearsal::{Ending, Rehearsal, Timing, percent};

/// Something in a manifest that is likely not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `L1` to `L14`.
    pub id: &'static str,
    /// What was found, and what follows from it.
    pub text: String,
    /// Where, counted from 1; `None` where no single line says it.
    pub line: Option<u32>,
}

/// What is known of the service beside the manifest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests of the whole service; `None`: not known.
    pub rate: Option<Rate>,
    /// Share of good requests promised.
    pub objective: Share,
    /// The period over which it is promised.
    pub window: Span,
}

impl Default for Load {
    /// 99.9 % over 30 days, and no word of the traffic.
    fn default() -> Load {
        let objective = Share::new(0.999).expect("it lies between 0 and 1");
        Load { rate: None, objective, window: Span::from_secs(30 * 86_400) }
    }
}

/// Every finding about `manifest`, as rehearsed with `size` instances, in the order of the rules.
pub fn lint(manifest: &Manifest, size: u32, timing: &Timing, rehearsal: &Rehearsal, load: Load) -> Vec<Finding> {
    let mut lint = Lint { manifest, size, timing, rehearsal, load, findings: Vec::new() };
    lint.steps();
    lint.ignored_scale();
    lint.small_fleet();
    lint.deadlock();
    lint.shutdown();
    lint.deadline();
    lint.analyses();
    lint.delays();
    lint.flagger();
    let mut findings = lint.findings;
    findings.sort_by_key(|finding| finding.id[1..].parse::<u32>().unwrap_or(u32::MAX));
    findings
}

struct Lint<'a> {
    manifest: &'a Manifest,
    size: u32,
    timing: &'a Timing,
    rehearsal: &'a Rehearsal,
    load: Load,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    /// `paths`: where it stands, the best first; a default stands on no line of its own.
    fn find<const N: usize>(&mut self, id: &'static str, paths: [&str; N], text: String) {
        let lines = &self.manifest.lines;
        let line_of = |path: &&str| lines.iter().find(|(known, _)| known.ends_with(path)).map(|&(_, line)| line);
        let line = paths.iter().find_map(line_of);
        self.findings.push(Finding { id, text, line });
    }

    fn canary(&self) -> Option<&Canary> {
        match &self.manifest.strategy {
            Strategy::Canary(canary) => Some(canary),
            _ => None,
        }
    }

    /// L1 and L2: instances that do not fit the share.
    fn steps(&mut self) {
        let Some(canary) = self.canary().filter(|canary| canary.routing == Routing::Traffic) else { return };
        let size = self.size;
        let own = canary.steps.iter().enumerate().filter_map(|(index, step)| match step.scale {
            Scale::Own(amount) => Some((index, step.share, amount.round_up(size))),
            Scale::MatchShare => None,
        });
        for (index, share, new) in own.collect::<Vec<_>>() {
            let times = share.value() * f64::from(size) / f64::from(new.max(1));
            if times >= 2.0 {
                let text = format!(
                    "step {}: {} % of the traffic on {new} of {size} instances: each gets {times:.1} times the usual load",
                    index + 1,
                    percent(share)
                );
                self.find("L1", ["steps"], text);
            }
            if new > size {
                let text =
                    format!("step {}: {new} new instances beside {size} old ones are {} in all", index + 1, new + size);
                self.find("L2", ["steps"], text);
            }
        }
    }

    /// L3: a scale that the controller ignores.
    fn ignored_scale(&mut self) {
        let unused = &self.manifest.unused;
        let scale = unused.iter().find(|field| {
            self.manifest.kind == Kind::ArgoRollout
                && field.path.contains("setCanaryScale")
                && field.fate == Fate::NotSimulated
        });
        if let Some(field) = scale {
            let text = "setCanaryScale without a traffic router is ignored".to_owned();
            self.findings.push(Finding { id: "L3", text, line: Some(field.line) });
        }
    }

    /// L4: shares that so few instances cannot give.
    fn small_fleet(&mut self) {
        let Some(canary) = self.canary() else { return };
        let Routing::Instances(surge) = canary.routing else { return };
        let (size, steps) = (self.size, canary.steps.clone());
        for (index, step) in steps.iter().enumerate() {
            let got = approximate(size, step.share, surge.limits(size).surge);
            let total = got.old + got.new;
            let share = f64::from(got.new) / f64::from(total.max(1));
            if (share - step.share.value()).abs() > 0.025 {
                let text = format!(
                    "step {}: {} % is not to be had with {size} instances: {} of {total} are {:.1} %",
                    index + 1,
                    percent(step.share),
                    got.new,
                    100.0 * share
                );
                self.find("L4", ["steps"], text);
            }
        }
    }

    /// L5: nothing may be missing, and there is no room for one more.
    fn deadlock(&mut self) {
        if let Strategy::Rolling(rolling) = &self.manifest.strategy {
            match &rolling.pace {
                Pace::Surge(surge) => self.no_room(*surge),
                Pace::Ecs(_) | Pace::Hosts(_) if self.rehearsal.ending == Ending::Stuck => {
                    let said = self.rehearsal.rows.iter().flat_map(|row| &row.phases);
                    let reason = said.last().map_or(String::new(), |(_, reason)| reason.clone());
                    self.find(
                        "L5",
                        ["minimumHealthyPercent", "deploymentConfiguration", "desiredCount"],
                        format!("the rollout can never move: {reason}"),
                    );
                }
                Pace::Ecs(_) | Pace::Hosts(_) | Pace::Nomad(_) => {}
            }
        } else if let Some(Canary { routing: Routing::Instances(surge) | Routing::Batches { surge, .. }, .. }) =
            self.canary()
        {
            self.no_room(*surge);
        }
    }

    fn no_room(&mut self, surge: Surge) {
        let limits = surge.limits(self.size);
        if limits.unavailable > 0 {
            return;
        }
        let full = self.timing.quota.is_some_and(|quota| quota <= self.size);
        if full {
            let text = format!(
                "none of {} instances may be missing, and a quota of {} has no room for one more: the rollout never moves",
                self.size,
                self.timing.quota.unwrap_or_default()
            );
            self.find("L5", ["maxUnavailable", "replicas"], text);
        } else if !surge.unavailable.is_literally_zero() {
            let Amount::Percent(percent) = surge.unavailable else { return };
            let text = format!(
                "maxUnavailable of {percent} % of {} instances is 0: the rollout needs room for one more, and without it (a full cluster, a quota) never moves",
                self.size
            );
            self.find("L5", ["maxUnavailable", "replicas"], text);
        }
    }

    /// L6: the preStop hook takes the whole grace period.
    fn shutdown(&mut self) {
        let pod = &self.manifest.pod;
        if let (Some(pre_stop), Some(grace)) = (pod.pre_stop, pod.grace)
            && pre_stop >= grace
        {
            let text =
                format!("the preStop sleep of {pre_stop} takes the whole grace period of {grace}: requests are cut");
            self.find("L6", ["preStop"], text);
        }
    }

    /// L7: the controller will report a rollout as failed that is only slow.
    fn deadline(&mut self) {
        let pod = &self.manifest.pod;
        let (Some(deadline), Some(grace)) = (pod.progress_deadline, pod.grace) else { return };
        let min_ready = pod.min_ready.unwrap_or(Span::ZERO);
        let waves = self.waves();
        let needed = (0..waves).fold(grace, |sum, _| sum + min_ready);
        if needed > deadline {
            let text = format!(
                "a grace period of {grace} and {waves} waves of minReadySeconds {min_ready} are {needed}, longer than the progress deadline of {deadline}"
            );
            self.find("L7", ["progressDeadlineSeconds", "minReadySeconds"], text);
        }
    }

    /// How often new instances were launched.
    fn waves(&self) -> usize {
        let mut before = 0;
        let grows = |row: &&crate::plan::Row| std::mem::replace(&mut before, row.new.spec) < row.new.spec;
        self.rehearsal.rows.iter().filter(grows).count()
    }

    /// L8, L9 and L10: what the analyses can and cannot see.
    fn analyses(&mut self) {
        let strategy = self.manifest.strategy.clone();
        for analysis in strategy.analyses() {
            for check in &analysis.checks {
                self.noisy(check);
                self.blind(check);
            }
        }
        if let Some((wait, share)) = self.slowest_detection() {
            self.outspent(wait, share);
        }
    }

    fn noisy(&mut self, check: &Check) {
        let repeated = check.interval.is_some() && check.count != Some(1);
        let flagger = self.manifest.kind == Kind::FlaggerCanary;
        if check.tolerance.failures == Some(0) && repeated && !flagger && !check.dry_run {
            let text = format!("{}: failureLimit 0 gives up at the first bad measurement, noise or not", check.name);
            self.find("L8", ["failureLimit", "interval", "metrics"], text);
        }
    }

    fn blind(&mut self, check: &Check) {
        let (Some(rate), Some(share), Some(allowed)) = (self.load.rate, self.first_share(), allowed(check)) else {
            return;
        };
        let expected = rate.per_second() * share.value() * check.window.seconds();
        if expected * allowed < 1.0 {
            let text = format!(
                "{}: about {expected:.0} requests in {} at {} % of the traffic; of so few a single failure is above {} %",
                check.name,
                check.window,
                percent(share),
                percent(Share::new(allowed).unwrap_or(Share::NONE))
            );
            self.find("L9", ["interval", "metrics"], text);
        }
    }

    /// The smallest share of the traffic that is judged.
    fn first_share(&self) -> Option<Share> {
        match &self.manifest.strategy {
            Strategy::Canary(canary) => canary.steps.iter().map(|step| step.share).find(|share| *share > Share::NONE),
            Strategy::Flagger(flagger) => {
                let first = flagger.weights().first().copied();
                first.and_then(|weight| Share::new(f64::from(weight) / 100.0))
            }
            Strategy::BlueGreen(_) => Some(Share::ALL),
            _ => None,
        }
    }

    /// How long a version that fails every check lives, and its largest share meanwhile.
    fn slowest_detection(&self) -> Option<(Span, Share)> {
        match &self.manifest.strategy {
            Strategy::Flagger(flagger) => {
                let wait = (0..flagger.threshold).fold(Span::ZERO, |sum, _| sum + flagger.interval);
                Some((wait, self.first_share()?))
            }
            Strategy::Canary(canary) => {
                let analyses = self.manifest.strategy.analyses();
                let wait = analyses.into_iter().filter_map(detection).max()?;
                Some((wait, canary.steps.iter().map(|step| step.share).find(|share| *share > Share::NONE)?))
            }
            _ => None,
        }
    }

    fn outspent(&mut self, wait: Span, share: Share) {
        let allowance = 1.0 - self.load.objective.value();
        let lasts = self.load.window.scaled(allowance / share.value().max(1e-9));
        if wait > lasts {
            let text = format!(
                "a version that fails all requests is found after {wait}, but at {} % of the traffic the budget of {} % over {} is gone after {lasts}",
                percent(share),
                percent(self.load.objective),
                self.load.window
            );
            self.find("L10", ["threshold", "analysis"], text);
        }
    }

    /// L11: the old fleet is gone before anybody knows.
    fn delays(&mut self) {
        let (kept, analysis) = match &self.manifest.strategy {
            Strategy::BlueGreen(BlueGreen { bake, after: Some(after), .. }) => (*bake, after.clone()),
            Strategy::Canary(Canary { keep_old, background: Some(background), .. }) => {
                (*keep_old, background.analysis.clone())
            }
            _ => return,
        };
        if let Some(needed) = detection(&analysis)
            && kept < needed
        {
            let text = format!(
                "the old instances are kept for {kept} after the switch, but a bad version is found after {needed}"
            );
            self.find("L11", ["scaleDownDelaySeconds", "strategy"], text);
        }
    }

    /// L12, L13 and L14: the walk of a Flagger canary.
    fn flagger(&mut self) {
        let Strategy::Flagger(flagger) = &self.manifest.strategy else { return };
        let flagger: Flagger = flagger.clone();
        let weights = flagger.weights();
        let last = weights.last().copied().unwrap_or(0);
        if flagger.iterations == 0 && flagger.step_weights.is_empty() && last > flagger.last_weight() {
            let text = format!(
                "steps of {} % overshoot maxWeight {} %: the last is {last} %",
                flagger.step_weight, flagger.max_weight
            );
            self.find("L12", ["stepWeight"], text);
        }
        if flagger.iterations == 0 && weights.is_empty() && !flagger.skip_analysis {
            let text = "neither stepWeight, stepWeights nor iterations: the canary never advances".to_owned();
            self.find("L13", ["analysis"], text);
        }
        if flagger.shifts && flagger.step_weight_promotion == 0 && !flagger.skip_analysis {
            let text = "the promotion sends all traffic at once to a primary that has just started and is still warming; stepWeightPromotion would spread it".to_owned();
            self.find("L14", ["analysis"], text);
        }
    }
}

/// Share of bad attempts that a check allows, if it is about a share.
fn allowed(check: &Check) -> Option<f64> {
    let condition = check.success?;
    match check.measure {
        Measure::Availability => Some(1.0 - condition.value),
        Measure::ErrorRate | Measure::Slow { .. } => Some(condition.value),
    }
}

/// How long a version that fails every measurement lives under an analysis.
fn detection(analysis: &Analysis) -> Option<Span> {
    let checks = analysis.checks.iter().filter(|check| !check.dry_run);
    let each = checks.filter_map(|check| {
        let limit = check.tolerance.failures?;
        let interval = check.interval.unwrap_or(Span::ZERO);
        Some((0..limit).fold(check.initial_delay, |sum, _| sum + interval))
    });
    each.min()
}

#[cfg(test)]
mod tests;
