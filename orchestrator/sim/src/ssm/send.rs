//! `SendCommand` and `CancelCommand`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::ApiError;
use crate::api::ssm::{CancelCommandInput, CancelCommandOutput, SendCommandInput, SendCommandOutput, Target};
use crate::fault::Judgement;
use crate::fleet::{NodeIndex, Reach};
use crate::world::{CommandRef, Happening, SiteIndex, World};

use super::command::{Command, Detail, Invocation};
use super::parameters;

/// `TimeoutSeconds` when the caller gives none.
const TIMEOUT_SECONDS: i32 = 3600;

impl World {
    pub(crate) fn send_command(
        &mut self,
        site: SiteIndex,
        input: SendCommandInput,
        judgement: &Judgement,
    ) -> Result<SendCommandOutput, ApiError> {
        let document = parameters::command_document(&input.document_name).ok_or_else(|| {
            ApiError::invalid_document(format!("Document with name {} does not exist.", input.document_name))
        })?;
        if !matches!(input.document_version.as_deref(), None | Some("$DEFAULT" | "$LATEST" | "1")) {
            return Err(ApiError::invalid_document_version("The document version is not valid."));
        }
        if input.document_hash.is_some() {
            return Err(ApiError::invalid_document("The document hash does not match."));
        }
        let given = input.parameters.clone().unwrap_or_default();
        let (job, execution_seconds) = parameters::job(document, &given)?;
        let nodes = self.targeted(site, &input)?;
        let count = nodes.len();
        let max_concurrency_text = input.max_concurrency.unwrap_or_else(|| "50".to_owned());
        let max_errors_text = input.max_errors.unwrap_or_else(|| "0".to_owned());
        let start_seconds = i64::from(input.timeout_seconds.unwrap_or(TIMEOUT_SECONDS));
        let lag = judgement.listing_lag_seconds.unwrap_or(self.timing.listing_lag_seconds);
        let command = Command {
            id: Arc::from(self.next_uuid("command")),
            requested: self.now,
            visible: self.now.plus_millis((lag * 1000.0) as i64),
            start_by: self.now.plus_seconds(start_seconds),
            expires: self.now.plus_seconds(start_seconds + execution_seconds),
            job,
            comment: Arc::from(input.comment.unwrap_or_default()),
            parameters: given,
            instance_ids: input.instance_ids,
            targets: input.targets,
            max_concurrency: share(&max_concurrency_text, count).max(1),
            max_errors: share(&max_errors_text, count),
            max_concurrency_text,
            max_errors_text,
            timeout_seconds: input.timeout_seconds,
            invocations: nodes.into_iter().map(unsent).collect(),
            next_unsent: 0,
            allowance: 0,
            in_flight: 0,
            counts: BTreeMap::from([(Detail::Unsent, count)]),
            cancelled: false,
        };
        Ok(SendCommandOutput { command: self.keep(site, command).to_wire() })
    }

    fn keep(&mut self, site: SiteIndex, command: Command) -> &Command {
        let commands = &mut self.commands[site as usize];
        let at = CommandRef { site, index: commands.len() as u32 };
        self.command_ids.insert(Arc::clone(&command.id), at);
        self.schedule.add(command.expires, Happening::Expire(at));
        self.schedule.add(self.now, Happening::Ramp(at));
        commands.push(command);
        self.command(at)
    }

    /// The nodes a command is for. Explicit ids must all be managed here; targets find what there is.
    fn targeted(&self, site: SiteIndex, input: &SendCommandInput) -> Result<Vec<NodeIndex>, ApiError> {
        match (input.instance_ids.is_empty(), input.targets.is_empty()) {
            (false, true) => self.explicit(site, &input.instance_ids),
            (true, false) => self.matching(site, &input.targets),
            (false, false) => {
                Err(ApiError::validation("InstanceIds and Targets cannot both be specified in one request."))
            }
            (true, true) => Err(ApiError::validation("InstanceIds or Targets must be specified.")),
        }
    }

    fn explicit(&self, site: SiteIndex, ids: &[String]) -> Result<Vec<NodeIndex>, ApiError> {
        let unique: BTreeSet<&String> = ids.iter().collect();
        if unique.len() < ids.len() {
            return Err(ApiError::duplicate_instance_id());
        }
        let found = |id: &String| self.managed(site, id);
        let bad: Vec<&str> = ids.iter().filter(|id| found(id).is_none()).map(String::as_str).collect();
        if bad.is_empty() {
            return Ok(ids.iter().filter_map(found).collect());
        }
        let account = &self.fleet.sites[site as usize].account;
        Err(ApiError::invalid_instance_id(format!(
            "Instances [[{}]] not in a valid state for account {account}",
            bad.join(", ")
        )))
    }

    fn matching(&self, site: SiteIndex, targets: &[Target]) -> Result<Vec<NodeIndex>, ApiError> {
        for target in targets {
            let key = target.key.as_deref().unwrap_or_default();
            if key != "InstanceIds" && key != "tag-key" && !key.starts_with("tag:") {
                return Err(ApiError::validation(format!("Target key {key} is not supported.")));
            }
        }
        let meant = |index: &NodeIndex| {
            let node = &self.fleet.nodes[*index as usize];
            node.reach != Reach::Terminated
                && targets.iter().all(|target| match target.key.as_deref().unwrap_or_default() {
                    "InstanceIds" => target.values.iter().any(|id| **id == *node.id),
                    "tag-key" => target.values.iter().any(|key| node.tag(key).is_some()),
                    key => {
                        let tag = key.strip_prefix("tag:").and_then(|key| node.tag(key));
                        tag.is_some_and(|tag| target.values.iter().any(|value| value == tag))
                    }
                })
        };
        Ok(self.fleet.sites[site as usize].nodes.iter().copied().filter(meant).collect())
    }

    pub(crate) fn cancel_command(
        &mut self,
        site: SiteIndex,
        input: &CancelCommandInput,
    ) -> Result<CancelCommandOutput, ApiError> {
        let at = self
            .command_ids
            .get(&*input.command_id)
            .copied()
            .filter(|at| at.site == site)
            .ok_or_else(ApiError::invalid_command_id)?;
        let mut nodes = Vec::new();
        for id in &input.instance_ids {
            let index = self.ids.get(id.as_str()).copied();
            let index = index.filter(|index| {
                self.command(at).invocations.iter().any(|invocation| invocation.node == *index)
            });
            nodes.push(index.ok_or_else(|| {
                ApiError::invalid_instance_id(format!("{id} is not a target of the command"))
            })?);
        }
        self.cancel(at, &nodes);
        Ok(CancelCommandOutput {})
    }
}

fn unsent(node: NodeIndex) -> Invocation {
    Invocation {
        node,
        detail: Detail::Unsent,
        started: None,
        finished: None,
        response_code: -1,
        stdout: String::new(),
        stderr: String::new(),
        held: None,
    }
}

/// A number, or a percentage of the targets rounded down. The request's pattern was checked before.
fn share(text: &str, of: usize) -> usize {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().unwrap_or(0) * of / 100,
        None => text.parse().unwrap_or(usize::MAX),
    }
}
