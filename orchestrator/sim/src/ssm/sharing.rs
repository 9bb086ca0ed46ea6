//! Who may read a document.

use crate::api::ApiError;
use crate::api::ssm::{
    AccountSharingInfo, DescribeDocumentPermissionInput, DescribeDocumentPermissionOutput,
    ModifyDocumentPermissionInput, ModifyDocumentPermissionOutput,
};
use crate::fault::Judgement;
use crate::fleet::Site;
use crate::package::{EVERYONE, Shared, Sharing};
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

use super::documents::no_document;

/// Most accounts that one document can be shared with.
const MAX_ACCOUNTS: usize = 1000;
/// Most documents of an account in a Region that everyone may read.
const MAX_PUBLIC: usize = 5;
/// Accounts on one page, whatever is asked for.
const PAGE: i32 = 20;

impl World {
    pub(crate) fn modify_document_permission(
        &mut self,
        site: SiteIndex,
        input: &ModifyDocumentPermissionInput,
    ) -> Result<ModifyDocumentPermissionOutput, ApiError> {
        let Site { account, region, .. } = self.fleet.sites[site as usize].clone();
        let package =
            self.catalogue.at(&region, &account, &input.name).ok_or_else(|| no_document(&input.name))?;
        let accounts = self.fleet.sites.iter().map(|site| site.account.as_str());
        let mut listed = package.sharing.listed(accounts, &account, &region);
        let was_public = listed.contains_key(EVERYONE);
        let shared = Shared::from_word(input.shared_document_version.as_deref());
        for id in input.account_ids_to_add.iter().flatten() {
            listed.insert(id.clone(), shared);
        }
        // An account in both lists is removed.
        for id in input.account_ids_to_remove.iter().flatten() {
            listed.remove(id);
        }
        if listed.len() > MAX_ACCOUNTS {
            let message = format!("The document can't be shared with more than {MAX_ACCOUNTS} accounts.");
            return Err(ApiError::document_permission_limit(message));
        }
        let public = self.catalogue.in_region(&region).filter(|package| {
            let everyone =
                matches!(&package.sharing, Sharing::Listed(listed) if listed.contains_key(EVERYONE));
            package.owner == account && everyone
        });
        let public = public.count();
        if listed.contains_key(EVERYONE) && !was_public && public >= MAX_PUBLIC {
            let message = format!("You can share at most {MAX_PUBLIC} documents publicly.");
            return Err(ApiError::document_permission_limit(message));
        }
        if let Some(package) = self.catalogue.own_mut(&account, &region, &input.name) {
            package.sharing = Sharing::Listed(listed);
        }
        Ok(ModifyDocumentPermissionOutput {})
    }

    pub(crate) fn describe_document_permission(
        &self,
        site: SiteIndex,
        input: &DescribeDocumentPermissionInput,
        judgement: &Judgement,
    ) -> Result<DescribeDocumentPermissionOutput, ApiError> {
        let Site { account, region, .. } = &self.fleet.sites[site as usize];
        let package =
            self.catalogue.at(region, account, &input.name).ok_or_else(|| no_document(&input.name))?;
        let accounts = self.fleet.sites.iter().map(|site| site.account.as_str());
        let listed = package.sharing.listed(accounts, account, region);
        let asked = Some(input.max_results.unwrap_or(PAGE).min(PAGE));
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("permissions", input.next_token.as_deref(), asked, PAGE as usize, cut)?;
        let (rows, next_token) = page.of(listed.into_iter().collect());
        Ok(DescribeDocumentPermissionOutput {
            account_ids: rows.iter().map(|(account, _)| account.clone()).collect(),
            account_sharing_info_list: rows
                .into_iter()
                .map(|(account_id, shared)| AccountSharingInfo {
                    account_id,
                    shared_document_version: Some(shared.as_str().to_owned()),
                })
                .collect(),
            next_token,
        })
    }
}
