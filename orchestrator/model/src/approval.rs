//! What people are asked to agree to, and what they said.

use crate::id::{Digest, GateIndex, WaveIndex};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What one approval is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The wave.
    pub wave: WaveIndex,
    /// The gate that asks; None: the wave itself, before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateIndex>,
    /// Whether it is about beginning the wave; otherwise about letting it pass.
    pub before: bool,
}

/// Whether two names are of one person: people do not take care of capitals and blanks, and nobody is two people by them.
pub fn is_same_person(one: &str, other: &str) -> bool {
    person(one) == person(other)
}

/// A name as it is compared.
pub fn person(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What one person said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// About what.
    pub subject: Subject,
    /// Who, as stated.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Digest of the evidence that was shown; None: given to a program that showed none. It counts for none.
    pub evidence: Option<Digest>,
    /// Why not; None: agreed.
    pub refusal: Option<String>,
}
