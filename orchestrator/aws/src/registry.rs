//! Package documents as their owner sees them.

use crate::Aws;
use crate::classify::Effect;
use crate::page::Pages;
use crate::site::{Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_ssm::types::{
    AttachmentHashType, AttachmentsSource, AttachmentsSourceKey, DocumentFormat, DocumentPermissionType,
    DocumentStatus, DocumentType, DocumentVersionInfo,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::AccountId;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::registry::{Attached, Draft, Listed, Published, Registry};

/// `MaxResults` of ListDocumentVersions.
const VERSIONS_PER_PAGE: i32 = 50;
/// `MaxResults` of DescribeDocumentPermission.
const ACCOUNTS_PER_PAGE: i32 = 200;
/// The only base that an update may have.
const LATEST: &str = "$LATEST";
/// Shared without it, an account sees the default version only.
const ALL: &str = "$ALL";

#[async_trait]
impl Registry for Aws {
    async fn versions(&self, site: &Site, package: &str) -> Result<Option<Vec<Listed>>, Failure> {
        self.at(site, |reach| async move { versions(&reach, package).await }).await
    }

    async fn describe(
        &self,
        site: &Site,
        package: &str,
        version: Option<&str>,
    ) -> Result<Option<Listed>, Failure> {
        self.at(site, |reach| async move { described(&reach, package, version).await }).await
    }

    async fn version(&self, site: &Site, package: &str, version: &str) -> Result<Option<Published>, Failure> {
        self.at(site, |reach| async move { published(&reach, package, version).await }).await
    }

    async fn put(&self, site: &Site, draft: &Draft) -> Result<(), Failure> {
        self.at(site, |reach| async move {
            if draft.is_update { update(&reach, draft).await } else { create(&reach, draft).await }
        })
        .await
    }

    async fn set_default(&self, site: &Site, package: &str, number: &str) -> Result<(), Failure> {
        self.at(site, |reach| async move {
            let call = reach.ssm.update_document_default_version().name(package).document_version(number);
            reach.settle("UpdateDocumentDefaultVersion", Effect::Read, call.send().await).map(|_| ())
        })
        .await
    }

    async fn delete(&self, site: &Site, package: &str, version: Option<&str>) -> Result<(), Failure> {
        self.at(site, |reach| async move {
            let call = reach.run_command.delete_document().name(package);
            let call = call.set_version_name(version.map(str::to_owned));
            reach.settle("DeleteDocument", Effect::Mutating, call.send().await).map(|_| ())
        })
        .await
    }

    async fn shares(&self, site: &Site, package: &str) -> Result<BTreeMap<AccountId, String>, Failure> {
        self.at(site, |reach| async move { shares(&reach, package).await }).await
    }

    async fn share(&self, site: &Site, package: &str, accounts: &[AccountId]) -> Result<(), Failure> {
        self.permit(site, package, accounts, &[]).await
    }

    async fn unshare(&self, site: &Site, package: &str, accounts: &[AccountId]) -> Result<(), Failure> {
        self.permit(site, package, &[], accounts).await
    }
}

impl Aws {
    /// One call with the site's clients, and again with new ones while AWS no longer takes their session.
    pub(crate) async fn at<'a, T, F>(
        &self,
        site: &Site,
        call: impl Fn(Arc<Reach>) -> F + Send + 'a,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'a,
        T: Send,
    {
        with_reach!(self, site, |reach| call(Arc::clone(reach)))
    }

    async fn permit(
        &self,
        site: &Site,
        package: &str,
        add: &[AccountId],
        remove: &[AccountId],
    ) -> Result<(), Failure> {
        let ids = |accounts: &[AccountId]| {
            let ids: Vec<String> = accounts.iter().map(|account| account.as_str().to_owned()).collect();
            (!ids.is_empty()).then_some(ids)
        };
        let (add, remove) = (ids(add), ids(remove));
        self.at(site, |reach| {
            let call = reach.ssm.modify_document_permission().name(package);
            let call = call.permission_type(DocumentPermissionType::Share);
            let version = add.is_some().then(|| ALL.to_owned());
            let call = call.set_account_ids_to_add(add.clone()).set_account_ids_to_remove(remove.clone());
            let call = call.set_shared_document_version(version);
            // The end is the same however often it is asked for.
            async move {
                reach.settle("ModifyDocumentPermission", Effect::Read, call.send().await).map(|_| ())
            }
        })
        .await
    }
}

async fn versions(reach: &Reach, package: &str) -> Result<Option<Vec<Listed>>, Failure> {
    const OPERATION: &str = "ListDocumentVersions";
    let mut pages = Pages::of(OPERATION);
    let mut listed = Vec::new();
    loop {
        let call = reach.ssm.list_document_versions().name(package).max_results(VERSIONS_PER_PAGE);
        let result = call.set_next_token(pages.token()).send().await;
        let page = match reach.settle(OPERATION, Effect::Read, result) {
            Err(failure) if failure.class == Class::NotFound => return Ok(None),
            page => page?,
        };
        listed.extend(page.document_versions().iter().map(line));
        if !pages.turn(page.next_token())? {
            return Ok((!listed.is_empty()).then_some(listed));
        }
    }
}

fn line(raw: &DocumentVersionInfo) -> Listed {
    Listed {
        number: raw.document_version().unwrap_or_default().to_owned(),
        name: raw.version_name().unwrap_or_default().to_owned(),
        status: raw.status().map_or("", DocumentStatus::as_str).to_owned(),
        information: raw.status_information().unwrap_or_default().to_owned(),
        is_default: raw.is_default_version(),
    }
}

async fn described(reach: &Reach, package: &str, version: Option<&str>) -> Result<Option<Listed>, Failure> {
    let call = reach.ssm.describe_document().name(package).set_version_name(version.map(str::to_owned));
    let answer = match reach.settle("DescribeDocument", Effect::Read, call.send().await) {
        Err(failure) if failure.class == Class::NotFound => return Ok(None),
        answer => answer?,
    };
    Ok(answer.document().map(|raw| Listed {
        number: raw.document_version().unwrap_or_default().to_owned(),
        name: raw.version_name().unwrap_or_default().to_owned(),
        status: raw.status().map_or("", DocumentStatus::as_str).to_owned(),
        information: raw.status_information().unwrap_or_default().to_owned(),
        is_default: raw.default_version().is_some() && raw.default_version() == raw.document_version(),
    }))
}

async fn published(reach: &Reach, package: &str, version: &str) -> Result<Option<Published>, Failure> {
    let call = reach.ssm.get_document().name(package).version_name(version);
    let document = match reach.settle("GetDocument", Effect::Read, call.send().await) {
        Err(failure) if failure.class == Class::NotFound => return Ok(None),
        document => document?,
    };
    let file = |raw: &aws_sdk_ssm::types::AttachmentContent| {
        let is_sha256 = raw.hash_type() == Some(&AttachmentHashType::Sha256);
        let sha256 = raw.hash().filter(|_| is_sha256).unwrap_or_default().to_lowercase();
        Some((raw.name()?.to_owned(), Attached { size: u64::try_from(raw.size()).ok()?, sha256 }))
    };
    Ok(Some(Published {
        status: document.status().map_or("", DocumentStatus::as_str).to_owned(),
        information: document.status_information().unwrap_or_default().to_owned(),
        content: document.content().unwrap_or_default().to_owned(),
        files: document.attachments_content().iter().filter_map(file).collect(),
    }))
}

fn attachments(draft: &Draft) -> AttachmentsSource {
    // One folder for all files: their names come from the manifest.
    AttachmentsSource::builder().key(AttachmentsSourceKey::SourceUrl).values(&draft.source).build()
}

async fn create(reach: &Reach, draft: &Draft) -> Result<(), Failure> {
    let call = reach.run_command.create_document().name(&draft.package).content(&draft.content);
    let call = call.document_type(DocumentType::Package).document_format(DocumentFormat::Json);
    let call = call.version_name(&draft.version).attachments(attachments(draft));
    reach.settle("CreateDocument", Effect::Mutating, call.send().await).map(|_| ())
}

async fn update(reach: &Reach, draft: &Draft) -> Result<(), Failure> {
    let call = reach.run_command.update_document().name(&draft.package).content(&draft.content);
    let call = call.document_format(DocumentFormat::Json).document_version(LATEST);
    let call = call.version_name(&draft.version).attachments(attachments(draft));
    reach.settle("UpdateDocument", Effect::Mutating, call.send().await).map(|_| ())
}

async fn shares(reach: &Reach, package: &str) -> Result<BTreeMap<AccountId, String>, Failure> {
    const OPERATION: &str = "DescribeDocumentPermission";
    let mut pages = Pages::of(OPERATION);
    let mut shares = BTreeMap::new();
    loop {
        let call = reach.ssm.describe_document_permission().name(package).max_results(ACCOUNTS_PER_PAGE);
        let call = call.permission_type(DocumentPermissionType::Share).set_next_token(pages.token());
        let page = reach.settle(OPERATION, Effect::Read, call.send().await)?;
        for raw in page.account_sharing_info_list() {
            let Some(account) = raw.account_id() else { continue };
            let versions = raw.shared_document_version().unwrap_or_default();
            shares.insert(AccountId::new(account), versions.to_owned());
        }
        // Some answers name the accounts without what they see.
        for account in page.account_ids() {
            shares.entry(AccountId::new(account.as_str())).or_default();
        }
        if !pages.turn(page.next_token())? {
            return Ok(shares);
        }
    }
}
