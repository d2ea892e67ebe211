//! nginx's smooth weighted round robin (`ngx_http_upstream_round_robin.c`, `ngx_http_upstream_get_peer`).

use crate::core::proxy::pool::{Eligible, Member};

/// Everyone eligible gains its effective weight; the largest is picked and pays the total. Ties go to the first listed.
pub(in crate::core::proxy) fn pick(members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    let mut total = 0;
    for (place, member) in members.iter_mut().enumerate() {
        if !eligible.admits(member) {
            continue;
        }
        total += gain(member);
        if best.is_none_or(|(_, current)| member.current > current) {
            best = Some((place, member.current));
        }
    }
    let (place, _) = best?;
    members[place].current -= total;
    Some(place)
}

/// One step of the rotation for one member; returns what it gained. A weight cut by failures climbs back by one.
#[inline]
pub(super) fn gain(member: &mut Member) -> i64 {
    let gained = member.effective;
    member.current += gained;
    if member.effective < member.weight {
        member.effective += 1;
    }
    gained
}

#[cfg(test)]
mod tests {
    use super::super::least_connections::tests::{letters, members};
    use super::*;

    #[test]
    fn sequences_equal_those_of_the_real_nginx() {
        let cases: [(&[i64], &str); 7] = [
            (&[1, 1, 1], "abcabc"),
            (&[5, 1, 1], "aabacaaaabacaa"),
            (&[4, 2, 1], "abacaba"),
            (&[3, 2, 1], "abacbaabacba"),
            (&[2, 1], "abaaba"),
            (&[5, 1], "aaabaa"),
            (&[1], "aaa"),
        ];
        for (weights, expected) in cases {
            assert_eq!(letters(pick, &mut members(weights), expected.len()), expected, "{weights:?}");
        }
    }

    #[test]
    fn a_canary_of_one_in_ten_is_picked_at_five_and_then_every_tenth() {
        let sequence = letters(pick, &mut members(&[90, 10]), 30);
        let at: Vec<usize> = sequence.match_indices('b').map(|(at, _)| at).collect();
        assert_eq!(at, [5, 15, 25]);
    }

    #[test]
    fn a_weight_cut_by_a_failure_climbs_back_by_one_a_pick() {
        let mut all = members(&[10, 10]);
        all[0].effective = 8;
        letters(pick, &mut all, 1);
        assert_eq!(all[0].effective, 9);
        letters(pick, &mut all, 3);
        assert_eq!(all[0].effective, 10);
    }
}
