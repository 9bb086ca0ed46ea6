//! Limits of the inputs of [`super`], as the service model has them.

use super::{
    AddTagsToResourceInput, CancelCommandInput, CommandFilter, DescribeDocumentInput,
    DescribeInstanceInformationInput, DescribeInstancePropertiesInput, GetCommandInvocationInput,
    GetDocumentInput, ListCommandInvocationsInput, ListCommandsInput, ListDocumentVersionsInput,
    ListDocumentsInput, ListTagsForResourceInput, SendCommandInput, Target,
    UpdateDocumentDefaultVersionInput,
};
use crate::api::validate::{
    Text, Violations, is_document_arn, is_document_version, is_instance_id, is_max_concurrency,
    is_max_errors, is_tag_text, is_target_key, is_version_name,
};

pub(super) const ANY: Text = Text::length(0, usize::MAX);
const COMMAND_ID: Text = Text::length(36, 36);
pub(super) const INSTANCE_ID: Text = Text::pattern(r"(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)", is_instance_id);
pub(super) const DOCUMENT_ARN: Text = Text::pattern(r"^[a-zA-Z0-9_\-.:/]{3,128}$", is_document_arn);
pub(super) const DOCUMENT_VERSION: Text =
    Text::pattern("([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)", is_document_version);
pub(super) const VERSION_NAME: Text = Text::pattern(r"^[a-zA-Z0-9_\-.]{1,128}$", is_version_name);
pub(super) const MAX_CONCURRENCY: Text =
    Text::length(1, 7).and_pattern("^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$", is_max_concurrency);
pub(super) const MAX_ERRORS: Text =
    Text::length(1, 7).and_pattern("^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$", is_max_errors);
pub(super) const TARGET_KEY: Text = Text::length(1, 163).and_pattern(
    r"^[\p{L}\p{Z}\p{N}_.:/=\-@]*$|resource-groups:ResourceTypeFilters|resource-groups:Name",
    is_target_key,
);
pub(super) const TAG_KEY: Text =
    Text::length(1, 128).and_pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", is_tag_text);
pub(super) const TAG_VALUE: Text =
    Text::length(0, 256).and_pattern(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", is_tag_text);
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

/// Nodes by id or tag.
pub(super) fn check_targets(v: &mut Violations, targets: &[Target]) {
    v.size("targets", targets, 0, 5, |target| format!("{target:?}"));
    for (n, target) in targets.iter().enumerate() {
        v.optional(&format!("targets.{}.member.key", n + 1), target.key.as_deref(), &TARGET_KEY);
        v.texts(&format!("targets.{}.member.values", n + 1), &target.values, 0, 50, &ANY);
    }
}

impl UpdateDocumentDefaultVersionInput {
    pub(super) fn check(&self, v: &mut Violations) {
        const NAME: Text = Text::length(3, 128).and_pattern(r"^[a-zA-Z0-9_\-.]{3,128}$", is_version_name);
        const NUMBER: Text =
            Text::pattern("(^[1-9][0-9]*$)", |text| is_document_version(text) && !text.starts_with('$'));
        v.required("name", &self.name, &NAME);
        v.required("documentVersion", &self.document_version, &NUMBER);
    }
}

impl SendCommandInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.texts("instanceIds", &self.instance_ids, 0, 50, &INSTANCE_ID);
        check_targets(v, &self.targets);
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("commandId", &self.command_id, &COMMAND_ID);
        v.required("instanceId", &self.instance_id, &INSTANCE_ID);
        v.optional("pluginName", self.plugin_name.as_deref(), &Text::length(4, usize::MAX));
    }
}

impl CancelCommandInput {
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, self.document_version.as_deref(), self.version_name.as_deref());
    }
}

impl GetDocumentInput {
    pub(super) fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, self.document_version.as_deref(), self.version_name.as_deref());
        v.optional("documentFormat", self.document_format.as_deref(), &DOCUMENT_FORMAT);
    }
}

impl ListDocumentVersionsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        check_document(v, &self.name, None, None);
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl ListDocumentsInput {
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
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
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("resourceType", &self.resource_type, &TAGGABLE);
        v.required("resourceId", &self.resource_id, &ANY);
    }
}
