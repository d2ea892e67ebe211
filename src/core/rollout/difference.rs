//! The measured difference between two versions that ran side by side, and how sure it is.

use crate::core::judge::binomial;
use crate::core::rollout::samples::{Sample, Tally};

/// What two samples say of both versions: failure rates, their difference, and its 95 % interval (Newcombe's hybrid score
/// interval, method 10 of his paper of 1998, which holds for small rates and samples, too).
pub(super) fn difference(first: Option<&Sample>, last: Option<&Sample>) -> String {
    let Some(last) = last else { return "nothing was measured".to_owned() };
    let (new, old) = match first {
        Some(first) => (last.new - first.new, last.old - first.old),
        None => (last.new, last.old),
    };
    if new.attempts == 0 || old.attempts == 0 {
        let of = |tally: Tally, name: &str| format!("{} attempts on the {name}", tally.attempts);
        return format!("no difference was measured: {}, {}", of(new, "new version"), of(old, "old one"));
    }
    let (low, high) = interval(new, old);
    let points = 100.0 * (rate(new) - rate(old));
    let clear = if low > 0.0 {
        "the new version is worse"
    } else if high < 0.0 {
        "the new version is better"
    } else {
        "no clear difference"
    };
    format!(
        "new {:.3} % of {} attempts failed, old {:.3} % of {}: {points:+.3} points, 95 % interval {:+.3} to {:+.3}: {clear}",
        100.0 * rate(new),
        new.attempts,
        100.0 * rate(old),
        old.attempts,
        100.0 * low,
        100.0 * high,
    )
}

fn rate(tally: Tally) -> f64 {
    tally.failed as f64 / tally.attempts as f64
}

/// Of the difference new − old, as shares.
fn interval(new: Tally, old: Tally) -> (f64, f64) {
    let (p, q) = (rate(new), rate(old));
    let ((new_low, new_high), (old_low, old_high)) = (wilson(new), wilson(old));
    let low = p - q - ((p - new_low).powi(2) + (old_high - q).powi(2)).sqrt();
    let high = p - q + ((new_high - p).powi(2) + (q - old_low).powi(2)).sqrt();
    (low, high)
}

/// Wilson's score interval of a failure rate.
fn wilson(tally: Tally) -> (f64, f64) {
    binomial::wilson(tally.failed, tally.attempts, 0.95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failed: u64, attempts: u64) -> Tally {
        Tally { attempts, failed, slow: 0 }
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        for (failed, attempts, low, high) in [(5, 500, 0.004_278_754, 0.023_193_1), (1, 30, 0.005_908_59, 0.166_703_91)]
        {
            let found = wilson(tally(failed, attempts));
            assert!((found.0 - low).abs() < 1e-8 && (found.1 - high).abs() < 1e-8, "{failed} of {attempts}: {found:?}");
        }
    }

    #[test]
    fn newcombe_agrees_with_his_paper() {
        // Newcombe 1998, table II, example (a): 56/70 − 48/80, method 10: 0.0524 to 0.3339.
        let found = interval(tally(56, 70), tally(48, 80));
        assert!((found.0 - 0.0524).abs() < 5e-5 && (found.1 - 0.3339).abs() < 5e-5, "{found:?}");
        // Example (b): 9/10 − 3/10: 0.1705 to 0.8090.
        let found = interval(tally(9, 10), tally(3, 10));
        assert!((found.0 - 0.1705).abs() < 5e-5 && (found.1 - 0.8090).abs() < 5e-5, "{found:?}");
    }

    #[test]
    fn without_attempts_there_is_no_difference() {
        assert_eq!(difference(None, None), "nothing was measured");
    }
}
