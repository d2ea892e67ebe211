//! Manifests from the files that a verb was given.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::cli::args::ManifestOptions;
use crate::manifest::{self, Manifest, Options};

/// Every manifest in `files`, whose documents may refer to each other.
///
/// # Errors
/// Files that cannot be read, or what is wrong with any of them: all of it at once.
pub fn read(files: &[PathBuf], options: &ManifestOptions) -> Result<Vec<Manifest>, Failure> {
    let options = Options { metrics: options.metrics.iter().cloned().collect(), matches: options.matches };
    let (texts, wrong): (Vec<_>, Vec<_>) = files.iter().map(|file| text(file)).partition(Result::is_ok);
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    if !wrong.is_empty() {
        return Err(Failure::Usage(wrong.join("\n")));
    }
    let texts: Vec<(String, String)> = texts.into_iter().filter_map(Result::ok).collect();
    manifest::read_all(&texts, &options).map_err(Failure::Scenario)
}

fn text(file: &Path) -> Result<(String, String), String> {
    let name = file.display().to_string();
    let text = std::fs::read(file).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text"))
    });
    text.map(|text| (name.clone(), text)).map_err(|error| format!("{name}: cannot be read as a manifest: {error}"))
}
