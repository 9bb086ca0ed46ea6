//! Effects, recorded before they are carried out.

use crate::gate::Scope;
use crate::id::{
    AssociationId, CommandId, GateIndex, IntentId, NodeIndex, SiteIndex, VersionIndex, WaveIndex,
};
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
    /// About State Manager or the package's document: harmless to repeat, and no command to nodes.
    Errand(Errand),
}

/// Something that is to be so in a site, whether or not it is already.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// The association that carried an install is gone.
    Remove {
        /// The install.
        of: IntentId,
        /// Its association.
        association: AssociationId,
        /// Whether what it began and has not ended is cancelled first.
        stop: bool,
    },
    /// The association that keeps nodes on an earlier version applies to no node.
    Pause,
    /// It is as it was before.
    Unpause,
    /// The version is the package's default in this site's Region.
    MakeDefault,
    /// The default is what it was before.
    UnmakeDefault,
    /// The association of `finish` keeps nodes on the version.
    Keep,
    /// It does not any more.
    Unkeep,
}

impl Errand {
    /// The same for two errands that bring about the same: whether something is cancelled on the way does not matter.
    #[must_use]
    pub fn key(&self) -> Self {
        match self {
            Self::Remove { of, association, .. } => {
                Self::Remove { of: *of, association: association.clone(), stop: false }
            }
            other => other.clone(),
        }
    }

    /// The word in logs and tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Remove { .. } => "remove association",
            Self::Pause => "pause association",
            Self::Unpause => "resume association",
            Self::MakeDefault => "make default",
            Self::UnmakeDefault => "restore default",
            Self::Keep => "keep by association",
            Self::Unkeep => "stop keeping by association",
        }
    }
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
            | Self::Cancel { .. }
            | Self::Errand(_) => false,
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
            | Self::Cancel { .. }
            | Self::Errand(_) => false,
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
            Self::Errand(errand) => errand.word(),
        }
    }
}
