//! Values that replace those of the file, as `--set fleet.size=20` gives them, or a cell of `--vary`.

use crate::yaml::problem::{Place, Problems, SourceKind};
use crate::yaml::tree::{self, Data, Key, KeyPath, Node};

/// Puts `value`, which is YAML, where `path` says. A key that does not exist is made: whether it may exist is for the
/// reader of the tree to say. Items of a list are `steps.0` or `steps[0]`.
pub(super) fn set(root: &mut Node, (flag, path, value): (&str, &str, &str), problems: &mut Problems) {
    let source = problems.open(&format!("{flag} {path}={value}"), value, SourceKind::Argument);
    let place = Place { source, ..Place::default() };
    let dotted = path.replace('[', ".").replace(']', "");
    let keys: Vec<&str> = dotted.split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        let text = "found a path with an empty key, expected keys with dots between them, such as fleet.size";
        problems.add(place, &KeyPath::top(), text);
        return;
    }
    let Some(value) = tree::parse(value, source, problems) else {
        return;
    };
    let (mut node, mut keys, mut at) = (root, keys.as_slice(), KeyPath::top());
    while !keys.is_empty() {
        let (key, rest) = split_key(node, keys);
        let below = at.key(&key);
        node = match child(node, key, place) {
            Ok(child) => child,
            Err(text) => {
                problems.add(place, &at, text);
                return;
            }
        };
        at = below;
        keys = rest;
    }
    *node = value;
}

/// The value under `key`, made if this is a table without it; or else what is wrong with the path.
fn child(node: &mut Node, key: String, place: Place) -> Result<&mut Node, String> {
    if node.is_null() {
        node.data = Data::Table(Vec::new());
    }
    let found = node.describe();
    match &mut node.data {
        Data::Scalar(_) => Err(format!("found {found} there, expected a table; set it as a whole")),
        Data::List(items) => {
            let count = items.len();
            let item = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            item.ok_or(format!("found a list of {count}, expected the number of an item, counted from 0"))
        }
        Data::Table(entries) => {
            let known = entries.iter().position(|(known, _)| known.text == key);
            let index = known.unwrap_or_else(|| {
                let mut nothing = Node::null();
                nothing.place = place;
                entries.push((Key { text: key, place }, nothing));
                entries.len() - 1
            });
            Ok(&mut entries[index].1)
        }
    }
}

/// The next key and those after it. Names may have dots in them (`versions.v1.2.errors`), so the longest key that
/// exists is taken.
fn split_key<'a, 'b>(node: &Node, keys: &'a [&'b str]) -> (String, &'a [&'b str]) {
    let longest = (1..=keys.len()).rev().find(|count| node.child(&keys[..*count].join(".")).is_some()).unwrap_or(1);
    (keys[..longest].join("."), &keys[longest..])
}
