//! A rollout's log: what the store keeps as bytes, read back as plan, state and events.

use crate::error::Error;
use crate::fit;
use std::sync::Arc;
use wavetrain_engine::input::Order;
use wavetrain_engine::planner;
use wavetrain_model::event::{Entry, PAYLOAD_VERSION};
use wavetrain_model::id::RolloutId;
use wavetrain_model::intent::Intent;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::Package;
use wavetrain_model::state::{SNAPSHOT_VERSION, State};
use wavetrain_model::time::Timestamp;
use wavetrain_store::{EventRecord, NewEvent, NewIntent, NewOrder, Rollout, SnapshotRecord, Store};

/// Events read at once while replaying.
const EVENTS_PER_READ: usize = 2_000;

/// A rollout as its log tells it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Id, name, summary, version.
    pub rollout: Rollout,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Where it stands.
    pub state: State,
}

/// Reads a rollout: the newest snapshot that this program can read, and the events after it.
pub async fn load(store: &dyn Store, rollout: &RolloutId) -> Result<Record, Error> {
    let loaded = store.load(rollout.as_str()).await.map_err(Error::Store)?;
    let plan: Plan = serde_json::from_slice(&loaded.plan)
        .map_err(|error| unreadable(rollout, format!("its plan: {error}")))?;
    if !planner::is_digest_of(&plan.digest, &loaded.plan) {
        return Err(unreadable(rollout, "its plan is not what was frozen: the state is damaged".to_owned()));
    }
    let snapshot = loaded.snapshot.as_ref().and_then(|record| read_snapshot(&plan, record));
    let state = match (snapshot, loaded.snapshot) {
        (Some(state), _) => replay(rollout, &plan, state, &loaded.events)?,
        (None, None) => replay(rollout, &plan, State::new(&plan), &loaded.events)?,
        // Written by another version of this program. The events alone are the truth.
        (None, Some(_)) => replay_all(store, rollout, &plan, loaded.rollout.version).await?,
    };
    Ok(Record { rollout: loaded.rollout, plan: Arc::new(plan), state })
}

/// Reads at most `limit` events after one, oldest first, each with its number.
pub async fn events(
    store: &dyn Store,
    rollout: &RolloutId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Entry)>, Error> {
    let records = store.events(rollout.as_str(), after, limit).await.map_err(Error::Store)?;
    records.iter().map(|record| Ok((record.seq, read_event(rollout, record)?))).collect()
}

/// An order as it is posted to the process that drives the rollout.
pub fn order(rollout: &RolloutId, order: &Order, by: &str, at: Timestamp) -> Result<NewOrder, Error> {
    Ok(NewOrder {
        rollout: rollout.as_str().to_owned(),
        kind: order_word(order).to_owned(),
        payload: encode("an order", order)?,
        actor: by.to_owned(),
        at_ms: at.0,
    })
}

/// The name of a package in the ledger, the quarantine and the summaries: `owner/name`.
pub fn package_key(package: &Package) -> String {
    format!("{}/{}", package.owner, package.name)
}

/// The lease that whoever drives a rollout of this name must hold.
pub fn lease_resource(name: &str) -> String {
    format!("rollout/{name}")
}

async fn replay_all(
    store: &dyn Store,
    rollout: &RolloutId,
    plan: &Plan,
    version: u64,
) -> Result<State, Error> {
    let mut state = State::new(plan);
    let mut after = 0;
    while after < version {
        let records = store.events(rollout.as_str(), after, EVENTS_PER_READ).await.map_err(Error::Store)?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        state = replay(rollout, plan, state, &records)?;
    }
    Ok(state)
}

fn replay(
    rollout: &RolloutId,
    plan: &Plan,
    mut state: State,
    records: &[EventRecord],
) -> Result<State, Error> {
    for record in records {
        let entry = read_event(rollout, record)?;
        if !fit::event(plan, &entry.event) {
            let detail =
                format!("event {} speaks of what its plan does not have: the state is damaged", record.seq);
            return Err(unreadable(rollout, detail));
        }
        wavetrain_engine::evolve(plan, &mut state, &entry);
    }
    Ok(state)
}

fn read_event(rollout: &RolloutId, record: &EventRecord) -> Result<Entry, Error> {
    if record.payload_version != PAYLOAD_VERSION {
        let detail = format!(
            "event {} has format {}, this program knows {PAYLOAD_VERSION}: use the version that wrote it",
            record.seq, record.payload_version
        );
        return Err(unreadable(rollout, detail));
    }
    let event = serde_json::from_slice(&record.payload)
        .map_err(|error| unreadable(rollout, format!("event {}: {error}", record.seq)))?;
    Ok(Entry { at: Timestamp(record.at_ms), actor: record.actor.clone(), event })
}

fn read_snapshot(plan: &Plan, record: &SnapshotRecord) -> Option<State> {
    if record.payload_version != SNAPSHOT_VERSION {
        return None;
    }
    // A snapshot that cannot be read costs a replay, nothing else.
    serde_json::from_slice(&record.payload).ok().filter(|state| fit::snapshot(plan, state))
}

fn unreadable(rollout: &RolloutId, detail: String) -> Error {
    Error::Log { rollout: rollout.as_str().to_owned(), detail }
}

pub(crate) fn event_record(entry: &Entry) -> Result<NewEvent, Error> {
    Ok(NewEvent {
        kind: entry.event.word().to_owned(),
        payload_version: PAYLOAD_VERSION,
        payload: encode("an event", &entry.event)?,
        at_ms: entry.at.0,
        actor: entry.actor.clone(),
    })
}

pub(crate) fn intent_record(intent: &Intent, at: Timestamp) -> Result<NewIntent, Error> {
    Ok(NewIntent {
        id: intent.id.to_string(),
        kind: intent.action.word().to_owned(),
        payload_version: PAYLOAD_VERSION,
        payload: encode("an intent", intent)?,
        at_ms: at.0,
    })
}

pub(crate) fn snapshot_record(state: &State, seq: u64) -> Result<SnapshotRecord, Error> {
    Ok(SnapshotRecord { seq, payload_version: SNAPSHOT_VERSION, payload: encode("a snapshot", state)? })
}

pub(crate) fn encode<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Bug(format!("{what} cannot be written: {error}")))
}

fn order_word(order: &Order) -> &'static str {
    match order {
        Order::Pause { .. } => "pause",
        Order::Resume => "resume",
        Order::Approve { .. } => "approve",
        Order::Reject { .. } => "reject",
        Order::Report(_) => "report",
        Order::Abort { .. } => "abort",
        Order::Rollback { .. } => "rollback",
        Order::Retry { .. } => "retry",
    }
}
