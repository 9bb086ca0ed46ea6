//! Packages that callers publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::manifest::Manifest;
use super::{Attached, Attachment, Package, Reading, Sharing, Version};
use crate::agent::behaviour::{Behaviour, Contents, Validate};
use crate::clock::WorldTime;
use crate::content::Content;
use crate::world_file::PublishedFile;
use crate::zip::Listing;

impl Package {
    /// A document without versions.
    pub(crate) fn published(name: &str, owner: &str) -> Self {
        Self {
            name: Arc::from(name),
            owner: owner.to_owned(),
            display_name: None,
            sharing: Sharing::Listed(BTreeMap::new()),
            versions: Vec::new(),
            default: 1,
            last_number: 0,
            tags: BTreeMap::new(),
        }
    }

    /// Adds a version whose files are still to come; gives its number.
    pub(crate) fn add_version(
        &mut self,
        label: Option<&str>,
        content: &str,
        manifest: &Manifest,
        now: WorldTime,
    ) -> u32 {
        self.last_number += 1;
        let platforms = manifest.platforms.clone();
        let read = Reading { platforms, checked: Some(manifest.clone()) };
        let status = if self.versions.is_empty() { "Creating" } else { "Updating" };
        self.versions.push(Version {
            status: status.to_owned(),
            created: Some(now),
            read: Arc::new(read),
            ..Version::new(
                self.last_number,
                label.unwrap_or_default(),
                manifest.version.clone(),
                BTreeMap::new(),
                content,
            )
        });
        self.last_number
    }
}

impl Version {
    /// Whether its files are still being copied. Versions of the world file stay in the status it gives them.
    pub(crate) fn is_pending(&self) -> bool {
        self.created.is_some() && matches!(self.status.as_str(), "Creating" | "Updating")
    }

    /// Names of the files that its manifest lists.
    pub(crate) fn files_listed(&self) -> Vec<String> {
        let checked = self.read.checked.iter();
        checked.flat_map(|manifest| manifest.checksums.keys().cloned()).collect()
    }

    /// The files are there, or the reason why not.
    pub(crate) fn settle(&mut self, files: Result<Vec<Attachment>, String>) {
        match files {
            Ok(files) => {
                self.files = Arc::from(files);
                "Active".clone_into(&mut self.status);
            }
            Err(reason) => {
                "Failed".clone_into(&mut self.status);
                self.status_information = Some(reason);
            }
        }
    }
}

impl Attachment {
    /// A file that was handed in. What its scripts do is read out of the zip and, beyond that, said by the world file.
    pub(crate) fn stored(name: String, content: Content, said: Option<&PublishedFile>) -> Self {
        let unpacked = content
            .zip
            .as_deref()
            .ok_or_else(|| "failed to install package: zip: not a valid zip file".to_owned())
            .and_then(|zip| behaviour(zip, said))
            .map(Arc::new);
        let (size, hash) = (content.size, content.sha256.clone());
        Self { name, size, hash, unpacked, bytes: Arc::new(Attached::Stored(content)) }
    }
}

/// What the scripts of a zip do, as far as their names tell and the world file says.
fn behaviour(zip: &Listing, said: Option<&PublishedFile>) -> Result<Behaviour, String> {
    let has = |script: &str| ["sh", "ps1"].map(|end| zip.has(&format!("{script}.{end}")));
    for script in ["install", "uninstall", "update", "validate"] {
        if has(script) == [true, true] {
            return Err(format!("{script} has more than one implementation (sh, ps1, json)"));
        }
    }
    if zip.has("manifest.json") {
        return Err("failed to read manifest.json: empty package name".to_owned());
    }
    let any = |script: &str| has(script).contains(&true);
    let contents = match () {
        () if zip.files.len() < 2 && !zip.folders => Contents::Incomplete,
        () if !any("install") => Contents::MissingInstall,
        () => Contents::Complete,
    };
    let usual = if any("validate") { Validate::ChecksVersion } else { Validate::Absent };
    let ordinary = Behaviour::default();
    Ok(Behaviour {
        contents,
        update_script: any("update"),
        validate: said.and_then(|said| said.validate).filter(|_| any("validate")).unwrap_or(usual),
        takes_seconds: said.map_or(ordinary.takes_seconds, |said| said.takes_seconds),
        rules: said.map(|said| said.behaviour.clone()).unwrap_or_default(),
    })
}
