//! The target version in each site.

use super::Inputs;
use super::survey::Block;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::fleet::{Manifest, Snapshot, VersionView};
use wavetrain_model::id::Digest;

/// Whether nodes of a site can install the target.
#[derive(Debug)]
pub(super) enum Target<'a> {
    /// With these files.
    Ready(&'a Manifest),
    /// Not as it stands; matters only if the site has nodes that take part.
    Blocked(Block<'a>),
}

/// Parallel to the sites.
pub(super) fn targets<'a>(inputs: &Inputs<'a>) -> Vec<Target<'a>> {
    let version = &inputs.spec.package.version;
    let views = || inputs.fleet.packages.iter().filter_map(|package| package.versions.get(version));
    // One manifest serves all sites that have the same content: it need not be read in each of them.
    let by_hash: BTreeMap<&Digest, &Manifest> =
        views().filter_map(|view| Some((view.hash.as_ref()?, view.manifest.as_ref()?))).collect();
    let manifest_of =
        |view: &'a VersionView| view.manifest.as_ref().or_else(|| by_hash.get(view.hash.as_ref()?).copied());
    let judge = |view: Option<&'a VersionView>| {
        let Some(view) = view else { return Target::Blocked(Block::TargetMissing) };
        if !view.is_active() {
            return Target::Blocked(Block::TargetInactive { status: &view.status });
        }
        match manifest_of(view) {
            None => Target::Blocked(Block::ManifestUnread),
            Some(manifest) if manifest.version != *version => {
                Target::Blocked(Block::ManifestVersion { version: &manifest.version })
            }
            Some(manifest) => Target::Ready(manifest),
        }
    };
    inputs.fleet.packages.iter().map(|package| judge(package.versions.get(version))).collect()
}

/// A note when sites hold different contents under the one VersionName. Legitimate when each Region's package is built
/// on its own, but worth a look.
pub(super) fn differing_contents(fleet: &Snapshot, version: &str) -> Option<String> {
    let hashes: BTreeSet<&Digest> =
        fleet.packages.iter().filter_map(|package| package.versions.get(version)?.hash.as_ref()).collect();
    (hashes.len() > 1)
        .then(|| format!("version {version} has {} different manifests across the sites", hashes.len()))
}
