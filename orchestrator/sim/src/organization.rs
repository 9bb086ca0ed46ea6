//! AWS Organizations, as far as finding accounts needs it. Global: it belongs to no site.

use crate::api::organizations::{
    Account, Child, DescribeOrganizationOutput, ListAccountsForParentOutput, ListAccountsOutput,
    ListChildrenOutput, ListOrganizationalUnitsForParentOutput, ListRootsOutput, Organization,
    OrganizationalUnit, Request, Root,
};
use crate::api::{ApiError, Response, Timestamp};
use crate::clock::WorldTime;
use crate::page::{Cut, Page};
use crate::sts::Identity;
use crate::world::World;
use crate::world_file::{MemberFile, OrganizationFile};

/// Rows of a page when nothing is asked for.
const USUAL_ROWS: usize = 20;

/// Id of the one organization.
const ID: &str = "o-simulated0";

/// An organization at a moment.
struct Seen<'a> {
    file: &'a OrganizationFile,
    management: &'a str,
    start: WorldTime,
    now: WorldTime,
}

impl World {
    pub(crate) fn carry_out_organizations(
        &self,
        identity: &Identity,
        request: &Request,
        short_pages: bool,
    ) -> Result<Response, ApiError> {
        let management = self.tokens.hub();
        let file = self.organization.as_ref().ok_or_else(|| {
            ApiError::client(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        })?;
        if identity.account != management {
            let message = "You don't have permissions to access this resource.";
            return Err(ApiError::client("AccessDeniedException", message));
        }
        let seen = Seen { file, management, start: self.start, now: self.now };
        seen.answer(request, Cut { short: short_pages })
    }
}

impl Seen<'_> {
    fn answer(&self, request: &Request, cut: Cut) -> Result<Response, ApiError> {
        let page =
            |kind, token: &Option<String>, asked| Page::open(kind, token.as_deref(), asked, USUAL_ROWS, cut);
        Ok(match request {
            Request::DescribeOrganization(_) => {
                DescribeOrganizationOutput { organization: self.organization() }.into()
            }
            Request::ListRoots(input) => {
                let page = page("roots", &input.next_token, input.max_results)?;
                let root = Root {
                    id: self.file.root.clone(),
                    arn: self.arn("root", &self.file.root),
                    name: "Root".to_owned(),
                };
                let (roots, next_token) = page.of(vec![root]);
                ListRootsOutput { roots, next_token }.into()
            }
            Request::ListOrganizationalUnitsForParent(input) => {
                self.parent(&input.parent_id)?;
                let page = page("units", &input.next_token, input.max_results)?;
                let (organizational_units, next_token) = page.of(self.units(&input.parent_id));
                ListOrganizationalUnitsForParentOutput { organizational_units, next_token }.into()
            }
            Request::ListAccountsForParent(input) => {
                self.parent(&input.parent_id)?;
                let page = page("members", &input.next_token, input.max_results)?;
                let (accounts, next_token) = page.of(self.accounts(Some(&input.parent_id)));
                ListAccountsForParentOutput { accounts, next_token }.into()
            }
            Request::ListAccounts(input) => {
                let page = page("accounts", &input.next_token, input.max_results)?;
                let (accounts, next_token) = page.of(self.accounts(None));
                ListAccountsOutput { accounts, next_token }.into()
            }
            Request::ListChildren(input) => {
                self.parent(&input.parent_id)?;
                let page = page("children", &input.next_token, input.max_results)?;
                let ids: Vec<String> = if input.child_type == "ACCOUNT" {
                    self.accounts(Some(&input.parent_id)).into_iter().map(|account| account.id).collect()
                } else {
                    self.units(&input.parent_id).into_iter().map(|unit| unit.id).collect()
                };
                let child = |id| Child { id, kind: input.child_type.clone() };
                let (children, next_token) = page.of(ids.into_iter().map(child).collect());
                ListChildrenOutput { children, next_token }.into()
            }
        })
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:organizations::{}:{kind}/{ID}/{id}", self.management)
    }

    fn organization(&self) -> Organization {
        let management = self.management.to_owned();
        Organization {
            id: ID.to_owned(),
            arn: format!("arn:aws:organizations::{management}:organization/{ID}"),
            feature_set: "ALL".to_owned(),
            master_account_arn: self.arn("account", &management),
            master_account_email: format!("{management}@example.com"),
            master_account_id: management,
        }
    }

    fn parent(&self, id: &str) -> Result<(), ApiError> {
        if id == self.file.root || self.file.units.iter().any(|unit| unit.id == id) {
            return Ok(());
        }
        let message = "You specified parent that doesn't exist.";
        Err(ApiError::client("ParentNotFoundException", message))
    }

    fn units(&self, parent: &str) -> Vec<OrganizationalUnit> {
        let inside = self.file.units.iter();
        let inside = inside.filter(|unit| unit.parent.as_deref().unwrap_or(&self.file.root) == parent);
        inside
            .map(|unit| OrganizationalUnit {
                id: unit.id.clone(),
                arn: self.arn("ou", &unit.id),
                name: unit.name.clone(),
            })
            .collect()
    }

    /// Accounts that have joined by now: of a parent, or all.
    fn accounts(&self, parent: Option<&str>) -> Vec<Account> {
        let inside = |member: &&MemberFile| {
            let unit = member.unit.as_deref().unwrap_or(&self.file.root);
            parent.is_none_or(|parent| parent == unit)
        };
        let joined = |member: &MemberFile| self.start.plus_seconds(member.joins_after_seconds);
        let here = self.file.accounts.iter().filter(inside).filter(|member| joined(member) <= self.now);
        here.map(|member| Account {
            id: member.id.clone(),
            arn: self.arn("account", &member.id),
            email: format!("{}@example.com", member.id),
            name: format!("account {}", member.id),
            status: member.state.status().to_owned(),
            state: member.state.as_str().to_owned(),
            joined_method: "CREATED".to_owned(),
            joined_timestamp: Some(Timestamp::from_millis(joined(member).millis())),
        })
        .collect()
    }
}
