//! nginx: what of a scenario its configuration can say, and how.

use super::{Endpoint, Endpoints, millis};
use crate::core::proxy::{Backoff, Policy, RetryOn, Rule, Target};
use crate::core::time::Span;
use crate::scenario::plan::Scenario;
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn refusals(policy: &Policy) -> Vec<String> {
    let RetryOn { refused, reset, .. } = policy.retries.on;
    let whole = |span: Span| span.nanos().is_multiple_of(1_000_000_000);
    let retries = policy.retries.attempts > 0;
    let list = [
        (
            method(&policy.balancer).is_none(),
            "proxies.balancer: of nginx's own round robin, least connections, random, hash",
        ),
        (policy.checks.is_some(), "proxies.health (nginx has active checks in its commercial edition alone)"),
        (
            policy.passive.is_some_and(|passive| !whole(passive.fail_timeout)),
            "proxies.passive.fail-timeout in part seconds",
        ),
        (retries && refused != reset, "traffic.retries.on: refused and reset are one (error) to nginx"),
        (retries && policy.retries.target != Target::Other, "traffic.retries.target other than other"),
        (retries && policy.retries.backoff != Backoff::None, "traffic.retries.backoff"),
    ];
    list.iter().filter(|(has, _)| *has).map(|(_, name)| (*name).to_owned()).collect()
}

/// The line in an upstream; `None`: nginx has no such rule.
fn method(rule: &Rule) -> Option<&'static str> {
    match rule {
        Rule::NginxRoundRobin => Some(""),
        Rule::NginxLeastConnections => Some("least_conn;"),
        Rule::NginxRandom => Some("random;"),
        Rule::NginxRandomTwo => Some("random two least_conn;"),
        Rule::NginxHash => Some("hash $http_x_rollcast_user;"),
        _ => None,
    }
}

pub(super) fn configuration(scenario: &Scenario, endpoints: &Endpoints, folder: &Path) -> String {
    let policy = &scenario.proxies.policy;
    let folder = folder.display();
    let mut text = format!(
        "daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/errors crit;\n\
         events {{ worker_connections 8192; }}\nhttp {{\n  access_log off;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "  {kind}_temp_path {folder}/{kind};");
    }
    for (name, side) in [("old", &endpoints.old), ("new", &endpoints.new)] {
        let _ = writeln!(text, "  upstream {name} {{\n    {}", method(&policy.balancer).unwrap_or_default());
        side.iter().for_each(|endpoint| text += &server(endpoint, policy));
        if side.is_empty() {
            text += "    server 127.0.0.1:1 down;\n";
        }
        text += "  }\n";
    }
    let to = match endpoints.share.map(|share| share.value() * 100.0) {
        None | Some(0.0) => "old",
        Some(100.0) => "new",
        Some(percent) => {
            let _ = writeln!(text, "  split_clients $request_id $side {{ {percent:.2}% new; * old; }}");
            "$side"
        }
    };
    let _ = write!(
        text,
        "  server {{\n    listen {} backlog=4096;\n    keepalive_timeout 600s;\n    keepalive_requests 1000000;\n\
         \x20   location / {{\n      proxy_pass http://{to};\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection close;\n{}    }}\n  }}\n}}\n",
        endpoints.listen,
        retries(policy)
    );
    text
}

fn server(endpoint: &Endpoint, policy: &Policy) -> String {
    let Endpoint { address, weight, .. } = endpoint;
    let passive = policy.passive.map_or_else(
        || "max_fails=0".to_owned(),
        |passive| format!("max_fails={} fail_timeout={}s", passive.max_fails, passive.fail_timeout.whole_seconds()),
    );
    let most = policy.limits.per_instance;
    let most = if most < u32::MAX { format!(" max_conns={most}") } else { String::new() };
    format!("    server {address} weight={weight} {passive}{most};\n")
}

fn retries(policy: &Policy) -> String {
    let retries = &policy.retries;
    let mut text = String::new();
    if let Some(timeout) = retries.try_timeout {
        let _ = writeln!(text, "      proxy_connect_timeout {0}ms;\n      proxy_read_timeout {0}ms;", millis(timeout));
    }
    let on = retries.on;
    let mut words = Vec::new();
    words.extend(on.refused.then_some("error http_503"));
    words.extend(on.error.then_some("http_500 http_502 http_504"));
    words.extend(on.timeout.then_some("timeout"));
    let words = if retries.attempts == 0 || words.is_empty() { "off".to_owned() } else { words.join(" ") };
    let tries = u32::from(retries.attempts) + 1;
    let _ = writeln!(text, "      proxy_next_upstream {words};\n      proxy_next_upstream_tries {tries};");
    text
}
