//! A plan, a fleet and a driver in few words.

use crate::aws::Aws;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Driver, Error, Finished, Options, Start, View, survey};
use wavetrain_engine::planner;
use wavetrain_model::fleet::{
    Architecture, Manifest, Node, PackageView, Ping, Platform, TagAnswers, VersionView,
};
use wavetrain_model::id::{RolloutId, SiteIndex, WaveIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::{Amount, Percent};
use wavetrain_model::spec;
use wavetrain_model::time::{Seconds, Timestamp};
use wavetrain_ports::Cloud;
use wavetrain_ports::clock::Clock;
use wavetrain_store::Store;
use wavetrain_store::memory::Memory;

pub(crate) const TARGET: &str = "2.0.0";
pub(crate) const OLD: &str = "1.0.0";

const START: Timestamp = Timestamp(1_777_000_000_000);

/// Time that jumps ahead when everybody waits: tokio's paused clock.
#[derive(Debug)]
pub(crate) struct VirtualClock(Instant);

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(START.0 + self.0.elapsed().as_millis() as i64)
    }

    async fn sleep_until(&self, until: Timestamp) {
        let left = until.since_ms(self.now());
        if left > 0 {
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
    }
}

/// One state and one AWS that several drivers may come to.
pub(crate) struct Stage {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) aws: Arc<Aws>,
    pub(crate) store: Arc<Memory>,
}

impl Stage {
    /// `nodes` nodes in each of two Regions, all on the old version.
    pub(crate) fn new(nodes: usize) -> Self {
        let clock = Arc::new(VirtualClock(Instant::now()));
        let ids =
            ["eu-west-1", "us-east-1"].map(|region| (0..nodes).map(move |n| format!("i-{region}-{n:04}")));
        let fleet: BTreeMap<_, _> = ids.into_iter().flatten().map(|id| (id, Some(OLD.to_owned()))).collect();
        let aws = Arc::new(Aws::new(clock.clone(), fleet));
        Self { clock, aws, store: Arc::new(Memory::new()) }
    }

    pub(crate) fn cloud(&self) -> Arc<dyn Cloud> {
        self.aws.clone()
    }

    pub(crate) async fn plan(&self, adjust: impl FnOnce(&mut spec::Rollout)) -> Start {
        let mut spec = spec();
        adjust(&mut spec);
        let fleet =
            survey::observe(&self.cloud(), self.clock.as_ref(), &spec, &std::collections::BTreeSet::new(), 4)
                .await
                .expect("a healthy fleet");
        let busy = planner::BusyNodes::new();
        let inputs =
            planner::Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: None };
        let plan: Plan = planner::plan(&inputs).expect("a plan");
        self.aws.world().calls.clear();
        Start::New(Box::new(plan), id())
    }

    pub(crate) fn driver(&self, holder: &str) -> Driver {
        Driver {
            cloud: self.cloud(),
            clock: self.clock.clone(),
            store: self.store.clone(),
            options: Options::new(holder, "alice"),
        }
    }

    pub(crate) async fn run(&self, start: Start) -> Result<Finished, Error> {
        self.driver("first").run(start, CancellationToken::new(), View::blind()).await
    }

    /// Versions on the nodes, each with how many have it.
    pub(crate) fn versions(&self) -> BTreeMap<Option<String>, usize> {
        let mut versions = BTreeMap::new();
        for version in self.aws.world().nodes.values() {
            *versions.entry(version.clone()).or_default() += 1;
        }
        versions
    }

    /// The log as words, without what happens at every look.
    pub(crate) async fn kinds(&self) -> Vec<String> {
        let events = self.store.events(id().as_str(), 0, 100_000).await.expect("events");
        events.into_iter().map(|event| event.kind).collect()
    }
}

pub(crate) fn id() -> RolloutId {
    "0190-test".into()
}

/// Every marker belongs to exactly one command.
pub(crate) fn assert_nothing_was_sent_twice(stage: &Stage) {
    let world = stage.aws.world();
    let mut comments = world.comments();
    let all = comments.len();
    comments.sort_unstable();
    comments.dedup();
    assert_eq!(comments.len(), all, "a marker was sent twice");
}

pub(crate) fn node(id: &str, site: SiteIndex, now: Timestamp) -> Node {
    Node {
        id: id.into(),
        site,
        platform: Platform::Linux,
        distribution: "amazon".into(),
        distribution_version: "2023".into(),
        architecture: Architecture::X86_64,
        agent_version: "3.3.0.0".into(),
        ping: Ping::Online,
        last_ping: now,
        tags: TagAnswers::default(),
    }
}

pub(crate) fn package_view() -> PackageView {
    let file = |name: &str| BTreeMap::from([("_any".to_owned(), name.to_owned())]);
    let packages =
        BTreeMap::from([("amazon".to_owned(), BTreeMap::from([("_any".to_owned(), file("linux.zip"))]))]);
    let view = |version: &str| VersionView {
        status: "Active".to_owned(),
        hash: None,
        manifest: Some(Manifest {
            version: version.to_owned(),
            packages: packages.clone(),
            update_script: BTreeMap::new(),
        }),
        amiss: Vec::new(),
    };
    PackageView {
        name: "agent".to_owned(),
        versions: [OLD, TARGET].map(|version| (version.to_owned(), view(version))).into(),
        default_version: Some(OLD.to_owned()),
        associations: Some(Vec::new()),
    }
}

fn wave(name: &str, share: u16, after: &[u16]) -> spec::Wave {
    spec::Wave {
        name: name.to_owned(),
        take: spec::Take::Percent(Percent::whole(share)),
        bake: Seconds::minutes(10),
        after: after.iter().copied().map(WaveIndex).collect(),
        within: spec::Within::default(),
        top_up: true,
        approval: None,
    }
}

fn spec() -> spec::Rollout {
    spec::Rollout {
        name: "agent-2".to_owned(),
        package: spec::Package {
            name: "agent".to_owned(),
            owner: "111122223333".into(),
            version: TARGET.to_owned(),
            install: spec::InstallMode::Reinstall,
            arguments: BTreeMap::new(),
            probe: Some(spec::Probe { linux: Some("agent version".to_owned()), windows: None, expect: None }),
            copies: false,
            allow_differing_contents: false,
        },
        fleet: spec::Fleet {
            accounts: vec!["111122223333".into()],
            organization: None,
            regions: vec!["us-east-1".into(), "eu-west-1".into()],
            role: None,
            external_id: None,
            select: BTreeMap::new(),
            exclude: BTreeMap::new(),
            exclude_nodes: Vec::new(),
            min_coverage: Percent::whole(90),
            max_offline_age: Seconds::hours(24),
            min_agent: "3.1.1374.0".to_owned(),
        },
        waves: vec![wave("first", 20, &[]), wave("all", 100, &[0])],
        partial: false,
        salt: "agent-2".to_owned(),
        limits: spec::Limits {
            in_flight: Amount::Share(Percent::whole(50)),
            per_site: None,
            max_unavailable: Vec::new(),
            failures: Amount::Share(Percent::whole(10)),
            undelivered: Amount::Share(Percent::whole(10)),
        },
        gates: Vec::new(),
        rollback: spec::Rollback {
            to: None,
            require_known: false,
            on_fail: spec::Reaction::Rollback,
            on_error: spec::Reaction::Pause,
            on_inconclusive: spec::Reaction::Pause,
            pace: 3,
        },
        deadlines: spec::Deadlines {
            delivery: Seconds::minutes(10),
            execution: Seconds::hours(1),
            wave: Seconds::hours(6),
            hold: Seconds::hours(24),
        },
        publish_compliance: None,
        api: spec::Api {
            requests_per_second: 5,
            burst: 5,
            first_poll: Seconds(5),
            longest_poll: Seconds(30),
            settle: Seconds(120),
        },
        packs: Vec::new(),
        guardrails: Vec::new(),
        dispatch: wavetrain_model::spec::Dispatch::Command,
        finish: wavetrain_model::spec::Finish::default(),
        allow_associations: wavetrain_model::spec::Allowed::None,
    }
}
