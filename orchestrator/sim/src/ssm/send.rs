//! `SendCommand` and `CancelCommand`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::ApiError;
use crate::api::ssm::{CancelCommandInput, CancelCommandOutput, SendCommandInput, SendCommandOutput, Target};
use crate::fault::Judgement;
use crate::fleet::{Node, NodeIndex};
use crate::world::{CommandRef, Happening, SiteIndex, World};

use super::command::{Command, Detail, Invocation, Job};
use super::parameters;

/// `TimeoutSeconds` when the caller gives none.
const TIMEOUT_SECONDS: i32 = 3600;

/// A command to be made.
pub(super) struct Order {
    pub(super) job: Job,
    /// Seconds it may run once begun.
    pub(super) execution_seconds: i64,
    /// Seconds within which nodes must begin.
    pub(super) start_seconds: i64,
    pub(super) comment: String,
    pub(super) parameters: BTreeMap<String, Vec<String>>,
    pub(super) instance_ids: Vec<String>,
    pub(super) targets: Vec<Target>,
    pub(super) nodes: Vec<NodeIndex>,
    pub(super) max_concurrency: String,
    pub(super) max_errors: String,
    pub(super) timeout_seconds: Option<i32>,
    /// Seconds until it can be read.
    pub(super) lag_seconds: f64,
    /// Whether listings without its id show it.
    pub(super) association: Option<Arc<str>>,
}

impl Target {
    /// Whether its key is one that is modelled.
    pub(super) fn is_supported(&self) -> bool {
        let key = self.key.as_deref().unwrap_or_default();
        key == "InstanceIds" || key == "tag-key" || key.starts_with("tag:")
    }

    /// Whether a node is meant.
    pub(super) fn matches(&self, node: &Node) -> bool {
        match self.key.as_deref().unwrap_or_default() {
            "InstanceIds" => self.values.iter().any(|id| **id == *node.id),
            "tag-key" => self.values.iter().any(|key| node.tag(key).is_some()),
            key => {
                let tag = key.strip_prefix("tag:").and_then(|key| node.tag(key));
                tag.is_some_and(|tag| self.values.iter().any(|value| value == tag))
            }
        }
    }
}

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
        let order = Order {
            job,
            execution_seconds,
            start_seconds: i64::from(input.timeout_seconds.unwrap_or(TIMEOUT_SECONDS)),
            comment: input.comment.unwrap_or_default(),
            parameters: given,
            instance_ids: input.instance_ids,
            targets: input.targets,
            nodes,
            max_concurrency: input.max_concurrency.unwrap_or_else(|| "50".to_owned()),
            max_errors: input.max_errors.unwrap_or_else(|| "0".to_owned()),
            timeout_seconds: input.timeout_seconds,
            lag_seconds: judgement.listing_lag_seconds.unwrap_or(self.timing.listing_lag_seconds),
            association: None,
        };
        let at = self.issue(site, order);
        Ok(SendCommandOutput { command: self.command(at).to_wire() })
    }

    /// Makes a command, which begins at once.
    pub(super) fn issue(&mut self, site: SiteIndex, order: Order) -> CommandRef {
        let count = order.nodes.len();
        let command = Command {
            id: Arc::from(self.next_uuid("command")),
            requested: self.now,
            visible: self.now.plus_millis((order.lag_seconds * 1000.0) as i64),
            start_by: self.now.plus_seconds(order.start_seconds),
            expires: self.now.plus_seconds(order.start_seconds + order.execution_seconds),
            job: order.job,
            comment: Arc::from(order.comment),
            parameters: order.parameters,
            instance_ids: order.instance_ids,
            targets: order.targets,
            max_concurrency: share(&order.max_concurrency, count).max(1),
            max_errors: share(&order.max_errors, count),
            max_concurrency_text: order.max_concurrency,
            max_errors_text: order.max_errors,
            timeout_seconds: order.timeout_seconds,
            association: order.association,
            invocations: order.nodes.into_iter().map(unsent).collect(),
            next_unsent: 0,
            allowance: 0,
            in_flight: 0,
            counts: BTreeMap::from([(Detail::Unsent, count)]),
            cancelled: false,
        };
        self.keep(site, command)
    }

    fn keep(&mut self, site: SiteIndex, command: Command) -> CommandRef {
        let commands = &mut self.commands[site as usize];
        let at = CommandRef { site, index: commands.len() as u32 };
        self.command_ids.insert(Arc::clone(&command.id), at);
        self.schedule.add(command.expires, Happening::Expire(at));
        self.schedule.add(self.now, Happening::Ramp(at));
        commands.push(command);
        at
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
        if let Some(target) = targets.iter().find(|target| !target.is_supported()) {
            let key = target.key.as_deref().unwrap_or_default();
            return Err(ApiError::validation(format!("Target key {key} is not supported.")));
        }
        let meant = |index: &NodeIndex| {
            let node = &self.fleet.nodes[*index as usize];
            node.is_managed() && targets.iter().all(|target| target.matches(node))
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
