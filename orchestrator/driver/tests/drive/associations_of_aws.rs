//! State Manager, as far as a driver calls it: an association runs once when it is made, as a command that no listing shows.

use crate::aws::{Aws, failure};
use async_trait::async_trait;
use std::collections::BTreeMap;
use wavetrain_model::agent::Status;
use wavetrain_model::association::{Definition, Target};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, CommandId, NodeId};
use wavetrain_model::spec::InstallMode;
use wavetrain_model::time::Seconds;
use wavetrain_ports::associations::{Associations, Execution, Named, Run};
use wavetrain_ports::distributor::{Distributor, Job, Order, Sent};
use wavetrain_ports::failure::{Class, Failure};

/// An association that exists.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) site: String,
    pub(crate) definition: Definition,
    /// What it began.
    pub(crate) command: Option<CommandId>,
}

impl Aws {
    fn kept(&self, id: &AssociationId) -> Result<Kept, Failure> {
        self.world().associations.get(id).cloned().ok_or_else(|| failure(Class::NotFound))
    }
}

fn order(definition: &Definition) -> Order {
    let text = |key: &str| definition.parameters.get(key).cloned().unwrap_or_default();
    Order {
        job: Job::Install {
            package: text("name"),
            version: text("version"),
            mode: InstallMode::Reinstall,
            arguments: BTreeMap::new(),
        },
        nodes: definition.targets[0].values.iter().map(|id| NodeId::from(id.as_str())).collect(),
        comment: format!("association {}", definition.name),
        deliver_within: Seconds(3600),
        max_concurrency: 50,
        max_errors: None,
    }
}

#[async_trait]
impl Associations for Aws {
    async fn create_association(&self, site: &Site, definition: &Definition) -> Sent {
        let is_batch = definition.targets[0].key == "InstanceIds" && !definition.targets[0].is_everyone();
        let sent = if is_batch { Some(self.accept(site, &order(definition))) } else { None };
        let command = match &sent {
            Some(Some(Sent::Refused(_) | Sent::InvalidNodes { .. })) => {
                return sent.flatten().expect("an answer");
            }
            _ => self.world().commands.last().map(|run| run.id.clone()).filter(|_| is_batch),
        };
        let id = {
            let mut world = self.world();
            let id = AssociationId::new(format!("a-{}", world.associations_made + 1));
            world.associations_made += 1;
            let kept = Kept { site: site.to_string(), definition: definition.clone(), command };
            world.associations.insert(id.clone(), kept);
            id
        };
        match sent {
            None | Some(Some(Sent::Accepted { .. })) => {
                Sent::Accepted { command: CommandId::new(id.as_str()) }
            }
            Some(Some(other)) => other,
            Some(None) => std::future::pending().await,
        }
    }

    async fn update_association(
        &self,
        _: &Site,
        id: &AssociationId,
        definition: &Definition,
    ) -> Result<(), Failure> {
        let mut world = self.world();
        let kept = world.associations.get_mut(id).ok_or_else(|| failure(Class::NotFound))?;
        kept.definition = definition.clone();
        Ok(())
    }

    async fn retarget(&self, _: &Site, id: &AssociationId, targets: &[Target]) -> Result<(), Failure> {
        let mut world = self.world();
        let kept = world.associations.get_mut(id).ok_or_else(|| failure(Class::NotFound))?;
        kept.definition.targets = targets.to_vec();
        Ok(())
    }

    async fn delete_association(&self, _: &Site, id: &AssociationId) -> Result<(), Failure> {
        let mut world = self.world();
        if let Some(class) = world.delete_faults.pop_front() {
            return Err(failure(class));
        }
        world.associations.remove(id).map(|_| ()).ok_or_else(|| failure(Class::NotFound))
    }

    async fn associations(&self, site: &Site) -> Result<Vec<Named>, Failure> {
        let world = self.world();
        let here = world.associations.iter().filter(|(_, kept)| kept.site == site.to_string());
        Ok(here.map(|(id, kept)| Named { id: id.clone(), name: kept.definition.name.clone() }).collect())
    }

    async fn association(&self, _: &Site, id: &AssociationId) -> Result<Definition, Failure> {
        self.kept(id).map(|kept| kept.definition)
    }

    async fn executions(&self, site: &Site, id: &AssociationId) -> Result<Vec<Execution>, Failure> {
        let kept = self.kept(id)?;
        let Some(command) = kept.command else { return Ok(Vec::new()) };
        let mut counts = BTreeMap::new();
        for row in self.invocations(site, &command).await? {
            *counts.entry(format!("{:?}", row.status)).or_insert(0) += 1;
        }
        Ok(vec![Execution { id: "e-1".to_owned(), counts }])
    }

    async fn execution_targets(&self, site: &Site, id: &AssociationId, _: &str) -> Result<Vec<Run>, Failure> {
        if let Some(class) = self.world().target_faults.pop_front() {
            return Err(failure(class));
        }
        let kept = self.kept(id)?;
        let Some(command) = kept.command else { return Ok(Vec::new()) };
        let rows = self.invocations(site, &command).await?;
        let run = |node, status: Status| Run { node, status, command: Some(command.clone()) };
        Ok(rows.into_iter().map(|row| run(row.node, row.status)).collect())
    }

    async fn set_default_version(&self, site: &Site, _: &str, version: &str) -> Result<bool, Failure> {
        let mut world = self.world();
        if let Some(class) = world.default_faults.pop_front() {
            return Err(failure(class));
        }
        let before = world.defaults.insert(site.region.as_str().to_owned(), version.to_owned());
        Ok(before.as_deref() != Some(version))
    }
}
