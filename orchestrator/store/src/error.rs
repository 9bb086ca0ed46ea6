//! What can go wrong, by what the caller can do about it.

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the store did not do as asked. `store` names the place: a file's path, or `memory`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Locked by another process for too long, or an I/O failure. Trying again later may help.
    #[error(
        "state {store} is unavailable: {detail}; check that no other process keeps it locked, then try again"
    )]
    Unavailable {
        /// The place.
        store: String,
        /// What the system said.
        detail: String,
    },
    /// The disk, quota or file size limit is reached. Nothing was written; free space and go on.
    #[error(
        "no space left to write state {store}: free some space on its disk, then run the same command again"
    )]
    Full {
        /// The place.
        store: String,
    },
    /// The state may be read but not written, or not opened at all for lack of permission.
    #[error("state {store} cannot be written: {detail}; the file and its directory must both be writable")]
    ReadOnly {
        /// The place.
        store: String,
        /// What the system said.
        detail: String,
    },
    /// There is no state file, or no directory to put it in.
    #[error("state {store} does not exist: {detail}")]
    Missing {
        /// The place.
        store: String,
        /// What is missing.
        detail: String,
    },
    /// The file is damaged or is not ours. It is left as it was.
    #[error(
        "state {store} is damaged or not a wavetrain state: {detail}; it was left untouched: restore a copy or name another file"
    )]
    Corrupt {
        /// The place.
        store: String,
        /// What does not fit.
        detail: String,
    },
    /// Written by a newer version of the program.
    #[error(
        "state {store} was written by a newer wavetrain (schema {found}, this build knows {supported}): use that version"
    )]
    Newer {
        /// The place.
        store: String,
        /// The schema number in the state.
        found: u32,
        /// The highest schema number this build knows.
        supported: u32,
    },
    /// Written by an older version and opened for reading only, so it cannot be brought up to date.
    #[error(
        "state {store} has an older schema ({found}, this build needs {supported}): a command that writes, such as `apply`, brings it up to date"
    )]
    Older {
        /// The place.
        store: String,
        /// The schema number in the state.
        found: u32,
        /// The schema number this build needs.
        supported: u32,
    },
    /// No such rollout, intent, order or quarantine.
    #[error("{what} `{id}` not found in state {store}")]
    NotFound {
        /// The place.
        store: String,
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Someone else committed in between: load again and decide again.
    #[error(
        "rollout `{rollout}` changed meanwhile: expected version {expected}, found {found}; load it again"
    )]
    VersionConflict {
        /// The rollout's id.
        rollout: String,
        /// The version the caller decided on.
        expected: u64,
        /// The version in the store.
        found: u64,
    },
    /// The lease is not held with this epoch: stop, another process is in charge.
    #[error("lease on `{resource}` is not held at epoch {epoch}: {}", held_by(.holder.as_deref(), *.found_epoch))]
    LeaseLost {
        /// What the lease is for.
        resource: String,
        /// The epoch the caller believed in.
        epoch: u64,
        /// Who holds it now, if anyone.
        holder: Option<String>,
        /// The epoch now; 0 when no one ever held it.
        found_epoch: u64,
    },
    /// The id is taken, or an order was already taken.
    #[error("{what} `{id}` already exists in state {store}")]
    Duplicate {
        /// The place.
        store: String,
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A rollout of this name is active: resume or end that one first.
    #[error(
        "rollout `{name}` is already active as `{rollout}` in state {store}: resume it, or abort it first"
    )]
    AlreadyActive {
        /// The place.
        store: String,
        /// The name both would have.
        name: String,
        /// The id of the active one.
        rollout: String,
    },
    /// The caller broke a rule of the trait; a bug of ours, refused before it can do harm.
    #[error("state {store} refused the request: {detail}")]
    Invalid {
        /// The place.
        store: String,
        /// Which rule.
        detail: String,
    },
}

fn held_by(holder: Option<&str>, epoch: u64) -> String {
    match holder {
        Some(holder) => format!("`{holder}` holds it at epoch {epoch}"),
        None => format!("no one holds it (last epoch {epoch})"),
    }
}
