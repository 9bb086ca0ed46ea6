//! AWS Organizations: which accounts stand in which unit.

use crate::Aws;
use crate::classify::{self, Effect};
use crate::page::Pages;
use async_trait::async_trait;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::BTreeSet;
use wavetrain_model::id::AccountId;
use wavetrain_ports::failure::Failure;
use wavetrain_ports::organization::Organization;

/// `MaxResults` of all listings.
const PER_PAGE: i32 = 20;

#[async_trait]
impl Organization for Aws {
    async fn accounts(&self, units: &[String]) -> Result<Vec<AccountId>, Failure> {
        let client = Client::new(self.sites.base());
        let mut found = BTreeSet::new();
        let mut open = units.to_vec();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        // Both listings give direct children only.
        while let Some(unit) = open.pop() {
            if seen.insert(unit.clone()) {
                self.list_accounts(&client, &unit, &mut found).await?;
                self.list_units(&client, &unit, &mut open).await?;
            }
        }
        Ok(found.into_iter().collect())
    }
}

impl Aws {
    async fn list_accounts(
        &self,
        client: &Client,
        unit: &str,
        found: &mut BTreeSet<AccountId>,
    ) -> Result<(), Failure> {
        let mut pages = Pages::of("ListAccountsForParent");
        loop {
            let call = client.list_accounts_for_parent().parent_id(unit).max_results(PER_PAGE);
            let answer = call.set_next_token(pages.token()).send().await;
            let page = self.asked("ListAccountsForParent", answer)?;
            let active = page.accounts().iter().filter(|account| is_active(account));
            found.extend(active.filter_map(|account| account.id()).map(AccountId::new));
            if !pages.turn(page.next_token())? {
                return Ok(());
            }
        }
    }

    async fn list_units(&self, client: &Client, unit: &str, open: &mut Vec<String>) -> Result<(), Failure> {
        let mut pages = Pages::of("ListOrganizationalUnitsForParent");
        loop {
            let call = client.list_organizational_units_for_parent().parent_id(unit).max_results(PER_PAGE);
            let answer = call.set_next_token(pages.token()).send().await;
            let page = self.asked("ListOrganizationalUnitsForParent", answer)?;
            open.extend(page.organizational_units().iter().filter_map(|unit| unit.id()).map(str::to_owned));
            if !pages.turn(page.next_token())? {
                return Ok(());
            }
        }
    }

    fn asked<T, E>(
        &self,
        operation: &'static str,
        answer: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let result = answer.map_err(|error| classify::failure(operation, Effect::Read, None, &error));
        self.sites.count(operation, &result);
        result
    }
}

/// `State` tells more than `Status`, which AWS is about to retire; older answers have only that.
fn is_active(account: &Account) -> bool {
    match account.state() {
        Some(state) => *state == AccountState::Active,
        None => account.status().is_none_or(|status| *status == AccountStatus::Active),
    }
}
