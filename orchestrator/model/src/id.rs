//! Names and indices. Strings that AWS gives us are newtypes; everything of a plan is a dense index.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps a text that was checked where it entered the program.
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

text_id! {
    /// A twelve-digit AWS account id.
    AccountId
}
text_id! {
    /// An AWS Region name such as `eu-west-1`.
    Region
}
text_id! {
    /// A managed node: `i-…` (EC2) or `mi-…` (hybrid).
    NodeId
}
text_id! {
    /// One execution of a plan: a UUID, version 7, so ids sort by start.
    RolloutId
}
text_id! {
    /// What `SendCommand` returned: the id of one Run Command command.
    CommandId
}
text_id! {
    /// What `CreateAssociation` returned: the id of one State Manager association.
    AssociationId
}
text_id! {
    /// Lower-case hex SHA-256.
    Digest
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// As an index into the plan's table.
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// Position in [`crate::plan::Plan::sites`].
    SiteIndex, u32
}
index! {
    /// Position in [`crate::plan::Plan::strata`].
    StratumIndex, u32
}
index! {
    /// Position in [`crate::plan::Plan::nodes`].
    NodeIndex, u32
}
index! {
    /// Position in [`crate::plan::Plan::waves`] and in the plan file's list of waves.
    WaveIndex, u16
}
index! {
    /// Position in [`crate::plan::Plan::batches`].
    BatchIndex, u32
}
index! {
    /// Position in [`crate::plan::Plan::versions`], the interned VersionNames.
    VersionIndex, u16
}
index! {
    /// Position in the plan file's list of gates.
    GateIndex, u16
}
index! {
    /// Position in the tag matches that the plan file asks about ([`crate::fleet::TagMatch`]).
    TagMatchIndex, u8
}

/// The n-th intent of a rollout. Derived from the log, never random, so a replay gives the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub u64);

impl fmt::Display for IntentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The text in a command's `Comment` by which a command is found again after a crash.
///
/// Shape: `wavetrain <rollout id> <intent>`; with a UUID at most 68 of the 100 characters that SSM allows.
pub fn marker(rollout: &RolloutId, intent: IntentId) -> String {
    format!("wavetrain {rollout} {intent}")
}

/// The `AssociationName` by which an association is found again after a crash: the marker in the letters that SSM allows there.
pub fn association_name(rollout: &RolloutId, intent: IntentId) -> String {
    format!("wavetrain.{rollout}.{intent}")
}

/// The marker that an association's name stands for; None for associations that are none of ours.
pub fn marker_of_association(name: &str) -> Option<String> {
    let (rollout, intent) = name.strip_prefix("wavetrain.")?.rsplit_once('.')?;
    let intent = intent.parse().ok().map(IntentId)?;
    Some(marker(&RolloutId::new(rollout), intent))
}
