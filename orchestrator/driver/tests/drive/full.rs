//! A store that stops taking commits.

use crate::fixture::{Stage, assert_nothing_was_sent_twice, id};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;
use wavetrain_driver::{Error, Start, View};
use wavetrain_model::state::{Ending, Phase};
use wavetrain_store::memory::Memory;
use wavetrain_store::{
    Cleared, Commit, EventRecord, IntentRecord, LeaseAnswer, LeaseRecord, LeaseToken, LedgerEntry,
    LedgerSite, Loaded, NewOrder, NewQuarantine, NewRollout, OrderOutcome, OrderRecord, QuarantineEntry,
    Result, Rollout, Store,
};

/// Takes so many commits, then its disk is full.
struct Full {
    inner: Arc<Memory>,
    commits_left: AtomicUsize,
}

#[async_trait]
impl Store for Full {
    async fn commit(&self, commit: Commit) -> Result<u64> {
        let take = |left: usize| left.checked_sub(1);
        match self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(_) => self.inner.commit(commit).await,
            Err(_) => Err(wavetrain_store::Error::Full { store: "memory".to_owned() }),
        }
    }
    async fn create_rollout(&self, rollout: NewRollout, lease: &LeaseToken) -> Result<u64> {
        self.inner.create_rollout(rollout, lease).await
    }
    async fn load(&self, rollout: &str) -> Result<Loaded> {
        self.inner.load(rollout).await
    }
    async fn events(&self, rollout: &str, after_seq: u64, limit: usize) -> Result<Vec<EventRecord>> {
        self.inner.events(rollout, after_seq, limit).await
    }
    async fn list(&self) -> Result<Vec<Rollout>> {
        self.inner.list().await
    }
    async fn find_by_id(&self, rollout: &str) -> Result<Option<Rollout>> {
        self.inner.find_by_id(rollout).await
    }
    async fn find_by_name(&self, name: &str) -> Result<Option<Rollout>> {
        self.inner.find_by_name(name).await
    }
    async fn open_intents(&self, rollout: &str) -> Result<Vec<IntentRecord>> {
        self.inner.open_intents(rollout).await
    }
    async fn acquire_lease(&self, resource: &str, holder: &str, now: i64, ttl: u64) -> Result<LeaseAnswer> {
        self.inner.acquire_lease(resource, holder, now, ttl).await
    }
    async fn renew_lease(&self, lease: &LeaseToken, now_ms: i64, ttl_ms: u64) -> Result<i64> {
        self.inner.renew_lease(lease, now_ms, ttl_ms).await
    }
    async fn release_lease(&self, lease: &LeaseToken) -> Result<()> {
        self.inner.release_lease(lease).await
    }
    async fn lease(&self, resource: &str) -> Result<Option<LeaseRecord>> {
        self.inner.lease(resource).await
    }
    async fn post_order(&self, order: NewOrder) -> Result<u64> {
        self.inner.post_order(order).await
    }
    async fn pending_orders(&self, rollout: &str) -> Result<Vec<OrderRecord>> {
        self.inner.pending_orders(rollout).await
    }
    async fn order_outcome(&self, order: u64) -> Result<Option<OrderOutcome>> {
        self.inner.order_outcome(order).await
    }
    async fn ledger(&self, package: &str, site: Option<&LedgerSite>) -> Result<Vec<LedgerEntry>> {
        self.inner.ledger(package, site).await
    }
    async fn quarantine_add(&self, entry: NewQuarantine) -> Result<bool> {
        self.inner.quarantine_add(entry).await
    }
    async fn quarantine_clear(&self, package: &str, version: &str, cleared: Cleared) -> Result<()> {
        self.inner.quarantine_clear(package, version, cleared).await
    }
    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>> {
        self.inner.quarantine_list().await
    }
    async fn quarantine_history(&self) -> Result<Vec<QuarantineEntry>> {
        self.inner.quarantine_history().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_at_any_commit_stops_the_driver_before_anything_undurable_is_sent() {
    for commits in 0..20 {
        let stage = Stage::new(60);
        let start = stage.plan(|_| {}).await;
        let mut driver = stage.driver("first");
        driver.store = Arc::new(Full { inner: stage.store.clone(), commits_left: commits.into() });
        let result = driver.run(start, CancellationToken::new(), View::blind()).await;
        assert!(matches!(result, Err(Error::Store(wavetrain_store::Error::Full { .. }))), "{result:?}");

        let intents = stage.store.events(id().as_str(), 0, 100_000).await.expect("events");
        let durable = intents.iter().filter(|event| event.kind == "intended").count();
        assert!(stage.aws.world().count("send") <= durable, "after {commits} commits");

        let finished = stage.run(Start::Resume(id())).await.expect("driven");
        assert_eq!(finished.state.phase, Phase::Ended(Ending::Completed), "after {commits} commits");
        assert_nothing_was_sent_twice(&stage);
    }
}
