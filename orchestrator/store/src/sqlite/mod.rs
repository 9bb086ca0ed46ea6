//! A store in one SQLite file, with a write-ahead log and every commit synced to disk.
//!
//! One thread owns the connection that writes, another the one that reads; neither ever waits for the other.
//! Several processes may open the same file: the lease, not the file's lock, decides who runs a rollout.
//! The file must be on a local disk: the write-ahead log shares memory between processes.

mod connect;
mod fault;
mod pack;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod worker;
mod write;

use std::path::Path;

use async_trait::async_trait;

use crate::{
    Cleared, Commit, Error, EventRecord, IntentRecord, LeaseAnswer, LeaseRecord, LeaseToken, LedgerEntry,
    LedgerSite, Loaded, NewOrder, NewQuarantine, NewRollout, OrderOutcome, OrderRecord, QuarantineEntry,
    Result, Rollout, Store,
};
use worker::Worker;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    store: String,
    reader: Worker,
    /// None when opened for reading only. Dropped after the reader, so that the last connection to close is
    /// the one that can fold the log into the file.
    writer: Option<Worker>,
}

impl Sqlite {
    /// Opens a file for reading and writing and brings its schema up to date.
    ///
    /// A missing file is created, readable by its owner only; a missing directory is an error. A file that is
    /// damaged, newer than this build or not ours is refused and left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let store = path.display().to_string();
        let writer = connect::writer(path, &store)?;
        let reader = connect::reader(path, &store)?;
        Ok(Self {
            reader: Worker::spawn(&store, "store-reader", reader)?,
            writer: Some(Worker::spawn(&store, "store-writer", writer)?),
            store,
        })
    }

    /// Opens an existing file for looking only, beside a process that may be writing to it. Everything that
    /// would change it answers [`Error::ReadOnly`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let store = path.display().to_string();
        let reader = connect::reader(path, &store)?;
        Ok(Self { reader: Worker::spawn(&store, "store-reader", reader)?, writer: None, store })
    }

    fn writer(&self) -> Result<&Worker> {
        self.writer.as_ref().ok_or_else(|| Error::ReadOnly {
            store: self.store.clone(),
            detail: "it was opened for reading only".to_owned(),
        })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn create_rollout(&self, rollout: NewRollout, lease: &LeaseToken) -> Result<u64> {
        let lease = lease.clone();
        self.writer()?.call(move |c| write::create_rollout(c, rollout, &lease)).await
    }

    async fn commit(&self, commit: Commit) -> Result<u64> {
        self.writer()?.call(move |c| write::commit(c, commit)).await
    }

    async fn load(&self, rollout: &str) -> Result<Loaded> {
        let rollout = rollout.to_owned();
        self.reader.call(move |c| read::load(c, &rollout)).await
    }

    async fn events(&self, rollout: &str, after_seq: u64, limit: usize) -> Result<Vec<EventRecord>> {
        let rollout = rollout.to_owned();
        self.reader.call(move |c| read::known_events(c, &rollout, after_seq, limit)).await
    }

    async fn list(&self) -> Result<Vec<Rollout>> {
        self.reader.call(|c| read::list(c)).await
    }

    async fn find_by_id(&self, rollout: &str) -> Result<Option<Rollout>> {
        let rollout = rollout.to_owned();
        self.reader.call(move |c| read::by_id(c, &rollout)).await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Rollout>> {
        let name = name.to_owned();
        self.reader.call(move |c| read::by_name(c, &name)).await
    }

    async fn open_intents(&self, rollout: &str) -> Result<Vec<IntentRecord>> {
        let rollout = rollout.to_owned();
        self.reader.call(move |c| read::open_intents(c, &rollout)).await
    }

    async fn acquire_lease(
        &self,
        resource: &str,
        holder: &str,
        now_ms: i64,
        ttl_ms: u64,
    ) -> Result<LeaseAnswer> {
        let (resource, holder) = (resource.to_owned(), holder.to_owned());
        self.writer()?.call(move |c| write::acquire_lease(c, &resource, &holder, now_ms, ttl_ms)).await
    }

    async fn renew_lease(&self, lease: &LeaseToken, now_ms: i64, ttl_ms: u64) -> Result<i64> {
        let lease = lease.clone();
        self.writer()?.call(move |c| write::renew_lease(c, &lease, now_ms, ttl_ms)).await
    }

    async fn release_lease(&self, lease: &LeaseToken) -> Result<()> {
        let lease = lease.clone();
        self.writer()?.call(move |c| write::release_lease(c, &lease)).await
    }

    async fn lease(&self, resource: &str) -> Result<Option<LeaseRecord>> {
        let resource = resource.to_owned();
        self.reader.call(move |c| read::lease(c, &resource)).await
    }

    async fn post_order(&self, order: NewOrder) -> Result<u64> {
        self.writer()?.call(move |c| write::post_order(c, &order)).await
    }

    async fn pending_orders(&self, rollout: &str) -> Result<Vec<OrderRecord>> {
        let rollout = rollout.to_owned();
        self.reader.call(move |c| read::pending_orders(c, &rollout)).await
    }

    async fn order_outcome(&self, order: u64) -> Result<Option<OrderOutcome>> {
        self.reader.call(move |c| read::order_outcome(c, order)).await
    }

    async fn ledger(&self, package: &str, site: Option<&LedgerSite>) -> Result<Vec<LedgerEntry>> {
        let (package, site) = (package.to_owned(), site.cloned());
        self.reader.call(move |c| read::ledger(c, &package, site.as_ref())).await
    }

    async fn quarantine_add(&self, entry: NewQuarantine) -> Result<bool> {
        self.writer()?.call(move |c| write::quarantine_add(c, &entry)).await
    }

    async fn quarantine_clear(&self, package: &str, version: &str, cleared: Cleared) -> Result<()> {
        let (package, version) = (package.to_owned(), version.to_owned());
        self.writer()?.call(move |c| write::quarantine_clear(c, &package, &version, &cleared)).await
    }

    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>> {
        self.reader.call(|c| read::quarantine_list(c)).await
    }

    async fn quarantine_history(&self) -> Result<Vec<QuarantineEntry>> {
        self.reader.call(|c| read::quarantine_history(c)).await
    }
}
