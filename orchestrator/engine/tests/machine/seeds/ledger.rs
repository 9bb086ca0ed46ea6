//! What must hold at every moment, kept from the log and from what AWS was really asked; never from the machine's own counts.

use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{IntentId, NodeIndex, WaveIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::Plan;
use wavetrain_model::quantity::Amount;
use wavetrain_model::state::{Ending, State};
use wavetrain_model::time::Timestamp;

#[derive(Default)]
pub(crate) struct Ledger {
    intents: BTreeMap<IntentId, Intent>,
    /// Nodes that are changing, each with the install that changes it.
    in_flight: BTreeMap<NodeIndex, IntentId>,
    outcomes: BTreeMap<NodeIndex, Outcome>,
    /// Intents that AWS carried out.
    executed: BTreeSet<IntentId>,
    /// Nodes on which AWS was told to install the target.
    pub(crate) commanded: BTreeSet<NodeIndex>,
    /// Nodes of installs whose answer was lost together with their site: perhaps they were told.
    doubtful: BTreeSet<NodeIndex>,
    /// No more installs from here on.
    is_decided: bool,
    holds: BTreeSet<Kind>,
    approved: BTreeSet<WaveIndex>,
    settled: BTreeMap<WaveIndex, Timestamp>,
    passes: BTreeMap<(Which, Scope), Timestamp>,
    passed: BTreeSet<WaveIndex>,
    /// Whether a person accepted a verdict or wanted another try: then the budgets bound less.
    is_accepted: bool,
    /// Nodes that a rollback has begun on and not finished.
    returning: BTreeSet<NodeIndex>,
    /// Nodes that a rollback wants.
    wanted: BTreeSet<NodeIndex>,
    lost: BTreeSet<NodeIndex>,
    endings: u32,
}

fn is_held(kind: Kind) -> bool {
    matches!(kind, Kind::Operator | Kind::Emergency | Kind::Gate(..) | Kind::Twice)
}

impl Ledger {
    /// Takes in one fact of the log.
    pub(crate) fn record(&mut self, plan: &Plan, entry: &Entry) {
        match &entry.event {
            Event::Intended { intent } => self.intended(plan, intent),
            Event::Settled { intents } => {
                for intent in intents {
                    self.in_flight.retain(|_, by| by != intent);
                }
            }
            Event::Requeued { intent, nodes, .. } => {
                if matches!(self.intents[intent].action, Action::Install { .. }) {
                    for node in nodes {
                        self.in_flight.remove(node);
                    }
                }
            }
            Event::Finished { intent, outcome, nodes, .. } => {
                if intent.is_some_and(|intent| matches!(self.intents[&intent].action, Action::Install { .. }))
                {
                    self.doubtful.extend(nodes.iter().filter(|_| *outcome == Outcome::Unknown));
                }
                for node in nodes {
                    self.in_flight.remove(node);
                    let earlier = self.outcomes.insert(*node, *outcome);
                    assert_eq!(earlier, None, "node {} finished twice", node.0);
                }
            }
            Event::Retried { nodes } => {
                self.is_accepted = true;
                for node in nodes {
                    self.lost.remove(node);
                    if !self.wanted.remove(node) {
                        self.outcomes.remove(node);
                    }
                }
            }
            Event::Held { hold } => drop(self.holds.insert(hold.kind)),
            Event::Released { kind, accepted } => {
                self.holds.remove(kind);
                self.is_accepted |= *accepted;
            }
            Event::Approved { wave, .. } => drop(self.approved.insert(*wave)),
            Event::RollbackDecided { .. } => {
                self.is_decided = true;
                self.holds.retain(|kind| matches!(kind, Kind::Emergency | Kind::Twice));
            }
            Event::AbortDecided { .. } => {
                self.is_decided = true;
                self.holds.clear();
            }
            Event::Ended { .. } => {
                self.holds.clear();
                self.endings += 1;
            }
            Event::Stepped { nodes, .. } => self.wanted.extend(nodes),
            Event::Restored { nodes, .. } | Event::NotRestored { nodes, .. } => {
                for node in nodes {
                    self.returning.remove(node);
                    self.wanted.insert(*node);
                }
                if matches!(entry.event, Event::NotRestored { .. }) {
                    self.lost.extend(nodes);
                }
            }
            _ => self.record_wave(plan, entry),
        }
    }

    fn record_wave(&mut self, plan: &Plan, entry: &Entry) {
        match &entry.event {
            Event::WaveBlocked { wave } | Event::WaveOpened { wave } => {
                let spec = &plan.spec.waves[wave.at()];
                assert!(
                    spec.after.iter().all(|wave| self.passed.contains(wave)),
                    "wave {} came too early",
                    wave.0
                );
                assert!(
                    spec.approval.is_none() || self.approved.contains(wave),
                    "wave {} without approval",
                    wave.0
                );
            }
            Event::WaveSettled { wave } => drop(self.settled.insert(*wave, entry.at)),
            Event::Measured { which, scope, verdict: Verdict::Pass, .. } => {
                self.passes.insert((*which, *scope), entry.at);
            }
            Event::WavePassed { wave } => self.wave_passed(plan, *wave, entry.at),
            _ => {}
        }
    }

    fn wave_passed(&mut self, plan: &Plan, wave: WaveIndex, at: Timestamp) {
        let settled = self.settled[&wave];
        assert!(at.since(settled) >= plan.spec.waves[wave.at()].bake, "wave {} passed unbaked", wave.0);
        let nodes: Vec<NodeIndex> =
            plan.node_indices().filter(|node| plan.nodes[node.at()].wave == Some(wave)).collect();
        let outcomes: Vec<Outcome> = nodes.iter().map(|node| self.outcomes[node]).collect();
        let has_evidence = outcomes.iter().any(|outcome| outcome.is_at_target());
        assert!(has_evidence || self.is_accepted, "wave {} passed without a node at the target", wave.0);
        let stopped = outcomes.iter().filter(|outcome| **outcome == Outcome::Cancelled).count();
        assert!(
            stopped * 10 <= outcomes.len() || self.is_accepted,
            "wave {} passed with {stopped} of {} nodes never tried",
            wave.0,
            outcomes.len()
        );
        for (index, gate) in plan.spec.gates.iter().enumerate().filter(|(_, gate)| !gate.blocker) {
            let which = Which::Planned(wavetrain_model::id::GateIndex(index as u16));
            let scope = if gate.guard { Scope::Guard } else { Scope::Wave(wave) };
            let pass = self.passes.get(&(which, scope));
            assert!(pass.is_some_and(|pass| *pass > settled), "wave {} passed without {}", wave.0, gate.name);
        }
        self.passed.insert(wave);
    }

    fn intended(&mut self, plan: &Plan, intent: &Intent) {
        assert!(intent.nodes.len() <= 50);
        assert!(intent.nodes.iter().all(|node| plan.site_of(*node) == intent.site));
        let earlier = self.intents.insert(intent.id, intent.clone());
        assert!(earlier.is_none(), "intent {} was promised twice", intent.id);
        match &intent.action {
            Action::Survey { .. } | Action::Install { .. } => {
                assert!(!self.is_decided, "{} promised after the decision", intent.action.word());
                assert!(!self.holds.iter().any(|kind| is_held(*kind)), "held, yet {}", intent.action.word());
                if matches!(intent.action, Action::Install { .. }) {
                    for node in &intent.nodes {
                        let other = self.in_flight.insert(*node, intent.id);
                        assert_eq!(other, None, "node {} is changing already", node.0);
                        assert!(!self.outcomes.contains_key(node), "node {} is finished", node.0);
                    }
                    self.check_limits(plan, intent);
                }
            }
            Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Prove => {
                assert!(!self.holds.iter().any(|kind| matches!(kind, Kind::Emergency | Kind::Twice)));
                for node in &intent.nodes {
                    let is_known = self.commanded.contains(node) || self.doubtful.contains(node);
                    assert!(is_known, "node {} was never installed on", node.0);
                    assert!(!self.in_flight.contains_key(node), "node {} is still on its way", node.0);
                    self.returning.insert(*node);
                }
                let cap = (self.wanted.len() * 33 / 100).max(1);
                assert!(
                    self.returning.len() <= cap,
                    "{} of at most {cap} on their way back",
                    self.returning.len()
                );
            }
            Action::Verify { .. } | Action::Ask { .. } | Action::Cancel { .. } | Action::Errand(_) => {}
        }
    }

    fn check_limits(&self, plan: &Plan, intent: &Intent) {
        let cap = |amount: Amount, total: u32| match amount {
            Amount::Count(count) => count.max(1),
            Amount::Share(share) => (u32::from(share.0) * total / 10_000).max(1),
        };
        let limits = &plan.spec.limits;
        for wave in plan.wave_indices() {
            let of_wave: Vec<NodeIndex> = self
                .in_flight
                .keys()
                .copied()
                .filter(|node| plan.nodes[node.at()].wave == Some(wave))
                .collect();
            let most = cap(limits.in_flight, plan.waves[wave.at()].size);
            assert!(
                of_wave.len() as u32 <= most,
                "{} in flight in wave {}, not {most}",
                of_wave.len(),
                wave.0
            );
            let Some(per_site) = limits.per_site else { continue };
            let is_here = |node: &NodeIndex| plan.site_of(*node) == intent.site;
            let here =
                plan.node_indices().filter(|node| plan.nodes[node.at()].wave == Some(wave) && is_here(node));
            let most = cap(per_site, here.count() as u32);
            let busy = of_wave.iter().filter(|node| is_here(node)).count() as u32;
            assert!(busy <= most, "{busy} in flight at one site, not {most}");
        }
        for entry in &limits.max_unavailable {
            for domain in 0..entry.values.len() as u16 {
                let busy =
                    self.in_flight.keys().filter(|node| plan.nodes[node.at()].domains.contains(&domain));
                assert!(busy.count() as u32 <= entry.nodes, "failure domain {domain} is overfull");
            }
        }
        if let (Amount::Count(count), false) = (limits.failures, self.is_accepted) {
            let left = count.saturating_sub(self.failures());
            assert!(self.in_flight.len() as u32 <= left + 1, "{} at risk, {left} left", self.in_flight.len());
        }
    }

    fn failures(&self) -> u32 {
        self.outcomes.values().filter(|outcome| outcome.is_failure()).count() as u32
    }

    /// AWS carries a command out.
    pub(crate) fn execute(&mut self, intent: &Intent) {
        assert!(self.executed.insert(intent.id), "intent {} was carried out twice", intent.id);
        if let Action::Install { .. } = intent.action {
            assert!(!self.is_decided, "an install was sent after the decision to stop");
            self.commanded.extend(&intent.nodes);
        }
    }

    /// The machine's counts against ours.
    pub(crate) fn compare(&self, plan: &Plan, state: &State) {
        let count = |is_counted: &dyn Fn(&NodeIndex) -> bool, outcome: Outcome| {
            self.outcomes.iter().filter(|(node, of)| **of == outcome && is_counted(node)).count() as u32
        };
        for outcome in Outcome::ALL {
            assert_eq!(state.tally.of(outcome), count(&|_| true, outcome), "{outcome} over the run");
            for wave in plan.wave_indices() {
                let ours = count(&|node| plan.nodes[node.at()].wave == Some(wave), outcome);
                assert_eq!(state.wave(wave).tally.of(outcome), ours, "{outcome} in wave {}", wave.0);
            }
        }
        let in_flight: u32 = state.waves.iter().map(|wave| wave.in_flight).sum();
        assert_eq!(in_flight as usize, self.in_flight.len(), "nodes in flight");
        if let (Amount::Count(count), false) = (plan.spec.limits.failures, self.is_accepted) {
            assert!(self.failures() <= count + 1, "{} failures with a budget of {count}", self.failures());
        }
        if let Some(rollback) = &state.rollback {
            assert_eq!(rollback.total as usize, self.wanted.len(), "nodes to be restored");
            assert_eq!(rollback.failed as usize, self.lost.len(), "nodes given up on");
            assert!(rollback.restored + rollback.failed <= rollback.total);
            assert_eq!(rollback.in_flight as usize, self.returning.len(), "nodes on their way back");
        }
    }

    /// What an ending promises about the nodes; `differs` lists those whose bits are not what they were.
    pub(crate) fn check_ending(&self, ending: Ending, differs: &BTreeSet<NodeIndex>, live: usize) {
        let untouched = differs.iter().find(|node| !self.commanded.contains(node));
        assert_eq!(untouched, None, "a node changed that nobody commanded");
        match ending {
            Ending::RolledBack => {
                assert_eq!(differs, &BTreeSet::new(), "rolled back, and these differ");
                assert_eq!(live, 0, "rolled back while commands still change nodes");
            }
            Ending::RolledBackWithExceptions => {
                let silent = differs.iter().find(|node| !self.lost.contains(node));
                assert_eq!(silent, None, "differs and is not among the exceptions");
            }
            Ending::Completed => {
                for (node, outcome) in &self.outcomes {
                    assert!(
                        !outcome.is_at_target() || differs.contains(node),
                        "node {} was believed",
                        node.0
                    );
                }
            }
            Ending::Aborted => {}
        }
    }
}
