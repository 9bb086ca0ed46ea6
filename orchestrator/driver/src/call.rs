//! The way every call to AWS takes: a rate budget, a place among the calls in progress, then the call.

use crate::bucket::Bucket;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use wavetrain_model::id::SiteIndex;
use wavetrain_model::spec::Api;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::Cloud;
use wavetrain_ports::clock::Clock;
use wavetrain_ports::failure::{Class, Failure};

/// Calls that AWS counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// `SendCommand`.
    Send,
    /// `CancelCommand`.
    Cancel,
    /// Calls that change associations and documents.
    Association,
    /// Calls that follow associations.
    Executions,
    /// `ListCommands`.
    List,
    /// `ListCommandInvocations`.
    Read,
    /// `DescribeAlarms`.
    Alarms,
    /// `GetMetricData`.
    Data,
    /// `DescribeAlarmHistory`.
    History,
    /// `ListResourceComplianceSummaries`.
    Summaries,
    /// `ListComplianceItems`.
    Items,
    /// `DescribeInstanceInformation`.
    Inventory,
    /// `PutComplianceItems`.
    Put,
}

impl Family {
    fn changes_something(self) -> bool {
        matches!(self, Self::Send | Self::Cancel | Self::Association)
    }
}

/// Calls that change something keep places of their own, so that reads never delay a rollback's commands.
const PLACES_FOR_CHANGES: usize = 16;

/// What all calls of one rollout share.
pub(crate) struct Line {
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) clock: Arc<dyn Clock>,
    /// No new calls once cancelled.
    pub(crate) closing: CancellationToken,
    api: Api,
    buckets: Mutex<BTreeMap<(SiteIndex, Family), Bucket>>,
    reads: Semaphore,
    changes: Semaphore,
    calls: AtomicU64,
    /// Nothing is changed from this moment on (milliseconds): the lease may be someone else's by then.
    authorised_until_ms: AtomicI64,
}

impl Line {
    pub(crate) fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, api: Api, places: usize) -> Self {
        Self {
            cloud,
            clock,
            closing: CancellationToken::new(),
            api,
            buckets: Mutex::new(BTreeMap::new()),
            reads: Semaphore::new(places.max(1)),
            changes: Semaphore::new(PLACES_FOR_CHANGES),
            calls: AtomicU64::new(0),
            authorised_until_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// Lets changes through until this moment.
    pub(crate) fn authorise_until(&self, until: Timestamp) {
        self.authorised_until_ms.store(until.0, Ordering::SeqCst);
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits for the right to make one call. None: it must not be made, because it was called off (`off`), or
    /// the lease may be over.
    pub(crate) async fn admit(
        &self,
        site: SiteIndex,
        family: Family,
        off: &CancellationToken,
    ) -> Option<SemaphorePermit<'_>> {
        let places = if family.changes_something() { &self.changes } else { &self.reads };
        let admitted = async {
            let go_at = self.with_bucket(site, family, Bucket::reserve);
            self.clock.sleep_until(go_at).await;
            places.acquire().await.ok()
        };
        let permit = tokio::select! {
            biased;
            () = off.cancelled() => None,
            permit = admitted => permit,
        }?;
        // After the waiting, not before: it may have taken longer than the lease lives.
        let now_ms = self.clock.now().0;
        if family.changes_something() && now_ms >= self.authorised_until_ms.load(Ordering::SeqCst) {
            return None;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        Some(permit)
    }

    /// Learns from an answer.
    pub(crate) fn learn(&self, site: SiteIndex, family: Family, failure: Option<&Failure>) {
        if failure.is_some_and(|failure| failure.class == Class::Throttled) {
            self.with_bucket(site, family, Bucket::throttled);
        }
    }

    /// Counts the pages of a listing after its first.
    pub(crate) fn charge(&self, site: SiteIndex, family: Family, calls: u32) {
        self.calls.fetch_add(u64::from(calls), Ordering::Relaxed);
        self.with_bucket(site, family, |bucket, now| bucket.charge(calls, now));
    }

    fn with_bucket<T>(
        &self,
        site: SiteIndex,
        family: Family,
        act: impl FnOnce(&mut Bucket, Timestamp) -> T,
    ) -> T {
        let now = self.clock.now();
        // A bucket is whole between two steps whatever a panicking task did.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry((site, family))
            .or_insert_with(|| Bucket::new(self.api.requests_per_second, self.api.burst, now));
        act(bucket, now)
    }
}
