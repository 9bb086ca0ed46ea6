//! Where rollouts are kept so that they survive the process: event log, snapshots, intents, leases, orders,
//! the ledger of verified versions and the quarantine.
//!
//! The store moves versioned bytes in small envelopes. It must not know what an event, an intent or a plan
//! means: it depends on no crate that does, so a change of the machine never needs a change here, and a log
//! written by an older machine can always be read back.
//!
//! Start at [`Store`]: one trait, one [`Commit`] that writes everything a decision changed in one transaction,
//! guarded twice. The rollout's version refuses a lost update; the lease's epoch refuses a process that was
//! presumed dead and came back. Implementations: [`memory::Memory`] for tests and simulations,
//! [`sqlite::Sqlite`] for everything else; [`StoreUrl`] chooses between them. `conformance` (a feature) holds the one
//! suite both must pass.
//!
//! Time comes in as `*_ms`, milliseconds since the Unix epoch: the store reads no clock.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod memory;
mod record;
pub mod sqlite;
mod url;

use async_trait::async_trait;

pub use error::{Error, Result};
pub use record::{
    Cleared, Commit, EventRecord, IntentHandle, IntentRecord, IntentStatus, LeaseAnswer, LeaseRecord,
    LeaseToken, LedgerEntry, LedgerSite, Loaded, NewEvent, NewIntent, NewOrder, NewQuarantine, NewRollout,
    OrderOutcome, OrderRecord, QuarantineEntry, Rollout, SnapshotRecord, Summary, TakenOrder,
};
pub use url::{ParseUrlError, StoreUrl};

/// A place that keeps rollouts.
///
/// Every method is atomic: it happens completely or not at all, also when its future is dropped half way. A
/// dropped future may still have been carried out; the next [`Store::commit`] then answers
/// [`Error::VersionConflict`] and the caller loads again.
#[async_trait]
pub trait Store: Send + Sync {
    /// Creates a rollout with its plan and first events, and returns its version (the last event's `seq`).
    ///
    /// The rollout is bound to the lease's resource: later commits must hold a lease of the same resource.
    /// Refuses with [`Error::AlreadyActive`] when an active rollout has the same name, with
    /// [`Error::Duplicate`] when the id is taken, with [`Error::LeaseLost`] when the lease is not held.
    async fn create_rollout(&self, rollout: NewRollout, lease: &LeaseToken) -> Result<u64>;

    /// Writes everything in `commit` in one transaction and returns the rollout's new version.
    ///
    /// Checked in this order: the rollout exists, the lease is held with this epoch, the version is the
    /// expected one; then the parts. Any refusal leaves nothing behind.
    async fn commit(&self, commit: Commit) -> Result<u64>;

    /// Reads what is needed to go on with a rollout: plan, newest snapshot and the events after it, all of one
    /// moment.
    async fn load(&self, rollout: &str) -> Result<Loaded>;

    /// Reads at most `limit` events with `seq > after_seq`, oldest first.
    async fn events(&self, rollout: &str, after_seq: u64, limit: usize) -> Result<Vec<EventRecord>>;

    /// All rollouts, newest first (by `created_at_ms`, then by id, both descending).
    async fn list(&self) -> Result<Vec<Rollout>>;

    /// One rollout by its id.
    async fn find_by_id(&self, rollout: &str) -> Result<Option<Rollout>>;

    /// The active rollout of this name if there is one, else the newest one of this name.
    async fn find_by_name(&self, name: &str) -> Result<Option<Rollout>>;

    /// Intents that are not settled, oldest first (by `at_ms`, then by id).
    async fn open_intents(&self, rollout: &str) -> Result<Vec<IntentRecord>>;

    /// Takes the lease on `resource` if it is free, expired, or already this holder's; compare-and-swap.
    ///
    /// The epoch rises at every change of holder and after every release; it never falls. `holder` must be
    /// unique to the process (and its start): two processes with one name would both believe they hold it.
    /// The holder itself gets its own epoch back, even after the lease ran out, if no one else came.
    async fn acquire_lease(
        &self,
        resource: &str,
        holder: &str,
        now_ms: i64,
        ttl_ms: u64,
    ) -> Result<LeaseAnswer>;

    /// Extends a lease to `now_ms + ttl_ms` and returns that time. [`Error::LeaseLost`] if someone else took it.
    ///
    /// A lease that ran out unnoticed is renewed as long as no one else took it: nothing was written between.
    async fn renew_lease(&self, lease: &LeaseToken, now_ms: i64, ttl_ms: u64) -> Result<i64>;

    /// Gives a lease back. Harmless when it is no longer held.
    async fn release_lease(&self, lease: &LeaseToken) -> Result<()>;

    /// Who holds `resource`, if anyone does; an expired lease is shown as it is.
    async fn lease(&self, resource: &str) -> Result<Option<LeaseRecord>>;

    /// Leaves an order for the process that runs the rollout and returns its id. Any process may post.
    async fn post_order(&self, order: NewOrder) -> Result<u64>;

    /// Orders of this rollout that no commit has taken, in the order they were posted.
    async fn pending_orders(&self, rollout: &str) -> Result<Vec<OrderRecord>>;

    /// What became of an order; `None` while it waits. [`Error::NotFound`] if there is no such order.
    async fn order_outcome(&self, order: u64) -> Result<Option<OrderOutcome>>;

    /// The versions last seen on nodes for `package`, of one site or of all, by account, Region and node.
    async fn ledger(&self, package: &str, site: Option<&LedgerSite>) -> Result<Vec<LedgerEntry>>;

    /// Quarantines a package version. Returns false, and changes nothing, if it already is.
    async fn quarantine_add(&self, entry: NewQuarantine) -> Result<bool>;

    /// Lifts the quarantine of a package version. [`Error::NotFound`] if it is not quarantined.
    async fn quarantine_clear(&self, package: &str, version: &str, cleared: Cleared) -> Result<()>;

    /// Package versions that are quarantined now, by package and version.
    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>>;

    /// Every quarantine there ever was, cleared ones too, oldest first. For people, not for decisions.
    async fn quarantine_history(&self) -> Result<Vec<QuarantineEntry>>;
}
