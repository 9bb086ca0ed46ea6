//! Whether a version is the same and complete in all its homes.

use super::{Error, Home, Publisher};
use crate::manifest::{Manifest, sha256};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use wavetrain_model::id::{AccountId, Digest};
use wavetrain_ports::registry::Published;

/// What is wrong at one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The version is not there.
    Missing,
    /// It is there and cannot be installed: its status, and what Systems Manager says.
    NotActive(String, String),
    /// Its manifest cannot be read.
    NoManifest,
    /// It says that it is another version: nodes would store that one.
    OtherVersion(String),
    /// A file of the manifest is not attached, or differs.
    File(String),
    /// It is not what most of the other homes have.
    Different,
    /// These accounts may not install it.
    NotShared(Vec<AccountId>),
    /// It could not be asked.
    Unknown(String),
}

/// What one home has.
#[derive(Debug)]
pub struct Seen {
    /// Digest of manifest and files; None: the version is not there or makes no sense.
    pub digest: Option<Digest>,
    /// What is wrong; empty: nothing.
    pub findings: Vec<Finding>,
}

impl Publisher<'_> {
    /// Looks at a version in all homes at once, in their order.
    pub async fn verify(&self, homes: &[Home], package: &str, version: &str) -> Vec<Seen> {
        let looks = homes.iter().map(|home| self.look(home, package, version));
        let mut seen = join_all(looks).await;
        if let Some(usual) = usual(&seen) {
            for seen in &mut seen {
                if seen.digest.as_ref().is_some_and(|digest| *digest != usual) {
                    seen.findings.push(Finding::Different);
                }
            }
        }
        seen
    }

    async fn look(&self, home: &Home, package: &str, version: &str) -> Seen {
        match self.ask(home, package, version).await {
            Ok((Some(found), unshared)) => {
                let (digest, mut findings) = weighed(&found, version);
                if !unshared.is_empty() {
                    findings.push(Finding::NotShared(unshared));
                }
                Seen { digest, findings }
            }
            Ok((None, _)) => Seen { digest: None, findings: vec![Finding::Missing] },
            Err(error) => Seen { digest: None, findings: vec![Finding::Unknown(error.to_string())] },
        }
    }

    async fn ask(
        &self,
        home: &Home,
        package: &str,
        version: &str,
    ) -> Result<(Option<Published>, Vec<AccountId>), Error> {
        let found = self.patiently(|| self.registry.version(&home.site, package, version)).await?;
        let wanted: BTreeSet<&AccountId> =
            home.share_with.iter().filter(|account| **account != home.site.account).collect();
        if found.is_none() || wanted.is_empty() {
            return Ok((found, Vec::new()));
        }
        let shares = self.patiently(|| self.registry.shares(&home.site, package)).await?;
        let has = |account: &AccountId| shares.get(account).is_some_and(|versions| versions == "$ALL");
        Ok((found, wanted.into_iter().filter(|account| !has(account)).cloned().collect()))
    }
}

fn weighed(found: &Published, version: &str) -> (Option<Digest>, Vec<Finding>) {
    let mut findings = Vec::new();
    if found.status != "Active" {
        findings.push(Finding::NotActive(found.status.clone(), found.information.clone()));
    }
    let Ok(manifest) = Manifest::parse(&found.content) else {
        findings.push(Finding::NoManifest);
        return (None, findings);
    };
    if manifest.version != version {
        findings.push(Finding::OtherVersion(manifest.version.clone()));
    }
    if found.status == "Active" {
        for (name, listed) in &manifest.files {
            let is_same = |there: &str| listed.sha256().is_none_or(|expected| expected == there);
            if !found.files.get(name).is_some_and(|there| is_same(&there.sha256)) {
                findings.push(Finding::File(name.clone()));
            }
        }
    }
    let mut whole = manifest.text();
    for (name, file) in &found.files {
        let _ = writeln!(whole, "{name} {}", file.sha256);
    }
    (Some(sha256(whole.as_bytes())), findings)
}

/// What most homes have; of as many, the one that comes first.
fn usual(seen: &[Seen]) -> Option<Digest> {
    let mut counts: BTreeMap<&Digest, usize> = BTreeMap::new();
    for digest in seen.iter().filter_map(|seen| seen.digest.as_ref()) {
        *counts.entry(digest).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    seen.iter().filter_map(|seen| seen.digest.as_ref()).find(|digest| counts[*digest] == most).cloned()
}
