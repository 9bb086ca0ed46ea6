//! Carries out errands: what is to be so in State Manager and in the package's document.
//!
//! Each looks first and changes only what is not so yet, so that repeating it after a crash or a lost answer does no harm.

use crate::call::Family;
use crate::crash::{self, Point};
use crate::perform::{Hands, trouble};
use crate::shape;
use std::collections::BTreeSet;
use std::sync::PoisonError;
use tokio_util::sync::CancellationToken;
use wavetrain_engine::input::{Answer, Trouble};
use wavetrain_model::association::{Paused, Target};
use wavetrain_model::fleet::Site;
use wavetrain_model::id::{AssociationId, SiteIndex};
use wavetrain_model::intent::{Errand, Intent};
use wavetrain_model::plan::Plan;
use wavetrain_ports::associations::{Named, Run};
use wavetrain_ports::distributor::Sent;
use wavetrain_ports::failure::{Class, Failure};

/// What became of an errand that AWS did not refuse.
enum Done {
    /// It is so now.
    So(String),
    /// Something else has to end first.
    NotYet(String),
}

impl Hands {
    pub(crate) async fn errand(
        &self,
        intent: &Intent,
        errand: &Errand,
        off: &CancellationToken,
    ) -> Option<Answer> {
        let _place = self.line.admit(intent.site, Family::Association, off).await?;
        crash::point(self.crash_at, Point::AfterIntent, intent.id.0);
        let done = self.run(intent.site, errand).await;
        crash::point(self.crash_at, Point::AfterCall, intent.id.0);
        self.line.learn(intent.site, Family::Association, done.as_ref().err());
        Some(match done {
            Ok(Done::So(note)) => Answer::CarriedOut { note },
            Ok(Done::NotYet(message)) => Answer::Refused { trouble: Trouble::Awaiting, message },
            Err(failure) if failure.class == Class::UnknownOutcome => {
                Answer::Unknown { message: failure.to_string() }
            }
            Err(failure) => Answer::Refused { trouble: trouble(failure.class), message: failure.to_string() },
        })
    }

    async fn run(&self, at: SiteIndex, errand: &Errand) -> Result<Done, Failure> {
        let site = &self.plan.sites[at.at()].site;
        let done = match errand {
            Errand::Remove { association, stop: true, .. } if self.is_changing(site, association).await? => {
                let message = format!("{site}: nodes still change by association {association}");
                return Ok(Done::NotYet(message));
            }
            Errand::Remove { association, .. } => self.remove(site, association).await,
            Errand::Pause => self.pause(at, site).await,
            Errand::Unpause => self.unpause(at, site).await,
            Errand::MakeDefault => {
                let version = self.plan.spec.package.version.clone();
                self.set_default(site, &version).await
            }
            Errand::UnmakeDefault => match former_default(&self.plan, at) {
                Some(version) => self.set_default(site, &version).await,
                None => Ok(format!("{site}: the default stays: what it was before is not known")),
            },
            Errand::Keep => self.keep(at, site).await,
            Errand::Unkeep => return self.unkeep(at, site).await,
        };
        done.map(Done::So)
    }

    async fn remove(&self, site: &Site, id: &AssociationId) -> Result<String, Failure> {
        gone(self.line.cloud.delete_association(site, id).await)?;
        Ok(format!("{site}: association {id} removed"))
    }

    /// Stops what an association does, and says whether a node still changes by it. It is not deleted before that: deleting ends nothing
    /// that it began, and nobody could tell any more when that is over. Pointed at no node, it begins nothing new meanwhile.
    async fn is_changing(&self, site: &Site, id: &AssociationId) -> Result<bool, Failure> {
        let cloud = &self.line.cloud;
        let executions = match cloud.retarget(site, id, &[Target::nowhere()]).await {
            Ok(()) => cloud.executions(site, id).await,
            Err(failure) => Err(failure),
        };
        let executions = match executions {
            Err(failure) if failure.class == Class::NotFound => return Ok(false),
            executions => executions?,
        };
        let is_new = self.is_new(id.as_str());
        // What it began just now may not be shown yet.
        let mut is_unclear = is_new && executions.is_empty();
        let mut commands = BTreeSet::new();
        for execution in executions.iter().filter(|execution| !execution.is_over()) {
            let runs = match cloud.execution_targets(site, id, &execution.id).await {
                Err(failure) if failure.class == Class::NotFound => break,
                runs => runs?,
            };
            let changing: Vec<Run> = runs.into_iter().filter(|run| !run.status.is_terminal()).collect();
            // A node without a command was away, and nothing brings it one any more.
            is_unclear |= is_new && changing.iter().any(|run| run.command.is_none());
            commands.extend(changing.into_iter().filter_map(|run| run.command));
        }
        for command in &commands {
            match cloud.cancel(site, command).await {
                // Not ours to cancel, or over: it is awaited in any case.
                Err(failure) if !matches!(failure.class, Class::Throttled | Class::Unavailable) => {}
                done => done?,
            }
        }
        Ok(is_unclear || !commands.is_empty())
    }

    /// Whether this was first asked less than a settle time ago.
    fn is_new(&self, association: &str) -> bool {
        let now = self.line.clock.now();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        now.since(*begun.entry(association.to_owned()).or_insert(now)) < self.plan.spec.api.settle
    }

    async fn pause(&self, at: SiteIndex, site: &Site) -> Result<String, Failure> {
        let Some(paused) = paused(&self.plan, at) else { return Ok(format!("{site}: nothing to pause")) };
        gone(self.line.cloud.retarget(site, &paused.id, &[Target::nowhere()]).await)?;
        Ok(format!("{site}: association {} ({}) applies to no node", paused.id, paused.definition.name))
    }

    async fn unpause(&self, at: SiteIndex, site: &Site) -> Result<String, Failure> {
        let Some(Paused { id, definition, .. }) = paused(&self.plan, at) else {
            return Ok(format!("{site}: nothing to resume"));
        };
        let now = match self.line.cloud.association(site, id).await {
            Err(failure) if failure.class == Class::NotFound => {
                return Ok(format!("{site}: association {id} ({}) is gone", definition.name));
            }
            now => now?,
        };
        if now.parameters == definition.parameters {
            // Only its targets were changed: what else it says, and we do not read, stays as it is.
            self.line.cloud.retarget(site, id, &definition.targets).await?;
        } else {
            self.line.cloud.update_association(site, id, definition).await?;
        }
        Ok(format!("{site}: association {id} ({}) {} again", definition.name, definition.deed()))
    }

    /// In the account of the package's owner: everybody else only sees the default.
    async fn set_default(&self, site: &Site, version: &str) -> Result<String, Failure> {
        let package = &self.plan.spec.package;
        let owner = self.owner_of(site).await?;
        let is_new = self.line.cloud.set_default_version(&owner, &package.name, version).await?;
        let was = if is_new { "is" } else { "was already" };
        Ok(format!("{owner}: {version} {was} the default version of {}", package.name))
    }

    async fn owner_of(&self, site: &Site) -> Result<Site, Failure> {
        let owner = self.plan.spec.package.owner_for(&site.account);
        if site.account == *owner {
            return Ok(site.clone());
        }
        let own = self.line.cloud.caller_account().await?;
        let role = self.plan.spec.fleet.role.as_ref().filter(|_| own != *owner);
        Ok(Site {
            account: owner.clone(),
            region: site.region.clone(),
            role: role.map(|role| role.replace("{account}", owner.as_str())),
            external_id: role.and(self.plan.spec.fleet.external_id.clone()),
        })
    }

    async fn keep(&self, at: SiteIndex, site: &Site) -> Result<String, Failure> {
        let Some(wanted) = shape::keeping(&self.plan, at) else {
            return Ok(format!("{site}: nothing to keep"));
        };
        let cloud = &self.line.cloud;
        let Some(found) = self.named(site, &wanted.name).await? else {
            return match cloud.create_association(site, &wanted).await {
                Sent::Accepted { command } => {
                    Ok(format!("{site}: association {command} ({}) made", wanted.name))
                }
                Sent::Refused(failure) | Sent::Unknown(failure) => Err(failure),
                Sent::InvalidNodes { message, .. } => Err(invalid("CreateAssociation", message)),
            };
        };
        let (id, name) = (&found.id, &found.name);
        let there = cloud.association(site, id).await?;
        // An update is applied to every target at once: what says the same is left alone.
        if there == wanted {
            return Ok(format!("{site}: association {id} ({name}) says so already"));
        }
        if there.package() != wanted.package() {
            let message =
                format!("association {id} is called {name} and is about package {}", there.package());
            return Err(invalid("DescribeAssociation", message));
        }
        cloud.update_association(site, id, &wanted).await?;
        Ok(format!("{site}: association {id} ({name}) {}", wanted.deed()))
    }

    async fn unkeep(&self, at: SiteIndex, site: &Site) -> Result<Done, Failure> {
        let Some(wanted) = shape::keeping(&self.plan, at) else {
            return Ok(Done::So(format!("{site}: nothing was kept")));
        };
        let Some(found) = self.named(site, &wanted.name).await? else {
            // It may have been made a moment ago, by a process that did not live to hear of it.
            let told = format!("{site}: there is no association {}", wanted.name);
            return Ok(if self.is_new(&wanted.name) { Done::NotYet(told) } else { Done::So(told) });
        };
        let cloud = &self.line.cloud;
        let (id, name) = (&found.id, &found.name);
        if paused(&self.plan, at).is_some_and(|paused| paused.id == *id) {
            gone(cloud.retarget(site, id, &[Target::nowhere()]).await)?;
            return Ok(Done::So(format!("{site}: association {id} ({name}) applies to no node")));
        }
        match cloud.association(site, id).await {
            // Only what says what we wrote is ours to delete.
            Ok(there) if there != wanted => {
                Ok(Done::So(format!("{site}: association {id} ({name}) is somebody else's and stays")))
            }
            there => {
                gone(there.map(drop))?;
                gone(cloud.delete_association(site, id).await)?;
                Ok(Done::So(format!("{site}: association {id} ({name}) removed")))
            }
        }
    }

    /// The one association of this name. Names are not unique: of several nobody knows which is meant.
    async fn named(&self, site: &Site, name: &str) -> Result<Option<Named>, Failure> {
        let mut found = self.line.cloud.associations(site).await?;
        found.retain(|association| association.name == name);
        if found.len() > 1 {
            let message = format!("{} associations are called {name}: leave one of them", found.len());
            return Err(invalid("ListAssociations", message));
        }
        Ok(found.pop())
    }
}

fn paused(plan: &Plan, site: SiteIndex) -> Option<&Paused> {
    plan.paused.iter().find(|paused| paused.site == site)
}

/// The default version when the plan was made, unless it was the target.
fn former_default(plan: &Plan, site: SiteIndex) -> Option<String> {
    let version = plan.sites[site.at()].default_version.filter(|version| *version != Plan::TARGET)?;
    Some(plan.version(version).to_owned())
}

/// What is not there any more needs nothing.
fn gone(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if failure.class == Class::NotFound => Ok(()),
        done => done,
    }
}

fn invalid(operation: &str, message: String) -> Failure {
    Failure { class: Class::Invalid, operation: operation.to_owned(), message, code: String::new() }
}
