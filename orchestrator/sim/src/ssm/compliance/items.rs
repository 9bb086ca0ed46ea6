//! The compliance items of a node at the present moment.

use std::collections::BTreeMap;

use crate::api::Timestamp;
use crate::api::ssm::{ComplianceExecutionSummary, ComplianceItem, ComplianceSeverity, ComplianceStatus};
use crate::clock::WorldTime;
use crate::fleet::{Node, NodeIndex, Reach};
use crate::ssm::association::word;
use crate::ssm::command::Invocation;
use crate::world::World;
use crate::world_file::ComplianceFile;

use super::put::MANAGED;

impl World {
    /// All items of a node, by type and id.
    pub(super) fn compliance_items(&self, index: NodeIndex) -> Vec<ComplianceItem> {
        let node = &self.fleet.nodes[index as usize];
        let mut items: BTreeMap<(String, String), ComplianceItem> = BTreeMap::new();
        let put = self.put_compliance.get(&index);
        // What a caller put of a type takes the place of all there was.
        let is_put = |file: &&ComplianceFile| put.is_some_and(|put| put.0.contains_key(&file.kind));
        let scanned = self.compliance_files.iter().filter(|file| !is_put(file));
        let scanned = scanned.filter_map(|file| self.scanned(node, file));
        let put = put.iter().flat_map(|put| put.0.values()).flatten().cloned();
        for item in scanned.chain(put).chain(self.association_items(index, node)) {
            items.insert((item.compliance_type.clone(), item.id.clone()), item);
        }
        items.into_values().collect()
    }

    /// What the last scan of a node found. Nodes that cannot be reached are not scanned.
    fn scanned(&self, node: &Node, file: &ComplianceFile) -> Option<ComplianceItem> {
        let site = &self.fleet.sites[node.site as usize];
        let listed = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        let meant = listed(&file.nodes, &node.group.name)
            && listed(&file.accounts, &site.account)
            && listed(&file.regions, &site.region);
        if !meant {
            return None;
        }
        let chance = node.chance.named("compliance").named(&file.kind).named(&file.id);
        let every = i64::from(file.every_seconds) * 1000;
        let phase = chance.named("phase").between(0, every.unsigned_abs().saturating_sub(1)).cast_signed();
        let seen = if node.reach == Reach::Online { self.now } else { node.reach_since };
        let at = WorldTime::from_millis((seen.millis() - phase).div_euclid(every) * every + phase);
        let spoiled = file.spoiled_by.as_ref().is_some_and(|by| {
            node.held_at(&by.package, at).version == Some(&*by.version)
                && by.fraction.is_none_or(|fraction| chance.named("spoiled").hits(fraction))
        });
        let is_bad = spoiled || chance.named("amiss").hits(file.non_compliant);
        let state = if is_bad { "MISSING" } else { "INSTALLED" };
        Some(ComplianceItem {
            compliance_type: file.kind.clone(),
            resource_type: MANAGED.to_owned(),
            resource_id: node.id.to_string(),
            id: file.id.clone(),
            title: file.title.clone(),
            status: status(!is_bad),
            severity: file.severity,
            execution_summary: summary(at, None),
            details: [("PatchState".to_owned(), state.to_owned())].into(),
        })
    }

    /// What the agent posted about its associations: of each the last result, and all with the moment of the last post.
    fn association_items(&self, index: NodeIndex, node: &Node) -> Vec<ComplianceItem> {
        let lag = i64::from(self.timing.compliance_lag_seconds);
        let posted = |invocation: &Invocation| {
            let finished = invocation.finished?.plus_seconds(lag);
            let tells = matches!(word(invocation.detail), "Success" | "Failed" | "TimedOut");
            (tells && finished <= self.now).then_some(finished)
        };
        let mut found = Vec::new();
        for (_, association) in self.live_associations(node.site) {
            let definition = association.definition();
            if definition.sync_compliance.as_deref() == Some("MANUAL") {
                continue;
            }
            let runs = association.runs.get(&index).into_iter().flatten().rev();
            let last = runs.filter_map(|run| run.invocation).find_map(|at| {
                let command = self.command(at.command);
                let invocation = &command.invocations[at.index as usize];
                posted(invocation).map(|at| (at, word(invocation.detail), command.id.to_string()))
            });
            let Some((at, word, command)) = last else { continue };
            let severity = definition.compliance_severity.as_deref().and_then(ComplianceSeverity::from_word);
            let details = [
                ("DocumentName".to_owned(), definition.name.clone()),
                ("DocumentVersion".to_owned(), "1".to_owned()),
            ];
            let item = ComplianceItem {
                compliance_type: "Association".to_owned(),
                resource_type: MANAGED.to_owned(),
                resource_id: node.id.to_string(),
                id: association.id.to_string(),
                title: definition.association_name.clone().unwrap_or_default(),
                status: status(word == "Success"),
                severity: severity.unwrap_or_default(),
                execution_summary: summary(at, Some(command)),
                details: details.into(),
            };
            found.push((at, item));
        }
        let last = found.iter().map(|(at, _)| *at).max().map(|at| Timestamp::from_millis(at.millis()));
        for (_, item) in &mut found {
            item.execution_summary.execution_time = last;
        }
        found.into_iter().map(|(_, item)| item).collect()
    }
}

fn status(is_good: bool) -> ComplianceStatus {
    if is_good { ComplianceStatus::Compliant } else { ComplianceStatus::NonCompliant }
}

fn summary(at: WorldTime, command: Option<String>) -> ComplianceExecutionSummary {
    ComplianceExecutionSummary {
        execution_time: Some(Timestamp::from_millis(at.millis())),
        execution_id: command,
        execution_type: Some("Command".to_owned()),
    }
}
