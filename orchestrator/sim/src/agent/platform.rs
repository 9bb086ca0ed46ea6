//! Which file of a manifest is for a node, chosen as the agent chooses.

use std::collections::BTreeMap;

use super::behaviour::NodeTraits;

/// `packages` of a manifest: platform, then version, then architecture, to file name.
pub type Platforms = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// The manifest key for a platform's display name.
pub fn platform_key(platform_name: &str) -> String {
    let lower = platform_name.to_lowercase();
    let known = [
        ("amazon", "amazon"),
        ("ubuntu", "ubuntu"),
        ("red hat", "redhat"),
        ("windows", "windows"),
        ("debian", "debian"),
        ("suse", "suse"),
        ("almalinux", "almalinux"),
        ("rocky", "rocky"),
        ("centos", "centos"),
        ("oracle", "oracle"),
    ];
    known
        .iter()
        .find(|(part, _)| lower.contains(part))
        .map_or_else(|| lower.replace(' ', ""), |(_, key)| (*key).to_owned())
}

/// The file for a node. No backtracking: once a platform key matched, a missing version or architecture below it
/// fails even if `_any` one level up would have fitted.
pub fn choose<'m>(platforms: &'m Platforms, node: &NodeTraits) -> Result<&'m str, String> {
    let platform = platform_key(&node.platform_name);
    let missing = || {
        format!(
            "failed to find platform: no manifest found for platform: {platform}, version {}, architecture {}",
            node.platform_version, node.architecture
        )
    };
    let versions = platforms.get(&platform).or_else(|| platforms.get("_any")).ok_or_else(missing)?;
    let architectures = versions
        .get(&node.platform_version)
        .or_else(|| longest_wildcard(versions, &node.platform_version))
        .or_else(|| versions.get("_any"))
        .or_else(|| versions.get("*"))
        .ok_or_else(missing)?;
    architectures
        .get(&node.architecture)
        .or_else(|| architectures.get("_any"))
        .map(String::as_str)
        .ok_or_else(missing)
}

/// Of the keys ending in `.*` that cover a version, the one with most parts.
fn longest_wildcard<'m, T>(versions: &'m BTreeMap<String, T>, version: &str) -> Option<&'m T> {
    versions
        .iter()
        .filter_map(|(key, value)| {
            let prefix = key.strip_suffix(".*")?;
            let rest = version.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('.')).then_some((prefix.split('.').count(), value))
        })
        .max_by_key(|(parts, _)| *parts)
        .map(|(_, value)| value)
}
