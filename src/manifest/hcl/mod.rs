//! The HCL of a Nomad job as the same tree that YAML becomes: blocks are tables under their labels.
//!
//! Expressions are not evaluated, except for a variable with a default in the same file: `var.count` and `${var.count}`
//! alone become that value. Whatever else is computed stays text, and whoever wants a number there says what was found.

mod lexer;

use std::collections::BTreeMap;

use self::lexer::{Lexer, Token, What};
use crate::yaml::problem::{Place, Problems};
use crate::yaml::tree::{Data, Key, KeyPath, Node, Scalar};

/// Deeper nesting than any job has; stops a hostile file before it exhausts the stack.
const DEPTH_MAX: usize = 32;

/// Whether a file is HCL, by its name or else by its first word.
pub(super) fn is_hcl(text: &str, file: &str) -> bool {
    let named = [".hcl", ".nomad"].iter().any(|ending| file.ends_with(ending));
    let mut lines = text.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', '/', '*'])).unwrap_or_default();
    let opens = |word: &str| first.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with(['"', '{']));
    // A job as JSON may have the name of one in HCL.
    (named && !first.starts_with('{')) || ["job", "variable", "variables", "locals"].into_iter().any(opens)
}

/// Reads a file. `None` if there is no tree to go on with; the reason is then among the problems.
pub(super) fn parse(text: &str, source: u32, problems: &mut Problems) -> Option<Node> {
    let parsed = Lexer::tokens(text, source).and_then(|tokens| {
        let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
        parser.body(What::End)
    });
    match parsed {
        Ok(entries) => {
            let mut node = Node { place: Place { source, line: 1, column: 1, width: 1 }, data: Data::Table(entries) };
            let defaults = defaults(&node);
            fill(&mut node, &defaults);
            Some(node)
        }
        Err(Wrong { place, text }) => {
            problems.add(place, &KeyPath::top(), format!("not valid HCL: {text}"));
            None
        }
    }
}

/// The first thing that is wrong; what follows cannot be trusted.
pub(super) struct Wrong {
    place: Place,
    text: String,
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

type Entries = Vec<(Key, Node)>;

impl<'a> Parser<'a> {
    /// The last token is always the end, which nobody steps over.
    fn peek(&self) -> &'a Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> &'a Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn wrong<T>(&self, expected: &str) -> Result<T, Wrong> {
        let token = self.peek();
        Err(Wrong { place: token.place, text: format!("found {}, expected {expected}", token.what.describe()) })
    }

    fn skip_lines(&mut self) {
        while self.peek().what == What::Line {
            self.at += 1;
        }
    }

    /// Attributes and blocks up to `close`.
    fn body(&mut self, close: What) -> Result<Entries, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.wrong(&format!("at most {DEPTH_MAX} levels of nesting"));
        }
        let mut entries = Entries::new();
        loop {
            self.skip_lines();
            let token = self.next();
            match &token.what {
                what if *what == close => break,
                What::Word(text) | What::Text(text) => {
                    let key = Key { text: text.clone(), place: token.place };
                    let (node, labelled) = self.attribute_or_block()?;
                    put(&mut entries, key, node, labelled);
                }
                _ => {
                    self.at -= 1;
                    return self.wrong("a name");
                }
            }
        }
        self.depth -= 1;
        Ok(entries)
    }

    /// The value, and whether labels lead to it.
    fn attribute_or_block(&mut self) -> Result<(Node, bool), Wrong> {
        if matches!(self.peek().what, What::Sign('=' | ':')) {
            self.at += 1;
            return Ok((self.expression()?, false));
        }
        let mut labels = Vec::new();
        while let What::Word(text) | What::Text(text) = &self.peek().what {
            labels.push(Key { text: text.clone(), place: self.peek().place });
            self.at += 1;
        }
        let place = self.peek().place;
        if self.peek().what != What::Sign('{') {
            return self.wrong("'=' or a block");
        }
        self.at += 1;
        let entries = self.body(What::Sign('}'))?;
        let block = Node { place, data: Data::Table(entries) };
        // The labels lead to the block as keys do.
        let labelled = !labels.is_empty();
        let node = labels
            .into_iter()
            .rev()
            .fold(block, |node, key| Node { place: key.place, data: Data::Table(vec![(key, node)]) });
        Ok((node, labelled))
    }

    /// A value; what is computed stays text up to the end of the line.
    fn expression(&mut self) -> Result<Node, Wrong> {
        let start = self.at;
        let value = self.value()?;
        if matches!(self.peek().what, What::Line | What::End | What::Sign('}' | ']' | ',')) {
            return Ok(value);
        }
        let next = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)];
        if matches!(self.peek().what, What::Word(_)) && next.what == What::Sign('=') {
            return self.wrong("the end of the line, since a block on one line holds a single attribute");
        }
        self.at = start;
        self.computed()
    }

    fn value(&mut self) -> Result<Node, Wrong> {
        let token = self.next();
        let place = token.place;
        let data = match &token.what {
            What::Text(text) => Data::Scalar(Scalar { text: text.clone(), quoted: true }),
            What::Word(text) => Data::Scalar(Scalar::plain(text.clone())),
            What::Sign('-') => match &self.next().what {
                What::Word(text) => Data::Scalar(Scalar::plain(format!("-{text}"))),
                _ => {
                    self.at -= 1;
                    return self.wrong("a number");
                }
            },
            What::Sign('[') => Data::List(self.list()?),
            What::Sign('{') => Data::Table(self.object()?),
            What::Sign('(' | '!') => {
                self.at -= 1;
                return self.computed();
            }
            What::Sign(_) | What::Line | What::End => {
                self.at -= 1;
                return self.wrong("a value");
            }
        };
        Ok(Node { place, data })
    }

    fn list(&mut self) -> Result<Vec<Node>, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.wrong(&format!("at most {DEPTH_MAX} levels of nesting"));
        }
        let mut items = Vec::new();
        loop {
            self.skip_lines();
            match self.peek().what {
                What::Sign(']') => break,
                What::Sign(',') => {}
                _ => {
                    items.push(self.expression()?);
                    continue;
                }
            }
            self.at += 1;
        }
        self.at += 1;
        self.depth -= 1;
        Ok(items)
    }

    /// `{ key = value, … }` as a value.
    fn object(&mut self) -> Result<Entries, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.wrong(&format!("at most {DEPTH_MAX} levels of nesting"));
        }
        let mut entries = Entries::new();
        loop {
            self.skip_lines();
            let token = self.next();
            match &token.what {
                What::Sign('}') => break,
                What::Sign(',') => {}
                What::Word(text) | What::Text(text) => {
                    if !matches!(self.next().what, What::Sign('=' | ':')) {
                        self.at -= 1;
                        return self.wrong("'='");
                    }
                    let key = Key { text: text.clone(), place: token.place };
                    let node = self.expression()?;
                    put(&mut entries, key, node, false);
                }
                What::Sign(_) | What::Line | What::End => {
                    self.at -= 1;
                    return self.wrong("a name or '}'");
                }
            }
        }
        self.depth -= 1;
        Ok(entries)
    }

    /// The words of an expression that would have to be computed, brackets and all.
    fn computed(&mut self) -> Result<Node, Wrong> {
        let place = self.peek().place;
        let mut text = String::new();
        let mut open = 0_usize;
        loop {
            match &self.peek().what {
                What::End => break,
                What::Line if open == 0 => break,
                What::Sign('}' | ']' | ',') if open == 0 => break,
                What::Sign(sign) => {
                    match sign {
                        '(' | '[' | '{' => open += 1,
                        ')' | ']' | '}' => open = open.saturating_sub(1),
                        _ => {}
                    }
                    text.push(*sign);
                }
                What::Word(word) | What::Text(word) => text.push_str(word),
                What::Line => {}
            }
            self.at += 1;
        }
        if text.is_empty() {
            return self.wrong("a value");
        }
        Ok(Node { place, data: Data::Scalar(Scalar { text, quoted: true }) })
    }
}

/// Blocks of one type and different labels share a table; those that cannot become a list.
fn put(entries: &mut Entries, key: Key, node: Node, labelled: bool) {
    let Some((_, known)) = entries.iter_mut().find(|(known, _)| known.text == key.text) else {
        entries.push((key, node));
        return;
    };
    match (&mut known.data, node.data) {
        (Data::Table(known), Data::Table(new)) if labelled && !share_a_key(known, &new) => known.extend(new),
        (Data::List(known), data) => known.push(Node { place: node.place, data }),
        (_, data) => {
            let first = std::mem::replace(known, Node { place: node.place, data: Data::List(Vec::new()) });
            let second = Node { place: node.place, data };
            *known = Node { place: first.place, data: Data::List(vec![first, second]) };
        }
    }
}

fn share_a_key(one: &Entries, other: &Entries) -> bool {
    one.iter().any(|(key, _)| other.iter().any(|(known, _)| known.text == key.text))
}

/// The defaults of variables, by name.
fn defaults(node: &Node) -> BTreeMap<String, Data> {
    let Some(Node { data: Data::Table(variables), .. }) = node.child("variable") else {
        return BTreeMap::new();
    };
    let default = |(key, variable): &(Key, Node)| Some((key.text.clone(), variable.child("default")?.data.clone()));
    variables.iter().filter_map(default).collect()
}

/// Puts the defaults where a value is nothing but a variable.
fn fill(node: &mut Node, defaults: &BTreeMap<String, Data>) {
    match &mut node.data {
        Data::Scalar(scalar) => {
            let text = scalar.text.trim();
            let inner = text.strip_prefix("${").and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
            let value = inner.trim().strip_prefix("var.").and_then(|name| defaults.get(name));
            // A default that is itself a table would let a file grow without bounds.
            if let Some(Data::Scalar(value)) = value {
                node.data = Data::Scalar(value.clone());
            }
        }
        Data::List(items) => items.iter_mut().for_each(|item| fill(item, defaults)),
        Data::Table(entries) => entries.iter_mut().for_each(|(_, node)| fill(node, defaults)),
    }
}
