//! The configuration of a real proxy: from text to a checked [`Config`], or to every problem in it at once.
//!
//! What the proxy's scheduler is told is put into an equal scenario, by the same declarations and checks: so a journal of
//! the proxy has a scenario in its head like every other, and `rollcast replay` needs to know nothing of proxies.

mod file;
mod resolve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::file::ConfigFile;
use super::check::Check;
use super::entry::Entry;
use super::{Loaded, Problems};
use crate::core::amount::Share;
use crate::core::ids::VersionId;
use crate::core::time::Span;
use crate::yaml::problem::SourceKind;
use crate::yaml::tree::{self, Data, KeyPath};

/// A configuration that has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the scheduler is told, as a scenario that is never simulated.
    pub loaded: Loaded,
    /// Which of the scenario's strategies is in use; `None`: there is one version, and no rollout.
    pub strategy: Option<usize>,
    /// Nobody follows the strategy: somebody sets the weight, at first to this. The strategy says how requests are split.
    pub by_hand: Option<Share>,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where it is steered and watched.
    pub admin: Option<Admin>,
    /// Version by version, in the order of the file; those of the version that serves come first.
    pub backends: Vec<Backend>,
    /// What a health check asks for.
    pub check: Question,
    /// How a request is told from another.
    pub route: Route,
    /// From a request to the head of its final answer; `None`: as long as it takes.
    pub timeout: Option<Span>,
    /// How long an instance that is taken out may go on with what it has.
    pub drain: Span,
    /// What clients may not do, and how long anybody is waited for.
    pub limits: Limits,
    /// Where a line for each request goes.
    pub access_log: AccessLog,
    /// Over which listeners are handed on.
    pub upgrade_socket: PathBuf,
}

/// Where a proxy is steered and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// A loopback address, unless there is a token.
    pub listen: SocketAddr,
    /// What must be sent with every request.
    pub token: Option<String>,
}

/// An existing HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// What it runs.
    pub version: VersionId,
    /// Where it answers; no two have the same.
    pub address: SocketAddr,
    /// 0 is the first choice.
    pub priority: u8,
}

/// What a health check asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Begins with a slash.
    pub path: String,
    /// `None`: the address.
    pub host: Option<String>,
}

/// Where something stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// In the header of this name, in lower case.
    Header(String),
    /// In the cookie of this name.
    Cookie(String),
}

/// How a request is told from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Whose it is; `None`: that of the client's address.
    pub user: Option<Where>,
    /// What sends it to the new version, and the value that must stand there, if not just any.
    pub new: Option<(Where, Option<String>)>,
    /// What hashes go by; `None`: the user.
    pub key: Option<Where>,
}

/// What clients may not do, and how long anybody is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At once.
    pub connections: u32,
    /// In bytes.
    pub header_size: u64,
    /// From the first byte of a head to its last.
    pub header_timeout: Span,
    /// In bytes.
    pub body_size: u64,
    /// Between two pieces of a body that a client sends.
    pub read_timeout: Span,
    /// For a client to take what it is sent.
    pub write_timeout: Span,
    /// Between two requests on a connection.
    pub idle: Span,
    /// Between two pieces over a connection that was upgraded.
    pub tunnel_idle: Span,
    /// For an instance to accept a connection.
    pub connect_timeout: Span,
    /// For a connection to an instance to be used again.
    pub upstream_idle: Span,
    /// For requests under way when the proxy stops.
    pub stop: Span,
}

/// Where a line for each request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    None,
    /// To standard output.
    Screen,
    /// To the end of a file.
    File(PathBuf),
}

impl Config {
    /// The strategy's name, or the run without one: what the journal calls the run.
    pub fn run(&self) -> &str {
        self.strategy.map_or(super::STAY, |index| &self.loaded.scenario.strategies[index].name)
    }
}

/// Reads the configuration in a file.
///
/// # Errors
/// All that is wrong with it.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let text = super::read(path, "a configuration")?;
    parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")))
}

/// Reads a configuration from text. Problems name it `file`; the paths in it start at `folder`.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let source = problems.open(file, text, SourceKind::File);
    let Some(mut tree) = tree::parse(text, source, &mut problems) else {
        return Err(problems.sorted());
    };
    if !matches!(tree.data, Data::Table(_)) {
        let text = format!("found {}, expected {}", tree.describe(), ConfigFile::expected());
        problems.add(tree.place, &KeyPath::top(), text);
        return Err(problems);
    }
    super::file::spread(&mut tree);
    let file = ConfigFile::read(&tree, &KeyPath::top(), &mut problems);
    let mut check = Check { tree: &tree, folder, problems: &mut problems };
    let config = resolve::config(file, &mut check);
    if problems.is_empty() { Ok(config) } else { Err(problems.sorted()) }
}

/// The JSON Schema (draft 2020-12) of configurations.
pub fn schema() -> serde_json::Value {
    super::schema_of::<ConfigFile>("rollcast proxy")
}

#[cfg(test)]
mod tests;
