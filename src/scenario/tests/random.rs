//! The reader against texts that nobody wrote.

use std::path::Path;

use proptest::prelude::*;

use super::{FULL, SAMPLE, parse, parse_with};

/// Pieces that make trouble when they stand in the wrong place.
const PIECES: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "nan",
    "18446744073709551616",
    "0%",
    "100%",
    "1000%",
    "0s",
    "100y",
    "36525d",
    "9999999/s",
    "none",
    "never",
    "unlimited",
    "{}",
    "[]",
    "[",
    "}",
    ":",
    "- ",
    "\t",
    "\n",
    "'",
    "\"",
    "&a ",
    "*a",
    "!!x ",
    "? ",
    "| ",
    "> ",
    "---\n",
    "...\n",
    "#",
    "%",
    "\u{feff}",
    "\u{0}",
    "결제",
    "\u{202e}",
    "v1",
    "v2",
    "stay",
    "canary",
    "null",
    "~",
    "<<: ",
];

/// A good scenario with a few cuts and insertions.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES));
    let text = prop::sample::select(vec![SAMPLE, FULL]);
    (text, prop::collection::vec(edit, 1..5)).prop_map(|(text, edits)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, cut, piece) in edits {
            let start = place.index(letters.len());
            let end = (start + cut).min(letters.len());
            letters.splice(start..end, piece.chars());
        }
        letters.into_iter().collect()
    })
}

/// A good scenario with one of its scalars replaced by something else.
fn swapped() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![SAMPLE, FULL]);
    (text, any::<prop::sample::Index>(), prop::sample::select(PIECES)).prop_map(|(text, place, piece)| {
        let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
        let place = place.index(words.len());
        let word = |(index, word): (usize, &&str)| {
            if index == place { format!("{piece} ") } else { (*word).to_owned() }
        };
        words.iter().enumerate().map(word).collect()
    })
}

/// What is read must survive being written; what is refused must have a place.
fn check(text: &str) {
    match parse(text, "x.yaml", Path::new("")) {
        Ok(loaded) => {
            let written = loaded.run_yaml(Path::new(""));
            let again = parse(&written, "run.yaml", Path::new(""));
            let again = again.unwrap_or_else(|problems| panic!("{problems}\n{written}"));
            assert_eq!(again.scenario, loaded.scenario, "{written}");
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal has a reason");
            assert!(problems.to_string().starts_with("x.yaml"), "{problems}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn no_edit_of_a_scenario_makes_the_reader_panic(text in mutated()) {
        check(&text);
    }

    #[test]
    fn no_value_in_the_wrong_place_makes_the_reader_panic(text in swapped()) {
        check(&text);
    }

    #[test]
    fn no_replacement_makes_the_reader_panic(path in "[a-z0-9.-]{0,30}", value in any::<String>()) {
        if let Err(problems) = parse_with(SAMPLE, "x.yaml", Path::new(""), &[(&path, &value)]) {
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn numbers_that_are_good_are_read_back(seed in any::<u64>(), size in 1..100_000_u32, surge in 0.0..1_000.0_f64, rate in 0.001..10_000.0_f64) {
        let size = size.to_string();
        let (seed, surge, rate) = (seed.to_string(), format!("{surge}%"), format!("{rate}/m"));
        let overrides = [
            ("seed", seed.as_str()),
            ("fleet.size", size.as_str()),
            ("strategies.rolling.surge", surge.as_str()),
            ("traffic.open.stages.0.rate", rate.as_str()),
        ];
        let loaded = parse_with(SAMPLE, "x.yaml", Path::new(""), &overrides);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        check(&loaded.run_yaml(Path::new("")));
        let again = parse(&loaded.run_yaml(Path::new("")), "x.yaml", Path::new("")).expect("it was good before");
        prop_assert_eq!(again.scenario, loaded.scenario);
    }
}
