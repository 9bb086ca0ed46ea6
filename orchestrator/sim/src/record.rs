//! What really happened: the world's own record, for comparison with what clients believe.

use std::sync::Arc;

use serde::Serialize;

use crate::api::{Delivery, Request, cloudwatch, ssm, sts};
use crate::clock::WorldTime;

/// One command that reached a node's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// When it was delivered.
    pub at: WorldTime,
    /// Command id.
    pub command_id: Arc<str>,
    /// Document, such as `AWS-ConfigureAWSPackage`.
    pub document: &'static str,
    /// `Install` or `Uninstall`; empty for scripts.
    pub action: String,
    /// Package name or ARN as given; empty for scripts.
    pub package: String,
    /// Version as given, blank for the default; the command text for scripts.
    pub version: String,
    /// The command's comment.
    pub comment: Arc<str>,
}

/// A change of what is installed on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BitsChange {
    /// When.
    pub at: WorldTime,
    /// Product.
    pub product: Arc<str>,
    /// Version before; `None` when absent.
    pub from: Option<Arc<str>>,
    /// Version after; `None` when absent.
    pub to: Option<Arc<str>>,
    /// Whether debris lies about afterwards.
    pub debris: bool,
    /// The command under which it happened.
    pub command_id: Arc<str>,
}

/// Everything that happened to one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// How many commands were sent to the node, whether or not they reached it.
    pub sent: u32,
    /// Commands that reached its agent, oldest first.
    pub commands: Vec<Receipt>,
    /// Changes of the bits, oldest first.
    pub bits: Vec<BitsChange>,
}

/// One call the world received, whether or not it was carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallRecord {
    /// When.
    pub at: WorldTime,
    /// Account whose credentials were used; empty when they were refused.
    pub account: String,
    /// Region called.
    pub region: String,
    /// Role session name, if temporary credentials were used.
    pub session: Option<String>,
    /// Service, such as `ssm`.
    pub service: &'static str,
    /// Operation, such as `SendCommand`.
    pub operation: &'static str,
    /// Error code; `None` when carried out.
    pub error: Option<String>,
    /// Whether the operation was carried out.
    pub executed: bool,
    /// What became of the answer: `arrives`, `dropped`, `garbled`, `unavailable`, `hangs`.
    pub delivery: &'static str,
    /// The interesting parameters in one line.
    pub brief: String,
}

/// The word for a delivery in records.
pub fn delivery_word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Arrives => "arrives",
        Delivery::Dropped => "dropped",
        Delivery::Garbled => "garbled",
        Delivery::Unavailable => "unavailable",
        Delivery::Hangs => "hangs",
    }
}

/// The interesting parameters of a call in one line: enough to follow a client, short enough for millions.
pub(crate) fn brief(request: &Request) -> String {
    let Request::Ssm(request) = request else {
        return match request {
            Request::Sts(sts::Request::AssumeRole(input)) => {
                format!("role={} session={}", input.role_arn, input.role_session_name)
            }
            Request::CloudWatch(cloudwatch::Request::DescribeAlarms(input)) => format!(
                "names={} prefix={}",
                input.alarm_names.as_ref().map_or(0, Vec::len),
                input.alarm_name_prefix.as_deref().unwrap_or_default()
            ),
            Request::CloudWatch(request) => brief_metrics(request),
            Request::S3(request) => {
                let (bucket, key) = request.place();
                format!("bucket={bucket} key={key}")
            }
            _ => String::new(),
        };
    };
    match request {
        ssm::Request::SendCommand(input) => {
            let parameter = |name: &str| {
                let values = input.parameters.as_ref().and_then(|parameters| parameters.get(name));
                values.and_then(|values| values.first()).cloned().unwrap_or_default()
            };
            format!(
                "document={} nodes={} comment={} action={} name={} version={}",
                input.document_name,
                input.instance_ids.len(),
                input.comment.as_deref().unwrap_or_default(),
                parameter("action"),
                parameter("name"),
                parameter("version")
            )
        }
        ssm::Request::ListCommandInvocations(input) => {
            format!("command={}", input.command_id.as_deref().unwrap_or_default())
        }
        ssm::Request::CancelCommand(input) => format!("command={}", input.command_id),
        ssm::Request::GetCommandInvocation(input) => {
            format!("command={} node={}", input.command_id, input.instance_id)
        }
        ssm::Request::DescribeDocument(input) => {
            format!("name={} version={}", input.name, input.version_name.as_deref().unwrap_or_default())
        }
        ssm::Request::GetDocument(input) => {
            format!("name={} version={}", input.name, input.version_name.as_deref().unwrap_or_default())
        }
        ssm::Request::ListDocumentVersions(input) => format!("name={}", input.name),
        request => brief_keeping(request),
    }
}

/// Associations, compliance, default versions.
fn brief_keeping(request: &ssm::Request) -> String {
    match request {
        ssm::Request::UpdateDocumentDefaultVersion(input) => {
            format!("name={} version={}", input.name, input.document_version)
        }
        ssm::Request::CreateDocument(input) => {
            format!("name={} version={}", input.name, input.version_name.as_deref().unwrap_or_default())
        }
        ssm::Request::UpdateDocument(input) => {
            format!("name={} version={}", input.name, input.version_name.as_deref().unwrap_or_default())
        }
        ssm::Request::DeleteDocument(input) => {
            format!("name={} version={}", input.name, input.version_name.as_deref().unwrap_or_default())
        }
        ssm::Request::ModifyDocumentPermission(input) => format!(
            "name={} add={} remove={} versions={}",
            input.name,
            input.account_ids_to_add.as_deref().unwrap_or_default().join(","),
            input.account_ids_to_remove.as_deref().unwrap_or_default().join(","),
            input.shared_document_version.as_deref().unwrap_or_default()
        ),
        ssm::Request::CreateAssociation(input) => format!(
            "document={} name={} schedule={}",
            input.name,
            input.association_name.as_deref().unwrap_or_default(),
            input.schedule_expression.as_deref().unwrap_or_default()
        ),
        ssm::Request::UpdateAssociation(input) => format!("association={}", input.association_id),
        ssm::Request::DescribeAssociation(input) => {
            format!("association={}", input.association_id.as_deref().unwrap_or_default())
        }
        ssm::Request::DeleteAssociation(input) => {
            format!("association={}", input.association_id.as_deref().unwrap_or_default())
        }
        ssm::Request::StartAssociationsOnce(input) => {
            format!("associations={}", input.association_ids.as_deref().unwrap_or_default().join(","))
        }
        ssm::Request::DescribeAssociationExecutions(input) => format!("association={}", input.association_id),
        ssm::Request::DescribeAssociationExecutionTargets(input) => {
            format!("association={} execution={}", input.association_id, input.execution_id)
        }
        ssm::Request::PutComplianceItems(input) => format!(
            "node={} type={} items={}",
            input.resource_id,
            input.compliance_type,
            input.items.as_ref().map_or(0, Vec::len)
        ),
        ssm::Request::ListComplianceItems(input) => {
            format!("nodes={}", input.resource_ids.as_deref().unwrap_or_default().join(","))
        }
        _ => String::new(),
    }
}

fn brief_metrics(request: &cloudwatch::Request) -> String {
    match request {
        cloudwatch::Request::GetMetricData(input) => {
            let queries = input.metric_data_queries.as_deref().unwrap_or_default();
            let expressions = queries.iter().filter(|query| query.expression.is_some()).count();
            let at =
                |at: Option<crate::api::Timestamp>| at.map_or(0, crate::api::Timestamp::as_millis) / 1000;
            let (from, until) = (at(input.start_time), at(input.end_time));
            format!("queries={} expressions={expressions} from={from} until={until}", queries.len())
        }
        cloudwatch::Request::PutMetricData(input) => {
            let data = input.metric_data.as_ref().map_or(0, Vec::len);
            format!("namespace={} data={data}", input.namespace)
        }
        cloudwatch::Request::PutMetricAlarm(input) => format!("name={}", input.alarm_name),
        cloudwatch::Request::SetAlarmState(input) => {
            format!("name={} state={}", input.alarm_name, input.state_value)
        }
        cloudwatch::Request::DeleteAlarms(input) => {
            format!("names={}", input.alarm_names.as_ref().map_or(0, Vec::len))
        }
        _ => String::new(),
    }
}
