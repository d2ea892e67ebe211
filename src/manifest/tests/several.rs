//! Several documents in a file, and files that are no manifests.

use super::*;

#[test]
fn several_documents_and_lists_give_several_manifests_in_their_order() {
    let deployment =
        |name: &str| format!("{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{}}}}");
    let text = format!(
        "---\n{}\n---\n---\n{{apiVersion: v1, kind: List, items: [ {}, {} ]}}\n",
        deployment("a"),
        deployment("b"),
        deployment("c")
    );
    let names: Vec<String> = all(&text).into_iter().map(|manifest| manifest.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn bystanders_are_listed_and_strangers_are_unknown() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n---\nkind: Service\nmetadata: {name: a}\n---\nkind: Deploymnet\n---\nversion: 2\n";
    let manifest = one(text);
    assert_eq!(unused(&manifest, Fate::NotSimulated), ["Service/a"]);
    assert_eq!(unused(&manifest, Fate::Unknown), ["'Deploymnet'", "'document'"]);
}

#[test]
fn a_file_without_a_manifest_says_what_could_be_read() {
    refused("", "found no document, expected one of: an apps/v1 Deployment");
    refused("a: 1", "found a table, expected one of: an apps/v1 Deployment");
    refused("kind: Service\nmetadata: {name: web}", "found a Service/web, expected one of");
    refused("apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nspec: {}", "expected one of");
    refused("{", "not valid YAML");
}

#[test]
fn json_is_read_too() {
    let text = "{\n\t\"apiVersion\": \"apps/v1\",\n\t\"kind\": \"Deployment\",\n\t\"spec\": {\"replicas\": 4}\n}";
    assert_eq!(one(text).pod.replicas, Some(4));
}

#[test]
fn aliases_stand_for_what_they_name() {
    let text = "x: &surge { maxSurge: 1, maxUnavailable: 0 }\napiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: &n 3\n  minReadySeconds: *n\n  strategy:\n    rollingUpdate:\n      <<: *surge\n      maxSurge: 2\n";
    let manifest = one(text);
    assert_eq!(manifest.pod.min_ready, Some(secs(3)));
    let surge =
        crate::core::rollout::Surge::new(crate::core::amount::Amount::Count(2), crate::core::amount::Amount::Count(0));
    assert_eq!(pace(manifest), Pace::Surge(surge));
}

#[test]
fn aliases_do_not_grow_without_bounds() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", "));
    }
    refused(&text, "aliases that repeat too much");
    refused("a: &a [*a]", "not finished");
}
