use super::*;

fn limits(surge: u32, unavailable: u32) -> Limits {
    Limits { surge, unavailable }
}

fn ready(spec: u32, available: u32) -> Counts {
    Counts { spec, ready: available, available, terminating: 0 }
}

fn percent(surge: f64, unavailable: f64, size: u32) -> (u32, u32) {
    let resolved = Limits::resolve(Amount::Percent(surge), Amount::Percent(unavailable), size);
    (resolved.surge, resolved.unavailable)
}

/// Every sync until nothing changes, each wave of new instances becoming available before the next: `n+3`, `o-2`, ….
fn walk(size: u32, limits: Limits) -> Vec<String> {
    let (mut old, mut new) = (ready(size, size), ready(0, 0));
    let mut log = Vec::new();
    loop {
        let targets = rolling_targets(size, limits, false, old, new);
        if targets.new > new.spec {
            log.push(format!("new{}", targets.new));
            new.spec = targets.new;
        } else if targets.old < old.spec {
            log.push(format!("old{}", targets.old));
            old = ready(targets.old, targets.old);
        } else if new.available < new.spec {
            new = ready(new.spec, new.spec);
            log.push(format!("ready{}", new.spec));
        } else {
            return log;
        }
    }
}

#[test]
fn percentages_resolve_as_in_kubernetes() {
    let quarter = [(1, (1, 0)), (2, (1, 0)), (3, (1, 0)), (4, (1, 1)), (5, (2, 1)), (7, (2, 1)), (10, (3, 2))];
    for (size, expected) in quarter.into_iter().chain([(11, (3, 2)), (15, (4, 3)), (20, (5, 5))]) {
        assert_eq!(percent(25.0, 25.0, size), expected, "size {size}");
    }
    assert_eq!(percent(39.0, 39.0, 10), (4, 3));
    assert_eq!(percent(0.0, 0.0, 0), (0, 1));
}

#[test]
fn ten_by_a_quarter_walks_as_in_kubernetes() {
    let expected = ["new3", "old8", "new5", "ready5", "old3", "new10", "ready10", "old0"];
    assert_eq!(walk(10, limits(3, 2)), expected);
}

#[test]
fn three_by_a_quarter_goes_one_by_one() {
    let expected = ["new1", "ready1", "old2", "new2", "ready2", "old1", "new3", "ready3", "old0"];
    assert_eq!(walk(3, limits(1, 0)), expected);
}

#[test]
fn two_and_one_instances_follow_the_worked_examples() {
    let surge_first = ["new1", "ready1", "old1", "new2", "ready2", "old0"];
    let drop_first = ["old1", "new1", "ready1", "old0", "new2", "ready2"];
    for ((surge, unavailable), expected) in
        [((0.0, 1.0), &drop_first), ((1.0, 25.0), &surge_first), ((1.0, 0.0), &surge_first)]
    {
        let resolved = Limits::resolve(Amount::Percent(surge), Amount::Percent(unavailable), 2);
        assert_eq!(walk(2, resolved), *expected);
    }
    assert_eq!(walk(1, Limits::resolve(Amount::Percent(0.0), Amount::Percent(1.0), 1)), ["old0", "new1", "ready1"]);
    assert_eq!(walk(1, Limits::resolve(Amount::Percent(1.0), Amount::Percent(25.0), 1)), ["new1", "ready1", "old0"]);
}

#[test]
fn growth_of_the_new_version_follows_kubernetes_tests() {
    for (surge, old, new, expected) in [(0, 10, 0, 0), (2, 10, 0, 2), (2, 5, 0, 7), (2, 10, 2, 2), (0, 2, 11, 10)] {
        assert_eq!(grow_new(10, limits(surge, 0), old + new, new), expected, "surge {surge} old {old} new {new}");
    }
    assert_eq!(grow_new(1, limits(5, 0), 5, 1), 1);
    assert_eq!(grow_new(6, limits(10, 0), 5, 2), 6);
}

#[test]
fn shrinking_of_the_old_version_follows_kubernetes_tests() {
    let cases = [(0, (10, 10), (0, 0), 10), (2, (10, 10), (0, 0), 8), (2, (10, 8), (0, 0), 8)];
    for (unavailable, old, new, left) in cases.into_iter().chain([(2, (10, 9), (0, 0), 8), (2, (8, 8), (2, 0), 8)]) {
        let (old, new) = (ready(old.0, old.1), ready(new.0, new.1));
        let cleaned = clean_up(10, limits(0, unavailable), old, new);
        let shrunk = shrink_old(10, limits(0, unavailable), old, new, cleaned);
        assert_eq!(old.spec - cleaned - shrunk, left, "unavailable {unavailable} {old:?} {new:?}");
    }
}

#[test]
fn a_crash_looping_version_gets_stuck_with_the_minimum_available() {
    let (mut old, mut new) = (ready(10, 10), ready(0, 0));
    for _ in 0..20 {
        let targets = rolling_targets(10, limits(3, 2), false, old, new);
        (old, new) = (ready(targets.old, targets.old), ready(targets.new, 0));
    }
    assert_eq!((old.spec, new.spec), (8, 5));
}

#[test]
fn undoing_a_broken_version_removes_what_the_minimum_leaves_over() {
    // The worked example in `rolling.go`: 13 wanted, 8 must stay, 1 of the now-new version is not available: 4 may go.
    let (old, new) = (ready(5, 0), ready(8, 7));
    assert_eq!(grow_new(10, limits(3, 2), 13, 8), 8);
    assert_eq!(clean_up(10, limits(3, 2), old, new), 4);
}

#[test]
fn clean_up_takes_only_what_is_broken_and_no_more_than_its_budget() {
    for (available, unavailable, cleaned) in [(8, 1, 1), (8, 3, 2), (8, 0, 0), (10, 3, 0)] {
        assert_eq!(clean_up(10, limits(0, unavailable), ready(10, available), ready(0, 0)), cleaned);
    }
}

#[test]
fn the_crash_looping_version_stops_at_five_of_eight_and_an_undo_may_remove_four() {
    let limits = limits(3, 2);
    let (old, new) = (ready(8, 8), ready(5, 0));
    assert_eq!(rolling_targets(10, limits, false, old, new), Targets { old: 8, new: 5 });
    // After an undo the broken five are the old version, and one of the eight is not available yet.
    assert_eq!(removable(10, limits, ready(5, 0), ready(8, 7)), 4);
}

#[test]
fn terminating_instances_take_up_room_only_if_they_are_counted() {
    let leaving = Counts { terminating: 2, ..ready(8, 8) };
    assert_eq!(rolling_targets(10, limits(3, 2), false, leaving, ready(3, 3)).new, 5);
    assert_eq!(rolling_targets(10, limits(3, 2), true, leaving, ready(3, 3)), Targets { old: 5, new: 3 });
}

#[test]
fn a_deployment_is_complete_when_all_is_updated_available_and_alone() {
    for (size, total, updated, available, complete) in
        [(5, 5, 5, 4, false), (5, 5, 5, 5, true), (5, 5, 4, 5, false), (1, 2, 1, 1, false), (1, 1, 1, 0, false)]
    {
        assert_eq!(is_complete(size, total, updated, available), complete);
    }
}

#[test]
fn a_change_of_size_in_mid_rollout_is_spread_in_proportion() {
    // Size, surge, recorded maximum, old, new, and then old/new: worked by hand after `sync.go`.
    for (size, surge, recorded, old, new, expected) in [
        (10, 0, 10, 10, 0, (10, 0)),
        (12, 0, 10, 10, 0, (12, 0)),
        (8, 0, 10, 0, 10, (0, 8)),
        (12, 0, 10, 5, 5, (6, 6)),
        (8, 0, 10, 5, 5, (4, 4)),
        (15, 3, 13, 8, 5, (11, 7)),
        (20, 2, 12, 10, 2, (18, 4)),
        (5, 2, 12, 10, 2, (6, 1)),
        (0, 0, 10, 5, 5, (0, 0)),
    ] {
        let targets =
            proportional_targets(size, limits(surge, 0), recorded, ready(old, old), ready(new, new - new / 2));
        assert_eq!((targets.old, targets.new), expected, "{old}+{new} to {size}");
    }
}

#[test]
fn a_saturated_new_version_takes_all() {
    let targets = proportional_targets(5, limits(1, 0), 6, ready(1, 1), ready(5, 5));
    assert_eq!(targets, Targets { old: 0, new: 5 });
}
