//! Facts, past tense. Together with the plan they are the whole truth about a rollout.
//!
//! Events record decisions with their evidence; a replay recomputes nothing. They speak of lists of node indices, so an
//! event costs what happened, not what the fleet is.

use crate::approval::Subject;
use crate::gate::{Evidence, Probed, Reading, Scope, Verdict, Which};
use crate::guardrail::{Decision, Guardrail};
use crate::hold::{Hold, Kind};
use crate::id::{CommandId, Digest, GateIndex, IntentId, NodeIndex, SiteIndex, WaveIndex};
use crate::intent::Intent;
use crate::outcome::Outcome;
use crate::plan::Before;
use crate::state::{Ending, Step, Touch};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored payloads.
pub const PAYLOAD_VERSION: u16 = 1;

/// An event with when and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Timestamp,
    /// `wavetrain`, or the person whose order it was.
    pub actor: String,
    /// What.
    pub event: Event,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The rollout began with this plan.
    Started {
        /// The plan's digest.
        plan: Digest,
    },
    /// A process took the rollout up again; what it finds unsettled must be looked for first.
    Recovered,
    /// A person ordered something, in words.
    Ordered {
        /// The order as a sentence.
        order: String,
    },
    /// The wave's blockers are being measured on its untouched population.
    WaveBlocked {
        /// Wave.
        wave: WaveIndex,
    },
    /// Dispatch of the wave began.
    WaveOpened {
        /// Wave.
        wave: WaveIndex,
    },
    /// Every node of the wave has an outcome: its bake begins.
    WaveSettled {
        /// Wave.
        wave: WaveIndex,
    },
    /// Bake time was earned up to a moment.
    BakeCredited {
        /// Wave.
        wave: WaveIndex,
        /// The moment up to which guards vouch.
        until: Timestamp,
        /// Milliseconds earned by it.
        earned_ms: u64,
    },
    /// Bake and gates are passed; successors may open.
    WavePassed {
        /// Wave.
        wave: WaveIndex,
    },
    /// A gate or budget failed in the wave.
    WaveFailed {
        /// Wave.
        wave: WaveIndex,
    },
    /// An effect was promised.
    Intended {
        /// It.
        intent: Intent,
    },
    /// AWS accepted the command, or it was found by its comment.
    Sent {
        /// Intent.
        intent: IntentId,
        /// Command.
        command: CommandId,
        /// Found after a crash or a lost answer, not newly sent.
        adopted: bool,
    },
    /// Definitely not executed; to be repeated.
    Deferred {
        /// Intent.
        intent: IntentId,
        /// Not before.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// May have been executed: to be looked for, from now on for the whole settle time.
    Uncertain {
        /// Intents.
        intents: Vec<IntentId>,
        /// Why.
        reason: String,
    },
    /// Looked for during the whole settle time and not found: was never executed, may be performed.
    Cleared {
        /// Intent.
        intent: IntentId,
    },
    /// Never handed to AWS and not needed any more, or handed over with an answer that settles it as a whole.
    Settled {
        /// Intents.
        intents: Vec<IntentId>,
    },
    /// An errand is over.
    CarriedOut {
        /// Intent.
        intent: IntentId,
        /// False: given up, and a person must see to it.
        done: bool,
        /// What was found or done, one sentence.
        note: String,
    },
    /// The probe told what is on these nodes before they are touched.
    Surveyed {
        /// By which intent.
        intent: IntentId,
        /// What.
        before: Before,
        /// Nodes.
        nodes: Vec<NodeIndex>,
    },
    /// SSM says installed; the probe has yet to prove it.
    Installed {
        /// By which intent.
        intent: IntentId,
        /// What the failed install leaves to be found out: nodes whose answer never came.
        touch: Touch,
        /// Nodes.
        nodes: Vec<NodeIndex>,
    },
    /// The nodes go back to the queue: locked by another action, or the probe did not answer.
    Requeued {
        /// By which intent.
        intent: IntentId,
        /// Not before.
        until: Timestamp,
        /// Nodes.
        nodes: Vec<NodeIndex>,
        /// Why.
        reason: String,
    },
    /// The nodes' outcome is decided.
    Finished {
        /// By which intent; None when a deadline decided.
        intent: Option<IntentId>,
        /// Outcome.
        outcome: Outcome,
        /// What it means for a rollback.
        touch: Touch,
        /// Nodes.
        nodes: Vec<NodeIndex>,
        /// Evidence, redacted and short.
        note: String,
    },
    /// A gate's probe was answered, or its time is up.
    Probed {
        /// By which intent.
        intent: IntentId,
        /// What the nodes said.
        answers: Vec<Probed>,
        /// Why AWS did not take the command; None: it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// A gate was measured once.
    Measured {
        /// Gate.
        which: Which,
        /// About what.
        scope: Scope,
        /// What this measurement alone says.
        verdict: Verdict,
        /// Why.
        evidence: Evidence,
        /// What it found, as far as a log can hold it.
        readings: Vec<Reading>,
    },
    /// A gate reached its verdict.
    Judged {
        /// Gate.
        which: Which,
        /// About what.
        scope: Scope,
        /// Verdict.
        verdict: Verdict,
        /// Why.
        evidence: Evidence,
    },
    /// Progress stopped.
    Held {
        /// Why, and what ends it.
        hold: Hold,
    },
    /// Progress may go on.
    Released {
        /// Which hold.
        kind: Kind,
        /// Whether a person accepted what it was about (then a gate does not stop for the same evidence again).
        accepted: bool,
    },
    /// A person approved a wave.
    Approved {
        /// Wave.
        wave: WaveIndex,
        /// Who, as stated.
        by: String,
        /// The gate that asked; None: the wave itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<GateIndex>,
        /// Whether its beginning was approved, or its passing.
        #[serde(default = "yes")]
        before: bool,
        /// Digest of the evidence that was shown.
        #[serde(default)]
        evidence: Option<Digest>,
        /// The account that it was typed with, as the operating system says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed_by: Option<String>,
    },
    /// A person said no.
    Rejected {
        /// To what.
        subject: Subject,
        /// Who, as stated.
        by: String,
        /// Digest of the evidence that was shown.
        evidence: Digest,
        /// Why, as stated.
        reason: String,
        /// The account that it was typed with, as the operating system says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed_by: Option<String>,
    },
    /// A gate's signed report came in; what it says is in the measurement that follows.
    Reported {
        /// Gate.
        gate: GateIndex,
        /// What makes the report one of its kind: it never counts twice.
        nonce: String,
        /// When it was signed, as it says.
        signed_at: Timestamp,
    },
    /// A guardrail was asked, and says something else than before.
    Guarded {
        /// Index among the plan's guardrails, then those added later.
        guardrail: u16,
        /// About this wave; None: about the start.
        wave: Option<WaveIndex>,
        /// What it says.
        decision: Decision,
        /// What must hold.
        require: String,
        /// What the expression was told.
        values: String,
        /// Why, one sentence.
        sentence: String,
        /// Digest of what it was told, but for the time: an approval is one of these facts. Only where people are asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Digest>,
    },
    /// Somebody agreed to a wave that a guardrail asked about.
    GuardrailApproved {
        /// Index as above.
        guardrail: u16,
        /// Wave.
        wave: WaveIndex,
        /// Who, as stated.
        by: String,
        /// Digest of the facts that were shown; None: given to a program that showed none, and counted for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Digest>,
        /// The account that it was typed with, as the operating system says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed_by: Option<String>,
    },
    /// Somebody said no to a wave that a guardrail asked about: it waits until that person agrees.
    GuardrailRejected {
        /// Index as above.
        guardrail: u16,
        /// Wave.
        wave: WaveIndex,
        /// Who, as stated.
        by: String,
        /// Why, as stated.
        reason: String,
        /// The account that it was typed with, as the operating system says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed_by: Option<String>,
    },
    /// From now on the rollout is held against these as well.
    GuardrailsAdded {
        /// Them.
        guardrails: Vec<Guardrail>,
    },
    /// Calls to a site fail in a row.
    SiteFailed {
        /// Site.
        site: SiteIndex,
        /// Last message.
        message: String,
    },
    /// A site answers again.
    SiteAnswered {
        /// Site.
        site: SiteIndex,
    },
    /// Every touched node gets its previous version back; the target version is quarantined from here on.
    RollbackDecided {
        /// Why, one sentence.
        cause: String,
    },
    /// Nodes go on to their next rollback step.
    Stepped {
        /// By which intent.
        intent: Option<IntentId>,
        /// Next step.
        step: Step,
        /// Whether this is a new attempt rather than the next step of one.
        retry: bool,
        /// Not before.
        until: Timestamp,
        /// Nodes.
        nodes: Vec<NodeIndex>,
        /// Why.
        note: String,
    },
    /// Nodes have what they had before.
    Restored {
        /// By which intent.
        intent: Option<IntentId>,
        /// Nodes.
        nodes: Vec<NodeIndex>,
        /// How that is known.
        proof: String,
    },
    /// Given up on: a person must look.
    NotRestored {
        /// By which intent.
        intent: Option<IntentId>,
        /// Nodes.
        nodes: Vec<NodeIndex>,
        /// Why.
        note: String,
    },
    /// A person asked for another try of these nodes.
    Retried {
        /// Nodes.
        nodes: Vec<NodeIndex>,
    },
    /// No more installs; what runs is cancelled or awaited, nodes stay as they are.
    AbortDecided {
        /// Why, one sentence.
        cause: String,
    },
    /// The end.
    Ended {
        /// How.
        ending: Ending,
    },
}

// Before there were gates that ask people, only waves did, before they began.
fn yes() -> bool {
    true
}

impl Event {
    /// The word in logs and in the store's `kind` column.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Recovered => "recovered",
            Self::Ordered { .. } => "ordered",
            Self::WaveBlocked { .. } => "wave_blocked",
            Self::WaveOpened { .. } => "wave_opened",
            Self::WaveSettled { .. } => "wave_settled",
            Self::BakeCredited { .. } => "bake_credited",
            Self::WavePassed { .. } => "wave_passed",
            Self::WaveFailed { .. } => "wave_failed",
            Self::Intended { .. } => "intended",
            Self::Sent { .. } => "sent",
            Self::Deferred { .. } => "deferred",
            Self::Uncertain { .. } => "uncertain",
            Self::Cleared { .. } => "cleared",
            Self::Settled { .. } => "settled",
            Self::CarriedOut { .. } => "carried_out",
            Self::Surveyed { .. } => "surveyed",
            Self::Installed { .. } => "installed",
            Self::Requeued { .. } => "requeued",
            Self::Finished { .. } => "finished",
            Self::Probed { .. } => "probed",
            Self::Measured { .. } => "measured",
            Self::Judged { .. } => "judged",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Reported { .. } => "reported",
            Self::Guarded { .. } => "guarded",
            Self::GuardrailApproved { .. } => "guardrail_approved",
            Self::GuardrailRejected { .. } => "guardrail_rejected",
            Self::GuardrailsAdded { .. } => "guardrails_added",
            Self::SiteFailed { .. } => "site_failed",
            Self::SiteAnswered { .. } => "site_answered",
            Self::RollbackDecided { .. } => "rollback_decided",
            Self::Stepped { .. } => "stepped",
            Self::Restored { .. } => "restored",
            Self::NotRestored { .. } => "not_restored",
            Self::Retried { .. } => "retried",
            Self::AbortDecided { .. } => "abort_decided",
            Self::Ended { .. } => "ended",
        }
    }
}
