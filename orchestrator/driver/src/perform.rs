//! Carries out intents and brings back what happened.

use crate::call::{Family, Line};
use crate::crash::{self, CrashAt, Point};
use crate::follow::{Followed, joined};
use crate::shape;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use wavetrain_engine::input::{Answer, Trouble};
use wavetrain_model::gate::{Reading, Scope, Window};
use wavetrain_model::id::{CommandId, GateIndex, IntentId, NodeId, NodeIndex, RolloutId, SiteIndex};
use wavetrain_model::intent::{Action, Intent};
use wavetrain_model::limit::NODES_PER_COMMAND;
use wavetrain_model::plan::Plan;
use wavetrain_model::spec::{Dispatch, Dispatched};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::{Command, Invocation, Listing, Sent};
use wavetrain_ports::failure::{Class, Failure};
use wavetrain_ports::signals::Signals;

/// What came back from one task. A task gives exactly one, also when it made no call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An intent was handed over; None: it was not, nothing was called.
    Performed { intent: IntentId, answer: Option<Answer> },
    /// A site's commands were listed for their counters; None: not called.
    Listed { site: SiteIndex, listing: Option<Result<Listing, Failure>> },
    /// A held site was asked whether it answers again; None: not called.
    Knocked { site: SiteIndex, answer: Option<Result<Listing, Failure>> },
    /// One command's invocations were read; None: not called.
    Read { site: SiteIndex, intent: IntentId, rows: Option<Result<Vec<Invocation>, Failure>> },
    /// A site's commands were searched for markers; None: not called.
    Searched { site: SiteIndex, listing: Option<Result<Listing, Failure>> },
    /// What is known about a node was published; None: not called.
    Published { node: NodeIndex, done: Option<Result<(), Failure>> },
    /// A gate was measured; None: not everywhere, because the process stops.
    Measured { gate: GateIndex, scope: Scope, window: Window, readings: Option<Vec<Reading>> },
}

/// What a task needs: cheap to clone into it.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) line: Arc<Line>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) rollout: RolloutId,
    pub(crate) signals: Option<Arc<dyn Signals>>,
    pub(crate) crash_at: Option<CrashAt>,
    /// Associations that are looked for or stopped, each with when that began in this process: listings lag behind.
    pub(crate) begun: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl Hands {
    /// Hands one recorded intent to AWS, unless it is called off before its turn comes.
    pub(crate) async fn perform(self, intent: Intent, off: CancellationToken) -> Outcome {
        let id = intent.id;
        let answer = match &intent.action {
            Action::Cancel { command, .. } => self.cancel(&intent, command, &off).await,
            Action::Errand(errand) => self.errand(&intent, errand, &off).await,
            Action::Install { max_errors, .. } => match &self.plan.spec.dispatch {
                Dispatch::Association(settings) => self.associate(&intent, *max_errors, settings, &off).await,
                Dispatch::Command => self.send(&intent, &off).await,
            },
            _ => self.send(&intent, &off).await,
        };
        Outcome::Performed { intent: id, answer }
    }

    async fn send(&self, intent: &Intent, off: &CancellationToken) -> Option<Answer> {
        let order = match shape::order(&self.plan, &self.rollout, intent) {
            Ok(order) => order,
            Err(message) => return Some(Answer::Refused { trouble: Trouble::Refused, message }),
        };
        let _place = self.line.admit(intent.site, Family::Send, off).await?;
        crash::point(self.crash_at, Point::AfterIntent, intent.id.0);
        let sent = self.line.cloud.send(&self.plan.sites[intent.site.at()].site, &order).await;
        crash::point(self.crash_at, Point::AfterCall, intent.id.0);
        let failure = match &sent {
            Sent::Refused(failure) | Sent::Unknown(failure) => Some(failure),
            Sent::Accepted { .. } | Sent::InvalidNodes { .. } => None,
        };
        self.line.learn(intent.site, Family::Send, failure);
        Some(answer_to_send(&self.plan, intent, sent))
    }

    /// Makes the association that carries out an install.
    async fn associate(
        &self,
        intent: &Intent,
        max_errors: u32,
        settings: &Dispatched,
        off: &CancellationToken,
    ) -> Option<Answer> {
        let definition = shape::batch(&self.plan, &self.rollout, intent, max_errors, settings);
        let _place = self.line.admit(intent.site, Family::Association, off).await?;
        crash::point(self.crash_at, Point::AfterIntent, intent.id.0);
        let site = &self.plan.sites[intent.site.at()].site;
        let made = self.line.cloud.create_association(site, &definition).await;
        crash::point(self.crash_at, Point::AfterCall, intent.id.0);
        let failure = match &made {
            Sent::Refused(failure) | Sent::Unknown(failure) => Some(failure),
            Sent::Accepted { .. } | Sent::InvalidNodes { .. } => None,
        };
        self.line.learn(intent.site, Family::Association, failure);
        Some(answer_to_send(&self.plan, intent, made))
    }

    async fn cancel(&self, intent: &Intent, command: &CommandId, off: &CancellationToken) -> Option<Answer> {
        let _place = self.line.admit(intent.site, Family::Cancel, off).await?;
        crash::point(self.crash_at, Point::AfterIntent, intent.id.0);
        let done = self.line.cloud.cancel(&self.plan.sites[intent.site.at()].site, command).await;
        crash::point(self.crash_at, Point::AfterCall, intent.id.0);
        self.line.learn(intent.site, Family::Cancel, done.as_ref().err());
        Some(answer_to_cancel(done))
    }

    /// Lists a site's commands for their counters.
    pub(crate) async fn list(
        self,
        site: SiteIndex,
        since: Timestamp,
        limit: usize,
        followed: Vec<Followed>,
    ) -> Outcome {
        // Where nothing but associations is followed, no command is asked for.
        let listing = if limit == 0 {
            Some(Ok(Listing { commands: Vec::new(), complete: true }))
        } else {
            self.commands(site, since, limit).await
        };
        if followed.is_empty() {
            return Outcome::Listed { site, listing };
        }
        let counters = self.counters(site, &followed).await;
        Outcome::Listed { site, listing: both(listing, counters) }
    }

    /// Lists a site's commands for their markers.
    pub(crate) async fn search(self, site: SiteIndex, since: Timestamp, limit: usize) -> Outcome {
        let listing = self.commands(site, since, limit).await;
        if self.plan.spec.dispatch.is_command() {
            return Outcome::Searched { site, listing };
        }
        let marked = self.marked(site).await;
        Outcome::Searched { site, listing: both(listing, marked) }
    }

    /// Asks a site for next to nothing.
    pub(crate) async fn knock(self, site: SiteIndex) -> Outcome {
        let now = self.line.clock.now();
        Outcome::Knocked { site, answer: self.commands(site, now, 1).await }
    }

    async fn commands(
        &self,
        site: SiteIndex,
        since: Timestamp,
        limit: usize,
    ) -> Option<Result<Listing, Failure>> {
        let _place = self.line.admit(site, Family::List, &self.line.closing).await?;
        let listing = self.line.cloud.commands(&self.plan.sites[site.at()].site, since, limit).await;
        self.line.learn(site, Family::List, listing.as_ref().err());
        if let Ok(listing) = &listing {
            let pages = listing.commands.len().div_ceil(NODES_PER_COMMAND).max(1);
            self.line.charge(site, Family::List, pages as u32 - 1);
        }
        Some(listing)
    }

    /// Reads one command's invocations.
    pub(crate) async fn read(
        self,
        site: SiteIndex,
        intent: IntentId,
        command: CommandId,
        followed: Option<Followed>,
    ) -> Outcome {
        if let Some(followed) = followed {
            return Outcome::Read { site, intent, rows: self.rows(site, &followed).await };
        }
        let Some(_place) = self.line.admit(site, Family::Read, &self.line.closing).await else {
            return Outcome::Read { site, intent, rows: None };
        };
        let rows = self.line.cloud.invocations(&self.plan.sites[site.at()].site, &command).await;
        self.line.learn(site, Family::Read, rows.as_ref().err());
        Outcome::Read { site, intent, rows: Some(rows) }
    }
}

/// Two listings as one, which fails if either does.
fn both(
    listing: Option<Result<Listing, Failure>>,
    more: Option<Result<Vec<Command>, Failure>>,
) -> Option<Result<Listing, Failure>> {
    match (listing?, more?) {
        (Ok(listing), Ok(more)) => Some(Ok(joined(listing, more))),
        (Err(failure), _) | (_, Err(failure)) => Some(Err(failure)),
    }
}

fn answer_to_send(plan: &Plan, intent: &Intent, sent: Sent) -> Answer {
    match sent {
        Sent::Accepted { command } => Answer::Accepted(command),
        Sent::InvalidNodes { nodes, message } => {
            let nodes = nodes.iter().filter_map(|node| index_of(plan, intent, node)).collect();
            Answer::InvalidNodes { nodes, message }
        }
        Sent::Refused(failure) => {
            Answer::Refused { trouble: trouble(failure.class), message: failure.to_string() }
        }
        Sent::Unknown(failure) => Answer::Unknown { message: failure.to_string() },
    }
}

fn answer_to_cancel(done: Result<(), Failure>) -> Answer {
    match done {
        Ok(()) => Answer::CancelDone,
        // A command that is not there has nothing left to stop.
        Err(failure) if failure.class == Class::NotFound => Answer::CancelDone,
        // Cancelling twice does no harm: an unknown outcome is simply repeated.
        Err(failure) => Answer::Refused { trouble: trouble(failure.class), message: failure.to_string() },
    }
}

/// The index of one of the intent's nodes.
pub(crate) fn index_of(plan: &Plan, intent: &Intent, node: &NodeId) -> Option<NodeIndex> {
    intent.nodes.iter().copied().find(|index| &plan.nodes[index.at()].id == node)
}

/// What the engine does about a class of failures.
pub(crate) fn trouble(class: Class) -> Trouble {
    match class {
        Class::Throttled => Trouble::Throttled,
        Class::Denied | Class::Expired => Trouble::Denied,
        Class::NotFound | Class::Invalid => Trouble::Refused,
        // Of a read, or of a call that may be repeated; a send's unknown outcome has its own answer.
        Class::Unavailable | Class::UnknownOutcome => Trouble::Unavailable,
    }
}
