//! `rollcast plan FILE…`

use std::path::Path;

use crate::cli::args::Plan;
use crate::cli::{Failure, screen};
use crate::core::rollout::Strategy;
use crate::core::time::Span;
use crate::manifest::Manifest;
use crate::plan::{Ending, Load, Timing, explain, lint, rehearse};
use crate::report;
use crate::report::plan::Page;

/// Where a Deployment says nothing: as in Kubernetes.
const PROGRESS_DEADLINE: Span = Span::from_secs(600);

/// From the launch of an instance to its start, unless told.
const BOOT: Span = Span::from_secs(10);

/// From its start to ready, unless told or a probe says when it begins to look.
const READY_IN: Span = Span::from_secs(5);

/// Until an instance is gone, unless told: the grace period of Kubernetes.
const DRAIN: Span = Span::from_secs(30);

/// Says what the controllers of these manifests are going to do.
///
/// # Errors
/// A file that cannot be read or is not a manifest, and what the real controller would reject.
pub fn run(arguments: &Plan) -> Result<(), Failure> {
    let mut pages = Vec::new();
    for (file, manifest) in super::manifests::read(&arguments.files, &arguments.manifest)? {
        pages.push(page(arguments, file, &manifest)?);
    }
    let width = arguments.width.map_or_else(screen::width, usize::from);
    let text = if arguments.json { report::plan::json(&pages) } else { report::plan::text(&pages, width) };
    screen::print(&text)?;
    let doubtful = pages.iter().any(|page| !page.findings.is_empty() || is_endless(page));
    if arguments.strict && doubtful { Err(Failure::Gate) } else { Ok(()) }
}

fn is_endless(page: &Page) -> bool {
    matches!(page.rehearsal.ending, Ending::Stuck | Ending::Waiting | Ending::Failed)
}

fn page(arguments: &Plan, file: &Path, manifest: &Manifest) -> Result<Page, Failure> {
    let size = arguments.replicas.or(manifest.pod.replicas).unwrap_or(1);
    let timing = timing(arguments, manifest);
    let pod = &manifest.pod;
    let (min_ready, deadline) =
        (pod.min_ready.unwrap_or(Span::ZERO), pod.progress_deadline.unwrap_or(PROGRESS_DEADLINE));
    let rehearsal = rehearse(&manifest.strategy, size, min_ready, deadline, &timing);
    let load = Load { rate: arguments.rate, ..Load::default() };
    let mut findings = lint(manifest, size, &timing, &rehearsal, load);
    findings.retain(|finding| !arguments.allow.iter().any(|id| id.eq_ignore_ascii_case(finding.id)));
    Ok(Page {
        file: file.display().to_string(),
        title: title(manifest),
        size,
        assumed: assumed(arguments, manifest, &timing, size),
        explained: explain(&manifest.strategy, size),
        rehearsal,
        findings,
        unused: manifest.unused.clone(),
    })
}

fn title(manifest: &Manifest) -> String {
    let name = if manifest.name.is_empty() { String::new() } else { format!(" {}", manifest.name) };
    format!("{}{name}", manifest.kind)
}

fn timing(arguments: &Plan, manifest: &Manifest) -> Timing {
    let probe = manifest.pod.readiness.map(|probe| {
        let looks = (1..probe.successes).fold(Span::ZERO, |sum, _| sum + probe.period);
        probe.initial_delay + looks
    });
    Timing {
        boot: arguments.boot.unwrap_or(BOOT),
        ready_in: arguments.ready_in.or(probe).unwrap_or(READY_IN),
        drain: arguments.drain.or(manifest.pod.grace).unwrap_or(DRAIN),
        promote_after: if arguments.nobody { None } else { Some(arguments.promote_after.unwrap_or(Span::ZERO)) },
        abort_at: arguments.abort_at,
        scale: arguments.scale.clone(),
        quota: arguments.quota,
    }
}

fn assumed(arguments: &Plan, manifest: &Manifest, timing: &Timing, size: u32) -> Vec<String> {
    let mut lines = vec![
        format!("an instance starts {} after its launch (--boot)", timing.boot),
        format!("it is ready {} after that (--ready-in)", timing.ready_in),
        format!("it is gone {} after it is told to stop, the longest it may take (--drain)", timing.drain),
    ];
    if arguments.replicas.or(manifest.pod.replicas).is_none() {
        lines.push(format!("the fleet has {size} instance, since the file says nothing (--replicas)"));
    }
    if !manifest.strategy.analyses().is_empty() {
        lines.push("every measurement is good".to_owned());
    }
    if waits(&manifest.strategy) {
        lines.push(match timing.promote_after {
            Some(after) => format!("somebody promotes what waits after {after} (--promote-after, --nobody)"),
            None => "nobody promotes what waits".to_owned(),
        });
    }
    if matches!(manifest.strategy, Strategy::Flagger(_)) {
        lines.push("the new revision appears just as a tick begins".to_owned());
    }
    lines
}

/// Whether it waits for a person anywhere.
fn waits(strategy: &Strategy) -> bool {
    use crate::core::rollout::{Hold, Pace};
    match strategy {
        Strategy::Canary(canary) => canary.steps.iter().any(|step| step.hold == Hold::UntilPromoted),
        Strategy::BlueGreen(blue_green) => blue_green.promotion == Hold::UntilPromoted,
        Strategy::Rolling(rolling) => {
            matches!(&rolling.pace, Pace::Nomad(job) if job.canaries > 0 && !job.auto_promote)
        }
        Strategy::FeatureFlag(flag) => flag.steps.iter().any(|step| step.hold == Hold::UntilPromoted),
        Strategy::Recreate(_) | Strategy::Flagger(_) | Strategy::AbTest(_) | Strategy::Shadow(_) => false,
    }
}
