//! The program as a user meets it: exit codes, what it prints, what it leaves on the disk.

use crate::lab::scenarios;
use std::fs;
use std::io::Read;
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
#[cfg(unix)]
use std::time::Duration;
use tempfile::TempDir;

const SMALL: &str = "name: small
seed: 3
warm-up: 5s
horizon: 60s
traffic: { open: { stages: [ { rate: 100/s, for: 60s } ] }, timeout: 2s }
network: { listing-delay: 1s }
proxies: { count: 2 }
fleet: { size: 4, slots: 4, queue: 16, boot: 5s, shutdown: { delay: 2s, drain: 10s }, price: 0.10 USD/h }
versions: { v1: { service: 10ms }, v2: { like: v1, errors: 10% } }
rollout: { at: 20s, from: v1, to: v2 }
strategies: { recreate: {}, rolling: {}, blue-green: {}, canary: {} }
";

fn rollcast(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcast"));
    command.current_dir(folder).args(arguments).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

pub(crate) fn output(folder: &Path, arguments: &[&str]) -> Output {
    rollcast(folder, arguments).output().expect("the program starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}

/// A folder with the small scenario in it.
pub(crate) fn workplace() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("small.yaml"), SMALL).expect("it can be written to");
    folder
}

pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path()).collect();
    entries.sort();
    entries
        .into_iter()
        .map(|path| (path.file_name().expect("it has a name").into(), fs::read(&path).expect("a file")))
        .collect()
}

#[test]
fn compare_answers_first_and_writes_every_file() {
    let folder = workplace();
    let run = output(folder.path(), &["compare", "small.yaml"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let first = text(&run.stdout).lines().next().expect("it prints").to_owned();
    assert!(first.contains("lose"), "the verdict comes first: {first}");
    let names: Vec<String> =
        files(&folder.path().join("output/small-3")).iter().map(|(name, _)| name.display().to_string()).collect();
    for name in ["phases.csv", "report.json", "run.yaml", "summary.csv", "timeline.csv"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing in {names:?}");
    }
    assert_eq!(names.iter().filter(|name| name.ends_with(".svg")).count(), 5);
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let folder = workplace();
    for often in [&[][..], &["--replications", "7"], &["--precision", "2%", "--max-replications", "30"]] {
        let [one, two] = [("1", "one"), ("2", "two")].map(|(threads, parent)| {
            let arguments = [&["compare", "small.yaml", "--threads", threads, "--output", parent], often].concat();
            let run = output(folder.path(), &arguments);
            assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
            (
                text(&run.stdout).replace("Written to one/", "Written to two/"),
                files(&folder.path().join(parent).join("small-3")),
            )
        });
        assert_eq!(one, two, "{often:?}");
    }
}

#[test]
fn replications_bring_intervals_and_a_table_of_their_own() {
    let folder = workplace();
    let json = |options: &[&str]| {
        let run = output(folder.path(), &[&["compare", "small.yaml", "--json"], options].concat());
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        serde_json::from_slice::<serde_json::Value>(&run.stdout).expect("it is JSON and nothing else")
    };
    let table = || fs::read_to_string(folder.path().join("output/small-3/replications.csv")).expect("it is written");
    json(&[]);
    let once = table();
    let report = json(&["--replications", "12"]);
    let often = table();
    assert_eq!((once.lines().count(), often.lines().count()), (1 + 5, 1 + 5 * 12));
    let run_yaml = fs::read_to_string(folder.path().join("output/small-3/run.yaml")).expect("it is written");
    assert!(run_yaml.starts_with("# Replicated: --replications 12 "), "{run_yaml}");
    for row in once.lines().skip(1) {
        assert!(often.lines().any(|line| line == row), "the first replication is the single run: {row}");
    }
    assert_eq!((&report["replications"], &report["verdict"]["worst"]), (&12.into(), &"recreate".into()));
    let bad = &report["strategies"][1]["metrics"]["failed_requests"];
    assert!(bad["low"].as_f64() < bad["mean"].as_f64() && bad["mean"].as_f64() < bad["high"].as_f64(), "{bad}");
    assert_eq!(report["pairs"].as_array().map(Vec::len), Some(10));
    let looks = json(&["--precision", "50%"]);
    assert_eq!(looks["replications"], 10, "the first look is after ten");
    let steady = json(&["--precision", "0.1%", "--metric", "latency_ms_p50", "--max-replications", "15"]);
    assert_eq!(steady["replications"], 10, "every request takes 10 ms");
    let strict = json(&["--precision", "0.1%", "--max-replications", "15"]);
    assert_eq!(strict["replications"], 15);
    let notes = strict["notes"].as_array().expect("a list");
    assert!(notes.iter().any(|note| note["id"] == "precision-not-reached"), "{notes:?}");
}

#[test]
fn what_is_asserted_decides_the_exit_code() {
    let folder = workplace();
    let code = |options: &[&str]| {
        let base = ["compare", "small.yaml", "--no-files", "--replications", "6"];
        let run = output(folder.path(), &[&base, options].concat());
        (run.status.code().expect("it ends by itself"), text(&run.stderr))
    };
    let often = "rolling.failed_requests < ";
    let (ended, errors) = code(&["--assert", "canary.downtime_s < 5", "--assert", "stay.availability > 99%"]);
    assert_eq!((ended, errors.matches("holds: ").count()), (0, 2), "{errors}");
    let (ended, errors) = code(&["--assert", &format!("{often}10")]);
    assert!(ended == 3 && errors.contains("fails: rolling.failed_requests < 10: "), "{ended}: {errors}");
    let unmeasured = ["--assert", "stay.rollout_s < 10"];
    let (ended, errors) = code(&unmeasured);
    assert!(ended == 4 && errors.contains("inconclusive: stay.rollout_s < 10: not measured"), "{ended}: {errors}");
    assert_eq!(code(&[&unmeasured[..], &["--on-inconclusive", "warn"]].concat()).0, 0);
    let both = [&unmeasured[..], &["--assert", "rolling.failed_requests < 10"]].concat();
    assert_eq!(code(&both).0, 3, "what fails weighs more than what stays open");
    let (ended, errors) = code(&["--assert", "canarry.downtime_s < 5"]);
    assert!(ended == 2 && errors.contains("canary"), "{ended}: {errors}");
    assert_eq!(code(&["--assert", "canary.downtime < 5"]).0, 2);
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a real process takes real time to start")]
fn an_interrupt_between_replications_reports_those_that_are_over() {
    let folder = workplace();
    let many = ["compare", "small.yaml", "--replications", "100000"];
    let child = rollcast(folder.path(), &many)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(Duration::from_secs(2));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
    let run = child.wait_with_output().expect("it ends");
    let (answer, errors) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(130), "{errors}");
    assert!(answer.contains("interrupted: of 100000 replications only the first "), "{answer}");
    assert!(answer.contains("Means of ") && errors.contains("interrupted after "), "{answer}\n{errors}");
    assert!(folder.path().join("output/small-3/replications.csv").exists(), "results are written all the same");
}

#[test]
fn a_run_can_be_run_again_from_its_own_folder() {
    let folder = workplace();
    assert_eq!(output(folder.path(), &["compare", "small.yaml"]).status.code(), Some(0));
    let again = output(folder.path(), &["compare", "output/small-3/run.yaml", "--output", "again"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let report = |parent: &str| fs::read(folder.path().join(parent).join("small-3/report.json")).expect("a report");
    assert_eq!(report("output"), report("again"));
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let folder = workplace();
    let run = output(folder.path(), &["compare", "small.yaml", "--json", "--no-files"]);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("it is JSON and nothing else");
    assert_eq!(report["schema"], "rollcast.report/1");
    assert_eq!(
        (&report["scenario"], &report["seed"], &report["replications"]),
        (&"small".into(), &3.into(), &1.into())
    );
    let names: Vec<&str> =
        report["strategies"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["stay", "recreate", "rolling", "blue-green", "canary"]);
    let requests = &report["strategies"][0]["metrics"]["requests"];
    assert!(requests["mean"].as_f64().expect("a number") > 5_000.0);
    assert!(requests["low"].is_null() && requests["high"].is_null());
    assert!(!folder.path().join("output").exists(), "no files were asked for");
}

#[test]
fn bad_scenarios_list_every_problem_exit_with_2_and_write_nothing() {
    let folder = workplace();
    let bad = SMALL
        .replace("seed: 3", "seed: many")
        .replace("horizon: 60s", "horizon: 3s")
        .replace("size: 4", "size: 0")
        .replace("rate: 100/s", "rate: 100ms")
        .replace("errors: 10%", "errors: 110%")
        .replace("to: v2", "to: v3")
        .replace("recreate: {}", "recreat: {}")
        .replace("rolling: {}", "rolling: { surge: 0, unavailable: 0% }");
    fs::write(folder.path().join("bad.yaml"), bad).expect("it can be written");
    let run = output(folder.path(), &["compare", "bad.yaml"]);
    let errors = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{errors}");
    assert_eq!(text(&run.stdout), "");
    for (line, word) in [
        (2, "seed"),
        (4, "horizon"),
        (5, "rate"),
        (8, "fleet.size"),
        (9, "errors"),
        (10, "rollout.to"),
        (11, "recreat"),
        (11, "rolling"),
    ] {
        let found = errors.lines().any(|text| text.contains(&format!("bad.yaml:{line}:")) && text.contains(word));
        assert!(found, "no problem in line {line} about {word}:\n{errors}");
    }
    assert!(!folder.path().join("output").exists(), "nothing is written");
}

#[test]
fn a_bad_row_of_a_trace_is_named_by_its_own_file_and_line() {
    let folder = workplace();
    fs::write(folder.path().join("trace.csv"), "period,count\n0,10\n60,ten\n30,5\n").expect("it can be written");
    let scenario = SMALL.replace("open: { stages: [ { rate: 100/s, for: 60s } ] }", "trace: { file: trace.csv }");
    fs::write(folder.path().join("traced.yaml"), scenario).expect("it can be written");
    let run = output(folder.path(), &["check", "traced.yaml"]);
    let errors = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{errors}");
    assert!(errors.contains("trace.csv:3:") && errors.contains("ten"), "{errors}");
    assert!(errors.contains("trace.csv:4:"), "the row that goes back in time is named too: {errors}");
}

#[test]
fn every_scenario_of_ours_passes_the_check() {
    let mut names: Vec<String> = fs::read_dir(scenarios())
        .expect("the scenarios are there")
        .map(|entry| entry.expect("it can be read").path().display().to_string())
        .filter(|path| path.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 7);
    let mut arguments = vec!["check"];
    arguments.extend(names.iter().map(String::as_str));
    let run = output(&scenarios(), &arguments);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert_eq!(text(&run.stdout).lines().count(), names.len());
}

#[test]
fn the_schema_is_json() {
    let run = output(&scenarios(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&run.stdout).expect("it is JSON");
    assert!(schema["properties"]["fleet"].is_object());
}

#[test]
fn budget_answers_in_numbers() {
    let arguments = "budget --objective 99.9% --window 30d --rate 1000/s --errors 20% --share 5% --for 30m --alerts sloth-30d --json";
    let run = output(&scenarios(), &arguments.split(' ').collect::<Vec<_>>());
    let answer: serde_json::Value = serde_json::from_slice(&run.stdout).expect("it is JSON");
    let close = |key: &str, expected: f64| {
        let found = answer[key].as_f64().expect("a number");
        assert!((found - expected).abs() <= 1e-9 * expected, "{key}: {found}");
    };
    close("budget_min", 43.2);
    close("budget_requests", 2_592_000.0);
    close("failed_requests", 18_000.0);
    close("burnt", 18_000.0 / 2_592_000.0);
    close("burn_rate", 10.0);
    close("exhausted_s", 259_200.0);
    let alerts = answer["alerts"].as_array().expect("a list");
    assert_eq!(alerts.len(), 4);
    assert!(alerts[0]["fires_s"].is_null(), "10 times as fast is less than 14.4");
    assert_eq!(alerts[0]["error_ratio"].as_f64().map(|ratio| (ratio * 1e6).round()), Some(14_400.0));
}

#[test]
fn budget_refuses_what_has_no_answer() {
    for (arguments, word) in [
        ("--objective 100% --rate 1/s --errors 1% --for 1m", "no budget"),
        ("--window 1d --rate 1/s --errors 1% --for 1m", "expected at least 3d"),
        ("--rate 0/s --errors 1% --for 1m", "no traffic"),
        ("--rate 1/s --errors 101% --for 1m", "100%"),
        ("--rate 1/s --errors 1% --for 1m --alerts soundcloud", "google-30d"),
    ] {
        let run = output(&scenarios(), &format!("budget {arguments}").split(' ').collect::<Vec<_>>());
        assert_eq!(run.status.code(), Some(2), "{arguments}");
        assert!(text(&run.stderr).contains(word), "{arguments}: {}", text(&run.stderr));
    }
}

#[test]
fn bad_arguments_exit_with_2() {
    let folder = workplace();
    for arguments in [
        &["compare"][..],
        &["compare", "missing.yaml"],
        &["compare", "small.yaml", "--seed", "x"],
        &["compare", "small.yaml", "--set", "fleet.size"],
        &["compare", "small.yaml", "--replications", "0"],
        &["compare", "small.yaml", "--replications", "9", "--precision", "5%"],
        &["compare", "small.yaml", "--precision", "0%"],
        &["compare", "small.yaml", "--precision", "5%", "--metric", "failed"],
        &["compare", "small.yaml", "--max-replications", "50"],
        &["compare", "small.yaml", "--set", "fleet.sise=3"],
        &["comprae", "small.yaml"],
        &["check"],
    ] {
        let run = output(folder.path(), arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {}", text(&run.stderr));
        assert!(!run.stderr.is_empty(), "{arguments:?} says why");
    }
    let run = output(folder.path(), &["compare", "small.yaml", "--set", "fleet.sise=3"]);
    assert!(text(&run.stderr).contains("size"), "did you mean: {}", text(&run.stderr));
}

#[test]
fn nothing_measured_is_never_a_success() {
    let folder = workplace();
    let run =
        output(folder.path(), &["compare", "small.yaml", "--set", "traffic.open.stages=[ { rate: 0/s, for: 60s } ]"]);
    assert_ne!(run.status.code(), Some(0));
    assert!(!folder.path().join("output").exists());
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let folder = workplace();
    let theirs = folder.path().join("output/small-3");
    fs::create_dir_all(&theirs).expect("it can be made");
    fs::write(theirs.join("thesis.txt"), "years of work").expect("it can be written");
    let run = output(folder.path(), &["compare", "small.yaml"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    assert_eq!(files(&theirs).len(), 1);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = workplace();
    let mut child = rollcast(folder.path(), &["compare", "small.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut errors).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(folder.path().join("output/small-3/report.json").exists(), "results are written all the same");
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a real process takes real time to start")]
fn an_interrupt_ends_a_run_and_leaves_nothing_behind() {
    let folder = workplace();
    let stages = "traffic.open.stages=[ { rate: 800/s, for: 10d } ]";
    let long = ["compare", "small.yaml", "--set", "horizon=10d", "--set", stages];
    for wait_ms in [0, 400] {
        let mut child = rollcast(folder.path(), &long)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(wait_ms));
        // The first signal may come before the program listens for it, and then ends it too; unless whoever runs the tests
        // ignores interrupts, for then so does the program until it listens.
        let status = loop {
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
            assert!(sent.success());
            std::thread::sleep(Duration::from_secs(1));
            if let Some(status) = child.try_wait().expect("it is our child") {
                break status;
            }
        };
        let ended = status.code() == Some(130) || status.signal() == Some(2);
        assert!(ended, "after {wait_ms} ms: {status}");
        let left = folder.path().join("output");
        assert!(!left.exists() || files(&left).is_empty(), "nothing is left behind");
    }
}

fn picked(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = output(folder.path(), &[&["pick"], arguments].concat());
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    text(&run.stdout).trim_end().to_owned()
}

#[test]
fn pick_prints_whom_a_balancer_picks() {
    let cases = [
        ("nginx-round-robin", "--instances a=5,b=1,c=1 --requests 7", "a a b a c a a"),
        ("round-robin", "--instances a,b,c --requests 6 --at 2:down:c --at 4:up:c", "a b a b c a"),
        ("round-robin", "--instances a,b --requests 5 --at 2:add:c --at 3:remove:a", "a b c b c"),
        ("least-connections", "--instances a,b --requests 4 --hold 9 --at 0:active:a=2", "b b a b"),
        ("nginx-hash", "--instances a,b,c --keys a,b,c --requests 6", "c a c c a c"),
        ("nginx-ip-hash", "--instances a,b,c --clients 8.8.8.8,10.0.0.9 --requests 4", "c a c a"),
        ("haproxy-round-robin", "--instances a=5,b=1,c=1 --requests 7", "a a a b a a c"),
        ("nginx-round-robin", "--instances a,b --requests 6 --at 2:weight:a=2", "a b a b a a"),
        ("grpc-weighted-round-robin", "--instances a=1,b=3,c=6 --requests 12", "b c c b c c b c c a b c"),
        ("first: { max-connections: 1 }", "--instances a,b --hold 5 --requests 3", "a b -"),
    ];
    for (balancer, options, expected) in cases {
        let options: Vec<&str> = ["--balancer", balancer].into_iter().chain(options.split(' ')).collect();
        assert_eq!(picked(&options), expected, "{options:?}");
    }
}

#[test]
fn pick_shows_the_state_behind_every_decision() {
    let options = "--balancer nginx-round-robin --instances a=5,b=1 --requests 2 --hold 1 --json";
    let shown = picked(&options.split(' ').collect::<Vec<_>>());
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("it is JSON");
    let second = &shown["picks"][1];
    assert_eq!((&second["picked"], &second["before"][0]["current"]), (&"a".into(), &(-1.0).into()));
    assert_eq!((&second["before"][0]["in_flight"], &second["after"][0]["in_flight"]), (&1.into(), &2.into()));
}

#[test]
fn pick_names_all_that_is_wrong_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = "pick --balancer round-robbin --instances a,a,b=0 --at 1:remove:z --interval 10";
    let run = output(folder.path(), &options.split(' ').collect::<Vec<_>>());
    assert_eq!(run.status.code(), Some(2));
    let told = text(&run.stderr);
    for part in ["did you mean 'round-robin'?", "twice", "b=0", "no instance z", "--interval 10"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[cfg(not(feature = "live"))]
#[test]
fn live_says_how_to_get_it_where_it_is_not_built() {
    let folder = workplace();
    let run = output(folder.path(), &["live", "small.yaml"]);
    assert_eq!(run.status.code(), Some(2));
    let said = text(&run.stderr);
    assert!(said.contains("cargo run --release --features live -- live small.yaml"), "{said}");
}
