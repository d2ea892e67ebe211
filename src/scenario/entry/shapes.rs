//! Shapes that hold other kinds of values: lists, tables of names, and values with an alternative.

use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator};
use serde_json::json;

use super::{Entry, Leaf};
use crate::scenario::units::Name;
use crate::yaml::problem::Problems;
use crate::yaml::tree::{Data, KeyPath, Node};

/// A value that may be left out.
impl<T: Entry> Entry for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn fallback() -> Self {
        None
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        Some(T::read(node, at, problems))
    }

    fn write(&self) -> Option<Node> {
        self.as_ref().and_then(T::write)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A list; every bad item is reported.
impl<T: Entry> Entry for Vec<T> {
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }

    fn fallback() -> Self {
        Vec::new()
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        let Data::List(nodes) = &node.data else {
            let text = format!("found {}, expected {}", node.describe(), Self::expected());
            problems.add(node.place, at, text);
            return Vec::new();
        };
        nodes.iter().enumerate().map(|(index, node)| T::read(node, &at.index(index), problems)).collect()
    }

    fn write(&self) -> Option<Node> {
        let items = self.iter().filter_map(T::write).collect();
        Some(Node::unplaced(Data::List(items)))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::schema(generator);
        schemars::json_schema!({ "type": "array", "items": items })
    }
}

/// A table whose keys are names that the user chooses, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct Named<T>(pub Vec<(String, T)>);

impl<T: Entry> Entry for Named<T> {
    fn expected() -> String {
        format!("a table from names to {}", T::expected())
    }

    fn fallback() -> Self {
        Named(Vec::new())
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        let Data::Table(entries) = &node.data else {
            let text = format!("found {}, expected {}", node.describe(), Self::expected());
            problems.add(node.place, at, text);
            return Named(Vec::new());
        };
        let entries = entries.iter().map(|(key, node)| {
            Name::check_key(key, at, problems);
            let value = T::read(node, &at.key(&key.text), problems);
            (key.text.clone(), value)
        });
        Named(entries.collect())
    }

    fn write(&self) -> Option<Node> {
        let entries = self.0.iter().map(|(name, value)| (name.as_str(), value.write()));
        Some(Node::table(entries))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let values = T::schema(generator);
        let names = <Name as Leaf>::schema();
        schemars::json_schema!({
            "type": "object",
            "propertyNames": names,
            "additionalProperties": values,
        })
    }
}

/// A leaf, or else something that is no leaf.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) enum Or<L, T> {
    Leaf(L),
    Table(T),
}

impl<L: Entry, T: Entry> Entry for Or<L, T> {
    fn expected() -> String {
        format!("{}, or {}", L::expected(), T::expected())
    }

    fn fallback() -> Self {
        Or::Leaf(L::fallback())
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        match &node.data {
            Data::Scalar(_) => Or::Leaf(L::read(node, at, problems)),
            Data::List(_) | Data::Table(_) => Or::Table(T::read(node, at, problems)),
        }
    }

    fn write(&self) -> Option<Node> {
        match self {
            Or::Leaf(leaf) => leaf.write(),
            Or::Table(table) => table.write(),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        either(&L::schema(generator), &T::schema(generator))
    }
}

/// A word that stands for the absence of a value.
pub(in crate::scenario) trait Keyword {
    const WORD: &'static str;
}

/// A value, or the word that stands for its absence.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct OrWord<T, W>(pub Option<T>, PhantomData<W>);

impl<T, W> OrWord<T, W> {
    pub fn absent() -> Self {
        OrWord(None, PhantomData)
    }

    pub fn present(value: T) -> Self {
        OrWord(Some(value), PhantomData)
    }
}

impl<T: Entry, W: Keyword> Entry for OrWord<T, W> {
    fn expected() -> String {
        format!("{} or '{}'", T::expected(), W::WORD)
    }

    fn fallback() -> Self {
        OrWord::absent()
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        match &node.data {
            Data::Scalar(scalar) if scalar.text == W::WORD => OrWord::absent(),
            _ => OrWord::present(T::read(node, at, problems)),
        }
    }

    fn write(&self) -> Option<Node> {
        match &self.0 {
            Some(value) => value.write(),
            None => Some(Node::scalar(W::WORD)),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let word = schemars::json_schema!({ "const": W::WORD });
        either(&T::schema(generator), &word)
    }
}

fn either(one: &Schema, other: &Schema) -> Schema {
    let alternatives = json!([one, other]);
    schemars::json_schema!({ "anyOf": alternatives })
}
