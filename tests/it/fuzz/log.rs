//! The records of a state file: a plan, a snapshot and events, as they are read back after whatever happened to them.

use super::Target;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Driver, Error, Options, Start, View, log as records, survey};
use wavetrain_engine::input::Input;
use wavetrain_engine::planner::{self, BusyNodes, Inputs};
use wavetrain_model::id::RolloutId;
use wavetrain_ports::Cloud;
use wavetrain_sim::ports::{SharedWorld, SimulatedClock, SimulatedCloud};
use wavetrain_sim::world::World;
use wavetrain_sim::world_file::WorldFile;
use wavetrain_store::memory::Memory;
use wavetrain_store::{LeaseAnswer, Loaded, NewEvent, NewRollout, SnapshotRecord, Store};

const WORDS: [&str; 20] = [
    "null",
    "[]",
    "{}",
    "[0]",
    "[4294967295]",
    "\"nodes\"",
    "\"wave\"",
    "\"intent\"",
    "\"site\"",
    "surveyed",
    "installed",
    "finished",
    "intended",
    "settled",
    "retried",
    "restored",
    "wave_opened",
    "rollback_decided",
    "true",
    "\"\"",
];

const ID: &str = "0190-fuzz";

#[test]
fn log() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let whole = runtime.block_on(rolled_back());
    // Each input is a number of events, a kind of record, and the record: one that was really there, changed.
    let seeds = records_of(&whole);
    Target { name: "log", seeds, words: &WORDS, cases: 4000 }.run(|input| {
        let (store, id) = (Memory::new(), RolloutId::new(ID));
        runtime.block_on(keep(&store, tampered(&whole, input)));
        match runtime.block_on(records::load(&store, &id)) {
            Ok(record) => {
                let _ = wavetrain_engine::due(&record.plan, &record.state, record.state.updated_at);
                let _ = wavetrain_engine::decide(
                    &record.plan,
                    &record.state,
                    record.state.updated_at,
                    &Input::Recovered,
                );
                let again = serde_json::to_vec(&record.state).expect("a state is data");
                assert!(!again.is_empty());
            }
            Err(Error::Log { rollout, detail }) => assert!(rollout == ID && !detail.is_empty()),
            Err(other) => panic!("{other}"),
        }
    });
}

/// One byte for the kind, two for the place in the log, then the record.
fn records_of(whole: &Loaded) -> Vec<Vec<u8>> {
    let record =
        |kind: u8, at: usize, bytes: &[u8]| [&[kind], &(at as u16).to_le_bytes()[..], bytes].concat();
    let events = whole.events.iter().enumerate().map(|(at, event)| record(0, at, &event.payload));
    let plan = record(1, whole.events.len(), &whole.plan);
    let snapshot = whole.snapshot.as_ref().map(|kept| record(2, whole.events.len(), &kept.payload));
    events.chain([plan]).chain(snapshot).collect()
}

/// The log with one record replaced, cut behind it so that it is the last word or not, as the place has it.
fn tampered(whole: &Loaded, input: &[u8]) -> Loaded {
    let [kind, low, high, bytes @ ..] = input else { return whole.clone() };
    let mut loaded = whole.clone();
    let at = usize::from(u16::from_le_bytes([*low, *high])) % whole.events.len();
    match kind % 3 {
        0 => {
            loaded.events[at].payload = bytes.to_vec();
            loaded.snapshot = None;
        }
        1 => loaded.plan = bytes.to_vec(),
        _ => {
            if let Some(snapshot) = &mut loaded.snapshot {
                snapshot.payload = bytes.to_vec();
            }
        }
    }
    loaded
}

async fn keep(store: &Memory, loaded: Loaded) {
    let resource = &loaded.rollout.resource;
    let LeaseAnswer::Acquired { token: lease, .. } =
        store.acquire_lease(resource, "fuzz", 0, 1000).await.expect("memory")
    else {
        panic!("nobody else is here");
    };
    let event = |event: wavetrain_store::EventRecord| NewEvent {
        kind: event.kind,
        payload_version: event.payload_version,
        payload: event.payload,
        at_ms: event.at_ms,
        actor: event.actor,
    };
    let rollout = NewRollout {
        id: ID.to_owned(),
        plan_digest: loaded.rollout.plan_digest,
        plan: loaded.plan,
        created_at_ms: loaded.rollout.created_at_ms,
        summary: loaded.rollout.summary,
        events: loaded.events.into_iter().map(event).collect(),
        new_intents: Vec::new(),
        snapshot: loaded.snapshot,
    };
    store.create_rollout(rollout, &lease).await.expect("memory takes it");
}

/// A rollout that failed and was taken back, with all its events and the state after them as a snapshot.
async fn rolled_back() -> Loaded {
    let world = crate::kit::worlds::fleet(
        "behaviour: [{ when: { fraction: 0.5 }, install: fail, exit_code: 7 }]",
        "",
    );
    let world = SharedWorld::new(World::new(&WorldFile::parse(&world).expect("a world")).expect("it builds"));
    let cloud: Arc<dyn Cloud> = Arc::new(SimulatedCloud::new(world.clone(), "fuzz"));
    let clock = Arc::new(SimulatedClock::new(world));
    let outcome =
        wavetrain_spec::read("plan.yaml", crate::kit::worlds::plan(crate::kit::worlds::BAD).as_bytes());
    let spec = outcome.rollout.expect("a plan file");
    let fleet = survey::observe(&cloud, clock.as_ref(), &spec, &std::collections::BTreeSet::new(), 4)
        .await
        .expect("a fleet");
    let busy = BusyNodes::new();
    let plan =
        planner::plan(&Inputs { spec: &spec, fleet: &fleet, ledger: &[], busy: &busy, quarantined: None });
    let store = Arc::new(Memory::new());
    let driver = Driver { cloud, clock, store: store.clone(), options: Options::new("fuzz", "fuzz") };
    let start = Start::New(Box::new(plan.expect("a plan")), RolloutId::new(ID));
    let finished = driver.run(start, CancellationToken::new(), View::blind()).await.expect("it ends");
    let mut loaded = store.load(ID).await.expect("it is there");
    loaded.events = store.events(ID, 0, usize::MAX).await.expect("it is there");
    let payload = serde_json::to_vec(&finished.state).expect("a state is data");
    let version = wavetrain_model::state::SNAPSHOT_VERSION;
    loaded.snapshot = Some(SnapshotRecord { seq: finished.state.seq, payload_version: version, payload });
    loaded
}
