//! The IAM policies that users attach cover exactly the calls that wavetrain makes.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{ROOT}/policies/iam/spoke.json")).expect("the policy is there");
    let policy: Value = serde_json::from_str(&text).expect("the policy is JSON");
    let statements = policy["Statement"].as_array().expect("a list").clone();
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.map(|action| action.as_str().expect("text").to_owned()).collect()
}

/// The operations that the AWS crate calls, read from its sources: the SDK's fluent methods that are sent.
fn called() -> BTreeSet<String> {
    let operations = [
        ("send_command()", "ssm:SendCommand"),
        ("list_commands()", "ssm:ListCommands"),
        ("list_command_invocations()", "ssm:ListCommandInvocations"),
        ("get_command_invocation()", "ssm:GetCommandInvocation"),
        ("cancel_command()", "ssm:CancelCommand"),
        ("describe_instance_information()", "ssm:DescribeInstanceInformation"),
        ("describe_instance_properties()", "ssm:DescribeInstanceProperties"),
        ("describe_document()", "ssm:DescribeDocument"),
        ("get_document()", "ssm:GetDocument"),
        ("list_document_versions()", "ssm:ListDocumentVersions"),
        ("describe_alarms()", "cloudwatch:DescribeAlarms"),
        ("get_metric_data()", "cloudwatch:GetMetricData"),
        ("describe_alarm_history()", "cloudwatch:DescribeAlarmHistory"),
        ("list_compliance_items()", "ssm:ListComplianceItems"),
        ("list_resource_compliance_summaries()", "ssm:ListResourceComplianceSummaries"),
        ("put_compliance_items()", "ssm:PutComplianceItems"),
        ("list_documents()", "ssm:ListDocuments"),
        ("list_tags_for_resource()", "ssm:ListTagsForResource"),
    ];
    let mut text = String::new();
    read_sources(Path::new(&format!("{ROOT}/orchestrator/aws/src")), &mut text);
    let text: String = text.split_whitespace().collect();
    let found = operations.iter().filter(|(method, _)| text.contains(&format!(".{method}")));
    found.map(|(_, action)| (*action).to_owned()).collect()
}

fn read_sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            read_sources(&path, text);
        } else {
            text.push_str(&fs::read_to_string(&path).expect("sources are text"));
        }
    }
}

#[test]
fn the_spoke_policy_allows_exactly_what_is_called() {
    assert_eq!(allowed(), called());
}
