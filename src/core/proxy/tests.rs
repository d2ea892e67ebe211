use super::*;
use crate::core::time::Span;

const V1: VersionId = VersionId(0);
const V2: VersionId = VersionId(1);

fn policy() -> Policy {
    let retries = Retries { attempts: 1, ..Retries::NONE };
    Policy { retries, ..Policy::plain(Rule::NginxRoundRobin) }
}

fn checks(rise: u32, fall: u32) -> Checks {
    let interval = Span::from_secs(2);
    Checks {
        interval,
        fast_interval: interval,
        down_interval: interval,
        timeout: Span::from_secs(1),
        rise,
        fall,
        initial: Initial::FullyUp,
    }
}

fn proxy(policy: Policy, instances: u32) -> Proxy {
    let mut proxy = Proxy::new(Moment::START, policy, None, Seed(1), 0);
    for id in 0..instances {
        proxy.list(Moment::START, InstanceId(id), V1, 0, false);
    }
    proxy
}

fn ask(tried: Tried) -> Ask<'static> {
    Ask::of(UserId(1), 42, tried)
}

fn at(second: u64) -> Moment {
    Moment::START + Span::from_secs(second)
}

/// Sends one request at `second` whose attempts on instance 0 are refused; which instances saw it.
fn send(proxy: &mut Proxy, second: u64) -> Vec<u32> {
    let mut tried = Tried::NONE;
    let mut seen = Vec::new();
    loop {
        let Ok(pick) = proxy.pick(at(second), &ask(tried)) else { return seen };
        seen.push(pick.instance.0);
        tried.push(pick.instance);
        let ending = if pick.instance.0 == 0 { Ending::Refused } else { Ending::Served };
        if proxy.finish(at(second), pick, ending, tried.count(), 0) == Next::Done {
            return seen;
        }
    }
}

#[test]
fn a_retry_goes_to_another_instance() {
    let mut proxy = proxy(policy(), 2);
    assert_eq!(send(&mut proxy, 0), [0, 1]);
    assert_eq!(proxy.active(), 0);
}

#[test]
fn without_another_instance_a_retry_is_refused() {
    let mut proxy = proxy(policy(), 1);
    assert_eq!(send(&mut proxy, 0), [0]);
}

#[test]
fn a_failed_instance_gets_one_live_attempt_per_fail_timeout() {
    let passive = Some(Passive { max_fails: 1, fail_timeout: Span::from_secs(10) });
    let mut proxy = proxy(Policy { passive, ..policy() }, 2);
    let attempts = |proxy: &mut Proxy, seconds: std::ops::Range<u64>| -> usize {
        seconds.map(|second| send(proxy, second).iter().filter(|&&id| id == 0).count()).sum()
    };
    assert_eq!(attempts(&mut proxy, 0..1), 1);
    assert_eq!(attempts(&mut proxy, 1..11), 0);
    assert_eq!(attempts(&mut proxy, 11..22), 1);
    assert_eq!(attempts(&mut proxy, 22..33), 1);
}

#[test]
fn the_only_instance_is_never_marked_failed() {
    let passive = Some(Passive { max_fails: 1, fail_timeout: Span::from_secs(10) });
    let mut proxy = proxy(Policy { passive, ..policy() }, 1);
    for second in 0..5 {
        assert_eq!(send(&mut proxy, second), [0]);
    }
}

#[test]
fn checks_take_an_instance_out_after_fall_and_back_after_rise() {
    let checks = checks(2, 3);
    let mut proxy = proxy(Policy { checks: Some(checks), ..policy() }, 1);
    let up = |proxy: &mut Proxy| match proxy.pick(at(0), &ask(Tried::NONE)) {
        Ok(pick) => proxy.finish(at(0), pick, Ending::Served, 1, 0) == Next::Done,
        Err(Refusal::NoInstance | Refusal::Full) => false,
    };
    let mut seen = Vec::new();
    for well in [false, false, true, false, false, false, true, false, true, true] {
        proxy.probed(Moment::START, InstanceId(0), well);
        seen.push(up(&mut proxy));
    }
    assert_eq!(seen, [true, true, true, true, true, false, false, false, false, true]);
}

#[test]
fn the_budget_stops_retries_beyond_the_floor_of_three() {
    let budget = Budget::Active { share: Share::new(0.2).expect("a share"), floor: 3 };
    let mut proxy = proxy(Policy { retries: Retries { budget, ..policy().retries }, ..policy() }, 10);
    let mut retried = 0;
    for _ in 0..10 {
        let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("ten instances");
        let mut tried = Tried::NONE;
        tried.push(pick.instance);
        if proxy.finish(at(0), pick, Ending::Reset, 1, 0) != Next::Done {
            proxy.pick(at(0), &ask(tried)).expect("nine instances");
            retried += 1;
        }
    }
    assert_eq!(retried, 3);
}

#[test]
fn a_split_routes_by_version_and_an_empty_side_refuses() {
    let mut proxy = Proxy::new(Moment::START, policy(), Some((V2, Split::Smooth)), Seed(1), 0);
    proxy.list(Moment::START, InstanceId(0), V1, 0, false);
    proxy.set_share(Share::ALL);
    assert_eq!(proxy.pick(at(0), &ask(Tried::NONE)), Err(Refusal::NoInstance));
    proxy.list(Moment::START, InstanceId(1), V2, 0, false);
    let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("the new version is listed");
    assert_eq!((pick.instance, pick.version), (InstanceId(1), V2));
}

#[test]
fn an_instance_that_left_is_not_picked_and_its_attempts_may_still_end() {
    let mut proxy = proxy(policy(), 2);
    let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("two instances");
    proxy.unlist(Moment::START, pick.instance);
    assert!(!proxy.lists(pick.instance));
    for _ in 0..4 {
        let other = proxy.pick(at(0), &ask(Tried::NONE)).expect("one instance left");
        assert_ne!(other.instance, pick.instance);
    }
    assert_eq!(proxy.finish(at(0), pick, Ending::Served, 1, 0), Next::Done);
}

/// Ends one attempt on `instance`, picked for it alone, in this way.
fn end(proxy: &mut Proxy, second: u64, instance: u32, ending: Ending) {
    for _ in 0..100 {
        let pick = proxy.pick(at(second), &ask(Tried::NONE)).expect("somebody is healthy");
        let hit = pick.instance.0 == instance;
        proxy.finish(at(second), pick, if hit { ending } else { Ending::Abandoned }, 1, 0);
        if hit {
            return;
        }
    }
    panic!("instance {instance} is never picked");
}

/// The instances that get attempts now, by number.
fn healthy(proxy: &mut Proxy, second: u64) -> Vec<u32> {
    let mut seen: Vec<u32> = (0..50)
        .filter_map(|_| {
            let pick = proxy.pick(at(second), &ask(Tried::NONE)).ok()?;
            proxy.finish(at(second), pick, Ending::Abandoned, 1, 0);
            Some(pick.instance.0)
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

fn ejecting() -> Policy {
    let ejection = Some(Ejection {
        consecutive_errors: Some(5),
        consecutive_gateway: None,
        success_rate: None,
        failure_share: None,
        interval: Span::from_secs(10),
        base: Span::from_secs(30),
        max: Span::from_secs(300),
        share: Share::new(0.1).expect("a share"),
    });
    Policy { ejection, retries: Retries::NONE, ..policy() }
}

#[test]
fn five_errors_in_a_row_eject_until_the_sweep_after_thirty_seconds() {
    let mut proxy = proxy(ejecting(), 3);
    (0..5).for_each(|_| end(&mut proxy, 4, 1, Ending::Error));
    assert_eq!(healthy(&mut proxy, 4), [0, 2]);
    let mut back = None;
    while back.is_none() {
        let due = proxy.deadline();
        proxy.tick(due);
        back = (healthy(&mut proxy, due.whole_seconds()) == [0, 1, 2]).then_some(due.whole_seconds());
    }
    assert_eq!(back, Some(40), "the first sweep at which thirty seconds have passed");
}

#[test]
fn one_of_three_may_be_ejected_and_not_two() {
    let mut proxy = proxy(ejecting(), 3);
    (0..5).for_each(|_| end(&mut proxy, 0, 1, Ending::Error));
    (0..9).for_each(|_| end(&mut proxy, 0, 2, Ending::Error));
    assert_eq!(healthy(&mut proxy, 0), [0, 2]);
}

#[test]
fn after_a_break_one_attempt_is_on_probation_and_decides() {
    let breaker =
        Breaker { failures: 2, penalty: Span::from_secs(10), penalty_max: Span::from_secs(60), jitter: Share::NONE };
    let mut proxy = proxy(Policy { breaker: Some(breaker), retries: Retries::NONE, ..policy() }, 2);
    (0..2).for_each(|_| end(&mut proxy, 0, 0, Ending::Reset));
    assert_eq!(healthy(&mut proxy, 5), [1]);
    assert_eq!(proxy.deadline(), at(10));
    proxy.tick(at(10));
    let picks: Vec<Pick> = (0..6).map(|_| proxy.pick(at(10), &ask(Tried::NONE)).expect("one is healthy")).collect();
    assert_eq!(picks.iter().filter(|pick| pick.instance.0 == 0).count(), 1, "a single attempt");
    for pick in picks {
        let ending = if pick.instance.0 == 0 { Ending::Served } else { Ending::Abandoned };
        proxy.finish(at(10), pick, ending, 1, 0);
    }
    assert_eq!(healthy(&mut proxy, 10), [0, 1]);
}

#[test]
fn backups_are_picked_only_when_everybody_else_is_out() {
    for (first_only, seen) in [(false, vec![1, 2]), (true, vec![1])] {
        let checks = checks(1, 1);
        let spill = Spill::Strict { first_only };
        let mut proxy = Proxy::new(Moment::START, Policy { checks: Some(checks), spill, ..policy() }, None, Seed(1), 0);
        for (id, level) in [(0, 0), (1, 1), (2, 1)] {
            proxy.list(Moment::START, InstanceId(id), V1, level, false);
        }
        assert_eq!(healthy(&mut proxy, 0), [0]);
        proxy.probed(Moment::START, InstanceId(0), false);
        assert_eq!(healthy(&mut proxy, 0), seen);
        proxy.probed(Moment::START, InstanceId(0), true);
        assert_eq!(healthy(&mut proxy, 0), [0]);
    }
}

#[test]
fn when_all_are_down_some_systems_refuse_and_others_open() {
    let checks = checks(1, 1);
    let panic = |fail| AllOut::Panic { below: Share::new(0.5).expect("a share"), fail };
    let cases = [
        (AllOut::Refuse, vec![0, 1], vec![]),
        (AllOut::Open, vec![0, 1], vec![0, 1, 2, 3, 4]),
        (panic(false), vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]),
        (panic(true), vec![], vec![]),
    ];
    for (all_out, two_left, none_left) in cases {
        let mut proxy = proxy(Policy { checks: Some(checks), all_out, ..policy() }, 5);
        (2..5).for_each(|id| assert!(proxy.probed(Moment::START, InstanceId(id), false).is_some()));
        assert_eq!(healthy(&mut proxy, 0), two_left, "{all_out:?}");
        (0..2).for_each(|id| assert!(proxy.probed(Moment::START, InstanceId(id), false).is_some()));
        assert_eq!(healthy(&mut proxy, 0), none_left, "{all_out:?}");
    }
}

#[test]
fn a_freed_place_goes_to_the_oldest_who_waits() {
    let limits = Limits { per_instance: 1, queue: 2, ..Limits::NONE };
    let mut proxy = proxy(Policy { limits, ..policy() }, 1);
    let enter = |proxy: &mut Proxy, ticket| proxy.enter(at(0), &ask(Tried::NONE), None, Ticket(ticket));
    let Entry::Sent(first) = enter(&mut proxy, 0) else { panic!("there is a place") };
    assert!(matches!(enter(&mut proxy, 1), Entry::Waits(_)));
    let Entry::Waits(turn) = enter(&mut proxy, 2) else { panic!("there is room in the queue") };
    assert_eq!(enter(&mut proxy, 3), Entry::Refused);
    assert_eq!(proxy.call_next(at(0), Some(InstanceId(0))), None, "there is no place yet");
    proxy.finish(at(1), first, Ending::Served, 1, 0);
    let (ticket, second) = proxy.call_next(at(1), Some(InstanceId(0))).expect("a place is free");
    assert_eq!(ticket, Ticket(1));
    proxy.leave(turn);
    proxy.finish(at(2), second, Ending::Served, 1, 0);
    assert_eq!(proxy.call_next(at(2), Some(InstanceId(0))), None, "the other one left");
    assert_eq!((proxy.active(), proxy.waiting()), (0, 0));
}

#[test]
fn a_copy_goes_to_the_new_version_and_takes_nothing_from_users() {
    let retries = Retries { attempts: 1, budget: Budget::AtOnce(1), ..Retries::NONE };
    let sticky = Some(Sticky { by: Affinity::Source, lifetime: None, through_drain: false });
    let limits = Limits { per_instance: 2, requests: 5, queue: 9 };
    let policy = Policy { retries, sticky, limits, ..policy() };
    let mut proxy = Proxy::new(Moment::START, policy, Some((V2, Split::Random)), Seed(1), 0);
    assert_eq!(proxy.pick_mirror(at(0), &ask(Tried::NONE)), Err(Refusal::NoInstance));
    proxy.list(Moment::START, InstanceId(0), V1, 0, false);
    proxy.list(Moment::START, InstanceId(1), V2, 0, false);
    let copies: Vec<Pick> =
        (0..2).map(|_| proxy.pick_mirror(at(0), &ask(Tried::NONE)).expect("there is room for two")).collect();
    assert!(copies.iter().all(|copy| copy.version == V2 && !copy.retry));
    assert_eq!(proxy.pick_mirror(at(0), &ask(Tried::NONE)), Err(Refusal::Full), "and a copy never waits");
    assert_eq!((proxy.active(), proxy.waiting()), (2, 0));
    for copy in copies {
        proxy.finish_mirror(at(1), copy, Ending::Reset, 0);
    }
    let user = proxy.pick(at(1), &ask(Tried::NONE)).expect("the old version has room");
    assert_eq!(user.version, V1, "the user does not stick to where the copies went");
    assert_eq!(proxy.finish(at(1), user, Ending::Refused, 1, 0), Next::RetryAfter(Span::ZERO), "no retry was spent");
    proxy.forgo();
    assert_eq!(proxy.active(), 0);
}

#[test]
fn without_a_split_nothing_is_copied() {
    let mut proxy = proxy(policy(), 2);
    assert_eq!(proxy.pick_mirror(at(0), &ask(Tried::NONE)), Err(Refusal::NoInstance));
}

#[test]
fn a_retry_to_the_same_instance_stays_and_the_last_one_moves() {
    let retries = Retries { attempts: 2, target: Target::Same { redispatch: true }, ..Retries::NONE };
    let mut proxy = proxy(Policy { retries, ..policy() }, 3);
    assert_eq!(send(&mut proxy, 0), [0, 0, 1]);
}

#[test]
fn a_user_comes_back_through_the_drain_if_that_is_honoured() {
    for through_drain in [false, true] {
        let sticky = Some(Sticky { by: Affinity::Source, lifetime: None, through_drain });
        let mut proxy = proxy(Policy { sticky, ..policy() }, 3);
        let where_to = |proxy: &mut Proxy| {
            let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("somebody is listed");
            proxy.finish(at(0), pick, Ending::Served, 1, 0);
            pick.instance
        };
        let home = where_to(&mut proxy);
        assert!((0..5).all(|_| where_to(&mut proxy) == home));
        proxy.unlist(Moment::START, home);
        assert!(!proxy.lists(home));
        assert_eq!(where_to(&mut proxy) == home, through_drain);
        let other = proxy.pick(at(0), &Ask { user: UserId(9), ..ask(Tried::NONE) }).expect("two are listed");
        assert_ne!(other.instance, home, "nobody new comes to it");
    }
}

#[test]
fn haproxys_slow_start_lets_the_limit_grow_too() {
    let slow = Some(SlowStart::Haproxy(Span::from_secs(60)));
    let limits = Limits { per_instance: 40, ..Limits::NONE };
    // max(1, limit · t / T), by whole percent; after the start of the process there is no slow start.
    let grown = [(100, 1), (101, 1), (106, 4), (115, 10), (130, 20), (145, 30), (159, 39), (160, 40), (200, 40)];
    for rule in [Rule::HaproxyRoundRobin(slow), Rule::HaproxyLeastConnections(slow)] {
        for (second, allowed) in grown {
            let mut proxy = proxy(Policy { limits, ..Policy::plain(rule.clone()) }, 1);
            proxy.list(at(100), InstanceId(1), V1, 0, false);
            let mut places = [0; 2];
            while let Ok(pick) = proxy.pick(at(second), &ask(Tried::NONE)) {
                places[pick.instance.index()] += 1;
            }
            assert_eq!(places, [40, allowed], "{rule:?} at {second} s");
        }
    }
}
