//! Who is there, and what each site can see of the package.

use crate::failure::Failure;
use async_trait::async_trait;
use wavetrain_model::fleet::{Node, PackageView, Site, TagMatch};
use wavetrain_model::id::{AccountId, NodeId, SiteIndex};
use wavetrain_model::time::Timestamp;

/// Discovery. Reads only; implementations page to the end and trust nothing but the next token.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// The account of the caller's own credentials (`GetCallerIdentity`).
    async fn caller_account(&self) -> Result<AccountId, Failure>;

    /// All managed nodes of a site with the answers to `questions` (at most 64, indices in that order).
    ///
    /// `DescribeInstanceInformation` once plain and once per question (tag filters cannot be combined), and
    /// `DescribeInstanceProperties` for the architectures. `index` goes into each node.
    async fn nodes(
        &self,
        site: &Site,
        index: SiteIndex,
        questions: &[TagMatch],
    ) -> Result<Vec<Node>, Failure>;

    /// The nodes of a site that SSM does not call `Online`, each with when it was last heard
    /// (`DescribeInstanceInformation`, filtered by `PingStatus`: as a rule one short page, however large the site).
    async fn lost(&self, site: &Site) -> Result<Vec<(NodeId, Timestamp)>, Failure>;

    /// The package as the site sees it. `owner` publishes it; in any other account the document ARN is the name.
    ///
    /// Reads the version list, and the manifests of `wanted` versions that exist (`GetDocument`). With
    /// `look_into_files` the zips of the first wanted version are opened to see whether they hold an update script; what cannot
    /// be looked into is left out of `update_script`. A package that is not visible is an empty view, not a failure.
    async fn package(
        &self,
        site: &Site,
        name: &str,
        owner: &AccountId,
        wanted: &[String],
        look_into_files: bool,
    ) -> Result<PackageView, Failure>;

    /// Proves that the command documents we send exist at the site and take our parameters (`DescribeDocument`).
    async fn check_documents(&self, site: &Site, names: &[&str]) -> Result<(), Failure>;
}
