//! The target version in each site.

use super::Inputs;
use super::survey::Block;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use wavetrain_model::fleet::{Manifest, Snapshot, VersionView};
use wavetrain_model::id::{Digest, SiteIndex};

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

/// A version that is not the same everywhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differing<'a> {
    pub(super) version: &'a str,
    /// How many contents there are.
    pub(super) contents: usize,
    /// One site with what most have, and those that have something else.
    pub(super) usual: SiteIndex,
    pub(super) others: BTreeSet<SiteIndex>,
}

impl fmt::Display for Differing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} has {} different manifests across the sites", self.version, self.contents)
    }
}

/// Which of the versions have other contents from site to site, among the sites where nodes rely on them.
pub(super) fn differing_contents<'a>(
    fleet: &Snapshot,
    relied_on: &BTreeMap<&'a str, BTreeSet<SiteIndex>>,
) -> Vec<Differing<'a>> {
    let differing = |(version, sites): (&&'a str, &BTreeSet<SiteIndex>)| {
        let mut contents: BTreeMap<&Digest, BTreeSet<SiteIndex>> = BTreeMap::new();
        for site in sites {
            let view = fleet.packages.get(site.at()).and_then(|package| package.versions.get(*version));
            if let Some(hash) = view.and_then(|view| view.hash.as_ref()) {
                contents.entry(hash).or_default().insert(*site);
            }
        }
        let (most, holders) =
            contents.iter().max_by_key(|(digest, sites)| (sites.len(), Reverse(*digest)))?;
        let others =
            contents.iter().filter(|(digest, _)| digest != &most).flat_map(|(_, sites)| sites).copied();
        let others: BTreeSet<SiteIndex> = others.collect();
        let usual = *holders.first()?;
        (!others.is_empty()).then_some(Differing { version, contents: contents.len(), usual, others })
    };
    relied_on.iter().filter_map(differing).collect()
}
