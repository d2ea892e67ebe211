//! What a document is: a manifest, a part of one, something that often stands beside them, or nothing we know.

use std::cell::Cell;

use crate::manifest::analysis::Template;
use crate::manifest::aws;
use crate::manifest::fields::{Case, Item};
use crate::manifest::ledger::Ledger;
use crate::yaml::tree::{Data, KeyPath, Node, quote};

/// What can be read, for messages.
pub(super) const KNOWN: &str = "an apps/v1 Deployment, an argoproj.io Rollout, a flagger.app Canary, a rollouts.kruise.io Rollout, an ECS service, a CodeDeploy deployment group, a Nomad job";

/// Objects that often stand beside those above and that no rollout of ours looks at.
const BYSTANDERS: [&str; 46] = [
    "AlertProvider",
    "AnalysisTemplate",
    "AuthorizationPolicy",
    "Certificate",
    "ClusterAnalysisTemplate",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "DestinationRule",
    "Experiment",
    "ExternalSecret",
    "Gateway",
    "GRPCRoute",
    "HorizontalPodAutoscaler",
    "HTTPRoute",
    "Ingress",
    "IngressRoute",
    "Job",
    "LimitRange",
    "MetricTemplate",
    "Namespace",
    "NetworkPolicy",
    "PeerAuthentication",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "PriorityClass",
    "PrometheusRule",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "ScaledObject",
    "Secret",
    "Service",
    "ServiceAccount",
    "ServiceEntry",
    "ServiceMonitor",
    "StatefulSet",
    "TrafficRouting",
    "TrafficSplit",
    "VerticalPodAutoscaler",
    "VirtualService",
];

/// One document.
pub(super) struct Document<'a> {
    pub node: &'a Node,
    pub shape: Shape,
    pub name: String,
    /// Whether another document has taken it in.
    pub taken: Cell<bool>,
}

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Deployment,
    ArgoRollout,
    FlaggerCanary,
    KruiseRollout,
    Template,
    Aws(aws::Shape),
    /// As HCL, or as JSON.
    NomadJob(Case),
    /// A Kubernetes object of some other kind.
    Other(String),
    /// Not an object of any kind we know.
    Nothing,
}

/// The items of a list, or the document itself.
pub(super) fn members(node: &Node) -> Vec<&Node> {
    let is_list = scalar(node, "kind").is_some_and(|kind| kind.ends_with("List"));
    match node.child("items") {
        Some(Node { data: Data::List(items), .. }) if is_list => items.iter().collect(),
        Some(_) | None => vec![node],
    }
}

pub(super) fn scalar<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match &node.child(key)?.data {
        Data::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
        Data::Scalar(_) | Data::List(_) | Data::Table(_) => None,
    }
}

impl<'a> Document<'a> {
    /// `None` for a document without content, as a `---` too many leaves one.
    pub fn of(node: &'a Node) -> Option<Document<'a>> {
        if node.is_null() {
            return None;
        }
        let name = node.child("metadata").and_then(|metadata| scalar(metadata, "name")).unwrap_or_default().to_owned();
        Some(Document { node, shape: Shape::of(node), name, taken: Cell::new(false) })
    }

    pub fn template(&self) -> Template<'a> {
        Template { name: self.name.clone(), node: self.node, used: Cell::new(false) }
    }

    pub fn item(&self, at: KeyPath, ledger: &'a Ledger) -> Item<'a> {
        Item::new(self.node, at, Case::AsIs, ledger)
    }
}

impl Shape {
    fn of(node: &Node) -> Shape {
        let group = scalar(node, "apiVersion").map(|version| version.split('/').next().unwrap_or_default());
        let Some(kind) = scalar(node, "kind") else { return Shape::without_kind(node) };
        match (group.unwrap_or_default(), kind) {
            ("apps", "Deployment") => Shape::Deployment,
            ("argoproj.io", "Rollout") => Shape::ArgoRollout,
            ("flagger.app", "Canary") => Shape::FlaggerCanary,
            ("rollouts.kruise.io", "Rollout") => Shape::KruiseRollout,
            ("argoproj.io", "AnalysisTemplate" | "ClusterAnalysisTemplate") => Shape::Template,
            _ => Shape::Other(kind.to_owned()),
        }
    }

    fn without_kind(node: &Node) -> Shape {
        if node.child("job").is_some() {
            Shape::NomadJob(Case::AsIs)
        } else if node.child("Job").is_some() || node.child("TaskGroups").is_some() {
            Shape::NomadJob(Case::Pascal)
        } else {
            aws::Shape::of(node).map_or(Shape::Nothing, Shape::Aws)
        }
    }
}

impl Shape {
    /// Whether it often stands beside a manifest and has no part in it.
    pub fn is_bystander(&self) -> bool {
        matches!(self, Shape::Other(kind) if BYSTANDERS.contains(&kind.as_str()))
    }

    /// Whether a rollout can be read from it alone.
    pub fn is_manifest(&self) -> bool {
        !matches!(self, Shape::Template | Shape::Other(_) | Shape::Nothing)
    }
}

impl Document<'_> {
    /// Its kind and name, for lists.
    pub fn title(&self) -> String {
        let kind = scalar(self.node, "kind").unwrap_or("document");
        if self.name.is_empty() { quote(kind) } else { format!("{kind}/{}", self.name) }
    }
}
