//! YAML text as a tree that remembers places and the exact text of every scalar.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::problem::{Place, Problems};

/// Deeper nesting than any scenario has; stops a hostile file before it exhausts the stack.
const DEPTH_MAX: usize = 32;

/// Aliases may repeat so many values in all; stops a small file from becoming a huge tree.
const REPEATED_MAX: usize = 20_000;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub place: Place,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Table(Vec<(Key, Node)>),
}

/// Text as written, so that `0.10` stays `0.10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub text: String,
    /// Whether quotes or a block make it text and never a number, a truth value or nothing.
    pub quoted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub text: String,
    pub place: Place,
}

/// The keys that lead from the top to a value; shown with dots between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPath(Vec<String>);

impl KeyPath {
    pub fn top() -> KeyPath {
        KeyPath::default()
    }

    pub fn key(&self, key: &str) -> KeyPath {
        let mut longer = self.clone();
        longer.0.push(key.to_owned());
        longer
    }

    /// Whether one leads to the other; the top, which leads everywhere, does not count.
    pub fn overlaps(&self, other: &KeyPath) -> bool {
        let shared = self.0.len().min(other.0.len());
        shared > 0 && self.0[..shared] == other.0[..shared]
    }

    pub fn index(&self, index: usize) -> KeyPath {
        self.key(&index.to_string())
    }
}

impl<const N: usize> From<[&str; N]> for KeyPath {
    fn from(keys: [&str; N]) -> KeyPath {
        KeyPath(keys.map(str::to_owned).to_vec())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("."))
    }
}

impl Scalar {
    pub fn plain(text: impl Into<String>) -> Scalar {
        Scalar { text: text.into(), quoted: false }
    }

    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    /// A value that no file holds.
    pub fn unplaced(data: Data) -> Node {
        Node { place: Place::default(), data }
    }

    pub fn scalar(text: impl Into<String>) -> Node {
        Node::unplaced(Data::Scalar(Scalar::plain(text)))
    }

    pub fn null() -> Node {
        Node::scalar("")
    }

    /// A table without the entries that have no value.
    pub fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Option<Node>)>) -> Node {
        let entries = entries.into_iter().filter_map(|(text, node)| {
            let key = Key { text: text.to_owned(), place: Place::default() };
            node.map(|node| (key, node))
        });
        Node::unplaced(Data::Table(entries.collect()))
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.is_null())
    }

    /// The value under `key`, if this is a table that has it.
    pub fn child(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Table(entries) => entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node),
            Data::List(items) => items.get(key.parse::<usize>().ok()?),
            Data::Scalar(_) => None,
        }
    }

    /// Where the value at `path` stands, or else the innermost table around it.
    pub fn place_of(&self, path: &KeyPath) -> Place {
        let mut node = self;
        for key in &path.0 {
            match node.child(key) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.place
    }

    /// How many values it holds, itself included, and how deep they nest.
    fn extent(&self) -> (usize, usize) {
        let add = |(size, depth): (usize, usize), node: &Node| {
            let (more, deep) = node.extent();
            (size + more, depth.max(deep + 1))
        };
        match &self.data {
            Data::Scalar(_) => (1, 0),
            Data::List(items) => items.iter().fold((1, 1), add),
            Data::Table(entries) => entries.iter().map(|(_, node)| node).fold((1, 1), add),
        }
    }

    /// What it is, for a problem that begins with `found`.
    pub fn describe(&self) -> String {
        match &self.data {
            Data::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Data::Scalar(scalar) => quote(&scalar.text),
            Data::List(_) => "a list".to_owned(),
            Data::Table(_) => "a table".to_owned(),
        }
    }
}

/// Text in quotes, short and without control characters.
pub(crate) fn quote(text: &str) -> String {
    const LENGTH_MAX: usize = 60;
    let mut shown: String = text
        .chars()
        .take(LENGTH_MAX)
        .flat_map(|letter| {
            let escape = letter.is_control();
            let plain = (!escape).then_some(letter);
            let escaped = escape.then(|| letter.escape_default());
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect();
    if text.chars().nth(LENGTH_MAX).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}

/// Reads one YAML document. `None` if there is no tree to go on with; the reason is then among the problems.
pub(crate) fn parse(text: &str, source: u32, problems: &mut Problems) -> Option<Node> {
    let mut documents = build(text, source, Documents::One, problems)?;
    Some(
        documents.pop().unwrap_or_else(|| Node {
            place: Place { source, ..Place::default() },
            data: Data::Scalar(Scalar::plain("")),
        }),
    )
}

/// Reads every document of a file that others wrote. Aliases are replaced by what they stand for, and `<<` by the keys
/// that it merges. A tag such as `!Ref` stays a part of its text, so that whoever wants a number there says what was found
/// instead.
pub(crate) fn parse_all(text: &str, source: u32, problems: &mut Problems) -> Option<Vec<Node>> {
    build(text, source, Documents::Many, problems)
}

fn build(text: &str, source: u32, documents: Documents, problems: &mut Problems) -> Option<Vec<Node>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (open, roots) = (Vec::new(), Vec::new());
    let mut builder = Builder { source, documents, problems, open, roots, anchors: BTreeMap::new(), repeated: 0 };
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => builder.refuse_syntax(&error),
        };
        outcome.ok()?;
    }
    Some(builder.roots)
}

/// What a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Documents {
    /// One document without tags and aliases, as a scenario is.
    One,
    /// Any number, with both.
    Many,
}

struct Builder<'a> {
    source: u32,
    documents: Documents,
    problems: &'a mut Problems,
    /// The lists and tables around the next event, outermost first.
    open: Vec<Open>,
    roots: Vec<Node>,
    /// What has a name for aliases.
    anchors: BTreeMap<usize, Node>,
    /// Values that aliases have repeated so far.
    repeated: usize,
}

/// A list or table whose end has not been seen.
enum Open {
    List { place: Place, anchor: usize, items: Vec<Node> },
    Table { place: Place, anchor: usize, entries: Vec<(Key, Node)>, seen: BTreeSet<String>, pending: Option<Key> },
}

/// The tree cannot be built; the reason has been noted.
struct Stop;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = self.place(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.documents == Documents::One && !self.roots.is_empty() => {
                self.refuse(place, "found a second document, expected one for each file")
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => self.repeat(place, anchor),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(place, anchor, tag.is_some())?;
                let quoted = style != ScalarStyle::Plain || tag.is_some();
                let text = match tag {
                    Some(tag) if !tag.is_yaml_core_schema() => format!("!{} {text}", tag.suffix),
                    Some(_) | None => text.into_owned(),
                };
                self.scalar(place, anchor, Scalar { text, quoted })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(place, anchor, tag.is_some())?;
                let items = Vec::new();
                self.begin(place, Open::List { place, anchor, items })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(place, anchor, tag.is_some())?;
                self.begin(place, Open::table(place, anchor))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn scalar(&mut self, place: Place, anchor: usize, scalar: Scalar) -> Result<(), Stop> {
        if let Some(Open::Table { pending, .. }) = self.open.last_mut()
            && pending.is_none()
        {
            *pending = Some(Key { text: scalar.text, place });
            return Ok(());
        }
        let data = Data::Scalar(scalar);
        self.finished(anchor, Node { place, data });
        Ok(())
    }

    /// Puts a copy of what an alias stands for in its place.
    fn repeat(&mut self, place: Place, anchor: usize) -> Result<(), Stop> {
        if self.documents == Documents::One {
            return self.refuse(place, "found an alias, expected the value itself");
        }
        if matches!(self.open.last(), Some(Open::Table { pending: None, .. })) {
            return self.refuse(place, "found an alias as a key, expected text");
        }
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return self.refuse(place, "found an alias of something that is not finished, expected a value");
        };
        let (size, depth) = node.extent();
        self.repeated += size;
        if self.repeated > REPEATED_MAX || self.open.len() + depth > DEPTH_MAX {
            return self.refuse(place, "found aliases that repeat too much, expected the values themselves");
        }
        self.value(node);
        Ok(())
    }

    fn begin(&mut self, place: Place, container: Open) -> Result<(), Stop> {
        if matches!(self.open.last(), Some(Open::Table { pending: None, .. })) {
            return self.refuse(place, "found a list or a table as a key, expected text");
        }
        if self.open.len() == DEPTH_MAX {
            let text = format!("found more than {DEPTH_MAX} levels of nesting");
            return self.refuse(place, &text);
        }
        self.open.push(container);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let (anchor, node) = match self.open.pop() {
            Some(Open::List { place, anchor, items }) => (anchor, Node { place, data: Data::List(items) }),
            Some(Open::Table { place, anchor, mut entries, .. }) => {
                if self.documents == Documents::Many {
                    merge(&mut entries);
                }
                (anchor, Node { place, data: Data::Table(entries) })
            }
            None => return Ok(()),
        };
        self.finished(anchor, node);
        Ok(())
    }

    /// A finished value, kept for aliases if it has a name; 0 is no name.
    fn finished(&mut self, anchor: usize, node: Node) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.value(node);
    }

    /// Puts a finished value where it belongs. Of two values under one key the first stays.
    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { entries, seen, pending, .. }) => {
                let Some(key) = pending.take() else { return };
                if seen.insert(key.text.clone()) {
                    entries.push((key, node));
                } else {
                    let path = self.path().key(&key.text);
                    self.problems.add(key.place, &path, "found this key twice in one table");
                }
            }
        }
    }

    /// The keys that lead to the innermost open list or table.
    fn path(&self) -> KeyPath {
        let around = self.open.len().saturating_sub(1);
        self.open[..around].iter().fold(KeyPath::top(), |path, open| match open {
            Open::List { items, .. } => path.index(items.len()),
            Open::Table { pending, .. } => path.key(pending.as_ref().map_or("", |key| key.text.as_str())),
        })
    }

    fn refuse_decoration(&mut self, place: Place, anchor: usize, tag: bool) -> Result<(), Stop> {
        if anchor != 0 && self.documents == Documents::One {
            return self.refuse(place, "found an anchor ('&'), expected the value alone");
        }
        if tag && self.documents == Documents::One {
            return self.refuse(place, "found a tag ('!'), expected the value alone");
        }
        Ok(())
    }

    fn refuse_syntax(&mut self, error: &ScanError) -> Result<(), Stop> {
        let mark = *error.marker();
        let place = self.place(Span::empty(mark));
        self.refuse(place, &format!("not valid YAML: {}", error.info()))
    }

    fn refuse(&mut self, place: Place, text: &str) -> Result<(), Stop> {
        self.problems.add(place, &KeyPath::top(), text);
        Err(Stop)
    }

    fn place(&self, span: Span) -> Place {
        let on_one_line = span.start.line() == span.end.line();
        let width = span.end.col().saturating_sub(span.start.col());
        Place {
            source: self.source,
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            width: if on_one_line { width as u32 } else { 1 },
        }
    }
}

impl Open {
    fn table(place: Place, anchor: usize) -> Open {
        Open::Table { place, anchor, entries: Vec::new(), seen: BTreeSet::new(), pending: None }
    }
}

/// Puts the keys of the tables under `<<` beside the others, of which each goes before them.
fn merge(entries: &mut Vec<(Key, Node)>) {
    let Some(index) = entries.iter().position(|(key, _)| key.text == "<<") else { return };
    let tables = match &entries[index].1.data {
        Data::Table(_) => vec![entries[index].1.clone()],
        Data::List(items) => items.clone(),
        Data::Scalar(_) => return,
    };
    entries.remove(index);
    for table in tables {
        let Data::Table(merged) = table.data else { continue };
        for (key, node) in merged {
            if !entries.iter().any(|(known, _)| known.text == key.text) {
                entries.push((key, node));
            }
        }
    }
}
