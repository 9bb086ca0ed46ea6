//! The right to drive a rollout, and its renewal in time.

use crate::error::Error;
use std::sync::Arc;
use wavetrain_model::time::Timestamp;
use wavetrain_store::{LeaseAnswer, LeaseToken, Store};

/// Parts of a lease's life: it is renewed after a third; the last sixth is kept free, so that nothing that was
/// begun under it is still being handed over when another process may take it.
const RENEW_AFTER: i64 = 3;
const KEPT_FREE: i64 = 6;

/// A lease held.
pub(crate) struct Lease {
    store: Arc<dyn Store>,
    pub(crate) token: LeaseToken,
    life_ms: i64,
    expires_at: Timestamp,
    renew_at: Timestamp,
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub(crate) async fn acquire(
        store: Arc<dyn Store>,
        resource: &str,
        holder: &str,
        seconds: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let life_ms = i64::from(seconds.max(1)) * 1000;
        let answer = store.acquire_lease(resource, holder, now.0, life_ms.unsigned_abs()).await;
        match answer.map_err(Error::from_write)? {
            LeaseAnswer::Acquired { token, expires_at_ms } => Ok(Self {
                store,
                token,
                life_ms,
                expires_at: Timestamp(expires_at_ms),
                renew_at: Timestamp(now.0 + life_ms / RENEW_AFTER),
            }),
            LeaseAnswer::Held(other) => Err(Error::LeaseHeld {
                resource: resource.to_owned(),
                holder: other.holder,
                expires_at: Timestamp(other.expires_at_ms),
            }),
        }
    }

    /// When it should be renewed.
    pub(crate) fn renew_at(&self) -> Timestamp {
        self.renew_at
    }

    /// When it runs out unless renewed.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Until when something may be handed over under it.
    pub(crate) fn good_until(&self) -> Timestamp {
        Timestamp(self.expires_at.0 - self.life_ms / KEPT_FREE)
    }

    /// Renews it if it is time. A store that does not answer is asked again until the lease is nearly over.
    pub(crate) async fn renew_if_due(&mut self, now: Timestamp) -> Result<(), Error> {
        if now < self.renew_at {
            return Ok(());
        }
        match self.store.renew_lease(&self.token, now.0, self.life_ms.unsigned_abs()).await {
            Ok(expires_at_ms) => {
                self.expires_at = Timestamp(expires_at_ms);
                self.renew_at = Timestamp(now.0 + self.life_ms / RENEW_AFTER);
                Ok(())
            }
            Err(error @ wavetrain_store::Error::LeaseLost { .. }) => Err(Error::LeaseLost(error)),
            Err(error) if now >= self.good_until() => Err(Error::LeaseNotRenewed(error)),
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed yet");
                self.renew_at = Timestamp(now.0 + (self.life_ms / 12).max(1));
                Ok(())
            }
        }
    }

    /// Gives it back.
    pub(crate) async fn release(self) {
        if let Err(error) = self.store.release_lease(&self.token).await {
            // It runs out by itself; the next process has to wait for that.
            tracing::warn!(%error, "the lease could not be given back");
        }
    }
}
