//! Fisher's exact test: given all failures, how likely would the canary have so many of them by chance?

use super::binomial;
use super::count::Count;

/// P(X = `hits`) when `drawn` are taken from `marked` + `others` (hypergeometric; as a ratio of binomial probabilities,
/// after Loader).
pub fn hypergeometric(hits: u64, marked: u64, others: u64, drawn: u64) -> f64 {
    let all = marked + others;
    if hits > marked || hits > drawn || drawn > all || drawn - hits > others {
        return 0.0;
    }
    if all == 0 || drawn == 0 || drawn == all {
        return 1.0;
    }
    let p = drawn as f64 / all as f64;
    binomial::probability(hits, marked, p) * binomial::probability(drawn - hits, others, p)
        / binomial::probability(drawn, all, p)
}

/// Exact probability of at least as many bad requests on the canary, if both versions are equally bad.
pub fn one_sided(canary: Count, control: Count) -> f64 {
    let bad = canary.bad + control.bad;
    upper_tail(canary.bad, canary.events, control.events, bad)
}

/// P(X ≥ `hits`), where X of `drawn` bad requests fall on the canary.
pub(super) fn upper_tail(hits: u64, canary: u64, control: u64, drawn: u64) -> f64 {
    let least = drawn.saturating_sub(control);
    let most = drawn.min(canary);
    if hits <= least {
        return 1.0;
    }
    let mean = drawn as f64 * canary as f64 / (canary + control) as f64;
    if (hits as f64) < mean {
        return 1.0 - sum((least..hits).rev(), canary, control, drawn);
    }
    sum(hits..=most, canary, control, drawn)
}

/// Of terms that fall from the first one on.
fn sum(hits: impl Iterator<Item = u64>, canary: u64, control: u64, drawn: u64) -> f64 {
    let mut sum = 0.0;
    for hits in hits {
        let term = hypergeometric(hits, canary, control, drawn);
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// The same for a difference either way: all outcomes that are no likelier than this one (as R and scipy do it).
pub fn two_sided(canary: Count, control: Count) -> f64 {
    let bad = canary.bad + control.bad;
    let of = |hits| hypergeometric(hits, canary.events, control.events, bad);
    let found = of(canary.bad) * (1.0 + 1e-7);
    let outcomes = bad.saturating_sub(control.events)..=bad.min(canary.events);
    outcomes.map(of).filter(|probability| *probability <= found).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_five_hundred_against_ten_of_ten_thousand() {
        let p = one_sided(Count::new(5, 500), Count::new(10, 10_000));
        assert!((p / 4.840_72e-4 - 1.0).abs() < 1e-6, "{p}");
    }

    #[test]
    fn without_failures_nothing_is_unlikely() {
        assert_eq!(one_sided(Count::new(0, 500), Count::new(0, 10_000)), 1.0);
        assert_eq!(two_sided(Count::new(0, 500), Count::new(0, 10_000)), 1.0);
    }

    #[test]
    fn tails_of_both_sides_make_one() {
        for hits in 0..12 {
            let up: f64 = (hits..=12).map(|h| hypergeometric(h, 30, 70, 12)).sum();
            assert!((upper_tail(hits, 30, 70, 12) - up).abs() < 1e-13, "{hits}");
        }
    }
}
