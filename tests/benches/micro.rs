//! Small parts, by criterion: planning, replay, one look at a large rollout, a plan file, commits to SQLite.
//!
//! After criterion's own report the cost of a look is compared between a small and a large fleet with the same work
//! open: it must follow the work, not the fleet.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to say")]

mod rehearsal;

use criterion::{BenchmarkId, Criterion, Throughput};
use rehearsal::gauge::{Figure, Target};
use rehearsal::{Rehearsal, Size, block_on, planned};
use std::hint::black_box;
use std::time::Instant;
use wavetrain_engine::{due, evolve};
use wavetrain_model::event::Entry;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;
use wavetrain_store::sqlite::Sqlite;
use wavetrain_store::{Commit, LeaseAnswer, LeaseToken, NewEvent, NewIntent, NewRollout, Store, Summary};

const PLAN_FILE: &[u8] = include_bytes!("../../examples/datadog-agent.yaml");
const EVENTS: usize = 100_000;
/// The same sites and the same number of nodes in flight, whatever the fleet.
const SMALL: Size = Size { accounts: 5, nodes_per_site: 100, in_flight: "200" };
const LARGE: Size = Size { accounts: 5, nodes_per_site: 10_000, in_flight: "200" };
/// Events after which the rollouts that are looked at are left.
const PART: usize = 2_000;
const LOOKS: u32 = 20_000;

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    planning(&mut criterion);
    replay(&mut criterion);
    let fleets = [SMALL, LARGE].map(Moment::of);
    look(&mut criterion, &fleets);
    criterion.bench_function("plan file", |bench| {
        bench.iter(|| wavetrain_spec::read("plan.yaml", black_box(PLAN_FILE)));
    });
    commits(&mut criterion);
    compare(&fleets);
    criterion.final_summary();
}

fn planning(criterion: &mut Criterion) {
    let size = Size { accounts: 25, nodes_per_site: 1_000, in_flight: "10%" };
    let rehearsal = block_on(Rehearsal::new(size));
    let spec = size.spec();
    criterion.bench_function("plan 50,000 nodes", |bench| {
        bench.iter(|| planned(&spec, black_box(&rehearsal.fleet)));
    });
}

/// The log of a real rollout, again and again from the start, until so many events are through.
fn replay(criterion: &mut Criterion) {
    let (plan, log) = block_on(async {
        let size = Size { accounts: 50, nodes_per_site: 200, in_flight: "10%" };
        let course = Rehearsal::new(size).await.run().await;
        (course.finished.plan.clone(), course.log().await)
    });
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("100,000 events", |bench| {
        bench.iter(|| {
            let mut left = EVENTS;
            while left > 0 {
                let part = log.len().min(left);
                black_box(replayed(&plan, &log[..part]));
                left -= part;
            }
        });
    });
    group.finish();
}

fn replayed(plan: &Plan, log: &[Entry]) -> State {
    let mut state = State::new(plan);
    for entry in log {
        evolve(plan, &mut state, entry);
    }
    state
}

/// A rollout in the middle of its work.
struct Moment {
    plan: Plan,
    state: State,
    now: Timestamp,
}

impl Moment {
    /// The moment with the most open work in the first part of a rollout.
    fn of(size: Size) -> Self {
        block_on(async {
            let rehearsal = Rehearsal::new(size).await;
            let plan = rehearsal.plan.clone();
            let log = rehearsal.run_until(PART).await;
            let mut state = State::new(&plan);
            let mut best = (state.clone(), Timestamp::default());
            for entry in &log {
                evolve(&plan, &mut state, entry);
                if state.open.len() >= best.0.open.len() {
                    best = (state.clone(), entry.at);
                }
            }
            Self { plan, state: best.0, now: best.1 }
        })
    }

    fn look(&self) -> wavetrain_engine::due::Due {
        due(black_box(&self.plan), black_box(&self.state), self.now)
    }

    fn microseconds(&self) -> f64 {
        let begun = Instant::now();
        for _ in 0..LOOKS {
            black_box(self.look());
        }
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(LOOKS)
    }
}

fn look(criterion: &mut Criterion, fleets: &[Moment]) {
    let mut group = criterion.benchmark_group("due");
    for moment in fleets {
        let nodes = moment.plan.nodes.len();
        group.bench_function(BenchmarkId::from_parameter(nodes), |bench| bench.iter(|| moment.look()));
    }
    group.finish();
}

fn compare([small, large]: &[Moment; 2]) {
    let times = [small, large].map(Moment::microseconds);
    for (moment, value) in [small, large].into_iter().zip(times) {
        let on = format!("{} nodes, {} intents open", moment.plan.nodes.len(), moment.state.open.len());
        Figure { measured: "one look (due)", on: &on, value, unit: "µs", target: Target::None }.print();
    }
    let value = times[1] / times[0];
    let (measured, on) = ("one look (due), ratio", "100,000 nodes to 1,000, 10 sites each");
    Figure { measured, on, value, unit: "×", target: Target::AtMost(1.5) }.print();
}

fn commits(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path().join("state.db")).unwrap();
    let lease = block_on(started(&store));
    let mut version = 1;
    let mut group = criterion.benchmark_group("sqlite");
    group.throughput(Throughput::Elements(1));
    group.bench_function("commit of an event and an intent", |bench| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        bench.iter(|| version = runtime.block_on(store.commit(commit(version, &lease))).unwrap());
    });
    group.finish();
}

async fn started(store: &Sqlite) -> LeaseToken {
    let LeaseAnswer::Acquired { token, .. } = store.acquire_lease("r", "bench", 0, 60_000).await.unwrap()
    else {
        panic!("somebody holds the lease of a new store");
    };
    let rollout = NewRollout {
        id: "r".to_owned(),
        plan_digest: "digest".to_owned(),
        plan: b"{}".to_vec(),
        created_at_ms: 1,
        summary: summary(),
        events: vec![event()],
        new_intents: Vec::new(),
        snapshot: None,
    };
    store.create_rollout(rollout, &token).await.unwrap();
    token
}

fn summary() -> Summary {
    Summary {
        name: "bench".to_owned(),
        package: "agent".to_owned(),
        version: "2.0.0-1".to_owned(),
        phase: "running".to_owned(),
        headline: "wave 2 of 4: 40 of 200 nodes done".to_owned(),
        active: true,
        updated_at_ms: 1,
    }
}

/// About as long as the report of a batch of 50 nodes.
fn event() -> NewEvent {
    NewEvent {
        kind: "sent".to_owned(),
        payload_version: 1,
        payload: vec![b'x'; 400],
        at_ms: 1,
        actor: "machine".to_owned(),
    }
}

fn commit(version: u64, lease: &LeaseToken) -> Commit {
    let mut commit = Commit::new("r", version, lease.clone(), summary());
    let intent = NewIntent {
        id: version.to_string(),
        kind: "install".to_owned(),
        payload_version: 1,
        payload: vec![b'x'; 400],
        at_ms: 1,
    };
    commit.events.push(event());
    commit.new_intents.push(intent);
    if version > 1 {
        commit.settled.push((version - 1).to_string());
    }
    commit
}
