//! Why a call to the outside did not give an answer, by what the caller can do about it.

use serde::{Deserialize, Serialize};

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{operation}: {class}: {message}")]
pub struct Failure {
    /// What can be done.
    pub class: Class,
    /// API operation, such as `ListCommands`.
    pub operation: String,
    /// What the service said; redacted, never empty.
    pub message: String,
    /// The service's error code, empty if there was none.
    pub code: String,
}

/// What can be done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Rejected before execution because of rate: wait and repeat.
    Throttled,
    /// Credentials or policy refuse it: a person must act.
    Denied,
    /// Credentials have run out and could not be renewed: a person must act.
    Expired,
    /// The thing asked about does not exist (or is not shared with us).
    NotFound,
    /// The request is wrong and will stay wrong.
    Invalid,
    /// Not executed: no connection, or the service said that it failed. Repeating is safe.
    Unavailable,
    /// May or may not have been executed: time-out or broken connection after the request was sent, or an answer that
    /// makes no sense. A mutating call must be looked for before it is repeated.
    UnknownOutcome,
}

impl std::fmt::Display for Class {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Throttled => "throttled",
            Self::Denied => "access denied",
            Self::Expired => "credentials expired",
            Self::NotFound => "not found",
            Self::Invalid => "invalid request",
            Self::Unavailable => "unavailable",
            Self::UnknownOutcome => "outcome unknown",
        })
    }
}
