//! State Manager: associations, their versions and executions.

use std::collections::BTreeMap;

use super::limits::{
    ANY, DOCUMENT_ARN, DOCUMENT_VERSION, INSTANCE_ID, MAX_CONCURRENCY, MAX_ERRORS, TAG_KEY, TAG_VALUE,
    check_targets,
};
use super::{AlarmConfiguration, Tag, Target};
use crate::api::validate::{Text, Violations, is_association_name, is_association_version, is_uuid};
use crate::api::wire::{Timestamp, structures};

structures! {
    CreateAssociationInput {
        name: String,
        document_version: Option<String>,
        instance_id: Option<String>,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        targets: Option<Vec<Target>>,
        schedule_expression: Option<String>,
        output_location: Option<InstanceAssociationOutputLocation>,
        association_name: Option<String>,
        automation_target_parameter_name: Option<String>,
        max_errors: Option<String>,
        max_concurrency: Option<String>,
        compliance_severity: Option<String>,
        sync_compliance: Option<String>,
        apply_only_at_cron_interval: Option<bool>,
        calendar_names: Option<Vec<String>>,
        /// Only whether there are any: they are for automations.
        target_locations: Option<Vec<Other>>,
        schedule_offset: Option<i32>,
        duration: Option<i32>,
        /// Only whether there are any: they are for automations.
        target_maps: Option<Vec<BTreeMap<String, Vec<String>>>>,
        tags: Option<Vec<Tag>>,
        alarm_configuration: Option<AlarmConfiguration>,
        association_dispatch_assume_role: Option<String>,
    }
    CreateAssociationOutput { association_description: AssociationDescription }
    Other {}

    UpdateAssociationInput {
        association_id: String,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        document_version: Option<String>,
        schedule_expression: Option<String>,
        output_location: Option<InstanceAssociationOutputLocation>,
        name: Option<String>,
        targets: Option<Vec<Target>>,
        association_name: Option<String>,
        association_version: Option<String>,
        automation_target_parameter_name: Option<String>,
        max_errors: Option<String>,
        max_concurrency: Option<String>,
        compliance_severity: Option<String>,
        sync_compliance: Option<String>,
        apply_only_at_cron_interval: Option<bool>,
        calendar_names: Option<Vec<String>>,
        target_locations: Option<Vec<Other>>,
        schedule_offset: Option<i32>,
        duration: Option<i32>,
        target_maps: Option<Vec<BTreeMap<String, Vec<String>>>>,
        alarm_configuration: Option<AlarmConfiguration>,
        association_dispatch_assume_role: Option<String>,
    }
    UpdateAssociationOutput { association_description: AssociationDescription }

    DescribeAssociationInput {
        name: Option<String>,
        instance_id: Option<String>,
        association_id: Option<String>,
        association_version: Option<String>,
    }
    DescribeAssociationOutput { association_description: AssociationDescription }

    ListAssociationsInput {
        association_filter_list: Option<Vec<AssociationFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    ListAssociationsOutput { associations: Vec<Association>, next_token: Option<String> }
    AssociationFilter {
        #[serde(rename = "key")]
        key: String,
        #[serde(rename = "value")]
        value: String,
    }

    ListAssociationVersionsInput {
        association_id: String,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    ListAssociationVersionsOutput {
        association_versions: Vec<AssociationVersionInfo>,
        next_token: Option<String>,
    }

    DeleteAssociationInput {
        name: Option<String>,
        instance_id: Option<String>,
        association_id: Option<String>,
    }
    DeleteAssociationOutput {}

    StartAssociationsOnceInput { association_ids: Option<Vec<String>> }
    StartAssociationsOnceOutput {}

    DescribeAssociationExecutionsInput {
        association_id: String,
        filters: Option<Vec<AssociationExecutionFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeAssociationExecutionsOutput {
        association_executions: Vec<AssociationExecution>,
        next_token: Option<String>,
    }
    AssociationExecutionFilter {
        key: String,
        value: String,
        #[serde(rename = "Type")]
        kind: String,
    }

    DescribeAssociationExecutionTargetsInput {
        association_id: String,
        execution_id: String,
        filters: Option<Vec<AssociationExecutionTargetsFilter>>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeAssociationExecutionTargetsOutput {
        association_execution_targets: Vec<AssociationExecutionTarget>,
        next_token: Option<String>,
    }
    AssociationExecutionTargetsFilter { key: String, value: String }

    DescribeEffectiveInstanceAssociationsInput {
        instance_id: String,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeEffectiveInstanceAssociationsOutput {
        associations: Vec<InstanceAssociation>,
        next_token: Option<String>,
    }
    DescribeInstanceAssociationsStatusInput {
        instance_id: String,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
    DescribeInstanceAssociationsStatusOutput {
        instance_association_status_infos: Vec<InstanceAssociationStatusInfo>,
        next_token: Option<String>,
    }

    InstanceAssociationOutputLocation { s3_location: Option<S3OutputLocation> }
    S3OutputLocation {
        #[serde(rename = "OutputS3Region")]
        output_s3_region: Option<String>,
        #[serde(rename = "OutputS3BucketName")]
        output_s3_bucket_name: Option<String>,
        #[serde(rename = "OutputS3KeyPrefix")]
        output_s3_key_prefix: Option<String>,
    }
    AssociationOverview {
        status: Option<String>,
        detailed_status: Option<String>,
        association_status_aggregated_count: Option<BTreeMap<String, i32>>,
    }
    AssociationDescription {
        name: String,
        instance_id: Option<String>,
        association_version: String,
        date: Option<Timestamp>,
        last_update_association_date: Option<Timestamp>,
        overview: AssociationOverview,
        document_version: Option<String>,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        association_id: String,
        targets: Vec<Target>,
        schedule_expression: Option<String>,
        output_location: Option<InstanceAssociationOutputLocation>,
        last_execution_date: Option<Timestamp>,
        last_successful_execution_date: Option<Timestamp>,
        association_name: Option<String>,
        max_errors: Option<String>,
        max_concurrency: Option<String>,
        compliance_severity: Option<String>,
        sync_compliance: Option<String>,
        apply_only_at_cron_interval: bool,
        schedule_offset: Option<i32>,
        duration: Option<i32>,
        alarm_configuration: Option<AlarmConfiguration>,
        association_dispatch_assume_role: Option<String>,
    }
    /// A row of a listing: without the parameters.
    Association {
        name: String,
        instance_id: Option<String>,
        association_id: String,
        association_version: String,
        document_version: Option<String>,
        targets: Vec<Target>,
        last_execution_date: Option<Timestamp>,
        overview: AssociationOverview,
        schedule_expression: Option<String>,
        association_name: Option<String>,
        schedule_offset: Option<i32>,
        duration: Option<i32>,
    }
    AssociationVersionInfo {
        association_id: String,
        association_version: String,
        created_date: Option<Timestamp>,
        name: String,
        document_version: Option<String>,
        parameters: Option<BTreeMap<String, Vec<String>>>,
        targets: Vec<Target>,
        schedule_expression: Option<String>,
        output_location: Option<InstanceAssociationOutputLocation>,
        association_name: Option<String>,
        max_errors: Option<String>,
        max_concurrency: Option<String>,
        compliance_severity: Option<String>,
        sync_compliance: Option<String>,
        apply_only_at_cron_interval: bool,
        schedule_offset: Option<i32>,
        duration: Option<i32>,
    }
    AssociationExecution {
        association_id: String,
        association_version: String,
        execution_id: String,
        status: String,
        detailed_status: String,
        created_time: Option<Timestamp>,
        last_execution_date: Option<Timestamp>,
        resource_count_by_status: String,
    }
    AssociationExecutionTarget {
        association_id: String,
        association_version: String,
        execution_id: String,
        resource_id: String,
        resource_type: String,
        status: String,
        detailed_status: String,
        last_execution_date: Option<Timestamp>,
        output_source: Option<OutputSource>,
    }
    OutputSource { output_source_id: String, output_source_type: String }
    InstanceAssociation {
        association_id: String,
        instance_id: String,
        content: String,
        association_version: String,
    }
    InstanceAssociationStatusInfo {
        association_id: String,
        name: String,
        document_version: Option<String>,
        association_version: String,
        instance_id: String,
        execution_date: Option<Timestamp>,
        status: String,
        detailed_status: String,
        execution_summary: Option<String>,
        error_code: Option<String>,
        association_name: Option<String>,
    }
}

const ASSOCIATION_ID: Text =
    Text::pattern("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", is_uuid);
const ASSOCIATION_NAME: Text = Text::pattern(r"^[a-zA-Z0-9_\-.]{3,128}$", is_association_name);
const ASSOCIATION_VERSION: Text = Text::pattern("^(([$]LATEST)|([1-9][0-9]*))$", is_association_version);
const SEVERITY: Text = Text::one_of(&["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNSPECIFIED"]);
const SYNC: Text = Text::one_of(&["AUTO", "MANUAL"]);
const FILTER: Text = Text::one_of(&[
    "InstanceId",
    "Name",
    "AssociationId",
    "AssociationStatusName",
    "LastExecutedBefore",
    "LastExecutedAfter",
    "AssociationName",
    "ResourceGroupName",
    "CloudConnectorId",
]);
const SOME: Text = Text::length(1, usize::MAX);

impl CreateAssociationInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("name", &self.name, &DOCUMENT_ARN);
        self.check_definition(v);
        for (n, tag) in self.tags.iter().flatten().enumerate() {
            v.required(&format!("tags.{}.member.key", n + 1), &tag.key, &TAG_KEY);
            v.optional(&format!("tags.{}.member.value", n + 1), Some(&tag.value), &TAG_VALUE);
        }
    }

    fn check_definition(&self, v: &mut Violations) {
        v.optional("documentVersion", self.document_version.as_deref(), &DOCUMENT_VERSION);
        v.optional("instanceId", self.instance_id.as_deref(), &INSTANCE_ID);
        check_targets(v, self.targets.as_deref().unwrap_or_default());
        v.optional("scheduleExpression", self.schedule_expression.as_deref(), &Text::length(1, 256));
        v.optional("associationName", self.association_name.as_deref(), &ASSOCIATION_NAME);
        v.optional("maxErrors", self.max_errors.as_deref(), &MAX_ERRORS);
        v.optional("maxConcurrency", self.max_concurrency.as_deref(), &MAX_CONCURRENCY);
        v.optional("complianceSeverity", self.compliance_severity.as_deref(), &SEVERITY);
        v.optional("syncCompliance", self.sync_compliance.as_deref(), &SYNC);
        v.range("scheduleOffset", self.schedule_offset, 1, 6);
        v.range("duration", self.duration, 1, 24);
        if let Some(alarms) = self.alarm_configuration.as_ref().map(|configuration| &configuration.alarms) {
            v.size("alarmConfiguration.alarms", alarms, 1, 1, |alarm| alarm.name.clone());
        }
        let location = self.output_location.as_ref().and_then(|location| location.s3_location.as_ref());
        if let Some(location) = location {
            let path = "outputLocation.s3Location";
            let (region, bucket) =
                (location.output_s3_region.as_deref(), location.output_s3_bucket_name.as_deref());
            v.optional(&format!("{path}.outputS3Region"), region, &Text::length(3, 20));
            v.optional(&format!("{path}.outputS3BucketName"), bucket, &Text::length(3, 63));
            let prefix = location.output_s3_key_prefix.as_deref();
            v.optional(&format!("{path}.outputS3KeyPrefix"), prefix, &Text::length(0, 500));
        }
    }
}

impl UpdateAssociationInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("associationId", &self.association_id, &ASSOCIATION_ID);
        v.optional("name", self.name.as_deref(), &DOCUMENT_ARN);
        v.optional("associationVersion", self.association_version.as_deref(), &ASSOCIATION_VERSION);
        self.definition("").check_definition(v);
    }

    /// What the association becomes: everything that is left out is gone, except the document's name.
    pub fn definition(&self, name: &str) -> CreateAssociationInput {
        let this = self.clone();
        CreateAssociationInput {
            name: this.name.unwrap_or_else(|| name.to_owned()),
            document_version: this.document_version,
            instance_id: None,
            parameters: this.parameters,
            targets: this.targets,
            schedule_expression: this.schedule_expression,
            output_location: this.output_location,
            association_name: this.association_name,
            automation_target_parameter_name: this.automation_target_parameter_name,
            max_errors: this.max_errors,
            max_concurrency: this.max_concurrency,
            compliance_severity: this.compliance_severity,
            sync_compliance: this.sync_compliance,
            apply_only_at_cron_interval: this.apply_only_at_cron_interval,
            calendar_names: this.calendar_names,
            target_locations: this.target_locations,
            schedule_offset: this.schedule_offset,
            duration: this.duration,
            target_maps: this.target_maps,
            tags: None,
            alarm_configuration: this.alarm_configuration,
            association_dispatch_assume_role: this.association_dispatch_assume_role,
        }
    }
}

impl DescribeAssociationInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.optional("name", self.name.as_deref(), &DOCUMENT_ARN);
        v.optional("instanceId", self.instance_id.as_deref(), &INSTANCE_ID);
        v.optional("associationId", self.association_id.as_deref(), &ASSOCIATION_ID);
        v.optional("associationVersion", self.association_version.as_deref(), &ASSOCIATION_VERSION);
    }
}

impl DeleteAssociationInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.optional("name", self.name.as_deref(), &DOCUMENT_ARN);
        v.optional("instanceId", self.instance_id.as_deref(), &INSTANCE_ID);
        v.optional("associationId", self.association_id.as_deref(), &ASSOCIATION_ID);
    }
}

impl ListAssociationsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        if let Some(filters) = &self.association_filter_list {
            v.size("associationFilterList", filters, 1, usize::MAX, |filter| format!("{filter:?}"));
        }
        for (n, filter) in self.association_filter_list.iter().flatten().enumerate() {
            v.required(&format!("associationFilterList.{}.member.key", n + 1), &filter.key, &FILTER);
            v.required(&format!("associationFilterList.{}.member.value", n + 1), &filter.value, &SOME);
        }
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl ListAssociationVersionsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("associationId", &self.association_id, &ASSOCIATION_ID);
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl StartAssociationsOnceInput {
    pub(super) fn check(&self, v: &mut Violations) {
        match &self.association_ids {
            Some(ids) => v.texts("associationIds", ids, 1, 10, &ASSOCIATION_ID),
            None => v.missing("associationIds"),
        }
    }
}

impl DescribeAssociationExecutionsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("associationId", &self.association_id, &ASSOCIATION_ID);
        let keys = Text::one_of(&["ExecutionId", "Status", "CreatedTime"]);
        let kinds = Text::one_of(&["EQUAL", "LESS_THAN", "GREATER_THAN"]);
        for (n, filter) in self.filters.iter().flatten().enumerate() {
            v.required(&format!("filters.{}.member.key", n + 1), &filter.key, &keys);
            v.required(&format!("filters.{}.member.value", n + 1), &filter.value, &SOME);
            v.required(&format!("filters.{}.member.type", n + 1), &filter.kind, &kinds);
        }
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl DescribeAssociationExecutionTargetsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("associationId", &self.association_id, &ASSOCIATION_ID);
        v.required("executionId", &self.execution_id, &ASSOCIATION_ID);
        let keys = Text::one_of(&["Status", "ResourceId", "ResourceType"]);
        for (n, filter) in self.filters.iter().flatten().enumerate() {
            v.required(&format!("filters.{}.member.key", n + 1), &filter.key, &keys);
            v.required(&format!("filters.{}.member.value", n + 1), &filter.value, &ANY);
        }
        v.range("maxResults", self.max_results, 1, 50);
    }
}

impl DescribeEffectiveInstanceAssociationsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("instanceId", &self.instance_id, &INSTANCE_ID);
        v.range("maxResults", self.max_results, 1, 5);
    }
}

impl DescribeInstanceAssociationsStatusInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("instanceId", &self.instance_id, &INSTANCE_ID);
        v.range("maxResults", self.max_results, 1, 50);
    }
}
