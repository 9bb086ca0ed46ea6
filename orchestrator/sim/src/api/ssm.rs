//! Systems Manager: Run Command, managed nodes and documents.

// The members are AWS's, documented in the Systems Manager API Reference under these names; what this world makes
// of them is documented where it does so.
#![expect(missing_docs, reason = "members are documented in the API reference of the operation")]

use std::collections::BTreeMap;

use super::validate::{
    Text, Violations, is_document_arn, is_document_version, is_instance_id, is_max_concurrency,
    is_max_errors, is_tag_text, is_target_key, is_version_name,
};
use super::wire::{Timestamp, operations, structures, words};

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

const ANY: Text = Text::length(0, usize::MAX);
const COMMAND_ID: Text = Text::length(36, 36);
const INSTANCE_ID: Text = Text::pattern(r"(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)", is_instance_id);
const DOCUMENT_ARN: Text = Text::pattern(r"^[a-zA-Z0-9_\-.:/]{3,128}$", is_document_arn);
const DOCUMENT_VERSION: Text = Text::pattern("([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)", is_document_version);
const VERSION_NAME: Text = Text::pattern(r"^[a-zA-Z0-9_\-.]{1,128}$", is_version_name);
const MAX_CONCURRENCY: Text =
    Text::length(1, 7).and_pattern("^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$", is_max_concurrency);
const MAX_ERRORS: Text =
    Text::length(1, 7).and_pattern("^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$", is_max_errors);
const TARGET_KEY: Text = Text::length(1, 163).and_pattern(
    r"^[\p{L}\p{Z}\p{N}_.:/=\-@]*$|resource-groups:ResourceTypeFilters|resource-groups:Name",
    is_target_key,
);
const TAG_KEY: Text = Text::length(1, 128).and_pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", is_tag_text);
const TAG_VALUE: Text = Text::length(0, 256).and_pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", is_tag_text);
const COMMAND_FILTER_KEY: Text =
    Text::one_of(&["InvokedAfter", "InvokedBefore", "Status", "ExecutionStage", "DocumentName"]);
const INSTANCE_FILTER_KEY: Text = Text::one_of(&[
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
]);
const PROPERTY_FILTER_KEY: Text = Text::one_of(&[
    "InstanceIds",
    "AgentVersion",
    "PingStatus",
    "PlatformTypes",
    "DocumentName",
    "ActivationIds",
    "IamRole",
    "ResourceType",
    "AssociationStatus",
]);
const PROPERTY_FILTER_OPERATOR: Text =
    Text::one_of(&["Equal", "NotEqual", "BeginWith", "LessThan", "GreaterThan"]);
const DOCUMENT_FILTER_KEY: Text = Text::one_of(&["Name", "Owner", "PlatformTypes", "DocumentType"]);
const HASH_TYPE: Text = Text::one_of(&["Sha256", "Sha1"]);
const DOCUMENT_FORMAT: Text = Text::one_of(&["YAML", "JSON", "TEXT"]);
const TAGGABLE: Text = Text::one_of(&[
    "Document",
    "ManagedInstance",
    "MaintenanceWindow",
    "Parameter",
    "PatchBaseline",
    "OpsItem",
    "OpsMetadata",
    "Automation",
    "Association",
]);

impl SendCommandInput {
    fn check(&self, v: &mut Violations) {
        v.texts("instanceIds", &self.instance_ids, 0, 50, &INSTANCE_ID);
        v.size("targets", &self.targets, 0, 5, |target| format!("{target:?}"));
        for (n, target) in self.targets.iter().enumerate() {
            v.optional(&format!("targets.{}.member.key", n + 1), target.key.as_deref(), &TARGET_KEY);
            v.texts(&format!("targets.{}.member.values", n + 1), &target.values, 0, 50, &ANY);
        }
        v.required("documentName", &self.document_name, &DOCUMENT_ARN);
        v.optional("documentVersion", self.document_version.as_deref(), &DOCUMENT_VERSION);
        v.optional("documentHash", self.document_hash.as_deref(), &Text::length(0, 256));
        v.optional("documentHashType", self.document_hash_type.as_deref(), &HASH_TYPE);
        v.range("timeoutSeconds", self.timeout_seconds, 30, 2_592_000);
        v.optional("comment", self.comment.as_deref(), &Text::length(0, 100));
        v.optional("outputS3Region", self.output_s3_region.as_deref(), &Text::length(3, 20));
        v.optional("outputS3BucketName", self.output_s3_bucket_name.as_deref(), &Text::length(3, 63));
        v.optional("outputS3KeyPrefix", self.output_s3_key_prefix.as_deref(), &Text::length(0, 500));
        v.optional("maxConcurrency", self.max_concurrency.as_deref(), &MAX_CONCURRENCY);
        v.optional("maxErrors", self.max_errors.as_deref(), &MAX_ERRORS);
        if let Some(alarms) = self.alarm_configuration.as_ref().map(|configuration| &configuration.alarms) {
            v.size("alarmConfiguration.alarms", alarms, 1, 1, |alarm| alarm.name.clone());
        }
    }
}

fn check_command_list(
    v: &mut Violations,
    command_id: Option<&str>,
    instance_id: Option<&str>,
    max_results: Option<i32>,
    filters: Option<&[CommandFilter]>,
) {
    v.optional("commandId", command_id, &COMMAND_ID);
    v.optional("instanceId", instance_id, &INSTANCE_ID);
    v.range("maxResults", max_results, 1, 50);
    let Some(filters) = filters else { return };
    v.size("filters", filters, 1, 5, |filter| {
        format!("CommandFilter(key={}, value={})", filter.key, filter.value)
    });
    for (n, filter) in filters.iter().enumerate() {
        v.required(&format!("filters.{}.member.key", n + 1), &filter.key, &COMMAND_FILTER_KEY);
        v.required(&format!("filters.{}.member.value", n + 1), &filter.value, &Text::length(1, 128));
    }
}

impl ListCommandsInput {
    fn check(&self, v: &mut Violations) {
        let Self { command_id, instance_id, max_results, filters, .. } = self;
        check_command_list(
            v,
            command_id.as_deref(),
            instance_id.as_deref(),
            *max_results,
            filters.as_deref(),
        );
    }
}

impl ListCommandInvocationsInput {
    fn check(&self, v: &mut Violations) {
        let Self { command_id, instance_id, max_results, filters, .. } = self;
        check_command_list(
            v,
            command_id.as_deref(),
            instance_id.as_deref(),
            *max_results,
            filters.as_deref(),
        );
    }
}

impl GetCommandInvocationInput {
    fn check(&self, v: &mut Violations) {
        v.required("commandId", &self.command_id, &COMMAND_ID);
        v.required("instanceId", &self.instance_id, &INSTANCE_ID);
        v.optional("pluginName", self.plugin_name.as_deref(), &Text::length(4, usize::MAX));
    }
}

impl CancelCommandInput {
    fn check(&self, v: &mut Violations) {
        v.required("commandId", &self.command_id, &COMMAND_ID);
        v.texts("instanceIds", &self.instance_ids, 0, 50, &INSTANCE_ID);
    }
}

fn check_filter(
    v: &mut Violations,
    path: &str,
    n: usize,
    [key, values]: [&str; 2],
    rule: &Text,
    filter: (&str, &[String], usize),
) {
    let (key_value, value_list, max_values) = filter;
    v.required(&format!("{path}.{}.member.{key}", n + 1), key_value, rule);
    v.texts(
        &format!("{path}.{}.member.{values}", n + 1),
        value_list,
        1,
        max_values,
        &Text::length(1, usize::MAX),
    );
}

impl DescribeInstanceInformationInput {
    fn check(&self, v: &mut Violations) {
        for (n, filter) in self.instance_information_filter_list.iter().flatten().enumerate() {
            let filter = (filter.key.as_str(), filter.value_set.as_slice(), 100);
            check_filter(
                v,
                "instanceInformationFilterList",
                n,
                ["key", "valueSet"],
                &INSTANCE_FILTER_KEY,
                filter,
            );
        }
        for (n, filter) in self.filters.iter().flatten().enumerate() {
            let filter = (filter.key.as_str(), filter.values.as_slice(), 100);
            check_filter(v, "filters", n, ["key", "values"], &ANY, filter);
        }
        v.range("maxResults", self.max_results, 5, 50);
    }
}

impl DescribeInstancePropertiesInput {
    fn check(&self, v: &mut Violations) {
        if let Some(filters) = &self.instance_property_filter_list {
            v.size("instancePropertyFilterList", filters, 1, 40, |filter| format!("{filter:?}"));
        }
        for (n, filter) in self.instance_property_filter_list.iter().flatten().enumerate() {
            let filter = (filter.key.as_str(), filter.value_set.as_slice(), 40);
            check_filter(
                v,
                "instancePropertyFilterList",
                n,
                ["key", "valueSet"],
                &PROPERTY_FILTER_KEY,
                filter,
            );
        }
        if let Some(filters) = &self.filters_with_operator {
            v.size("filtersWithOperator", filters, 1, 40, |filter| format!("{filter:?}"));
        }
        for (n, filter) in self.filters_with_operator.iter().flatten().enumerate() {
            let operator = filter.operator.as_deref();
            v.optional(
                &format!("filtersWithOperator.{}.member.operator", n + 1),
                operator,
                &PROPERTY_FILTER_OPERATOR,
            );
            let filter = (filter.key.as_str(), filter.values.as_slice(), 40);
            check_filter(v, "filtersWithOperator", n, ["key", "values"], &ANY, filter);
        }
        v.range("maxResults", self.max_results, 5, 1000);
    }
}

fn check_document(v: &mut Violations, name: &str, version: Option<&str>, version_name: Option<&str>) {
    v.required("name", name, &DOCUMENT_ARN);
    v.optional("documentVersion", version, &DOCUMENT_VERSION);
    v.optional("versionName", version_name, &VERSION_NAME);
}

impl DescribeDocumentInput {
    fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, self.document_version.as_deref(), self.version_name.as_deref());
    }
}

impl GetDocumentInput {
    fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, self.document_version.as_deref(), self.version_name.as_deref());
        v.optional("documentFormat", self.document_format.as_deref(), &DOCUMENT_FORMAT);
    }
}

impl ListDocumentVersionsInput {
    fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, None, None);
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl ListDocumentsInput {
    fn check(&self, v: &mut Violations) {
        for (n, filter) in self.document_filter_list.iter().flatten().enumerate() {
            v.required(
                &format!("documentFilterList.{}.member.key", n + 1),
                &filter.key,
                &DOCUMENT_FILTER_KEY,
            );
            v.required(&format!("documentFilterList.{}.member.value", n + 1), &filter.value, &ANY);
        }
        if let Some(filters) = &self.filters {
            v.size("filters", filters, 0, 6, |filter| format!("{filter:?}"));
        }
        for (n, filter) in self.filters.iter().flatten().enumerate() {
            v.required(&format!("filters.{}.member.key", n + 1), &filter.key, &Text::length(1, 128));
            let path = format!("filters.{}.member.values", n + 1);
            v.texts(&path, &filter.values, 0, usize::MAX, &Text::length(1, 256));
        }
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl AddTagsToResourceInput {
    fn check(&self, v: &mut Violations) {
        v.required("resourceType", &self.resource_type, &TAGGABLE);
        v.required("resourceId", &self.resource_id, &ANY);
        v.size("tags", &self.tags, 0, 1000, |tag| format!("Tag(key={}, value={})", tag.key, tag.value));
        for (n, tag) in self.tags.iter().enumerate() {
            v.required(&format!("tags.{}.member.key", n + 1), &tag.key, &TAG_KEY);
            v.optional(&format!("tags.{}.member.value", n + 1), Some(&tag.value), &TAG_VALUE);
        }
    }
}

impl ListTagsForResourceInput {
    fn check(&self, v: &mut Violations) {
        v.required("resourceType", &self.resource_type, &TAGGABLE);
        v.required("resourceId", &self.resource_id, &ANY);
    }
}
