//! Associations over time: when they are applied, and to which nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::behaviour::PlatformType;
use crate::clock::WorldTime;
use crate::fleet::{NodeIndex, Reach};
use crate::ssm::parameters;
use crate::ssm::send::Order;
use crate::world::{Happening, InvocationRef, SiteIndex, World};

use super::schedule::Schedule;
use super::{Association, AssociationRef, Execution, Run};

/// Seconds a node has to begin.
const START_SECONDS: i64 = 3600;
/// Seconds after a node's return until its associations are applied.
const RETURN_SECONDS: i64 = 30;

impl World {
    pub(super) fn association(&self, at: AssociationRef) -> &Association {
        &self.associations[at.site as usize][at.index as usize]
    }

    pub(super) fn association_mut(&mut self, at: AssociationRef) -> &mut Association {
        &mut self.associations[at.site as usize][at.index as usize]
    }

    /// Associations of a site that are not deleted, in order of creation.
    pub(crate) fn live_associations(
        &self,
        site: SiteIndex,
    ) -> impl Iterator<Item = (AssociationRef, &Association)> {
        let all = self.associations[site as usize].iter().enumerate();
        all.filter(|(_, association)| !association.is_deleted)
            .map(move |(index, association)| (AssociationRef { site, index: index as u32 }, association))
    }

    /// The nodes an association is for.
    pub(super) fn association_nodes(&self, at: AssociationRef) -> Vec<NodeIndex> {
        let site = &self.fleet.sites[at.site as usize];
        let meant = |node: &NodeIndex| self.is_target(at, *node);
        site.nodes.iter().copied().filter(meant).collect()
    }

    pub(super) fn is_target(&self, at: AssociationRef, node: NodeIndex) -> bool {
        let definition = self.association(at).definition();
        let node = &self.fleet.nodes[node as usize];
        if !node.is_managed() {
            return false;
        }
        if let Some(id) = &definition.instance_id {
            return **id == *node.id;
        }
        let targets = definition.targets.iter().flatten();
        targets.clone().count() > 0
            && targets.into_iter().all(|target| {
                let everyone =
                    target.key.as_deref() == Some("InstanceIds") && target.values.iter().any(|id| id == "*");
                everyone || target.matches(node)
            })
    }

    /// Applies an association to the nodes it is for, or to some of them. Nodes on the wrong platform are left out.
    pub(super) fn apply_association(&mut self, at: AssociationRef, nodes: &[NodeIndex]) {
        let definition = self.association(at).definition().clone();
        let Some(document) = parameters::command_document(&definition.name) else { return };
        let given = definition.parameters.clone().unwrap_or_default();
        // What was created was readable; what cannot be carried out is not.
        let Ok((job, execution_seconds)) = parameters::job(document, &given) else { return };
        let fits = |node: &NodeIndex| {
            let platform: PlatformType = self.fleet.nodes[*node as usize].group.platform;
            document.platforms.contains(&platform)
        };
        let is_online = |node: &NodeIndex| self.fleet.nodes[*node as usize].reach == Reach::Online;
        let (online, waiting): (Vec<NodeIndex>, Vec<NodeIndex>) =
            nodes.iter().copied().filter(fits).partition(is_online);
        let command = (!online.is_empty()).then(|| {
            let order = Order {
                job,
                execution_seconds,
                start_seconds: START_SECONDS,
                comment: String::new(),
                parameters: given,
                instance_ids: Vec::new(),
                targets: definition.targets.clone().unwrap_or_default(),
                nodes: online.clone(),
                max_concurrency: definition.max_concurrency.clone().unwrap_or_else(|| "100%".to_owned()),
                max_errors: definition.max_errors.clone().unwrap_or_else(|| "100%".to_owned()),
                timeout_seconds: None,
                lag_seconds: 0.0,
                association: Some(definition.association_name.clone().unwrap_or_default().into()),
            };
            self.issue(at.site, order)
        });
        let id = Arc::from(self.next_uuid("execution"));
        let now = self.now;
        let association = self.association_mut(at);
        let version = association.version();
        for (index, node) in online.into_iter().enumerate() {
            let invocation = command.map(|command| InvocationRef { command, index: index as u32 });
            association.runs.entry(node).or_default().push(Run { version, invocation });
        }
        for node in &waiting {
            association.runs.entry(*node).or_default().push(Run { version, invocation: None });
        }
        association.executions.push(Execution { id, version, created: now, command, waiting });
    }

    /// Plans the next run by the schedule, instead of any planned before.
    pub(super) fn plan_association(&mut self, at: AssociationRef) {
        let now = self.now;
        let association = self.association_mut(at);
        association.plans += 1;
        let (plan, definition) = (association.plans, association.definition());
        let schedule = definition.schedule_expression.as_deref().and_then(|text| Schedule::parse(text).ok());
        let offset = i64::from(definition.schedule_offset.unwrap_or(0));
        if let Some(next) = schedule.and_then(|schedule| schedule.next(now, offset)) {
            self.schedule.add(next, Happening::AssociationDue { association: at, plan });
        }
    }

    /// The schedule says that it is time.
    pub(crate) fn association_due(&mut self, at: AssociationRef, plan: u32) {
        let association = self.association(at);
        if association.is_deleted || association.plans != plan {
            return;
        }
        let nodes = self.association_nodes(at);
        self.apply_association(at, &nodes);
        self.plan_association(at);
    }

    /// A node came, came back or got another tag: associations that it has not met in their present version are applied.
    pub(crate) fn meet_associations(&mut self, node: NodeIndex) {
        let site = self.fleet.nodes[node as usize].site;
        let due: Vec<AssociationRef> = self
            .live_associations(site)
            .filter(|(at, association)| {
                let last = association.runs.get(&node).and_then(|runs| runs.last());
                let met =
                    last.is_some_and(|run| run.version == association.version() && run.invocation.is_some());
                !met && !waits_for_its_time(association) && self.is_target(*at, node)
            })
            .map(|(at, _)| at)
            .collect();
        for at in due {
            self.apply_association(at, &[node]);
        }
    }

    /// Plans that meeting.
    pub(crate) fn plan_meeting(&mut self, node: NodeIndex) {
        let site = self.fleet.nodes[node as usize].site;
        if self.live_associations(site).next().is_some() {
            self.schedule.add(self.now.plus_seconds(RETURN_SECONDS), Happening::Meet { node });
        }
    }

    /// What became of a node's run: the word, and since when.
    pub(super) fn run_state(&self, run: &Run) -> (&'static str, Option<WorldTime>) {
        match run.invocation {
            None => ("Pending", None),
            Some(at) => {
                let invocation = &self.command(at.command).invocations[at.index as usize];
                (super::word(invocation.detail), invocation.finished.or(invocation.started))
            }
        }
    }

    /// States of the latest runs of all nodes, counted.
    pub(super) fn latest_states(&self, association: &Association) -> BTreeMap<&'static str, i32> {
        let mut counts = BTreeMap::new();
        for run in association.runs.values().filter_map(|runs| runs.last()) {
            *counts.entry(self.run_state(run).0).or_insert(0) += 1;
        }
        counts
    }
}

/// Whether an association is applied at the times of its schedule only.
pub(super) fn waits_for_its_time(association: &Association) -> bool {
    let definition = association.definition();
    let schedule = definition.schedule_expression.as_deref().and_then(|text| Schedule::parse(text).ok());
    definition.apply_only_at_cron_interval == Some(true)
        && schedule.is_some_and(|schedule| schedule.is_cron())
}
