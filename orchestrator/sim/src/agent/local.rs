//! What an agent keeps on its disk about packages, and what is really installed beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::behaviour::{Payload, Script};
use crate::clock::WorldTime;

/// The agent's own states of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Phase {
    /// Nothing known, or uninstalled.
    #[default]
    None,
    /// Inherited from an agent that kept no states.
    Unknown,
    /// The last action failed.
    Failed,
    /// An uninstall request is being carried out.
    Uninstalling,
    /// Uninstalled, not cleaned up yet.
    Uninstalled,
    /// Seen, nothing done yet.
    New,
    /// The old version is being uninstalled to make room.
    Upgrading,
    /// The install script runs.
    Installing,
    /// Installed, as far as the agent knows.
    Installed,
    /// The new version is being uninstalled after it failed.
    RollbackUninstall,
    /// The old version is being installed again.
    RollbackInstall,
    /// The update script runs.
    Updating,
}

/// The state file of one package (`installstate`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct InstallState {
    /// The version the phase is about; empty when none.
    pub version: String,
    /// The phase.
    pub phase: Phase,
    /// Last version that reached `Installed`; kept after an uninstall.
    pub last_installed: Option<String>,
}

impl InstallState {
    /// The version the agent takes for installed. A failed version counts as installed for an install request only.
    pub fn installed_version(&self, for_install: bool) -> Option<&str> {
        let own = match self.phase {
            Phase::Installed => true,
            Phase::Unknown => self.last_installed.is_none(),
            Phase::Failed => for_install,
            _ => false,
        };
        let version = if own { Some(self.version.as_str()) } else { self.last_installed.as_deref() };
        version.filter(|version| !version.is_empty())
    }
}

/// The lock an action holds on its package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// `Install` or `Uninstall`.
    pub action: &'static str,
    /// When it is released or has timed out.
    pub until: WorldTime,
}

/// What the agent has on disk for one package, under one form of its name.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// The state file.
    pub state: InstallState,
    /// Directory of each version, and whose zip was unpacked there last. The two can differ.
    pub directories: BTreeMap<String, Payload>,
    /// Manifests seen: document version number to digest of the manifest.
    pub manifests: BTreeMap<u32, u64>,
    /// The lock, if one was taken and not yet seen to be over.
    pub lock: Option<Lock>,
}

impl Local {
    /// Whether the zip unpacked for a version has an update script.
    pub fn has_update_script(&self, version: &str) -> bool {
        self.directories.get(version).is_some_and(|payload| payload.behaviour.update_script)
    }

    /// Writes the state file; what was installed last is kept.
    pub fn set_phase(&mut self, version: &str, phase: Phase) {
        version.clone_into(&mut self.state.version);
        self.state.phase = phase;
    }

    /// Writes the state file after an install that the agent believes in.
    pub fn set_installed(&mut self, version: &str) {
        self.set_phase(version, Phase::Installed);
        self.state.last_installed = Some(version.to_owned());
    }
}

/// Everything the package plugin keeps on one node.
#[derive(Debug, Clone, Default)]
pub struct Agent {
    /// By the document's name as the service returned it: bare for the own account's, an ARN for shared ones. The
    /// same software installed under both forms has two independent states.
    pub packages: BTreeMap<String, Local>,
    /// How often each script of each zip ran here.
    pub attempts: BTreeMap<(Arc<str>, Arc<str>, Script), u32>,
}

/// What is really installed of one product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Bits {
    /// `VersionName` whose files and services are present; `None` when the product is absent.
    pub version: Option<Arc<str>>,
    /// Remains of a failed script lie about.
    pub debris: bool,
}
