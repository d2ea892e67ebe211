//! From text to a checked plan, or to every problem in it at once.
//!
//! This room reads a scenario file and the traces beside it, and does nothing else with the disk. It never stops at the
//! first problem: whatever can be checked is checked, and each problem says where it is, what was found, what is
//! allowed, and what was perhaps meant. Whoever holds a [`plan::Scenario`] from here may rely on what its comments
//! promise.
//!
//! On the way there are three forms: a tree with places (`tree`), the declarations of the file with every default
//! (`file`), and the [`plan`]. The JSON Schema and the text of `run.yaml` come from the same declarations.
//!
//! What a plan means to whoever drives it is here too: when requests come ([`arrivals`]), who sends them ([`caller`]), how
//! versions behave ([`behaviour`], [`law`]), and what the core of a run is made of ([`origin()`]).

pub mod arrivals;
pub mod behaviour;
pub mod caller;
mod check;
pub mod config;
mod entry;
mod file;
pub mod law;
mod normal;
mod origin;
pub mod plan;
mod power;

pub mod quantity;
mod release;
mod remark;
mod resolve;
mod set;
mod speed;
mod trace;

mod units;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Component, Path, PathBuf};

use self::check::Check;
use self::entry::{Entry, Or};
use self::file::File;
use self::file::balancer::Balancer;
use self::resolve::{resolve, rule};
use crate::core::proxy::Rule;
use crate::core::time::Span;
use crate::yaml::problem::{Place, SourceKind};
use crate::yaml::tree::{self, Data, KeyPath, Node};
use crate::yaml::write;

pub use crate::yaml::{Problem, Problems};
use origin::STAY;
pub use origin::{origin, runs};
pub use release::{Release, replication};
pub use remark::remarks;
pub use speed::SCALED;

/// A scenario with all that is needed to write it down again.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked plan.
    pub scenario: plan::Scenario,
    /// With every default filled in.
    file: File,
    /// Where its relative paths start; absolute.
    folder: PathBuf,
}

/// Reads the scenario in a file.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    load_with(path, &[])
}

/// Reads the scenario in a file, with some values replaced: each is a path such as `fleet.size` and a value in YAML.
pub fn load_with(path: &Path, overrides: &[(&str, &str)]) -> Result<Loaded, Problems> {
    load_varied(path, overrides, &[])
}

/// As [`load_with`]; of the replacements, `varied` are those of a sweep.
pub fn load_varied(path: &Path, overrides: &[(&str, &str)], varied: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let text = read(path, "a scenario")?;
    parse_varied(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")), overrides, varied)
}

/// The text of a file; `what` it should be.
fn read(path: &Path, what: &str) -> Result<String, Problems> {
    let text = std::fs::read(path).and_then(|bytes| {
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text");
        String::from_utf8(bytes).map_err(not_text)
    });
    text.map_err(|error| {
        let mut problems = Problems::default();
        problems.open(&path.display().to_string(), "", SourceKind::File);
        let text = format!("cannot be read as {what}: {error}");
        problems.add(Place::default(), &KeyPath::top(), text);
        problems
    })
}

/// Reads a scenario from text. Problems name it `file`; the paths in it start at `folder`.
pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Loaded, Problems> {
    parse_with(text, file, folder, &[])
}

/// As [`parse`], with some values replaced.
pub fn parse_with(text: &str, file: &str, folder: &Path, overrides: &[(&str, &str)]) -> Result<Loaded, Problems> {
    parse_varied(text, file, folder, overrides, &[])
}

fn parse_varied(
    text: &str,
    file: &str,
    folder: &Path,
    overrides: &[(&str, &str)],
    varied: &[(&str, &str)],
) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let source = problems.open(file, text, SourceKind::File);
    let Some(mut tree) = tree::parse(text, source, &mut problems) else {
        return Err(problems.sorted());
    };
    if !matches!(tree.data, Data::Table(_)) {
        let found = tree.describe();
        let text = format!("found {found}, expected {}", File::expected());
        problems.add(tree.place, &KeyPath::top(), text);
        return Err(problems);
    }
    let overrides = overrides.iter().map(|pair| ("--set", pair));
    for (flag, (path, value)) in overrides.chain(varied.iter().map(|pair| ("--vary", pair))) {
        set::set(&mut tree, (flag, path, value), &mut problems);
    }
    check(&mut tree, folder, problems)
}

fn check(tree: &mut Node, folder: &Path, mut problems: Problems) -> Result<Loaded, Problems> {
    file::spread(tree);
    let mut file = File::read(tree, &KeyPath::top(), &mut problems);
    let mut check = Check { tree, folder, problems: &mut problems };
    let scenario = resolve(&mut file, &mut check);
    if !problems.is_empty() {
        return Err(problems.sorted());
    }
    Ok(Loaded { scenario, file, folder: absolute(folder) })
}

fn absolute(folder: &Path) -> PathBuf {
    // The folder of a file that is named alone is empty, which is no path to make absolute.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Without a current folder there is nothing better than the path as given.
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// Reads a balancer as it may stand under `proxies.balancer`: a word, or a word with a table of options. Problems name
/// it `from`.
pub fn balancer(text: &str, from: &str) -> Result<Rule, Problems> {
    let mut problems = Problems::default();
    let source = problems.open(from, text, SourceKind::Argument);
    let Some(tree) = tree::parse(text, source, &mut problems) else {
        return Err(problems.sorted());
    };
    let at = KeyPath::top();
    let balancer = Balancer::read(&tree, &at, &mut problems);
    let mut check = Check { tree: &tree, folder: Path::new(""), problems: &mut problems };
    let rule = rule(&balancer, &at, &mut check);
    if problems.is_empty() { Ok(rule) } else { Err(problems.sorted()) }
}

/// A time as a scenario writes it, such as `10ms`.
pub fn span(text: &str) -> Option<Span> {
    <Span as entry::Leaf>::parse(&tree::Scalar::plain(text)).ok()
}

/// The names of all balancers.
pub fn balancers() -> &'static [&'static str] {
    Balancer::WORDS
}

/// The JSON Schema (draft 2020-12) of scenario files.
pub fn schema() -> serde_json::Value {
    schema_of::<File>("rollcast scenario")
}

fn schema_of<T: schemars::JsonSchema>(title: &str) -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

impl Loaded {
    /// The scenario as YAML with every default filled in, to stand in `folder`: reading it there gives an equal plan.
    pub fn run_yaml(&self, folder: &Path) -> String {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut file = self.file.clone();
        for name in files(&mut file) {
            let path = self.folder.join(&name.0);
            name.0 = relative(&path, &folder).display().to_string();
        }
        let node = file.write().expect("a table is always written");
        format!(
            "# Written by rollcast {}, with every default filled in.\n{}",
            env!("CARGO_PKG_VERSION"),
            write::yaml(&node)
        )
    }
}

/// Every path in a scenario.
fn files(file: &mut File) -> impl Iterator<Item = &mut units::FileName> {
    let mut names = Vec::new();
    if let Some(trace) = &mut file.traffic.trace {
        names.push(&mut trace.file);
    }
    let think = file.traffic.closed.as_mut().map(|closed| &mut closed.think);
    let news = Some(&mut file.network.listing_delay);
    let boot = Some(&mut file.fleet.boot);
    let laws = file.versions.0.iter_mut().flat_map(|(_, version)| {
        let crashes = version.crashes.as_mut().and_then(|crashes| crashes.0.as_mut());
        [version.service.as_mut(), crashes.map(|crashes| &mut crashes.after)]
    });
    for law in [think, news, boot].into_iter().chain(laws).flatten() {
        if let Or::Table(file::Law::Empirical(law)) = law {
            names.push(&mut law.file);
        }
    }
    names.extend(&mut file.slo.from);
    for (_, strategy) in &mut file.strategies.0 {
        if let file::Strategy::Manifest(manifest) = strategy {
            names.push(&mut manifest.from);
        }
    }
    names.into_iter()
}

/// How to get to `path` from `folder`, both absolute; `path` itself where nothing leads there.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (path_parts, folder_parts) = (tidy(path), tidy(folder));
    let shared = path_parts.iter().zip(&folder_parts).take_while(|(one, other)| one == other).count();
    // On Windows, two drives share nothing; elsewhere there is always the root.
    if shared == 0 {
        return path.to_owned();
    }
    let up = std::iter::repeat_n(Component::ParentDir, folder_parts.len() - shared);
    up.chain(path_parts[shared..].iter().copied()).collect()
}

/// The parts of a path without detours.
fn tidy(path: &Path) -> Vec<Component<'_>> {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}
