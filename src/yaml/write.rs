//! A tree as YAML text: block style, one key on a line.

use std::fmt::Write as _;

use super::tree::{Data, Node, Scalar};

const INDENT: usize = 2;

/// The text of a tree whose top is a table.
pub(crate) fn yaml(node: &Node) -> String {
    let mut text = String::new();
    body(node, 0, &mut text);
    text
}

/// What stands behind a key, from the end of its line on.
fn behind_key(node: &Node, depth: usize, text: &mut String) {
    match &node.data {
        Data::Scalar(scalar) => {
            push(text, format_args!(" {}\n", plain_or_quoted(scalar)));
        }
        Data::List(items) if items.is_empty() => text.push_str(" []\n"),
        Data::Table(entries) if entries.is_empty() => text.push_str(" {}\n"),
        Data::List(_) | Data::Table(_) => {
            text.push('\n');
            indent(depth + 1, text);
            body(node, depth + 1, text);
        }
    }
}

/// A value whose first line has its indent already.
fn body(node: &Node, depth: usize, text: &mut String) {
    match &node.data {
        Data::Scalar(scalar) => push(text, format_args!("{}\n", plain_or_quoted(scalar))),
        Data::List(items) if items.is_empty() => text.push_str("[]\n"),
        Data::Table(entries) if entries.is_empty() => text.push_str("{}\n"),
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    indent(depth, text);
                }
                text.push_str("- ");
                body(item, depth + 1, text);
            }
        }
        Data::Table(entries) => {
            for (index, (key, node)) in entries.iter().enumerate() {
                if index > 0 {
                    indent(depth, text);
                }
                let key = Scalar::plain(key.text.clone());
                push(text, format_args!("{}:", plain_or_quoted(&key)));
                behind_key(node, depth, text);
            }
        }
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', depth * INDENT));
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written to it");
}

/// Quotes what YAML might read as something else than text.
fn plain_or_quoted(scalar: &Scalar) -> String {
    let ordinary = |letter: char| letter.is_alphanumeric() || " _./%+-".contains(letter);
    let text = &scalar.text;
    let plain = !scalar.quoted
        && !scalar.is_null()
        && text.starts_with(|letter: char| letter.is_alphanumeric())
        && !text.ends_with(' ')
        && text.chars().all(ordinary);
    if plain {
        return text.clone();
    }
    serde_json::to_string(text).expect("text is always JSON")
}
