//! What stops progress without ending a rollout.

use crate::gate::Which;
use crate::id::{GateIndex, SiteIndex, WaveIndex};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which hold; at most one of each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person paused the rollout: no new installs, a rollback goes on.
    Operator,
    /// A person stopped everything, rollback included.
    Emergency,
    /// A wave waits for people.
    Approval(WaveIndex),
    /// A gate waits for people, and only for them.
    SignOff(GateIndex, WaveIndex),
    /// A gate ended in error or inconclusive (or failed, with `on_fail: pause`).
    Gate(Which, Option<WaveIndex>),
    /// A site cannot be reached or refuses us; its part of the work waits.
    Site(SiteIndex),
    /// AWS refused a request in a way that repeating cannot mend.
    Refused(SiteIndex),
    /// A guardrail keeps a wave from opening.
    Guardrail(WaveIndex),
    /// An errand in a site (an association, the default version) cannot be done as it is.
    Errand(SiteIndex),
    /// Two commands were found for one intent: somebody else is running this rollout.
    Twice,
}

/// A hold, with what a person needs to end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which.
    pub kind: Kind,
    /// Why, one sentence.
    pub reason: String,
    /// What to do, one sentence.
    pub next_step: String,
    /// Whether only a person can end it; otherwise it also ends by itself once the cause is gone.
    #[serde(default)]
    pub needs_person: bool,
    /// Since when.
    pub since: Timestamp,
    /// Unanswered until then, the rollout is aborted and nodes are left as they are. None: waits for ever.
    pub deadline: Option<Timestamp>,
}

impl Kind {
    /// Whether new installs stop everywhere.
    pub fn stops_installs(self) -> bool {
        match self {
            Self::Operator | Self::Emergency | Self::Gate(..) | Self::Twice => true,
            Self::Approval(_)
            | Self::SignOff(..)
            | Self::Guardrail(_)
            | Self::Site(_)
            | Self::Refused(_)
            | Self::Errand(_) => false,
        }
    }

    /// Whether a rollback stops too.
    pub fn stops_rollback(self) -> bool {
        matches!(self, Self::Emergency | Self::Twice)
    }

    /// Whether this hold concerns one site only, and which.
    pub fn site(self) -> Option<SiteIndex> {
        match self {
            Self::Site(site) | Self::Refused(site) => Some(site),
            // An errand names a site too, but everything else goes on there.
            Self::Errand(_)
            | Self::Operator
            | Self::Emergency
            | Self::Approval(_)
            | Self::SignOff(..)
            | Self::Guardrail(_)
            | Self::Gate(..)
            | Self::Twice => None,
        }
    }
}
