//! nginx's `least_conn` (`ngx_http_upstream_least_conn_module.c`): fewest active attempts per weight; those who tie take
//! turns by smooth weighted round robin among themselves, so that an idle service still honours weights.

use super::smooth::gain;
use crate::core::proxy::pool::{Eligible, Member};
use std::cmp::Ordering;

/// The member with the fewest active attempts per weight.
pub(in crate::core::proxy) fn pick(members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
    let (first, tied) = least(members, eligible)?;
    if tied { Some(rotate_among_tied(members, eligible, first)) } else { Some(first) }
}

/// The first of the least loaded, and whether others tie with it.
fn least(members: &[Member], eligible: Eligible<'_>) -> Option<(usize, bool)> {
    let mut best: Option<usize> = None;
    let mut tied = false;
    for (place, member) in members.iter().enumerate() {
        if !eligible.admits(member) {
            continue;
        }
        match best.map_or(Ordering::Less, |best| load(member, &members[best])) {
            Ordering::Less => (best, tied) = (Some(place), false),
            Ordering::Equal => tied = true,
            Ordering::Greater => {}
        }
    }
    best.map(|place| (place, tied))
}

fn rotate_among_tied(members: &mut [Member], eligible: Eligible<'_>, first: usize) -> usize {
    let (active, weight) = (members[first].active, members[first].weight);
    let mut best = first;
    let mut total = 0;
    let mut top = i64::MIN;
    for (place, member) in members.iter_mut().enumerate().skip(first) {
        let ties = i64::from(member.active) * weight == i64::from(active) * member.weight;
        if !ties || !eligible.admits(member) {
            continue;
        }
        total += gain(member);
        if member.current > top {
            (best, top) = (place, member.current);
        }
    }
    members[best].current -= total;
    best
}

/// Compares active / weight by cross-multiplication.
#[inline]
fn load(a: &Member, b: &Member) -> Ordering {
    (i64::from(a.active) * b.weight).cmp(&(i64::from(b.active) * a.weight))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::core::ids::{InstanceId, VersionId};
    use crate::core::time::Moment;

    type Algorithm = fn(&mut [Member], Eligible<'_>) -> Option<usize>;

    pub fn members(weights: &[i64]) -> Vec<Member> {
        (0..).zip(weights).map(|(id, &weight)| Member::new(InstanceId(id), VersionId(0), weight)).collect()
    }

    /// The first `count` picks of idle members, as letters in listed order.
    pub fn letters(algorithm: Algorithm, members: &mut [Member], count: usize) -> String {
        let everyone = Eligible::anyone(Moment::START);
        (0..count)
            .map(|_| char::from(b'a' + algorithm(members, everyone).expect("someone is eligible") as u8))
            .collect()
    }

    #[test]
    fn an_idle_fleet_honours_weights_as_smooth_round_robin_does() {
        assert_eq!(letters(pick, &mut members(&[5, 1, 1]), 7), "aabacaa");
    }

    #[test]
    fn a_newcomer_takes_everything_until_it_is_level() {
        let mut all = members(&[1, 1, 1]);
        (all[0].active, all[1].active) = (4, 4);
        for _ in 0..4 {
            let place = pick(&mut all, Eligible::anyone(Moment::START));
            assert_eq!(place, Some(2));
            all[2].active += 1;
        }
    }

    #[test]
    fn load_is_counted_per_weight() {
        let mut all = members(&[3, 1]);
        (all[0].active, all[1].active) = (2, 1);
        assert_eq!(letters(pick, &mut all, 2), "aa");
    }
}
