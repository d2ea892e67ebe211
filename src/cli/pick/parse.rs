//! From the text of the arguments to a bench, or to every problem in them at once.

use super::{Event, Instance, What};
use crate::cli::args::Pick;
use crate::core::proxy::{Client, Report, Rule};
use crate::core::time::Span;
use crate::scenario;
use std::net::IpAddr;

/// Beyond this a list of letters tells nobody anything.
const REQUESTS_MAX: u32 = 10_000_000;
const INSTANCES_MAX: usize = 10_000;
const WEIGHT_MAX: u32 = 1_000_000;

/// Everything that is to be done.
pub struct Plan {
    pub rule: Rule,
    pub instances: Vec<Instance>,
    pub requests: u32,
    pub keys: Vec<String>,
    pub clients: Vec<Client>,
    pub hold: u32,
    /// In order of time.
    pub events: Vec<Event>,
    pub latencies: Vec<(String, Span)>,
    pub reports: Vec<(String, Report)>,
    pub interval: Span,
    pub seed: u64,
}

/// What is wrong, one line each.
#[derive(Default)]
pub struct Complaints(pub Vec<String>);

impl Complaints {
    fn note<T>(&mut self, option: &str, text: &str, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|problem| self.0.push(format!("--{option} {text}: {problem}"))).ok()
    }
}

/// Reads all arguments.
pub fn plan(arguments: &Pick) -> Result<Plan, Complaints> {
    let mut complaints = Complaints::default();
    let rule = scenario::balancer(&arguments.balancer, "--balancer");
    let rule = rule.map_err(|problems| complaints.0.push(problems.to_string().trim_end().to_owned())).ok();
    let instances = instances(arguments, &mut complaints);
    let events = events(arguments, &instances, &mut complaints);
    let latencies = by_instance(arguments.latency.as_deref(), "latency", span, &mut complaints);
    let mut reports = by_instance(arguments.report.as_deref(), "report", report, &mut complaints);
    let interval = complaints.note("interval", &arguments.interval, span(&arguments.interval));
    let clients = list(arguments.clients.as_deref());
    let clients: Vec<Option<Client>> =
        clients.into_iter().map(|text| complaints.note("clients", text, client(text))).collect();
    if arguments.requests > REQUESTS_MAX {
        complaints.0.push(format!("--requests {}: expected at most {REQUESTS_MAX}", arguments.requests));
    }
    check_names(&latencies, "latency", &instances, &events, &mut complaints);
    check_names(&reports, "report", &instances, &events, &mut complaints);
    if let Some(rule) = &rule {
        check_weights(rule, &arguments.balancer, &instances, &mut complaints);
    }
    let (Some(mut rule), true) = (rule, complaints.0.is_empty()) else { return Err(complaints) };
    if reports.is_empty() && takes_weights_as_reports(&rule) {
        rule = believing_at_once(rule);
        reports = instances.iter().map(report_of_weight).collect();
    }
    Ok(Plan {
        rule: if arguments.seed.is_some() || arguments.balancer.contains("random-start") {
            rule
        } else {
            from_first(rule)
        },
        instances,
        requests: arguments.requests,
        keys: list(arguments.keys.as_deref()).into_iter().map(str::to_owned).collect(),
        clients: clients.into_iter().flatten().collect(),
        hold: arguments.hold,
        events,
        latencies,
        reports,
        interval: interval.unwrap_or_default(),
        seed: arguments.seed.unwrap_or(1),
    })
}

/// Balancers that go by reports take the weights as such; others without weights want none.
fn check_weights(rule: &Rule, balancer: &str, instances: &[Instance], complaints: &mut Complaints) {
    if rule.is_weighted() || takes_weights_as_reports(rule) {
        return;
    }
    for Instance { name, weight } in instances.iter().filter(|instance| instance.weight != 1) {
        complaints.0.push(format!("--instances {name}={weight}: the balancer {balancer} knows no weights"));
    }
}

const fn takes_weights_as_reports(rule: &Rule) -> bool {
    matches!(rule, Rule::GrpcWeightedRoundRobin(_) | Rule::EnvoyClientSideWeightedRoundRobin(_))
}

/// A report that is worth the weight.
fn report_of_weight(instance: &Instance) -> (String, Report) {
    let per_second = f64::from(instance.weight);
    let report = Report { in_flight: 0, utilisation: 1.0, per_second, errors_per_second: 0.0, latency_s: 0.0 };
    (instance.name.clone(), report)
}

/// Weights given on the bench are meant, however new.
fn believing_at_once(rule: Rule) -> Rule {
    match rule {
        Rule::GrpcWeightedRoundRobin(options) => {
            Rule::GrpcWeightedRoundRobin(crate::core::proxy::Reported { blackout: Span::ZERO, ..options })
        }
        Rule::EnvoyClientSideWeightedRoundRobin(options) => {
            Rule::EnvoyClientSideWeightedRoundRobin(crate::core::proxy::Reported { blackout: Span::ZERO, ..options })
        }
        other => other,
    }
}

/// Without a seed nothing starts at random.
fn from_first(rule: Rule) -> Rule {
    match rule {
        Rule::EnvoyRoundRobin(options) => {
            Rule::EnvoyRoundRobin(crate::core::proxy::EnvoyRoundRobin { random_start: false, ..options })
        }
        Rule::GrpcWeightedRoundRobin(options) => {
            Rule::GrpcWeightedRoundRobin(crate::core::proxy::Reported { random_start: false, ..options })
        }
        Rule::EnvoyClientSideWeightedRoundRobin(options) => {
            Rule::EnvoyClientSideWeightedRoundRobin(crate::core::proxy::Reported { random_start: false, ..options })
        }
        other => other,
    }
}

fn list(text: Option<&str>) -> Vec<&str> {
    text.map(|text| text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()).unwrap_or_default()
}

fn instances(arguments: &Pick, complaints: &mut Complaints) -> Vec<Instance> {
    let mut instances: Vec<Instance> = Vec::new();
    for text in list(Some(&arguments.instances)) {
        let Some(instance) = complaints.note("instances", text, instance(text)) else { continue };
        if instances.iter().any(|known| known.name == instance.name) {
            complaints.0.push(format!("--instances {text}: found this name twice"));
        } else {
            instances.push(instance);
        }
    }
    if instances.is_empty() && complaints.0.is_empty() {
        complaints.0.push("--instances: found none, expected names with weights, e.g. a=5,b=1,c=1".to_owned());
    }
    if instances.len() > INSTANCES_MAX {
        complaints.0.push(format!("--instances: found {}, expected at most {INSTANCES_MAX}", instances.len()));
    }
    instances
}

/// `name`, or `name=weight`.
fn instance(text: &str) -> Result<Instance, String> {
    let (name, weight) = match text.split_once('=') {
        Some((name, weight)) => (name, number(weight, 1, WEIGHT_MAX)?),
        None => (text, 1),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err("found no name, expected NAME=WEIGHT, e.g. a=5".to_owned());
    }
    Ok(Instance { name: name.to_owned(), weight })
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("found '{text}', expected a whole number from {least} to {most}"))
}

fn span(text: &str) -> Result<Span, String> {
    scenario::span(text).ok_or_else(|| format!("found '{text}', expected a time with a unit, e.g. 10ms"))
}

fn client(text: &str) -> Result<Client, String> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Ok(Client::V4(address.octets())),
        Ok(IpAddr::V6(address)) => Ok(Client::V6(address.octets())),
        Err(_) => Err("found no address, expected one such as 10.0.0.1 or 2001:db8::1".to_owned()),
    }
}

/// `PER_SECOND/UTILISATION` or `PER_SECOND/UTILISATION/ERRORS_PER_SECOND`.
fn report(text: &str) -> Result<Report, String> {
    let parts: Option<Vec<f64>> = text.split('/').map(|part| part.parse().ok().filter(|part| *part >= 0.0)).collect();
    let (per_second, utilisation, errors_per_second) = match parts.as_deref() {
        Some([per_second, utilisation]) => (*per_second, *utilisation, 0.0),
        Some([per_second, utilisation, errors]) => (*per_second, *utilisation, *errors),
        Some(_) | None => {
            return Err(format!(
                "found '{text}', expected answers a second/utilisation/errors a second, e.g. 100/0.5/0"
            ));
        }
    };
    Ok(Report { in_flight: 0, utilisation, per_second, errors_per_second, latency_s: 0.0 })
}

/// `a=…,b=…`.
fn by_instance<T>(
    text: Option<&str>,
    option: &str,
    read: impl Fn(&str) -> Result<T, String>,
    complaints: &mut Complaints,
) -> Vec<(String, T)> {
    let mut all = Vec::new();
    for part in list(text) {
        let pair = part.split_once('=').ok_or_else(|| "found no `=`, expected NAME=VALUE".to_owned());
        let value = pair.and_then(|(name, value)| Ok((name.to_owned(), read(value)?)));
        all.extend(complaints.note(option, part, value));
    }
    all
}

fn events(arguments: &Pick, instances: &[Instance], complaints: &mut Complaints) -> Vec<Event> {
    let mut events: Vec<Event> =
        arguments.at.iter().filter_map(|text| complaints.note("at", text, event(text))).collect();
    events.sort_by_key(|event| event.after);
    let mut known: Vec<&str> = instances.iter().map(|instance| instance.name.as_str()).collect();
    for event in &events {
        let name = event.what.name();
        let listed = known.contains(&name);
        match &event.what {
            What::Add(_) if listed => complaints.0.push(format!("--at {event}: there is an instance {name} already")),
            What::Add(added) => known.push(&added.name),
            _ if !listed => {
                complaints
                    .0
                    .push(format!("--at {event}: found no instance {name}, expected one of: {}", known.join(", ")));
            }
            What::Remove(_) => known.retain(|other| *other != name),
            What::Down(_) | What::Up(_) | What::Weight(..) | What::Active(..) => {}
        }
    }
    events
}

/// `AFTER:add:d=1`, `AFTER:remove:b`, …
fn event(text: &str) -> Result<Event, String> {
    let shape = || "expected PICKS:add:d=1, :remove:b, :down:a, :up:a, :weight:a=3 or :active:a=4".to_owned();
    let mut parts = text.splitn(3, ':');
    let (Some(after), Some(verb), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return Err(shape()) };
    let after = number(after, 0, REQUESTS_MAX)?;
    let counted = |least| -> Result<(String, u32), String> {
        let (name, count) = rest.split_once('=').ok_or_else(shape)?;
        Ok((name.to_owned(), number(count, least, WEIGHT_MAX)?))
    };
    let what = match verb {
        "add" => What::Add(instance(rest)?),
        "remove" => What::Remove(rest.to_owned()),
        "down" => What::Down(rest.to_owned()),
        "up" => What::Up(rest.to_owned()),
        "weight" => counted(0).map(|(name, weight)| What::Weight(name, weight))?,
        "active" => counted(1).map(|(name, count)| What::Active(name, count))?,
        _ => return Err(shape()),
    };
    Ok(Event { after, what, text: text.to_owned() })
}

fn check_names<T>(
    given: &[(String, T)],
    option: &str,
    instances: &[Instance],
    events: &[Event],
    complaints: &mut Complaints,
) {
    for (name, _) in given {
        let listed = instances.iter().any(|instance| instance.name == *name);
        let added = events.iter().any(|event| matches!(&event.what, What::Add(added) if added.name == *name));
        if !listed && !added {
            complaints.0.push(format!("--{option} {name}: no instance has this name"));
        }
    }
}
