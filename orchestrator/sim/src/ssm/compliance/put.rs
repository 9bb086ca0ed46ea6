//! `PutComplianceItems`, and what it leaves behind.

use std::collections::BTreeMap;

use crate::api::ApiError;
use crate::api::ssm::{
    ComplianceExecutionSummary, ComplianceItem, ComplianceItemEntry, ComplianceSeverity, ComplianceStatus,
    PutComplianceItemsInput, PutComplianceItemsOutput,
};
use crate::world::{SiteIndex, World};

/// Custom types of one node.
const MOST_TYPES: usize = 10;
/// Bytes of one item.
const MOST_ITEM_BYTES: usize = 16 * 1024;
/// Bytes of all items of a type.
const MOST_BYTES: usize = 1024 * 1024;
/// The only kind of resource that has compliance.
pub(super) const MANAGED: &str = "ManagedInstance";

/// What callers put about one node, by type.
#[derive(Debug, Clone, Default)]
pub(crate) struct PutTypes(pub(super) BTreeMap<String, Vec<ComplianceItem>>);

impl World {
    pub(crate) fn put_compliance_items(
        &mut self,
        site: SiteIndex,
        input: PutComplianceItemsInput,
    ) -> Result<PutComplianceItemsOutput, ApiError> {
        if input.resource_type != MANAGED {
            return Err(ApiError::invalid_resource_type());
        }
        let node = self.managed(site, &input.resource_id).ok_or_else(ApiError::invalid_resource_id)?;
        let is_partial = input.upload_type.as_deref() == Some("PARTIAL");
        let kind = input.compliance_type;
        if is_partial && kind != "Association" {
            return Err(ApiError::invalid_item_content("A PARTIAL upload is for associations only."));
        }
        let summary = input.execution_summary.unwrap_or_default();
        let mut items = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        let mut total = 0;
        for entry in input.items.unwrap_or_default() {
            let bytes = weight(&entry);
            total += bytes;
            if bytes > MOST_ITEM_BYTES {
                return Err(ApiError::item_size_limit_exceeded(format!("An item of {kind} is too large.")));
            }
            let item = item(&input.resource_id, &kind, &summary, entry);
            if item.id.is_empty() || !ids.insert(item.id.clone()) {
                return Err(ApiError::invalid_item_content("Every item needs an Id of its own."));
            }
            items.push(item);
        }
        if total > MOST_BYTES {
            return Err(ApiError::total_size_limit_exceeded(format!(
                "The items of {kind} are too large together."
            )));
        }
        let put = self.put_compliance.entry(node).or_default();
        let customs = put.0.keys().filter(|known| known.starts_with("Custom:") && **known != kind).count();
        if kind.starts_with("Custom:") && customs >= MOST_TYPES {
            return Err(ApiError::compliance_type_count_limit_exceeded(
                "The node has 10 custom compliance types.",
            ));
        }
        let known = put.0.entry(kind).or_default();
        if is_partial {
            known.retain(|old| !ids.contains(&old.id));
            known.extend(items);
        } else {
            *known = items;
        }
        Ok(PutComplianceItemsOutput {})
    }
}

fn item(
    node: &str,
    kind: &str,
    summary: &ComplianceExecutionSummary,
    entry: ComplianceItemEntry,
) -> ComplianceItem {
    ComplianceItem {
        compliance_type: kind.to_owned(),
        resource_type: MANAGED.to_owned(),
        resource_id: node.to_owned(),
        id: entry.id.unwrap_or_default(),
        title: entry.title.unwrap_or_default(),
        status: ComplianceStatus::from_word(&entry.status).unwrap_or_default(),
        severity: ComplianceSeverity::from_word(&entry.severity).unwrap_or_default(),
        execution_summary: summary.clone(),
        details: entry.details.unwrap_or_default(),
    }
}

fn weight(entry: &ComplianceItemEntry) -> usize {
    let details = entry.details.iter().flatten().map(|(key, value)| key.len() + value.len());
    let texts = [&entry.id, &entry.title].into_iter().flatten().map(String::len);
    details.chain(texts).sum()
}
