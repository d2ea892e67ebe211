//! Yes or no.

use schemars::{Schema, json_schema};

use crate::scenario::entry::{Advice, Leaf, leaf};
use crate::yaml::tree::Scalar;

impl Leaf for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn fallback() -> bool {
        false
    }

    fn parse(scalar: &Scalar) -> Result<bool, Advice> {
        match scalar.text.as_str() {
            "true" if !scalar.quoted => Ok(true),
            "false" if !scalar.quoted => Ok(false),
            _ => Err(Advice::none()),
        }
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.to_string())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

leaf!(bool);
