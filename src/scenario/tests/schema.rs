use serde_json::{Map, Value, json};

use super::{FULL, SAMPLE, edited, good, problems};
use crate::scenario::schema;
use crate::yaml::problem::{Problems, SourceKind};
use crate::yaml::tree::{self, Data, Node};

/// As any YAML library would hand it to a validator.
fn json_of(node: &Node) -> Value {
    match &node.data {
        Data::List(items) => items.iter().map(json_of).collect(),
        Data::Table(entries) => {
            let entries = entries.iter().map(|(key, node)| (key.text.clone(), json_of(node)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Data::Scalar(scalar) if scalar.is_null() => Value::Null,
        Data::Scalar(scalar) if scalar.quoted => json!(scalar.text),
        Data::Scalar(scalar) => serde_json::from_str(&scalar.text).unwrap_or_else(|_| json!(scalar.text)),
    }
}

fn accepts(text: &str) -> bool {
    let mut problems = Problems::default();
    let source = problems.open("x", text, SourceKind::File);
    let tree = tree::parse(text, source, &mut problems).expect("the text is YAML");
    let validator = jsonschema::draft202012::new(&schema()).expect("the schema is one");
    let value = json_of(&tree);
    for error in validator.iter_errors(&value) {
        println!("{}: {error}", error.instance_path());
    }
    validator.is_valid(&value)
}

#[test]
fn the_schema_is_valid_and_names_its_draft() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn the_schema_accepts_what_the_reader_accepts() {
    for text in [SAMPLE, FULL] {
        assert!(accepts(text), "{text}");
        assert!(accepts(&good(text).run_yaml(std::path::Path::new(""))));
    }
    let traced = "traffic: { trace: { file: a.csv, scale: 0.5, start: 1h, size: Tokens } }";
    let closed = "traffic: { closed: { users: 3, think: { exponential: { mean: 1s } } } }";
    for traffic in [traced, closed] {
        let text = format!(
            "name: x\nhorizon: 1m\n{traffic}\nfleet: {{ size: 1, slots: 1 }}\nversions: {{ v1: {{ service: 1ms }} }}\n"
        );
        assert!(accepts(&text), "{text}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let cases = [
        ("seed: 7", "seed: seven"),
        ("seed: 7", "seeds: 7"),
        ("size: 10", "size: 0"),
        ("size: 10", "size: 100001"),
        ("size: 10", "size: '10'"),
        ("horizon: 20m", "horizon: 20"),
        ("rate: 400/s", "rate: 400"),
        ("errors: 0.05%", "errors: 105%"),
        ("errors: 0.05%", "errors: 0.05"),
        ("attempts: 1", "attempts: 4"),
        ("price: 0.10 USD/h", "price: 0.10 USD"),
        ("least-connections", "randon"),
        ("share: 25%, hold", "hold"),
        ("share: 25%, hold: 60s", "share: 25%"),
        ("recreate: {}", "mine: { recreate: {}, rolling: {} }"),
        ("name: checkout", "name: a/b"),
        ("open: { stages: [ { rate: 400/s, for: 20m } ] }", ""),
    ];
    for (old, new) in cases {
        let text = edited(old, new);
        assert!(!problems(&text).is_empty(), "the reader accepts {new}");
        assert!(!accepts(&text), "the schema accepts {new}");
    }
}

#[test]
fn every_key_is_described() {
    fn check(value: &Value, path: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let described = property.get("description").is_some() || property.get("$ref").is_some();
                assert!(described, "{path}/{key} has no description");
            }
        }
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| check(value, &format!("{path}/{key}"))),
            Value::Array(items) => items.iter().for_each(|value| check(value, path)),
            _ => {}
        }
    }
    check(&schema(), "");
}

#[test]
fn the_schema_knows_strategies_from_manifests() {
    let with = |strategies: &str| {
        format!(
            "name: x\nhorizon: 1m\ntraffic: {{ open: {{ stages: [ {{ rate: 1/s, for: 1m }} ] }} }}\nfleet: {{ size: 1, slots: 1 }}\n\
             versions: {{ v1: {{ service: 1ms }}, v2: {{ service: 1ms }} }}\nrollout: {{ at: 10s, from: v1, to: v2 }}\n\
             strategies: {{ {strategies} }}\n"
        )
    };
    let good =
        ["ours: { from: a.yaml }", "manifest: { from: a.hcl, name: b, matches: 10%, metrics: { c: latency-p99.9-s } }"];
    let bad =
        ["ours: { from: [] }", "ours: { from: a.yaml, metrics: { c: fast } }", "ours: { from: a.yaml, gate: none }"];
    for strategies in good {
        assert!(accepts(&with(strategies)), "{strategies}");
    }
    for strategies in bad {
        assert!(!accepts(&with(strategies)), "{strategies}");
    }
}
