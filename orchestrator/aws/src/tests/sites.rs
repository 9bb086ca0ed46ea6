//! Credentials and clients.

use crate::fake::{Fake, hub, ok, refusal, session, spoke};
use crate::site::RENEWALS;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use wavetrain_model::id::{AccountId, NodeId};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::clock::Clock;
use wavetrain_ports::distributor::{Distributor, Job, Order, Sent};
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
        _ => refusal(400, "ThrottlingException", "Rate exceeded"),
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

#[tokio::test]
async fn a_session_that_aws_no_longer_accepts_is_replaced_once_for_all_regions() {
    let sessions = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sessions);
    let fake = Fake::whole(move |call| match call.operation.as_str() {
        "AssumeRole" => {
            counted.fetch_add(1, SeqCst);
            session(call)
        }
        _ if sessions.load(SeqCst) < 2 => refusal(400, "ExpiredTokenException", "expired"),
        "SendCommand" => ok(r#"{"Command":{"CommandId":"c-1"}}"#),
        _ => ok(r#"{"Commands":[]}"#),
    });
    let aws = fake.aws().await;
    let order = Order {
        job: Job::Uninstall { package: "agent".to_owned(), version: None },
        nodes: vec![NodeId::from("i-00000000000000001")],
        comment: "wavetrain test 1".to_owned(),
        deliver_within: Seconds(60),
        max_concurrency: 1,
        max_errors: None,
    };
    let sent = aws.send(&spoke("eu-west-1"), &order).await;
    assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
    aws.commands(&spoke("us-east-2"), Timestamp(0), 10).await.unwrap();
    assert_eq!((fake.calls("SendCommand").len(), fake.calls("AssumeRole").len()), (2, 2));
}

#[tokio::test]
async fn a_session_that_cannot_be_replaced_is_reported_as_expired() {
    let fake = Fake::new(|_| refusal(400, "ExpiredTokenException", "expired"));
    let aws = fake.aws().await;
    assert_eq!(aws.commands(&spoke("eu-west-1"), Timestamp(0), 10).await.unwrap_err().class, Class::Expired);
    assert_eq!(fake.calls("ListCommands").len(), 1 + RENEWALS, "it ends");
}

#[tokio::test]
async fn a_session_that_ran_out_before_it_was_used_is_replaced_too() {
    let refused = AtomicU32::new(0);
    let fake = Fake::new(move |_| match refused.fetch_add(1, SeqCst) {
        0 | 1 => refusal(400, "ExpiredTokenException", "expired"),
        _ => ok(r#"{"Commands":[]}"#),
    });
    fake.aws().await.commands(&spoke("eu-west-1"), Timestamp(0), 10).await.unwrap();
    assert_eq!((fake.calls("ListCommands").len(), fake.calls("AssumeRole").len()), (3, 3));
}

/// Stands still at a moment.
struct Still(Timestamp);

#[async_trait::async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

#[tokio::test]
async fn sessions_run_out_by_the_clock_that_was_given() {
    let fake = Fake::new(|_| ok(r#"{"Commands":[]}"#));
    // Sessions of the scripted AWS end with the year 2098.
    let before = Still(Timestamp(4_070_000_000_000));
    let after = Still(Timestamp(4_080_000_000_000));
    for (clock, expected) in [(before, 1), (after, 1 + 3)] {
        let aws = fake.aws_on(Some(Arc::new(clock))).await;
        for _ in 0..3 {
            aws.commands(&spoke("eu-west-1"), Timestamp(0), 10).await.unwrap();
        }
        assert_eq!(fake.calls("AssumeRole").len(), expected);
    }
}
