//! The statistics behind the judges against scipy: `tests/judges/reference.py` made `reference.json`.

use rollcast::core::judge::{
    Count, GroupSequential, Shape, Sides, anytime, binomial, fisher, normal, proportions, ranks,
};
use serde_json::Value;

fn reference(part: &str) -> Vec<Value> {
    let text = include_str!("../judges/reference.json");
    let all: Value = serde_json::from_str(text).expect("the fixture is JSON");
    all[part].as_array().expect("every part is a list").clone()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is a number in {value}"))
}

fn whole(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} is a whole number in {value}"))
}

fn count(value: &Value, key: &str) -> Count {
    let part = |index: usize| value[key][index].as_u64().expect("a count");
    Count::new(part(0), part(1))
}

fn series(value: &Value, key: &str) -> Vec<f64> {
    value[key].as_array().expect("a list").iter().map(|item| item.as_f64().expect("a number")).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, relative: f64, case: &Value) {
    let distance = (found - expected).abs();
    assert!(distance <= relative * expected.abs() + 1e-300, "found {found:e}, scipy has {expected:e}: {case}");
}

#[test]
fn normal_tails_and_quantiles() {
    for case in reference("normal") {
        assert_close(normal::above(number(&case, "z")), number(&case, "above"), 1e-12, &case);
    }
    for case in reference("quantiles") {
        let (found, expected) = (normal::quantile(number(&case, "p")), number(&case, "z"));
        assert!((found - expected).abs() < 1e-12, "{found} {case}");
    }
}

#[test]
fn binomial_probabilities_and_intervals() {
    for case in reference("binomial") {
        let (k, n, p) = (whole(&case, "count"), whole(&case, "trials"), number(&case, "p"));
        // scipy's own tails are good to about eleven digits.
        assert_close(binomial::probability(k, n, p), number(&case, "exactly"), 1e-9, &case);
        assert_close(binomial::at_least(k, n, p), number(&case, "at_least"), 1e-9, &case);
        assert_close(binomial::at_most(k, n, p), number(&case, "at_most"), 1e-9, &case);
    }
    for case in reference("intervals") {
        let (k, n, confidence) = (whole(&case, "count"), whole(&case, "trials"), number(&case, "confidence"));
        for (name, (low, high)) in
            [("exact", binomial::clopper_pearson(k, n, confidence)), ("wilson", binomial::wilson(k, n, confidence))]
        {
            let expected = series(&case, name);
            assert!((low - expected[0]).abs() < 1e-10 && (high - expected[1]).abs() < 1e-10, "{low} {high} {case}");
        }
    }
}

#[test]
fn tests_of_two_rates() {
    for case in reference("fisher") {
        let (canary, control) = (count(&case, "canary"), count(&case, "control"));
        assert_close(fisher::one_sided(canary, control), number(&case, "greater"), 1e-8, &case);
        assert_close(fisher::two_sided(canary, control), number(&case, "two_sided"), 1e-8, &case);
    }
    for case in reference("two_proportions") {
        let z = proportions::pooled_z(count(&case, "canary"), count(&case, "control")).expect("there are failures");
        assert_close(z, number(&case, "z"), 1e-9, &case);
        assert_close(normal::above(z), number(&case, "above"), 1e-9, &case);
    }
}

#[test]
fn ranks_with_and_without_ties() {
    for case in reference("ranks") {
        let (x, y) = (series(&case, "experiment"), series(&case, "control"));
        let found = ranks::compare(&x, &y, number(&case, "confidence")).expect("there are values");
        assert_close(found.u, number(&case, "u"), 1e-12, &case);
        assert_close(found.p_value, number(&case, "p_value"), 1e-9, &case);
        assert!((found.estimate - number(&case, "estimate")).abs() < 1e-9, "{found:?} {case}");
        assert!((found.low - number(&case, "low")).abs() < 1e-6, "{found:?} {case}");
        assert!((found.high - number(&case, "high")).abs() < 1e-6, "{found:?} {case}");
    }
}

#[test]
fn confidence_sequences() {
    for case in reference("sequences") {
        let (low, high) = anytime::interval(count(&case, "count"), number(&case, "alpha"));
        assert_close(low, number(&case, "low"), 1e-8, &case);
        assert_close(high, number(&case, "high"), 1e-8, &case);
    }
}

#[test]
fn constants_of_planned_looks() {
    for case in reference("planned") {
        let shape = if case["shape"] == "pocock" { Shape::Pocock } else { Shape::OBrienFleming };
        let (looks, alpha) = (whole(&case, "looks") as u32, number(&case, "alpha"));
        let found = GroupSequential::new(shape, looks, alpha, Sides::One).constant();
        // The joint law is integrated at random, to about four digits.
        assert!((found - number(&case, "constant")).abs() < 5e-4, "{found} {case}");
    }
}
