use super::*;

fn weight(percent: u32) -> Share {
    Share::new(f64::from(percent) / 100.0).expect("a share")
}

fn counts(spec: u32, available: u32) -> Counts {
    Counts { spec, ready: available, available, terminating: 0 }
}

#[test]
fn the_closest_of_four_candidates() {
    // Size, weight, surge, and then canary/stable: `utils/replicaset/canary_test.go`.
    for (size, percent, surge, new, old) in [
        (1, 49, 0, 0, 1),
        (1, 50, 0, 1, 0),
        (1, 1, 1, 1, 1),
        (1, 99, 1, 1, 1),
        (1, 100, 1, 1, 0),
        (2, 1, 0, 1, 1),
        (2, 1, 1, 1, 2),
        (2, 50, 1, 1, 1),
        (2, 99, 1, 2, 1),
        (3, 34, 0, 1, 2),
        (3, 50, 0, 2, 1),
        (3, 25, 1, 1, 3),
        (3, 33, 1, 1, 2),
        (3, 49, 1, 2, 2),
        (10, 1, 0, 1, 9),
        (10, 14, 0, 1, 9),
        (10, 15, 0, 2, 8),
        (10, 41, 0, 4, 6),
        (10, 99, 0, 9, 1),
        (10, 1, 1, 1, 10),
        (10, 18, 1, 2, 9),
        (10, 19, 1, 2, 9),
        (10, 20, 1, 2, 8),
        (10, 23, 1, 2, 8),
        (10, 24, 1, 3, 8),
        (10, 25, 1, 3, 8),
        (10, 99, 1, 10, 1),
        (10, 100, 1, 10, 0),
        (0, 50, 1, 0, 0),
    ] {
        assert_eq!(approximate(size, weight(percent), surge), Targets { old, new }, "{size}, {percent} %, {surge}");
    }
}

#[test]
fn one_sync_of_a_canary_by_count() {
    // Size, weight, surge, unavailable, stable and canary as spec/available, and then the stable/canary asked for.
    for ((size, percent, surge, unavailable), old, new, expected) in [
        ((10, 20, 2, 0), (10, 10), (0, 0), (10, 2)),
        ((10, 20, 2, 0), (10, 10), (2, 2), (8, 2)),
        ((10, 30, 2, 0), (10, 10), (0, 0), (10, 2)),
        ((10, 20, 0, 2), (10, 10), (0, 0), (8, 0)),
        ((10, 50, 2, 1), (10, 10), (0, 0), (9, 2)),
        ((10, 0, 1, 1), (10, 10), (1, 1), (10, 0)),
        ((10, 100, 1, 1), (1, 1), (10, 10), (0, 10)),
        ((1, 49, 0, 1), (1, 1), (0, 0), (1, 0)),
        ((1, 51, 0, 1), (1, 1), (0, 0), (0, 0)),
        ((1, 51, 0, 1), (0, 0), (0, 0), (0, 1)),
        ((4, 100, 1, 0), (4, 1), (0, 0), (4, 1)),
        ((4, 100, 1, 0), (4, 1), (1, 1), (3, 1)),
        ((4, 0, 1, 0), (0, 0), (4, 4), (1, 4)),
        ((4, 0, 1, 0), (1, 0), (4, 4), (1, 4)),
        ((4, 0, 1, 0), (1, 1), (4, 4), (1, 3)),
        ((4, 100, 4, 4), (4, 4), (0, 0), (0, 4)),
        ((4, 100, 3, 0), (4, 4), (0, 0), (4, 3)),
    ] {
        let limits = Limits { surge, unavailable };
        let targets = basic_canary_targets(size, limits, weight(percent), counts(old.0, old.1), counts(new.0, new.1));
        assert_eq!(
            (targets.old, targets.new),
            expected,
            "{size}, {percent} %, {surge}/{unavailable}, {old:?}, {new:?}"
        );
    }
}

#[test]
fn batches_round_up_and_leave_one_old_instance_below_all() {
    for (batch, instances) in [
        (Amount::Count(5), 5),
        (Amount::Percent(20.0), 2),
        (Amount::Percent(100.0), 10),
        (Amount::Percent(200.0), 10),
        (Amount::Count(200), 10),
        (Amount::Count(0), 0),
        (Amount::Percent(99.0), 9),
    ] {
        assert_eq!(batch_size(batch, 10), instances, "{batch:?}");
    }
}

#[test]
fn a_batch_stops_where_it_ends() {
    let limits = Limits { surge: 3, unavailable: 2 };
    let mut old = counts(10, 10);
    let mut new = counts(0, 0);
    for _ in 0..20 {
        let targets = batch_targets(10, limits, 4, old, new);
        (old, new) = (counts(targets.old, targets.old), counts(targets.new, targets.new));
    }
    assert_eq!((old.spec, new.spec), (6, 4));
}
