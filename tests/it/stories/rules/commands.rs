//! Commands, as they left the process and as AWS took them.

use super::super::chronicle::{Command, Kind};
use super::budgets::Budget;
use super::{Judge, Rule};
use wavetrain_model::id::{NodeId, NodeIndex};
use wavetrain_model::intent::{Action, Intent};

impl Judge<'_> {
    fn index(&self, id: &NodeId) -> Option<NodeIndex> {
        self.told.index.get(id).copied()
    }

    fn intent(&self, command: &Command) -> Option<&Intent> {
        self.book.intents.get(&command.intent()?)
    }

    /// A promise of new installs or of a step back is not made while it is stopped.
    pub(super) fn nothing_is_held(&mut self, intent: &Intent) {
        let is_stopped = match intent.action {
            Action::Install { .. } | Action::Survey { .. } => {
                self.book.stops_installs() || self.book.is_decided
            }
            Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
                self.book.stops_everything()
            }
            Action::Verify { .. } | Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => false,
        };
        let why = format!("{:?}, decided: {}", self.book.holds, self.book.is_decided);
        self.require(!is_stopped, Rule::Held, || {
            format!("{} {} is promised though {why}", intent.action.word(), intent.id)
        });
    }

    /// A command leaves the process.
    pub(super) fn asked(&mut self, command: &Command) {
        let plan = self.book.plan;
        let Some(intent) = self.intent(command).cloned() else {
            return self
                .require(false, Rule::Promised, || format!("`{}` was never promised", command.marker));
        };
        let says = match &intent.action {
            Action::Install { .. } => Kind::Install(plan.spec.package.version.clone()),
            Action::Reinstall { version } => Kind::Install(plan.version(*version).to_owned()),
            Action::Uninstall { .. } => Kind::Uninstall,
            Action::Survey { .. }
            | Action::Verify { .. }
            | Action::Prove
            | Action::Ask { .. }
            | Action::Cancel { .. }
            | Action::Errand(_) => Kind::Probe,
        };
        let known =
            command.nodes.iter().all(|id| self.index(id).is_some_and(|node| intent.nodes.contains(&node)));
        self.require(says == command.kind && known, Rule::Promised, || {
            format!(
                "`{}` is {:?} to {:?}, promised was {intent:?}",
                command.marker, command.kind, command.nodes
            )
        });
        if !matches!(intent.action, Action::Install { .. }) {
            let steps_back =
                matches!(intent.action, Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove);
            let is_stopped = steps_back && self.book.stops_everything();
            return self
                .require(!is_stopped, Rule::Held, || format!("`{}` is sent while stopped", command.marker));
        }
        let is_stopped = self.book.stops_installs() || self.book.is_decided;
        let why = format!("{:?}, decided: {}", self.book.holds, self.book.is_decided);
        self.require(!is_stopped, Rule::Held, || format!("`{}` is sent though {why}", command.marker));
        let broken = self.book.broken(Budget::Failures);
        self.require(broken.is_none(), Rule::FailureBudget, || {
            format!("`{}` is sent after {}", command.marker, broken.unwrap_or_default())
        });
    }

    /// AWS carries a command out.
    pub(super) fn taken(&mut self, command: &Command, live: &[NodeId]) {
        let nodes: Vec<NodeIndex> = command.nodes.iter().filter_map(|id| self.index(id)).collect();
        self.require(nodes.len() == command.nodes.len(), Rule::LeftAlone, || {
            format!("`{}` names nodes that take no part: {:?}", command.marker, command.nodes)
        });
        self.require(live.is_empty(), Rule::Alone, || {
            format!("`{}` reaches {live:?} while another command changes them", command.marker)
        });
        for node in nodes {
            let is_first = self.book.taken.insert((command.marker.clone(), node));
            self.require(is_first, Rule::Once, || {
                format!("node {} is commanded twice by `{}`", node.0, command.marker)
            });
            if !command.kind.changes_nodes() {
                continue;
            }
            self.book.commanded.insert(node);
            if command.kind == Kind::Uninstall {
                self.book.suspects.remove(&node);
            } else if !command.installs(&self.book.plan.spec.package.version) {
                let is_suspect = self.book.suspects.contains(&node);
                self.require(!is_suspect, Rule::Suspect, || {
                    format!("`{}` reinstalls suspect node {} before any uninstall", command.marker, node.0)
                });
            }
        }
    }
}
