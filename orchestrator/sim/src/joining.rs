//! Nodes behind which a real agent stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::behaviour::PlatformType;
use crate::api::ssm::UpdateInstanceInformationInput;
use crate::clock::WorldTime;
use crate::fleet::{Fleet, Group, Node, NodeIndex};
use crate::random::Chance;
use crate::world::InvocationRef;

/// Group of all nodes that joined.
const GROUP: &str = "joined";

/// What is known of a real agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct RealAgent {
    /// By which it asks for credentials; empty when it has its own.
    pub(crate) fingerprint: String,
    /// Commands it has not taken yet.
    pub(crate) letters: Vec<Letter>,
}

/// A command that waits for its agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter {
    pub(crate) invocation: InvocationRef,
    /// Not shown again before.
    pub(crate) shown_until: WorldTime,
}

impl Fleet {
    /// Adds a node.
    pub(crate) fn join(
        &mut self,
        site: u32,
        id: &str,
        agent: RealAgent,
        now: WorldTime,
        chance: Chance,
    ) -> NodeIndex {
        let index = self.nodes.len() as NodeIndex;
        let group = Group {
            name: GROUP.to_owned(),
            platform: PlatformType::Linux,
            platform_name: String::new(),
            platform_version: String::new(),
            architecture: "x86_64".to_owned(),
            tags: BTreeMap::new(),
            runs_scripts: false,
            seen: BTreeMap::new(),
        };
        let node = Node::real(id, site, Arc::new(group), agent, now, chance);
        self.nodes.push(node);
        self.sites[site as usize].nodes.push(index);
        index
    }

    /// Takes down what an agent says of its machine.
    pub(crate) fn describe_real(&mut self, index: NodeIndex, said: &UpdateInstanceInformationInput) {
        let node = &mut self.nodes[index as usize];
        let windows = said.platform_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("windows"));
        let group = &node.group;
        let kept = |new: &Option<String>, old: &String| new.clone().unwrap_or_else(|| old.clone());
        node.group = Arc::new(Group {
            name: group.name.clone(),
            platform: if windows { PlatformType::Windows } else { PlatformType::Linux },
            platform_name: kept(&said.platform_name, &group.platform_name),
            platform_version: kept(&said.platform_version, &group.platform_version),
            architecture: group.architecture.clone(),
            tags: group.tags.clone(),
            runs_scripts: false,
            seen: BTreeMap::new(),
        });
        if let Some(version) = &said.agent_version {
            node.agent_version = Arc::from(&**version);
        }
    }
}
