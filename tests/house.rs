//! The rules of the house, held as a test: who may import whom, how long files and functions may be, where clocks and
//! files may be touched. `docs/architecture.md` gives the reasons.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may import beside itself.
const ROOMS: [(&str, &[&str]); 10] = [
    ("core", &[]),
    ("yaml", &[]),
    ("manifest", &["core", "yaml"]),
    ("scenario", &["core", "yaml", "manifest"]),
    ("measure", &["core"]),
    ("sim", &["core", "scenario", "measure"]),
    ("live", &["core", "scenario", "measure"]),
    ("plan", &["core", "manifest", "scenario", "measure", "sim"]),
    ("report", &["core", "manifest", "scenario", "measure", "sim", "plan"]),
    ("cli", &["core", "manifest", "scenario", "measure", "sim", "live", "plan", "report"]),
];

/// Text that may not stand in a room, and why.
const BANNED: [(&str, &[&str], &str); 4] = [
    (
        "core",
        &["std::fs", "std::net", "std::io", "std::thread", "std::time", "println!", "eprintln!"],
        "core does no I/O",
    ),
    ("sim", &["std::fs", "std::net", "std::thread", "std::time", "println!", "eprintln!"], "time is virtual"),
    ("measure", &["std::fs", "std::net", "std::thread", "std::time", "println!", "eprintln!"], "facts in, numbers out"),
    ("report", &["std::net", "std::thread", "std::time", "println!", "eprintln!"], "reports are pure writers"),
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix(root().join("src")).expect("every source lies in src");
        let first = inside.components().next()?.as_os_str().to_str()?;
        ROOMS.iter().map(|(room, _)| *room).find(|room| *room == first)
    }

    /// The lines of the program, numbered from 1; comments are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!(
            "{}:{line}: {what}",
            self.path.strip_prefix(root()).expect("every source lies below the root").display()
        )
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder of sources can be read") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source can be read");
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.len() > 20, "the sources were found");
    sources
}

fn assert_none(broken: Vec<String>) {
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

/// The rooms that a line imports: every `crate::room`.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let (_, allowed) = ROOMS.iter().find(|(name, _)| *name == room).expect("it is one of the rooms");
        for (number, line) in source.code() {
            for import in imports(line) {
                let known = ROOMS.iter().any(|(name, _)| *name == import);
                if known && import != room && !allowed.contains(&import) {
                    broken.push(source.at(number, &format!("{room} may not import {import}")));
                }
            }
        }
    }
    assert_none(broken);
}

#[test]
fn rooms_touch_no_clock_file_or_terminal() {
    let mut broken = Vec::new();
    for source in sources() {
        let is_folder = source.path.ends_with("report/folder.rs");
        for (_, words, reason) in BANNED.iter().filter(|(room, ..)| source.room() == Some(room)) {
            for (number, line) in source.code() {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    broken.push(source.at(number, &format!("{word}: {reason}")));
                }
            }
        }
        if source.room() == Some("report") && !is_folder {
            let touches = source.code().filter(|(_, line)| line.contains("std::fs") || line.contains("tempfile::"));
            broken.extend(touches.map(|(number, _)| source.at(number, "only report/folder.rs touches the disk")));
        }
    }
    assert_none(broken);
}

#[test]
fn files_and_functions_stay_short() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            broken.push(source.at(lines, &format!("a file of more than {FILE_LINES_MAX} lines")));
        }
        broken.extend(long_functions(&source));
    }
    assert_none(broken);
}

/// A function begins at its `fn` line and ends at the closing brace with the same indent: rustfmt sees to that.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let head = line.trim_start();
        let is_function = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "const fn ", "pub const fn "]
            .iter()
            .any(|prefix| head.starts_with(prefix));
        if !is_function || head.ends_with('}') || head.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == close).unwrap_or(0);
        if length > FUNCTION_LINES_MAX {
            long.push(source.at(start + 1, &format!("a function of {length} lines")));
        }
    }
    long
}

#[test]
fn core_has_no_generator_that_is_not_named() {
    let banned = ["thread_rng", "rand::rng(", "from_os_rng", "StdRng", "SmallRng", "from_entropy"];
    let broken = sources()
        .iter()
        .flat_map(|source| {
            let lines = source.code().filter(|(_, line)| banned.iter().any(|word| line.contains(word)));
            lines.map(|(number, _)| source.at(number, "chance comes from `Seed::stream`")).collect::<Vec<_>>()
        })
        .collect();
    assert_none(broken);
}
