//! `rollcast pick`: one balancer on a bench.

mod parse;

use crate::cli::args::Pick;
use crate::cli::{Failure, screen};
use crate::core::draw::Seed;
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::{Ask, Listing, Pool, Tried};
use crate::core::time::{Moment, Span};
use parse::Plan;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;

/// Whoever was there at the start of time is old; what happens on the bench happens after.
const BEGIN: Moment = Moment::from_nanos(1);
/// What stands for a request that nobody was there for.
const NOBODY: &str = "-";

/// An instance on the bench.
#[derive(Clone, Debug)]
pub struct Instance {
    name: String,
    weight: u32,
}

/// Something that happens after so many picks.
#[derive(Clone, Debug)]
pub struct Event {
    after: u32,
    what: What,
    text: String,
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// What can happen.
#[derive(Clone, Debug)]
enum What {
    Add(Instance),
    Remove(String),
    Down(String),
    Up(String),
    Weight(String, u32),
    Active(String, u32),
}

impl What {
    fn name(&self) -> &str {
        match self {
            What::Add(instance) => &instance.name,
            What::Remove(name) | What::Down(name) | What::Up(name) | What::Weight(name, _) | What::Active(name, _) => {
                name
            }
        }
    }
}

/// Picks as often as asked, and prints who was picked.
///
/// # Errors
/// All problems of the arguments.
pub fn run(arguments: &Pick) -> Result<(), Failure> {
    let plan = parse::plan(arguments).map_err(|complaints| Failure::Usage(complaints.0.join("\n")))?;
    let mut bench = Bench::new(&plan);
    if !arguments.json {
        let names: Vec<&str> = (0..plan.requests).map(|number| bench.step(number)).collect();
        return screen::print(&(names.join(" ") + "\n")).map_err(Failure::from);
    }
    let picks: Vec<Value> = (0..plan.requests).map(|number| bench.step_in_json(number)).collect();
    let answer = json!({ "balancer": arguments.balancer, "seed": plan.seed, "picks": picks });
    let text = serde_json::to_string_pretty(&answer).expect("names and numbers are plain JSON");
    screen::print(&(text + "\n")).map_err(Failure::from)
}

/// A pool, and the requests that it has under way.
struct Bench<'a> {
    plan: &'a Plan,
    pool: Pool,
    /// By number of the instance.
    names: Vec<&'a str>,
    events: VecDeque<&'a Event>,
    /// Held requests: from which pick on they are over, and where they are.
    held: VecDeque<(u32, InstanceId)>,
}

impl<'a> Bench<'a> {
    fn new(plan: &'a Plan) -> Bench<'a> {
        let pool = Pool::new(&plan.rule, Seed(plan.seed).stream("balancer", 0));
        let events = plan.events.iter().collect();
        let mut bench = Bench { plan, pool, names: Vec::new(), events, held: VecDeque::new() };
        for instance in &plan.instances {
            bench.add(Moment::START, instance);
        }
        bench
    }

    /// One request; returns the name of the instance.
    fn step(&mut self, number: u32) -> &'a str {
        self.prepare(number);
        self.pick(number)
    }

    fn step_in_json(&mut self, number: u32) -> Value {
        self.prepare(number);
        let before = self.standings(number);
        let picked = self.pick(number);
        json!({
            "pick": number,
            "at_ms": self.now(number).nanos() / 1_000_000,
            "key": self.key(number),
            "picked": picked,
            "before": before,
            "after": self.standings(number),
        })
    }

    fn now(&self, number: u32) -> Moment {
        BEGIN + Span::from_nanos(self.plan.interval.nanos() * u64::from(number))
    }

    fn key(&self, number: u32) -> Option<&'a str> {
        cycle(&self.plan.keys, number).map(String::as_str)
    }

    /// What happens before pick `number`.
    fn prepare(&mut self, number: u32) {
        let now = self.now(number);
        while let Some(&(_, instance)) = self.held.front().filter(|(over, _)| *over <= number) {
            self.held.pop_front();
            self.end(now, instance);
        }
        while let Some(&event) = self.events.front().filter(|event| event.after <= number) {
            self.events.pop_front();
            self.happen(now, &event.what);
        }
        for (name, report) in &self.plan.reports {
            if let Some(instance) = self.find(name) {
                self.pool.report(now, instance, report);
            }
        }
    }

    fn pick(&mut self, number: u32) -> &'a str {
        let key = self.key(number);
        let client = cycle(&self.plan.clients, number).copied();
        let ask = Ask { key: key.map(str::as_bytes), client, ..Ask::of(UserId(number), 0, Tried::NONE) };
        let now = self.now(number);
        let Some((instance, _)) = self.pool.pick(now, &ask) else { return NOBODY };
        if self.plan.hold == 0 {
            self.end(now, instance);
        } else {
            self.held.push_back((number.saturating_add(self.plan.hold) + 1, instance));
        }
        self.names[instance.index()]
    }

    fn end(&mut self, now: Moment, instance: InstanceId) {
        let name = self.names[instance.index()];
        let given = self.plan.latencies.iter().find(|(known, _)| known == name);
        self.pool.end(now, instance, given.map_or(Span::ZERO, |(_, latency)| *latency));
    }

    fn happen(&mut self, now: Moment, what: &'a What) {
        if let What::Add(instance) = what {
            self.add(now, instance);
            return;
        }
        let instance = self.find(what.name()).expect("events name instances that are there");
        match what {
            What::Add(_) => {}
            What::Remove(_) => self.pool.unlist(now, instance),
            What::Down(_) => self.pool.mark(now, instance, false),
            What::Up(_) => self.pool.mark(now, instance, true),
            What::Weight(_, weight) => self.pool.weigh(now, instance, *weight),
            What::Active(_, count) => (0..*count).for_each(|_| self.pool.occupy(now, instance)),
        }
    }

    fn add(&mut self, now: Moment, instance: &'a Instance) {
        let id = InstanceId(self.names.len() as u32);
        let Instance { name, weight } = instance;
        self.names.push(name);
        self.pool.list(now, &Listing { instance: id, version: VersionId(0), name, weight: *weight });
    }

    /// The last of that name, since one that left may have come back as another.
    fn find(&self, name: &str) -> Option<InstanceId> {
        let found = self.names.iter().rposition(|known| *known == name)?;
        Some(InstanceId(found as u32))
    }

    fn standings(&self, number: u32) -> Vec<Value> {
        let standings = self.pool.standings(self.now(number));
        standings
            .map(|standing| {
                json!({
                    "name": self.names[standing.instance.index()],
                    "weight": standing.weight,
                    "effective": standing.effective,
                    "current": standing.current,
                    "in_flight": standing.active,
                    "estimate_ms": standing.estimate_ms,
                })
            })
            .collect()
    }
}

fn cycle<T>(all: &[T], number: u32) -> Option<&T> {
    all.get((number as usize).checked_rem(all.len())?)
}
