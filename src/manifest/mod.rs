//! The files people have: what a Kubernetes Deployment, an Argo Rollout, a Flagger Canary, an ECS service, a Nomad job or
//! an `OpenKruise` Rollout says of a rollout, to and from our strategies.
//!
//! Nothing in a file is dropped in silence: a field that is understood but changes nothing in a simulation, and one that
//! is not known, are both listed in [`Manifest::unused`]. What the real controller would reject is a problem.

mod analysis;
mod argo;
mod aws;
mod codedeploy;
mod condition;
mod deployment;
mod documents;
mod duration;
mod ecs;
mod export;
mod fields;
mod flagger;
mod hcl;
mod kruise;
mod ledger;
mod nomad;
mod openslo;
mod options;
mod pod;

#[cfg(test)]
mod tests;

use crate::core::rollout::{Measure, Strategy};
use crate::core::time::Span;
use crate::yaml::problem::SourceKind;
use crate::yaml::tree::{self, Node};

pub use crate::yaml::{Problem, Problems};
pub use export::{Exported, Refusal, Target, export};
pub(crate) use openslo::read_slos;
pub use openslo::{OpenSlo, OpenWindow};
pub use options::{Metric, Options};

/// Reads every manifest in a file. Problems name it `file`.
///
/// # Errors
/// Everything that is wrong with it: what cannot be read, and what the real controller would reject.
pub fn read(text: &str, file: &str, options: &Options) -> Result<Vec<Manifest>, Problems> {
    let mut problems = Problems::default();
    let manifests = read_into(text, file, options, &mut problems);
    if problems.is_empty() { Ok(manifests) } else { Err(problems.sorted()) }
}

/// As [`read`], for several files whose documents may refer to each other: each is a name and a text.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn read_all(files: &[(String, String)], options: &Options) -> Result<Vec<Manifest>, Problems> {
    let mut problems = Problems::default();
    let documents: Vec<Node> =
        files.iter().flat_map(|(file, text)| documents_of(text, file, &mut problems).1.unwrap_or_default()).collect();
    if !problems.is_empty() {
        return Err(problems.sorted());
    }
    let (manifests, problems) = documents::read(documents, 0, options, problems);
    if problems.is_empty() { Ok(manifests) } else { Err(problems.sorted()) }
}

/// The documents of one file, and its number among the sources; `None` if it cannot be read.
fn documents_of(text: &str, file: &str, problems: &mut Problems) -> (u32, Option<Vec<Node>>) {
    let source = problems.open(file, text, SourceKind::File);
    let documents = if hcl::is_hcl(text, file) {
        hcl::parse(text, source, problems).map(|document| vec![document])
    } else {
        tree::parse_all(text, source, problems)
    };
    (source, documents)
}

/// As [`read`], for a file that another one names: problems go where those of the other are.
pub(crate) fn read_into(text: &str, file: &str, options: &Options, problems: &mut Problems) -> Vec<Manifest> {
    let (source, Some(documents)) = documents_of(text, file, problems) else { return Vec::new() };
    let (manifests, found) = documents::read(documents, source, options, std::mem::take(problems));
    *problems = found;
    manifests
}

/// What one file, or a few documents of it that belong together, says of the rollout of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What kind of object it is.
    pub kind: Kind,
    /// The name of the object; empty if it has none.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// What to do.
    pub strategy: Strategy,
    /// What it says of the instances.
    pub pod: Pod,
    /// What of the file has no effect here.
    pub unused: Vec<Unused>,
    /// The line of each field that a finding may point at, by its path in the document, e.g.
    /// `spec.strategy.rollingUpdate.maxSurge`; counted from 1.
    pub lines: Vec<(String, u32)>,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `argoproj.io/v1alpha1` Rollout.
    ArgoRollout,
    /// `flagger.app/v1beta1` Canary.
    FlaggerCanary,
    /// An ECS service, as the command line takes it or as in `CloudFormation`.
    EcsService,
    /// A `CodeDeploy` deployment group, or the name of a deployment configuration.
    CodeDeploy,
    /// A Nomad job, as JSON or HCL.
    NomadJob,
    /// `rollouts.kruise.io` Rollout.
    KruiseRollout,
}

/// What a manifest says of the instances; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Instances wanted.
    pub replicas: Option<u32>,
    /// From ready to available.
    pub min_ready: Option<Span>,
    /// No progress for so long is reported.
    pub progress_deadline: Option<Span>,
    /// Grace period of the shutdown, `pre_stop` included.
    pub grace: Option<Span>,
    /// How long an instance goes on accepting after its shutdown began (a `sleep` in the preStop hook).
    pub pre_stop: Option<Span>,
    /// When an instance counts as ready.
    pub readiness: Option<Probe>,
}

/// A readiness probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From the start of the container to the first probe.
    pub initial_delay: Span,
    /// Between two probes.
    pub period: Span,
    /// How long a probe waits for its answer.
    pub timeout: Span,
    /// Good answers in a row that make the instance ready.
    pub successes: u32,
    /// Bad answers in a row that make it unready.
    pub failures: u32,
}

/// A field without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Where it stands, counted from 1.
    pub line: u32,
    /// The keys that lead to it, e.g. `spec.strategy.canary.antiAffinity`.
    pub path: String,
    /// Why it has none.
    pub fate: Fate,
}

/// Why a field has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Understood, but not simulated.
    NotSimulated,
    /// Not known.
    Unknown,
}

impl Manifest {
    /// What counts as slow is counted once for a strategy: a check of another latency is listed, and not made.
    fn with_one_threshold(mut self) -> Manifest {
        let Some(first) = self.strategy.slow_above() else { return self };
        let mut left_out = Vec::new();
        for analysis in self.strategy.analyses_mut() {
            analysis.checks.retain(|check| {
                let other = matches!(check.measure, Measure::Slow { above } if above != first);
                if other {
                    left_out.push(check.name.clone());
                }
                !other
            });
        }
        let line = self.lines.first().map_or(1, |&(_, line)| line);
        self.unused.extend(left_out.into_iter().map(|name| Unused {
            line,
            path: format!("metric {name} (another latency than {first})"),
            fate: Fate::NotSimulated,
        }));
        self
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Kind::Deployment => "Deployment",
            Kind::ArgoRollout => "Argo Rollout",
            Kind::FlaggerCanary => "Flagger Canary",
            Kind::EcsService => "ECS service",
            Kind::CodeDeploy => "CodeDeploy",
            Kind::NomadJob => "Nomad job",
            Kind::KruiseRollout => "OpenKruise Rollout",
        })
    }
}
