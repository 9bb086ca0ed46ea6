//! Packages as a world file declares them: their zips and manifests are made up from the description.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Attached, Attachment, Package, Sharing, Version, hex};
use crate::agent::behaviour::{Behaviour, Contents, PlatformType, Validate};
use crate::agent::platform::Platforms;
use crate::world_file::{PackageFile, RunsOn, VersionFile};
use crate::zip::{Entry, stored_zip};

impl Package {
    /// Builds a package from its description.
    pub fn from_file(file: &PackageFile, hub: &str) -> Self {
        let name: Arc<str> = Arc::from(&*file.name);
        let versions: Vec<Version> = file
            .versions
            .iter()
            .enumerate()
            .map(|(index, version)| Version::from_file(&name, version, index as u32 + 1))
            .collect();
        let default = file
            .default
            .as_ref()
            .and_then(|default| versions.iter().position(|version| *version.name == **default))
            .unwrap_or(0);
        Self {
            name,
            owner: file.owner.clone().unwrap_or_else(|| hub.to_owned()),
            display_name: None,
            sharing: Sharing::Declared { with: file.shared_with.clone(), not_in: file.not_shared_in.clone() },
            default: default as u32 + 1,
            last_number: versions.len() as u32,
            versions,
            tags: BTreeMap::new(),
        }
    }
}

impl Version {
    fn from_file(package: &Arc<str>, file: &VersionFile, number: u32) -> Self {
        let manifest_version = file.manifest_version.clone().unwrap_or_else(|| file.name.clone());
        let behaviour = Behaviour {
            contents: file.contents,
            update_script: file.update_script,
            validate: file.validate,
            takes_seconds: file.takes_seconds,
            rules: file.behaviour.clone(),
        };
        let runs_on = file.runs_on.clone().unwrap_or_else(usual_platforms);
        let behaviour = Arc::new(behaviour);
        let (platforms, files) = zips(package, &file.name, &runs_on, &behaviour);
        let manifest = manifest_text(&manifest_version, &platforms, &files);
        Self {
            missing_in: file.missing_in.clone(),
            status: file.status.clone(),
            files: Arc::from(files),
            ..Self::new(number, &file.name, manifest_version, platforms, &manifest)
        }
    }
}

fn usual_platforms() -> RunsOn {
    let mut runs_on = RunsOn::new();
    let both = vec!["x86_64".to_owned(), "arm64".to_owned()];
    for platform in ["amazon", "ubuntu", "redhat", "debian", "suse", "rocky", "almalinux"] {
        runs_on.insert(platform.to_owned(), BTreeMap::from([("_any".to_owned(), both.clone())]));
    }
    let windows = BTreeMap::from([("_any".to_owned(), vec!["x86_64".to_owned()])]);
    runs_on.insert("windows".to_owned(), windows);
    runs_on
}

fn zips(
    package: &str,
    version: &str,
    runs_on: &RunsOn,
    behaviour: &Arc<Behaviour>,
) -> (Platforms, Vec<Attachment>) {
    let mut platforms = Platforms::new();
    let mut files: BTreeMap<String, PlatformType> = BTreeMap::new();
    for (platform, versions) in runs_on {
        let family = if platform == "windows" { PlatformType::Windows } else { PlatformType::Linux };
        for (platform_version, architectures) in versions {
            for architecture in architectures {
                let word = family.as_str().to_lowercase();
                let file = format!("{package}-{version}-{word}-{architecture}.zip");
                files.insert(file.clone(), family);
                platforms
                    .entry(platform.clone())
                    .or_default()
                    .entry(platform_version.clone())
                    .or_default()
                    .insert(architecture.clone(), file);
            }
        }
    }
    let attachments = files
        .into_iter()
        .map(|(name, family)| {
            let entries = scripts(package, version, family, behaviour);
            let content = stored_zip(&entries);
            Attachment {
                name,
                bytes: Arc::new(Attached::Made(Arc::from(entries))),
                size: content.len() as u64,
                hash: hex(&Sha256::digest(&content)),
                unpacked: Ok(Arc::clone(behaviour)),
            }
        })
        .collect();
    (platforms, attachments)
}

/// The files of a zip. Those for Linux really do what a node that runs scripts for real needs: the product is a program
/// that prints its version.
fn scripts(package: &str, version: &str, family: PlatformType, behaviour: &Behaviour) -> Vec<Entry> {
    let extension = if family == PlatformType::Windows { "ps1" } else { "sh" };
    let mut names = vec!["install", "uninstall"];
    match behaviour.contents {
        Contents::Complete => {}
        Contents::MissingInstall => names = vec!["uninstall", "notes"],
        Contents::Incomplete => names = vec!["install"],
    }
    if behaviour.update_script {
        names.push("update");
    }
    if behaviour.validate != Validate::Absent {
        names.push("validate");
    }
    names
        .into_iter()
        .map(|name| Entry {
            name: format!("{name}.{extension}"),
            content: content(name, package, version, family, behaviour.validate).into_bytes(),
        })
        .collect()
}

fn content(name: &str, package: &str, version: &str, family: PlatformType, validate: Validate) -> String {
    let said = format!("echo '{name} {package} {}'\n", quoted(version));
    if family == PlatformType::Windows {
        return said;
    }
    let version = quoted(version);
    let home = format!("/opt/{package}");
    let work = match (name, validate) {
        ("install" | "update", _) => format!(
            "set -e\nmkdir -p {home}/bin\n\
             printf '#!/bin/sh\\necho %s\\n' '{version}' >{home}/bin/{package}\n\
             chmod 755 {home}/bin/{package}\n"
        ),
        ("uninstall", _) => format!("rm -rf {home}\n"),
        ("validate", Validate::ChecksVersion) => format!("[ \"$({home}/bin/{package})\" = '{version}' ]\n"),
        ("validate", Validate::Fails) => "exit 1\n".to_owned(),
        _ => String::new(),
    };
    said + &work
}

/// What may stand between single quotes of a shell.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

fn manifest_text(version: &str, platforms: &Platforms, files: &[Attachment]) -> String {
    let packages: BTreeMap<_, BTreeMap<_, BTreeMap<_, _>>> = platforms
        .iter()
        .map(|(platform, versions)| {
            let versions = versions.iter().map(|(key, architectures)| {
                let leaves = architectures
                    .iter()
                    .map(|(architecture, file)| (architecture.as_str(), serde_json::json!({ "file": file })));
                (key.as_str(), leaves.collect())
            });
            (platform.as_str(), versions.collect())
        })
        .collect();
    let files: BTreeMap<_, _> = files
        .iter()
        .map(|file| {
            let entry = serde_json::json!({ "checksums": { "sha256": file.hash }, "size": file.size });
            (file.name.as_str(), entry)
        })
        .collect();
    serde_json::json!({
        "schemaVersion": "2.0",
        "publisher": "simulated",
        "version": version,
        "packages": packages,
        "files": files,
    })
    .to_string()
}
