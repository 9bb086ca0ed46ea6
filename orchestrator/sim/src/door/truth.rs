//! The world behind the door: calls go straight to it, and `/_sim/` shows its record. Times are in seconds since the
//! epoch, as everywhere on AWS's wires.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Backend, CallFilter, ControlError, NodeChange, NodeFilter};
use crate::agent::local::Agent;
use crate::agent::real::Bytes;
use crate::api::{Caller, Reply, Request};
use crate::clock::WorldTime;
use crate::fault::Fault;
use crate::fleet::{Node, Reach, Site};
use crate::package::Attached;
use crate::record::{BitsChange, CallRecord, Receipt};
use crate::s3::PartFacts;
use crate::ssm::BrokenLink;
use crate::world::World;
use crate::world_file::check_fault;

impl Backend for World {
    fn now_millis(&self) -> i64 {
        self.now().millis()
    }

    fn advance_to(&mut self, now_millis: i64) {
        self.advance_to(WorldTime::from_millis(now_millis));
    }

    fn call(&mut self, caller: &Caller, request: Request) -> Reply {
        self.call(caller, request)
    }

    fn attachment(&self, path: &str, date: &str, signature: &str) -> Result<Attached, BrokenLink> {
        self.linked(path, date, signature).cloned()
    }

    fn keep_bytes(&mut self, bytes: Arc<dyn Bytes>) {
        self.keep_bytes(bytes);
    }

    fn parts(&self, bucket: &str, upload_id: &str, numbers: &[i32]) -> Vec<PartFacts> {
        self.store().parts(bucket, upload_id, numbers)
    }

    fn has_message(&self, destination: &str) -> bool {
        self.has_message(destination)
    }

    fn nodes(&self, filter: &NodeFilter) -> Value {
        let matching = || self.nodes().iter().filter(|node| shows(filter, node, site_of(self, node)));
        let limit = filter.limit.unwrap_or(usize::MAX);
        let nodes: Vec<Value> = matching()
            .skip(filter.offset)
            .take(limit)
            .map(|node| node_truth(node, site_of(self, node)))
            .collect();
        let total =
            if filter.limit.is_some() || filter.offset > 0 { matching().count() } else { nodes.len() };
        json!({ "total": total, "nodes": nodes })
    }

    fn calls(&self, filter: &CallFilter) -> Value {
        // Numbers begin at 1, so that `since=0` means all.
        let since = filter.since.and_then(|since| usize::try_from(since).ok()).unwrap_or(0);
        let matches = |call: &CallRecord| {
            filter.account.as_ref().is_none_or(|account| *account == call.account)
                && filter.region.as_ref().is_none_or(|region| *region == call.region)
                && filter.operation.as_deref().is_none_or(|operation| operation == call.operation)
        };
        let calls: Vec<Value> = self
            .calls()
            .iter()
            .enumerate()
            .skip(since)
            .filter(|(_, call)| matches(call))
            .take(filter.limit.unwrap_or(usize::MAX))
            .map(|(index, call)| call_truth(index + 1, call))
            .collect();
        json!({ "calls": calls, "last": self.calls().len() })
    }

    fn summary(&self) -> Value {
        let mut groups: BTreeMap<(&str, &str, &str), Count> = BTreeMap::new();
        for node in self.nodes() {
            let site = site_of(self, node);
            let group = (&*site.account, &*site.region, node.group.platform.as_str());
            groups.entry(group).or_default().add(node);
        }
        let sites: Vec<Value> = groups
            .into_iter()
            .map(|((account, region, platform), count)| count.shown(account, region, platform))
            .collect();
        json!({
            "now": self.now().epoch_seconds(),
            "nodes": self.nodes().len(),
            "calls": self.calls().len(),
            "groups": sites,
        })
    }

    fn change_faults(&mut self, faults: Value) -> Result<Value, ControlError> {
        let invalid = |text: String| ControlError::Invalid(text);
        let order: FaultOrder = serde_json::from_value(faults).map_err(|error| invalid(error.to_string()))?;
        for (index, fault) in order.add.iter().enumerate() {
            fault.check().map_err(|problem| invalid(format!("add[{index}]: {problem}")))?;
            check_fault(&format!("add[{index}]"), fault).map_err(|problem| invalid(problem.to_string()))?;
        }
        if order.clear {
            self.clear_faults();
        }
        let added = order.add.len();
        for fault in order.add {
            self.add_fault(fault);
        }
        Ok(json!({ "cleared": order.clear, "added": added }))
    }

    fn change_node(&mut self, id: &str, change: NodeChange) -> Result<Value, ControlError> {
        let reach = match change {
            NodeChange::Terminate => Reach::Terminated,
            NodeChange::Offline => Reach::Offline,
            NodeChange::Online => Reach::Online,
        };
        self.set_reach(id, reach);
        let node = self.node(id).ok_or_else(|| ControlError::NotFound(format!("there is no node {id}")))?;
        Ok(node_truth(node, site_of(self, node)))
    }
}

/// Body of `POST /_sim/faults`: all are cleared first, then some added.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FaultOrder {
    clear: bool,
    add: Vec<Fault>,
}

fn site_of<'a>(world: &'a World, node: &Node) -> &'a Site {
    &world.sites()[node.site as usize]
}

fn shows(filter: &NodeFilter, node: &Node, site: &Site) -> bool {
    filter.account.as_ref().is_none_or(|account| *account == site.account)
        && filter.region.as_ref().is_none_or(|region| *region == site.region)
        && filter.id.as_deref().is_none_or(|id| *id == *node.id)
        && filter.touched.is_none_or(|touched| touched != node.history.commands.is_empty())
}

fn node_truth(node: &Node, site: &Site) -> Value {
    let bits: BTreeMap<&str, Value> = node
        .bits
        .iter()
        .map(|(product, bits)| {
            (&**product, json!({ "version": bits.version.as_deref(), "debris": bits.debris }))
        })
        .collect();
    json!({
        "account": site.account,
        "region": site.region,
        "id": &*node.id,
        "group": node.group.name,
        "platform": node.group.platform.as_str(),
        "platform_name": node.group.platform_name,
        "platform_version": node.group.platform_version,
        "architecture": node.group.architecture,
        "agent_version": &*node.agent_version,
        "tags": node.tags(),
        "reach": reach_word(node.reach),
        "bits": bits,
        "installstate": node.agent_files().map(install_states),
        "commands": node.history.commands.iter().map(command_truth).collect::<Vec<_>>(),
        "changes": node.history.bits.iter().map(change_truth).collect::<Vec<_>>(),
    })
}

fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Online => "online",
        Reach::Offline => "offline",
        Reach::Terminated => "terminated",
        Reach::Unregistered => "unregistered",
    }
}

/// The agent's own belief, by the name under which it keeps each package.
fn install_states(agent: &Agent) -> Value {
    agent.packages.iter().map(|(key, local)| (key.clone(), json!(local.state))).collect()
}

fn command_truth(receipt: &Receipt) -> Value {
    json!({
        "at": receipt.at.epoch_seconds(),
        "command_id": &*receipt.command_id,
        "document": receipt.document,
        "action": receipt.action,
        "package": receipt.package,
        "version": receipt.version,
        "comment": &*receipt.comment,
    })
}

fn change_truth(change: &BitsChange) -> Value {
    json!({
        "at": change.at.epoch_seconds(),
        "product": &*change.product,
        "from": change.from.as_deref(),
        "to": change.to.as_deref(),
        "debris": change.debris,
        "command_id": &*change.command_id,
    })
}

fn call_truth(sequence: usize, call: &CallRecord) -> Value {
    json!({
        "sequence": sequence,
        "at": call.at.epoch_seconds(),
        "account": call.account,
        "region": call.region,
        "session": call.session,
        "service": call.service,
        "operation": call.operation,
        "error": call.error,
        "executed": call.executed,
        "delivery": call.delivery,
        "brief": call.brief,
    })
}

/// Nodes of one site and platform, counted.
#[derive(Default)]
struct Count<'a> {
    nodes: usize,
    touched: usize,
    reach: BTreeMap<&'static str, usize>,
    /// By product, then by version; a product that is absent here but was elsewhere is not counted.
    bits: BTreeMap<&'a str, BTreeMap<&'a str, usize>>,
    debris: usize,
}

impl<'a> Count<'a> {
    fn add(&mut self, node: &'a Node) {
        self.nodes += 1;
        self.touched += usize::from(!node.history.commands.is_empty());
        *self.reach.entry(reach_word(node.reach)).or_default() += 1;
        self.debris += usize::from(node.bits.iter().any(|(_, bits)| bits.debris));
        for (product, bits) in &node.bits {
            let version = bits.version.as_deref().unwrap_or("none");
            *self.bits.entry(product).or_default().entry(version).or_default() += 1;
        }
    }

    fn shown(&self, account: &str, region: &str, platform: &str) -> Value {
        json!({
            "account": account,
            "region": region,
            "platform": platform,
            "nodes": self.nodes,
            "touched": self.touched,
            "reach": self.reach,
            "bits": self.bits,
            "debris": self.debris,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Delivery, ssm};
    use crate::world_file::WorldFile;

    const HUB: &str = "111122223333";

    fn world() -> World {
        let file = WorldFile::parse(
            r#"
sites: { accounts: ["111122223333", "444455556666"], regions: [us-east-1, eu-west-1] }
nodes:
  - { name: web, count: 3, platform: Linux, installed: { tool: { "1.0.0-1": 1 } } }
  - { name: desk, count: 1, platform: Windows }
packages:
  - name: tool
    versions: [{ name: 1.0.0-1 }, { name: 2.0.0-1 }]
"#,
        );
        World::new(&file.expect("a world file")).expect("a world")
    }

    fn caller() -> Caller {
        Caller { access_key_id: HUB.into(), region: "eu-west-1".into(), ..Default::default() }
    }

    fn install(world: &mut World, id: &str) -> Reply {
        let one = |text: &str| vec![text.to_owned()];
        let parameters = [("action", "Install"), ("name", "tool"), ("version", "2.0.0-1")];
        let input = ssm::SendCommandInput {
            document_name: "AWS-ConfigureAWSPackage".into(),
            instance_ids: one(id),
            parameters: Some(
                parameters.into_iter().map(|(key, value)| (key.to_owned(), one(value))).collect(),
            ),
            ..Default::default()
        };
        Backend::call(world, &caller(), input.into())
    }

    fn first_id(world: &World) -> String {
        let here =
            NodeFilter { account: Some(HUB.into()), region: Some("eu-west-1".into()), ..Default::default() };
        let nodes = Backend::nodes(world, &here);
        let linux =
            nodes["nodes"].as_array().expect("a list").iter().find(|node| node["platform"] == "Linux");
        linux.expect("a Linux node")["id"].as_str().expect("an id").to_owned()
    }

    #[test]
    fn nodes_are_filtered_and_paged_with_the_total_of_all_that_match() {
        let world = world();
        assert_eq!(Backend::nodes(&world, &NodeFilter::default())["total"], 16);
        let hub = NodeFilter { account: Some(HUB.into()), limit: Some(3), offset: 6, ..Default::default() };
        let page = Backend::nodes(&world, &hub);
        assert_eq!((page["total"].as_u64(), page["nodes"].as_array().map(Vec::len)), (Some(8), Some(2)));
        let touched = NodeFilter { touched: Some(true), ..Default::default() };
        assert_eq!(Backend::nodes(&world, &touched)["total"], 0);
    }

    #[test]
    fn an_install_shows_as_bits_belief_command_and_changes() {
        let mut world = world();
        let id = first_id(&world);
        assert!(install(&mut world, &id).result.is_ok());
        let later = world.now_millis() + 600_000;
        Backend::advance_to(&mut world, later);
        let shown = Backend::nodes(&world, &NodeFilter { touched: Some(true), ..Default::default() });
        assert_eq!(shown["total"], 1);
        let node = &shown["nodes"][0];
        assert_eq!(node["id"], id);
        assert_eq!(node["bits"]["tool"], json!({ "version": "2.0.0-1", "debris": false }));
        assert_eq!(node["installstate"]["tool"]["version"], "2.0.0-1");
        assert_eq!(node["commands"][0]["action"], "Install");
        assert_eq!(node["changes"][0]["from"], "1.0.0-1");
        let summary = Backend::summary(&world);
        let group = summary["groups"].as_array().expect("a list").iter().find(|group| group["touched"] == 1);
        let bits = &group.expect("the touched group")["bits"]["tool"];
        assert_eq!(bits, &json!({ "1.0.0-1": 2, "2.0.0-1": 1 }));
    }

    #[test]
    fn calls_are_numbered_and_can_be_followed() {
        let mut world = world();
        let id = first_id(&world);
        assert!(install(&mut world, &id).result.is_ok());
        assert!(install(&mut world, "i-0000000000000dead").result.is_err());
        let sends = CallFilter { operation: Some("SendCommand".into()), ..Default::default() };
        let calls = Backend::calls(&world, &sends);
        assert_eq!(calls["last"], 2);
        assert_eq!((&calls["calls"][0]["sequence"], &calls["calls"][0]["error"]), (&json!(1), &Value::Null));
        let next = Backend::calls(&world, &CallFilter { since: Some(1), ..sends.clone() });
        assert_eq!(next["calls"].as_array().map(Vec::len), Some(1));
        assert_eq!(next["calls"][0]["error"], "InvalidInstanceId");
        let none = Backend::calls(&world, &CallFilter { region: Some("us-east-1".into()), ..sends });
        assert_eq!(none["calls"], json!([]));
    }

    #[test]
    fn faults_are_added_and_cleared_and_bad_ones_change_nothing() {
        let mut world = world();
        let id = first_id(&world);
        let lost = json!({ "add": [{ "operations": ["SendCommand"], "lose_answer": "after" }] });
        assert_eq!(world.change_faults(lost), Ok(json!({ "cleared": false, "added": 1 })));
        assert_eq!(install(&mut world, &id).delivery, Delivery::Dropped);
        for bad in [json!({ "add": [{ "operations": ["SendCommand"] }], "clear": true }), json!({ "ad": [] })]
        {
            assert!(matches!(world.change_faults(bad), Err(ControlError::Invalid(_))));
        }
        assert_eq!(install(&mut world, &id).delivery, Delivery::Dropped);
        assert_eq!(world.change_faults(json!({ "clear": true })), Ok(json!({ "cleared": true, "added": 0 })));
        assert_eq!(install(&mut world, &id).delivery, Delivery::Arrives);
    }

    #[test]
    fn terminated_nodes_stay_in_the_truth_and_strangers_are_not_found() {
        let mut world = world();
        let id = first_id(&world);
        let node = world.change_node(&id, NodeChange::Terminate).expect("there is such a node");
        assert_eq!(node["reach"], "terminated");
        assert!(install(&mut world, &id).result.is_err());
        let stranger = world.change_node("i-0000000000000dead", NodeChange::Offline);
        assert!(matches!(stranger, Err(ControlError::NotFound(_))));
    }
}
