//! Effects, recorded before they are carried out.

use crate::gate::Scope;
use crate::id::{CommandId, GateIndex, IntentId, NodeIndex, SiteIndex, VersionIndex, WaveIndex};
use serde::{Deserialize, Serialize};

/// One command we promised to send: at most 50 nodes of one site (probes: and of one platform).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Number within the rollout.
    pub id: IntentId,
    /// What.
    pub action: Action,
    /// Where.
    pub site: SiteIndex,
    /// To whom.
    pub nodes: Vec<NodeIndex>,
}

/// What an intent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Probe before the nodes are touched.
    Survey {
        /// Wave whose nodes they are.
        wave: WaveIndex,
    },
    /// Install the target version.
    Install {
        /// Wave whose nodes they are.
        wave: WaveIndex,
        /// `MaxErrors` of the command: AWS's own second line of defence.
        max_errors: u32,
    },
    /// Probe after the install.
    Verify {
        /// Wave whose nodes they are.
        wave: WaveIndex,
    },
    /// Rollback: uninstall. None leaves `version` blank, which always matches what the agent believes.
    Uninstall {
        /// Explicit version.
        version: Option<VersionIndex>,
    },
    /// Rollback: install the previous version.
    Reinstall {
        /// That version.
        version: VersionIndex,
    },
    /// Rollback: probe whether the previous version is back.
    Prove,
    /// A gate's probe: looks, and changes nothing.
    Ask {
        /// Gate.
        gate: GateIndex,
        /// About what.
        scope: Scope,
    },
    /// Stop what has not begun: `CancelCommand` of an earlier intent's command.
    Cancel {
        /// That intent.
        of: IntentId,
        /// Its command.
        command: CommandId,
    },
}

impl Action {
    /// Whether nodes change while it runs.
    pub fn changes_nodes(&self) -> bool {
        match self {
            Self::Install { .. } | Self::Uninstall { .. } | Self::Reinstall { .. } => true,
            Self::Survey { .. }
            | Self::Verify { .. }
            | Self::Prove
            | Self::Ask { .. }
            | Self::Cancel { .. } => false,
        }
    }

    /// Whether it sends the probe script.
    pub fn is_probe(&self) -> bool {
        match self {
            Self::Survey { .. } | Self::Verify { .. } | Self::Prove => true,
            Self::Install { .. }
            | Self::Uninstall { .. }
            | Self::Reinstall { .. }
            | Self::Ask { .. }
            | Self::Cancel { .. } => false,
        }
    }

    /// The word in logs and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Survey { .. } => "survey",
            Self::Install { .. } => "install",
            Self::Verify { .. } => "verify",
            Self::Uninstall { .. } => "uninstall",
            Self::Reinstall { .. } => "reinstall",
            Self::Prove => "prove",
            Self::Ask { .. } => "ask",
            Self::Cancel { .. } => "cancel",
        }
    }
}
