//! What is really on the nodes: when the log claims something, and at the end.

use super::super::chronicle::What;
use super::{Judge, Rule};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::fleet::Platform;
use wavetrain_model::id::{NodeId, NodeIndex};
use wavetrain_model::state::{Ending, Phase, State};

impl<'t> Judge<'t> {
    fn id(&self, node: NodeIndex) -> &'t NodeId {
        &self.told.plan.nodes[node.at()].id
    }

    fn has_probe(&self, node: NodeIndex) -> bool {
        let plan = &self.told.plan;
        plan.spec.package.probe.as_ref().is_some_and(|probe| match plan.platform_of(node) {
            Platform::Linux => probe.linux.is_some(),
            Platform::Windows => probe.windows.is_some(),
            Platform::MacOs => false,
        })
    }

    fn target(&self) -> &'t str {
        &self.told.plan.spec.package.version
    }

    /// What was on a node before anything began.
    fn previous(&self, node: NodeIndex) -> Option<&'t str> {
        self.told.before[self.id(node)].version.as_deref()
    }

    /// What a probe is said to have proven is so.
    pub(super) fn is_true(&mut self, entry: &Entry) {
        let What::Stored { truth, .. } = &self.told.happenings[self.at].what else { return };
        let (nodes, is_target) = match &entry.event {
            Event::Finished { nodes, outcome, .. } if outcome.is_at_target() => (nodes, true),
            Event::Restored { nodes, .. } => (nodes, false),
            _ => return,
        };
        let proven: Vec<NodeIndex> = nodes.iter().copied().filter(|node| self.has_probe(*node)).collect();
        for node in proven {
            let is = truth.get(self.id(node)).and_then(Clone::clone);
            let said = if is_target { Some(self.target()) } else { self.previous(node) }.map(str::to_owned);
            let is_haunted = self.told.after[self.id(node)].is_haunted;
            self.require(is == said || is_haunted, Rule::Truth, || {
                format!("node {} has {is:?} when the log says {said:?}", node.0)
            });
        }
    }

    pub(super) fn end_is_what_it_says(&mut self, ending: Ending) {
        let lost = self.book.lost.len();
        let unnamed: Vec<NodeIndex> = match ending {
            Ending::RolledBack | Ending::RolledBackWithExceptions => {
                let is_named =
                    |node: &NodeIndex| self.book.restored.contains(node) || self.book.lost.contains(node);
                // What was cancelled before it began was not touched, as far as anybody knows.
                let touched = self.book.commanded.iter().filter(|node| {
                    let changes = |id: &NodeId| self.told.after[id].changes > self.told.before[id].changes;
                    changes(self.id(**node))
                });
                touched.copied().filter(|node| !is_named(node)).collect()
            }
            Ending::Completed => {
                let all = self.told.plan.node_indices();
                all.filter(|node| self.told.plan.nodes[node.at()].wave.is_some())
                    .filter(|node| !self.book.outcomes.contains_key(node))
                    .collect()
            }
            Ending::Aborted => Vec::new(),
        };
        self.require(unnamed.is_empty(), Rule::End, || format!("{ending:?} says nothing about {unnamed:?}"));
        self.require(ending != Ending::RolledBack || lost == 0, Rule::End, || {
            format!("rolled back, though {lost} nodes were given up on")
        });
    }

    /// The end of the story.
    pub(super) fn ends(&mut self) {
        let state = match &self.told.end {
            Ok(state) => state,
            Err(why) => return self.require(false, Rule::Ends, || why.clone()),
        };
        self.replay(state);
        self.require(state.is_over(), Rule::Ends, || format!("the process left it as {:?}", state.phase));
        // An abort that is ordered twice awaits nothing more; what is left is told at the end.
        let is_forsaken = self.book.forsaken || state.phase == Phase::Ended(Ending::Aborted);
        self.require(self.told.left.is_empty() || is_forsaken, Rule::End, || {
            format!("left in State Manager: {:?}", self.told.left)
        });
        for (id, after) in &self.told.after {
            let before = &self.told.before[id];
            let Some(node) = self.told.index.get(id).copied() else {
                self.require(after.sent == 0, Rule::LeftAlone, || {
                    format!("{id} of {} got a command", after.group)
                });
                continue;
            };
            if !self.book.commanded.contains(&node) {
                let is_untouched = after.changes == before.changes && after.version == before.version;
                self.require(is_untouched, Rule::LeftAlone, || format!("{id} changed by itself"));
            }
            self.node_at_the_end(node, state);
        }
    }

    fn node_at_the_end(&mut self, node: NodeIndex, state: &State) {
        let after = &self.told.after[self.id(node)];
        let (is, had) = (after.version.as_deref(), self.previous(node));
        let wavetrain_model::state::Phase::Ended(ending) = state.phase else { return };
        // Nobody can know what a command does after it was declared over; its agent says no word about it any more.
        let is_right = after.is_haunted
            || match ending {
                Ending::Completed => {
                    let claims = self.book.outcomes.get(&node).is_some_and(|outcome| outcome.is_at_target());
                    !claims || !self.has_probe(node) || is == Some(self.target())
                }
                Ending::RolledBack => is == had && !after.is_busy,
                Ending::RolledBackWithExceptions => is == had || self.book.lost.contains(&node),
                Ending::Aborted => true,
            };
        self.require(is_right, Rule::End, || {
            format!("{ending:?}, and node {} has {is:?}, had {had:?}, busy: {}", node.0, after.is_busy)
        });
    }

    fn replay(&mut self, state: &State) {
        let mut replayed = State::new(&self.told.plan);
        for happening in &self.told.happenings {
            if let What::Stored { entries, .. } = &happening.what {
                for entry in entries {
                    wavetrain_engine::evolve(&self.told.plan, &mut replayed, entry);
                }
            }
        }
        self.require(replayed == *state, Rule::Replay, || "the replayed state is another one".to_owned());
    }
}
