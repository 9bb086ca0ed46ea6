//! The world's own record: what no client of AWS could ask for.

use wavetrain_model::time::Timestamp;
use wavetrain_sim::clock::WorldTime;
use wavetrain_sim::world::World;

/// The package of the demo.
pub const PACKAGE: &str = "datadog-agent";

/// One node as it really is.
#[derive(Debug, Clone)]
pub struct Node {
    /// Id.
    pub id: String,
    /// `Linux` or `Windows`.
    pub platform: &'static str,
    /// What is really installed of the package; None: nothing.
    pub version: Option<String>,
    /// How many commands were sent to it, whether or not they reached it.
    pub sent: u32,
    /// Commands that reached its agent, oldest first.
    pub commands: Vec<Receipt>,
    /// When what is installed changed, oldest first.
    pub changed_at: Vec<Timestamp>,
}

/// A command that reached an agent.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// When it arrived.
    pub at: Timestamp,
    /// `Install` or `Uninstall`; empty for scripts.
    pub action: String,
    /// VersionName; the command text for scripts.
    pub version: String,
    /// The marker.
    pub comment: String,
}

impl Node {
    /// Commands that asked to install this version.
    pub fn installs<'n>(&'n self, version: &'n str) -> impl Iterator<Item = &'n Receipt> {
        self.commands.iter().filter(move |receipt| receipt.action == "Install" && receipt.version == version)
    }

    /// Whether a package command of any kind reached it.
    pub fn was_changed(&self) -> bool {
        self.commands.iter().any(|receipt| !receipt.action.is_empty())
    }
}

impl Receipt {
    /// The number of the intent in its marker.
    pub fn intent(&self) -> Option<u64> {
        self.comment.rsplit(' ').next()?.parse().ok()
    }
}

/// Every node.
pub fn nodes(world: &World) -> Vec<Node> {
    world.nodes().iter().map(node).collect()
}

fn node(node: &wavetrain_sim::fleet::Node) -> Node {
    let history = &node.history;
    let product = node.bits.iter().find(|(product, _)| **product == *PACKAGE);
    Node {
        id: node.id.to_string(),
        platform: node.group.platform.as_str(),
        version: product.and_then(|(_, bits)| bits.version.as_deref()).map(str::to_owned),
        sent: history.sent,
        commands: history
            .commands
            .iter()
            .map(|receipt| Receipt {
                at: moment(receipt.at),
                action: receipt.action.clone(),
                version: receipt.version.clone(),
                comment: receipt.comment.to_string(),
            })
            .collect(),
        changed_at: history.bits.iter().map(|change| moment(change.at)).collect(),
    }
}

fn moment(at: WorldTime) -> Timestamp {
    Timestamp(at.millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intent_is_the_last_word_of_a_marker() {
        let receipt = Receipt {
            at: Timestamp(0),
            action: "Install".to_owned(),
            version: "1".to_owned(),
            comment: "wavetrain 0190-… 17".to_owned(),
        };
        assert_eq!(receipt.intent(), Some(17));
    }
}
