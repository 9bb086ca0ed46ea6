//! Taking a rollout up, carrying it out, letting go of it.

use crate::batch;
use crate::call::Line;
use crate::circle::{Circle, Taken};
use crate::crash::CrashAt;
use crate::error::Error;
use crate::lease::Lease;
use crate::log;
use crate::metrics::Metrics;
use crate::perform::Hands;
use crate::progress::Progress;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wavetrain_engine::input::Input;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::guardrail::Guardrail;
use wavetrain_model::id::RolloutId;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_ports::Cloud;
use wavetrain_ports::clock::Clock;
use wavetrain_ports::signals::Signals;
use wavetrain_store::{NewRollout, Store};

/// Carries out one rollout.
pub struct Driver {
    /// AWS, real or simulated.
    pub cloud: Arc<dyn Cloud>,
    /// Time. All deadlines, pauses and the lease follow it.
    pub clock: Arc<dyn Clock>,
    /// Where the rollout is kept.
    pub store: Arc<dyn Store>,
    /// Everything else.
    pub options: Options,
}

/// How a rollout is driven.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name in the lease; unique to this process and its start.
    pub holder: String,
    /// Life of the lease in seconds; renewed after a third.
    pub lease_seconds: u32,
    /// Who starts the rollout, as the log will say.
    pub actor: String,
    /// What to do when only a person can go on.
    pub on_hold: OnHold,
    /// Reads in progress at once; commands and cancels have places of their own.
    pub calls_at_once: usize,
    /// Seconds between two looks into the mailbox for orders.
    pub mailbox_seconds: u32,
    /// Real seconds that calls in progress are waited for when stopping.
    pub grace_seconds: u32,
    /// Servers that gates of the plan file name; None: such gates cannot be measured.
    pub signals: Option<Arc<dyn Signals>>,
    /// What a rollout that is gone on with is held against, beside what is frozen in its plan.
    pub guardrails: Vec<Guardrail>,
    /// Where the course is counted.
    pub metrics: Metrics,
    /// Where a test lets the process die; None otherwise.
    pub crash_at: Option<CrashAt>,
}

impl Options {
    /// The usual: a lease of 60 s, 64 reads at once, the mailbox every 2 s, 10 s of grace, leaving when held.
    pub fn new(holder: impl Into<String>, actor: impl Into<String>) -> Self {
        Self {
            holder: holder.into(),
            lease_seconds: 60,
            actor: actor.into(),
            on_hold: OnHold::Exit,
            calls_at_once: 64,
            mailbox_seconds: 2,
            grace_seconds: 10,
            signals: None,
            guardrails: Vec::new(),
            metrics: Metrics::default(),
            crash_at: None,
        }
    }
}

/// What to do when only a person can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHold {
    /// Leave once nothing moves any more.
    Exit,
    /// Stay and wait for orders.
    Wait,
}

/// Which rollout.
#[derive(Debug)]
pub enum Start {
    /// A new one of this plan, under this id.
    New(Box<Plan>, RolloutId),
    /// One that exists.
    Resume(RolloutId),
}

/// Where the course of the rollout is shown.
pub struct View {
    /// The newest glance.
    pub progress: watch::Sender<Option<Arc<Progress>>>,
    /// Called for every event once it is durable, in order.
    pub on_entry: OnEntry,
}

/// Shown an event once it is durable.
pub type OnEntry = Box<dyn FnMut(&Plan, &Entry) + Send>;

impl View {
    /// A view that nobody looks at.
    pub fn blind() -> Self {
        Self { progress: watch::channel(None).0, on_entry: Box::new(|_, _| {}) }
    }
}

/// A rollout that is not driven any more.
#[derive(Debug)]
pub struct Finished {
    /// Id.
    pub rollout: RolloutId,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Where it stands, durable to the last event.
    pub state: State,
    /// Why it is not driven any more.
    pub reason: Reason,
}

/// Why a rollout is not driven any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is over.
    Ended,
    /// It needs a person; [`State::holds`] says for what.
    Held,
    /// It was asked to stop; resumable.
    Interrupted,
}

impl Driver {
    /// Carries the rollout out until it ends, needs a person, or `stop` is cancelled.
    pub async fn run(self, start: Start, stop: CancellationToken, view: View) -> Result<Finished, Error> {
        let resource = self.resource(&start).await?;
        let now = self.clock.now();
        let Options { holder, lease_seconds, .. } = &self.options;
        let lease = Lease::acquire(self.store.clone(), &resource, holder, *lease_seconds, now).await?;
        let taken = match self.take_up(start, &lease).await {
            Ok(taken) => taken,
            Err(error) => {
                lease.release().await;
                return Err(error);
            }
        };
        let mut circle = self.circle(taken, lease, stop, view);
        let reason = circle.run().await;
        let Circle { rollout, plan, state, lease, .. } = circle;
        if !matches!(reason, Err(Error::LeaseLost(_))) {
            lease.release().await;
        }
        Ok(Finished { rollout, plan, state, reason: reason? })
    }

    async fn resource(&self, start: &Start) -> Result<String, Error> {
        match start {
            Start::New(plan, _) => Ok(log::lease_resource(&plan.spec.name)),
            Start::Resume(rollout) => {
                let found = self.store.find_by_id(rollout.as_str()).await.map_err(Error::Store)?;
                found.map(|rollout| rollout.resource).ok_or_else(|| Error::Log {
                    rollout: rollout.as_str().to_owned(),
                    detail: "there is no such rollout".to_owned(),
                })
            }
        }
    }

    async fn take_up(&self, start: Start, lease: &Lease) -> Result<Taken, Error> {
        match start {
            Start::New(plan, rollout) => self.create(Arc::from(plan), rollout, lease).await,
            Start::Resume(rollout) => {
                // Read under the lease: what was read before could be of another process's making.
                let record = log::load(self.store.as_ref(), &rollout).await?;
                // What is over stays as it ended.
                let guardrails = self.options.guardrails.clone();
                let again = vec![Input::Recovered, Input::Guardrails { guardrails }];
                let first = if record.state.is_over() { Vec::new() } else { again };
                Ok(Taken {
                    rollout,
                    plan: record.plan,
                    state: record.state,
                    version: record.rollout.version,
                    first,
                })
            }
        }
    }

    async fn create(&self, plan: Arc<Plan>, rollout: RolloutId, lease: &Lease) -> Result<Taken, Error> {
        let now = self.clock.now();
        let mut state = State::new(&plan);
        let event = Event::Started { plan: plan.digest.clone() };
        let entry = Entry { at: now, actor: self.options.actor.clone(), event };
        wavetrain_engine::evolve(&plan, &mut state, &entry);
        let new = NewRollout {
            id: rollout.as_str().to_owned(),
            plan_digest: plan.digest.as_str().to_owned(),
            plan: log::encode("a plan", plan.as_ref())?,
            created_at_ms: now.0,
            summary: batch::summary(&plan, &state, now),
            events: vec![log::event_record(&entry)?],
            new_intents: Vec::new(),
            snapshot: None,
        };
        let version = self.store.create_rollout(new, &lease.token).await.map_err(Error::from_write)?;
        crate::telemetry::log(&plan, &rollout, &entry);
        self.options.metrics.of(&plan, &rollout).count(&plan, &state, &entry);
        Ok(Taken { rollout, plan, state, version, first: Vec::new() })
    }

    fn circle(self, taken: Taken, lease: Lease, stop: CancellationToken, view: View) -> Circle {
        let api = taken.plan.spec.api.clone();
        let line = Line::new(self.cloud, self.clock, api, self.options.calls_at_once);
        let hands = Hands {
            line: Arc::new(line),
            plan: taken.plan.clone(),
            rollout: taken.rollout.clone(),
            signals: self.options.signals.clone(),
            crash_at: self.options.crash_at,
            begun: Arc::default(),
        };
        Circle::new(taken, hands, self.store, self.options, lease, stop, view)
    }
}
