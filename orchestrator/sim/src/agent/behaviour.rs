//! What the scripts inside a version's zip do on a node: rules, the first matching one wins.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::package::Attached;
use crate::random::Chance;

/// The two operating systems the fleet is made of, as `PlatformType` says them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PlatformType {
    /// Anything with `sh`.
    #[serde(alias = "linux")]
    Linux,
    /// Anything with PowerShell.
    #[serde(alias = "windows")]
    Windows,
}

impl PlatformType {
    /// The word SSM uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }
}

/// The facts about a node that decide how a script ends there.
#[derive(Debug, Clone)]
pub struct NodeTraits {
    /// Managed node id.
    pub id: String,
    /// Account of the node.
    pub account: String,
    /// Region of the node.
    pub region: String,
    /// Operating system.
    pub platform: PlatformType,
    /// `PlatformName` as SSM displays it, such as `Amazon Linux`.
    pub platform_name: String,
    /// `PlatformVersion` as SSM displays it, such as `2023`.
    pub platform_version: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Multiplies every duration on this node; 1.0 is ordinary.
    pub slowness: f64,
    /// The node's own stream of chance.
    pub chance: Chance,
}

impl NodeTraits {
    /// A duration in milliseconds as it is on this node.
    pub fn paced(&self, millis: u64) -> u64 {
        let seconds = millis as f64 * self.slowness / 1000.0;
        // A factor that makes no sense leaves the duration as it is; world files cannot hold one.
        Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|paced| u64::try_from(paced.as_millis()).ok())
            .unwrap_or(millis)
    }
}

/// Which script of a zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Script {
    /// `install.sh` or `install.ps1`.
    Install,
    /// `update.sh` or `update.ps1`.
    Update,
    /// `uninstall.sh` or `uninstall.ps1`.
    Uninstall,
    /// `validate.sh` or `validate.ps1`.
    Validate,
}

impl Script {
    /// The action's name in the agent's output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Update => "update",
            Self::Uninstall => "uninstall",
            Self::Validate => "validate",
        }
    }
}

/// How a script ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Exits 0 and does what it should.
    #[default]
    Ok,
    /// Exits with the rule's `exit_code` every time and leaves debris.
    Fail,
    /// Fails the first time this script runs on a node and passes afterwards.
    FailOnce,
    /// Never returns and the agent never answers; the package lock stays for its 30 minutes.
    Hang,
    /// Runs into the agent's own limit of 3600 seconds and is killed.
    TimeOut,
    /// Does its work, but the agent's answer never reaches the service.
    Silent,
    /// Does its work and asks for a reboot (exit 194 on Linux, 3010 on Windows).
    Reboot,
}

/// Which nodes and attempts a rule is for. Everything given must match; nothing given matches always.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// Only nodes with this operating system.
    pub platform: Option<PlatformType>,
    /// Only nodes with this architecture (`x86_64` or `arm64`).
    pub architecture: Option<String>,
    /// Only this fraction of the nodes, 0.0 to 1.0, always the same ones for a given seed.
    pub fraction: Option<f64>,
    /// Only these node ids.
    pub nodes: Vec<String>,
    /// Only nodes of these accounts.
    pub accounts: Vec<String>,
    /// Only nodes in these Regions.
    pub regions: Vec<String>,
    /// Only the first so many times the script runs on a node.
    pub attempts: Option<u32>,
}

/// One rule of a version's behaviour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Where the rule applies.
    pub when: Selector,
    /// How the install script ends.
    pub install: Effect,
    /// How the update script ends (in-place updates).
    pub update: Effect,
    /// How the uninstall script ends.
    pub uninstall: Effect,
    /// Exit code of the scripts that fail.
    pub exit_code: Option<i32>,
    /// Shortest and longest duration of a script in seconds; the version's own range when absent.
    pub takes_seconds: Option<[u64; 2]>,
}

/// What a version's `validate` script checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validate {
    /// There is no validate script: the agent takes that as success.
    #[default]
    Absent,
    /// Succeeds when the bits on the node are of the version the script came with.
    ChecksVersion,
    /// Always succeeds.
    Passes,
    /// Always fails.
    Fails,
}

/// What a version's zip holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// All that is needed.
    #[default]
    Complete,
    /// No install script at the root.
    MissingInstall,
    /// Fewer than two files.
    Incomplete,
}

/// Everything the scripts of one version do.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// What the zip holds.
    pub contents: Contents,
    /// Whether there is an update script.
    pub update_script: bool,
    /// The validate script.
    pub validate: Validate,
    /// Duration range of a script in seconds where no rule says otherwise.
    pub takes_seconds: [u64; 2],
    /// First match wins; none matching means every script succeeds.
    pub rules: Vec<Rule>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            contents: Contents::default(),
            update_script: true,
            validate: Validate::default(),
            takes_seconds: [3, 12],
            rules: Vec::new(),
        }
    }
}

/// The content of one zip: whose scripts a directory on a node really holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// Name of the product, the document's bare name.
    pub product: Arc<str>,
    /// The `VersionName` the zip was attached to, which is also what the bits are called once installed.
    pub version: Arc<str>,
    /// What its scripts do.
    pub behaviour: Arc<Behaviour>,
    /// Its bytes.
    pub zip: Arc<Attached>,
}

/// How one run of a script ends on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptRun {
    /// The ending.
    pub effect: Effect,
    /// Exit code when the effect is a failure.
    pub exit_code: i32,
    /// Duration in milliseconds.
    pub took_millis: u64,
}

impl Payload {
    /// How a script of this zip ends on a node the `attempt`-th time (1 is the first).
    pub fn script(&self, script: Script, node: &NodeTraits, attempt: u32) -> ScriptRun {
        let chance = node.chance.named(&self.product).named(&self.version);
        let rule = self
            .behaviour
            .rules
            .iter()
            .enumerate()
            .find(|(index, rule)| {
                rule.when.matches(node, attempt, chance.named("fraction").numbered(*index as u64))
            })
            .map(|(_, rule)| rule);
        let range = rule.and_then(|rule| rule.takes_seconds).unwrap_or(self.behaviour.takes_seconds);
        let wished = rule.map_or(Effect::Ok, |rule| rule.effect_of(script));
        let effect = match wished {
            Effect::FailOnce if attempt == 1 => Effect::Fail,
            Effect::FailOnce => Effect::Ok,
            other => other,
        };
        let pace = chance.named(script.as_str()).numbered(u64::from(attempt));
        let ordinary = pace.between(range[0] * 1000, range[1] * 1000);
        ScriptRun {
            effect,
            exit_code: rule.and_then(|rule| rule.exit_code).unwrap_or(1),
            took_millis: node.paced(ordinary),
        }
    }
}

impl Rule {
    fn effect_of(&self, script: Script) -> Effect {
        match script {
            Script::Install => self.install,
            Script::Update => self.update,
            Script::Uninstall => self.uninstall,
            Script::Validate => Effect::Ok,
        }
    }
}

impl Selector {
    /// Whether a node's `attempt`-th run of a script is meant.
    pub fn matches(&self, node: &NodeTraits, attempt: u32, chance: Chance) -> bool {
        let listed = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        self.platform.is_none_or(|platform| platform == node.platform)
            && self.architecture.as_deref().is_none_or(|wanted| wanted == node.architecture)
            && listed(&self.nodes, &node.id)
            && listed(&self.accounts, &node.account)
            && listed(&self.regions, &node.region)
            && self.attempts.is_none_or(|last| attempt <= last)
            && self.fraction.is_none_or(|fraction| chance.hits(fraction))
    }
}
