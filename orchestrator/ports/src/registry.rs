//! Package documents of one account and Region: read, create, share, delete.

use crate::failure::Failure;
use async_trait::async_trait;
use std::collections::BTreeMap;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;

/// SSM documents of type `Package`, as their owner sees and changes them. None of the changing calls is repeated inside.
#[async_trait]
pub trait Registry: Send + Sync {
    /// `ListDocumentVersions`, all pages. None: there is no such document.
    async fn versions(&self, site: &Site, package: &str) -> Result<Option<Vec<Listed>>, Failure>;

    /// `DescribeDocument` of one version, or of the default one. None: there is no such document, or no such version.
    async fn describe(
        &self,
        site: &Site,
        package: &str,
        version: Option<&str>,
    ) -> Result<Option<Listed>, Failure>;

    /// `GetDocument` of one version by its `VersionName`. None: there is none.
    async fn version(&self, site: &Site, package: &str, version: &str) -> Result<Option<Published>, Failure>;

    /// `CreateDocument`, or `UpdateDocument` of `$LATEST` when the document exists.
    async fn put(&self, site: &Site, draft: &Draft) -> Result<(), Failure>;

    /// `UpdateDocumentDefaultVersion`, by the site's own version number.
    async fn set_default(&self, site: &Site, package: &str, number: &str) -> Result<(), Failure>;

    /// `DeleteDocument`: one version, or with None the document with all its versions.
    async fn delete(&self, site: &Site, package: &str, version: Option<&str>) -> Result<(), Failure>;

    /// `DescribeDocumentPermission`, all pages: accounts, and which versions each sees (`$ALL`, `$DEFAULT`, `$LATEST`, a number).
    async fn shares(&self, site: &Site, package: &str) -> Result<BTreeMap<AccountId, String>, Failure>;

    /// `ModifyDocumentPermission` with `$ALL` versions: at most 20 accounts a call.
    async fn share(&self, site: &Site, package: &str, accounts: &[AccountId]) -> Result<(), Failure>;

    /// The same, taking the right away.
    async fn unshare(&self, site: &Site, package: &str, accounts: &[AccountId]) -> Result<(), Failure>;
}

/// Accounts that one `ModifyDocumentPermission` takes.
pub const ACCOUNTS_PER_CALL: usize = 20;

/// Accounts that one document can be shared with.
pub const ACCOUNTS_PER_DOCUMENT: usize = 1_000;

/// One version without what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `DocumentVersion`: counts up from 1, differs from Region to Region.
    pub number: String,
    /// `VersionName`; empty if it has none.
    pub name: String,
    /// `Status`: `Creating`, `Active`, `Updating`, `Deleting`, `Failed`.
    pub status: String,
    /// `StatusInformation`; empty if there is nothing to say.
    pub information: String,
    /// `IsDefaultVersion`.
    pub is_default: bool,
}

/// One version with what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// `Status`.
    pub status: String,
    /// `StatusInformation`.
    pub information: String,
    /// `Content`: the manifest.
    pub content: String,
    /// `AttachmentsContent`, by name. Listed once the version is Active.
    pub files: BTreeMap<String, Attached>,
}

/// One attached file as AWS keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// A version to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Name of the document.
    pub package: String,
    /// `VersionName`.
    pub version: String,
    /// The manifest.
    pub content: String,
    /// `s3://bucket/prefix` that holds every file under its name.
    pub source: String,
    /// Whether the document exists already.
    pub is_update: bool,
}
