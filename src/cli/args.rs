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
    /// Show whom a balancer picks, request by request
    Pick(Pick),
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

#[derive(Args, Debug)]
#[command(
    after_help = "Example: rollcast pick --balancer nginx-round-robin --instances a=5,b=1,c=1 --requests 7\nprints:  a a b a c a a"
)]
pub struct Pick {
    /// Name of the balancer as in a scenario, or a table with its options: 'envoy-least-request: { bias: 0 }'
    #[arg(long, value_name = "BALANCER")]
    pub balancer: String,
    /// Instances with their weights, in listed order: a=5,b=1,c (1 where none is given); hashes go by the names
    #[arg(long, value_name = "NAME=WEIGHT,…")]
    pub instances: String,
    /// How many requests
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub requests: u32,
    /// Keys of the requests for hashes, used over and over [default: the number of the request]
    #[arg(long, value_name = "KEY,…")]
    pub keys: Option<String>,
    /// Addresses of the clients, used over and over
    #[arg(long, value_name = "ADDRESS,…")]
    pub clients: Option<String>,
    /// Further picks for which each request stays active
    #[arg(long, value_name = "PICKS", default_value_t = 0)]
    pub hold: u32,
    /// What happens after so many picks: 3:add:d=1, 5:remove:b, 2:down:a, 4:up:a, 6:weight:a=3, 2:active:a=4
    #[arg(long, value_name = "PICKS:WHAT")]
    pub at: Vec<String>,
    /// What the balancer measures as latency when a request ends: a=10ms,b=50ms
    #[arg(long, value_name = "NAME=TIME,…")]
    pub latency: Option<String>,
    /// What instances report before each pick, as answers a second/utilisation/errors a second: a=100/0.5/0
    #[arg(long, value_name = "NAME=REPORT,…")]
    pub report: Option<String>,
    /// Time from one pick to the next
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub interval: String,
    /// Where chance comes from; without it rotations begin with the first
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Print JSON with the state before and after each pick
    #[arg(long)]
    pub json: bool,
}

/// The arguments of this process; ends it with code 2 if they make no sense.
pub fn arguments() -> Arguments {
    Arguments::parse()
}
