//! A plan file after checking: every default filled in, every reference resolved, every number in bounds.
//!
//! Built by `wavetrain-spec` from YAML; frozen into the [`crate::plan::Plan`].

use crate::association::{Output, Target};
use crate::guardrail::Used;
use crate::id::{AccountId, AssociationId, Region, WaveIndex};
use crate::quantity::{Amount, Percent};
use crate::time::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One rollout as a person described it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Name; one active rollout per name and state.
    pub name: String,
    /// What is installed.
    pub package: Package,
    /// Where.
    pub fleet: Fleet,
    /// In which order.
    pub waves: Vec<Wave>,
    /// Whether the last wave may stay below 100 %.
    pub partial: bool,
    /// Salt of the node ranks; the name unless given.
    pub salt: String,
    /// How much at once and how many failures.
    pub limits: Limits,
    /// Checks between waves, beside the install budgets.
    pub gates: Vec<Gate>,
    /// What happens on failure.
    pub rollback: Rollback,
    /// Deadlines of every waiting state.
    pub deadlines: Deadlines,
    /// How hard AWS is asked.
    pub api: Api,
    /// The policy packs that parts of it came from, in order: another content is another plan file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<Used>,
    /// The guardrail files that the plan file itself names, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Used>,
    /// How nodes are shown in SSM's compliance; None: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_compliance: Option<Publication>,
    /// How installs reach the nodes.
    #[serde(default, skip_serializing_if = "Dispatch::is_command")]
    pub dispatch: Dispatch,
    /// What happens once the last wave has passed.
    #[serde(default, skip_serializing_if = "Finish::is_nothing")]
    pub finish: Finish,
    /// Associations of the package that may stay although they bring nodes to another version.
    #[serde(default, skip_serializing_if = "Allowed::is_none")]
    pub allow_associations: Allowed,
}

/// One compliance item for each touched node: whether it has the version that it should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// `ComplianceType`, such as `Custom:Wavetrain`.
    pub kind: String,
    /// `Severity`.
    pub severity: String,
}

/// How installs reach the nodes. Probes and rollbacks are commands in any case: they need an order that only commands keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Dispatch {
    /// One `SendCommand` per batch.
    #[default]
    Command,
    /// One State Manager association per batch, deleted once the batch is over.
    Association(Dispatched),
}

impl Dispatch {
    /// Whether installs are commands.
    pub fn is_command(&self) -> bool {
        *self == Self::Command
    }
}

/// What the associations of batches are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Dispatched {
    /// `ComplianceSeverity`.
    pub compliance_severity: Option<String>,
    /// `ScheduleExpression`; None: applied once.
    pub schedule: Option<String>,
    /// `MaxConcurrency`; None: the whole batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<String>,
    /// `MaxErrors`; None: what the failure budget leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<String>,
    /// `OutputLocation`.
    pub output: Option<Output>,
}

/// What happens once the last wave has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Finish {
    /// Whether the version becomes the package's default in its owner's account, in every Region.
    pub default_version: bool,
    /// The association that keeps nodes on the version.
    pub association: Option<Keeping>,
}

impl Finish {
    /// Whether nothing is to be done.
    pub fn is_nothing(&self) -> bool {
        !self.default_version && self.association.is_none()
    }
}

/// The association that keeps nodes, also those that come later, on the verified version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// `AssociationName`, by which it is found again.
    pub name: String,
    /// `ScheduleExpression`.
    pub schedule: String,
    /// `Targets`.
    pub targets: Vec<Target>,
    /// `ComplianceSeverity`.
    pub compliance_severity: Option<String>,
    /// `MaxConcurrency`.
    pub max_concurrency: String,
    /// `MaxErrors`.
    pub max_errors: String,
    /// `OutputLocation`.
    pub output: Option<Output>,
}

/// Associations that may stay although they fight the rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// None.
    #[default]
    None,
    /// Every one.
    All,
    /// These.
    Ids(Vec<AssociationId>),
}

impl Allowed {
    /// Whether none may stay.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether this one may stay.
    pub fn has(&self, id: &AssociationId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Ids(ids) => ids.contains(id),
        }
    }
}

/// The Distributor package and the chosen version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Document name, without account.
    pub name: String,
    /// Account that publishes it.
    pub owner: AccountId,
    /// A VersionName, never `latest` and never blank.
    pub version: String,
    /// How an installed version is replaced.
    pub install: InstallMode,
    /// `additionalArguments`; keys start with `SSM_`.
    pub arguments: BTreeMap<String, String>,
    /// How the product's version is read on a node.
    pub probe: Option<Probe>,
    /// Whether every account has a document of its own, instead of sharing the owner's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copies: bool,
    /// Whether one VersionName may stand for other content from site to site.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_differing_contents: bool,
}

impl Package {
    /// The account whose document the nodes of an account install.
    pub fn owner_for<'a>(&'a self, account: &'a AccountId) -> &'a AccountId {
        if self.copies { account } else { &self.owner }
    }
}

/// `installationType` of `AWS-ConfigureAWSPackage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstallMode {
    /// `Uninstall and reinstall`.
    Reinstall,
    /// `In-place update`; needs an update script in every zip.
    InPlace,
}

/// A command that prints the product's version; the only real truth about a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Shell command for Linux nodes.
    pub linux: Option<String>,
    /// PowerShell command for Windows nodes.
    pub windows: Option<String>,
    /// What the probe prints for a VersionName, with `{version}` or `{version_without_revision}` in it.
    /// None: the VersionName itself, or the VersionName without its last `-revision`.
    pub expect: Option<String>,
}

/// Which nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Accounts, in file order without repeats; then those of the organization, once they are known.
    pub accounts: Vec<AccountId>,
    /// Where more accounts come from; None: there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// Regions, in file order without repeats.
    pub regions: Vec<Region>,
    /// ARN of the role to assume, with `{account}` in it; None: the caller's own credentials.
    pub role: Option<String>,
    /// External id for `AssumeRole`.
    pub external_id: Option<String>,
    /// Nodes must match all of these (any value of each key). Empty: every managed node.
    pub select: BTreeMap<String, Vec<String>>,
    /// Nodes matching any of these are left alone.
    pub exclude: BTreeMap<String, Vec<String>>,
    /// Node ids left alone.
    pub exclude_nodes: Vec<String>,
    /// Least eligible share of the selected nodes; below it the rollout is refused.
    pub min_coverage: Percent,
    /// A node not seen for longer is not eligible.
    pub max_offline_age: Seconds,
    /// Oldest acceptable SSM agent, such as `3.1.1374.0`.
    pub min_agent: String,
}

/// Accounts by where they stand in AWS Organizations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Ids of units and roots; all active accounts in them and below are meant.
    pub units: Vec<String>,
    /// Accounts that are left out.
    pub exclude: Vec<AccountId>,
    /// The accounts that the file lists, once those of the organization stand beside them; None before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<AccountId>>,
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Unique name.
    pub name: String,
    /// Which nodes, before ranking.
    pub take: Take,
    /// Observation time after the wave settled.
    pub bake: Seconds,
    /// Waves that must have passed first.
    pub after: Vec<WaveIndex>,
    /// Restricts the population of a percentage.
    pub within: Within,
    /// Whether a canary that misses a platform or architecture is topped up; false: refused.
    pub top_up: bool,
    /// People who must agree before the wave opens.
    pub approval: Option<Approval>,
}

/// How a wave takes its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// All nodes with this tag: the canary.
    Tag {
        /// Tag key.
        key: String,
        /// Tag value.
        value: String,
    },
    /// Cumulative share of the (restricted) eligible set.
    Percent(Percent),
}

/// Restriction of a wave; an empty list restricts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Within {
    /// Only these accounts.
    pub accounts: Vec<AccountId>,
    /// Only these Regions.
    pub regions: Vec<Region>,
    /// Only these platforms.
    pub platforms: Vec<crate::fleet::Platform>,
}

impl Within {
    /// Whether nothing is restricted.
    pub fn is_everything(&self) -> bool {
        self.accounts.is_empty() && self.regions.is_empty() && self.platforms.is_empty()
    }
}

/// An approval that a wave waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Names (people or groups) that may approve; recorded, not authenticated here.
    pub from: Vec<String>,
    /// How many of them must.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub need: u32,
    /// Unanswered for longer, a wave's own approval aborts the rollout, nodes left as they are; a gate is inconclusive.
    pub within: Seconds,
    /// How long one approval counts; None: as long as the evidence is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<Seconds>,
    /// Whether whoever started the rollout may approve it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub author_may_approve: bool,
}

// Left out where they are as they always were, so that a plan file keeps its digest from version to version.
fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(need: &u32) -> bool {
    *need == 1
}

/// Concurrency and failure budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Nodes changing at once, of the wave's nodes.
    pub in_flight: Amount,
    /// Nodes changing at once in one site, of the wave's nodes there.
    pub per_site: Option<Amount>,
    /// Nodes changing at once per tag value.
    pub max_unavailable: Vec<MaxUnavailable>,
    /// Failures tolerated per wave, per stratum and over the run; strictly more stops.
    pub failures: Amount,
    /// Undelivered nodes tolerated per wave and over the run; strictly more stops.
    pub undelivered: Amount,
}

/// At most `nodes` nodes that carry one and the same of these tag values change at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxUnavailable {
    /// Tag key.
    pub key: String,
    /// Tag values, each its own domain.
    pub values: Vec<String>,
    /// Nodes of one domain that may change at once.
    pub nodes: u32,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Unique name.
    pub name: String,
    /// Also runs from first dispatch to the last bake.
    pub guard: bool,
    /// Must also pass before each wave's dispatch.
    pub blocker: bool,
    /// Measured and shown, decides nothing.
    pub dry_run: bool,
    /// Waves that it judges; empty: all.
    pub waves: Vec<WaveIndex>,
    /// What is measured.
    pub check: Check,
    /// Time between measurements.
    pub every: Seconds,
    /// From the moment a gate could first be measured to its first measurement.
    pub initial_delay: Seconds,
    /// Measurements that make up the judgement of one wave; None: as many as the bake has room for.
    pub count: Option<u32>,
    /// Failed measurements tolerated; one more fails the gate.
    pub failure_limit: u32,
    /// Inconclusive measurements tolerated; one more makes the verdict `inconclusive`. None: only the deadline does.
    pub inconclusive_limit: Option<u32>,
    /// Consecutive measurements in error tolerated; one more makes the verdict `error`.
    pub consecutive_error_limit: u32,
    /// Consecutive good measurements without which a wave does not pass.
    pub consecutive_success_limit: u32,
    /// A blocker or gate without a verdict after this long is inconclusive.
    pub deadline: Seconds,
    /// Where it looks; its sites, and for checks of single nodes their platforms.
    #[serde(default, skip_serializing_if = "Within::is_everything")]
    pub within: Within,
    /// What is judged by itself; None: what the kind of check does anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
}

/// What a check of single nodes judges by itself: the worst of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Every account and Region.
    Site,
    /// Every account, Region, platform and architecture.
    Stratum,
}

impl Gate {
    /// Whether a wave waits for its pass.
    pub fn judges(&self, wave: WaveIndex) -> bool {
        !self.dry_run && !self.check.only_stops() && self.measures(wave)
    }

    /// Whether it must know how a wave's nodes were before they are touched.
    pub fn needs_baseline(&self) -> bool {
        matches!(&self.check, Check::Compliance(check) if !check.types.is_empty())
    }

    /// Whether it looks at a wave.
    pub fn measures(&self, wave: WaveIndex) -> bool {
        self.waves.is_empty() || self.waves.contains(&wave)
    }
}

/// What a gate measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// CloudWatch alarms of every site concerned.
    Alarms(Alarms),
    /// CloudWatch metrics of every site concerned.
    Metric(Metric),
    /// A CloudWatch metric of upgraded nodes beside that of untouched ones.
    Compare(Compare),
    /// A query to a Prometheus server.
    Prometheus(Prometheus),
    /// A JSON document behind a URL.
    Http(Http),
    /// SSM compliance of single nodes, and what their probes printed last.
    Compliance(ComplianceCheck),
    /// A command on single nodes.
    Probe(ProbeCheck),
    /// A signed report that somebody sends.
    Callback(Callback),
    /// People.
    Approval(Approval),
    /// The failure budgets' own counters, held against other limits.
    Install(InstallCheck),
    /// Upgraded nodes that SSM has lost, beside untouched ones.
    Connection(Connection),
    /// Upgraded nodes whose metrics ended, beside untouched ones.
    Reporting(Reporting),
    /// How long installs take, beside those of earlier waves.
    Duration(Duration),
}

impl Check {
    /// Whether it looks by itself, and so vouches for the time between its looks. Others wait to be told.
    pub fn looks(&self) -> bool {
        !matches!(self, Self::Callback(_) | Self::Approval(_))
    }
}

/// How many installs may fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallCheck {
    /// More failures than this are bad, in a wave, a stratum or the run.
    pub failures: Amount,
    /// With fewer nodes that tell something nothing is said, except in waves so small that any failure is bad.
    pub minimum_finished: u32,
}

/// A signed report that somebody sends, instead of being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Name of the environment variable with the secret that signs reports.
    pub secret_env: String,
    /// No report for longer is inconclusive.
    pub within: Seconds,
}

/// A command that only looks, and what its answers mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCheck {
    /// Shell command for Linux nodes.
    pub linux: Option<String>,
    /// PowerShell command for Windows nodes.
    pub windows: Option<String>,
    /// What `exit` and `output` of one node mean.
    pub condition: Condition,
    /// Nodes asked at a look, at most.
    pub sample: u32,
    /// Fewer good nodes among those that answer are bad.
    pub at_least: Percent,
    /// Fewer answering nodes prove nothing.
    pub minimum_reporting: Percent,
    /// A node that has not answered by then is not counted as answering.
    pub timeout: Seconds,
}

impl ProbeCheck {
    /// The command for a platform.
    pub fn script(&self, platform: crate::fleet::Platform) -> Option<&str> {
        match platform {
            crate::fleet::Platform::Linux => self.linux.as_deref(),
            crate::fleet::Platform::Windows => self.windows.as_deref(),
            crate::fleet::Platform::MacOs => None,
        }
    }
}

/// What a condition about one node's answer to a probe can name.
pub const PROBE_VARIABLES: [&str; 2] = ["exit", "output"];

/// How many nodes must be compliant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplianceCheck {
    /// `Association`, `Patch`, `Custom:…`: a node must have reported each of them. Empty: only `truth` counts.
    pub types: Vec<String>,
    /// Severities that count as bad; empty: all. What has no severity, or an unknown one, always counts.
    pub severities: Vec<String>,
    /// Whether a node's last probe must have printed the target version.
    pub truth: bool,
    /// Fewer good nodes among those that report are bad.
    pub at_least: Percent,
    /// Fewer reporting nodes prove nothing.
    pub minimum_reporting: Percent,
    /// Older evidence about nodes that nobody touched does not count.
    pub max_age: Seconds,
}

impl Check {
    /// Whether it can stop a rollout, while no wave waits for its pass: what it looks for may rightly be absent, and then there is
    /// nothing it could see.
    pub fn only_stops(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Reporting(_) | Self::Duration(_))
    }
}

/// Upgraded nodes that SSM has lost: too many, and more than among the untouched nodes of the same sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Share of the upgraded nodes that may be lost.
    pub limit: Percent,
    /// Silent for no longer than this is not lost: nodes reboot.
    pub patience: Seconds,
}

/// Upgraded nodes whose metrics ended, as the comparisons of the plan see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporting {
    /// Share of the upgraded nodes that may be silent.
    pub limit: Percent,
    /// Silent for no longer than this is not silent: installs and reboots interrupt metrics.
    pub patience: Seconds,
}

/// Installs that take much longer than those of earlier waves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// A median this many times that of the earlier waves is too long.
    pub times: u32,
    /// A median longer by no more than this is never too long.
    pub more: Seconds,
}

/// A query to a Prometheus server, and what its answer means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prometheus {
    /// Base of the server's API, such as `https://prometheus.example:9090`.
    pub url: String,
    /// Name of the environment variable that holds a bearer token.
    pub token_env: Option<String>,
    /// PromQL.
    pub query: String,
    /// How far back the query looks.
    pub window: Seconds,
    /// Step of a range query over the window; None: an instant query at its end.
    pub step: Option<Seconds>,
    /// Fewer points are inconclusive.
    pub minimum_samples: u32,
    /// What each series of the answer means.
    pub condition: Condition,
}

/// A JSON document behind a URL, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// `http` or `https`, without credentials.
    pub url: String,
    /// Name of the environment variable that holds a bearer token.
    pub token_env: Option<String>,
    /// Condition over `answer` (the document) and `status`.
    pub condition: Condition,
}

/// Upgraded nodes against untouched nodes of the same strata, node by node, over one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compare {
    /// The metric; its dimensions lack the one that names the node.
    pub metric: MetricStat,
    /// The dimension that names the node.
    pub node_dimension: String,
    /// Seconds that one point stands for.
    pub period: Seconds,
    /// How far back a measurement looks, at most.
    pub window: Seconds,
    /// How late points may still arrive.
    pub lag: Seconds,
    /// Which direction is bad.
    pub worse: Worse,
    /// How much worse is still fine, as a share of the untouched nodes' values.
    pub tolerance: Percent,
    /// A node is bad when true, and shares of bad nodes are compared; None: the values are.
    pub bad_if: Option<String>,
    /// Probability of a false alarm that is accepted, over all looks at one wave.
    pub alpha: Percent,
    /// Nodes compared on each side, at most.
    pub nodes: u32,
    /// Fewer nodes on a side prove nothing.
    pub minimum_nodes: u32,
}

/// Which values of a metric are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// High ones: errors, latency, memory.
    Higher,
    /// Low ones: throughput, heartbeats.
    Lower,
}

/// A question to CloudWatch's `GetMetricData`, and what its answer means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Named inputs of the expression.
    pub queries: Vec<Query>,
    /// What is judged.
    pub ask: Ask,
    /// Seconds that one point stands for.
    pub period: Seconds,
    /// How far back a measurement looks, at most.
    pub window: Seconds,
    /// How late points may still arrive: a measurement ends this long before now.
    pub lag: Seconds,
    /// Fewer points are inconclusive.
    pub minimum_samples: u32,
    /// What the points mean.
    pub condition: Condition,
}

/// One named input of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// `Id` in GetMetricData.
    pub id: String,
    /// What.
    pub ask: Ask,
}

/// One question of `GetMetricData`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Metric math, `SEARCH` or Metrics Insights.
    Expression(String),
    /// One metric.
    Stat(MetricStat),
}

/// One metric and how its values are summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStat {
    /// Namespace.
    pub namespace: String,
    /// Metric name.
    pub name: String,
    /// Dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Sum`, `p99` and so on.
    pub statistic: String,
}

/// What a condition can name.
pub const CONDITION_VARIABLES: [&str; 7] =
    ["value", "samples", "average", "minimum", "maximum", "total", "nodes"];

/// What a condition about an HTTP answer can name.
pub const ANSWER_VARIABLES: [&str; 2] = ["answer", "status"];

/// What a series must look like, in CEL over `value`, `samples`, `average`, `minimum`, `maximum`, `total` and `nodes`.
///
/// With `fail_if` alone everything else passes, with `pass_if` alone everything else fails; with both, what neither
/// claims is inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Bad when true.
    pub fail_if: Option<String>,
    /// Good when true.
    pub pass_if: Option<String>,
}

/// Which alarms, and what their states mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// Exact names; one that does not exist is an error, never healthy.
    pub names: Vec<String>,
    /// All alarms whose name begins so; none at all is inconclusive.
    pub prefix: Option<String>,
    /// What `INSUFFICIENT_DATA` means.
    pub insufficient_data: InsufficientData,
    /// When together they are bad: CEL over the map `alarm` from names to whether they are in ALARM. None: when any is.
    pub fail_if: Option<String>,
}

/// Meaning of an alarm without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsufficientData {
    /// Measured too little.
    Inconclusive,
    /// As good as in ALARM.
    Fail,
    /// Left out of the judgement, as long as another alarm has data.
    Ignore,
}

/// What happens on failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Version for nodes whose own previous version is not known; None: the package's default at the start.
    pub to: Option<String>,
    /// Refuse nodes whose previous version is only assumed.
    pub require_known: bool,
    /// After a failed gate or a broken budget.
    pub on_fail: Reaction,
    /// After a gate that could not measure.
    pub on_error: Reaction,
    /// After a gate that measured too little.
    pub on_inconclusive: Reaction,
    /// Rollback concurrency as a multiple of the forward concurrency.
    pub pace: u32,
}

/// What a bad verdict leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Every touched node gets its previous version back.
    Rollback,
    /// A hold, for a person to look.
    Pause,
    /// The end, nodes left as they are.
    Abort,
}

/// Deadlines; each waiting state has one, with a named outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// `TimeoutSeconds` of SendCommand: a node that has not begun by then is undelivered.
    pub delivery: Seconds,
    /// A command that reports nothing for longer than delivery + this is read as `unknown`.
    pub execution: Seconds,
    /// A wave not settled by then: what is left of it is undelivered.
    pub wave: Seconds,
    /// A hold not answered by then: the rollout is aborted, nodes left as they are.
    pub hold: Seconds,
}

/// Manners towards AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// Calls a second and site, per API family; lowered while AWS throttles.
    pub requests_per_second: u32,
    /// Calls that may be made at once after a pause.
    pub burst: u32,
    /// First look at a command after it was sent.
    pub first_poll: Seconds,
    /// Longest pause between two looks.
    pub longest_poll: Seconds,
    /// How long after a recovery a command that is not listed counts as never sent.
    pub settle: Seconds,
}
