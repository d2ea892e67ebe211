//! What can be asked for.

use crate::core::alert::AlertPolicy;
use crate::core::amount::{Rate, Share};
use crate::core::judge::Kind;
use crate::core::time::Span;
use crate::manifest::{Metric, Target};
use crate::measure::claim::Claim;
use crate::measure::metric::Metrics;
use crate::measure::replications::COMPARED;
use crate::report::sweep::{Axis, Shard};
use crate::report::validation::Asked;
use crate::scenario::quantity;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Run a scenario for every combination of some values, and say which strategy loses least where
    Sweep(Sweep),
    /// Put the shards of a sweep together
    Merge(Merge),
    /// Drive the same scheduler with real HTTP on this machine, in wall-clock time, and report in the same way
    Live(Live),
    /// Be a proxy in front of existing HTTP back ends, with the same scheduler and rollout controller
    Proxy(Proxy),
    /// Check scenario files and list everything that is wrong with them
    Check(Check),
    /// Say what an incident costs of an error budget, and which alerts see it
    Budget(Budget),
    /// Say how likely a judge catches a defect of a canary, how often it condemns a healthy one, and what that takes
    Detect(Detect),
    /// Show whom a balancer picks, request by request
    Pick(Pick),
    /// Say what a controller is going to do with a manifest: every sync, the rounding, and what is likely not meant
    Plan(Plan),
    /// Write a strategy of a scenario as the manifest of a real controller
    Export(Export),
    /// Ask a fresh scheduler what a journal says another one was asked, and stop at the first different answer
    Replay(Replay),
    /// Run a scenario in the simulator and with real HTTP, and compare metric by metric
    Validate(Validate),
    /// Print the JSON Schema of scenario files, or of the configuration of a proxy
    Schema(Schema),
}

#[derive(Args, Debug)]
pub struct Compare {
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    #[command(flatten)]
    pub runs: Runs,
    /// What a pipeline insists on.
    #[arg(long = "assert", value_name = "CLAIM", value_parser = Claim::parse, help = ASSERT_HELP)]
    pub claims: Vec<Claim>,
    /// What to do where the interval has the limit of --assert in it: fail ends with code 4
    #[arg(long, value_name = "WHAT", requires = "claims", value_enum, default_value_t = OnInconclusive::Fail)]
    pub on_inconclusive: OnInconclusive,
    #[command(flatten)]
    pub results: Results,
    /// Threads to use; results are the same for any number [default: one per core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Example: rollcast sweep scenarios/quickstart.yaml --vary fleet.size=8..12 --vary 'strategies.canary.steps[0].share=1%,5%'\nThe same command goes on where an earlier one was interrupted."
)]
pub struct Sweep {
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// An axis: values with commas between them, or whole numbers as a range 6..20 or 6..20/2; the first varies slowest
    #[arg(long, value_name = "PATH=VALUES", required = true)]
    pub vary: Vec<Axis>,
    /// Change another value of the scenario, e.g. fleet.slots=4
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Replace the seed of the scenario
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<String>,
    #[command(flatten)]
    pub runs: Runs,
    /// The metric of the table and the plot; sweep.csv has all of them
    #[arg(long = "show", value_name = "NAME", default_value = "budget_burnt", hide_possible_values = true, value_parser = PossibleValuesParser::new(Metrics::CATALOGUE.iter().map(|info| info.name)))]
    pub show: String,
    /// Run one part of the cells only, the first of five as 1/5; merge puts them together
    #[arg(long, value_name = "NUMBER/OF")]
    pub shard: Option<Shard>,
    /// Folder in which the folder of results is made
    #[arg(long, short, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Run more than 10,000 cells
    #[arg(long)]
    pub yes: bool,
    /// Columns of the screen [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
    /// Threads to use; results are the same for any number [default: one per core]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[derive(Args, Debug)]
pub struct Merge {
    /// Folders of the shards
    #[arg(value_name = "FOLDER", required = true)]
    pub folders: Vec<PathBuf>,
    /// Folder in which the folder of results is made
    #[arg(long, short, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Columns of the screen [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
}

#[derive(Args, Debug)]
pub struct Live {
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Divide boots, holds, grace periods, scrapes, windows and the horizon by this; requests keep their times and rate
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    #[command(flatten)]
    pub results: Results,
}

/// What is changed of a scenario, and where results go.
#[derive(Args, Debug)]
pub struct Results {
    /// Folder in which the folder of results is made
    #[arg(long, short, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Write no files
    #[arg(long, conflicts_with = "output")]
    pub no_files: bool,
    /// Print report.json instead of the table
    #[arg(long)]
    pub json: bool,
    /// Also write every question to the scheduler and its answer, for replay; a file as large as the traffic
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Replace a value of the scenario, e.g. --set traffic.retries.attempts=0
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub overrides: Vec<String>,
    /// Replace the seed of the scenario
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<String>,
    /// Columns of the table [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
}

const ASSERT_HELP: &str =
    "End with code 3 unless this holds, e.g. 'canary.budget_burnt < 0.1%'; the interval decides where there is one";

/// What an open claim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusive {
    /// Nothing.
    Pass,
    /// It is only told.
    Warn,
    /// The program ends with code 4.
    Fail,
}

/// How often everything is run.
#[derive(Args, Debug)]
pub struct Runs {
    /// Replications, each with luck of its own: from two on every mean has a 95 % interval [default: 1, or 100 where the scenario has releases]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub replications: Option<u32>,
    /// Replicate until the interval of every strategy's mean is ± so much of it, e.g. 5%; looks after 10, 20, 40, …
    #[arg(long, value_name = "SHARE", conflicts_with = "replications", value_parser = precision)]
    pub precision: Option<Share>,
    /// The metric that --precision is about
    #[arg(long, value_name = "NAME", requires = "precision", default_value = COMPARED, hide_possible_values = true, value_parser = PossibleValuesParser::new(Metrics::CATALOGUE.iter().map(|info| info.name)))]
    pub metric: String,
    /// The most replications that --precision may take
    #[arg(long, value_name = "NUMBER", requires = "precision", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub max_replications: u32,
}

#[derive(Args, Debug)]
pub struct Check {
    /// Scenario files (YAML)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Export {
    /// For whom
    #[arg(long, value_name = "TARGET", value_parser = PossibleValuesParser::new(Target::ALL.map(|(word, _)| word)))]
    pub to: String,
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Which of its strategies [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
}

#[derive(Args, Debug)]
pub struct Budget {
    /// Share of good requests promised
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value = "99.9%")]
    pub objective: String,
    /// Period over which it is promised
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", default_value = "30d")]
    pub window: String,
    /// Requests of the whole service, e.g. 1000/s
    #[arg(long, allow_hyphen_values = true, value_name = "RATE")]
    pub rate: String,
    /// Share of requests that fails where the defect is met
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE")]
    pub errors: String,
    /// Share of the traffic that meets it
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value = "100%")]
    pub share: String,
    /// For how long, e.g. 30m
    #[arg(long = "for", allow_hyphen_values = true, value_name = "TIME")]
    pub lasts: String,
    /// Which alerts watch
    #[arg(long, value_name = "POLICY", default_value = "google-30d", value_parser = PossibleValuesParser::new(AlertPolicy::ALL.map(|(name, _)| name)))]
    pub alerts: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples: rollcast detect --baseline 0.1% --bad 1% --share 5% --rate 100/s --judge fisher\n          rollcast detect --baseline 0.1% --bad 1% --share 5% --rate 10/s --judge threshold --steps 10 --interval 60s --limit 1\n          rollcast detect rollout.yaml analysis.yaml --baseline 0.1% --bad 1% --rate 100/s"
)]
pub struct Detect {
    /// Manifests of an Argo Rollout with its AnalysisTemplates, or of a Flagger Canary, that say when the canary is checked
    #[arg(value_name = "FILE", conflicts_with = "scenario")]
    pub manifests: Vec<PathBuf>,
    #[command(flatten)]
    pub manifest: ManifestOptions,
    /// Scenario whose strategy says when the canary is checked
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Which of its strategies [default: the only one]
    #[arg(long, value_name = "NAME", requires = "scenario")]
    pub strategy: Option<String>,
    /// Share of bad requests of the old version, and of a new one that is as good
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE")]
    pub baseline: String,
    /// Share of bad requests of a new version with the defect
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE")]
    pub bad: String,
    /// The canary's share of the traffic [default: 5%, or that of the first step]
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE")]
    pub share: Option<String>,
    /// Requests of the whole service, e.g. 100/s
    #[arg(long, allow_hyphen_values = true, value_name = "RATE")]
    pub rate: String,
    /// Who judges [default: fisher, or the judge of the strategy]
    #[arg(long, value_name = "JUDGE", value_parser = PossibleValuesParser::new(Kind::ALL.map(|(name, _)| name)))]
    pub judge: Option<String>,
    /// Probability that is allowed for condemning a healthy version
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value = "5%")]
    pub alpha: String,
    /// Probability that is wanted for condemning the bad one
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value = "80%")]
    pub power: String,
    /// For the judge threshold: highest share of bad requests that passes
    #[arg(long, allow_hyphen_values = true, value_name = "SHARE", default_value = "1%")]
    pub threshold: String,
    /// For the judge relative: so many times the control's share of bad requests pass
    #[arg(long, value_name = "NUMBER", default_value_t = 2.0, value_parser = factor)]
    pub factor: f64,
    /// For the judges pocock and obrien-fleming: planned looks [default: 5, or the number of --steps]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub looks: Option<u32>,
    /// Fewer canary requests than this in a check are no evidence
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    /// Whom the canary is compared with: the whole old fleet, or a fresh baseline of the canary's size [default: fleet, or as
    /// the strategy says]
    #[arg(long, value_name = "CONTROL", value_enum)]
    pub control: Option<DetectControl>,
    /// When the canary is checked: a number of checks at --share, or shares with the time each is held: 5%:10m,25%:10m
    #[arg(long, value_name = "STEPS")]
    pub steps: Option<String>,
    /// From one check to the next [default: 60s, or as the strategy says]
    #[arg(long, allow_hyphen_values = true, value_name = "TIME")]
    pub interval: Option<String>,
    /// Failed checks that are tolerated [default: 0, or as the strategy says]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub limit: Option<u32>,
    /// Write the curves, the answer and the question into the folder 'detect' in this one
    #[arg(long, short, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Columns of the text [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
}

/// Whom a canary is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DetectControl {
    /// The whole old fleet.
    Fleet,
    /// As many old instances as the canary has new ones, as fresh as those.
    Baseline,
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

#[derive(Args, Debug)]
#[command(
    after_help = "Example: rollcast plan deploy.yaml --boot 5s --ready-in 20s\nReads: apps/v1 Deployment, Argo Rollout with AnalysisTemplates, Flagger Canary, ECS service, CodeDeploy group, Nomad job (JSON or HCL), OpenKruise Rollout"
)]
pub struct Plan {
    /// Manifests; those in one file may refer to each other
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub manifest: ManifestOptions,
    /// Scenario of the service: the full forecast of the manifest on it, and what shutdown delay and surge it needs
    #[arg(long, value_name = "SCENARIO")]
    pub service: Option<PathBuf>,
    /// Instances of the fleet [default: as the file says, or 1]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub replicas: Option<u32>,
    /// From the launch of an instance to its start [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = quantity::span)]
    pub boot: Option<Span>,
    /// From its start to ready [default: when its probe begins to look, or 5s]
    #[arg(long, value_name = "TIME", value_parser = quantity::span)]
    pub ready_in: Option<Span>,
    /// From the order to stop until an instance is gone [default: its grace period, or 30s]
    #[arg(long, value_name = "TIME", value_parser = quantity::span)]
    pub drain: Option<Span>,
    /// How long a person takes to promote what waits for one [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = quantity::span)]
    pub promote_after: Option<Span>,
    /// Nobody promotes what waits
    #[arg(long, conflicts_with = "promote_after")]
    pub nobody: bool,
    /// Somebody aborts it so long after its start
    #[arg(long, value_name = "TIME", value_parser = quantity::span)]
    pub abort_at: Option<Span>,
    /// The fleet is scaled so long after the start, e.g. 30s=14
    #[arg(long, value_name = "TIME=NUMBER", value_parser = scaling)]
    pub scale: Vec<(Span, u32)>,
    /// Instances that may exist at once, terminating ones included
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub quota: Option<u32>,
    /// Requests of the whole service, e.g. 100/s: for what an analysis can see
    #[arg(long, value_name = "RATE", value_parser = quantity::rate)]
    pub rate: Option<Rate>,
    /// Hide a finding, e.g. L5
    #[arg(long, value_name = "ID")]
    pub allow: Vec<String>,
    /// End with code 3 if there is a finding, or if the rollout never ends
    #[arg(long)]
    pub strict: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Columns of the text [default: those of the terminal, or 100]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub width: Option<u16>,
}

#[derive(Args, Debug)]
pub struct Replay {
    /// A journal (CSV)
    #[arg(value_name = "FILE")]
    pub journal: PathBuf,
}

#[derive(Args, Debug)]
#[command(
    after_help = "SIGHUP reads the configuration again, SIGTERM ends gracefully, SIGQUIT hands the listeners to a process with --upgrade"
)]
pub struct Proxy {
    /// Configuration (YAML)
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// Only say whether the configuration is right
    #[arg(long)]
    pub check: bool,
    /// Take the listeners over from the process that runs already; then send it SIGQUIT
    #[arg(long)]
    pub upgrade: bool,
    /// Write every question to the scheduler and its answer, for replay; grows with the traffic
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Schema {
    /// That of the configuration of `rollcast proxy`
    #[arg(long)]
    pub proxy: bool,
}

#[derive(Args, Debug)]
pub struct Validate {
    /// Scenario file (YAML)
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// How often both are run, each time with another seed
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repetitions: u32,
    /// Another program in the place of our proxies, configured from the scenario: the one that is installed
    #[arg(long, value_name = "PROGRAM", value_enum)]
    pub against: Option<Against>,
    /// Multiplies what is tolerated, or says it of one metric: `2`, `latency_ms_p99=25%`, `instance_share=3`
    #[arg(long, value_name = "FACTOR or METRIC=TOLERANCE", value_parser = Asked::parse)]
    pub tolerance: Vec<Asked>,
    /// Divide boots, holds, grace periods, horizons and the like; requests keep their times
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Replace a value of the scenario, e.g. --set fleet.size=6
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub overrides: Vec<String>,
}

/// A real proxy that stands in for ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// nginx, open source.
    Nginx,
    /// HAProxy.
    Haproxy,
}

/// What a manifest leaves open.
#[derive(Args, Debug)]
pub struct ManifestOptions {
    /// What a metric of an analysis measures, e.g. success-rate=availability, p99=latency-p99-ms
    #[arg(long = "metric", value_name = "NAME=MEASURE", value_parser = metric)]
    pub metrics: Vec<(String, Metric)>,
    /// Share of the users whose requests match, where a manifest routes by headers or cookies
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = quantity::share)]
    pub matches: Share,
}

fn precision(text: &str) -> Result<Share, String> {
    let share = quantity::share(text)?;
    if share.value() > 0.0 { Ok(share) } else { Err("no number of replications is that precise".to_owned()) }
}

fn metric(text: &str) -> Result<(String, Metric), String> {
    let found = text.split_once('=').and_then(|(name, measure)| Some((name.to_owned(), Metric::parse(measure)?)));
    found.ok_or_else(|| format!("expected NAME=MEASURE, where MEASURE is {}", Metric::EXPECTED))
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor >= 1.0);
    factor.ok_or_else(|| "expected a number of 1 or more".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (1.0..=1_000.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 1 to 1000".to_owned())
}

fn scaling(text: &str) -> Result<(Span, u32), String> {
    let expected = || "expected TIME=NUMBER, e.g. 30s=14".to_owned();
    let (at, size) = text.split_once('=').ok_or_else(expected)?;
    let size = size.parse().ok().filter(|size| (1..=100_000).contains(size)).ok_or_else(expected)?;
    Ok((quantity::span(at)?, size))
}

/// The arguments of this process; ends it with code 2 if they make no sense.
pub fn arguments() -> Arguments {
    Arguments::parse()
}
