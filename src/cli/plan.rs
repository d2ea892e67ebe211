//! `rollcast plan FILE…`

use crate::cli::args::Plan;
use crate::cli::screen::Progress;
use crate::cli::{Failure, screen};
use crate::core::amount::Rate;
use crate::core::rollout::Strategy;
use crate::core::time::Span;
use crate::manifest::Manifest;
use crate::plan::{
    Ending, Load, Timing, explain, lint, on_service, rehearse, smallest_delay, smallest_surge, typical_boot,
};
use crate::report;
use crate::report::plan::{Page, Service};
use crate::scenario::load;
use crate::scenario::plan::Scenario;
use crate::sim;

/// Why `--strict` ends with another code.
const STRICT: &str = "there are findings, or the rollout does not end, and --strict asks for neither";

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
    let manifests = super::manifests::read(&arguments.files, &arguments.manifest)?;
    let scenario = arguments.service.as_deref().map(load).transpose().map_err(Failure::Scenario)?;
    let scenario = scenario.map(|loaded| loaded.scenario);
    if scenario.as_ref().is_some_and(|scenario| scenario.rollout.is_none()) {
        let text =
            "--service: found a scenario without a rollout, expected one that says when, from and to which version";
        return Err(Failure::Usage(text.to_owned()));
    }
    let pages: Vec<Page> = manifests.iter().map(|manifest| page(arguments, manifest, scenario.as_ref())).collect();
    let width = arguments.width.map_or_else(screen::width, usize::from);
    let text = if arguments.json { report::plan::json(&pages) } else { report::plan::text(&pages, width) };
    screen::print(&text)?;
    let doubtful = pages.iter().any(|page| !page.findings.is_empty() || is_endless(page));
    if arguments.strict && doubtful { Err(Failure::Gate(STRICT)) } else { Ok(()) }
}

fn is_endless(page: &Page) -> bool {
    matches!(page.rehearsal.ending, Ending::Stuck | Ending::Waiting | Ending::Failed)
}

fn page(arguments: &Plan, manifest: &Manifest, scenario: Option<&Scenario>) -> Page {
    let manifest = &with_replicas(arguments, manifest);
    let size = manifest.pod.replicas.or(scenario.map(|scenario| scenario.fleet.size)).unwrap_or(1);
    let timing = timing(arguments, manifest, scenario);
    let pod = &manifest.pod;
    let (min_ready, deadline) =
        (pod.min_ready.unwrap_or(Span::ZERO), pod.progress_deadline.unwrap_or(PROGRESS_DEADLINE));
    let rehearsal = rehearse(&manifest.strategy, size, min_ready, deadline, &timing);
    let service = scenario.map(|scenario| on(scenario, manifest));
    let load = load_of(arguments, scenario, service.as_ref());
    let mut findings = lint(manifest, size, &timing, &rehearsal, load);
    findings.retain(|finding| !arguments.allow.iter().any(|id| id.eq_ignore_ascii_case(finding.id)));
    Page {
        file: manifest.file.clone(),
        title: title(manifest),
        size,
        assumed: assumed(arguments, manifest, &timing, size),
        explained: explain(&manifest.strategy, size),
        rehearsal,
        findings,
        unused: manifest.unused.clone(),
        service,
    }
}

fn with_replicas(arguments: &Plan, manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.pod.replicas = arguments.replicas.or(manifest.pod.replicas);
    manifest
}

/// What is known of the traffic and the promise: from the scenario, if there is one, and from the arguments.
fn load_of(arguments: &Plan, scenario: Option<&Scenario>, service: Option<&Service>) -> Load {
    let known = scenario.map_or(Load::default(), |scenario| Load {
        rate: None,
        objective: scenario.slo.first().objective.objective,
        window: scenario.slo.first().objective.window,
    });
    Load { rate: arguments.rate.or(service.and_then(mean_rate)), ..known }
}

/// Of user requests, over the measured time of the run without a rollout.
fn mean_rate(service: &Service) -> Option<Rate> {
    let forecast = &service.forecast;
    let requests = forecast.strategies.first()?.metrics.requests?;
    Rate::new(requests / (forecast.horizon_s - forecast.warm_up_s))
}

fn on(scenario: &Scenario, manifest: &Manifest) -> Service {
    let (scenario, changed) = on_service(scenario, manifest);
    let progress = Progress::new();
    let forecast = sim::forecast(&scenario, &progress);
    progress.finish();
    let (delay, surge) = rayon::join(|| smallest_delay(&scenario), || smallest_surge(&scenario));
    Service { changed, forecast, delay, surge }
}

fn title(manifest: &Manifest) -> String {
    let name = if manifest.name.is_empty() { String::new() } else { format!(" {}", manifest.name) };
    format!("{}{name}", manifest.kind)
}

/// From the arguments, or else the scenario, or else the manifest.
fn timing(arguments: &Plan, manifest: &Manifest, scenario: Option<&Scenario>) -> Timing {
    let boot = scenario.and_then(typical_boot);
    let drain = scenario.map(|scenario| scenario.fleet.shutdown.drain);
    let probe = manifest.pod.readiness.map(|probe| {
        let looks = (1..probe.successes).fold(Span::ZERO, |sum, _| sum + probe.period);
        probe.initial_delay + looks
    });
    Timing {
        boot: arguments.boot.or(boot).unwrap_or(BOOT),
        // A scenario's boot lasts until an instance answers.
        ready_in: arguments.ready_in.or(boot.map(|_| Span::ZERO)).or(probe).unwrap_or(READY_IN),
        drain: arguments.drain.or(manifest.pod.grace).or(drain).unwrap_or(DRAIN),
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
