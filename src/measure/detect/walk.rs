//! Judges that count from the start: dynamic programming over the failures so far of those not yet judged.

use super::once::from_on;
use super::states::{Joint, Spread};
use super::{Case, Checks, Odds, Toll};
use crate::core::judge::{Count, Judge, Seen};

/// More multiplications than this would take longer than anybody waits.
const WORK_MAX: usize = 400_000_000;

/// `None`: there are too many states.
pub(super) fn walk(case: &Case, checks: &Checks, rate: f64) -> Option<Odds> {
    let mut joint = Joint::start();
    let (mut toll, mut work) = (Toll::default(), 0);
    let (mut canary, mut control) = (0, 0);
    let (mut decided, mut requests) = (0.0, 0.0);
    let all = checks.list.iter().map(|check| check.canary).sum::<u64>() + checks.after;
    for (index, check) in checks.list.iter().enumerate() {
        let more = (Spread::binomial(check.canary, rate), control_spread(case, check.control));
        work += joint.work(&more.0, &more.1);
        if work > WORK_MAX {
            return None;
        }
        joint = joint.grow(&more.0, &more.1);
        joint.trim();
        canary += check.canary;
        control += check.control;
        let look = Look { number: index as u32 + 1, canary, control };
        let (failed, passed) = look.judge(case, &mut joint);
        toll.condemn(failed, check.at_s, canary);
        decided = passed;
        if !keeps_looking(&case.judge) {
            let last = if checks.until_decided { canary } else { all };
            requests += passed * last as f64;
        }
    }
    let open: f64 = joint.rows.iter().flatten().sum();
    // Sequences may be looked at again: what passed at the last look has a verdict, and is still in the table.
    let passed_last = if keeps_looking(&case.judge) { decided } else { 0.0 };
    Some(toll.close((open - passed_last).max(0.0), requests + open * (canary + checks.after) as f64))
}

/// Whether a version that passed is judged again at the next check.
fn keeps_looking(judge: &Judge) -> bool {
    matches!(judge, Judge::Anytime(_))
}

/// Failures of the control, where anybody looks at them.
fn control_spread(case: &Case, requests: u64) -> Spread {
    let looked_at = if case.judge.needs_control() { requests } else { 0 };
    Spread::binomial(looked_at, case.baseline)
}

struct Look {
    number: u32,
    canary: u64,
    control: u64,
}

impl Look {
    /// Takes out of `joint` what is condemned or has passed for good; their probabilities.
    fn judge(&self, case: &Case, joint: &mut Joint) -> (f64, f64) {
        let keeps = keeps_looking(&case.judge);
        let (mut failed, mut passed) = (0.0, 0.0);
        let (first, rows) = (joint.canary, joint.rows.len() as u64);
        // More failures of the canary never make a verdict better, more of the control's never make it worse.
        let (mut fails_from, mut open_from) = (first, first);
        for column in 0..joint.rows[0].len() {
            let y = joint.control + column as u64;
            let says = |x: u64| case.judge.judge(&self.seen(x, y), case.floor);
            fails_from = from_on(fails_from, first + rows - 1, |x| says(x).is_fail());
            open_from = if keeps { first } else { open_from };
            open_from = from_on(open_from, first + rows - 1, |x| !says(x).is_pass()).min(fails_from);
            for (row, x) in joint.rows.iter_mut().zip(first..) {
                let cell = &mut row[column];
                if x >= fails_from {
                    failed += std::mem::take(cell);
                } else if x < open_from {
                    passed += if keeps { *cell } else { std::mem::take(cell) };
                }
            }
        }
        (failed, passed)
    }

    fn seen(&self, x: u64, y: u64) -> Seen<'static> {
        Seen {
            canary: Count::new(x, self.canary),
            control: Count::new(y, self.control),
            look: self.number,
            points: (&[], &[]),
        }
    }
}
