//! Compliance items and their summaries.

use std::collections::BTreeMap;

use crate::api::validate::{Text, Violations, is_compliance_type};
use crate::api::wire::{Timestamp, structures, words};

words! {
    /// Whether something is as it should be.
    ComplianceStatus { Compliant = "COMPLIANT", NonCompliant = "NON_COMPLIANT" }
    /// How bad it is when it is not; later ones are worse.
    ComplianceSeverity {
        Unspecified = "UNSPECIFIED", Informational = "INFORMATIONAL", Low = "LOW", Medium = "MEDIUM", High = "HIGH",
        Critical = "CRITICAL",
    }
}

structures! {
    PutComplianceItemsInput {
        resource_id: String,
        resource_type: String,
        compliance_type: String,
        execution_summary: Option<ComplianceExecutionSummary>,
        items: Option<Vec<ComplianceItemEntry>>,
        item_content_hash: Option<String>,
        upload_type: Option<String>,
    }
    PutComplianceItemsOutput {}
    ComplianceExecutionSummary {
        execution_time: Option<Timestamp>,
        execution_id: Option<String>,
        execution_type: Option<String>,
    }
    ComplianceItemEntry {
        id: Option<String>,
        title: Option<String>,
        severity: String,
        status: String,
        details: Option<BTreeMap<String, String>>,
    }

    ListComplianceItemsInput {
        filters: Option<Vec<ComplianceStringFilter>>,
        resource_ids: Option<Vec<String>>,
        resource_types: Option<Vec<String>>,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
    ListComplianceItemsOutput { compliance_items: Vec<ComplianceItem>, next_token: Option<String> }
    ComplianceStringFilter {
        key: Option<String>,
        values: Option<Vec<String>>,
        #[serde(rename = "Type")]
        kind: Option<String>,
    }
    ComplianceItem {
        compliance_type: String,
        resource_type: String,
        resource_id: String,
        id: String,
        title: String,
        status: ComplianceStatus,
        severity: ComplianceSeverity,
        execution_summary: ComplianceExecutionSummary,
        details: BTreeMap<String, String>,
    }

    ListResourceComplianceSummariesInput {
        filters: Option<Vec<ComplianceStringFilter>>,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
    ListResourceComplianceSummariesOutput {
        resource_compliance_summary_items: Vec<ResourceComplianceSummaryItem>,
        next_token: Option<String>,
    }
    ResourceComplianceSummaryItem {
        compliance_type: String,
        resource_type: String,
        resource_id: String,
        status: ComplianceStatus,
        overall_severity: ComplianceSeverity,
        execution_summary: ComplianceExecutionSummary,
        compliant_summary: CompliantSummary,
        non_compliant_summary: NonCompliantSummary,
    }
    CompliantSummary { compliant_count: i32, severity_summary: SeveritySummary }
    NonCompliantSummary { non_compliant_count: i32, severity_summary: SeveritySummary }
    SeveritySummary {
        critical_count: i32,
        high_count: i32,
        medium_count: i32,
        low_count: i32,
        informational_count: i32,
        unspecified_count: i32,
    }

    ListComplianceSummariesInput {
        filters: Option<Vec<ComplianceStringFilter>>,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
    ListComplianceSummariesOutput {
        compliance_summary_items: Vec<ComplianceSummaryItem>,
        next_token: Option<String>,
    }
    ComplianceSummaryItem {
        compliance_type: String,
        compliant_summary: CompliantSummary,
        non_compliant_summary: NonCompliantSummary,
    }
}

const RESOURCE_ID: Text = Text::length(1, 100);
const RESOURCE_TYPE: Text = Text::length(1, 50);
const COMPLIANCE_TYPE: Text =
    Text::length(1, 100).and_pattern(r"^([A-Za-z0-9_\-]\w+|Custom:[a-zA-Z0-9_\-]\w+)$", is_compliance_type);
const FILTER_TYPE: Text = Text::one_of(&["EQUAL", "NOT_EQUAL", "BEGIN_WITH", "LESS_THAN", "GREATER_THAN"]);

impl PutComplianceItemsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        v.required("resourceId", &self.resource_id, &RESOURCE_ID);
        v.required("resourceType", &self.resource_type, &RESOURCE_TYPE);
        v.required("complianceType", &self.compliance_type, &COMPLIANCE_TYPE);
        v.optional("itemContentHash", self.item_content_hash.as_deref(), &Text::length(0, 256));
        v.optional("uploadType", self.upload_type.as_deref(), &Text::one_of(&["COMPLETE", "PARTIAL"]));
        match &self.execution_summary {
            Some(summary) if summary.execution_time.is_none() => v.missing("executionSummary.executionTime"),
            Some(summary) => {
                let (id, kind) = (summary.execution_id.as_deref(), summary.execution_type.as_deref());
                v.optional("executionSummary.executionId", id, &Text::length(0, 100));
                v.optional("executionSummary.executionType", kind, &Text::length(0, 50));
            }
            None => v.missing("executionSummary"),
        }
        let Some(items) = &self.items else { return v.missing("items") };
        v.size("items", items, 0, 10_000, |item| item.id.clone().unwrap_or_default());
        for (n, item) in items.iter().enumerate() {
            let path = format!("items.{}.member", n + 1);
            v.optional(&format!("{path}.title"), item.title.as_deref(), &Text::length(0, 500));
            let severity = Text::one_of(ComplianceSeverity::WORDS);
            v.required(&format!("{path}.severity"), &item.severity, &severity);
            v.required(&format!("{path}.status"), &item.status, &Text::one_of(ComplianceStatus::WORDS));
            for (name, value) in item.details.iter().flatten() {
                v.required(&format!("{path}.details.key"), name, &Text::length(1, 64));
                v.optional(&format!("{path}.details.value"), Some(value), &Text::length(0, 4096));
            }
        }
    }
}

fn check_listing(v: &mut Violations, filters: Option<&[ComplianceStringFilter]>, max_results: Option<i32>) {
    for (n, filter) in filters.unwrap_or_default().iter().enumerate() {
        let path = format!("filters.{}.member", n + 1);
        v.optional(&format!("{path}.key"), filter.key.as_deref(), &Text::length(1, 200));
        if let Some(values) = &filter.values {
            v.texts(&format!("{path}.values"), values, 1, 20, &Text::length(0, usize::MAX));
        }
        v.optional(&format!("{path}.type"), filter.kind.as_deref(), &FILTER_TYPE);
    }
    v.range("maxResults", max_results, 1, 50);
}

impl ListComplianceItemsInput {
    pub(super) fn check(&self, v: &mut Violations) {
        check_listing(v, self.filters.as_deref(), self.max_results);
        if let Some(ids) = &self.resource_ids {
            v.texts("resourceIds", ids, 1, usize::MAX, &RESOURCE_ID);
        }
        if let Some(types) = &self.resource_types {
            v.texts("resourceTypes", types, 1, usize::MAX, &RESOURCE_TYPE);
        }
    }
}

impl ListResourceComplianceSummariesInput {
    pub(super) fn check(&self, v: &mut Violations) {
        check_listing(v, self.filters.as_deref(), self.max_results);
    }
}

impl ListComplianceSummariesInput {
    pub(super) fn check(&self, v: &mut Violations) {
        check_listing(v, self.filters.as_deref(), self.max_results);
    }
}
