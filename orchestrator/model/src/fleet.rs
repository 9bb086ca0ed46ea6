//! A fleet as observed: what discovery brings back before a plan is made.

use crate::association::Found;
use crate::id::{AccountId, Digest, NodeId, Region, SiteIndex, TagMatchIndex};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One account × one Region, and the role used to reach it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Site {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: Region,
    /// ARN of the role to assume, None for the caller's own credentials.
    pub role: Option<String>,
    /// External id for `AssumeRole`.
    pub external_id: Option<String>,
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}/{}", self.account, self.region))
    }
}

/// Operating system family, as SSM's `PlatformType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
    /// macOS: managed by SSM, not supported by Distributor.
    #[serde(rename = "macos")]
    MacOs,
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::MacOs => "macos",
        })
    }
}

/// Processor architecture, in the words of Distributor manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
    /// 32-bit x86.
    #[serde(rename = "386")]
    X86,
    /// SSM did not say.
    #[serde(rename = "unknown")]
    Unknown,
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::X86 => "386",
            Self::Unknown => "unknown",
        })
    }
}

/// One tag question: does the node carry `key` with any of `values`?
///
/// SSM's node list shows no tags; each question is one filtered listing per site, so a plan asks few.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TagMatch {
    /// Tag key.
    pub key: String,
    /// Values, any of which matches.
    pub values: Vec<String>,
}

/// Answers to at most 64 tag questions about one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct TagAnswers(pub u64);

impl TagAnswers {
    /// Whether the node matches this question.
    pub fn has(self, question: TagMatchIndex) -> bool {
        self.0 >> question.0 & 1 == 1
    }

    /// With this question answered yes.
    #[must_use]
    pub fn with(self, question: TagMatchIndex) -> Self {
        Self(self.0 | 1 << question.0)
    }
}

/// SSM's `PingStatus`: a hint, not a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ping {
    /// Seen lately.
    Online,
    /// Pings missed.
    ConnectionLost,
    /// Anything else that SSM said.
    Other,
}

/// One managed node as SSM describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Id.
    pub id: NodeId,
    /// Where.
    pub site: SiteIndex,
    /// Operating system family.
    pub platform: Platform,
    /// Distribution in the words of Distributor manifests (`amazon`, `ubuntu`, `windows`, …).
    pub distribution: Box<str>,
    /// Distribution version (`2023`, `22.04`, `10.0.17763`).
    pub distribution_version: Box<str>,
    /// Processor architecture.
    pub architecture: Architecture,
    /// Version of the SSM agent.
    pub agent_version: Box<str>,
    /// Ping state.
    pub ping: Ping,
    /// Last ping.
    pub last_ping: Timestamp,
    /// Answers to the tag questions of the listing.
    pub tags: TagAnswers,
}

/// What is known about the package in one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageView {
    /// What to pass as `name`: the bare name in the owner's account, else the document ARN. One form per site, for
    /// ever: the agent keeps separate states for the two forms.
    pub name: String,
    /// Every version that this account can see, by VersionName.
    pub versions: BTreeMap<String, VersionView>,
    /// VersionName of the default version.
    pub default_version: Option<String>,
    /// Associations of the package that lie there already; None: nobody could or would look.
    #[serde(default)]
    pub associations: Option<Vec<Found>>,
}

/// One version of the package in one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    /// `Active`, `Creating`, `Failed`, … as SSM says.
    pub status: String,
    /// SHA-256 of the manifest, where read.
    pub hash: Option<Digest>,
    /// Which files the version has, where the manifest was read.
    pub manifest: Option<Manifest>,
    /// Files of the manifest that are not attached, or attached with another content: an agent refuses them.
    #[serde(default)]
    pub amiss: Vec<String>,
}

impl VersionView {
    /// Whether a node can install it.
    pub fn is_active(&self) -> bool {
        self.status == "Active"
    }

    /// One whose content was not read.
    pub fn unread(status: String) -> Self {
        Self { status, hash: None, manifest: None, amiss: Vec::new() }
    }
}

/// The `packages` part of a Distributor manifest: distribution → version → architecture → file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Manifest {
    /// `version` of the manifest; must equal the VersionName.
    pub version: String,
    /// Distribution → distribution version → architecture → file name. `_any` is a wildcard on every level.
    pub packages: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// Whether each file holds an update script, where the zip was looked into.
    pub update_script: BTreeMap<String, bool>,
}

/// The fleet of a plan file at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When discovery ended.
    pub observed_at: Timestamp,
    /// Sites, sorted by account and Region.
    pub sites: Vec<Site>,
    /// The package as each site sees it, parallel to `sites`.
    pub packages: Vec<PackageView>,
    /// The tag questions that were asked, in the order of their indices.
    pub questions: Vec<TagMatch>,
    /// All managed nodes, in any order.
    pub nodes: Vec<Node>,
}

/// What wavetrain itself last verified on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: Region,
    /// Node.
    pub node: NodeId,
    /// VersionName, None for "nothing installed".
    pub version: Option<String>,
    /// When.
    pub verified_at: Timestamp,
}
