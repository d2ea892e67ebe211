//! What a manifest is put together from: nodes, and remarks on what they do not say.

use super::Exported;
use crate::core::amount::Amount;
use crate::core::time::Span;
use crate::yaml::tree::{Data, Node, Scalar};
use crate::yaml::write;

/// A manifest in the making.
pub(super) struct Draft {
    /// Of the service.
    pub name: String,
    notes: Vec<String>,
    /// See [`Exported::metrics`].
    pub metrics: Vec<(String, String)>,
}

impl Draft {
    pub fn new(name: &str) -> Draft {
        Draft { name: name.to_owned(), notes: Vec::new(), metrics: Vec::new() }
    }

    /// Says what is missing, once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Whole seconds; a fraction counts as one more, and is said.
    pub fn seconds(&mut self, what: &str, span: Span) -> u64 {
        let whole = span.nanos().div_ceil(1_000_000_000);
        if Span::from_secs(whole) != span {
            self.note(format!("{what} of {span} is rounded up to {whole} s"));
        }
        whole
    }

    /// Whole minutes; a fraction counts as one more, and is said.
    pub fn minutes(&mut self, what: &str, span: Span) -> u64 {
        let whole = span.nanos().div_ceil(60_000_000_000);
        if Span::from_secs(60 * whole) != span {
            self.note(format!("{what} of {span} is rounded up to {whole} min"));
        }
        whole
    }

    /// A whole number of instances or a whole percentage; the fraction of a percentage is dropped, and said.
    pub fn amount(&mut self, amount: Amount) -> Node {
        match amount {
            Amount::Count(count) => number(count),
            Amount::Percent(percent) => {
                let whole = percent.floor();
                if whole != percent {
                    self.note(format!("{percent}% is rounded down to {whole}%"));
                }
                plain(format!("{whole}%"))
            }
        }
    }

    /// The remarks as comments, and the body below them.
    pub fn finish(self, body: &str) -> Exported {
        let mut text = String::from("# Written by rollcast.\n");
        for note in &self.notes {
            text.push_str(&format!("# {note}\n"));
        }
        if !self.metrics.is_empty() {
            let known: Vec<String> = self.metrics.iter().map(|(name, what)| format!("{name}={what}")).collect();
            text.push_str(&format!("# Metrics for reading it back: {}\n", known.join(", ")));
        }
        text.push_str(body);
        Exported { text, notes: self.notes, metrics: self.metrics }
    }
}

/// Several documents of one file.
pub(super) fn documents(documents: &[Node]) -> String {
    documents.iter().map(write::yaml).collect::<Vec<_>>().join("---\n")
}

/// A Kubernetes object.
pub(super) fn object(version: &str, kind: &str, name: &str, spec: Node) -> Node {
    Node::table([
        ("apiVersion", Some(plain(version))),
        ("kind", Some(plain(kind))),
        ("metadata", Some(Node::table([("name", Some(text(name)))]))),
        ("spec", Some(spec)),
    ])
}

/// Text that is to stay text, whatever it looks like.
pub(super) fn text(text: impl Into<String>) -> Node {
    Node::unplaced(Data::Scalar(Scalar { text: text.into(), quoted: true }))
}

/// A word or number as it is.
pub(super) fn plain(text: impl Into<String>) -> Node {
    Node::scalar(text)
}

pub(super) fn number(number: impl Into<u64>) -> Node {
    plain(number.into().to_string())
}

/// `None` where it is the default.
pub(super) fn truth(truth: bool) -> Option<Node> {
    truth.then(|| plain("true"))
}

pub(super) fn list(items: Vec<Node>) -> Node {
    Node::unplaced(Data::List(items))
}
