//! The command line: one file per verb. Answers go to standard output, progress and errors to standard error.

mod args;
mod budget;
mod check;
mod compare;
mod detect;
mod export;
mod gate;
mod interrupt;
mod journal;
mod live;
mod manifests;
mod merge;
mod pick;
mod plan;
mod proxy;
mod replay;
mod results;
mod screen;
mod sweep;
mod validate;

use crate::report::folder::FolderError;
use crate::scenario::{Problems, config, schema};
use args::{Command, arguments};
use std::io;

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The scenario, or several, are not right; the text says all that is wrong.
    #[error("{0}")]
    Scenario(Problems),
    /// An argument is not right.
    #[error("{0}")]
    Usage(String),
    /// The results could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What was asked for does not hold.
    #[error("{0}")]
    Gate(&'static str),
    /// What `--assert` insists on is not so.
    #[error("claims of --assert that do not hold: {0}")]
    Claims(usize),
    /// The replications leave open whether it is so.
    #[error("claims of --assert left open: {0}; more replications may decide, and --on-inconclusive warn lets it pass")]
    Inconclusive(usize),
    /// A difference beyond what is tolerated may be chance.
    #[error("real traffic may differ from the forecast by more than is tolerated; more --repetitions decide")]
    Undecided,
    /// Replications ended early, and what there was has been reported.
    #[error("interrupted after {0} whole replications; the answer rests on those")]
    Interrupted(usize),
    /// A sweep ended early; what is finished is kept.
    #[error("interrupted: {done} of {of} cells are finished; the same command goes on from there")]
    Paused {
        /// Finished cells.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// There is no result.
    #[error("{0}")]
    Nothing(String),
    /// Standard output could not be written to.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// 1: it went wrong here; 2: the request was wrong; 3: the answer is not the one that was asked for; 4: it may be; 130: interrupted.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Failure::Scenario(_) | Failure::Usage(_) => 2,
            Failure::Gate(_) | Failure::Claims(_) => 3,
            Failure::Inconclusive(_) | Failure::Undecided => 4,
            Failure::Interrupted(_) | Failure::Paused { .. } => interrupt::INTERRUPTED,
            Failure::Folder(_) | Failure::Nothing(_) | Failure::Output(_) => 1,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Does what the arguments of the process ask for.
///
/// # Errors
/// See [`Failure`]. A reader that closed standard output early is not an error.
pub fn run() -> Result<(), Failure> {
    match arguments().command {
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Live(arguments) => live::run(&arguments),
        Command::Budget(arguments) => budget::run(&arguments),
        Command::Detect(arguments) => detect::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Pick(arguments) => pick::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Proxy(arguments) => proxy::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Schema(arguments) => {
            let schema = if arguments.proxy { config::schema() } else { schema() };
            let text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
            screen::print(&(text + "\n")).map_err(Failure::from)
        }
    }
}
