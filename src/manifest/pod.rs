//! The pod template of a Kubernetes object: probes, the grace period, and the hook before the stop.

use crate::core::time::Span;
use crate::manifest::fields::{Fields, Item, WHOLE_MAX};
use crate::manifest::{Pod, Probe};

/// `terminationGracePeriodSeconds` unless given.
const GRACE: Span = Span::from_secs(30);

/// What a pod template may hold beside what is read here.
const SPEC: [&str; 34] = [
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "subdomain",
    "tolerations",
    "volumes",
];

/// What a container may hold beside what is read here.
const CONTAINER: [&str; 17] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "ports",
    "resizePolicy",
    "resources",
    "securityContext",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
];

/// Reads a pod template into `pod`.
pub(super) fn template(template: &Fields<'_>, pod: &mut Pod) {
    template.skip(&["metadata"]);
    let Some(spec) = template.table("spec") else { return };
    spec.skip_together(&SPEC);
    spec.skip(&["initContainers", "ephemeralContainers", "topologySpreadConstraints", "setHostnameAsFQDN"]);
    spec.skip(&["shareProcessNamespace"]);
    pod.grace = Some(spec.seconds("terminationGracePeriodSeconds").unwrap_or(GRACE));
    for container in spec.list("containers").iter().filter_map(Item::table) {
        read_container(&container, pod);
    }
}

fn read_container(container: &Fields<'_>, pod: &mut Pod) {
    container.accept(&["name"]);
    container.skip_together(&CONTAINER);
    container.skip(&["livenessProbe", "startupProbe", "restartPolicy", "workingDir"]);
    if pod.readiness.is_some() {
        container.skip(&["readinessProbe"]);
    } else if let Some(probe) = container.table("readinessProbe") {
        pod.readiness = Some(self::probe(&probe));
    }
    if let Some(lifecycle) = container.table("lifecycle") {
        lifecycle.skip(&["postStart", "stopSignal"]);
        if let Some(hook) = lifecycle.get("preStop") {
            // The hooks of several containers run side by side: the longest counts.
            pod.pre_stop = pod.pre_stop.max(pre_stop(&hook));
        }
    }
}

fn probe(probe: &Fields<'_>) -> Probe {
    let positive = |key| probe.get(key).and_then(|item| item.whole(1..=WHOLE_MAX));
    let seconds = |key, fallback| Span::from_secs(u64::from(positive(key).unwrap_or(fallback)));
    probe.skip(&["httpGet", "tcpSocket", "exec", "grpc", "terminationGracePeriodSeconds"]);
    Probe {
        initial_delay: probe.seconds("initialDelaySeconds").unwrap_or(Span::ZERO),
        period: seconds("periodSeconds", 10),
        timeout: seconds("timeoutSeconds", 1),
        successes: positive("successThreshold").unwrap_or(1),
        failures: positive("failureThreshold").unwrap_or(3),
    }
}

/// How long a hook sleeps, if that is all it does.
fn pre_stop(hook: &Item<'_>) -> Option<Span> {
    let fields = hook.table()?;
    if let Some(sleep) = fields.table("sleep") {
        return sleep.seconds("seconds");
    }
    fields.skip(&["httpGet", "tcpSocket"]);
    let exec = fields.get("exec")?;
    let words: Vec<String> = exec.table()?.list("command").iter().filter_map(Item::text).collect();
    let sleeps = sleeping(&words.iter().map(String::as_str).collect::<Vec<_>>());
    if sleeps.is_none() {
        exec.not_simulated();
    }
    sleeps
}

/// How long a command sleeps: `sleep 10`, or the same handed to a shell.
fn sleeping(command: &[&str]) -> Option<Span> {
    let program = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    match command {
        [path, time] if program(path) == "sleep" => sleep_time(time),
        [path, flag, line] if program(path).ends_with("sh") && flag.starts_with('-') && flag.ends_with('c') => {
            sleeping(&line.trim().trim_end_matches(';').split_whitespace().collect::<Vec<_>>())
        }
        _ => None,
    }
}

/// As the `sleep` program reads it: seconds unless a letter says otherwise.
fn sleep_time(text: &str) -> Option<Span> {
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        None => (text, 1.0),
        Some(number) if text.ends_with('m') => (number, 60.0),
        Some(number) if text.ends_with('h') => (number, 3_600.0),
        Some(number) if text.ends_with('d') => (number, 86_400.0),
        Some(number) => (number, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    (seconds.is_finite() && seconds >= 0.0).then(|| Span::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_only_sleeps_is_understood() {
        let cases: [(&[&str], Option<u64>); 7] = [
            (&["sleep", "10"], Some(10)),
            (&["/bin/sleep", "1m"], Some(60)),
            (&["sh", "-c", "sleep 5"], Some(5)),
            (&["/bin/bash", "-ec", "sleep 15;"], Some(15)),
            (&["sh", "-c", "sleep 5 && nginx -s quit"], None),
            (&["nginx", "-s", "quit"], None),
            (&["sleep", "soon"], None),
        ];
        for (command, seconds) in cases {
            assert_eq!(sleeping(command), seconds.map(Span::from_secs), "{command:?}");
        }
    }
}
