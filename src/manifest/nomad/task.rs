//! What a group of a Nomad job says of its instances: checks, delays, and how long a kill may take.

use crate::core::time::Span;
use crate::manifest::fields::{Fields, Item};
use crate::manifest::{Pod, Probe};
use crate::yaml::tree::Data;

/// From the signal to the kill unless given.
const KILL_TIMEOUT: Span = Span::from_secs(5);

/// How an instance shuts down and when it is ready.
pub(super) fn stopping(group: &Fields<'_>, pod: &mut Pod) {
    let mut kill = Span::ZERO;
    let mut delay = group.get("shutdown_delay").and_then(|item| time(&item));
    let mut probe = services(group);
    let tasks: Vec<Item<'_>> = tasks(group);
    for task in &tasks {
        let Some(fields) = task.table() else { continue };
        delay = delay.max(fields.get("shutdown_delay").and_then(|item| time(&item)));
        kill = kill.max(fields.get("kill_timeout").and_then(|item| time(&item)).unwrap_or(KILL_TIMEOUT));
        probe = probe.or(services(&fields));
        fields.accept(&["name"]);
        fields.skip_together(&TASK);
    }
    pod.pre_stop = delay.filter(|delay| !delay.is_zero());
    pod.readiness = probe;
    if !tasks.is_empty() {
        pod.grace = Some(kill + delay.unwrap_or(Span::ZERO));
    }
}

/// What a task may hold beside what is read here.
const TASK: [&str; 32] = [
    "action",
    "actions",
    "affinity",
    "affinities",
    "artifact",
    "artifacts",
    "config",
    "constraint",
    "constraints",
    "consul",
    "csi_plugin",
    "dispatch_payload",
    "driver",
    "env",
    "identities",
    "identity",
    "kill_signal",
    "kind",
    "leader",
    "lifecycle",
    "log_config",
    "logs",
    "meta",
    "resources",
    "restart",
    "restart_policy",
    "scaling_policies",
    "schedule",
    "template",
    "templates",
    "user",
    "vault",
];

fn tasks<'a>(group: &Fields<'a>) -> Vec<Item<'a>> {
    let labelled = group.get("task").map(|item| item.entries()).unwrap_or_default();
    labelled.into_iter().map(|(_, item)| item).chain(group.list("tasks")).collect()
}

/// One block is a table, several are a list.
fn blocks<'a>(fields: &Fields<'a>, key: &str) -> Vec<Item<'a>> {
    fields.get(key).map(|item| if item.is_table() { vec![item] } else { item.list() }).unwrap_or_default()
}

/// The first check of the services.
fn services(fields: &Fields<'_>) -> Option<Probe> {
    let services = blocks(fields, "service").into_iter().chain(blocks(fields, "services"));
    let mut found = None;
    for service in services.filter_map(|item| item.table()) {
        service.skip_together(&SERVICE);
        for check in blocks(&service, "check").into_iter().chain(blocks(&service, "checks")) {
            let Some(fields) = check.table() else { continue };
            let probe = probe(&fields);
            if found.is_none() {
                found = Some(probe);
            } else {
                check.not_simulated();
            }
        }
    }
    found
}

/// What a service may hold beside its checks.
const SERVICE: [&str; 20] = [
    "address",
    "address_mode",
    "canary_meta",
    "canary_tags",
    "check_restart",
    "cluster",
    "connect",
    "enable_tag_override",
    "identity",
    "kind",
    "meta",
    "name",
    "on_update",
    "port",
    "port_label",
    "provider",
    "tagged_addresses",
    "tags",
    "task",
    "weights",
];

fn probe(check: &Fields<'_>) -> Probe {
    check.skip_together(&["type", "path", "port", "port_label", "name", "method", "protocol", "header", "body"]);
    check.skip(&[
        "address_mode",
        "args",
        "check_restart",
        "command",
        "expose",
        "failures_before_warning",
        "grpc_service",
    ]);
    check.skip(&["grpc_use_tls", "initial_status", "notes", "on_update", "task", "task_name", "tls_server_name"]);
    check.skip(&["tls_skip_verify", "interval_jitter"]);
    let time = |key, usual| check.get(key).and_then(|item| time(&item)).unwrap_or(Span::from_secs(usual));
    Probe {
        initial_delay: Span::ZERO,
        period: time("interval", 10),
        timeout: time("timeout", 2),
        // None and one mean the same.
        successes: check.whole("success_before_passing").unwrap_or(0).max(1),
        failures: check.whole("failures_before_critical").unwrap_or(0).max(1),
    }
}

/// Nanoseconds in JSON, text in HCL.
pub(super) fn time(item: &Item<'_>) -> Option<Span> {
    match &item.node.data {
        Data::Scalar(scalar) if !scalar.text.is_empty() && scalar.text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let nanos = scalar.text.parse::<u64>().ok().filter(|nanos| *nanos <= i64::MAX as u64);
            nanos.map(Span::from_nanos).or_else(|| item.refuse("a number of nanoseconds that fits"))
        }
        _ => item.duration(),
    }
}
