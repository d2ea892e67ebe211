//! A Nomad job in HCL.

use std::fmt::Write as _;

use super::draft::Draft;
use super::{Refusal, refuse};
use crate::core::rollout::{BlueGreen, Hold, Nomad, Pace, Strategy, Surge};
use crate::core::time::Span;
use crate::manifest::duration::go;
use crate::manifest::{Pod, Probe};

const TARGET: &str = "Nomad";

pub(super) fn write(strategy: &Strategy, pod: &Pod, draft: &mut Draft) -> Result<String, Refusal> {
    let update = match strategy {
        Strategy::Rolling(rolling) => {
            no_gate(rolling.gate.is_some(), draft);
            match &rolling.pace {
                Pace::Nomad(nomad) => *nomad,
                Pace::Surge(surge) => in_place(*surge, pod.replicas, strategy)?,
                Pace::Ecs(_) | Pace::Hosts(_) => {
                    return refuse(strategy, TARGET, "it knows whole numbers of instances only");
                }
            }
        }
        Strategy::BlueGreen(blue_green) => self::blue_green(blue_green, pod.replicas, strategy, draft)?,
        Strategy::Recreate(_) => {
            return refuse(strategy, TARGET, "it never waits for all of the old instances to be gone");
        }
        Strategy::Canary(_) | Strategy::Flagger(_) => {
            return refuse(strategy, TARGET, "it cannot shift traffic by weight; --to argo can");
        }
        Strategy::AbTest(_) | Strategy::Shadow(_) | Strategy::FeatureFlag(_) => {
            return refuse(strategy, TARGET, "a job always ends with one version for everybody");
        }
    };
    Ok(job(update, pod, draft))
}

fn no_gate(gate: bool, draft: &mut Draft) {
    if gate {
        draft.note("the gate is left out: Nomad looks at nothing but health");
    }
}

/// Nomad stops an instance before it starts another: there is no surge.
fn in_place(surge: Surge, size: Option<u32>, strategy: &Strategy) -> Result<Nomad, Refusal> {
    let parallel = size.map(|size| surge.unavailable.round_down(size)).filter(|parallel| *parallel > 0);
    match parallel {
        Some(parallel) if surge.surge.is_literally_zero() => Ok(Nomad::new(parallel)),
        _ => refuse(strategy, TARGET, "it has no surge, and takes whole numbers of instances that may be missing"),
    }
}

fn blue_green(
    blue_green: &BlueGreen,
    size: Option<u32>,
    strategy: &Strategy,
    draft: &mut Draft,
) -> Result<Nomad, Refusal> {
    let Some(size) = size.filter(|size| *size > 0) else {
        return refuse(strategy, TARGET, "it takes as many canaries as instances, of which the number is not known");
    };
    no_gate(blue_green.gate.is_some() || blue_green.before.is_some() || blue_green.after.is_some(), draft);
    if !blue_green.bake.is_zero() {
        draft.note("the bake is left out: Nomad stops the old instances at the promotion");
    }
    draft.note("requests go to the new instances as soon as they are healthy, unless canary_tags keep them away");
    let auto_promote = blue_green.promotion != Hold::UntilPromoted;
    Ok(Nomad { canaries: size, auto_promote, auto_revert: blue_green.aborts_at_deadline, ..Nomad::new(size) })
}

/// Blocks in the making.
struct Text {
    lines: String,
    depth: usize,
}

impl Text {
    fn line(&mut self, line: &str) {
        let indent = "  ".repeat(self.depth);
        writeln!(self.lines, "{indent}{line}").expect("a string takes all that is written to it");
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }
}

fn job(update: Nomad, pod: &Pod, draft: &mut Draft) -> String {
    let name = draft.name.clone();
    let mut text = Text { lines: String::new(), depth: 0 };
    text.open(&format!("job \"{name}\""));
    text.open(&format!("group \"{name}\""));
    if let Some(count) = pod.replicas {
        text.line(&format!("count = {count}"));
    }
    if let Some(delay) = pod.pre_stop {
        text.line(&format!("shutdown_delay = \"{}\"", go(delay)));
    }
    self::update(update, pod, draft, &mut text);
    if let Some(probe) = pod.readiness {
        service(probe, draft, &mut text);
    }
    task(pod, draft, &mut text);
    text.close();
    text.close();
    text.lines
}

fn update(update: Nomad, pod: &Pod, draft: &mut Draft, text: &mut Text) {
    text.open("update");
    text.line(&format!("max_parallel = {}", update.parallel));
    if update.canaries > 0 {
        text.line(&format!("canary = {}", update.canaries));
        text.line(&format!("auto_promote = {}", update.auto_promote));
    }
    text.line(&format!("auto_revert = {}", update.auto_revert));
    let ready = pod.min_ready.unwrap_or(Span::from_secs(10));
    let progress = pod.progress_deadline.unwrap_or(Span::from_secs(600));
    // Nomad wants its deadline for health between the two, and zero for no deadline of progress at all.
    let healthy = if ready < update.healthy_deadline {
        update.healthy_deadline
    } else {
        draft.note("healthy_deadline is raised above min_healthy_time, as it must be");
        ready + update.healthy_deadline
    };
    let progress = if progress.is_zero() || healthy < progress {
        progress
    } else {
        draft.note("progress_deadline is raised above healthy_deadline, as it must be");
        healthy + update.healthy_deadline
    };
    text.line(&format!("min_healthy_time = \"{}\"", go(ready)));
    text.line(&format!("healthy_deadline = \"{}\"", go(healthy)));
    text.line(&format!("progress_deadline = \"{}\"", go(progress)));
    text.close();
}

fn service(probe: Probe, draft: &mut Draft, text: &mut Text) {
    if !probe.initial_delay.is_zero() {
        draft.note("the delay before the first check is left out");
    }
    draft.note("the path and port of the check are yours to fill in");
    text.open("service");
    text.line("port = \"PORT\"");
    text.open("check");
    text.line("type = \"http\"");
    text.line("path = \"/\"");
    text.line(&format!("interval = \"{}\"", go(probe.period)));
    text.line(&format!("timeout = \"{}\"", go(probe.timeout)));
    if probe.successes > 1 {
        text.line(&format!("success_before_passing = {}", probe.successes));
    }
    if probe.failures > 1 {
        text.line(&format!("failures_before_critical = {}", probe.failures));
    }
    text.close();
    text.close();
}

fn task(pod: &Pod, draft: &mut Draft, text: &mut Text) {
    let Some(grace) = pod.grace else {
        draft.note("the task is yours to add");
        return;
    };
    draft.note("IMAGE is yours to fill in");
    text.open(&format!("task \"{}\"", draft.name));
    text.line("driver = \"docker\"");
    text.line(&format!("kill_timeout = \"{}\"", go(grace - pod.pre_stop.unwrap_or(Span::ZERO))));
    text.open("config");
    text.line("image = \"IMAGE\"");
    text.close();
    text.close();
}
