use super::*;

fn tolerance(failures: Option<u32>, inconclusive: u32) -> Tolerance {
    Tolerance { failures, inconclusive, ..Tolerance::default() }
}

fn tallies(found: &[(Measurement, u32)]) -> Tallies {
    let mut tallies = Tallies::default();
    for &(measurement, times) in found {
        (0..times).for_each(|_| tallies.note(measurement));
    }
    tallies
}

#[test]
fn failures_above_the_limit_fail_and_a_run_that_is_ended_is_successful() {
    let three = tallies(&[(Measurement::Failed, 3)]);
    assert_eq!(three.outcome(tolerance(Some(2), 0), None, false), Outcome::Failed);
    assert_eq!(three.outcome(tolerance(Some(3), 0), None, false), Outcome::Running);
    assert_eq!(three.outcome(tolerance(Some(3), 0), None, true), Outcome::Successful);
    assert_eq!(three.outcome(tolerance(None, 0), Some(3), false), Outcome::Successful);
}

#[test]
fn inconclusive_and_error_limits() {
    let three = tallies(&[(Measurement::Inconclusive, 3)]);
    assert_eq!(three.outcome(tolerance(Some(0), 2), None, false), Outcome::Inconclusive);
    let errors = |times| tallies(&[(Measurement::Error, times)]).outcome(Tolerance::default(), Some(1), false);
    assert_eq!((errors(4), errors(5)), (Outcome::Running, Outcome::Error));
    let mixed = tallies(&[(Measurement::Success, 5), (Measurement::Inconclusive, 5)]);
    assert_eq!(mixed.outcome(Tolerance::default(), Some(10), false), Outcome::Inconclusive);
}

#[test]
fn an_error_outweighs_inconclusive_and_that_a_failure() {
    let all = tallies(&[(Measurement::Failed, 1), (Measurement::Inconclusive, 1), (Measurement::Error, 5)]);
    assert_eq!(all.outcome(Tolerance::default(), None, false), Outcome::Error);
    let two = tallies(&[(Measurement::Failed, 1), (Measurement::Inconclusive, 1)]);
    assert_eq!(two.outcome(Tolerance::default(), None, false), Outcome::Inconclusive);
}

#[test]
fn successes_in_a_row_end_a_run_early_or_leave_it_open_at_the_last() {
    let row = Tolerance { successes: 3, failures: Some(5), ..Tolerance::default() };
    let broken = tallies(&[(Measurement::Success, 2), (Measurement::Failed, 1), (Measurement::Success, 2)]);
    assert_eq!(broken.outcome(row, Some(10), false), Outcome::Running);
    assert_eq!(broken.outcome(row, Some(5), false), Outcome::Inconclusive);
    assert_eq!(broken.outcome(Tolerance { failures: None, ..row }, Some(5), false), Outcome::Failed);
    let three = tallies(&[(Measurement::Failed, 1), (Measurement::Success, 3)]);
    assert_eq!(three.outcome(row, Some(10), false), Outcome::Successful);
}

fn check() -> Check {
    let success = Condition { relation: Relation::AtLeast, value: 0.99 };
    let once = Check::new("success-rate", Measure::Availability, Span::from_secs(60), Some(success));
    Check { initial_delay: Span::from_secs(30), interval: Some(Span::from_secs(60)), count: Some(3), ..once }
}

#[test]
fn conditions_judge_a_value() {
    let seen = |failed| Tally { attempts: 1_000, failed, slow: 0 };
    let fails = Some(Condition { relation: Relation::Less, value: 0.95 });
    let both = Check { failure: fails, ..check() };
    let only_failure = Check { success: None, ..both.clone() };
    let none = Check { success: None, ..check() };
    use Measurement::{Error, Failed, Inconclusive, Success};
    for (check, failed, expected) in [
        (&both, 0, Success),
        (&both, 20, Inconclusive),
        (&both, 100, Failed),
        (&only_failure, 20, Success),
        (&only_failure, 100, Failed),
        (&none, 1_000, Success),
        (&check(), 20, Failed),
    ] {
        assert_eq!(check.judge(seen(failed)), expected, "{failed} failed");
    }
    assert_eq!(both.judge(Tally::default()), Error);
}

fn at(second: u64) -> Moment {
    Moment::START + Span::from_secs(second)
}

#[test]
fn measurements_follow_the_interval_and_errors_are_retried_soon() {
    let mut run = Run::start(at(0), &Analysis { checks: vec![check()] });
    let mut samples = Samples::new(Span::from_secs(60));
    assert_eq!(run.deadline(), at(30));
    run.measure(at(30), &samples);
    assert_eq!((run.deadline(), run.outcome()), (at(40), Outcome::Running));
    for (second, attempts) in [(30, 0), (40, 500), (100, 1_000), (160, 1_500)] {
        let new = Tally { attempts, failed: 0, slow: 0 };
        samples.observe(super::super::Sample {
            at: at(second),
            new,
            old: Tally::default(),
            baseline: Tally::default(),
        });
        run.measure(at(second), &samples);
    }
    assert_eq!((run.deadline(), run.outcome()), (Moment::NEVER, Outcome::Successful));
}

#[test]
fn dry_runs_have_no_effect() {
    let bad = Check {
        success: Some(Condition { relation: Relation::More, value: 2.0 }),
        interval: None,
        count: None,
        ..check()
    };
    let mut samples = Samples::new(Span::from_secs(60));
    for (second, attempts) in [(0, 0), (30, 500)] {
        let new = Tally { attempts, failed: 0, slow: 0 };
        samples.observe(super::super::Sample {
            at: at(second),
            new,
            old: Tally::default(),
            baseline: Tally::default(),
        });
    }
    for (dry_run, expected) in [(true, Outcome::Successful), (false, Outcome::Failed)] {
        let mut run = Run::start(at(0), &Analysis { checks: vec![Check { dry_run, ..bad.clone() }] });
        run.measure(at(30), &samples);
        assert_eq!(run.outcome(), expected);
    }
}
