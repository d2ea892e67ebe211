//! Problems between values, once the file has been read.

use std::path::Path;

use crate::yaml::problem::{Problem, Problems};
use crate::yaml::tree::{KeyPath, Node};

/// What the checks share.
pub(super) struct Check<'a> {
    /// For places.
    pub tree: &'a Node,
    /// Paths in the scenario start here.
    pub folder: &'a Path,
    pub problems: &'a mut Problems,
}

impl Check<'_> {
    /// Notes a problem between values, at the place of the first; says nothing if one of them is known to be wrong,
    /// since the true value might be right.
    pub fn complain(&mut self, about: &[&KeyPath], text: impl Into<String>) -> Option<&mut Problem> {
        if about.iter().any(|path| self.problems.touch(path)) {
            return None;
        }
        let place = self.tree.place_of(about[0]);
        Some(self.problems.add(place, about[0], text))
    }
}
