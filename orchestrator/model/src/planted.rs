//! Bugs on purpose, for the tests of the tests: a simulator that finds none of them finds nothing.
//!
//! Only the feature `planted-bugs` makes them exist. Without it a plan cannot carry one and [`crate::plan::Plan::has`] is
//! `false` at compile time; nothing that ships turns it on.

use serde::{Deserialize, Serialize};

/// One mistake that is easily made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bug {
    /// After a crash, what may have been sent is sent again instead of looked for.
    ResendWithoutAdopting,
    /// The settle time of an uncertain intent runs from the moment it was written down.
    SettleFromIntent,
    /// The failure budget tolerates one node too many.
    BudgetOffByOne,
    /// A node whose install failed is given its previous version without an uninstall.
    SuspectTrusted,
    /// A wave begins when the one before it has settled, not when it has passed.
    WaveBeforeVerdict,
}

/// The bug that a plan carries, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Planted {
    #[cfg(feature = "planted-bugs")]
    bug: Option<Bug>,
}

impl Planted {
    /// Carries this bug.
    #[cfg(feature = "planted-bugs")]
    pub const fn of(bug: Bug) -> Self {
        Self { bug: Some(bug) }
    }

    /// Whether this bug is planted.
    #[cfg(feature = "planted-bugs")]
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether this bug is planted: never.
    #[cfg(not(feature = "planted-bugs"))]
    pub const fn has(&self, _bug: Bug) -> bool {
        false
    }

    /// Whether there is none, as in every plan that a planner makes.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
