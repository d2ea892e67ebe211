//! A strategy from a manifest beside the scenario. A problem in that file is reported with its own name and line.

use crate::core::rollout::{Recreate, Strategy};
use crate::core::time::Span;
use crate::manifest::{self, Manifest, Options};
use crate::scenario::check::Check;
use crate::scenario::file;
use crate::yaml::tree::{KeyPath, quote};

/// What the manifest says, and all the rest of it; after a problem something harmless.
pub(super) fn strategy(entry: &file::Manifest, at: &KeyPath, check: &mut Check<'_>) -> (Strategy, Option<Manifest>) {
    match read(entry, at, check) {
        Some(manifest) => (manifest.strategy.clone(), Some(manifest)),
        None => (Strategy::Recreate(Recreate { gate: None, bake: Span::ZERO }), None),
    }
}

fn read(entry: &file::Manifest, at: &KeyPath, check: &mut Check<'_>) -> Option<Manifest> {
    let from = at.key("from");
    if check.problems.touch(&from) {
        return None;
    }
    let (path, text) = text_of(&entry.from.0, "a manifest", &from, check)?;
    let metrics = entry.metrics.0.iter().map(|(name, word)| (name.clone(), word.metric)).collect();
    let options = Options { metrics, matches: entry.matches.share() };
    let known = check.problems.len();
    let manifests = manifest::read_into(&text, &path, &options, check.problems);
    if check.problems.len() > known {
        return None;
    }
    choose(manifests, entry, at, check)
}

/// Path and text of a file beside the scenario, which is to be `what`.
pub(super) fn text_of(name: &str, what: &str, at: &KeyPath, check: &mut Check<'_>) -> Option<(String, String)> {
    let path = check.folder.join(name);
    match std::fs::read(&path).map(String::from_utf8) {
        Ok(Ok(text)) => Some((path.display().to_string(), text)),
        Ok(Err(_)) => {
            check.complain(&[at], format!("found {}, which is not UTF-8, expected {what}", quote(name)));
            None
        }
        Err(error) => {
            check.complain(&[at], format!("found {}, which cannot be read: {error}", quote(name)));
            None
        }
    }
}

fn choose(manifests: Vec<Manifest>, entry: &file::Manifest, at: &KeyPath, check: &mut Check<'_>) -> Option<Manifest> {
    let names: Vec<String> = manifests.iter().map(|manifest| quote(&manifest.name)).collect();
    let names = names.join(", ");
    match &entry.name {
        Some(wanted) => {
            let found = manifests.into_iter().find(|manifest| manifest.name == wanted.0);
            if found.is_none() {
                let text = format!("found {}, expected one of the manifests in the file: {names}", quote(&wanted.0));
                check.complain(&[&at.key("name")], text);
            }
            found
        }
        None if manifests.len() > 1 => {
            let text =
                format!("found {} manifests in the file, expected a name to say which: {names}", manifests.len());
            check.complain(&[&at.key("from")], text);
            None
        }
        None => manifests.into_iter().next(),
    }
}
