//! The sequences that real systems and their own tests give, and indexes against the plain rules they stand for.

use super::rule::*;
use crate::core::draw::{Seed, below};
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::pool::End;
use crate::core::proxy::{Ask, Client, Listing, Passive, Pool, Tried};
use crate::core::time::{Moment, Span};
use rand::Rng;

fn list(pool: &mut Pool, now: Moment, id: u32, name: &str, weight: u32) {
    pool.list(now, &Listing { instance: InstanceId(id), version: VersionId(0), name, weight });
}

fn pool(rule: &Rule, weights: &[u32]) -> Pool {
    guarded_pool(rule, weights, None)
}

fn guarded_pool(rule: &Rule, weights: &[u32], passive: Option<Passive>) -> Pool {
    let mut pool = Pool::new(rule, Seed(1).stream("balancer", 0)).guarded(passive, u32::MAX);
    for (id, &weight) in (0..).zip(weights) {
        list(&mut pool, Moment::START, id, &format!("10.0.0.{}:80", id + 1), weight);
    }
    pool
}

fn at(millis: u64) -> Moment {
    Moment::START + Span::from_millis(millis)
}

fn ask() -> Ask<'static> {
    Ask::of(UserId(1), 0, Tried::NONE)
}

fn pick_at(pool: &mut Pool, now: Moment) -> u32 {
    let (instance, _) = pool.pick(now, &ask()).expect("someone is eligible");
    instance.0
}

/// One pick whose attempt ends at once.
fn pass_at(pool: &mut Pool, now: Moment) -> u32 {
    let id = pick_at(pool, now);
    pool.end(now, InstanceId(id), Span::ZERO);
    id
}

fn letters(pool: &mut Pool, count: usize) -> String {
    (0..count).map(|_| char::from(b'a' + pass_at(pool, Moment::START) as u8)).collect()
}

fn by_key(pool: &mut Pool, key: &str) -> u32 {
    let ask = Ask { key: Some(key.as_bytes()), ..ask() };
    let (instance, _) = pool.pick(Moment::START, &ask).expect("someone is eligible");
    pool.end(Moment::START, instance, Span::ZERO);
    instance.0
}

/// How often each of `count` members is picked in `picks`, as shares.
fn shares(pool: &mut Pool, count: usize, picks: u32, mut pick: impl FnMut(&mut Pool) -> u32) -> Vec<f64> {
    let mut counts = vec![0_u32; count];
    for _ in 0..picks {
        counts[pick(pool) as usize] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / f64::from(picks)).collect()
}

fn assert_shares(found: &[f64], expected: &[f64], within: f64) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < within, "{found} is not {expected} ± {within}");
    }
}

const ENVOY_RR: Rule = Rule::EnvoyRoundRobin(EnvoyRoundRobin { random_start: false, slow_start: None });
const ENVOY_LR: LeastRequest = LeastRequest { choice_count: 2, bias: 1.0, full_scan: false, slow_start: None };

#[test]
fn rotations_follow_the_real_programs_and_their_tests() {
    let cases: [(Rule, &[u32], &str); 22] = [
        (Rule::NginxRoundRobin, &[1, 1, 1], "abcabc"),
        (Rule::NginxRoundRobin, &[5, 1, 1], "aabacaaaabacaa"),
        (Rule::NginxRoundRobin, &[4, 2, 1], "abacaba"),
        (Rule::NginxRoundRobin, &[3, 2, 1], "abacbaabacba"),
        (Rule::NginxRoundRobin, &[2, 1], "abaaba"),
        (Rule::NginxRoundRobin, &[5, 1], "aaabaa"),
        (Rule::NginxRoundRobin, &[1], "aaa"),
        (Rule::NginxLeastConnections, &[5, 1, 1], "aabacaa"),
        (Rule::HaproxyRoundRobin(None), &[1, 1, 1], "abcabc"),
        (Rule::HaproxyRoundRobin(None), &[5, 1, 1], "aaabaacaaabaac"),
        (Rule::HaproxyRoundRobin(None), &[3, 2, 1], "abacababacab"),
        (Rule::HaproxyRoundRobin(None), &[4, 2, 1], "aabacabaabacab"),
        (Rule::HaproxyRoundRobin(None), &[5, 1], "aaaaabaaaaab"),
        (Rule::HaproxyLeastConnections(None), &[5, 1, 1], "abcabc"),
        (ENVOY_RR, &[11, 3], "aaabaaaabaaaba"),
        (ENVOY_RR, &[1, 1, 1], "abcabc"),
        (Rule::EnvoyLeastRequest(ENVOY_LR), &[1, 2], "babbab"),
        (Rule::PingoraRoundRobin, &[1, 8, 1], "abbbbbbbbc"),
        (Rule::RoundRobin, &[5, 1, 1], "abcabc"),
        (Rule::First(1), &[1, 1], "aaa"),
        (Rule::TraefikWeightedRoundRobin, &[1, 2], "babbab"),
        (Rule::HaproxyStaticRr, &[1, 1, 1], "abcabc"),
    ];
    for (rule, weights, expected) in cases {
        assert_eq!(letters(&mut pool(&rule, weights), expected.len()), expected, "{rule:?} {weights:?}");
    }
}

#[test]
fn a_canary_of_one_in_ten_is_picked_at_five_and_then_every_tenth() {
    let positions = |rule: &Rule, weights: &[u32], count| -> Vec<usize> {
        let sequence = letters(&mut pool(rule, weights), count);
        sequence.match_indices('b').map(|(at, _)| at).collect()
    };
    assert_eq!(positions(&Rule::NginxRoundRobin, &[90, 10], 30), [5, 15, 25]);
    assert_eq!(positions(&ENVOY_RR, &[99, 1], 300), [99, 198, 299]);
    assert_eq!(positions(&ENVOY_RR, &[90, 10], 50), [8, 19, 29, 38, 48]);
}

#[test]
fn haproxy_sends_in_proportion_to_weights() {
    let mut pool = pool(&Rule::HaproxyRoundRobin(None), &[5, 1]);
    assert_shares(&shares(&mut pool, 2, 6_000, |pool| pass_at(pool, Moment::START)), &[0.833_33, 0.166_67], 1e-4);
}

#[test]
fn a_weight_cut_by_a_failure_climbs_back_by_one_a_pick() {
    let passive = Some(Passive { max_fails: 5, fail_timeout: Span::from_secs(10) });
    for rule in [Rule::NginxRoundRobin, Rule::NginxLeastConnections] {
        let mut pool = guarded_pool(&rule, &[10, 10], passive);
        let (first, _) = pool.pick(at(0), &ask()).expect("two are eligible");
        let end = End { now: at(0), latency: Span::ZERO, fault: true, served: false };
        pool.finish(first, end);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(pool.standings(at(0)).next().expect("two members").effective);
            let (picked, _) = pool.pick(at(0), &ask()).expect("two are eligible");
            pool.finish(picked, End { fault: false, ..end });
        }
        assert_eq!(seen, [8.0, 9.0, 10.0, 10.0], "{rule:?}");
    }
}

#[test]
fn nginx_hashes_addresses_as_the_real_one() {
    let cases = [
        ([127, 0, 0, 9], [0, 2, 0, 0]),
        ([10, 0, 0, 1], [1, 0, 1, 0]),
        ([192, 168, 1, 1], [0, 1, 2, 4]),
        ([192, 168, 2, 1], [1, 2, 3, 0]),
        ([203, 0, 113, 1], [0, 0, 0, 2]),
        ([8, 8, 8, 8], [1, 2, 3, 3]),
    ];
    for (address, indexes) in cases {
        for (count, index) in (2..).zip(indexes) {
            let mut pool = pool(&Rule::NginxIpHash, &vec![1; count]);
            let ask = Ask { client: Some(Client::V4(address)), ..ask() };
            let (instance, _) = pool.pick(Moment::START, &ask).expect("all are eligible");
            assert_eq!(instance.0, index, "{address:?} among {count}");
        }
    }
}

#[test]
fn nginx_hashes_keys_as_the_real_one() {
    let mut pool = pool(&Rule::NginxHash, &[1, 1, 1]);
    let found: String = ('a'..='j').map(|key| char::from(b'a' + by_key(&mut pool, &key.to_string()) as u8)).collect();
    assert_eq!(found, "caccccabaa");
}

#[test]
fn ketama_points_are_those_of_memcached() {
    let mut pool = Pool::new(&Rule::Ketama, Seed(1).stream("balancer", 0));
    for id in 0..11 {
        if id == 10 {
            assert_eq!((by_key(&mut pool, "a"), by_key(&mut pool, "b")), (9, 4));
        }
        list(&mut pool, Moment::START, id, &format!("127.0.0.{}:6443", id + 1), 1);
    }
    assert_eq!((by_key(&mut pool, "a"), by_key(&mut pool, "b")), (9, 4));
}

#[test]
fn envoys_bias_makes_a_loaded_heavy_host_alternate() {
    let mut pool = pool(&Rule::EnvoyLeastRequest(ENVOY_LR), &[1, 2]);
    assert_eq!(pick_at(&mut pool, at(0)), 1);
    list(&mut pool, at(0), 2, "10.0.0.3:80", 1);
    pool.unlist(at(0), InstanceId(2));
    let sequence: Vec<u32> = (0..8).map(|_| pass_at(&mut pool, at(0))).collect();
    assert!(sequence.windows(2).all(|pair| pair[0] != pair[1]), "{sequence:?}");
}

#[test]
fn choices_with_replacement_have_envoys_shares() {
    for (count, expected) in [(3, vec![4.0 / 9.0, 4.0 / 9.0, 1.0 / 9.0]), (2, vec![0.75, 0.25])] {
        let mut pool = pool(&Rule::EnvoyLeastRequest(ENVOY_LR), &vec![1; count]);
        while pool.standings(at(0)).last().is_some_and(|last| last.active == 0) {
            let id = pick_at(&mut pool, at(0));
            if id as usize != count - 1 {
                pool.end(at(0), InstanceId(id), Span::ZERO);
            }
        }
        let found = shares(&mut pool, count, 100_000, |pool| pass_at(pool, at(0)));
        assert_shares(&found, &expected, 0.007);
    }
    let scan = LeastRequest { full_scan: true, ..ENVOY_LR };
    let mut pool = pool(&Rule::EnvoyLeastRequest(scan), &[1, 1, 1]);
    assert_shares(&shares(&mut pool, 3, 100_000, |pool| pass_at(pool, at(0))), &[1.0 / 3.0; 3], 0.005);
}

#[test]
fn one_new_host_among_ten_gets_what_its_slow_start_allows() {
    for (min_weight, expected) in [(0.1, 0.0110), (0.5, 0.0526)] {
        let slow_start = Some(SlowStart::Envoy { window: Span::from_secs(60), aggression: 1.0, min_weight });
        let rule = Rule::EnvoyRoundRobin(EnvoyRoundRobin { random_start: false, slow_start });
        let mut pool = pool(&rule, &[1; 9]);
        list(&mut pool, at(1), 9, "new", 1);
        let found = shares(&mut pool, 10, 100_000, |pool| pass_at(pool, at(2)));
        assert_shares(&found[9..], &[expected], 5e-5);
        assert!(!pool.slow_start_protects_nothing(at(2)));
    }
}

#[test]
fn slow_start_protects_nothing_where_all_are_new_and_says_so() {
    let slow_start = Some(SlowStart::Envoy { window: Span::from_secs(60), aggression: 1.0, min_weight: 0.1 });
    let rule = Rule::EnvoyRoundRobin(EnvoyRoundRobin { random_start: false, slow_start });
    let mut pool = pool(&rule, &[]);
    for id in 0..10 {
        list(&mut pool, at(1), id, &id.to_string(), 1);
    }
    assert_shares(&shares(&mut pool, 10, 10_000, |pool| pass_at(pool, at(2))), &[0.1; 10], 1e-3);
    assert!(pool.slow_start_protects_nothing(at(2)));
    assert!(!pool.slow_start_protects_nothing(at(61_000)));
}

#[test]
fn a_load_balancer_spares_a_newcomer_only_beside_someone_warm() {
    let rule = Rule::AlbRoundRobin(Some(SlowStart::Alb(Span::from_secs(30))));
    let mut alone = pool(&rule, &[]);
    list(&mut alone, at(1), 0, "a", 1);
    list(&mut alone, at(1), 1, "b", 1);
    assert!(!alone.slow_start_protects_nothing(at(2)));
    let mut beside = pool(&rule, &[1; 9]);
    list(&mut beside, at(1), 9, "new", 1);
    let found = shares(&mut beside, 10, 10_000, |pool| pass_at(pool, at(3_001)));
    assert_shares(&found[9..], &[0.1 / 9.1], 5e-4);
}

#[test]
fn haproxys_slow_start_is_not_for_those_of_the_process_start() {
    let rule = Rule::HaproxyRoundRobin(Some(SlowStart::Haproxy(Span::from_secs(60))));
    let mut pool = pool(&rule, &[1, 1]);
    let effective =
        |pool: &Pool, now| pool.standings(now).map(|standing| standing.effective * 16.0).collect::<Vec<_>>();
    assert_eq!(effective(&pool, at(1)), [16.0, 16.0]);
    pool.mark(at(1_000), InstanceId(1), false);
    assert_eq!(letters(&mut pool, 3), "aaa");
    pool.mark(at(100_000), InstanceId(1), true);
    let seen = [0, 6, 15, 30, 45, 57].map(|second| effective(&pool, at(100_000 + second * 1_000))[1]);
    assert_eq!(seen, [1.0, 2.0, 5.0, 9.0, 13.0, 16.0]);
    let found = shares(&mut pool, 2, 1_700, |pool| pass_at(pool, at(100_001)));
    assert!((found[1] - 1.0 / 17.0).abs() < 0.01, "{found:?}");
}

#[test]
fn consistent_hashes_move_only_the_keys_of_who_left() {
    let ring = Ring { minimum: 1_024, maximum: 8 << 20, murmur: false, balance_factor: 0 };
    let hash = HaproxyHash {
        consistent: true,
        function: HaproxyFunction::Sdbm,
        avalanche: true,
        source: false,
        balance_factor: 0,
    };
    for rule in [Rule::Ketama, Rule::EnvoyRingHash(ring), Rule::HaproxyHash(hash), Rule::Rendezvous] {
        let mut pool = pool(&rule, &[1; 10]);
        let keys: Vec<String> = (0..10_000).map(|key| format!("key{key}")).collect();
        let before: Vec<u32> = keys.iter().map(|key| by_key(&mut pool, key)).collect();
        pool.unlist(at(1), InstanceId(3));
        let strays = keys.iter().zip(before).filter(|(key, before)| {
            let after = by_key(&mut pool, key);
            *before != 3 && after != *before
        });
        // Envoy's ring has more points for each host once there are fewer, which moves some more keys.
        let allowed = if matches!(rule, Rule::EnvoyRingHash(_)) { 1_500 } else { 0 };
        assert!(strays.count() <= allowed, "{rule:?}");
    }
}

#[test]
fn modulo_hashes_and_maglev_move_what_is_known_of_them() {
    let moved = |rule: &Rule, count: u32| {
        let mut pool = pool(rule, &vec![1; count as usize]);
        let keys: Vec<String> = (0..20_000).map(|key| format!("key{key}")).collect();
        let before: Vec<u32> = keys.iter().map(|key| by_key(&mut pool, key)).collect();
        pool.unlist(at(1), InstanceId(count - 1));
        let moved = keys.iter().zip(before).filter(|(key, before)| by_key(&mut pool, key) != *before).count();
        moved as f64 / 20_000.0
    };
    assert_shares(&[3, 10, 100].map(|count| moved(&Rule::NginxHash, count)), &[0.667, 0.9, 0.989], 0.015);
    let maglev = Rule::EnvoyMaglev(Maglev { table_size: 65_537, balance_factor: 0 });
    for (count, expected, within) in [(3, 0.3335, 0.01), (10, 0.102, 0.007), (100, 0.0157, 0.004)] {
        assert_shares(&[moved(&maglev, count)], &[expected], within);
    }
}

const CONSISTENT: HaproxyHash = HaproxyHash {
    consistent: true,
    function: HaproxyFunction::Sdbm,
    avalanche: true,
    source: false,
    balance_factor: 0,
};

/// The largest and the smallest share of the keys, over the mean.
fn extremes(rule: &Rule, weights: &[u32]) -> [f64; 2] {
    let count = weights.len();
    let mut pool = pool(rule, weights);
    let mut key = 0;
    let found = shares(&mut pool, count, 10_000 * count as u32, |pool| {
        key += 1;
        by_key(pool, &format!("key{key}"))
    });
    let over_mean = |share: f64| share * count as f64;
    [over_mean(found.iter().copied().fold(0.0, f64::max)), over_mean(found.iter().copied().fold(1.0, f64::min))]
}

#[test]
fn ketama_is_as_uneven_as_its_points_make_it() {
    for (count, expected) in [(3, [1.056, 0.901]), (10, [1.142, 0.875]), (100, [1.204, 0.855])] {
        assert_shares(&extremes(&Rule::Ketama, &vec![1; count]), &expected, 0.06);
    }
}

#[test]
fn haproxys_ring_evens_out_as_weights_add_points() {
    for (weight, expected, within) in [(1, 1.34, 0.12), (10, 1.10, 0.06), (100, 1.02, 0.03), (256, 1.02, 0.03)] {
        let [most, _] = extremes(&Rule::HaproxyHash(CONSISTENT), &[weight; 10]);
        assert_shares(&[most], &[expected], within);
    }
}

#[test]
fn a_newcomer_takes_its_share_of_keys_and_nothing_else_moves() {
    let keys: Vec<String> = (0..20_000).map(|key| format!("key{key}")).collect();
    for rule in [Rule::Ketama, Rule::HaproxyHash(CONSISTENT), Rule::Rendezvous] {
        let mut pool = pool(&rule, &[10; 10]);
        let before: Vec<u32> = keys.iter().map(|key| by_key(&mut pool, key)).collect();
        list(&mut pool, at(1), 10, "10.0.0.11:80", 10);
        let after: Vec<u32> = keys.iter().map(|key| by_key(&mut pool, key)).collect();
        let moved: Vec<u32> = after.iter().zip(before).filter(|(new, old)| *new != old).map(|(new, _)| *new).collect();
        assert!(moved.iter().all(|&to| to == 10), "{rule:?}");
        assert_shares(&[moved.len() as f64 / 20_000.0], &[1.0 / 11.0], 0.02);
    }
}

#[test]
fn bounds_on_loads_hold_in_both_conventions() {
    let hash = HaproxyHash {
        consistent: true,
        function: HaproxyFunction::Sdbm,
        avalanche: true,
        source: false,
        balance_factor: 150,
    };
    let ring = Ring { minimum: 1_024, maximum: 8 << 20, murmur: false, balance_factor: 150 };
    // 8 requests times 1.5 are 12 slots, 3 for each of four; Envoy lets one more in.
    for (rule, most) in [(Rule::HaproxyHash(hash), 3), (Rule::EnvoyRingHash(ring), 4)] {
        let mut pool = pool(&rule, &[1; 4]);
        for _ in 0..8 {
            let key = Ask { key: Some(b"the same for all"), ..ask() };
            pool.pick(at(0), &key).expect("four are eligible");
        }
        let largest = pool.standings(at(0)).map(|standing| standing.active).max();
        assert_eq!(largest, Some(most), "{rule:?}");
    }
}

#[test]
fn a_newcomer_gets_what_the_prior_of_its_rule_says() {
    let first_ten = |rule: &Rule| {
        let mut pool = pool(rule, &[1; 10]);
        for step in 0..2_000 {
            pick_at(&mut pool, at(step));
            if let Some(id) = step.checked_sub(20) {
                pool.end(at(step), InstanceId((id % 10) as u32), Span::from_millis(20));
            }
        }
        list(&mut pool, at(2_000), 10, "new", 1);
        (0..10).filter(|_| pick_at(&mut pool, at(2_000)) == 10).count()
    };
    let finagle = Rule::FinaglePeakEwma(Ewma { default_rtt: Span::ZERO, decay: Span::from_secs(10) });
    assert_eq!(first_ten(&Rule::TraefikLeastTime), 10, "everything until the first answer");
    assert!(first_ten(&finagle) <= 1, "one probe at a time");
    assert!(first_ten(&Rule::NginxRoundRobin) <= 1, "a fair share");
    assert!(first_ten(&Rule::NginxLeastConnections) >= 2, "everything until level");
}

/// A random history in which both pools must pick the same.
fn compare(rule: &Rule, case: u64, weights: &[u32]) {
    let mut stream = Seed(case).stream("history", 0);
    let mut dice = move |sides: u32| below(stream.next_u64(), sides);
    let passive = Some(Passive { max_fails: 1 + dice(3), fail_timeout: Span::from_secs(3) });
    let limit = if dice(2) == 0 { u32::MAX } else { 1 + dice(6) };
    let pools = [Pool::new(rule, Seed(1).stream("a", 0)), Pool::plain(rule, Seed(1).stream("a", 0))];
    let mut pools = pools.map(|pool| pool.guarded(passive, limit));
    let mut under_way = Vec::new();
    let mut known = 0;
    let mut now = Moment::START;
    // Small fleets and large ones, and some that grow from the one kind into the other.
    for _ in 0..if dice(3) == 0 { 55 + dice(90) } else { 0 } {
        pools.iter_mut().for_each(|pool| list(pool, now, known, "x", weights[known as usize % weights.len()]));
        known += 1;
    }
    // Some are much busier than others.
    if dice(25) == 0 {
        for id in (0..known).map(InstanceId) {
            (0..200 * dice(4)).for_each(|_| pools.iter_mut().for_each(|pool| pool.occupy(now, id)));
        }
    }
    for step in 0..600 {
        now += Span::from_millis(u64::from(dice(200)));
        match dice(40) {
            0 | 1 => {
                let weight = weights[dice(weights.len() as u32) as usize];
                pools.iter_mut().for_each(|pool| list(pool, now, known, "x", weight));
                known += 1;
            }
            2 if known > 3 => {
                let id = InstanceId(dice(known));
                pools.iter_mut().for_each(|pool| pool.unlist(now, id));
            }
            3 if known > 0 => {
                let (id, up) = (InstanceId(dice(known)), dice(3) > 0);
                pools.iter_mut().for_each(|pool| pool.mark(now, id, up));
            }
            4 if known > 0 => {
                let (id, weight) = (InstanceId(dice(known)), weights[dice(weights.len() as u32) as usize]);
                pools.iter_mut().for_each(|pool| pool.weigh(now, id, weight));
            }
            5..20 if !under_way.is_empty() => {
                let id = under_way.swap_remove(dice(under_way.len() as u32) as usize);
                let fault = dice(12) == 0;
                let end = End { now, latency: Span::ZERO, fault, served: !fault };
                pools.iter_mut().for_each(|pool| pool.finish(id, end));
            }
            _ => {
                let mut tried = Tried::NONE;
                for _ in 0..if dice(4) == 0 && known > 0 { dice(4) } else { 0 } {
                    tried.push(InstanceId(dice(known)));
                }
                let ask = Ask { tried, ..ask() };
                let [index, plain] = &mut pools;
                let at_once = if tried.count() == 0 { index.pick_of_alike(now) } else { None };
                let picked = at_once.or_else(|| index.pick(now, &ask));
                assert_eq!(picked, plain.pick(now, &ask), "{rule:?}, case {case}, step {step}");
                under_way.extend(picked.map(|(id, _)| id));
            }
        }
        let [index, plain] = &pools;
        assert!(index.standings(now).eq(plain.standings(now)), "{rule:?}, case {case}, step {step}: the states differ");
    }
}

/// So many of one weight, of which the first is so much busier, and nothing that happens to them takes a closer look.
fn compare_alike(count: u32, weight: u32, busier: u32) {
    let rule = Rule::NginxLeastConnections;
    let mut stream = Seed(9).stream("history", u64::from(count));
    let mut dice = move |sides: u32| below(stream.next_u64(), sides);
    let mut index = Pool::new(&rule, Seed(1).stream("a", 0)).guarded(None, u32::MAX);
    let mut plain = Pool::plain(&rule, Seed(1).stream("a", 0)).guarded(None, u32::MAX);
    for id in 0..count {
        [&mut index, &mut plain].into_iter().for_each(|pool| list(pool, Moment::START, id, "x", weight));
    }
    for _ in 0..busier {
        [&mut index, &mut plain].into_iter().for_each(|pool| pool.occupy(Moment::START, InstanceId(0)));
    }
    let mut under_way = vec![InstanceId(0); busier as usize];
    for step in 0..2_000 {
        let now = at(step);
        // There are more and more for a while, and then fewer and fewer.
        if dice(3) < if step < 1_000 { 1 } else { 2 } && !under_way.is_empty() {
            let id = under_way.swap_remove(dice(under_way.len() as u32) as usize);
            [&mut index, &mut plain].into_iter().for_each(|pool| pool.end(now, id, Span::ZERO));
        } else {
            let picked = index.pick_of_alike(now);
            assert_eq!(picked, plain.pick(now, &ask()), "{count} of weight {weight}, step {step}");
            under_way.extend(picked.map(|(id, _)| id));
        }
        assert!(index.standings(now).eq(plain.standings(now)), "{count} of weight {weight}, step {step}");
    }
}

#[test]
fn what_outgrows_the_keys_of_least_connections_is_no_harder_than_the_rest() {
    for count in 1..5 {
        for weight in [1, 1 << 31] {
            for busier in [0, 200, 300, 700] {
                compare_alike(count, weight, busier);
            }
        }
    }
}

#[test]
fn indexes_pick_as_the_plain_rules_do() {
    for case in 0..300 {
        for rule in [Rule::NginxRoundRobin, Rule::NginxLeastConnections] {
            for weights in [&[1][..], &[3], &[1, 5], &[1, 2, 3, 4, 7]] {
                compare(&rule, case, weights);
            }
        }
    }
}

#[test]
fn finagle_panics_as_often_as_all_draws_are_unhealthy() {
    for (effort, unhealthy, expected) in
        [(2, 300, 0.0081), (2, 500, 0.0625), (2, 900, 0.6561), (1, 300, 0.09), (1, 500, 0.25), (1, 900, 0.81)]
    {
        let mut pool = pool(&Rule::FinagleTwoChoices(effort), &[1; 1_000]);
        (0..unhealthy).for_each(|id| pool.mark(Moment::START, InstanceId(id), false));
        let picks = 100_000;
        let panics = (0..picks).filter(|_| pass_at(&mut pool, Moment::START) < unhealthy).count();
        let found = panics as f64 / f64::from(picks);
        // Distinct pairs of a thousand are a little less often alike than independent draws.
        let margin = 4.0 * (expected * (1.0 - expected) / f64::from(picks)).sqrt() + 0.001;
        assert!((found - expected).abs() < margin, "effort {effort}, {unhealthy}: {found} instead of {expected}");
    }
}
