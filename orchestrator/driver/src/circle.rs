//! The circle: something happened → decide → commit → carry out → wait.

use crate::adopt::{SEARCH_LIMIT, Searches};
use crate::batch::{Batch, Desk};
use crate::crash::{self, Point};
use crate::driver::{OnHold, Options, Reason, View};
use crate::error::Error;
use crate::lease::Lease;
use crate::log;
use crate::perform::{Hands, Outcome, index_of, trouble};
use crate::progress::{Progress, SENTENCES_KEPT};
use crate::quiescent::is_quiescent;
use crate::telemetry;
use crate::watch::{self, Watch};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use wavetrain_engine::due::{Due, Measurement};
use wavetrain_engine::input::{Input, Report, Trouble};
use wavetrain_model::event::Event;
use wavetrain_model::gate::Scope;
use wavetrain_model::id::{GateIndex, IntentId, RolloutId, SiteIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{self, State};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::Invocation;
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_store::{OrderRecord, Store};

/// Events between two snapshots of a small fleet; a large fleet's are further apart, in step with their cost.
const EVENTS_PER_SNAPSHOT: u64 = 500;
const NODES_PER_EVENT: u64 = 50;

/// A wake-up that the rules ask for lies at least this far ahead: one in the past must not spin.
const SHORTEST_WAIT_MS: i64 = 100;

/// Failed reads of one site that lie closer together are one failure.
const ONE_FAILURE_MS: u64 = 1_000;

/// A rollout taken up.
pub(crate) struct Taken {
    pub(crate) rollout: RolloutId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: State,
    /// The last durable event.
    pub(crate) version: u64,
    /// What the rules must hear first.
    pub(crate) first: Vec<Input>,
}

/// A rollout being driven.
pub(crate) struct Circle {
    pub(crate) rollout: RolloutId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: State,
    pub(crate) lease: Lease,
    hands: Hands,
    store: Arc<dyn Store>,
    options: Options,
    stop: CancellationToken,
    view: View,
    version: u64,
    snapshot_version: u64,
    inputs: Vec<Input>,
    orders: Vec<OrderRecord>,
    mailbox_at: Timestamp,
    /// Calls in progress; each ends with exactly one outcome.
    tasks: JoinSet<Outcome>,
    performing: BTreeSet<IntentId>,
    measuring: BTreeSet<(GateIndex, Scope)>,
    watch: Watch,
    searches: Searches,
    /// When a failed read was last counted against a site.
    failed_at: BTreeMap<SiteIndex, Timestamp>,
    commits: u64,
    commands: u64,
    last: VecDeque<String>,
}

impl Circle {
    pub(crate) fn new(
        taken: Taken,
        hands: Hands,
        store: Arc<dyn Store>,
        options: Options,
        lease: Lease,
        stop: CancellationToken,
        view: View,
    ) -> Self {
        let Taken { rollout, plan, state, version, first } = taken;
        let now = hands.line.clock.now();
        // Any number that differs between rollouts will do.
        let salt = rollout.as_str().bytes().fold(0_u64, |salt, byte| salt.rotate_left(7) ^ u64::from(byte));
        let watch = Watch::new(&plan.spec.api, &plan.spec.deadlines, now, salt);
        Self {
            rollout,
            plan,
            state,
            lease,
            hands,
            store,
            options,
            stop,
            view,
            version,
            snapshot_version: version,
            inputs: first,
            orders: Vec::new(),
            mailbox_at: now,
            tasks: JoinSet::new(),
            performing: BTreeSet::new(),
            measuring: BTreeSet::new(),
            watch,
            searches: Searches::default(),
            failed_at: BTreeMap::new(),
            commits: 0,
            commands: 0,
            last: VecDeque::new(),
        }
    }

    /// Goes round until there is a reason to leave, and leaves the log as it should be found.
    pub(crate) async fn run(&mut self) -> Result<Reason, Error> {
        let reason = self.rounds().await?;
        self.wind_down().await?;
        Ok(if self.state.is_over() { Reason::Ended } else { reason })
    }

    async fn rounds(&mut self) -> Result<Reason, Error> {
        loop {
            if self.state.is_over() {
                return Ok(Reason::Ended);
            }
            if self.stop.is_cancelled() {
                return Ok(Reason::Interrupted);
            }
            self.tend().await?;
            let due = self.decide().await?;
            self.start(&due);
            self.show();
            if !due.intents.is_empty() || self.state.is_over() {
                // What was promised changed what is due: look again before waiting.
                self.collect()?;
                continue;
            }
            let leaves_when_held = self.options.on_hold == OnHold::Exit;
            if leaves_when_held && self.tasks.is_empty() && is_quiescent(&self.plan, &self.state, &due) {
                return Ok(Reason::Held);
            }
            self.wait(due.wake_at).await?;
        }
    }

    fn now(&self) -> Timestamp {
        self.hands.line.clock.now()
    }

    /// Keeps the lease, and reads the mailbox when it is time.
    async fn tend(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.lease.renew_if_due(now).await?;
        self.hands.line.authorise_until(self.lease.good_until());
        if now >= self.mailbox_at {
            self.orders = self.store.pending_orders(self.rollout.as_str()).await.map_err(Error::Store)?;
            self.mailbox_at = Timestamp(now.0 + i64::from(self.options.mailbox_seconds.max(1)) * 1000);
        }
        Ok(())
    }

    /// Decides what follows from everything that waits, and makes it durable.
    async fn decide(&mut self) -> Result<Due, Error> {
        let open_before = self.open();
        let (inputs, orders) = (std::mem::take(&mut self.inputs), std::mem::take(&mut self.orders));
        let mut desk = self.desk();
        let mut batch = desk.take_in(inputs, orders)?;
        let due = desk.look(&mut batch)?;
        self.commit(batch, &open_before, false).await?;
        Ok(due)
    }

    fn desk(&mut self) -> Desk<'_> {
        let now = self.now();
        Desk { rollout: &self.rollout, plan: &self.plan, state: &mut self.state, now }
    }

    fn open(&self) -> BTreeSet<IntentId> {
        self.state.open.keys().copied().collect()
    }

    async fn commit(
        &mut self,
        mut batch: Batch,
        open_before: &BTreeSet<IntentId>,
        last: bool,
    ) -> Result<(), Error> {
        let version = self.version + batch.entries.len() as u64;
        let pause = EVENTS_PER_SNAPSHOT.max(self.plan.nodes.len() as u64 / NODES_PER_EVENT);
        let unsaved = version - self.snapshot_version;
        let with_snapshot = unsaved >= pause || (last || self.state.is_over()) && unsaved > 0;
        if batch.is_empty() && !with_snapshot {
            return Ok(());
        }
        let (expected, token) = (self.version, self.lease.token.clone());
        let mut commit = batch.commit(&self.desk(), expected, token, open_before)?;
        if with_snapshot {
            commit.snapshot = Some(log::snapshot_record(&self.state, version)?);
        }
        self.version = self.store.commit(commit).await.map_err(Error::from_write)?;
        if with_snapshot {
            self.snapshot_version = version;
        }
        self.commits += 1;
        crash::point(self.options.crash_at, Point::AfterCommit, self.commits);
        self.tell(&batch);
        Ok(())
    }

    /// Shows what has just become durable.
    fn tell(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            telemetry::log(&self.plan, &self.rollout, entry);
            (self.view.on_entry)(&self.plan, entry);
            if matches!(entry.event, Event::Sent { .. }) {
                self.commands += 1;
            }
            if telemetry::is_decision(&entry.event) {
                self.last.push_back(telemetry::sentence(&self.plan, entry));
            }
        }
        let surplus = self.last.len().saturating_sub(SENTENCES_KEPT);
        self.last.drain(..surplus);
    }

    fn show(&self) {
        let mut progress = Progress::of(&self.plan, &self.state, self.now());
        progress.last = self.last.iter().cloned().collect();
        progress.commands = self.commands;
        progress.calls = self.hands.line.calls();
        self.view.progress.send_replace(Some(Arc::new(progress)));
    }

    /// Starts everything that is due and not in progress.
    fn start(&mut self, due: &Due) {
        let now = self.now();
        let promised = due.intents.iter().map(|intent| &intent.id);
        for id in promised.chain(&due.perform) {
            let Some(open) = self.state.open.get(id) else { continue };
            if self.performing.insert(*id) {
                self.tasks.spawn(self.hands.clone().perform(open.intent.clone()));
            }
        }
        for Measurement { gate, scope, sites } in &due.measure {
            if self.measuring.insert((*gate, *scope)) {
                self.tasks.spawn(self.hands.clone().measure(*gate, *scope, sites.clone()));
            }
        }
        let open = &self.state.open;
        self.watch.follow(now, &due.watch, |intent| sent(open.get(&intent)?));
        for list in self.watch.begin(now) {
            self.tasks.spawn(self.hands.clone().list(list.site, list.since, list.limit));
        }
        let wanted = due
            .look_for
            .iter()
            .filter_map(|intent| open.get(intent).map(|open| (*intent, open.intent.site, open.recorded_at)));
        self.searches.follow(now, &wanted.collect::<Vec<_>>());
        for (site, since) in self.searches.begin(now) {
            self.tasks.spawn(self.hands.clone().search(site, since, SEARCH_LIMIT));
        }
    }

    /// Waits until something happened or falls due.
    async fn wait(&mut self, wake_at: Option<Timestamp>) -> Result<(), Error> {
        let wake_at = wake_at.map(|at| at.max(Timestamp(self.now().0 + SHORTEST_WAIT_MS)));
        let due_at = [wake_at, self.watch.next_at(), self.searches.next_at()].into_iter().flatten().min();
        loop {
            let chores_at = self.lease.renew_at().min(self.mailbox_at);
            let until = due_at.map_or(chores_at, |at| at.min(chores_at));
            let clock = self.hands.line.clock.clone();
            let joined = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                Some(joined) = self.tasks.join_next() => Some(joined),
                () = clock.sleep_until(until) => None,
            };
            if let Some(joined) = joined {
                self.receive(joined)?;
                return self.collect();
            }
            self.tend().await?;
            // An empty mailbox and a renewed lease are no reason to look at the whole rollout.
            if !self.orders.is_empty() || due_at.is_some_and(|at| at <= self.now()) {
                return Ok(());
            }
        }
    }

    /// Takes in the outcomes that are there, without waiting for more.
    fn collect(&mut self) -> Result<(), Error> {
        while let Some(joined) = self.tasks.try_join_next() {
            self.receive(joined)?;
        }
        Ok(())
    }

    fn receive(&mut self, joined: Result<Outcome, JoinError>) -> Result<(), Error> {
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
                self.performing.remove(&intent);
                self.inputs.extend(answer.map(|answer| Input::Answered { intent, answer }));
            }
            Outcome::Listed { site, listing } => {
                self.note_health(site, now, listing.as_ref());
                let listing = listing.and_then(Result::ok);
                for (intent, command) in self.watch.listed(site, now, listing.as_ref()) {
                    self.tasks.spawn(self.hands.clone().read(site, intent, command));
                }
            }
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
            Outcome::Measured { gate, scope, sites } => {
                self.measuring.remove(&(gate, scope));
                self.inputs.extend(sites.map(|sites| Input::Measured { gate, scope, sites }));
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
            Some(Ok(_)) => {
                let failed_here = self.failed_at.remove(&site).is_some();
                // Not whenever the site is held: it may be held because sending is denied, which a read that
                // works says nothing about.
                if failed_here || self.state.sites[site.at()].errors > 0 {
                    self.inputs.push(Input::SiteAnswered { site });
                }
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

    /// No new calls; waits for those in progress, records their answers, withdraws what was never handed over.
    async fn wind_down(&mut self) -> Result<(), Error> {
        self.hands.line.closing.cancel();
        // Real time: a simulated clock may stand still, and the person who pressed Ctrl-C does not.
        let grace = tokio::time::sleep(Duration::from_secs(self.options.grace_seconds.into()));
        tokio::pin!(grace);
        loop {
            tokio::select! {
                biased;
                joined = self.tasks.join_next() => match joined {
                    Some(joined) => self.receive(joined)?,
                    None => break,
                },
                () = &mut grace => break,
            }
        }
        // Calls that did not end keep their intents recorded: the next process looks for their commands.
        self.tasks.abort_all();
        let never_handed_over = |open: &state::OpenIntent| {
            open.progress == state::Progress::Recorded && !self.performing.contains(&open.intent.id)
        };
        let intents: Vec<IntentId> = self
            .state
            .open
            .values()
            .filter(|open| never_handed_over(open))
            .map(|open| open.intent.id)
            .collect();
        let mut inputs = std::mem::take(&mut self.inputs);
        if !intents.is_empty() {
            inputs.push(Input::Withdrawn { intents });
        }
        let open_before = self.open();
        let batch = self.desk().take_in(inputs, Vec::new())?;
        self.commit(batch, &open_before, true).await?;
        self.show();
        Ok(())
    }
}

fn sent(open: &state::OpenIntent) -> Option<watch::Sent> {
    match &open.progress {
        state::Progress::Sent { command, at } => {
            Some(watch::Sent { command: command.clone(), at: *at, recorded_at: open.recorded_at })
        }
        state::Progress::Recorded | state::Progress::Deferred { .. } | state::Progress::Uncertain { .. } => {
            None
        }
    }
}
