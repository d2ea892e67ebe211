//! YAML as the rooms that read it need it: a tree that remembers places, problems that name them, and text again.

pub(crate) mod problem;
pub(crate) mod tree;
pub(crate) mod write;

pub use self::problem::{Problem, Problems};
