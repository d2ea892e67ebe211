//! Every judge on counts, against values computed elsewhere, and under the null.

use super::*;
use crate::core::draw::Seed;
use rand::RngExt;

fn share(value: f64) -> Share {
    Share::new(value).expect("a share")
}

fn all() -> Vec<Judge> {
    let sprt = Sprt { baseline: 0.001, bad: 0.01, alpha: 0.05, beta: 0.05 };
    vec![
        Judge::Threshold(share(0.01)),
        Judge::Relative(2.0),
        Judge::Fisher(share(0.05)),
        Judge::Z(share(0.05)),
        Judge::MannWhitney(Rules::default()),
        Judge::Sprt(sprt),
        Judge::Looks(GroupSequential::new(Shape::Pocock, 5, 0.05, Sides::One)),
        Judge::Anytime(Anytime { alpha: share(0.05), bad: share(0.01) }),
    ]
}

fn seen(canary: (u64, u64), control: (u64, u64)) -> Seen<'static> {
    Seen {
        canary: Count::new(canary.0, canary.1),
        control: Count::new(control.0, control.1),
        look: 5,
        points: (&[], &[]),
    }
}

#[test]
fn nothing_counted_is_never_a_pass() {
    for judge in all() {
        assert!(matches!(judge.judge(&seen((0, 0), (0, 1_000)), 1), Verdict::Inconclusive(_)), "{judge:?}");
        assert!(matches!(judge.judge(&seen((0, 0), (0, 0)), 0), Verdict::Inconclusive(_)), "{judge:?}");
        assert!(matches!(judge.judge(&seen((9, 99), (0, 1_000)), 100), Verdict::Inconclusive(_)), "{judge:?}");
    }
    for judge in all().into_iter().filter(Judge::needs_control) {
        assert!(matches!(judge.judge(&seen((9, 999), (0, 0)), 1), Verdict::Inconclusive(_)), "{judge:?}");
    }
}

#[test]
fn a_clearly_bad_version_fails_and_a_clean_one_passes() {
    let points: (Vec<f64>, Vec<f64>) = (0..60).map(|n| (0.1 + f64::from(n % 7) / 1e3, f64::from(n % 5) / 1e3)).unzip();
    for judge in all() {
        let counts = seen((300, 3_000), (60, 57_000));
        let bad = judge.judge(&Seen { points: (&points.0, &points.1), ..counts }, 1);
        assert!(bad.is_fail(), "{judge:?}: {bad:?}");
        let good = judge.judge(&Seen { points: (&points.1, &points.1), ..seen((3, 3_000), (60, 57_000)) }, 1);
        assert!(good.is_pass(), "{judge:?}: {good:?}");
    }
}

#[test]
fn a_verdict_shows_its_evidence() {
    let text = |judge: Judge| judge.judge(&seen((5, 500), (10, 10_000)), 1).evidence().finding.to_string();
    assert_eq!(text(Judge::Threshold(share(0.01))), "limit 1 %");
    assert_eq!(text(Judge::Relative(2.0)), "limit 2 times as many: 0.2 %");
    assert_eq!(text(Judge::Fisher(share(0.05))), "Fisher, p = 4.841e-4, limit 0.05");
    assert_eq!(text(Judge::Z(share(0.05))), "z = 5.200, p = 9.972e-8, limit 0.05");
    assert!(text(all()[5]).starts_with("log likelihood ratio 7.03"), "{}", text(all()[5]));
}

/// Null trials: both versions fail at 1 %, the canary gets `batch` requests between two looks and the control as many.
fn false_alarms(judge: Judge, looks: u32, batch: u32, trials: u32) -> f64 {
    let mut alarms = 0;
    for trial in 0..trials {
        let mut stream = Seed(7).stream("null", u64::from(trial));
        let (mut canary, mut control) = (Count::default(), Count::default());
        for look in 1..=looks {
            for count in [&mut canary, &mut control] {
                *count = Count::new(count.bad + hits(&mut stream, batch), count.events + u64::from(batch));
            }
            match judge.judge(&Seen { canary, control, look, points: (&[], &[]) }, 1) {
                Verdict::Fail(_) => {
                    alarms += 1;
                    break;
                }
                Verdict::Pass(_) if matches!(judge, Judge::Sprt(_)) => break,
                Verdict::Pass(_) | Verdict::Inconclusive(_) => {}
            }
        }
    }
    f64::from(alarms) / f64::from(trials)
}

/// Successes in `n` trials at 1 %, by jumps from one to the next.
fn hits(stream: &mut crate::core::draw::Stream, n: u32) -> u64 {
    let mut at = 0.0;
    let mut found = 0;
    loop {
        let luck: f64 = 1.0 - stream.random::<f64>();
        at += (luck.ln() / (-0.01_f64).ln_1p()).floor() + 1.0;
        if at > f64::from(n) {
            return found;
        }
        found += 1;
    }
}

/// Sequential judges keep their promise over 20,000 releases that are as good as the old version.
#[test]
fn sequential_judges_keep_their_false_alarm() {
    const TRIALS: u32 = 20_000;
    let alpha = share(0.05);
    let three_sigma = 3.0 * (0.05_f64 * 0.95 / f64::from(TRIALS)).sqrt();
    for shape in [Shape::Pocock, Shape::OBrienFleming] {
        let test = Judge::Looks(GroupSequential::new(shape, 5, 0.05, Sides::One));
        let found = false_alarms(test, 5, 4_000, TRIALS);
        // Counts are no normal numbers: the limits are exact in the limit of many requests.
        assert!((found - 0.05).abs() < three_sigma + 0.003, "{shape:?}: {found}");
    }
    let sprt = Judge::Sprt(Sprt { baseline: 0.01, bad: 0.03, alpha: 0.05, beta: 0.05 });
    let found = false_alarms(sprt, 2_000, 1, TRIALS);
    assert!(found <= 0.05 + three_sigma && found > 0.02, "Wald promises at most α/(1−β): {found}");
    let anytime = Judge::Anytime(Anytime { alpha, bad: share(0.02) });
    let found = false_alarms(anytime, 20, 200, TRIALS);
    assert!(found <= 0.05, "whenever it is looked at: {found}");
    let plain = false_alarms(Judge::Z(alpha), 5, 4_000, TRIALS);
    assert!(plain > 0.09, "the plain test has no such promise: {plain}");
}
