//! One scheduler, two drivers: the same scenarios in virtual time and in real HTTP, side by side. A fresh core gives both
//! the same answers, both drivers bring it the same requests, and the controller takes the same course.
//!
//! Machines may be slow, and real traffic arrives when it does: what depends on how fast anything is, `rollcast validate`
//! measures, not this.

use rollcast::core::journal::{Answer, Question, Record, Replay, Unit, Witness};
use rollcast::core::rollout::{Order, Phase};
use rollcast::scenario::load;
use rollcast::scenario::plan::Scenario;
use rollcast::{live, sim};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// What one arm asked the core under one strategy.
struct Arm {
    whose: &'static str,
    records: Vec<Record>,
}

/// The request that comes first at a proxy: who asks, with which luck, and where.
type First = (u16, u32, u64);

impl Arm {
    fn of(whose: &'static str, run: impl FnOnce(Witness)) -> Arm {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeper = Arc::clone(&kept);
        run(Arc::new(move |record| keeper.lock().expect("nobody panics with it").push(record)));
        let records = std::mem::take(&mut *kept.lock().expect("nobody panics with it"));
        Arm { whose, records }
    }

    fn replays(&self, scenario: &Scenario, name: &str) {
        let (_, strategy) = sim::runs(scenario).into_iter().find(|(run, _)| *run == name).expect("it is a run");
        let mut replay = Replay::new(sim::origin(scenario, strategy));
        for record in &self.records {
            assert_eq!(replay.check(record), Ok(()), "{} {name}, {}: {record:?}", scenario.name, self.whose);
        }
    }

    fn firsts(&self) -> BTreeSet<First> {
        let first = |record: &Record| {
            let (Unit::Proxy(proxy), Question::Enter { ask, .. }) = (record.unit, &record.question) else {
                return None;
            };
            ask.tried.is_empty().then_some((proxy, ask.user.0, ask.dice))
        };
        self.records.iter().filter_map(first).collect()
    }

    /// What the controller announced.
    fn course(&self) -> Vec<Phase> {
        let orders = self.records.iter().filter_map(|record| match &record.answer {
            Answer::Orders(orders) => Some(orders),
            _ => None,
        });
        let announced = orders.flatten().filter_map(|order| match order {
            Order::Announce { phase, .. } => Some(*phase),
            _ => None,
        });
        announced.collect()
    }

    /// How often each kind of question was asked.
    fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for record in &self.records {
            let kind = match record.question {
                Question::List { .. } => "list",
                Question::Unlist { .. } => "unlist",
                Question::Enter { .. } => "enter",
                Question::Finish { .. } => "finish",
                Question::Probed { .. } => "probed",
                Question::Handle { .. } => "handle",
                _ => "other",
            };
            *kinds.entry(kind).or_insert(0) += 1;
        }
        kinds
    }
}

/// Both arms of the scenario's last run, whose journals a fresh core has been asked again.
fn both(name: &str) -> (Scenario, Arm, Arm) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("yaml");
    let scenario = load(&path).unwrap_or_else(|problems| panic!("{problems}")).scenario;
    assert_eq!(live::refusals(&scenario), Vec::<String>::new());
    let (run, strategy) = *sim::runs(&scenario).last().expect("stay is always one");
    let simulated = Arm::of("simulated", |witness| drop(sim::run_witnessed(&scenario, run, strategy, witness)));
    let real = Arm::of("live", |witness| {
        live::run(&scenario, strategy, Some(witness)).expect("this machine has ports and threads");
    });
    simulated.replays(&scenario, run);
    real.replays(&scenario, run);
    (scenario, simulated, real)
}

fn conforms(name: &str) {
    let (_, simulated, real) = both(name);
    let (planned, came) = (simulated.firsts(), real.firsts());
    assert!(came.is_subset(&planned), "{name}: real traffic has requests that the simulator does not know");
    assert!(came.len() * 2 > planned.len(), "{name}: {} of {} requests came", came.len(), planned.len());
    let (virtually, really) = (simulated.kinds(), real.kinds());
    assert!(virtually.keys().eq(really.keys()), "{name}: {virtually:?} and {really:?}");
    assert_eq!(simulated.course(), real.course(), "{name}");
}

#[test]
fn both_drivers_bring_the_same_requests_to_the_same_scheduler() {
    let names = ["live-steady", "live-kill", "live-canary", "live-rolling"];
    let threads = names.map(|name| thread::spawn(move || conforms(name)));
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    assert_eq!(failed, 0, "scenarios that do not conform: their panics are above");
}
