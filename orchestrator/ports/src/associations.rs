//! State Manager: associations that install packages, and the default version of the package's document.

use crate::distributor::Sent;
use crate::failure::Failure;
use async_trait::async_trait;
use std::collections::BTreeMap;
use wavetrain_model::agent::Status;
use wavetrain_model::association::{Definition, Target};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, CommandId, NodeId};

/// State Manager for packages. No call that changes something is retried inside: repeating is the caller's decision.
#[async_trait]
pub trait Associations: Send + Sync {
    /// `CreateAssociation` of `AWS-ConfigureAWSPackage`. Names are not unique, so it is not idempotent: see [`Sent::Unknown`].
    /// The accepted "command" is the association's id.
    async fn create_association(&self, site: &Site, definition: &Definition) -> Sent;

    /// `UpdateAssociation` with the whole definition: what an update leaves out AWS resets. It is applied to all targets at once.
    /// Safe to repeat.
    async fn update_association(
        &self,
        site: &Site,
        id: &AssociationId,
        definition: &Definition,
    ) -> Result<(), Failure>;

    /// `DescribeAssociation`, then `UpdateAssociation` with everything that it said and other targets; nothing if it has these
    /// targets already. Safe to repeat.
    async fn retarget(&self, site: &Site, id: &AssociationId, targets: &[Target]) -> Result<(), Failure>;

    /// `DeleteAssociation`. Installs that it began go on, and nothing is uninstalled. Safe to repeat.
    async fn delete_association(&self, site: &Site, id: &AssociationId) -> Result<(), Failure>;

    /// `ListAssociations` of `AWS-ConfigureAWSPackage`, all pages: ids and names. The listing shows no parameters.
    async fn associations(&self, site: &Site) -> Result<Vec<Named>, Failure>;

    /// `DescribeAssociation`.
    async fn association(&self, site: &Site, id: &AssociationId) -> Result<Definition, Failure>;

    /// `DescribeAssociationExecutions`, all pages, oldest first.
    async fn executions(&self, site: &Site, id: &AssociationId) -> Result<Vec<Execution>, Failure>;

    /// `DescribeAssociationExecutionTargets`, all pages of one execution.
    async fn execution_targets(
        &self,
        site: &Site,
        id: &AssociationId,
        execution: &str,
    ) -> Result<Vec<Run>, Failure>;

    /// Makes a version the default of a document that the site's account owns: `ListDocumentVersions` for its number, then
    /// `UpdateDocumentDefaultVersion`. False if it was the default already. Safe to repeat.
    async fn set_default_version(&self, site: &Site, name: &str, version: &str) -> Result<bool, Failure>;
}

/// A row of `ListAssociations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `AssociationId`.
    pub id: AssociationId,
    /// `AssociationName`; empty if it has none.
    pub name: String,
}

/// One time that an association was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// `ExecutionId`.
    pub id: String,
    /// Nodes by status word (`ResourceCountByStatus`).
    pub counts: BTreeMap<String, u32>,
}

impl Execution {
    /// Reads `ResourceCountByStatus`, such as `{Success=8, Failed=1}`. What is not understood counts nothing.
    pub fn read(id: &str, counts: &str) -> Self {
        let pairs = counts.trim_matches(['{', '}']).split(',');
        let pairs = pairs.filter_map(|pair| {
            let (word, count) = pair.trim().split_once('=')?;
            Some((word.to_owned(), count.parse().ok()?))
        });
        Self { id: id.to_owned(), counts: pairs.collect() }
    }

    /// Nodes with their outcome.
    pub fn completed(&self) -> u32 {
        self.counts.iter().filter(|(word, _)| is_over(word)).map(|(_, count)| count).sum()
    }

    /// Nodes whose outcome is bad.
    pub fn errors(&self) -> u32 {
        self.counts
            .iter()
            .filter(|(word, _)| is_over(word) && *word != "Success")
            .map(|(_, count)| count)
            .sum()
    }

    /// Whether no node of it is on its way.
    pub fn is_over(&self) -> bool {
        self.counts.keys().all(|word| is_over(word)) && !self.counts.is_empty()
    }
}

/// A word that is not known is waited for: the deadline decides.
fn is_over(word: &str) -> bool {
    matches!(word, "Success" | "Failed" | "TimedOut" | "Cancelled" | "Skipped" | "Terminated")
}

/// One node of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Node.
    pub node: NodeId,
    /// Status; a skipped node was never reached.
    pub status: Status,
    /// The command that carried it out (`OutputSource`), by which its output is read; None before there is one.
    pub command: Option<CommandId>,
}

impl Run {
    /// What the two words of `DescribeAssociationExecutionTargets` mean.
    pub fn status(status: &str, detailed: &str) -> Status {
        match status {
            // The service gave up before the node was reached: nothing began there.
            "Skipped" => Status::Undeliverable,
            // `TimedOut` alone does not say where the time went; as with commands, only the probe can tell.
            "TimedOut" if detailed == "TimedOut" || detailed.is_empty() => Status::DeliveryTimedOut,
            _ => Status::parse(status, detailed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_their_text() {
        let execution = Execution::read("e", "{Failed=1, InProgress=2, Success=8}");
        assert_eq!((execution.completed(), execution.errors(), execution.is_over()), (9, 1, false));
        assert!(Execution::read("e", "{Success=8, Skipped=1}").is_over());
    }

    #[test]
    fn an_execution_that_says_nothing_or_something_new_is_not_over() {
        assert!(!Execution::read("e", "").is_over());
        assert!(!Execution::read("e", "{Dreaming=1}").is_over());
        assert_eq!(Execution::read("e", "{Dreaming=1, Success=x, ,=}").completed(), 0);
    }

    #[test]
    fn a_skipped_node_is_no_success() {
        assert_eq!(Run::status("Skipped", "Skipped"), Status::Undeliverable);
        assert_eq!(Run::status("Success", "Success"), Status::Success);
    }
}
