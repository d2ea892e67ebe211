//! Manifests in the shape of those that people have: what is read from them, what comes back, and that no text makes the
//! reader panic.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use proptest::prelude::*;
use rollcast::core::rollout::{Pace, Strategy as Way};
use rollcast::manifest::{Fate, Kind, Manifest, Metric, Options, Target, export, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests")
}

/// Every file with its name, in the order of names.
fn samples() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).expect("the folder of manifests can be read");
    let path = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("its entries can be read").path();
    let mut paths: Vec<PathBuf> = entries.map(path).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("it is a file").to_string_lossy().into_owned();
    let text = |path: &Path| std::fs::read_to_string(path).expect("a manifest can be read");
    paths.iter().map(|path| (name(path), text(path))).collect()
}

fn options() -> Options {
    let known =
        [("success-rate", "availability"), ("latency-p99", "latency-p99-s"), ("not-found", "error-rate-percent")];
    let known = known.map(|(name, word)| (name.to_owned(), Metric::parse(word).expect("the word is known")));
    Options { metrics: known.into(), ..Options::default() }
}

fn sample(file: &str) -> Vec<Manifest> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(path).expect("the sample is there");
    read(&text, file, &options()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_sample_is_read_and_nothing_in_it_is_unknown() {
    let mut kinds = Vec::new();
    for (file, text) in samples() {
        let manifests = read(&text, &file, &options()).unwrap_or_else(|problems| panic!("{problems}"));
        for manifest in manifests {
            let unknown: Vec<_> = manifest.unused.iter().filter(|field| field.fate == Fate::Unknown).collect();
            assert!(unknown.is_empty(), "{file}: {unknown:?}");
            kinds.push(manifest.kind.to_string());
        }
    }
    kinds.sort();
    let counts = kinds.chunk_by(|one, other| one == other).map(|kinds| (kinds[0].as_str(), kinds.len()));
    let expected = [
        ("Argo Rollout", 3),
        ("CodeDeploy", 2),
        ("Deployment", 4),
        ("ECS service", 2),
        ("Flagger Canary", 2),
        ("Nomad job", 3),
        ("OpenKruise Rollout", 2),
    ];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}

#[test]
fn several_documents_give_several_manifests() {
    let manifests = sample("several.yaml");
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names, ["search", "indexer"]);
    let beside: Vec<&str> = manifests[0].unused.iter().map(|field| field.path.as_str()).collect();
    assert!(beside.contains(&"HorizontalPodAutoscaler/search"), "{beside:?}");
    let jobs: Vec<String> = sample("nomad-web.nomad.hcl").into_iter().map(|manifest| manifest.name).collect();
    assert_eq!(jobs, ["frontend/web", "frontend/worker"]);
}

#[test]
fn a_field_is_found_at_its_line() {
    let manifest = &sample("deployment-web.yaml")[0];
    let line = |path: &str| manifest.lines.iter().find(|(known, _)| known == path).map(|(_, line)| *line);
    assert_eq!(line("spec.strategy.rollingUpdate.maxSurge"), Some(18));
    assert_eq!(line("spec.template.spec.terminationGracePeriodSeconds"), Some(26));
    assert_eq!(line("spec.progressDeadlineSeconds"), Some(11));
    let labels = manifest.unused.iter().find(|field| field.path == "metadata.labels");
    assert_eq!(labels.map(|field| field.line), Some(5));
}

/// The controllers that a sample can be written for.
fn target(manifest: &Manifest) -> Option<Target> {
    match manifest.kind {
        Kind::Deployment => Some(Target::Kubernetes),
        Kind::ArgoRollout => Some(Target::Argo),
        Kind::FlaggerCanary => Some(Target::Flagger),
        Kind::EcsService => Some(Target::Ecs),
        Kind::NomadJob => Some(Target::Nomad),
        Kind::CodeDeploy | Kind::KruiseRollout => None,
    }
}

#[test]
fn every_sample_comes_back_from_its_own_controller() {
    for (file, text) in samples() {
        for manifest in read(&text, &file, &options()).expect("the samples are good") {
            let Some(target) = target(&manifest) else { continue };
            let written = export(&manifest.strategy, &manifest.pod, &manifest.name, target).expect("it is its own");
            let known = |(name, word): &(String, String)| (name.clone(), Metric::parse(word).expect("a known word"));
            let options = Options { metrics: written.metrics.iter().map(known).collect(), ..options() };
            let again = read(&written.text, &file, &options).unwrap_or_else(|problems| panic!("{file}: {problems}"));
            assert_eq!(again[0].strategy, manifest.strategy, "{file}\n{}", written.text);
            assert_eq!(again[0].pod, manifest.pod, "{file}\n{}", written.text);
        }
    }
}

#[test]
fn the_walk_of_flagger_watches_what_can_be_mapped() {
    let manifest = sample("flagger-canary.yaml").remove(0);
    let Way::Flagger(walk) = &manifest.strategy else { panic!("expected a walk of Flagger") };
    assert_eq!((walk.step_weight, walk.max_weight, walk.threshold, walk.checks.checks.len()), (10, 50, 5, 3));
    assert_eq!(manifest.pod.replicas, Some(4));
    assert!(manifest.unused.iter().any(|field| field.path == "spec.analysis.webhooks"), "{:?}", manifest.unused);
    assert_eq!(sample("flagger-canary.yaml").len(), 1, "the Deployment is a part of the Canary");
}

#[test]
fn the_circuit_breaker_of_ecs_is_read() {
    let manifest = sample("ecs-rolling.json").remove(0);
    let Way::Rolling(rolling) = &manifest.strategy else { panic!("expected a rolling update") };
    assert!(matches!(&rolling.pace, Pace::Ecs(ecs) if ecs.breaker.is_some_and(|breaker| breaker.rollback)));
}

fn rollcast(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("rollcast").expect("the program is built");
    command.current_dir(folder).args(arguments).output().expect("it runs")
}

const SCENARIO: &str = "name: shop\nhorizon: 4m\ntraffic: { open: { stages: [ { rate: 40/s, for: 4m } ] } }\nfleet: { size: 4, slots: 8, boot: 5s, shutdown: { drain: 30s } }\nversions: { v1: { service: 5ms }, v2: { service: 5ms } }\nrollout: { at: 1m, from: v1, to: v2 }\n";

/// A folder with a scenario that has these strategies, and the sample of a Deployment.
fn place(strategies: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("there is room for files");
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("the folder is writable");
    let deployment = std::fs::read_to_string(folder().join("deployment-web.yaml")).expect("the sample is there");
    write("deploy.yaml", &deployment);
    write("broken.yaml", &deployment.replace("maxSurge: 2", "maxSurge: two"));
    write("several.yaml", &std::fs::read_to_string(folder().join("several.yaml")).expect("the sample is there"));
    write("empty.yaml", "# Nothing yet.\n");
    write("scenario.yaml", &format!("{SCENARIO}strategies: {{ {strategies} }}\n"));
    place
}

#[test]
fn a_scenario_takes_its_strategy_from_a_manifest() {
    let place = place("rolling: {}, ours: { from: deploy.yaml, metrics: { success-rate: availability } }");
    let output = rollcast(place.path(), &["compare", "scenario.yaml", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8_lossy(&output.stdout);
    for part in ["manifest-not-simulated", "manifest-fleet", "6 instances, not 4"] {
        assert!(report.contains(part), "{part} is missing in {report}");
    }
    let again = rollcast(place.path(), &["compare", "output/shop-1/run.yaml", "--no-files", "--json"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(again.stdout, output.stdout);
}

#[test]
fn problems_of_a_manifest_name_its_own_file_and_line() {
    let cases = [
        ("ours: { from: broken.yaml }", "broken.yaml:18:17: spec.strategy.rollingUpdate.maxSurge: found 'two'"),
        (
            "ours: { from: several.yaml }",
            "found 2 manifests in the file, expected a name to say which: 'search', 'indexer'",
        ),
        ("ours: { from: several.yaml, name: shop }", "ours.name: found 'shop', expected one of the manifests"),
        ("ours: { from: empty.yaml }", "empty.yaml: found no document, expected one of"),
        ("ours: { from: gone.yaml }", "ours.from: found 'gone.yaml', which cannot be read"),
        ("ours: { from: deploy.yaml, metrics: { a: b } }", "ours.metrics.a: found 'b', expected availability"),
        ("ours: { from: deploy.yaml, matches: 200% }", "ours.matches: found '200%'"),
    ];
    for (strategies, part) in cases {
        let output = rollcast(place(strategies).path(), &["check", "scenario.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(part), "{part} is missing in {error}");
    }
    let named = place("ours: { from: several.yaml, name: indexer }");
    assert!(rollcast(named.path(), &["check", "scenario.yaml"]).status.success());
}

#[test]
fn a_strategy_is_written_for_a_controller_or_refused() {
    let place = place("canary: {}, rolling: {}, recreate: {}");
    let output = rollcast(place.path(), &["export", "--to", "argo", "scenario.yaml", "--strategy", "canary"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("kind: Rollout") && text.contains("kind: AnalysisTemplate"), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("canary: the queries are yours to fill in"));
    for (target, strategy, part) in [
        ("nomad", "recreate", "recreate has no counterpart in Nomad"),
        ("kubernetes", "canary", "it cannot shift traffic"),
        ("kubernetes", "gone", "--strategy: found 'gone', expected one of: canary, rolling, recreate"),
    ] {
        let output = rollcast(place.path(), &["export", "--to", target, "scenario.yaml", "--strategy", strategy]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(part), "{part} is missing in {error}");
    }
    assert_eq!(rollcast(place.path(), &["export", "--to", "argo", "scenario.yaml"]).status.code(), Some(2));
}

/// Pieces that make trouble when they stand in the wrong place.
const PIECES: &[&str] = &[
    "",
    "0",
    "-1",
    "99999999999999999999",
    "1e308",
    "nan",
    "null",
    "~",
    "true",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a",
    "*a",
    "!Ref x",
    "|",
    "%",
    "150%",
    "\t",
    "\n",
    "---\n",
    "<<EOF\n",
    "${",
    "\u{0}",
    "é",
    "result[0] >= ",
    "{{args.x}}",
    "kind: List\nitems: []\n",
    "spec: {}\n",
    "update {",
    "CodeDeployDefault.Linear0PercentEvery0Minutes",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_mutation_of_a_sample_makes_the_reader_panic(
        pick in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(PIECES)), 1..4),
    ) {
        let samples = samples();
        let (file, mut text) = samples[pick.index(samples.len())].clone();
        for (at, width, piece) in cuts {
            let letters: Vec<char> = text.chars().collect();
            let at = at.index(letters.len().max(1)).min(letters.len());
            let end = (at + width).min(letters.len());
            text = letters[..at].iter().chain(piece.chars().collect::<Vec<_>>().iter()).chain(&letters[end..]).collect();
        }
        let _ = read(&text, &file, &options());
    }

    #[test]
    fn no_order_of_lines_makes_the_reader_panic(
        pick in any::<prop::sample::Index>(),
        moves in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..6),
    ) {
        let samples = samples();
        let (file, text) = &samples[pick.index(samples.len())];
        let mut lines: Vec<&str> = text.lines().collect();
        for (from, to) in moves {
            let line = lines.remove(from.index(lines.len()));
            lines.insert(to.index(lines.len() + 1), line);
        }
        let _ = read(&lines.join("\n"), file, &options());
    }

    #[test]
    fn what_is_read_can_be_written_for_anybody_or_is_refused(
        pick in any::<prop::sample::Index>(),
        target in prop::sample::select(Target::ALL.map(|(_, target)| target).to_vec()),
    ) {
        let samples = samples();
        let (file, text) = &samples[pick.index(samples.len())];
        for manifest in read(text, file, &options()).expect("the samples are good") {
            if let Ok(written) = export(&manifest.strategy, &manifest.pod, &manifest.name, target) {
                let known = |(name, word): &(String, String)| (name.clone(), Metric::parse(word).expect("a known word"));
                let options = Options { metrics: written.metrics.iter().map(known).collect(), ..options() };
                let again = read(&written.text, "written", &options);
                prop_assert!(again.is_ok(), "{}\n{}", again.expect_err("it is not"), written.text);
            }
        }
    }
}
