//! Filters of compliance listings.

use crate::api::ApiError;
use crate::api::ssm::{
    ComplianceItem, ComplianceSeverity, ComplianceStringFilter, ResourceComplianceSummaryItem,
};
use crate::clock::WorldTime;

/// One filter, read.
pub(super) struct Filter<'a> {
    key: &'a str,
    values: &'a [String],
    kind: &'a str,
}

const KEYS: [&str; 9] = [
    "ComplianceType",
    "ExecutionTime",
    "Id",
    "OverallSeverity",
    "ResourceId",
    "ResourceType",
    "Severity",
    "Status",
    "Title",
];

impl<'a> Filter<'a> {
    /// Reads the filters of a request.
    pub(super) fn all(filters: Option<&'a [ComplianceStringFilter]>) -> Result<Vec<Self>, ApiError> {
        filters.unwrap_or_default().iter().map(Self::of).collect()
    }

    fn of(filter: &'a ComplianceStringFilter) -> Result<Self, ApiError> {
        let key = filter.key.as_deref().unwrap_or_default();
        let values = filter.values.as_deref().unwrap_or_default();
        let kind = filter.kind.as_deref().unwrap_or("EQUAL");
        if !KEYS.contains(&key) || values.is_empty() {
            return Err(ApiError::invalid_filter(format!("{key} is no key to filter by, or has no values.")));
        }
        if key == "ExecutionTime" && values.iter().any(|value| WorldTime::parse(value).is_none()) {
            return Err(ApiError::invalid_filter("ExecutionTime is compared with a date."));
        }
        Ok(Self { key, values, kind })
    }

    /// Whether an item passes. Severities and times have an order; other texts that of their letters.
    pub(super) fn passes(&self, item: &ComplianceItem) -> bool {
        match self.key {
            "ComplianceType" => self.text(&item.compliance_type),
            "Id" => self.text(&item.id),
            "ResourceId" => self.text(&item.resource_id),
            "ResourceType" => self.text(&item.resource_type),
            "Status" => self.text(item.status.as_str()),
            "Title" => self.text(&item.title),
            "ExecutionTime" => self.time(item.execution_summary.execution_time.map(|at| at.0)),
            _ => self.severity(item.severity),
        }
    }

    /// Whether a summary passes.
    pub(super) fn passes_summary(&self, row: &ResourceComplianceSummaryItem) -> bool {
        match self.key {
            "ComplianceType" => self.text(&row.compliance_type),
            "ResourceId" => self.text(&row.resource_id),
            "ResourceType" => self.text(&row.resource_type),
            "Status" => self.text(row.status.as_str()),
            "ExecutionTime" => self.time(row.execution_summary.execution_time.map(|at| at.0)),
            "Severity" | "OverallSeverity" => self.severity(row.overall_severity),
            _ => false,
        }
    }

    fn compare<T: PartialOrd + ?Sized>(&self, value: &T, wanted: &T) -> bool {
        match self.kind {
            "LESS_THAN" => value < wanted,
            "GREATER_THAN" => value > wanted,
            _ => value == wanted,
        }
    }

    fn text(&self, value: &str) -> bool {
        match self.kind {
            "NOT_EQUAL" => self.values.iter().all(|wanted| wanted != value),
            "BEGIN_WITH" => self.values.iter().any(|wanted| value.starts_with(wanted.as_str())),
            _ => self.values.iter().any(|wanted| self.compare(value, wanted.as_str())),
        }
    }

    fn severity(&self, value: ComplianceSeverity) -> bool {
        if matches!(self.kind, "NOT_EQUAL" | "BEGIN_WITH") {
            return self.text(value.as_str());
        }
        let mut wanted = self.values.iter().filter_map(|word| ComplianceSeverity::from_word(word));
        wanted.any(|wanted| self.compare(&value, &wanted))
    }

    fn time(&self, value: Option<f64>) -> bool {
        let Some(value) = value.map(WorldTime::from_epoch_seconds) else { return false };
        let mut wanted = self.values.iter().filter_map(|text| WorldTime::parse(text));
        if self.kind == "NOT_EQUAL" {
            return wanted.all(|wanted| wanted != value);
        }
        wanted.any(|wanted| self.compare(&value, &wanted))
    }
}
