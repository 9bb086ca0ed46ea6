//! Agents that are not the simulation's own join its fleet by their own wire, and a rollout counts them like all others. The agent
//! here is written down message by message, on plain HTTP, and shares nothing with the simulation but the wire.

mod agent;
mod real;

use crate::kit::http;
use crate::kit::stage::{APPLY, Stage};
use agent::{Agent, Wire};
use serde_json::{Value, json};

/// The agent's clock is real, and a command waits an hour of the world's for it to begin.
const SPEED: u32 = 60;

const WORLD: &str = r#"
seed: 11
hub: "111122223333"
sites: { accounts: ["111122223333"], regions: [us-east-1] }
roles: [{ name: wavetrain-spoke, external_id: tests }]
nodes:
  - { name: web, count: 2, platform: Linux, installed: {} }
packages: []
published: [{ package: tool }]
probes: [{ contains: tool --version, package: tool }]
timing: { agent_wait_seconds: [0, 3], listing_lag_seconds: 1, document_seconds: [1, 2] }
buckets: [{ name: packages, region: us-east-1 }]
activations: [{ id: activation, code: secret, account: "111122223333", region: us-east-1 }]
"#;

const PLAN: &str = r#"apiVersion: wavetrain/v1
rollout:
  name: tool
  package: { name: tool, owner: "111122223333", version: VERSION, probe: { linux: tool --version } }
  fleet:
    accounts: ["111122223333"]
    regions: [us-east-1]
    role: "arn:aws:iam::{account}:role/wavetrain-spoke"
    external_id: tests
  limits: { in_flight: 100%, failures: 0 }
  waves: [{ name: all, percent: 100, bake: 1m }]
"#;

const RECIPE: &str = "apiVersion: wavetrain/v1
package:
  name: tool
  version: VERSION
  zips:
    tool-linux.zip: { from: linux, serves: [{ platform: _any }] }
";

/// A world in which both versions are published.
fn stage(speed: u32) -> Stage {
    let stage = Stage::new(WORLD, speed);
    std::fs::create_dir_all(stage.file("linux")).expect("a folder");
    for version in ["1.0.0", "2.0.0"] {
        stage.write("plan.yaml", &PLAN.replace("VERSION", version));
        stage.write("package.yaml", &RECIPE.replace("VERSION", version));
        for script in ["install.sh", "uninstall.sh", "validate.sh"] {
            stage.write(&format!("linux/{script}"), "exit 0\n");
        }
        stage.write("linux/payload.txt", version);
        stage.run(&["package", "build", ".", "--out", version]).ended_with(0);
        stage
            .run(&["package", "publish", version, "--plan", "plan.yaml", "--bucket", "packages"])
            .ended_with(0);
    }
    stage
}

#[test]
fn an_agent_that_joined_is_one_more_node_of_a_rollout() {
    let stage = stage(SPEED);
    let agent = Agent::join(&stage.sim.endpoint, None);
    let id = agent.id.clone();
    stage.run(&APPLY).ended_with(0);
    let nodes = stage.nodes();
    assert_eq!(nodes.len(), 3);
    assert!(nodes.iter().all(|node| node.version.as_deref() == Some("2.0.0")), "{nodes:?}");
    let joined = nodes.iter().find(|node| node.id == id).expect("it is of the fleet");
    assert_eq!(joined.installs("2.0.0").count(), 1);
    for operation in ["GetManifest", "PutConfigurePackageResult", "AcknowledgeMessage"] {
        assert!(!stage.sim.calls(operation).is_empty(), "{operation} was never called");
    }
    drop(stage);
    assert_eq!(agent.leave().as_deref(), Some("2.0.0"));
}

#[test]
fn an_agent_whose_install_fails_gets_its_own_previous_version_back() {
    let stage = stage(SPEED);
    let agent = Agent::join(&stage.sim.endpoint, Some("2.0.0"));
    let id = agent.id.clone();
    stage.run(&APPLY).ended_with(5);
    let nodes = stage.nodes();
    let joined = nodes.iter().find(|node| node.id == id).expect("it is of the fleet");
    assert_eq!(joined.installs("2.0.0").count(), 1);
    assert_eq!(joined.installs("1.0.0").count(), 1);
    assert_eq!(joined.version.as_deref(), Some("1.0.0"));
    drop(stage);
    assert_eq!(agent.leave().as_deref(), Some("1.0.0"));
}

#[test]
fn an_association_is_fetched_and_reported_by_the_agent_itself() {
    let stage = stage(SPEED);
    let wire = Wire::register(&stage.sim.endpoint);
    let id = wire.id.clone();
    let authority = stage.sim.endpoint.trim_start_matches("http://");
    let asked = json!({
        "Name": "AWS-ConfigureAWSPackage",
        "Parameters": { "action": ["Install"], "name": ["tool"], "version": ["1.0.0"] },
        "Targets": [{ "Key": "InstanceIds", "Values": [id] }],
    });
    let (status, made) = http::call_ssm(authority, "CreateAssociation", &asked);
    assert_eq!(status, 200, "{made}");
    let association = made["AssociationDescription"]["AssociationId"].clone();
    let listed = wire.ssm("ListInstanceAssociations", &json!({ "InstanceId": id, "MaxResults": 20 }));
    let summary = &listed["Associations"][0];
    assert_eq!(summary["AssociationId"], association, "{listed}");
    assert_eq!(summary["Name"], "AWS-ConfigureAWSPackage");
    assert_eq!(
        summary["Parameters"]["version"],
        json!(["1.0.0"]),
        "lists, as parameters of associations are"
    );
    for member in ["AssociationVersion", "Checksum", "DetailedStatus", "DocumentVersion", "InstanceId"] {
        assert!(summary[member].is_string(), "{member} in {summary}");
    }
    let document = json!({ "Name": summary["Name"], "DocumentVersion": summary["DocumentVersion"] });
    let content = wire.ssm("GetDocument", &document)["Content"].as_str().map(str::to_owned);
    let content: Value = serde_json::from_str(&content.expect("text")).expect("JSON");
    assert_eq!(content["mainSteps"][0]["action"], "aws:configurePackage");
    let word = || {
        let body = json!({ "InstanceId": id });
        let (_, said) = http::call_ssm(authority, "DescribeInstanceAssociationsStatus", &body);
        said["InstanceAssociationStatusInfos"][0]["DetailedStatus"].clone()
    };
    for (told, seen) in [("Pending", "Pending"), ("InProgress", "InProgress"), ("Success", "Success")] {
        let body = json!({ "AssociationId": association, "InstanceId": id, "ExecutionResult": {
            "Status": told, "ErrorCode": "", "ExecutionDate": 1_770_000_000.5,
            "ExecutionSummary": "1 out of 1 plugin processed, 1 success, 0 failed, 0 timedout, 0 skipped. ",
        }});
        assert_eq!(wire.ssm("UpdateInstanceAssociationStatus", &body), json!({}));
        assert_eq!(word(), seen);
    }
    let item = json!({ "Id": association, "Title": "", "Severity": "UNSPECIFIED", "Status": "COMPLIANT" });
    wire.ssm(
        "PutComplianceItems",
        &json!({
            "ResourceId": id, "ResourceType": "ManagedInstance", "ComplianceType": "Association",
            "ExecutionSummary": { "ExecutionTime": 1_770_000_000 }, "Items": [item],
        }),
    );
}

#[test]
fn a_control_channel_is_refused_and_messages_still_come() {
    let stage = stage(SPEED);
    let wire = Wire::register(&stage.sim.endpoint);
    let body = json!({ "MessageSchemaVersion": "1.0", "RequestId": "r" });
    let path = format!("/v1/control-channel/{}", wire.id);
    let (status, said) = wire.post("ssmmessages", &path, "", &body);
    assert_eq!(status, 403, "{said}");
    assert!(said["message"].as_str().is_some_and(|text| text.contains("delivered as messages")), "{said}");
    let command = json!({
        "DocumentName": "AWS-RunShellScript", "InstanceIds": [wire.id], "Parameters": { "commands": ["true"] },
    });
    let (status, sent) =
        http::call_ssm(stage.sim.endpoint.trim_start_matches("http://"), "SendCommand", &command);
    assert_eq!(status, 200, "{sent}");
    let got = wire.messages(
        "GetMessages",
        &json!({
            "Destination": wire.id, "MessagesRequestId": "m", "VisibilityTimeoutInSeconds": 10,
        }),
    );
    assert_eq!(got["Messages"][0]["Topic"], "aws.ssm.sendCommand", "{got}");
}
