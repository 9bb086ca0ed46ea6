//! Run Command.

use crate::fake::{Answer, Call, Fake, hub, ok, refusal};
use serde_json::json;
use std::collections::BTreeMap;
use wavetrain_model::agent::Status;
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{CommandId, NodeId};
use wavetrain_model::spec::InstallMode;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::distributor::{Distributor, Job, Order, Sent};
use wavetrain_ports::failure::Class;

fn order(job: Job) -> Order {
    Order {
        job,
        nodes: vec![NodeId::from("i-00000000000000001"), NodeId::from("mi-00000000000000002")],
        comment: "wavetrain 0192f0c1 7".to_owned(),
        deliver_within: Seconds(600),
        max_concurrency: 2,
        max_errors: None,
    }
}

fn install(arguments: &[(&str, &str)]) -> Job {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Job::Install {
        package: "arn:aws:ssm:eu-central-1:111111111111:document/agent".to_owned(),
        version: "1.4.2-r1".to_owned(),
        mode: InstallMode::InPlace,
        arguments: arguments.collect::<BTreeMap<_, _>>(),
    }
}

fn accepting(_: &Call) -> Answer {
    ok(r#"{"Command":{"CommandId":"c-1"}}"#)
}

async fn sent_body(order: &Order) -> serde_json::Value {
    let fake = Fake::new(accepting);
    let sent = fake.aws().await.send(&hub(), order).await;
    assert_eq!(sent, Sent::Accepted { command: CommandId::from("c-1") });
    fake.calls("SendCommand")[0].json()
}

#[tokio::test]
async fn an_install_has_exactly_this_shape_on_the_wire() {
    let body = sent_body(&order(install(&[("SSM_tag", "a \"b\"")]))).await;
    assert_eq!(
        body,
        json!({
            "InstanceIds": ["i-00000000000000001", "mi-00000000000000002"],
            "DocumentName": "AWS-ConfigureAWSPackage",
            "DocumentVersion": "$DEFAULT",
            "TimeoutSeconds": 600,
            "Comment": "wavetrain 0192f0c1 7",
            "MaxConcurrency": "2",
            "MaxErrors": "100%",
            "Parameters": {
                "action": ["Install"],
                "installationType": ["In-place update"],
                "name": ["arn:aws:ssm:eu-central-1:111111111111:document/agent"],
                "version": ["1.4.2-r1"],
                "additionalArguments": [r#"{"SSM_tag":"a \"b\""}"#],
            },
        })
    );
    let body = sent_body(&Order { max_errors: Some(3), ..order(install(&[])) }).await;
    assert_eq!(body["MaxErrors"], "3");
    assert_eq!(body["Parameters"].get("additionalArguments"), None);
}

#[tokio::test]
async fn uninstalls_and_scripts_send_only_what_they_mean() {
    let body = sent_body(&order(Job::Uninstall { package: "agent".to_owned(), version: None })).await;
    assert_eq!(body["Parameters"], json!({"action": ["Uninstall"], "name": ["agent"]}));
    let script = |platform| order(Job::Script { platform, command: "echo 1".to_owned() });
    let body = sent_body(&script(Platform::Linux)).await;
    assert_eq!(
        (&body["DocumentName"], &body["Parameters"]),
        (&json!("AWS-RunShellScript"), &json!({"commands": ["echo 1"]}))
    );
    assert_eq!(sent_body(&script(Platform::Windows)).await["DocumentName"], "AWS-RunPowerShellScript");
}

#[tokio::test]
async fn a_send_is_tried_once_whatever_comes_back() {
    for (status, code) in
        [(500, "InternalServerError"), (400, "ThrottlingException"), (503, "ServiceUnavailable")]
    {
        let fake = Fake::new(move |_| refusal(status, code, "no"));
        fake.aws().await.send(&hub(), &order(install(&[]))).await;
        assert_eq!(fake.calls("SendCommand").len(), 1, "{code}");
    }
}

#[tokio::test]
async fn fifty_one_nodes_are_refused_without_a_call() {
    let fake = Fake::new(accepting);
    let aws = fake.aws().await;
    for count in [0, 51] {
        let nodes = (0..count).map(|n| NodeId::new(format!("i-{n:017x}"))).collect();
        let sent = aws.send(&hub(), &Order { nodes, ..order(install(&[])) }).await;
        assert!(matches!(&sent, Sent::Refused(failure) if failure.class == Class::Invalid), "{sent:?}");
    }
    assert!(fake.calls("SendCommand").is_empty());
}

#[tokio::test]
async fn ids_that_spoil_a_command_are_read_out_of_the_message() {
    let message = "Instances [[mi-00000000000000002]] not in a valid state for account 111111111111";
    let fake = Fake::new(move |_| refusal(400, "InvalidInstanceId", message));
    let sent = fake.aws().await.send(&hub(), &order(install(&[]))).await;
    let nodes = vec![NodeId::from("mi-00000000000000002")];
    assert_eq!(sent, Sent::InvalidNodes { nodes, message: message.to_owned() });
    let silent = Fake::new(|_| Answer::Status(400, br#"{"__type":"InvalidInstanceId"}"#.to_vec()));
    let sent = silent.aws().await.send(&hub(), &order(install(&[]))).await;
    assert!(matches!(&sent, Sent::InvalidNodes { nodes, .. } if nodes.is_empty()), "{sent:?}");
}

fn two_pages(call: &Call) -> Answer {
    match call.json().get("NextToken").and_then(|token| token.as_str()) {
        None => ok(r#"{"Commands":[],"NextToken":"a"}"#),
        Some("a") => {
            ok(r#"{"Commands":[{"CommandId":"c-2","Comment":"two","Status":"InProgress","TargetCount":50,
            "CompletedCount":7,"ErrorCount":2,"DeliveryTimedOutCount":1,"RequestedDateTime":1700000001.5},
            {"Comment":"no id"}],"NextToken":"b"}"#)
        }
        Some(_) => {
            ok(r#"{"Commands":[{"CommandId":"c-1","Status":"Newish","RequestedDateTime":1700000000}]}"#)
        }
    }
}

#[tokio::test]
async fn commands_are_paged_by_token_alone_and_from_a_minute_earlier() {
    let fake = Fake::new(two_pages);
    let listing = fake.aws().await.commands(&hub(), Timestamp(1_700_000_000_000), 10).await.unwrap();
    assert!(listing.complete);
    assert_eq!(listing.commands.len(), 2);
    let first = &listing.commands[0];
    assert_eq!((first.targets, first.completed, first.errors, first.delivery_timed_out), (50, 7, 2, 1));
    assert_eq!(
        (first.comment.as_str(), first.over, first.requested_at),
        ("two", false, Timestamp(1_700_000_001_500))
    );
    assert!(!listing.commands[1].over);
    let asked = fake.calls("ListCommands")[0].json();
    assert_eq!(asked["Filters"], json!([{"key": "InvokedAfter", "value": "2023-11-14T22:12:20Z"}]));
    assert_eq!(asked["MaxResults"], 50);
}

#[tokio::test]
async fn a_listing_that_was_cut_says_so() {
    let listing = Fake::new(two_pages).aws().await.commands(&hub(), Timestamp(0), 1).await.unwrap();
    assert_eq!((listing.commands.len(), listing.complete), (1, false));
    let listing = Fake::new(two_pages).aws().await.commands(&hub(), Timestamp(0), 2).await.unwrap();
    assert_eq!((listing.commands.len(), listing.complete), (2, true));
}

#[tokio::test]
async fn a_listing_that_repeats_its_token_ends_in_an_error() {
    let fake = Fake::new(|_| ok(r#"{"Commands":[],"NextToken":"same"}"#));
    let failure = fake.aws().await.commands(&hub(), Timestamp(0), 10).await.unwrap_err();
    assert_eq!(failure.class, Class::Unavailable);
    assert_eq!(fake.calls("ListCommands").len(), 2);
}

fn invocation(node: &str, status: &str, details: &str, output: &str) -> serde_json::Value {
    json!({"CommandId": "c", "InstanceId": node, "Status": status, "StatusDetails": details, "CommandPlugins": [
        {"Name": "configurePackage", "Status": status, "ResponseCode": 1, "Output": output}]})
}

#[tokio::test]
async fn unknown_status_words_are_carried_and_outputs_are_redacted() {
    let fake = Fake::new(|call| {
        let page = if call.json().get("NextToken").is_none() {
            json!({"CommandInvocations": [invocation("i-1", "Hibernating", "HibernatingDeeply", "")], "NextToken": "n"})
        } else {
            let output =
                "failed to download installation package reliably, https://b.s3/a.zip?X-Amz-Signature=abc, x";
            json!({"CommandInvocations": [
                invocation("i-2", "Failed", "Failed", output),
                {"CommandId": "c", "InstanceId": "i-3", "Status": "Pending", "StatusDetails": "Pending", "CommandPlugins": []},
                {"CommandId": "c", "InstanceId": "i-4", "Status": "InProgress", "StatusDetails": "InProgress",
                 "CommandPlugins": [{"Name": "x", "Status": "InProgress", "ResponseCode": -1}]}]})
        };
        ok(&page.to_string())
    });
    let found = fake.aws().await.invocations(&hub(), &CommandId::from("c")).await.unwrap();
    assert_eq!(found[0].status, Status::Other("HibernatingDeeply".to_owned()));
    assert!(!found[1].output.contains("abc") && found[1].output.contains("reliably"), "{}", found[1].output);
    assert_eq!((found[1].exit_code, found[2].exit_code, found[3].exit_code), (Some(1), None, None));
    assert_eq!(fake.calls("ListCommandInvocations")[0].json()["Details"], true);
    assert!(fake.calls("GetCommandInvocation").is_empty());
}

#[tokio::test]
async fn a_cut_output_without_the_decisive_line_is_fetched_whole_and_once() {
    let fake = Fake::new(|call| {
        let chatter = "x".repeat(2_500);
        let decided = format!("Successfully installed p 2 {chatter}")[..2_500].to_owned();
        if call.operation == "GetCommandInvocation" {
            let url = "https://b/a.zip?X-Amz-Signature=abc";
            let body = json!({"StandardOutputContent": format!("{chatter} Successfully installed p 2"), "StandardErrorContent": url});
            return ok(&body.to_string());
        }
        let rows = [
            invocation("i-1", "Success", "Success", &chatter),
            invocation("i-2", "Success", "Success", &decided),
            invocation("i-3", "TimedOut", "DeliveryTimedOut", &chatter),
        ];
        ok(&json!({"CommandInvocations": rows}).to_string())
    });
    let aws = fake.aws().await;
    for _ in 0..2 {
        let found = aws.invocations(&hub(), &CommandId::from("c")).await.unwrap();
        assert!(found[0].output.contains("Successfully installed p 2"));
        assert!(!found[0].output.contains("abc"));
    }
    let fetched = fake.calls("GetCommandInvocation");
    assert_eq!(fetched.len(), 1);
    assert_eq!(
        fetched[0].json(),
        json!({"CommandId": "c", "InstanceId": "i-1", "PluginName": "configurePackage"})
    );
}
