//! Commands and their invocations: the states and the counters.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::behaviour::PlatformType;
use crate::agent::request::ConfigurePackage;
use crate::agent::run::Report;
use crate::api::Timestamp;
use crate::api::ssm::{CommandStatus, InvocationStatus, PluginStatus, Target};
use crate::clock::WorldTime;
use crate::fleet::NodeIndex;

/// What a command makes a node do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// `AWS-ConfigureAWSPackage`.
    Package(ConfigurePackage),
    /// `AWS-RunShellScript` or `AWS-RunPowerShellScript`.
    Script {
        /// The platform the document is for.
        platform: PlatformType,
        /// The lines to run.
        text: String,
    },
}

impl Job {
    /// Name of the AWS-owned document.
    pub const fn document(&self) -> &'static str {
        match self {
            Self::Package(_) => "AWS-ConfigureAWSPackage",
            Self::Script { platform: PlatformType::Linux, .. } => "AWS-RunShellScript",
            Self::Script { platform: PlatformType::Windows, .. } => "AWS-RunPowerShellScript",
        }
    }

    /// Name of the document's one step.
    pub const fn step(&self) -> &'static str {
        match self {
            Self::Package(_) => "configurePackage",
            Self::Script { platform: PlatformType::Linux, .. } => "aws:runShellScript",
            Self::Script { platform: PlatformType::Windows, .. } => "aws:runPowerShellScript",
        }
    }
}

/// The state of one invocation; the names are those of `StatusDetails`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Not sent to the agent yet.
    Unsent,
    /// Sent, not answered for yet.
    Pending,
    /// The agent works.
    InProgress,
    /// Plugin success.
    Success,
    /// Plugin failure.
    Failed,
    /// The agent's limit on a script was reached.
    ExecutionTimedOut,
    /// No answer before the command expired.
    DeliveryTimedOut,
    /// Cancelled before it began.
    Cancelled,
    /// Never sent because the command's error budget was used up.
    Terminated,
    /// The node is gone.
    Undeliverable,
    /// The document is not for the node's platform.
    InvalidPlatform,
}

impl Detail {
    /// `StatusDetails` on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsent | Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::DeliveryTimedOut => "DeliveryTimedOut",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
            Self::Undeliverable => "Undeliverable",
            Self::InvalidPlatform => "InvalidPlatform",
        }
    }

    /// `Status` of the invocation.
    pub const fn status(self) -> InvocationStatus {
        match self {
            Self::Unsent | Self::Pending => InvocationStatus::Pending,
            Self::InProgress => InvocationStatus::InProgress,
            Self::Success => InvocationStatus::Success,
            Self::Failed | Self::Undeliverable | Self::InvalidPlatform => InvocationStatus::Failed,
            Self::ExecutionTimedOut | Self::DeliveryTimedOut => InvocationStatus::TimedOut,
            Self::Cancelled | Self::Terminated => InvocationStatus::Cancelled,
        }
    }

    /// `Status` of the invocation's step.
    pub const fn plugin_status(self) -> PluginStatus {
        match self.status() {
            InvocationStatus::InProgress => PluginStatus::InProgress,
            InvocationStatus::Success => PluginStatus::Success,
            InvocationStatus::Failed => PluginStatus::Failed,
            InvocationStatus::TimedOut => PluginStatus::TimedOut,
            InvocationStatus::Cancelled => PluginStatus::Cancelled,
            _ => PluginStatus::Pending,
        }
    }

    /// Whether it will not change any more.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Unsent | Self::Pending | Self::InProgress)
    }

    /// Whether it counts towards `MaxErrors`.
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::ExecutionTimedOut)
    }
}

/// A command on one node.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The node.
    pub node: NodeIndex,
    /// The state.
    pub detail: Detail,
    /// When the agent began.
    pub started: Option<WorldTime>,
    /// When it ended.
    pub finished: Option<WorldTime>,
    /// Exit code of the step; -1 before it ended.
    pub response_code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// An answer the agent could not deliver yet.
    pub held: Option<Box<Report>>,
}

/// One command.
#[derive(Debug, Clone)]
pub struct Command {
    /// Id.
    pub id: Arc<str>,
    /// When `SendCommand` was called.
    pub requested: WorldTime,
    /// From when on listings show it.
    pub visible: WorldTime,
    /// Agents that get it later than this do not begin.
    pub start_by: WorldTime,
    /// What is unfinished then is `DeliveryTimedOut`.
    pub expires: WorldTime,
    /// What it does.
    pub job: Job,
    /// `Comment`.
    pub comment: Arc<str>,
    /// Parameters as sent.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Ids as sent.
    pub instance_ids: Vec<String>,
    /// Targets as sent.
    pub targets: Vec<Target>,
    /// `MaxConcurrency` as sent or by default.
    pub max_concurrency_text: String,
    /// `MaxErrors` as sent or by default.
    pub max_errors_text: String,
    /// `TimeoutSeconds` as sent.
    pub timeout_seconds: Option<i32>,
    /// Nodes at once.
    pub max_concurrency: usize,
    /// Errors tolerated.
    pub max_errors: usize,
    /// Name of the association that runs it, empty without one. Listings show it only to those who know its id.
    pub association: Option<Arc<str>>,
    /// The nodes, in the order of sending.
    pub invocations: Vec<Invocation>,
    /// Index of the first invocation not sent yet.
    pub next_unsent: usize,
    /// Nodes at once allowed so far by the ramp.
    pub allowance: usize,
    /// Sent and not finished.
    pub in_flight: usize,
    /// Count of invocations by state.
    pub counts: BTreeMap<Detail, usize>,
    /// `CancelCommand` was called for the whole command.
    pub cancelled: bool,
}

impl Command {
    /// Number of invocations in a state.
    pub fn count(&self, detail: Detail) -> usize {
        self.counts.get(&detail).copied().unwrap_or(0)
    }

    /// `ErrorCount`.
    pub fn errors(&self) -> usize {
        self.count(Detail::Failed) + self.count(Detail::ExecutionTimedOut)
    }

    /// `CompletedCount`.
    pub fn completed(&self) -> usize {
        self.counts.iter().filter(|(detail, _)| detail.is_terminal()).map(|(_, count)| count).sum()
    }

    /// Whether every invocation is over.
    pub fn is_over(&self) -> bool {
        self.completed() == self.invocations.len()
    }

    /// Whether nothing more is sent.
    pub fn is_stopped(&self) -> bool {
        self.cancelled || self.errors() > self.max_errors
    }

    /// Changes the state of an invocation and the counters with it.
    pub fn set(&mut self, index: usize, detail: Detail) {
        let invocation = &mut self.invocations[index];
        if let Some(count) = self.counts.get_mut(&invocation.detail) {
            *count -= 1;
        }
        *self.counts.entry(detail).or_insert(0) += 1;
        invocation.detail = detail;
    }

    /// `Status` and `StatusDetails` of the whole command.
    pub fn status(&self) -> (CommandStatus, &'static str) {
        let total = self.invocations.len();
        if total == 0 {
            return (CommandStatus::Success, "NoInstancesInTag");
        }
        if !self.is_over() {
            let untouched = self.count(Detail::Unsent) + self.count(Detail::Pending);
            return match (self.cancelled, untouched == total) {
                (true, _) => (CommandStatus::Cancelling, "Cancelling"),
                (false, true) => (CommandStatus::Pending, "Pending"),
                (false, false) => (CommandStatus::InProgress, "InProgress"),
            };
        }
        let delivered = self.count(Detail::Undeliverable) + self.count(Detail::InvalidPlatform) < total;
        if self.cancelled {
            (CommandStatus::Cancelled, "Cancelled")
        } else if !delivered || (self.errors() > self.max_errors && self.count(Detail::Failed) > 0) {
            (CommandStatus::Failed, "Failed")
        } else if self.errors() > self.max_errors {
            (CommandStatus::TimedOut, "ExecutionTimedOut")
        } else if self.count(Detail::DeliveryTimedOut) > 0 {
            (CommandStatus::TimedOut, "DeliveryTimedOut")
        } else if self.errors() > 0 {
            (CommandStatus::Failed, "Incomplete")
        } else {
            (CommandStatus::Success, "Success")
        }
    }

    /// The command as `SendCommand` and `ListCommands` answer it.
    pub fn to_wire(&self) -> crate::api::ssm::Command {
        let (status, details) = self.status();
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        crate::api::ssm::Command {
            command_id: self.id.to_string(),
            document_name: self.job.document().to_owned(),
            document_version: Some("$DEFAULT".to_owned()),
            comment: Some(self.comment.to_string()),
            expires_after: Some(Timestamp::from_millis(self.expires.millis())),
            parameters: Some(self.parameters.clone()),
            instance_ids: self.instance_ids.clone(),
            targets: self.targets.clone(),
            requested_date_time: Some(Timestamp::from_millis(self.requested.millis())),
            status,
            status_details: details.to_owned(),
            max_concurrency: Some(self.max_concurrency_text.clone()),
            max_errors: Some(self.max_errors_text.clone()),
            target_count: count(self.invocations.len()),
            completed_count: count(self.completed()),
            error_count: count(self.errors()),
            delivery_timed_out_count: count(self.count(Detail::DeliveryTimedOut)),
            timeout_seconds: self.timeout_seconds,
            ..Default::default()
        }
    }
}
