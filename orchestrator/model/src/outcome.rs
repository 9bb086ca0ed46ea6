//! What became of a node.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Exactly one per finished node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target version is there, proven by the probe where there is one.
    Succeeded,
    /// The target version was there before.
    Already,
    /// The install failed and the previous version is still (or again) there.
    FailedRestored,
    /// The install failed and what is there now is bad or not known.
    FailedBroken,
    /// The node said that the install took too long.
    TimedOut,
    /// The command never reached the node.
    Undelivered,
    /// The node cannot take this version, or its previous one could not be restored; it was not touched.
    Unsupported,
    /// The node is no longer managed.
    Gone,
    /// Stopped before it began.
    Cancelled,
    /// The answer never came and cannot be had.
    Unknown,
}

impl Outcome {
    /// All outcomes, in the order in which tables show them.
    pub const ALL: [Self; 10] = [
        Self::Succeeded,
        Self::Already,
        Self::FailedRestored,
        Self::FailedBroken,
        Self::TimedOut,
        Self::Undelivered,
        Self::Unsupported,
        Self::Gone,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// Whether it counts towards the failure budget.
    pub fn is_failure(self) -> bool {
        match self {
            Self::FailedRestored | Self::FailedBroken | Self::TimedOut => true,
            Self::Succeeded
            | Self::Already
            | Self::Undelivered
            | Self::Unsupported
            | Self::Gone
            | Self::Cancelled
            | Self::Unknown => false,
        }
    }

    /// Whether it counts towards the budget of nodes that could not be reached.
    pub fn is_undelivered(self) -> bool {
        matches!(self, Self::Undelivered | Self::Unknown | Self::Gone)
    }

    /// Whether the node now has the target version.
    pub fn is_at_target(self) -> bool {
        matches!(self, Self::Succeeded | Self::Already)
    }

    /// The word in files, tables and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Already => "already",
            Self::FailedRestored => "failed_restored",
            Self::FailedBroken => "failed_broken",
            Self::TimedOut => "timed_out",
            Self::Undelivered => "undelivered",
            Self::Unsupported => "unsupported",
            Self::Gone => "gone",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}
