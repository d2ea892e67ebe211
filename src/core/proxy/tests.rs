use super::*;
use crate::core::ids::UserId;
use crate::core::time::Span;

const V1: VersionId = VersionId(0);
const V2: VersionId = VersionId(1);

fn policy() -> Policy {
    let on = RetryOn { refused: true, reset: true, error: false };
    Policy {
        balancer: Rule::NginxRoundRobin,
        weights: Vec::new(),
        checks: None,
        passive: None,
        retries: Retries { attempts: 1, budget: None, on },
    }
}

fn proxy(policy: Policy, instances: u32) -> Proxy {
    let mut proxy = Proxy::new(policy, None, Seed(1), 0);
    for id in 0..instances {
        proxy.list(at(0), InstanceId(id), V1);
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
        if proxy.finish(at(second), pick, ending, tried.count()) == Next::Done {
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
    let checks = Checks { interval: Span::from_secs(2), timeout: Span::from_secs(1), rise: 2, fall: 3 };
    let mut proxy = proxy(Policy { checks: Some(checks), ..policy() }, 1);
    let up = |proxy: &mut Proxy| match proxy.pick(at(0), &ask(Tried::NONE)) {
        Ok(pick) => proxy.finish(at(0), pick, Ending::Served, 1) == Next::Done,
        Err(Refusal::NoInstance) => false,
    };
    let mut seen = Vec::new();
    for well in [false, false, true, false, false, false, true, false, true, true] {
        proxy.probed(at(0), InstanceId(0), well);
        seen.push(up(&mut proxy));
    }
    assert_eq!(seen, [true, true, true, true, true, false, false, false, false, true]);
}

#[test]
fn the_budget_stops_retries_beyond_the_floor_of_three() {
    let budget = Share::new(0.2);
    let mut proxy = proxy(Policy { retries: Retries { budget, ..policy().retries }, ..policy() }, 10);
    let mut retried = 0;
    for _ in 0..10 {
        let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("ten instances");
        let mut tried = Tried::NONE;
        tried.push(pick.instance);
        if proxy.finish(at(0), pick, Ending::Reset, 1) == Next::Retry {
            proxy.pick(at(0), &ask(tried)).expect("nine instances");
            retried += 1;
        }
    }
    assert_eq!(retried, 3);
}

#[test]
fn a_split_routes_by_version_and_an_empty_side_refuses() {
    let mut proxy = Proxy::new(policy(), Some((V2, Split::Smooth)), Seed(1), 0);
    proxy.list(at(0), InstanceId(0), V1);
    proxy.set_share(Share::ALL);
    assert_eq!(proxy.pick(at(0), &ask(Tried::NONE)), Err(Refusal::NoInstance));
    proxy.list(at(0), InstanceId(1), V2);
    let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("the new version is listed");
    assert_eq!((pick.instance, pick.version), (InstanceId(1), V2));
}

#[test]
fn an_instance_that_left_is_not_picked_and_its_attempts_may_still_end() {
    let mut proxy = proxy(policy(), 2);
    let pick = proxy.pick(at(0), &ask(Tried::NONE)).expect("two instances");
    proxy.unlist(at(0), pick.instance);
    assert!(!proxy.lists(pick.instance));
    for _ in 0..4 {
        let other = proxy.pick(at(0), &ask(Tried::NONE)).expect("one instance left");
        assert_ne!(other.instance, pick.instance);
    }
    assert_eq!(proxy.finish(at(0), pick, Ending::Served, 1), Next::Done);
}
