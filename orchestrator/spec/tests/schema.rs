//! The JSON Schema agrees with the reader: it accepts what is valid, and refuses what is wrong in a single
//! value.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files and may panic

mod kit;

use jsonschema::Validator;
use serde_json::Value;
use std::path::Path;
use wavetrain_spec::{Kind, read_with, schema, schema_of};

/// Bad files whose problem is one of YAML itself, or lies between several values; the schema cannot see
/// those.
const UNSEEN: [&str; 3] = ["E00", "E04", "W"];
const UNSEEN_CODES: [&str; 31] = [
    "E0113", "E0115", "E0206", "E0209", "E0210", "E0303", "E0305", "E0306", "E0311", "E0312", "E0313",
    "E0501", "E0702", "E0601", "E0605", "E0606", "E0608", "E0609", "E0610", "E0615", "E0611", "E0621",
    "E0622", "E0801", "E0901", "E0902", "E0904", "E0926", "E0927", "E0928", "E0929",
];

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

fn as_json(bytes: &[u8]) -> Value {
    serde_yaml::from_str(std::str::from_utf8(bytes).unwrap()).unwrap()
}

#[test]
fn schema_is_valid_and_accepts_every_example() {
    assert!(jsonschema::meta::is_valid(&schema()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if read_with("", &bytes, &[], &kit::Folder(kit::root())).rollout.is_some() {
            let json = as_json(&bytes);
            let problems: Vec<String> = validator()
                .iter_errors(&json)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{}: {problems:?}", path.display());
        }
    }
}

#[test]
fn schema_refuses_bad_values() {
    let validator = validator();
    let mut refused = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")).unwrap() {
        let case = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(case.join("plan.yaml")) else { continue };
        let report = kit::case(&case).report;
        let is_seen = |code: &str| {
            !UNSEEN.iter().any(|prefix| code.starts_with(prefix)) && !UNSEEN_CODES.contains(&code)
        };
        let is_yaml = !case.ends_with("duration-range")
            && !report.diagnostics.iter().any(|problem| problem.code.starts_with("E00"));
        if is_yaml && report.diagnostics.iter().any(|problem| is_seen(&problem.code)) {
            assert!(!validator.is_valid(&as_json(&bytes)), "{} is accepted by the schema", case.display());
            refused += 1;
        }
    }
    assert!(refused >= 30, "only {refused} cases");
}

#[test]
fn every_key_is_described() {
    fn walk(schema: &Value, path: &str) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(description.len() > 10, "{path}.{key} lacks a description");
            }
        }
    }
    let schema = schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        walk(definition, name);
    }
}

#[test]
fn schemas_of_policies_accept_what_is_shipped_and_refuse_another_kind() {
    let [policy, guardrails] = [Kind::Policy, Kind::Guardrails].map(|kind| {
        assert!(jsonschema::meta::is_valid(&schema_of(kind)));
        jsonschema::validator_for(&schema_of(kind)).unwrap()
    });
    for folder in ["waves", "gates", "rollback", "budgets", "guardrails"] {
        for entry in std::fs::read_dir(kit::root().join("policies").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let json = as_json(&std::fs::read(&path).unwrap());
            assert_eq!(policy.is_valid(&json), folder != "guardrails", "{}", path.display());
            assert_eq!(guardrails.is_valid(&json), folder == "guardrails", "{}", path.display());
        }
    }
}
