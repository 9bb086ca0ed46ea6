//! Calls begun and calls that came back.

use super::Circle;
use crate::adopt::SEARCH_LIMIT;
use crate::error::Error;
use crate::follow::Followed;
use crate::perform::{Outcome, index_of, trouble};
use crate::watch;
use std::collections::btree_map::Entry;
use tokio::task::JoinError;
use wavetrain_engine::due::Due;
use wavetrain_engine::input::{Answer, Input, Report, Trouble};
use wavetrain_model::hold::Kind;
use wavetrain_model::id::{AssociationId, IntentId, SiteIndex};
use wavetrain_model::intent::{Action, Errand, Intent};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{self, Phase, Restoration, State};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::Invocation;
use wavetrain_ports::failure::{Class, Failure};

/// Failed reads of one site that lie closer together are one failure.
const ONE_FAILURE_MS: u64 = 1_000;

impl Circle {
    /// Starts everything that is due and not in progress.
    pub(super) fn start(&mut self, due: &Due) {
        let now = self.now();
        self.hand_over(due);
        self.call_off(&due.revoke);
        self.publish();
        for measurement in &due.measure {
            if self.measuring.insert((measurement.gate, measurement.scope)) {
                self.tasks.spawn(self.hands.clone().measure(measurement.clone()));
            }
        }
        let open = &self.state.open;
        self.watch.follow(now, &due.watch, |intent| sent(open.get(&intent)?));
        for list in self.watch.begin(now) {
            let intents = due.watch.get(&list.site).into_iter().flatten();
            let opens: Vec<&state::OpenIntent> = intents.filter_map(|intent| open.get(intent)).collect();
            let followed: Vec<Followed> =
                opens.iter().filter_map(|open| followed(&self.plan, open)).collect();
            let limit = if followed.len() == opens.len() { 0 } else { list.limit };
            self.tasks.spawn(self.hands.clone().list(list.site, list.since, limit, followed));
        }
        // What is on the wire right now is not searched for: not being listed yet would prove nothing.
        let unanswered = due.look_for.iter().filter(|intent| !self.performing.contains_key(intent));
        let wanted = unanswered
            .filter_map(|intent| open.get(intent).map(|open| (*intent, open.intent.site, open.recorded_at)));
        self.searches.follow(now, &wanted.collect::<Vec<_>>());
        for (site, since) in self.searches.begin(now) {
            self.tasks.spawn(self.hands.clone().search(site, since, SEARCH_LIMIT));
        }
    }

    /// Tells what is known about nodes, a few at a time.
    pub(super) fn publish(&mut self) {
        for (node, is_right) in self.publisher.begin(&self.plan, &self.state) {
            let record = &self.state.nodes[node.at()];
            let is_back = matches!(record.restoration, Restoration::Done | Restoration::Failed);
            let before = is_back.then_some(record.before);
            self.tasks.spawn(self.hands.clone().publish(node, is_right, before));
        }
    }

    /// Asks every site that was lost whether it is back. Whoever starts us again has perhaps mended it, and what
    /// is held asks nothing by itself.
    pub(super) fn knock(&mut self) {
        for hold in &self.state.holds {
            if let Kind::Site(site) = hold.kind {
                self.tasks.spawn(self.hands.clone().knock(site));
            }
        }
    }

    fn hand_over(&mut self, due: &Due) {
        let unhanded = std::mem::take(&mut self.unhanded);
        let unhanded = unhanded.iter().filter(|intent| !due.revoke.contains(intent));
        let promised = due.intents.iter().map(|intent| &intent.id);
        for id in promised.chain(&due.perform).chain(unhanded) {
            let Some(open) = self.state.open.get(id) else { continue };
            if let Entry::Vacant(vacant) = self.performing.entry(*id) {
                let off = self.hands.line.closing.child_token();
                // Nodes that AWS refused by name have left the intent: only what still waits for an answer is sent.
                let intent = Intent { nodes: open.pending.clone(), ..open.intent.clone() };
                self.tasks.spawn(self.hands.clone().perform(intent, off.clone()));
                vacant.insert(off);
            }
        }
    }

    /// What is not wanted any more and still waits for its turn comes back unsent.
    fn call_off(&mut self, revoked: &[IntentId]) {
        for intent in revoked {
            match self.performing.get(intent) {
                Some(off) => off.cancel(),
                None => self.inputs.push(Input::Withdrawn { intents: vec![*intent] }),
            }
        }
        self.halt(&[]);
    }

    /// Stops what waits for its turn and must not have it any more.
    pub(super) fn halt(&self, revoked: &[IntentId]) {
        // Repetitions are not among the revoked, and may wait long for their turn while AWS throttles.
        for (intent, off) in &self.performing {
            let open = self.state.open.get(intent);
            let is_stopped = open.is_none_or(|open| is_stopped(&self.state, &open.intent.action));
            if is_stopped || revoked.contains(intent) {
                off.cancel();
            }
        }
    }

    /// Takes in the outcomes that are there, without waiting for more.
    pub(super) fn collect(&mut self) -> Result<(), Error> {
        while let Some(joined) = self.tasks.try_join_next() {
            self.receive(joined)?;
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, joined: Result<Outcome, JoinError>) -> Result<(), Error> {
        match joined {
            Ok(outcome) => {
                self.digest(outcome);
                Ok(())
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(Error::Bug(format!("a call failed: {error}"))),
        }
    }

    fn digest(&mut self, outcome: Outcome) {
        let now = self.now();
        match outcome {
            Outcome::Performed { intent, answer } => {
                let off = self.performing.remove(&intent);
                let was_called_off = off.is_some_and(|off| off.is_cancelled());
                match answer {
                    Some(answer) => self.inputs.push(Input::Answered { intent, answer }),
                    None => self.not_handed_over(intent, was_called_off),
                }
            }
            Outcome::Listed { site, listing } => {
                self.note_health(site, now, listing.as_ref());
                let listing = listing.and_then(Result::ok);
                for (intent, command) in self.watch.listed(site, now, listing.as_ref()) {
                    let open = self.state.open.get(&intent);
                    let followed = open.and_then(|open| followed(&self.plan, open));
                    self.tasks.spawn(self.hands.clone().read(site, intent, command, followed));
                }
            }
            Outcome::Knocked { site, answer } => self.note_health(site, now, answer.as_ref()),
            Outcome::Read { site, intent, rows } => {
                self.note_health(site, now, rows.as_ref());
                self.observe(site, now, intent, rows.and_then(Result::ok).as_deref());
            }
            Outcome::Searched { site, listing } => {
                self.note_health(site, now, listing.as_ref());
                let listing = listing.and_then(Result::ok);
                let found = self.searches.searched(site, now, &self.rollout, listing.as_ref());
                self.inputs.extend(found.into_iter().map(|(intent, found)| Input::Looked { intent, found }));
            }
            Outcome::Published { node, done } => self.publisher.end(&self.plan, node, done.as_ref()),
            Outcome::Measured { gate, scope, window, readings } => {
                self.measuring.remove(&(gate, scope));
                let input = readings.map(|readings| Input::Measured { gate, scope, window, readings });
                self.inputs.extend(input);
            }
        }
    }

    /// An intent came back without a call having been made.
    fn not_handed_over(&mut self, intent: IntentId, was_called_off: bool) {
        let Some(open) = self.state.open.get(&intent) else { return };
        match open.progress {
            state::Progress::Recorded if was_called_off => {
                self.inputs.push(Input::Withdrawn { intents: vec![intent] });
            }
            state::Progress::Recorded => {
                self.unhanded.insert(intent);
            }
            // A repetition: it was marked uncertain in case we die, and is known not to have been made.
            _ => {
                let message = "called off before its turn".to_owned();
                let answer = Answer::Refused { trouble: Trouble::Throttled, message };
                self.inputs.push(Input::Answered { intent, answer });
            }
        }
    }

    fn observe(&mut self, site: SiteIndex, now: Timestamp, intent: IntentId, rows: Option<&[Invocation]>) {
        let Some(open) = self.state.open.get(&intent) else { return };
        let index = |row: &Invocation| index_of(&self.plan, &open.intent, &row.node);
        let news = self.watch.read(site, now, open, rows, index);
        let reports: Vec<Report> = news
            .into_iter()
            .map(|(node, row)| Report {
                node,
                status: row.status.clone(),
                output: row.output.clone(),
                exit_code: row.exit_code,
            })
            .collect();
        if !reports.is_empty() {
            self.inputs.push(Input::Observed { intent, reports });
        }
    }

    /// Tells the rules how reading from a site fares, where that changes something.
    fn note_health<T>(&mut self, site: SiteIndex, now: Timestamp, answer: Option<&Result<T, Failure>>) {
        match answer {
            None => {}
            // Only after failed reads: a site may be held because sending is denied, and of that a read that works
            // says nothing.
            Some(Ok(_)) => {
                self.inputs.extend(self.failed_at.remove(&site).map(|_| Input::SiteAnswered { site }));
            }
            // The rate budget answers to throttling; it says nothing about the site's health.
            Some(Err(failure)) if failure.class == Class::Throttled => {}
            Some(Err(failure)) => {
                let trouble = trouble(failure.class);
                let last = self.failed_at.insert(site, now);
                // Reads that were in progress together fail together: one outage, one failure.
                if trouble == Trouble::Denied || last.is_none_or(|at| now.since_ms(at) >= ONE_FAILURE_MS) {
                    let message = failure.to_string();
                    self.inputs.push(Input::SiteFailed { site, trouble, message });
                }
            }
        }
    }
}

/// Whether commands of this kind must not begin any more.
fn is_stopped(state: &State, action: &Action) -> bool {
    match action {
        Action::Install { .. } | Action::Survey { .. } => {
            state.phase != Phase::Running || state.holds.iter().any(|hold| hold.kind.stops_installs())
        }
        Action::Uninstall { .. } | Action::Reinstall { .. } | Action::Verify { .. } | Action::Prove => {
            state.holds.iter().any(|hold| hold.kind.stops_rollback())
        }
        Action::Ask { .. } => {
            state.phase != Phase::Running || state.holds.iter().any(|hold| hold.kind.stops_rollback())
        }
        Action::Cancel { .. } => false,
        Action::Errand(errand) => {
            let is_forward = matches!(errand, Errand::Pause | Errand::MakeDefault | Errand::Keep);
            is_forward && state.phase != Phase::Running
                || state.holds.iter().any(|hold| hold.kind.stops_rollback())
        }
    }
}

/// The association that carries out an open intent, if one does.
fn followed(plan: &Plan, open: &state::OpenIntent) -> Option<Followed> {
    let state::Progress::Sent { command, at } = &open.progress else { return None };
    let is_install = matches!(open.intent.action, Action::Install { .. });
    (is_install && !plan.spec.dispatch.is_command()).then(|| Followed {
        association: AssociationId::new(command.as_str()),
        nodes: open.intent.nodes.len() as u32,
        at: *at,
    })
}

fn sent(open: &state::OpenIntent) -> Option<watch::Sent> {
    match &open.progress {
        state::Progress::Sent { command, at } => {
            let (kind, recorded_at) = (watch::Kind::of(&open.intent.action), open.recorded_at);
            Some(watch::Sent { command: command.clone(), kind, at: *at, recorded_at })
        }
        state::Progress::Recorded | state::Progress::Deferred { .. } | state::Progress::Uncertain { .. } => {
            None
        }
    }
}
