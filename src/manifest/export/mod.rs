//! A strategy as the text of a manifest, for a controller of the user's choice.
//!
//! Whatever that controller cannot express is said in a comment and handed to the caller; a strategy without any
//! counterpart is refused. What only the user knows (images, services, queries) stands as a word in capitals.

mod analysis;
mod argo;
mod draft;
mod ecs;
mod flagger;
mod kubernetes;
mod nomad;
mod pod;

use self::draft::Draft;
use crate::core::rollout::Strategy;
use crate::manifest::Pod;

/// For whom a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Argo Rollouts: a Rollout, with its `AnalysisTemplates`.
    Argo,
    /// Flagger: a Canary, with the Deployment that it watches.
    Flagger,
    /// Kubernetes: a Deployment.
    Kubernetes,
    /// ECS: a service, as `aws ecs create-service --cli-input-yaml` takes it.
    Ecs,
    /// Nomad: a job in HCL.
    Nomad,
}

impl Target {
    /// Every target with its word on the command line.
    pub const ALL: [(&'static str, Target); 5] = [
        ("argo", Target::Argo),
        ("flagger", Target::Flagger),
        ("kubernetes", Target::Kubernetes),
        ("ecs", Target::Ecs),
        ("nomad", Target::Nomad),
    ];
}

/// A manifest, and what it could not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub text: String,
    /// What the target cannot express, and what the user has to fill in; they stand in the text as comments too.
    pub notes: Vec<String>,
    /// For reading it back: metrics of the file with what they measure, as [`crate::manifest::Metric`] reads it.
    pub metrics: Vec<(String, String)>,
}

/// Why there is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// Writes `strategy` for `target`.
///
/// # Errors
/// The target has nothing like it.
pub fn export(strategy: &Strategy, pod: &Pod, name: &str, target: Target) -> Result<Exported, Refusal> {
    let mut draft = Draft::new(&tidy(name));
    let body = match target {
        Target::Argo => argo::write(strategy, pod, &mut draft),
        Target::Flagger => flagger::write(strategy, pod, &mut draft),
        Target::Kubernetes => kubernetes::write(strategy, pod, &mut draft),
        Target::Ecs => ecs::write(strategy, pod, &mut draft),
        Target::Nomad => nomad::write(strategy, pod, &mut draft),
    }?;
    Ok(draft.finish(&body))
}

/// A name as Kubernetes takes it, which suits the others too.
fn tidy(name: &str) -> String {
    const LENGTH_MAX: usize = 50;
    let letters = name.to_lowercase();
    let letters = letters.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    let name: String = letters.take(LENGTH_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "service".to_owned() } else { name.to_owned() }
}

/// What a strategy is called in a refusal.
fn word(strategy: &Strategy) -> &'static str {
    match strategy {
        Strategy::Recreate(_) => "recreate",
        Strategy::Rolling(_) => "a rolling update",
        Strategy::BlueGreen(_) => "blue-green",
        Strategy::Canary(_) => "a canary",
        Strategy::Flagger(_) => "a walk of Flagger",
        Strategy::AbTest(_) => "an A/B test",
        Strategy::Shadow(_) => "a shadow",
        Strategy::FeatureFlag(_) => "a feature flag",
    }
}

/// Refuses a strategy, with the reason and what else would do.
fn refuse<T>(strategy: &Strategy, target: &str, reason: &str) -> Result<T, Refusal> {
    Err(Refusal(format!("{} has no counterpart in {target}: {reason}", word(strategy))))
}
