//! Every bound that the schema knows, taken from the schema, so that none is forgotten: numbers, lengths of time, shares,
//! lengths of texts and of lists are accepted at their bounds and refused beyond, at their place.

#![allow(clippy::unwrap_used)] // a test may panic

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wavetrain_model::diagnostic::Severity;
use wavetrain_model::guardrail::Offset;
use wavetrain_spec::{Outcome, Outside, Source, read_with, schema};

/// The files that the full plan file names, and no others.
struct Named;

impl Outside for Named {
    fn file(&self, path: &str) -> Result<Source, String> {
        let text = match path {
            "pack.yaml" => "apiVersion: wavetrain/v1\npolicy: { api: { burst: 5 } }\n",
            "guardrails.yaml" => {
                "apiVersion: wavetrain/v1\nguardrails: [{ name: a, when: [start], require: 'true', message: b }]\n"
            }
            _ => return Err("there is no such file".to_owned()),
        };
        Ok(Source { path: path.to_owned(), bytes: text.into() })
    }

    fn zone(&self, _: &str) -> Option<Vec<Offset>> {
        None
    }
}

fn read(path: &str, bytes: &[u8]) -> Outcome {
    read_with(path, bytes, &[], &Named)
}

/// A plan file with every key of the schema.
const FULL: &str = include_str!("bounds/full.yaml");

/// Problems between values, which a single value at its bound may well bring about.
const BETWEEN: [&str; 18] = [
    "E0115", "E0206", "E0303", "E0306", "E0311", "E0312", "E04", "E0501", "E0601", "E0605", "E0609", "E0611",
    "E0621", "E0622", "E0702", "E0801", "E0902", "E0928",
];

/// One value in the file and what its schema says.
struct Place {
    pointer: String,
    schema: Value,
}

#[derive(Default)]
struct Walk {
    places: Vec<Place>,
    /// Names of keys, such as `Wave.percent`.
    known: BTreeSet<String>,
    given: BTreeSet<String>,
}

impl Walk {
    fn visit(&mut self, root: &Value, schema: &Value, value: &Value, pointer: &str) {
        let schema = resolved(root, schema);
        self.places.push(Place { pointer: pointer.to_owned(), schema: schema.clone() });
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let owner = schema["title"].as_str().unwrap_or_default().to_owned();
            for (key, property) in properties {
                self.known.insert(format!("{owner}.{key}"));
                if let Some(value) = value.get(key) {
                    self.given.insert(format!("{owner}.{key}"));
                    self.visit(root, property, value, &format!("{pointer}/{key}"));
                }
            }
        }
        let choices = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        for schema in choices.chain([&schema]) {
            if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
                for (at, item) in list.iter().enumerate() {
                    self.visit(root, items, item, &format!("{pointer}/{at}"));
                }
            }
        }
        let values = schema.get("additionalProperties").filter(|values| values.is_object());
        if let (Some(values), Some(entries)) = (values, value.as_object()) {
            for (key, value) in entries {
                self.visit(root, values, value, &format!("{pointer}/{key}"));
            }
        }
    }
}

/// What a reference stands for, with its name as the title.
fn resolved(root: &Value, schema: &Value) -> Value {
    let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
    else {
        return schema.clone();
    };
    let mut found = root["$defs"][name].clone();
    found["title"] = json!(name);
    found
}

fn full() -> Value {
    thread_local! {
        static READ: Value = serde_yaml::from_str(FULL).unwrap();
    }
    READ.with(Clone::clone)
}

fn walk() -> Walk {
    let (root, mut walk) = (schema(), Walk::default());
    walk.visit(&root, &root, &full(), "");
    walk
}

/// Codes of the errors on the line of a value, when this text stands there.
fn codes_at(pointer: &str, text: &str) -> Vec<String> {
    let mut document = full();
    *document.pointer_mut(pointer).unwrap() = json!("@@");
    let written = serde_json::to_string_pretty(&document).unwrap();
    let line = written.lines().position(|line| line.contains("\"@@\"")).unwrap() + 1;
    let outcome = read("plan.yaml", written.replace("\"@@\"", text).as_bytes());
    let problems = outcome.report.diagnostics.into_iter();
    problems
        .filter(|one| one.severity == Severity::Error && one.span.is_some_and(|span| span.line == line))
        .map(|one| one.code)
        .filter(|code| !BETWEEN.iter().any(|prefix| code.starts_with(prefix)))
        .collect()
}

#[track_caller]
fn assert_taken(pointer: &str, text: &str) {
    let codes = codes_at(pointer, text);
    assert!(codes.is_empty(), "{pointer}: {} is refused: {codes:?}", &text[..text.len().min(80)]);
}

#[track_caller]
fn assert_refused(pointer: &str, text: &str) {
    assert!(!codes_at(pointer, text).is_empty(), "{pointer}: {} is accepted", &text[..text.len().min(80)]);
}

#[test]
fn the_full_plan_file_lacks_no_key_and_is_valid() {
    let walk = walk();
    let lacking: Vec<_> = walk.known.difference(&walk.given).collect();
    assert!(lacking.is_empty(), "add to tests/bounds/full.yaml: {lacking:?}");
    let outcome = read("full.yaml", FULL.as_bytes());
    assert!(outcome.rollout.is_some(), "{:?}", outcome.report.diagnostics);
}

/// Whole numbers, and counts beside shares.
#[test]
fn whole_numbers_end_where_the_schema_says() {
    let mut found = 0;
    for Place { pointer, schema } in walk().places {
        let choices = schema.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
        for schema in choices.iter().chain([&schema]).filter(|schema| schema["type"] == "integer") {
            let (low, high) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
            for number in [low, high] {
                assert_taken(&pointer, &number.to_string());
            }
            for number in [low - 1, high + 1, i64::MIN, i64::MAX] {
                assert_refused(&pointer, &number.to_string());
            }
            for text in [
                "99999999999999999999999",
                "1e3",
                "0x10",
                "1_000",
                "1.5",
                "+1",
                ".nan",
                ".inf",
                "१",
                "-0x1",
                "\"\"",
            ] {
                assert_refused(&pointer, text);
            }
            found += 1;
        }
    }
    assert!(found >= 9, "only {found} whole numbers");
}

#[test]
fn shares_end_at_nothing_and_at_all() {
    let mut found = 0;
    for Place { pointer, schema } in walk().places {
        let choices = schema.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_number = choices.iter().any(|schema| schema["type"] == "number");
        let is_share =
            choices.iter().any(|schema| schema["pattern"].as_str().is_some_and(|text| text.contains('%')));
        if !is_share {
            continue;
        }
        found += 1;
        for text in ["0.01%", "100%", "100.00%", "99.99%", "\"5 %\""] {
            assert_taken(&pointer, text);
        }
        for text in [
            "0%",
            "0.00%",
            "100.01%",
            "101%",
            "65536%",
            "4294967297%",
            "-1%",
            "0.001%",
            "%",
            "1%%",
            "1e1%",
            "٥%",
        ] {
            assert_refused(&pointer, text);
        }
        if is_number {
            assert_taken(&pointer, "0.01");
            assert_taken(&pointer, "100");
            for text in ["0", "0.00", "100.01", "101", "-1", "0.001", ".nan", ".inf"] {
                assert_refused(&pointer, text);
            }
        }
    }
    assert!(found >= 6, "only {found} shares");
}

/// Seconds in `24h`, as descriptions write them.
fn seconds(text: &str) -> u64 {
    let unit = match text.chars().last().unwrap() {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => 86_400,
    };
    text[..text.len() - 1].parse::<u64>().unwrap() * unit
}

#[test]
fn lengths_of_time_end_where_the_schema_says() {
    let mut found = 0;
    for Place { pointer, schema } in walk().places {
        if !schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("[smhd]")) {
            continue;
        }
        found += 1;
        let described = schema["description"].as_str().unwrap();
        let (low, high) =
            described.split("From ").last().unwrap().trim_end_matches('.').split_once(" to ").unwrap();
        for text in
            [low.to_owned(), high.to_owned(), format!("{}s", seconds(low)), format!("{}s", seconds(high))]
        {
            assert_taken(&pointer, &text);
        }
        if let Some(below) = seconds(low).checked_sub(1) {
            assert_refused(&pointer, &format!("{below}s"));
        }
        assert_refused(&pointer, &format!("{}s", seconds(high) + 1));
        for text in [
            "-1s",
            "1",
            "999999999d",
            "9999999999s",
            "1w",
            "1s1h",
            "1h1h",
            "1.5h",
            "s",
            "\"\"",
            "1e3s",
            "٣s",
            "1d1h1m1s1s",
        ] {
            assert_refused(&pointer, text);
        }
    }
    assert!(found >= 12, "only {found} lengths of time");
}

/// A text of the same kind that is so many characters longer.
fn grown(sample: &str, more: usize) -> String {
    format!("{sample}{}", "a".repeat(more))
}

/// Numbers in the braces of a pattern.
fn counts(pattern: &str) -> BTreeSet<usize> {
    pattern.split(['{', '}', ',']).filter_map(|part| part.parse().ok()).collect()
}

#[test]
fn texts_that_the_schema_refuses_are_refused() {
    let mut refused = 0;
    for Place { pointer, schema } in walk().places {
        let (Some(pattern), Some(sample)) = (schema["pattern"].as_str(), full().pointer(&pointer).cloned())
        else {
            continue;
        };
        let Some(sample) = sample.as_str() else { continue };
        let validator: Validator = jsonschema::validator_for(&schema).unwrap();
        let mut texts: Vec<String> =
            ["", " ", "\t", "ä", "\u{202e}", "a b", "-", ".", "/", "a/b", "*", "0", "arn:aws:s3:::x"]
                .map(str::to_owned)
                .to_vec();
        for count in counts(pattern) {
            let short = count.saturating_sub(sample.chars().count());
            texts.extend([
                grown(sample, short),
                grown(sample, short + 1),
                grown("", count),
                grown("", count + 1),
            ]);
        }
        for bad in ["\u{1b}[31m", "\0", "\u{7f}", "\n", "\u{202e}", "é"] {
            texts.extend([format!("{sample}{bad}"), format!("{bad}{sample}")]);
        }
        for text in texts.iter().filter(|text| !validator.is_valid(&json!(text))) {
            assert_refused(&pointer, &json!(text).to_string());
            refused += 1;
        }
    }
    assert!(refused >= 200, "only {refused} texts");
}

#[test]
fn lists_end_where_the_schema_says() {
    let mut found = 0;
    for Place { pointer, schema } in walk().places {
        let choices = schema.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
        for schema in choices.iter().chain([&schema]).filter(|schema| schema["type"] == "array") {
            let list = full().pointer(&pointer).unwrap().as_array().unwrap().clone();
            let (least, most) = (schema["minItems"].as_u64().unwrap(), schema["maxItems"].as_u64().unwrap());
            let of = |length: u64| json!(vec![list[0].clone(); length as usize]).to_string();
            assert_taken(&pointer, &of(most));
            assert!(codes_at(&pointer, &of(most + 1)).contains(&"E0114".to_owned()), "{pointer}: {most}");
            match least.checked_sub(1) {
                None => assert_taken(&pointer, "[]"),
                Some(less) => assert_refused(&pointer, &of(less)),
            }
            found += 1;
        }
    }
    assert!(found >= 12, "only {found} lists");
}

#[test]
fn mappings_with_keys_of_their_own_end_where_the_schema_says() {
    let mut found = 0;
    for Place { pointer, schema } in walk().places {
        let (Some(least), Some(most)) = (schema["minProperties"].as_u64(), schema["maxProperties"].as_u64())
        else {
            continue;
        };
        let (key, value) =
            full().pointer(&pointer).unwrap().as_object().unwrap().clone().into_iter().next().unwrap();
        let of = |length: u64| {
            let keys = (0..length).map(|at| (format!("{key}{at}"), value.clone()));
            Value::Object(keys.collect()).to_string()
        };
        assert_taken(&pointer, &of(most));
        assert_refused(&pointer, &of(most + 1));
        match least.checked_sub(1) {
            None => assert_taken(&pointer, "{}"),
            Some(less) => assert_refused(&pointer, &of(less)),
        }
        let pattern = schema["propertyNames"]["pattern"].as_str().unwrap();
        let longest = *counts(pattern).last().unwrap();
        assert_refused(&pointer, &json!({ grown(&key, longest + 1): value }).to_string());
        assert_refused(&pointer, &json!({ "": value }).to_string());
        found += 1;
    }
    assert!(found >= 5, "only {found} mappings");
}

/// What has the wrong form altogether, at every place of the file.
#[test]
fn every_value_of_another_kind_is_refused_at_its_place() {
    for Place { pointer, schema } in walk().places.into_iter().skip(1) {
        let takes = |kind: &str| {
            let choices = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
            choices.chain([&schema]).any(|schema| schema["type"] == kind)
        };
        if !takes("array") {
            assert_refused(&pointer, "[]");
            assert_refused(&pointer, "[[[[]]]]");
        }
        if !takes("object") {
            assert_refused(&pointer, "{}");
            assert_refused(&pointer, "{\"a\": {\"b\": []}}");
        }
        for text in ["*nobody", "\"\\u0000\"", "\"\\u202e\\u001b[31m\""] {
            assert_refused(&pointer, text);
        }
    }
}
