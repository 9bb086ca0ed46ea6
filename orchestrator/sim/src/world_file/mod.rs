//! World files: YAML that describes a simulated AWS.
//!
//! Unknown keys, wrong types and impossible values are refused with their place. Files come from strangers too, so
//! size, nesting and aliases are bounded before anything is built.
//!
//! ```yaml
#![doc = include_str!("example.yaml")]
//! ```

mod alarms;
mod bounds;
mod check;
mod compliance;
mod metrics;
mod organization;
mod published;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::agent::behaviour::{Contents, PlatformType, Rule, Selector, Validate};
use crate::fault::Fault;

pub use alarms::{AlarmChange, AlarmFile, AlarmOn, AlarmState, RaisedWhen};
pub use compliance::{ComplianceFile, SpoiledBy};
pub use metrics::{MetricFile, MetricKind, Raise, Swing};
pub use organization::{MemberFile, MemberState, OrganizationFile, UnitFile};
pub use published::{ActivationFile, BucketFile, PublishedFile};

/// Longest text that is read at all.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most nodes a world may have over all sites.
pub const MAX_NODES: u64 = 2_000_000;
/// Most sites (accounts times Regions).
const MAX_SITES: usize = 10_000;
/// Most entries that are repeated in every site: alarms, their changes, groups.
const MAX_REPEATED: usize = 1_000_000;

/// Why a world file was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorldFileError {
    /// Longer than [`MAX_BYTES`].
    #[error("the file is longer than {MAX_BYTES} bytes, which is more than a world file may have")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not YAML, or not of the shape of a world file. The text carries the place with the offending line.
    #[error("{message}")]
    Unreadable {
        /// What is wrong, over several lines.
        message: String,
        /// Line of the problem, from 1; 0 when unknown.
        line: u64,
        /// Column of the problem, from 1; 0 when unknown.
        column: u64,
    },
    /// Well-formed, but it cannot be built.
    #[error("{place}: {message}")]
    Impossible {
        /// Path of the value, such as `nodes[2].installed`.
        place: String,
        /// What is wrong with it.
        message: String,
    },
}

/// A whole world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// All chance in the world comes from this number.
    #[serde(default)]
    pub seed: u64,
    /// When the world's clock starts, RFC 3339 in UTC.
    #[serde(default = "default_start")]
    pub starts_at: String,
    /// Account that stands behind credentials the world did not hand out itself. The first account when absent.
    #[serde(default)]
    pub hub: Option<String>,
    /// Accounts and Regions.
    pub sites: Sites,
    /// Roles that can be assumed.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Which accounts belong together; they are in no organization when absent.
    #[serde(default)]
    pub organization: Option<OrganizationFile>,
    /// Groups of managed nodes.
    #[serde(default)]
    pub nodes: Vec<NodeGroup>,
    /// Distributor packages.
    #[serde(default)]
    pub packages: Vec<PackageFile>,
    /// How versions behave that callers publish.
    #[serde(default)]
    pub published: Vec<PublishedFile>,
    /// How real agents may join the fleet.
    #[serde(default)]
    pub activations: Vec<ActivationFile>,
    /// S3 buckets that are there from the start.
    #[serde(default)]
    pub buckets: Vec<BucketFile>,
    /// What commands sent as scripts print.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// CloudWatch metrics that nodes report.
    #[serde(default)]
    pub metrics: Vec<MetricFile>,
    /// CloudWatch alarms.
    #[serde(default)]
    pub alarms: Vec<AlarmFile>,
    /// Compliance items that nodes have of their own.
    #[serde(default)]
    pub compliance: Vec<ComplianceFile>,
    /// How long things take.
    #[serde(default)]
    pub timing: Timing,
    /// Calls per second each account and Region allows, by operation name; `"*"` for all others. Absent: no limit.
    #[serde(default)]
    pub rates: BTreeMap<String, Rate>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

fn default_start() -> String {
    "2026-03-02T08:00:00Z".to_owned()
}

/// Every account is present in every Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sites {
    /// Account ids, twelve digits, quoted.
    pub accounts: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
}

/// A role other accounts can assume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Role name, the same in each account.
    pub name: String,
    /// Accounts that have the role; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Accounts it trusts; the hub when empty.
    #[serde(default)]
    pub trusts: Vec<String>,
    /// External id that must be presented.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Longest session in seconds.
    #[serde(default = "default_session_seconds")]
    pub max_session_seconds: i64,
}

fn default_session_seconds() -> i64 {
    3600
}

/// Nodes that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeGroup {
    /// Name of the group; nodes are called after it.
    pub name: String,
    /// Nodes per site.
    pub count: u32,
    /// Accounts with this group; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions with this group; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// `Linux` or `Windows`.
    pub platform: PlatformType,
    /// Operating system as SSM names it; `Amazon Linux` or `Microsoft Windows Server 2022 Datacenter` when absent.
    #[serde(default)]
    pub platform_name: Option<String>,
    /// Its version; `2023` or `10.0.20348` when absent.
    #[serde(default)]
    pub platform_version: Option<String>,
    /// `x86_64` or `arm64`.
    #[serde(default = "default_architecture")]
    pub architecture: String,
    /// Tags of every node.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Tags of some nodes.
    #[serde(default)]
    pub tagged: Vec<PartialTag>,
    /// Agent versions with their weights; `3.3.1230.0` when empty.
    #[serde(default)]
    pub agent_versions: BTreeMap<String, u32>,
    /// What is installed at the start: package name, then version with its weight. The version `none` means absent.
    #[serde(default)]
    pub installed: BTreeMap<String, BTreeMap<String, u32>>,
    /// Fraction of the nodes that still have the manifest of what they have installed in the agent's cache.
    #[serde(default = "default_one")]
    pub manifest_cached: f64,
    /// Versions the agents met before, by package: their manifests are cached although they are not installed. The
    /// first meeting with a version is when an agent's own rollback goes wrong, so this makes nodes better behaved.
    #[serde(default)]
    pub seen: BTreeMap<String, Vec<String>>,
    /// Whether scripts are modelled or run in a sandbox of this machine, where it has one.
    #[serde(default)]
    pub scripts: Scripts,
    /// Fraction of the nodes that are offline from the start on.
    #[serde(default)]
    pub offline: f64,
    /// Range of a factor on every duration on a node.
    #[serde(default = "default_slowness")]
    pub slowness: [f64; 2],
    /// What happens to some nodes later.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

/// What becomes of the scripts that a group's nodes are told to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scripts {
    /// They do what the world file says of them.
    #[default]
    Modelled,
    /// They are run, packages' and others, each node with a disk of its own. What the world file says of a version comes on
    /// top: a script that it lets fail does its work first.
    Real,
}

fn default_architecture() -> String {
    "x86_64".to_owned()
}

fn default_one() -> f64 {
    1.0
}

fn default_slowness() -> [f64; 2] {
    [1.0, 1.0]
}

/// A tag that only some nodes of a group have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialTag {
    /// Tag key.
    pub key: String,
    /// Tag value.
    pub value: String,
    /// The first so many nodes of the group in each site.
    #[serde(default)]
    pub first: Option<u32>,
    /// This fraction of the nodes, chosen by the seed.
    #[serde(default)]
    pub fraction: Option<f64>,
}

/// Something that happens to some nodes of a group. Times count from the start of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The first so many nodes of the group in each site.
    #[serde(default)]
    pub first: Option<u32>,
    /// This fraction of the nodes, chosen by the seed.
    #[serde(default)]
    pub fraction: Option<f64>,
    /// The nodes lose their connection.
    #[serde(default)]
    pub offline_after_seconds: Option<i64>,
    /// The nodes that were offline come back.
    #[serde(default)]
    pub online_after_seconds: Option<i64>,
    /// The nodes do not exist before; they register then.
    #[serde(default)]
    pub registered_after_seconds: Option<i64>,
    /// The nodes are terminated.
    #[serde(default)]
    pub terminated_after_seconds: Option<i64>,
    /// A stale package lock makes every package action fail until then.
    #[serde(default)]
    pub locked_for_seconds: Option<i64>,
}

/// A Distributor package, published in every Region of its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    /// Document name.
    pub name: String,
    /// Account that owns it; the hub when absent.
    #[serde(default)]
    pub owner: Option<String>,
    /// Accounts it is shared with; every account when absent.
    #[serde(default)]
    pub shared_with: Option<Vec<String>>,
    /// Sites the share does not reach.
    #[serde(default)]
    pub not_shared_in: Vec<Place>,
    /// Version that is the default; the first when absent.
    #[serde(default)]
    pub default: Option<String>,
    /// Versions in the order of publication.
    pub versions: Vec<VersionFile>,
}

/// Sites by account or Region; an absent part means any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Account id.
    #[serde(default)]
    pub account: Option<String>,
    /// Region.
    #[serde(default)]
    pub region: Option<String>,
}

impl Place {
    /// Whether a site is meant.
    pub fn covers(&self, account: &str, region: &str) -> bool {
        self.account.as_deref().is_none_or(|wanted| wanted == account)
            && self.region.as_deref().is_none_or(|wanted| wanted == region)
    }
}

/// Platform code, then platform version, then architectures, as in a package manifest.
pub type RunsOn = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One version of a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFile {
    /// `VersionName`.
    pub name: String,
    /// `version` inside the manifest; the name when absent. Two versions sharing one confuse the agent.
    #[serde(default)]
    pub manifest_version: Option<String>,
    /// Document status: `Active`, `Creating`, `Failed`.
    #[serde(default = "default_status")]
    pub status: String,
    /// Regions where this version was never published.
    #[serde(default)]
    pub missing_in: Vec<String>,
    /// Platforms with a file; the usual Linux distributions and Windows when absent.
    #[serde(default)]
    pub runs_on: Option<RunsOn>,
    /// What the zip holds: `complete`, `missing-install` or `incomplete`.
    #[serde(default)]
    pub contents: Contents,
    /// Whether the zip has an update script for in-place updates.
    #[serde(default = "default_true")]
    pub update_script: bool,
    /// The validate script: `absent`, `checks-version`, `passes` or `fails`.
    #[serde(default)]
    pub validate: Validate,
    /// Shortest and longest duration of its scripts in seconds.
    #[serde(default = "default_takes")]
    pub takes_seconds: [u64; 2],
    /// What its scripts do where they do not simply work; the first matching rule wins.
    #[serde(default)]
    pub behaviour: Vec<Rule>,
    /// What it does to the metrics of the nodes it is installed on.
    #[serde(default)]
    pub raises: Vec<Raise>,
    /// On which nodes it kills the SSM agent, so that SSM hears them no more.
    #[serde(default)]
    pub loses_ping: Option<LosesPing>,
}

/// Nodes that SSM loses some time after a version was installed, if they still have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LosesPing {
    /// On which nodes.
    pub when: Selector,
    /// Seconds from the install to the silence.
    pub after_seconds: u32,
}

fn default_status() -> String {
    "Active".to_owned()
}

fn default_true() -> bool {
    true
}

fn default_takes() -> [u64; 2] {
    [3, 12]
}

/// A command text that prints which version of a product is really installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Part of the command text by which the probe is recognised.
    pub contains: String,
    /// Package whose bits are printed.
    pub package: String,
    /// Print `1.2.3` for the version `1.2.3-4`.
    #[serde(default)]
    pub strip_revision: bool,
    /// Exit code when the product is absent; the output is empty then.
    #[serde(default)]
    pub absent_exit_code: i32,
}

/// How long things take in the service and on the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Seconds after `SendCommand` during which listings do not show the command.
    pub listing_lag_seconds: f64,
    /// Seconds from an association's end on a node to its compliance item.
    pub compliance_lag_seconds: u32,
    /// Seconds until listings and searches know a metric that a caller put for the first time.
    pub metric_listing_lag_seconds: u32,
    /// Range in seconds from publishing a version of a document until it is active.
    pub document_seconds: [u64; 2],
    /// Range in milliseconds from sending to the agent's start.
    pub delivery_millis: [u64; 2],
    /// Range in seconds of the agent's random wait before it fetches a package.
    pub agent_wait_seconds: [u64; 2],
    /// Seconds between two steps of the ramp 1, 2, 4, 8 … up to `MaxConcurrency`.
    pub ramp_seconds: f64,
    /// Range in milliseconds a probe or other script takes.
    pub script_millis: [u64; 2],
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            listing_lag_seconds: 2.0,
            compliance_lag_seconds: 30,
            metric_listing_lag_seconds: 120,
            document_seconds: [2, 8],
            delivery_millis: [200, 1500],
            agent_wait_seconds: [0, 15],
            ramp_seconds: 1.0,
            script_millis: [300, 2500],
        }
    }
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls per second in the long run.
    pub per_second: f64,
    /// Calls that may come at once.
    pub burst: f64,
}

pub(crate) use bounds::check_fault;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
