//! Distributor manifests.

use crate::files::Scripts;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wavetrain_model::fleet::Manifest;
use wavetrain_model::id::Digest;

/// SHA-256 of a document's content.
pub(crate) fn hash(content: &str) -> Digest {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(content.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Digest::new(hex)
}

/// Reads what wavetrain needs; None if the content is not a manifest at all. Entries of another shape are left out:
/// whether a node finds its file is then answered with no, which is what its agent would find.
pub(crate) fn parse(content: &str) -> Option<Manifest> {
    let value: Value = serde_json::from_str(content).ok()?;
    let packages = children(value.get("packages")?, |versions| {
        children(versions, |architectures| {
            children(architectures, |entry| Some(entry.get("file")?.as_str()?.to_owned()))
        })
    })?;
    let version = match value.get("version") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    Some(Manifest { version, packages, update_script: BTreeMap::new() })
}

/// The SHA-256 that the manifest states for each of its files. Files without one are left out: agents of old manifests check MD5.
pub(crate) fn checksums(content: &str) -> BTreeMap<String, String> {
    let Ok(value) = serde_json::from_str::<Value>(content) else { return BTreeMap::new() };
    let sum = |file: &Value| Some(file.get("checksums")?.get("sha256")?.as_str()?.to_owned());
    value.get("files").and_then(|files| children(files, sum)).unwrap_or_default()
}

fn children<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let object = value.as_object()?;
    Some(object.iter().filter_map(|(name, child)| Some((name.clone(), read(child)?))).collect())
}

/// Whether a file's scripts suffice for every platform that uses it: `update.ps1` on Windows, `update.sh` elsewhere, either
/// where the manifest names no platform.
pub(crate) fn has_update_script(manifest: &Manifest, file: &str, scripts: Scripts) -> bool {
    let uses = |versions: &BTreeMap<String, BTreeMap<String, String>>| {
        versions.values().any(|architectures| architectures.values().any(|used| used == file))
    };
    let mut platforms =
        manifest.packages.iter().filter(|(_, versions)| uses(versions)).map(|(name, _)| name.as_str());
    let suffices = |platform: &str| match platform {
        "windows" => scripts.powershell,
        "_any" => scripts.powershell || scripts.shell,
        _ => scripts.shell,
    };
    (scripts.powershell || scripts.shell) && platforms.all(suffices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"schemaVersion":"2.0","version":"1.4.2","packages":{
        "amazon":{"_any":{"x86_64":{"file":"linux.zip"},"arm64":{"nothing":1}}},
        "windows":{"_any":{"x86_64":{"file":"win.zip"}}},"odd":7},"files":{"linux.zip":{"checksums":{"sha256":"00"}}}}"#;

    #[test]
    fn a_manifest_is_read_and_odd_entries_are_left_out() {
        let manifest = parse(MANIFEST).unwrap();
        assert_eq!(manifest.version, "1.4.2");
        assert_eq!(manifest.packages["amazon"]["_any"]["x86_64"], "linux.zip");
        assert!(!manifest.packages["amazon"]["_any"].contains_key("arm64"));
        assert!(!manifest.packages.contains_key("odd"));
        assert_eq!(parse("not json"), None);
        assert_eq!(parse("{}"), None);
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text() {
        assert_eq!(hash("abc").as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn each_platform_needs_its_own_update_script() {
        let manifest = parse(MANIFEST).unwrap();
        let shell = Scripts { shell: true, powershell: false };
        assert!(has_update_script(&manifest, "linux.zip", shell));
        assert!(!has_update_script(&manifest, "win.zip", shell));
        assert!(!has_update_script(&manifest, "linux.zip", Scripts::default()));
    }
}
