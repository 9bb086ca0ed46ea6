//! A store in this process's memory: for tests, simulations and forecasts. Same rules as the durable one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Cleared, Commit, Error, EventRecord, IntentRecord, IntentStatus, LeaseAnswer, LeaseRecord, LeaseToken,
    LedgerEntry, LedgerSite, Loaded, NewEvent, NewIntent, NewOrder, NewQuarantine, NewRollout, OrderOutcome,
    OrderRecord, QuarantineEntry, Result, Rollout, SnapshotRecord, Store, TakenOrder,
};

const PLACE: &str = "memory";

/// Keeps everything in memory, gone when dropped.
#[derive(Debug, Default)]
pub struct Memory {
    // A plain mutex, never held across an await: every method is one short synchronous step, so dropping its
    // future cannot leave half of it.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rollouts: BTreeMap<String, Entry>,
    leases: BTreeMap<String, Lease>,
    orders: Vec<Order>,
    /// By package, account, Region, node.
    ledger: BTreeMap<(String, String, String, String), LedgerEntry>,
    quarantine: Vec<QuarantineEntry>,
}

#[derive(Debug)]
struct Entry {
    rollout: Rollout,
    plan: Vec<u8>,
    events: Vec<EventRecord>,
    intents: BTreeMap<String, IntentRecord>,
    open: BTreeSet<(i64, String)>,
    snapshot: Option<SnapshotRecord>,
}

#[derive(Debug)]
struct Lease {
    holder: Option<String>,
    expires_at_ms: i64,
    epoch: u64,
}

#[derive(Debug)]
struct Order {
    order: NewOrder,
    outcome: Option<OrderOutcome>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is checked completely before it is made, so a panic elsewhere left a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn create_rollout(&self, rollout: NewRollout, lease: &LeaseToken) -> Result<u64> {
        self.state().create(rollout, lease)
    }

    async fn commit(&self, commit: Commit) -> Result<u64> {
        let mut state = self.state();
        state.check(&commit)?;
        state.apply(commit)
    }

    async fn load(&self, rollout: &str) -> Result<Loaded> {
        let state = self.state();
        let entry = state.entry(rollout)?;
        let after = entry.snapshot.as_ref().map_or(0, |s| s.seq);
        Ok(Loaded {
            rollout: entry.rollout.clone(),
            plan: entry.plan.clone(),
            snapshot: entry.snapshot.clone(),
            events: entry.events_after(after).to_vec(),
        })
    }

    async fn events(&self, rollout: &str, after_seq: u64, limit: usize) -> Result<Vec<EventRecord>> {
        let state = self.state();
        Ok(state.entry(rollout)?.events_after(after_seq).iter().take(limit).cloned().collect())
    }

    async fn list(&self) -> Result<Vec<Rollout>> {
        let mut rows: Vec<Rollout> = self.state().rollouts.values().map(|e| e.rollout.clone()).collect();
        rows.sort_by(|a, b| (b.created_at_ms, &b.id).cmp(&(a.created_at_ms, &a.id)));
        Ok(rows)
    }

    async fn find_by_id(&self, rollout: &str) -> Result<Option<Rollout>> {
        Ok(self.state().rollouts.get(rollout).map(|e| e.rollout.clone()))
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Rollout>> {
        let state = self.state();
        let named = state.rollouts.values().map(|e| &e.rollout).filter(|r| r.summary.name == name);
        Ok(named.max_by_key(|r| (r.summary.active, r.created_at_ms, r.id.clone())).cloned())
    }

    async fn open_intents(&self, rollout: &str) -> Result<Vec<IntentRecord>> {
        let state = self.state();
        let entry = state.entry(rollout)?;
        Ok(entry.open.iter().filter_map(|(_, id)| entry.intents.get(id)).cloned().collect())
    }

    async fn acquire_lease(
        &self,
        resource: &str,
        holder: &str,
        now_ms: i64,
        ttl_ms: u64,
    ) -> Result<LeaseAnswer> {
        let mut state = self.state();
        let lease = state.leases.entry(resource.to_owned()).or_insert(Lease {
            holder: None,
            expires_at_ms: now_ms,
            epoch: 0,
        });
        match &lease.holder {
            Some(other) if other != holder && lease.expires_at_ms > now_ms => {
                return Ok(LeaseAnswer::Held(LeaseRecord {
                    holder: other.clone(),
                    expires_at_ms: lease.expires_at_ms,
                    epoch: lease.epoch,
                }));
            }
            Some(same) if same == holder => {}
            _ => {
                lease.epoch += 1;
                lease.holder = Some(holder.to_owned());
            }
        }
        lease.expires_at_ms = now_ms.saturating_add_unsigned(ttl_ms);
        let token =
            LeaseToken { resource: resource.to_owned(), holder: holder.to_owned(), epoch: lease.epoch };
        Ok(LeaseAnswer::Acquired { token, expires_at_ms: lease.expires_at_ms })
    }

    async fn renew_lease(&self, lease: &LeaseToken, now_ms: i64, ttl_ms: u64) -> Result<i64> {
        let mut state = self.state();
        state.check_lease(lease)?;
        let expires_at_ms = now_ms.saturating_add_unsigned(ttl_ms);
        if let Some(row) = state.leases.get_mut(&lease.resource) {
            row.expires_at_ms = expires_at_ms;
        }
        Ok(expires_at_ms)
    }

    async fn release_lease(&self, lease: &LeaseToken) -> Result<()> {
        let mut state = self.state();
        if state.check_lease(lease).is_ok()
            && let Some(row) = state.leases.get_mut(&lease.resource)
        {
            row.holder = None;
        }
        Ok(())
    }

    async fn lease(&self, resource: &str) -> Result<Option<LeaseRecord>> {
        let state = self.state();
        let Some(lease) = state.leases.get(resource) else { return Ok(None) };
        Ok(lease.holder.clone().map(|holder| LeaseRecord {
            holder,
            expires_at_ms: lease.expires_at_ms,
            epoch: lease.epoch,
        }))
    }

    async fn post_order(&self, order: NewOrder) -> Result<u64> {
        let mut state = self.state();
        state.entry(&order.rollout)?;
        state.orders.push(Order { order, outcome: None });
        Ok(state.orders.len() as u64)
    }

    async fn pending_orders(&self, rollout: &str) -> Result<Vec<OrderRecord>> {
        let state = self.state();
        state.entry(rollout)?;
        let waiting =
            (1_u64..).zip(&state.orders).filter(|(_, o)| o.outcome.is_none() && o.order.rollout == rollout);
        Ok(waiting.map(|(id, o)| OrderRecord { id, order: o.order.clone() }).collect())
    }

    async fn order_outcome(&self, order: u64) -> Result<Option<OrderOutcome>> {
        let state = self.state();
        let found = order_index(order).and_then(|i| state.orders.get(i));
        found.map(|o| o.outcome.clone()).ok_or_else(|| not_found("order", &order.to_string()))
    }

    async fn ledger(&self, package: &str, site: Option<&LedgerSite>) -> Result<Vec<LedgerEntry>> {
        let state = self.state();
        let first = (package.to_owned(), String::new(), String::new(), String::new());
        let rows = state.ledger.range(first..).map(|(_, row)| row).take_while(|row| row.package == package);
        let of_site =
            |row: &&LedgerEntry| site.is_none_or(|s| s.account == row.account && s.region == row.region);
        Ok(rows.filter(of_site).cloned().collect())
    }

    async fn quarantine_add(&self, entry: NewQuarantine) -> Result<bool> {
        Ok(self.state().quarantine_add(entry))
    }

    async fn quarantine_clear(&self, package: &str, version: &str, cleared: Cleared) -> Result<()> {
        let mut state = self.state();
        match state.quarantined(package, version) {
            Some(row) => row.cleared = Some(cleared),
            None => return Err(not_found("quarantine of", &format!("{package} {version}"))),
        }
        Ok(())
    }

    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>> {
        let mut rows: Vec<_> =
            self.state().quarantine.iter().filter(|q| q.cleared.is_none()).cloned().collect();
        rows.sort_by(|a, b| (&a.entry.package, &a.entry.version).cmp(&(&b.entry.package, &b.entry.version)));
        Ok(rows)
    }

    async fn quarantine_history(&self) -> Result<Vec<QuarantineEntry>> {
        Ok(self.state().quarantine.clone())
    }
}

impl State {
    fn entry(&self, rollout: &str) -> Result<&Entry> {
        self.rollouts.get(rollout).ok_or_else(|| not_found("rollout", rollout))
    }

    fn check_lease(&self, lease: &LeaseToken) -> Result<()> {
        let row = self.leases.get(&lease.resource);
        if row.is_some_and(|r| r.epoch == lease.epoch && r.holder.as_deref() == Some(&lease.holder)) {
            return Ok(());
        }
        Err(Error::LeaseLost {
            resource: lease.resource.clone(),
            epoch: lease.epoch,
            holder: row.and_then(|r| r.holder.clone()),
            found_epoch: row.map_or(0, |r| r.epoch),
        })
    }

    fn check_name_free(&self, rollout: &str, name: &str) -> Result<()> {
        let other = self
            .rollouts
            .values()
            .map(|e| &e.rollout)
            .find(|r| r.summary.active && r.summary.name == name && r.id != rollout);
        match other {
            None => Ok(()),
            Some(other) => Err(Error::AlreadyActive {
                store: PLACE.to_owned(),
                name: name.to_owned(),
                rollout: other.id.clone(),
            }),
        }
    }

    fn create(&mut self, new: NewRollout, lease: &LeaseToken) -> Result<u64> {
        self.check_lease(lease)?;
        if self.rollouts.contains_key(&new.id) {
            return Err(duplicate("rollout", &new.id));
        }
        if new.summary.active {
            self.check_name_free(&new.id, &new.summary.name)?;
        }
        check_snapshot(new.snapshot.as_ref(), new.events.len() as u64)?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = new.new_intents.iter().find(|i| !seen.insert(&i.id)) {
            return Err(duplicate("intent", &twice.id));
        }
        let rollout = Rollout {
            id: new.id.clone(),
            version: 0,
            resource: lease.resource.clone(),
            plan_digest: new.plan_digest,
            created_at_ms: new.created_at_ms,
            summary: new.summary,
        };
        let mut entry = Entry {
            rollout,
            plan: new.plan,
            events: Vec::new(),
            intents: BTreeMap::new(),
            open: BTreeSet::new(),
            snapshot: new.snapshot,
        };
        entry.append(new.events);
        entry.open_intents(new.new_intents, lease.epoch);
        let version = entry.rollout.version;
        self.rollouts.insert(new.id, entry);
        Ok(version)
    }

    /// Checks a commit completely, so that applying it cannot fail half way.
    fn check(&self, commit: &Commit) -> Result<()> {
        let entry = self.entry(&commit.rollout)?;
        self.check_lease(&commit.lease)?;
        let rollout = &entry.rollout;
        if rollout.version != commit.expected_version {
            return Err(Error::VersionConflict {
                rollout: commit.rollout.clone(),
                expected: commit.expected_version,
                found: rollout.version,
            });
        }
        if rollout.resource != commit.lease.resource {
            return Err(invalid("the lease is for another resource than the rollout's"));
        }
        if rollout.summary.name != commit.summary.name {
            return Err(invalid("a rollout's name never changes"));
        }
        if commit.summary.active {
            self.check_name_free(&commit.rollout, &commit.summary.name)?;
        }
        check_snapshot(commit.snapshot.as_ref(), rollout.version + commit.events.len() as u64)?;
        check_intents(entry, commit)?;
        self.check_orders(commit)
    }

    fn check_orders(&self, commit: &Commit) -> Result<()> {
        let mut seen = BTreeSet::new();
        for taken in &commit.orders_taken {
            let order = order_index(taken.id).and_then(|i| self.orders.get(i));
            match order.filter(|o| o.order.rollout == commit.rollout) {
                None => return Err(not_found("order", &taken.id.to_string())),
                Some(o) if o.outcome.is_some() || !seen.insert(taken.id) => {
                    return Err(duplicate("outcome of order", &taken.id.to_string()));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn apply(&mut self, commit: Commit) -> Result<u64> {
        let Some(entry) = self.rollouts.get_mut(&commit.rollout) else {
            return Err(not_found("rollout", &commit.rollout));
        };
        entry.append(commit.events);
        entry.open_intents(commit.new_intents, commit.lease.epoch);
        for named in commit.handles {
            if let Some(intent) = entry.intents.get_mut(&named.intent) {
                intent.handle = Some(named.handle);
            }
        }
        for id in &commit.settled {
            if let Some(intent) = entry.intents.get_mut(id) {
                intent.status = IntentStatus::Settled;
                entry.open.remove(&(intent.at_ms, id.clone()));
            }
        }
        entry.snapshot = commit.snapshot.or(entry.snapshot.take());
        entry.rollout.summary = commit.summary;
        let version = entry.rollout.version;
        for row in commit.ledger {
            let key = (row.package.clone(), row.account.clone(), row.region.clone(), row.node.clone());
            self.ledger.insert(key, row);
        }
        for taken in commit.orders_taken {
            self.take(taken);
        }
        if let Some(entry) = commit.quarantine {
            self.quarantine_add(entry);
        }
        Ok(version)
    }

    fn take(&mut self, taken: TakenOrder) {
        if let Some(order) = order_index(taken.id).and_then(|i| self.orders.get_mut(i)) {
            let TakenOrder { accepted, outcome, at_ms, .. } = taken;
            order.outcome = Some(OrderOutcome { accepted, outcome, at_ms });
        }
    }

    fn quarantined(&mut self, package: &str, version: &str) -> Option<&mut QuarantineEntry> {
        let rows = self.quarantine.iter_mut().filter(|q| q.cleared.is_none());
        rows.into_iter().find(|q| q.entry.package == package && q.entry.version == version)
    }

    fn quarantine_add(&mut self, entry: NewQuarantine) -> bool {
        if self.quarantined(&entry.package, &entry.version).is_some() {
            return false;
        }
        self.quarantine.push(QuarantineEntry { entry, cleared: None });
        true
    }
}

impl Entry {
    /// Events with a greater `seq`; the events are dense, so `seq` is an index.
    fn events_after(&self, seq: u64) -> &[EventRecord] {
        let start = usize::try_from(seq).unwrap_or(usize::MAX).min(self.events.len());
        &self.events[start..]
    }

    fn append(&mut self, events: Vec<NewEvent>) {
        for event in events {
            self.rollout.version += 1;
            let NewEvent { kind, payload_version, payload, at_ms, actor } = event;
            let seq = self.rollout.version;
            self.events.push(EventRecord { seq, kind, payload_version, payload, at_ms, actor });
        }
    }

    fn open_intents(&mut self, intents: Vec<NewIntent>, epoch: u64) {
        for intent in intents {
            let NewIntent { id, kind, payload_version, payload, at_ms } = intent;
            self.open.insert((at_ms, id.clone()));
            let record = IntentRecord {
                id: id.clone(),
                kind,
                payload_version,
                payload,
                status: IntentStatus::Open,
                epoch,
                handle: None,
                at_ms,
            };
            self.intents.insert(id, record);
        }
    }
}

fn check_intents(entry: &Entry, commit: &Commit) -> Result<()> {
    let mut new = BTreeSet::new();
    for intent in &commit.new_intents {
        if entry.intents.contains_key(&intent.id) || !new.insert(intent.id.as_str()) {
            return Err(duplicate("intent", &intent.id));
        }
    }
    let named = commit.handles.iter().map(|h| &h.intent);
    for id in named.chain(&commit.settled) {
        if !entry.intents.contains_key(id) && !new.contains(id.as_str()) {
            return Err(not_found("intent", id));
        }
    }
    Ok(())
}

fn check_snapshot(snapshot: Option<&SnapshotRecord>, version: u64) -> Result<()> {
    match snapshot {
        Some(s) if s.seq > version => Err(invalid("a snapshot cannot be ahead of the log")),
        _ => Ok(()),
    }
}

fn order_index(id: u64) -> Option<usize> {
    usize::try_from(id).ok()?.checked_sub(1)
}

fn not_found(what: &'static str, id: &str) -> Error {
    Error::NotFound { store: PLACE.to_owned(), what, id: id.to_owned() }
}

fn duplicate(what: &'static str, id: &str) -> Error {
    Error::Duplicate { store: PLACE.to_owned(), what, id: id.to_owned() }
}

fn invalid(detail: &str) -> Error {
    Error::Invalid { store: PLACE.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    crate::conformance_tests!(Box::new(super::Memory::new()));
}
