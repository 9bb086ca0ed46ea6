//! State Manager.

use crate::fake::{Answer, Call, Fake, hub, ok, refusal};
use serde_json::json;
use std::collections::BTreeMap;
use wavetrain_model::agent::Status;
use wavetrain_model::association::{Definition, Output, Target};
use wavetrain_model::id::AssociationId;
use wavetrain_ports::associations::Associations;
use wavetrain_ports::distributor::Sent;
use wavetrain_ports::failure::Class;

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn definition() -> Definition {
    Definition {
        name: "wavetrain.0192f0c1.7".to_owned(),
        parameters: BTreeMap::from([
            ("action".to_owned(), "Install".to_owned()),
            ("version".to_owned(), "1.4.2-r1".to_owned()),
        ]),
        targets: vec![Target {
            key: "InstanceIds".to_owned(),
            values: vec!["i-00000000000000001".to_owned()],
        }],
        schedule: None,
        compliance_severity: Some("HIGH".to_owned()),
        max_concurrency: Some("1".to_owned()),
        max_errors: Some("0".to_owned()),
        output: Some(Output { bucket: "outputs".to_owned(), prefix: None, region: None }),
    }
}

fn wire() -> serde_json::Value {
    json!({
        "Name": "AWS-ConfigureAWSPackage",
        "AssociationName": "wavetrain.0192f0c1.7",
        "Parameters": { "action": ["Install"], "version": ["1.4.2-r1"] },
        "Targets": [{ "Key": "InstanceIds", "Values": ["i-00000000000000001"] }],
        "ComplianceSeverity": "HIGH",
        "MaxConcurrency": "1",
        "MaxErrors": "0",
        "OutputLocation": { "S3Location": { "OutputS3BucketName": "outputs" } },
    })
}

fn answering(call: &Call) -> Answer {
    let described = format!(
        r#"{{"AssociationDescription":{{"AssociationId":"{ID}","Name":"AWS-ConfigureAWSPackage","AssociationName":"keep",
        "Targets":[{{"Key":"tag:a","Values":["b"]}}],"ScheduleExpression":"rate(1 day)","SyncCompliance":"MANUAL",
        "MaxErrors":"3","ApplyOnlyAtCronInterval":true,"Parameters":{{"version":["1"]}}}}}}"#
    );
    match call.operation.as_str() {
        "CreateAssociation" | "DescribeAssociation" => ok(&described),
        "ListAssociations" => {
            ok(&format!(r#"{{"Associations":[{{"AssociationId":"{ID}","AssociationName":"keep"}}]}}"#))
        }
        "DescribeAssociationExecutions" => ok(
            r#"{"AssociationExecutions":[{"ExecutionId":"late","CreatedTime":20,"ResourceCountByStatus":"{Success=1}"},
            {"ExecutionId":"early","CreatedTime":10,"ResourceCountByStatus":"{Failed=1, Pending=1}"}]}"#,
        ),
        "DescribeAssociationExecutionTargets" => ok(
            r#"{"AssociationExecutionTargets":[{"ResourceId":"i-1","Status":"Skipped","DetailedStatus":"Skipped"},
            {"ResourceId":"i-2","Status":"Success","OutputSource":{"OutputSourceId":"c-1","OutputSourceType":"RunCommand"}}]}"#,
        ),
        "ListDocumentVersions" => {
            ok(r#"{"DocumentVersions":[{"DocumentVersion":"1","VersionName":"old","IsDefaultVersion":true},
            {"DocumentVersion":"4","VersionName":"new","IsDefaultVersion":false}]}"#)
        }
        "DeleteAssociation" => refusal(400, "AssociationDoesNotExist", "gone"),
        _ => ok("{}"),
    }
}

#[tokio::test]
async fn an_association_has_exactly_this_shape_on_the_wire() {
    let fake = Fake::new(answering);
    let sent = fake.aws().await.create_association(&hub(), &definition()).await;
    assert!(matches!(sent, Sent::Accepted { command } if command.as_str() == ID));
    assert_eq!(fake.calls("CreateAssociation")[0].json(), wire());
}

#[tokio::test]
async fn an_association_whose_answer_makes_no_sense_may_exist() {
    let fake = Fake::new(|_| ok("{}"));
    let sent = fake.aws().await.create_association(&hub(), &definition()).await;
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    assert_eq!(fake.calls("CreateAssociation").len(), 1, "never repeated by the SDK");
}

#[tokio::test]
async fn other_targets_leave_everything_else_as_it_was() {
    let fake = Fake::new(answering);
    let aws = fake.aws().await;
    aws.retarget(&hub(), &AssociationId::from(ID), &[Target::nowhere()]).await.unwrap();
    let body = fake.calls("UpdateAssociation")[0].json();
    assert_eq!(body["Targets"], json!([{ "Key": "tag:wavetrain-paused", "Values": ["yes"] }]));
    assert_eq!(body["ScheduleExpression"], "rate(1 day)");
    assert_eq!((&body["SyncCompliance"], &body["MaxErrors"]), (&json!("MANUAL"), &json!("3")));
    assert_eq!((&body["ApplyOnlyAtCronInterval"], &body["AssociationName"]), (&json!(true), &json!("keep")));
    assert_eq!(body["Parameters"], json!({ "version": ["1"] }));
    let same = [Target { key: "tag:a".to_owned(), values: vec!["b".to_owned()] }];
    aws.retarget(&hub(), &AssociationId::from(ID), &same).await.unwrap();
    assert_eq!(
        fake.calls("UpdateAssociation").len(),
        1,
        "an update would be applied to every target at once"
    );
}

#[tokio::test]
async fn executions_and_their_targets_are_read_as_they_are() {
    let fake = Fake::new(answering);
    let aws = fake.aws().await;
    let id = AssociationId::from(ID);
    let executions = aws.executions(&hub(), &id).await.unwrap();
    let ids: Vec<&str> = executions.iter().map(|execution| execution.id.as_str()).collect();
    assert_eq!(ids, ["early", "late"]);
    let runs = aws.execution_targets(&hub(), &id, "early").await.unwrap();
    assert_eq!((&runs[0].status, &runs[0].command), (&Status::Undeliverable, &None));
    assert_eq!(runs[1].command.as_ref().map(wavetrain_model::id::CommandId::as_str), Some("c-1"));
    assert_eq!(aws.associations(&hub()).await.unwrap()[0].name, "keep");
    let gone = aws.delete_association(&hub(), &id).await.unwrap_err();
    assert_eq!(gone.class, Class::NotFound);
}

#[tokio::test]
async fn a_default_version_is_set_by_its_number_and_only_if_it_is_another() {
    let fake = Fake::new(answering);
    let aws = fake.aws().await;
    assert!(aws.set_default_version(&hub(), "agent", "new").await.unwrap());
    let body = fake.calls("UpdateDocumentDefaultVersion")[0].json();
    assert_eq!(body, json!({ "Name": "agent", "DocumentVersion": "4" }));
    assert!(!aws.set_default_version(&hub(), "agent", "old").await.unwrap());
    assert_eq!(aws.set_default_version(&hub(), "agent", "none").await.unwrap_err().class, Class::NotFound);
}
