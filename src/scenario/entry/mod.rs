//! How a kind of value is read from the tree, written back, and described in the JSON Schema: one trait, so that the
//! three cannot drift apart.

mod macros;
mod shapes;
mod table;

use schemars::{Schema, SchemaGenerator};

use crate::yaml::problem::Problems;
use crate::yaml::tree::{Data, KeyPath, Node, Scalar, quote};

pub(super) use macros::{choice, leaf, table, words};
pub(super) use shapes::{Keyword, Named, Or, OrWord};
pub(super) use table::{ChoiceShape, Fields, TableShape, choose, keys};

/// A kind of value in a scenario file.
pub(super) trait Entry: Sized {
    /// What is allowed, for a problem: `a time, e.g. 20s`.
    fn expected() -> String;

    /// What stands in for a value that is missing or wrong, so that the rest of the file can still be checked. In a
    /// table every field has its default.
    fn fallback() -> Self;

    /// Notes every problem, and goes on with the fallback.
    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self;

    /// `None` where the value is left out.
    fn write(&self) -> Option<Node>;

    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A kind of value that is a single piece of text or a number.
pub(super) trait Leaf: Sized {
    fn expected() -> String;

    fn fallback() -> Self;

    /// The refusal may carry advice, such as `write a unit`.
    fn parse(scalar: &Scalar) -> Result<Self, Advice>;

    fn scalar(&self) -> Scalar;

    fn schema() -> Schema;
}

/// What to do about a refused value, beyond what is allowed in general.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advice(pub Option<String>);

impl Advice {
    pub fn none() -> Advice {
        Advice(None)
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Advice {
        Advice(Some(text.to_owned()))
    }
}

/// Reads a leaf; the body of [`Entry::read`] for every one of them.
pub(super) fn read_leaf<T: Leaf>(node: &Node, at: &KeyPath, problems: &mut Problems) -> T {
    let outcome = match &node.data {
        Data::Scalar(scalar) if !scalar.is_null() => T::parse(scalar),
        _ => Err(Advice::none()),
    };
    match outcome {
        Ok(value) => value,
        Err(Advice(advice)) => {
            let advice = advice.map(|text| format!("; {text}")).unwrap_or_default();
            let found = found(node);
            let expected = T::expected();
            problems.add(node.place, at, format!("found {found}, expected {expected}{advice}"));
            T::fallback()
        }
    }
}

/// What stands there; a number in quotes is shown with them, since they are what is wrong with it.
fn found(node: &Node) -> String {
    match &node.data {
        Data::Scalar(scalar) if scalar.quoted => {
            let text = quote(&scalar.text);
            format!("the text {text}")
        }
        _ => node.describe(),
    }
}
