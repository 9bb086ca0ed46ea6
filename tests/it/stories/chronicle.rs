//! What really happened, in its true order: what the store was told, what the process asked of AWS, what AWS took.

use std::collections::BTreeMap;
use wavetrain_model::event::Entry;
use wavetrain_model::id::NodeId;
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::Job;

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Happening {
    pub at: Timestamp,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// A commit became durable: one tick of the machine.
    Stored { entries: Vec<Entry>, quarantines: bool, truth: BTreeMap<NodeId, Option<String>> },
    /// The process began a `SendCommand`.
    Asked(Command),
    /// AWS carried a `SendCommand` out; `live` are those of its nodes that were still changing under another command.
    Taken { command: Command, live: Vec<NodeId> },
    /// A process began.
    Began,
    /// A process died.
    Died,
    /// Faults stop, unreachable nodes come back.
    Calm,
}

/// A command as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub kind: Kind,
    /// The command's comment.
    pub marker: String,
    pub nodes: Vec<NodeId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Install(String),
    Uninstall,
    Probe,
}

impl Kind {
    pub fn of(job: &Job) -> Self {
        match job {
            Job::Install { version, .. } => Self::Install(version.clone()),
            Job::Uninstall { .. } => Self::Uninstall,
            Job::Script { .. } => Self::Probe,
        }
    }

    pub fn changes_nodes(&self) -> bool {
        *self != Self::Probe
    }
}

impl Command {
    /// The number of the intent that it carries out.
    pub fn intent(&self) -> Option<u64> {
        self.marker.rsplit(' ').next()?.parse().ok()
    }

    pub fn installs(&self, wanted: &str) -> bool {
        matches!(&self.kind, Kind::Install(version) if version == wanted)
    }
}

/// A node at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTruth {
    /// What is really installed.
    pub version: Option<String>,
    /// Commands of any kind that were ever sent to it.
    pub sent: u32,
    /// How often what is installed changed.
    pub changes: usize,
    /// Whether a command changed it after its time was up: as SSM counts, or as the plan file does.
    pub is_haunted: bool,
    /// Tags and agent as the world file gave them.
    pub group: String,
    /// Whether a package command still changes it.
    pub is_busy: bool,
}
