//! Manifests from the files that a verb was given.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::cli::args::ManifestOptions;
use crate::manifest::{self, Manifest, Options};

/// Every manifest in `files`, each with the file it is from.
///
/// # Errors
/// What is wrong with any of the files: all of it at once.
pub fn read<'a>(files: &'a [PathBuf], options: &ManifestOptions) -> Result<Vec<(&'a Path, Manifest)>, Failure> {
    let options = Options { metrics: options.metrics.iter().cloned().collect(), matches: options.matches };
    let (mut manifests, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        match read_one(file, &options) {
            Ok(found) => manifests.extend(found.into_iter().map(|manifest| (file.as_path(), manifest))),
            Err(problems) => wrong.push(problems),
        }
    }
    if wrong.is_empty() { Ok(manifests) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

fn read_one(file: &Path, options: &Options) -> Result<Vec<Manifest>, String> {
    let name = file.display().to_string();
    let text = std::fs::read(file).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text"))
    });
    let text = text.map_err(|error| format!("{name}: cannot be read as a manifest: {error}"))?;
    manifest::read(&text, &name, options).map_err(|problems| problems.to_string())
}
