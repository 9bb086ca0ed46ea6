//! Sites and managed nodes, generated from a world file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::behaviour::{NodeTraits, PlatformType};
use crate::agent::local::{Agent, Bits, InstallState, Phase};
use crate::clock::WorldTime;
use crate::joining::RealAgent;
use crate::package::{Catalogue, Package};
use crate::random::Chance;
use crate::record::{BitsChange, History};
use crate::world_file::{NodeGroup, PartialTag, Scripts, Trouble, WorldFile};

/// Index of a node in its world.
pub type NodeIndex = u32;

/// One account in one Region.
#[derive(Debug, Clone)]
pub struct Site {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Its nodes.
    pub nodes: Vec<NodeIndex>,
}

/// What the nodes of a group share.
#[derive(Debug)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Operating system.
    pub platform: PlatformType,
    /// `PlatformName`.
    pub platform_name: String,
    /// `PlatformVersion`.
    pub platform_version: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Tags of every node.
    pub tags: BTreeMap<String, String>,
    /// Whether its scripts are run and not modelled, where somebody can.
    pub runs_scripts: bool,
    /// Versions the agents met before, by package.
    pub seen: BTreeMap<String, Vec<String>>,
}

/// Whether the service can reach a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Its agent answers.
    Online,
    /// Its agent does not answer.
    Offline,
    /// It does not exist yet.
    Unregistered,
    /// It is gone.
    Terminated,
}

/// A version found on a node at the start.
#[derive(Debug, Clone)]
pub struct Preinstalled {
    product: Arc<str>,
    version: Arc<str>,
    manifest_cached: bool,
}

/// What was installed of a product at some moment.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// Version; `None` when absent.
    pub version: Option<&'a str>,
    /// Whether debris lay about.
    pub debris: bool,
    /// Since when; `None` for what was there when the world began.
    pub since: Option<WorldTime>,
}

/// One managed node.
#[derive(Debug)]
pub struct Node {
    /// `i-` and 17 hexadecimal digits.
    pub id: Arc<str>,
    /// Index of its site.
    pub site: u32,
    /// Its group.
    pub group: Arc<Group>,
    /// Number within group and site.
    pub number: u32,
    /// Tags beyond those of the group.
    pub extra_tags: Vec<(String, String)>,
    /// Version of the agent.
    pub agent_version: Arc<str>,
    /// Whether it can be reached.
    pub reach: Reach,
    /// When that last changed, which is also the last ping of a node that is not online.
    pub reach_since: WorldTime,
    /// When that changed, and what it was before, oldest first.
    pub reach_changes: Vec<(WorldTime, Reach)>,
    /// Package actions fail until then.
    pub locked_until: Option<WorldTime>,
    /// Factor on durations.
    pub slowness: f64,
    /// What is installed, by product.
    pub bits: Vec<(Arc<str>, Bits)>,
    /// What was installed at the start; the agent's files are made of it when first needed.
    preinstalled: Vec<Preinstalled>,
    /// The agent's files, once a package command reached the node.
    agent: Option<Box<Agent>>,
    /// The real agent behind it; a modelled one when absent.
    pub(crate) real: Option<Box<RealAgent>>,
    /// What happened to it.
    pub history: History,
    /// The node's stream of chance.
    pub chance: Chance,
}

impl Node {
    /// A node with a real agent, of which nothing is known yet.
    pub(crate) fn real(
        id: &str,
        site: u32,
        group: Arc<Group>,
        agent: RealAgent,
        now: WorldTime,
        chance: Chance,
    ) -> Self {
        Self {
            id: Arc::from(id),
            site,
            group,
            number: 0,
            extra_tags: Vec::new(),
            agent_version: Arc::from(""),
            reach: Reach::Online,
            reach_since: now,
            reach_changes: Vec::new(),
            locked_until: None,
            slowness: 1.0,
            bits: Vec::new(),
            preinstalled: Vec::new(),
            agent: None,
            real: Some(Box::new(agent)),
            history: History::default(),
            chance,
        }
    }

    /// What is installed of a product.
    pub fn bits_of(&self, product: &str) -> Bits {
        self.bits
            .iter()
            .find(|(name, _)| **name == *product)
            .map(|(_, bits)| bits.clone())
            .unwrap_or_default()
    }

    /// What was installed of a product at a moment of the past.
    pub fn held_at(&self, product: &str, at: WorldTime) -> Held<'_> {
        let mut changes = self.history.bits.iter().filter(|change| *change.product == *product);
        if let Some(last) = changes.clone().rev().find(|change| change.at <= at) {
            // Debris alone does not make the version newer.
            let same = |change: &&BitsChange| change.at <= at && change.from != change.to;
            let since = changes.rfind(same).map(|change| change.at);
            return Held { version: last.to.as_deref(), debris: last.debris, since };
        }
        if let Some(first) = changes.next() {
            return Held { version: first.from.as_deref(), debris: false, since: None };
        }
        let bits = self.bits.iter().find(|(name, _)| **name == *product).map(|(_, bits)| bits);
        let debris = bits.is_some_and(|bits| bits.debris);
        Held { version: bits.and_then(|bits| bits.version.as_deref()), debris, since: None }
    }

    /// Whether the service knows it.
    pub fn is_managed(&self) -> bool {
        !matches!(self.reach, Reach::Terminated | Reach::Unregistered)
    }

    /// Whether the node could be reached at a moment of the past.
    pub fn reach_at(&self, at: WorldTime) -> Reach {
        self.reach_changes.iter().find(|(changed, _)| *changed > at).map_or(self.reach, |(_, before)| *before)
    }

    /// Changes whether the node can be reached, and remembers what was before.
    pub fn set_reach(&mut self, reach: Reach, now: WorldTime) {
        let before = std::mem::replace(&mut self.reach, reach);
        self.reach_changes.push((now, before));
        self.reach_since = now;
    }

    /// Sets what is installed of a product; gives what was.
    pub fn set_bits(&mut self, product: &Arc<str>, bits: Bits) -> Bits {
        if let Some((_, current)) = self.bits.iter_mut().find(|(name, _)| name == product) {
            return std::mem::replace(current, bits);
        }
        self.bits.push((Arc::clone(product), bits));
        Bits::default()
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let own = self.extra_tags.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
        own.or_else(|| self.group.tags.get(key).map(String::as_str))
    }

    /// All tags.
    pub fn tags(&self) -> BTreeMap<&str, &str> {
        let mut tags: BTreeMap<&str, &str> =
            self.group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        tags.extend(self.extra_tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        tags
    }

    /// Sets or adds a tag.
    pub fn set_tag(&mut self, key: &str, value: &str) {
        match self.extra_tags.iter_mut().find(|(own, _)| own == key) {
            Some((_, current)) => value.clone_into(current),
            None => self.extra_tags.push((key.to_owned(), value.to_owned())),
        }
    }

    /// The facts scripts depend on.
    pub fn traits(&self, site: &Site) -> NodeTraits {
        NodeTraits {
            id: self.id.to_string(),
            account: site.account.clone(),
            region: site.region.clone(),
            platform: self.group.platform,
            platform_name: self.group.platform_name.clone(),
            platform_version: self.group.platform_version.clone(),
            architecture: self.group.architecture.clone(),
            slowness: self.slowness,
            chance: self.chance,
        }
    }

    /// The agent's files.
    pub fn agent_files(&self) -> Option<&Agent> {
        self.agent.as_deref()
    }

    /// Takes the agent's files out for a run, making them on first use as an earlier install through Distributor
    /// would have left them.
    pub fn take_agent(&mut self, traits: &NodeTraits, catalogue: &Catalogue) -> Box<Agent> {
        self.agent.take().unwrap_or_else(|| {
            let mut agent = Box::<Agent>::default();
            for found in &self.preinstalled {
                install_silently(&mut agent, found, traits, catalogue);
            }
            for (package, versions) in &self.group.seen {
                remember(&mut agent, package, versions, traits, catalogue);
            }
            agent
        })
    }

    /// Products that were installed at the start.
    pub fn products(&self) -> impl Iterator<Item = &Arc<str>> {
        self.preinstalled.iter().map(|found| &found.product)
    }

    /// A product of the start counts as installed through Distributor, if callers have published its version by now and nobody
    /// has installed another one. The agent's name for it; None: not yet.
    pub fn install_published(
        &self,
        product: &str,
        agent: &mut Agent,
        traits: &NodeTraits,
        catalogue: &Catalogue,
    ) -> Option<String> {
        let found = self.preinstalled.iter().find(|found| *found.product == *product)?;
        if let Some(declared) = catalogue.declared(product) {
            return Some(declared.name_for(&traits.account, &traits.region));
        }
        let package = catalogue.had_in(&traits.region, &traits.account, product)?;
        let key = package.name_for(&traits.account, &traits.region);
        let mut versions = package.versions.iter().filter(|version| version.name == found.version);
        let is_there = versions.any(|version| version.fetched_by(package, traits).payload.is_ok());
        if !is_there || agent.packages.contains_key(&key) {
            return None;
        }
        install_from(agent, package, found, traits);
        Some(key)
    }

    /// Puts the agent's files back.
    pub fn put_agent(&mut self, agent: Box<Agent>) {
        self.agent = Some(agent);
    }
}

fn install_silently(agent: &mut Agent, found: &Preinstalled, traits: &NodeTraits, catalogue: &Catalogue) {
    if let Some(package) = catalogue.declared(&found.product) {
        install_from(agent, package, found, traits);
    }
}

fn install_from(agent: &mut Agent, package: &Package, found: &Preinstalled, traits: &NodeTraits) {
    let Some(version) = package.versions.iter().find(|version| version.name == found.version) else { return };
    let fetched = version.fetched_by(package, traits);
    let local = agent.packages.entry(fetched.key).or_default();
    local.state = InstallState {
        version: fetched.manifest_version.clone(),
        phase: Phase::Installed,
        last_installed: Some(fetched.manifest_version.clone()),
    };
    if let Ok(payload) = fetched.payload {
        local.directories.insert(fetched.manifest_version, payload);
    }
    if found.manifest_cached {
        local.manifests.insert(fetched.document_version, fetched.digest);
    }
}

/// Puts manifests into the agent's cache, as an earlier meeting with those versions would have.
fn remember(
    agent: &mut Agent,
    package: &str,
    versions: &[String],
    traits: &NodeTraits,
    catalogue: &Catalogue,
) {
    let Some(package) = catalogue.declared(package) else { return };
    for version in
        package.versions.iter().filter(|version| versions.iter().any(|seen| **seen == *version.name))
    {
        let fetched = version.fetched_by(package, traits);
        let local = agent.packages.entry(fetched.key).or_default();
        local.manifests.insert(fetched.document_version, fetched.digest);
    }
}

/// Something that will happen to a node, from its group's troubles.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// When.
    pub at: WorldTime,
    /// Which node.
    pub node: NodeIndex,
    /// What it becomes.
    pub reach: Reach,
}

/// The generated fleet.
#[derive(Debug, Default)]
pub struct Fleet {
    /// All sites.
    pub sites: Vec<Site>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// What will happen to them by itself.
    pub changes: Vec<Change>,
}

impl Fleet {
    /// Generates the sites and nodes of a world file. The same file gives the same fleet.
    pub fn generate(file: &WorldFile, chance: Chance) -> Self {
        let mut fleet = Self::default();
        for account in &file.sites.accounts {
            for region in &file.sites.regions {
                let (account, region) = (account.clone(), region.clone());
                fleet.sites.push(Site { account, region, nodes: Vec::new() });
            }
        }
        for group in &file.nodes {
            fleet.add_group(group, file.start(), chance.named(&group.name));
        }
        fleet
    }

    fn add_group(&mut self, file: &NodeGroup, start: WorldTime, chance: Chance) {
        let windows = file.platform == PlatformType::Windows;
        let (name, version) = if windows {
            ("Microsoft Windows Server 2022 Datacenter", "10.0.20348")
        } else {
            ("Amazon Linux", "2023")
        };
        let group = Arc::new(Group {
            name: file.name.clone(),
            platform: file.platform,
            platform_name: file.platform_name.clone().unwrap_or_else(|| name.to_owned()),
            platform_version: file.platform_version.clone().unwrap_or_else(|| version.to_owned()),
            architecture: file.architecture.clone(),
            tags: file.tags.clone(),
            runs_scripts: file.scripts == Scripts::Real,
            seen: file.seen.clone(),
        });
        let agents: Vec<(Arc<str>, u32)> =
            file.agent_versions.iter().map(|(version, weight)| (Arc::from(&**version), *weight)).collect();
        let standard: Arc<str> = Arc::from("3.3.1230.0");
        let installed = Weighted::of(file);
        for site in 0..self.sites.len() {
            let listed = |list: &[String], value: &String| list.is_empty() || list.contains(value);
            let Site { account, region, .. } = &self.sites[site];
            if !listed(&file.accounts, account) || !listed(&file.regions, region) {
                continue;
            }
            let site_chance = chance.named(account).named(region);
            for number in 0..file.count {
                let index = self.nodes.len() as NodeIndex;
                let chance = site_chance.numbered(u64::from(number));
                let mut node = new_node(file, &group, site as u32, number, start, chance);
                node.agent_version =
                    pick(&agents, chance.named("agent")).cloned().unwrap_or_else(|| Arc::clone(&standard));
                installed.put_on(&mut node, file.manifest_cached);
                for trouble in &file.troubles {
                    self.plan_trouble(trouble, &mut node, index, start);
                }
                self.sites[site].nodes.push(index);
                self.nodes.push(node);
            }
        }
    }

    fn plan_trouble(&mut self, trouble: &Trouble, node: &mut Node, index: NodeIndex, start: WorldTime) {
        if !chosen(trouble.first, trouble.fraction, node.number, node.chance.named("trouble")) {
            return;
        }
        node.locked_until =
            trouble.locked_for_seconds.map(|seconds| start.plus_seconds(seconds)).or(node.locked_until);
        if trouble.registered_after_seconds.is_some() {
            node.reach = Reach::Unregistered;
        }
        let planned = [
            (trouble.offline_after_seconds, Reach::Offline),
            (trouble.registered_after_seconds, Reach::Online),
            (trouble.online_after_seconds, Reach::Online),
            (trouble.terminated_after_seconds, Reach::Terminated),
        ];
        for (after, reach) in planned {
            if let Some(after) = after {
                self.changes.push(Change { at: start.plus_seconds(after), node: index, reach });
            }
        }
    }
}

fn new_node(
    file: &NodeGroup,
    group: &Arc<Group>,
    site: u32,
    number: u32,
    start: WorldTime,
    chance: Chance,
) -> Node {
    let offline = chance.named("offline").hits(file.offline);
    let [low, high] = file.slowness;
    let tags = file.tagged.iter().filter(|tag| is_tagged(tag, number, chance));
    Node {
        id: Arc::from(format!("i-{}", chance.named("id").hex(17))),
        site,
        group: Arc::clone(group),
        number,
        extra_tags: tags.map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        agent_version: Arc::from(""),
        reach: if offline { Reach::Offline } else { Reach::Online },
        // Long enough ago for the service to have noticed.
        reach_since: start.plus_seconds(if offline { -3600 } else { -86_400 }),
        reach_changes: Vec::new(),
        locked_until: None,
        slowness: low + (high - low) * chance.named("slowness").fraction(),
        bits: Vec::new(),
        preinstalled: Vec::new(),
        agent: None,
        real: None,
        history: History::default(),
        chance,
    }
}

fn is_tagged(tag: &PartialTag, number: u32, chance: Chance) -> bool {
    chosen(tag.first, tag.fraction, number, chance.named("tag").named(&tag.key).named(&tag.value))
}

/// Whether a node is among the first so many or in the fraction; with neither given, always.
fn chosen(first: Option<u32>, fraction: Option<f64>, number: u32, chance: Chance) -> bool {
    match (first, fraction) {
        (None, None) => true,
        (first, fraction) => {
            first.is_some_and(|first| number < first)
                || fraction.is_some_and(|fraction| chance.hits(fraction))
        }
    }
}

fn pick<T>(weighted: &[(T, u32)], chance: Chance) -> Option<&T> {
    let total: u64 = weighted.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut at = chance.between(0, total.checked_sub(1)?);
    for (value, weight) in weighted {
        match at.checked_sub(u64::from(*weight)) {
            Some(rest) => at = rest,
            None => return Some(value),
        }
    }
    None
}

/// Starting versions with shared names, so that a large fleet does not hold a copy each.
struct Weighted(Vec<(Arc<str>, Weights)>);

/// Names with their weights.
type Weights = Vec<(Arc<str>, u32)>;

impl Weighted {
    fn of(file: &NodeGroup) -> Self {
        let shared = |text: &String| Arc::<str>::from(&**text);
        let versions = |weights: &BTreeMap<String, u32>| {
            weights.iter().map(|(version, weight)| (shared(version), *weight)).collect()
        };
        Self(file.installed.iter().map(|(package, weights)| (shared(package), versions(weights))).collect())
    }

    fn put_on(&self, node: &mut Node, manifest_cached: f64) {
        for (product, versions) in &self.0 {
            let chance = node.chance.named("installed").named(product);
            let Some(version) = pick(versions, chance).filter(|version| &***version != "none") else {
                continue;
            };
            let bits = Bits { version: Some(Arc::clone(version)), debris: false };
            node.bits.push((Arc::clone(product), bits));
            node.preinstalled.push(Preinstalled {
                product: Arc::clone(product),
                version: Arc::clone(version),
                manifest_cached: chance.named("cached").hits(manifest_cached),
            });
        }
    }
}
