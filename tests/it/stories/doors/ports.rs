//! AWS: calls take time, answers come twice, and what is on the wire arrives though its sender has died.

use super::{Door, POSTHUMOUS_MS, Stage};
use crate::stories::chronicle::{Command, Kind, What};
use crate::stories::draw::Death;
use async_trait::async_trait;
use std::sync::Arc;
use wavetrain_model::association::{Definition, Target};
use wavetrain_model::fleet::{Node, PackageView, Site, TagMatch};
use wavetrain_model::gate::{Alarm, AlarmChange, Compliance, Window};
use wavetrain_model::id::{AccountId, AssociationId, CommandId, NodeId, SiteIndex, marker_of_association};
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::associations::{Associations, Execution, Named, Run};
use wavetrain_ports::compliance::{ComplianceBook, Item};
use wavetrain_ports::distributor::{Distributor, Invocation, Listing, Order, Sent};
use wavetrain_ports::failure::Failure;
use wavetrain_ports::fleet::Fleet;
use wavetrain_ports::metrics::{Answer, Metrics, Question};

impl Stage {
    /// Whatever gives nodes something to do: what is on the wire arrives, whatever becomes of the process that sent it.
    async fn put_on_wire(
        self: &Arc<Self>,
        command: Command,
        call: impl Future<Output = Sent> + Send + 'static,
    ) -> Sent {
        let sends = {
            let mut inner = self.inner();
            inner.sends += 1;
            inner.sends
        };
        self.note(What::Asked(command));
        let there = self.clone();
        let is_posthumous = self.inner().deaths.contains(&Death::WhileSending(sends));
        let arrival = tokio::spawn(async move {
            let most_ms = if is_posthumous { POSTHUMOUS_MS } else { there.inner().wire.there };
            there.travel(most_ms).await;
            let sent = call.await;
            there.look();
            sent
        });
        self.survive(|death, _| *death == Death::WhileSending(sends)).await;
        let sent = arrival.await.expect("the world does not panic");
        self.survive(|death, _| *death == Death::AfterSend(sends)).await;
        self.answer().await;
        sent
    }
}

#[async_trait]
impl Distributor for Door {
    async fn send(&self, site: &Site, order: &Order) -> Sent {
        let command =
            Command { kind: Kind::of(&order.job), marker: order.comment.clone(), nodes: order.nodes.clone() };
        let (stage, site, order) = (self.0.clone(), site.clone(), order.clone());
        self.0.put_on_wire(command, async move { stage.cloud.send(&site, &order).await }).await
    }

    async fn commands(&self, site: &Site, since: Timestamp, limit: usize) -> Result<Listing, Failure> {
        self.0.call().await;
        let mut listing = self.0.cloud.commands(site, since, limit).await;
        if let Ok(listing) = &mut listing
            && self.0.is_doubled()
            && let Some(first) = listing.commands.first().cloned()
        {
            listing.commands.push(first);
        }
        self.0.answer().await;
        listing
    }

    async fn invocations(&self, site: &Site, command: &CommandId) -> Result<Vec<Invocation>, Failure> {
        self.0.call().await;
        let mut rows = self.0.cloud.invocations(site, command).await;
        if let Ok(rows) = &mut rows
            && self.0.is_doubled()
        {
            rows.extend(rows.clone());
        }
        self.0.answer().await;
        rows
    }

    async fn cancel(&self, site: &Site, command: &CommandId) -> Result<(), Failure> {
        self.0.call().await;
        let done = self.0.cloud.cancel(site, command).await;
        self.0.answer().await;
        done
    }
}

#[async_trait]
impl Metrics for Door {
    async fn alarms(
        &self,
        site: &Site,
        names: &[String],
        prefix: Option<&str>,
    ) -> Result<Vec<Alarm>, Failure> {
        self.0.call().await;
        let alarms = self.0.cloud.alarms(site, names, prefix).await;
        self.0.answer().await;
        alarms
    }

    async fn changes(&self, site: &Site, alarm: &str, window: Window) -> Result<Vec<AlarmChange>, Failure> {
        self.0.call().await;
        let changes = self.0.cloud.changes(site, alarm, window).await;
        self.0.answer().await;
        changes
    }

    async fn data(
        &self,
        site: &Site,
        questions: &[Question],
        period: Seconds,
        window: Window,
    ) -> Result<Vec<Answer>, Failure> {
        self.0.call().await;
        let answers = self.0.cloud.data(site, questions, period, window).await;
        self.0.answer().await;
        answers
    }
}

#[async_trait]
impl Fleet for Door {
    async fn caller_account(&self) -> Result<AccountId, Failure> {
        self.0.cloud.caller_account().await
    }

    async fn nodes(
        &self,
        site: &Site,
        index: SiteIndex,
        questions: &[TagMatch],
    ) -> Result<Vec<Node>, Failure> {
        self.0.cloud.nodes(site, index, questions).await
    }

    async fn lost(&self, site: &Site) -> Result<Vec<(NodeId, Timestamp)>, Failure> {
        self.0.call().await;
        let lost = self.0.cloud.lost(site).await;
        self.0.answer().await;
        lost
    }

    async fn package(
        &self,
        site: &Site,
        name: &str,
        owner: &AccountId,
        wanted: &[String],
        look_into_files: bool,
    ) -> Result<PackageView, Failure> {
        self.0.cloud.package(site, name, owner, wanted, look_into_files).await
    }

    async fn check_documents(&self, site: &Site, names: &[&str]) -> Result<(), Failure> {
        self.0.cloud.check_documents(site, names).await
    }
}

#[async_trait]
impl ComplianceBook for Door {
    async fn summaries(&self, site: &Site, types: &[String]) -> Result<Vec<(NodeId, Compliance)>, Failure> {
        self.0.call().await;
        let rows = self.0.cloud.summaries(site, types).await;
        self.0.answer().await;
        rows
    }

    async fn items(&self, site: &Site, node: &NodeId, types: &[String]) -> Result<Vec<Compliance>, Failure> {
        self.0.call().await;
        let rows = self.0.cloud.items(site, node, types).await;
        self.0.answer().await;
        rows
    }

    async fn put(&self, site: &Site, node: &NodeId, item: &Item) -> Result<(), Failure> {
        self.0.call().await;
        let put = self.0.cloud.put(site, node, item).await;
        self.0.answer().await;
        put
    }
}

#[async_trait]
impl Associations for Door {
    async fn create_association(&self, site: &Site, definition: &Definition) -> Sent {
        let (stage, to, what) = (self.0.clone(), site.clone(), definition.clone());
        let call = async move { stage.cloud.create_association(&to, &what).await };
        let version = definition.parameters.get("version").cloned().unwrap_or_default();
        let ids = definition.targets.iter().filter(|target| target.key == "InstanceIds");
        let command = Command {
            kind: Kind::Install(version),
            marker: marker_of_association(&definition.name).expect("stories keep nothing in State Manager"),
            nodes: ids.flat_map(|target| &target.values).map(|id| NodeId::new(id.as_str())).collect(),
        };
        self.0.put_on_wire(command, call).await
    }

    async fn update_association(
        &self,
        site: &Site,
        id: &AssociationId,
        definition: &Definition,
    ) -> Result<(), Failure> {
        self.0.call().await;
        let done = self.0.cloud.update_association(site, id, definition).await;
        self.0.answer().await;
        done
    }

    async fn retarget(&self, site: &Site, id: &AssociationId, targets: &[Target]) -> Result<(), Failure> {
        self.0.call().await;
        let done = self.0.cloud.retarget(site, id, targets).await;
        self.0.answer().await;
        done
    }

    async fn delete_association(&self, site: &Site, id: &AssociationId) -> Result<(), Failure> {
        self.0.call().await;
        let done = self.0.cloud.delete_association(site, id).await;
        self.0.answer().await;
        done
    }

    async fn associations(&self, site: &Site) -> Result<Vec<Named>, Failure> {
        self.0.cloud.associations(site).await
    }

    async fn association(&self, site: &Site, id: &AssociationId) -> Result<Definition, Failure> {
        self.0.cloud.association(site, id).await
    }

    async fn executions(&self, site: &Site, id: &AssociationId) -> Result<Vec<Execution>, Failure> {
        self.0.call().await;
        let executions = self.0.cloud.executions(site, id).await;
        self.0.answer().await;
        executions
    }

    async fn execution_targets(
        &self,
        site: &Site,
        id: &AssociationId,
        execution: &str,
    ) -> Result<Vec<Run>, Failure> {
        self.0.cloud.execution_targets(site, id, execution).await
    }

    async fn set_default_version(&self, site: &Site, name: &str, version: &str) -> Result<bool, Failure> {
        self.0.call().await;
        let done = self.0.cloud.set_default_version(site, name, version).await;
        self.0.answer().await;
        done
    }
}
