//! The world's record of what happened, a rollout's own log, and what must hold between them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One node as it really is.
#[derive(Debug, Clone)]
pub struct Node {
    /// Id.
    pub id: String,
    /// What is really installed of the package; None: nothing.
    pub version: Option<String>,
    /// Commands that reached its agent, oldest first.
    pub commands: Vec<Receipt>,
    /// When what is installed changed, in seconds, oldest first.
    pub changed_at: Vec<f64>,
}

/// A command that reached an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Seconds.
    pub at: f64,
    /// `Install` or `Uninstall`; empty for scripts.
    pub action: String,
    /// VersionName; the command text for scripts.
    pub version: String,
    /// The marker.
    pub comment: String,
}

impl Node {
    /// Commands to install this version.
    pub fn installs<'n>(&'n self, version: &'n str) -> impl Iterator<Item = &'n Receipt> {
        self.commands.iter().filter(move |receipt| receipt.action == "Install" && receipt.version == version)
    }

    /// Whether it was told to change anything.
    pub fn was_told_to_change(&self) -> bool {
        self.commands.iter().any(|receipt| !receipt.action.is_empty())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}")).to_owned()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list instead of {value}"))
}

/// `GET /_sim/nodes`. Worlds here have one package, whose product is `agent` or the only one there.
pub fn nodes(document: &Value) -> Vec<Node> {
    list(&document["nodes"]).iter().map(node).collect()
}

fn node(shown: &Value) -> Node {
    let bits = shown["bits"].as_object().expect("a mapping");
    Node {
        id: text(&shown["id"]),
        version: bits.values().find_map(|product| product["version"].as_str()).map(str::to_owned),
        commands: list(&shown["commands"])
            .iter()
            .map(|command| Receipt {
                at: command["at"].as_f64().expect("seconds"),
                action: text(&command["action"]),
                version: text(&command["version"]),
                comment: text(&command["comment"]),
            })
            .collect(),
        changed_at: list(&shown["changes"])
            .iter()
            .map(|change| change["at"].as_f64().expect("seconds"))
            .collect(),
    }
}

/// A rollout's events, oldest first.
#[derive(Debug)]
pub struct Log(pub Vec<Value>);

impl Log {
    /// From JSON lines.
    pub fn of(lines: &str) -> Self {
        Self(lines.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect())
    }

    /// Where an event of this kind first stands.
    pub fn position(&self, word: &str) -> Option<usize> {
        self.0.iter().position(|entry| entry["event"] == word)
    }
}

/// Which node belongs to which wave.
#[derive(Debug)]
pub struct Planned {
    waves: Vec<Wave>,
}

#[derive(Debug)]
struct Wave {
    name: String,
    after: Vec<String>,
    bake_seconds: f64,
    nodes: BTreeSet<String>,
}

impl Planned {
    /// From `plan --output json`.
    pub fn of(plan: &Value) -> Self {
        let members = |name: &Value| {
            let of_wave = list(&plan["nodes"]).iter().filter(|node| node["wave"] == *name);
            of_wave.map(|node| text(&node["id"])).collect()
        };
        let wave = |wave: &Value| Wave {
            name: text(&wave["name"]),
            after: list(&wave["after"]).iter().map(text).collect(),
            bake_seconds: wave["bake_seconds"].as_f64().expect("seconds"),
            nodes: members(&wave["name"]),
        };
        Self { waves: list(&plan["summary"]["waves"]).iter().map(wave).collect() }
    }

    /// Nodes that are in some wave.
    pub fn size(&self) -> usize {
        self.waves.iter().map(|wave| wave.nodes.len()).sum()
    }

    /// The nodes of a wave.
    pub fn wave(&self, name: &str) -> &BTreeSet<String> {
        &self.named(name).nodes
    }

    fn named(&self, name: &str) -> &Wave {
        self.waves.iter().find(|wave| wave.name == name).expect("there is such a wave")
    }

    /// The first install of a wave lies behind the last change in each of its predecessors, plus their bake time.
    ///
    /// # Panics
    /// If not.
    pub fn assert_waves_in_order(&self, after: &[Node], version: &str) {
        for wave in &self.waves {
            let installs =
                wave.members(after).flat_map(|node| node.installs(version)).map(|receipt| receipt.at);
            let Some(first) = installs.min_by(f64::total_cmp) else { continue };
            for before in wave.after.iter().map(|name| self.named(name)) {
                let changes = before.members(after).flat_map(|node| node.changed_at.iter().copied());
                // A rollback changes the nodes of earlier waves again, much later.
                let last = changes.filter(|at| *at <= first).max_by(f64::total_cmp).unwrap_or(0.0);
                assert!(
                    last + before.bake_seconds <= first,
                    "{} began before {} had baked",
                    wave.name,
                    before.name
                );
                let early = |node: &Node| node.installs(version).any(|receipt| receipt.at < first);
                let missing: Vec<&str> =
                    before.members(after).filter(|node| !early(node)).map(|node| node.id.as_str()).collect();
                assert!(missing.is_empty(), "{} began before {missing:?} were asked", wave.name);
            }
        }
    }
}

impl Wave {
    fn members<'n>(&'n self, nodes: &'n [Node]) -> impl Iterator<Item = &'n Node> {
        nodes.iter().filter(|node| self.nodes.contains(&node.id))
    }
}

/// Every node has this version, and none was told twice to install it.
///
/// # Panics
/// If not.
pub fn assert_everyone_has(nodes: &[Node], version: &str) {
    for node in nodes {
        assert_eq!(node.version.as_deref(), Some(version), "{node:?}");
        assert!(node.installs(version).count() <= 1, "told twice: {node:?}");
    }
    assert_no_intent_twice(nodes);
}

/// No node was sent two commands for one promise.
///
/// # Panics
/// If one was.
pub fn assert_no_intent_twice(nodes: &[Node]) {
    for node in nodes {
        let mut markers = BTreeSet::new();
        // What State Manager begins carries no mark; associations are counted by their names.
        for receipt in node.commands.iter().filter(|receipt| !receipt.comment.is_empty()) {
            assert!(markers.insert(&receipt.comment), "`{}` twice at {}", receipt.comment, node.id);
        }
    }
}

/// Touched nodes really have what they had before, the others were never told to change anything.
///
/// # Panics
/// If not, or if no node was touched: a rollback of nothing proves nothing.
pub fn assert_all_back(before: &[Node], after: &[Node], bad: &str) {
    let had: BTreeMap<&str, Option<&str>> =
        before.iter().map(|node| (node.id.as_str(), node.version.as_deref())).collect();
    let mut touched = 0;
    for node in after {
        let wanted = had[node.id.as_str()];
        assert_eq!(node.version.as_deref(), wanted, "{node:?}");
        if node.installs(bad).next().is_some() {
            touched += 1;
        } else {
            assert!(!node.was_told_to_change() && node.changed_at.is_empty(), "an untouched node: {node:?}");
        }
    }
    assert!(touched > 0, "no node was touched");
    assert_no_intent_twice(after);
}

/// No install of the bad version was promised once the rollback was decided, and none came without a promise.
///
/// # Panics
/// If one was.
pub fn assert_none_after_decision(log: &Log, after: &[Node], bad: &str) {
    let decided = log.position("rollback_decided").expect("a rollback was decided");
    let promised = |entries: &[Value]| -> BTreeSet<u64> {
        let installs = entries.iter().map(|entry| &entry["data"]["intended"]["intent"]);
        installs
            .filter(|intent| intent["action"].get("install").is_some())
            .map(|intent| intent["id"].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(promised(&log.0[decided..]), BTreeSet::new(), "promised after the decision");
    let promised = promised(&log.0[..decided]);
    let installs = after.iter().flat_map(|node| node.installs(bad));
    for receipt in installs.filter(|receipt| !receipt.comment.is_empty()) {
        let marker = receipt.comment.rsplit(' ').next().and_then(|word| word.parse().ok());
        assert!(marker.is_some_and(|intent| promised.contains(&intent)), "not promised: {receipt:?}");
    }
}
