//! The IAM policies that users attach cover exactly the calls that wavetrain makes.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Whose credentials calls are made with.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// The role in each account.
    Spoke,
    /// Who publishes.
    Publisher,
    /// Who runs the program, to find the accounts.
    Caller,
}

/// Who makes the calls of a source file of the AWS crate.
fn caller(file: &Path) -> Who {
    match file.file_name().and_then(|name| name.to_str()) {
        Some("bucket.rs" | "registry.rs") => Who::Publisher,
        Some("organization.rs") => Who::Caller,
        _ => Who::Spoke,
    }
}

fn allowed(policy: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{ROOT}/policies/iam/{policy}.json")).expect("the policy is there");
    let policy: Value = serde_json::from_str(&text).expect("the policy is JSON");
    let statements = policy["Statement"].as_array().expect("a list").clone();
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.map(|action| action.as_str().expect("text").to_owned()).collect()
}

/// The operations that the AWS crate calls, read from its sources: the SDK's fluent methods that are sent.
fn called(who: Who) -> BTreeSet<String> {
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
        ("create_document()", "ssm:CreateDocument"),
        ("update_document()", "ssm:UpdateDocument"),
        ("delete_document()", "ssm:DeleteDocument"),
        ("describe_document_permission()", "ssm:DescribeDocumentPermission"),
        ("modify_document_permission()", "ssm:ModifyDocumentPermission"),
        // S3's actions are not named as its calls are: whoever heads an object reads it, and begins uploads by putting.
        ("head_object()", "s3:GetObject"),
        // Without it S3 says of what is missing that access is denied.
        ("head_object()", "s3:ListBucket"),
        ("put_object()", "s3:PutObject"),
        ("create_multipart_upload()", "s3:PutObject"),
        ("upload_part()", "s3:PutObject"),
        ("complete_multipart_upload()", "s3:PutObject"),
        ("abort_multipart_upload()", "s3:AbortMultipartUpload"),
        ("list_multipart_uploads()", "s3:ListBucketMultipartUploads"),
        ("list_parts()", "s3:ListMultipartUploadParts"),
        ("list_documents()", "ssm:ListDocuments"),
        ("list_tags_for_resource()", "ssm:ListTagsForResource"),
        ("list_associations()", "ssm:ListAssociations"),
        ("describe_association()", "ssm:DescribeAssociation"),
        ("describe_association_executions()", "ssm:DescribeAssociationExecutions"),
        ("describe_association_execution_targets()", "ssm:DescribeAssociationExecutionTargets"),
        ("create_association()", "ssm:CreateAssociation"),
        ("update_association()", "ssm:UpdateAssociation"),
        ("delete_association()", "ssm:DeleteAssociation"),
        ("start_associations_once()", "ssm:StartAssociationsOnce"),
        ("list_accounts_for_parent()", "organizations:ListAccountsForParent"),
        ("list_organizational_units_for_parent()", "organizations:ListOrganizationalUnitsForParent"),
        ("update_document_default_version()", "ssm:UpdateDocumentDefaultVersion"),
    ];
    let mut text = String::new();
    read_sources(Path::new(&format!("{ROOT}/orchestrator/aws/src")), who, &mut text);
    let text: String = text.split_whitespace().collect();
    let found = operations.iter().filter(|(method, _)| text.contains(&format!(".{method}")));
    found.map(|(_, action)| (*action).to_owned()).collect()
}

fn read_sources(folder: &Path, who: Who, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            read_sources(&path, who, text);
        } else if caller(&path) == who {
            text.push_str(&fs::read_to_string(&path).expect("sources are text"));
        }
    }
}

#[test]
fn the_spoke_policy_allows_exactly_what_is_called() {
    assert_eq!(allowed("spoke"), called(Who::Spoke));
}

#[test]
fn the_publisher_policy_allows_exactly_what_is_called() {
    let called: BTreeSet<String> = called(Who::Publisher).into_iter().chain(called(Who::Caller)).collect();
    assert_eq!(allowed("publisher"), called);
}

/// A copy is shared with nobody.
#[test]
fn the_copier_policy_allows_what_is_called_but_for_sharing() {
    let sharing = ["ssm:DescribeDocumentPermission", "ssm:ModifyDocumentPermission"];
    let mut called = called(Who::Publisher);
    called.retain(|action| !sharing.contains(&action.as_str()));
    assert_eq!(allowed("copier"), called);
}

#[test]
fn the_hub_policy_allows_to_find_accounts() {
    let called = called(Who::Caller);
    assert!(called.len() == 2 && called.is_subset(&allowed("hub")), "{called:?}");
}

/// The template gives the role what the policy file says, no more and no less.
#[test]
fn the_spoke_template_allows_what_the_spoke_policy_allows() {
    let text =
        fs::read_to_string(format!("{ROOT}/policies/iam/spoke-role.yaml")).expect("the template is there");
    let is_action =
        |item: &&str| item.split_once(':').is_some_and(|(_, name)| name.chars().all(char::is_alphanumeric));
    let actions = text.lines().filter_map(|line| line.trim().strip_prefix("- ")).filter(is_action);
    let actions: BTreeSet<String> = actions.map(str::to_owned).collect();
    assert_eq!(actions, allowed("spoke"));
}
