//! Shows in SSM's compliance what is known about touched nodes.
//!
//! It says how things stand, not what happened, so it needs no promise: a new process says it all again. A rollout never fails,
//! and is never held, because nobody could be told.

use crate::call::Family;
use crate::perform::{Hands, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use wavetrain_model::event::Event;
use wavetrain_model::id::{NodeIndex, SiteIndex};
use wavetrain_model::outcome::Outcome as Became;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::spec::Publication;
use wavetrain_model::state::{Forward, Restoration, State, Touch};
use wavetrain_ports::compliance::Item;
use wavetrain_ports::failure::Failure;

/// Calls in progress at once.
const TOGETHER: usize = 8;

/// Failed calls in a row after which a site's nodes are left unpublished.
const ATTEMPTS: u32 = 3;

/// What is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    is_on: bool,
    waiting: BTreeSet<NodeIndex>,
    in_flight: BTreeSet<NodeIndex>,
    failures: BTreeMap<SiteIndex, u32>,
}

impl Publisher {
    /// Everything that is decided is told again: nobody knows how much of it an earlier process told.
    pub(crate) fn new(plan: &Plan, state: &State) -> Self {
        let is_on = plan.spec.publish_compliance.is_some();
        let known = plan.node_indices().filter(|node| is_on && is_right(state, *node).is_some());
        Self { is_on, waiting: known.collect(), ..Self::default() }
    }

    /// Takes note of nodes about which something new is known.
    pub(crate) fn hear(&mut self, event: &Event) {
        if let (
            true,
            Event::Finished { nodes, .. } | Event::Restored { nodes, .. } | Event::NotRestored { nodes, .. },
        ) = (self.is_on, event)
        {
            self.waiting.extend(nodes);
        }
    }

    /// What to tell now.
    pub(crate) fn begin(&mut self, plan: &Plan, state: &State) -> Vec<(NodeIndex, bool)> {
        let mut begun = Vec::new();
        let ready: Vec<NodeIndex> =
            self.waiting.difference(&self.in_flight).copied().take(TOGETHER - self.in_flight.len()).collect();
        for node in ready {
            self.waiting.remove(&node);
            let is_given_up = self.failures.get(&plan.site_of(node)).is_some_and(|count| *count >= ATTEMPTS);
            if let (false, Some(is_right)) = (is_given_up, is_right(state, node)) {
                self.in_flight.insert(node);
                begun.push((node, is_right));
            }
        }
        begun
    }

    /// Learns how telling went.
    pub(crate) fn end(&mut self, plan: &Plan, node: NodeIndex, done: Option<&Result<(), Failure>>) {
        self.in_flight.remove(&node);
        let site = plan.site_of(node);
        match done {
            None => {}
            Some(Ok(())) => {
                self.failures.remove(&site);
            }
            Some(Err(failure)) => {
                let count = self.failures.entry(site).or_default();
                *count += 1;
                if *count < ATTEMPTS {
                    self.waiting.insert(node);
                } else if *count == ATTEMPTS {
                    let site = &plan.sites[site.at()].site;
                    tracing::warn!(%site, %failure, "compliance is not published here");
                }
            }
        }
    }

    /// Whether something is still to be told.
    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.in_flight.is_empty()
    }
}

/// Whether a touched node has the version that it should have: the target, or after a rollback what it had before. None: not
/// touched, or not known yet.
fn is_right(state: &State, node: NodeIndex) -> Option<bool> {
    let node = &state.nodes[node.at()];
    match (node.restoration, node.forward) {
        (Restoration::Failed, _) => Some(false),
        (Restoration::Done, _) | (_, Forward::Finished(Became::Succeeded | Became::Already)) => Some(true),
        (_, Forward::Finished(_)) if node.touch != Touch::No => Some(false),
        _ => None,
    }
}

impl Hands {
    /// Tells about one node.
    pub(crate) async fn publish(self, node: NodeIndex, is_right: bool, before: Option<Before>) -> Outcome {
        let site = self.plan.site_of(node);
        let Some(publication) = &self.plan.spec.publish_compliance else {
            return Outcome::Published { node, done: None };
        };
        let Some(_place) = self.line.admit(site, Family::Put, &self.line.closing).await else {
            return Outcome::Published { node, done: None };
        };
        let item = self.item(publication, is_right, before);
        let place = &self.plan.sites[site.at()].site;
        let done = self.line.cloud.put(place, &self.plan.nodes[node.at()].id, &item).await;
        self.line.learn(site, Family::Put, done.as_ref().err());
        Outcome::Published { node, done: Some(done) }
    }

    fn item(&self, publication: &Publication, is_right: bool, before: Option<Before>) -> Item {
        let plan = &self.plan;
        let wanted = match before {
            None => plan.version(Plan::TARGET),
            Some(Before::Version(version)) => plan.version(version),
            Some(Before::Absent) => "none",
            Some(Before::Unknown) => "unknown",
        };
        let title = format!("{} {wanted}", plan.spec.package.name);
        let details = [
            ("Version", wanted.to_owned()),
            ("Rollout", plan.spec.name.clone()),
            ("Plan", plan.digest.to_string()),
        ];
        Item {
            kind: publication.kind.clone(),
            id: plan.spec.package.name.clone(),
            title,
            severity: publication.severity.clone(),
            compliant: is_right,
            at: self.line.clock.now(),
            details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}
