//! Obeys orders to a rollout that no process runs: under its lease, in its log, without a call to AWS.

use super::context::{Time, holder};
use super::find;
use super::look;
use crate::exit::Stop;
use std::collections::BTreeSet;
use std::sync::Arc;
use wavetrain_driver::{log, progress, telemetry};
use wavetrain_engine::input::{Input, Order};
use wavetrain_model::event::{Entry, Event, PAYLOAD_VERSION};
use wavetrain_model::id::IntentId;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;
use wavetrain_store::{
    Commit, LeaseAnswer, LeaseToken, NewEvent, NewQuarantine, OrderRecord, Rollout, Store, Summary,
    TakenOrder,
};

/// Real seconds that the lease is held at most.
const LEASE_SECONDS: u32 = 10;

/// Takes the lease, obeys every order in the mailbox and gives the lease back. Harmless if another process has it.
pub async fn obey_all(store: &Arc<dyn Store>, rollout: &Rollout, time: &Time) -> Result<(), Stop> {
    let life_ms = u64::from(time.seconds(LEASE_SECONDS).0) * 1000;
    let asked = store.acquire_lease(&rollout.resource, &holder(), time.now().0, life_ms).await?;
    let LeaseAnswer::Acquired { token, .. } = asked else { return Ok(()) };
    let obeyed = obey_under(store.as_ref(), rollout, &token, time.now()).await;
    store.release_lease(&token).await?;
    obeyed
}

async fn obey_under(
    store: &dyn Store,
    rollout: &Rollout,
    lease: &LeaseToken,
    now: Timestamp,
) -> Result<(), Stop> {
    // Read under the lease: what was read before may have changed.
    let record = look::load(store, rollout).await?;
    let orders = store.pending_orders(&rollout.id).await?;
    if orders.is_empty() {
        return Ok(());
    }
    let mut desk = Desk { plan: &record.plan, state: record.state, now, entries: Vec::new() };
    let open_before: BTreeSet<IntentId> = desk.state.open.keys().copied().collect();
    let taken = orders.iter().map(|order| desk.obey(order)).collect();
    let mut commit = Commit::new(rollout.id.as_str(), record.rollout.version, lease.clone(), summary(&desk));
    commit.events = desk.entries.iter().map(event_record).collect::<Result<_, _>>()?;
    commit.settled = open_before
        .iter()
        .filter(|intent| !desk.state.open.contains_key(intent))
        .map(ToString::to_string)
        .collect();
    commit.orders_taken = taken;
    commit.quarantine =
        desk.entries.iter().find_map(|entry| quarantine(&desk, find::id_of(rollout).as_str(), entry));
    store.commit(commit).await?;
    Ok(())
}

/// A rollout in memory while orders are obeyed.
struct Desk<'a> {
    plan: &'a Plan,
    state: State,
    now: Timestamp,
    entries: Vec<Entry>,
}

impl Desk<'_> {
    fn fold(&mut self, events: Vec<Event>, by: &str) {
        for event in events {
            let entry = Entry { at: self.now, actor: by.to_owned(), event };
            wavetrain_engine::evolve(self.plan, &mut self.state, &entry);
            self.entries.push(entry);
        }
    }

    fn obey(&mut self, record: &OrderRecord) -> TakenOrder {
        let at_ms = self.now.0;
        let taken = |accepted, outcome: String| TakenOrder { id: record.id, accepted, outcome, at_ms };
        let by = record.order.actor.clone();
        let order = match serde_json::from_slice::<Order>(&record.order.payload) {
            Ok(order) => order,
            Err(error) => return taken(false, format!("the order cannot be read: {error}")),
        };
        match wavetrain_engine::decide(
            self.plan,
            &self.state,
            self.now,
            &Input::Order { order: order.clone(), by: by.clone() },
        ) {
            Err(rejection) => {
                self.fold(wavetrain_engine::decide::refused(self.plan, &self.state, &order), &by);
                taken(false, format!("{rejection}; {}", rejection.help))
            }
            Ok(events) => {
                let first = self.entries.len();
                self.fold(events, &by);
                let said: Vec<String> = self.entries[first..]
                    .iter()
                    .filter(|entry| !matches!(entry.event, Event::Ordered { .. }))
                    .take(3)
                    .map(|entry| telemetry::sentence(self.plan, entry))
                    .collect();
                let said = if said.is_empty() { "nothing to change".to_owned() } else { said.join("; ") };
                let then =
                    if self.state.is_over() { "" } else { "; it goes on when `wavetrain apply` runs again" };
                TakenOrder {
                    id: record.id,
                    accepted: true,
                    outcome: format!("{said}{then}"),
                    at_ms: self.now.0,
                }
            }
        }
    }
}

fn summary(desk: &Desk<'_>) -> Summary {
    let package = &desk.plan.spec.package;
    Summary {
        name: desk.plan.spec.name.clone(),
        package: log::package_key(package),
        version: package.version.clone(),
        phase: progress::phase_word(&desk.state).to_owned(),
        headline: progress::headline(desk.plan, &desk.state),
        active: !desk.state.is_over(),
        updated_at_ms: desk.now.0,
    }
}

fn event_record(entry: &Entry) -> Result<NewEvent, Stop> {
    Ok(NewEvent {
        kind: entry.event.word().to_owned(),
        payload_version: PAYLOAD_VERSION,
        payload: serde_json::to_vec(&entry.event).map_err(|error| Stop::unexpected(&error))?,
        at_ms: entry.at.0,
        actor: entry.actor.clone(),
    })
}

fn quarantine(desk: &Desk<'_>, rollout: &str, entry: &Entry) -> Option<NewQuarantine> {
    let Event::RollbackDecided { cause } = &entry.event else { return None };
    Some(NewQuarantine {
        package: log::package_key(&desk.plan.spec.package),
        version: desk.plan.spec.package.version.clone(),
        reason: cause.clone(),
        since_ms: entry.at.0,
        by: format!("rollout {rollout}"),
    })
}
