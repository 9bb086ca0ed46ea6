//! The store: what becomes durable is written down, and the process may die before or after.

use super::Door;
use crate::stories::draw::Death;
use async_trait::async_trait;
use wavetrain_store::{
    Cleared, Commit, EventRecord, IntentRecord, LeaseAnswer, LeaseRecord, LeaseToken, LedgerEntry,
    LedgerSite, Loaded, NewOrder, NewQuarantine, NewRollout, OrderOutcome, OrderRecord, QuarantineEntry,
    Result, Rollout, Store,
};

#[async_trait]
impl Store for Door {
    async fn create_rollout(&self, rollout: NewRollout, lease: &LeaseToken) -> Result<u64> {
        let events = rollout.events.clone();
        let version = self.0.store.create_rollout(rollout, lease).await?;
        self.0.stored(&events, false);
        Ok(version)
    }

    async fn commit(&self, commit: Commit) -> Result<u64> {
        self.0.inner().commits += 1;
        self.0.survive(|death, inner| *death == Death::BeforeCommit(inner.commits)).await;
        let (events, quarantines) = (commit.events.clone(), commit.quarantine.is_some());
        let version = self.0.store.commit(commit).await?;
        self.0.stored(&events, quarantines);
        self.0.survive(|death, inner| *death == Death::AfterCommit(inner.commits)).await;
        Ok(version)
    }

    async fn load(&self, rollout: &str) -> Result<Loaded> {
        self.0.store.load(rollout).await
    }

    async fn events(&self, rollout: &str, after_seq: u64, limit: usize) -> Result<Vec<EventRecord>> {
        self.0.store.events(rollout, after_seq, limit).await
    }

    async fn list(&self) -> Result<Vec<Rollout>> {
        self.0.store.list().await
    }

    async fn find_by_id(&self, rollout: &str) -> Result<Option<Rollout>> {
        self.0.store.find_by_id(rollout).await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Rollout>> {
        self.0.store.find_by_name(name).await
    }

    async fn open_intents(&self, rollout: &str) -> Result<Vec<IntentRecord>> {
        self.0.store.open_intents(rollout).await
    }

    async fn acquire_lease(
        &self,
        resource: &str,
        holder: &str,
        now_ms: i64,
        ttl_ms: u64,
    ) -> Result<LeaseAnswer> {
        self.0.store.acquire_lease(resource, holder, now_ms, ttl_ms).await
    }

    async fn renew_lease(&self, lease: &LeaseToken, now_ms: i64, ttl_ms: u64) -> Result<i64> {
        self.0.store.renew_lease(lease, now_ms, ttl_ms).await
    }

    async fn release_lease(&self, lease: &LeaseToken) -> Result<()> {
        self.0.store.release_lease(lease).await
    }

    async fn lease(&self, resource: &str) -> Result<Option<LeaseRecord>> {
        self.0.store.lease(resource).await
    }

    async fn post_order(&self, order: NewOrder) -> Result<u64> {
        self.0.store.post_order(order).await
    }

    async fn pending_orders(&self, rollout: &str) -> Result<Vec<OrderRecord>> {
        self.0.store.pending_orders(rollout).await
    }

    async fn order_outcome(&self, order: u64) -> Result<Option<OrderOutcome>> {
        self.0.store.order_outcome(order).await
    }

    async fn ledger(&self, package: &str, site: Option<&LedgerSite>) -> Result<Vec<LedgerEntry>> {
        self.0.store.ledger(package, site).await
    }

    async fn quarantine_add(&self, entry: NewQuarantine) -> Result<bool> {
        self.0.store.quarantine_add(entry).await
    }

    async fn quarantine_clear(&self, package: &str, version: &str, cleared: Cleared) -> Result<()> {
        self.0.store.quarantine_clear(package, version, cleared).await
    }

    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>> {
        self.0.store.quarantine_list().await
    }

    async fn quarantine_history(&self) -> Result<Vec<QuarantineEntry>> {
        self.0.store.quarantine_history().await
    }
}
