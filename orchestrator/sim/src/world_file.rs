//! World files: YAML that describes a simulated AWS.
//!
//! Unknown keys, wrong types and impossible values are refused with their place. Files come from strangers too, so
//! size, nesting and aliases are bounded before anything is built.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::agent::behaviour::{Contents, PlatformType, Rule, Validate};
use crate::clock::WorldTime;
use crate::fault::Fault;

/// Longest text that is read at all.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most nodes a world may have over all sites.
pub const MAX_NODES: u64 = 2_000_000;
/// Most sites (accounts times Regions).
const MAX_SITES: usize = 10_000;

/// Why a world file was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorldFileError {
    /// Longer than [`MAX_BYTES`].
    #[error("the file is {bytes} bytes long; world files may have at most {MAX_BYTES}")]
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
    /// Groups of managed nodes.
    #[serde(default)]
    pub nodes: Vec<NodeGroup>,
    /// Distributor packages.
    #[serde(default)]
    pub packages: Vec<PackageFile>,
    /// What commands sent as scripts print.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// CloudWatch alarms.
    #[serde(default)]
    pub alarms: Vec<AlarmFile>,
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

/// An alarm, one in each site it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmFile {
    /// Alarm name.
    pub name: String,
    /// A composite alarm instead of a metric alarm.
    #[serde(default)]
    pub composite: bool,
    /// Accounts with the alarm; all when empty.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions with the alarm; all when empty.
    #[serde(default)]
    pub regions: Vec<String>,
    /// State at the start.
    #[serde(default)]
    pub starts: AlarmState,
    /// Goes to ALARM by what is installed, and back to OK when that is gone.
    #[serde(default)]
    pub raised_when: Option<RaisedWhen>,
    /// Changes at fixed times.
    #[serde(default)]
    pub changes: Vec<AlarmChange>,
}

/// State of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AlarmState {
    /// Fine.
    #[default]
    #[serde(rename = "OK")]
    Ok,
    /// Firing.
    #[serde(rename = "ALARM")]
    Alarm,
    /// Not enough data.
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

/// A condition on what is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaisedWhen {
    /// Package.
    pub package: String,
    /// Version whose bits count.
    pub version: String,
    /// Raised from so many nodes on.
    #[serde(default = "default_nodes")]
    pub nodes_at_least: u32,
    /// Count the nodes of the whole world, not only those of the alarm's own site.
    #[serde(default)]
    pub everywhere: bool,
    /// Time between the condition and the state.
    #[serde(default = "default_alarm_delay")]
    pub delay_seconds: i64,
}

fn default_nodes() -> u32 {
    1
}

fn default_alarm_delay() -> i64 {
    60
}

/// A change of an alarm's state at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmChange {
    /// Seconds after the start of the world.
    pub after_seconds: i64,
    /// The state from then on.
    pub state: AlarmState,
}

/// How long things take in the service and on the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Seconds after `SendCommand` during which listings do not show the command.
    pub listing_lag_seconds: f64,
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

impl WorldFile {
    /// Reads a world file.
    pub fn parse(text: &str) -> Result<Self, WorldFileError> {
        if text.len() > MAX_BYTES {
            return Err(WorldFileError::TooLong { bytes: text.len() });
        }
        let file: Self = serde_yaml::from_str_with_options(text, options()).map_err(|error| {
            let place = error.location();
            WorldFileError::Unreadable {
                line: place.as_ref().map_or(0, serde_yaml::Location::line),
                column: place.as_ref().map_or(0, serde_yaml::Location::column),
                message: error.to_string(),
            }
        })?;
        file.check()?;
        Ok(file)
    }

    /// The account behind unknown credentials.
    pub fn hub_account(&self) -> &str {
        self.hub.as_deref().or_else(|| self.sites.accounts.first().map(String::as_str)).unwrap_or_default()
    }

    /// When the world starts.
    pub fn start(&self) -> WorldTime {
        WorldTime::parse(&self.starts_at).unwrap_or_default()
    }

    /// Checks what types cannot say. Worlds made in code pass through here too.
    pub fn check(&self) -> Result<(), WorldFileError> {
        self.check_sites()?;
        for (index, group) in self.nodes.iter().enumerate() {
            self.check_group(&format!("nodes[{index}]"), group)?;
        }
        for (index, package) in self.packages.iter().enumerate() {
            check_package(&format!("packages[{index}]"), package)?;
        }
        for (index, probe) in self.probes.iter().enumerate() {
            self.check_known(&format!("probes[{index}].package"), &probe.package, None)?;
        }
        for (index, alarm) in self.alarms.iter().enumerate() {
            if let Some(when) = &alarm.raised_when {
                let place = format!("alarms[{index}].raised_when");
                self.check_known(&place, &when.package, Some(&when.version))?;
            }
        }
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|message| impossible(format!("faults[{index}]"), message))?;
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), WorldFileError> {
        if WorldTime::parse(&self.starts_at).is_none() {
            return Err(impossible("starts_at", "not a time such as 2026-03-02T08:00:00Z"));
        }
        for (name, list) in [("accounts", &self.sites.accounts), ("regions", &self.sites.regions)] {
            if list.is_empty() {
                return Err(impossible(format!("sites.{name}"), "must not be empty"));
            }
            let unique: std::collections::BTreeSet<&String> = list.iter().collect();
            if unique.len() < list.len() {
                return Err(impossible(format!("sites.{name}"), "lists an entry twice"));
            }
        }
        for account in self.sites.accounts.iter().chain(&self.hub) {
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(impossible(
                    "sites.accounts",
                    format!("`{account}` is not an account id of twelve digits (quote it)"),
                ));
            }
        }
        if self.sites.accounts.len().saturating_mul(self.sites.regions.len()) > MAX_SITES {
            return Err(impossible("sites", format!("more than {MAX_SITES} accounts times Regions")));
        }
        let sites = self.sites.accounts.len() as u64 * self.sites.regions.len() as u64;
        let nodes: u64 = self
            .nodes
            .iter()
            .map(|group| {
                let accounts =
                    if group.accounts.is_empty() { self.sites.accounts.len() } else { group.accounts.len() };
                let regions =
                    if group.regions.is_empty() { self.sites.regions.len() } else { group.regions.len() };
                u64::from(group.count) * (accounts as u64 * regions as u64).min(sites)
            })
            .sum();
        if nodes > MAX_NODES {
            return Err(impossible("nodes", format!("{nodes} nodes; a world may have at most {MAX_NODES}")));
        }
        Ok(())
    }

    fn check_group(&self, place: &str, group: &NodeGroup) -> Result<(), WorldFileError> {
        for account in &group.accounts {
            if !self.sites.accounts.contains(account) {
                return Err(impossible(format!("{place}.accounts"), format!("`{account}` is not a site")));
            }
        }
        for region in &group.regions {
            if !self.sites.regions.contains(region) {
                return Err(impossible(format!("{place}.regions"), format!("`{region}` is not a site")));
            }
        }
        if !matches!(group.architecture.as_str(), "x86_64" | "arm64") {
            return Err(impossible(format!("{place}.architecture"), "must be x86_64 or arm64"));
        }
        check_fraction(&format!("{place}.offline"), group.offline)?;
        check_fraction(&format!("{place}.manifest_cached"), group.manifest_cached)?;
        for fraction in group.tagged.iter().filter_map(|tag| tag.fraction) {
            check_fraction(&format!("{place}.tagged"), fraction)?;
        }
        let sane = |value: f64| value.is_finite() && (0.0..=1000.0).contains(&value);
        if !group.slowness.iter().all(|value| sane(*value)) {
            return Err(impossible(format!("{place}.slowness"), "must lie between 0 and 1000"));
        }
        for (package, weights) in &group.installed {
            let place = format!("{place}.installed.{package}");
            if weights.values().all(|weight| *weight == 0) {
                return Err(impossible(place, "needs a version with a weight above 0"));
            }
            for version in weights.keys().filter(|version| *version != "none") {
                self.check_known(&place, package, Some(version))?;
            }
        }
        Ok(())
    }

    fn check_known(&self, place: &str, package: &str, version: Option<&str>) -> Result<(), WorldFileError> {
        let Some(known) = self.packages.iter().find(|known| known.name == package) else {
            return Err(impossible(place, format!("no package is called `{package}`")));
        };
        match version {
            Some(version) if !known.versions.iter().any(|known| known.name == version) => {
                Err(impossible(place, format!("package `{package}` has no version `{version}`")))
            }
            _ => Ok(()),
        }
    }
}

fn check_package(place: &str, package: &PackageFile) -> Result<(), WorldFileError> {
    if package.versions.is_empty() || package.versions.len() > 1000 {
        return Err(impossible(format!("{place}.versions"), "needs 1 to 1000 versions"));
    }
    let mut names = std::collections::BTreeSet::new();
    for version in &package.versions {
        if !names.insert(&version.name) {
            return Err(impossible(format!("{place}.versions"), format!("`{}` appears twice", version.name)));
        }
        if !matches!(version.status.as_str(), "Active" | "Creating" | "Updating" | "Deleting" | "Failed") {
            return Err(impossible(
                format!("{place}.versions"),
                format!("`{}` is not a document status", version.status),
            ));
        }
        for fraction in version.behaviour.iter().filter_map(|rule| rule.when.fraction) {
            check_fraction(&format!("{place}.versions.behaviour"), fraction)?;
        }
        let ranges = version.behaviour.iter().filter_map(|rule| rule.takes_seconds);
        for range in ranges.chain([version.takes_seconds]) {
            if range[0] > range[1] || range[1] > 172_800 {
                return Err(impossible(
                    format!("{place}.versions.takes_seconds"),
                    "must be [shortest, longest], at most 172800",
                ));
            }
        }
    }
    match &package.default {
        Some(default) if !names.contains(default) => {
            Err(impossible(format!("{place}.default"), format!("there is no version `{default}`")))
        }
        _ => Ok(()),
    }
}

fn check_fraction(place: &str, fraction: f64) -> Result<(), WorldFileError> {
    if fraction.is_finite() && (0.0..=1.0).contains(&fraction) {
        Ok(())
    } else {
        Err(impossible(place, "must lie between 0 and 1"))
    }
}

fn impossible(place: impl Into<String>, message: impl Into<String>) -> WorldFileError {
    WorldFileError::Impossible { place: place.into(), message: message.into() }
}

/// Strict and bounded: a world file is small and flat, aliases have no use in it.
fn options() -> serde_yaml::Options {
    let mut budget = serde_yaml::Budget::default();
    budget.max_depth = 32;
    budget.max_nodes = 100_000;
    budget.max_events = 400_000;
    budget.max_aliases = 1_000;
    let mut options = serde_yaml::Options::default();
    options.budget = Some(budget);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::WORLD;

    fn refused(text: &str) -> WorldFileError {
        WorldFile::parse(text).expect_err("refused")
    }

    #[test]
    fn a_small_world_reads_with_its_defaults() {
        let file = WorldFile::parse(WORLD).expect("reads");
        assert_eq!(file.hub_account(), "111122223333");
        assert_eq!(file.nodes[0].manifest_cached, 1.0);
        assert_eq!(file.timing.listing_lag_seconds, 2.0);
        assert!(file.packages[0].versions[0].update_script);
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        match refused("sites: { accounts: [\"111122223333\"], regions: [eu-west-1] }\nnoods: []\n") {
            WorldFileError::Unreadable { message, line, .. } => {
                assert!(message.contains("noods"), "{message}");
                assert_eq!(line, 2);
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused_by_their_path() {
        let cases = [
            ("sites: { accounts: [], regions: [eu-west-1] }", "sites.accounts"),
            ("sites: { accounts: [\"12\"], regions: [eu-west-1] }", "sites.accounts"),
            (&*format!("starts_at: soon\n{WORLD}"), "starts_at"),
            (&*format!("{WORLD}faults: [{{ accounts: [\"111122223333\"] }}]"), "faults[0]"),
            (&*format!("{WORLD}alarms: [{{ name: a, raised_when: {{ package: hello, version: 9 }} }}]"), "alarms[0]"),
            (&*WORLD.replace("count: 6", "count: 4000000"), "nodes"),
            (&*WORLD.replace("1.0.0: 1 }", "8.8.8: 1 }"), "nodes[0].installed.hello"),
        ];
        for (text, expected) in cases {
            match refused(text) {
                WorldFileError::Impossible { place, .. } => assert!(place.starts_with(expected), "{place}"),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn hostile_files_are_refused_quickly() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\n";
        let deep = format!("nodes: {}", "[".repeat(10_000));
        let long = format!("seed: 1 #{}", "x".repeat(MAX_BYTES));
        for text in [bomb, &deep, &long, "\0", "- 1", "", "seed: 1\nseed: 2"] {
            refused(text);
        }
    }

    #[test]
    fn the_same_file_gives_the_same_fleet_and_more_nodes_do_not_move_the_first() {
        let fleet = |text: &str| {
            let file = WorldFile::parse(text).expect("reads");
            let world = crate::world::World::new(&file).expect("builds");
            world.nodes().iter().map(|node| node.id.to_string()).collect::<Vec<_>>()
        };
        let small = fleet(WORLD);
        assert_eq!(small, fleet(WORLD));
        let large = fleet(&WORLD.replace("count: 6", "count: 60"));
        assert!(small.iter().all(|id| large.contains(id)));
        assert!(small.iter().all(|id| id.len() == 19 && id.starts_with("i-")));
    }

    #[test]
    fn weights_and_fractions_are_kept_roughly() {
        let text = WORLD
            .replace("count: 6", "count: 1000")
            .replace("1.0.0: 1 }", "1.0.0: 3, 2.0.0: 1, none: 1 }")
            .replace("tags: { service: web }", "tagged: [{ key: rollout, value: canary, fraction: 0.1 }]");
        let world = crate::world::World::new(&WorldFile::parse(&text).expect("reads")).expect("builds");
        let web: Vec<_> = world.nodes().iter().filter(|node| node.group.name == "web").collect();
        let with = |version: Option<&str>| {
            web.iter().filter(|node| node.bits_of("hello").version.as_deref() == version).count()
        };
        assert_eq!(web.len(), 2000);
        assert!((1100..1300).contains(&with(Some("1.0.0"))), "{}", with(Some("1.0.0")));
        assert!((330..470).contains(&with(None)), "{}", with(None));
        let canaries = web.iter().filter(|node| node.tag("rollout") == Some("canary")).count();
        assert!((150..250).contains(&canaries), "{canaries}");
    }
}
