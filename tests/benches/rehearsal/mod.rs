//! What the benches share: fleets of any size, whole rollouts in virtual time, and what the kernel counted.
#![allow(dead_code, reason = "every bench takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]
#![allow(missing_docs, clippy::missing_errors_doc)]

pub mod gauge;

use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Driver, Finished, Options, Start, View, log, survey};
use wavetrain_engine::planner::{self, BusyNodes, Inputs};
use wavetrain_model::event::Entry;
use wavetrain_model::fleet::Snapshot;
use wavetrain_model::id::RolloutId;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Rollout;
use wavetrain_ports::Cloud;
use wavetrain_sim::ports::{SharedWorld, SimulatedClock, SimulatedCloud};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;
use wavetrain_store::Store;
use wavetrain_store::memory::Memory;

/// A fleet that is as wide as it is deep, and how fast it may change.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub accounts: usize,
    pub nodes_per_site: usize,
    /// As the plan file writes it: a share or a number.
    pub in_flight: &'static str,
}

/// Regions of every account.
pub const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

impl Size {
    pub fn nodes(self) -> usize {
        self.accounts * REGIONS.len() * self.nodes_per_site
    }

    fn accounts(self) -> String {
        let accounts: Vec<String> =
            (0..self.accounts).map(|at| format!("\"{:012}\"", 111_122_220_000 + at)).collect();
        accounts.join(", ")
    }

    /// Four fifths Linux, one fifth Windows, everything healthy.
    pub fn world(self) -> String {
        let windows = self.nodes_per_site / 5;
        let groups = [("web", "Linux", self.nodes_per_site - windows), ("desk", "Windows", windows)];
        let groups = groups.map(|(name, platform, count)| {
            format!(
                "  - {{ name: {name}, count: {count}, platform: {platform}, tagged: [{{ key: rollout, value: canary, first: 1 }}], \
                 installed: {{ agent: {{ 1.0.0-1: 1 }} }} }}\n"
            )
        });
        format!(
            "seed: 11\nsites: {{ accounts: [{accounts}], regions: [{regions}] }}\nroles: [{{ name: spoke }}]\nnodes:\n{groups}\
             packages:\n  - name: agent\n    versions: [{{ name: 1.0.0-1 }}, {{ name: 2.0.0-1 }}]\n\
             probes: [{{ contains: agent --version, package: agent }}]\n",
            accounts = self.accounts(),
            regions = REGIONS.join(", "),
            groups = groups.concat(),
        )
    }

    /// A canary, a tenth, a half, everything; with a probe, so that every node is asked, changed and asked again.
    pub fn plan_file(self) -> String {
        format!(
            "apiVersion: wavetrain/v1\nrollout:\n  name: bench\n  package:\n    name: agent\n    owner: \"111122220000\"\n    \
             version: 2.0.0-1\n    probe: {{ linux: agent --version, windows: agent --version, expect: \"{{version}}\" }}\n  \
             fleet:\n    accounts: [{accounts}]\n    regions: [{regions}]\n    \
             role: arn:aws:iam::{{account}}:role/spoke\n  waves:\n    - {{ name: canary, tag: {{ rollout: canary }}, bake: 10m }}\n    \
             - {{ name: tenth, percent: 10, bake: 10m }}\n    - {{ name: half, percent: 50, bake: 10m }}\n    \
             - {{ name: all, percent: 100, bake: 10m }}\n  limits: {{ in_flight: {in_flight} }}\n",
            accounts = self.accounts(),
            regions = REGIONS.join(", "),
            in_flight = self.in_flight,
        )
    }

    pub fn spec(self) -> Rollout {
        let outcome = wavetrain_spec::read("plan.yaml", self.plan_file().as_bytes());
        let text = wavetrain_spec::render(&outcome.report);
        outcome.rollout.unwrap_or_else(|| panic!("{text}"))
    }
}

/// A simulated AWS with a plan for it.
#[derive(Debug)]
pub struct Rehearsal {
    pub world: SharedWorld,
    pub fleet: Snapshot,
    pub plan: Plan,
    pub store: Arc<Memory>,
}

/// What a rollout left behind.
#[derive(Debug)]
pub struct Course {
    pub finished: Finished,
    pub store: Arc<Memory>,
    pub calls: Vec<(String, usize)>,
}

fn id() -> RolloutId {
    "0190-bench".into()
}

impl Rehearsal {
    /// Builds the world, surveys it and plans.
    pub async fn new(size: Size) -> Self {
        let file = WorldFile::parse(&size.world()).unwrap();
        let world = SharedWorld::new(World::new(&file).unwrap());
        let spec = size.spec();
        let clock = SimulatedClock::new(world.clone());
        let fleet = survey::observe(&cloud(&world), &clock, &spec, &std::collections::BTreeSet::new(), 16)
            .await
            .unwrap();
        let plan = planned(&spec, &fleet);
        Self { world, fleet, plan, store: Arc::new(Memory::new()) }
    }

    fn driver(&self) -> Driver {
        Driver {
            cloud: cloud(&self.world),
            clock: Arc::new(SimulatedClock::new(self.world.clone())),
            store: self.store.clone(),
            options: Options::new("bench", "bench"),
        }
    }

    /// Carries out as much of the plan as makes so many events, and returns the log.
    pub async fn run_until(self, events: usize) -> Vec<Entry> {
        let driver = self.driver();
        let start = Start::New(Box::new(self.plan), id());
        let stop = CancellationToken::new();
        let (mut seen, stopping) = (0, stop.clone());
        let on_entry = move |_: &Plan, _: &Entry| {
            seen += 1;
            if seen >= events {
                stopping.cancel();
            }
        };
        driver.run(start, stop, View { on_entry: Box::new(on_entry), ..View::blind() }).await.unwrap();
        entries(&self.store).await
    }

    /// Carries the plan out to its end.
    pub async fn run(self) -> Course {
        let driver = self.driver();
        let Self { world, plan, store, .. } = self;
        let start = Start::New(Box::new(plan), id());
        let finished = driver.run(start, CancellationToken::new(), View::blind()).await.unwrap();
        let mut calls = std::collections::BTreeMap::<String, usize>::new();
        world.with(|world| {
            for call in world.calls() {
                *calls.entry(call.operation.to_owned()).or_default() += 1;
            }
        });
        Course { finished, store, calls: calls.into_iter().collect() }
    }
}

impl Course {
    /// The whole log, decoded.
    pub async fn log(&self) -> Vec<Entry> {
        entries(&self.store).await
    }

    /// As a process that takes the rollout up reads it: the snapshot and the events after it.
    pub async fn load(&self) -> log::Record {
        log::load(self.store.as_ref(), &id()).await.unwrap()
    }

    /// Bytes of all events in the store.
    pub async fn log_bytes(&self) -> usize {
        let events = self.store.events(id().as_str(), 0, usize::MAX).await.unwrap();
        events.iter().map(|event| event.payload.len()).sum()
    }
}

async fn entries(store: &Memory) -> Vec<Entry> {
    let events = log::events(store, &id(), 0, usize::MAX).await.unwrap();
    events.into_iter().map(|(_, entry)| entry).collect()
}

fn cloud(world: &SharedWorld) -> Arc<dyn Cloud> {
    Arc::new(SimulatedCloud::new(world.clone(), "bench"))
}

pub fn planned(spec: &Rollout, fleet: &Snapshot) -> Plan {
    let busy = BusyNodes::new();
    let inputs = Inputs { spec, fleet, ledger: &[], busy: &busy, quarantined: None };
    planner::plan(&inputs).unwrap()
}

/// One thread: CPU time is then the time of the work, and a simulated clock is exact.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
