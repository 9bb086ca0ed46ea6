//! Which file of a package a node installs, in the way the agent looks it up.

use wavetrain_model::fleet::{Architecture, Manifest};

/// The manifest's word for "everything else", on every level.
const ANY: &str = "_any";

/// The file for a node, None when its agent would fail to find one.
///
/// There is no way back: once a distribution matched, a version or architecture missing below it fails, even where
/// `_any` one level up would have fitted.
pub fn find<'a>(
    manifest: &'a Manifest,
    distribution: &str,
    version: &str,
    architecture: Architecture,
) -> Option<&'a str> {
    let versions = manifest.packages.get(distribution).or_else(|| manifest.packages.get(ANY))?;
    let architectures = versions
        .get(version)
        .or_else(|| longest_wildcard(versions.keys(), version).and_then(|key| versions.get(key)))
        .or_else(|| versions.get(ANY))
        .or_else(|| versions.get("*"))?;
    let exact = match architecture {
        // Which file the node would get is not known, so only the one that all get will do.
        Architecture::Unknown => None,
        Architecture::X86_64 => architectures.get("x86_64"),
        Architecture::Arm64 => architectures.get("arm64"),
        Architecture::X86 => architectures.get("386"),
    };
    exact.or_else(|| architectures.get(ANY)).map(String::as_str)
}

/// The key of most parts among `9.*`, `9.2.*`, … that `version` begins with.
fn longest_wildcard<'a>(keys: impl Iterator<Item = &'a String>, version: &str) -> Option<&'a str> {
    // Nano Server has files of its own: `10.0.17763nano` never takes what is meant for the full system.
    let (version, nano) = split_nano(version);
    keys.filter_map(|key| {
        let (plain, key_nano) = split_nano(key);
        let parts = plain.strip_suffix(".*")?;
        (key_nano == nano && begins_with_parts(version, parts))
            .then(|| (parts.split('.').count(), key.as_str()))
    })
    .max()
    .map(|(_, key)| key)
}

fn split_nano(version: &str) -> (&str, bool) {
    version.strip_suffix("nano").map_or((version, false), |plain| (plain, true))
}

fn begins_with_parts(version: &str, parts: &str) -> bool {
    let mut of_version = version.split('.');
    parts.split('.').all(|part| of_version.next() == Some(part))
}

/// Whether dotted version `have` is older than `least`, part by part as numbers; what is no number counts as zero.
pub fn is_older(have: &str, least: &str) -> bool {
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok()).unwrap_or(0);
    let (mut have, mut least) = (have.split('.'), least.split('.'));
    loop {
        let (ours, theirs) = (have.next(), least.next());
        if ours.is_none() && theirs.is_none() {
            return false;
        }
        let (ours, theirs) = (number(ours), number(theirs));
        if ours != theirs {
            return ours < theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn manifest(entries: &[(&str, &str, &str, &str)]) -> Manifest {
        let mut packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> = BTreeMap::new();
        for (distribution, version, architecture, file) in entries {
            let versions = packages.entry((*distribution).to_owned()).or_default();
            versions
                .entry((*version).to_owned())
                .or_default()
                .insert((*architecture).to_owned(), (*file).to_owned());
        }
        Manifest { version: "1".to_owned(), packages, update_script: BTreeMap::new() }
    }

    #[test]
    fn most_specific_version_key_wins() {
        let manifest = manifest(&[
            ("redhat", "_any", "_any", "any"),
            ("redhat", "9.*", "_any", "nine"),
            ("redhat", "9.2.*", "_any", "nine-two"),
            ("redhat", "9.2.1", "_any", "exact"),
        ]);
        let file = |version| find(&manifest, "redhat", version, Architecture::X86_64);
        assert_eq!(file("9.2.1"), Some("exact"));
        assert_eq!(file("9.2.7"), Some("nine-two"));
        assert_eq!(file("9.4"), Some("nine"));
        assert_eq!(file("9"), Some("nine"));
        assert_eq!(file("90.1"), Some("any"));
    }

    #[test]
    fn a_matched_distribution_is_never_left_again() {
        let manifest = manifest(&[("_any", "_any", "_any", "any"), ("ubuntu", "22.04", "x86_64", "jammy")]);
        assert_eq!(find(&manifest, "debian", "12", Architecture::Arm64), Some("any"));
        assert_eq!(find(&manifest, "ubuntu", "24.04", Architecture::X86_64), None);
        assert_eq!(find(&manifest, "ubuntu", "22.04", Architecture::Arm64), None);
    }

    #[test]
    fn any_version_comes_before_star() {
        let manifest = manifest(&[("amazon", "*", "_any", "star"), ("amazon", "_any", "_any", "any")]);
        assert_eq!(find(&manifest, "amazon", "2", Architecture::X86_64), Some("any"));
    }

    #[test]
    fn unknown_architecture_takes_only_a_file_for_all() {
        let manifest = manifest(&[("amazon", "2", "x86_64", "intel"), ("amazon", "2023", "_any", "all")]);
        assert_eq!(find(&manifest, "amazon", "2", Architecture::Unknown), None);
        assert_eq!(find(&manifest, "amazon", "2023", Architecture::Unknown), Some("all"));
    }

    #[test]
    fn nano_server_takes_only_nano_wildcards() {
        let manifest =
            manifest(&[("windows", "10.0.*", "_any", "full"), ("windows", "10.0.*nano", "_any", "nano")]);
        assert_eq!(find(&manifest, "windows", "10.0.17763", Architecture::X86_64), Some("full"));
        assert_eq!(find(&manifest, "windows", "10.0.17763nano", Architecture::X86_64), Some("nano"));
    }

    #[test]
    fn agent_versions_compare_as_numbers() {
        assert!(is_older("3.1.999.0", "3.1.1374.0"));
        assert!(!is_older("3.1.1374.0", "3.1.1374.0"));
        assert!(!is_older("3.1.1374", "3.1.1374.0"));
        assert!(!is_older("10.0", "9.9.9"));
        assert!(is_older("", "3.1"));
    }
}
