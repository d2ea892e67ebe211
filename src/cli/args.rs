//! What can be asked for.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Forecasts a rollout: what recreate, rolling, blue-green and canary would do to your service.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay every strategy of a scenario against the same traffic, and say which loses least
    Compare(Compare),
    /// Check scenario files and list everything that is wrong with them
    Check(Check),
    /// Print the JSON Schema of scenario files
    Schema,
}

#[derive(Args, Debug)]
pub struct Compare {
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Folder in which the folder of results is made
    #[arg(long, short, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Write no files
    #[arg(long, conflicts_with = "output")]
    pub no_files: bool,
    /// Print report.json instead of the table
    #[arg(long)]
    pub json: bool,
    /// Replace a value of the scenario, e.g. --set traffic.retries.attempts=0
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub overrides: Vec<String>,
    /// Replace the seed of the scenario
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<String>,
    /// Threads to use; results are the same for any number [default: one per core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Columns of the table [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
}

#[derive(Args, Debug)]
pub struct Check {
    /// Scenario files (YAML)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// The arguments of this process; ends it with code 2 if they make no sense.
pub fn arguments() -> Arguments {
    Arguments::parse()
}
