//! The shapes in which services of AWS come: what the command line takes and prints, and `CloudFormation` templates.

use crate::core::rollout::Strategy;
use crate::manifest::codedeploy::{self, Configuration};
use crate::manifest::fields::{Case, Fields, Item};
use crate::manifest::ledger::Ledger;
use crate::manifest::{Kind, Pod, ecs};
use crate::yaml::tree::{Data, KeyPath, Node};

/// One service, function or deployment group.
pub(super) struct Found {
    pub kind: Kind,
    pub name: String,
    pub strategy: Strategy,
    pub pod: Pod,
}

/// What a document of AWS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// With `Resources`.
    Template,
    /// One resource of a template.
    Resource,
    /// `services: […]`, as a description of services comes.
    Services,
    Service,
    /// `deploymentGroupInfo: …`, as a description of a group comes.
    GroupInfo,
    Group,
    /// A configuration of one's own.
    Configuration,
    Preference,
}

/// Keys that only one shape has; either case counts.
const SIGNS: [(&str, Shape); 14] = [
    ("Resources", Shape::Template),
    ("Properties", Shape::Resource),
    ("services", Shape::Services),
    ("service", Shape::Services),
    ("deploymentGroupInfo", Shape::GroupInfo),
    ("deploymentConfigInfo", Shape::GroupInfo),
    ("DeploymentPreference", Shape::Preference),
    ("minimumHealthyHosts", Shape::Configuration),
    ("trafficRoutingConfig", Shape::Configuration),
    ("deploymentConfigName", Shape::Group),
    ("deploymentGroupName", Shape::Group),
    ("deploymentConfiguration", Shape::Service),
    ("desiredCount", Shape::Service),
    ("taskDefinition", Shape::Service),
];

impl Shape {
    /// `None` if it is nothing of AWS.
    pub fn of(node: &Node) -> Option<Shape> {
        let child = |key: &str| node.child(key).or_else(|| node.child(&pascal(key)));
        // Other tools have services too, but as a table of their names.
        let fits = |key: &str, child: &Node| key != "services" || matches!(child.data, Data::List(_));
        SIGNS.into_iter().find(|(key, _)| child(key).is_some_and(|child| fits(key, child))).map(|(_, shape)| shape)
    }
}

fn pascal(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Reads a document of a known shape.
pub(super) fn read(node: &Node, shape: Shape, ledger: &Ledger) -> Vec<Found> {
    let case = if is_pascal(node) { Case::Pascal } else { Case::AsIs };
    let item = Item::new(node, KeyPath::top(), case, ledger);
    let Some(fields) = item.table() else { return Vec::new() };
    match shape {
        Shape::Template => template(&fields, ledger),
        Shape::Resource => {
            fields.accept(&["type"]);
            resource(node, &fields, "", &[]).into_iter().collect()
        }
        Shape::Services => {
            fields.skip(&["failures"]);
            let listed = fields.list("services").into_iter().chain(fields.get("service"));
            listed.filter_map(|item| Some(service(&item.table()?, "", false))).collect()
        }
        Shape::Service => vec![service(&fields, "", false)],
        Shape::GroupInfo => {
            let infos = ["deploymentGroupInfo", "deploymentConfigInfo"].into_iter().filter_map(|key| fields.table(key));
            infos.filter_map(|info| group(&info, "", &[])).collect()
        }
        Shape::Group | Shape::Configuration => group(&fields, "", &[]).into_iter().collect(),
        Shape::Preference => {
            fields.table("deploymentPreference").and_then(|part| preference(&part, "")).into_iter().collect()
        }
    }
}

/// Whether the keys of a document begin with capitals.
fn is_pascal(node: &Node) -> bool {
    match &node.data {
        Data::Table(entries) => {
            entries.iter().any(|(key, _)| key.text.starts_with(|letter: char| letter.is_ascii_uppercase()))
        }
        Data::Scalar(_) | Data::List(_) => false,
    }
}

fn service(fields: &Fields<'_>, name: &str, has_health_check: bool) -> Found {
    let own = fields.text("serviceName");
    let (strategy, pod) = ecs::read(fields, has_health_check);
    Found { kind: Kind::EcsService, name: own.unwrap_or_else(|| name.to_owned()), strategy, pod }
}

/// `configurations`: those of one's own in the same template, by their names there.
fn group(fields: &Fields<'_>, name: &str, configurations: &[(String, Configuration)]) -> Option<Found> {
    let own = fields.text("deploymentGroupName").or_else(|| fields.text("applicationName"));
    let find = |wanted: &str| {
        let wanted = wanted.strip_prefix("!Ref ").unwrap_or(wanted);
        configurations.iter().find(|(name, _)| name == wanted).map(|(_, configuration)| configuration.clone())
    };
    let strategy = codedeploy::group(fields, find)?;
    let name = own.unwrap_or_else(|| name.to_owned());
    Some(Found { kind: Kind::CodeDeploy, name, strategy, pod: Pod::default() })
}

fn preference(fields: &Fields<'_>, name: &str) -> Option<Found> {
    let strategy = codedeploy::preference(fields)?;
    Some(Found { kind: Kind::CodeDeploy, name: name.to_owned(), strategy, pod: Pod::default() })
}

/// The resources of a template that roll out; all others together are listed once.
fn template(fields: &Fields<'_>, ledger: &Ledger) -> Vec<Found> {
    fields.accept(&["aWSTemplateFormatVersion", "description", "parameters", "transform"]);
    fields.skip(&["conditions", "globals", "hooks", "mappings", "metadata", "outputs", "rules"]);
    let Some(resources) = fields.get("resources") else { return Vec::new() };
    let entries = resources.entries();
    let kind = |item: &Item<'_>| kind(item.node).unwrap_or_default().to_owned();
    let configurations: Vec<(String, Configuration)> = entries
        .iter()
        .filter(|(_, item)| kind(item) == "AWS::CodeDeploy::DeploymentConfig")
        .filter_map(|(name, item)| Some(((*name).to_owned(), Configuration::own(&properties(item)?)?)))
        .collect();
    let checked =
        entries.iter().any(|(_, item)| kind(item) == "AWS::ECS::TaskDefinition" && holds(item.node, "HealthCheck"));
    let mut found = Vec::new();
    let mut others = Vec::new();
    for (name, item) in &entries {
        match kind(item).as_str() {
            "AWS::ECS::Service" => found.extend(properties(item).map(|fields| service(&fields, name, checked))),
            "AWS::CodeDeploy::DeploymentGroup" => {
                found.extend(properties(item).and_then(|fields| group(&fields, name, &configurations)));
            }
            "AWS::Serverless::Function" => found.extend(function(item, name)),
            "AWS::CodeDeploy::DeploymentConfig" => {}
            _ => others.push(*name),
        }
    }
    if let Data::Table(entries) = &resources.node.data {
        let others = entries.iter().map(|(key, _)| key).filter(|key| others.contains(&key.text.as_str()));
        ledger.unused_together(&resources.at, others.collect());
    }
    if found.is_empty() {
        let text = "found no resource that rolls out, expected an AWS::ECS::Service, an AWS::CodeDeploy::DeploymentGroup, or an AWS::Serverless::Function with a DeploymentPreference";
        ledger.complain(resources.node.place, &resources.at, text);
    }
    found
}

fn resource(node: &Node, fields: &Fields<'_>, name: &str, configurations: &[(String, Configuration)]) -> Option<Found> {
    let properties = fields.table("properties")?;
    match kind(node) {
        Some("AWS::ECS::Service") => Some(service(&properties, name, false)),
        Some("AWS::CodeDeploy::DeploymentGroup") => group(&properties, name, configurations),
        Some("AWS::Serverless::Function") => preference(&properties.table("deploymentPreference")?, name),
        _ => {
            let text = "found another resource, expected an AWS::ECS::Service, an AWS::CodeDeploy::DeploymentGroup or an AWS::Serverless::Function";
            fields.complain("type", text);
            None
        }
    }
}

fn kind(node: &Node) -> Option<&str> {
    match &node.child("Type")?.data {
        Data::Scalar(scalar) => Some(&scalar.text),
        Data::List(_) | Data::Table(_) => None,
    }
}

fn properties<'a>(resource: &Item<'a>) -> Option<Fields<'a>> {
    let fields = resource.table()?;
    fields.accept(&["type"]);
    fields.skip(&["condition", "creationPolicy", "deletionPolicy", "dependsOn", "metadata", "updatePolicy"]);
    fields.skip(&["updateReplacePolicy"]);
    fields.table("properties")
}

/// Of a function only the preference matters: what it runs is no part of a rollout.
fn function(resource: &Item<'_>, name: &str) -> Option<Found> {
    let node = resource.node.child("Properties")?.child("DeploymentPreference")?;
    let at = resource.at.key("Properties").key("DeploymentPreference");
    preference(&Item { node, at, ..resource.clone() }.table()?, name)
}

/// Whether `key` stands anywhere in a tree.
fn holds(node: &Node, key: &str) -> bool {
    match &node.data {
        Data::Table(entries) => entries.iter().any(|(known, node)| known.text == key || holds(node, key)),
        Data::List(items) => items.iter().any(|node| holds(node, key)),
        Data::Scalar(_) => false,
    }
}

/// Puts the defaults of a template's parameters where a value is nothing but a reference to one.
pub(super) fn fill(document: &mut Node) {
    let Some(Node { data: Data::Table(parameters), .. }) = document.child("Parameters") else { return };
    let default =
        |(key, node): &(crate::yaml::tree::Key, Node)| Some((key.text.clone(), node.child("Default")?.data.clone()));
    let defaults: Vec<(String, Data)> = parameters.iter().filter_map(default).collect();
    if let Data::Table(entries) = &mut document.data {
        let resources = entries.iter_mut().filter(|(key, _)| key.text == "Resources");
        resources.for_each(|(_, node)| replace(node, &defaults));
    }
}

fn replace(node: &mut Node, defaults: &[(String, Data)]) {
    let referred = match &node.data {
        Data::Scalar(scalar) => scalar.text.strip_prefix("!Ref ").map(str::to_owned),
        Data::Table(entries) if entries.len() == 1 => match &entries[0] {
            (key, Node { data: Data::Scalar(scalar), .. }) if key.text == "Ref" => Some(scalar.text.clone()),
            _ => None,
        },
        Data::Table(_) | Data::List(_) => None,
    };
    let default = referred.and_then(|name| defaults.iter().find(|(known, _)| *known == name));
    if let Some((_, Data::Scalar(value))) = default {
        node.data = Data::Scalar(value.clone());
        return;
    }
    match &mut node.data {
        Data::Table(entries) => entries.iter_mut().for_each(|(_, node)| replace(node, defaults)),
        Data::List(items) => items.iter_mut().for_each(|node| replace(node, defaults)),
        Data::Scalar(_) => {}
    }
}
