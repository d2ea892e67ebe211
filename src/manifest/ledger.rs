//! What is noted while a manifest is read: problems, what has no effect, and where everything stands.

use std::cell::{Cell, RefCell};

use crate::manifest::{Fate, Unused};
use crate::yaml::problem::{Place, Problems};
use crate::yaml::tree::{Key, KeyPath};

/// What is noted while a manifest is read.
pub(super) struct Ledger {
    problems: RefCell<Problems>,
    unused: RefCell<Vec<Unused>>,
    lines: RefCell<Vec<(String, u32)>>,
    /// Whether a number may not stand in quotes, as Kubernetes has it.
    strict: Cell<bool>,
}

impl Ledger {
    pub fn new(problems: Problems) -> Ledger {
        Ledger {
            problems: RefCell::new(problems),
            unused: RefCell::default(),
            lines: RefCell::default(),
            strict: Cell::new(true),
        }
    }

    /// The name of a source.
    pub fn file(&self, source: u32) -> String {
        self.problems.borrow().name(source).to_owned()
    }

    /// See [`Ledger::is_strict`].
    pub fn set_strict(&self, strict: bool) {
        self.strict.set(strict);
    }

    /// Whether a number may not stand in quotes.
    pub fn is_strict(&self) -> bool {
        self.strict.get()
    }

    /// What was noted since the last call, in the order of the file, each only once.
    pub fn take(&self) -> (Vec<Unused>, Vec<(String, u32)>) {
        let mut unused = self.unused.take();
        unused.sort_by(|one, other| (one.line, &one.path).cmp(&(other.line, &other.path)));
        unused.dedup();
        let mut lines = self.lines.take();
        lines.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        lines.dedup();
        (unused, lines)
    }

    pub fn into_problems(self) -> Problems {
        self.problems.into_inner()
    }

    pub fn complain(&self, place: Place, at: &KeyPath, text: impl Into<String>) {
        self.problems.borrow_mut().add(place, at, text);
    }

    pub fn unused(&self, place: Place, at: &KeyPath, fate: Fate) {
        let path = at.to_string();
        self.unused.borrow_mut().push(Unused { line: place.line, path, fate });
    }

    /// One entry for several keys of the table at `at`, in the order of the file: `spec.{affinity, volumes}`.
    pub fn unused_together(&self, at: &KeyPath, mut keys: Vec<&Key>) {
        keys.sort_by_key(|key| (key.place.line, key.place.column));
        let Some(first) = keys.first() else { return };
        let names: Vec<&str> = keys.iter().map(|key| key.text.as_str()).collect();
        let name = if names.len() == 1 { names[0].to_owned() } else { format!("{{{}}}", names.join(", ")) };
        self.unused(first.place, &at.key(&name), Fate::NotSimulated);
    }

    /// Notes where the value at `at` stands.
    pub fn line(&self, place: Place, at: &KeyPath) {
        self.lines.borrow_mut().push((at.to_string(), place.line));
    }
}
