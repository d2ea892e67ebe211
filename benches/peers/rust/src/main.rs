//! `peers plain|simcore WORKLOAD REQUESTS` simulates so many requests and prints their mean response time in seconds.
//!
//! Requests come at 8 a second and take a second each, exponentially distributed both. Workloads: `m-m-10` is one queue
//! before ten slots, `round-robin` and `shortest-queue` are ten queues with a slot each.

mod plain;
mod simcore_model;

use std::process::exit;

/// Requests a second.
pub const RATE: f64 = 8.0;

/// Stations, slots of each, and whether the shortest queue is looked for.
#[derive(Clone, Copy)]
pub struct Workload {
    pub stations: usize,
    pub slots: usize,
    pub shortest: bool,
}

fn workload(name: &str) -> Option<Workload> {
    match name {
        "m-m-10" => Some(Workload { stations: 1, slots: 10, shortest: false }),
        "round-robin" => Some(Workload { stations: 10, slots: 1, shortest: false }),
        "shortest-queue" => Some(Workload { stations: 10, slots: 1, shortest: true }),
        _ => None,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, name, requests] = arguments.as_slice() else { usage() };
    let (Some(workload), Ok(requests)) = (workload(name), requests.parse()) else { usage() };
    let mean = match peer.as_str() {
        "plain" => plain::mean_response(workload, requests),
        "simcore" => simcore_model::mean_response(workload, requests),
        _ => usage(),
    };
    println!("{mean}");
}

fn usage() -> ! {
    eprintln!("usage: peers plain|simcore m-m-10|round-robin|shortest-queue REQUESTS");
    exit(2)
}
