//! Compliance through the world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wavetrain_model::fleet::Site;
use wavetrain_model::gate::Compliance;
use wavetrain_model::id::NodeId;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::compliance::{ComplianceBook, Item};
use wavetrain_ports::failure::Failure;

use crate::api::Response;
use crate::api::Timestamp as Moment;
use crate::api::ssm::{
    ComplianceExecutionSummary, ComplianceItem, ComplianceItemEntry, ComplianceStatus,
    ComplianceStringFilter, ListComplianceItemsInput, ListResourceComplianceSummariesInput,
    PutComplianceItemsInput, ResourceComplianceSummaryItem, Response as Ssm,
};

use super::SimulatedCloud;
use super::failure::{Effect, nonsense};

#[async_trait]
impl ComplianceBook for SimulatedCloud {
    async fn summaries(&self, site: &Site, types: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure> {
        let (mut token, mut rows) = (None, Vec::new());
        loop {
            let input = ListResourceComplianceSummariesInput {
                filters: Some(of_types(types)),
                next_token: token,
                max_results: Some(50),
            };
            let Response::Ssm(Ssm::ListResourceComplianceSummaries(page)) =
                self.call(site, Effect::Read, input)?
            else {
                return Err(nonsense("ListResourceComplianceSummaries", Effect::Read));
            };
            rows.extend(page.resource_compliance_summary_items.into_iter().map(summary));
            token = page.next_token;
            if token.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn put(&self, site: &Site, node: &NodeId, item: &Item) -> Result<(), Failure> {
        let summary = ComplianceExecutionSummary {
            execution_time: Some(Moment::from_millis(item.at.0)),
            ..Default::default()
        };
        let input = PutComplianceItemsInput {
            resource_id: node.as_str().to_owned(),
            resource_type: "ManagedInstance".to_owned(),
            compliance_type: item.kind.clone(),
            execution_summary: Some(summary),
            items: Some(vec![entry(item)]),
            ..Default::default()
        };
        self.call(site, Effect::Read, input).map(|_| ())
    }

    async fn items(&self, site: &Site, node: &NodeId, types: &[String]) -> Result<Vec<Compliance>, Failure> {
        let (mut token, mut found) = (None, BTreeMap::new());
        loop {
            let input = ListComplianceItemsInput {
                filters: Some(of_types(types)),
                resource_ids: Some(vec![node.as_str().to_owned()]),
                resource_types: Some(vec!["ManagedInstance".to_owned()]),
                next_token: token,
                max_results: Some(50),
            };
            let answer = match self.call(site, Effect::Read, input) {
                Err(failure) if failure.code == "InvalidResourceId" => return Ok(Vec::new()),
                answer => answer?,
            };
            let Response::Ssm(Ssm::ListComplianceItems(page)) = answer else {
                return Err(nonsense("ListComplianceItems", Effect::Read));
            };
            for item in &page.compliance_items {
                add(item, &mut found);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found.into_values().collect());
            }
        }
    }
}

fn entry(item: &Item) -> ComplianceItemEntry {
    let status = if item.compliant { ComplianceStatus::Compliant } else { ComplianceStatus::NonCompliant };
    ComplianceItemEntry {
        id: Some(item.id.clone()),
        title: Some(item.title.clone()),
        severity: item.severity.clone(),
        status: status.as_str().to_owned(),
        details: Some(item.details.clone()),
    }
}

fn of_types(types: &[String]) -> Vec<ComplianceStringFilter> {
    vec![ComplianceStringFilter {
        key: Some("ComplianceType".to_owned()),
        values: Some(types.to_vec()),
        kind: Some("EQUAL".to_owned()),
    }]
}

fn time(summary: &ComplianceExecutionSummary) -> Option<Timestamp> {
    summary.execution_time.map(|at| Timestamp(at.as_millis()))
}

fn summary(row: ResourceComplianceSummaryItem) -> (NodeId, Compliance) {
    let severities = row.non_compliant_summary.severity_summary;
    let counts = [
        ("CRITICAL", severities.critical_count),
        ("HIGH", severities.high_count),
        ("MEDIUM", severities.medium_count),
        ("LOW", severities.low_count),
        ("INFORMATIONAL", severities.informational_count),
        ("UNSPECIFIED", severities.unspecified_count),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let found = Compliance {
        kind: row.compliance_type,
        compliant: Some(row.status == ComplianceStatus::Compliant),
        bad: counts.map(|(word, count)| (word.to_owned(), count.unsigned_abs())).collect(),
        at: time(&row.execution_summary),
    };
    (NodeId::new(row.resource_id), found)
}

fn add(item: &ComplianceItem, found: &mut BTreeMap<String, Compliance>) {
    let at = time(&item.execution_summary);
    let known = found.entry(item.compliance_type.clone()).or_insert_with(|| Compliance {
        kind: item.compliance_type.clone(),
        compliant: Some(true),
        bad: BTreeMap::new(),
        at,
    });
    known.at = known.at.min(at);
    if item.status == ComplianceStatus::NonCompliant {
        known.compliant = Some(false);
        *known.bad.entry(item.severity.as_str().to_owned()).or_default() += 1;
    }
}
