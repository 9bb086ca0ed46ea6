//! Where a key belongs that stands in the wrong mapping.

use serde_json::Value;
use std::collections::BTreeMap;

/// Keys that only one mapping has → the key under which that mapping stands (`in_flight` → `limits`).
pub type Homes = BTreeMap<String, String>;

/// Reads the homes from the schema, so that they cannot differ from what is read.
pub fn homes(schema: &Value) -> Homes {
    let definitions = || schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    let properties = |definition: &Value| {
        let properties = definition.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    let mut stands_under: BTreeMap<String, String> = BTreeMap::new();
    for (_, definition) in definitions() {
        for (key, property) in properties(definition) {
            let items = property.get("items").unwrap_or(&property);
            if let Some(name) = items.get("$ref").and_then(Value::as_str) {
                stands_under.insert(name.trim_start_matches("#/$defs/").to_owned(), key);
            }
        }
    }
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, definition) in definitions() {
        for (key, _) in properties(definition) {
            owners.entry(key).or_default().extend(stands_under.get(name).cloned());
        }
    }
    let only = |(key, owners): (String, Vec<String>)| match <[String; 1]>::try_from(owners) {
        Ok([owner]) => Some((key, owner)),
        Err(_) => None,
    };
    owners.into_iter().filter_map(only).collect()
}
