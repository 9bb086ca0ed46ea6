//! AWS Organizations: which accounts there are, and where they stand.

#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use super::validate::{Text, Violations, is_unit_or_root};
use super::wire::{Timestamp, operations, structures};

operations! {
    Organizations:
    DescribeOrganization(DescribeOrganizationInput) -> DescribeOrganizationOutput,
    ListRoots(ListRootsInput) -> ListRootsOutput,
    ListOrganizationalUnitsForParent(ListOrganizationalUnitsForParentInput) -> ListOrganizationalUnitsForParentOutput,
    ListAccountsForParent(ListAccountsForParentInput) -> ListAccountsForParentOutput,
    ListAccounts(ListAccountsInput) -> ListAccountsOutput,
    ListChildren(ListChildrenInput) -> ListChildrenOutput,
}

structures! {
    DescribeOrganizationInput {}
    DescribeOrganizationOutput { organization: Organization }
    Organization {
        id: String,
        arn: String,
        feature_set: String,
        master_account_arn: String,
        master_account_id: String,
        master_account_email: String,
    }
    ListRootsInput { next_token: Option<String>, max_results: Option<i32> }
    ListRootsOutput { roots: Vec<Root>, next_token: Option<String> }
    Root { id: String, arn: String, name: String }
    ListOrganizationalUnitsForParentInput {
        parent_id: String,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
    ListOrganizationalUnitsForParentOutput {
        organizational_units: Vec<OrganizationalUnit>,
        next_token: Option<String>,
    }
    OrganizationalUnit { id: String, arn: String, name: String }
    ListAccountsForParentInput { parent_id: String, next_token: Option<String>, max_results: Option<i32> }
    ListAccountsForParentOutput { accounts: Vec<Account>, next_token: Option<String> }
    Account {
        id: String,
        arn: String,
        email: String,
        name: String,
        status: String,
        state: String,
        joined_method: String,
        joined_timestamp: Option<Timestamp>,
    }
    ListAccountsInput { next_token: Option<String>, max_results: Option<i32> }
    ListAccountsOutput { accounts: Vec<Account>, next_token: Option<String> }
    ListChildrenInput {
        parent_id: String,
        child_type: String,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
    ListChildrenOutput { children: Vec<Child>, next_token: Option<String> }
    Child {
        id: String,
        #[serde(rename = "Type")]
        kind: String,
    }
}

const PARENT: Text = Text::length(0, 100)
    .and_pattern(r"^(r-[0-9a-z]{4,32})|(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$", is_unit_or_root);
const CHILD: Text = Text::length(1, 100).and_pattern("ACCOUNT|ORGANIZATIONAL_UNIT", is_child_type);
/// Most rows of a page.
const PAGE: i32 = 20;

fn is_child_type(text: &str) -> bool {
    matches!(text, "ACCOUNT" | "ORGANIZATIONAL_UNIT")
}

impl DescribeOrganizationInput {
    #[expect(clippy::unused_self, reason = "every input of a service answers `check`")]
    fn check(&self, _: &mut Violations) {}
}

impl ListRootsInput {
    fn check(&self, v: &mut Violations) {
        v.range("maxResults", self.max_results, 1, PAGE);
    }
}

impl ListOrganizationalUnitsForParentInput {
    fn check(&self, v: &mut Violations) {
        v.required("parentId", &self.parent_id, &PARENT);
        v.range("maxResults", self.max_results, 1, PAGE);
    }
}

impl ListAccountsForParentInput {
    fn check(&self, v: &mut Violations) {
        v.required("parentId", &self.parent_id, &PARENT);
        v.range("maxResults", self.max_results, 1, PAGE);
    }
}

impl ListAccountsInput {
    fn check(&self, v: &mut Violations) {
        v.range("maxResults", self.max_results, 1, PAGE);
    }
}

impl ListChildrenInput {
    fn check(&self, v: &mut Violations) {
        v.required("parentId", &self.parent_id, &PARENT);
        v.required("childType", &self.child_type, &CHILD);
        v.range("maxResults", self.max_results, 1, PAGE);
    }
}
