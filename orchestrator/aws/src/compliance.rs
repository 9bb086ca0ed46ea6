//! Compliance of managed nodes.

use crate::Aws;
use crate::classify::{self, Effect};
use crate::page::Pages;
use crate::site::{Reach, with_reach};
use async_trait::async_trait;
use aws_sdk_ssm::error::BuildError;
use aws_sdk_ssm::primitives::DateTime;
use aws_sdk_ssm::types::{
    ComplianceExecutionSummary, ComplianceItem, ComplianceItemEntry, ComplianceQueryOperatorType,
    ComplianceSeverity, ComplianceStatus, ComplianceStringFilter, ResourceComplianceSummaryItem,
    SeveritySummary,
};
use std::collections::BTreeMap;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::Compliance;
use wavetrain_model::id::NodeId;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::compliance::{ComplianceBook, Item};
use wavetrain_ports::failure::Failure;

/// `MaxResults` of both listings.
const PAGE: i32 = 50;
/// The only kind of resource that has compliance.
const MANAGED: &str = "ManagedInstance";
const SUMMARIES: &str = "ListResourceComplianceSummaries";
const ITEMS: &str = "ListComplianceItems";

#[async_trait]
impl ComplianceBook for Aws {
    async fn summaries(&self, site: &Site, types: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure> {
        with_reach!(self, site, |reach| summaries(reach, types))
    }

    async fn items(&self, site: &Site, node: &NodeId, types: &[String]) -> Result<Vec<Compliance>, Failure> {
        with_reach!(self, site, |reach| items(reach, node, types))
    }

    async fn put(&self, site: &Site, node: &NodeId, item: &Item) -> Result<(), Failure> {
        with_reach!(self, site, |reach| put(reach, node, item))
    }
}

/// It replaces all that was there of the type, so its outcome need not be known before it is repeated.
async fn put(reach: &Reach, node: &NodeId, item: &Item) -> Result<(), Failure> {
    const OPERATION: &str = "PutComplianceItems";
    let unbuilt = |error: BuildError| classify::nonsense(OPERATION, Effect::Read, &error.to_string());
    let summary = ComplianceExecutionSummary::builder().execution_time(DateTime::from_millis(item.at.0));
    let status = if item.compliant { ComplianceStatus::Compliant } else { ComplianceStatus::NonCompliant };
    let entry = ComplianceItemEntry::builder()
        .id(&item.id)
        .title(&item.title)
        .severity(ComplianceSeverity::from(item.severity.as_str()))
        .status(status)
        .set_details(Some(item.details.clone().into_iter().collect()));
    let call = reach.ssm.put_compliance_items().resource_id(node.as_str()).resource_type(MANAGED);
    let call = call.compliance_type(&item.kind).execution_summary(summary.build().map_err(unbuilt)?);
    let call = call.items(entry.build().map_err(unbuilt)?);
    reach.settle(OPERATION, Effect::Read, call.send().await).map(|_| ())
}

fn of_types(types: &[String]) -> Vec<ComplianceStringFilter> {
    let filter = ComplianceStringFilter::builder()
        .key("ComplianceType")
        .set_values(Some(types.to_vec()))
        .r#type(ComplianceQueryOperatorType::Equal)
        .build();
    vec![filter]
}

async fn summaries(reach: &Reach, types: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure> {
    let filters = of_types(types);
    let mut pages = Pages::of(SUMMARIES);
    let mut rows = Vec::new();
    loop {
        let call = reach.ssm.list_resource_compliance_summaries().max_results(PAGE);
        let call = call.set_filters(Some(filters.clone())).set_next_token(pages.token());
        let page = reach.settle(SUMMARIES, Effect::Read, call.send().await)?;
        rows.extend(page.resource_compliance_summary_items().iter().filter_map(summary));
        if !pages.turn(page.next_token())? {
            return Ok(rows);
        }
    }
}

fn summary(raw: &ResourceComplianceSummaryItem) -> Option<(NodeId, Compliance)> {
    let found = Compliance {
        kind: raw.compliance_type()?.to_owned(),
        compliant: status(raw.status()),
        bad: raw
            .non_compliant_summary()
            .and_then(|summary| summary.severity_summary())
            .map(by_severity)
            .unwrap_or_default(),
        at: raw
            .execution_summary()
            .and_then(|summary| summary.execution_time().to_millis().ok())
            .map(Timestamp),
    };
    Some((NodeId::from(raw.resource_id()?), found))
}

fn status(status: Option<&ComplianceStatus>) -> Option<bool> {
    match status {
        Some(ComplianceStatus::Compliant) => Some(true),
        Some(ComplianceStatus::NonCompliant) => Some(false),
        _ => None,
    }
}

fn by_severity(summary: &SeveritySummary) -> BTreeMap<String, u32> {
    let counts = [
        ("CRITICAL", summary.critical_count()),
        ("HIGH", summary.high_count()),
        ("MEDIUM", summary.medium_count()),
        ("LOW", summary.low_count()),
        ("INFORMATIONAL", summary.informational_count()),
        ("UNSPECIFIED", summary.unspecified_count()),
    ];
    let counts = counts.into_iter().filter_map(|(word, count)| Some((word, u32::try_from(count).ok()?)));
    counts.filter(|(_, count)| *count > 0).map(|(word, count)| (word.to_owned(), count)).collect()
}

async fn items(reach: &Reach, node: &NodeId, types: &[String]) -> Result<Vec<Compliance>, Failure> {
    let filters = of_types(types);
    let mut pages = Pages::of(ITEMS);
    let mut found: BTreeMap<String, Compliance> = BTreeMap::new();
    loop {
        let call = reach.ssm.list_compliance_items().max_results(PAGE).set_next_token(pages.token());
        // A list in name: the service takes no second id.
        let call =
            call.resource_ids(node.as_str()).resource_types(MANAGED).set_filters(Some(filters.clone()));
        let page = match reach.settle(ITEMS, Effect::Read, call.send().await) {
            // Nothing can be known about a node that is not managed any more.
            Err(failure) if failure.code == "InvalidResourceId" => return Ok(Vec::new()),
            page => page?,
        };
        for raw in page.compliance_items() {
            add(raw, &mut found);
        }
        if !pages.turn(page.next_token())? {
            return Ok(found.into_values().collect());
        }
    }
}

fn add(raw: &ComplianceItem, found: &mut BTreeMap<String, Compliance>) {
    let Some(kind) = raw.compliance_type() else { return };
    let at =
        raw.execution_summary().and_then(|summary| summary.execution_time().to_millis().ok()).map(Timestamp);
    let status = status(raw.status());
    let known = found.entry(kind.to_owned()).or_insert_with(|| Compliance {
        kind: kind.to_owned(),
        compliant: Some(true),
        bad: BTreeMap::new(),
        at,
    });
    known.at = known.at.min(at);
    // A bad item is known to be bad, whatever the others are.
    known.compliant = match (known.compliant, status) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (None, _) | (_, None) => None,
        (Some(true), Some(true)) => Some(true),
    };
    if status == Some(false) {
        let severity = raw.severity().map_or("UNSPECIFIED", |severity| severity.as_str());
        *known.bad.entry(severity.to_owned()).or_default() += 1;
    }
}
