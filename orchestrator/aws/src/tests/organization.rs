//! Accounts of an organization, page by page and level by level.

use crate::fake::{Answer, Call, Fake, HUB, ok, refusal};
use wavetrain_ports::failure::Class;
use wavetrain_ports::organization::Organization;

const PRODUCTION: &str = "ou-ab12-production";
const INNER: &str = "ou-ab12-innermost";

/// A unit with a unit in it; the first page of accounts is empty.
fn answer(call: &Call) -> Answer {
    let asked = call.json();
    let parent = asked["ParentId"].as_str().unwrap();
    match (call.operation.as_str(), parent, asked["NextToken"].as_str()) {
        ("ListAccountsForParent", PRODUCTION, None) => ok(r#"{"Accounts":[],"NextToken":"more"}"#),
        ("ListAccountsForParent", PRODUCTION, Some("more")) => ok(r#"{"Accounts":[
            {"Id":"333333333333","State":"ACTIVE","Status":"ACTIVE"},
            {"Id":"444444444444","State":"PENDING_CLOSURE","Status":"ACTIVE"},
            {"Id":"555555555555","Status":"SUSPENDED"}]}"#),
        ("ListAccountsForParent", INNER, None) => {
            ok(r#"{"Accounts":[{"Id":"222222222222","Status":"ACTIVE"}]}"#)
        }
        ("ListOrganizationalUnitsForParent", PRODUCTION, None) => {
            ok(&format!(r#"{{"OrganizationalUnits":[{{"Id":"{INNER}"}},{{"Id":"{PRODUCTION}"}}]}}"#))
        }
        ("ListOrganizationalUnitsForParent", INNER, None) => ok(r#"{"OrganizationalUnits":[]}"#),
        _ => refusal(400, "ParentNotFoundException", "You specified parent that doesn't exist."),
    }
}

#[tokio::test]
async fn active_accounts_of_all_levels_are_found_with_the_callers_own_keys() {
    let fake = Fake::new(answer);
    let found = fake.aws().await.accounts(&[PRODUCTION.to_owned(), INNER.to_owned()]).await.unwrap();
    let found: Vec<&str> = found.iter().map(wavetrain_model::id::AccountId::as_str).collect();
    assert_eq!(found, ["222222222222", "333333333333"]);
    let calls = fake.calls("ListAccountsForParent");
    assert_eq!(calls.len(), 3, "two pages and one, nothing twice");
    assert!(calls.iter().all(|call| call.access_key == format!("AKIA{HUB}")));
}

#[tokio::test]
async fn units_that_are_not_there_and_organizations_that_are_not_shown_are_failures() {
    let fake = Fake::new(answer);
    let missing = fake.aws().await.accounts(&["ou-ab12-elsewhere".to_owned()]).await.unwrap_err();
    assert_eq!(missing.class, Class::NotFound);
    let fake = Fake::new(|_| refusal(400, "AccessDeniedException", "You don't have permissions."));
    let denied = fake.aws().await.accounts(&[PRODUCTION.to_owned()]).await.unwrap_err();
    assert_eq!((denied.class, denied.operation.as_str()), (Class::Denied, "ListAccountsForParent"));
    let fake = Fake::new(|_| refusal(400, "AWSOrganizationsNotInUseException", "Not a member."));
    let alone = fake.aws().await.accounts(&[PRODUCTION.to_owned()]).await.unwrap_err();
    assert_eq!((alone.class, alone.code.as_str()), (Class::Invalid, "AWSOrganizationsNotInUseException"));
}
