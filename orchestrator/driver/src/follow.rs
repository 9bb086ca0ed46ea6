//! Follows installs that associations carry out, in the terms in which commands are followed: counters, rows, markers.

use crate::call::Family;
use crate::perform::Hands;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::agent::Status;
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, CommandId, NodeId, SiteIndex, marker_of_association};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::associations::{Execution, Run};
use wavetrain_ports::distributor::{Command, Invocation, Listing};
use wavetrain_ports::failure::{Class, Failure};

/// An association that is followed, and how many nodes it is for.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) association: AssociationId,
    pub(crate) nodes: u32,
    /// When it was made: a node that has not begun long after is undelivered.
    pub(crate) at: Timestamp,
}

impl Hands {
    /// The counters of these associations, as a listing of commands would show them. None: not called.
    pub(crate) async fn counters(
        &self,
        at: SiteIndex,
        followed: &[Followed],
    ) -> Option<Result<Vec<Command>, Failure>> {
        let site = &self.plan.sites[at.at()].site;
        let mut counters = Vec::new();
        for one in followed {
            let _place = self.line.admit(at, Family::Executions, &self.line.closing).await?;
            let executions = self.line.cloud.executions(site, &one.association).await;
            self.line.learn(at, Family::Executions, executions.as_ref().err());
            let executions = match executions {
                // Gone: somebody deleted it. Its nodes end by their deadline.
                Err(failure) if failure.class == Class::NotFound => continue,
                Err(failure) => return Some(Err(failure)),
                Ok(executions) => executions,
            };
            // Applied again and again by its schedule, it counts a node each time.
            let most = |count: u32| count.min(one.nodes);
            counters.push(Command {
                id: CommandId::new(one.association.as_str()),
                comment: String::new(),
                targets: one.nodes,
                completed: most(executions.iter().map(Execution::completed).sum()),
                errors: most(executions.iter().map(Execution::errors).sum()),
                delivery_timed_out: 0,
                over: !executions.is_empty() && executions.iter().all(Execution::is_over),
                requested_at: one.at,
            });
        }
        Some(Ok(counters))
    }

    /// What became of each node of an association: its first outcome, with the output of the command behind it.
    pub(crate) async fn rows(
        &self,
        at: SiteIndex,
        one: &Followed,
    ) -> Option<Result<Vec<Invocation>, Failure>> {
        let site = &self.plan.sites[at.at()].site;
        let _place = self.line.admit(at, Family::Executions, &self.line.closing).await?;
        let rows = self.read_rows(site, one).await;
        self.line.learn(at, Family::Executions, rows.as_ref().err());
        Some(rows)
    }

    async fn read_rows(&self, site: &Site, one: &Followed) -> Result<Vec<Invocation>, Failure> {
        let cloud = &self.line.cloud;
        let executions = match cloud.executions(site, &one.association).await {
            Err(failure) if failure.class == Class::NotFound => return Ok(Vec::new()),
            executions => executions?,
        };
        let mut runs: BTreeMap<NodeId, Run> = BTreeMap::new();
        for execution in &executions {
            if runs.len() as u32 >= one.nodes && runs.values().all(|run| run.status.is_terminal()) {
                break;
            }
            let found = match cloud.execution_targets(site, &one.association, &execution.id).await {
                // Removed between the two calls, by our own errand perhaps: its nodes had ended.
                Err(failure) if failure.class == Class::NotFound => break,
                found => found?,
            };
            for run in found {
                let known = runs.get(&run.node);
                // The first outcome counts; a node that was away is met again by a later execution.
                if known.is_none_or(|known| !known.status.is_terminal()) {
                    runs.insert(run.node.clone(), run);
                }
            }
        }
        let commands: BTreeSet<CommandId> = runs.values().filter_map(|run| run.command.clone()).collect();
        let mut told: BTreeMap<(CommandId, NodeId), Invocation> = BTreeMap::new();
        for command in commands {
            match cloud.invocations(site, &command).await {
                // Not shown to us: the words of State Manager are what there is.
                Err(failure) if failure.class == Class::NotFound || failure.class == Class::Invalid => {}
                rows => {
                    told.extend(rows?.into_iter().map(|row| ((command.clone(), row.node.clone()), row)));
                }
            }
        }
        let late = self.line.clock.now().since(one.at) > self.plan.spec.deadlines.delivery;
        Ok(runs.into_values().map(|run| row(run, &mut told, late)).collect())
    }

    /// The associations of a site that batches made, with the markers in their names, as commands with comments.
    pub(crate) async fn marked(&self, at: SiteIndex) -> Option<Result<Vec<Command>, Failure>> {
        let site = &self.plan.sites[at.at()].site;
        let _place = self.line.admit(at, Family::Executions, &self.line.closing).await?;
        let named = self.line.cloud.associations(site).await;
        self.line.learn(at, Family::Executions, named.as_ref().err());
        Some(named.map(|named| {
            let marked = named.into_iter().filter_map(|named| {
                let comment = marker_of_association(&named.name)?;
                Some(Command {
                    id: CommandId::new(named.id.as_str()),
                    comment,
                    targets: 0,
                    completed: 0,
                    errors: 0,
                    delivery_timed_out: 0,
                    over: false,
                    requested_at: Timestamp::default(),
                })
            });
            marked.collect()
        }))
    }
}

fn row(run: Run, told: &mut BTreeMap<(CommandId, NodeId), Invocation>, late: bool) -> Invocation {
    let known = run.command.and_then(|command| told.remove(&(command, run.node.clone())));
    known.unwrap_or_else(|| {
        // State Manager waits for a node that is away as long as the association lives. A batch does not.
        let is_away = late && run.status == Status::Pending;
        let status = if is_away { Status::DeliveryTimedOut } else { run.status };
        Invocation { node: run.node, status, output: String::new(), exit_code: None }
    })
}

/// Both listings as one.
pub(crate) fn joined(listing: Listing, more: Vec<Command>) -> Listing {
    let mut commands = more;
    commands.extend(listing.commands);
    Listing { commands, complete: listing.complete }
}
