//! The circle: something happened → decide → commit → carry out → wait.

mod calls;

use crate::adopt::Searches;
use crate::batch::{Batch, Desk};
use crate::crash::{self, Point};
use crate::driver::{OnHold, Options, Reason, View};
use crate::error::Error;
use crate::lease::Lease;
use crate::log;
use crate::metrics::Meter;
use crate::perform::{Hands, Outcome};
use crate::progress::{Progress, SENTENCES_KEPT};
use crate::publish::Publisher;
use crate::quiescent::is_quiescent;
use crate::telemetry;
use crate::watch::Watch;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wavetrain_engine::due::Due;
use wavetrain_engine::input::Input;
use wavetrain_model::event::Event;
use wavetrain_model::gate::Scope;
use wavetrain_model::id::{GateIndex, IntentId, RolloutId, SiteIndex};
use wavetrain_model::plan::Plan;
use wavetrain_model::state::{self, State};
use wavetrain_model::time::Timestamp;
use wavetrain_store::{OrderRecord, Store};

/// Events between two snapshots of a small fleet; a large fleet's are further apart, in step with their cost.
const EVENTS_PER_SNAPSHOT: u64 = 500;
const NODES_PER_EVENT: u64 = 50;

/// How long a first answer waits for others before it is decided upon. A fraction of the time an answer takes to be noticed.
const GATHER_MS: i64 = 300;

/// A wake-up that the rules ask for lies at least this far ahead: one in the past must not spin.
const SHORTEST_WAIT_MS: i64 = 100;

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
    meter: Meter,
    version: u64,
    snapshot_version: u64,
    inputs: Vec<Input>,
    orders: Vec<OrderRecord>,
    mailbox_at: Timestamp,
    /// Calls in progress; each ends with exactly one outcome.
    tasks: JoinSet<Outcome>,
    /// Intents being handed over, each with what calls it off until its turn comes.
    performing: BTreeMap<IntentId, CancellationToken>,
    /// Recorded here, and not handed over at the first try.
    unhanded: BTreeSet<IntentId>,
    measuring: BTreeSet<(GateIndex, Scope)>,
    watch: Watch,
    searches: Searches,
    publisher: Publisher,
    /// When a failed read was last counted against a site.
    failed_at: BTreeMap<SiteIndex, Timestamp>,
    commits: u64,
    commands: u64,
    /// Whether a new glance is worth its price, which is that of the plan's sites and strata.
    has_news: bool,
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
        // What failed under an earlier process may have been reads: the first that works clears it.
        let troubled = state.sites.iter().enumerate().filter(|(_, site)| site.errors > 0);
        let failed_at = troubled.map(|(site, _)| (SiteIndex(site as u32), Timestamp::default())).collect();
        let watch = Watch::new(&plan.spec.api, &plan.spec.deadlines, now, salt);
        let meter = options.metrics.of(&plan, &rollout);
        let publisher = Publisher::new(&plan, &state);
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
            meter,
            version,
            snapshot_version: version,
            inputs: first,
            orders: Vec::new(),
            mailbox_at: now,
            tasks: JoinSet::new(),
            performing: BTreeMap::new(),
            unhanded: BTreeSet::new(),
            measuring: BTreeSet::new(),
            watch,
            searches: Searches::default(),
            publisher,
            failed_at,
            commits: 0,
            commands: 0,
            has_news: true,
            last: VecDeque::new(),
        }
    }

    /// Goes round until there is a reason to leave, and leaves the log as it should be found.
    pub(crate) async fn run(&mut self) -> Result<Reason, Error> {
        self.knock();
        let reason = self.rounds().await?;
        self.wind_down().await?;
        Ok(if self.state.is_over() { Reason::Ended } else { reason })
    }

    async fn rounds(&mut self) -> Result<Reason, Error> {
        loop {
            if self.state.is_over() {
                // Whoever ordered something too late is told so; a rollback of what is complete is not too late.
                self.read_mailbox().await?;
                if self.orders.is_empty() {
                    self.publish_the_rest().await?;
                    return Ok(Reason::Ended);
                }
            }
            if self.stop.is_cancelled() {
                return Ok(Reason::Interrupted);
            }
            self.tend().await?;
            let due = self.decide().await?;
            self.start(&due);
            if std::mem::take(&mut self.has_news) {
                self.show();
            }
            if !due.intents.is_empty() || !self.inputs.is_empty() || self.state.is_over() {
                // What was promised or called off changed what is due: look again before waiting.
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

    /// What is decided at the very end is published, too.
    async fn publish_the_rest(&mut self) -> Result<(), Error> {
        while self.publisher.is_busy() && !self.stop.is_cancelled() {
            self.publish();
            let joined = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                joined = self.tasks.join_next() => joined,
            };
            let Some(joined) = joined else { return Ok(()) };
            self.receive(joined)?;
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.hands.line.clock.now()
    }

    /// Keeps the lease, and reads the mailbox when it is time.
    async fn tend(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.lease.renew_if_due(now).await?;
        self.hands.line.authorise_until(self.lease.good_until());
        self.meter.leased(self.lease.expires_at());
        if now >= self.mailbox_at {
            self.read_mailbox().await?;
        }
        Ok(())
    }

    async fn read_mailbox(&mut self) -> Result<(), Error> {
        self.orders = self.store.pending_orders(self.rollout.as_str()).await.map_err(Error::Store)?;
        self.mailbox_at = Timestamp(self.now().0 + i64::from(self.options.mailbox_seconds.max(1)) * 1000);
        Ok(())
    }

    /// Decides what follows from everything that waits, and makes it durable.
    async fn decide(&mut self) -> Result<Due, Error> {
        let (began, commits) = (Instant::now(), self.commits);
        let open_before = self.open();
        let (inputs, orders) = (std::mem::take(&mut self.inputs), std::mem::take(&mut self.orders));
        let mut desk = self.desk();
        let mut batch = desk.take_in(inputs, orders)?;
        let due = desk.look(&mut batch)?;
        // Before the commit, which takes time: what is not wanted any more must not find its turn meanwhile.
        self.halt(&due.revoke);
        self.commit(batch, &open_before, false).await?;
        // Most rounds find nothing to write; their time would hide that of the others.
        if self.commits > commits {
            self.meter.decided(began.elapsed());
        }
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
        let began = Instant::now();
        self.version = self.store.commit(commit).await.map_err(Error::from_write)?;
        self.meter.committed(began.elapsed());
        if with_snapshot {
            self.snapshot_version = version;
        }
        self.commits += 1;
        self.has_news = true;
        crash::point(self.options.crash_at, Point::AfterCommit, self.commits);
        self.tell(&batch);
        Ok(())
    }

    /// Shows what has just become durable.
    fn tell(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            telemetry::log(&self.plan, &self.rollout, entry);
            self.publisher.hear(&entry.event);
            self.meter.count(&self.plan, &self.state, entry);
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
        self.meter.look(&self.plan, &self.state);
        let mut progress = Progress::of(&self.plan, &self.state, self.now());
        progress.last = self.last.iter().cloned().collect();
        progress.commands = self.commands;
        progress.calls = self.hands.line.calls();
        self.view.progress.send_replace(Some(Arc::new(progress)));
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
                return self.gather().await;
            }
            self.tend().await?;
            // An empty mailbox and a renewed lease are no reason to look at the whole rollout.
            if !self.orders.is_empty() || due_at.is_some_and(|at| at <= self.now()) {
                return Ok(());
            }
        }
    }

    /// Calls that left together come back at about the same time: one commit for all of them.
    async fn gather(&mut self) -> Result<(), Error> {
        let until = Timestamp(self.now().0 + GATHER_MS);
        let clock = self.hands.line.clock.clone();
        let over = clock.sleep_until(until);
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.collect(),
                joined = self.tasks.join_next() => match joined {
                    Some(joined) => self.receive(joined)?,
                    None => return Ok(()),
                },
                () = &mut over => return Ok(()),
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
            open.progress == state::Progress::Recorded && !self.performing.contains_key(&open.intent.id)
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
        // No orders: one that began something new would find nobody to carry it out.
        let batch = self.desk().take_in(inputs, Vec::new())?;
        self.commit(batch, &open_before, true).await?;
        self.show();
        Ok(())
    }
}
