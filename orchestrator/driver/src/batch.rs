//! Everything that one look decides, gathered for one commit. Pure, beside the engine.

use crate::error::Error;
use crate::log;
use crate::progress;
use crate::telemetry;
use std::collections::BTreeSet;
use wavetrain_engine::due::Due;
use wavetrain_engine::input::{Input, Order};
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::id::{IntentId, NodeIndex, RolloutId};
use wavetrain_model::outcome::Outcome;
use wavetrain_model::plan::{Before, Plan};
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;
use wavetrain_store::{
    Commit, IntentHandle, LeaseToken, LedgerEntry, NewIntent, NewQuarantine, OrderRecord, Summary, TakenOrder,
};

/// Ticks without an end are a fault of the rules, found here instead of by a full disk.
const TICKS_AT_MOST: usize = 10_000;

/// Sentences about what followed that an order's outcome repeats.
const SENTENCES_PER_ORDER: usize = 3;

/// Who decides what no person ordered.
pub(crate) const MACHINE: &str = "wavetrain";

/// The events of one look and what follows from them in the store.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    new_intents: Vec<NewIntent>,
    handles: Vec<IntentHandle>,
    ledger: Vec<LedgerEntry>,
    quarantine: Option<NewQuarantine>,
    taken: Vec<TakenOrder>,
}

/// A rollout in memory while its next commit is put together.
pub(crate) struct Desk<'a> {
    pub(crate) rollout: &'a RolloutId,
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    /// Decides what follows from these inputs and orders, without looking at what is due.
    pub(crate) fn take_in(&mut self, inputs: Vec<Input>, orders: Vec<OrderRecord>) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for input in inputs {
            match wavetrain_engine::decide(self.plan, self.state, self.now, &input) {
                Ok(events) => self.fold(&mut batch, events, MACHINE)?,
                // An answer to a question that no longer stands, such as rows of a command settled meanwhile.
                Err(rejection) => tracing::debug!(%rejection, ?input, "an input no longer fits"),
            }
        }
        for order in orders {
            self.obey(&mut batch, &order)?;
        }
        Ok(batch)
    }

    /// Lets time pass until nothing more follows, and promises what is due.
    pub(crate) fn look(&mut self, batch: &mut Batch) -> Result<Due, Error> {
        for _ in 0..TICKS_AT_MOST {
            let events = wavetrain_engine::decide(self.plan, self.state, self.now, &Input::Tick)
                .map_err(|rejection| Error::Bug(format!("time was rejected: {rejection}")))?;
            if events.is_empty() {
                let due = wavetrain_engine::due(self.plan, self.state, self.now);
                let promised = due.intents.iter().map(|intent| Event::Intended { intent: intent.clone() });
                self.fold(batch, promised.collect(), MACHINE)?;
                self.fold(batch, repeated(&due), MACHINE)?;
                return Ok(due);
            }
            self.fold(batch, events, MACHINE)?;
        }
        Err(Error::Bug("time passes without an end".to_owned()))
    }

    fn obey(&mut self, batch: &mut Batch, record: &OrderRecord) -> Result<(), Error> {
        let by = record.order.actor.clone();
        let first = batch.entries.len();
        let refusal = match serde_json::from_slice::<Order>(&record.order.payload) {
            Err(error) => Some(format!("the order cannot be read: {error}")),
            Ok(order) => {
                let input = Input::Order { order: order.clone(), by: by.clone() };
                match wavetrain_engine::decide(self.plan, self.state, self.now, &input) {
                    Ok(events) => {
                        self.fold(batch, events, &by)?;
                        None
                    }
                    Err(rejection) => {
                        let spent = wavetrain_engine::decide::refused(self.plan, self.state, &order);
                        self.fold(batch, spent, &by)?;
                        Some(format!("{rejection}\n{}", rejection.help))
                    }
                }
            }
        };
        let followed =
            batch.entries[first..].iter().filter(|entry| !matches!(entry.event, Event::Ordered { .. }));
        let sentences: Vec<String> =
            followed.take(SENTENCES_PER_ORDER).map(|entry| telemetry::sentence(self.plan, entry)).collect();
        let accepted = refusal.is_none();
        let outcome = refusal.unwrap_or_else(|| {
            if sentences.is_empty() { "nothing to change".to_owned() } else { sentences.join("; ") }
        });
        batch.taken.push(TakenOrder { id: record.id, accepted, outcome, at_ms: self.now.0 });
        Ok(())
    }

    /// Folds events into the state and keeps what the store must know of each.
    pub(crate) fn fold(&mut self, batch: &mut Batch, events: Vec<Event>, actor: &str) -> Result<(), Error> {
        for event in events {
            let entry = Entry { at: self.now, actor: actor.to_owned(), event };
            wavetrain_engine::evolve(self.plan, self.state, &entry);
            self.keep(batch, &entry)?;
            batch.entries.push(entry);
        }
        Ok(())
    }

    fn keep(&self, batch: &mut Batch, entry: &Entry) -> Result<(), Error> {
        match &entry.event {
            Event::Intended { intent } => batch.new_intents.push(log::intent_record(intent, entry.at)?),
            Event::Sent { intent, command, .. } => batch
                .handles
                .push(IntentHandle { intent: intent.to_string(), handle: command.as_str().to_owned() }),
            Event::Finished { outcome: outcome @ (Outcome::Succeeded | Outcome::Already), nodes, .. } => {
                // Only a probe is proof; `already` is SSM's word for it.
                let proven = self.plan.spec.package.probe.is_some() && *outcome == Outcome::Succeeded;
                let version = Some(self.plan.version(Plan::TARGET).to_owned());
                let rows = nodes.iter().map(|node| self.seen(*node, version.clone(), proven));
                batch.ledger.extend(rows);
            }
            Event::Restored { nodes, .. } => {
                let proven = self.plan.spec.package.probe.is_some();
                let rows = nodes.iter().filter_map(|node| match self.state.nodes[node.at()].before {
                    Before::Unknown => None,
                    Before::Absent => Some(self.seen(*node, None, proven)),
                    Before::Version(version) => {
                        Some(self.seen(*node, Some(self.plan.version(version).to_owned()), proven))
                    }
                });
                batch.ledger.extend(rows);
            }
            Event::RollbackDecided { cause } => {
                batch.quarantine = Some(NewQuarantine {
                    package: log::package_key(&self.plan.spec.package),
                    version: self.plan.spec.package.version.clone(),
                    reason: cause.clone(),
                    since_ms: entry.at.0,
                    by: format!("rollout {}", self.rollout),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn seen(&self, node: NodeIndex, version: Option<String>, verified: bool) -> LedgerEntry {
        let site = &self.plan.sites[self.plan.site_of(node).at()].site;
        LedgerEntry {
            account: site.account.as_str().to_owned(),
            region: site.region.as_str().to_owned(),
            node: self.plan.nodes[node.at()].id.as_str().to_owned(),
            package: log::package_key(&self.plan.spec.package),
            version,
            verified,
            at_ms: self.now.0,
        }
    }
}

/// Before a refused command is sent again it is on record as possibly sent: a crash in the middle of the call then
/// finds it uncertain instead of certainly unsent, and nothing settles it behind the call's back.
fn repeated(due: &Due) -> Vec<Event> {
    if due.perform.is_empty() {
        return Vec::new();
    }
    vec![Event::Uncertain { intents: due.perform.clone(), reason: "being sent again".to_owned() }]
}

impl Batch {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.taken.is_empty()
    }

    /// The commit; `open_before` are the intents that were open before this batch.
    pub(crate) fn commit(
        &mut self,
        desk: &Desk<'_>,
        version: u64,
        lease: LeaseToken,
        open_before: &BTreeSet<IntentId>,
    ) -> Result<Commit, Error> {
        let summary = summary(desk.plan, desk.state, desk.now);
        let mut commit = Commit::new(desk.rollout.as_str(), version, lease, summary);
        commit.events = self.entries.iter().map(log::event_record).collect::<Result<_, _>>()?;
        let promised = self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Intended { intent } => Some(intent.id),
            _ => None,
        });
        // Compared instead of read from the events: which of them settle an intent is the engine's business.
        let is_settled = |intent: &IntentId| !desk.state.open.contains_key(intent);
        commit.settled = open_before
            .iter()
            .copied()
            .chain(promised)
            .filter(is_settled)
            .map(|intent| intent.to_string())
            .collect();
        commit.new_intents = std::mem::take(&mut self.new_intents);
        commit.handles = std::mem::take(&mut self.handles);
        commit.ledger = std::mem::take(&mut self.ledger);
        commit.quarantine = self.quarantine.take();
        commit.orders_taken = std::mem::take(&mut self.taken);
        Ok(commit)
    }
}

/// What a list of rollouts shows of this one.
pub(crate) fn summary(plan: &Plan, state: &State, now: Timestamp) -> Summary {
    Summary {
        name: plan.spec.name.clone(),
        package: log::package_key(&plan.spec.package),
        version: plan.spec.package.version.clone(),
        phase: progress::phase_word(state).to_owned(),
        headline: progress::headline(plan, state),
        active: !state.is_over(),
        updated_at_ms: now.0,
    }
}
