//! Who takes part: every selected node is eligible, excluded with a reason, or in the way of the whole plan.

use super::files;
use super::questions::Questions;
use super::target::Target;
use super::versions::Versions;
use super::{BusyNodes, Inputs};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::fleet::{Node, PackageView, Ping, Platform, Snapshot, VersionView};
use wavetrain_model::id::SiteIndex;
use wavetrain_model::plan::{Before, Excluded, Exclusion, Restore, Source};
use wavetrain_model::spec::{InstallMode, Rollout};

/// Something that stands in the way of the plan as a whole, not of one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Block<'a> {
    /// The account cannot see the target version.
    TargetMissing,
    /// It is there, but no node can install it.
    TargetInactive { status: &'a str },
    /// Nothing tells which nodes have a file.
    ManifestUnread,
    /// VersionName and manifest disagree.
    ManifestVersion { version: &'a str },
    /// A file that nodes would take is not attached, or is another one.
    FileAmiss { version: &'a str, file: &'a str },
    /// In-place update without a script for it.
    NoUpdateScript { file: &'a str },
    /// No default version to fall back on.
    NoDefault,
    /// The default version is the target: useless for a rollback.
    DefaultIsTarget,
    /// The version to be given back cannot be installed there.
    RestoreUnavailable { version: &'a str, source: Source },
}

/// A node that takes part.
#[derive(Debug)]
pub(super) struct Eligible<'a> {
    pub(super) node: &'a Node,
    pub(super) restore: Restore,
}

/// What became of the selected nodes.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub(super) selected: u32,
    pub(super) at_target: u32,
    pub(super) eligible: Vec<Eligible<'a>>,
    pub(super) excluded: Vec<Excluded>,
    /// Nodes concerned, per kind of block and site.
    pub(super) blocks: BTreeMap<Block<'a>, BTreeMap<SiteIndex, u32>>,
    /// Nodes with a probe whose last verified version cannot be given back, per version.
    pub(super) unrestorable_hints: BTreeMap<&'a str, u32>,
    /// Versions that nodes get, or may get back, and where.
    pub(super) relied_on: BTreeMap<&'a str, BTreeSet<SiteIndex>>,
}

/// Sorts the whole fleet once and judges node by node.
pub(super) fn survey<'a>(
    inputs: &Inputs<'a>,
    questions: &Questions,
    targets: &[Target<'a>],
    versions: &mut Versions<'a>,
) -> Survey<'a> {
    let mut judge = Judge {
        spec: inputs.spec,
        fleet: inputs.fleet,
        questions,
        targets,
        ledger: ledger(inputs),
        busy: inputs.busy,
        excluded_ids: inputs.spec.fleet.exclude_nodes.iter().map(String::as_str).collect(),
        old_agents: BTreeMap::new(),
        versions,
    };
    let nodes = in_order(&inputs.fleet.nodes);
    let mut survey = Survey {
        selected: 0,
        at_target: 0,
        eligible: Vec::with_capacity(nodes.len()),
        excluded: Vec::new(),
        blocks: BTreeMap::new(),
        unrestorable_hints: BTreeMap::new(),
        relied_on: BTreeMap::new(),
    };
    for node in nodes.into_iter().filter(|node| questions.selects(node.tags)) {
        survey.selected += 1;
        match judge.node(node, &mut survey) {
            Ok(Some(restore)) => survey.eligible.push(Eligible { node, restore }),
            Ok(None) => {}
            Err(reason) => {
                survey.at_target += u32::from(reason == Exclusion::AtTarget);
                survey.excluded.push(Excluded { site: node.site, id: node.id.clone(), reason });
            }
        }
    }
    survey
}

/// Nodes by site and id. A node that a listing showed twice counts once, as it was last seen.
fn in_order(nodes: &[Node]) -> Vec<&Node> {
    let mut sorted: Vec<&Node> = nodes.iter().collect();
    sorted.sort_by(|a, b| (a.site, &a.id).cmp(&(b.site, &b.id)).then_with(|| later_first(a, b)));
    sorted.dedup_by(|later, kept| later.site == kept.site && later.id == kept.id);
    sorted
}

fn later_first(a: &Node, b: &Node) -> Ordering {
    let facts = |node: &Node| {
        (node.last_ping, node.tags.0, node.platform, node.architecture, node.ping == Ping::Online)
    };
    let texts = |node: &Node| {
        (node.distribution.clone(), node.distribution_version.clone(), node.agent_version.clone())
    };
    facts(b).cmp(&facts(a)).then_with(|| texts(b).cmp(&texts(a)))
}

/// What the ledger says about one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verified<'a> {
    Never,
    Absent,
    At(&'a str),
}

/// The ledger by site and id, sorted.
type Ledger<'a> = Vec<((SiteIndex, &'a str), Verified<'a>)>;

fn ledger<'a>(inputs: &Inputs<'a>) -> Ledger<'a> {
    let sites = &inputs.fleet.sites;
    let site_of = |entry: &wavetrain_model::fleet::LedgerEntry| {
        let at = sites
            .binary_search_by(|site| (&site.account, &site.region).cmp(&(&entry.account, &entry.region)));
        at.ok().map(|at| SiteIndex(at as u32))
    };
    let mut known: Vec<_> = inputs
        .ledger
        .iter()
        .filter_map(|entry| {
            let key = (site_of(entry)?, entry.node.as_str());
            Some((key, std::cmp::Reverse(entry.verified_at), entry.version.as_deref()))
        })
        .collect();
    known.sort();
    known.dedup_by_key(|(key, ..)| *key);
    known.into_iter().map(|(key, _, version)| (key, version.map_or(Verified::Absent, Verified::At))).collect()
}

struct Judge<'a, 'b> {
    spec: &'a Rollout,
    fleet: &'a Snapshot,
    questions: &'b Questions,
    targets: &'b [Target<'a>],
    ledger: Ledger<'a>,
    busy: &'a BusyNodes,
    excluded_ids: BTreeSet<&'a str>,
    /// Agent versions met so far, and whether each is too old: fleets run few, and reading one takes its time.
    old_agents: BTreeMap<&'a str, bool>,
    versions: &'b mut Versions<'a>,
}

impl<'a> Judge<'a, '_> {
    /// What the node gets back if it takes part; None when something blocks the plan.
    fn node(&mut self, node: &'a Node, survey: &mut Survey<'a>) -> Result<Option<Restore>, Exclusion> {
        let verified = self.verified(node);
        self.exclusion(node, verified)?;
        let mut block = |block: Block<'a>| {
            *survey.blocks.entry(block).or_default().entry(node.site).or_default() += 1;
        };
        let manifest = match &self.targets[node.site.at()] {
            Target::Ready(manifest) => *manifest,
            Target::Blocked(reason) => {
                block(reason.clone());
                return Ok(None);
            }
        };
        let file = (node.platform != Platform::MacOs)
            .then(|| files::find(manifest, &node.distribution, &node.distribution_version, node.architecture))
            .flatten()
            .ok_or_else(|| Exclusion::NoFile { wanted: wanted(node) })?;
        let in_place = self.spec.package.install == InstallMode::InPlace;
        let blocked = in_place && manifest.update_script.get(file) != Some(&true);
        if blocked {
            block(Block::NoUpdateScript { file });
        }
        let site = &self.fleet.packages[node.site.at()];
        let target = self.spec.package.version.as_str();
        let is_amiss = is_amiss(site, target, file);
        if is_amiss {
            block(Block::FileAmiss { version: target, file });
        }
        let blocked = blocked || is_amiss;
        survey.relied_on.entry(target).or_default().insert(node.site);
        if self.has_probe(node.platform) {
            if let Verified::At(version) = verified {
                survey.relied_on.entry(version).or_default().insert(node.site);
                if !can_take(site, version, node) {
                    *survey.unrestorable_hints.entry(version).or_default() += 1;
                }
            }
            let restore = Restore { to: Before::Unknown, source: Source::Probe };
            return Ok((!blocked).then_some(restore));
        }
        match self.planned_restore(site, verified) {
            Ok((_, source)) if source.is_assumed() && self.spec.rollback.require_known => {
                Err(Exclusion::PreviousUnknown)
            }
            Err(_) if self.spec.rollback.require_known => Err(Exclusion::PreviousUnknown),
            Ok((Some(version), source)) if !can_take(site, version, node) => {
                block(Block::RestoreUnavailable { version, source });
                Ok(None)
            }
            Ok((version, source)) => {
                if let Some(version) = version {
                    survey.relied_on.entry(version).or_default().insert(node.site);
                }
                let to = version.map_or(Before::Absent, |name| Before::Version(self.versions.intern(name)));
                Ok((!blocked).then_some(Restore { to, source }))
            }
            Err(reason) => {
                block(reason);
                Ok(None)
            }
        }
    }

    /// Reasons that need no look at the package, most deliberate first.
    fn exclusion(&mut self, node: &'a Node, verified: Verified<'_>) -> Result<(), Exclusion> {
        if self.excluded_ids.contains(node.id.as_str()) {
            return Err(Exclusion::Excluded { by: format!("id {}", node.id) });
        }
        if let Some(by) = self.questions.excludes(node.tags) {
            return Err(Exclusion::Excluded { by: by.to_owned() });
        }
        if !self.busy.is_empty() {
            let site = &self.fleet.sites[node.site.at()];
            let key = (site.account.clone(), site.region.clone(), node.id.clone());
            if let Some(rollout) = self.busy.get(&key) {
                return Err(Exclusion::Busy { rollout: rollout.clone() });
            }
        }
        if verified == Verified::At(&self.spec.package.version) {
            return Err(Exclusion::AtTarget);
        }
        let unseen = self.fleet.observed_at.since(node.last_ping);
        if node.ping != Ping::Online && unseen > self.spec.fleet.max_offline_age {
            return Err(Exclusion::Offline { last_ping: node.last_ping });
        }
        let least = &self.spec.fleet.min_agent;
        let is_old = || files::is_older(&node.agent_version, least);
        if *self.old_agents.entry(&node.agent_version).or_insert_with(is_old) {
            return Err(Exclusion::AgentTooOld { version: node.agent_version.to_string() });
        }
        Ok(())
    }

    fn verified(&self, node: &Node) -> Verified<'a> {
        let key = (node.site, node.id.as_str());
        let found = self.ledger.binary_search_by(|(known, _)| known.cmp(&key));
        found.map_or(Verified::Never, |at| self.ledger[at].1)
    }

    fn has_probe(&self, platform: Platform) -> bool {
        self.spec.package.probe.as_ref().is_some_and(|probe| match platform {
            Platform::Linux => probe.linux.is_some(),
            Platform::Windows => probe.windows.is_some(),
            Platform::MacOs => false,
        })
    }

    /// Without a probe: the ledger, else `rollback.to`, else the package's default.
    fn planned_restore(
        &self,
        site: &'a PackageView,
        verified: Verified<'a>,
    ) -> Result<(Option<&'a str>, Source), Block<'a>> {
        match verified {
            Verified::At(version) => return Ok((Some(version), Source::Ledger)),
            Verified::Absent => return Ok((None, Source::Ledger)),
            Verified::Never => {}
        }
        if let Some(version) = &self.spec.rollback.to {
            return Ok((Some(version), Source::Stated));
        }
        match site.default_version.as_deref() {
            None => Err(Block::NoDefault),
            Some(version) if version == self.spec.package.version => Err(Block::DefaultIsTarget),
            Some(version) => Ok((Some(version), Source::Default)),
        }
    }
}

/// Whether a node at the site could be given a version back, as far as anything was read of it.
pub(super) fn is_restorable(view: &VersionView, version: &str) -> bool {
    view.is_active() && view.manifest.as_ref().is_none_or(|manifest| manifest.version == version)
}

/// The same for one node: there is a file for it, as the manifest says.
fn can_take(site: &PackageView, version: &str, node: &Node) -> bool {
    let Some(view) = site.versions.get(version).filter(|view| is_restorable(view, version)) else {
        return false;
    };
    let Some(manifest) = &view.manifest else { return true };
    let file = files::find(manifest, &node.distribution, &node.distribution_version, node.architecture);
    file.is_some_and(|file| !is_amiss(site, version, file))
}

fn is_amiss(site: &PackageView, version: &str, file: &str) -> bool {
    site.versions.get(version).is_some_and(|view| view.amiss.iter().any(|amiss| amiss == file))
}

fn wanted(node: &Node) -> String {
    if node.platform == Platform::MacOs {
        return "macos (Distributor does not install there)".to_owned();
    }
    format!("{} {} {}", node.distribution, node.distribution_version, node.architecture)
}
