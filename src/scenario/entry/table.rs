//! Tables with known keys, and choices, which are tables with exactly one.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::Entry;
use crate::yaml::problem::{Place, Problems};
use crate::yaml::tree::{Data, Key, KeyPath, Node, quote};

/// The key in the file for a field in the code: `min_ready` is `min-ready`, `r#for` is `for`.
fn key(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// The keys for several fields.
pub(in crate::scenario) fn keys(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| key(field)).collect()
}

/// A table that is being read, field by field.
pub(in crate::scenario) struct Fields<'a> {
    place: Place,
    entries: &'a [(Key, Node)],
    at: &'a KeyPath,
    /// Whether it is a table at all; if not, missing fields are no news.
    sound: bool,
    /// Keys that were probably meant by unknown ones; that they are missing is no news either.
    meant: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Refuses what is no table and keys that are not `known`. Nothing at all counts as a table without keys.
    pub fn open(node: &'a Node, at: &'a KeyPath, known: &[String], problems: &mut Problems) -> Fields<'a> {
        let entries = entries(node, known, at, problems);
        let mut fields = Fields {
            place: node.place,
            entries: entries.unwrap_or_default(),
            at,
            sound: entries.is_some(),
            meant: Vec::new(),
        };
        fields.refuse_unknown(known, problems);
        fields
    }

    /// Refuses a table that has none or several of `keys`.
    pub fn exactly_one(&self, keys: &[String], problems: &mut Problems) {
        let entries = self.entries.iter().map(|(key, _)| key);
        let present: Vec<&Key> = entries.filter(|key| keys.contains(&key.text)).collect();
        let allowed = keys.join(", ");
        let (place, found) = match present.as_slice() {
            [_] => return,
            [] => (self.place, "none"),
            [_, second, ..] => (second.place, "several"),
        };
        if self.sound {
            let text = format!("found {found} of {allowed}, expected exactly one");
            problems.add(place, self.at, text);
        }
    }

    /// The value of a field that must be given.
    pub fn required<T: Entry>(&self, field: &str, problems: &mut Problems) -> T {
        let key = key(field);
        if let Some(node) = self.node(&key) {
            return T::read(node, &self.at.key(&key), problems);
        }
        if self.sound && !self.meant.contains(&key) {
            let text = format!("found nothing, expected {}", T::expected());
            problems.add(self.place, &self.at.key(&key), text);
        }
        T::fallback()
    }

    /// The value of a field that may be left out.
    pub fn optional<T: Entry>(&self, field: &str, default: impl FnOnce() -> T, problems: &mut Problems) -> T {
        let key = key(field);
        match self.node(&key) {
            Some(node) => T::read(node, &self.at.key(&key), problems),
            None => default(),
        }
    }

    fn refuse_unknown(&mut self, known: &[String], problems: &mut Problems) {
        for (key, _) in self.entries {
            if !known.contains(&key.text) {
                let allowed = known.join(", ");
                let text = format!("found an unknown key, expected one of: {allowed}");
                let problem = problems.add(key.place, &self.at.key(&key.text), text);
                problem.suggest(&key.text, known.iter().map(String::as_str));
                self.meant.extend(problem.suggestion.clone());
            }
        }
    }

    fn node(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|(known, _)| known.text == key);
        entry.map(|(_, node)| node)
    }
}

fn entries<'a>(node: &'a Node, known: &[String], at: &KeyPath, problems: &mut Problems) -> Option<&'a [(Key, Node)]> {
    match &node.data {
        Data::Table(entries) => Some(entries),
        Data::Scalar(scalar) if scalar.is_null() => Some(&[]),
        Data::Scalar(_) | Data::List(_) => {
            let found = node.describe();
            let allowed = known.join(", ");
            let text = format!("found {found}, expected a table with the keys: {allowed}");
            problems.add(node.place, at, text);
            None
        }
    }
}

/// The key and the body of a choice: `{ lognormal: { … } }`, or the bare word where nothing follows.
pub(in crate::scenario) fn choose<'a>(
    node: &'a Node,
    at: &KeyPath,
    known: &[&str],
    problems: &mut Problems,
) -> Option<(&'a str, Option<&'a Node>)> {
    let allowed = known.join(", ");
    let (place, word, body) = match &node.data {
        Data::Table(entries) if entries.len() == 1 => {
            (entries[0].0.place, entries[0].0.text.as_str(), Some(&entries[0].1))
        }
        Data::Scalar(scalar) if !scalar.is_null() => (node.place, scalar.text.as_str(), None),
        _ => {
            let found = match &node.data {
                Data::Table(entries) => format!("{} keys", entries.len()),
                _ => node.describe(),
            };
            let text = format!("found {found}, expected exactly one of: {allowed}");
            problems.add(node.place, at, text);
            return None;
        }
    };
    if known.contains(&word) {
        return Some((word, body));
    }
    let text = format!("found {}, expected one of: {allowed}", quote(word));
    problems.add(place, at, text).suggest(word, known.iter().copied());
    None
}

/// The schema of a table under construction.
pub(in crate::scenario) struct TableShape {
    about: String,
    properties: Map<String, Value>,
    required: Vec<String>,
    one_of: Vec<Value>,
}

impl TableShape {
    pub fn new(about: &[&str]) -> TableShape {
        TableShape { about: prose(about), properties: Map::new(), required: Vec::new(), one_of: Vec::new() }
    }

    pub fn required<T: Entry>(&mut self, field: &str, about: &[&str], generator: &mut SchemaGenerator) {
        self.required.push(key(field));
        self.property::<T>(field, about, None, generator);
    }

    pub fn optional<T: Entry>(&mut self, field: &str, about: &[&str], default: &T, generator: &mut SchemaGenerator) {
        let default = default.write().map(|node| json_of(&node));
        self.property::<T>(field, about, default, generator);
    }

    pub fn exactly_one(&mut self, keys: &[String]) {
        self.one_of = keys.iter().map(|key| json!({ "required": [key] })).collect();
    }

    pub fn finish(self) -> Schema {
        let mut object = Map::new();
        object.insert("description".into(), self.about.into());
        // `network:` with nothing behind it is a table without keys.
        let kind = if self.required.is_empty() && self.one_of.is_empty() {
            json!(["object", "null"])
        } else {
            json!("object")
        };
        object.insert("type".into(), kind);
        object.insert("properties".into(), self.properties.into());
        object.insert("required".into(), self.required.into());
        object.insert("additionalProperties".into(), false.into());
        if !self.one_of.is_empty() {
            object.insert("oneOf".into(), self.one_of.into());
        }
        object.into()
    }

    fn property<T: Entry>(
        &mut self,
        field: &str,
        about: &[&str],
        default: Option<Value>,
        generator: &mut SchemaGenerator,
    ) {
        let mut schema = T::schema(generator);
        schema.insert("description".into(), prose(about).into());
        if let Some(default) = default {
            schema.insert("default".into(), default);
        }
        self.properties.insert(key(field), schema.to_value());
    }
}

/// The schema of a choice under construction.
pub(in crate::scenario) struct ChoiceShape {
    about: String,
    words: Vec<&'static str>,
    tables: Vec<Value>,
}

impl ChoiceShape {
    pub fn new(about: &[&str]) -> ChoiceShape {
        ChoiceShape { about: prose(about), words: Vec::new(), tables: Vec::new() }
    }

    pub fn variant<T: Entry>(&mut self, word: &'static str, about: &[&str], generator: &mut SchemaGenerator) {
        let mut problems = Problems::scratch();
        T::read(&Node::null(), &KeyPath::top(), &mut problems);
        if problems.is_empty() {
            self.words.push(word);
        }
        let body = T::schema(generator);
        self.tables.push(json!({
            "description": prose(about),
            "type": "object",
            "properties": { word: body },
            "required": [word],
            "additionalProperties": false,
        }));
    }

    pub fn finish(mut self) -> Schema {
        if !self.words.is_empty() {
            self.tables.push(json!({ "enum": self.words }));
        }
        let mut object = Map::new();
        object.insert("description".into(), self.about.into());
        object.insert("oneOf".into(), self.tables.into());
        object.into()
    }
}

/// Doc comments as one paragraph.
fn prose(lines: &[&str]) -> String {
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    trimmed.join(" ").trim().to_owned()
}

/// A written value as JSON, for the defaults in the schema.
fn json_of(node: &Node) -> Value {
    match &node.data {
        Data::List(items) => items.iter().map(json_of).collect(),
        Data::Table(entries) => {
            entries.iter().map(|(key, node)| (key.text.clone(), json_of(node))).collect::<Map<String, Value>>().into()
        }
        Data::Scalar(scalar) if scalar.quoted => scalar.text.clone().into(),
        Data::Scalar(scalar) => serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into()),
    }
}
