//! State Manager: associations that keep applying a document to whatever matches their targets.
//!
//! An execution is a command like one that `SendCommand` makes, and goes through the same machine; only listings without
//! its id do not show it. What an association's rows say is read from those commands.

mod calls;
mod joined;
mod listing;
mod run;
mod schedule;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::ssm::CreateAssociationInput;
use crate::clock::WorldTime;
use crate::fleet::NodeIndex;
use crate::world::{CommandRef, InvocationRef, SiteIndex};

use super::command::Detail;

/// An association of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssociationRef {
    pub(crate) site: SiteIndex,
    pub(crate) index: u32,
}

/// One association with all it ever was.
#[derive(Debug, Clone)]
pub(crate) struct Association {
    pub(crate) id: Arc<str>,
    pub(crate) created: WorldTime,
    pub(crate) is_deleted: bool,
    /// What it says, oldest first; the last one holds.
    pub(crate) versions: Vec<Version>,
    pub(crate) executions: Vec<Execution>,
    /// Runs of each node, oldest first.
    pub(crate) runs: BTreeMap<NodeIndex, Vec<Run>>,
    /// Counts the plans for the next run: those of an earlier count are void.
    pub(crate) plans: u32,
}

/// What an association says from a moment on.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) created: WorldTime,
    pub(crate) definition: CreateAssociationInput,
}

/// One time that an association was applied.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) id: Arc<str>,
    /// Number of the version.
    pub(crate) version: usize,
    pub(crate) created: WorldTime,
    /// The command for the nodes that could be reached.
    pub(crate) command: Option<CommandRef>,
    /// Nodes that could not: they are applied to when they come back.
    pub(crate) waiting: Vec<NodeIndex>,
}

/// A node's part of an execution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) version: usize,
    /// `None` while the node cannot be reached.
    pub(crate) invocation: Option<InvocationRef>,
}

impl Association {
    /// What it says now. There is always a version: it is made with one.
    pub(crate) fn definition(&self) -> &CreateAssociationInput {
        &self.versions[self.versions.len() - 1].definition
    }

    /// Number of the version that holds.
    pub(crate) fn version(&self) -> usize {
        self.versions.len()
    }
}

/// The word for the state of a node's run.
pub(crate) const fn word(detail: Detail) -> &'static str {
    match detail {
        Detail::Unsent | Detail::Pending => "Pending",
        Detail::InProgress => "InProgress",
        Detail::Success => "Success",
        Detail::Failed | Detail::Undeliverable | Detail::InvalidPlatform => "Failed",
        Detail::ExecutionTimedOut | Detail::DeliveryTimedOut => "TimedOut",
        Detail::Cancelled => "Cancelled",
        Detail::Terminated => "Skipped",
    }
}

/// The word for many such states together.
pub(crate) fn together(words: &[&str]) -> &'static str {
    let has = |wanted: &str| words.contains(&wanted);
    if has("InProgress") || (has("Pending") && has("Success")) {
        "InProgress"
    } else if has("Pending") {
        "Pending"
    } else if has("Failed") {
        "Failed"
    } else if has("TimedOut") {
        "TimedOut"
    } else if has("Cancelled") {
        "Cancelled"
    } else if has("Skipped") {
        "Skipped"
    } else {
        "Success"
    }
}
