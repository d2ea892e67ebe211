//! Whole rollouts of every strategy, driven by a platform in which instances take a fixed time to boot and to go.

mod baseline;

use super::*;
use crate::core::amount::Amount;
use crate::core::fleet::Counts;
use crate::core::time::{Moment, Span};

const OLD: VersionId = VersionId(0);
const NEW: VersionId = VersionId(1);
const BOOT: Span = Span::from_secs(20);
const DRAIN: Span = Span::from_secs(5);

/// A platform around one controller: boots and stops instances, and feeds it metrics of the new version.
struct Platform {
    controller: Controller,
    strategy: Option<Strategy>,
    now: Moment,
    /// What is to be told, and when; in order of telling where times are equal.
    news: Vec<(Moment, Input)>,
    log: Vec<(u64, String)>,
    reasons: Vec<(String, String)>,
    share: f64,
    /// Attempts per second on the new version at full share, and the share of them that fail.
    traffic: (f64, f64),
    new_boots: bool,
    baseline_boots: bool,
    /// These crash instead of answering.
    crash: Vec<InstanceId>,
    physical_max: u32,
    available_min: u32,
}

impl Platform {
    fn new(size: u32, strategy: Strategy) -> Platform {
        let setup = Setup { size, from: OLD, to: NEW, min_ready: Span::ZERO, progress_deadline: Span::from_secs(600) };
        Platform {
            controller: Controller::new(setup, Some(strategy.clone())),
            strategy: Some(strategy),
            now: Moment::START,
            news: vec![(at(10), Input::Deploy)],
            log: Vec::new(),
            reasons: Vec::new(),
            share: 0.0,
            traffic: (100.0, 0.0),
            new_boots: true,
            baseline_boots: true,
            crash: Vec::new(),
            physical_max: size,
            available_min: size,
        }
    }

    /// The same rollout, in which only the deadline of each allocation counts.
    fn without_deadline(&self) -> Controller {
        let setup = Setup { size: 6, from: OLD, to: NEW, min_ready: Span::ZERO, progress_deadline: Span::ZERO };
        Controller::new(setup, self.strategy.clone())
    }

    fn failing(mut self, share: f64) -> Platform {
        self.traffic.1 = share;
        self
    }

    /// Runs for an hour of the platform's time.
    fn run(mut self) -> Platform {
        let (mut seen, mut baseline) = (Tally::default(), Tally::default());
        for second in 0..3_600 {
            self.until(at(second));
            let attempts = self.share * self.traffic.0;
            seen.attempts += attempts as u64;
            seen.failed += (attempts * self.traffic.1) as u64;
            baseline.attempts += (self.traffic.0 * self.share_of_baseline()) as u64;
            if second % 5 == 0 {
                self.tell(Input::Sample(Sample { at: at(second), new: seen, old: Tally::default(), baseline }));
            }
        }
        self
    }

    /// Each of the old version's instances gets as much as another.
    fn share_of_baseline(&self) -> f64 {
        let fleet = self.controller.fleet();
        let (old, baseline) = (fleet.count(OLD, self.now).ready, fleet.count_baseline(self.now).ready);
        (1.0 - self.share) * f64::from(baseline) / f64::from((old + baseline).max(1))
    }

    fn until(&mut self, end: Moment) {
        loop {
            let news = self.news.iter().map(|&(at, _)| at).min().unwrap_or(Moment::NEVER);
            let deadline = self.controller.deadline(self.now).unwrap_or(Moment::NEVER);
            if news.min(deadline) > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(news.min(deadline));
            match self.news.iter().position(|&(at, _)| at == news && news <= deadline) {
                Some(first) => {
                    let (_, input) = self.news.remove(first);
                    self.tell(input);
                }
                None => self.tell(Input::Deadline),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let mut orders = Vec::new();
        self.controller.handle(self.now, input, &mut orders);
        for order in orders {
            self.carry_out(order);
        }
        let (old, new) = self.counts();
        self.physical_max = self.physical_max.max(old.spec + old.terminating + new.spec + new.terminating);
        self.available_min = self.available_min.min(old.available + new.available);
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Launch { instance, version, baseline } => {
                let boots = match (baseline, version == NEW) {
                    (true, _) => self.baseline_boots,
                    (false, true) => self.new_boots,
                    (false, false) => true,
                };
                if self.crash.contains(&instance) {
                    self.news.push((self.now + BOOT, Input::Crashed(instance)));
                } else if boots {
                    self.news.push((self.now + BOOT, Input::Ready(instance)));
                }
            }
            Order::Drain { instance } => self.news.push((self.now + DRAIN, Input::Gone(instance))),
            Order::Weight { share } => self.share = share.value(),
            Order::Publish { .. } | Order::Mirror { .. } | Order::Expose { .. } => {}
            Order::Announce { phase, reason } => {
                self.log.push((self.now.whole_seconds(), phase.to_string()));
                self.reasons.push((phase.to_string(), reason));
            }
        }
    }

    fn counts(&self) -> (Counts, Counts) {
        let fleet = self.controller.fleet();
        (fleet.count(OLD, self.now), fleet.count(NEW, self.now))
    }

    fn phases(&self) -> Vec<(u64, &str)> {
        self.log.iter().map(|(at, phase)| (*at, phase.as_str())).collect()
    }

    fn runs_only(&self, version: VersionId, size: u32) {
        let full = Counts { spec: size, ready: size, available: size, terminating: 0 };
        let expected = if version == OLD { (full, Counts::default()) } else { (Counts::default(), full) };
        assert_eq!(self.counts(), expected);
    }
}

fn at(second: u64) -> Moment {
    Moment::START + Span::from_secs(second)
}

fn gate() -> Option<Gate> {
    Some(Gate::limit(share(1.0), 200, Span::from_secs(60)))
}

fn share(percent: f64) -> Share {
    Share::new(percent / 100.0).expect("a share")
}

fn rolling(surge: f64, unavailable: f64) -> Strategy {
    let (surge, unavailable) = (Amount::Percent(surge), Amount::Percent(unavailable));
    Strategy::Rolling(Rolling { pace: Pace::Surge(Surge::new(surge, unavailable)), gate: None, bake: Span::ZERO })
}

fn canary() -> Strategy {
    let step = |percent| Step::plain(share(percent), Span::from_secs(60));
    let steps = vec![step(5.0), step(25.0), step(50.0)];
    Strategy::Canary(Canary::plain(steps, gate(), Span::from_secs(30)))
}

fn blue_green() -> Strategy {
    Strategy::BlueGreen(BlueGreen::plain(Span::from_secs(120), gate()))
}

#[test]
fn recreate_waits_until_the_old_ones_are_gone() {
    let platform = Platform::new(3, Strategy::Recreate(Recreate { gate: None, bake: Span::ZERO })).run();
    let expected = [(10, "started"), (10, "stopping"), (15, "starting"), (35, "promoted")];
    assert_eq!(platform.phases(), expected);
    assert_eq!((platform.physical_max, platform.available_min), (3, 0));
    platform.runs_only(NEW, 3);
}

#[test]
fn rolling_keeps_its_promises_and_counts_no_terminating_instance() {
    let platform = Platform::new(10, rolling(25.0, 25.0)).run();
    assert_eq!(platform.phases(), [(10, "started"), (10, "replacing"), (50, "promoted")]);
    assert_eq!(platform.available_min, 8);
    assert_eq!(platform.physical_max, 18);
    platform.runs_only(NEW, 10);
}

#[test]
fn a_plain_rolling_update_of_a_version_that_never_boots_stays_stuck() {
    let mut platform = Platform::new(10, rolling(25.0, 25.0));
    platform.new_boots = false;
    let platform = platform.run();
    // That old instances are gone is no progress: their number had fallen before.
    assert_eq!(platform.phases(), [(10, "started"), (10, "replacing"), (610, "stuck")]);
    let (old, new) = platform.counts();
    assert_eq!((old.available, new.spec, new.available), (8, 5, 0));
}

#[test]
fn blue_green_switches_once_and_keeps_the_old_fleet_while_it_bakes() {
    let platform = Platform::new(4, blue_green()).run();
    let expected = [(10, "started"), (10, "starting"), (30, "switched"), (150, "promoted")];
    assert_eq!(platform.phases(), expected);
    assert_eq!((platform.physical_max, platform.available_min), (8, 4));
    platform.runs_only(NEW, 4);
}

#[test]
fn blue_green_returns_at_once_when_the_gate_fails() {
    let platform = Platform::new(4, blue_green()).failing(0.05).run();
    let expected = [(10, "started"), (10, "starting"), (30, "switched"), (35, "rolling back"), (35, "rolled back")];
    assert_eq!(platform.phases(), expected);
    assert_eq!(platform.share, 0.0);
    platform.runs_only(OLD, 4);
}

#[test]
fn a_canary_walks_its_steps_instances_first() {
    let platform = Platform::new(10, canary()).run();
    let expected = [
        (10, "started"),
        (10, "starting"),
        (30, "step 1/3"),
        (110, "step 2/3"),
        (190, "step 3/3"),
        (270, "switched"),
        (300, "promoted"),
    ];
    assert_eq!(platform.phases(), expected);
    assert_eq!(platform.physical_max, 20);
    platform.runs_only(NEW, 10);
}

#[test]
fn a_canary_waits_for_its_sample_floor_and_then_judges() {
    let mut platform = Platform::new(10, canary()).failing(0.5);
    platform.traffic.0 = 40.0;
    let platform = platform.run();
    // 2 attempts a second at 5 %: the window of 60 s never holds 200 of them, so that the first hold goes on for ever.
    assert_eq!(platform.phases()[2..], [(30, "step 1/3"), (90, "holding")]);
    let bad = Platform::new(10, canary()).failing(0.5).run();
    assert_eq!(bad.phases()[2..], [(30, "step 1/3"), (70, "rolling back"), (70, "rolled back")]);
    bad.runs_only(OLD, 10);
}

#[test]
fn strategies_with_a_second_fleet_roll_back_a_version_that_never_boots() {
    for strategy in [blue_green(), canary()] {
        let mut platform = Platform::new(4, strategy);
        platform.new_boots = false;
        let platform = platform.run();
        assert_eq!(platform.phases()[2..], [(610, "stuck"), (610, "rolling back"), (610, "rolled back")]);
        assert_eq!(platform.counts().1.spec, 0);
    }
}

#[test]
fn recreate_and_rolling_roll_back_when_they_are_given_a_gate() {
    let recreate = Strategy::Recreate(Recreate { gate: gate(), bake: Span::from_secs(120) });
    let rolling = Strategy::Rolling(Rolling {
        pace: Pace::Surge(Surge::new(Amount::Count(1), Amount::Count(0))),
        gate: gate(),
        bake: Span::from_secs(120),
    });
    for strategy in [recreate, rolling] {
        let mut platform = Platform::new(4, strategy).failing(0.05);
        platform.share = 1.0;
        let platform = platform.run();
        let names: Vec<&str> = platform.phases().into_iter().map(|(_, phase)| phase).collect();
        assert!(names.ends_with(&["rolled back"]) && names.contains(&"rolling back"), "{names:?}");
        platform.runs_only(OLD, 4);
    }
}

/// A platform on which the instances with these numbers crash instead of answering.
fn with_crashes(size: u32, pace: Pace, crash: impl Fn(u32) -> bool) -> Platform {
    let strategy = Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO });
    let mut platform = Platform::new(size, strategy);
    platform.crash = (0..100).filter(|&number| crash(number)).map(InstanceId).collect();
    platform.run()
}

fn last_phase(platform: &Platform) -> &str {
    platform.phases().last().map_or("", |(_, phase)| phase)
}

#[test]
fn hosts_may_fail_while_enough_are_healthy_and_one_success_is_enough() {
    let all_at_once = || Pace::Hosts(Amount::Count(0));
    assert_eq!(last_phase(&with_crashes(4, all_at_once(), |number| number > 4)), "promoted");
    assert_eq!(last_phase(&with_crashes(4, all_at_once(), |_| true)), "failed");
    // The new instances of six hosts are numbered from 6: the last may fail, the first may not.
    let one_at_a_time = || Pace::Hosts(Amount::Percent(99.0));
    assert_eq!(last_phase(&with_crashes(6, Pace::Hosts(Amount::Count(5)), |number| number == 11)), "promoted");
    let stopped = with_crashes(6, Pace::Hosts(Amount::Count(5)), |number| number == 6);
    assert_eq!((last_phase(&stopped), stopped.available_min), ("failed", 5));
    // 99 % of six rounds up to six: no host may be taken out at all.
    assert_eq!(last_phase(&with_crashes(6, one_at_a_time(), |_| false)), "stuck");
}

#[test]
fn an_allocation_that_is_late_stops_the_others_or_without_a_deadline_the_deployment() {
    let job = Nomad { healthy_deadline: Span::from_secs(50), ..Nomad::new(2) };
    let platform = with_crashes(6, Pace::Nomad(job), |number| number == 7);
    assert_eq!(last_phase(&platform), "stuck");
    let (old, new) = platform.counts();
    assert_eq!((old.spec, new.spec, new.available), (2, 4, 3), "one at a time went on until the other was late");
    for (auto_revert, ending) in [(false, "failed"), (true, "rolled back")] {
        let strategy = Pace::Nomad(Nomad { auto_revert, ..job });
        let mut platform =
            Platform::new(6, Strategy::Rolling(Rolling { pace: strategy, gate: None, bake: Span::ZERO }));
        platform.controller = platform.without_deadline();
        platform.crash = vec![InstanceId(7)];
        assert_eq!(last_phase(&platform.run()), ending);
    }
}

#[test]
fn repeated_news_change_nothing() {
    let mut platform = Platform::new(4, blue_green()).run();
    let before = platform.log.len();
    for input in [Input::Deploy, Input::Ready(InstanceId(5)), Input::Deadline] {
        platform.tell(input);
    }
    assert_eq!(platform.log.len(), before);
    platform.runs_only(NEW, 4);
}

#[test]
fn an_instance_that_is_lost_leaves_the_endpoints_and_comes_back_when_ready() {
    let mut controller = Platform::new(2, blue_green()).controller;
    let mut orders = Vec::new();
    controller.handle(at(1), Input::Lost(InstanceId(0)), &mut orders);
    controller.handle(at(2), Input::Lost(InstanceId(0)), &mut orders);
    controller.handle(at(9), Input::Ready(InstanceId(0)), &mut orders);
    let publish = |listed| Order::Publish { instance: InstanceId(0), listed };
    assert_eq!(orders, [publish(false), publish(true)]);
}
