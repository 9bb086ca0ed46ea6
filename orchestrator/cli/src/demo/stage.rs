//! What an act is played on: a world behind the HTTP door, the AWS SDK in front of it, a state in a temporary folder.

use super::act::Act;
use crate::commands::context::{Context, Time};
use crate::commands::planning;
use crate::exit::{Exit, Stop, chain};
use crate::scripts::Offer;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use wavetrain_aws::{Aws, StaticKeys};
use wavetrain_model::event::Entry;
use wavetrain_model::id::RolloutId;
use wavetrain_model::plan::Plan;
use wavetrain_ports::Cloud;
use wavetrain_sim::serve::{Handle, serve};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;
use wavetrain_store::{Store, StoreUrl};

/// The world, its counts being shares.
const WORLD: &str = include_str!("world.yaml");

/// The plan file, with `@NAME@` and `@VERSION@` to be filled in.
const PLAN: &str = include_str!("plan.yaml");

/// The plan's probe on Linux.
const PROBE: &str = "/opt/datadog-agent/bin/datadog-agent version";

/// Seconds of the world in a second here: two hours pass in some fifteen seconds.
const SPEED: f64 = 600.0;

/// The outage, in seconds from the start of the world.
const OUTAGE_SECONDS: (i64, i64) = (5400, 6600);

/// Events read at once.
const EVENTS_PER_READ: usize = 5_000;

/// Everything an act needs.
pub struct Stage {
    act: Act,
    world: Handle<World>,
    folder: PathBuf,
    /// AWS as the SDK sees it.
    pub cloud: Arc<dyn Cloud>,
    /// The state.
    pub store: Arc<dyn Store>,
    /// The world's clock.
    pub time: Time,
    /// Whether some nodes run their scripts for real.
    pub scripts: Offer,
}

impl Stage {
    /// Builds everything; the world's time runs from here on.
    pub async fn build(act: Act, nodes: u32) -> Result<Self, Stop> {
        let bug = |why: String| Stop::new(Exit::Unexpected, format!("the demo's world: {why}"));
        let mut world = World::new(&world_file(act, nodes)?).map_err(|error| bug(error.to_string()))?;
        let scripts = Offer::to(&mut world);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let world = serve(world, listen, SPEED).await.map_err(|error| bug(chain(&error)))?;
        let time = Time::of_simulation(&world.endpoint_url).await?;
        let options = wavetrain_aws::Options {
            session_name: format!("wavetrain-demo-{}", act.name),
            endpoint_url: Some(world.endpoint_url.clone()),
            region: Some("us-east-1".to_owned()),
            // Given here, so that no setting of this machine is read: the simulated AWS obeys everyone.
            credentials: Some(StaticKeys {
                access_key_id: "demo".to_owned(),
                secret_access_key: "demo".to_owned(),
            }),
            clock: time.of_sessions(),
        };
        let cloud = Arc::new(Aws::connect(options).await?);
        let folder = std::env::temp_dir().join(format!("wavetrain-demo-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).map_err(|error| {
            Stop::new(Exit::Unexpected, format!("cannot create {}: {error}", folder.display()))
        })?;
        let store = StoreUrl::Sqlite(folder.join("wavetrain.db")).open()?;
        Ok(Self { act, world, folder, cloud, store, time, scripts })
    }

    /// Looks at the world itself, past the door.
    pub fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        self.world.with(|world| at(world))
    }

    /// What the probe prints on the nodes that run scripts for real, by node.
    pub fn disks(&self) -> BTreeMap<String, String> {
        self.world.with(|world| {
            let real = world.nodes().iter().filter(|node| node.group.runs_scripts);
            let ids: Vec<String> = real.map(|node| node.id.to_string()).collect();
            let printed = |id: String| world.print_of(&id, PROBE).map(|printed| (id, printed));
            ids.into_iter().filter_map(printed).collect()
        })
    }

    /// The plan of the act.
    pub async fn plan(&self, context: &Context) -> Result<Plan, Stop> {
        let outcome = wavetrain_spec::read("demo plan", plan_file(self.act).as_bytes());
        let spec = outcome.rollout.ok_or_else(|| {
            Stop::new(
                Exit::Unexpected,
                format!("the demo's plan file: {}", wavetrain_spec::render(&outcome.report)),
            )
        })?;
        planning::plan(context, &spec, &self.cloud, Some(self.store.as_ref()), &self.time).await
    }

    /// The whole log of a rollout.
    pub async fn log(&self, id: &RolloutId) -> Result<Vec<Entry>, Stop> {
        let mut log = Vec::new();
        loop {
            let read =
                wavetrain_driver::log::events(self.store.as_ref(), id, log.len() as u64, EVENTS_PER_READ)
                    .await
                    .map_err(|error| Stop::unexpected(&error))?;
            if read.is_empty() {
                return Ok(log);
            }
            log.extend(read.into_iter().map(|(_, entry)| entry));
        }
    }

    /// Takes everything down again.
    pub async fn clear(self) {
        let Self { world, folder, cloud, store, time, .. } = self;
        drop((cloud, store, time));
        world.shutdown().await;
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            tracing::warn!(%error, folder = %folder.display(), "the demo's state could not be removed");
        }
    }
}

fn plan_file(act: Act) -> String {
    PLAN.replace("@NAME@", act.name).replace("@VERSION@", act.version)
}

/// The world with `nodes` nodes, shared out over the groups by their counts.
fn world_file(act: Act, nodes: u32) -> Result<WorldFile, Stop> {
    let mut file = WorldFile::parse(WORLD)
        .map_err(|error| Stop::new(Exit::Unexpected, format!("the demo's world: {error}")))?;
    let sites = (file.sites.accounts.len() * file.sites.regions.len()) as u32;
    let spread: u32 =
        file.nodes.iter().filter(|group| group.accounts.is_empty()).map(|group| group.count).sum();
    for group in file.nodes.iter_mut().filter(|group| group.accounts.is_empty()) {
        group.count = (nodes / sites * group.count).div_ceil(spread.max(1));
    }
    if act.outage {
        let (from, until) = OUTAGE_SECONDS;
        let fault = wavetrain_sim::fault::Fault {
            accounts: vec!["444455556666".to_owned()],
            regions: vec!["eu-west-1".to_owned()],
            from_seconds: Some(from),
            until_seconds: Some(until),
            unreachable: Some(wavetrain_sim::fault::Unreachable::Refused),
            ..Default::default()
        };
        file.faults.push(fault);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_has_about_as_many_nodes_as_asked_for() {
        for asked in [120_u32, 2_400, 20_000] {
            let world = World::new(&world_file(Act::GOOD, asked).unwrap()).unwrap();
            let found = world.nodes().len() as u32;
            assert!(found >= asked && found <= asked + 24, "{found} for {asked}");
        }
    }

    #[test]
    fn the_plan_file_of_every_act_is_valid() {
        for act in [Act::GOOD, Act::BAD_WINDOWS, Act::LYING_AGENT, Act::OUTAGE] {
            let outcome = wavetrain_spec::read("demo", plan_file(act).as_bytes());
            assert!(outcome.rollout.is_some(), "{}", wavetrain_spec::render(&outcome.report));
        }
    }
}
