//! The conditions of an Argo metric, as far as they compare one result with one number: `result[0] >= 0.95`.

use crate::core::rollout::{Condition, Relation};

/// A condition that was understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Understood {
    pub condition: Condition,
    /// Whether something beside the comparison was left out that could change the outcome.
    pub partly: bool,
}

/// Longer operators first, so that `>=` is not read as `>`.
const RELATIONS: [(&str, Relation, Relation); 6] = [
    (">=", Relation::AtLeast, Relation::AtMost),
    ("<=", Relation::AtMost, Relation::AtLeast),
    ("==", Relation::Equal, Relation::Equal),
    ("!=", Relation::Other, Relation::Other),
    (">", Relation::More, Relation::Less),
    ("<", Relation::Less, Relation::More),
];

/// Reads a comparison, alone or beside guards for missing data.
///
/// `len(result) > 0 && …` only says that there is data, which a measurement without a value is not. `isNaN(result) || …`
/// makes missing data a success: that is left out, and said so.
pub(super) fn parse(text: &str) -> Option<Understood> {
    let any: Vec<&str> = text.split("||").collect();
    let all: Vec<&str> = any.iter().flat_map(|part| part.split("&&")).collect();
    let mut conditions = all.iter().filter(|part| !is_guard(part));
    let condition = comparison(conditions.next()?)?;
    conditions.next().is_none().then_some(Understood { condition, partly: any.len() > 1 })
}

/// Whether a part asks only for data.
fn is_guard(part: &str) -> bool {
    let part = plain(part);
    let part = part.strip_prefix('!').unwrap_or(&part);
    part.starts_with("len(") || part.starts_with("isNaN(") || part.starts_with("isInf(") || part.ends_with("nil")
}

fn comparison(text: &str) -> Option<Condition> {
    let text = plain(text);
    let (at, (word, relation, turned)) =
        RELATIONS.iter().filter_map(|known| Some((text.find(known.0)?, *known))).min_by_key(|(at, _)| *at)?;
    let (left, right) = (&text[..at], &text[at + word.len()..]);
    match (number(left), number(right)) {
        (None, Some(value)) if is_result(left) => Some(Condition { relation, value }),
        (Some(value), None) if is_result(right) => Some(Condition { relation: turned, value }),
        _ => None,
    }
}

/// Without blanks and without brackets around the whole.
fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.to_owned(),
        Some(_) | None => text,
    }
}

fn number(text: &str) -> Option<f64> {
    let first = text.trim_start_matches('-').chars().next()?;
    let looks_so = first.is_ascii_digit() || first == '.';
    looks_so.then(|| text.parse().ok()).flatten().filter(|value: &f64| value.is_finite())
}

/// `result`, `result[0]`, `result.field`, each perhaps inside `asFloat(…)` or `default(…, 0)`.
fn is_result(text: &str) -> bool {
    let inside =
        ["asFloat(", "asInt(", "float(", "int("].iter().find_map(|call| text.strip_prefix(call)?.strip_suffix(')'));
    if let Some(inside) = inside {
        return is_result(inside);
    }
    if let Some(inside) = text.strip_prefix("default(").and_then(|inside| inside.strip_suffix(')')) {
        return inside.split_once(',').is_some_and(|(value, other)| is_result(value) && number(other).is_some());
    }
    let member = |letter: char| letter.is_alphanumeric() || "_.[]\"'".contains(letter);
    text.strip_prefix("result")
        .is_some_and(|rest| (rest.is_empty() || rest.starts_with(['.', '['])) && rest.chars().all(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_of_the_result_are_understood() {
        let cases = [
            ("result[0] >= 0.95", Relation::AtLeast, 0.95, false),
            ("result < 0.05", Relation::Less, 0.05, false),
            ("asFloat(result) <= 500", Relation::AtMost, 500.0, false),
            ("asFloat(result[0])>1e3", Relation::More, 1_000.0, false),
            ("0.95 <= result[0]", Relation::AtLeast, 0.95, false),
            ("len(result) > 0 && result[0] >= 0.9", Relation::AtLeast, 0.9, false),
            ("!isNaN(result[0]) && result[0] < 0.1", Relation::Less, 0.1, false),
            ("isNaN(result) || result >= 0.9", Relation::AtLeast, 0.9, true),
            ("result.successPercent > 95", Relation::More, 95.0, false),
            ("default(result, 0) < 3", Relation::Less, 3.0, false),
            ("(result[0] == 1)", Relation::Equal, 1.0, false),
        ];
        for (text, relation, value, partly) in cases {
            let condition = Condition { relation, value };
            assert_eq!(parse(text), Some(Understood { condition, partly }), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        let texts = [
            "",
            "result",
            "true",
            "result[0] >= 0.9 && result[0] <= 1",
            "result[0] >= result[1]",
            "all(result, # < 3)",
            "results > 3",
            "len(result) > 0",
            "result >= nan",
        ];
        for text in texts {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
