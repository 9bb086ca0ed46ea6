//! Listings of associations, their executions, and what became of them on each node.

use std::collections::BTreeMap;

use crate::agent::run::bare_name;
use crate::api::ssm::{
    Association as Row, AssociationExecution, AssociationExecutionTarget, AssociationFilter,
    AssociationOverview, AssociationVersionInfo, DescribeAssociationExecutionTargetsInput,
    DescribeAssociationExecutionTargetsOutput, DescribeAssociationExecutionsInput,
    DescribeAssociationExecutionsOutput, DescribeEffectiveInstanceAssociationsInput,
    DescribeEffectiveInstanceAssociationsOutput, DescribeInstanceAssociationsStatusInput,
    DescribeInstanceAssociationsStatusOutput, InstanceAssociation, InstanceAssociationStatusInfo,
    ListAssociationVersionsInput, ListAssociationVersionsOutput, ListAssociationsInput,
    ListAssociationsOutput, OutputSource,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::fleet::NodeIndex;
use crate::page::{Cut, Page};
use crate::world::{InvocationRef, SiteIndex, World};

use super::{Association, AssociationRef, Execution, Version, together, word};

/// How long an association says `Creating` after it was made.
const CREATING_MILLIS: i64 = 2000;
/// Executions are told of for so long.
const REMEMBERED_SECONDS: i64 = 30 * 86_400;

pub(super) fn moment(at: WorldTime) -> Timestamp {
    Timestamp::from_millis(at.millis())
}

impl World {
    pub(crate) fn list_associations(
        &self,
        site: SiteIndex,
        input: &ListAssociationsInput,
        judgement: &Judgement,
    ) -> Result<ListAssociationsOutput, ApiError> {
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("associations", input.next_token.as_deref(), input.max_results, 50, cut)?;
        let filters = input.association_filter_list.as_deref().unwrap_or_default();
        let mut rows = Vec::new();
        for (at, association) in self.live_associations(site) {
            let mut passes = true;
            for filter in filters {
                passes &= self.association_passes(at, association, filter)?;
            }
            if passes {
                rows.push(self.association_row(association));
            }
        }
        let (associations, next_token) = page.of(rows);
        Ok(ListAssociationsOutput { associations, next_token })
    }

    fn association_passes(
        &self,
        at: AssociationRef,
        association: &Association,
        filter: &AssociationFilter,
    ) -> Result<bool, ApiError> {
        let definition = association.definition();
        let value = filter.value.as_str();
        let last = self.last_runs(association).0.map(|last| WorldTime::from_epoch_seconds(last.0));
        let time = || {
            WorldTime::parse(value)
                .ok_or_else(|| ApiError::validation(format!("{value} is not a valid date.")))
        };
        Ok(match filter.key.as_str() {
            "AssociationId" => *association.id == *value,
            "AssociationName" => definition.association_name.as_deref() == Some(value),
            "Name" => definition.name == value || bare_name(&definition.name) == value,
            "AssociationStatusName" => self.overview(association).status.as_deref() == Some(value),
            "InstanceId" => self.ids.get(value).is_some_and(|node| self.is_target(at, *node)),
            "LastExecutedBefore" => {
                let time = time()?;
                last.is_some_and(|last| last < time)
            }
            "LastExecutedAfter" => {
                let time = time()?;
                last.is_some_and(|last| last > time)
            }
            _ => false,
        })
    }

    fn association_row(&self, association: &Association) -> Row {
        let definition = association.definition().clone();
        Row {
            name: definition.name,
            instance_id: definition.instance_id,
            association_id: association.id.to_string(),
            association_version: association.version().to_string(),
            document_version: Some(definition.document_version.unwrap_or_else(|| "$DEFAULT".to_owned())),
            targets: definition.targets.unwrap_or_default(),
            last_execution_date: self.last_runs(association).0,
            overview: self.overview(association),
            schedule_expression: definition.schedule_expression,
            association_name: definition.association_name,
            schedule_offset: definition.schedule_offset,
            duration: definition.duration,
        }
    }

    pub(crate) fn list_association_versions(
        &self,
        site: SiteIndex,
        input: &ListAssociationVersionsInput,
        judgement: &Judgement,
    ) -> Result<ListAssociationVersionsOutput, ApiError> {
        let at = self.known_association(site, &input.association_id)?;
        let cut = Cut { short: judgement.short_pages };
        let page =
            Page::open("association versions", input.next_token.as_deref(), input.max_results, 50, cut)?;
        let association = self.association(at);
        let rows = association.versions.iter().enumerate().map(|(index, Version { created, definition })| {
            let definition = definition.clone();
            AssociationVersionInfo {
                association_id: association.id.to_string(),
                association_version: (index + 1).to_string(),
                created_date: Some(moment(*created)),
                name: definition.name,
                document_version: Some(definition.document_version.unwrap_or_else(|| "$DEFAULT".to_owned())),
                parameters: definition.parameters,
                targets: definition.targets.unwrap_or_default(),
                schedule_expression: definition.schedule_expression,
                output_location: definition.output_location,
                association_name: definition.association_name,
                max_errors: definition.max_errors,
                max_concurrency: definition.max_concurrency,
                compliance_severity: definition.compliance_severity,
                sync_compliance: definition.sync_compliance,
                apply_only_at_cron_interval: definition.apply_only_at_cron_interval.unwrap_or(false),
                schedule_offset: definition.schedule_offset,
                duration: definition.duration,
            }
        });
        let (association_versions, next_token) = page.of(rows.collect());
        Ok(ListAssociationVersionsOutput { association_versions, next_token })
    }

    /// When an association last ran, and when it last succeeded everywhere.
    pub(super) fn last_runs(&self, association: &Association) -> (Option<Timestamp>, Option<Timestamp>) {
        let last = association.executions.last().map(|execution| moment(execution.created));
        let good =
            association.executions.iter().rev().find(|execution| self.execution_word(execution) == "Success");
        (last, good.map(|execution| moment(execution.created)))
    }

    /// The states of all nodes together: `Status` knows three words, the other says which exactly.
    pub(super) fn overview(&self, association: &Association) -> AssociationOverview {
        let counts = self.latest_states(association);
        let words: Vec<&str> = counts.keys().copied().collect();
        let creating = self.now.millis_since(association.created) < CREATING_MILLIS;
        let (status, detailed) = match together(&words) {
            _ if creating => ("Pending", "Creating"),
            _ if words.is_empty() && association.executions.is_empty() => ("Pending", "Associated"),
            "Success" => ("Success", "Success"),
            word @ ("Pending" | "InProgress") => ("Pending", word),
            word => ("Failed", word),
        };
        let counts: BTreeMap<String, i32> =
            counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
        AssociationOverview {
            status: Some(status.to_owned()),
            detailed_status: Some(detailed.to_owned()),
            association_status_aggregated_count: Some(counts),
        }
    }

    fn execution_words(&self, execution: &Execution) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        if let Some(command) = execution.command {
            for (detail, count) in self.command(command).counts.iter().filter(|(_, count)| **count > 0) {
                *counts.entry(word(*detail)).or_insert(0) += count;
            }
        }
        if !execution.waiting.is_empty() {
            *counts.entry("Pending").or_insert(0) += execution.waiting.len();
        }
        counts
    }

    fn execution_word(&self, execution: &Execution) -> &'static str {
        together(&self.execution_words(execution).keys().copied().collect::<Vec<_>>())
    }

    pub(crate) fn describe_association_executions(
        &self,
        site: SiteIndex,
        input: &DescribeAssociationExecutionsInput,
        judgement: &Judgement,
    ) -> Result<DescribeAssociationExecutionsOutput, ApiError> {
        let at = self.known_association(site, &input.association_id)?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("executions", input.next_token.as_deref(), input.max_results, 50, cut)?;
        let lag = judgement.listing_lag_seconds.unwrap_or(self.timing.listing_lag_seconds);
        let shown_until = self.now.plus_millis(-((lag * 1000.0) as i64));
        let oldest = self.now.plus_seconds(-REMEMBERED_SECONDS);
        let association = self.association(at);
        let mut rows = Vec::new();
        let newest_first = association.executions.iter().rev();
        for execution in newest_first.filter(|execution| (oldest..=shown_until).contains(&execution.created))
        {
            let row = self.execution_row(association, execution);
            let mut passes = true;
            for filter in input.filters.iter().flatten() {
                passes &= match (filter.key.as_str(), filter.kind.as_str()) {
                    ("ExecutionId", "EQUAL") => row.execution_id == filter.value,
                    ("Status", "EQUAL") => row.status == filter.value,
                    ("CreatedTime", kind) => {
                        let time = WorldTime::parse(&filter.value).ok_or_else(|| {
                            ApiError::validation(format!("{} is not a valid date.", filter.value))
                        })?;
                        match kind {
                            "LESS_THAN" => execution.created < time,
                            "GREATER_THAN" => execution.created > time,
                            _ => execution.created == time,
                        }
                    }
                    _ => return Err(ApiError::validation("This filter compares with EQUAL only.")),
                };
            }
            if passes {
                rows.push(row);
            }
        }
        let (association_executions, next_token) = page.of(rows);
        Ok(DescribeAssociationExecutionsOutput { association_executions, next_token })
    }

    fn execution_row(&self, association: &Association, execution: &Execution) -> AssociationExecution {
        let words = self.execution_words(execution);
        let counts: Vec<String> = words.iter().map(|(word, count)| format!("{word}={count}")).collect();
        let word = together(&words.keys().copied().collect::<Vec<_>>());
        let ended = execution
            .command
            .map(|at| self.command(at).invocations.iter().filter_map(|each| each.finished).max());
        AssociationExecution {
            association_id: association.id.to_string(),
            association_version: execution.version.to_string(),
            execution_id: execution.id.to_string(),
            status: word.to_owned(),
            detailed_status: word.to_owned(),
            created_time: Some(moment(execution.created)),
            last_execution_date: Some(moment(ended.flatten().unwrap_or(execution.created))),
            resource_count_by_status: format!("{{{}}}", counts.join(", ")),
        }
    }

    pub(crate) fn describe_association_execution_targets(
        &self,
        site: SiteIndex,
        input: &DescribeAssociationExecutionTargetsInput,
        judgement: &Judgement,
    ) -> Result<DescribeAssociationExecutionTargetsOutput, ApiError> {
        let at = self.known_association(site, &input.association_id)?;
        let association = self.association(at);
        let found = association.executions.iter().find(|execution| *execution.id == *input.execution_id);
        let execution = found.ok_or_else(|| {
            ApiError::association_execution_does_not_exist(format!(
                "Execution {} does not exist.",
                input.execution_id
            ))
        })?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("execution targets", input.next_token.as_deref(), input.max_results, 50, cut)?;
        let passes = |row: &AssociationExecutionTarget| {
            input.filters.iter().flatten().all(|filter| match filter.key.as_str() {
                "Status" => row.status == filter.value,
                "ResourceId" => row.resource_id == filter.value,
                _ => row.resource_type == filter.value,
            })
        };
        let row = |node: NodeIndex, run: Option<InvocationRef>| {
            let invocation = run.map(|at| &self.command(at.command).invocations[at.index as usize]);
            let word = invocation.map_or("Pending", |invocation| word(invocation.detail));
            let last = invocation.and_then(|invocation| invocation.finished.or(invocation.started));
            AssociationExecutionTarget {
                association_id: association.id.to_string(),
                association_version: execution.version.to_string(),
                execution_id: execution.id.to_string(),
                resource_id: self.fleet.nodes[node as usize].id.to_string(),
                resource_type: "ManagedInstance".to_owned(),
                status: word.to_owned(),
                detailed_status: word.to_owned(),
                last_execution_date: last.map(moment),
                output_source: run.map(|at| OutputSource {
                    output_source_id: self.command(at.command).id.to_string(),
                    output_source_type: "RunCommand".to_owned(),
                }),
            }
        };
        let mut rows: Vec<AssociationExecutionTarget> = Vec::new();
        if let Some(command) = execution.command {
            let invocations = self.command(command).invocations.iter().enumerate();
            rows.extend(invocations.map(|(index, invocation)| {
                row(invocation.node, Some(InvocationRef { command, index: index as u32 }))
            }));
        }
        rows.extend(execution.waiting.iter().map(|node| row(*node, None)));
        let (association_execution_targets, next_token) = page.of(rows.into_iter().filter(passes).collect());
        Ok(DescribeAssociationExecutionTargetsOutput { association_execution_targets, next_token })
    }

    fn node_of(&self, site: SiteIndex, id: &str) -> Result<NodeIndex, ApiError> {
        self.managed(site, id).ok_or_else(|| {
            ApiError::invalid_instance_id(format!("{id} is not a managed node of this account."))
        })
    }

    pub(crate) fn describe_effective_instance_associations(
        &self,
        site: SiteIndex,
        input: &DescribeEffectiveInstanceAssociationsInput,
        judgement: &Judgement,
    ) -> Result<DescribeEffectiveInstanceAssociationsOutput, ApiError> {
        let node = self.node_of(site, &input.instance_id)?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("effective", input.next_token.as_deref(), input.max_results, 5, cut)?;
        let rows = self.live_associations(site).filter(|(at, _)| self.is_target(*at, node)).map(
            |(_, association)| {
                let content = serde_json::json!({
                    "name": association.definition().name,
                    "parameters": association.definition().parameters,
                });
                InstanceAssociation {
                    association_id: association.id.to_string(),
                    instance_id: input.instance_id.clone(),
                    content: content.to_string(),
                    association_version: association.version().to_string(),
                }
            },
        );
        let (associations, next_token) = page.of(rows.collect());
        Ok(DescribeEffectiveInstanceAssociationsOutput { associations, next_token })
    }

    pub(crate) fn describe_instance_associations_status(
        &self,
        site: SiteIndex,
        input: &DescribeInstanceAssociationsStatusInput,
        judgement: &Judgement,
    ) -> Result<DescribeInstanceAssociationsStatusOutput, ApiError> {
        let node = self.node_of(site, &input.instance_id)?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("association status", input.next_token.as_deref(), input.max_results, 50, cut)?;
        let mut rows = Vec::new();
        for (at, association) in self.live_associations(site) {
            let last = association.runs.get(&node).and_then(|runs| runs.last());
            if last.is_none() && !self.is_target(at, node) {
                continue;
            }
            let definition = association.definition();
            let (word, date) = last.map_or(("Pending", None), |run| self.run_state(run));
            let status = match word {
                "Success" => "Success",
                "Pending" | "InProgress" => "Pending",
                _ => "Failed",
            };
            rows.push(InstanceAssociationStatusInfo {
                association_id: association.id.to_string(),
                name: definition.name.clone(),
                document_version: Some("1".to_owned()),
                association_version: last.map_or(association.version(), |run| run.version).to_string(),
                instance_id: input.instance_id.clone(),
                execution_date: date.map(moment),
                status: status.to_owned(),
                detailed_status: word.to_owned(),
                execution_summary: Some(format!("1 out of 1 plugin processed, {word}")),
                error_code: (status == "Failed").then(|| "1".to_owned()),
                association_name: definition.association_name.clone(),
            });
        }
        let (instance_association_status_infos, next_token) = page.of(rows);
        Ok(DescribeInstanceAssociationsStatusOutput { instance_association_status_infos, next_token })
    }
}
