//! What can stop a driver, by what the caller can do about it.

use wavetrain_model::time::Timestamp;

/// Why a rollout is not driven (any further). Everything durable stays resumable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process drives this rollout: wait for it, or for its lease to run out.
    #[error("`{resource}` is being carried out by `{holder}` (its lease runs until {expires_at})")]
    LeaseHeld {
        /// What the lease is for.
        resource: String,
        /// Who holds it.
        holder: String,
        /// When it runs out unless renewed.
        expires_at: Timestamp,
    },
    /// Another process took over, or wrote to the rollout: this one stopped without carrying anything out.
    #[error("another process took over this rollout; this one has stopped")]
    LeaseLost(#[source] wavetrain_store::Error),
    /// The lease could not be renewed in time. Stopped before another process could take over.
    #[error("the lease could not be renewed before it ran out; nothing more is sent")]
    LeaseNotRenewed(#[source] wavetrain_store::Error),
    /// The state could not be read or written. Nothing was sent beyond what is durable: mend it and resume.
    #[error("the rollout's state cannot be read or written; nothing is sent beyond what is durable")]
    Store(#[source] wavetrain_store::Error),
    /// The log cannot be read by this program.
    #[error("the log of rollout `{rollout}` cannot be read: {detail}")]
    Log {
        /// Rollout.
        rollout: String,
        /// What does not fit.
        detail: String,
    },
    /// A promise of our own was broken.
    #[error("internal error: {0}; please report it, the rollout is resumable")]
    Bug(String),
}

impl Error {
    /// Sorts the store's answer to a write.
    pub(crate) fn from_write(error: wavetrain_store::Error) -> Self {
        match error {
            wavetrain_store::Error::VersionConflict { .. } | wavetrain_store::Error::LeaseLost { .. } => {
                Self::LeaseLost(error)
            }
            other => Self::Store(other),
        }
    }
}
