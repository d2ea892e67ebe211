//! Values that replace those of the file, as `--set fleet.size=20` gives them.

use super::problem::{Place, Problems, SourceKind};
use super::tree::{self, Data, Key, KeyPath, Node};

/// Puts `value`, which is YAML, where `path` says. A key that does not exist is made: whether it may exist is for the
/// reader of the tree to say.
pub(super) fn set(root: &mut Node, path: &str, value: &str, problems: &mut Problems) {
    let source = problems.open(
        &format!("--set {path}={value}"),
        value,
        SourceKind::Argument,
    );
    let place = Place {
        source,
        ..Place::default()
    };
    let keys: Vec<&str> = path.split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        let text = "found a path with an empty key, expected keys with dots between them, such as fleet.size";
        problems.add(place, &KeyPath::top(), text);
        return;
    }
    if let Some(node) = tree::parse(value, source, problems) {
        descend(root, &keys, KeyPath::top(), place, node, problems);
    }
}

fn descend(
    node: &mut Node,
    keys: &[&str],
    at: KeyPath,
    place: Place,
    value: Node,
    problems: &mut Problems,
) {
    if keys.is_empty() {
        *node = value;
        return;
    }
    if node.is_null() {
        node.data = Data::Table(Vec::new());
    }
    let (key, rest) = split_key(node, keys);
    let path = at.key(&key);
    match &mut node.data {
        Data::Scalar(_) => {
            let text = format!(
                "found {} there, expected a table; set it as a whole",
                node.describe()
            );
            problems.add(place, &at, text);
        }
        Data::List(items) => {
            let count = items.len();
            match key
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
            {
                Some(item) => descend(item, rest, path, place, value, problems),
                None => {
                    let text = format!(
                        "found a list of {count}, expected the number of an item, counted from 0"
                    );
                    problems.add(place, &path, text);
                }
            }
        }
        Data::Table(entries) => {
            let index = entries.iter().position(|(known, _)| known.text == key);
            let index = index.unwrap_or_else(|| {
                let node = Node {
                    place,
                    ..Node::null()
                };
                entries.push((Key { text: key, place }, node));
                entries.len() - 1
            });
            descend(&mut entries[index].1, rest, path, place, value, problems);
        }
    }
}

/// The next key and those after it. Names may have dots in them (`versions.v1.2.errors`), so the longest key that
/// exists is taken.
fn split_key<'a, 'b>(node: &Node, keys: &'a [&'b str]) -> (String, &'a [&'b str]) {
    let longest = (1..=keys.len())
        .rev()
        .find(|count| node.child(&keys[..*count].join(".")).is_some())
        .unwrap_or(1);
    (keys[..longest].join("."), &keys[longest..])
}
