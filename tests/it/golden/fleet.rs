//! A fleet in few words: groups of like nodes per site.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use wavetrain_engine::planner::BusyNodes;
use wavetrain_model::fleet::{
    Architecture, LedgerEntry, Manifest, Node, PackageView, Ping, Platform, Site, Snapshot, TagAnswers,
    VersionView,
};
use wavetrain_model::id::{AccountId, Digest, NodeId, Region, SiteIndex, TagMatchIndex};
use wavetrain_model::plan::tag_questions;
use wavetrain_model::spec::Rollout;
use wavetrain_model::time::Timestamp;

/// 2026-05-01T09:30:00Z, when every golden fleet is observed.
const NOW: Timestamp = Timestamp(1_777_627_800_000);

/// `fleet.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fleet {
    /// Package in every site that says nothing else.
    package: Package,
    /// `account/region` → what is there.
    sites: BTreeMap<String, SiteGroups>,
    /// Why the target version is quarantined.
    pub(super) quarantined: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    default: Option<String>,
    /// VersionName → status.
    versions: BTreeMap<String, String>,
    /// Distribution → version → architecture → file, the same for all versions.
    files: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// Files that hold an update script.
    #[serde(default)]
    update_scripts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteGroups {
    package: Option<Package>,
    #[serde(default)]
    nodes: Vec<Group>,
}

/// Like nodes; ids are `<id><number from 1>`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: String,
    #[serde(default = "one")]
    count: u32,
    platform: Platform,
    /// `distribution/version`.
    os: String,
    architecture: Architecture,
    #[serde(default = "current_agent")]
    agent: String,
    /// Hours since the last ping; zero is online.
    #[serde(default)]
    unseen_hours: i64,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Version that wavetrain verified there, `nothing` for none installed.
    verified: Option<String>,
    /// Another active rollout.
    busy: Option<String>,
}

fn one() -> u32 {
    1
}

fn current_agent() -> String {
    "3.3.1230.0".to_owned()
}

/// What the planner gets.
pub(super) struct Observed {
    pub(super) snapshot: Snapshot,
    pub(super) ledger: Vec<LedgerEntry>,
    pub(super) busy: BusyNodes,
}

impl Fleet {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a golden plan has a fleet.yaml");
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(super) fn observe(&self, spec: &Rollout) -> Observed {
        let mut observed = Observed {
            snapshot: Snapshot {
                observed_at: NOW,
                sites: Vec::new(),
                packages: Vec::new(),
                questions: tag_questions(spec),
                nodes: Vec::new(),
            },
            ledger: Vec::new(),
            busy: BusyNodes::new(),
        };
        for (name, groups) in &self.sites {
            let (account, region) = name.split_once('/').expect("a site is account/region");
            let site = Site {
                account: AccountId::from(account),
                region: Region::from(region),
                role: None,
                external_id: None,
            };
            let index = SiteIndex(observed.snapshot.sites.len() as u32);
            for group in &groups.nodes {
                observed.add(index, &site, group);
            }
            observed.snapshot.sites.push(site);
            let package = groups.package.as_ref().unwrap_or(&self.package);
            observed.snapshot.packages.push(package.view(&spec.package.name));
        }
        observed
    }
}

impl Observed {
    fn add(&mut self, index: SiteIndex, site: &Site, group: &Group) {
        for number in 1..=group.count {
            let id = NodeId::new(format!("{}{number}", group.id));
            let node = group.node(index, id.clone(), &self.snapshot);
            self.snapshot.nodes.push(node);
            let version = group.verified.clone().map(|version| (version != "nothing").then_some(version));
            self.ledger.extend(version.map(|version| LedgerEntry {
                account: site.account.clone(),
                region: site.region.clone(),
                node: id.clone(),
                version,
                verified_at: NOW,
            }));
            if let Some(rollout) = &group.busy {
                self.busy.insert((site.account.clone(), site.region.clone(), id), rollout.clone());
            }
        }
    }
}

impl Group {
    fn node(&self, site: SiteIndex, id: NodeId, asked: &Snapshot) -> Node {
        let (distribution, version) = self.os.split_once('/').expect("an os is distribution/version");
        let is_yes =
            |key: &str, values: &[String]| self.tags.get(key).is_some_and(|value| values.contains(value));
        let answers = asked
            .questions
            .iter()
            .enumerate()
            .filter(|(_, question)| is_yes(&question.key, &question.values));
        Node {
            id,
            site,
            platform: self.platform,
            distribution: distribution.into(),
            distribution_version: version.into(),
            architecture: self.architecture,
            agent_version: self.agent.as_str().into(),
            ping: if self.unseen_hours == 0 { Ping::Online } else { Ping::ConnectionLost },
            last_ping: Timestamp(NOW.0 - self.unseen_hours * 3_600_000),
            tags: answers
                .fold(TagAnswers::default(), |answers, (at, _)| answers.with(TagMatchIndex(at as u8))),
        }
    }
}

impl Package {
    fn view(&self, name: &str) -> PackageView {
        let scripts = self.files.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        let scripts: BTreeMap<String, bool> =
            scripts.map(|file| (file.clone(), self.update_scripts.contains(file))).collect();
        let view = |(version, status): (&String, &String)| {
            let manifest = Manifest {
                version: version.clone(),
                packages: self.files.clone(),
                update_script: scripts.clone(),
            };
            let hash = Some(Digest::new(format!("{version} of {} distributions", self.files.len())));
            (
                version.clone(),
                VersionView { status: status.clone(), hash, manifest: Some(manifest), amiss: Vec::new() },
            )
        };
        PackageView {
            name: name.to_owned(),
            versions: self.versions.iter().map(view).collect(),
            default_version: self.default.clone(),
            associations: Some(Vec::new()),
        }
    }
}
