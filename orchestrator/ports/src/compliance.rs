//! Compliance of single nodes.

use crate::failure::Failure;
use async_trait::async_trait;
use std::collections::BTreeMap;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::Compliance;
use wavetrain_model::id::NodeId;
use wavetrain_model::time::Timestamp;

/// What is said about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `ComplianceType`.
    pub kind: String,
    /// `Id`.
    pub id: String,
    /// `Title`.
    pub title: String,
    /// `Severity`.
    pub severity: String,
    /// `Status`.
    pub compliant: bool,
    /// `ExecutionTime`.
    pub at: Timestamp,
    /// `Details`.
    pub details: BTreeMap<String, String>,
}

/// SSM compliance.
#[async_trait]
pub trait ComplianceBook: Send + Sync {
    /// `ListResourceComplianceSummaries` of these types, all pages: every node of the site, one row for each node and type. About
    /// what was never reported there is no row.
    async fn summaries(&self, site: &Site, types: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure>;

    /// `ListComplianceItems` of one node, all pages, summed up by type. The time is that of the oldest item: AWS sends all
    /// items of a type together, and one that was left behind is no news.
    ///
    /// A node that is not managed any more has no rows.
    async fn items(&self, site: &Site, node: &NodeId, types: &[String]) -> Result<Vec<Compliance>, Failure>;

    /// `PutComplianceItems`: the node's only item of this type from now on, so repeating is safe.
    async fn put(&self, site: &Site, node: &NodeId, item: &Item) -> Result<(), Failure>;
}
