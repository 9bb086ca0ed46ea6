//! Credentials and clients.

use crate::fake::{Fake, hub, ok, spoke};
use wavetrain_model::id::AccountId;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::Distributor;
use wavetrain_ports::failure::Class;
use wavetrain_ports::fleet::Fleet;

#[tokio::test]
async fn all_regions_of_an_account_share_one_session() {
    let fake = Fake::new(|_| ok(r#"{"Commands":[]}"#));
    let aws = fake.aws().await;
    for region in ["eu-west-1", "us-east-2", "eu-west-1"] {
        aws.commands(&spoke(region), Timestamp(0), 10).await.unwrap();
    }
    let sessions = fake.calls("AssumeRole");
    assert_eq!(sessions.len(), 1);
    let form = sessions[0].text();
    for text in ["RoleSessionName=wavetrain-test", "ExternalId=shared-word", "wavetrain-spoke"] {
        assert!(form.contains(text), "{form}");
    }
    let calls = fake.calls("ListCommands");
    let regions: Vec<&str> = calls.iter().map(|call| call.region.as_str()).collect();
    assert_eq!(regions, ["eu-west-1", "us-east-2", "eu-west-1"]);
    assert!(calls.iter().all(|call| call.access_key == "ASIA222222222222"));
    assert!(calls.iter().all(|call| call.agent.contains("app/wavetrain")), "{calls:?}");
}

#[tokio::test]
async fn a_site_without_a_role_must_be_the_callers_own_account() {
    let fake = Fake::new(|_| ok(r#"{"Commands":[]}"#));
    let aws = fake.aws().await;
    aws.commands(&hub(), Timestamp(0), 10).await.unwrap();
    aws.commands(&hub(), Timestamp(0), 10).await.unwrap();
    assert_eq!(fake.calls("GetCallerIdentity").len(), 1);
    let foreign = wavetrain_model::fleet::Site { account: AccountId::from("333333333333"), ..hub() };
    let failure = aws.commands(&foreign, Timestamp(0), 10).await.unwrap_err();
    assert_eq!(failure.class, Class::Invalid);
    assert_eq!(fake.calls("ListCommands").len(), 2);
    assert_eq!(aws.caller_account().await, Ok(AccountId::from("111111111111")));
}

#[tokio::test]
async fn a_role_of_another_account_than_the_sites_is_refused() {
    let aws = Fake::new(|_| ok("{}")).aws().await;
    let crossed =
        wavetrain_model::fleet::Site { account: AccountId::from("333333333333"), ..spoke("eu-west-1") };
    assert_eq!(aws.commands(&crossed, Timestamp(0), 1).await.unwrap_err().class, Class::Invalid);
    let odd = wavetrain_model::fleet::Site { role: Some("spoke".to_owned()), ..spoke("eu-west-1") };
    assert_eq!(aws.commands(&odd, Timestamp(0), 1).await.unwrap_err().class, Class::Invalid);
}

#[tokio::test]
async fn calls_are_counted_by_site_operation_and_outcome() {
    let aws = Fake::new(|call| match call.region.as_str() {
        "eu-central-1" => ok(r#"{"Commands":[]}"#),
        _ => crate::fake::refusal(400, "ThrottlingException", "Rate exceeded"),
    })
    .aws()
    .await;
    aws.commands(&hub(), Timestamp(0), 10).await.unwrap();
    aws.commands(&spoke("eu-west-1"), Timestamp(0), 10).await.unwrap_err();
    aws.commands(&spoke("eu-west-1"), Timestamp(0), 10).await.unwrap_err();
    let rows: Vec<String> = aws
        .calls()
        .iter()
        .map(|row| format!("{} {} {} {}", row.site, row.operation, row.outcome, row.count))
        .collect();
    assert_eq!(
        rows,
        [
            "111111111111/eu-central-1 ListCommands ok 1",
            "222222222222/eu-west-1 ListCommands throttled 2",
            "caller GetCallerIdentity ok 1"
        ]
    );
}
