//! Listings of compliance: items, a row for each node and type, and counts for each type.

use std::collections::BTreeMap;

use crate::api::ApiError;
use crate::api::ssm::{
    ComplianceItem, ComplianceSeverity, ComplianceStatus, ComplianceSummaryItem, CompliantSummary,
    ListComplianceItemsInput, ListComplianceItemsOutput, ListComplianceSummariesInput,
    ListComplianceSummariesOutput, ListResourceComplianceSummariesInput,
    ListResourceComplianceSummariesOutput, NonCompliantSummary, ResourceComplianceSummaryItem,
    SeveritySummary,
};
use crate::fault::Judgement;
use crate::fleet::NodeIndex;
use crate::page::{Cut, Page};
use crate::world::{SiteIndex, World};

use super::filter::Filter;
use super::put::MANAGED;

/// Rows of a page when the caller does not say.
const USUAL_ROWS: usize = 50;
/// Tokens hold a position among the site's nodes and, below it, one among a node's rows.
const ROWS_OF_NODE: u64 = 1 << 24;

impl World {
    pub(crate) fn list_compliance_items(
        &self,
        site: SiteIndex,
        input: &ListComplianceItemsInput,
        judgement: &Judgement,
    ) -> Result<ListComplianceItemsOutput, ApiError> {
        if input.resource_types.iter().flatten().any(|kind| kind != MANAGED) {
            return Err(ApiError::invalid_resource_type());
        }
        let only = match input.resource_ids.as_deref() {
            None => None,
            Some([id]) => Some(self.managed(site, id).ok_or_else(ApiError::invalid_resource_id)?),
            // The member is a list, but the service takes one.
            Some(_) => return Err(ApiError::validation("Only one resource id can be specified.")),
        };
        let filters = Filter::all(input.filters.as_deref())?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("compliance", input.next_token.as_deref(), input.max_results, USUAL_ROWS, cut)?;
        let (compliance_items, next_token) = self.node_rows(site, only, page, |node| {
            let mut items = self.compliance_items(node);
            items.retain(|item| filters.iter().all(|filter| filter.passes(item)));
            items
        });
        Ok(ListComplianceItemsOutput { compliance_items, next_token })
    }

    /// A page of the rows of all nodes of a site, or of one; each page costs what it goes through, not what lies before.
    fn node_rows<T>(
        &self,
        site: SiteIndex,
        only: Option<NodeIndex>,
        page: Page,
        rows_of: impl Fn(NodeIndex) -> Vec<T>,
    ) -> (Vec<T>, Option<String>) {
        let nodes = &self.fleet.sites[site as usize].nodes;
        let start = usize::try_from(page.start / ROWS_OF_NODE).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        for (position, node) in nodes.iter().enumerate().skip(start) {
            if only.is_some_and(|only| only != *node) || !self.fleet.nodes[*node as usize].is_managed() {
                continue;
            }
            let skip = if position == start { (page.start % ROWS_OF_NODE) as usize } else { 0 };
            for (number, row) in rows_of(*node).into_iter().enumerate().skip(skip) {
                if rows.len() >= page.size {
                    return (rows, Some(page.token(position as u64 * ROWS_OF_NODE + number as u64)));
                }
                rows.push(row);
            }
        }
        (rows, None)
    }

    pub(crate) fn list_resource_compliance_summaries(
        &self,
        site: SiteIndex,
        input: &ListResourceComplianceSummariesInput,
        judgement: &Judgement,
    ) -> Result<ListResourceComplianceSummariesOutput, ApiError> {
        let filters = Filter::all(input.filters.as_deref())?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("summaries", input.next_token.as_deref(), input.max_results, USUAL_ROWS, cut)?;
        let (resource_compliance_summary_items, next_token) =
            self.node_rows(site, None, page, |node| self.node_summaries(node, &filters));
        Ok(ListResourceComplianceSummariesOutput { resource_compliance_summary_items, next_token })
    }

    fn node_summaries(&self, node: NodeIndex, filters: &[Filter<'_>]) -> Vec<ResourceComplianceSummaryItem> {
        let mut types: BTreeMap<String, Vec<ComplianceItem>> = BTreeMap::new();
        for item in self.compliance_items(node) {
            types.entry(item.compliance_type.clone()).or_default().push(item);
        }
        let mut rows: Vec<_> = types.into_iter().filter_map(|(kind, items)| summary(&kind, &items)).collect();
        rows.retain(|row| filters.iter().all(|filter| filter.passes_summary(row)));
        rows
    }

    pub(crate) fn list_compliance_summaries(
        &self,
        site: SiteIndex,
        input: &ListComplianceSummariesInput,
        judgement: &Judgement,
    ) -> Result<ListComplianceSummariesOutput, ApiError> {
        let filters = Filter::all(input.filters.as_deref())?;
        let cut = Cut { short: judgement.short_pages };
        let page =
            Page::open("type summaries", input.next_token.as_deref(), input.max_results, USUAL_ROWS, cut)?;
        let mut types: BTreeMap<String, ComplianceSummaryItem> = BTreeMap::new();
        let nodes = self.fleet.sites[site as usize].nodes.iter();
        for node in nodes.filter(|node| self.fleet.nodes[**node as usize].is_managed()) {
            for row in self.node_summaries(*node, &filters) {
                let kind = row.compliance_type.clone();
                let counts = types
                    .entry(kind.clone())
                    .or_insert_with(|| ComplianceSummaryItem { compliance_type: kind, ..Default::default() });
                // Here nodes are counted, not items.
                if row.status == ComplianceStatus::Compliant {
                    counts.compliant_summary.compliant_count += 1;
                    count(&mut counts.compliant_summary.severity_summary, row.overall_severity);
                } else {
                    counts.non_compliant_summary.non_compliant_count += 1;
                    count(&mut counts.non_compliant_summary.severity_summary, row.overall_severity);
                }
            }
        }
        let (compliance_summary_items, next_token) = page.of(types.into_values().collect());
        Ok(ListComplianceSummariesOutput { compliance_summary_items, next_token })
    }
}

fn summary(kind: &str, items: &[ComplianceItem]) -> Option<ResourceComplianceSummaryItem> {
    let first = items.first()?;
    let time = |item: &&ComplianceItem| item.execution_summary.execution_time.unwrap_or_default().as_millis();
    let last = items.iter().max_by_key(time).unwrap_or(first);
    let mut compliant = CompliantSummary::default();
    let mut non_compliant = NonCompliantSummary::default();
    let mut worst = ComplianceSeverity::default();
    for item in items {
        if item.status == ComplianceStatus::Compliant {
            compliant.compliant_count += 1;
            count(&mut compliant.severity_summary, item.severity);
        } else {
            non_compliant.non_compliant_count += 1;
            count(&mut non_compliant.severity_summary, item.severity);
            worst = worst.max(item.severity);
        }
    }
    let is_good = non_compliant.non_compliant_count == 0;
    Some(ResourceComplianceSummaryItem {
        compliance_type: kind.to_owned(),
        resource_type: MANAGED.to_owned(),
        resource_id: first.resource_id.clone(),
        status: if is_good { ComplianceStatus::Compliant } else { ComplianceStatus::NonCompliant },
        overall_severity: worst,
        execution_summary: last.execution_summary.clone(),
        compliant_summary: compliant,
        non_compliant_summary: non_compliant,
    })
}

fn count(summary: &mut SeveritySummary, severity: ComplianceSeverity) {
    let counter = match severity {
        ComplianceSeverity::Critical => &mut summary.critical_count,
        ComplianceSeverity::High => &mut summary.high_count,
        ComplianceSeverity::Medium => &mut summary.medium_count,
        ComplianceSeverity::Low => &mut summary.low_count,
        ComplianceSeverity::Informational => &mut summary.informational_count,
        ComplianceSeverity::Unspecified => &mut summary.unspecified_count,
    };
    *counter += 1;
}
