//! Names that the user chooses, and names of files and columns.

use schemars::{Schema, json_schema};

use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::problem::Problems;
use crate::yaml::tree::{Key, KeyPath, Scalar, quote};

const NAME_LENGTH_MAX: usize = 64;

/// A name that can be part of a file's name on every system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Name(pub String);

/// A path to a file, or the name of a column in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct FileName(pub String);

impl Name {
    /// Refuses a key of a table that is no name.
    pub fn check_key(key: &Key, at: &KeyPath, problems: &mut Problems) {
        if !Name::is_sound(&key.text) {
            let found = quote(&key.text);
            let text = format!("found the key {found}, expected {}", Name::expected());
            problems.add(key.place, &at.key(&key.text), text);
        }
    }

    fn is_sound(text: &str) -> bool {
        let letters = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
        text.starts_with(char::is_alphanumeric) && text.chars().all(letters) && text.chars().count() <= NAME_LENGTH_MAX
    }
}

impl Leaf for Name {
    fn expected() -> String {
        format!(
            "a name of at most {NAME_LENGTH_MAX} letters, digits, '-', '_' and '.' that begins with a letter or digit"
        )
    }

    fn fallback() -> Name {
        Name(String::new())
    }

    fn parse(scalar: &Scalar) -> Result<Name, Advice> {
        if Name::is_sound(&scalar.text) {
            return Ok(Name(scalar.text.clone()));
        }
        Err(Advice::none())
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.0.clone())
    }

    /// A name such as `1998` is a number to YAML, hence the second type.
    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "pattern": r"^[\p{L}\p{N}][\p{L}\p{N}._-]*$",
            "maxLength": NAME_LENGTH_MAX,
        })
    }
}

impl Leaf for FileName {
    fn expected() -> String {
        "text".to_owned()
    }

    fn fallback() -> FileName {
        FileName(String::new())
    }

    fn parse(scalar: &Scalar) -> Result<FileName, Advice> {
        if scalar.text.trim().is_empty() {
            return Err(Advice::none());
        }
        Ok(FileName(scalar.text.clone()))
    }

    fn scalar(&self) -> Scalar {
        Scalar { text: self.0.clone(), quoted: true }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

leaf!(Name);
leaf!(FileName);
