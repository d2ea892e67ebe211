//! The journal and its replay: the same questions give the same answers, and a damaged journal is told apart.

use assert_cmd::Command;
use rollcast::core::journal::{Answer, Question, Record, Replay};
use rollcast::scenario::{Loaded, parse};
use rollcast::sim;
use std::path::Path;
use std::sync::{Arc, Mutex};

fn scenario() -> Loaded {
    let text = "
name: small
seed: 3
horizon: 90s
traffic: { open: { stages: [ { rate: 40/s, for: 90s } ] }, timeout: 1s, retries: { attempts: 2 } }
network: { listing-delay: 1s }
proxies: { count: 2, balancer: envoy-least-request, passive: { max-fails: 2, fail-timeout: 5s }, limits: { per-instance: 4, requests: 20, queue: 5 } }
fleet: { size: 4, slots: 2, boot: 5s, shutdown: { drain: 5s } }
versions:
  v1: { service: { exponential: { mean: 40ms } }, errors: 1% }
  v2: { like: v1, errors: 8% }
rollout: { at: 10s, from: v1, to: v2 }
strategies:
  rolling: { surge: 1, unavailable: 1 }
  canary: { steps: [ { share: 25%, hold: 10s }, { share: 50%, hold: 10s } ], gate: { error-rate: 30%, samples: 20, window: 10s } }
  shadow: { share: 50%, for: 20s }
  compared: { canary: { steps: [ { share: 25%, hold: 10s }, { share: 50%, hold: 10s } ], gate: { judge: fisher, alpha: 0.0001%, samples: 20, window: 10s, control: baseline } } }
reloads: []
";
    let text = text.replace("reloads: []\n", "events: [ { reload: { at: 40s } } ]\n");
    parse(&text, "small.yaml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn records(loaded: &Loaded, name: &str) -> Vec<Record> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let scenario = &loaded.scenario;
    let (_, strategy) = sim::runs(scenario).into_iter().find(|(run, _)| *run == name).expect("it is a run");
    sim::run_witnessed(
        scenario,
        name,
        strategy,
        Arc::new(move |record| keeper.lock().expect("one thread").push(record)),
    );
    std::mem::take(&mut *kept.lock().expect("one thread"))
}

#[test]
fn a_fresh_core_gives_the_same_answers_and_the_witness_changes_none() {
    let loaded = scenario();
    for (name, strategy) in sim::runs(&loaded.scenario) {
        let records = records(&loaded, name);
        assert!(records.len() > 1_000, "{name}: {}", records.len());
        let mut replay = Replay::new(sim::origin(&loaded.scenario, strategy));
        for record in &records {
            assert_eq!(replay.check(record), Ok(()), "{name}: {record:?}");
        }
        let silent = sim::run(&loaded.scenario, name, strategy);
        let finished = records.iter().filter(|record| matches!(record.question, Question::Finish { .. })).count();
        assert!(finished as f64 >= silent.metrics.requests.expect("it was measured"), "{name}");
    }
}

#[test]
fn another_answer_or_another_seed_is_found() {
    let loaded = scenario();
    let (_, strategy) = sim::runs(&loaded.scenario).into_iter().find(|(run, _)| *run == "canary").expect("a run");
    let records = records(&loaded, "canary");
    let origin = sim::origin(&loaded.scenario, strategy);
    let mut replay = Replay::new(origin.clone());
    let forged = records.iter().map(|record| match record.answer {
        Answer::Orders(ref orders) if orders.len() > 1 => {
            Record { answer: Answer::Orders(Vec::new()), ..record.clone() }
        }
        _ => record.clone(),
    });
    assert!(forged.map(|record| replay.check(&record)).any(|checked| checked.is_err()));
    let mut other = Replay::new(rollcast::core::journal::Origin { seed: rollcast::core::draw::Seed(99), ..origin });
    assert!(records.iter().map(|record| other.check(record)).any(|checked| checked.is_err()));
}

#[test]
fn nothing_that_a_damaged_journal_asks_makes_a_panic() {
    let loaded = scenario();
    let (_, strategy) = sim::runs(&loaded.scenario).into_iter().find(|(run, _)| *run == "rolling").expect("a run");
    let records = records(&loaded, "rolling");
    for skip in [2, 3, 7, 50] {
        let mut replay = Replay::new(sim::origin(&loaded.scenario, strategy));
        for record in records.iter().enumerate().filter(|(index, _)| index % skip != 1).map(|(_, record)| record) {
            let _ = replay.check(record);
        }
    }
}

#[test]
fn the_program_writes_a_journal_and_replays_it() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("small.yaml");
    std::fs::write(&file, scenario().run_yaml(folder.path())).expect("the scenario is written");
    let journal = folder.path().join("j.csv");
    let run = |arguments: &[&str]| {
        let output = Command::cargo_bin("rollcast").expect("the program was built").args(arguments).output();
        let output = output.expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let path = journal.display().to_string();
    let (code, text) = run(&["compare", &file.display().to_string(), "--no-files", "--journal", &path]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["replay", &path]);
    assert!(code == Some(0) && text.contains("all identical"), "{text}");
    let whole = std::fs::read_to_string(&journal).expect("it was written");
    std::fs::write(&journal, &whole[..whole.len() - 10]).expect("it is cut");
    let (code, text) = run(&["replay", &path]);
    assert!(code == Some(0) && text.contains("cut off"), "{text}");
    std::fs::write(
        &journal,
        whole.replacen("\"\"Sent\"\":{\"\"instance\"\":1,", "\"\"Sent\"\":{\"\"instance\"\":2,", 5),
    )
    .expect("it is forged");
    let (code, text) = run(&["replay", &path]);
    assert!(code == Some(1) && text.contains("the next is not") && text.contains("replay"), "{text}");
    let (code, _) = run(&["replay", &file.display().to_string()]);
    assert_eq!(code, Some(2));
}

/// Real traffic through an earlier build, recorded with
/// `cargo run --release --features live -- live tests/journals/live-canary.yaml --no-files --journal tests/journals/live-canary.csv`.
/// Record it anew only where the scheduler is *meant* to answer otherwise, and say so in the changelog.
const RECORDED: &str = "tests/journals/live-canary.csv";

fn replayed(journal: &Path) -> (Option<i32>, String) {
    let mut command = Command::cargo_bin("rollcast").expect("the program was built");
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("replay").arg(journal).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn real_traffic_of_an_earlier_build_gets_the_same_answers_today() {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let text = std::fs::read_to_string(&journal).expect("it is kept with the tests");
    let answers = text.lines().skip_while(|line| !line.starts_with("run,")).count() - 1;
    let (code, said) = replayed(Path::new(RECORDED));
    assert_eq!((code, said), (Some(0), format!("{RECORDED}: {answers} answers, all identical\n")));
    // It asks for everything that makes a proxy a proxy, so that hardly any change of an answer goes unnoticed.
    for word in ["Enter", "Finish", "Probed", "SetShare", "Unlist", "RetryAfter", "RollingBack", "Sample"] {
        assert!(text.contains(&format!("\"\"{word}\"\"")), "{word} is missing");
    }
}

#[test]
fn a_recorded_journal_that_was_cut_replays_to_its_end_and_a_forged_one_stops_with_both_answers() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED)).expect("it is kept");
    let folder = tempfile::tempdir().expect("a folder for the test");
    let journal = folder.path().join("j.csv");
    let begin = text.find("\nrun,").expect("the names of the columns");
    for part in [3, 5, 7] {
        // In the middle of a row, wherever that is.
        let mut cut = begin + (text.len() - begin) * part / 8;
        cut += usize::from(text[..cut].ends_with('\n'));
        std::fs::write(&journal, &text[..cut]).expect("it is cut");
        let (code, said) = replayed(&journal);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("all identical; the journal is cut off or damaged after them"), "{said}");
    }
    let retry = text.find("RetryAfter").expect("something is retried");
    let row = text[..retry].rfind('\n').expect("it has a row");
    let forged = text[..row].to_owned() + &text[row..].replacen("{\"\"RetryAfter\"\":0}", "\"\"Done\"\"", 1);
    std::fs::write(&journal, forged).expect("it is forged");
    let (code, said) = replayed(&journal);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("journal   Next(Done)") && said.contains("RetryAfter"), "{said}");
}
