//! A table of a manifest that remembers which of its keys were asked for: whatever nobody asked for is unknown.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::core::amount::Amount;
use crate::core::time::Span;
use crate::manifest::ledger::Ledger;
use crate::manifest::{Fate, duration};
use crate::yaml::problem::Place;
use crate::yaml::tree::{Data, Key, KeyPath, Node, Scalar};

/// Whole numbers of a Kubernetes object are signed and have 32 bits.
pub(super) const WHOLE_MAX: u32 = i32::MAX as u32;

/// How a file writes the keys that we call `min_healthy_time` or `minHealthyTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// As they are called here.
    AsIs,
    /// `MinHealthyTime`, as in `CloudFormation` and in a Nomad job as JSON.
    Pascal,
}

impl Case {
    fn written(self, key: &str) -> String {
        match self {
            Case::AsIs => key.to_owned(),
            Case::Pascal => key.split('_').map(capital).collect(),
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A value with the keys that lead to it.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub node: &'a Node,
    pub at: KeyPath,
    pub case: Case,
    pub ledger: &'a Ledger,
}

/// A table; when it is dropped, the keys that nobody asked for are noted as unknown.
pub(super) struct Fields<'a> {
    entries: &'a [(Key, Node)],
    pub place: Place,
    pub at: KeyPath,
    case: Case,
    pub ledger: &'a Ledger,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Item<'a> {
    pub fn new(node: &'a Node, at: KeyPath, case: Case, ledger: &'a Ledger) -> Item<'a> {
        Item { node, at, case, ledger }
    }

    pub fn complain(&self, text: impl Into<String>) {
        self.ledger.complain(self.node.place, &self.at, text);
    }

    /// Notes that `expected` was wanted here.
    pub fn refuse<T>(&self, expected: &str) -> Option<T> {
        self.complain(format!("found {}, expected {expected}", self.node.describe()));
        None
    }

    pub fn not_simulated(&self) {
        self.ledger.unused(self.node.place, &self.at, Fate::NotSimulated);
    }

    pub fn is_table(&self) -> bool {
        matches!(self.node.data, Data::Table(_))
    }

    pub fn table(&self) -> Option<Fields<'a>> {
        let Data::Table(entries) = &self.node.data else { return self.refuse("a table") };
        Some(Fields {
            entries,
            place: self.node.place,
            at: self.at.clone(),
            case: self.case,
            ledger: self.ledger,
            asked: RefCell::default(),
        })
    }

    pub fn list(&self) -> Vec<Item<'a>> {
        let Data::List(items) = &self.node.data else {
            self.refuse::<()>("a list");
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items.map(|(index, node)| Item { node, at: self.at.index(index), ..self.clone() }).collect()
    }

    /// Every entry of a table, in the order of the file.
    pub fn entries(&self) -> Vec<(&'a str, Item<'a>)> {
        let Data::Table(entries) = &self.node.data else {
            self.refuse::<()>("a table");
            return Vec::new();
        };
        let entries = entries.iter();
        entries
            .map(|(key, node)| (key.text.as_str(), Item { node, at: self.at.key(&key.text), ..self.clone() }))
            .collect()
    }

    fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.data {
            Data::Scalar(scalar) => Some(scalar),
            Data::List(_) | Data::Table(_) => None,
        }
    }

    /// The text of a number: not in quotes where that matters.
    fn digits(&self) -> Option<&'a str> {
        let scalar = self.scalar()?;
        (!scalar.quoted || !self.ledger.is_strict()).then_some(scalar.text.trim())
    }

    pub fn text(&self) -> Option<String> {
        let text = self.scalar().map(|scalar| scalar.text.clone());
        text.or_else(|| self.refuse("text"))
    }

    pub fn whole(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.digits().and_then(|text| text.parse::<i64>().ok());
        let inside = number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        inside.or_else(|| self.refuse(&expected_whole(&range)))
    }

    /// A whole number that may be negative.
    pub fn integer(&self) -> Option<i64> {
        let number = self.digits().and_then(|text| text.parse::<i64>().ok());
        number.or_else(|| self.refuse("a whole number"))
    }

    pub fn number(&self) -> Option<f64> {
        let number = self.digits().and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
        number.or_else(|| self.refuse("a number"))
    }

    pub fn truth(&self) -> Option<bool> {
        match self.digits() {
            Some("true" | "True") => Some(true),
            Some("false" | "False") => Some(false),
            Some(_) | None => self.refuse("true or false"),
        }
    }

    /// A number of instances, or a whole percentage as text.
    pub fn amount(&self) -> Option<Amount> {
        let percent = self.scalar().and_then(|scalar| scalar.text.strip_suffix('%'));
        let percent = percent.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(percent) = percent.and_then(|text| text.parse::<u32>().ok()) {
            return Some(Amount::Percent(f64::from(percent)));
        }
        let count = self.digits().and_then(|text| text.parse::<u32>().ok()).filter(|count| *count <= WHOLE_MAX);
        count.map(Amount::Count).or_else(|| self.refuse("a whole number, or a whole percentage such as 25%"))
    }

    /// A length of time as Go writes it.
    pub fn duration(&self) -> Option<Span> {
        let span = self.scalar().and_then(|scalar| duration::parse(&scalar.text));
        span.or_else(|| self.refuse("a length of time such as 30s, 5m or 1h30m"))
    }
}

fn expected_whole(range: &RangeInclusive<u32>) -> String {
    match (*range.start(), *range.end()) {
        (0, WHOLE_MAX) => "a whole number".to_owned(),
        (start, WHOLE_MAX) => format!("a whole number of at least {start}"),
        (start, end) => format!("a whole number from {start} to {end}"),
    }
}

impl<'a> Fields<'a> {
    fn entry(&self, key: &str) -> Option<&'a (Key, Node)> {
        let written = self.case.written(key);
        let entry = self.entries.iter().find(|(known, _)| known.text == written);
        self.asked.borrow_mut().insert(written);
        entry.filter(|(_, node)| !node.is_null())
    }

    /// The keys that lead to `key` as the file writes it.
    pub fn path(&self, key: &str) -> KeyPath {
        self.at.key(&self.case.written(key))
    }

    /// The value under `key`, unless there is none or it is null.
    pub fn get(&self, key: &str) -> Option<Item<'a>> {
        let (found, node) = self.entry(key)?;
        let at = self.at.key(&found.text);
        self.ledger.line(found.place, &at);
        Some(Item { node, at, case: self.case, ledger: self.ledger })
    }

    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The value under `key`, not yet asked for.
    pub fn peek(&self, key: &str) -> Option<&'a Node> {
        let written = self.case.written(key);
        self.entries.iter().find(|(known, _)| known.text == written).map(|(_, node)| node)
    }

    pub fn table(&self, key: &str) -> Option<Fields<'a>> {
        self.get(key)?.table()
    }

    pub fn list(&self, key: &str) -> Vec<Item<'a>> {
        self.get(key).map(|item| item.list()).unwrap_or_default()
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    pub fn whole(&self, key: &str) -> Option<u32> {
        self.get(key)?.whole(0..=WHOLE_MAX)
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.number()
    }

    pub fn truth(&self, key: &str) -> Option<bool> {
        self.get(key)?.truth()
    }

    pub fn amount(&self, key: &str) -> Option<Amount> {
        self.get(key)?.amount()
    }

    /// A whole number of seconds.
    pub fn seconds(&self, key: &str) -> Option<Span> {
        Some(Span::from_secs(u64::from(self.whole(key)?)))
    }

    /// One of some words.
    pub fn word(&self, key: &str, words: &[&'static str]) -> Option<&'static str> {
        let item = self.get(key)?;
        let text = item.text()?;
        let word = words.iter().find(|word| **word == text).copied();
        word.or_else(|| item.refuse(&format!("one of: {}", words.join(", "))))
    }

    /// Notes a problem with the value under `key`, or with the table if it has no such key.
    pub fn complain(&self, key: &str, text: impl Into<String>) {
        let place = self.entry(key).map_or(self.place, |(_, node)| node.place);
        self.ledger.complain(place, &self.path(key), text);
    }

    /// Notes that these fields are understood and have no effect here.
    pub fn skip(&self, keys: &[&str]) {
        for key in keys {
            if let Some((found, _)) = self.entry(key) {
                self.ledger.unused(found.place, &self.at.key(&found.text), Fate::NotSimulated);
            }
        }
    }

    /// As [`Fields::skip`], but one entry for all of them, so that a long pod template does not bury the rest.
    pub fn skip_together(&self, keys: &[&str]) {
        let found = keys.iter().filter_map(|key| self.entry(key)).map(|(key, _)| key);
        self.ledger.unused_together(&self.at, found.collect());
    }

    /// Nobody needs to be told of any key, because all of them are read elsewhere.
    pub fn accept_all(&self) {
        self.asked.borrow_mut().extend(self.entries.iter().map(|(key, _)| key.text.clone()));
    }

    /// Nobody needs to be told of these keys, because they only say what the object is.
    pub fn accept(&self, keys: &[&str]) {
        for key in keys {
            self.entry(key);
        }
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        let asked = self.asked.take();
        for (key, _) in self.entries.iter().filter(|(key, _)| !asked.contains(&key.text)) {
            self.ledger.unused(key.place, &self.at.key(&key.text), Fate::Unknown);
        }
    }
}
