//! L01: what lies where.

use super::findings::{Findings, path_of};
use super::{Zip, code};
use crate::archive;
use crate::contents::Error;
use crate::folder::{Package, is_file_name};
use crate::manifest::{self, SCHEMA};
use std::collections::BTreeMap;

/// What the agent can be told to do.
const ACTIONS: [&str; 4] = ["install", "uninstall", "update", "validate"];

/// Implementations of an action.
const ENDINGS: [&str; 3] = ["sh", "ps1", "json"];

/// Files that nobody means to ship.
const DEBRIS: [&str; 6] =
    [".DS_Store", "Thumbs.db", "desktop.ini", ".gitignore", ".gitattributes", ".gitkeep"];
const DEBRIS_FOLDERS: [&str; 3] = [".git", ".svn", "__MACOSX"];

/// What Windows cannot hold in a name, and names that are devices there.
const FORBIDDEN: &str = "<>:\"|?*\\";
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com1", "lpt1"];

pub fn check(zip: &Zip<'_>, package: &Package, findings: &mut Findings) {
    for ending in zip.endings() {
        for action in ["install", "uninstall"] {
            script_at_the_top(zip, action, ending, package, findings);
        }
    }
    for action in ACTIONS {
        let there: Vec<String> = ENDINGS
            .iter()
            .map(|ending| format!("{action}.{ending}"))
            .filter(|name| zip.contents.has(name))
            .collect();
        if there.len() > 1 {
            let message = format!("{} has {} at once", zip.name, there.join(" and "));
            let help = "give each platform a zip of its own";
            findings.package(code::TWO_SCRIPTS, zip.span, message, help, &package.report);
        }
    }
    let at_root: Vec<&str> = zip.contents.at_root().collect();
    if at_root.len() < 2 && !at_root.iter().any(|name| name.ends_with('/')) {
        let message = format!("{} has {} file", zip.name, at_root.len());
        let help = "the agent wants at least two files, or a folder";
        findings.package(code::ONE_FILE, zip.span, message, help, &package.report);
    }
    if let Some(entry) = zip.contents.0.get(manifest::FILE_NAME) {
        let message = format!("{} would lie at the top of {}", manifest::FILE_NAME, zip.name);
        let path = path_of(zip.name, manifest::FILE_NAME, entry);
        findings.file(code::MANIFEST_INSIDE, message, "delete it, or put it into a folder", &path);
    }
    names(zip, findings);
}

fn script_at_the_top(zip: &Zip<'_>, action: &str, ending: &str, package: &Package, findings: &mut Findings) {
    let name = format!("{action}.{ending}");
    if zip.contents.has(&name) {
        return;
    }
    let is_it = |path: &&String| path.rsplit('/').next().is_some_and(|file| file.eq_ignore_ascii_case(&name));
    let (code, message, help) = if let Some(found) = zip.contents.0.keys().find(is_it) {
        let message = format!("{} has `{found}`, where the agent does not look for `{name}`", zip.name);
        (code::MISPLACED_SCRIPT, message, format!("put it at the top of the zip, and call it `{name}`"))
    } else {
        let message = format!("{} has no `{name}`", zip.name);
        (code::MISSING_SCRIPT, message, format!("add `{name}` to a folder in `from`"))
    };
    findings.package(code, zip.span, message, &help, &package.report);
}

fn names(zip: &Zip<'_>, findings: &mut Findings) {
    let mut lower: BTreeMap<String, &str> = BTreeMap::new();
    for (name, entry) in &zip.contents.0 {
        let path = path_of(zip.name, name, entry);
        let parts = || name.split('/');
        let is_debris = parts().any(|part| DEBRIS_FOLDERS.contains(&part))
            || parts().next_back().is_some_and(|file| {
                DEBRIS.contains(&file) || file.ends_with('~') || file.strip_suffix(".swp").is_some()
            });
        if is_debris {
            let message = format!("`{name}` would be shipped");
            findings.file(code::DEBRIS, message, "delete it, or keep it out of the folders in `from`", &path);
        }
        if !zip.for_windows {
            continue;
        }
        let is_bad = |part: &str| {
            let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
            part.contains(|character| FORBIDDEN.contains(character))
                || part.ends_with(['.', ' '])
                || DEVICES.contains(&stem.as_str())
        };
        if parts().any(is_bad) {
            let message = format!("Windows cannot hold a file called `{name}`");
            findings.file(code::FILE_NAMES, message, "rename it", &path);
        }
        if let Some(other) = lower.insert(name.to_lowercase(), name) {
            let message = format!("on Windows, `{name}` is the same file as `{other}`");
            findings.file(code::FILE_NAMES, message, "rename one of them", &path);
        }
    }
}

/// A manifest that was built, against the files beside it.
pub fn manifest(package: &Package, findings: &mut Findings) -> Result<(), Error> {
    let manifest = &package.manifest;
    if manifest.schema_version != SCHEMA {
        let message = format!("schemaVersion is {:?}", manifest.schema_version);
        let help = "write \"schemaVersion\": \"2.0\"";
        findings.package(code::SCHEMA, None, message, help, &package.report);
    }
    if package.recipe.is_some() {
        return Ok(());
    }
    let mut differ =
        |message: String, help| findings.package(code::FILES_DIFFER, None, message, help, &package.report);
    for (name, listed) in &manifest.files {
        if !package.zips.contains_key(name) || !is_file_name(name) {
            differ(format!("{name} is listed, but not there"), "put it beside the manifest, or build again");
            continue;
        }
        let found = archive::measure(&package.folder.join(name))?;
        if listed.sha256() != Some(found.sha256.as_str()) {
            differ(
                format!("{name} has the SHA-256 {}, the manifest says otherwise", found.sha256),
                "build again",
            );
        } else if listed.size.is_some_and(|size| size != found.bytes) {
            differ(format!("{name} has {} bytes, the manifest says otherwise", found.bytes), "build again");
        }
    }
    let leaves =
        manifest.packages.values().flat_map(|versions| versions.values()).flat_map(|all| all.values());
    for leaf in leaves.filter(|leaf| !manifest.files.contains_key(&leaf.file)) {
        differ(
            format!("machines are sent to {}, which `files` does not list", leaf.file),
            "list it in `files`",
        );
    }
    Ok(())
}
