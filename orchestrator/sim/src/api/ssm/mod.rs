//! Systems Manager: Run Command, managed nodes, documents, State Manager and compliance.

// The members are AWS's, documented in the Systems Manager API Reference under these names; what this world makes
// of them is documented where it does so.
#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use std::collections::BTreeMap;

use crate::api::wire::{Timestamp, operations, structures, words};

mod agent;
mod association;
mod compliance;
mod document;
mod limits;

pub use agent::*;
pub use association::*;
pub use compliance::*;
pub use document::*;

operations! {
    Ssm:
    SendCommand(SendCommandInput) -> SendCommandOutput,
    ListCommands(ListCommandsInput) -> ListCommandsOutput,
    ListCommandInvocations(ListCommandInvocationsInput) -> ListCommandInvocationsOutput,
    GetCommandInvocation(GetCommandInvocationInput) -> GetCommandInvocationOutput,
    CancelCommand(CancelCommandInput) -> CancelCommandOutput,
    DescribeInstanceInformation(DescribeInstanceInformationInput) -> DescribeInstanceInformationOutput,
    DescribeInstanceProperties(DescribeInstancePropertiesInput) -> DescribeInstancePropertiesOutput,
    DescribeDocument(DescribeDocumentInput) -> DescribeDocumentOutput,
    GetDocument(GetDocumentInput) -> GetDocumentOutput,
    ListDocumentVersions(ListDocumentVersionsInput) -> ListDocumentVersionsOutput,
    ListDocuments(ListDocumentsInput) -> ListDocumentsOutput,
    AddTagsToResource(AddTagsToResourceInput) -> AddTagsToResourceOutput,
    ListTagsForResource(ListTagsForResourceInput) -> ListTagsForResourceOutput,
    UpdateDocumentDefaultVersion(UpdateDocumentDefaultVersionInput) -> UpdateDocumentDefaultVersionOutput,
    CreateDocument(CreateDocumentInput) -> CreateDocumentOutput,
    UpdateInstanceInformation(UpdateInstanceInformationInput) -> UpdateInstanceInformationOutput,
    ListInstanceAssociations(ListInstanceAssociationsInput) -> ListInstanceAssociationsOutput,
    UpdateInstanceAssociationStatus(UpdateInstanceAssociationStatusInput)
        -> UpdateInstanceAssociationStatusOutput,
    GetManifest(GetManifestInput) -> GetManifestOutput,
    PutConfigurePackageResult(PutConfigurePackageResultInput) -> PutConfigurePackageResultOutput,
    RegisterManagedInstance(RegisterManagedInstanceInput) -> RegisterManagedInstanceOutput,
    RequestManagedInstanceRoleToken(RequestManagedInstanceRoleTokenInput)
        -> RequestManagedInstanceRoleTokenOutput,
    UpdateDocument(UpdateDocumentInput) -> UpdateDocumentOutput,
    DeleteDocument(DeleteDocumentInput) -> DeleteDocumentOutput,
    ModifyDocumentPermission(ModifyDocumentPermissionInput) -> ModifyDocumentPermissionOutput,
    DescribeDocumentPermission(DescribeDocumentPermissionInput) -> DescribeDocumentPermissionOutput,
    CreateAssociation(CreateAssociationInput) -> CreateAssociationOutput,
    UpdateAssociation(UpdateAssociationInput) -> UpdateAssociationOutput,
    DescribeAssociation(DescribeAssociationInput) -> DescribeAssociationOutput,
    ListAssociations(ListAssociationsInput) -> ListAssociationsOutput,
    ListAssociationVersions(ListAssociationVersionsInput) -> ListAssociationVersionsOutput,
    DeleteAssociation(DeleteAssociationInput) -> DeleteAssociationOutput,
    StartAssociationsOnce(StartAssociationsOnceInput) -> StartAssociationsOnceOutput,
    DescribeAssociationExecutions(DescribeAssociationExecutionsInput) -> DescribeAssociationExecutionsOutput,
    DescribeAssociationExecutionTargets(DescribeAssociationExecutionTargetsInput)
        -> DescribeAssociationExecutionTargetsOutput,
    DescribeEffectiveInstanceAssociations(DescribeEffectiveInstanceAssociationsInput)
        -> DescribeEffectiveInstanceAssociationsOutput,
    DescribeInstanceAssociationsStatus(DescribeInstanceAssociationsStatusInput)
        -> DescribeInstanceAssociationsStatusOutput,
    PutComplianceItems(PutComplianceItemsInput) -> PutComplianceItemsOutput,
    ListComplianceItems(ListComplianceItemsInput) -> ListComplianceItemsOutput,
    ListResourceComplianceSummaries(ListResourceComplianceSummariesInput)
        -> ListResourceComplianceSummariesOutput,
    ListComplianceSummaries(ListComplianceSummariesInput) -> ListComplianceSummariesOutput,
}

words! {
    /// Status of a command.
    CommandStatus {
        Pending = "Pending", InProgress = "InProgress", Success = "Success", Cancelled = "Cancelled",
        Failed = "Failed", TimedOut = "TimedOut", Cancelling = "Cancelling",
    }
    /// Status of a command on one node.
    InvocationStatus {
        Pending = "Pending", InProgress = "InProgress", Delayed = "Delayed", Success = "Success",
        Cancelled = "Cancelled", TimedOut = "TimedOut", Failed = "Failed", Cancelling = "Cancelling",
    }
    /// Status of one step of a command on one node.
    PluginStatus {
        Pending = "Pending", InProgress = "InProgress", Success = "Success", TimedOut = "TimedOut",
        Cancelled = "Cancelled", Failed = "Failed",
    }
    /// Whether the service has heard from an agent lately.
    PingStatus { Online = "Online", ConnectionLost = "ConnectionLost", Inactive = "Inactive" }
    /// Kind of operating system.
    PlatformType { Linux = "Linux", Windows = "Windows", MacOS = "MacOS" }
    /// Whether a node is an EC2 instance or registered by activation.
    ResourceType { Ec2Instance = "EC2Instance", ManagedInstance = "ManagedInstance" }
    /// Status of a document version.
    DocumentStatus {
        Creating = "Creating", Active = "Active", Updating = "Updating", Deleting = "Deleting", Failed = "Failed",
    }
}

structures! {
    SendCommandInput {
        instance_ids: Vec<String>,
        targets: Vec<Target>,
        document_name: String,
        document_version: Option<String>,
        document_hash: Option<String>,
        document_hash_type: Option<String>,
        timeout_seconds: Option<i32>,
        comment: Option<String>,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        output_s3_region: Option<String>,
        output_s3_bucket_name: Option<String>,
        output_s3_key_prefix: Option<String>,
        max_concurrency: Option<String>,
        max_errors: Option<String>,
        service_role_arn: Option<String>,
        notification_config: Option<NotificationConfig>,
        cloud_watch_output_config: Option<CloudWatchOutputConfig>,
        alarm_configuration: Option<AlarmConfiguration>,
    }
    SendCommandOutput { command: Command }

    ListCommandsInput {
        command_id: Option<String>,
        instance_id: Option<String>,
        max_results: Option<i32>,
        next_token: Option<String>,
        filters: Option<Vec<CommandFilter>>,
    }
    ListCommandsOutput { commands: Vec<Command>, next_token: Option<String> }

    ListCommandInvocationsInput {
        command_id: Option<String>,
        instance_id: Option<String>,
        max_results: Option<i32>,
        next_token: Option<String>,
        filters: Option<Vec<CommandFilter>>,
        details: Option<bool>,
    }
    ListCommandInvocationsOutput { command_invocations: Vec<CommandInvocation>, next_token: Option<String> }

    GetCommandInvocationInput { command_id: String, instance_id: String, plugin_name: Option<String> }
    /// The three moments are ISO 8601 texts here, and empty before the start.
    GetCommandInvocationOutput {
        command_id: String,
        instance_id: String,
        comment: Option<String>,
        document_name: String,
        document_version: Option<String>,
        plugin_name: Option<String>,
        response_code: i32,
        execution_start_date_time: String,
        execution_elapsed_time: String,
        execution_end_date_time: String,
        status: InvocationStatus,
        status_details: String,
        standard_output_content: String,
        standard_output_url: Option<String>,
        standard_error_content: String,
        standard_error_url: Option<String>,
        cloud_watch_output_config: Option<CloudWatchOutputConfig>,
    }

    CancelCommandInput { command_id: String, instance_ids: Vec<String> }
    CancelCommandOutput {}

    DescribeInstanceInformationInput {
        instance_information_filter_list: Option<Vec<InstanceInformationFilter>>,
        filters: Option<Vec<InstanceInformationStringFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeInstanceInformationOutput {
        instance_information_list: Vec<InstanceInformation>,
        next_token: Option<String>,
    }

    DescribeInstancePropertiesInput {
        instance_property_filter_list: Option<Vec<InstancePropertyFilter>>,
        filters_with_operator: Option<Vec<InstancePropertyStringFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeInstancePropertiesOutput { instance_properties: Vec<InstanceProperty>, next_token: Option<String> }

    DescribeDocumentInput { name: String, document_version: Option<String>, version_name: Option<String> }
    DescribeDocumentOutput { document: DocumentDescription }

    GetDocumentInput {
        name: String,
        version_name: Option<String>,
        document_version: Option<String>,
        document_format: Option<String>,
    }
    GetDocumentOutput {
        name: String,
        created_date: Option<Timestamp>,
        display_name: Option<String>,
        version_name: Option<String>,
        document_version: String,
        status: DocumentStatus,
        status_information: Option<String>,
        content: String,
        document_type: String,
        document_format: String,
        attachments_content: Option<Vec<AttachmentContent>>,
    }

    ListDocumentVersionsInput { name: String, max_results: Option<i32>, next_token: Option<String> }
    ListDocumentVersionsOutput { document_versions: Vec<DocumentVersionInfo>, next_token: Option<String> }

    ListDocumentsInput {
        document_filter_list: Option<Vec<DocumentFilter>>,
        filters: Option<Vec<DocumentKeyValuesFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    ListDocumentsOutput { document_identifiers: Vec<DocumentIdentifier>, next_token: Option<String> }

    UpdateDocumentDefaultVersionInput { name: String, document_version: String }
    UpdateDocumentDefaultVersionOutput { description: DocumentDefaultVersionDescription }
    DocumentDefaultVersionDescription {
        name: String,
        default_version: String,
        default_version_name: Option<String>,
    }

    AddTagsToResourceInput { resource_type: String, resource_id: String, tags: Vec<Tag> }
    AddTagsToResourceOutput {}
    ListTagsForResourceInput { resource_type: String, resource_id: String }
    ListTagsForResourceOutput { tag_list: Vec<Tag> }

    Target { key: Option<String>, values: Vec<String> }
    NotificationConfig {
        notification_arn: Option<String>,
        notification_events: Option<Vec<String>>,
        notification_type: Option<String>,
    }
    CloudWatchOutputConfig {
        cloud_watch_log_group_name: Option<String>,
        cloud_watch_output_enabled: Option<bool>,
    }
    AlarmConfiguration { ignore_poll_alarm_failure: Option<bool>, alarms: Vec<Alarm> }
    Alarm { name: String }
    AlarmStateInformation { name: String, state: String }
    Tag { key: String, value: String }

    Command {
        command_id: String,
        document_name: String,
        document_version: Option<String>,
        comment: Option<String>,
        expires_after: Option<Timestamp>,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        instance_ids: Vec<String>,
        targets: Vec<Target>,
        requested_date_time: Option<Timestamp>,
        status: CommandStatus,
        status_details: String,
        output_s3_region: Option<String>,
        output_s3_bucket_name: Option<String>,
        output_s3_key_prefix: Option<String>,
        max_concurrency: Option<String>,
        max_errors: Option<String>,
        target_count: i32,
        completed_count: i32,
        error_count: i32,
        delivery_timed_out_count: i32,
        service_role: Option<String>,
        notification_config: Option<NotificationConfig>,
        cloud_watch_output_config: Option<CloudWatchOutputConfig>,
        timeout_seconds: Option<i32>,
        alarm_configuration: Option<AlarmConfiguration>,
        triggered_alarms: Option<Vec<AlarmStateInformation>>,
    }
    /// The one shape of this service whose member names begin in lower case.
    CommandFilter {
        #[serde(rename = "key")]
        key: String,
        #[serde(rename = "value")]
        value: String,
    }
    CommandInvocation {
        command_id: String,
        instance_id: String,
        instance_name: Option<String>,
        comment: Option<String>,
        document_name: String,
        document_version: Option<String>,
        requested_date_time: Option<Timestamp>,
        status: InvocationStatus,
        status_details: String,
        trace_output: Option<String>,
        standard_output_url: Option<String>,
        standard_error_url: Option<String>,
        command_plugins: Vec<CommandPlugin>,
        service_role: Option<String>,
        notification_config: Option<NotificationConfig>,
        cloud_watch_output_config: Option<CloudWatchOutputConfig>,
    }
    CommandPlugin {
        name: String,
        status: PluginStatus,
        status_details: String,
        response_code: i32,
        response_start_date_time: Option<Timestamp>,
        response_finish_date_time: Option<Timestamp>,
        output: Option<String>,
        standard_output_url: Option<String>,
        standard_error_url: Option<String>,
        output_s3_region: Option<String>,
        output_s3_bucket_name: Option<String>,
        output_s3_key_prefix: Option<String>,
    }

    InstanceInformationFilter {
        #[serde(rename = "key")]
        key: String,
        #[serde(rename = "valueSet")]
        value_set: Vec<String>,
    }
    InstanceInformationStringFilter { key: String, values: Vec<String> }
    InstanceInformation {
        instance_id: String,
        ping_status: PingStatus,
        last_ping_date_time: Option<Timestamp>,
        agent_version: String,
        is_latest_version: Option<bool>,
        platform_type: PlatformType,
        platform_name: String,
        platform_version: String,
        activation_id: Option<String>,
        iam_role: Option<String>,
        registration_date: Option<Timestamp>,
        resource_type: ResourceType,
        name: Option<String>,
        #[serde(rename = "IPAddress")]
        ip_address: Option<String>,
        computer_name: Option<String>,
        association_status: Option<String>,
        last_association_execution_date: Option<Timestamp>,
        last_successful_association_execution_date: Option<Timestamp>,
        source_id: Option<String>,
        source_type: Option<String>,
    }

    InstancePropertyFilter {
        #[serde(rename = "key")]
        key: String,
        #[serde(rename = "valueSet")]
        value_set: Vec<String>,
    }
    InstancePropertyStringFilter { key: String, values: Vec<String>, operator: Option<String> }
    InstanceProperty {
        name: Option<String>,
        instance_id: String,
        instance_type: Option<String>,
        instance_role: Option<String>,
        key_name: Option<String>,
        instance_state: Option<String>,
        architecture: Option<String>,
        #[serde(rename = "IPAddress")]
        ip_address: Option<String>,
        launch_time: Option<Timestamp>,
        ping_status: PingStatus,
        last_ping_date_time: Option<Timestamp>,
        agent_version: String,
        platform_type: PlatformType,
        platform_name: String,
        platform_version: String,
        activation_id: Option<String>,
        iam_role: Option<String>,
        registration_date: Option<Timestamp>,
        /// A plain text here: `EC2Instance` or `ManagedInstance`.
        resource_type: ResourceType,
        computer_name: Option<String>,
        association_status: Option<String>,
        source_id: Option<String>,
        source_type: Option<String>,
    }

    DocumentDescription {
        hash: Option<String>,
        hash_type: Option<String>,
        name: String,
        display_name: Option<String>,
        version_name: Option<String>,
        owner: String,
        created_date: Option<Timestamp>,
        status: DocumentStatus,
        status_information: Option<String>,
        document_version: String,
        description: Option<String>,
        parameters: Option<Vec<DocumentParameter>>,
        platform_types: Vec<PlatformType>,
        document_type: String,
        schema_version: String,
        latest_version: String,
        default_version: String,
        document_format: String,
        target_type: Option<String>,
        tags: Vec<Tag>,
        attachments_information: Option<Vec<AttachmentInformation>>,
    }
    DocumentParameter {
        name: String,
        #[serde(rename = "Type")]
        parameter_type: String,
        description: Option<String>,
        default_value: Option<String>,
    }
    AttachmentInformation { name: String }
    AttachmentContent {
        name: String,
        size: i64,
        hash: String,
        hash_type: String,
        url: String,
    }
    DocumentVersionInfo {
        name: String,
        display_name: Option<String>,
        document_version: String,
        version_name: Option<String>,
        created_date: Option<Timestamp>,
        is_default_version: bool,
        document_format: String,
        status: DocumentStatus,
        status_information: Option<String>,
        review_status: Option<String>,
    }
    DocumentFilter {
        #[serde(rename = "key")]
        key: String,
        #[serde(rename = "value")]
        value: String,
    }
    DocumentKeyValuesFilter { key: String, values: Vec<String> }
    DocumentIdentifier {
        name: String,
        created_date: Option<Timestamp>,
        display_name: Option<String>,
        owner: String,
        version_name: Option<String>,
        platform_types: Vec<PlatformType>,
        document_version: String,
        document_type: String,
        schema_version: String,
        document_format: String,
        target_type: Option<String>,
        tags: Vec<Tag>,
    }
}
