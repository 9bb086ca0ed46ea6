//! A rollout in numbers, for whoever scrapes them.
//!
//! Counters follow the events, at the one place where an event also becomes a log line; gauges are read from the
//! state after each commit, at the price of its waves, sites and holds, never of the fleet. What is counted is declared
//! in [`catalogue`]. There is no global registry: each [`Metrics`] has its own.

pub mod catalogue;
mod families;
mod look;
#[cfg(test)]
mod tests;

use families::Families;
use prometheus::{Registry, TextEncoder};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wavetrain_model::event::{Entry, Event};
use wavetrain_model::gate::{Scope, Verdict, Which};
use wavetrain_model::id::RolloutId;
use wavetrain_model::plan::Plan;
use wavetrain_model::state::State;
use wavetrain_model::time::Timestamp;

/// How often one operation of AWS ended one way so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiCalls {
    /// Operation, such as `ListCommands`.
    pub operation: &'static str,
    /// `ok`, or what kind of failure, such as `throttled`.
    pub outcome: &'static str,
    /// Calls so far; never fewer than the last time.
    pub count: u64,
}

/// Says which calls were made so far. The driver sees ports only; whoever made the cloud knows its calls.
pub type CallSource = Box<dyn Fn() -> Vec<ApiCalls> + Send + Sync>;

/// A registry and everything in it. Cheap to share; all clones are the same registry.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    /// Asked when somebody scrapes, each for the rollout of this name.
    sources: Mutex<Vec<(String, CallSource)>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let families = Families::new(&registry);
        Self(Arc::new(Inner { registry, families, sources: Mutex::default() }))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Metrics {
    /// Counts the calls of a rollout from now on.
    pub fn count_calls(&self, rollout: &str, source: CallSource) {
        self.sources().push((rollout.to_owned(), source));
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    pub fn text(&self) -> String {
        // Held to the end: two scrapes at once must not add the same calls twice.
        let sources = self.sources();
        for (rollout, source) in sources.iter() {
            self.add_calls(rollout, &source());
        }
        let gathered = self.0.registry.gather();
        TextEncoder::new().encode_to_string(&gathered).expect("writing to memory does not fail")
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Vec<(String, CallSource)>> {
        // The list is whole between two pushes whatever a panicking source did.
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_calls(&self, rollout: &str, calls: &[ApiCalls]) {
        let family = &self.0.families.api_calls;
        for ApiCalls { operation, outcome, count } in calls {
            // Zero before the first one: a series that begins at one has no increase to see.
            family.with_label_values(&[rollout, operation, "throttled"]);
            let counter = family.with_label_values(&[rollout, operation, outcome]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// The part of one rollout, with every series that is known beforehand at zero.
    pub(crate) fn of(&self, plan: &Plan, rollout: &RolloutId) -> Meter {
        let meter = Meter { metrics: self.clone(), rollout: plan.spec.name.clone() };
        meter.begin(plan, rollout);
        meter
    }
}

/// The numbers of one rollout.
pub(crate) struct Meter {
    metrics: Metrics,
    /// Its name, the first label of everything.
    rollout: String,
}

impl Meter {
    fn families(&self) -> &Families {
        &self.metrics.0.families
    }

    fn begin(&self, plan: &Plan, rollout: &RolloutId) {
        let (families, name) = (self.families(), self.rollout.as_str());
        let package = &plan.spec.package;
        families
            .rollout_info
            .with_label_values(&[name, rollout.as_str(), &package.name, &package.version])
            .set(1);
        for action in catalogue::ACTIONS {
            for origin in ["sent", "adopted"] {
                families.commands.with_label_values(&[name, action, origin]);
            }
        }
        self.begin_gate("install", &["wave", "guard"]);
        for gate in &plan.spec.gates {
            let scopes = [("wave", true), ("guard", gate.guard), ("blocker", gate.blocker)];
            let judged: Vec<&str> =
                scopes.iter().filter(|(_, used)| *used).map(|(scope, _)| *scope).collect();
            self.begin_gate(&gate.name, &judged);
        }
    }

    fn begin_gate(&self, gate: &str, scopes: &[&str]) {
        for scope in scopes {
            for verdict in [Verdict::Pass, Verdict::Inconclusive, Verdict::Error, Verdict::Fail] {
                let labels = [self.rollout.as_str(), gate, scope, &verdict.to_string()];
                self.families().gate_verdicts.with_label_values(&labels);
            }
        }
    }

    /// Counts an event that has just become durable. `state` already holds it.
    pub(crate) fn count(&self, plan: &Plan, state: &State, entry: &Entry) {
        let (families, name) = (self.families(), self.rollout.as_str());
        families.events.with_label_values(&[name, entry.event.word()]).inc();
        match &entry.event {
            Event::Sent { intent, adopted, .. } => {
                // What AWS has accepted stays open until it answers, which is after the event.
                let action = state.open.get(intent).map_or("settled", |open| open.intent.action.word());
                let origin = if *adopted { "adopted" } else { "sent" };
                families.commands.with_label_values(&[name, action, origin]).inc();
            }
            Event::Measured { which, scope, verdict, .. } => {
                let labels = [name, gate_name(plan, *which), scope_word(*scope), &verdict.to_string()];
                families.gate_measurements.with_label_values(&labels).inc();
            }
            Event::Judged { which, scope, verdict, .. } => {
                let labels = [name, gate_name(plan, *which), scope_word(*scope), &verdict.to_string()];
                families.gate_verdicts.with_label_values(&labels).inc();
            }
            _ => {}
        }
    }

    /// One round of taking inputs in until the commit was done.
    pub(crate) fn decided(&self, took: Duration) {
        self.families().decision.with_label_values(&[&self.rollout]).observe(took.as_secs_f64());
    }

    /// One commit.
    pub(crate) fn committed(&self, took: Duration) {
        self.families().commit.with_label_values(&[&self.rollout]).observe(took.as_secs_f64());
    }

    /// The lease is held until then.
    pub(crate) fn leased(&self, until: Timestamp) {
        self.families().lease_expiry.with_label_values(&[&self.rollout]).set(seconds(until));
    }
}

fn gate_name(plan: &Plan, which: Which) -> &str {
    match which {
        Which::Install => "install",
        Which::Planned(gate) => &plan.spec.gates[gate.at()].name,
    }
}

fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Blocker(_) => "blocker",
        Scope::Wave(_) => "wave",
        Scope::Guard => "guard",
    }
}

/// Seconds since 1970, as Prometheus wants moments.
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}
