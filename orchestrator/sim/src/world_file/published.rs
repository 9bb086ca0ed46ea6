//! What callers will bring: how versions behave which they publish, and buckets that are there before.

use serde::{Deserialize, Serialize};

use super::check::impossible;
use super::{LosesPing, Raise, WorldFile, WorldFileError, default_takes};
use crate::agent::behaviour::{Rule, Validate};

/// How versions behave that callers publish. What the scripts of a zip do is said here, and whether they are there is
/// read out of the zip; they are run on nodes with `scripts: real` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFile {
    /// Document name.
    pub package: String,
    /// `VersionName`; every version that has no entry of its own when absent.
    #[serde(default)]
    pub version: Option<String>,
    /// What a validate script that is in the zip does; it checks the version when absent.
    #[serde(default)]
    pub validate: Option<Validate>,
    /// Shortest and longest duration of its scripts in seconds.
    #[serde(default = "default_takes")]
    pub takes_seconds: [u64; 2],
    /// What its scripts do where they do not simply work; the first matching rule wins.
    #[serde(default)]
    pub behaviour: Vec<Rule>,
    /// What it does to the metrics of the nodes it is installed on. Needs a version.
    #[serde(default)]
    pub raises: Vec<Raise>,
    /// On which nodes it kills the SSM agent. Needs a version.
    #[serde(default)]
    pub loses_ping: Option<LosesPing>,
}

/// An S3 bucket that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketFile {
    /// Name; there is only one bucket of a name in the world.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// Account that owns it; the hub when absent.
    #[serde(default)]
    pub owner: Option<String>,
    /// Other accounts that may read its objects.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Whether it keeps earlier versions of its objects.
    #[serde(default)]
    pub versioned: bool,
}

/// With what a real agent registers as a node of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationFile {
    /// Activation id.
    pub id: String,
    /// Activation code.
    pub code: String,
    /// Account of the node.
    pub account: String,
    /// Region of the node.
    pub region: String,
}

impl WorldFile {
    /// How a version behaves that a caller publishes.
    pub fn published_as(list: &[PublishedFile], package: &str, version: &str) -> Option<PublishedFile> {
        let of_package = || list.iter().filter(|file| file.package == package);
        let own = of_package().find(|file| file.version.as_deref() == Some(version));
        own.or_else(|| of_package().find(|file| file.version.is_none())).cloned()
    }

    pub(super) fn check_published(&self) -> Result<(), WorldFileError> {
        for (index, file) in self.published.iter().enumerate() {
            let needs_version = !file.raises.is_empty() || file.loses_ping.is_some();
            if needs_version && file.version.is_none() {
                let place = format!("published[{index}].version");
                return Err(impossible(place, "must be given for raises and loses_ping"));
            }
        }
        for (index, activation) in self.activations.iter().enumerate() {
            let ActivationFile { account, region, .. } = activation;
            if !self.sites.accounts.contains(account) || !self.sites.regions.contains(region) {
                let place = format!("activations[{index}]");
                return Err(impossible(place, format!("`{account}` in `{region}` is not a site")));
            }
        }
        let mut names = std::collections::BTreeSet::new();
        for (index, bucket) in self.buckets.iter().enumerate() {
            let place = format!("buckets[{index}]");
            if !crate::s3::is_bucket_name(&bucket.name) {
                let rule = "3 to 63 lower case letters, digits, `.` and `-`";
                return Err(impossible(format!("{place}.name"), rule));
            }
            if !names.insert(&bucket.name) {
                return Err(impossible(format!("{place}.name"), format!("`{}` appears twice", bucket.name)));
            }
            if !self.sites.regions.contains(&bucket.region) {
                return Err(impossible(
                    format!("{place}.region"),
                    format!("`{}` is no Region", bucket.region),
                ));
            }
        }
        Ok(())
    }
}
