//! Commands to nodes: send, find again, read, cancel.

use crate::failure::Failure;
use async_trait::async_trait;
use std::collections::BTreeMap;
use wavetrain_model::agent::Status;
use wavetrain_model::fleet::{Platform, Site};
use wavetrain_model::id::{CommandId, NodeId};
use wavetrain_model::spec::InstallMode;
use wavetrain_model::time::{Seconds, Timestamp};

/// Run Command for packages and probes. None of these calls is retried inside: repeating is the caller's decision.
#[async_trait]
pub trait Distributor: Send + Sync {
    /// `SendCommand` by explicit instance ids. Not idempotent: see [`Sent::Unknown`].
    async fn send(&self, site: &Site, order: &Order) -> Sent;

    /// `ListCommands` since a moment, newest page first to the end: commands with their comments and counters.
    /// At most `limit` commands are returned; [`Listing::complete`] says whether that was all.
    async fn commands(&self, site: &Site, since: Timestamp, limit: usize) -> Result<Listing, Failure>;

    /// `ListCommandInvocations` with details, all pages of one command.
    async fn invocations(&self, site: &Site, command: &CommandId) -> Result<Vec<Invocation>, Failure>;

    /// `CancelCommand`: stops what has not begun. Safe to repeat.
    async fn cancel(&self, site: &Site, command: &CommandId) -> Result<(), Failure>;
}

/// One command to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub job: Job,
    /// At most 50 nodes.
    pub nodes: Vec<NodeId>,
    /// `Comment`: the marker by which the command is found again.
    pub comment: String,
    /// `TimeoutSeconds`: must begin within this time.
    pub deliver_within: Seconds,
    /// `MaxConcurrency`, nodes at once.
    pub max_concurrency: u32,
    /// `MaxErrors`: errors tolerated before unsent invocations are terminated. None: 100 %.
    pub max_errors: Option<u32>,
}

/// The document and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// `AWS-ConfigureAWSPackage`, action `Install`.
    Install {
        /// Package name or document ARN.
        package: String,
        /// VersionName; never blank, never `latest`.
        version: String,
        /// `installationType`.
        mode: InstallMode,
        /// `additionalArguments`.
        arguments: BTreeMap<String, String>,
    },
    /// `AWS-ConfigureAWSPackage`, action `Uninstall`. A blank version always matches what the agent believes.
    Uninstall {
        /// Package name or document ARN.
        package: String,
        /// VersionName, or None for blank.
        version: Option<String>,
    },
    /// `AWS-RunShellScript` (Linux) or `AWS-RunPowerShellScript` (Windows).
    Script {
        /// Which of the two.
        platform: Platform,
        /// The command line.
        command: String,
    },
}

/// What became of a `SendCommand`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Accepted.
    Accepted {
        /// Its id.
        command: CommandId,
    },
    /// Refused as a whole because these ids are not managed, not valid or not ready (`InvalidInstanceId`). Nothing was sent. Empty if
    /// the answer names none.
    InvalidNodes {
        /// The ids named in the answer.
        nodes: Vec<NodeId>,
        /// What the service said.
        message: String,
    },
    /// Definitely not executed; the class says what to do. Never `UnknownOutcome`.
    Refused(Failure),
    /// May have been executed: look for the comment before sending again.
    Unknown(Failure),
}

/// A page-by-page listing of commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Commands, newest first.
    pub commands: Vec<Command>,
    /// Whether everything since the asked moment is in it.
    pub complete: bool,
}

/// One command with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Id.
    pub id: CommandId,
    /// `Comment`.
    pub comment: String,
    /// `TargetCount`.
    pub targets: u32,
    /// `CompletedCount`: invocations that will not change any more.
    pub completed: u32,
    /// `ErrorCount`.
    pub errors: u32,
    /// `DeliveryTimedOutCount`.
    pub delivery_timed_out: u32,
    /// Whether the command itself is over (from `Status`); never a verdict on its nodes.
    pub over: bool,
    /// `RequestedDateTime`.
    pub requested_at: Timestamp,
}

/// One node of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Node.
    pub node: NodeId,
    /// Status; words unknown to us are carried.
    pub status: Status,
    /// Combined output of the step, redacted.
    pub output: String,
    /// Exit code of the plugin, None before it began.
    pub exit_code: Option<i32>,
}
