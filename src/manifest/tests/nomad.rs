//! Nomad jobs.

use super::*;
use crate::core::rollout::Nomad;

fn hcl(update: &str) -> String {
    format!("job \"shop\" {{\n  group \"web\" {{\n    count = 10\n    update {{\n      {update}\n    }}\n  }}\n}}\n")
}

fn nomad(manifest: Manifest) -> Nomad {
    match pace(manifest) {
        Pace::Nomad(nomad) => nomad,
        other => panic!("expected a Nomad job, found {other:?}"),
    }
}

#[test]
fn an_empty_update_has_the_defaults_of_nomad() {
    let manifest = one(&hcl(""));
    assert_eq!((manifest.kind, manifest.name.as_str()), (Kind::NomadJob, "shop"));
    assert_eq!((manifest.pod.min_ready, manifest.pod.progress_deadline), (Some(secs(10)), Some(secs(600))));
    let usual = Nomad::new(1);
    assert_eq!(nomad(manifest), usual);
}

#[test]
fn the_vectors_of_nomad_are_read() {
    assert_eq!(nomad(one(&hcl("max_parallel = 4"))).parallel, 4);
    assert_eq!(nomad(one(&hcl("max_parallel = 0"))).parallel, 0);
    assert_eq!(nomad(one(&hcl("canary = 2"))).canaries, 2);
    let both = nomad(one(&hcl("canary = 10\nauto_promote = true\nauto_revert = true")));
    assert_eq!(both, Nomad { canaries: 10, auto_promote: true, auto_revert: true, ..Nomad::new(1) });
}

#[test]
fn the_group_goes_before_the_job() {
    let text = "# A job.\njob \"shop\" {\n  update {\n    max_parallel = 2\n    canary       = 1\n    stagger      = \"30s\"\n  }\n  group \"web\" {\n    update { max_parallel = 3 }\n  }\n  group \"work\" {\n    count = var.workers\n  }\n}\nvariable \"workers\" {\n  type = number\n  default = 7\n}\n";
    let manifests = all(text);
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names, ["shop/web", "shop/work"]);
    assert_eq!(manifests[1].pod.replicas, Some(7));
    assert_eq!(unused(&manifests[0], Fate::NotSimulated), ["job.shop.update.stagger"]);
    let parallel: Vec<(u32, u32)> =
        manifests.into_iter().map(nomad).map(|nomad| (nomad.parallel, nomad.canaries)).collect();
    assert_eq!(parallel, [(3, 1), (2, 1)]);
}

#[test]
fn checks_delays_and_kill_timeouts_tell_of_the_instances() {
    let text = "job \"shop\" {\n  group \"web\" {\n    shutdown_delay = \"15s\"\n    service {\n      name = \"shop\"\n      check {\n        type = \"http\"\n        interval = \"4s\"\n        timeout = \"1s\"\n      }\n    }\n    service {\n      name = \"admin\"\n    }\n    task \"app\" {\n      driver = \"docker\"\n      kill_timeout = \"20s\"\n      template {\n        data = <<EOF\nupdate { \"not\" = HCL }\nEOF\n      }\n      surprise = true\n    }\n  }\n}\n";
    let manifest = one(text);
    let pod = &manifest.pod;
    assert_eq!((pod.pre_stop, pod.grace), (Some(secs(15)), Some(secs(35))));
    let probe = Probe { initial_delay: Span::ZERO, period: secs(4), timeout: secs(1), successes: 1, failures: 1 };
    assert_eq!(pod.readiness, Some(probe));
    assert_eq!(unused(&manifest, Fate::Unknown), ["job.shop.group.web.task.app.surprise"]);
    assert_eq!(line(&manifest, "job.shop.group.web.shutdown_delay"), Some(3));
}

#[test]
fn json_has_nanoseconds_and_capitals() {
    let text = r#"{"Job": {"ID": "shop", "Name": "shop", "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [{"Name": "web", "Count": 5, "Update": {"MaxParallel": 2, "MinHealthyTime": 15000000000,
        "HealthyDeadline": 300000000000, "ProgressDeadline": 0, "Canary": 1, "AutoPromote": true, "AutoRevert": null},
        "Tasks": [{"Name": "app", "Driver": "docker", "KillTimeout": 30000000000}]}]}}"#;
    let manifest = one(text);
    assert_eq!((manifest.name.as_str(), manifest.pod.replicas), ("shop", Some(5)));
    assert_eq!((manifest.pod.min_ready, manifest.pod.progress_deadline), (Some(secs(15)), Some(Span::ZERO)));
    assert_eq!(manifest.pod.grace, Some(secs(30)));
    assert_eq!(unused(&manifest, Fate::Unknown), Vec::<&str>::new());
    assert_eq!(nomad(manifest), Nomad { canaries: 1, auto_promote: true, auto_revert: false, ..Nomad::new(2) });
}

#[test]
fn what_nomad_rejects_is_rejected() {
    let cases = [
        ("auto_promote = true", "auto_promote without canaries"),
        ("min_healthy_time = \"5m\"", "found 5m, expected less than healthy_deadline, 5m"),
        ("healthy_deadline = \"10m\"", "found 10m, expected less than progress_deadline, 10m"),
        ("max_parallel = -1", "found '-1', expected a whole number"),
        ("canary = count.index + 1", "found 'count.index+1', expected a whole number"),
        ("min_healthy_time = \"a while\"", "expected a length of time"),
    ];
    for (update, part) in cases {
        refused(&hcl(update), part);
    }
    assert_eq!(nomad(one(&hcl("healthy_deadline = \"15m\"\nprogress_deadline = \"0\""))).parallel, 1);
    refused("job \"shop\" {}", "found no group");
}

#[test]
fn broken_hcl_names_its_place() {
    let cases = [
        ("job \"a\" {", "1: : not valid HCL: found the end of the file, expected a name"),
        ("job \"a\" {\n  count\n}", "2: : not valid HCL: found the end of the line, expected '=' or a block"),
        ("job \"a\" {\n  b = \"c\n}", "2: : not valid HCL: found text without a closing quote"),
        ("job \"a\" {\n  b = }", "2: : not valid HCL: found '}', expected a value"),
        (
            "job \"a\" {\n  update { canary = 1 auto_promote = true }\n}",
            "2: : not valid HCL: found 'auto_promote', expected the end of the line, since a block on one line holds a single attribute",
        ),
        ("job \"a\" { /* b", "1: : not valid HCL: found a comment without an end"),
        ("job \"a\" { b = <<E\nc", "1: : not valid HCL: found a document without its closing mark"),
    ];
    for (text, expected) in cases {
        assert_eq!(wrong(text), [expected], "{text}");
    }
    let deep = "a { ".repeat(100);
    let found = read(&format!("job \"x\" {{ {deep}"), "x.hcl", &options()).expect_err("it is too deep");
    assert!(found.to_string().contains("levels of nesting"), "{found}");
}
