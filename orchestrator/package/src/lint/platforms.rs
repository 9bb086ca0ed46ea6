//! L06: which machines get which file.

use super::findings::Findings;
use super::{code, platforms_of};
use crate::folder::Package;
use crate::manifest::Leaf;
use std::collections::BTreeMap;
use wavetrain_model::diagnostic::Span;
use wavetrain_model::recipe::{ANY, Machine};

/// Codes in Distributor's documents, with those of systems that call themselves so.
const KNOWN: [&str; 14] = [
    "windows",
    "amazon",
    "ubuntu",
    "redhat",
    "centos",
    "almalinux",
    "rocky",
    "debian",
    "suse",
    "opensuse",
    "opensuseleap",
    "raspbian",
    "fedora",
    ANY,
];

/// What systems call themselves where the agent has another word.
const RENAMED: [(&str, &str); 5] = [
    ("rhel", "redhat"),
    ("amzn", "amazon"),
    ("ol", "oracle"),
    ("sles", "suse"),
    ("opensuse-leap", "opensuseleap"),
];

pub fn check(package: &Package, findings: &mut Findings) {
    let manifest = &package.manifest;
    for machine in package.recipe.iter().flat_map(|recipe| &recipe.fleet) {
        let Machine { platform, version, architecture, span } = machine;
        if manifest.choose(platform, version, &architecture.to_string()).is_none() {
            let message = format!("{platform} {version} {architecture} gets no file");
            let help = "add it to `serves` of a zip, or let a less exact key lead there";
            findings.package(code::UNSERVED, Some(*span), message, help, &package.report);
        }
    }
    for (platform, versions) in &manifest.packages {
        let span = place(package, platform);
        if !KNOWN.contains(&platform.as_str()) {
            let renamed = RENAMED.iter().find(|(own, _)| own == platform);
            let help = renamed.map_or_else(
                || "check that os-release on such a node has this as its ID".to_owned(),
                |(_, code)| format!("the agent says `{code}`"),
            );
            let message = format!("`{platform}` is not a platform that Distributor's documents name");
            findings.package(code::UNKNOWN_PLATFORM, span, message, &help, &package.report);
        }
        for (exact, architecture) in shadowed(versions) {
            let message =
                format!("{platform} {exact} {architecture} gets no file, although other versions do");
            let help = format!("add {architecture} to `{exact}` too");
            findings.package(code::SHADOWED, span, message, &help, &package.report);
        }
    }
    for name in manifest.files.keys().filter(|name| platforms_of(manifest, name).next().is_none()) {
        let message = format!("no machine gets {name}");
        findings.package(code::UNREACHABLE, None, message, "name it under `packages`", &package.report);
    }
}

/// Exact versions that lack an architecture which the rest of the platform has.
fn shadowed(versions: &BTreeMap<String, BTreeMap<String, Leaf>>) -> Vec<(&str, &str)> {
    let Some(rest) = versions.get(ANY) else { return Vec::new() };
    let mut lacking = Vec::new();
    for (version, architectures) in versions.iter().filter(|(version, _)| *version != ANY) {
        let lacks = |architecture: &&String| {
            *architecture != ANY
                && !architectures.contains_key(*architecture)
                && !architectures.contains_key(ANY)
        };
        lacking
            .extend(rest.keys().filter(lacks).map(|architecture| (version.as_str(), architecture.as_str())));
        if rest.contains_key(ANY) && !architectures.contains_key(ANY) {
            lacking.push((version, "of another architecture"));
        }
    }
    lacking
}

fn place(package: &Package, platform: &str) -> Option<Span> {
    let serves = package.recipe.iter().flat_map(|recipe| &recipe.zips).flat_map(|zip| &zip.serves);
    serves.into_iter().find(|serves| serves.platform == platform).map(|serves| serves.span)
}
