//! The frozen result of a plan file against a fleet.
//!
//! Immutable and complete: execution has no choice left about which node belongs to which wave. Equal inputs give equal
//! bytes, so [`Plan::digest`] names a plan.

use crate::association::Paused;
use crate::fleet::{Architecture, Platform, Site, TagMatch};
use crate::guardrail::Guardrail;
use crate::id::{BatchIndex, Digest, NodeId, NodeIndex, SiteIndex, StratumIndex, VersionIndex, WaveIndex};
use crate::planted::{Bug, Planted};
use crate::spec;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored form.
pub const FORMAT: u16 = 1;

/// Waves → batches → nodes, with everything that is needed to carry them out and to undo them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT`] when it was made.
    pub format: u16,
    /// SHA-256 of the canonical JSON with this field empty.
    pub digest: Digest,
    /// SHA-256 of the checked plan file alone: the same file gives the same value on any fleet.
    pub spec_digest: Digest,
    /// What was asked for.
    pub spec: spec::Rollout,
    /// When the fleet was observed.
    pub observed_at: Timestamp,
    /// Sites, sorted by account and Region.
    pub sites: Vec<PlannedSite>,
    /// VersionNames, interned; the target is always index 0.
    pub versions: Vec<String>,
    /// Site × platform × architecture, sorted.
    pub strata: Vec<Stratum>,
    /// Eligible nodes, sorted by stratum, then rank.
    pub nodes: Vec<PlannedNode>,
    /// Waves, parallel to `spec.waves`.
    pub waves: Vec<PlannedWave>,
    /// Batches, in the order of their waves, at most 50 nodes of one site each.
    pub batches: Vec<Batch>,
    /// Managed nodes that matched the selection.
    pub selected: u32,
    /// Selected nodes that are not eligible, each with its reason, sorted by site and id.
    pub excluded: Vec<Excluded>,
    /// What the planner decided on its own (canary top-up, assumptions), in order.
    pub notes: Vec<String>,
    /// What the rollout is held against, frozen: nobody can go on without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// Associations that rest while the rollout runs, and are taken over by its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<Paused>,
    /// A bug on purpose; none outside the tests of the tests, and then not part of the stored form.
    #[serde(default, skip_serializing_if = "Planted::is_none")]
    pub planted: Planted,
}

impl Plan {
    /// Index of the target version.
    pub const TARGET: VersionIndex = VersionIndex(0);

    /// The site of a node.
    pub fn site_of(&self, node: NodeIndex) -> SiteIndex {
        self.strata[self.nodes[node.at()].stratum.at()].site
    }

    /// The platform of a node.
    pub fn platform_of(&self, node: NodeIndex) -> Platform {
        self.strata[self.nodes[node.at()].stratum.at()].platform
    }

    /// The text of a version.
    pub fn version(&self, version: VersionIndex) -> &str {
        &self.versions[version.at()]
    }

    /// The index of a version's text.
    pub fn version_index(&self, version: &str) -> Option<VersionIndex> {
        self.versions.iter().position(|known| known == version).map(|at| VersionIndex(at as u16))
    }

    /// The name of a wave.
    pub fn wave_name(&self, wave: WaveIndex) -> &str {
        &self.spec.waves[wave.at()].name
    }

    /// Whether the rules have this bug on purpose.
    pub fn has(&self, bug: Bug) -> bool {
        self.planted.has(bug)
    }

    /// All node indices.
    pub fn node_indices(&self) -> impl DoubleEndedIterator<Item = NodeIndex> + use<> {
        (0..self.nodes.len() as u32).map(NodeIndex)
    }

    /// All wave indices.
    pub fn wave_indices(&self) -> impl Iterator<Item = WaveIndex> + use<> {
        (0..self.waves.len() as u16).map(WaveIndex)
    }
}

/// One site of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSite {
    /// Where.
    pub site: Site,
    /// What to pass as package `name` there (bare name or document ARN).
    pub package: String,
    /// Versions that a node there can be given back: Active and visible when the plan was made.
    pub restorable: Vec<VersionIndex>,
    /// Default version there when the plan was made.
    pub default_version: Option<VersionIndex>,
}

/// Site × platform × architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stratum {
    /// Site.
    pub site: SiteIndex,
    /// Platform.
    pub platform: Platform,
    /// Architecture.
    pub architecture: Architecture,
    /// Eligible nodes in it.
    pub size: u32,
}

/// One eligible node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// Id.
    pub id: NodeId,
    /// Stratum.
    pub stratum: StratumIndex,
    /// Position in its stratum, from 0; canary-tag nodes first, then by hash.
    pub rank: u32,
    /// Wave that installs on it; None only in a `partial` plan.
    pub wave: Option<WaveIndex>,
    /// Whether it carries the canary tag.
    pub canary: bool,
    /// What it gets back if the rollout fails.
    pub restore: Restore,
    /// Failure domains: indices into the flattened (entry, value) list of `limits.max_unavailable`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<u16>,
}

/// What a node gets back, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The version.
    pub to: Before,
    /// How it is known.
    pub source: Source,
}

/// What was on a node before the rollout touched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Not known yet: the probe will tell just before the node is touched.
    Unknown,
    /// Nothing: rollback uninstalls.
    Absent,
    /// This version: rollback installs it.
    Version(VersionIndex),
}

/// How a previous version is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The probe printed it just before the node was touched (in a plan: will print it).
    Probe,
    /// wavetrain verified it there earlier.
    Ledger,
    /// Assumed: `rollback.to`.
    Stated,
    /// Assumed: the package's default version when the rollout started.
    Default,
}

impl Source {
    /// Whether the version is only assumed.
    pub fn is_assumed(self) -> bool {
        matches!(self, Self::Stated | Self::Default)
    }

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Ledger => "ledger",
            Self::Stated => "rollback.to",
            Self::Default => "package default",
        }
    }
}

/// One wave of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWave {
    /// Nodes of this wave alone.
    pub size: u32,
    /// Nodes of this wave and all before it, within the wave's population.
    pub cumulative: u32,
    /// Eligible nodes in the wave's population (`where`).
    pub population: u32,
    /// Nodes added to a canary so that it holds every platform and architecture.
    pub topped_up: Vec<NodeIndex>,
    /// First batch.
    pub first_batch: BatchIndex,
    /// Number of batches.
    pub batches: u32,
}

impl PlannedWave {
    /// Its batches.
    pub fn batch_indices(&self) -> impl Iterator<Item = BatchIndex> + use<> {
        (self.first_batch.0..self.first_batch.0 + self.batches).map(BatchIndex)
    }
}

/// At most 50 nodes of one wave and one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Wave.
    pub wave: WaveIndex,
    /// Site.
    pub site: SiteIndex,
    /// Nodes, in the order in which they are dispatched.
    pub nodes: Vec<NodeIndex>,
}

/// A selected node that takes no part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Site.
    pub site: SiteIndex,
    /// Id.
    pub id: NodeId,
    /// Why.
    pub reason: Exclusion,
}

/// Why a selected node takes no part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// The plan file excludes it by tag or id.
    Excluded {
        /// The tag or id that did.
        by: String,
    },
    /// Not seen for too long.
    Offline {
        /// Last ping.
        last_ping: Timestamp,
    },
    /// SSM agent too old.
    AgentTooOld {
        /// Its version.
        version: String,
    },
    /// The package has no file for it.
    NoFile {
        /// Distribution, version, architecture as looked up.
        wanted: String,
    },
    /// Already at the target version, as the ledger says.
    AtTarget,
    /// Part of another active rollout of the same package.
    Busy {
        /// That rollout's name.
        rollout: String,
    },
    /// Its previous version is only assumed and the plan file requires it known.
    PreviousUnknown,
}

impl Exclusion {
    /// The word in tables and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Excluded { .. } => "excluded",
            Self::Offline { .. } => "offline",
            Self::AgentTooOld { .. } => "agent_too_old",
            Self::NoFile { .. } => "no_file",
            Self::AtTarget => "at_target",
            Self::Busy { .. } => "busy",
            Self::PreviousUnknown => "previous_unknown",
        }
    }

    /// One sentence fragment for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Excluded { by } => format!("excluded by the plan file ({by})"),
            Self::Offline { last_ping } => format!("not seen since {last_ping}"),
            Self::AgentTooOld { version } => format!("its SSM agent {version} is too old"),
            Self::NoFile { wanted } => format!("the package has no file for {wanted}"),
            Self::AtTarget => "already at the target version".to_owned(),
            Self::Busy { rollout } => format!("part of the active rollout {rollout}"),
            Self::PreviousUnknown => "its previous version is only assumed".to_owned(),
        }
    }
}

/// Why no plan can be made, or why a plan may not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable code such as `R0103`.
    pub code: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The tag questions of a plan file, in the order of their indices: canary tags, `select`, `exclude`, then every value of
/// `max_unavailable` on its own.
pub fn tag_questions(spec: &spec::Rollout) -> Vec<TagMatch> {
    let mut questions = Vec::new();
    let mut ask = |key: &str, values: &[String]| {
        let question = TagMatch { key: key.to_owned(), values: values.to_vec() };
        if !questions.contains(&question) {
            questions.push(question);
        }
    };
    for wave in &spec.waves {
        if let spec::Take::Tag { key, value } = &wave.take {
            ask(key, std::slice::from_ref(value));
        }
    }
    for (key, values) in spec.fleet.select.iter().chain(&spec.fleet.exclude) {
        ask(key, values);
    }
    for domain in &spec.limits.max_unavailable {
        for value in &domain.values {
            ask(&domain.key, std::slice::from_ref(value));
        }
    }
    questions
}
