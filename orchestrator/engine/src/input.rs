//! What can happen to a rollout, in the engine's own words.

use serde::{Deserialize, Serialize};
use wavetrain_model::agent::Status;
use wavetrain_model::gate::{Reading, Scope, Verdict, Window};
use wavetrain_model::guardrail::Guardrail;
use wavetrain_model::id::{CommandId, Digest, GateIndex, IntentId, NodeIndex, SiteIndex, WaveIndex};
use wavetrain_model::time::Timestamp;

/// Something that happened, or was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time passed. Repeated until it gives no more events.
    Tick,
    /// A process takes the rollout up; always the first input after loading an existing one.
    Recovered,
    /// The rollout is to be held against these as well. Known ones change nothing, and none is ever taken away.
    Guardrails {
        /// Them.
        guardrails: Vec<Guardrail>,
    },
    /// A person orders something.
    Order {
        /// What.
        order: Order,
        /// Who, as stated.
        by: String,
    },
    /// A command was handed to AWS.
    Answered {
        /// Intent.
        intent: IntentId,
        /// What came back.
        answer: Answer,
    },
    /// The commands of a site were searched for an uncertain intent's marker.
    Looked {
        /// Intent.
        intent: IntentId,
        /// Commands that carry it.
        found: Vec<CommandId>,
    },
    /// The invocations of an intent's command, as far as they are listed.
    Observed {
        /// Intent.
        intent: IntentId,
        /// Rows.
        reports: Vec<Report>,
    },
    /// A gate was measured.
    Measured {
        /// Gate.
        gate: GateIndex,
        /// About what.
        scope: Scope,
        /// Which stretch of time.
        window: Window,
        /// What every place answered.
        readings: Vec<Reading>,
    },
    /// Reading from a site failed.
    SiteFailed {
        /// Site.
        site: SiteIndex,
        /// What can be done.
        trouble: Trouble,
        /// What it said.
        message: String,
    },
    /// Reading from a site worked.
    SiteAnswered {
        /// Site.
        site: SiteIndex,
    },
    /// The process stops and never handed these recorded intents to AWS.
    Withdrawn {
        /// Intents.
        intents: Vec<IntentId>,
    },
}

/// What a person can order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// No new installs until resumed; a rollback goes on. With `emergency` it stops too.
    Pause {
        /// Stop a rollback too.
        emergency: bool,
        /// Why, as stated.
        reason: String,
    },
    /// Ends every hold (except open approvals) and accepts what failed or unclear gates saw.
    Resume,
    /// Agrees to a wave, before it begins or after it settled.
    Approve {
        /// Wave.
        wave: WaveIndex,
        /// The gate that asks; None: whoever asks about this wave now.
        #[serde(default)]
        gate: Option<GateIndex>,
        /// Digest of the evidence that was shown; refused without one, and if it is another one now.
        #[serde(default)]
        evidence: Option<Digest>,
        /// The account that it was typed with, as the operating system says.
        #[serde(default)]
        typed_by: Option<String>,
    },
    /// Says no to a wave. After it settled that is a failed gate, before it begins the wave goes on waiting.
    Reject {
        /// Wave.
        wave: WaveIndex,
        /// The gate that asks; None: whoever asks about this wave now.
        #[serde(default)]
        gate: Option<GateIndex>,
        /// Digest of the evidence that was shown; refused if it is another one now.
        #[serde(default)]
        evidence: Option<Digest>,
        /// Why, as stated.
        reason: String,
        /// The account that it was typed with, as the operating system says.
        #[serde(default)]
        typed_by: Option<String>,
    },
    /// What a signed report says about a gate that waits for one.
    Report(Callback),
    /// Ends the rollout, nodes left as they are. Ordered twice, it no longer waits for running commands.
    Abort {
        /// Why, as stated.
        reason: String,
    },
    /// Gives every touched node its previous version back.
    Rollback {
        /// Why, as stated.
        reason: String,
    },
    /// Tries nodes again that failed, or (after a rollback) were not restored. Empty: all of them.
    Retry {
        /// Which.
        nodes: Vec<NodeIndex>,
    },
}

/// A signed report, after its signature was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Gate.
    pub gate: GateIndex,
    /// Wave; None: the one that waits.
    pub wave: Option<WaveIndex>,
    /// Digest of the plan that it is about.
    pub plan: Digest,
    /// What it says: `pass`, `fail` or `inconclusive`.
    pub verdict: Verdict,
    /// Why, one sentence.
    pub sentence: String,
    /// When it was signed, as it says.
    pub signed_at: Timestamp,
    /// What makes it one of its kind.
    pub nonce: String,
}

impl Order {
    /// The order as a sentence fragment for the log.
    pub fn sentence(&self) -> String {
        match self {
            Self::Pause { emergency: false, reason } => format!("pause: {reason}"),
            Self::Pause { emergency: true, reason } => format!("emergency stop: {reason}"),
            Self::Resume => "resume".to_owned(),
            Self::Approve { wave, .. } => format!("approve wave {}", wave.0),
            Self::Reject { wave, reason, .. } => format!("reject wave {}: {reason}", wave.0),
            Self::Report(report) => format!("report {}: {}", report.verdict, report.sentence),
            Self::Abort { reason } => format!("abort: {reason}"),
            Self::Rollback { reason } => format!("roll back: {reason}"),
            Self::Retry { nodes } if nodes.is_empty() => "retry all".to_owned(),
            Self::Retry { nodes } => format!("retry {} nodes", nodes.len()),
        }
    }
}

/// What came back when a command was handed to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Accepted.
    Accepted(CommandId),
    /// Refused as a whole because of these nodes; nothing was sent.
    InvalidNodes {
        /// Nodes named; empty if none was.
        nodes: Vec<NodeIndex>,
        /// What it said.
        message: String,
    },
    /// Definitely not executed.
    Refused {
        /// What can be done.
        trouble: Trouble,
        /// What it said.
        message: String,
    },
    /// May have been executed.
    Unknown {
        /// What is known.
        message: String,
    },
    /// A cancel was carried out (or was not needed any more).
    CancelDone,
    /// An errand was carried out (or there was nothing to do).
    CarriedOut {
        /// What was found or done, one sentence.
        note: String,
    },
}

/// What can be done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Wait and repeat; says nothing about the site's health.
    Throttled,
    /// What it has to wait for is still under way: look again.
    Awaiting,
    /// Repeat; after some in a row the site is held.
    Unavailable,
    /// A person must give access: the site is held at once.
    Denied,
    /// The request is wrong or asks for something that is not there: repeating cannot mend it.
    Refused,
}

/// One row of a command's invocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Node.
    pub node: NodeIndex,
    /// Status.
    pub status: Status,
    /// Combined output, redacted.
    pub output: String,
    /// Exit code of the plugin.
    pub exit_code: Option<i32>,
}

/// Why an order was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// Stable code such as `S0101`.
    pub code: String,
    /// What stands in the way.
    pub message: String,
    /// What to do instead.
    pub help: String,
}
