//! The fold of a rollout's events: where every wave, node, intent, gate and hold stands.
//!
//! Beside the facts it keeps sets of open work, so that looking for what is due costs what is open, never the fleet.

use crate::approval::Given;
use crate::fleet::Platform;
use crate::gate::{Evidence, Probed, Scope, Verdict, Which};
use crate::guardrail::{Decision, Guardrail};
use crate::hold::{Hold, Kind};
use crate::id::{
    AssociationId, CommandId, Digest, GateIndex, IntentId, NodeIndex, SiteIndex, VersionIndex, WaveIndex,
};
use crate::intent::{Errand, Intent};
use crate::outcome::Outcome;
use crate::plan::{Before, Plan, Source};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Version of the stored snapshots; another version is ignored and the events are replayed.
pub const SNAPSHOT_VERSION: u16 = 5;

/// A rollout at one point of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where the rollout stands.
    pub phase: Phase,
    /// When it started.
    pub started_at: Timestamp,
    /// Who started it.
    #[serde(default)]
    pub started_by: String,
    /// When a process last took it up after another one; what happened before may not have been heard yet.
    #[serde(default)]
    pub taken_up_at: Timestamp,
    /// When the last event was folded in.
    pub updated_at: Timestamp,
    /// Events folded in.
    pub seq: u64,
    /// Number of the next intent.
    pub next_intent: u64,
    /// Parallel to the plan's nodes.
    pub nodes: Vec<Node>,
    /// Parallel to the plan's waves.
    pub waves: Vec<Wave>,
    /// Parallel to the plan's sites.
    pub sites: Vec<SiteHealth>,
    /// Outcomes per stratum, parallel to the plan's strata.
    pub strata: Vec<Tally>,
    /// Outcomes over the run.
    pub tally: Tally,
    /// Nodes changing now, per failure domain.
    pub domains: Vec<u32>,
    /// Intents not settled yet.
    pub open: BTreeMap<IntentId, OpenIntent>,
    /// Holds in force, at most one of a kind.
    pub holds: Vec<Hold>,
    /// Gates measured so far.
    pub gates: Vec<GateRecord>,
    /// What people said to what they were asked, in order.
    #[serde(default)]
    pub given: Vec<Given>,
    /// Reports that counted and are young enough to be sent again, by what makes each one of its kind; with when they were signed.
    #[serde(default)]
    pub nonces: BTreeMap<String, Timestamp>,
    /// When the first install was intended: guards run from here.
    pub first_dispatch_at: Option<Timestamp>,
    /// Failures that a person accepted: the budgets fail again only above this.
    pub accepted_failures: u32,
    /// Undelivered nodes that a person accepted.
    pub accepted_undelivered: u32,
    /// Whether a person accepted what the budgets saw.
    pub install_accepted: bool,
    /// What a person accepted of guards that would see it again at their next look.
    #[serde(default)]
    pub accepted: BTreeMap<GateIndex, Accepted>,
    /// The rollback, once decided.
    pub rollback: Option<Rollback>,
    /// Looks of gates whose probes are on their way.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// Associations and errands.
    #[serde(default)]
    pub errands: Errands,
    /// Evidence of failed nodes, the first few hundred.
    pub notes: BTreeMap<NodeIndex, String>,
    /// Guardrails added since the start; their indices follow those of the plan.
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
    /// What guardrails said last.
    #[serde(default)]
    pub guarded: Vec<GuardRecord>,
}

/// What a person accepted of a guard: it speaks again only about what is clearly worse.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accepted {
    /// Nodes lost, or failed over the run.
    pub nodes: u32,
    /// Median durations of installs, in seconds.
    pub install_seconds: BTreeMap<Platform, u32>,
}

/// What one guardrail said last, about the start or about a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRecord {
    /// Index among the plan's guardrails, then those added later.
    pub guardrail: u16,
    /// About this wave; None: about the start.
    pub wave: Option<WaveIndex>,
    /// What.
    pub decision: Decision,
    /// Who agreed since then.
    pub approved_by: Vec<String>,
    /// Who said no since then, and why.
    #[serde(default)]
    pub rejected: Vec<Refusal>,
    /// Digest of the facts that were judged, where people are asked.
    #[serde(default)]
    pub evidence: Option<Digest>,
}

/// A person's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Who, as stated.
    pub by: String,
    /// Why, as stated.
    pub reason: String,
}

/// Most notes kept in a state; the log has them all.
pub const NOTES_KEPT: usize = 500;

/// What became of errands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Errands {
    /// Associations that carried an install and are not known to be gone, by that install's intent.
    pub carrying: BTreeMap<IntentId, Carrying>,
    /// Errands that were promised at least once: perhaps done.
    pub begun: BTreeSet<(SiteIndex, Errand)>,
    /// Errands that are over, [`Errand::Remove`] apart.
    pub done: BTreeSet<(SiteIndex, Errand)>,
    /// What a person must see to, one sentence each.
    pub exceptions: Vec<String>,
}

impl Errands {
    /// Whether it was promised.
    pub fn has_begun(&self, site: SiteIndex, errand: &Errand) -> bool {
        self.begun.contains(&(site, errand.clone()))
    }

    /// Whether it is over.
    pub fn is_done(&self, site: SiteIndex, errand: &Errand) -> bool {
        self.done.contains(&(site, errand.clone()))
    }
}

/// An association that carried an install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrying {
    /// Where.
    pub site: SiteIndex,
    /// Which.
    pub association: AssociationId,
}

/// Where a rollout stands. Being held is not a phase: a hold lies over any of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waves are carried out.
    Running,
    /// Previous versions are given back.
    RollingBack,
    /// Commands that run are awaited, then it ends.
    Aborting,
    /// Over.
    Ended(Ending),
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every wave passed.
    Completed,
    /// Every touched node has its previous version.
    RolledBack,
    /// As before, but some could not be restored.
    RolledBackWithExceptions,
    /// Stopped, nodes left as they are.
    Aborted,
}

/// What a rollback must assume about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// Nothing ever began on it.
    No,
    /// Cancelled or never answered: perhaps.
    Maybe,
    /// Upgraded cleanly.
    Clean,
    /// An install failed on it: the agent's own account of it is not to be believed.
    Suspect,
}

/// One node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// On the way to the target.
    pub forward: Forward,
    /// What a rollback must assume.
    pub touch: Touch,
    /// What was there before.
    pub before: Before,
    /// How that is known.
    pub source: Source,
    /// Attempts used in the current direction.
    pub attempts: u8,
    /// On the way back.
    pub restoration: Restoration,
    /// When its outcome was decided: evidence from before says nothing about what is on it now.
    #[serde(default)]
    pub finished_at: Timestamp,
}

/// A node on the way to the target version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forward {
    /// Its wave has not reached it.
    Waiting,
    /// Being probed before it is touched.
    Surveying,
    /// May be installed on.
    Ready,
    /// An install is promised or running.
    Installing,
    /// SSM says installed; waits for its probe.
    Proving,
    /// Being probed.
    Verifying,
    /// Over.
    Finished(Outcome),
}

impl Forward {
    /// Whether the node is changing (counts as in flight).
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Installing | Self::Proving | Self::Verifying)
    }
}

/// A node on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restoration {
    /// No rollback concerns it (yet).
    None,
    /// Waits for its next step.
    Waiting(Step),
    /// A command for this step is promised or running.
    Running(Step),
    /// Has what it had before.
    Done,
    /// Given up on.
    Failed,
}

impl Restoration {
    /// Whether nothing is left to do.
    pub fn is_over(self) -> bool {
        matches!(self, Self::None | Self::Done | Self::Failed)
    }
}

/// One step of giving a node its previous version back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Ask the probe first: perhaps nothing ever changed.
    Look,
    /// `Uninstall`, explicit version.
    Uninstall(VersionIndex),
    /// `Uninstall`, blank version: the explicit one was not what the agent believes.
    UninstallBlank,
    /// `Install` of the previous version.
    Reinstall(VersionIndex),
    /// Ask the probe whether it is back.
    Prove,
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Where it stands.
    pub phase: WavePhase,
    /// Outcomes so far.
    pub tally: Tally,
    /// Nodes changing now.
    pub in_flight: u32,
    /// Nodes changing now, per site.
    pub site_in_flight: BTreeMap<SiteIndex, u32>,
    /// Nodes per site, for limits per site.
    pub site_size: BTreeMap<SiteIndex, u32>,
    /// Nodes whose previous version must be probed before they are ready.
    pub unsurveyed: BTreeMap<SiteIndex, VecDeque<NodeIndex>>,
    /// Nodes being probed before they are touched.
    pub surveying: u32,
    /// Nodes that may be installed on, in order.
    pub ready: BTreeMap<SiteIndex, VecDeque<NodeIndex>>,
    /// Nodes that wait for the probe after their install.
    pub proving: BTreeMap<SiteIndex, Proving>,
    /// Nodes that may be tried again only later.
    pub later: Vec<Later>,
    /// Bake time earned, in milliseconds.
    pub baked_ms: u64,
    /// Moment up to which bake time was counted.
    pub credited_until: Timestamp,
    /// Milliseconds that each guard had vouched for when the wave settled: none of them is of this bake.
    #[serde(default)]
    pub vouched_before_ms: BTreeMap<GateIndex, u64>,
    /// How long installs took that were watched from beginning to end: nodes by seconds from acceptance by AWS to success as it was
    /// seen, rounded up to [`INSTALL_STEP_SECONDS`]. By platform, because Windows takes longer to install the same.
    #[serde(default)]
    pub install_seconds: BTreeMap<Platform, BTreeMap<u32, u32>>,
    /// What was not compliant before anything was touched, by the gate that asks for it.
    #[serde(default)]
    pub baselines: BTreeMap<GateIndex, Baseline>,
}

/// What a compliance gate found on a wave's nodes before they were touched: only what is new speaks against the version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Sites whose nodes are known; of the others it is not known what was there before.
    pub sites: BTreeSet<SiteIndex>,
    /// Nodes that were not compliant, with the items by type and severity.
    pub bad: BTreeMap<NodeIndex, BTreeMap<String, BTreeMap<String, u32>>>,
}

/// Install durations are kept this roughly: polling sees them no better.
pub const INSTALL_STEP_SECONDS: u32 = 10;

/// Nodes of one site waiting for the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proving {
    /// Since when the first of them waits.
    pub since: Timestamp,
    /// Nodes.
    pub nodes: Vec<NodeIndex>,
}

/// A node that waits before it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// Node.
    pub node: NodeIndex,
    /// Not before.
    pub until: Timestamp,
}

/// Where a wave stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WavePhase {
    /// Predecessors or an approval are missing.
    Waiting,
    /// Blockers are being measured.
    Blocked {
        /// Since.
        since: Timestamp,
    },
    /// Nodes are being installed on.
    Open {
        /// Since.
        since: Timestamp,
    },
    /// Every node has its outcome; bake and gates run.
    Baking {
        /// When it settled.
        since: Timestamp,
    },
    /// Done.
    Passed {
        /// When.
        at: Timestamp,
    },
    /// A gate or budget failed.
    Failed {
        /// When.
        at: Timestamp,
    },
}

/// Finished nodes by outcome, in the order of [`Outcome::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally(pub [u32; 10]);

impl Tally {
    fn slot(outcome: Outcome) -> usize {
        Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or_default()
    }

    /// Nodes with this outcome.
    pub fn of(&self, outcome: Outcome) -> u32 {
        self.0[Self::slot(outcome)]
    }

    /// Counts `n` more.
    pub fn add(&mut self, outcome: Outcome, n: u32) {
        self.0[Self::slot(outcome)] += n;
    }

    /// Takes `n` back (a person asked for another try).
    pub fn remove(&mut self, outcome: Outcome, n: u32) {
        let slot = &mut self.0[Self::slot(outcome)];
        *slot = slot.saturating_sub(n);
    }

    /// Finished nodes.
    pub fn finished(&self) -> u32 {
        self.0.iter().sum()
    }

    /// F: failed_restored + failed_broken + timed_out.
    pub fn failures(&self) -> u32 {
        Outcome::ALL.iter().filter(|outcome| outcome.is_failure()).map(|outcome| self.of(*outcome)).sum()
    }

    /// Nodes that could not be reached.
    pub fn undelivered(&self) -> u32 {
        Outcome::ALL.iter().filter(|outcome| outcome.is_undelivered()).map(|outcome| self.of(*outcome)).sum()
    }

    /// Nodes at the target version.
    pub fn at_target(&self) -> u32 {
        self.of(Outcome::Succeeded) + self.of(Outcome::Already)
    }
}

/// How calls to a site fare.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SiteHealth {
    /// Failed calls in a row.
    pub errors: u32,
    /// Nodes touched or being touched there: guards measure such sites.
    pub touched: u32,
    /// When it last answered again after it was held: what was silent before could not be heard.
    #[serde(default)]
    pub answering_since: Timestamp,
}

/// An intent that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// It.
    pub intent: Intent,
    /// How far it is.
    pub progress: Progress,
    /// Nodes without a final answer.
    pub pending: Vec<NodeIndex>,
    /// Refusals so far.
    pub refusals: u32,
    /// When it was promised.
    pub recorded_at: Timestamp,
    /// Whether a cancel of it was promised.
    pub cancelled: bool,
}

/// How far an intent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Durable; being handed to AWS by the process that recorded it.
    Recorded,
    /// Definitely not executed; to be repeated.
    Deferred {
        /// Not before.
        until: Timestamp,
    },
    /// May have been executed.
    Uncertain {
        /// Looked for since.
        since: Timestamp,
    },
    /// AWS has it.
    Sent {
        /// Command.
        command: CommandId,
        /// Since.
        at: Timestamp,
    },
}

/// What a gate measured so far within one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRecord {
    /// Gate.
    pub which: Which,
    /// About what.
    pub scope: Scope,
    /// First measurement.
    pub first_at: Timestamp,
    /// Last measurement.
    pub last_at: Timestamp,
    /// Last measurement that was not an error.
    pub last_measured_at: Option<Timestamp>,
    /// What the last measurement said.
    pub last: Verdict,
    /// Its sentence, or that of the verdict.
    pub sentence: String,
    /// What the last measurement rests on.
    pub evidence: Option<Evidence>,
    /// Measurements.
    pub samples: u32,
    /// Failed measurements.
    pub failures: u32,
    /// Measurements that said too little.
    pub inconclusives: u32,
    /// Errors in a row.
    pub consecutive_errors: u32,
    /// Good measurements since the wave settled that they are about.
    pub passes: u32,
    /// The same, in a row.
    pub consecutive_passes: u32,
    /// Milliseconds for which its measurements vouch: each for the time since the one before, but for no more than its own
    /// interval (and a quarter, for latency).
    #[serde(default)]
    pub vouched_ms: u64,
    /// Up to when it is known what happened: the end of the last look that was no error.
    #[serde(default)]
    pub seen_until: Option<Timestamp>,
    /// Verdicts other than `pass` so far. Not taken back when a person accepts one: whoever agreed before it saw something else.
    #[serde(default)]
    pub objections: u32,
    /// The verdict, once reached; never improves on the same evidence.
    pub judged: Option<Verdict>,
}

/// One look of a gate that asks nodes by a command: over when each has answered, or its time is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Gate.
    pub gate: GateIndex,
    /// About what.
    pub scope: Scope,
    /// When the first command was promised.
    pub begun_at: Timestamp,
    /// Nodes.
    pub asked: Vec<NodeIndex>,
    /// What they said so far.
    pub answers: Vec<Probed>,
    /// Sites that did not take a command, and why.
    #[serde(default)]
    pub refused: BTreeMap<SiteIndex, String>,
}

/// A rollback under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Why.
    pub cause: String,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Nodes that wait for a step, by priority (begun first, then broken, then later waves to earlier), then site.
    pub queue: BTreeMap<u32, BTreeMap<SiteIndex, Vec<NodeIndex>>>,
    /// Nodes of the queue that are tried again only later.
    pub resting: BTreeMap<NodeIndex, Timestamp>,
    /// Nodes that have begun and are not over.
    pub in_flight: u32,
    /// Nodes to be restored.
    pub total: u32,
    /// Nodes restored.
    pub restored: u32,
    /// Nodes given up on.
    pub failed: u32,
}

impl State {
    /// The state before the first event of a plan.
    pub fn new(plan: &Plan) -> Self {
        let domains: usize = plan.spec.limits.max_unavailable.iter().map(|entry| entry.values.len()).sum();
        Self {
            phase: Phase::Running,
            started_at: Timestamp::default(),
            started_by: String::new(),
            taken_up_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            seq: 0,
            next_intent: 1,
            nodes: plan.nodes.iter().map(Node::new).collect(),
            waves: plan.waves.iter().map(|_| Wave::new()).collect(),
            sites: vec![SiteHealth::default(); plan.sites.len()],
            strata: vec![Tally::default(); plan.strata.len()],
            tally: Tally::default(),
            domains: vec![0; domains],
            open: BTreeMap::new(),
            holds: Vec::new(),
            gates: Vec::new(),
            given: Vec::new(),
            nonces: BTreeMap::new(),
            first_dispatch_at: None,
            accepted_failures: 0,
            accepted_undelivered: 0,
            install_accepted: false,
            accepted: BTreeMap::new(),
            rollback: None,
            rounds: Vec::new(),
            errands: Errands::default(),
            notes: BTreeMap::new(),
            guardrails: Vec::new(),
            guarded: Vec::new(),
        }
    }

    /// What a guardrail said last.
    pub fn guarded(&self, guardrail: u16, wave: Option<WaveIndex>) -> Option<&GuardRecord> {
        self.guarded.iter().find(|record| record.guardrail == guardrail && record.wave == wave)
    }

    /// The hold of a kind, if it is in force.
    pub fn hold(&self, kind: Kind) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.kind == kind)
    }

    /// Whether a site cannot be asked now: what its nodes do is not heard.
    pub fn is_site_held(&self, site: SiteIndex) -> bool {
        self.holds.iter().any(|hold| hold.kind.site() == Some(site))
    }

    /// What a gate measured within a scope.
    pub fn gate(&self, which: Which, scope: Scope) -> Option<&GateRecord> {
        self.gates.iter().find(|record| record.which == which && record.scope == scope)
    }

    /// Whether nothing happens any more.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// The wave's record.
    pub fn wave(&self, wave: WaveIndex) -> &Wave {
        &self.waves[wave.at()]
    }
}

impl Node {
    fn new(planned: &crate::plan::PlannedNode) -> Self {
        Self {
            forward: Forward::Waiting,
            touch: Touch::No,
            before: planned.restore.to,
            source: planned.restore.source,
            attempts: 0,
            restoration: Restoration::None,
            finished_at: Timestamp::default(),
        }
    }
}

impl Wave {
    fn new() -> Self {
        Self {
            phase: WavePhase::Waiting,
            tally: Tally::default(),
            in_flight: 0,
            site_in_flight: BTreeMap::new(),
            site_size: BTreeMap::new(),
            unsurveyed: BTreeMap::new(),
            surveying: 0,
            ready: BTreeMap::new(),
            proving: BTreeMap::new(),
            later: Vec::new(),
            baked_ms: 0,
            credited_until: Timestamp::default(),
            vouched_before_ms: BTreeMap::new(),
            install_seconds: BTreeMap::new(),
            baselines: BTreeMap::new(),
        }
    }
}
