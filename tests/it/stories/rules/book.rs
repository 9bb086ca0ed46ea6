//! The log as a careful reader keeps it: which node is where, what is held, what was decided.

use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{IntentId, NodeIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::time::Timestamp;

pub(super) struct Book<'p> {
    pub(super) plan: &'p Plan,
    pub(super) intents: BTreeMap<u64, Intent>,
    /// Nodes that are changing, each with the install that changes it.
    pub(super) in_flight: BTreeMap<NodeIndex, IntentId>,
    pub(super) outcomes: BTreeMap<NodeIndex, Outcome>,
    /// When each node got its outcome.
    pub(super) finished_at: BTreeMap<NodeIndex, Timestamp>,
    pub(super) holds: BTreeSet<Kind>,
    /// No more installs: a rollback or an abort is decided.
    pub(super) is_decided: bool,
    /// Failed and unreachable nodes that a person has accepted.
    pub(super) accepted: (u32, u32),
    pub(super) approved: BTreeSet<WaveIndex>,
    pub(super) settled: BTreeMap<WaveIndex, Timestamp>,
    pub(super) passed: BTreeSet<WaveIndex>,
    /// Waves about whose outcomes there is a verdict that lets them pass.
    pub(super) judged: BTreeSet<WaveIndex>,
    /// When each gate was measured with a result, and with which.
    pub(super) measured: BTreeMap<(Which, Scope), Vec<(Timestamp, Verdict)>>,
    /// Nodes that are to be given back, those under way, those given up on.
    pub(super) wanted: BTreeSet<NodeIndex>,
    pub(super) returning: BTreeSet<NodeIndex>,
    pub(super) lost: BTreeSet<NodeIndex>,
    pub(super) restored: BTreeSet<NodeIndex>,
    /// Nodes whose last install failed and that were not uninstalled since.
    pub(super) suspects: BTreeSet<NodeIndex>,
    /// (marker, node) of every command that AWS took.
    pub(super) taken: BTreeSet<(String, NodeIndex)>,
    /// An errand was given up, and said so.
    pub(super) forsaken: bool,
    /// Nodes that AWS was told to change.
    pub(super) commanded: BTreeSet<NodeIndex>,
}

impl<'p> Book<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            intents: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            finished_at: BTreeMap::new(),
            holds: BTreeSet::new(),
            is_decided: false,
            accepted: (0, 0),
            approved: BTreeSet::new(),
            settled: BTreeMap::new(),
            passed: BTreeSet::new(),
            judged: BTreeSet::new(),
            measured: BTreeMap::new(),
            wanted: BTreeSet::new(),
            returning: BTreeSet::new(),
            lost: BTreeSet::new(),
            restored: BTreeSet::new(),
            suspects: BTreeSet::new(),
            taken: BTreeSet::new(),
            forsaken: false,
            commanded: BTreeSet::new(),
        }
    }

    pub(super) fn nodes_of(&self, wave: WaveIndex) -> impl Iterator<Item = NodeIndex> {
        self.plan.node_indices().filter(move |node| self.plan.nodes[node.at()].wave == Some(wave))
    }

    pub(super) fn stops_installs(&self) -> bool {
        self.holds
            .iter()
            .any(|kind| matches!(kind, Kind::Operator | Kind::Emergency | Kind::Gate(..) | Kind::Twice))
    }

    pub(super) fn stops_everything(&self) -> bool {
        self.holds.iter().any(|kind| matches!(kind, Kind::Emergency | Kind::Twice))
    }

    fn is_install(&self, intent: IntentId) -> bool {
        self.intents.get(&intent.0).is_some_and(|intent| matches!(intent.action, Action::Install { .. }))
    }

    /// Takes in one fact.
    pub(super) fn take(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Intended { intent } => self.intended(intent),
            Event::Settled { intents } => {
                for intent in intents {
                    self.in_flight.retain(|_, by| by != intent);
                }
            }
            Event::Requeued { intent, nodes, .. } if self.is_install(*intent) => {
                self.in_flight.retain(|node, _| !nodes.contains(node));
            }
            Event::Finished { outcome, nodes, .. } => {
                for node in nodes {
                    self.in_flight.remove(node);
                    self.outcomes.insert(*node, *outcome);
                    self.finished_at.insert(*node, entry.at);
                    if outcome.is_failure() {
                        self.suspects.insert(*node);
                    }
                }
            }
            Event::Retried { nodes } => {
                for node in nodes {
                    self.lost.remove(node);
                    if !self.wanted.remove(node) {
                        self.outcomes.remove(node);
                    }
                }
            }
            Event::Held { hold } => drop(self.holds.insert(hold.kind)),
            Event::Released { kind, accepted } => self.released(*kind, *accepted),
            Event::RollbackDecided { .. } => {
                self.is_decided = true;
                self.holds
                    .retain(|kind| matches!(kind, Kind::Emergency | Kind::Twice) || kind.site().is_some());
            }
            Event::AbortDecided { .. } => {
                self.is_decided = true;
                self.holds.clear();
            }
            Event::CarriedOut { done: false, .. } => self.forsaken = true,
            Event::Stepped { nodes, .. } => self.wanted.extend(nodes),
            Event::Restored { nodes, .. } => self.returned(nodes, true),
            Event::NotRestored { nodes, .. } => self.returned(nodes, false),
            _ => self.wave_fact(entry),
        }
    }

    fn wave_fact(&mut self, entry: &Entry) {
        match &entry.event {
            Event::WaveSettled { wave } => drop(self.settled.insert(*wave, entry.at)),
            Event::WavePassed { wave } => drop(self.passed.insert(*wave)),
            Event::Approved { wave, .. } => drop(self.approved.insert(*wave)),
            Event::Judged {
                which: Which::Install, scope: Scope::Wave(wave), verdict: Verdict::Pass, ..
            } => {
                self.judged.insert(*wave);
            }
            Event::Measured { which, scope, verdict, .. } => {
                self.measured.entry((*which, *scope)).or_default().push((entry.at, *verdict));
            }
            _ => {}
        }
    }

    fn intended(&mut self, intent: &Intent) {
        match &intent.action {
            Action::Install { .. } => {
                self.in_flight.extend(intent.nodes.iter().map(|node| (*node, intent.id)));
            }
            Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
                self.returning.extend(&intent.nodes);
            }
            Action::Survey { .. }
            | Action::Verify { .. }
            | Action::Ask { .. }
            | Action::Cancel { .. }
            | Action::Errand(_) => {}
        }
        self.intents.insert(intent.id.0, intent.clone());
    }

    fn returned(&mut self, nodes: &[NodeIndex], is_back: bool) {
        for node in nodes {
            self.returning.remove(node);
            self.wanted.insert(*node);
            if is_back {
                self.restored.insert(*node);
            } else {
                self.lost.insert(*node);
            }
        }
    }

    fn released(&mut self, kind: Kind, accepted: bool) {
        self.holds.remove(&kind);
        if let (Kind::Gate(Which::Install, _), true) = (kind, accepted) {
            let count = |is_counted: fn(Outcome) -> bool| {
                self.outcomes.values().filter(|outcome| is_counted(**outcome)).count() as u32
            };
            self.accepted = (count(Outcome::is_failure), count(Outcome::is_undelivered));
        }
    }
}
