//! Failures inside a transaction, before they know which file they belong to.

use rusqlite::ErrorCode;

use crate::Error;

/// A failure that does not name its file yet.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said so.
    Sql(rusqlite::Error),
    /// What is kept does not make sense.
    Corrupt(String),
    NotFound(&'static str, String),
    Duplicate(&'static str, String),
    AlreadyActive {
        name: String,
        rollout: String,
    },
    Invalid(String),
    /// Complete without the file's name.
    Whole(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// Adds the file's name.
    pub(super) fn into_error(self, store: &str) -> Error {
        let store = store.to_owned();
        match self {
            Self::Sql(error) => from_sql(&error, store),
            Self::Corrupt(detail) => Error::Corrupt { store, detail },
            Self::NotFound(what, id) => Error::NotFound { store, what, id },
            Self::Duplicate(what, id) => Error::Duplicate { store, what, id },
            Self::AlreadyActive { name, rollout } => Error::AlreadyActive { store, name, rollout },
            Self::Invalid(detail) => Error::Invalid { store, detail },
            Self::Whole(error) => error,
        }
    }

    /// Turns a violated key into the answer that the id is taken.
    pub(super) fn taken(error: rusqlite::Error, what: &'static str, id: &str) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Duplicate(what, id.to_owned()),
            _ => Self::Sql(error),
        }
    }
}

/// Sorts SQLite's result codes by what can be done about them.
fn from_sql(error: &rusqlite::Error, store: String) -> Error {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { store },
        // None is a value of another type or range than the schema promises.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => Error::Corrupt { store, detail },
        // That there is a file, or a directory for it, was seen before: what is missing is the permission, for
        // the file or for the log that is created beside it.
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            Error::ReadOnly { store, detail }
        }
        Some(ErrorCode::TooBig) => {
            let detail = "larger than SQLite can keep in one value (1 GB compressed)".to_owned();
            Error::Invalid { store, detail }
        }
        Some(_) => Error::Unavailable { store, detail },
    }
}
