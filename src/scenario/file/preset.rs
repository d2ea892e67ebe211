//! Presets: the defaults of a system, in the words of a scenario, put under what the file says.
//!
//! Sources: the documentation and code of each system, gathered in `docs/model.md`. Where a system leaves a feature off
//! (Envoy's outlier detection, linkerd's failure accrual), the preset turns it on with the system's own numbers.

use crate::scenario::entry::Leaf;
use crate::scenario::file::proxies::Preset;
use crate::yaml::problem::{Place, Problems};
use crate::yaml::tree::{self, Data, Node};

/// Tables in which exactly one key stands: they are taken whole.
const CHOICES: [&str; 4] = ["balancer", "when-unhealthy", "backoff", "budget"];

const NGINX: &str = "
traffic: { retries: { attempts: 3, on: [refused, reset, timeout], target: other, try-timeout: 60s } }
proxies: { balancer: nginx-round-robin, passive: { max-fails: 1, fail-timeout: 10s }, backups: all }
";

const HAPROXY: &str = "
traffic: { retries: { attempts: 3, on: [refused], target: same, backoff: fixed } }
proxies:
  balancer: haproxy-round-robin
  health: { interval: 2s, timeout: 2s, rise: 2, fall: 3, initial: up }
  backups: first
  limits: { queue: unlimited, queue-timeout: 5s }
";

const ENVOY: &str = "
traffic: { retries: { attempts: 0, on: [refused, reset], target: any, backoff: jittered, budget: { at-once: { retries: 3 } } } }
proxies:
  balancer: envoy-round-robin
  ejection: { share: 10% }
  when-unhealthy: panic
  backups: overflow
  limits: { requests: 1024, queue: 1024 }
  timeout: 15s
";

const ALB: &str = "
traffic: { retries: { attempts: 0 } }
proxies:
  balancer: alb-round-robin
  health: { interval: 30s, timeout: 5s, rise: 5, fall: 2, initial: down }
  when-unhealthy: open
";

const LINKERD: &str = "
traffic: { retries: { attempts: 0, on: [refused, reset, error], target: any, budget: { deposits: { share: 20%, lasts: 10s, per-second: 10 } } } }
proxies:
  balancer: peak-ewma
  breaker: { failures: 7, penalty: 1s, penalty-max: 60s, jitter: 50% }
";

const GRPC: &str = "
traffic: { retries: { attempts: 0, on: [refused, reset], target: any, backoff: jittered } }
proxies:
  balancer: grpc-weighted-round-robin
  ejection: { consecutive-errors: none, success-rate: { factor: 1.9 }, failure-share: { above-only: true } }
";

const fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Nginx => NGINX,
        Preset::Haproxy => HAPROXY,
        Preset::Envoy => ENVOY,
        Preset::Alb => ALB,
        Preset::Linkerd => LINKERD,
        Preset::Grpc => GRPC,
    }
}

/// Puts the defaults of the preset that the file names, if it names one, under what the file says.
pub(in crate::scenario) fn spread(root: &mut Node) {
    let named = root.child("proxies").and_then(|proxies| proxies.child("preset"));
    let Some(Node { place, data: Data::Scalar(scalar) }) = named else { return };
    let Ok(preset) = Preset::parse(scalar) else { return };
    let mut defaults = parse(text(preset));
    put(&mut defaults, *place);
    fill(root, &defaults);
}

fn parse(text: &str) -> Node {
    let mut problems = Problems::scratch();
    let node = tree::parse(text, 0, &mut problems);
    node.filter(|_| problems.is_empty()).expect("a preset is good YAML")
}

/// Problems with a default are shown where the preset was named.
fn put(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.data {
        Data::Scalar(_) => {}
        Data::List(items) => items.iter_mut().for_each(|item| put(item, place)),
        Data::Table(entries) => {
            for (key, value) in entries {
                key.place = place;
                put(value, place);
            }
        }
    }
}

/// Adds what is missing; what is there stays.
fn fill(node: &mut Node, defaults: &Node) {
    let (Data::Table(entries), Data::Table(defaults)) = (&mut node.data, &defaults.data) else { return };
    for (key, default) in defaults {
        match entries.iter_mut().find(|(known, _)| known.text == key.text) {
            None => entries.push((key.clone(), default.clone())),
            Some(_) if CHOICES.contains(&key.text.as_str()) => {}
            Some((_, value)) => fill(value, default),
        }
    }
}
